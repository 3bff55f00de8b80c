//! Expected rows against those that came: as bags, in the columns that the test names.

use super::given;
use crate::diagnostic::Diagnostic;
use crate::semantic::Slice;
use crate::serve::cell;
use crate::syntax::ast::Table;
use crate::text::Span;
use datafusion::arrow::array::{ArrayRef, RecordBatch};
use datafusion::arrow::util::pretty::pretty_format_batches;
use std::fmt;
use unicode_width::UnicodeWidthStr;

type RowText = Vec<Option<String>>;

/// Rows that only one side has.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Difference {
    pub header: Vec<String>,
    pub missing: Vec<RowText>,
    pub unexpected: Vec<RowText>,
    /// Rows that both sides have.
    pub same: usize,
    /// The first expected row that is missing.
    pub span: Option<Span>,
}

/// What of an expected table can't come out of a slice: columns that it hasn't, cells that are no values.
pub fn unfit(slice: &Slice, expected: &Table) -> Vec<Diagnostic> {
    read(slice, expected).err().unwrap_or_default()
}

/// The columns of an expected table.
fn read(slice: &Slice, expected: &Table) -> Result<Vec<ArrayRef>, Vec<Diagnostic>> {
    let mut diagnostics = given::unknown_columns(expected, &slice.columns, &slice.name.to_string());
    let mut columns = Vec::new();
    for (position, name) in expected.header.iter().enumerate() {
        let Some(column) = slice.columns.iter().find(|column| column.name == name.text) else { continue };
        match given::column_values(expected, position, column) {
            Ok(array) => columns.push(array),
            Err(diagnostic) => diagnostics.push(*diagnostic),
        }
    }
    if diagnostics.is_empty() { Ok(columns) } else { Err(diagnostics) }
}

/// Compares; `None` when the rows are the same.
pub fn rows(slice: &Slice, expected: &Table, batches: &[RecordBatch]) -> Result<Option<Difference>, Vec<Diagnostic>> {
    let columns = read(slice, expected)?;
    let wanted: Vec<RowText> =
        (0..expected.rows.len()).map(|row| columns.iter().map(|array| cell(array, row)).collect()).collect();
    let mut unexpected: Vec<RowText> = Vec::new();
    for batch in batches {
        for row in 0..batch.num_rows() {
            let value = |name: &crate::syntax::ast::Name| {
                let position = slice.columns.iter().position(|column| column.name == name.text)?;
                cell(batch.column(position), row)
            };
            unexpected.push(expected.header.iter().map(value).collect());
        }
    }
    let mut missing = Vec::new();
    let mut span = None;
    let mut same = 0;
    for (row, declared) in wanted.into_iter().zip(&expected.rows) {
        match unexpected.iter().position(|other| *other == row) {
            Some(found) => {
                unexpected.remove(found);
                same += 1;
            }
            None => {
                span = span.or(Some(declared.span));
                missing.push(row);
            }
        }
    }
    if missing.is_empty() && unexpected.is_empty() {
        return Ok(None);
    }
    let header = expected.header.iter().map(|name| name.text.clone()).collect();
    Ok(Some(Difference { header, missing, unexpected, same, span }))
}

/// Batches as a table for a note.
pub fn show(batches: &[RecordBatch]) -> String {
    pretty_format_batches(batches).map(|table| table.to_string()).unwrap_or_default()
}

impl Difference {
    pub fn summary(&self) -> String {
        let count = |n: usize, what: &str| format!("{n} row{} {what}", if n == 1 { " is" } else { "s are" });
        match (self.missing.len(), self.unexpected.len()) {
            (missing, 0) => count(missing, "missing"),
            (0, unexpected) => count(unexpected, "unexpected"),
            (missing, unexpected) => format!("{}, {}", count(missing, "missing"), count(unexpected, "unexpected")),
        }
    }
}

impl fmt::Display for Difference {
    /// `-` rows were expected and didn't come, `+` rows came and weren't expected; the cells of a pair that differ are
    /// marked by `*`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = |cell: &Option<String>| cell.clone().unwrap_or_else(|| "null".to_owned());
        let pairs = self.missing.len().min(self.unexpected.len());
        let mut lines: Vec<(char, Vec<String>)> = vec![(' ', self.header.clone())];
        for index in 0..self.missing.len().max(self.unexpected.len()) {
            let (missing, unexpected) = (self.missing.get(index), self.unexpected.get(index));
            let differs =
                |column: usize| index < pairs && missing.map(|row| &row[column]) != unexpected.map(|row| &row[column]);
            for (sign, row) in [('-', missing), ('+', unexpected)] {
                let Some(row) = row else { continue };
                let cells = row.iter().enumerate();
                let cells =
                    cells.map(|(column, cell)| if differs(column) { format!("{}*", text(cell)) } else { text(cell) });
                lines.push((sign, cells.collect()));
            }
        }
        let width = |column: usize| lines.iter().map(|(_, cells)| cells[column].width()).max().unwrap_or(0);
        let widths: Vec<usize> = (0..self.header.len()).map(width).collect();
        for (index, (sign, cells)) in lines.iter().enumerate() {
            let padded = cells
                .iter()
                .zip(&widths)
                .map(|(cell, width)| format!("{cell}{}", " ".repeat(width.saturating_sub(cell.width()))));
            let line = format!("{sign} {}", padded.collect::<Vec<_>>().join(" | "));
            if index > 0 {
                writeln!(f)?;
            }
            write!(f, "{}", line.trim_end())?;
        }
        if self.same > 0 {
            write!(f, "\n  ({} more as expected)", self.same)?;
        }
        Ok(())
    }
}
