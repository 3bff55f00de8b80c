//! Notes that hold as long as they are renewed: pins keep builds from being collected, leases say who builds what.
//!
//! Nothing rests on a lease, and on a pin only that a long reading comes to its end. Each is written by a task of its own once
//! what it is about has taken a while, so short work costs nothing. Who dies renews nothing, and after [`TERM`] by the store's
//! clock the note is over. Failures are told of once, and aren't renewed.

use super::gc::{TERM, is_over};
use super::{Store, StoreError};
use crate::manifest::{self, FORMAT, FailureRecord, LeaseRecord, PinRecord};
use crate::name::RelationName;
use datafusion::object_store::ObjectMeta;
use datafusion::object_store::path::Path;
use futures::TryStreamExt;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::task::JoinHandle;

/// Work that takes less isn't told of.
const LEASE_AFTER: Duration = Duration::from_secs(2);
/// Marked builds stay at least an hour.
const PIN_AFTER: Duration = Duration::from_secs(300);

/// How long a note that ends waits for a write of its own.
const PATIENCE: Duration = Duration::from_secs(5);

/// A note that is renewed until it ends.
#[derive(Debug)]
pub struct Note {
    store: Store,
    folder: Path,
    /// There may be an object to take away.
    written: Arc<AtomicBool>,
    /// Held while an object is written.
    writing: Arc<Mutex<()>>,
    task: JoinHandle<()>,
}

impl Note {
    /// Takes the note away. One that can't be taken away ends by itself.
    pub async fn end(self) {
        // A write that is under way goes on in a thread of its own, whatever happens to the task.
        let idle = tokio::time::timeout(PATIENCE, self.writing.lock()).await;
        self.task.abort();
        drop(idle);
        if !self.written.load(Ordering::Acquire) {
            return;
        }
        let Ok(metas) = self.store.objects.list(Some(&self.folder)).try_collect::<Vec<ObjectMeta>>().await else {
            return;
        };
        for meta in metas {
            let _ = self.store.remove(&meta.location).await;
        }
        if let Some(local) = &self.store.local {
            local.remove_empty(&self.folder);
        }
    }
}

impl Drop for Note {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Store {
    /// Keeps builds, by their ids, and files of sources, by their paths, from being collected, from some minutes after this on.
    pub fn pin(&self, read: BTreeSet<String>, what: &str, by: &str) -> Note {
        let (folder, record) = pin(read, what, by);
        self.note(folder, manifest::write(&record), PIN_AFTER, None)
    }

    /// The same from now on. A store that can't be written to is only read: then nothing keeps them.
    pub async fn pin_now(&self, read: BTreeSet<String>, what: &str, by: &str) -> Note {
        let (folder, record) = pin(read, what, by);
        let bytes = manifest::write(&record);
        let first = folder.clone().join("0.json");
        let _ = self.create(&first, bytes.clone()).await;
        self.note(folder, bytes, TERM / 3, Some(first))
    }

    /// Tells others, once it has taken a while, that a slice is being built.
    pub fn lease(&self, slice: &str, row: &str, by: &str, created_at: &str) -> (String, Note) {
        let id = super::new_id();
        let record = LeaseRecord {
            format: FORMAT,
            id: id.clone(),
            environment: self.environment().to_owned(),
            slice: slice.to_owned(),
            row: row.to_owned(),
            created_at: created_at.to_owned(),
            by: by.to_owned(),
            pie: env!("CARGO_PKG_VERSION").to_owned(),
        };
        let folder = Path::from_iter(["leases", id.as_str()]);
        (id, self.note(folder, manifest::write(&record), LEASE_AFTER, None))
    }

    /// What is being built now, as far as somebody has said so: one listing, and a read for each.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn leases(&self) -> Result<Vec<LeaseRecord>, StoreError> {
        let root = Path::from("leases");
        let list = self.objects.list(Some(&root)).try_collect::<Vec<_>>().await;
        let metas: Vec<ObjectMeta> = list.map_err(|e| self.failed("list", &root, e))?;
        if metas.is_empty() {
            return Ok(Vec::new());
        }
        let now = self.now().await?;
        // The newest of each.
        let mut last: BTreeMap<String, ObjectMeta> = BTreeMap::new();
        for meta in metas.into_iter().filter(|meta| !is_over(meta, now)) {
            let Some(id) = super::log::names(&meta.location).into_iter().nth(1) else { continue };
            if last.get(&id).is_none_or(|before| before.last_modified < meta.last_modified) {
                last.insert(id, meta);
            }
        }
        let mut leases = Vec::new();
        for meta in last.into_values() {
            let Some(bytes) = self.read(&meta.location).await? else { continue };
            leases.extend(manifest::read::<LeaseRecord>(&bytes));
        }
        Ok(leases)
    }

    /// Says that a build failed. Whether that can be said changes nothing.
    pub async fn tell_failure(&self, failure: FailureRecord) {
        let Some(slice) = RelationName::parse(&failure.slice) else { return };
        // Newer ids sort behind older ones.
        let folder = self.failures_folder().join(slice.domain()).join(slice.name());
        let _ = self.create(&folder.join(format!("{}.json", failure.id)), manifest::write(&failure)).await;
    }

    /// The last failure of each slice in this environment: one listing, and a read for each.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn failures(&self) -> Result<BTreeMap<RelationName, FailureRecord>, StoreError> {
        let root = self.failures_folder();
        let list = self.objects.list(Some(&root)).try_collect::<Vec<_>>().await;
        let metas: Vec<ObjectMeta> = list.map_err(|e| self.failed("list", &root, e))?;
        let mut last: BTreeMap<RelationName, Path> = BTreeMap::new();
        for meta in metas {
            let Some(slice) = super::slices::slice_of(&meta.location) else { continue };
            let path = last.entry(slice).or_insert_with(|| meta.location.clone());
            *path = meta.location.max(path.clone());
        }
        let read = |store: Store, (slice, path): (RelationName, Path)| async move {
            let Some(bytes) = store.read(&path).await? else { return Ok(None) };
            Ok(manifest::read::<FailureRecord>(&bytes).ok().map(|failure| (slice, failure)))
        };
        Ok(self.ask_all(last.into_iter().collect(), read).await?.into_iter().flatten().collect())
    }

    fn failures_folder(&self) -> Path {
        let place = self.environment.place();
        Path::from_iter(std::iter::once("failures").chain(place.split('/')))
    }

    fn note(&self, folder: Path, bytes: Vec<u8>, after: Duration, first: Option<Path>) -> Note {
        let (store, place) = (self.clone(), folder.clone());
        let written = Arc::new(AtomicBool::new(first.is_some()));
        let writes = Arc::clone(&written);
        let writing = Arc::new(Mutex::new(()));
        let lock = Arc::clone(&writing);
        let task = tokio::spawn(async move {
            tokio::time::sleep(after).await;
            writes.store(true, Ordering::Release);
            let mut before = first;
            for number in 1u64.. {
                let path = place.clone().join(format!("{number}.json"));
                let held = lock.lock().await;
                // One that fails is made up for by the next.
                if store.create(&path, bytes.clone()).await.is_ok()
                    && let Some(before) = before.replace(path)
                {
                    let _ = store.remove(&before).await;
                }
                drop(held);
                tokio::time::sleep(TERM / 3).await;
            }
        });
        Note { store: self.clone(), folder, written, writing, task }
    }
}

fn pin(read: BTreeSet<String>, what: &str, by: &str) -> (Path, PinRecord) {
    let id = super::new_id();
    let folder = Path::from_iter(["pins", id.as_str()]);
    let (what, by) = (what.to_owned(), by.to_owned());
    let pie = env!("CARGO_PKG_VERSION").to_owned();
    (folder, PinRecord { format: FORMAT, id, read: read.into_iter().collect(), what, by, pie })
}
