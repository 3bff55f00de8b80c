//! `---` documentation: the lines right above a declaration, or behind a column.

use super::ast::Doc;
use super::recovery;
use crate::text::{FileId, Span};

/// The doc lines that end right above the line on which `start` stands. `from` is behind what stands before: a line that
/// begins in a text or a block comment is none, whatever it looks like.
pub fn above(file: FileId, text: &str, from: usize, start: usize) -> Option<Doc> {
    let mut line_start = text[..start].rfind('\n').map_or(0, |newline| newline + 1);
    // Only blanks may stand between the line's start and the declaration.
    if !text[line_start..start].trim_matches(recovery::is_blank).is_empty() {
        return None;
    }
    let comments = recovery::line_comments(text, from, start);
    let (mut lines, mut first) = (Vec::new(), None);
    let mut last_end = line_start;
    while line_start > 0 {
        let previous = text[..line_start - 1].rfind('\n').map_or(0, |newline| newline + 1);
        let line = &text[previous..line_start - 1];
        let begins = previous + (line.len() - line.trim_start_matches(recovery::is_blank).len());
        let Some(content) = content(line).filter(|_| comments.binary_search(&begins).is_ok()) else { break };
        if lines.is_empty() {
            last_end = previous + line.trim_end().len();
        }
        lines.push(content.to_owned());
        first = Some(begins);
        line_start = previous;
    }
    let first = first?;
    lines.reverse();
    Some(Doc { text: lines.join("\n"), span: Span::new(file, first, last_end) })
}

/// The doc comment behind a column: after `end`, past blanks and one comma, on the same line.
pub fn behind(file: FileId, text: &str, end: usize) -> Option<Doc> {
    let past_blanks =
        |text: &'_ str| text.len() - text.trim_start_matches(|c: char| c != '\n' && c.is_whitespace()).len();
    let mut start = end + past_blanks(&text[end..]);
    start += usize::from(text[start..].starts_with(','));
    start += past_blanks(&text[start..]);
    // Many columns may stand on one line: its end is looked for only where there is something to read.
    if !text[start..].trim_start_matches(recovery::is_blank).starts_with("---") {
        return None;
    }
    let line = text[start..].split('\n').next().unwrap_or_default();
    let content = content(line)?;
    Some(Doc { text: content.to_owned(), span: Span::new(file, start, start + line.trim_end().len()) })
}

/// The text of a `---` line; a ruler of more dashes is an ordinary comment.
fn content(line: &str) -> Option<&str> {
    let blank = |c: char| c.is_whitespace() || recovery::is_blank(c);
    let rest = line.trim_matches(blank).strip_prefix("---")?;
    (!rest.starts_with('-')).then(|| rest.trim_matches(blank))
}
