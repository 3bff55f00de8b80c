//! What the cases came to: how many ran, and how precise the builds were, edit by edit.

use super::edits::{Claim, Family};
use super::run::{Ran, Step};
use std::collections::BTreeMap;

/// Examples that are kept of what was refused.
const EXAMPLES: usize = 5;

#[derive(Clone, Default, Debug)]
pub struct Ledger {
    pub cases: u64,
    /// Projects that were built.
    pub generated: u64,
    /// Projects that pie or DataFusion found in error.
    pub refused_projects: u64,
    pub refused_edits: u64,
    /// Edits whose result was too large, or broke a promise.
    pub left_out: u64,
    /// Slices that stayed at their last good version, or at none, one for each build.
    pub kept_back: u64,
    examples: Vec<String>,
    families: BTreeMap<Family, Tally>,
    edits: BTreeMap<(Family, String), Tally>,
}

#[derive(Clone, Copy, Default, Debug)]
struct Tally {
    edits: u64,
    slices: u64,
    /// Slices that ran.
    run: u64,
    /// Slices that had to run, had nothing been built before.
    least: u64,
    /// Slices that ran and didn't have to.
    excess: u64,
    /// Of those, the ones that a proof could spare which isn't asked for.
    unproved: u64,
}

impl Tally {
    fn add(&mut self, other: &Tally) {
        self.edits += other.edits;
        self.slices += other.slices;
        self.run += other.run;
        self.least += other.least;
        self.excess += other.excess;
        self.unproved += other.unproved;
    }
}

impl Ledger {
    pub fn add(&mut self, step: &Step, ran: &Ran) {
        self.kept_back += ran.kept_back as u64;
        let excess = ran.run.difference(&ran.least).count() as u64;
        let tally = Tally {
            edits: 1,
            slices: ran.slices as u64,
            run: ran.run.len() as u64,
            least: ran.least.len() as u64,
            excess,
            unproved: if step.claim == Claim::Changes { 0 } else { excess },
        };
        self.families.entry(step.family).or_default().add(&tally);
        // Combinations and ways back have too many names.
        if !matches!(step.family, Family::Several | Family::Revert | Family::Break | Family::Mend) {
            self.edits.entry((step.family, step.name.clone())).or_default().add(&tally);
        }
    }

    pub fn merge(&mut self, other: Ledger) {
        self.cases += other.cases;
        self.generated += other.generated;
        self.refused_projects += other.refused_projects;
        self.refused_edits += other.refused_edits;
        self.left_out += other.left_out;
        self.kept_back += other.kept_back;
        let room = EXAMPLES.saturating_sub(self.examples.len());
        self.examples.extend(other.examples.into_iter().take(room));
        for (family, tally) in &other.families {
            self.families.entry(*family).or_default().add(tally);
        }
        for (edit, tally) in &other.edits {
            self.edits.entry(edit.clone()).or_default().add(tally);
        }
    }

    pub fn refuse_project(&mut self, text: String) {
        self.refused_projects += 1;
        self.example(format!("a project: {text}"));
    }

    pub fn refuse_edit(&mut self, name: &str, text: String) {
        self.refused_edits += 1;
        self.example(format!("{name}: {text}"));
    }

    fn example(&mut self, text: String) {
        if self.examples.len() < EXAMPLES {
            self.examples.push(text);
        }
    }

    /// The edits that were made.
    pub fn edits(&self) -> u64 {
        self.families.values().map(|tally| tally.edits).sum()
    }

    /// Whether enough of the projects and edits are valid for the cases to mean something.
    pub fn is_sound(&self) -> bool {
        let enough = |good: u64, bad: u64, percent: u64| good * 100 >= (good + bad) * percent;
        enough(self.generated, self.refused_projects, 80) && enough(self.edits(), self.refused_edits, 60)
    }

    /// A table for people: families, then the edits with excess.
    pub fn table(&self) -> String {
        let mut text = format!(
            "{} cases, {} edits; refused: {} projects, {} edits; left out: {} edits; kept back: {} slices\n\n",
            self.cases,
            self.edits(),
            self.refused_projects,
            self.refused_edits,
            self.left_out,
            self.kept_back
        );
        text.push_str(&line(["", "edits", "slices", "run", "least", "excess", "unproved"].map(str::to_owned)));
        for (family, tally) in &self.families {
            text.push_str(&row(&format!("{family:?}"), tally));
        }
        text.push_str("\nwith excess:\n");
        for ((_, name), tally) in self.edits.iter().filter(|(_, tally)| tally.excess > 0) {
            text.push_str(&row(name, tally));
        }
        for example in &self.examples {
            text.push_str(&format!("\nrefused: {example}\n"));
        }
        text
    }
}

fn row(name: &str, tally: &Tally) -> String {
    let numbers = [tally.edits, tally.slices, tally.run, tally.least, tally.excess, tally.unproved];
    let numbers = numbers.map(|number| number.to_string());
    let [edits, slices, run, least, excess, unproved] = numbers;
    line([name.to_owned(), edits, slices, run, least, excess, unproved])
}

fn line(cells: [String; 7]) -> String {
    let [name, numbers @ ..] = cells;
    let numbers: Vec<String> = numbers.iter().map(|number| format!("{number:>9}")).collect();
    format!("{name:<42}{}\n", numbers.join(""))
}
