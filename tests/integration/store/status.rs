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

/// What happens to a project as the hours pass, for those who look at it.
#[test]
fn status_says_since_when_something_is_stale_what_failed_and_who_builds() {
    let world = World::new(Backend::Memory);
    let text = std::fs::read_to_string(world.dir.path().join("main.pie")).expect("a file can be read");
    let text =
        text.replace("public slice shop.doubled {\n", "public slice shop.doubled {\n  stale for at most 1 hour\n");
    let text = text.replace("public slice shop.total {", "public slice shop.total { stale for at most 20 minutes");
    world.write("main.pie", &text);
    let project = world.project();
    runtime().block_on(async {
        let later = |hours: i64| {
            let (world, project) = (&world, &project);
            async move {
                let mut session = world.session(project).await;
                session.stamp.now += chrono::TimeDelta::hours(hours);
                session
            }
        };
        build(&project, &later(0).await).await.expect("the build works");
        // Twice something is frozen that isn't built: the first time counts.
        for (hours, day) in [(1, 2), (3, 3)] {
            world.add_day(day);
            let manner = driver::Manner::quiet(1);
            driver::freeze(&project, &later(hours).await, None, None, &manner.cancelled, |_| {}).await;
        }
        let session = later(4).await;
        let planned = driver::plan(&project, &session, None).await.expect("it is planned");
        let late = driver::overdue(&project, &session, &planned).await.expect("it is asked");
        let messages: Vec<&str> = late.values().map(|late| late.message.as_str()).collect();
        assert_eq!(
            messages,
            [
                "`shop.doubled` has been stale for 3 hours, and may be for 1 hour",
                "`shop.total` has been stale for 3 hours, and may be for 20 minutes",
            ]
        );
        // A build that fails says it too; another one, that works, doesn't.
        world.write("raw/004.csv", "id,amount\n1,4\n");
        let manner = driver::Manner::quiet(1);
        let session = later(5).await;
        driver::freeze(&project, &session, None, None, &manner.cancelled, |_| {}).await;
        let built = driver::build(&project, &session, None, &manner, |_| {}).await.expect("it is planned");
        let codes = |slice: &icepie::build::SliceReport| {
            slice.diagnostics.iter().map(|told| told.code.as_str()).collect::<Vec<_>>()
        };
        let told: Vec<_> = built.report.slices.iter().map(|slice| (slice.outcome.as_str(), codes(slice))).collect();
        assert_eq!(told, [("failed", vec!["E0503", "W0602"]), ("relabelled", vec!["W0602"])], "{told:?}");
        let session = later(6).await;
        let planned = driver::plan_whole(&project, &session, None).await.expect("it is planned");
        let (_, lease) = session.store.lease("shop.doubled", "some rows", "somebody", "2026-01-01T00:00:00Z");
        let status = driver::status(&project, &session, &planned).await.expect("it is asked");
        let failed = status[0].failed.as_ref().expect("it failed");
        assert_eq!(failed.code, "E0503");
        assert!(status[0].building.is_none(), "what takes no time isn't told of");
        assert!(status.iter().all(|status| status.overdue(session.stamp.now)), "{status:#?}");
        lease.end().await;
        std::fs::remove_file(world.dir.path().join("raw/004.csv")).expect("a file can be removed");
        let replace = icepie::freeze::Replace { reason: "the wrong file".to_owned() };
        let session = later(7).await;
        driver::freeze(&project, &session, None, Some(&replace), &manner.cancelled, |_| {}).await;
        build(&project, &session).await.expect("the build works");
        let planned = driver::plan_whole(&project, &session, None).await.expect("it is planned");
        let status = driver::status(&project, &later(8).await, &planned).await.expect("it is asked");
        assert!(status.iter().all(|status| status.failed.is_none() && status.stale_since.is_none()), "{status:#?}");
    });
}
