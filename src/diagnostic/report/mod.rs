//! Diagnostics in the formats that other programs read: CI systems, code review, code scanning.
//!
//! Each format is a function from a [`Report`] to its text. What a format has no place for is part of the message there, so
//! that nobody has to look elsewhere for the cause or the way out.

mod github;
mod gitlab;
mod jsonl;
mod junit;
mod rdjson;
mod sarif;

pub use github::{ANNOTATIONS, SUMMARY_BYTES, annotations, summary};
pub use gitlab::gitlab;
pub use jsonl::jsonl;
pub use junit::junit;
pub use rdjson::rdjson;
pub use sarif::{RESULTS, sarif};

use super::Diagnostic;
use crate::text::{FileId, LineColumn, SourceMap, Span};
use std::collections::HashMap;

/// What was found, and where it is told.
#[derive(Clone, Copy, Debug)]
pub struct Report<'a> {
    /// The verb that looked, such as `check`.
    pub verb: &'a str,
    /// In the order in which people read.
    pub diagnostics: &'a [Diagnostic],
    pub sources: &'a SourceMap,
    /// The files that were looked at.
    pub files: &'a [FileId],
    /// The folder of the project below the root of its repository, with `/` between and behind; empty where they are the same.
    /// CI systems name files from there.
    pub folder: &'a str,
}

/// A stretch of a file as CI systems name it. Lines and columns are 1-based.
struct Place {
    path: String,
    start: LineColumn,
    end: LineColumn,
}

impl Report<'_> {
    fn path(&self, file: FileId) -> String {
        format!("{}{}", self.folder, self.sources.get(file).path())
    }

    fn place(&self, span: Span) -> Place {
        let text = self.sources.get(span.file);
        Place { path: self.path(span.file), start: text.position(span.start), end: text.position(span.end) }
    }

    /// Where a diagnostic is shown. What has no place in a text concerns the project: its settings stand for it.
    fn place_of(&self, diagnostic: &Diagnostic) -> Place {
        let first = || LineColumn { line: 1, column: 1 };
        match diagnostic.span {
            Some(span) => self.place(span),
            None => Place { path: format!("{}pie.toml", self.folder), start: first(), end: first() },
        }
    }

    /// The errors, then the warnings, then the notes; each in the order of the report.
    fn by_severity(&self) -> Vec<&Diagnostic> {
        let mut all: Vec<&Diagnostic> = self.diagnostics.iter().collect();
        all.sort_by_key(|diagnostic| diagnostic.severity);
        all
    }

    /// Everything that a diagnostic says, in lines: its message, what is at its places, why, and what to do.
    fn text(&self, diagnostic: &Diagnostic) -> String {
        let mut lines = vec![diagnostic.message.clone()];
        lines.extend(self.details(diagnostic));
        lines.join("\n")
    }

    /// What a diagnostic says behind its message.
    fn details(&self, diagnostic: &Diagnostic) -> Vec<String> {
        let mut lines = Vec::new();
        if !diagnostic.label.is_empty() {
            lines.push(diagnostic.label.clone());
        }
        for label in &diagnostic.labels {
            let place = self.place(label.span);
            lines.push(format!("{}:{}: {}", place.path, place.start.line, label.message));
        }
        lines.extend(diagnostic.notes.iter().map(|note| format!("note: {}", note.trim_end())));
        lines.extend(diagnostic.help.iter().map(|help| format!("help: {}", help.trim_end())));
        lines
    }

    /// A fingerprint for each diagnostic, by which a finding is known again when lines move: of what it says and in which file,
    /// and of how many such come before it.
    fn fingerprints(&self, diagnostics: &[&Diagnostic]) -> Vec<String> {
        let mut before: HashMap<blake3::Hash, u64> = HashMap::new();
        let mut fingerprints = Vec::new();
        for diagnostic in diagnostics {
            let mut hasher = blake3::Hasher::new();
            for part in [diagnostic.code.as_str(), &self.place_of(diagnostic).path, &diagnostic.message] {
                hasher.update(&(part.len() as u64).to_le_bytes()).update(part.as_bytes());
            }
            let number = before.entry(hasher.finalize()).or_default();
            hasher.update(&number.to_le_bytes());
            *number += 1;
            fingerprints.push(hasher.finalize().to_hex()[..32].to_owned());
        }
        fingerprints
    }
}
