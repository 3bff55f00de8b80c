//! Who builds the same as somebody else waits for them, as long as they say that they live. Time is virtual here.

use super::clock::Clocked;
use super::puts::Puts;
use super::virtual_runtime;
use super::world::{World, assert_clean, read};
use datafusion::object_store::path::Path;
use datafusion::object_store::{ObjectStore, PutOptions};
use futures::future::BoxFuture;
use icepie::build::{Outcome, Progress, SliceReport};
use icepie::driver::{self, Manner, Project, Session};
use icepie::name::RelationName;
use icepie::store::{Objects, Store};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// Data files take a minute.
fn slow(store: &Clocked) -> Arc<dyn ObjectStore> {
    let before = |location: Path, options: PutOptions| -> BoxFuture<'static, PutOptions> {
        Box::pin(async move {
            if location.as_ref().ends_with(".parquet") {
                sleep(Duration::from_secs(60)).await;
            }
            options
        })
    };
    Arc::new(Puts { inner: Arc::new(store.clone()), before })
}

/// Keeps who was waited for.
#[derive(Default)]
struct Waits(Mutex<Vec<String>>);

impl Progress for Waits {
    fn started(&self, _: &RelationName) {}
    fn waiting(&self, slice: &RelationName, by: &str) {
        self.0.lock().expect("nobody panicked").push(format!("{slice}: {by}"));
    }
    fn advance(&self, _: &RelationName, _: u64, _: u64, _: u64, _: u64) {}
    fn finished(&self, _: &SliceReport) {}
}

async fn session(project: &Project, store: Arc<dyn ObjectStore>, by: &str) -> Session {
    let store = Store::over(Objects { store, shown: "the store".to_owned(), local: None }).await;
    let mut session = Session::over(project, store.expect("it opens")).expect("a session");
    session.stamp.by = by.to_owned();
    session
}

async fn built(project: &Project, session: &Session, waits: &Arc<Waits>) -> Vec<Outcome> {
    let manner = Manner { progress: Arc::clone(waits) as Arc<dyn Progress>, ..Manner::quiet(1) };
    let built = driver::build(project, session, None, &manner, |_| {}).await.expect("it is planned");
    built.report.slices.iter().map(|slice| slice.outcome).collect()
}

/// A project whose source is frozen, over an empty store.
async fn frozen() -> (World, Clocked, Project) {
    let store = Clocked::new();
    let world = World::over(Arc::new(store.clone()));
    world.add_day(1);
    let project = world.project();
    let session = session(&project, Arc::new(store.clone()), "somebody").await;
    let manner = Manner::quiet(1);
    driver::freeze(&project, &session, None, None, &manner.cancelled, |_| {}).await;
    (world, store, project)
}

fn files(paths: &[String], slice: &str) -> usize {
    let folder = format!("slices/shop/{slice}/");
    paths.iter().filter(|path| path.starts_with(&folder) && path.ends_with(".parquet")).count()
}

#[test]
fn what_somebody_else_builds_is_waited_for_and_not_built_twice() {
    virtual_runtime().block_on(async {
        let (world, store, project) = frozen().await;
        let project = Arc::new(project);
        let (first_waits, waits) = (Arc::new(Waits::default()), Arc::new(Waits::default()));
        let slow_one = session(&project, slow(&store), "alice").await;
        let first = {
            let (project, waits) = (Arc::clone(&project), Arc::clone(&first_waits));
            tokio::spawn(async move { built(&project, &slow_one, &waits).await })
        };
        sleep(Duration::from_secs(10)).await;
        let second = session(&project, Arc::new(store.clone()), "bob").await;
        let planned = driver::plan_whole(&project, &second, None).await.expect("it is planned");
        let status = driver::status(&project, &second, &planned).await.expect("it is asked");
        let building: Vec<Option<&str>> =
            status.iter().map(|status| status.building.as_ref().map(|lease| lease.by.as_str())).collect();
        assert_eq!(building, [Some("alice"), None], "{status:#?}");
        let began = Instant::now();
        let outcomes = built(&project, &second, &waits).await;
        assert!(began.elapsed() >= Duration::from_secs(45), "{:?}", began.elapsed());
        assert_eq!(waits.0.lock().expect("nobody panicked").first().map(String::as_str), Some("shop.doubled: alice"));
        assert_eq!(outcomes[0], Outcome::Reused, "{outcomes:?}");
        let first = first.await.expect("it ends");
        assert_eq!(first[0], Outcome::Built);
        // Both come to the second slice at the same time, and nothing is told of what takes less than two seconds.
        let paths = store.paths().await;
        assert_eq!(files(&paths, "doubled"), 1, "{paths:#?}");
        assert!(paths.iter().all(|path| !path.starts_with("leases/")), "{paths:#?}");
        let session = session(&project, Arc::new(store), "carol").await;
        assert_eq!(read(&project, &session, "select * from shop.total").await, Ok(World::total(1)));
        assert_clean(&session, "after two builders").await;
        drop(world);
    });
}

#[test]
fn who_dies_or_never_ends_is_not_waited_for_for_ever() {
    virtual_runtime().block_on(async {
        for dies in [true, false] {
            let (_world, store, project) = frozen().await;
            let other = session(&project, Arc::new(store.clone()), "alice").await;
            // The row key that a build of `doubled` would have: learned from one in a copy of the store.
            let copy = session(&project, Arc::new(store.copy()), "alice").await;
            built(&project, &copy, &Arc::default()).await;
            let head = copy.store.slice_head(&RelationName::new("shop", "doubled")).await.expect("it is read");
            let build = head.and_then(|head| head.record.build.clone()).expect("it has a build");
            let build = copy.store.build_of(&build).await.expect("it is read").expect("it is there");
            let (_, lease) = other.store.lease("shop.doubled", &build.keys[0].row, "alice", "2026-01-01T00:00:00Z");
            sleep(Duration::from_secs(5)).await;
            let kept = match dies {
                true => {
                    drop(lease);
                    None
                }
                false => Some(lease),
            };
            let (waits, began) = (Arc::new(Waits::default()), Instant::now());
            let mine = session(&project, Arc::new(store.clone()), "bob").await;
            assert_eq!(built(&project, &mine, &waits).await, [Outcome::Built, Outcome::Built]);
            let waited = began.elapsed().as_secs() / 60;
            assert!(if dies { (9..=11).contains(&waited) } else { (14..=16).contains(&waited) }, "{waited} minutes");
            assert_eq!(waits.0.lock().expect("nobody panicked").as_slice(), ["shop.doubled: alice"]);
            drop(kept);
        }
    });
}
