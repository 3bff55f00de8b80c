//! Answers as text or bytes.

use super::{Answer, json};
use datafusion::arrow::array::{Array, ArrayRef, RecordBatch};
use datafusion::arrow::datatypes::DataType;
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::parquet::arrow::ArrowWriter;
use std::io::Write;
use unicode_width::UnicodeWidthStr;

/// How rows are written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Format {
    Table,
    Json,
    Csv,
    Parquet,
}

/// Writes an answer. A table is cut at `max_rows` and says so; other formats are whole.
pub fn write(answer: &Answer, format: Format, max_rows: usize, out: &mut dyn Write) -> std::io::Result<()> {
    match format {
        Format::Table => write_table(answer, max_rows, out),
        Format::Json => {
            let rows = json::rows(&answer.batches);
            writeln!(out, "{}", serde_json::to_string_pretty(&rows).map_err(std::io::Error::other)?)
        }
        Format::Csv => write_csv(answer, out),
        Format::Parquet => {
            let mut bytes = Vec::new();
            let mut writer =
                ArrowWriter::try_new(&mut bytes, answer.schema.clone(), None).map_err(std::io::Error::other)?;
            for batch in &answer.batches {
                writer.write(batch).map_err(std::io::Error::other)?;
            }
            writer.close().map_err(std::io::Error::other)?;
            out.write_all(&bytes)
        }
    }
}

/// A value as text; null is `None`.
pub fn cell(array: &ArrayRef, row: usize) -> Option<String> {
    if array.is_null(row) {
        return None;
    }
    let options = FormatOptions::default();
    ArrayFormatter::try_new(array, &options).map(|formatter| formatter.value(row).to_string()).ok()
}

fn is_number(data_type: &DataType) -> bool {
    data_type.is_numeric()
}

fn write_table(answer: &Answer, max_rows: usize, out: &mut dyn Write) -> std::io::Result<()> {
    let total: usize = answer.batches.iter().map(RecordBatch::num_rows).sum();
    let mut rows: Vec<Vec<Option<String>>> = Vec::new();
    'batches: for batch in &answer.batches {
        for row in 0..batch.num_rows() {
            if rows.len() == max_rows {
                break 'batches;
            }
            rows.push(batch.columns().iter().map(|array| cell(array, row).map(|text| one_line(&text))).collect());
        }
    }
    let names: Vec<String> = answer.schema.fields().iter().map(|field| one_line(field.name())).collect();
    let shown = |cell: &Option<String>| cell.clone().unwrap_or_else(|| "·".to_owned());
    let width = |index: usize| {
        let cells = rows.iter().map(|row| shown(&row[index]).width());
        cells.chain([names[index].width()]).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..names.len()).map(width).collect();
    let right: Vec<bool> = answer.schema.fields().iter().map(|field| is_number(field.data_type())).collect();
    let pad = |text: &str, index: usize| {
        let fill = " ".repeat(widths[index].saturating_sub(text.width()));
        if right[index] { format!("{fill}{text}") } else { format!("{text}{fill}") }
    };
    let line = |cells: Vec<String>| cells.join("  ").trim_end().to_owned();
    writeln!(out, "{}", line(names.iter().enumerate().map(|(index, name)| pad(name, index)).collect()))?;
    writeln!(out, "{}", line(widths.iter().map(|width| "─".repeat(*width)).collect()))?;
    for row in &rows {
        writeln!(out, "{}", line(row.iter().enumerate().map(|(index, cell)| pad(&shown(cell), index)).collect()))?;
    }
    let count = |n: usize| format!("{n} row{}", if n == 1 { "" } else { "s" });
    if total > rows.len() {
        writeln!(out, "… {} of {} shown; `--limit N` shows more, `--format csv` all", rows.len(), count(total))
    } else {
        writeln!(out, "({})", count(total))
    }
}

/// Line breaks and tabs would break the table.
fn one_line(text: &str) -> String {
    text.replace('\n', "⏎").replace('\t', " ").replace('\r', "")
}

fn write_csv(answer: &Answer, out: &mut dyn Write) -> std::io::Result<()> {
    let mut writer = csv::Writer::from_writer(out);
    writer
        .write_record(answer.schema.fields().iter().map(|field| field.name().as_str()))
        .map_err(std::io::Error::other)?;
    for batch in &answer.batches {
        for row in 0..batch.num_rows() {
            let cells = batch.columns().iter().map(|array| cell(array, row).unwrap_or_default());
            writer.write_record(cells).map_err(std::io::Error::other)?;
        }
    }
    writer.flush()
}
