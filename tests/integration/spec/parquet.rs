//! Parquet files written as text:
//!
//! ```text
//! payment_id bigint | amount decimal(10, 2) | day date
//! 1                 | 20.00                 | 2026-03-01
//! 2                 |                       | 2026-03-01
//! ```

use datafusion::arrow::array::{ArrayRef, RecordBatch, StringArray};
use datafusion::arrow::compute::{CastOptions, cast_with_options};
use datafusion::arrow::datatypes::{DataType, Field, Schema, TimeUnit};
use datafusion::parquet::arrow::ArrowWriter;
use std::error::Error;
use std::sync::Arc;

/// The bytes of the Parquet file that a fence's body describes. An empty cell is null.
pub fn write(body: &str) -> Result<Vec<u8>, Box<dyn Error>> {
    let mut lines = body.lines().filter(|line| !line.trim().is_empty());
    let header = lines.next().ok_or("a Parquet file needs a header")?;
    let columns: Vec<(&str, DataType)> = header.split('|').map(column).collect::<Result<_, _>>()?;
    let rows: Vec<Vec<&str>> = lines.map(|line| line.split('|').map(str::trim).collect()).collect();
    if let Some(row) = rows.iter().find(|row| row.len() != columns.len()) {
        return Err(format!("{} cells in a table of {} columns: {row:?}", row.len(), columns.len()).into());
    }
    let strict = CastOptions { safe: false, ..CastOptions::default() };
    let mut arrays: Vec<ArrayRef> = Vec::new();
    for (index, (_, data_type)) in columns.iter().enumerate() {
        let texts: StringArray = rows.iter().map(|row| Some(row[index]).filter(|cell| !cell.is_empty())).collect();
        arrays.push(cast_with_options(&texts, data_type, &strict)?);
    }
    let fields: Vec<Field> =
        columns.iter().map(|(name, data_type)| Field::new(*name, data_type.clone(), true)).collect();
    let schema = Arc::new(Schema::new(fields));
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut bytes, Arc::clone(&schema), None)?;
    writer.write(&RecordBatch::try_new(schema, arrays)?)?;
    writer.close()?;
    Ok(bytes)
}

fn column(cell: &str) -> Result<(&str, DataType), String> {
    let (name, data_type) = cell.trim().split_once(' ').ok_or_else(|| format!("`{cell}` is no `name type`"))?;
    let data_type = match data_type.trim() {
        "text" => DataType::Utf8,
        "int" => DataType::Int32,
        "bigint" => DataType::Int64,
        "double" => DataType::Float64,
        "date" => DataType::Date32,
        "timestamp" => DataType::Timestamp(TimeUnit::Nanosecond, None),
        "boolean" => DataType::Boolean,
        other => decimal(other).ok_or_else(|| format!("a Parquet fence has no type `{other}`"))?,
    };
    Ok((name, data_type))
}

/// `decimal(10, 2)`.
fn decimal(text: &str) -> Option<DataType> {
    let (precision, scale) = text.strip_prefix("decimal(")?.strip_suffix(')')?.split_once(',')?;
    Some(DataType::Decimal128(precision.trim().parse().ok()?, scale.trim().parse().ok()?))
}

#[test]
fn a_table_becomes_a_parquet_file() {
    let file = write(
        "id bigint | price decimal(10, 2) | day date | at timestamp\n1 | 2.50 | 2026-03-01 | 2026-03-01 10:00:00\n2 ||| \n",
    );
    assert!(file.is_ok_and(|bytes| bytes.starts_with(b"PAR1") && bytes.ends_with(b"PAR1")));
    assert!(write("id bigint\nmany\n").is_err());
    assert!(write("id money\n1\n").is_err());
}
