//! Suite 10: damage at rest. Every byte of every record of a store is flipped, every record is cut at every length or filled
//! with zeros; and bytes of data files are flipped. All of it is noticed, nothing panics, and no wrong row is shown.

use super::world::{Backend, World, build};
use super::{Random, long, runtime};
use bytes::Bytes;
use datafusion::object_store::path::Path;
use datafusion::object_store::{ObjectStore, ObjectStoreExt, PutPayload};
use futures::TryStreamExt;
use icepie::diagnostic::{Failed, human};
use icepie::driver::{self, Project};
use icepie::name::RelationName;
use icepie::store::MAIN;

const TOTAL: &str = "select total from shop.total";
const TRIAL: &str = "trial";

struct Built {
    world: World,
    project: Project,
    objects: Vec<(Path, Bytes)>,
}

fn built() -> Built {
    let world = World::new(Backend::Memory);
    let project = world.project();
    let objects = runtime().block_on(async {
        let session = world.session(&project).await;
        build(&project, &session).await.expect("the build works");
        let total = RelationName::new("shop", "total");
        driver::hold(&session, &total, "to be looked at", None).await.expect("it is held");
        driver::release(&session, &total, None).await.expect("it is held no more");
        world.add_day(2);
        let (trial, _) = session.within_or_begin(TRIAL).await.expect("an environment begins");
        build(&project, &trial).await.expect("the build works there too");
        let metas: Vec<_> = world.objects.list(None).try_collect().await.expect("the store can be listed");
        let mut objects = Vec::new();
        for meta in metas {
            let bytes =
                world.objects.get(&meta.location).await.expect("it is there").bytes().await.expect("it is read");
            objects.push((meta.location, bytes));
        }
        objects
    });
    Built { world, project, objects }
}

async fn put(store: &dyn ObjectStore, path: &Path, bytes: Vec<u8>) {
    store.put(path, PutPayload::from(bytes)).await.expect("memory holds it");
}

#[test]
fn every_flipped_byte_of_every_record_is_noticed() {
    let Built { world, project, objects } = built();
    let records: Vec<_> = objects.iter().filter(|(path, _)| path.as_ref().ends_with(".json")).collect();
    runtime().block_on(async {
        let session = world.session(&project).await;
        let store = world.objects.as_ref();
        let mut states = 0;
        for (path, bytes) in &records {
            // A store's identity is read when it is opened.
            if path.as_ref() == "store.json" {
                continue;
            }
            let step = if long() { 1 } else { 3 };
            let flips = (0..bytes.len()).step_by(step).map(|at| {
                let mut other = bytes.to_vec();
                other[at] ^= 1 << (at % 8);
                other
            });
            let cuts = (0..bytes.len()).step_by(step * 5).map(|at| bytes[..at].to_vec());
            let zeros = std::iter::once(vec![0; bytes.len()]);
            for damaged in flips.chain(cuts).chain(zeros) {
                put(store, path, damaged.clone()).await;
                let found = session.store.fsck(false).await.expect("the store answers");
                let text = String::from_utf8_lossy(&damaged);
                assert!(!found.damage.is_empty(), "{path} isn't found damaged:\n{text}");
                states += 1;
            }
            put(store, path, bytes.to_vec()).await;
        }
        eprintln!("{} records, {states} states", records.len());
        assert!(session.store.fsck(true).await.expect("the store answers").damage.is_empty());
    });
}

#[test]
fn readers_of_damaged_records_get_an_error_or_the_right_rows() {
    let Built { world, project, objects } = built();
    let (right, right_on_trial) = (World::total(1), World::total(2));
    runtime().block_on(async {
        let store = world.objects.as_ref();
        let mut random = Random::new(3);
        for (path, bytes) in objects.iter().filter(|(path, _)| path.as_ref() != "store.json") {
            let data = path.as_ref().ends_with(".parquet");
            let flips = if long() { bytes.len() } else { 12 };
            for flip in 0..flips {
                let at = if long() { flip } else { random.below(bytes.len()) };
                let mut damaged = bytes.to_vec();
                damaged[at] ^= 1 << random.below(8);
                put(store, path, damaged).await;
                let session = world.session(&project).await;
                for (environment, newest) in [(MAIN, &right), (TRIAL, &right_on_trial)] {
                    match total(&project, &world, environment).await {
                        // Instead of a damaged version the one before it is shown, and called older.
                        Ok(Total { rows, is_older: true }) => {
                            assert!(rows == right || rows == *newest, "{path}, byte {at}: {rows}")
                        }
                        Ok(Total { rows, .. }) => assert_eq!(rows, *newest, "{environment}: {path}, byte {at}"),
                        Err(told) => assert!(
                            told.contains("E0602") || told.contains("E0603"),
                            "{environment}: {path}, byte {at}: {told}"
                        ),
                    }
                }
                if data {
                    let found = session.store.fsck(true).await.expect("the store answers");
                    assert_eq!(found.damage.len(), 1, "{path}, byte {at}: {:?}", found.damage);
                }
            }
            put(store, path, bytes.to_vec()).await;
        }
        for (environment, rows) in [(MAIN, right), (TRIAL, right_on_trial)] {
            assert_eq!(total(&project, &world, environment).await, Ok(Total { rows, is_older: false }));
        }
    });
}

#[derive(PartialEq, Debug)]
struct Total {
    rows: String,
    is_older: bool,
}

async fn total(project: &Project, world: &World, environment: &str) -> Result<Total, String> {
    let told = |error: Failed| format!("{}: {}", error.code.as_str(), error.message);
    let session = world.session(project).await.within(environment).await.map_err(told)?;
    let mut shown = driver::tables(project, &session, &Default::default()).await.map_err(told)?;
    let answer = driver::query(TOTAL, &mut shown, &session).await;
    let answer = answer.map_err(|e| human::render(&e.diagnostics, &project.workspace.sources, false))?;
    let mut rows = Vec::new();
    icepie::serve::write(&answer, icepie::serve::Format::Csv, usize::MAX, &mut rows).map_err(|e| e.to_string())?;
    Ok(Total { rows: String::from_utf8_lossy(&rows).into_owned(), is_older: !shown.older.is_empty() })
}
