//! Suite 10: damage at rest. Every byte of every record of a store is flipped, every record is cut at every length or filled
//! with zeros; and bytes of data files are flipped. All of it is noticed, nothing panics, and no wrong row is shown.

use super::world::{Backend, World, build, read};
use super::{Random, long, runtime};
use bytes::Bytes;
use datafusion::object_store::path::Path;
use datafusion::object_store::{ObjectStore, ObjectStoreExt, PutPayload};
use futures::TryStreamExt;
use icepie::driver::Project;

const TOTAL: &str = "select total from shop.total";

struct Built {
    world: World,
    project: Project,
    objects: Vec<(Path, Bytes)>,
}

fn built() -> Built {
    let world = World::new(Backend::Memory);
    let project = world.project();
    let objects = runtime().block_on(async {
        build(&project, &world.session(&project).await).await.expect("the build works");
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
    let right = World::total(1);
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
                let total = read(&project, &session, TOTAL).await;
                match &total {
                    Ok(total) => assert_eq!(*total, right, "{path}, byte {at}"),
                    Err(told) => assert!(told.contains("E0602") || told.contains("E0603"), "{path}, byte {at}: {told}"),
                }
                if data {
                    let found = session.store.fsck(true).await.expect("the store answers");
                    assert_eq!(found.damage.len(), 1, "{path}, byte {at}: {:?}", found.damage);
                }
            }
            put(store, path, bytes.to_vec()).await;
        }
        assert_eq!(read(&project, &world.session(&project).await, TOTAL).await, Ok(right));
    });
}
