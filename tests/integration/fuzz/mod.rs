//! The fuzzer of minimal invalidation: random projects, random rows, random edits, checked against brute force.
//!
//! ```text
//!   generate ─▶ project ─▶ print ─▶ folder ─▶ freeze, plan, build ─▶ published rows ─┐
//!                  │                                                                 ├─ equal after every edit?
//!                  ├─▶ print ─▶ plain DataFusion over tables in memory ─▶ rows ──────┘
//!                  └─◀ edit
//! ```
//!
//! After each step: every published slice holds what the brute force gives (I1); an edit that means nothing ran nothing
//! (I2); going back to an earlier state ran nothing (I7); nothing ran that the plan reuses or relabels (I8); a second
//! build finds everything fresh (I10). Now and then a slice is broken on purpose, beside an edit perhaps: all that doesn't read
//! it must come out right, and once it is mended everything must. Every fourth case ends with a build from nothing (I6). What edits claim is
//! checked by the brute force too, so that a wrong claim is told from a wrong build.
//!
//! A slice of it runs with the other tests. For a long look, with a table of how precise the builds were:
//!
//! ```text
//! FUZZ_CASES=20000 cargo test --test integration -- fuzz::random --nocapture    from FUZZ_SEED on, else from 0
//! FUZZ_MINUTES=60  cargo test --test integration -- fuzz::random --nocapture    for as long
//! FUZZ_SEED=123    cargo test --test integration -- fuzz::random --nocapture    that case alone
//! FUZZ_GATHER=1    besides: names edits that ran without need, and goes on
//! cargo test --test integration -- --ignored planted_faults --nocapture         with the algebra broken on purpose;
//!                                                                                FUZZ_FAULT=JoinKind: in that way alone
//! ```
//!
//! A violation is cut down first; the report holds the seed, all states as files, and how to run it again.

pub(crate) mod random;
mod project;
mod query;
mod walk;
mod shape;
mod print;
mod generate;
mod edits;
mod content;
mod oracle;
mod drive;
mod run;
mod ledger;
mod cases;
mod cuts;
mod shrink;

use cases::{Options, Violation, run_all, with_room};
use icepie::algebra::plant::{self, Fault};
use icepie::algebra::{Field, Rule};
use std::collections::BTreeSet;
use std::time::Duration;

/// The cases of every test run.
const CASES: u64 = 24;

#[test]
fn random_projects_are_never_stale() {
    let (seed, cases, minutes) = (number("FUZZ_SEED"), number("FUZZ_CASES"), number("FUZZ_MINUTES"));
    let first = seed.unwrap_or(0);
    let count = match (cases, minutes, seed) {
        (Some(cases), _, _) => cases,
        (None, Some(_), _) => u64::MAX - first,
        (None, None, Some(_)) => 1,
        (None, None, None) => CASES,
    };
    let at_most = minutes.map(|minutes| Duration::from_secs(minutes * 60));
    let gather = number("FUZZ_GATHER").is_some();
    let long = seed.is_some() || cases.is_some() || minutes.is_some();
    let (violation, ledger) =
        run_all(first..first + count, Options { at_most, loud: long, gather, ..Options::default() }, &plainly);
    if long {
        eprintln!("{}", ledger.table());
    }
    if let Some(violation) = violation {
        panic!("{}", shrunk(violation, false));
    }
    assert!(ledger.cases < 10 || ledger.is_sound(), "too much of what is generated is refused:\n{}", ledger.table());
}

#[test]
fn a_build_that_overlooks_edits_is_found() {
    let options = Options { forgetful: true, ..Options::default() };
    let (violation, _) = run_all(1000..1006, options, &plainly);
    let violation = violation.expect("a build of the text before an edit has other rows");
    assert_eq!(violation.invariant, run::STALE, "{}", violation.detail);
}

#[test]
fn there_are_edits_of_every_kind() {
    let names = edits::names();
    let distinct: BTreeSet<&str> = names.iter().copied().collect();
    assert!(distinct.len() >= 45, "{} edits", distinct.len());
}

/// Faults in the algebra that the cases below must trip over: a rule that goes too far, or a field that digests leave out.
/// Every fault there is gets noticed by the algebra's own pairs of queries; these ones by random edits too.
const FAULTS: [Fault; 21] = [
    Fault::Overreach(Rule::Conjuncts),
    Fault::Overreach(Rule::InLists),
    Fault::Overreach(Rule::Between),
    Fault::Overreach(Rule::Mirror),
    Fault::Overreach(Rule::Negation),
    Fault::Overreach(Rule::CountRows),
    Fault::Overreach(Rule::JoinOrder),
    Fault::Overreach(Rule::UnionOrder),
    Fault::Overreach(Rule::Lookups),
    Fault::Overreach(Rule::Keys),
    Fault::Overreach(Rule::DependentKeys),
    Fault::LeaveOut(Field::RelationName),
    Fault::LeaveOut(Field::ColumnName),
    Fault::LeaveOut(Field::Conditions),
    Fault::LeaveOut(Field::JoinKind),
    Fault::LeaveOut(Field::GroupKeys),
    Fault::LeaveOut(Field::LimitFetch),
    Fault::LeaveOut(Field::AggregateName),
    Fault::LeaveOut(Field::AggregateDistinct),
    Fault::LeaveOut(Field::LiteralValue),
    Fault::LeaveOut(Field::Operator),
];

#[test]
#[ignore = "takes an hour: each fault has hundreds of cases to show itself"]
fn planted_faults_are_found() {
    let mut missed = Vec::new();
    let named = std::env::var("FUZZ_FAULT").unwrap_or_default();
    for fault in FAULTS.into_iter().filter(|fault| format!("{fault:?}").contains(&named)) {
        // Many faults also make something run without need; what counts are wrong rows.
        let options = Options { gather: true, ..Options::default() };
        match run_all(0..600, options, &|work: &mut dyn FnMut()| plant::with(fault, work)).0 {
            Some(violation) => eprintln!("{fault:?}: seed {}, {}", violation.seed, violation.invariant),
            None => {
                eprintln!("{fault:?}: nothing");
                missed.push(fault);
            }
        }
    }
    assert!(missed.is_empty(), "not noticed: {missed:?}");
}

fn plainly(work: &mut dyn FnMut()) {
    work();
}

fn shrunk(violation: Violation, forgetful: bool) -> String {
    eprintln!("seed {} breaks {}; cutting it down …", violation.seed, violation.invariant);
    with_room(|| shrink::report(&shrink::shrink(&drive::Bench::new(), violation, forgetful)))
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.trim().parse().ok()
}
