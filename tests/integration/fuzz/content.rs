//! The rows of a slice as texts, so that two ways of computing them can be compared.

use super::project::Cell;
use datafusion::arrow::array::{Array, ArrayRef, RecordBatch};
use datafusion::arrow::datatypes::{FieldRef, Schema};
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};
use std::collections::BTreeSet;

/// Columns with their types, and the bag of rows, sorted.
#[derive(Clone, PartialEq, Debug)]
pub struct Content {
    pub columns: Vec<(String, String)>,
    pub rows: Vec<Vec<Cell>>,
}

impl Content {
    pub fn read(schema: &Schema, batches: &[RecordBatch]) -> Result<Content, String> {
        let column = |field: &FieldRef| (field.name().clone(), field.data_type().to_string());
        let columns = schema.fields().iter().map(column).collect();
        let options = FormatOptions::default();
        let mut rows: Vec<Vec<Cell>> = Vec::new();
        for batch in batches {
            let mut formatters = Vec::new();
            for array in batch.columns() {
                formatters.push(ArrayFormatter::try_new(array, &options).map_err(|e| e.to_string())?);
            }
            for row in 0..batch.num_rows() {
                let cell = |(array, formatter): (&ArrayRef, &ArrayFormatter<'_>)| {
                    if array.is_null(row) { None } else { Some(formatter.value(row).to_string()) }
                };
                rows.push(batch.columns().iter().zip(&formatters).map(cell).collect());
            }
        }
        rows.sort();
        Ok(Content { columns, rows })
    }

    pub fn names(&self) -> BTreeSet<String> {
        self.columns.iter().map(|(name, _)| name.clone()).collect()
    }

    /// The bag of rows of some columns together, in the order of their names; of no columns it is the number of rows.
    pub fn of_columns(&self, names: &BTreeSet<String>) -> Vec<Vec<Cell>> {
        let position = |name: &String| self.columns.iter().position(|(other, _)| other == name);
        let positions: Vec<usize> = names.iter().filter_map(position).collect();
        let mut rows: Vec<Vec<Cell>> = Vec::new();
        for row in &self.rows {
            rows.push(positions.iter().map(|at| row[*at].clone()).collect());
        }
        rows.sort();
        rows
    }

    /// How this differs from what it should be; `None` where it doesn't.
    pub fn difference(&self, expected: &Content) -> Option<String> {
        if self.columns != expected.columns {
            return Some(format!("columns {:?}\ninstead of {:?}", self.columns, expected.columns));
        }
        if self.rows == expected.rows {
            return None;
        }
        let extra = missing(&self.rows, &expected.rows);
        let lacking = missing(&expected.rows, &self.rows);
        let names: Vec<&str> = self.columns.iter().map(|(name, _)| name.as_str()).collect();
        Some(format!(
            "rows of ({}):\n  too many: {}\n  lacking:  {}",
            names.join(", "),
            rows_text(&extra),
            rows_text(&lacking)
        ))
    }
}

/// The rows of one bag that another doesn't have, as often as it doesn't.
fn missing(these: &[Vec<Cell>], those: &[Vec<Cell>]) -> Vec<Vec<Cell>> {
    let mut rest: Vec<&Vec<Cell>> = those.iter().collect();
    let mut missing = Vec::new();
    for row in these {
        match rest.iter().position(|other| *other == row) {
            Some(at) => {
                rest.remove(at);
            }
            None => missing.push(row.clone()),
        }
    }
    missing
}

fn rows_text(rows: &[Vec<Cell>]) -> String {
    let row = |row: &Vec<Cell>| {
        let cells: Vec<&str> = row.iter().map(|cell| cell.as_deref().unwrap_or("null")).collect();
        format!("({})", cells.join(", "))
    };
    let shown: Vec<String> = rows.iter().take(10).map(row).collect();
    let more = if rows.len() > 10 { format!(" and {} more", rows.len() - 10) } else { String::new() };
    if shown.is_empty() { "none".to_owned() } else { shown.join(" ") + &more }
}
