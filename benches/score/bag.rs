//! The rows of a relation as a bag: no order, duplicates count. Cells are kept as hashes of their texts; numbers with
//! binary points count with twelve significant digits.

use datafusion::arrow::array::{Array, ArrayRef, RecordBatch};
use datafusion::arrow::datatypes::{DataType, Schema};
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};
use icepie::sql::types::storage_type;
use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash, Hasher};

/// Columns of equal length.
#[derive(Debug)]
pub struct Bag {
    rows: usize,
    columns: Vec<Column>,
}

#[derive(Debug)]
struct Column {
    name: String,
    data_type: String,
    /// A hash a row.
    cells: Vec<u64>,
    /// Of the cells whatever their order.
    digest: u64,
}

/// Whether columns of different types may be equal.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Types {
    Count,
    DontCount,
}

impl Bag {
    pub fn read(schema: &Schema, batches: &[RecordBatch]) -> Result<Bag, String> {
        let mut columns = Vec::new();
        for (index, field) in schema.fields().iter().enumerate() {
            let mut cells = Vec::new();
            for batch in batches {
                read_cells(batch.column(index), &mut cells).map_err(|e| format!("`{}`: {e}", field.name()))?;
            }
            let digest = hash_of(&sorted(&cells));
            let data_type = storage_type(field.data_type()).to_string();
            columns.push(Column { name: field.name().clone(), data_type, cells, digest });
        }
        Ok(Bag { rows: batches.iter().map(RecordBatch::num_rows).sum(), columns })
    }

    pub fn names(&self) -> BTreeSet<String> {
        self.columns.iter().map(|column| column.name.clone()).collect()
    }

    /// Whether another bag has these rows in columns of these names; `None` where it lacks such a column.
    pub fn same_by_name(&self, other: &Bag, names: &BTreeSet<String>) -> Option<bool> {
        let of = |bag: &Bag| -> Option<Vec<u64>> {
            let mut rows = vec![0; bag.rows];
            for name in names {
                let column = bag.columns.iter().find(|column| column.name == *name)?;
                rows = joined(&rows, column);
            }
            Some(rows)
        };
        let (these, those) = (of(self)?, of(other)?);
        Some(sorted(&these) == sorted(&those))
    }

    /// Whether another bag has these rows of these columns, whatever its columns are called. One of its columns may
    /// stand for several of these.
    pub fn is_within(&self, names: &BTreeSet<String>, other: &Bag, types: Types) -> bool {
        let wanted: Vec<&Column> = self.columns.iter().filter(|column| names.contains(&column.name)).collect();
        self.rows == other.rows && search(&wanted, other, types, &vec![0; self.rows], &vec![0; other.rows])
    }

    /// How this differs from what it should be, in its columns, their order, or its rows.
    pub fn difference(&self, expected: &Bag) -> Option<String> {
        let names = |bag: &Bag| bag.columns.iter().map(|column| column.name.clone()).collect::<Vec<_>>();
        let (these, those) = (names(self), names(expected));
        if these != those {
            return Some(format!("columns ({}) instead of ({})", these.join(", "), those.join(", ")));
        }
        if self.same_by_name(expected, &self.names()) == Some(true) {
            return None;
        }
        let pairs = self.columns.iter().zip(&expected.columns);
        let differ: Vec<&str> =
            pairs.filter(|(a, b)| a.digest != b.digest).map(|(column, _)| column.name.as_str()).collect();
        let place = if differ.is_empty() { "joint rows".to_owned() } else { differ.join(", ") };
        Some(format!("{} rows instead of {}, or other values in {place}", self.rows, expected.rows))
    }
}

/// Finds a column of `other` for each wanted one, so that the rows agree in all of them together.
fn search(wanted: &[&Column], other: &Bag, types: Types, these: &[u64], those: &[u64]) -> bool {
    let Some((first, rest)) = wanted.split_first() else { return true };
    let fits = |column: &&Column| {
        column.digest == first.digest && (types == Types::DontCount || column.data_type == first.data_type)
    };
    let mut candidates: Vec<&Column> = other.columns.iter().filter(fits).collect();
    candidates.sort_by_key(|column| column.name != first.name);
    candidates.into_iter().any(|candidate| {
        let (these, those) = (joined(these, first), joined(those, candidate));
        sorted(&these) == sorted(&those) && search(rest, other, types, &these, &those)
    })
}

/// Row hashes with one column more.
fn joined(rows: &[u64], column: &Column) -> Vec<u64> {
    rows.iter().zip(&column.cells).map(|pair| hash_of(&pair)).collect()
}

fn sorted(hashes: &[u64]) -> Vec<u64> {
    let mut hashes = hashes.to_vec();
    hashes.sort_unstable();
    hashes
}

fn hash_of(value: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

fn read_cells(array: &ArrayRef, into: &mut Vec<u64>) -> Result<(), String> {
    let is_float = matches!(array.data_type(), DataType::Float16 | DataType::Float32 | DataType::Float64);
    let options = FormatOptions::default();
    let formatter = ArrayFormatter::try_new(array, &options).map_err(|e| e.to_string())?;
    for row in 0..array.len() {
        let text = if array.is_null(row) {
            None
        } else {
            let text = formatter.value(row).to_string();
            Some(if is_float { twelve_digits(&text) } else { text })
        };
        into.push(hash_of(&text));
    }
    Ok(())
}

/// A number with twelve significant digits; both zeros are one.
fn twelve_digits(text: &str) -> String {
    match text.parse::<f64>() {
        Ok(number) => format!("{:.11e}", if number == 0.0 { 0.0 } else { number }),
        Err(_) => text.to_owned(),
    }
}
