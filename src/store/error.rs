//! What can go wrong with the store.

use crate::diagnostic::{Code, Diagnostic};
use crate::manifest::ReadError;
use datafusion::object_store::path::Path;

#[derive(Clone, PartialEq, Eq, Debug)]
pub enum StoreError {
    /// The store's URL or path can't be used.
    Location { location: String, cause: String },
    Io {
        action: &'static str,
        store: String,
        path: String,
        cause: String,
        /// What was asked may have been done all the same, or be done yet: the answer is missing.
        doubtful: bool,
    },
    /// A record's bytes aren't what was written.
    Corrupt { path: String, cause: String },
    /// A record was written by another version of pie.
    UnknownFormat { path: String, format: u64 },
    /// An object of this name exists already.
    Exists { path: String },
    /// The store can't do what safety rests on.
    Incapable { store: String, lacks: &'static str },
    /// Whether a record was published can't be found out: the store failed, and answered no more when it was asked.
    Unknown { name: String, version: u64, cause: String },
    /// Another writer published first, and kept doing so.
    Conflict { name: String, version: u64 },
}

impl StoreError {
    /// What went wrong, in short.
    pub fn cause(&self) -> String {
        match self {
            StoreError::Location { cause, .. }
            | StoreError::Io { cause, .. }
            | StoreError::Corrupt { cause, .. }
            | StoreError::Unknown { cause, .. } => cause.clone(),
            other => other.diagnostic().message,
        }
    }

    pub fn record(path: &Path, error: ReadError) -> StoreError {
        match error {
            ReadError::UnknownFormat(format) => StoreError::UnknownFormat { path: path.to_string(), format },
            ReadError::Damaged(cause) => StoreError::Corrupt { path: path.to_string(), cause },
        }
    }

    pub fn diagnostic(&self) -> Diagnostic {
        match self {
            StoreError::Location { location, cause } => {
                Diagnostic::error(Code::Store, format!("the store `{location}` can't be opened"))
                    .with_note(cause.clone())
                    .with_help("see `[store] url` in pie.toml: a folder, or a URL such as s3://bucket/prefix")
            }
            StoreError::Io { action, store, path, cause, .. } => {
                Diagnostic::error(Code::Store, format!("can't {action} `{path}` in the store `{store}`"))
                    .with_note(cause.clone())
                    .with_help("nothing that was published is touched; mend the cause and run the command again")
            }
            StoreError::Corrupt { path, cause } => {
                Diagnostic::error(Code::CorruptRecord, format!("the record `{path}` is damaged"))
                    .with_note(cause.clone())
                    .with_help("restore this object from a backup of the store")
            }
            StoreError::UnknownFormat { path, format } => Diagnostic::error(
                Code::UnknownRecordVersion,
                format!("the record `{path}` has format {format}, which this pie doesn't know"),
            )
            .with_help("use the newest `pie` that worked on this store"),
            StoreError::Exists { path } => Diagnostic::error(Code::Store, format!("`{path}` exists already")),
            StoreError::Incapable { store, lacks } => {
                Diagnostic::error(Code::StoreIncapable, format!("the store `{store}` lacks {lacks}"))
                    .with_note("without that two builds at the same time could overwrite each other")
                    .with_help("use another store: `pie explain E0606` says which ones work")
            }
            StoreError::Unknown { name, version, cause } => {
                let message = format!("it isn't known whether version {version} of `{name}` was published");
                Diagnostic::error(Code::UnknownOutcome, message).with_note(cause.clone()).with_help(format!(
                    "`pie log {name}` shows it once the store answers; running the command again is safe"
                ))
            }
            StoreError::Conflict { name, version } => Diagnostic::error(
                Code::CommitConflict,
                format!("`{name}` was published by somebody else at the same time"),
            )
            .with_note(format!("version {version} and those after it were taken"))
            .with_help("run the command again: it starts from what they published"),
        }
    }
}

/// The innermost message of an error of object_store, which wraps the operating system's in several of its own.
pub fn cause(error: &datafusion::object_store::Error) -> String {
    let mut error: &dyn std::error::Error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}
