//! Suites 3, 4 and 12: several writers at once, of one slice and of different ones, and one that comes back late.

use super::fault::{FaultStore, Script};
use super::puts::Puts;
use super::world::{BACKENDS, World, assert_clean, build, read, write};
use super::{long, runtime, virtual_runtime};
use datafusion::object_store::memory::InMemory;
use datafusion::object_store::path::Path;
use datafusion::object_store::{ObjectStore, PutMode, PutOptions};
use futures::future::BoxFuture;
use icepie::build::Outcome;
use icepie::driver::{self, Session};
use icepie::manifest::{
    BuildRecord, BuildReference, CommitKind, CommitRecord, FORMAT, InputRecord, KeyPreimage, SourceVersion,
};
use icepie::name::RelationName;
use icepie::store::{Appended, Objects, Store, StoreError};
use icepie::workspace;
use std::sync::Arc;

fn slice() -> RelationName {
    RelationName::new("shop", "total")
}

/// A build of a slice that read the source's version `version`.
async fn commit_of(store: &Store, version: u64) -> CommitRecord {
    let preimage = KeyPreimage {
        engine: "test".to_owned(),
        row: "the query".to_owned(),
        inputs: Default::default(),
        columns: Vec::new(),
    };
    let input = InputRecord {
        name: "shop.lines".to_owned(),
        kind: "source".to_owned(),
        version,
        content: format!("content {version}"),
    };
    let record = BuildRecord {
        format: FORMAT,
        slice: slice().to_string(),
        id: icepie::store::new_id(),
        preimage: preimage.clone(),
        keys: Vec::new(),
        sort_by: Vec::new(),
        inputs: vec![input.clone()],
        columns: Vec::new(),
        partition_by: Vec::new(),
        partitions: Vec::new(),
        rows: version,
        bytes: 0,
        content: format!("rows {version}"),
        created_at: String::new(),
        elapsed_ms: 0,
        pie: String::new(),
    };
    let reference: BuildReference = store.record_build(&slice(), &record).await.expect("the build is recorded");
    CommitRecord {
        format: FORMAT,
        slice: slice().to_string(),
        version: 0,
        id: icepie::store::new_id(),
        parent: None,
        kind: CommitKind::Publish,
        build: Some(reference),
        columns: Vec::new(),
        preimage: Some(preimage),
        inputs: vec![input],
        stale_inputs: Vec::new(),
        promises: None,
        rows: version,
        bytes: 0,
        content: format!("rows {version}"),
        created_at: String::new(),
        by: "a writer".to_owned(),
        reason: None,
        published_at: None,
        until: None,
        promoted: None,
        pie: String::new(),
    }
}

/// Makes the source have versions 1 to `last`.
async fn freeze(store: &Store, last: u64) {
    let source = RelationName::new("shop", "lines");
    let mut head = store.source_head(&source).await.expect("it is read");
    while head.as_ref().map_or(0, |head| head.number) < last {
        let number = head.as_ref().map_or(0, |head| head.number) + 1;
        let version = SourceVersion {
            format: FORMAT,
            source: source.to_string(),
            id: icepie::store::new_id(),
            content: format!("content {number}"),
            ..SourceVersion::default()
        };
        head = Some(store.publish_source(&source, head, version).await.expect("it is published").into_record());
    }
}

/// What became of one writer's commit.
#[derive(Debug)]
enum Ended {
    Published(u64),
    /// Theirs reads inputs that are at least as new.
    Superseded,
    /// Theirs reads newer inputs: it has to be built again.
    Overtaken,
}

/// `writers` write versions 1 to `writers` of a slice at the same time. Says what is wrong.
async fn race(store: &Store, writers: u64) -> std::result::Result<(), String> {
    freeze(store, writers).await;
    let one = |version: u64| {
        let store = store.clone();
        tokio::spawn(async move {
            let head = store.slice_head(&slice()).await?;
            let commit = commit_of(&store, version).await;
            Ok::<_, StoreError>(match store.commit(&slice(), head, commit).await {
                Ok(Appended::Own(record)) => Ended::Published(record.number),
                Ok(Appended::Theirs(_)) => Ended::Superseded,
                Err(StoreError::Conflict { .. }) => Ended::Overtaken,
                Err(error) => return Err(error),
            })
        })
    };
    let running: Vec<_> = (1..=writers).map(one).collect();
    let mut numbers = Vec::new();
    for task in running {
        match task.await.expect("no writer panics").map_err(|e| format!("{:?}", e.diagnostic()))? {
            Ended::Published(number) => numbers.push(number),
            Ended::Superseded | Ended::Overtaken => {}
        }
    }
    let log = store.slice_log(&slice()).await.map_err(|e| format!("{e:?}"))?;
    numbers.sort_unstable();
    let all: Vec<u64> = log.iter().map(|record| record.number).collect();
    if all != (1..=log.len() as u64).collect::<Vec<_>>() {
        return Err(format!("the log has the numbers {all:?}"));
    }
    if numbers != all {
        return Err(format!("the log has {all:?}, and writers published {numbers:?}"));
    }
    let versions: Vec<u64> = log.iter().map(|record| record.record.inputs[0].version).collect();
    if !versions.is_sorted() || versions.last() != Some(&writers) {
        return Err(format!("versions of the input in the log: {versions:?}"));
    }
    let found = store.fsck(true).await.map_err(|e| format!("{e:?}"))?;
    if found.damage.is_empty() { Ok(()) } else { Err(format!("{:?}", found.damage)) }
}

#[test]
fn of_several_writers_of_a_slice_one_wins_each_number_and_the_newest_stays() {
    let rounds = if long() { 500 } else { 20 };
    for backend in BACKENDS {
        for writers in [2, 5, 16, 64] {
            // Many at once take many pauses: most of those rounds are in virtual time, which passes at once.
            let real = if writers > 5 { rounds / 20 + 1 } else { rounds };
            for round in 0..rounds {
                let world = World::new(backend);
                let runtime = if round < real { runtime() } else { virtual_runtime() };
                let raced = runtime.block_on(async {
                    let store = world.store(&Script::of(Vec::new())).await.expect("the store opens");
                    race(&store, writers).await
                });
                raced.unwrap_or_else(|wrong| panic!("{backend:?}, {writers} writers, round {round}: {wrong}"));
            }
        }
    }
}

/// A store that ignores conditions, as some services do.
fn lax(memory: InMemory) -> Arc<dyn ObjectStore> {
    let before = |_: Path, options: PutOptions| -> BoxFuture<'static, PutOptions> {
        Box::pin(async move { PutOptions { mode: PutMode::Overwrite, ..options } })
    };
    Arc::new(Puts { inner: Arc::new(memory), before })
}

#[test]
fn a_store_that_ignores_conditions_is_refused_and_would_be_noticed() {
    runtime().block_on(async {
        let objects = |memory: InMemory| Objects { store: lax(memory), shown: "lax".to_owned(), local: None };
        let refused = Store::over(objects(InMemory::new())).await;
        assert!(matches!(refused, Err(StoreError::Incapable { lacks: "conditional writes", .. })), "{refused:?}");
        // Made before somebody put it behind a service that doesn't know conditions: nothing is tried out by readers.
        let memory = InMemory::new();
        let strict = Objects { store: Arc::new(memory.clone()), shown: "strict".to_owned(), local: None };
        Store::over(strict).await.expect("a store in memory does");
        let store = Store::over(objects(memory)).await.expect("it is a store already");
        assert!(store.probe().await.is_err());
        let mut noticed = false;
        for _ in 0..20 {
            noticed = noticed || race(&store, 16).await.is_err();
        }
        assert!(noticed, "the race finds nothing");
    });
}

#[test]
fn teams_that_build_different_slices_never_meet() {
    let domains = 5;
    let rounds = if long() { 50 } else { 1 };
    for round in 0..rounds {
        let dir = tempfile::tempdir().expect("a temporary folder can be made");
        let mut text = "domain raw { owner 'x' }\n\
             public source raw.lines { from 'raw/*.csv' columns (id bigint not null, amount int) }\n"
            .to_owned();
        for domain in 0..domains {
            text.push_str(&format!("domain team{domain} {{ owner 'x' }}\n"));
            for slice in 0..20 {
                text.push_str(&format!(
                    "public slice team{domain}.s{slice} {{ select id + {slice} as id, amount + {domain} as amount from raw.lines }}\n"
                ));
            }
        }
        write(dir.path(), "pie.toml", "[project]\nname = \"teams\"\n");
        write(dir.path(), "main.pie", &text);
        write(dir.path(), "raw/a.csv", "id,amount\n1,2\n");
        let project = driver::check(workspace::load(dir.path()));
        assert!(!project.has_errors(), "{:?}", project.diagnostics);
        let memory: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
        let scripts: Vec<Arc<Script>> = (0..domains).map(|_| Script::of(Vec::new())).collect();
        runtime().block_on(async {
            let open = |script: Arc<Script>| {
                let store = FaultStore { inner: Arc::clone(&memory), script };
                Store::over(Objects { store: Arc::new(store), shown: "memory".to_owned(), local: None })
            };
            let first =
                Session::over(&project, open(Script::of(Vec::new())).await.expect("it opens")).expect("a session");
            let manner = driver::Manner::quiet(2);
            driver::freeze(&project, &first, None, None, &manner.cancelled, |_| {}).await;
            let mut teams = Vec::new();
            for (domain, script) in scripts.iter().enumerate() {
                let session =
                    Session::over(&project, open(Arc::clone(script)).await.expect("it opens")).expect("a session");
                let own = project.model.slices.keys().filter(|name| name.domain() == format!("team{domain}")).cloned();
                teams.push((session, own.collect::<std::collections::BTreeSet<_>>()));
            }
            let build = |(session, own): &(Session, _)| {
                let (session, own, project) = (session.clone(), Clone::clone(own), &project);
                async move { driver::build(project, &session, Some(&own), &driver::Manner::quiet(2), |_| {}).await }
            };
            let built = futures::future::join_all(teams.iter().map(build)).await;
            for outcome in built {
                let report = outcome.expect("the store works").report;
                assert_eq!(report.slices.len(), 20);
                assert!(report.slices.iter().all(|slice| slice.outcome == Outcome::Built), "round {round}");
            }
            assert_clean(&first, "after all teams").await;
        });
        for script in &scripts {
            assert_eq!(script.conflicts(), 0, "round {round}: somebody was in the way");
        }
    }
}

#[test]
fn a_writer_that_comes_back_late_does_not_overwrite_newer_rows() {
    for backend in BACKENDS {
        let world = World::new(backend);
        let project = world.project();
        runtime().block_on(async {
            build(&project, &world.session(&project).await).await.expect("the first build works");
            // It reads all heads, and then sleeps for as long as it likes.
            let late = world.store(&Script::of(Vec::new())).await.expect("the store opens");
            let head = late.slice_head(&slice()).await.expect("it can be read");
            let old = head.clone().expect("it was built").record;
            world.add_day(2);
            build(&project, &world.session(&project).await).await.expect("the second build works");
            let commit = CommitRecord { id: icepie::store::new_id(), ..CommitRecord::clone(&old) };
            let ended = late.commit(&slice(), head, commit).await;
            // What it wants to publish was made of an older version of the same inputs.
            assert!(matches!(ended, Ok(Appended::Theirs(_)) | Err(StoreError::Conflict { .. })), "{ended:?}");
            let total = read(&project, &world.session(&project).await, "select total from shop.total").await;
            assert_eq!(total, Ok(World::total(2)));
            assert_clean(&world.session(&project).await, "after the late writer").await;
        });
    }
}

/// Builds, with `meanwhile` done by somebody else between the plan and its execution; then puts the raw data back to what was
/// planned on, builds again, and says what readers get.
fn interrupted(meanwhile: impl FnOnce(&World, &driver::Project) + Send) -> (String, String) {
    let world = World::new(BACKENDS[0]);
    let project = world.project();
    let manner = driver::Manner::quiet(2);
    let running = runtime();
    running.block_on(async {
        let session = world.session(&project).await;
        driver::freeze(&project, &session, None, None, &manner.cancelled, |_| {}).await;
        let session = world.session(&project).await;
        let tell = |_: &icepie::plan::BuildPlan| {
            std::thread::scope(|scope| scope.spawn(|| meanwhile(&world, &project)).join().expect("it ends well"));
        };
        driver::build(&project, &session, None, &manner, tell).await.expect("the store works");
        std::fs::remove_file(world.dir.path().join("raw/002.csv")).expect("it was added");
        let session = world.session(&project).await;
        let replace = icepie::freeze::Replace { reason: "as it was".to_owned() };
        driver::freeze(&project, &session, None, Some(&replace), &manner.cancelled, |_| {}).await;
        driver::build(&project, &world.session(&project).await, None, &manner, |_| {}).await.expect("the store works");
        let session = world.session(&project).await;
        let total = read(&project, &session, "select total from shop.total").await.expect("it is published");
        let doubled = read(&project, &session, "select sum(amount) as total from shop.doubled").await;
        (total, doubled.expect("it is published"))
    })
}

#[test]
fn rows_of_a_faster_builder_are_not_kept_under_keys_of_the_slower_one() {
    let shown = interrupted(|world, project| {
        world.add_day(2);
        runtime().block_on(async { build(project, &world.session(project).await).await.expect("it works") });
    });
    assert_eq!(shown, (World::total(1), World::total(1)));
}

#[test]
fn rows_over_something_held_meanwhile_are_not_kept_under_keys_of_what_it_would_be() {
    let world = World::new(BACKENDS[0]);
    let project = world.project();
    let doubled = RelationName::new("shop", "doubled");
    let manner = driver::Manner::quiet(2);
    runtime().block_on(async {
        build(&project, &world.session(&project).await).await.expect("the first build works");
        world.add_day(2);
        let session = world.session(&project).await;
        driver::freeze(&project, &session, None, None, &manner.cancelled, |_| {}).await;
        let hold = || {
            runtime().block_on(async {
                let session = world.session(&project).await;
                driver::hold(&session, &doubled, "a look", None).await.expect("it is held");
            });
        };
        let tell = |_: &icepie::plan::BuildPlan| {
            std::thread::scope(|scope| scope.spawn(hold).join().expect("it ends well"));
        };
        let built = driver::build(&project, &session, None, &manner, tell).await.expect("the store works");
        let of = |name: &RelationName| {
            built.report.slices.iter().find(|slice| slice.plan.name() == name).expect("it is in the plan").clone()
        };
        assert_eq!(of(&doubled).outcome, Outcome::Held);
        assert_eq!(of(&slice()).stale_inputs.len(), 1, "its reader says what it stands on");
        let session = world.session(&project).await;
        driver::release(&session, &doubled, None).await.expect("it is held");
        build(&project, &world.session(&project).await).await.expect("the last build works");
        let total = read(&project, &world.session(&project).await, "select total from shop.total").await;
        assert_eq!(total, Ok(World::total(2)));
    });
}
