//! Suite 1: of a freeze and a build behind it, every store operation fails in every way.
//!
//! After each: what readers see is exactly the old or the new version, a build that said it was done is done, running the
//! same again succeeds without anybody doing anything, and nothing in the store is damaged.

use super::fault::{ALL, Fault, Script};
use super::world::{self, Backend, World, assert_clean, build, read};
use super::{long, runtime};
use icepie::driver::Session;

/// One world under faults. Says what the build said, or nothing where it was stopped.
fn case(backend: Backend, faults: &[(usize, Fault)]) {
    let label = format!("{backend:?}, {faults:?}");
    let world = World::new(backend);
    let project = world.project();
    runtime().block_on(async {
        build(&project, &world.session(&project).await).await.expect("the first build works");
    });
    world.add_day(2);
    // A runtime of its own: what hangs ends with it, as with a killed process.
    let running = runtime();
    let said = running.block_on(async {
        let script = Script::of(faults.to_vec());
        let work = async {
            let store = world.store(&script).await.map_err(|e| e.diagnostic().message)?;
            let session = Session::over(&project, store).map_err(|e| e.message)?;
            build(&project, &session).await
        };
        tokio::select! {
            said = work => Some(said),
            () = script.hung.notified() => None,
        }
    });
    running.shutdown_background();
    runtime().block_on(async {
        let session = world.session(&project).await;
        let total = read(&project, &session, "select total from shop.total").await;
        let total = total.unwrap_or_else(|e| panic!("{label}: readers get nothing\n{e}"));
        let (old, new) = (World::total(1), World::total(2));
        assert!(total == old || total == new, "{label}: readers get\n{total}");
        if let Some(Ok(_)) = &said {
            assert_eq!(total, new, "{label}: the build said that it was done");
        }
        assert_clean(&session, &label).await;
        build(&project, &world.session(&project).await).await.unwrap_or_else(|e| panic!("{label}: again fails\n{e}"));
        let total = read(&project, &world.session(&project).await, "select total from shop.total").await;
        assert_eq!(total.as_deref(), Ok(new.as_str()), "{label}: after the second build");
        assert_clean(&world.session(&project).await, &label).await;
    });
}

/// How many operations a freeze and a build take that nothing disturbs.
fn operations(backend: Backend) -> usize {
    let world = World::new(backend);
    let project = world.project();
    runtime().block_on(async {
        build(&project, &world.session(&project).await).await.expect("the first build works");
        world.add_day(2);
        let script = Script::of(Vec::new());
        let session = Session::over(&project, world.store(&script).await.expect("it opens")).expect("a session");
        build(&project, &session).await.expect("the second build works");
        if long() {
            eprintln!("{backend:?}\n  {}", script.done.lock().unwrap().join("\n  "));
        }
        script.operations()
    })
}

#[test]
fn every_operation_may_fail_in_every_way() {
    let mut cases = 0;
    for backend in world::BACKENDS {
        let operations = operations(backend);
        for at in 0..operations {
            for fault in ALL {
                case(backend, &[(at, fault)]);
                cases += 1;
            }
        }
        if long() {
            eprintln!("{backend:?}: {operations} operations");
        }
    }
    eprintln!("{cases} cases");
}
