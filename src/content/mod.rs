//! Rows → content digests: per column, over values in their stored order.
//!
//! A digest looks at values only, not at batches, files or encodings: the same rows in the same order have the same
//! digests however they are cut. Values are encoded as Arrow's row format encodes a single column (nulls, float bits and
//! lengths distinct), each preceded by its length.

mod bag;

pub use bag::{BYTES_PER_ROW, LeastRows, RowBag, Side};

use crate::manifest::Content;
use datafusion::arrow::array::{ArrayRef, RecordBatch};
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::error::ArrowError;
use datafusion::arrow::row::{RowConverter, SortField};
use std::sync::Arc;

/// Hashes columns while batches go by. Costs one pass over the values.
pub struct ContentHasher {
    columns: Vec<ColumnHasher>,
    rows: u64,
}

struct ColumnHasher {
    name: String,
    converter: RowConverter,
    hasher: blake3::Hasher,
}

impl ContentHasher {
    /// Fails for a type that Arrow's row format doesn't know.
    pub fn new(schema: &SchemaRef) -> Result<ContentHasher, ArrowError> {
        let column = |field: &Arc<datafusion::arrow::datatypes::Field>| {
            let converter = RowConverter::new(vec![SortField::new(field.data_type().clone())])?;
            Ok(ColumnHasher { name: field.name().clone(), converter, hasher: blake3::Hasher::new() })
        };
        let columns = schema.fields().iter().map(column).collect::<Result<_, ArrowError>>()?;
        Ok(ContentHasher { columns, rows: 0 })
    }

    /// Adds rows; the batch must have the hasher's columns.
    pub fn update(&mut self, batch: &RecordBatch) -> Result<(), ArrowError> {
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
        self.rows += batch.num_rows() as u64;
        Ok(())
    }

    pub fn finish(self) -> Content {
        let columns =
            self.columns.into_iter().map(|column| (column.name, column.hasher.finalize().to_hex().to_string()));
        Content { rows: self.rows, columns: columns.collect() }
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
}
