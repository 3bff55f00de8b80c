//! Suite 1: of a freeze and a build behind it, every store operation fails in every way.
//!
//! After each: what readers see is exactly the old or the new version, a build that said it was done is done, running the
//! same again succeeds without anybody doing anything, and nothing in the store is damaged.

use super::fault::{ALL, Fault, Script};
use super::world::{BACKENDS, Backend, World, assert_clean, build, read};
use super::{Random, long, runtime};
use icepie::driver::{Project, Session};
use icepie::parallel;

/// What readers see of each slice.
pub const SHOWN: [&str; 2] = ["select total from shop.total", "select sum(amount) as total from shop.doubled"];

/// A world that was built once, with one more file to freeze.
pub fn prepared(backend: Backend) -> World {
    let world = World::new(backend);
    let project = world.project();
    runtime().block_on(async {
        build(&project, &world.session(&project).await).await.expect("the first build works");
    });
    world.add_day(2);
    world
}

/// How a build under faults ended.
pub struct Ended {
    /// What it told; nothing where it was stopped.
    pub said: Option<Result<(), String>>,
    /// What readers of each slice of [`SHOWN`] got then.
    pub shown: Vec<String>,
}

/// A copy of a prepared world under faults.
pub fn case(prepared: &World, project: &Project, label: &str, faults: &[(usize, Fault)]) -> Ended {
    let label = format!("{label}, {faults:?}");
    let world = prepared.copy();
    // A runtime of its own: what hangs ends with it, as with a killed process.
    let running = runtime();
    let said = running.block_on(async {
        let script = Script::of(faults.to_vec());
        let work = async {
            let store = world.store(&script).await.map_err(|e| e.diagnostic().message)?;
            let session = Session::over(project, store).map_err(|e| e.message)?;
            build(project, &session).await
        };
        tokio::select! {
            said = work => Some(said),
            () = script.hung.notified() => None,
        }
    });
    running.shutdown_timeout(std::time::Duration::from_secs(1));
    runtime().block_on(async {
        let session = world.session(project).await;
        let (old, new) = (World::total(1), World::total(2));
        let mut shown = Vec::new();
        for sql in SHOWN {
            let total = read(project, &session, sql).await;
            let total = total.unwrap_or_else(|e| panic!("{label}: readers get nothing\n{e}"));
            assert!(total == old || total == new, "{label}: readers get\n{total}");
            if let Some(Ok(_)) = &said {
                assert_eq!(total, new, "{label}: {sql}, and the build said that it was done");
            }
            shown.push(total);
        }
        assert_clean(&session, &label).await;
        build(project, &world.session(project).await).await.unwrap_or_else(|e| panic!("{label}: again fails\n{e}"));
        for sql in SHOWN {
            let total = read(project, &world.session(project).await, sql).await;
            assert_eq!(total.as_deref(), Ok(new.as_str()), "{label}: after the second build");
        }
        assert_clean(&world.session(project).await, &label).await;
        Ended { said: said.map(|said| said.map(|_| ())), shown }
    })
}

/// How many operations a freeze and a build take that nothing disturbs.
fn operations(prepared: &World) -> usize {
    let world = prepared.copy();
    let project = world.project();
    runtime().block_on(async {
        let script = Script::of(Vec::new());
        let session = Session::over(&project, world.store(&script).await.expect("it opens")).expect("a session");
        build(&project, &session).await.expect("the second build works");
        script.operations()
    })
}

#[test]
fn every_operation_may_fail_in_every_way() {
    for backend in BACKENDS {
        let prepared = prepared(backend);
        let operations = operations(&prepared);
        let each = (0..operations).flat_map(|at| ALL.map(|fault| vec![(at, fault)]));
        let mut cases: Vec<Vec<(usize, Fault)>> = each.collect();
        if long() {
            // Two faults in one run, sampled.
            let mut random = Random::new(1);
            let one = |random: &mut Random| (random.below(operations + 4), ALL[random.below(ALL.len())]);
            cases.extend((0..2_000).map(|_| vec![one(&mut random), one(&mut random)]));
        }
        let number = cases.len();
        let project = prepared.project();
        parallel::map(cases, |faults| {
            case(&prepared, &project, &format!("{backend:?}"), &faults);
        });
        eprintln!("{backend:?}: {operations} operations, {number} cases");
    }
}

#[test]
fn a_store_that_swallows_writes_is_noticed() {
    let prepared = prepared(Backend::Memory);
    let project = prepared.project();
    let script = Script::of(Vec::new());
    let world = prepared.copy();
    runtime().block_on(async {
        let session = Session::over(&project, world.store(&script).await.expect("it opens")).expect("a session");
        build(&project, &session).await.expect("the second build works");
    });
    let done = script.done.lock().expect("nobody panicked").clone();
    let mut noticed = 0;
    for (at, what) in done.iter().enumerate().filter(|(_, what)| what.starts_with("put ")) {
        let run = || {
            case(&prepared, &project, "swallowed", &[(at, Fault::Swallow)]);
        };
        let failed = std::panic::catch_unwind(std::panic::AssertUnwindSafe(run)).is_err();
        // Of a key nothing depends but that the build is found again; of a data file the builder itself asks.
        let may_pass = what.contains(" keys/") || what.contains(" probes/") || what.ends_with(".parquet");
        assert!(failed || may_pass, "{what} was swallowed, and nothing noticed");
        noticed += usize::from(failed);
    }
    assert!(noticed >= 5, "{noticed}");
}
