//! What freezing finds wrong, with file, place in the file, column and value.

use crate::diagnostic::{Code, Diagnostic};
use crate::semantic::Source;
use crate::store::StoreError;

/// Where in a file a row stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Place {
    /// A line of a text file, from 1.
    Line(u64),
    /// A row of a row group of a Parquet file, both from 0.
    RowGroup {
        group: usize,
        row: u64,
    },
    Whole,
}

impl Place {
    fn shown(self, file: &str) -> String {
        match self {
            Place::Line(line) => format!("{file}:{line}"),
            Place::RowGroup { group, row } => format!("{file}, row group {group}, row {row}"),
            Place::Whole => file.to_owned(),
        }
    }
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub enum FreezeError {
    NoFiles {
        looked_in: String,
    },
    MissingColumn {
        file: String,
        column: String,
        has: Vec<String>,
    },
    ColumnType {
        file: String,
        column: String,
        declared: String,
        found: String,
    },
    BadValue {
        file: String,
        place: Place,
        column: String,
        declared: String,
        value: String,
    },
    BadRow {
        file: String,
        place: Place,
        cause: String,
    },
    Null {
        file: String,
        place: Place,
        column: String,
        is_key: bool,
    },
    DuplicateKey {
        key: Vec<String>,
        values: Vec<String>,
        rows: u64,
        keys: u64,
    },
    Partition {
        file: String,
        column: String,
        declared: String,
        value: String,
    },
    PartitionDiffers {
        file: String,
        place: Place,
        column: String,
        path: String,
        value: String,
    },
    Changed {
        files: Vec<String>,
    },
    Vanished {
        files: Vec<String>,
    },
    Unreadable {
        file: String,
        cause: String,
    },
    Store(StoreError),
    /// The person at the keyboard stopped it.
    Interrupted,
}

impl From<StoreError> for FreezeError {
    fn from(error: StoreError) -> FreezeError {
        FreezeError::Store(error)
    }
}

impl FreezeError {
    /// The diagnostic at the source's declaration.
    pub fn diagnostic(&self, source: &Source) -> Diagnostic {
        let name = &source.name;
        let at_column = |diagnostic: Diagnostic, column: &str, label: String| match source
            .columns
            .iter()
            .find(|other| other.name == column)
            .and_then(|column| column.span)
        {
            Some(span) => diagnostic.at(span, label),
            None => diagnostic.at(source.name_span, label),
        };
        let at_source =
            |diagnostic: Diagnostic, label: &str| diagnostic.at(source.from_span.unwrap_or(source.name_span), label);
        match self {
            FreezeError::NoFiles { looked_in } => {
                let diagnostic = Diagnostic::error(Code::NoFiles, format!("no file matches the path of `{name}`"));
                at_source(diagnostic, "matches no file").with_note(format!("looked in {looked_in}")).with_help(
                    "a relative path starts at `[sources] root` in pie.toml, the project's folder if that isn't set",
                )
            }
            FreezeError::MissingColumn { file, column, has } => {
                let diagnostic = Diagnostic::error(Code::FileSchema, format!("{file} has no column `{column}`"));
                let listed: Vec<String> = has.iter().map(|name| format!("`{name}`")).collect();
                at_column(diagnostic, column, "declared here".to_owned())
                    .with_help(format!("the file has {}", listed.join(", ")))
            }
            FreezeError::ColumnType { file, column, declared, found } => {
                let message = format!("`{column}` is {found} in {file}, not {declared}");
                at_column(Diagnostic::error(Code::FileSchema, message), column, format!("declared as {declared}"))
                    .with_help(format!("declare it as `{column} {found}`, and cast it in the slices that read it"))
            }
            FreezeError::BadValue { file, place, column, declared, value } => {
                let message = format!("{}: `{}` is no {declared}", place.shown(file), shorten(value));
                at_column(
                    Diagnostic::error(Code::BadValue, message),
                    column,
                    format!("`{column}` is declared as {declared}"),
                )
                .with_help("mend the file, or declare the column as text and cast it in a slice")
            }
            FreezeError::BadRow { file, place, cause } => {
                let diagnostic = Diagnostic::error(Code::BadValue, format!("{}: {cause}", place.shown(file)));
                at_source(diagnostic, "one of its files")
            }
            FreezeError::Null { file, place, column, is_key } => {
                let message = format!("{}: `{column}` is null", place.shown(file));
                let why = if *is_key { "part of the key, so never null" } else { "declared as `not null`" };
                at_column(Diagnostic::error(Code::NullInSource, message), column, why.to_owned()).with_help(
                    if *is_key {
                        "mend the file, or choose another key"
                    } else {
                        "mend the file, or take `not null` away"
                    },
                )
            }
            FreezeError::DuplicateKey { key, values, rows, keys } => {
                let pairs: Vec<String> =
                    key.iter().zip(values).map(|(name, value)| format!("{name} = {}", shorten(value))).collect();
                let message = format!("{rows} rows of `{name}` have the key {}", pairs.join(", "));
                let diagnostic = Diagnostic::error(Code::DuplicateSourceKey, message);
                let more = if *keys > 1 {
                    format!("{keys} keys stand more than once")
                } else {
                    "the key must be unique".to_owned()
                };
                at_column(diagnostic, key.first().map_or("", String::as_str), "the key says at most one".to_owned())
                    .with_note(more)
                    .with_help("remove the duplicates from the files, or declare a key that is unique")
            }
            FreezeError::Partition { file, column, declared, value } => {
                let message = format!("the path {file} gives `{column}` the value `{value}`, which is no {declared}");
                at_column(
                    Diagnostic::error(Code::PartitionMismatch, message),
                    column,
                    format!("declared as {declared}"),
                )
                .with_help("rename the folder or file, or capture another part of the path")
            }
            FreezeError::PartitionDiffers { file, place, column, path, value } => {
                let message = format!("{}: `{column}` is `{value}`, but its path says `{path}`", place.shown(file));
                at_column(
                    Diagnostic::error(Code::PartitionMismatch, message),
                    column,
                    "captured from the path".to_owned(),
                )
                .with_help("move the row to the file of its partition")
            }
            FreezeError::Changed { files } => {
                let message = format!(
                    "{} of `{name}` changed since {} frozen",
                    count(files),
                    if files.len() == 1 { "it was" } else { "they were" }
                );
                let diagnostic = Diagnostic::error(Code::FrozenFileChanged, message).with_note(list(files));
                at_source(diagnostic, "frozen files never change")
                    .with_help("restore the file, or record what happened: `pie freeze --replace --reason '…'`")
            }
            FreezeError::Vanished { files } => {
                let message = format!(
                    "{} of `{name}` vanished since {} frozen",
                    count(files),
                    if files.len() == 1 { "it was" } else { "they were" }
                );
                let diagnostic = Diagnostic::error(Code::FrozenFileVanished, message).with_note(list(files));
                at_source(diagnostic, "frozen files never go")
                    .with_help("restore the file, or record what happened: `pie freeze --replace --reason '…'`")
            }
            FreezeError::Unreadable { file, cause } => {
                let diagnostic =
                    Diagnostic::error(Code::UnreadableData, format!("{file} can't be read")).with_note(cause.clone());
                at_source(diagnostic, "one of its files")
            }
            FreezeError::Store(error) => error.diagnostic(),
            FreezeError::Interrupted => {
                let diagnostic = Diagnostic::error(Code::NotFrozen, format!("freezing `{name}` was interrupted"));
                at_source(diagnostic, "not frozen").with_help("nothing of it was recorded; run the command again")
            }
        }
    }
}

fn count(files: &[String]) -> String {
    match files {
        [one] => format!("the file {one}"),
        several => format!("{} files", several.len()),
    }
}

fn list(files: &[String]) -> String {
    let more = files.len().saturating_sub(10);
    let mut text = files.iter().take(10).cloned().collect::<Vec<_>>().join("\n");
    if more > 0 {
        text.push_str(&format!("\nand {more} more"));
    }
    text
}

fn shorten(value: &str) -> String {
    match value.char_indices().nth(80) {
        Some((at, _)) => format!("{}…", &value[..at]),
        None => value.to_owned(),
    }
}
