//! Rows → content digests: per column, over values in their stored order, or beside its row's key.
//!
//! A digest looks at values only, not at batches, files or encodings: the same rows in the same order have the same
//! digests however they are cut. Values are encoded as Arrow's row format encodes a single column (nulls, float bits and
//! lengths distinct), each preceded by its length.

mod bag;

pub use bag::{BYTES_PER_ROW, LeastRows, RowBag, Side};

use crate::manifest::{Content, KeyedSum};
use datafusion::arrow::array::{ArrayRef, RecordBatch};
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::error::ArrowError;
use datafusion::arrow::row::{RowConverter, SortField};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Hashes columns while batches go by. Costs one pass over the values, with a key one small hash a value more.
pub struct ContentHasher {
    columns: Vec<ColumnHasher>,
    rows: u64,
    key: Option<Key>,
}

struct ColumnHasher {
    name: String,
    converter: RowConverter,
    hasher: blake3::Hasher,
    sum: KeyedSum,
}

/// What identifies a row: columns of the file, and values that all its rows have.
struct Key {
    columns: Vec<usize>,
    converter: RowConverter,
    prefix: Vec<u8>,
    /// Columns that aren't in the file, with the value of all rows.
    constants: Vec<(String, Vec<u8>, KeyedSum)>,
}

impl ContentHasher {
    /// Fails for a type that Arrow's row format doesn't know.
    pub fn new(schema: &SchemaRef) -> Result<ContentHasher, ArrowError> {
        let column = |field: &Arc<datafusion::arrow::datatypes::Field>| {
            let converter = RowConverter::new(vec![SortField::new(field.data_type().clone())])?;
            let hasher = blake3::Hasher::new();
            Ok(ColumnHasher { name: field.name().clone(), converter, hasher, sum: KeyedSum::default() })
        };
        let columns = schema.fields().iter().map(column).collect::<Result<_, ArrowError>>()?;
        Ok(ContentHasher { columns, rows: 0, key: None })
    }

    /// Hashes rows that a key identifies: each value together with its row's key, summed up, so that neither the order of
    /// rows nor how they are cut into files says anything. `constants` are columns with one value in all rows, which the key
    /// may name too.
    pub fn by_key(
        schema: &SchemaRef,
        key: &[String],
        constants: &[(String, String)],
    ) -> Result<ContentHasher, ArrowError> {
        let mut hasher = ContentHasher::new(schema)?;
        if key.is_empty() {
            return Ok(hasher);
        }
        let columns: Vec<usize> = key.iter().filter_map(|name| schema.index_of(name).ok()).collect();
        let fields = columns.iter().map(|index| SortField::new(schema.field(*index).data_type().clone())).collect();
        let mut prefix = Vec::new();
        for (name, value) in constants.iter().filter(|(name, _)| key.contains(name)) {
            for text in [name, value] {
                prefix.extend_from_slice(&(text.len() as u64).to_le_bytes());
                prefix.extend_from_slice(text.as_bytes());
            }
        }
        let constant =
            |(name, value): &(String, String)| (name.clone(), value.clone().into_bytes(), KeyedSum::default());
        let constants = constants.iter().map(constant).collect();
        hasher.key = Some(Key { columns, converter: RowConverter::new(fields)?, prefix, constants });
        Ok(hasher)
    }

    /// Adds rows; the batch must have the hasher's columns.
    pub fn update(&mut self, batch: &RecordBatch) -> Result<(), ArrowError> {
        self.rows += batch.num_rows() as u64;
        if let Some(key) = &mut self.key {
            key.update(&mut self.columns, batch)?;
        }
        let mut buffer = Vec::with_capacity(64 * 1024);
        for (column, array) in self.columns.iter_mut().zip(batch.columns()) {
            let rows = column.converter.convert_columns(&[ArrayRef::clone(array)])?;
            for row in rows.iter() {
                let bytes: &[u8] = row.as_ref();
                buffer.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
                buffer.extend_from_slice(bytes);
                if buffer.len() >= 64 * 1024 {
                    column.hasher.update(&buffer);
                    buffer.clear();
                }
            }
            column.hasher.update(&buffer);
            buffer.clear();
        }
        Ok(())
    }

    /// The content. The constants of [`ContentHasher::by_key`] are in what is said by key only.
    pub fn finish(self) -> Content {
        let digest = |column: &ColumnHasher| (column.name.clone(), column.hasher.finalize().to_hex().to_string());
        let ordered: BTreeMap<String, String> = self.columns.iter().map(digest).collect();
        let Some(key) = self.key else {
            return Content { rows: self.rows, columns: ordered, ordered: BTreeMap::new() };
        };
        let constants = key.constants.into_iter().map(|(name, _, sum)| (name, sum.to_string()));
        let keyed = self.columns.into_iter().map(|column| (column.name, column.sum.to_string())).chain(constants);
        Content { rows: self.rows, columns: keyed.collect(), ordered }
    }
}

impl Key {
    fn update(&mut self, columns: &mut [ColumnHasher], batch: &RecordBatch) -> Result<(), ArrowError> {
        let arrays: Vec<ArrayRef> = self.columns.iter().map(|index| ArrayRef::clone(batch.column(*index))).collect();
        let keys = match arrays.is_empty() {
            // All of the key stands in the file's path: the file has one row.
            true => None,
            false => Some(self.converter.convert_columns(&arrays)?),
        };
        let mut bytes = Vec::new();
        let mut hash = |row: usize, value: &[u8]| {
            let key: &[u8] = keys.as_ref().map_or(&[], |keys| keys.row(row).data());
            bytes.clear();
            bytes.extend_from_slice(&(self.prefix.len() as u64).to_le_bytes());
            bytes.extend_from_slice(&self.prefix);
            bytes.extend_from_slice(&(key.len() as u64).to_le_bytes());
            bytes.extend_from_slice(key);
            bytes.extend_from_slice(value);
            *blake3::hash(&bytes).as_bytes()
        };
        for (column, array) in columns.iter_mut().zip(batch.columns()) {
            let rows = column.converter.convert_columns(&[ArrayRef::clone(array)])?;
            for (index, row) in rows.iter().enumerate() {
                column.sum.add(&hash(index, row.data()));
            }
        }
        for (_, value, sum) in &mut self.constants {
            for index in 0..batch.num_rows() {
                sum.add(&hash(index, value));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use datafusion::arrow::array::{Float64Array, Int64Array, StringArray};
    use datafusion::arrow::datatypes::{DataType, Field, Schema};

    fn digest(batches: &[RecordBatch]) -> Content {
        let mut hasher = ContentHasher::new(&batches[0].schema()).expect("flat types are known");
        for batch in batches {
            hasher.update(batch).expect("the batch fits its schema");
        }
        hasher.finish()
    }

    fn batch(numbers: &[Option<i64>], texts: &[Option<&str>], floats: &[f64]) -> RecordBatch {
        let schema = Arc::new(Schema::new(vec![
            Field::new("n", DataType::Int64, true),
            Field::new("t", DataType::Utf8, true),
            Field::new("f", DataType::Float64, true),
        ]));
        let columns: Vec<ArrayRef> = vec![
            Arc::new(Int64Array::from(numbers.to_vec())),
            Arc::new(StringArray::from(texts.to_vec())),
            Arc::new(Float64Array::from(floats.to_vec())),
        ];
        RecordBatch::try_new(schema, columns).expect("columns have one length")
    }

    #[test]
    fn cutting_into_batches_changes_nothing() {
        let whole = batch(&[Some(1), None, Some(3)], &[Some("a"), Some(""), None], &[0.0, -0.0, f64::NAN]);
        let parts = [whole.slice(0, 1), whole.slice(1, 2)];
        assert_eq!(digest(std::slice::from_ref(&whole)), digest(&parts));
    }

    #[test]
    fn near_misses_differ_in_their_column_only() {
        let base = digest(&[batch(&[Some(1), None], &[Some("ab"), Some("c")], &[0.0, 1.0])]);
        let nulls = digest(&[batch(&[None, Some(1)], &[Some("ab"), Some("c")], &[0.0, 1.0])]);
        let texts = digest(&[batch(&[Some(1), None], &[Some("a"), Some("bc")], &[0.0, 1.0])]);
        let zeros = digest(&[batch(&[Some(1), None], &[Some("ab"), Some("c")], &[-0.0, 1.0])]);
        let empty = digest(&[batch(&[Some(1), None], &[Some("ab"), None], &[0.0, 1.0])]);
        for (other, column) in [(&nulls, "n"), (&texts, "t"), (&zeros, "f"), (&empty, "t")] {
            for name in ["n", "t", "f"] {
                assert_eq!(base.columns[name] == other.columns[name], name != column, "{column}/{name}");
            }
        }
    }

    #[test]
    fn a_key_makes_the_order_of_rows_say_nothing() {
        let schema =
            Arc::new(Schema::new(vec![Field::new("k", DataType::Int64, false), Field::new("v", DataType::Utf8, true)]));
        let batch = |rows: &[(i64, &str)]| {
            let keys: Int64Array = rows.iter().map(|(key, _)| Some(*key)).collect();
            let values: StringArray = rows.iter().map(|(_, value)| Some(*value)).collect();
            RecordBatch::try_new(Arc::clone(&schema), vec![Arc::new(keys), Arc::new(values)]).expect("a batch")
        };
        let content = |key: &[&str], batches: &[RecordBatch]| {
            let key: Vec<String> = key.iter().map(|name| (*name).to_owned()).collect();
            let mut hasher = ContentHasher::by_key(&schema, &key, &[("day".to_owned(), "1".to_owned())])
                .expect("the types are known");
            batches.iter().for_each(|batch| hasher.update(batch).expect("the batch fits"));
            hasher.finish()
        };
        let sorted = [batch(&[(1, "a"), (2, "b"), (3, "a")])];
        let other = [batch(&[(3, "a"), (1, "a")]), batch(&[(2, "b")])];
        let keyed = |batches: &[RecordBatch]| content(&["k"], batches).columns;
        assert_eq!(keyed(&sorted), keyed(&other));
        let halves = [content(&["k"], &other[..1]), content(&["k"], &other[1..])];
        assert_eq!(keyed(&sorted), Content::concat(&halves).columns, "nor how rows are cut into files");
        assert_ne!(content(&[], &sorted), content(&[], &other));
        let swapped = [batch(&[(1, "b"), (2, "a"), (3, "a")])];
        assert_ne!(keyed(&sorted), keyed(&swapped), "which value stands at which key counts");
        assert_eq!(content(&["k"], &sorted).ordered, content(&[], &sorted).columns, "as without a key");
    }
}
