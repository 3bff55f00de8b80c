//! Parquet: names, types and nulls from the metadata of every file. Rows are read only to find keys.

use super::columns::{Column, Described, SAMPLED_ROWS, common, sampled};
use super::group::{DataFile, Shape};
use super::names::{Distinct, quoted};
use crate::sql::types::{display_type, parse_type, storage_type};
use datafusion::arrow::array::Array;
use datafusion::arrow::compute::can_cast_types;
use datafusion::arrow::datatypes::{DataType, TimeUnit};
use datafusion::arrow::util::display::array_value_to_string;
use datafusion::parquet::arrow::ProjectionMask;
use datafusion::parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use std::fs::File;
use std::path::Path;

pub(super) fn shape(path: &Path) -> Result<Shape, String> {
    let columns: Vec<String> = open(path)?.schema().fields().iter().map(|field| field.name().clone()).collect();
    if columns.is_empty() { Err("it has no columns".to_owned()) } else { Ok(Shape { columns, delimiter: 0 }) }
}

pub(super) fn describe(files: &[&DataFile]) -> Described {
    let (names, mut notes) = common(files);
    let mut found: Vec<Found> = names.iter().map(|name| Found::new(name)).collect();
    let mut rows = 0;
    for file in files {
        match open(&file.raw.path) {
            Ok(builder) => {
                rows += u64::try_from(builder.metadata().file_metadata().num_rows()).unwrap_or(0);
                found.iter_mut().for_each(|found| found.add(&builder));
            }
            Err(why) => notes.push(format!("{}: {why}", file.raw.shown())),
        }
    }
    let picked = sampled(files.len());
    let mut rows_read = 0;
    for file in picked.iter().filter_map(|index| files.get(*index)) {
        // A file that can't be read proves no key, as its rows are missing in the count.
        rows_read += watch(&file.raw.path, &mut found).unwrap_or(0);
    }
    let mut columns = Vec::new();
    for found in found {
        let Some(data_type) = found.data_type.as_ref().and_then(declarable) else {
            let shown = found.data_type.as_ref().map_or_else(String::new, display_type);
            notes.push(format!("left out: {}, since its type, {shown}, can't be declared", found.name));
            continue;
        };
        let not_null = rows > 0 && !found.has_nulls;
        let note = found.is_mixed.then(|| "not all files have this type".to_owned());
        columns.push(Column {
            data_type,
            not_null,
            note,
            is_unique: not_null && !found.is_mixed && found.distinct.holds(rows_read),
            name: found.name,
        });
    }
    Described {
        columns,
        partition_by: Vec::new(),
        files: files.len(),
        files_read: picked.len(),
        rows,
        is_whole: rows_read == rows,
        is_metadata: true,
        format: None,
        notes,
    }
}

type Builder = ParquetRecordBatchReaderBuilder<File>;

fn open(path: &Path) -> Result<Builder, String> {
    let file = File::open(path).map_err(|error| error.to_string())?;
    Builder::try_new(file).map_err(|error| error.to_string())
}

/// What all files say of a column.
struct Found {
    name: String,
    data_type: Option<DataType>,
    is_mixed: bool,
    /// Or may have them: nothing says that there are none.
    has_nulls: bool,
    distinct: Distinct,
}

impl Found {
    fn new(name: &str) -> Found {
        Found {
            name: name.to_owned(),
            data_type: None,
            is_mixed: false,
            has_nulls: false,
            distinct: Distinct::new(name),
        }
    }

    fn add(&mut self, builder: &Builder) {
        let Some((_, field)) = builder.schema().fields().find(&self.name) else { return };
        let data_type = storage_type(field.data_type());
        self.data_type = match self.data_type.take() {
            None => Some(data_type),
            Some(known) => match wider(&known, &data_type) {
                Some(wider) => Some(wider),
                None => {
                    self.is_mixed = true;
                    Some(known)
                }
            },
        };
        self.has_nulls |= field.is_nullable() && nulls(builder, &self.name) != Some(0);
    }
}

/// How many nulls a column has, if the statistics of all row groups say so.
fn nulls(builder: &Builder, column: &str) -> Option<u64> {
    let leaves = builder.parquet_schema().columns();
    let leaf = leaves.iter().position(|leaf| matches!(leaf.path().parts(), [only] if only == column))?;
    let groups = builder.metadata().row_groups().iter();
    groups.map(|group| group.columns().get(leaf)?.statistics()?.null_count_opt()).sum()
}

/// A type that the values of both convert to without loss.
fn wider(a: &DataType, b: &DataType) -> Option<DataType> {
    match (a, b) {
        _ if a == b => Some(a.clone()),
        (DataType::Decimal128(p, s), DataType::Decimal128(other_p, other_s)) => {
            let scale = (*s).max(*other_s);
            let whole = (i16::from(*p) - i16::from(*s)).max(i16::from(*other_p) - i16::from(*other_s));
            let precision = u8::try_from(whole + i16::from(scale)).ok().filter(|precision| *precision <= 38)?;
            Some(DataType::Decimal128(precision, scale))
        }
        (DataType::Timestamp(_, None), DataType::Timestamp(_, None)) => {
            Some(DataType::Timestamp(TimeUnit::Nanosecond, None))
        }
        (DataType::Float32 | DataType::Float64, DataType::Float32 | DataType::Float64) => Some(DataType::Float64),
        _ if a.is_integer() && b.is_integer() => Some(DataType::Int64),
        _ => None,
    }
}

/// The type's text, if it names a type that freezing converts the values to.
fn declarable(found: &DataType) -> Option<String> {
    let text = written(found);
    let declared = parse_type(&text).ok()?;
    let is_read = match (found, &declared) {
        _ if *found == declared => true,
        (DataType::Timestamp(_, zone), DataType::Timestamp(_, other)) => zone.is_some() == other.is_some(),
        (DataType::Decimal32(..) | DataType::Decimal64(..), DataType::Decimal128(..)) => true,
        (DataType::List(_) | DataType::Struct(_), _) => can_cast_types(found, &declared),
        _ => false,
    };
    is_read.then_some(text)
}

/// As people write it, with names of fields that need it in quotes.
fn written(data_type: &DataType) -> String {
    match data_type {
        DataType::Timestamp(_, Some(_)) => "timestamp with time zone".to_owned(),
        DataType::List(item) => format!("{}[]", written(item.data_type())),
        DataType::FixedSizeList(item, size) => format!("{}[{size}]", written(item.data_type())),
        DataType::Struct(fields) => {
            let fields = fields.iter().map(|field| format!("{} {}", quoted(field.name()), written(field.data_type())));
            format!("struct<{}>", fields.collect::<Vec<_>>().join(", "))
        }
        other => display_type(other),
    }
}

/// Reads the first rows of those columns that may be keys, and says how many rows that were.
fn watch(path: &Path, found: &mut [Found]) -> Result<u64, String> {
    let builder = open(path)?;
    let is_scalar = |data_type: &DataType| data_type.is_integer() || matches!(data_type, DataType::Utf8);
    for found in found.iter_mut() {
        if found.has_nulls || !found.data_type.as_ref().is_some_and(is_scalar) {
            found.distinct = Distinct::new("");
        }
    }
    let roots: Vec<usize> = found
        .iter()
        .filter(|found| found.distinct.is_watched())
        .filter_map(|found| builder.schema().fields().find(&found.name).map(|(index, _)| index))
        .collect();
    if roots.is_empty() {
        return Ok(0);
    }
    let mask = ProjectionMask::roots(builder.parquet_schema(), roots);
    let reader = builder.with_projection(mask).with_limit(SAMPLED_ROWS).build().map_err(|error| error.to_string())?;
    let mut rows = 0;
    for batch in reader {
        let batch = batch.map_err(|error| error.to_string())?;
        rows += batch.num_rows() as u64;
        for found in found.iter_mut().filter(|found| found.distinct.is_watched()) {
            let Some(array) = batch.column_by_name(&found.name) else { continue };
            for row in 0..array.len() {
                found.distinct.add(&array_value_to_string(array, row).map_err(|error| error.to_string())?);
            }
        }
    }
    Ok(rows)
}
