//! The data files below a folder.

use crate::semantic::FileFormat;
use flate2::read::MultiGzDecoder;
use ignore::WalkBuilder;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

/// A file whose name says that it holds data.
pub(super) struct RawFile {
    pub path: PathBuf,
    /// The folders it lies in, below the one that is walked.
    pub folders: Vec<String>,
    /// Its name without the extension.
    pub stem: String,
    /// With its dot, and with `.gz` if that is behind it.
    pub extension: String,
    pub format: FileFormat,
}

/// Finds data files in the order of their paths. Hidden ones aren't looked at, as `freeze` doesn't either; others that
/// hold no data go to `skipped`.
pub(super) fn walk(dir: &Path, skipped: &mut Vec<(String, String)>) -> Vec<RawFile> {
    // Raw data is what `.gitignore` often names, so that isn't asked.
    let entries = WalkBuilder::new(dir)
        .standard_filters(false)
        .hidden(true)
        .follow_links(true)
        .sort_by_file_name(|a, b| a.cmp(b))
        .build();
    let mut files = Vec::new();
    for entry in entries {
        let entry = match entry {
            Ok(entry) => entry,
            Err(error) => {
                skipped.push((dir.display().to_string(), error.to_string()));
                continue;
            }
        };
        if entry.file_type().is_none_or(|kind| kind.is_dir()) {
            continue;
        }
        match raw_file(dir, entry.path()) {
            Ok(file) => files.push(file),
            // What is said of a folder is said once.
            Err(why) if skipped.last() == Some(&why) => {}
            Err(why) => skipped.push(why),
        }
    }
    files
}

impl RawFile {
    /// The path below the folder that is walked, with `/`.
    pub fn shown(&self) -> String {
        let name = format!("{}{}", self.stem, self.extension);
        self.folders.iter().map(String::as_str).chain([name.as_str()]).collect::<Vec<_>>().join("/")
    }
}

/// A file's text, unpacked where its name ends in `.gz`.
pub(super) fn open_text(path: &Path) -> io::Result<Box<dyn Read>> {
    let file = File::open(path)?;
    let is_packed = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("gz"));
    Ok(if is_packed { Box::new(MultiGzDecoder::new(BufReader::new(file))) } else { Box::new(file) })
}

/// A data file, or what to skip and why.
fn raw_file(dir: &Path, path: &Path) -> Result<RawFile, (String, String)> {
    let below = path.strip_prefix(dir).unwrap_or(path);
    let skip = |what: String, why: &str| Err((what, why.to_owned()));
    let pieces: Option<Vec<String>> = below.iter().map(|piece| piece.to_str().map(str::to_owned)).collect();
    let Some(mut pieces) = pieces else {
        return skip(below.display().to_string(), "its name isn't UTF-8");
    };
    let shown = pieces.join("/");
    let name = pieces.pop().unwrap_or_default();
    // `_delta_log`, `_spark_metadata` and their like; `_day=2026-01-01` is a partition.
    if let Some(at) = pieces.iter().position(|folder| folder.starts_with('_') && !folder.contains('=')) {
        let folder = format!("{}/", pieces[..=at].join("/"));
        return skip(folder, "folders that begin with `_` hold the records of other programs");
    }
    if shown.contains(|c: char| matches!(c, '{' | '}' | '*') || c.is_control()) {
        return skip(shown, "its path holds a character that `from` can't say, such as `{`, `}` or `*`");
    }
    let packed = name.to_ascii_lowercase().ends_with(".gz");
    let unpacked = if packed { name.len() - ".gz".len() } else { name.len() };
    let (Some(dot), Some(format)) = (name[..unpacked].rfind('.'), FileFormat::of_path(&name)) else {
        return skip(shown, "by its name it holds no data: .parquet, .csv, .tsv, .json, .ndjson and .jsonl do");
    };
    if packed && !format.is_text() {
        return skip(shown, "Parquet files are read as they are, not packed once more");
    }
    let (stem, extension) = name.split_at(dot);
    Ok(RawFile {
        path: path.to_owned(),
        folders: pieces,
        stem: stem.to_owned(),
        extension: extension.to_owned(),
        format,
    })
}
