//! Which files are one source.
//!
//! ```text
//!   transfers/chain=eth/day=2026-01-01/part-0.parquet      transfers/chain={chain}/day={day}/*.parquet
//!   signups/2026-01-01.ndjson, signups/2026-01-08.ndjson   signups/*.ndjson
//!   orders_2026-01-01.csv, orders_2026-01-02.csv           orders_*.csv
//!   eu.csv, us.csv in a folder, with the same columns      *.csv
//!   merchants.csv                                          merchants.csv
//! ```
//!
//! Files whose folders differ only in partitions, dates and numbers lie in one *bucket*. A bucket is one source if all of
//! its files have the same columns; otherwise each of its *series*, files whose names differ only in dates and numbers,
//! is one. Columns may come and go within a series, as they do over the years, as long as most of them stay.

use super::names::identifier;
use super::pattern::{is_serial, is_variable, matches, pattern, words};
use super::walk::RawFile;
use crate::semantic::FileFormat;
use std::collections::{BTreeMap, BTreeSet};

/// A file and its columns.
pub(super) struct DataFile {
    pub raw: RawFile,
    pub shape: Shape,
}

/// What a glance into a file shows.
pub(super) struct Shape {
    /// In their order; of JSON those that its first rows have.
    pub columns: Vec<String>,
    /// Of CSV.
    pub delimiter: u8,
}

/// The files of a source.
pub(super) struct Group<'f> {
    /// Names for the source, the best first.
    pub names: Vec<String>,
    /// The path below the folder that is walked, with `*` and `{column}`.
    pub template: String,
    pub captured: Vec<Captured>,
    pub files: Vec<&'f DataFile>,
    pub notes: Vec<String>,
}

/// A column that stands in the path.
pub(super) struct Captured {
    pub name: String,
    pub values: BTreeSet<String>,
}

/// Groups files, in the order of their folders. `root_name` is what the folder that is walked is called.
pub(super) fn groups<'f>(files: &'f [DataFile], root_name: &str) -> Vec<Group<'f>> {
    let mut buckets: BTreeMap<(String, &str), Bucket> = BTreeMap::new();
    for file in files {
        let folder = Folder::of(&file.raw.folders);
        let key = (folder.template.clone(), file.raw.extension.as_str());
        let bucket = buckets.entry(key).or_insert_with(|| Bucket { folder, files: Vec::new(), root_name });
        bucket.files.push(file);
    }
    buckets.values().flat_map(Bucket::groups).collect()
}

struct Bucket<'f, 'n> {
    folder: Folder,
    files: Vec<&'f DataFile>,
    root_name: &'n str,
}

impl<'f> Bucket<'f, '_> {
    fn groups(&self) -> Vec<Group<'f>> {
        let mut series: BTreeMap<String, Vec<&'f DataFile>> = BTreeMap::new();
        for file in &self.files {
            series.entry(pattern(&file.raw.stem)).or_default().push(file);
        }
        let only = if series.len() == 1 { series.keys().next() } else { None };
        match only {
            Some(pattern) if is_coherent(&self.files) => return vec![self.whole(Some(pattern))],
            None if is_alike(&self.files) => return vec![self.whole(None)],
            Some(_) | None => {}
        }
        let mut groups = Vec::new();
        for (pattern, files) in &series {
            let name = file_pattern(pattern, files);
            let mut others = series.iter().filter(|(other, _)| *other != pattern).flat_map(|(_, files)| files);
            if is_coherent(files) && !others.any(|other| matches(&name, &other.raw.stem)) {
                groups.push(self.group(&name, self.names(&words(&name)), files.clone()));
            } else {
                groups.extend(files.iter().map(|file| self.alone(file)));
            }
        }
        groups
    }

    /// One source of all files, whose names follow one pattern or none.
    fn whole(&self, pattern: Option<&String>) -> Group<'f> {
        let name = pattern.map_or_else(|| "*".to_owned(), |pattern| file_pattern(pattern, &self.files));
        let word = Some(words(&name)).filter(|word| !is_generic(word));
        let is_one_path = !name.contains('*') && !self.folder.is_pattern;
        if let [file] = self.files.as_slice()
            && is_one_path
        {
            return self.alone(file);
        }
        let folder = self.folder.names.first();
        let mut group = match (word, folder) {
            // `exports/orders_*.csv` are orders. `fx_rates/day={day}/rates.csv` are fx_rates, like those of `fx_rates/`.
            (Some(word), Some(folder)) if name.contains('*') && identifier(folder, "") != word => {
                self.group(&name, self.names(&word), self.files.clone())
            }
            (Some(word), None) => self.group(&name, self.names(&word), self.files.clone()),
            (_, Some(_)) => self.group("*", self.names(""), self.files.clone()),
            (None, None) => self.group("*", vec![self.root_name.to_owned()], self.files.clone()),
        };
        if pattern.is_none() {
            let mut names: Vec<String> =
                self.files.iter().map(|file| format!("{}{}", file.raw.stem, file.raw.extension)).collect();
            names.sort();
            names.dedup();
            let more = if names.len() > 4 { ", …" } else { "" };
            names.truncate(4);
            group.notes.push(format!("one source, since they have the same columns: {}{more}", names.join(", ")));
        }
        group
    }

    fn group(&self, name: &str, names: Vec<String>, files: Vec<&'f DataFile>) -> Group<'f> {
        let extension = files.first().map_or("", |file| file.raw.extension.as_str());
        let mut captured: Vec<Captured> = Vec::new();
        for file in &files {
            for (name, value) in Folder::of(&file.raw.folders).captured {
                match captured.iter_mut().find(|captured| captured.name == name) {
                    Some(captured) => {
                        captured.values.insert(value);
                    }
                    None => captured.push(Captured { name, values: BTreeSet::from([value]) }),
                }
            }
        }
        let template = format!("{}{name}{extension}", self.folder.template);
        Group { names, template, captured, files, notes: Vec::new() }
    }

    /// A source of one file, by its whole path.
    fn alone(&self, file: &'f DataFile) -> Group<'f> {
        let names = self.names(&identifier(&file.raw.stem, ""));
        Group { names, template: file.raw.shown(), captured: Vec::new(), files: vec![file], notes: Vec::new() }
    }

    /// Names from a word, or from the folder without one; each further one has one more folder in it.
    fn names(&self, word: &str) -> Vec<String> {
        let mut parts: Vec<&str> = Vec::new();
        if !is_generic(word) || (!word.is_empty() && self.folder.names.is_empty()) {
            parts.push(word);
        }
        parts.extend(self.folder.names.iter().map(String::as_str));
        if parts.is_empty() {
            parts.push(self.root_name);
        }
        let joined = |count: usize| parts[..count].iter().rev().copied().collect::<Vec<_>>().join("_");
        (1..=parts.len()).map(|count| identifier(&joined(count), "data")).collect()
    }
}

/// The folders of a bucket's files.
struct Folder {
    /// With a `/` at the end, unless it is empty.
    template: String,
    /// The folders that have names, the innermost first.
    names: Vec<String>,
    /// Columns and their values, of the file that this was made for.
    captured: Vec<(String, String)>,
    /// Another path may match too.
    is_pattern: bool,
}

impl Folder {
    fn of(folders: &[String]) -> Folder {
        let mut folder = Folder { template: String::new(), names: Vec::new(), captured: Vec::new(), is_pattern: false };
        for piece in folders {
            let hive = piece.split_once('=').filter(|(name, value)| !name.trim().is_empty() && !value.is_empty());
            if let Some((name, value)) = hive {
                // As templates fold it.
                let column = name.trim().to_lowercase();
                let is_again = folder.captured.iter().any(|(other, _)| *other == column);
                let pattern = if is_again { "*".to_owned() } else { format!("{{{column}}}") };
                folder.template.push_str(&format!("{name}={pattern}/"));
                folder.is_pattern = true;
                if !is_again {
                    folder.captured.push((column, value.to_owned()));
                }
            } else if is_variable(piece) {
                folder.template.push_str("*/");
                folder.is_pattern = true;
            } else {
                folder.template.push_str(&format!("{piece}/"));
                folder.names.insert(0, piece.clone());
            }
        }
        folder
    }
}

/// Words in names of files that say nothing of what is in them.
const GENERIC: [&str; 9] = ["", "part", "c", "snappy", "data", "file", "chunk", "batch", "export"];

fn is_generic(words: &str) -> bool {
    words.split('_').all(|word| GENERIC.contains(&word))
}

/// Whether files of one series can be one source: most of the columns are in all of them.
fn is_coherent(files: &[&DataFile]) -> bool {
    let (common, union) = common_and_union(files);
    let is_json = files.iter().any(|file| matches!(file.raw.format, FileFormat::Json));
    let delimiters: BTreeSet<u8> = files.iter().map(|file| file.shape.delimiter).collect();
    delimiters.len() <= 1
        && files.iter().all(|file| {
            let columns = file.shape.columns.len();
            // A JSON row leaves out what it doesn't know.
            if is_json { columns * 2 >= union } else { columns <= common * 2 }
        })
}

/// Whether files of different names hold the same: the same columns, or nearly so in JSON.
fn is_alike(files: &[&DataFile]) -> bool {
    let (common, union) = common_and_union(files);
    let is_json = files.iter().any(|file| matches!(file.raw.format, FileFormat::Json));
    let same =
        if is_json { files.iter().all(|file| file.shape.columns.len() * 4 >= union * 3) } else { common == union };
    same && is_coherent(files)
}

/// How many columns are in all files, and how many in any.
fn common_and_union(files: &[&DataFile]) -> (usize, usize) {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for file in files {
        let columns: BTreeSet<&str> = file.shape.columns.iter().map(String::as_str).collect();
        for column in columns {
            *counts.entry(column).or_default() += 1;
        }
    }
    (counts.values().filter(|count| **count == files.len()).count(), counts.len())
}

/// What matches the names of a series. One file by itself has its own name, unless that is a date or says nothing:
/// another will follow.
fn file_pattern(pattern: &str, files: &[&DataFile]) -> String {
    let stems: BTreeSet<&str> = files.iter().map(|file| file.raw.stem.as_str()).collect();
    match stems.first() {
        Some(stem) if stems.len() == 1 && !is_serial(stem) && !is_generic(&words(pattern)) => (*stem).to_owned(),
        Some(_) | None => pattern.to_owned(),
    }
}
