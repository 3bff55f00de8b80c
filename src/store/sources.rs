//! Source versions.

use super::{Numbered, Store, StoreError};
use crate::manifest::SourceVersion;
use crate::name::RelationName;
use datafusion::object_store::ObjectStoreExt;
use datafusion::object_store::path::Path;

impl Store {
    /// The newest version of a source; `None` where it was never frozen.
    pub async fn source_head(&self, source: &RelationName) -> Result<Option<Numbered<SourceVersion>>, StoreError> {
        self.head(&log_folder(source), &self.memo).await
    }

    /// One version of a source.
    pub async fn source_version(
        &self,
        source: &RelationName,
        version: u64,
    ) -> Result<Option<Numbered<SourceVersion>>, StoreError> {
        self.record(&log_folder(source), version).await
    }

    /// Publishes a version behind `parent`. Somebody else's freeze at the same time is a conflict: its files may differ.
    pub async fn publish_source(
        &self,
        source: &RelationName,
        parent: Option<Numbered<SourceVersion>>,
        version: SourceVersion,
    ) -> Result<Numbered<SourceVersion>, StoreError> {
        let make = |number: u64, parent: Option<String>| SourceVersion { version: number, parent, ..version.clone() };
        let is_mine = |record: &SourceVersion| record.id == version.id;
        self.append(&log_folder(source), parent, make, is_mine, |_| false, &source.to_string()).await
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

fn log_folder(source: &RelationName) -> Path {
    folder(source).join("log")
}
