//! How many operations things take: nothing grows that needn't.

use super::fault::Script;
use super::runtime;
use super::world::{Backend, World, build};
use icepie::driver::{self, Session};

#[test]
fn what_a_build_asks_of_the_store_is_bounded() {
    let world = World::new(Backend::Memory);
    let project = world.project();
    runtime().block_on(async {
        let operations = |days: u64| {
            let (world, project) = (&world, &project);
            async move {
                world.add_day(days);
                let script = Script::of(Vec::new());
                let session = Session::over(project, world.store(&script).await.expect("it opens")).expect("a session");
                build(project, &session).await.expect("the build works");
                let done = script.done.lock().expect("nobody panicked").clone();
                // What reads data files grows with them.
                let records = done.iter().filter(|what| !what.contains(".parquet")).count();
                (records, done)
            }
        };
        let (second, _) = {
            operations(1).await;
            operations(2).await
        };
        for days in 3..12 {
            let (later, done) = operations(days).await;
            assert!(later <= second, "with {days} days: {later} operations, {second} before\n{}", done.join("\n"));
        }
        // When nothing changed, only heads are looked at: nothing is tried out, nothing written.
        let script = Script::of(Vec::new());
        let session = Session::over(&project, world.store(&script).await.expect("it opens")).expect("a session");
        driver::build(&project, &session, None, &driver::Manner::quiet(2), |_| {}).await.expect("the build works");
        let done = script.done.lock().expect("nobody panicked").clone();
        assert!(done.iter().all(|what| !what.starts_with("put")), "{}", done.join("\n"));
    });
}
