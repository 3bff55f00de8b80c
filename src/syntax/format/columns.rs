//! `columns (…)`: one column a line, with types, `not null` and comments each under each other.

use super::gap::Gap;
use super::printer::{BEFORE_COMMENT, BlankLine, Printer, name, padded};
use super::tokens::{Lexis, tokens};
use crate::syntax::ast::{Column, ColumnList};
use std::ops::Range;
use unicode_width::UnicodeWidthStr;

impl Printer<'_> {
    /// Prints the clause, unless it has a comment that the layout has no place for: there is one before each column, and
    /// behind it.
    pub fn columns(&mut self, range: Range<usize>, list: &ColumnList) -> bool {
        let open = tokens(self.text, range.clone(), Lexis::Pie).nth(1);
        let Some(open) = open.filter(|token| self.text[token.range.clone()] == *"(") else { return false };
        let Some(gaps) = self.gaps_around(&list.columns, open.range.end..range.end - 1) else { return false };
        let Some(lines) = self.lines(&list.columns) else { return false };

        let commented = lines.iter().zip(&gaps[1..]).filter(|(_, behind)| behind.trailing > 0);
        let comments_at = commented.map(|(line, _)| line.width()).max().unwrap_or(0) + BEFORE_COMMENT;
        let (mut blank_line, mut before_comment) = (BlankLine::Never, BEFORE_COMMENT);
        self.push("columns (");
        for (line, gap) in lines.iter().zip(&gaps) {
            let separator = self.comments(gap, 4, blank_line, before_comment);
            self.separate(separator, 4);
            self.push(line);
            blank_line = BlankLine::AsWritten;
            before_comment = comments_at.saturating_sub(line.width());
        }
        self.comments(&gaps[lines.len()], 4, blank_line, before_comment);
        self.line(2);
        self.push(")");
        true
    }

    /// What stands before each column, and behind the last; `None` if that is more than commas and comments.
    fn gaps_around(&self, columns: &[Column], inside: Range<usize>) -> Option<Vec<Gap>> {
        let starts = columns.iter().map(|column| column.name.span.range().start);
        let ends = columns.iter().map(|column| match column.not_null {
            Some(not_null) => not_null.range().end,
            None => self.type_range(column).end,
        });
        let ranges = [inside.start].into_iter().chain(ends).zip(starts.chain([inside.end]));
        let mut gaps = Vec::new();
        for (start, end) in ranges {
            let mut gap = Gap::read_in_list(self.text, start..end);
            if gap.end < end {
                return None;
            }
            // In `(a int, /* of b */ b int)` the comment belongs to what follows.
            if end < inside.end && gap.own_lines().is_empty() && gap.newlines_after == 0 {
                let mut tokens = tokens(self.text, start..end, Lexis::Pie);
                let comma = tokens.position(|token| !token.is_comment());
                gap.trailing = comma.filter(|_| start > inside.start).unwrap_or(0);
            }
            gaps.push(gap);
        }
        Some(gaps)
    }

    /// The columns as they are printed, up to and with the comma; `None` if there is a comment inside of one.
    fn lines(&self, columns: &[Column]) -> Option<Vec<String>> {
        let names: Vec<String> = columns.iter().map(|column| name(&column.name)).collect();
        let types = columns.iter().map(|column| self.data_type(column)).collect::<Option<Vec<String>>>()?;
        let width = |cells: &[String]| cells.iter().map(|cell| cell.width()).max().unwrap_or(0);
        let (name_width, type_width) = (width(&names), width(&types));
        let lines = columns.iter().enumerate().map(|(index, column)| {
            let data_type = match column.not_null {
                Some(_) => format!("{} not null", padded(&types[index], type_width)),
                None => types[index].clone(),
            };
            let comma = if index + 1 < columns.len() { "," } else { "" };
            format!("{}  {data_type}{comma}", padded(&names[index], name_width))
        });
        Some(lines.collect())
    }

    /// The type as it is written, but on one line; `None` if a comment inside the column forbids that.
    fn data_type(&self, column: &Column) -> Option<String> {
        let range = self.type_range(column);
        let end = column.not_null.map_or(range.end, |not_null| not_null.range().end);
        if self.has_comments(column.name.span.range().end..range.start) || self.has_comments(range.end..end) {
            return None;
        }
        let written = &self.text[range.clone()];
        if !written.contains('\n') {
            return Some(written.to_owned());
        }
        let mut joined = String::new();
        let mut last = range.start;
        for token in tokens(self.text, range, Lexis::Pie) {
            if token.is_comment() {
                return None;
            }
            if token.range.start > last {
                joined.push(' ');
            }
            joined.push_str(&self.text[token.range.clone()]);
            last = token.range.end;
        }
        Some(joined)
    }

    /// Where the type stands, without comments behind it.
    fn type_range(&self, column: &Column) -> Range<usize> {
        self.without_comments_behind(column.data_type.span.range())
    }
}
