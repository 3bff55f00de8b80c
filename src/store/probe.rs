//! What safety rests on is tried out before anything is written: a store may ignore what it doesn't know.

use super::{Store, StoreError};
use chrono::{DateTime, Utc};
use datafusion::object_store::path::Path;
use datafusion::object_store::{ObjectStoreExt, PutPayload};
use futures::TryStreamExt;
use tokio::time::Instant;

/// The store's own time, as it was read from what was just written.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    then: DateTime<Utc>,
    read: Instant,
}

impl Store {
    /// Tries the store out, once in a process, before something is written: another service may stand before it by now.
    ///
    /// # Errors
    /// As [`Store::probe`].
    pub async fn ready_to_write(&self) -> Result<(), StoreError> {
        self.now().await.map(|_| ())
    }

    /// What time it is for the store: what it said when it was tried out, and what has passed since here.
    ///
    /// # Errors
    /// As [`Store::probe`].
    pub async fn now(&self) -> Result<DateTime<Utc>, StoreError> {
        let clock = self.probed.get_or_try_init(|| self.probe()).await?;
        Ok(clock.then + clock.read.elapsed())
    }

    /// Tries the store out with one object, which is removed again: of two creations of a name exactly the first must
    /// succeed, and what was written must be read and listed at once.
    ///
    /// # Errors
    /// [`StoreError::Incapable`] says what the store lacks; other errors are those of the store itself.
    pub async fn probe(&self) -> Result<Clock, StoreError> {
        let (folder, id) = (Path::from("probes"), super::new_id());
        let path = folder.clone().join(format!("{id}.txt"));
        let result = self.probe_with(&folder, &path, id.as_bytes()).await;
        // What can't be removed is a few bytes that nothing reads.
        let _ = self.objects.delete(&path).await;
        result
    }

    async fn probe_with(&self, folder: &Path, path: &Path, bytes: &[u8]) -> Result<Clock, StoreError> {
        let lacks = |lacks| StoreError::Incapable { store: self.shown.clone(), lacks };
        let first = PutPayload::from(bytes.to_vec());
        match self.objects.put_opts(path, first, super::creating()).await {
            Ok(_) => {}
            Err(error) if self.local.is_some() && no_links(&error) => return Err(lacks("hard links")),
            Err(datafusion::object_store::Error::NotImplemented { .. }) => return Err(lacks("conditional writes")),
            // The answer to the first try may have been lost, and object_store has tried again by itself.
            Err(datafusion::object_store::Error::AlreadyExists { .. }) => {}
            Err(error) => return Err(self.failed("write", path, error)),
        }
        match self.objects.put_opts(path, PutPayload::from_static(b"second"), super::creating()).await {
            Err(datafusion::object_store::Error::AlreadyExists { .. }) => {}
            Ok(_) => return Err(lacks("conditional writes")),
            Err(error) => return Err(self.failed("write", path, error)),
        }
        if self.read(path).await?.is_none_or(|read| read != bytes) {
            return Err(lacks("reading what was just written"));
        }
        let list = self.objects.list(Some(folder)).try_collect::<Vec<_>>().await;
        let listed = list.map_err(|e| self.failed("list", folder, e))?;
        match listed.iter().find(|meta| &meta.location == path) {
            Some(meta) => Ok(Clock { then: meta.last_modified, read: Instant::now() }),
            None => Err(lacks("listing what was just written")),
        }
    }
}

/// Whether a file system refused to give a file a second name.
fn no_links(error: &datafusion::object_store::Error) -> bool {
    let mut error: &dyn std::error::Error = error;
    loop {
        if let Some(io) = error.downcast_ref::<std::io::Error>() {
            use std::io::ErrorKind::{PermissionDenied, Unsupported};
            // exFAT and some mounts say that they don't permit it.
            return matches!(io.kind(), Unsupported) || (io.kind() == PermissionDenied && io.raw_os_error() == Some(1));
        }
        match error.source() {
            Some(source) => error = source,
            None => return false,
        }
    }
}
