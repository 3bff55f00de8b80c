//! One slice, from pinned inputs to its commit.

use super::run::{Running, under_schema};
use super::schedule::{Outcome, Progress};
use super::{BuildError, Inputs, verify};
use crate::content::ContentHasher;
use crate::exec::{Failure, FileSet, ParquetFile, Runtime, build_files};
use crate::freeze::{Stamp, column_records};
use crate::incremental::{preimage_of, verified_digest};
use crate::manifest::{
    BuildRecord, BuildReference, CommitKind, CommitRecord, Content, DataFile, FORMAT, KeyPreimage, PartitionBuild,
    partitions_digest,
};
use crate::semantic::{SemanticModel, Slice, schema_of};
use crate::store::{Numbered, Store};
use std::time::Instant;
use tokio_util::sync::CancellationToken;

/// What building one slice needs besides its inputs.
pub struct SliceBuild<'a> {
    pub model: &'a SemanticModel,
    pub slice: &'a Slice,
    pub store: &'a Store,
    pub runtime: &'a Runtime,
    pub stamp: &'a Stamp,
    pub progress: &'a dyn Progress,
    pub cancelled: &'a CancellationToken,
    pub head: Option<Numbered<CommitRecord>>,
    pub head_build: Option<BuildRecord>,
    /// The plan said `maybe`.
    pub was_maybe: bool,
}

/// A slice that is done: what its readers see.
pub struct Done {
    pub outcome: Outcome,
    pub commit: Numbered<CommitRecord>,
    pub build: BuildRecord,
    /// Bytes that were written.
    pub written: u64,
}

impl SliceBuild<'_> {
    pub async fn run(self, inputs: &Inputs) -> Result<Done, BuildError> {
        let names = self.model.stored_inputs(&self.slice.reads);
        let tables = inputs.tables(&names)?;
        let check_names: Vec<_> = self
            .slice
            .checks
            .iter()
            .flat_map(|check| self.model.stored_inputs(&check.reads))
            .filter(|input| input != &self.slice.name)
            .collect();
        inputs.tables(&check_names)?;
        let preimage = preimage_of(self.model, self.slice, &inputs.contents(&names));
        let verified = verified_digest(self.model, self.slice, &inputs.contents(&check_names));
        let key = preimage.key();
        let served = self.head.as_ref().filter(|head| head.record.build.is_some()).cloned();
        if let (Some(head), Some(build)) = (&served, &self.head_build) {
            let same_key = head.record.build.as_ref().is_some_and(|build| build.key == key);
            let same_staleness = head.record.stale_inputs == inputs.stale_records(&names);
            if same_key && head.record.verified == verified && same_staleness {
                let outcome = if self.was_maybe { Outcome::CutOff } else { Outcome::Reused };
                return Ok(Done { outcome, commit: head.clone(), build: build.clone(), written: 0 });
            }
        }
        if let Some((reference, build)) = self.store.find_build(&self.slice.name, &key).await? {
            let files = build_files(&build).map_err(BuildError::Internal)?;
            let proved = served.as_ref().is_some_and(|head| {
                head.record.verified == verified && head.record.build.as_ref().is_some_and(|build| build.key == key)
            });
            if !proved {
                self.check_types(&files)?;
                self.check_nulls_of(&files).await?;
                verify::verify(self.model, self.slice, &files, inputs, self.runtime).await?;
            }
            let commit = self.commit(CommitKind::Relabel, reference, &build, inputs, &names, verified).await?;
            return Ok(Done { outcome: Outcome::Relabelled, commit, build, written: 0 });
        }
        let id = crate::store::new_id();
        let staged = tokio::select! {
            staged = self.stage(&id, &key, preimage, inputs, &names, &tables) => staged,
            () = self.cancelled.cancelled() => Err(BuildError::Interrupted),
        };
        let staged = match staged {
            Ok(build) => build,
            Err(error) => {
                self.store.discard_build(&self.slice.name, &id).await;
                return Err(error);
            }
        };
        let reference = self.store.record_build(&self.slice.name, &staged).await?;
        let commit = self.commit(CommitKind::Publish, reference, &staged, inputs, &names, verified).await?;
        let written = staged.bytes;
        Ok(Done { outcome: Outcome::Built, commit, build: staged, written })
    }

    /// Runs, writes and verifies; nothing is visible yet.
    async fn stage(
        &self,
        id: &str,
        key: &str,
        preimage: KeyPreimage,
        inputs: &Inputs,
        names: &[crate::name::RelationName],
        tables: &crate::exec::Tables,
    ) -> Result<BuildRecord, BuildError> {
        let started = Instant::now();
        let total = inputs.rows(names);
        let (file, content) = match self.write(id, total, tables, false).await {
            // Hash joins hold one side in memory; those that sort can spill.
            Err(BuildError::Failure(Failure::OutOfMemory(_))) => {
                self.store.discard_build(&self.slice.name, id).await;
                self.write(id, total, tables, true).await?
            }
            other => other?,
        };
        let partitions = vec![PartitionBuild { values: Vec::new(), content, files: vec![file.clone()] }];
        let record = BuildRecord {
            format: FORMAT,
            slice: self.slice.name.to_string(),
            id: id.to_owned(),
            key: key.to_owned(),
            preimage,
            inputs: inputs.records(names),
            columns: column_records(&self.slice.columns),
            partition_by: self.slice.partition_by.clone(),
            rows: file.rows,
            bytes: file.size,
            content: partitions_digest(
                partitions.iter().map(|partition| (partition.values.as_slice(), &partition.content)),
            ),
            partitions,
            created_at: now(self.stamp),
            elapsed_ms: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
            pie: env!("CARGO_PKG_VERSION").to_owned(),
        };
        let files = build_files(&record).map_err(BuildError::Internal)?;
        verify::verify(self.model, self.slice, &files, inputs, self.runtime).await?;
        Ok(record)
    }

    async fn write(
        &self,
        id: &str,
        total: u64,
        tables: &crate::exec::Tables,
        spill_joins: bool,
    ) -> Result<(DataFile, Content), BuildError> {
        let internal = |e: String| BuildError::Internal(e);
        let schema = schema_of(&self.slice.columns);
        let path = self.store.build_folder(&self.slice.name, id).join("part-00000.parquet");
        let mut running = Running::start(self.slice, self.runtime, tables, spill_joins).await?;
        let mut hasher = ContentHasher::new(&schema).map_err(|e| internal(e.to_string()))?;
        let mut file = ParquetFile::create(self.store.objects(), path, std::sync::Arc::clone(&schema))
            .map_err(|e| internal(e.to_string()))?;
        let mut rows = 0;
        loop {
            // While the plan reads and nothing comes out yet, the bar goes on.
            let batch = loop {
                tokio::select! {
                    batch = running.next() => break batch?,
                    () = tokio::time::sleep(std::time::Duration::from_millis(100)) => {}
                }
                self.progress.advance(&self.slice.name, running.rows_read(), total, rows, file.bytes());
            };
            let Some(batch) = batch else { break };
            if let Some((column, nulls, example)) = verify::null_violation(self.slice, &batch) {
                return Err(BuildError::Null { column, rows: nulls, example });
            }
            let batch = under_schema(&batch, &schema)?;
            hasher.update(&batch).map_err(|e| internal(e.to_string()))?;
            file.write(&batch).await.map_err(|e| internal(e.to_string()))?;
            rows += batch.num_rows() as u64;
            self.progress.advance(&self.slice.name, running.rows_read(), total, rows, file.bytes());
        }
        let file = file.finish().await.map_err(|e| internal(e.to_string()))?;
        Ok((file, hasher.finish()))
    }

    /// An earlier build must have the columns that readers were planned with.
    fn check_types(&self, files: &FileSet) -> Result<(), BuildError> {
        let wanted = schema_of(&self.slice.columns);
        let same = files.schema.fields().len() == wanted.fields().len()
            && files
                .schema
                .fields()
                .iter()
                .zip(wanted.fields())
                .all(|(a, b)| a.name() == b.name() && a.data_type() == b.data_type());
        if same {
            Ok(())
        } else {
            Err(BuildError::Internal("an earlier build of this key has other columns".to_owned()))
        }
    }

    /// Promises of not-null may be newer than the build.
    async fn check_nulls_of(&self, files: &FileSet) -> Result<(), BuildError> {
        use datafusion::datasource::TableProvider;
        use futures::TryStreamExt;
        let table: std::sync::Arc<dyn TableProvider> = crate::exec::files_table(files.clone());
        let mut stream = self.runtime.scan(table).await?;
        while let Some(batch) = stream.try_next().await.map_err(|e| Failure::from(&e))? {
            if let Some((column, rows, example)) = verify::null_violation(self.slice, &batch) {
                return Err(BuildError::Null { column, rows, example });
            }
        }
        Ok(())
    }

    async fn commit(
        &self,
        kind: CommitKind,
        build: BuildReference,
        record: &BuildRecord,
        inputs: &Inputs,
        names: &[crate::name::RelationName],
        verified: String,
    ) -> Result<Numbered<CommitRecord>, BuildError> {
        let commit = CommitRecord {
            format: FORMAT,
            slice: self.slice.name.to_string(),
            version: 0,
            id: crate::store::new_id(),
            parent: None,
            kind,
            build: Some(build),
            inputs: inputs.records(names),
            stale_inputs: inputs.stale_records(names),
            verified,
            rows: record.rows,
            bytes: record.bytes,
            content: record.content.clone(),
            created_at: now(self.stamp),
            by: self.stamp.by.clone(),
            reason: None,
            pie: env!("CARGO_PKG_VERSION").to_owned(),
        };
        Ok(self.store.commit(&self.slice.name, self.head.clone(), commit).await?)
    }
}

fn now(stamp: &Stamp) -> String {
    stamp.now.to_rfc3339_opts(chrono::SecondsFormat::Micros, true)
}
