//! What is found out about the files of a source.

use super::group::DataFile;
use super::names::is_writable;
use std::collections::{BTreeMap, BTreeSet};

/// A source without its name.
pub(super) struct Described {
    pub columns: Vec<Column>,
    pub partition_by: Vec<String>,
    pub files: usize,
    /// How many of them rows were read of.
    pub files_read: usize,
    /// Rows that types and nulls come from: those that were read, or all of Parquet files, whose metadata tells both.
    pub rows: u64,
    /// Every row was read.
    pub is_whole: bool,
    pub is_metadata: bool,
    /// What must stand behind `format`, if anything.
    pub format: Option<String>,
    /// For the author, a line each.
    pub notes: Vec<String>,
}

pub(super) struct Column {
    pub name: String,
    pub data_type: String,
    pub not_null: bool,
    pub note: Option<String>,
    /// It is called like a key, and each of the rows read had its own value.
    pub is_unique: bool,
}

/// Up to this many rows are read of each of up to [`SAMPLED_FILES`] files.
pub(super) const SAMPLED_ROWS: usize = 10_000;
pub(super) const SAMPLED_FILES: usize = 5;

/// Which of `count` files are read: all, or some spread evenly from the first to the last.
pub(super) fn sampled(count: usize) -> Vec<usize> {
    if count <= SAMPLED_FILES {
        return (0..count).collect();
    }
    (0..SAMPLED_FILES).map(|index| index * (count - 1) / (SAMPLED_FILES - 1)).collect()
}

/// The columns that all files have and that can be declared, in the order of the first file; and what is said of the
/// others. A declared column that a file hasn't would be an error.
pub(super) fn common(files: &[&DataFile]) -> (Vec<String>, Vec<String>) {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for file in files {
        let columns: BTreeSet<&str> = file.shape.columns.iter().map(String::as_str).collect();
        for column in columns {
            *counts.entry(column).or_default() += 1;
        }
    }
    let mut notes = Vec::new();
    let mut names: Vec<String> = Vec::new();
    let first = files.first().map_or(&[][..], |file| file.shape.columns.as_slice());
    for (index, name) in first.iter().enumerate() {
        if counts.get(name.as_str()).is_none_or(|count| *count < files.len()) {
            continue;
        }
        if !is_writable(name) {
            notes.push(format!("left out: column {}, since it has no proper name", index + 1));
        } else if names.contains(name) {
            notes.push(format!("left out: column {}, since there is another `{name}`", index + 1));
        } else {
            names.push(name.clone());
        }
    }
    let missing: Vec<&str> = counts.iter().filter(|(_, count)| **count < files.len()).map(|(name, _)| *name).collect();
    if !missing.is_empty() {
        notes.push(format!("left out, since not all files have it: {}", missing.join(", ")));
    }
    (names, notes)
}
