//! The tables of test declarations: lines of cells between `|`, the first being the header.
//!
//! ```text
//! day        | chain | volume
//! 2026-01-01 | eth   | 3.5
//! 2026-01-02 |       | 'a | in quotes'
//! ```
//!
//! `--` outside quotes begins a comment. An empty cell and `null` are null; a cell in single quotes is its text, even when empty.

use super::ast::{Cell, Name, Row, Table};
use crate::diagnostic::{Code, Diagnostic};
use crate::text::Span;

/// Parses what stands between the braces at `span`.
pub fn parse(span: Span, text: &str, diagnostics: &mut Vec<Diagnostic>) -> Table {
    let mut table = Table { span, header: Vec::new(), rows: Vec::new() };
    let body = &text[span.range()];
    let mut line_start = span.start as usize;
    let mut seen_header = false;
    for line in body.split('\n') {
        let start = line_start;
        line_start += line.len() + 1;
        let trimmed = line.trim();
        if trimmed.is_empty() || trimmed.starts_with("--") {
            continue;
        }
        let cells = cells(span, line, start);
        let row_start = start + (line.len() - line.trim_start().len());
        let row_span = Span::new(span.file, row_start, row_start + trimmed.len());
        if !seen_header {
            seen_header = true;
            table.header = header(cells, diagnostics);
            continue;
        }
        if cells.len() == table.header.len() {
            table.rows.push(Row { span: row_span, cells });
        } else {
            let count = |n: usize, what: &str| format!("{n} {what}{}", if n == 1 { "" } else { "s" });
            diagnostics.push(
                Diagnostic::error(
                    Code::BadTestTable,
                    format!(
                        "this row has {}, its table has {}",
                        count(cells.len(), "cell"),
                        count(table.header.len(), "column")
                    ),
                )
                .at(row_span, format!("{} here", count(cells.len(), "cell")))
                .with_help("separate cells by `|`; an empty cell is null"),
            );
        }
    }
    table
}

fn header(cells: Vec<Cell>, diagnostics: &mut Vec<Diagnostic>) -> Vec<Name> {
    let mut header: Vec<Name> = Vec::new();
    for cell in cells {
        let text = cell.value.unwrap_or_default();
        let text = match text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
            Some(quoted) => quoted.replace("\"\"", "\""),
            None => text.to_lowercase(),
        };
        if text.is_empty() {
            diagnostics.push(
                Diagnostic::error(Code::BadTestTable, "a column of this table has no name")
                    .at(cell.span, "a column name is missing here"),
            );
        } else if let Some(first) = header.iter().find(|name| name.text == text) {
            diagnostics.push(
                Diagnostic::error(Code::BadTestTable, format!("column `{text}` stands twice in this table"))
                    .at(cell.span, "again here")
                    .with_label(first.span, "first here"),
            );
        }
        header.push(Name { text, span: cell.span });
    }
    header
}

/// Cuts a line at each `|` outside quotes. A comment behind the cells is no part of them, as everywhere in the language.
fn cells(table: Span, line: &str, line_start: usize) -> Vec<Cell> {
    let mut cells = Vec::new();
    let mut start = 0;
    let mut quoted = false;
    let mut end = line.len();
    for (at, character) in line.char_indices() {
        match character {
            '-' if !quoted && line[at..].starts_with("--") => {
                end = at;
                break;
            }
            // A quote opens a cell only as its first character, so that `it's` needs no care.
            '\'' if quoted => quoted = false,
            '\'' if line[start..at].trim().is_empty() || line[start..at].trim_start().starts_with('\'') => {
                quoted = line[at + 1..].contains('\'');
            }
            '|' if !quoted => {
                cells.push(cell(table, &line[start..at], line_start + start));
                start = at + 1;
            }
            _ => {}
        }
    }
    cells.push(cell(table, &line[start..end], line_start + start));
    cells
}

fn cell(table: Span, raw: &str, raw_start: usize) -> Cell {
    let trimmed = raw.trim();
    let start = raw_start + (raw.len() - raw.trim_start().len());
    let span = if trimmed.is_empty() {
        Span::new(table.file, raw_start, raw_start + raw.len())
    } else {
        Span::new(table.file, start, start + trimmed.len())
    };
    let value = match trimmed.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\'')) {
        Some(quoted) => Some(quoted.replace("''", "'")),
        None if trimmed.is_empty() || trimmed.eq_ignore_ascii_case("null") => None,
        None => Some(trimmed.to_owned()),
    };
    Cell { span, value }
}
