//! Parquet files: columns by name, values of the declared type or of one that converts to it without loss.

use super::FreezeError;
use super::read::{FileReader, Places, Rows};
use crate::sql::types::{display_type, storage_type};
use datafusion::arrow::array::{Array, ArrayRef, RecordBatch};
use datafusion::arrow::compute::{CastOptions, cast_with_options};
use datafusion::arrow::datatypes::DataType;
use datafusion::arrow::util::display::array_value_to_string;
use datafusion::parquet::arrow::ProjectionMask;
use datafusion::parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use std::sync::Arc;

pub fn read(
    file: &FileReader,
    captured: &[(String, String)],
    each: &mut dyn FnMut(Rows) -> Result<(), FreezeError>,
) -> Result<(), FreezeError> {
    let input = std::fs::File::open(file.local.path()).map_err(|e| file.unreadable(e))?;
    let builder = ParquetRecordBatchReaderBuilder::try_new(input).map_err(|e| file.unreadable(e))?;
    let found = Arc::clone(builder.schema());
    let has: Vec<String> = found.fields().iter().map(|field| field.name().clone()).collect();
    let mut roots = Vec::new();
    for field in file.schema.fields() {
        let Some((index, in_file)) = found.fields().find(field.name()) else {
            return Err(FreezeError::MissingColumn { file: file.name.to_owned(), column: field.name().clone(), has });
        };
        if !converts(in_file.data_type(), field.data_type()) {
            return Err(FreezeError::ColumnType {
                file: file.name.to_owned(),
                column: field.name().clone(),
                declared: file.declared(field.name()),
                found: display_type(&storage_type(in_file.data_type())),
            });
        }
        roots.push(index);
    }
    // A captured column may stand in the file too; then both must say the same.
    let doubled: Vec<(usize, &String, &String)> = captured
        .iter()
        .filter_map(|(name, value)| found.fields().find(name).map(|(index, _)| (index, name, value)))
        .collect();
    roots.extend(doubled.iter().map(|(index, _, _)| *index));
    let groups: Arc<Vec<u64>> = Arc::new(
        builder.metadata().row_groups().iter().map(|group| u64::try_from(group.num_rows()).unwrap_or(0)).collect(),
    );
    let mask = ProjectionMask::roots(builder.parquet_schema(), roots);
    let reader = builder.with_projection(mask).with_batch_size(8192).build().map_err(|e| file.unreadable(e))?;
    let mut first = 0;
    for batch in reader {
        let batch = batch.map_err(|e| file.unreadable(e))?;
        let places = Places::File { first, groups: Arc::clone(&groups) };
        first += batch.num_rows() as u64;
        let mut columns: Vec<ArrayRef> = Vec::new();
        for field in file.schema.fields() {
            let array =
                batch.column_by_name(field.name()).ok_or_else(|| file.unreadable("a column is missing in a batch"))?;
            columns.push(convert(array, field.data_type()).map_err(|row| FreezeError::BadValue {
                file: file.name.to_owned(),
                place: places.of(row),
                column: field.name().clone(),
                declared: file.declared(field.name()),
                value: array_value_to_string(array, row).unwrap_or_default(),
            })?);
        }
        for (_, name, value) in &doubled {
            same_as_path(file, &batch, &places, name, value)?;
        }
        let batch = RecordBatch::try_new(Arc::clone(&file.schema), columns).map_err(|e| file.unreadable(e))?;
        each(Rows { batch, places })?;
    }
    Ok(())
}

/// Types between which values go without loss, or with a check of each value.
fn converts(found: &DataType, declared: &DataType) -> bool {
    let found = storage_type(found);
    if &found == declared {
        return true;
    }
    match (&found, declared) {
        (DataType::Timestamp(_, a), DataType::Timestamp(_, b)) => a.is_some() == b.is_some(),
        (DataType::Decimal128(p, s), DataType::Decimal128(wide_p, wide_s)) => {
            s <= wide_s && i16::from(*p) - i16::from(*s) <= i16::from(*wide_p) - i16::from(*wide_s)
        }
        (DataType::Decimal32(..) | DataType::Decimal64(..), DataType::Decimal128(..)) => true,
        (DataType::Float32, DataType::Float64) => true,
        (DataType::List(_) | DataType::Struct(_) | DataType::Map(..), _) => {
            datafusion::arrow::compute::can_cast_types(&found, declared)
        }
        (from, to) => from.is_integer() && to.is_integer(),
    }
}

/// Converts values; the row of the first that doesn't fit otherwise.
fn convert(array: &ArrayRef, declared: &DataType) -> Result<ArrayRef, usize> {
    if array.data_type() == declared {
        return Ok(Arc::clone(array));
    }
    let options = CastOptions { safe: true, ..CastOptions::default() };
    let values = cast_with_options(array, declared, &options).map_err(|_| 0usize)?;
    match (0..array.len()).find(|row| array.is_valid(*row) && values.is_null(*row)) {
        Some(row) => Err(row),
        None => Ok(values),
    }
}

fn same_as_path(
    file: &FileReader,
    batch: &RecordBatch,
    places: &Places,
    name: &str,
    value: &str,
) -> Result<(), FreezeError> {
    let Some(array) = batch.column_by_name(name) else { return Ok(()) };
    let declared = file.source.columns.iter().find(|column| column.name == name).map(|column| &column.data_type);
    for row in 0..array.len() {
        let text =
            if array.is_null(row) { "null".to_owned() } else { array_value_to_string(array, row).unwrap_or_default() };
        if text == value {
            continue;
        }
        // Spelled otherwise it may still be the same value: `7` and `07`.
        let same = declared.is_some_and(|declared| {
            let texts = datafusion::arrow::array::StringArray::from(vec![text.as_str(), value]);
            super::values::parse(&texts, declared)
                .is_ok_and(|parsed| array_value_to_string(&parsed, 0).ok() == array_value_to_string(&parsed, 1).ok())
        });
        if !same {
            return Err(FreezeError::PartitionDiffers {
                file: file.name.to_owned(),
                place: places.of(row),
                column: name.to_owned(),
                path: value.to_owned(),
                value: text,
            });
        }
    }
    Ok(())
}
