//! Diagnostics for people: codespan-reporting on a terminal, the only place that names it.

use super::{Diagnostic, Severity};
use crate::text::{FileId, SourceMap};
use codespan_reporting::diagnostic as codespan;
use codespan_reporting::files::{Error, Files};
use codespan_reporting::term::{self, termcolor};
use std::ops::Range;

/// Renders diagnostics with their source lines, as a text that ends with a newline each. `color` switches ANSI colours on.
pub fn render(diagnostics: &[Diagnostic], sources: &SourceMap, color: bool) -> String {
    let config = term::Config { tab_width: 4, ..term::Config::default() };
    let mut buffer = if color { termcolor::Buffer::ansi() } else { termcolor::Buffer::no_color() };
    for diagnostic in diagnostics {
        let converted = convert(diagnostic, sources);
        term::emit_to_write_style(&mut buffer, &config, &CodespanFiles(sources), &converted)
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
        labels.push(codespan::Label::primary(span.file, clamp(span)).with_message(&diagnostic.label));
    }
    for label in &diagnostic.labels {
        labels.push(codespan::Label::secondary(label.span.file, clamp(label.span)).with_message(&label.message));
    }
    let mut notes: Vec<String> = diagnostic.notes.iter().map(|note| format!("note: {}", indent(note))).collect();
    notes.extend(diagnostic.help.iter().map(|help| format!("help: {}", indent(help))));
    codespan::Diagnostic::new(severity)
        .with_code(diagnostic.code.as_str())
        .with_message(&diagnostic.message)
        .with_labels(labels)
        .with_notes(notes)
}

/// Lines after the first stand under the text of the first.
fn indent(text: &str) -> String {
    text.trim_end().replace('\n', "\n      ")
}

struct CodespanFiles<'a>(&'a SourceMap);

impl<'a> Files<'a> for CodespanFiles<'a> {
    type FileId = FileId;
    type Name = &'a str;
    type Source = &'a str;

    fn name(&'a self, id: FileId) -> Result<&'a str, Error> {
        Ok(self.0.get(id).path())
    }

    fn source(&'a self, id: FileId) -> Result<&'a str, Error> {
        Ok(self.0.get(id).text())
    }

    fn line_index(&'a self, id: FileId, byte_index: usize) -> Result<usize, Error> {
        Ok(self.0.get(id).position(byte_index as u32).line as usize - 1)
    }

    fn line_range(&'a self, id: FileId, line_index: usize) -> Result<Range<usize>, Error> {
        let text = self.0.get(id);
        let starts = text.line_starts();
        let start = *starts.get(line_index).ok_or(Error::LineTooLarge { given: line_index, max: starts.len() - 1 })?;
        let end = starts.get(line_index + 1).map_or(text.text().len(), |next| *next as usize);
        Ok(start as usize..end)
    }
}
