//! What came of all edits, as Markdown.

use crate::edit::{Edit, Family};
use crate::score::{Cause, Score};
use std::collections::BTreeMap;
use std::fmt::Write;

/// Sums a family, and the lines that tell of single edits.
#[derive(Default)]
pub struct Tally {
    families: BTreeMap<Family, Sums>,
    wrong: Vec<String>,
    excess: Vec<String>,
    spared: Vec<String>,
    /// Edits that couldn't be scored.
    broken: Vec<String>,
}

#[derive(Clone, Default)]
struct Sums {
    edits: usize,
    wrongly_kept: usize,
    run: usize,
    least: usize,
    excess: BTreeMap<Cause, usize>,
    textual: usize,
}

impl Tally {
    pub fn add(&mut self, edit: &Edit, scored: Result<Score, String>) {
        let name = &edit.name;
        let score = match scored {
            Ok(score) => score,
            Err(message) => {
                self.broken.push(format!("{name}: {message}"));
                return;
            }
        };
        let sums = self.families.entry(edit.family).or_default();
        sums.edits += 1;
        sums.wrongly_kept += score.wrongly_kept.len();
        sums.run += score.run.len();
        sums.least += score.least.len();
        sums.textual += score.textual.len();
        for excess in &score.excess {
            *sums.excess.entry(excess.cause).or_default() += 1;
            self.excess.push(format!("{name}: `{}`, {}: {}", excess.slice, excess.cause.as_str(), excess.why));
        }
        self.wrong.extend(score.wrongly_kept.iter().map(|what| format!("{name}: wrongly kept: {what}")));
        self.wrong.extend(score.wrong.iter().map(|what| format!("{name}: wrong: {what}")));
        self.spared.extend(score.least.difference(&score.run).map(|slice| format!("{name}: `{slice}`")));
    }

    /// Nothing was kept wrongly, nothing is wrong, and every edit could be scored.
    pub fn is_sound(&self) -> bool {
        self.wrong.is_empty() && self.broken.is_empty()
    }

    pub fn text(&self) -> String {
        let mut text = String::from(
            "| family | edits | wrongly kept | run by pie | least possible | ratio | excess: prover, digest, other \
             | textual rule |\n|---|--:|--:|--:|--:|--:|--:|--:|\n",
        );
        let mut total = Sums::default();
        for (family, sums) in &self.families {
            line(&mut text, family.as_str(), sums);
            total.add(sums);
        }
        line(&mut text, "**all**", &total);
        section(&mut text, "Excess runs", &self.excess);
        section(&mut text, "In the least, and yet pie found that they needn't run", &self.spared);
        section(&mut text, "Wrong", &self.wrong);
        section(&mut text, "Edits that couldn't be scored", &self.broken);
        text
    }
}

impl Sums {
    fn add(&mut self, other: &Sums) {
        self.edits += other.edits;
        self.wrongly_kept += other.wrongly_kept;
        self.run += other.run;
        self.least += other.least;
        self.textual += other.textual;
        for (cause, number) in &other.excess {
            *self.excess.entry(*cause).or_default() += number;
        }
    }
}

fn line(text: &mut String, name: &str, sums: &Sums) {
    let Sums { edits, wrongly_kept, run, least, textual, .. } = sums;
    let ratio = match (*run, *least) {
        (0, 0) => "1.00".to_owned(),
        (_, 0) => "–".to_owned(),
        (run, least) => format!("{:.2}", run as f64 / least as f64),
    };
    let causes = [Cause::Prover, Cause::Digest, Cause::Other];
    let excess: Vec<String> =
        causes.iter().map(|cause| sums.excess.get(cause).copied().unwrap_or(0).to_string()).collect();
    let excess = excess.join(", ");
    let _ = writeln!(text, "| {name} | {edits} | {wrongly_kept} | {run} | {least} | {ratio} | {excess} | {textual} |");
}

fn section(text: &mut String, title: &str, lines: &[String]) {
    if lines.is_empty() {
        return;
    }
    let _ = write!(text, "\n{title}:\n\n");
    for line in lines {
        let _ = writeln!(text, "- {}", line.trim_end().replace('\n', "\n  "));
    }
}
