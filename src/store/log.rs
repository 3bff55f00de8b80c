//! Numbered, create-only logs: `<folder>/00000000000000000001.json`, …2, …3. The last record is the head.

use super::{Store, StoreError};
use crate::manifest::{self, digest};
use crate::memo::{self, Memo};
use datafusion::object_store::ObjectMeta;
use datafusion::object_store::path::Path;
use futures::TryStreamExt;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::HashMap;
use std::sync::Arc;

/// A record with its number in its log and the digest of its bytes, which its child carries.
#[derive(Clone, PartialEq, Debug)]
pub struct Numbered<T> {
    pub number: u64,
    pub blake3: String,
    pub record: Arc<T>,
}

/// How often a writer tries the next number when others take it first.
const ATTEMPTS: u32 = 20;

impl Store {
    /// The records of a log as objects, in order.
    async fn listed(&self, folder: &Path) -> Result<Vec<ObjectMeta>, StoreError> {
        let list = self.objects.list(Some(folder));
        let mut metas: Vec<_> = list.try_collect().await.map_err(|e| self.failed("list", folder, e))?;
        metas.retain(|meta| number(&meta.location).is_some());
        metas.sort_by_cached_key(|meta| number(&meta.location));
        Ok(metas)
    }

    /// The numbers of a log's records, in order.
    pub(super) async fn numbers(&self, folder: &Path) -> Result<Vec<u64>, StoreError> {
        Ok(self.listed(folder).await?.iter().filter_map(|meta| number(&meta.location)).collect())
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
        folder: &Path,
        number: u64,
    ) -> Result<Option<Numbered<T>>, StoreError> {
        self.read_record(&record_path(folder, number), number).await
    }

    async fn read_record<T: DeserializeOwned>(
        &self,
        path: &Path,
        number: u64,
    ) -> Result<Option<Numbered<T>>, StoreError> {
        let Some(bytes) = self.read(path).await? else { return Ok(None) };
        let record = manifest::read(&bytes).map_err(|e| StoreError::record(path, e))?;
        Ok(Some(Numbered { number, blake3: digest(&bytes), record: Arc::new(record) }))
    }

    pub(super) async fn head<T: Serialize + DeserializeOwned>(
        &self,
        folder: &Path,
        memo: &Memo,
    ) -> Result<Option<Numbered<T>>, StoreError> {
        match self.listed(folder).await?.last() {
            Some(meta) => self.listed_record(meta, memo).await,
            None => Ok(None),
        }
    }

    /// Appends a record behind `parent`. `make` gets the number and the parent's digest. Where another writer took the
    /// number first, `rebase` says whether to go on behind their record.
    ///
    /// A put whose answer was lost may have landed: `is_mine` knows the own record again by its id.
    pub(super) async fn append<T: Serialize + DeserializeOwned + Clone>(
        &self,
        folder: &Path,
        mut parent: Option<Numbered<T>>,
        make: impl Fn(u64, Option<String>) -> T,
        is_mine: impl Fn(&T) -> bool,
        rebase: impl Fn(&T) -> bool,
        name: &str,
    ) -> Result<Numbered<T>, StoreError> {
        let mut number = 1;
        for attempt in 0..ATTEMPTS {
            number = parent.as_ref().map_or(0, |parent| parent.number) + 1;
            let record = make(number, parent.as_ref().map(|parent| parent.blake3.clone()));
            let bytes = manifest::write(&record);
            let path = record_path(folder, number);
            let outcome = self.create(&path, bytes.clone()).await;
            if outcome.is_ok() {
                return Ok(Numbered { number, blake3: digest(&bytes), record: Arc::new(record) });
            }
            match self.record::<T>(folder, number).await? {
                Some(found) if is_mine(&found.record) => return Ok(found),
                Some(found) if rebase(&found.record) => parent = Some(found),
                Some(found) => return Err(StoreError::Conflict { name: name.to_owned(), version: found.number }),
                // Nothing landed: an error of the store itself, or a conditional put that failed for no visible reason.
                None if matches!(outcome, Err(StoreError::Exists { .. })) => {}
                None => return outcome.map(|()| Numbered { number, blake3: digest(&bytes), record: Arc::new(record) }),
            }
            let longest = 50u64.saturating_mul(1 << attempt.min(6));
            // Full jitter from the id's random bits keeps writers from meeting again and again.
            let jitter = uuid::Uuid::now_v7().as_u128() as u64 % longest.max(1);
            tokio::time::sleep(std::time::Duration::from_millis(jitter)).await;
        }
        Err(StoreError::Conflict { name: name.to_owned(), version: number })
    }
}

/// A path as the store gave it: encoded once, and not again.
pub(super) fn recorded(path: &str) -> Path {
    Path::parse(path).unwrap_or_else(|_| Path::from(path))
}

fn record_path(folder: &Path, number: u64) -> Path {
    folder.clone().join(format!("{number:020}.json"))
}

pub(super) fn number(path: &Path) -> Option<u64> {
    path.filename()?.strip_suffix(".json")?.parse().ok()
}
