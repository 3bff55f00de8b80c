//! Numbered, create-only logs: `<folder>/00000000000000000001.json`, …2, …3. The last record is the head.

use super::{Log, Store, StoreError};
use crate::manifest::{self, digest};
use crate::memo::{self, Memo};
use datafusion::object_store::ObjectMeta;
use datafusion::object_store::path::Path;
use futures::TryStreamExt;
use percent_encoding::percent_decode_str;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

/// A record with its number in its log and the digest of its bytes, which its child carries.
#[derive(Clone, PartialEq, Debug)]
pub struct Numbered<T> {
    pub number: u64,
    pub blake3: String,
    pub record: Arc<T>,
}

/// How often a writer tries the next number when others take it first.
const ATTEMPTS: u32 = 20;

/// How often a put that wasn't answered is sent.
const DOUBTS: u32 = 4;

impl Store {
    /// The records of a log as objects, in order.
    async fn listed(&self, folder: &Path) -> Result<Vec<ObjectMeta>, StoreError> {
        let list = self.objects.list(Some(folder));
        let mut metas: Vec<_> = list.try_collect().await.map_err(|e| self.failed("list", folder, e))?;
        metas.retain(|meta| number(&meta.location).is_some());
        metas.sort_by_cached_key(|meta| number(&meta.location));
        Ok(metas)
    }

    /// The numbers of a log's records, in order; of records that it began with all that should be there.
    pub(super) async fn numbers(&self, log: &Log) -> Result<Vec<u64>, StoreError> {
        let own = self.listed(&log.own).await?;
        Ok((1..=log.base()).chain(own.iter().filter_map(|meta| number(&meta.location))).collect())
    }

    /// The records behind a number that lie in a log's own folder and can be read, newest first.
    pub(super) async fn own_records<T: Serialize + DeserializeOwned>(
        &self,
        log: &Log,
        after: u64,
    ) -> Result<Vec<Numbered<T>>, StoreError> {
        let mut records = Vec::new();
        let listed = self.listed(&log.own).await?;
        for meta in listed.iter().rev().filter(|meta| number(&meta.location).is_some_and(|number| number > after)) {
            match self.listed_record(meta, &self.memo.archive()).await {
                Ok(record) => records.extend(record),
                Err(StoreError::Corrupt { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(records)
    }

    /// The last record of every log below a folder's folders, as objects: each of these is listed by itself, on all cores.
    pub(super) async fn last_objects(&self, folder: &Path) -> Result<Vec<ObjectMeta>, StoreError> {
        let parts = self.objects.list_with_delimiter(Some(folder)).await.map_err(|e| self.failed("list", folder, e))?;
        let list = |store: Store, part: Path| async move { store.last_below(&part).await };
        Ok(self.ask_all(parts.common_prefixes, list).await?.into_iter().flatten().collect())
    }

    async fn last_below(&self, folder: &Path) -> Result<Vec<ObjectMeta>, StoreError> {
        let mut list = self.objects.list(Some(folder));
        let mut last: HashMap<String, (u64, ObjectMeta)> = HashMap::new();
        while let Some(meta) = list.try_next().await.map_err(|e| self.failed("list", folder, e))? {
            let (Some(number), Some((log, _))) = (number(&meta.location), meta.location.as_ref().rsplit_once('/'))
            else {
                continue;
            };
            if last.get(log).is_none_or(|(before, _)| *before < number) {
                last.insert(log.to_owned(), (number, meta));
            }
        }
        Ok(last.into_values().map(|(_, meta)| meta).collect())
    }

    /// The key of what follows from a listed record: it was created once and is never changed, and another object in its
    /// place would have another tag.
    pub(super) fn listed_key(&self, kind: &str, meta: &ObjectMeta) -> memo::Key {
        let size = meta.size.to_le_bytes();
        let modified = meta.last_modified.timestamp_nanos_opt().unwrap_or_default().to_le_bytes();
        let tag = meta.e_tag.as_deref().unwrap_or_default();
        let parts: [&[u8]; 5] =
            [self.identity.as_bytes(), meta.location.as_ref().as_bytes(), &size, &modified, tag.as_bytes()];
        memo::key(kind, parts)
    }

    /// A listed record, from a memo where it was read before.
    pub(super) async fn listed_record<T: Serialize + DeserializeOwned>(
        &self,
        meta: &ObjectMeta,
        memo: &Memo,
    ) -> Result<Option<Numbered<T>>, StoreError> {
        let Some(number) = number(&meta.location) else { return Ok(None) };
        let key = self.listed_key(std::any::type_name::<T>(), meta);
        if let Some((blake3, record)) = memo.get::<(String, T)>(&key) {
            return Ok(Some(Numbered { number, blake3, record: Arc::new(record) }));
        }
        let found = self.read_record::<T>(&meta.location, number).await?;
        if let Some(Numbered { blake3, record, .. }) = &found {
            memo.put(key, &(blake3, record.as_ref()));
        }
        Ok(found)
    }

    pub(super) async fn record<T: DeserializeOwned>(
        &self,
        log: &Log,
        number: u64,
    ) -> Result<Option<Numbered<T>>, StoreError> {
        self.read_record(&record_path(log.folder(number), number), number).await
    }

    pub(super) async fn read_record<T: DeserializeOwned>(
        &self,
        path: &Path,
        number: u64,
    ) -> Result<Option<Numbered<T>>, StoreError> {
        let Some(bytes) = self.read(path).await? else { return Ok(None) };
        let record = manifest::read(&bytes).map_err(|e| StoreError::record(path, e))?;
        Ok(Some(Numbered { number, blake3: digest(&bytes), record: Arc::new(record) }))
    }

    /// The last record of a log, or of what it began with.
    pub(super) async fn head<T: Serialize + DeserializeOwned>(
        &self,
        log: &Log,
        memo: &Memo,
    ) -> Result<Option<Numbered<T>>, StoreError> {
        match self.last_listed(&log.own).await? {
            Some(meta) => self.listed_record(&meta, memo).await,
            None => self.forked_record(log, memo).await,
        }
    }

    /// The last record of those that a log began with.
    pub(super) async fn forked_record<T: Serialize + DeserializeOwned>(
        &self,
        log: &Log,
        memo: &Memo,
    ) -> Result<Option<Numbered<T>>, StoreError> {
        let (number, Some(blake3)) = (log.base(), log.forked()) else { return Ok(None) };
        let key = memo::key(std::any::type_name::<T>(), [self.identity.as_bytes(), blake3.as_bytes()]);
        if let Some(record) = memo.get::<T>(&key) {
            return Ok(Some(Numbered { number, blake3: blake3.to_owned(), record: Arc::new(record) }));
        }
        let path = record_path(log.folder(number), number).to_string();
        let Some(found) = self.record::<T>(log, number).await? else {
            return Err(StoreError::Corrupt {
                path,
                cause: "the environment began with it, and it is gone".to_owned(),
            });
        };
        if found.blake3 != blake3 {
            let cause = "it isn't the record that the environment began with".to_owned();
            return Err(StoreError::Corrupt { path, cause });
        }
        memo.put(key, found.record.as_ref());
        Ok(Some(found))
    }

    /// The last record of the log in a folder.
    pub(super) async fn last<T: Serialize + DeserializeOwned>(
        &self,
        folder: &Path,
        memo: &Memo,
    ) -> Result<Option<Numbered<T>>, StoreError> {
        match self.last_listed(folder).await? {
            Some(meta) => self.listed_record(&meta, memo).await,
            None => Ok(None),
        }
    }

    /// The last record of a log as an object.
    pub(super) async fn last_listed(&self, folder: &Path) -> Result<Option<ObjectMeta>, StoreError> {
        Ok(self.listed(folder).await?.pop())
    }

    /// Appends a record behind `parent`. `make` gets its number and the record before it. Where another writer took the
    /// number first, `meet` says how to go on.
    ///
    /// A put that failed may have landed, and one that "exists already" may be an earlier try of the same put: `is_mine` knows
    /// the own record again by its id. After an error nothing that the record refers to may be removed.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] where `meet` gives up, or others are always faster; [`StoreError::Unknown`] where it can't be
    /// found out whether the record is there.
    pub(super) async fn append<T: Serialize + DeserializeOwned + Clone>(
        &self,
        folder: &Path,
        mut parent: Option<Numbered<T>>,
        make: impl Fn(u64, Option<&Numbered<T>>) -> T,
        is_mine: impl Fn(&T) -> bool,
        meet: impl Fn(&T) -> Meeting,
        name: &str,
    ) -> Result<Appended<T>, StoreError> {
        let mut number = 1;
        for attempt in 0..ATTEMPTS {
            number = parent.as_ref().map_or(0, |parent| parent.number) + 1;
            let record = make(number, parent.as_ref());
            let bytes = manifest::write(&record);
            let path = record_path(folder, number);
            let outcome = self.create(&path, bytes.clone()).await;
            if outcome.is_ok() {
                return Ok(Appended::Own(Numbered { number, blake3: digest(&bytes), record: Arc::new(record) }));
            }
            let unknown = |cause: &StoreError| StoreError::Unknown {
                name: name.to_owned(),
                version: number,
                cause: cause.cause(),
            };
            match self.read_record::<T>(&path, number).await {
                Ok(Some(found)) if is_mine(&found.record) => {
                    self.keep(&path).await.map_err(|e| unknown(&e))?;
                    return Ok(Appended::Own(found));
                }
                Ok(Some(found)) => match meet(&found.record) {
                    Meeting::Behind => parent = Some(found),
                    Meeting::Theirs => return Ok(Appended::Theirs(found)),
                    Meeting::Stop => {
                        return Err(StoreError::Conflict { name: name.to_owned(), version: found.number });
                    }
                },
                Ok(None) => match outcome {
                    // A conditional put that lost against another one that didn't land either.
                    Err(StoreError::Exists { .. }) | Ok(()) => {}
                    // It may land yet, so it is sent again: the number and its id make sure that it lands once.
                    Err(StoreError::Io { doubtful: true, .. }) if attempt + 1 < DOUBTS => {}
                    Err(error @ StoreError::Io { doubtful: true, .. }) => return Err(unknown(&error)),
                    Err(error) => return Err(error),
                },
                Err(error) => return Err(unknown(outcome.as_ref().err().unwrap_or(&error))),
            }
            tokio::time::sleep(pause(attempt)).await;
        }
        Err(StoreError::Conflict { name: name.to_owned(), version: number })
    }

    /// Makes what is there stay there, where an error left open whether it would.
    async fn keep(&self, path: &Path) -> Result<(), StoreError> {
        match &self.local {
            Some(local) => local.keep(path).await.map_err(|e| self.failed("sync", path, e)),
            None => Ok(()),
        }
    }
}

/// How a writer goes on behind a record that somebody else put where its own should be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Meeting {
    /// Its record comes behind theirs.
    Behind,
    /// Theirs says all that its own would.
    Theirs,
    /// What it wants to say has to be worked out again.
    Stop,
}

/// A record that is in a log now.
#[derive(Clone, PartialEq, Debug)]
pub enum Appended<T> {
    Own(Numbered<T>),
    /// Somebody else's, which makes the own one needless.
    Theirs(Numbered<T>),
}

impl<T> Appended<T> {
    /// The record, whoever wrote it.
    pub fn into_record(self) -> Numbered<T> {
        match self {
            Appended::Own(record) | Appended::Theirs(record) => record,
        }
    }
}

/// How long a writer waits before its next try: any time up to a bound that doubles, so that writers don't meet again and
/// again (full jitter), and never long.
fn pause(attempt: u32) -> Duration {
    let longest = 50u64.saturating_mul(1 << attempt.min(10)).min(5_000);
    // The id's low bits are random.
    Duration::from_millis(uuid::Uuid::now_v7().as_u128() as u64 % longest)
}

/// A path as the store gave it: encoded once, and not again.
pub(super) fn recorded(path: &str) -> Path {
    Path::parse(path).unwrap_or_else(|_| Path::from(path))
}

pub(super) fn record_path(folder: &Path, number: u64) -> Path {
    folder.clone().join(format!("{number:020}.json"))
}

/// The parts of a path as they were before the store encoded them.
pub(super) fn names(path: &Path) -> Vec<String> {
    path.parts().map(|part| percent_decode_str(part.as_ref()).decode_utf8_lossy().into_owned()).collect()
}

pub(super) fn number(path: &Path) -> Option<u64> {
    path.filename()?.strip_suffix(".json")?.parse().ok()
}
