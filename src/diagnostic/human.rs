//! Diagnostics for people: codespan-reporting on a terminal, the only place that names it.
//!
//! What nobody sees in a text is spelt out here, so that no text can play its trick on whoever reads about it.

use super::unseen::{legible, unmasked};
use super::{Diagnostic, Severity};
use crate::text::{FileId, SourceMap};
use codespan_reporting::diagnostic as codespan;
use codespan_reporting::files::{Error, Files};
use codespan_reporting::term::{self, termcolor};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

/// Renders diagnostics with their source lines, as a text that ends with a newline each. `color` switches ANSI colours on.
pub fn render(diagnostics: &[Diagnostic], sources: &SourceMap, color: bool) -> String {
    let config = term::Config { tab_width: 4, ..term::Config::default() };
    let mut buffer = if color { termcolor::Buffer::ansi() } else { termcolor::Buffer::no_color() };
    let files = CodespanFiles { sources, unmasked: unmasked_files(diagnostics, sources) };
    for diagnostic in diagnostics {
        let converted = convert(diagnostic, sources);
        term::emit_to_write_style(&mut buffer, &config, &files, &converted)
            .expect("writing to memory succeeds and every span lies in its file");
    }
    String::from_utf8_lossy(buffer.as_slice()).into_owned()
}

fn convert(diagnostic: &Diagnostic, sources: &SourceMap) -> codespan::Diagnostic<FileId> {
    let severity = match diagnostic.severity {
        Severity::Error => codespan::Severity::Error,
        Severity::Warning => codespan::Severity::Warning,
        Severity::Note => codespan::Severity::Note,
    };
    let clamp = |span: crate::text::Span| {
        let len = sources.get(span.file).text().len();
        span.range().start.min(len)..span.range().end.min(len)
    };
    let mut labels = Vec::new();
    if let Some(span) = diagnostic.span {
        labels.push(codespan::Label::primary(span.file, clamp(span)).with_message(legible(&diagnostic.label)));
    }
    for label in &diagnostic.labels {
        labels
            .push(codespan::Label::secondary(label.span.file, clamp(label.span)).with_message(legible(&label.message)));
    }
    let mut notes: Vec<String> = diagnostic.notes.iter().map(|note| format!("note: {}", indent(note))).collect();
    notes.extend(diagnostic.help.iter().map(|help| format!("help: {}", indent(help))));
    codespan::Diagnostic::new(severity)
        .with_code(diagnostic.code.as_str())
        .with_message(legible(&diagnostic.message))
        .with_labels(labels)
        .with_notes(notes)
}

/// Lines after the first stand under the text of the first.
fn indent(text: &str) -> String {
    legible(text.trim_end()).replace('\n', "\n      ")
}

/// The texts of the files that the diagnostics show and that hold something nobody sees, without it.
fn unmasked_files(diagnostics: &[Diagnostic], sources: &SourceMap) -> BTreeMap<FileId, String> {
    let places =
        diagnostics.iter().flat_map(|one| one.span.into_iter().chain(one.labels.iter().map(|label| label.span)));
    let files: BTreeSet<FileId> = places.map(|span| span.file).collect();
    files.into_iter().filter_map(|file| Some((file, unmasked(sources.get(file).text())?))).collect()
}

struct CodespanFiles<'a> {
    sources: &'a SourceMap,
    unmasked: BTreeMap<FileId, String>,
}

impl<'a> Files<'a> for CodespanFiles<'a> {
    type FileId = FileId;
    type Name = &'a str;
    type Source = &'a str;

    fn name(&'a self, id: FileId) -> Result<&'a str, Error> {
        Ok(self.sources.get(id).path())
    }

    fn source(&'a self, id: FileId) -> Result<&'a str, Error> {
        Ok(self.unmasked.get(&id).map_or_else(|| self.sources.get(id).text(), String::as_str))
    }

    fn line_index(&'a self, id: FileId, byte_index: usize) -> Result<usize, Error> {
        Ok(self.sources.get(id).position(byte_index as u32).line as usize - 1)
    }

    fn line_range(&'a self, id: FileId, line_index: usize) -> Result<Range<usize>, Error> {
        let text = self.sources.get(id);
        let starts = text.line_starts();
        let start = *starts.get(line_index).ok_or(Error::LineTooLarge { given: line_index, max: starts.len() - 1 })?;
        let end = starts.get(line_index + 1).map_or(text.text().len(), |next| *next as usize);
        Ok(start as usize..end)
    }
}
