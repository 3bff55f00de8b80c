//! Faults put into the trusted core: each makes at least one pair of the corpus look wrong, so a real one would too.

use super::pairs::{About, Pair};
use super::project::{Findings, corpus};
use icepie::algebra::plant::{self, Fault};
use icepie::algebra::{self, Field, Rule};
use icepie::semantic::SemanticModel;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// Rules in which no fault is planted yet: there is no place where they could go too far on purpose.
const NOT_PLANTED: [Rule; 2] = [Rule::Folding, Rule::Distinct];

#[test]
fn rules_that_do_nothing_are_noticed() {
    let mut tries = Tries::new();
    for rule in Rule::ALL {
        let pairs = |pair: &Pair| pair.about == About::Rule(rule) && pair.is_equal();
        tries.expect(Fault::SwitchOff(rule), pairs, |findings| !findings.too_different.is_empty());
    }
    tries.end();
}

#[test]
fn rules_that_go_too_far_are_noticed() {
    let mut tries = Tries::new();
    for rule in Rule::ALL.into_iter().filter(|rule| !NOT_PLANTED.contains(rule)) {
        let pairs = |pair: &Pair| pair.about == About::Rule(rule) && !pair.is_equal();
        tries.expect(Fault::Overreach(rule), pairs, |findings| !findings.too_equal.is_empty());
    }
    tries.end();
}

#[test]
fn fields_that_are_left_out_are_noticed() {
    let mut tries = Tries::new();
    for field in Field::ALL.into_iter().filter(|field| !super::across::FIELDS.contains(field)) {
        let pairs = |pair: &Pair| pair.about == About::Field(field) && !pair.is_equal();
        tries.expect(Fault::LeaveOut(field), pairs, |findings| !findings.too_equal.is_empty());
    }
    tries.end();
}

/// Faults, one after the other, and those that nothing noticed.
struct Tries {
    model: SemanticModel,
    unnoticed: Vec<String>,
}

impl Tries {
    fn new() -> Tries {
        Tries { model: SemanticModel::clone(&corpus().checked.model), unnoticed: Vec::new() }
    }

    /// Plants a fault and looks at the pairs that are about it, which must say `noticed` once at least. The others are
    /// left out of the project: with a field missing, nodes of one query could be taken for those of another.
    fn expect(&mut self, fault: Fault, of: impl Fn(&Pair) -> bool, noticed: impl Fn(&Findings) -> bool) {
        let corpus = corpus();
        let indexes = corpus.indexes(of);
        corpus.restrict(&mut self.model, &indexes);
        let model = Arc::new(self.model.clone());
        let sound = algebra::meanings(&model);
        let work = || plant::with(fault, || algebra::meanings(&model));
        let Ok(faulty) = catch_unwind(AssertUnwindSafe(work)) else {
            self.unnoticed.push(format!("{fault:?} ends in a panic"));
            return;
        };
        let seen = |index: &usize| noticed(&corpus.judge(*index, &faulty)) && !noticed(&corpus.judge(*index, &sound));
        if !indexes.iter().any(seen) {
            let names: Vec<&str> = indexes.iter().map(|index| corpus.pairs[*index].name).collect();
            self.unnoticed.push(format!("{fault:?}, by none of: {}", names.join(", ")));
        }
    }

    fn end(self) {
        assert!(self.unnoticed.is_empty(), "\nnot noticed:\n{}", self.unnoticed.join("\n"));
    }
}
