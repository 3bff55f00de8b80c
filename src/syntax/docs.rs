//! `---` documentation: the lines right above a declaration, or behind a column.

use super::ast::Doc;
use crate::text::{FileId, Span};

/// The doc lines that end right above the line on which `start` stands.
pub fn above(file: FileId, text: &str, start: usize) -> Option<Doc> {
    let mut line_start = text[..start].rfind('\n').map_or(0, |newline| newline + 1);
    // Only blanks may stand between the line's start and the declaration.
    if !text[line_start..start].trim().is_empty() {
        return None;
    }
    let (mut lines, mut first) = (Vec::new(), None);
    let mut last_end = line_start;
    while line_start > 0 {
        let previous = text[..line_start - 1].rfind('\n').map_or(0, |newline| newline + 1);
        let line = &text[previous..line_start - 1];
        let Some(content) = content(line) else { break };
        if lines.is_empty() {
            last_end = previous + line.trim_end().len();
        }
        lines.push(content.to_owned());
        first = Some(previous + (line.len() - line.trim_start().len()));
        line_start = previous;
    }
    let first = first?;
    lines.reverse();
    Some(Doc { text: lines.join("\n"), span: Span::new(file, first, last_end) })
}

/// The doc comment behind a column: after `end`, past blanks and one comma, on the same line.
pub fn behind(file: FileId, text: &str, end: usize) -> Option<Doc> {
    let line_end = text[end..].find('\n').map_or(text.len(), |newline| end + newline);
    let rest = &text[end..line_end];
    let trimmed = rest.trim_start();
    let trimmed = trimmed.strip_prefix(',').unwrap_or(trimmed).trim_start();
    let content = content(trimmed)?;
    let start = line_end - trimmed.len();
    Some(Doc { text: content.to_owned(), span: Span::new(file, start, start + trimmed.trim_end().len()) })
}

/// The text of a `---` line; a ruler of more dashes is an ordinary comment.
fn content(line: &str) -> Option<&str> {
    let rest = line.trim().strip_prefix("---")?;
    (!rest.starts_with('-')).then(|| rest.trim())
}
