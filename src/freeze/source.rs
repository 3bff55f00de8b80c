//! Freezing one source.

use super::discover::{Found, discover};
use super::local::{LocalFile, RawStore, RawStores};
use super::read::FileReader;
use super::{FreezeError, values, verify};
use crate::content::ContentHasher;
use crate::exec::{ParquetFile, Runtime, source_files};
use crate::manifest::{
    ColumnRecord, Content, DataFile, Digested, FORMAT, PartitionRecord, RawFile, SourceVersion, digest_all,
    partitions_digest,
};
use crate::semantic::Source;
use crate::store::{Appended, Numbered, Store};
use chrono::{DateTime, Utc};
use datafusion::arrow::array::{Array, ArrayRef, RecordBatch, StringArray, UInt32Array};
use datafusion::arrow::compute::take_record_batch;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::util::display::array_value_to_string;
use futures::StreamExt;
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// Permission to record that frozen files changed or went, and why.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Replace {
    pub reason: String,
}

/// What freezing a source did.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// Nothing changed since the version given.
    Unchanged(Numbered<SourceVersion>),
    /// A new version was recorded; `read` of its files were new or changed.
    Frozen { version: Numbered<SourceVersion>, read: usize },
}

/// Who and when, for records.
#[derive(Clone, Debug)]
pub struct Stamp {
    pub now: DateTime<Utc>,
    pub by: String,
}

/// A file modified this shortly before it was looked at may change again without a new tag.
const RACY_SECONDS: i64 = 2;

/// Freezes one source: reads what is new, verifies, and records a version. Either all of its files are in or nothing is.
pub async fn freeze(
    source: &Source,
    stores: &RawStores,
    store: &Store,
    runtime: &Runtime,
    replace: Option<&Replace>,
    stamp: &Stamp,
    cancelled: &CancellationToken,
) -> Result<Outcome, Vec<FreezeError>> {
    let one = |error: FreezeError| vec![error];
    let (head, is_damaged) = store.source_to_follow(&source.name).await.map_err(|e| one(e.into()))?;
    let found = match discover(source, stores).await {
        Err(FreezeError::NoFiles { .. }) if head.is_some() && replace.is_none() => {
            let files = head.iter().flat_map(|head| &head.record.files).map(|file| file.path.clone()).collect();
            return Err(one(FreezeError::Vanished { files }));
        }
        other => other,
    };
    let (raw, found) = found.map_err(one)?;
    runtime.register(&raw.url, Arc::clone(&raw.objects));
    let columns = column_records(&source.columns);
    let file_format = source.format.as_ref().map_or_else(String::new, |format| format.describe());
    let from = source.from.as_ref().map_or_else(String::new, |from| from.text.clone());
    // With another declaration the files say something else: all are read again.
    let same_declaration = head.as_ref().is_some_and(|head| {
        let record = &head.record;
        record.columns == columns
            && record.from == from
            && record.file_format == file_format
            && record.key == source.key
            && record.partition_by == source.partition_by
    });
    let known: BTreeMap<&str, &RawFile> =
        head.iter().flat_map(|head| &head.record.files).map(|file| (file.path.as_str(), file)).collect();
    let mut kept: BTreeMap<String, RawFile> = BTreeMap::new();
    let mut to_read: Vec<&Found> = Vec::new();
    let mut changed = Vec::new();
    for file in &found {
        let Some(before) = known.get(file.path.as_str()) else {
            to_read.push(file);
            continue;
        };
        let settled = head.as_ref().is_some_and(|head| settled(file, &head.record));
        let same = before.size == file.size
            && (before.tag == file.tag && settled || digest_of(&raw, file).await.map_err(one)? == before.blake3);
        if !same {
            changed.push(file.path.clone());
        }
        if same && same_declaration {
            kept.insert(file.path.clone(), RawFile { tag: file.tag.clone(), ..(*before).clone() });
        } else {
            to_read.push(file);
        }
    }
    let present: std::collections::BTreeSet<&str> = found.iter().map(|file| file.path.as_str()).collect();
    let vanished: Vec<String> =
        known.keys().filter(|path| !present.contains(*path)).map(|path| (*path).to_owned()).collect();
    if replace.is_none() {
        let mut errors = Vec::new();
        if !changed.is_empty() {
            errors.push(FreezeError::Changed { files: changed });
        }
        if !vanished.is_empty() {
            errors.push(FreezeError::Vanished { files: vanished.clone() });
        }
        if !errors.is_empty() {
            return Err(errors);
        }
    }
    let unchanged = to_read.is_empty() && vanished.is_empty() && same_declaration && !is_damaged;
    if let Some(head) = head.as_ref().filter(|_| unchanged) {
        return Ok(Outcome::Unchanged(head.clone()));
    }
    let mut errors = Vec::new();
    let read_count = to_read.len();
    let reads = futures::stream::iter(to_read).map(|file| {
        let raw = &raw;
        async move {
            // Files that are being read are read to their end, so that what they wrote can be removed.
            let stopped = cancelled.is_cancelled();
            (file, if stopped { Err(FreezeError::Interrupted) } else { read_file(source, raw, file, store).await })
        }
    });
    let threads = std::thread::available_parallelism().map_or(2, std::num::NonZeroUsize::get);
    let results: Vec<_> = reads.buffered(threads).collect().await;
    for (file, result) in results {
        match result {
            Ok(read) => {
                kept.insert(file.path.clone(), read);
            }
            Err(error) => errors.push(error),
        }
    }
    // Files are read in the order of their partitions, so that the order of all rows follows from the partitions' contents
    // and not from the names of folders.
    let mut files: Vec<RawFile> = kept.into_values().collect();
    files.sort_by(|a, b| (first_partition(a), &a.path).cmp(&(first_partition(b), &b.path)));
    let new_data = |files: &[RawFile]| -> Vec<String> {
        let old: Vec<&DataFile> = known.values().filter_map(|file| file.converted.as_ref()).collect();
        let data = files.iter().filter_map(|file| file.converted.as_ref());
        data.filter(|data| !old.contains(data)).map(|data| data.path.clone()).collect()
    };
    errors.dedup();
    if cancelled.is_cancelled() && errors.is_empty() {
        errors.push(FreezeError::Interrupted);
    }
    if !errors.is_empty() {
        store.discard_data(&new_data(&files)).await;
        return Err(errors);
    }
    let partitions = merge_partitions(&files);
    let version = SourceVersion {
        format: FORMAT,
        source: source.name.to_string(),
        version: 0,
        id: crate::store::new_id(),
        parent: None,
        created_at: stamp.now.to_rfc3339_opts(chrono::SecondsFormat::Micros, true),
        by: stamp.by.clone(),
        pie: env!("CARGO_PKG_VERSION").to_owned(),
        reason: replace.map(|replace| replace.reason.clone()),
        from,
        file_format,
        columns,
        key: source.key.clone(),
        partition_by: source.partition_by.clone(),
        rows: files.iter().map(|file| file.rows).sum(),
        bytes: files.iter().map(|file| file.size).sum(),
        content: content_digest(&partitions, &files),
        partitions,
        files,
        promoted: None,
    };
    let set = source_files(&version, &raw.url)
        .map_err(|cause| one(FreezeError::Unreadable { file: source.name.to_string(), cause }))?;
    if let Err(error) = verify::check_key(source, set, runtime).await {
        store.discard_data(&new_data(&version.files)).await;
        return Err(one(error));
    }
    let data = new_data(&version.files);
    match store.publish_source(&source.name, head, version).await.map_err(|e| one(e.into()))? {
        Appended::Own(version) => Ok(Outcome::Frozen { version, read: read_count }),
        // Somebody else froze the same a moment ago.
        Appended::Theirs(version) => {
            store.discard_data(&data).await;
            Ok(Outcome::Unchanged(version))
        }
    }
}

fn first_partition(file: &RawFile) -> Option<&[Option<String>]> {
    file.partitions.first().map(|partition| partition.values.as_slice())
}

/// One digest of all rows in their order. The contents of partitions say how the rows of each follow one another; a file
/// that mixes partitions adds its bytes, since queries may see in which order they are mixed.
fn content_digest(partitions: &[PartitionRecord], files: &[RawFile]) -> String {
    let contents =
        partitions_digest(partitions.iter().map(|partition| (partition.values.as_slice(), &partition.content)));
    let mixed = files.iter().filter(|file| file.partitions.len() > 1).map(|file| file.blake3.as_str());
    digest_all(std::iter::once(contents.as_str()).chain(mixed))
}

/// Whether an unchanged tag proves an unchanged file: it was at rest when it was frozen.
fn settled(file: &Found, frozen: &SourceVersion) -> bool {
    let frozen_at = DateTime::parse_from_rfc3339(&frozen.created_at).map(|time| time.with_timezone(&Utc));
    frozen_at.is_ok_and(|frozen_at| (frozen_at - file.modified).num_seconds() > RACY_SECONDS)
}

async fn digest_of(raw: &RawStore, file: &Found) -> Result<String, FreezeError> {
    let local = raw.fetch(&file.object).await?;
    local
        .digest()
        .map(|digested| digested.blake3)
        .map_err(|e| FreezeError::Unreadable { file: file.path.clone(), cause: e.to_string() })
}

/// Columns as records keep them.
pub fn column_records(columns: &[crate::semantic::Column]) -> Vec<ColumnRecord> {
    let record = |column: &crate::semantic::Column| ColumnRecord {
        name: column.name.clone(),
        data_type: column.data_type.to_string(),
        nullable: column.nullable,
    };
    columns.iter().map(record).collect()
}

async fn read_file(source: &Source, raw: &RawStore, file: &Found, store: &Store) -> Result<RawFile, FreezeError> {
    check_captured(source, file)?;
    let local = raw.fetch(&file.object).await?;
    let work = Work { source: source.clone(), file: file.clone(), local, store: store.clone() };
    let handle = tokio::runtime::Handle::current();
    let path = file.path.clone();
    let done = tokio::task::spawn_blocking(move || work.run(&handle)).await;
    done.unwrap_or_else(|panic| Err(FreezeError::Unreadable { file: path, cause: panic.to_string() }))
}

/// Values that a path gives must be values of their columns.
fn check_captured(source: &Source, file: &Found) -> Result<(), FreezeError> {
    for (column, value) in &file.captured {
        let Some(declared) = source.columns.iter().find(|other| &other.name == column) else { continue };
        if values::parse(&StringArray::from(vec![value.as_str()]), &declared.data_type).is_err() {
            return Err(FreezeError::Partition {
                file: file.path.clone(),
                column: column.clone(),
                declared: crate::sql::types::display_type(&declared.data_type),
                value: value.clone(),
            });
        }
    }
    Ok(())
}

/// Reading one file, on a thread that may block.
struct Work {
    source: Source,
    file: Found,
    local: LocalFile,
    store: Store,
}

impl Work {
    fn run(self, handle: &tokio::runtime::Handle) -> Result<RawFile, FreezeError> {
        let unreadable = |cause: String| FreezeError::Unreadable { file: self.file.path.clone(), cause };
        let path = self.store.source_data_path(&self.source.name, &crate::store::new_id());
        // What can't be kept is no fault of the file.
        let unwritten = |cause: String| FreezeError::from(self.store.unwritten(&path, cause));
        let Digested { blake3, blocks } = self.local.digest().map_err(|e| unreadable(e.to_string()))?;
        let captured: Vec<(String, String)> = self.file.captured.clone().into_iter().collect();
        let names: Vec<&str> = captured.iter().map(|(name, _)| name.as_str()).collect();
        let reader = FileReader::new(&self.file.path, &self.local, &self.source, &names);
        let is_text = self.source.format.as_ref().is_some_and(|format| format.is_text());
        let mut converted = match is_text {
            true => {
                let file = ParquetFile::create(self.store.objects(), path.clone(), Arc::clone(&reader.schema));
                Some(file.map_err(|e| unwritten(e.to_string()))?)
            }
            false => None,
        };
        let mut partitions = Partitions::new(&self.source, &self.file.captured, Arc::clone(&reader.schema));
        let mut rows_read = 0;
        reader.read(&captured, &mut |rows| {
            verify::check_nulls(&reader, &rows)?;
            partitions.update(&rows.batch).map_err(|e| unreadable(e.to_string()))?;
            rows_read += rows.batch.num_rows() as u64;
            if let Some(file) = &mut converted {
                handle.block_on(file.write(&rows.batch)).map_err(|e| unwritten(e.to_string()))?;
            }
            Ok(())
        })?;
        let converted = match converted {
            Some(file) => Some(handle.block_on(file.finish()).map_err(|e| unwritten(e.to_string()))?),
            None => None,
        };
        Ok(RawFile {
            path: self.file.path.clone(),
            size: self.file.size,
            blake3,
            // Of a file that is converted nothing else is read.
            blocks: if converted.is_some() { String::new() } else { blocks },
            tag: self.file.tag.clone(),
            captured: self.file.captured.clone(),
            rows: rows_read,
            converted,
            partitions: partitions.finish(),
        })
    }
}

/// The contents of a file's partitions. With every partition column captured from the path there is one.
struct Partitions {
    partition_by: Vec<String>,
    captured: BTreeMap<String, String>,
    schema: SchemaRef,
    key: Vec<String>,
    hashers: BTreeMap<Vec<Option<String>>, ContentHasher>,
}

impl Partitions {
    fn new(source: &Source, captured: &BTreeMap<String, String>, schema: SchemaRef) -> Partitions {
        Partitions {
            partition_by: source.partition_by.clone(),
            captured: captured.clone(),
            key: source.key.clone(),
            schema,
            hashers: BTreeMap::new(),
        }
    }

    fn update(&mut self, batch: &RecordBatch) -> Result<(), datafusion::arrow::error::ArrowError> {
        let in_file: Vec<&String> =
            self.partition_by.iter().filter(|name| !self.captured.contains_key(*name)).collect();
        if in_file.is_empty() {
            return self.add(self.values(&[]), batch);
        }
        let arrays: Vec<ArrayRef> = in_file.iter().filter_map(|name| batch.column_by_name(name).cloned()).collect();
        let mut groups: BTreeMap<Vec<Option<String>>, Vec<u32>> = BTreeMap::new();
        for row in 0..batch.num_rows() {
            let text = |array: &ArrayRef| {
                if array.is_null(row) { Ok(None) } else { array_value_to_string(array, row).map(Some) }
            };
            let values = arrays.iter().map(text).collect::<Result<Vec<_>, _>>()?;
            groups.entry(values).or_default().push(row as u32);
        }
        for (values, rows) in groups {
            let part = take_record_batch(batch, &UInt32Array::from(rows))?;
            self.add(self.values(&values), &part)?;
        }
        Ok(())
    }

    /// The values of all partition columns, in their order, given those that stand in the file.
    fn values(&self, in_file: &[Option<String>]) -> Vec<Option<String>> {
        let mut rest = in_file.iter();
        let value = |name: &String| match self.captured.get(name) {
            Some(value) => Some(value.clone()),
            None => rest.next().cloned().flatten(),
        };
        self.partition_by.iter().map(value).collect()
    }

    fn add(
        &mut self,
        values: Vec<Option<String>>,
        batch: &RecordBatch,
    ) -> Result<(), datafusion::arrow::error::ArrowError> {
        use std::collections::btree_map::Entry;
        match self.hashers.entry(values) {
            Entry::Occupied(mut entry) => entry.get_mut().update(batch),
            Entry::Vacant(entry) => {
                let captured: Vec<(String, String)> = self.captured.clone().into_iter().collect();
                entry.insert(ContentHasher::by_key(&self.schema, &self.key, &captured)?).update(batch)
            }
        }
    }

    fn finish(self) -> Vec<PartitionRecord> {
        let (captured, keyed) = (self.captured, !self.key.is_empty());
        let partition = |(values, hasher): (Vec<Option<String>>, ContentHasher)| {
            let mut content = hasher.finish();
            // A captured column has one value in all rows of the file.
            let ordered = if keyed { &mut content.ordered } else { &mut content.columns };
            for (name, value) in &captured {
                ordered.insert(name.clone(), digest_all(["captured", value.as_str()]));
            }
            PartitionRecord { values, content }
        };
        self.hashers.into_iter().map(partition).collect()
    }
}

/// The partitions of all files together; those of one name follow one another in the order of the files.
fn merge_partitions(files: &[RawFile]) -> Vec<PartitionRecord> {
    let mut parts: BTreeMap<&[Option<String>], Vec<Content>> = BTreeMap::new();
    for partition in files.iter().flat_map(|file| &file.partitions) {
        parts.entry(partition.values.as_slice()).or_default().push(partition.content.clone());
    }
    let merge = |(values, parts): (&[Option<String>], Vec<Content>)| PartitionRecord {
        values: values.to_vec(),
        content: Content::concat(&parts),
    };
    parts.into_iter().map(merge).collect()
}
