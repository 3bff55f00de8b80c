//! Why a slice wasn't built, as a diagnostic at its declaration.

use crate::diagnostic::{Code, Diagnostic};
use crate::exec::Failure;
use crate::name::RelationName;
use crate::semantic::Slice;
use crate::store::StoreError;

#[derive(Clone, PartialEq, Eq, Debug)]
pub enum BuildError {
    Failure(Failure),
    /// A promise of not-null that a row breaks.
    Null {
        column: String,
        rows: u64,
        example: String,
    },
    DuplicateKey {
        values: Vec<String>,
        rows: u64,
        keys: u64,
    },
    Check {
        name: String,
        rows: u64,
        examples: String,
    },
    /// Inputs without any version to read.
    InputMissing {
        inputs: Vec<(RelationName, String)>,
    },
    NotFrozen(RelationName),
    DeclarationChanged(RelationName),
    /// The record of a source's last version can't be read.
    SourceDamaged(RelationName),
    /// A raw file isn't what was frozen.
    RawChanged {
        source: RelationName,
        file: String,
    },
    RawVanished {
        source: RelationName,
        file: String,
    },
    Store(StoreError),
    /// Somebody held it while it was built.
    Held {
        version: u64,
    },
    Internal(String),
    Interrupted,
}

impl From<StoreError> for BuildError {
    fn from(error: StoreError) -> BuildError {
        BuildError::Store(error)
    }
}

impl From<Failure> for BuildError {
    fn from(failure: Failure) -> BuildError {
        BuildError::Failure(failure)
    }
}

impl BuildError {
    pub fn diagnostic(&self, slice: &Slice) -> Diagnostic {
        let name = &slice.name;
        let column_span = |column: &str| {
            let found = slice.columns.iter().find(|other| other.name == column);
            found.and_then(|column| column.span).unwrap_or(slice.name_span)
        };
        let rows_have = |rows: u64| if rows == 1 { "1 row has".to_owned() } else { format!("{rows} rows have") };
        match self {
            BuildError::Failure(Failure::OutOfMemory(text)) => {
                Diagnostic::error(Code::OutOfMemory, format!("the query of `{name}` needs more memory than it may have"))
                    .at(slice.name_span, "not built")
                    .with_note(text.clone())
                    .with_help("raise `[build] memory` in pie.toml, run fewer jobs at once with `--jobs 1`, or split the query into slices")
            }
            BuildError::Failure(failure @ Failure::Damaged(path)) => {
                let other = || Diagnostic::error(Code::CorruptRecord, format!("`{path}` is damaged"));
                failure.damage().unwrap_or_else(other).at(slice.name_span, "not built: it reads this file")
            }
            BuildError::Failure(Failure::Query(text)) => {
                let text = &crate::sql::types_sentence(text);
                let diagnostic = Diagnostic::error(Code::QueryFailed, format!("the query of `{name}` failed while it ran: {text}"));
                diagnostic.at(slice.name_span, "not built").with_help(advice(text))
            }
            BuildError::Null { column, rows, example } => {
                let is_key = slice.key.contains(column);
                let why = if is_key { "part of the key, so never null" } else { "promised as `not null`" };
                Diagnostic::error(Code::NullInSlice, format!("{} null in `{column}` of `{name}`", rows_have(*rows)))
                    .at(column_span(column), why)
                    .with_note(format!("for example:\n{example}"))
                    .with_help(format!("leave these rows out (`where {column} is not null`), give them a value (`coalesce({column}, …)`), or take the promise away"))
            }
            BuildError::DuplicateKey { values, rows, keys } => {
                let pairs: Vec<String> = slice.key.iter().zip(values).map(|(key, value)| format!("{key} = {value}")).collect();
                let message = format!("{rows} rows of `{name}` have the key {}", pairs.join(", "));
                let more = if *keys == 1 { "one key stands more than once".to_owned() } else { format!("{keys} keys stand more than once") };
                Diagnostic::error(Code::DuplicateSliceKey, message)
                    .at(slice.key.first().map_or(slice.name_span, |key| column_span(key)), "the key says at most one row")
                    .with_note(more)
                    .with_help("does a join give several rows here? Group by the key, or declare the columns that tell the rows apart")
            }
            BuildError::Check { name: check, rows, examples } => {
                let span = slice.checks.iter().find(|other| &other.name == check).map_or(slice.name_span, |check| check.span);
                let message = format!("the check `{check}` of `{name}` fails for {rows} row{}", if *rows == 1 { "" } else { "s" });
                Diagnostic::error(Code::CheckFailed, message)
                    .at(span, "must hold for every row")
                    .with_note(format!("for example:\n{examples}"))
                    .with_help("nothing was published; the version before is still served")
            }
            BuildError::InputMissing { inputs } => {
                let listed: Vec<String> = inputs.iter().map(|(input, why)| format!("`{input}` {why}")).collect();
                Diagnostic::error(Code::InputMissing, format!("`{name}` was skipped: {}", listed.join("; ")))
                    .at(slice.name_span, "not built")
                    .with_help("mend what it reads, then build again")
            }
            BuildError::NotFrozen(source) => {
                Diagnostic::error(Code::NotFrozen, format!("`{name}` reads the source `{source}`, which was never frozen"))
                    .at(slice.reads.iter().find(|read| &read.of == source).map_or(slice.name_span, |read| read.span), "no data yet")
                    .with_help("run `pie freeze`, or `pie build --freeze`")
            }
            BuildError::DeclarationChanged(source) => {
                let message = format!("the declaration of the source `{source}` changed since it was frozen");
                Diagnostic::error(Code::DeclarationChanged, message)
                    .at(slice.reads.iter().find(|read| &read.of == source).map_or(slice.name_span, |read| read.span), "read here")
                    .with_note("its files were verified against what it said before")
                    .with_help("run `pie freeze` to verify them against what it says now")
            }
            BuildError::RawChanged { source, file } => {
                Diagnostic::error(Code::FrozenFileChanged, format!("the file {file} of `{source}` changed since it was frozen"))
                    .at(slice.name_span, "not built")
                    .with_help("restore the file, or record what happened: `pie freeze --replace --reason '…'`")
            }
            BuildError::RawVanished { source, file } => {
                Diagnostic::error(Code::FrozenFileVanished, format!("the file {file} of `{source}` vanished since it was frozen"))
                    .at(slice.name_span, "not built")
                    .with_help("restore the file, or record what happened: `pie freeze --replace --reason '…'`")
            }
            BuildError::Store(error) => {
                let diagnostic = error.diagnostic();
                Diagnostic { span: Some(slice.name_span), label: "not published".to_owned(), ..diagnostic }
            }
            BuildError::Held { version } => {
                Diagnostic::error(Code::CommitConflict, format!("`{name}` was held while it was built"))
                    .at(slice.name_span, "not published")
                    .with_note(format!("version {version} holds it"))
            }
            BuildError::SourceDamaged(source) => {
                Diagnostic::error(Code::CorruptRecord, format!("the record of the source `{source}` is damaged"))
                    .at(slice.name_span, "not built: it reads this source")
                    .with_help("`pie fsck` names the object; restore it from a backup of the store")
            }
            BuildError::Internal(text) => Diagnostic::error(Code::QueryFailed, format!("a bug in pie kept `{name}` from being built: {text}"))
                .at(slice.name_span, "not built")
                .with_help("please report it with this message and the declaration"),
            BuildError::Interrupted => Diagnostic::error(Code::InputMissing, format!("`{name}` was interrupted"))
                .at(slice.name_span, "not built")
                .with_help("nothing of it was published; run the command again"),
        }
    }
}

fn advice(text: &str) -> &'static str {
    let lowered = text.to_lowercase();
    if lowered.contains("cast") || lowered.contains("parse") {
        "use `try_cast(… as TYPE)`, which gives null where a text is no value of the type, or filter those rows out"
    } else if lowered.contains("divide by zero") {
        "divide by `nullif(…, 0)`, which gives null instead"
    } else if lowered.contains("overflow") {
        "cast to a wider type first"
    } else {
        "`pie emit SLICE --as physical` shows what was run"
    }
}
