//! Objects ↔ records: where frozen sources are recorded and slices live.
//!
//! ```text
//! store.json                                      format and identity of the store
//! sources/<domain>/<source>/log/<number>.json     source versions
//! sources/<domain>/<source>/data/<id>.parquet     text files, converted
//! slices/<domain>/<slice>/builds/<id>/…           data files and build.json of one build
//! keys/<row key>/<id>-<digest>.json               build key → build
//! heads/main/<domain>/<slice>/<number>.json       commits: the last one is what readers see
//! environments/<name>/…                           the same for other environments: see `environments`
//! ```
//!
//! Everything but `store.json` is written once and never changed. A log's next number is created with a conditional put,
//! which is the one primitive that every backend has: exactly one writer wins a number, and until then nothing of a build
//! can be seen. A build that is interrupted leaves at most files that no record names. object_store is opened nowhere else.

mod disk;
mod durable;
mod environments;
mod error;
mod fsck;
mod gc;
mod location;
mod log;
mod notes;
mod probe;
mod roots;
mod sources;
mod slices;

pub use disk::{Disk, DiskFile, RealDisk};
pub use durable::DurableLocal;
pub use environments::{Log, MAIN, Spot, wrong_name};
pub use error::StoreError;
pub use fsck::{Damage, Fsck};
pub use gc::{Collection, Garbage};
pub use location::{Location, Objects, open_objects};
pub use log::{Appended, Numbered};
pub use notes::Note;
pub use roots::Retention;
pub use slices::{HeadFacts, SliceHead};

use environments::Environment;

use crate::manifest::FORMAT;
use crate::memo::Memo;
use crate::parallel;
use bytes::Bytes;
use datafusion::object_store::path::Path;
use datafusion::object_store::{ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload};
use futures::{StreamExt, TryStreamExt};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// An open store. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Store {
    objects: Arc<dyn ObjectStore>,
    local: Option<DurableLocal>,
    /// What people call it in messages: a path or a URL without secrets.
    shown: String,
    environment: Arc<Environment>,
    /// Of `store.json`.
    identity: String,
    memo: Memo,
    /// It was tried out whether the store can do what safety rests on.
    probed: Arc<tokio::sync::OnceCell<probe::Clock>>,
    /// What is about to be collected.
    known_marks: gc::KnownMarks,
}

#[derive(Serialize, Deserialize)]
struct Identity {
    format: u32,
    id: String,
}

impl Store {
    /// Opens a store, making it where there is none yet. Refuses one of a format that this version doesn't know.
    pub async fn open(location: &Location) -> Result<Store, StoreError> {
        Store::over(open_objects(location)?).await
    }

    /// As [`Store::open`], in a place that is open already.
    pub async fn over(objects: Objects) -> Result<Store, StoreError> {
        let Objects { store: objects, shown, local } = objects;
        let environment = Arc::new(Environment::main());
        let mut store = Store {
            objects,
            local,
            shown,
            environment,
            identity: String::new(),
            memo: Memo::none(),
            probed: Arc::default(),
            known_marks: gc::KnownMarks::default(),
        };
        let path = Path::from("store.json");
        let bytes = match store.read(&path).await? {
            Some(bytes) => bytes,
            None => {
                store.ready_to_write().await?;
                let identity = Identity { format: FORMAT, id: new_id() };
                let bytes = crate::manifest::write(&identity);
                match store.create(&path, bytes.clone()).await {
                    Ok(()) => Bytes::from(bytes),
                    // Somebody else made it at the same time, or the answer was lost: what is there counts.
                    Err(error) => match store.read(&path).await? {
                        Some(bytes) => bytes,
                        None => return Err(error),
                    },
                }
            }
        };
        let identity: Identity = crate::manifest::read(&bytes).map_err(|e| StoreError::record(&path, e))?;
        store.identity = identity.id;
        Ok(store)
    }

    /// Records that were read before needn't be read again.
    pub fn with_memo(self, memo: Memo) -> Store {
        Store { memo, ..self }
    }

    pub fn shown(&self) -> &str {
        &self.shown
    }

    /// The objects themselves, for reading and writing data files.
    pub fn objects(&self) -> Arc<dyn ObjectStore> {
        Arc::clone(&self.objects)
    }

    /// An object's bytes; `None` where there is none.
    async fn read(&self, path: &Path) -> Result<Option<Bytes>, StoreError> {
        match self.objects.get(path).await {
            Ok(result) => result.bytes().await.map(Some).map_err(|e| self.failed("read", path, e)),
            Err(datafusion::object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(self.failed("read", path, error)),
        }
    }

    /// The digest of an object's bytes; `None` where there is none.
    async fn digest_of(&self, path: &Path) -> Result<Option<String>, StoreError> {
        let mut stream = match self.objects.get(path).await {
            Ok(result) => result.into_stream(),
            Err(datafusion::object_store::Error::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(self.failed("read", path, error)),
        };
        let mut hasher = blake3::Hasher::new();
        while let Some(bytes) = stream.try_next().await.map_err(|e| self.failed("read", path, e))? {
            hasher.update(&bytes);
        }
        Ok(Some(hasher.finalize().to_hex().to_string()))
    }

    async fn is_there(&self, path: &Path) -> Result<bool, StoreError> {
        // On a local disk this takes less than handing it to a thread that may wait, which is done for everything else.
        if let Some(file) = self.local.as_ref().and_then(|local| local.file(path).ok())
            && let Ok(there) = file.try_exists()
        {
            return Ok(there);
        }
        match self.objects.head(path).await {
            Ok(_) => Ok(true),
            Err(datafusion::object_store::Error::NotFound { .. }) => Ok(false),
            Err(error) => Err(self.failed("read", path, error)),
        }
    }

    /// Creates an object; [`StoreError::Exists`] where there is one already.
    async fn create(&self, path: &Path, bytes: Vec<u8>) -> Result<(), StoreError> {
        match self.objects.put_opts(path, PutPayload::from(bytes), creating()).await {
            Ok(_) => Ok(()),
            Err(datafusion::object_store::Error::AlreadyExists { .. }) => {
                Err(StoreError::Exists { path: path.to_string() })
            }
            Err(error) => Err(self.failed("write", path, error)),
        }
    }

    /// That a data file couldn't be written.
    pub fn unwritten(&self, path: &Path, cause: String) -> StoreError {
        let (store, path) = (self.shown.clone(), path.to_string());
        StoreError::Io { action: "write", store, path, cause, doubtful: true }
    }

    fn failed(&self, action: &'static str, path: &Path, error: datafusion::object_store::Error) -> StoreError {
        use datafusion::object_store::Error;
        // Of a local disk what is there can be seen; a server may have done what it didn't answer, or do it yet.
        let doubtful = self.local.is_none() && matches!(error, Error::Generic { .. } | Error::JoinError { .. });
        let (store, path) = (self.shown.clone(), path.to_string());
        StoreError::Io { action, store, path, cause: error::cause(&error), doubtful }
    }
}

/// Nothing that is there is written over.
fn creating() -> PutOptions {
    PutOptions { mode: PutMode::Create, ..PutOptions::default() }
}

/// Reads of the store that are under way at the same time.
const AT_ONCE: usize = 128;

impl Store {
    /// Asks the store about each item, on all cores: records are parsed where they arrive. The answers have no order. What is
    /// asked may wait for the store only, not for timers or tasks.
    pub async fn ask_all<T, R, W>(
        &self,
        items: Vec<T>,
        ask: impl Fn(Store, T) -> W + Send + Sync + 'static,
    ) -> Result<Vec<R>, StoreError>
    where
        T: Send + 'static,
        R: Send + 'static,
        W: Future<Output = Result<R, StoreError>> + Send + 'static,
    {
        if self.local.is_some() {
            // A disk answers sooner than a thread that waits for it is woken: object_store hands each call to another thread
            // only where a runtime is around.
            let store = self.clone();
            let all = move || parallel::map_apart(items, |item| futures::executor::block_on(ask(store.clone(), item)));
            return joined(tokio::task::spawn_blocking(all).await).into_iter().collect();
        }
        let mut tasks: Vec<Vec<W>> = Vec::new();
        tasks.resize_with(parallel::cores().min(items.len()), Vec::new);
        for (index, item) in items.into_iter().enumerate() {
            let task = index % tasks.len();
            tasks[task].push(ask(self.clone(), item));
        }
        let each = AT_ONCE.div_ceil(tasks.len().max(1));
        let spawn = |asked: Vec<W>| {
            let answers = futures::stream::iter(asked).buffer_unordered(each);
            tokio::spawn(async move { answers.try_collect::<Vec<R>>().await })
        };
        let running: Vec<_> = tasks.into_iter().map(spawn).collect();
        let mut answers = Vec::new();
        for task in running {
            answers.extend(joined(task.await)?);
        }
        Ok(answers)
    }
}

/// A task ends in a panic only through a bug; it must not be lost.
fn joined<R>(ended: Result<R, tokio::task::JoinError>) -> R {
    ended.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()))
}

/// A new unique id that sorts by time (UUID version 7).
pub fn new_id() -> String {
    uuid::Uuid::now_v7().to_string()
}
