//! Tables of a test → batches of the columns that they stand for.

use crate::diagnostic::{Code, Diagnostic, did_you_mean, nearest};
use crate::freeze::values::{is_parseable, parse};
use crate::name::RelationName;
use crate::semantic::{Column, SemanticModel, Test, schema_of};
use crate::sql::types::display_type;
use crate::syntax::ast::Table;
use datafusion::arrow::array::{Array, ArrayRef, RecordBatch, RecordBatchOptions, StringArray, new_null_array};
use datafusion::arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The given rows of a test by relation; every value that doesn't fit is reported.
pub fn tables(model: &SemanticModel, test: &Test) -> Result<BTreeMap<RelationName, RecordBatch>, Vec<Diagnostic>> {
    let mut tables = BTreeMap::new();
    let mut diagnostics = Vec::new();
    for (given, name) in test.syntax.givens.iter().zip(&test.givens) {
        let Some(name) = name else { continue };
        let columns = model.columns(name).unwrap_or_default();
        match batch(&given.table, columns, &name.to_string()) {
            Ok(batch) => {
                tables.insert(name.clone(), batch);
            }
            Err(found) => diagnostics.extend(found),
        }
    }
    if diagnostics.is_empty() { Ok(tables) } else { Err(diagnostics) }
}

/// A table's rows as a batch of all the columns.
pub fn batch(table: &Table, columns: &[Column], of: &str) -> Result<RecordBatch, Vec<Diagnostic>> {
    let mut diagnostics = unknown_columns(table, columns, of);
    let rows = table.rows.len();
    let mut arrays: Vec<ArrayRef> = Vec::new();
    for column in columns {
        let position = table.header.iter().position(|name| name.text == column.name);
        let array = match position {
            Some(position) => match column_values(table, position, column) {
                Ok(array) => array,
                Err(diagnostic) => {
                    diagnostics.push(*diagnostic);
                    continue;
                }
            },
            None => left_out(column, rows),
        };
        if let Some(position) = position.filter(|_| !column.nullable && array.null_count() > 0) {
            let row = (0..array.len()).find(|row| array.is_null(*row)).unwrap_or(0);
            diagnostics.push(
                Diagnostic::error(Code::BadTestValue, format!("`{}` of `{of}` is `not null`", column.name))
                    .at(table.rows[row].cells[position].span, "null here"),
            );
        }
        arrays.push(array);
    }
    if !diagnostics.is_empty() {
        return Err(diagnostics);
    }
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    RecordBatch::try_new_with_options(schema_of(columns), arrays, &options)
        .map_err(|e| vec![Diagnostic::error(Code::BadTestValue, e.to_string()).at(table.span, "this table")])
}

/// Header names that are no columns.
pub fn unknown_columns(table: &Table, columns: &[Column], of: &str) -> Vec<Diagnostic> {
    let known: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
    let unknown = table.header.iter().filter(|name| !known.contains(&name.text.as_str()) && !name.text.is_empty());
    let report = |name: &crate::syntax::ast::Name| {
        let diagnostic = Diagnostic::error(Code::UnknownColumn, format!("`{of}` has no column `{}`", name.text))
            .at(name.span, "no such column");
        let diagnostic = match nearest(&name.text, known.iter().copied()).as_slice() {
            [near] => diagnostic.with_replacement(format!("write `{near}`"), name.span, *near),
            _ => diagnostic,
        };
        match did_you_mean(&name.text, known.iter().copied()) {
            Some(help) => diagnostic.with_help(help),
            None => diagnostic,
        }
    };
    unknown.map(report).collect()
}

/// The cells of one column as values of its type.
pub fn column_values(table: &Table, position: usize, column: &Column) -> Result<ArrayRef, Box<Diagnostic>> {
    let texts: StringArray =
        table.rows.iter().map(|row| row.cells.get(position).and_then(|cell| cell.value.clone())).collect();
    let bad = |row: usize| {
        let cell = &table.rows[row].cells[position];
        let shown = display_type(&column.data_type);
        let message = format!("`{}` is no {shown}", cell.value.clone().unwrap_or_default());
        let diagnostic =
            Diagnostic::error(Code::BadTestValue, message).at(cell.span, format!("`{}` is {shown}", column.name));
        Box::new(match column.data_type {
            DataType::Date32 => diagnostic.with_help("a date is written year first: `2026-01-31`"),
            _ => diagnostic,
        })
    };
    if is_parseable(&column.data_type) {
        return parse(&texts, &column.data_type).map_err(|text| bad(text.row));
    }
    nested_values(&texts, column).map_err(bad)
}

/// Lists and structs are written as JSON: `[1, 2]`, `{"a": 1}`.
fn nested_values(texts: &StringArray, column: &Column) -> Result<ArrayRef, usize> {
    use datafusion::arrow::json::ReaderBuilder;
    let schema = schema_of(&[Column { name: "value".to_owned(), nullable: true, ..column.clone() }]);
    let decode = |row: usize| -> Option<ArrayRef> {
        let value = if texts.is_null(row) { "null" } else { texts.value(row) };
        let mut decoder = ReaderBuilder::new(Arc::clone(&schema)).build_decoder().ok()?;
        let line = format!("{{\"value\": {value}}}\n");
        decoder.decode(line.as_bytes()).ok()?;
        Some(Arc::clone(decoder.flush().ok()??.column(0)))
    };
    let rows: Vec<ArrayRef> = (0..texts.len()).map(|row| decode(row).ok_or(row)).collect::<Result<_, usize>>()?;
    let parts: Vec<&dyn Array> = rows.iter().map(AsRef::as_ref).collect();
    if parts.is_empty() {
        return Ok(new_null_array(&column.data_type, 0));
    }
    datafusion::arrow::compute::concat(&parts).map_err(|_| 0)
}

/// A column that the test leaves out: null, or the plainest value of its type where it is never null.
fn left_out(column: &Column, rows: usize) -> ArrayRef {
    let plain = match &column.data_type {
        _ if column.nullable => None,
        DataType::Utf8 => Some(ScalarValue::Utf8(Some(String::new()))),
        other => ScalarValue::new_zero(other).ok().or_else(|| ScalarValue::Int32(Some(0)).cast_to(other).ok()),
    };
    match plain.and_then(|value| value.to_array_of_size(rows).ok()) {
        Some(array) => array,
        None => new_null_array(&column.data_type, rows),
    }
}
