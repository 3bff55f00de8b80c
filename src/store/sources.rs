//! Source versions.

use super::log::Meeting;
use super::{Appended, Numbered, Store, StoreError};
use crate::manifest::{SourceVersion, digest};
use crate::name::RelationName;
use datafusion::object_store::ObjectStoreExt;
use datafusion::object_store::path::Path;
use std::collections::BTreeMap;
use std::sync::Arc;

impl Store {
    /// The newest version of a source; `None` where it was never frozen.
    pub async fn source_head(&self, source: &RelationName) -> Result<Option<Numbered<SourceVersion>>, StoreError> {
        self.head(&self.source_history(source), &self.memo).await
    }

    /// The version that the next one follows, and whether its record is damaged: then it has the files of the last whole one, or
    /// none, under the damaged one's number and digest.
    pub async fn source_to_follow(
        &self,
        source: &RelationName,
    ) -> Result<(Option<Numbered<SourceVersion>>, bool), StoreError> {
        match self.source_head(source).await {
            Err(StoreError::Corrupt { .. }) => {}
            head => return Ok((head?, false)),
        }
        let log = self.source_history(source);
        let number = match self.last_listed(&log.own).await? {
            Some(meta) => super::log::number(&meta.location).unwrap_or_default(),
            None => log.base(),
        };
        let Some(damaged) = self.read(&super::log::record_path(log.folder(number), number)).await? else {
            return Ok((None, false));
        };
        let mut good = SourceVersion::default();
        for before in (1..number).rev() {
            match self.source_version(source, before).await {
                Ok(Some(found)) => {
                    good = SourceVersion::clone(&found.record);
                    break;
                }
                Ok(None) | Err(StoreError::Corrupt { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        let record = Arc::new(SourceVersion { version: number, ..good });
        Ok((Some(Numbered { number, blake3: digest(&damaged), record }), true))
    }

    /// One version of a source.
    pub async fn source_version(
        &self,
        source: &RelationName,
        version: u64,
    ) -> Result<Option<Numbered<SourceVersion>>, StoreError> {
        self.record(&self.source_history(source), version).await
    }

    /// Whether the files are there that text files were converted to: those of old versions may be collected.
    pub async fn is_whole(&self, version: &SourceVersion) -> Result<bool, StoreError> {
        for file in version.files.iter().filter_map(|file| file.converted.as_ref()) {
            if !self.is_there(&super::log::recorded(&file.path)).await? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Publishes a version behind `parent`. Somebody else's freeze at the same time is a conflict, unless they froze the same
    /// rows of the same files.
    pub async fn publish_source(
        &self,
        source: &RelationName,
        parent: Option<Numbered<SourceVersion>>,
        version: SourceVersion,
    ) -> Result<Appended<SourceVersion>, StoreError> {
        let make = |number: u64, parent: Option<&Numbered<SourceVersion>>| SourceVersion {
            version: number,
            parent: parent.map(|parent| parent.blake3.clone()),
            ..version.clone()
        };
        let is_mine = |record: &SourceVersion| record.id == version.id;
        let raw = |version: &SourceVersion| {
            version.files.iter().map(|file| (file.path.clone(), file.blake3.clone())).collect::<BTreeMap<_, _>>()
        };
        let meet = |theirs: &SourceVersion| {
            let declared = |version: &SourceVersion| {
                (
                    version.columns.clone(),
                    version.key.clone(),
                    version.partition_by.clone(),
                    version.file_format.clone(),
                )
            };
            let same = theirs.content == version.content && declared(theirs) == declared(&version);
            if same && raw(theirs) == raw(&version) { Meeting::Theirs } else { Meeting::Stop }
        };
        self.append(&self.source_history(source).own, parent, make, is_mine, meet, &source.to_string()).await
    }

    /// Removes data files that no record names. What can't be removed stays: nothing refers to it.
    pub async fn discard_data(&self, paths: &[String]) {
        for path in paths {
            let _ = self.objects.delete(&super::log::recorded(path)).await;
        }
    }

    /// Where a converted text file goes.
    pub fn source_data_path(&self, source: &RelationName, id: &str) -> Path {
        folder(source).join("data").join(format!("{id}.parquet"))
    }
}

fn folder(source: &RelationName) -> Path {
    Path::from_iter(["sources", source.domain(), source.name()])
}
