//! Newline-delimited JSON: one object a line, columns by name; a missing name is null, unknown names are left out.

use super::FreezeError;
use super::error::Place;
use super::read::{FileReader, Places, Rows};
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::{Schema, SchemaRef};
use datafusion::arrow::error::ArrowError;
use datafusion::arrow::json::ReaderBuilder;
use std::io::{BufRead, BufReader};
use std::sync::Arc;

const BATCH: usize = 4096;

pub fn read(file: &FileReader, each: &mut dyn FnMut(Rows) -> Result<(), FreezeError>) -> Result<(), FreezeError> {
    let input = file.local.open_text(file.name).map_err(|e| file.unreadable(e))?;
    let mut reader = BufReader::with_capacity(1 << 20, input);
    let mut rows: Vec<(u64, Vec<u8>)> = Vec::with_capacity(BATCH);
    let mut line = 0;
    loop {
        let mut bytes = Vec::new();
        let read = reader.read_until(b'\n', &mut bytes).map_err(|e| file.unreadable(e))?;
        line += 1;
        if read > 0 && !bytes.iter().all(u8::is_ascii_whitespace) {
            rows.push((line, bytes));
        }
        if rows.len() >= BATCH || (read == 0 && !rows.is_empty()) {
            each(batch(file, &rows)?)?;
            rows.clear();
        }
        if read == 0 {
            return Ok(());
        }
    }
}

fn batch(file: &FileReader, rows: &[(u64, Vec<u8>)]) -> Result<Rows, FreezeError> {
    let decoded = decode(&file.schema, rows.iter().map(|(_, bytes)| bytes.as_slice()));
    match decoded {
        Ok(batch) if batch.num_rows() == rows.len() => {
            Ok(Rows { batch, places: Places::Lines(rows.iter().map(|(line, _)| *line).collect()) })
        }
        // Decoders don't say where: the rows are tried one by one, and in the bad one the columns.
        _ => Err(rows
            .iter()
            .find_map(|(line, bytes)| bad_row(file, *line, bytes))
            .unwrap_or_else(|| file.unreadable("not one JSON object a line"))),
    }
}

fn decode<'a>(schema: &SchemaRef, rows: impl Iterator<Item = &'a [u8]>) -> Result<RecordBatch, ArrowError> {
    let mut decoder =
        ReaderBuilder::new(Arc::clone(schema)).with_batch_size(BATCH).with_coerce_primitive(false).build_decoder()?;
    for row in rows {
        let mut rest = row;
        while !rest.is_empty() {
            let used = decoder.decode(rest)?;
            if used == 0 {
                break;
            }
            rest = &rest[used..];
        }
    }
    Ok(decoder.flush()?.unwrap_or_else(|| RecordBatch::new_empty(Arc::clone(schema))))
}

fn bad_row(file: &FileReader, line: u64, bytes: &[u8]) -> Option<FreezeError> {
    let name = file.name.to_owned();
    let place = Place::Line(line);
    let value: serde_json::Value = match serde_json::from_slice(bytes) {
        Ok(value) => value,
        Err(error) => {
            return Some(FreezeError::BadRow { file: name, place, cause: format!("this line isn't JSON: {error}") });
        }
    };
    let Some(object) = value.as_object() else {
        return Some(FreezeError::BadRow { file: name, place, cause: "this line isn't a JSON object".to_owned() });
    };
    for field in file.schema.fields() {
        let single: SchemaRef = Arc::new(Schema::new(vec![Arc::clone(field)]));
        if decode(&single, std::iter::once(bytes)).is_err() {
            let value = object.get(field.name()).map_or_else(String::new, |value| match value {
                serde_json::Value::String(text) => text.clone(),
                other => other.to_string(),
            });
            return Some(FreezeError::BadValue {
                file: name,
                place,
                column: field.name().clone(),
                declared: file.declared(field.name()),
                value,
            });
        }
    }
    match decode(&file.schema, std::iter::once(bytes)) {
        Ok(batch) if batch.num_rows() == 1 => None,
        _ => Some(FreezeError::BadRow { file: name, place, cause: "this line holds more than one object".to_owned() }),
    }
}
