//! CSV files: columns by the names of the header line, or by position without one.

use super::FreezeError;
use super::error::Place;
use super::read::{FileReader, Places, Rows};
use super::values::{is_parseable, parse};
use datafusion::arrow::array::{ArrayRef, RecordBatch, StringBuilder};

use std::cell::Cell;
use std::io::Read;
use std::rc::Rc;

const BATCH: usize = 8192;

pub struct Options<'a> {
    pub delimiter: u8,
    pub quote: u8,
    pub header: bool,
    /// The text that stands for null.
    pub null: &'a str,
}

pub fn read(
    file: &FileReader,
    options: &Options,
    each: &mut dyn FnMut(Rows) -> Result<(), FreezeError>,
) -> Result<(), FreezeError> {
    for field in file.schema.fields() {
        if !is_parseable(field.data_type()) {
            return Err(FreezeError::ColumnType {
                file: file.name.to_owned(),
                column: field.name().clone(),
                declared: file.declared(field.name()),
                found: "text".to_owned(),
            });
        }
    }
    let input = file.local.open_text(file.name).map_err(|e| file.unreadable(e))?;
    let quotes = Rc::new(Cell::new(0u64));
    let input = QuoteCounter { input, quote: options.quote, quotes: Rc::clone(&quotes) };
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(options.delimiter)
        .quote(options.quote)
        .has_headers(options.header)
        .flexible(false)
        .from_reader(std::io::BufReader::with_capacity(1 << 20, input));
    let positions = positions(file, options, &mut reader)?;
    let mut record = csv::StringRecord::new();
    let mut builders: Vec<StringBuilder> = positions.iter().map(|_| StringBuilder::new()).collect();
    let mut lines = Vec::with_capacity(BATCH);
    let (mut last_spans_lines, mut last_line) = (false, 0);
    loop {
        let more = reader.read_record(&mut record).map_err(|e| bad_record(file, &e))?;
        if more {
            last_spans_lines = record.iter().any(|text| text.contains('\n'));
            last_line = record.position().map_or(0, csv::Position::line);
            lines.push(record.position().map_or(0, csv::Position::line));
            for (builder, position) in builders.iter_mut().zip(&positions) {
                match record.get(*position) {
                    Some(text) if text != options.null => builder.append_value(text),
                    _ => builder.append_null(),
                }
            }
        }
        if lines.len() >= BATCH || (!more && !lines.is_empty()) {
            each(batch(file, &mut builders, std::mem::take(&mut lines))?)?;
        }
        if !more {
            // The reader takes a quote that is never closed for one that ends with the file, and with it every row behind it
            // for one cell.
            let open = quotes.get() % 2 == 1 && last_spans_lines;
            return if open { Err(never_closed(file, last_line)) } else { Ok(()) };
        }
    }
}

/// Counts quotes as they are read.
struct QuoteCounter<R> {
    input: R,
    quote: u8,
    quotes: Rc<Cell<u64>>,
}

impl<R: Read> Read for QuoteCounter<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.input.read(buffer)?;
        let found = buffer[..read].iter().filter(|byte| **byte == self.quote).count();
        self.quotes.set(self.quotes.get() + found as u64);
        Ok(read)
    }
}

fn never_closed(file: &FileReader, line: u64) -> FreezeError {
    let cause = "a quote in this row is never closed, so the rest of the file would be one cell".to_owned();
    FreezeError::BadRow { file: file.name.to_owned(), place: Place::Line(line), cause }
}

/// Where each wanted column stands in a record.
fn positions<R: std::io::Read>(
    file: &FileReader,
    options: &Options,
    reader: &mut csv::Reader<R>,
) -> Result<Vec<usize>, FreezeError> {
    if !options.header {
        return Ok((0..file.schema.fields().len()).collect());
    }
    let header: Vec<String> = {
        let header = reader.headers().map_err(|e| bad_record(file, &e))?;
        header.iter().map(|name| name.trim().trim_start_matches('\u{feff}').to_owned()).collect()
    };
    let doubled = |name: &String| header.iter().filter(|other| *other == name).count() > 1;
    if let Some(field) = file.schema.fields().iter().find(|field| doubled(field.name())) {
        let cause = format!("the header names `{}` twice", field.name());
        return Err(FreezeError::BadRow { file: file.name.to_owned(), place: Place::Line(1), cause });
    }
    let position = |name: &String| {
        let exact = header.iter().position(|other| other == name);
        exact.or_else(|| header.iter().position(|other| other.to_lowercase() == *name)).ok_or_else(|| {
            FreezeError::MissingColumn { file: file.name.to_owned(), column: name.clone(), has: header.clone() }
        })
    };
    file.schema.fields().iter().map(|field| position(field.name())).collect()
}

fn batch(file: &FileReader, builders: &mut [StringBuilder], lines: Vec<u64>) -> Result<Rows, FreezeError> {
    let mut columns: Vec<ArrayRef> = Vec::new();
    for (field, builder) in file.schema.fields().iter().zip(builders) {
        let texts = builder.finish();
        columns.push(parse(&texts, field.data_type()).map_err(|bad| FreezeError::BadValue {
            file: file.name.to_owned(),
            place: Place::Line(lines.get(bad.row).copied().unwrap_or(0)),
            column: field.name().clone(),
            declared: file.declared(field.name()),
            value: bad.value,
        })?);
    }
    let batch = RecordBatch::try_new(std::sync::Arc::clone(&file.schema), columns).map_err(|e| file.unreadable(e))?;
    Ok(Rows { batch, places: Places::Lines(lines) })
}

fn bad_record(file: &FileReader, error: &csv::Error) -> FreezeError {
    let line = error.position().map(csv::Position::line);
    let place = line.map_or(Place::Whole, Place::Line);
    let cause = match error.kind() {
        csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
            format!("this row has {len} fields, the first one has {expected_len}")
        }
        csv::ErrorKind::Utf8 { .. } => "this row isn't UTF-8 text".to_owned(),
        csv::ErrorKind::Io(error) => return file.unreadable(error),
        _ => error.to_string(),
    };
    FreezeError::BadRow { file: file.name.to_owned(), place, cause }
}
