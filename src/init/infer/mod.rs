//! Data files that exist → declarations of sources, behind `pie init --from`, so that nobody types forty columns.
//!
//! ```text
//!   walk ──▶ shape ──▶ group ──▶ describe ──▶ write
//!   files    names of  which     types and    the text
//!            columns   files     nulls of
//!            of each   are one   a sample
//!            file      source
//! ```
//!
//! What is written is a proposal, and says so. It keeps to what `freeze` can read: a type is proposed only if every
//! sampled value is read by it without loss, and what can't be declared is left out with a comment that says why.

mod walk;
mod names;
mod pattern;
mod group;
mod scalar;
mod columns;
mod from_csv;
mod from_json;
mod from_parquet;
mod write;
#[cfg(test)]
mod tests;

use crate::freeze::values;
use crate::semantic::FileFormat;
use crate::sql::types::parse_type;
use columns::{Column, Described};
use datafusion::arrow::array::StringArray;
use group::{Captured, DataFile, Group, Shape};
use scalar::TextValues;
use std::fmt;
use std::path::Path;
use walk::RawFile;

/// Declarations that fit the files of a folder.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Inferred {
    /// A `.pie` file: a domain and its sources.
    pub text: String,
    pub sources: Vec<InferredSource>,
    /// Files that no source was written for, and why.
    pub skipped: Vec<(String, String)>,
}

/// What was looked at for a source.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct InferredSource {
    /// `domain.name`
    pub name: String,
    pub files: usize,
    /// Rows that types and nulls were inferred from. Parquet says both of all its rows without reading them.
    pub rows_sampled: u64,
    pub columns: usize,
}

/// Why nothing could be inferred.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum InferError {
    NotAFolder {
        path: String,
    },
    /// The path can't be written in `from`.
    BadPath {
        path: String,
    },
    /// There is no file in the folder that a source could be written for.
    NoFiles {
        path: String,
        skipped: Vec<(String, String)>,
    },
}

/// Infers sources from the files below `dir`, which `from` is to call `shown`: a path with `/`, relative to the root of
/// the project's sources.
pub fn infer(dir: &Path, shown: &str) -> Result<Inferred, InferError> {
    if !dir.is_dir() {
        return Err(InferError::NotAFolder { path: dir.display().to_string() });
    }
    let prefix = prefix(shown).ok_or_else(|| InferError::BadPath { path: shown.to_owned() })?;
    let mut skipped = Vec::new();
    let mut files = Vec::new();
    for raw in walk::walk(dir, &mut skipped) {
        match shape(&raw) {
            Ok(shape) => files.push(DataFile { raw, shape }),
            Err(why) => skipped.push((raw.shown(), why)),
        }
    }
    let canonical = dir.canonicalize().unwrap_or_else(|_| dir.to_owned());
    let dir_name = canonical.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    let domain = names::identifier(&dir_name, "raw");
    let groups = group::groups(&files, &domain);
    let candidates: Vec<Vec<String>> = groups.iter().map(|group| group.names.clone()).collect();
    let mut written = Vec::new();
    for (group, name) in groups.iter().zip(names::unique(&candidates)) {
        let described = describe(group);
        // A path without columns beside it can't be declared.
        if described.columns.len() > group.captured.len() {
            written.push(write::Source { name, from: format!("{prefix}{}", group.template), described });
        } else {
            let why = described.notes.first().map_or("it has no columns", String::as_str);
            skipped.extend(group.files.iter().map(|file| (file.raw.shown(), why.to_owned())));
        }
    }
    if written.is_empty() {
        return Err(InferError::NoFiles { path: dir.display().to_string(), skipped });
    }
    let source = |source: &write::Source| InferredSource {
        name: format!("{domain}.{}", source.name),
        files: source.described.files,
        rows_sampled: source.described.rows,
        columns: source.described.columns.len(),
    };
    let sources = written.iter().map(source).collect();
    Ok(Inferred { text: write::text(&prefix, &domain, &written), sources, skipped })
}

impl fmt::Display for InferError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            InferError::NotAFolder { path } => write!(f, "`{path}` is no folder"),
            InferError::BadPath { path } => {
                write!(f, "`{path}` can't stand in `from`: it leaves the project's folder, or holds `{{`, `}}` or `*`")
            }
            InferError::NoFiles { path, skipped } => {
                write!(f, "there is no file below `{path}` that a source could be written for")?;
                for (file, why) in skipped.iter().take(3) {
                    write!(f, "\n  {file}: {why}")?;
                }
                match skipped.len() {
                    0..=3 => Ok(()),
                    more => write!(f, "\n  … and {} more", more - 3),
                }
            }
        }
    }
}

impl std::error::Error for InferError {}

fn shape(raw: &RawFile) -> Result<Shape, String> {
    match &raw.format {
        FileFormat::Csv { delimiter, .. } => from_csv::shape(&raw.path, *delimiter),
        FileFormat::Json => from_json::shape(&raw.path),
        FileFormat::Parquet => from_parquet::shape(&raw.path),
    }
}

fn describe(group: &Group) -> Described {
    let format = group.files.first().map(|file| &file.raw.format);
    let mut described = match format {
        Some(FileFormat::Csv { delimiter, .. }) => from_csv::describe(&group.files, *delimiter),
        Some(FileFormat::Json) => from_json::describe(&group.files),
        Some(FileFormat::Parquet) | None => from_parquet::describe(&group.files),
    };
    let mut notes = group.notes.clone();
    notes.append(&mut described.notes);
    described.columns.retain(|column| match parse_type(&column.data_type) {
        Ok(_) => true,
        Err(_) => {
            notes.push(format!("left out: {}, since there is no type `{}`", column.name, column.data_type));
            false
        }
    });
    described.notes = notes;
    for captured in &group.captured {
        // Parquet files may hold what their path says too. Then freezing compares the two, by the file's type.
        let position = described.columns.iter().position(|column| column.name == captured.name);
        let in_file = position.map(|position| described.columns.remove(position).data_type);
        let in_file = in_file.filter(|data_type| described.is_metadata && fits(captured, data_type));
        described.columns.push(Column {
            name: captured.name.clone(),
            data_type: in_file.unwrap_or_else(|| type_of(captured)),
            not_null: true,
            note: Some("from the path".to_owned()),
            is_unique: false,
        });
        described.partition_by.push(captured.name.clone());
    }
    described
}

fn type_of(captured: &Captured) -> String {
    let mut values = TextValues::default();
    for value in &captured.values {
        values.add(value);
    }
    values.data_type()
}

fn fits(captured: &Captured, data_type: &str) -> bool {
    let texts = StringArray::from_iter_values(&captured.values);
    parse_type(data_type)
        .is_ok_and(|data_type| values::is_parseable(&data_type) && values::parse(&texts, &data_type).is_ok())
}

/// What stands before the paths of files: nothing, or a folder and its `/`.
fn prefix(shown: &str) -> Option<String> {
    let pieces: Vec<&str> = shown.split('/').filter(|piece| !matches!(*piece, "" | ".")).collect();
    if pieces.contains(&"..") || shown.contains(['{', '}', '*']) {
        return None;
    }
    let root = if shown.starts_with('/') { "/" } else { "" };
    let end = if pieces.is_empty() { "" } else { "/" };
    Some(format!("{root}{}{end}", pieces.join("/")))
}
