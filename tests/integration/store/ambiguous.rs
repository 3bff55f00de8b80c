//! Suite 2: the answer to the one write that publishes is lost, wrong or late, and so may be what is read back.
//!
//! Beside what holds for every operation: who is told that a version wasn't published finds that it wasn't, unless the message
//! says that it isn't known (E0607), and no record is in a log twice.

use super::every_operation::{Ended, SHOWN, case, prepared};
use super::fault::{Fault, Script};
use super::world::{BACKENDS, World, build};
use super::{Random, long, runtime};
use icepie::driver::{Project, Session};
use icepie::parallel;

/// The operations that publish a new version of each slice of [`SHOWN`].
fn commits(prepared: &World, project: &Project) -> Vec<(usize, &'static str)> {
    let world = prepared.copy();
    let script = Script::of(Vec::new());
    runtime().block_on(async {
        let session = Session::over(project, world.store(&script).await.expect("it opens")).expect("a session");
        build(project, &session).await.expect("the build works");
    });
    let done = script.done.lock().expect("nobody panicked");
    let find = |slice: &str| {
        let path = format!("put heads/main/shop/{slice}/");
        done.iter().position(|what| what.starts_with(&path)).expect("it is published")
    };
    vec![(find("total"), SHOWN[0]), (find("doubled"), SHOWN[1])]
}

fn held(prepared: &World, project: &Project, label: &str, sql: &str, faults: &[(usize, Fault)]) {
    let Ended { said, shown } = case(prepared, project, label, faults);
    let Some(Err(told)) = said else { return };
    // What is told of other slices says nothing of this one.
    let slice = if sql == SHOWN[0] { "total" } else { "doubled" };
    if !told.contains(&format!("`shop.{slice}`")) && !told.contains(&format!("heads/main/shop/{slice}")) {
        return;
    }
    let total = &shown[SHOWN.iter().position(|other| *other == sql).expect("it is one of them")];
    let published = *total == World::total(2);
    assert!(!published || told.contains("E0607"), "{label}, {faults:?}: published, and told\n{told}");
}

#[test]
fn a_publish_whose_answer_is_lost_is_never_called_lost_when_it_is_there() {
    for backend in BACKENDS {
        let prepared = prepared(backend);
        let project = prepared.project();
        let commits = commits(&prepared, &project);
        let mut cases: Vec<(&str, Vec<(usize, Fault)>)> = Vec::new();
        for (at, sql) in &commits {
            for first in [Fault::After, Fault::Conflict, Fault::Before, Fault::Twice, Fault::HangAfter] {
                for then in [None, Some(Fault::Before), Some(Fault::Missing)] {
                    let then = then.map(|then| (at + 1, then));
                    cases.push((sql, std::iter::once((*at, first)).chain(then).collect()));
                }
            }
        }
        let mut random = Random::new(7);
        let kinds = [Fault::After, Fault::Conflict, Fault::Before, Fault::Twice, Fault::Missing, Fault::Flip];
        for _ in 0..if long() { 500 } else { 15 } {
            let (at, sql) = commits[random.below(commits.len())];
            let faults = (0..8).filter_map(|behind| {
                let fault = kinds[random.below(kinds.len())];
                (behind == 0 || random.below(3) > 0).then_some((at + behind, fault))
            });
            cases.push((sql, faults.collect()));
        }
        let number = cases.len();
        let label = format!("{backend:?}");
        parallel::map(cases, |(sql, faults)| held(&prepared, &project, &label, sql, &faults));
        eprintln!("{backend:?}: {number} cases");
    }
}
