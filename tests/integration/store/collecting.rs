//! Collection: what goes, what stays, and that nobody who reads or builds meanwhile notices. With it suite 11: clocks that are
//! wrong, and of suite 12 a writer that comes back after a collection.

use super::clock::Clocked;
use super::fault::{ALL, Fault, FaultStore, Script};
use super::world::{Backend, World, assert_clean, build, read};
use super::{runtime, virtual_runtime};
use chrono::TimeDelta;
use icepie::build::Outcome;
use icepie::driver::{self, Project, Promotion, Session};
use icepie::manifest::{CommitKind, CommitRecord};
use icepie::name::RelationName;
use icepie::store::{Collection, Objects, Retention, Store};
use std::sync::Arc;

/// A project over a store with a clock.
struct Timed {
    world: World,
    store: Clocked,
}

impl Timed {
    fn new() -> Timed {
        let store = Clocked::new();
        Timed { world: World::over(Arc::new(store.clone())), store }
    }

    /// As a process that starts now sees it.
    async fn session(&self, project: &Project) -> Session {
        self.world.session(project).await
    }

    async fn environment(&self, project: &Project, name: &str) -> Session {
        self.session(project).await.within_or_begin(name).await.expect("an environment").0
    }

    fn pass(&self, time: TimeDelta) {
        self.store.clock.advance(time);
    }

    /// A day, a file, a build.
    async fn day(&self, project: &Project, day: u64) {
        self.pass(TimeDelta::days(1));
        self.world.add_day(day);
        build(project, &self.session(project).await).await.expect("the build works");
    }

    async fn collect(&self, project: &Project) -> Collection {
        self.collect_with(project, |retention| retention).await
    }

    async fn collect_with(&self, project: &Project, change: impl Fn(Retention) -> Retention) -> Collection {
        let store = self.session(project).await.store;
        store.collect(&change(Retention::of(&store)), "a test", false).await.expect("the collection works")
    }
}

fn slice(name: &str) -> RelationName {
    RelationName::new("shop", name)
}

const TOTAL: &str = "select * from shop.total";

async fn at(project: &Project, session: &Session, version: u64) -> Result<String, String> {
    let at = std::collections::BTreeMap::from([(slice("total"), version)]);
    let mut tables = driver::tables(project, session, &at).await.map_err(|e| e.message)?;
    let answer = driver::query(TOTAL, &mut tables, session).await.map_err(|e| e.diagnostics[0].message.clone())?;
    let mut text = Vec::new();
    icepie::serve::write(&answer, icepie::serve::Format::Csv, usize::MAX, &mut text).map_err(|e| e.to_string())?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}

#[test]
fn what_nothing_reaches_is_marked_and_an_hour_later_removed() {
    runtime().block_on(async {
        let timed = Timed::new();
        let project = timed.world.project();
        for day in 1..=12 {
            timed.day(&project, day).await;
        }
        let before = timed.store.paths().await;
        let dry = timed.session(&project).await.store;
        let would = dry.collect(&Retention::of(&dry), "a test", true).await.expect("a dry run works");
        assert_eq!(timed.store.paths().await, before, "a dry run changes nothing");
        // Versions 1 and 2 of both slices. The files of the first days are in every version of the source.
        let marked = timed.collect(&project).await;
        assert_eq!(marked.marked, would.marked);
        assert_eq!((marked.marked.builds.len(), marked.marked.files.len()), (4, 0), "{marked:#?}");
        assert!(marked.collected.is_empty() && marked.waiting.is_empty() && marked.marked.bytes > 0, "{marked:#?}");
        timed.pass(TimeDelta::minutes(30));
        let waiting = timed.collect(&project).await;
        assert!(waiting.collected.is_empty() && waiting.marked.is_empty(), "{waiting:#?}");
        assert_eq!(waiting.waiting, marked.marked);
        let session = timed.session(&project).await;
        assert_eq!(at(&project, &session, 1).await, Ok(World::total(1)), "marked is still there");
        timed.pass(TimeDelta::minutes(31));
        let collected = timed.collect(&project).await;
        assert_eq!(collected.collected, marked.marked);
        let session = timed.session(&project).await;
        assert_clean(&session, "after a collection").await;
        assert_eq!(read(&project, &session, TOTAL).await, Ok(World::total(12)));
        assert_eq!(at(&project, &session, 3).await, Ok(World::total(3)));
        let gone = at(&project, &session, 2).await.expect_err("it is gone");
        assert_eq!(gone, "the rows of version 2 of `shop.total` were collected");
        let refused = driver::rollback(&session, &slice("total"), Some(2), None).await.expect_err("it is gone");
        assert!(refused.message.contains("was collected"), "{}", refused.message);
        // Nothing leads to them, and what is left is a note in the place of each.
        let left = timed.store.paths().await;
        for folder in &collected.collected.builds {
            let id = folder.rsplit('/').next().expect("a folder has a name");
            let of_it: Vec<&String> = left.iter().filter(|path| path.contains(id)).collect();
            assert_eq!(of_it, [&format!("{folder}/taken-out.json")]);
        }
        assert_eq!(build(&project, &session).await.expect("the build works").len(), 2);
        let nothing = timed.collect(&project).await;
        assert_eq!(nothing, Collection::default());
        // Files of a source that only old versions have go the same way.
        std::fs::remove_file(timed.world.dir.path().join("raw/001.csv")).expect("a file can be removed");
        let manner = driver::Manner::quiet(1);
        let replace = icepie::freeze::Replace { reason: "the first day was nonsense".to_owned() };
        let session = timed.session(&project).await;
        driver::freeze(&project, &session, None, Some(&replace), &manner.cancelled, |_| {}).await;
        for day in 13..=30 {
            timed.day(&project, day).await;
        }
        timed.collect(&project).await;
        timed.pass(TimeDelta::hours(2));
        // Who reads an old version keeps its files.
        let session = timed.session(&project).await;
        let old = std::collections::BTreeMap::from([(RelationName::new("shop", "lines"), 5)]);
        let tables = driver::tables(&project, &session, &old).await.expect("it is there");
        let pin = tables.pin(&session, "a test", true).await;
        let kept = timed.collect(&project).await;
        assert!(kept.collected.files.iter().all(|file| !file.starts_with("sources/")), "{kept:#?}");
        pin.end().await;
        timed.collect(&project).await;
        timed.pass(TimeDelta::hours(2));
        let last = timed.collect(&project).await;
        let gone = driver::tables(&project, &timed.session(&project).await, &old).await.expect_err("it is gone");
        assert_eq!(gone.message, "the rows of version 5 of `shop.lines` were collected");
        let files: Vec<&String> = last.collected.files.iter().filter(|file| file.starts_with("sources/")).collect();
        assert_eq!(files.len(), 1, "{last:#?}");
        assert_clean(&timed.session(&project).await, "after the second collection").await;
    });
}

/// The declarations with another total.
fn with_total(timed: &Timed, expression: &str) -> Project {
    timed.world.declare();
    let file = timed.world.dir.path().join("main.pie");
    let text = std::fs::read_to_string(&file).expect("a file can be read");
    std::fs::write(file, text.replace("sum(amount)", expression)).expect("a file can be written");
    timed.world.project()
}

/// Twelve definitions of the total on twelve days. Of the first only `main`'s log tells.
async fn redefined(timed: &Timed) -> Project {
    timed.world.add_day(1);
    for add in 0..12 {
        timed.pass(TimeDelta::days(1));
        let project = with_total(timed, &format!("sum(amount) + {add}"));
        build(&project, &timed.session(&project).await).await.expect("the build works");
    }
    with_total(timed, "sum(amount) + 0")
}

fn outcome(built: &[(RelationName, Outcome)], name: &str) -> Option<Outcome> {
    built.iter().find(|(found, _)| *found == slice(name)).map(|(_, outcome)| *outcome)
}

#[test]
fn what_is_marked_is_not_found_again_and_what_was_found_before_is_kept() {
    runtime().block_on(async {
        // Without a collection the first definition's rows are found.
        let timed = Timed::new();
        let project = redefined(&timed).await;
        let planned_before = timed.session(&project).await;
        let built = build(&project, &timed.session(&project).await).await.expect("the build works");
        assert_eq!(outcome(&built, "total"), Some(Outcome::Relabelled));
        // Marked, they aren't: they are made again.
        let timed = Timed::new();
        let project = redefined(&timed).await;
        let marked = timed.collect(&project).await;
        assert_eq!(marked.marked.builds.len(), 2, "the first two totals: {marked:#?}");
        let built = build(&project, &timed.session(&project).await).await.expect("the build works");
        assert_eq!(outcome(&built, "total"), Some(Outcome::Built));
        drop(planned_before);
        // Who had found them before publishes them: they are kept.
        let timed = Timed::new();
        let project = redefined(&timed).await;
        let (session, found) = found_before(&timed, &project).await;
        timed.collect(&project).await;
        let head = session.store.slice_head(&slice("total")).await.expect("it is read");
        session.store.commit(&slice("total"), head, found).await.expect("it is published");
        timed.pass(TimeDelta::hours(2));
        let collected = timed.collect(&project).await;
        assert_eq!((collected.collected.builds.len(), collected.kept), (1, 1), "{collected:#?}");
        let session = timed.session(&project).await;
        assert_eq!(read(&project, &session, TOTAL).await, Ok(World::total(1)));
        assert_clean(&session, "after it was kept").await;
    });
}

/// A builder that has found the rows of the first definition and is about to publish them.
async fn found_before(timed: &Timed, project: &Project) -> (Session, CommitRecord) {
    let session = timed.session(project).await;
    let first = session.store.slice_commit(&slice("total"), 1).await.expect("it is read").expect("it is there");
    let found = CommitRecord {
        id: icepie::store::new_id(),
        kind: CommitKind::Relabel,
        parent: None,
        ..CommitRecord::clone(&first.record)
    };
    (session, found)
}

#[test]
fn a_builder_that_stands_still_while_what_it_found_is_collected_hides_nothing() {
    runtime().block_on(async {
        let timed = Timed::new();
        let project = redefined(&timed).await;
        let (session, found) = found_before(&timed, &project).await;
        timed.collect(&project).await;
        timed.pass(TimeDelta::days(1));
        let collected = timed.collect(&project).await;
        assert_eq!(collected.collected.builds.len(), 2);
        let reference = found.build.clone().expect("it has a build");
        let head = session.store.slice_head(&slice("total")).await.expect("it is read");
        session.store.commit(&slice("total"), head, found).await.expect("it is published");
        // A builder looks once more, and knows.
        assert_eq!(session.store.build_of(&reference).await.expect("it is asked"), None);
        let (seen, later) = (timed.session(&project).await, timed.session(&project).await);
        let last_good = format!("total\n{}\n", 2 + 11);
        assert_eq!(read(&project, &seen, TOTAL).await, Ok(last_good), "readers see the version before");
        let built = build(&project, &later).await.expect("the build works");
        assert_eq!(outcome(&built, "total"), Some(Outcome::Built));
        assert_eq!(read(&project, &later, TOTAL).await, Ok(World::total(1)));
    });
}

#[test]
fn what_is_pinned_stays_as_long_as_the_pin_is_renewed() {
    virtual_runtime().block_on(async {
        let timed = Timed::new();
        let project = redefined(&timed).await;
        timed.collect(&project).await;
        timed.pass(TimeDelta::hours(2));
        let session = timed.session(&project).await;
        let at_first = std::collections::BTreeMap::from([(slice("total"), 1)]);
        let tables = driver::tables(&project, &session, &at_first).await.expect("it is there");
        let pin = tables.pin(&session, "a long reading", true).await;
        let collected = timed.collect(&project).await;
        assert_eq!((collected.collected.builds.len(), collected.kept), (1, 1), "{collected:#?}");
        // Hours later it is renewed.
        tokio::time::sleep(std::time::Duration::from_secs(4 * 3600)).await;
        let collected = timed.collect(&project).await;
        assert!(collected.collected.is_empty() && collected.marked.is_empty(), "{collected:#?}");
        assert_eq!(at(&project, &session, 1).await, Ok(World::total(1)));
        // Whoever dies renews nothing.
        std::mem::drop(pin);
        tokio::time::sleep(std::time::Duration::from_secs(1_200)).await;
        let marked = timed.collect(&project).await;
        assert_eq!(marked.marked.builds.len(), 1, "{marked:#?}");
        // One that ends leaves nothing.
        let pin = tables.pin(&session, "another", true).await;
        pin.end().await;
        assert_eq!(timed.store.paths().await.iter().filter(|path| path.starts_with("pins/")).count(), 1);
    });
}

#[test]
fn every_environment_keeps_what_it_serves() {
    runtime().block_on(async {
        let timed = Timed::new();
        let project = timed.world.project();
        timed.day(&project, 1).await;
        let trial = timed.environment(&project, "trial").await;
        for day in 2..=14 {
            timed.day(&project, day).await;
        }
        timed.collect(&project).await;
        timed.pass(TimeDelta::hours(2));
        timed.collect(&project).await;
        let seen = timed.session(&project).await.within("trial").await.expect("it is there");
        assert_eq!(read(&project, &seen, TOTAL).await, Ok(World::total(1)));
        assert_clean(&seen, "with an environment").await;
        // Nothing of it was written by `main`, and nothing of `main`'s by it.
        assert_eq!(seen.store.own_logs().await.expect("it is listed"), (0, 0));
        let all = Promotion::default();
        let main = timed.session(&project).await;
        let items = driver::promote(&trial, &main, &all).await.expect("it is compared");
        assert!(items.iter().all(|item| !item.difference.is_ahead()), "{items:#?}");
        driver::promote(&main, &trial, &all).await.expect("it is promoted");
        let seen = timed.session(&project).await.within("trial").await.expect("it is there");
        assert_eq!(read(&project, &seen, TOTAL).await, Ok(World::total(14)));
        driver::remove_environment(&main, "trial").await.expect("it is removed");
        let marked = timed.collect(&project).await;
        assert_eq!(marked.marked.builds.len(), 2, "{marked:#?}");
        timed.pass(TimeDelta::hours(2));
        timed.collect(&project).await;
        assert_clean(&timed.session(&project).await, "without it").await;
    });
}

#[test]
fn a_wrong_clock_of_a_builder_changes_nothing() {
    runtime().block_on(async {
        let mut seen = Vec::new();
        let year = 24 * 365;
        let alike = [0, 1, -1, 24, -24, year, -year].map(|hours| (hours, hours));
        let apart = [(24, -24), (-24, 24), (0, 24), (year, -year), (-1, 1)];
        for (built_by, collected_by) in alike.into_iter().chain(apart) {
            let timed = Timed::new();
            let project = timed.world.project();
            let skewed = |hours: i64| {
                let (timed, project) = (&timed, &project);
                async move {
                    let mut session = timed.session(project).await;
                    session.stamp.now += TimeDelta::hours(hours);
                    session
                }
            };
            for day in 1..=12 {
                timed.pass(TimeDelta::days(1));
                timed.world.add_day(day);
                build(&project, &skewed(built_by).await).await.expect("the build works");
            }
            let store = skewed(collected_by).await.store;
            let retention = Retention::of(&store);
            let marked = store.collect(&retention, "a test", false).await.expect("the collection works");
            timed.pass(TimeDelta::minutes(59));
            let store = skewed(collected_by).await.store;
            let waiting = store.collect(&retention, "a test", false).await.expect("the collection works");
            timed.pass(TimeDelta::minutes(2));
            let store = skewed(collected_by).await.store;
            let collected = store.collect(&retention, "a test", false).await.expect("the collection works");
            let session = skewed(built_by).await;
            assert_clean(&session, "with a wrong clock").await;
            let total = read(&project, &session, TOTAL).await;
            let numbers = [&marked.marked, &waiting.collected, &waiting.waiting, &collected.collected];
            seen.push((numbers.map(|garbage| garbage.builds.len()), total));
        }
        assert!(seen.iter().all(|other| *other == ([4, 0, 4, 4], Ok(World::total(12)))), "{seen:#?}");
    });
}

#[test]
fn a_collection_that_fails_anywhere_harms_nothing_and_the_next_one_ends_it() {
    runtime().block_on(async {
        let timed = Timed::new();
        let project = timed.world.project();
        for day in 1..=12 {
            timed.day(&project, day).await;
        }
        timed.collect(&project).await;
        timed.pass(TimeDelta::hours(2));
        let (mut cases, mut number) = (0, 0);
        loop {
            let mut last = true;
            for fault in ALL.into_iter().filter(|fault| !matches!(fault, Fault::Hang | Fault::HangAfter)) {
                let copy = timed.store.copy();
                let script = Script::of(vec![(number, fault)]);
                let store = Arc::new(FaultStore { inner: Arc::new(copy.clone()), script: Arc::clone(&script) });
                let open = Store::over(Objects { store, shown: "the store".to_owned(), local: None }).await;
                if let Ok(store) = open {
                    let _ = store.collect(&Retention::of(&store), "a test", false).await;
                }
                last &= script.operations() <= number;
                cases += 1;
                let world = World::with(Arc::clone(&timed.world.dir), Arc::new(copy.clone()));
                let session = world.session(&project).await;
                let of = format!("operation {number}, {fault:?}");
                assert_clean(&session, &of).await;
                assert_eq!(read(&project, &session, TOTAL).await, Ok(World::total(12)), "{of}");
                for _ in 0..2 {
                    let store = world.session(&project).await.store;
                    store.collect(&Retention::of(&store), "a test", false).await.expect("a retry works");
                    copy.clock.advance(TimeDelta::days(8));
                }
                let store = world.session(&project).await.store;
                store.collect(&Retention::of(&store), "a test", false).await.expect("a retry works");
                assert_clean(&world.session(&project).await, &of).await;
                let left = copy.paths().await;
                let builds = left.iter().filter(|path| path.ends_with("build.json")).count();
                assert_eq!(builds, 20, "{of}: {left:#?}");
                assert_eq!(left.iter().filter(|path| path.ends_with(".parquet")).count(), 20 + 12, "{of}: {left:#?}");
            }
            if last {
                break;
            }
            number += 1;
        }
        assert!(cases > 100, "{cases}");
        println!("{cases} cases of a failing collection");
    });
}

#[test]
fn what_interrupted_writers_left_in_a_folder_is_removed() {
    let world = World::new(Backend::Local);
    let project = world.project();
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let root = folder.path().to_owned();
    runtime().block_on(async {
        let location = icepie::store::Location::Folder { path: root.clone(), syncs: false };
        let open = || async { Store::open(&location).await.expect("the store opens") };
        let session = Session::over(&project, open().await).expect("a session");
        build(&project, &session).await.expect("the build works");
        let long_ago = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_700_000_000);
        let leave = |path: &str, old: bool| {
            let path = root.join(path);
            std::fs::create_dir_all(path.parent().expect("a file has a folder")).expect("a folder can be made");
            std::fs::write(&path, "half of it").expect("a file can be written");
            if old {
                let file = std::fs::File::options().write(true).open(&path).expect("a file can be opened");
                file.set_modified(long_ago).expect("a time can be set");
            }
            path
        };
        let id = icepie::store::new_id();
        let old = [
            leave("slices/shop/total/builds/0/part-00000.parquet#17", true),
            leave(&format!("slices/shop/total/builds/{id}/part-00000.parquet"), true),
            leave("sources/shop/lines/data/left.parquet", true),
        ];
        let young = [
            leave("slices/shop/total/builds/1/part-00000.parquet#17", false),
            leave("slices/shop/total/builds/2/part-00000.parquet", false),
        ];
        let found = open().await.fsck(true).await.expect("it is looked at");
        assert_eq!((found.damage.len(), found.leftovers.len()), (0, 5), "{found:#?}");
        let retention = Retention { wait: TimeDelta::zero(), ..Retention::of(&open().await) };
        for _ in 0..2 {
            open().await.collect(&retention, "a test", false).await.expect("the collection works");
        }
        assert!(old.iter().all(|path| !path.exists()), "{old:?}");
        assert!(young.iter().all(|path| path.exists()), "{young:?}");
        let session = Session::over(&project, open().await).expect("a session");
        assert_clean(&session, "after a collection").await;
        assert_eq!(read(&project, &session, TOTAL).await, Ok(World::total(1)));
    });
}

#[test]
fn an_environment_whose_record_is_lost_is_not_taken_for_nothing() {
    use datafusion::object_store::{ObjectStoreExt, path::Path};
    runtime().block_on(async {
        let timed = Timed::new();
        let project = timed.world.project();
        timed.day(&project, 1).await;
        timed.world.add_day(2);
        build(&project, &timed.environment(&project, "trial").await).await.expect("the build works");
        let record = Path::from("environments/trial/log/00000000000000000001.json");
        timed.store.delete(&record).await.expect("it can be lost");
        // All that only it reaches would be collected, and a new one of its name would show its rows.
        timed.pass(TimeDelta::days(100));
        let session = timed.session(&project).await;
        let refused = session.store.collect(&Retention::of(&session.store), "a test", false).await;
        assert!(refused.is_err(), "{refused:?}");
        let found = session.store.fsck(true).await.expect("it is looked at");
        assert!(found.damage.iter().any(|damage| damage.path == record.to_string()), "{:#?}", found.damage);
        let again = timed.session(&project).await.within_or_begin("trial").await;
        assert!(again.is_err_and(|told| told.message.contains("trial/log")), "it isn't begun over what is there");
        assert_eq!(read(&project, &session, TOTAL).await, Ok(World::total(1)), "`main` isn't concerned");
    });
}

#[test]
fn an_environment_whose_record_is_damaged_stops_a_collection_until_it_is_removed() {
    use datafusion::object_store::{ObjectStoreExt, PutPayload, path::Path};
    runtime().block_on(async {
        let timed = Timed::new();
        let project = timed.world.project();
        timed.day(&project, 1).await;
        timed.environment(&project, "trial").await;
        let record = Path::from("environments/trial/log/00000000000000000001.json");
        timed.store.put(&record, PutPayload::from_static(b"{}")).await.expect("memory can be written");
        let session = timed.session(&project).await;
        let store = &session.store;
        let refused = store.collect(&Retention::of(store), "a test", false).await;
        assert!(refused.is_err(), "what it reaches isn't known: {refused:?}");
        assert!(session.clone().within("trial").await.is_err());
        assert_eq!(read(&project, &session, TOTAL).await, Ok(World::total(1)), "`main` isn't concerned");
        driver::remove_environment(&session, "trial").await.expect("it is removed");
        timed.collect(&project).await;
        let again = timed.environment(&project, "trial").await;
        assert_eq!(read(&project, &again, TOTAL).await, Ok(World::total(1)));
    });
}
