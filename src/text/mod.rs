//! Source text, spans into it, and line/column positions.
//!
//! A [`Span`] is two byte offsets and a file id: `Copy`, eight bytes of position, carried by every node and name that an
//! error may point at. A [`SourceMap`] owns the texts that spans point into.
//!
//! ```text
//!   SourceMap ── FileId ──▶ SourceText { path, text, line starts }
//!                  ▲
//!   Span { file, start, end }
//! ```

mod line_index;

pub use line_index::{LineColumn, LineIndex};

use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Identifies one text of a [`SourceMap`]; given out in the order of insertion.
#[derive(Serialize, Deserialize, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct FileId(pub u32);

/// A half-open range of bytes of one file.
#[derive(Serialize, Deserialize, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Span {
    pub file: FileId,
    pub start: u32,
    pub end: u32,
}

impl Span {
    /// Makes a span from byte offsets of `file`. Files are limited to 1 MiB by default and to 4 GiB always, so that
    /// offsets fit `u32`.
    pub fn new(file: FileId, start: usize, end: usize) -> Span {
        let narrow = |offset: usize| u32::try_from(offset).expect("files over 4 GiB are refused when they are loaded");
        Span { file, start: narrow(start), end: narrow(end.max(start)) }
    }

    /// The smallest span that covers both; the files must be the same.
    ///
    /// ```text
    ///   select a + b
    ///          ─   ─    merge ▶  ─────
    /// ```
    pub fn merge(self, other: Span) -> Span {
        debug_assert_eq!(self.file, other.file, "spans of two files can't be merged");
        Span { file: self.file, start: self.start.min(other.start), end: self.end.max(other.end) }
    }

    /// The span's bytes as a range for slicing the file's text.
    pub fn range(self) -> std::ops::Range<usize> {
        self.start as usize..self.end as usize
    }

    pub fn len(self) -> usize {
        (self.end - self.start) as usize
    }

    pub fn is_empty(self) -> bool {
        self.start == self.end
    }
}

/// One text with its name and line index. The name is a path relative to the project's root, with `/`, or a name in
/// angle brackets (`<query>`) for a text that is no file.
#[derive(Clone, Debug)]
pub struct SourceText {
    path: String,
    text: Arc<str>,
    lines: LineIndex,
}

impl SourceText {
    pub fn new(path: impl Into<String>, text: impl Into<Arc<str>>) -> SourceText {
        let text = text.into();
        let lines = LineIndex::new(&text);
        SourceText { path: path.into(), text, lines }
    }

    pub fn path(&self) -> &str {
        &self.path
    }

    pub fn text(&self) -> &str {
        &self.text
    }

    /// The line and column (1-based, in Unicode scalar values) of a byte offset.
    pub fn position(&self, offset: u32) -> LineColumn {
        self.lines.position(&self.text, offset)
    }

    /// The byte offset of a line and column; past the end of a line it is the line's end.
    pub fn offset(&self, position: LineColumn) -> u32 {
        self.lines.offset(&self.text, position)
    }

    pub fn line_count(&self) -> usize {
        self.lines.len()
    }

    /// The byte offset at which each line starts.
    pub fn line_starts(&self) -> &[u32] {
        self.lines.starts()
    }
}

/// The texts that spans point into.
#[derive(Clone, Default, Debug)]
pub struct SourceMap {
    texts: Vec<Arc<SourceText>>,
}

impl SourceMap {
    pub fn add(&mut self, path: impl Into<String>, text: impl Into<Arc<str>>) -> FileId {
        let id = FileId(u32::try_from(self.texts.len()).expect("fewer than 2^32 files"));
        self.texts.push(Arc::new(SourceText::new(path, text)));
        id
    }

    pub fn get(&self, id: FileId) -> &SourceText {
        &self.texts[id.0 as usize]
    }

    /// A text for whoever looks at it later.
    pub fn share(&self, id: FileId) -> Arc<SourceText> {
        Arc::clone(&self.texts[id.0 as usize])
    }

    /// Puts another text in the place of one; its id and name stay.
    pub fn replace(&mut self, id: FileId, text: impl Into<Arc<str>>) {
        let place = &mut self.texts[id.0 as usize];
        *place = Arc::new(SourceText::new(place.path(), text));
    }

    /// The text under a span.
    pub fn slice(&self, span: Span) -> &str {
        &self.get(span.file).text()[span.range()]
    }

    pub fn iter(&self) -> impl Iterator<Item = (FileId, &SourceText)> {
        self.texts.iter().enumerate().map(|(index, text)| (FileId(index as u32), text.as_ref()))
    }

    pub fn len(&self) -> usize {
        self.texts.len()
    }

    pub fn is_empty(&self) -> bool {
        self.texts.is_empty()
    }
}
