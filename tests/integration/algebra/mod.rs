//! The algebra: what fingerprints must equate, what they mustn't, and that the tests would notice if they were wrong.
//!
//! | module | says |
//! |---|---|
//! | `pairs` | what a pair of queries is and what must hold of its fingerprints |
//! | `construction`, `by_rule` | pairs that are equal |
//! | `near_misses`, `fields_of_rows`, `fields_of_terms`, `never` | pairs that aren't |
//! | `precision` | which columns a further column changes |
//! | `project` | all pairs as one project |
//! | `mutants` | faults in the trusted core: each must make a pair look wrong |
//! | `across` | what only two projects can show |
//! | `truth` | the pairs run by plain DataFusion on random data |
//! | `soundness` | random queries (`query`, `write`, `generate`, `change`): the same fingerprint means the same rows |
//!
//! `ALGEBRA=20` runs twenty times as many random queries, for a long look.

mod pairs;
mod construction;
mod by_rule;
mod near_misses;
mod fields_of_rows;
mod fields_of_terms;
mod never;
mod precision;
mod project;
mod mutants;
mod across;
mod random;
mod database;
mod truth;
mod query;
mod write;
mod generate;
mod change;
mod soundness;

use icepie::algebra::{self, Field, Rule};
use pairs::{About, Pair};
use project::corpus;

#[test]
fn every_query_of_the_corpus_has_a_model() {
    let corpus = corpus();
    assert!(corpus.checked.errors.is_empty(), "\n{}", corpus.checked.errors);
    let meanings = algebra::meanings(&corpus.checked.model);
    // What the engine may not even run may be without a model.
    let unaware = corpus.indexes(|pair| pair.hidden.is_none());
    let mut wrong = Vec::new();
    for (name, meaning) in &meanings.inputs {
        let of = |index: &usize| name.name().starts_with(&format!("p{index}_"));
        if let (Some(cause), Some(index)) = (&meaning.opaque, unaware.iter().find(|index| of(index))) {
            wrong.push(format!("{}: {cause}", corpus.pairs[*index].name));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn fingerprints_say_what_they_must() {
    let corpus = corpus();
    let meanings = algebra::meanings(&corpus.checked.model);
    let mut wrong = Vec::new();
    for (index, pair) in corpus.pairs.iter().enumerate() {
        let mut findings = corpus.judge(index, &meanings);
        findings.too_equal.extend(corpus.judge_rewritten(index));
        if !findings.is_empty() {
            wrong.push(format!("{}\n  {}\n  {}\n  {}", pair.name, findings.text(), pair.left, pair.right));
        }
    }
    assert!(wrong.is_empty(), "\n{} of {} pairs\n\n{}", wrong.len(), corpus.pairs.len(), wrong.join("\n\n"));
}

#[test]
fn every_rule_and_field_has_its_pairs() {
    let pairs = pairs::all();
    let count = |of: &dyn Fn(&Pair) -> bool| pairs.iter().filter(|pair| of(pair)).count();
    let mut missing = Vec::new();
    for rule in Rule::ALL {
        let about = About::Rule(rule);
        if count(&|pair| pair.about == about && pair.is_equal()) < 2 {
            missing.push(format!("two pairs that {rule:?} makes equal"));
        }
        if count(&|pair| pair.about == about && !pair.is_equal()) < 1 {
            missing.push(format!("a near miss of {rule:?}"));
        }
    }
    for field in Field::ALL.into_iter().filter(|field| !across::FIELDS.contains(field)) {
        if count(&|pair| pair.about == About::Field(field) && !pair.is_equal()) < 1 {
            missing.push(format!("a pair that differs in {field:?} alone"));
        }
    }
    assert!(missing.is_empty(), "\n{}", missing.join("\n"));
}
