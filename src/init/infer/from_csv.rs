//! CSV: names from the header, types from the texts of a sample.

use super::columns::{Column, Described, SAMPLED_ROWS, common, sampled};
use super::group::{DataFile, Shape};
use super::names::Distinct;
use super::scalar::{Kind, TextValues, kind};
use super::walk::open_text;
use std::io::Read;
use std::path::Path;

/// Reads the header. A `.csv` file may be separated by something else than commas.
pub(super) fn shape(path: &Path, delimiter: u8) -> Result<Shape, String> {
    let columns = header(&mut open(path, delimiter)?)?;
    let other = match columns.as_slice() {
        [only] if delimiter == b',' => b";\t|".iter().copied().find(|other| only.contains(char::from(*other))),
        _ => None,
    };
    match other {
        Some(other) => Ok(Shape { columns: header(&mut open(path, other)?)?, delimiter: other }),
        None if columns.is_empty() => Err("it is empty".to_owned()),
        None => Ok(Shape { columns, delimiter }),
    }
}

/// Describes files with one delimiter; `usual` is that of their extension.
pub(super) fn describe(files: &[&DataFile], usual: u8) -> Described {
    let delimiter = files.first().map_or(usual, |file| file.shape.delimiter);
    let (names, mut notes) = common(files);
    if names.iter().any(|name| !matches!(kind(name), Kind::Text)) {
        notes.push(
            "the first line looks like data: if it is, add `format csv (header false)` and name the columns".to_owned(),
        );
    }
    let mut columns: Vec<Sampled> = names.iter().map(|name| Sampled::new(name)).collect();
    let picked = sampled(files.len());
    let mut is_whole = picked.len() == files.len();
    let mut rows = 0;
    for file in picked.iter().filter_map(|index| files.get(*index)) {
        match sample(file, &names, &mut columns, &mut rows) {
            Ok(is_all) => is_whole &= is_all,
            Err(why) => {
                is_whole = false;
                notes.push(format!("{}: {why}", file.raw.shown()));
            }
        }
    }
    let column = |(name, sampled): (&String, &Sampled)| Column {
        name: name.clone(),
        data_type: sampled.texts.data_type(),
        not_null: rows > 0 && sampled.nulls == 0,
        note: sampled.texts.note(),
        is_unique: sampled.nulls == 0 && sampled.distinct.holds(rows),
    };
    Described {
        columns: names.iter().zip(&columns).map(column).collect(),
        partition_by: Vec::new(),
        files: files.len(),
        files_read: picked.len(),
        rows,
        is_whole,
        is_metadata: false,
        format: (delimiter != usual).then(|| format!("csv (delimiter '{}')", char::from(delimiter).escape_default())),
        notes,
    }
}

struct Sampled {
    texts: TextValues,
    nulls: u64,
    distinct: Distinct,
}

impl Sampled {
    fn new(name: &str) -> Sampled {
        Sampled { texts: TextValues::default(), nulls: 0, distinct: Distinct::new(name) }
    }

    /// An empty field is null, in quotes or not.
    fn add(&mut self, text: &str) {
        if text.is_empty() {
            self.nulls += 1;
        } else {
            self.texts.add(text);
            self.distinct.add(text);
        }
    }
}

/// Reads the first rows of a file and says whether those are all.
fn sample(file: &DataFile, names: &[String], columns: &mut [Sampled], rows: &mut u64) -> Result<bool, String> {
    let mut reader = open(&file.raw.path, file.shape.delimiter)?;
    let header = header(&mut reader)?;
    let positions: Vec<Option<usize>> =
        names.iter().map(|name| header.iter().position(|other| other == name)).collect();
    let mut record = csv::StringRecord::new();
    let mut count = 0;
    while reader.read_record(&mut record).map_err(|error| cause(&error))? {
        if count == SAMPLED_ROWS {
            return Ok(false);
        }
        count += 1;
        *rows += 1;
        for (column, position) in columns.iter_mut().zip(&positions) {
            column.add(position.and_then(|position| record.get(position)).unwrap_or_default());
        }
    }
    Ok(true)
}

type Reader = csv::Reader<Box<dyn Read>>;

fn open(path: &Path, delimiter: u8) -> Result<Reader, String> {
    let input = open_text(path).map_err(|error| error.to_string())?;
    Ok(csv::ReaderBuilder::new().delimiter(delimiter).flexible(false).from_reader(input))
}

/// The names as freezing finds them.
fn header(reader: &mut Reader) -> Result<Vec<String>, String> {
    let header = reader.headers().map_err(|error| cause(&error))?;
    Ok(header.iter().map(|name| name.trim().trim_start_matches('\u{feff}').to_owned()).collect())
}

fn cause(error: &csv::Error) -> String {
    let line = error.position().map_or_else(String::new, |position| format!("line {}: ", position.line()));
    match error.kind() {
        csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
            format!("{line}this row has {len} fields, the first one has {expected_len}")
        }
        csv::ErrorKind::Utf8 { .. } => format!("{line}this isn't UTF-8 text"),
        _ => error.to_string(),
    }
}
