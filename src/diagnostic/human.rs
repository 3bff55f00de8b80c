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
    let files =
        CodespanFiles { sources, unmasked: unmasked_files(diagnostics, sources), names: names(diagnostics, sources) };
    for diagnostic in diagnostics {
        let converted = convert(diagnostic, sources);
        term::emit_to_write_style(&mut buffer, &config, &files, &converted)
            .expect("writing to memory succeeds and every span lies in its file");
    }
    String::from_utf8_lossy(buffer.as_slice()).into_owned()
}

/// Bytes of a line that is shown. A longer one is no text of a person, and would be written out for each thing wrong with it.
const LONGEST_LINE: usize = 2_000;

/// Whether what is between two places, to the ends of its lines, is short enough to be shown.
fn is_shown(sources: &SourceMap, file: FileId, range: &Range<usize>) -> bool {
    let source = sources.get(file);
    let starts = source.line_starts();
    let line = |at: usize| starts.partition_point(|start| *start as usize <= at).max(1) - 1;
    (line(range.start)..=line(range.end)).all(|line| {
        let end = starts.get(line + 1).map_or(source.text().len(), |next| *next as usize);
        end - starts[line] as usize <= LONGEST_LINE
    })
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
    let (mut labels, mut notes) = (Vec::new(), Vec::new());
    let primary = diagnostic.span.map(|span| (span, &diagnostic.label, codespan::LabelStyle::Primary));
    let others = diagnostic.labels.iter().map(|one| (one.span, &one.message, codespan::LabelStyle::Secondary));
    for (span, message, style) in primary.into_iter().chain(others) {
        let (range, message) = (clamp(span), legible(message));
        if is_shown(sources, span.file, &range) {
            labels.push(codespan::Label::new(style, span.file, range).with_message(message));
        } else {
            let source = sources.get(span.file);
            let position = source.position(range.start as u32);
            let place = format!(
                "{}:{}:{}",
                one_line(source.path()).unwrap_or_else(|| source.path().to_owned()),
                position.line,
                position.column
            );
            let said = if message.is_empty() { String::new() } else { format!(": {message}") };
            notes.push(format!("at {place}, in a line too long to show{said}"));
        }
    }
    notes.extend(diagnostic.notes.iter().map(|note| format!("note: {}", indent(note))));
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

/// The texts of the files that the diagnostics show, where they hold something nobody sees or nobody should, without it.
fn unmasked_files(diagnostics: &[Diagnostic], sources: &SourceMap) -> BTreeMap<FileId, String> {
    let places =
        diagnostics.iter().flat_map(|one| one.span.into_iter().chain(one.labels.iter().map(|label| label.span)));
    let files: BTreeSet<FileId> = places.map(|span| span.file).collect();
    let shown = |file: FileId| {
        let text = sources.get(file).text();
        let kept = without_credentials(text);
        let text = kept.as_deref().unwrap_or(text);
        unmasked(text).or_else(|| kept.clone()).map(|text| (file, text))
    };
    files.into_iter().filter_map(shown).collect()
}

/// The text with stars in the place of passwords and queries of URLs, of as many bytes: reports are read by more people than files.
/// `None` where there is none.
fn without_credentials(text: &str) -> Option<String> {
    let mut shown = text.as_bytes().to_vec();
    let ends = |c: char| c.is_whitespace() || matches!(c, '\'' | '"' | '`');
    for (scheme, separator) in text.match_indices("://") {
        let start = scheme + separator.len();
        let url = &text[start..];
        let url = &url[..url.find(ends).unwrap_or(url.len())];
        let host = &url[..url.find('/').unwrap_or(url.len())];
        // `abfss://container@account` names no user.
        if let Some(at) = host.rfind('@').filter(|at| host[..*at].contains(':')) {
            shown[start..start + at].fill(b'*');
        }
        if let Some(query) = url.find('?') {
            shown[start + query + 1..start + url.len()].fill(b'*');
        }
    }
    let shown = String::from_utf8(shown).ok()?;
    (shown != text).then_some(shown)
}

/// How the files are called, where that isn't their path: a name may hold anything, even what a terminal obeys.
fn names(diagnostics: &[Diagnostic], sources: &SourceMap) -> BTreeMap<FileId, String> {
    let places =
        diagnostics.iter().flat_map(|one| one.span.into_iter().chain(one.labels.iter().map(|label| label.span)));
    let files: BTreeSet<FileId> = places.map(|span| span.file).collect();
    let named = |file: FileId| one_line(sources.get(file).path()).map(|name| (file, name));
    files.into_iter().filter_map(named).collect()
}

/// The name of a file without what breaks lines or can't be seen; `None` where there is nothing of it.
fn one_line(path: &str) -> Option<String> {
    let shown = legible(path).replace(|c: char| c.is_control(), "�");
    (shown != path).then_some(shown)
}

struct CodespanFiles<'a> {
    sources: &'a SourceMap,
    unmasked: BTreeMap<FileId, String>,
    names: BTreeMap<FileId, String>,
}

impl<'a> Files<'a> for CodespanFiles<'a> {
    type FileId = FileId;
    type Name = &'a str;
    type Source = &'a str;

    fn name(&'a self, id: FileId) -> Result<&'a str, Error> {
        Ok(self.names.get(&id).map_or_else(|| self.sources.get(id).path(), String::as_str))
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
