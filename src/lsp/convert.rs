//! Positions, addresses and values of the Language Server Protocol ↔ ours. Positions there count from 0, in units of UTF-16.

use crate::diagnostic::{Diagnostic, Severity};
use crate::text::{FileId, SourceMap, SourceText, Span};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use url::Url;

/// A line and a column, both from 0, the column in units of UTF-16.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Position {
    pub line: u32,
    pub character: u32,
}

impl Position {
    pub fn of(value: &Value) -> Option<Position> {
        let number = |name: &str| value.get(name)?.as_u64()?.try_into().ok();
        Some(Position { line: number("line")?, character: number("character")? })
    }

    fn to_json(self) -> Value {
        json!({ "line": self.line, "character": self.character })
    }
}

/// Where a byte offset is.
pub fn position(text: &SourceText, offset: u32) -> Position {
    let whole = text.text();
    let mut offset = (offset as usize).min(whole.len());
    while !whole.is_char_boundary(offset) {
        offset -= 1;
    }
    let starts = text.line_starts();
    let line = starts.partition_point(|start| *start as usize <= offset) - 1;
    let before = &whole[starts[line] as usize..offset];
    Position { line: line as u32, character: before.encode_utf16().count() as u32 }
}

/// The byte offset of a position. Behind the end of a line it is the line's end, behind the last line the text's.
pub fn offset(text: &SourceText, position: Position) -> u32 {
    let (whole, starts) = (text.text(), text.line_starts());
    let Some(start) = starts.get(position.line as usize) else { return whole.len() as u32 };
    let end = starts.get(position.line as usize + 1).map_or(whole.len(), |next| *next as usize);
    let line = whole[*start as usize..end].trim_end_matches(['\n', '\r']);
    let mut units = 0;
    for (at, character) in line.char_indices() {
        // In the middle of a character is in front of it.
        if units + character.len_utf16() as u32 > position.character {
            return start + at as u32;
        }
        units += character.len_utf16() as u32;
    }
    start + line.len() as u32
}

/// A stretch of a text.
pub fn range(text: &SourceText, span: Span) -> Value {
    json!({ "start": position(text, span.start).to_json(), "end": position(text, span.end).to_json() })
}

/// The bytes of a range.
pub fn span(text: &SourceText, file: FileId, range: &Value) -> Option<Span> {
    let at = |name: &str| Some(offset(text, Position::of(range.get(name)?)?));
    let (start, end) = (at("start")?, at("end")?);
    Some(Span { file, start, end: end.max(start) })
}

/// The path of a `file:` address.
pub fn path(uri: &str) -> Option<PathBuf> {
    Url::parse(uri).ok().filter(|url| url.scheme() == "file")?.to_file_path().ok()
}

pub fn uri(path: &Path) -> String {
    Url::from_file_path(path).map(String::from).unwrap_or_default()
}

/// A finding, as an editor shows it beside its place. `uri_of` gives the addresses of other files that it names.
pub fn diagnostic(found: &Diagnostic, sources: &SourceMap, uri_of: &dyn Fn(FileId) -> String) -> Value {
    let severity = match found.severity {
        Severity::Error => 1,
        Severity::Warning => 2,
        Severity::Note => 3,
    };
    let mut lines = vec![found.message.clone()];
    lines.extend(found.notes.iter().map(|note| format!("note: {}", note.trim_end())));
    lines.extend(found.help.iter().map(|help| format!("help: {}", help.trim_end())));
    let nowhere = || json!({ "start": { "line": 0, "character": 0 }, "end": { "line": 0, "character": 0 } });
    let mut json = json!({
        "range": found.span.map_or_else(nowhere, |span| range(sources.get(span.file), span)),
        "severity": severity,
        "code": found.code.as_str(),
        "source": "pie",
        "message": lines.join("\n"),
    });
    if !found.labels.is_empty() {
        let related = |label: &crate::diagnostic::Label| {
            let range = range(sources.get(label.span.file), label.span);
            json!({ "location": { "uri": uri_of(label.span.file), "range": range }, "message": label.message })
        };
        json["relatedInformation"] = found.labels.iter().map(related).collect();
    }
    json
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_units_of_utf_16() {
        let text = SourceText::new("a.pie", "ab\n\t🥧é x\r\n\nlast");
        for (offset_, _) in text.text().char_indices().filter(|(_, c)| !['\r', '\n'].contains(c)) {
            let at = position(&text, offset_ as u32);
            assert_eq!(offset(&text, at), offset_ as u32, "{at:?}");
        }
        let x = text.text().find('x').expect("it is there") as u32;
        assert_eq!(position(&text, x), Position { line: 1, character: 5 });
        // In the middle of the pie is in front of it; behind a line is its end.
        assert_eq!(offset(&text, Position { line: 1, character: 2 }), 4);
        assert_eq!(offset(&text, Position { line: 1, character: 99 }), x + 1);
        assert_eq!(offset(&text, Position { line: 99, character: 0 }), text.text().len() as u32);
    }

    #[test]
    fn addresses_are_paths() {
        assert_eq!(path("file:///tmp/a%20b/c.pie"), Some(PathBuf::from("/tmp/a b/c.pie")));
        assert_eq!(path("untitled:Untitled-1"), None);
        assert_eq!(uri(Path::new("/tmp/a b/c.pie")), "file:///tmp/a%20b/c.pie");
    }

    #[test]
    fn positions_agree_with_a_plain_model() {
        let text = "a\u{301}b\r\n\t😀日\n\r\n\nx\ry 👩\u{200d}👧";
        let source = SourceText::new("a.pie", text);
        let mut last = Position { line: 0, character: 0 };
        for at in (0..=text.len()).filter(|at| text.is_char_boundary(*at)) {
            let start = text[..at].rfind('\n').map_or(0, |newline| newline + 1);
            let line = text[start..].split('\n').next().unwrap_or_default().trim_end_matches('\r');
            let expected = Position {
                line: text[..at].matches('\n').count() as u32,
                character: text[start..at].encode_utf16().count() as u32,
            };
            let found = position(&source, at as u32);
            assert_eq!(found, expected, "{at}");
            assert!(found >= last, "{at}");
            assert_eq!(offset(&source, found) as usize, at.min(start + line.len()), "{at}");
            last = found;
        }
        let beyond = Position { line: u32::MAX, character: u32::MAX };
        assert_eq!(offset(&source, beyond) as usize, text.len());
    }
}
