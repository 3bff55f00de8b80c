//! One slice, from pinned inputs to its commit.

use super::run::{Running, under_schema};
use super::schedule::{Outcome, Progress};
use super::{BuildError, Inputs, verify};
use crate::algebra::{Meaning, Meanings};
use crate::content::ContentHasher;
use crate::exec::{Failure, FileSet, ParquetFile, Runtime, build_files};
use crate::freeze::{Stamp, column_records};
use crate::incremental::{Served, fit, key_records, preimage, promises, show_the_same};
use crate::manifest::{
    BuildRecord, BuildReference, CommitKind, CommitRecord, Content, DataFile, FORMAT, InputRecord, KeyPreimage, Keys,
    LabelRecord, PartitionBuild, Promises, partitions_digest,
};
use crate::name::RelationName;
use crate::semantic::{Column, SemanticModel, Slice, schema_of};
use crate::store::{Appended, Note, Numbered, Store, StoreError};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Instant;
use tokio_util::sync::CancellationToken;

/// How long somebody else who builds the same is waited for.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(900);

/// What building one slice needs besides its inputs.
pub struct SliceBuild<'a> {
    pub model: &'a SemanticModel,
    pub meanings: &'a Meanings,
    pub slice: &'a Slice,
    /// The build that the plan found to be right.
    pub planned: Option<&'a Served>,
    pub store: &'a Store,
    pub runtime: &'a Runtime,
    pub stamp: &'a Stamp,
    pub progress: &'a dyn Progress,
    pub cancelled: &'a CancellationToken,
    pub head: Option<Numbered<CommitRecord>>,
    pub head_build: Option<Arc<BuildRecord>>,
    /// The head's record is damaged: a whole one is put behind it.
    pub is_damaged: bool,
    /// The plan said `maybe`.
    pub was_maybe: bool,
}

/// A slice that is done: what its readers see.
pub struct Done {
    pub outcome: Outcome,
    pub commit: Numbered<CommitRecord>,
    pub build: Arc<BuildRecord>,
    /// Bytes that were written.
    pub written: u64,
    /// It isn't what the sources as they are would give, because something that it reads isn't.
    pub behind: bool,
}

impl SliceBuild<'_> {
    pub async fn run(self, inputs: &Inputs) -> Result<Done, BuildError> {
        let names = self.model.stored_inputs(&self.slice.reads);
        let check_names: Vec<_> = self
            .slice
            .checks
            .iter()
            .flat_map(|check| self.model.stored_inputs(&check.reads))
            .filter(|input| input != &self.slice.name)
            .collect();
        inputs.tables(&check_names)?;
        let promises = promises(self.meanings, self.slice, &|name, columns| inputs.digests(name, columns))
            .ok_or_else(|| BuildError::Internal("a check reads something unknown".to_owned()))?;
        let keys = self.preimages(&names, inputs);
        let wanted: Vec<Keys> = keys.iter().map(|(_, preimage)| preimage.keys()).collect();
        if let Some(planned) = self.planned_over_sources()
            && self.stays(&planned.reference).await?
        {
            // The plan knows what is right, and what has become of the inputs since doesn't change that. Anything else is
            // looked for again by the inputs as they are: one may have failed, and stand where it stood.
            return self.serve(planned.clone(), (&keys, &wanted), inputs, &names, promises).await;
        }
        let tables = inputs.tables(&names)?;
        if let Some(found) = self.find(&keys, &wanted).await? {
            return self.serve(found, (&keys, &wanted), inputs, &names, promises).await;
        }
        let (lease, done) = self.others(&keys, &wanted).await?;
        if let Some(found) = done {
            return self.serve(found, (&keys, &wanted), inputs, &names, promises).await;
        }
        let Some((_, preimage)) = keys.into_iter().find(|(over_sources, _)| !over_sources) else {
            return Err(BuildError::Internal(format!("`{}` has no meaning", self.slice.name)));
        };
        let id = crate::store::new_id();
        let staged = tokio::select! {
            staged = self.stage(&id, preimage, wanted, inputs, &names, &tables) => staged,
            () = self.cancelled.cancelled() => Err(BuildError::Interrupted),
        };
        let staged = match staged {
            Ok(build) => build,
            Err(error) => {
                self.store.discard_build(&self.slice.name, &id).await;
                lease.end().await;
                return Err(error);
            }
        };
        let reference = self.store.record_build(&self.slice.name, &staged).await;
        lease.end().await;
        let reference = reference?;
        let labels = own_labels(self.slice);
        let stale = inputs.stale_records(&names);
        let published = Published {
            columns: labels,
            preimage: Some(staged.preimage.clone()),
            inputs: inputs.records(&names),
            stale_inputs: stale,
            promises,
        };
        let (commit, build) = self.commit(CommitKind::Publish, reference, Arc::new(staged), published).await?;
        let (outcome, written) = match commit {
            Appended::Own(_) => (Outcome::Built, build.bytes),
            Appended::Theirs(_) => (Outcome::Reused, 0),
        };
        let behind = inputs.behind(&names) || self.is_of_others(&commit, inputs, &names);
        Ok(Done { outcome, commit: commit.into_record(), build, written, behind })
    }

    /// Whether a build that was found is still there, and not about to be collected. That of the head is kept by it.
    async fn stays(&self, build: &BuildReference) -> Result<bool, BuildError> {
        let served = self.head.as_ref().and_then(|head| head.record.build.as_ref());
        Ok(served.is_some_and(|served| served.id == build.id) || self.store.is_served(build).await?)
    }

    /// Whether a build is there after it was published.
    async fn stays_behind(&self, build: &BuildReference) -> Result<bool, BuildError> {
        Ok(self.store.build_of(build).await?.is_some())
    }

    /// Waits while somebody else builds the same rows, if they have said so, and gives what came of it. Others may die, or take
    /// for ever: then the slice is built here.
    async fn others(
        &self,
        keys: &[(bool, KeyPreimage)],
        wanted: &[Keys],
    ) -> Result<(Note, Option<Served>), BuildError> {
        let row = keys.iter().position(|(over_sources, _)| !over_sources).and_then(|index| wanted.get(index));
        let row = row.map_or("", |keys| keys.row.as_str());
        let name = self.slice.name.to_string();
        let waiting_since = tokio::time::Instant::now();
        let mut waits = false;
        loop {
            let leases = self.store.leases().await?;
            let theirs = leases.iter().find(|lease| wanted.iter().any(|keys| keys.row == lease.row));
            let Some(theirs) = theirs.filter(|_| waiting_since.elapsed() < PATIENCE) else { break };
            if !waits {
                self.progress.waiting(&self.slice.name, &theirs.by);
                waits = true;
            }
            tokio::select! {
                () = tokio::time::sleep(std::time::Duration::from_secs(1)) => {}
                () = self.cancelled.cancelled() => return Err(BuildError::Interrupted),
            }
        }
        let found = if waits { self.find(keys, wanted).await? } else { None };
        let (_, lease) = self.store.lease(&name, row, &self.stamp.by, &now(self.stamp));
        Ok((lease, found))
    }

    fn planned_over_sources(&self) -> Option<&Served> {
        self.planned.filter(|planned| planned.over_sources)
    }

    /// Columns that are known to identify a row.
    fn unique(&self) -> &[usize] {
        let meaning = self.meanings.inputs(&self.slice.name);
        let keys = meaning.into_iter().flat_map(|meaning| &meaning.unique);
        keys.min_by_key(|key| key.len()).map_or(&[], Vec::as_slice)
    }

    /// What the slice's keys are made of: over sources, unless an input isn't what they would give, then over inputs; of what
    /// the plan didn't find, rewritten and in order too.
    fn preimages(&self, names: &[RelationName], inputs: &Inputs) -> Vec<(bool, KeyPreimage)> {
        let content = |name: &RelationName, columns: &BTreeSet<String>| inputs.digests(name, columns);
        let sources = (!inputs.behind(names)).then(|| self.meanings.sources(&self.slice.name)).flatten();
        let open = self.planned_over_sources().is_none();
        let rewritten = open.then(|| self.meanings.rewritten(&self.slice.name)).flatten();
        let over_inputs = self.meanings.inputs(&self.slice.name);
        let meanings = [(true, sources), (false, over_inputs), (false, rewritten)];
        let of = |(over_sources, meaning): (bool, Option<&Meaning>)| {
            Some((over_sources, preimage(self.slice, meaning?, &content)?))
        };
        let mut preimages: Vec<(bool, KeyPreimage)> = meanings.into_iter().filter_map(of).collect();
        if open && inputs.keyed(names) {
            let ordered = |name: &RelationName, columns: &BTreeSet<String>| inputs.ordered_digests(name, columns);
            let in_order = over_inputs.and_then(|meaning| preimage(self.slice, meaning, &ordered));
            preimages.extend(in_order.map(|in_order| (false, in_order)));
        }
        preimages
    }

    /// A build that has any of the keys: the published one, else any that the store has.
    async fn find(&self, keys: &[(bool, KeyPreimage)], wanted: &[Keys]) -> Result<Option<Served>, BuildError> {
        let over = |keys_of: &Keys| {
            keys.iter().zip(wanted).any(|((over_sources, _), keys)| *over_sources && keys.row == keys_of.row)
        };
        let reference = self.head.as_ref().and_then(|head| head.record.build.clone());
        if let (Some(reference), Some(record)) = (reference, &self.head_build) {
            for wanted in wanted {
                if let Some(labels) = fit(self.slice, wanted, &record.keys, &record.sort_by) {
                    let over_sources = over(wanted);
                    return Ok(Some(Served { over_sources, reference, record: Arc::clone(record), labels }));
                }
            }
        }
        // Looked at over inputs, over sources, or in order, rows often have the same key.
        let mut listed: BTreeMap<&str, Vec<_>> = BTreeMap::new();
        for wanted in wanted {
            if !listed.contains_key(wanted.row.as_str()) {
                listed.insert(&wanted.row, self.store.find_builds(&wanted.row).await?);
            }
            let Some(found) = listed.get(wanted.row.as_str()) else { continue };
            for (one, reference, record) in found {
                let same_build = found.iter().filter(|(_, other, _)| other.id == reference.id);
                let keys = same_build.map(|(found, ..)| &found.keys);
                if let Some(labels) = fit(self.slice, wanted, keys, &one.sort_by) {
                    let (reference, record) = (reference.clone(), Arc::clone(record));
                    return Ok(Some(Served { over_sources: over(wanted), reference, record, labels }));
                }
            }
        }
        Ok(None)
    }

    /// Publishes a build that is there, or finds that it is published already.
    async fn serve(
        &self,
        served: Served,
        (keys, wanted): (&[(bool, KeyPreimage)], &[Keys]),
        inputs: &Inputs,
        names: &[RelationName],
        promises: Promises,
    ) -> Result<Done, BuildError> {
        let Served { over_sources, reference, record, labels } = served;
        let behind = !over_sources && inputs.behind(names);
        // The same build is found again by what it is made of now, without looking at what it was made of. What the sources
        // give says nothing of inputs that aren't what the sources give.
        let apart = over_sources && inputs.behind(names);
        let new = |wanted: &&Keys| !apart && fit(self.slice, wanted, &record.keys, &record.sort_by).is_none();
        for key in wanted.iter().filter(new).flat_map(|wanted| key_records(wanted, &labels, &record)) {
            self.store.record_key(&key).await?;
        }
        let stale = if over_sources { Vec::new() } else { inputs.stale_records(names) };
        let head = self.head.as_ref().filter(|head| {
            let same_build = head.record.build.as_ref().is_some_and(|build| build.id == reference.id);
            same_build && show_the_same(&record, &head.record.columns, &labels)
        });
        let before = head.and_then(|head| head.record.promises.as_ref());
        let promised = before.is_some_and(|before| before.are(&promises));
        let proved = before.is_some_and(|before| before.cover(&promises));
        let over_inputs = keys.iter().find(|(over_sources, _)| !over_sources && !apart);
        let preimage = over_inputs.map(|(_, preimage)| preimage.clone());
        // Of other rows than the head's its preimage says nothing.
        let preimage = preimage.or_else(|| head.and_then(|head| head.record.preimage.clone()));
        let fingerprints = |preimage: &Option<KeyPreimage>| {
            preimage.as_ref().map(|preimage| {
                let columns = preimage.columns.iter().map(|column| column.fingerprint.clone());
                (preimage.row.clone(), columns.collect::<Vec<_>>())
            })
        };
        let told = |head: &Numbered<CommitRecord>| fingerprints(&head.record.preimage) == fingerprints(&preimage);
        if let Some(head) =
            head.filter(|head| !self.is_damaged && promised && head.record.stale_inputs == stale && told(head))
        {
            let outcome = if self.was_maybe { Outcome::CutOff } else { Outcome::Reused };
            return Ok(Done { outcome, commit: head.clone(), build: record, written: 0, behind });
        }
        if !proved {
            let files = build_files(&record, &labels).map_err(BuildError::Internal)?;
            self.check_types(&files)?;
            // Declared as never null, they couldn't be read where one is.
            let open = labels.iter().map(|label| LabelRecord { nullable: true, ..label.clone() }).collect::<Vec<_>>();
            self.check_nulls_of(&build_files(&record, &open).map_err(BuildError::Internal)?).await?;
            verify::verify(self.model, self.slice, &files, inputs, self.runtime).await?;
        }
        let read = if over_sources { record.inputs.clone() } else { inputs.records(names) };
        let read = if inputs.records(names).len() == names.len() { inputs.records(names) } else { read };
        let published = Published { columns: labels, preimage, inputs: read, stale_inputs: stale, promises };
        let found = reference.clone();
        let (commit, build) = self.commit(CommitKind::Relabel, reference, record, published).await?;
        if matches!(&commit, Appended::Own(own) if own.record.build.as_ref() == Some(&found))
            && !self.stays_behind(&found).await?
        {
            // Somebody collected it while this process stood still. Readers see the version before, and the next round makes it.
            let version = commit.into_record().number;
            return Err(StoreError::Conflict { name: self.slice.name.to_string(), version }.into());
        }
        let outcome = match commit {
            Appended::Own(_) => Outcome::Relabelled,
            Appended::Theirs(_) => Outcome::Reused,
        };
        let behind = behind || self.is_of_others(&commit, inputs, names);
        Ok(Done { outcome, commit: commit.into_record(), build, written: 0, behind })
    }

    /// Runs, writes and verifies; nothing is visible yet.
    async fn stage(
        &self,
        id: &str,
        preimage: KeyPreimage,
        keys: Vec<Keys>,
        inputs: &Inputs,
        names: &[RelationName],
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
            preimage,
            keys,
            sort_by: self.slice.sort_by.clone(),
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
        let files = build_files(&record, &own_labels(self.slice)).map_err(BuildError::Internal)?;
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
        let folder = self.store.build_folder(&self.slice.name, id);
        let path = folder.clone().join("part-00000.parquet");
        let mut running = Running::start(self.slice, self.unique(), self.runtime, tables, spill_joins).await?;
        let mut hasher = ContentHasher::new(&schema).map_err(|e| internal(e.to_string()))?;
        let mut file = ParquetFile::create(self.store.objects(), path, std::sync::Arc::clone(&schema))
            .map_err(|e| internal(e.to_string()))?;
        let unwritten = |e: &dyn std::fmt::Display| BuildError::Store(self.store.unwritten(&folder, e.to_string()));
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
            file.write(&batch).await.map_err(|e| unwritten(&e))?;
            rows += batch.num_rows() as u64;
            self.progress.advance(&self.slice.name, running.rows_read(), total, rows, file.bytes());
        }
        let file = file.finish().await.map_err(|e| unwritten(&e))?;
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

    /// Whether what another builder published was made of other versions than those pinned here: then it isn't what the sources
    /// as they are pinned would give, and readers mustn't be kept under keys that say so.
    fn is_of_others(&self, commit: &Appended<CommitRecord>, inputs: &Inputs, names: &[RelationName]) -> bool {
        match commit {
            Appended::Own(_) => false,
            Appended::Theirs(theirs) => theirs.record.inputs != inputs.records(names),
        }
    }

    /// Publishes a build. Gives the record that counts, with the build that it serves: another builder may have been faster.
    async fn commit(
        &self,
        kind: CommitKind,
        build: BuildReference,
        record: Arc<BuildRecord>,
        published: Published,
    ) -> Result<(Appended<CommitRecord>, Arc<BuildRecord>), BuildError> {
        let Published { columns, preimage, inputs, stale_inputs, promises } = published;
        let commit = CommitRecord {
            id: crate::store::new_id(),
            kind,
            build: Some(build),
            columns,
            preimage,
            inputs,
            stale_inputs,
            promises: Some(promises),
            rows: record.rows,
            bytes: record.bytes,
            content: record.content.clone(),
            created_at: now(self.stamp),
            by: self.stamp.by.clone(),
            ..CommitRecord::nothing(&self.slice.name)
        };
        let name = &self.slice.name;
        let appended = self.store.commit(name, self.head.clone(), commit).await?;
        let theirs = match &appended {
            Appended::Own(_) => return Ok((appended, record)),
            Appended::Theirs(theirs) => Arc::clone(&theirs.record),
        };
        if theirs.kind.holds() {
            return Err(BuildError::Held { version: theirs.version });
        }
        let build = match &theirs.build {
            Some(build) => self.store.build_of(build).await?,
            None => None,
        };
        let gone = || StoreError::Conflict { name: name.to_string(), version: theirs.version };
        Ok((appended, build.ok_or_else(gone)?))
    }
}

/// What a commit says besides which build it serves.
struct Published {
    columns: Vec<LabelRecord>,
    preimage: Option<KeyPreimage>,
    inputs: Vec<InputRecord>,
    stale_inputs: Vec<InputRecord>,
    promises: Promises,
}

/// The slice's columns as its own run stores them.
fn own_labels(slice: &Slice) -> Vec<LabelRecord> {
    let label = |column: &Column| LabelRecord {
        name: column.name.clone(),
        data_type: column.data_type.to_string(),
        nullable: column.nullable,
        stored: column.name.clone(),
    };
    slice.columns.iter().map(label).collect()
}

fn now(stamp: &Stamp) -> String {
    stamp.now.to_rfc3339_opts(chrono::SecondsFormat::Micros, true)
}
