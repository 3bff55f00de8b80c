//! A violation, cut down while it stays the same one, and told so that a person can see it and run it again.

use super::cases::{Violation, replay};
use super::cuts::{Cut, apply, cuts};
use super::drive::Bench;
use super::print;
use super::run::{CLAIMS, COSMETIC, REVERT, Step};

/// Attempts at making a violation smaller.
const TRIES: usize = 200;

/// Takes away steps, slices, rows and parts of queries as long as the same invariant breaks.
pub fn shrink(bench: &Bench, violation: Violation, forgetful: bool) -> Violation {
    let mut best = violation;
    // What an edit claims must stay true of the smaller edit: there a part goes from all states alike or not at all.
    let strict = [COSMETIC, REVERT, CLAIMS].contains(&best.invariant);
    let mut list: Vec<Cut> = cuts(&best.steps);
    let (mut at, mut progress, mut tries) = (0, false, 0);
    while tries < TRIES {
        let Some(cut) = list.get(at) else {
            if !progress {
                break;
            }
            (at, progress) = (0, false);
            continue;
        };
        let Some(steps) = apply(&best.steps, cut, strict) else {
            at += 1;
            continue;
        };
        tries += 1;
        match replay(bench, &steps, best.invariant, forgetful) {
            Some(detail) => {
                best.steps = steps;
                best.detail = detail;
                list = cuts(&best.steps);
                progress = true;
            }
            None => at += 1,
        }
    }
    best
}

/// Everything that a person needs to understand and to repeat a violation.
pub fn report(violation: &Violation) -> String {
    let mut text = format!("\n{}\n\n{}\n", violation.invariant, violation.detail);
    let names: Vec<&str> = violation.steps.iter().map(|step| step.name.as_str()).collect();
    text.push_str(&format!("\nseed {}, steps: {}\n", violation.seed, names.join(" → ")));
    for (at, step) in violation.steps.iter().enumerate() {
        text.push_str(&format!("\n==== state {at}: {} ({:?}, {:?}) ====\n", step.name, step.family, step.claim));
        let before = at.checked_sub(1).map(|before| &violation.steps[before]);
        text.push_str(&files_text(step, before));
    }
    text.push_str(&format!(
        "\nto repeat: FUZZ_SEED={} cargo test --test integration -- fuzz --nocapture\n",
        violation.seed
    ));
    text
}

/// The files of a state; those that are the same as before are only named.
fn files_text(step: &Step, before: Option<&Step>) -> String {
    let old = before.map(|step| print::files(&step.project)).unwrap_or_default();
    let mut text = String::new();
    for (path, content) in print::files(&step.project) {
        if path == "pie.toml" {
            continue;
        }
        if old.get(&path) == Some(&content) {
            text.push_str(&format!("-- {path}: as before\n"));
        } else {
            text.push_str(&format!("-- {path}\n{content}"));
        }
    }
    text
}
