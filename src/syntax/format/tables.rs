//! The tables of tests: cells under each other, lines that are no rows as they are.

use super::printer::{BEFORE_COMMENT, Printer, padded};
use super::tokens::{Lexis, tokens};
use crate::syntax::ast::Table;
use crate::text::Span;
use std::ops::Range;
use unicode_width::UnicodeWidthStr;

/// A line between a table's braces.
enum Line<'t> {
    Blank,
    Row(Vec<&'t str>),
    /// A comment.
    Other(&'t str),
}

impl<'t> Printer<'t> {
    /// Prints a clause that is a table; `header` is what to print before the opening brace.
    pub fn table(&mut self, range: Range<usize>, header: &str, table: &Table) {
        let mut tokens = tokens(self.text, range.clone(), Lexis::Pie);
        let Some(open) = tokens.find(|token| self.text[token.range.clone()] == *"{") else {
            return self.moved(range, 2);
        };
        let header_range = range.start..open.range.end;
        if self.has_comments(header_range.clone()) {
            self.moved(header_range, 2);
        } else {
            self.push(&format!("{header} {{"));
        }
        let lines = self.table_lines(open.range.end..range.end - 1, table);
        let widths = widths(&lines);
        let (mut is_empty, mut is_first, mut after_blank) = (true, true, false);
        for (index, line) in lines.iter().enumerate() {
            let printed = match line {
                Line::Blank => {
                    after_blank = true;
                    continue;
                }
                Line::Row(cells) => row(cells, &widths),
                Line::Other(comment) => (*comment).to_owned(),
            };
            is_empty = false;
            if index == 0 && matches!(line, Line::Other(_)) {
                self.spaces(BEFORE_COMMENT);
            } else {
                if after_blank && !is_first {
                    self.line(0);
                }
                self.line(4);
                (is_first, after_blank) = (false, false);
            }
            self.push(&printed);
        }
        if !is_empty {
            self.line(2);
        }
        self.push("}");
    }

    fn table_lines(&self, inside: Range<usize>, table: &Table) -> Vec<Line<'t>> {
        let text = self.text;
        let header = table.header.iter().map(|name| name.span).collect();
        let rows = table.rows.iter().map(|row| row.cells.iter().map(|cell| cell.span).collect());
        let mut rows = [header].into_iter().chain(rows).filter(|spans: &Vec<Span>| !spans.is_empty()).peekable();
        let mut start = inside.start;
        let lines = text[inside].split('\n').map(|line| {
            let range = start..start + line.len();
            start = range.end + 1;
            let spans = rows.next_if(|spans| spans[0].range().start <= range.end);
            match spans.and_then(|spans| cells(text, range, &spans)) {
                Some(cells) => Line::Row(cells),
                None if line.trim().is_empty() => Line::Blank,
                None => Line::Other(line.trim()),
            }
        });
        lines.collect()
    }
}

/// The cells of a line, if the line is nothing but them and what separates them.
fn cells<'t>(text: &'t str, line: Range<usize>, spans: &[Span]) -> Option<Vec<&'t str>> {
    let mut end = line.start;
    let mut cells = Vec::new();
    for (index, span) in spans.iter().enumerate() {
        let cell = span.range();
        let separator = text.get(end..cell.start)?;
        if separator.trim() != if index == 0 { "" } else { "|" } {
            return None;
        }
        cells.push(text[cell.clone()].trim());
        end = cell.end;
    }
    text.get(end..line.end)?.trim().is_empty().then_some(cells)
}

fn widths(lines: &[Line]) -> Vec<usize> {
    let mut widths = Vec::new();
    for line in lines {
        let Line::Row(cells) = line else { continue };
        widths.resize(cells.len().max(widths.len()), 0);
        for (width, cell) in widths.iter_mut().zip(cells) {
            *width = cell.width().max(*width);
        }
    }
    widths
}

fn row(cells: &[&str], widths: &[usize]) -> String {
    let padded: Vec<String> = cells.iter().zip(widths).map(|(cell, width)| padded(cell, *width)).collect();
    padded.join(" | ").trim_end().to_owned()
}
