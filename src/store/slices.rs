//! Builds and commits of slices.

use super::{Numbered, Store, StoreError};
use crate::manifest::{self, BuildRecord, BuildReference, CommitRecord, digest};
use crate::name::RelationName;
use datafusion::object_store::ObjectStoreExt;
use datafusion::object_store::path::Path;
use futures::{StreamExt, TryStreamExt};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The object that makes a build findable by its key.
#[derive(Serialize, Deserialize)]
struct KeyRecord {
    format: u32,
    build: String,
}

impl Store {
    /// What readers of a slice see; `None` where it was never published. After a drop the record has no build.
    pub async fn slice_head(&self, slice: &RelationName) -> Result<Option<Numbered<CommitRecord>>, StoreError> {
        self.head(&self.log_folder(slice)).await
    }

    pub async fn slice_commit(
        &self,
        slice: &RelationName,
        version: u64,
    ) -> Result<Option<Numbered<CommitRecord>>, StoreError> {
        self.record(&self.log_folder(slice), version).await
    }

    /// The heads of all slices: one listing and one read a slice.
    pub async fn slice_heads(&self) -> Result<BTreeMap<RelationName, Numbered<CommitRecord>>, StoreError> {
        let last = self.last_numbers(&Path::from_iter(["heads", self.environment.as_str()])).await?;
        let reads = last.into_iter().map(|(folder, number)| async move {
            let record = self.record::<CommitRecord>(&super::log::recorded(&folder), number).await?;
            Ok::<_, StoreError>(record)
        });
        let records: Vec<_> = futures::stream::iter(reads).buffer_unordered(16).try_collect().await?;
        let named =
            records.into_iter().flatten().filter_map(|head| Some((RelationName::parse(&head.record.slice)?, head)));
        Ok(named.collect())
    }

    /// The whole history of a slice, oldest first.
    pub async fn slice_log(&self, slice: &RelationName) -> Result<Vec<Numbered<CommitRecord>>, StoreError> {
        let folder = self.log_folder(slice);
        let mut records = Vec::new();
        for number in self.numbers(&folder).await? {
            records.extend(self.record(&folder, number).await?);
        }
        Ok(records)
    }

    /// Publishes a commit behind `parent`. A commit that another builder of the same slice made meanwhile and that read
    /// no newer inputs is followed; one that read newer inputs wins.
    pub async fn commit(
        &self,
        slice: &RelationName,
        parent: Option<Numbered<CommitRecord>>,
        commit: CommitRecord,
    ) -> Result<Numbered<CommitRecord>, StoreError> {
        let make = |number: u64, parent: Option<String>| CommitRecord { version: number, parent, ..commit.clone() };
        let is_mine = |record: &CommitRecord| record.id == commit.id;
        let ours = |name: &str| commit.inputs.iter().find(|input| input.name == name).map_or(0, |input| input.version);
        let rebase = |theirs: &CommitRecord| theirs.inputs.iter().all(|input| input.version <= ours(&input.name));
        self.append(&self.log_folder(slice), parent, make, is_mine, rebase, &slice.to_string()).await
    }

    /// The folder of a build's files.
    pub fn build_folder(&self, slice: &RelationName, build: &str) -> Path {
        slice_folder(slice).join("builds").join(build)
    }

    /// Finds a build by its key.
    pub async fn find_build(
        &self,
        slice: &RelationName,
        key: &str,
    ) -> Result<Option<(BuildReference, BuildRecord)>, StoreError> {
        let path = key_path(slice, key);
        let Some(bytes) = self.read(&path).await? else { return Ok(None) };
        let found: KeyRecord = manifest::read(&bytes).map_err(|e| StoreError::record(&path, e))?;
        self.build(slice, &found.build).await
    }

    /// Reads a build's record; `None` where there is none.
    pub async fn build(
        &self,
        slice: &RelationName,
        id: &str,
    ) -> Result<Option<(BuildReference, BuildRecord)>, StoreError> {
        let path = self.build_folder(slice, id).join("build.json");
        let Some(bytes) = self.read(&path).await? else { return Ok(None) };
        let record: BuildRecord = manifest::read(&bytes).map_err(|e| StoreError::record(&path, e))?;
        let reference = BuildReference { id: record.id.clone(), key: record.key.clone(), blake3: digest(&bytes) };
        Ok(Some((reference, record)))
    }

    /// Records a finished and verified build and makes it findable. Of two builds of one key the first stays.
    pub async fn record_build(&self, slice: &RelationName, record: &BuildRecord) -> Result<BuildReference, StoreError> {
        let bytes = manifest::write(record);
        let reference = BuildReference { id: record.id.clone(), key: record.key.clone(), blake3: digest(&bytes) };
        self.create(&self.build_folder(slice, &record.id).join("build.json"), bytes).await?;
        let key = manifest::write(&KeyRecord { format: manifest::FORMAT, build: record.id.clone() });
        match self.create(&key_path(slice, &record.key), key).await {
            Ok(()) | Err(StoreError::Exists { .. }) => Ok(reference),
            Err(error) => Err(error),
        }
    }

    /// Removes the files of a build that wasn't recorded. What can't be removed stays: nothing refers to it.
    pub async fn discard_build(&self, slice: &RelationName, build: &str) {
        let folder = self.build_folder(slice, build);
        let Ok(metas) = self.objects.list(Some(&folder)).try_collect::<Vec<_>>().await else { return };
        for meta in metas {
            let _ = self.objects.delete(&meta.location).await;
        }
    }

    fn log_folder(&self, slice: &RelationName) -> Path {
        Path::from_iter(["heads", self.environment.as_str(), slice.domain.as_str(), slice.name.as_str()])
    }
}

fn slice_folder(slice: &RelationName) -> Path {
    Path::from_iter(["slices", slice.domain.as_str(), slice.name.as_str()])
}

fn key_path(slice: &RelationName, key: &str) -> Path {
    slice_folder(slice).join("keys").join(format!("{key}.json"))
}
