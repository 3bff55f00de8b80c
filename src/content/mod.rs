//! Rows → content digests: per column, over values in their stored order, or in the order of a key.
//!
//! A digest looks at values only, not at batches, files or encodings: the same rows in the same order have the same
//! digests however they are cut. Values are encoded as Arrow's row format encodes a single column (nulls, float bits and
//! lengths distinct), each preceded by its length.

mod bag;

pub use bag::{BYTES_PER_ROW, LeastRows, RowBag, Side};

use crate::manifest::Content;
use datafusion::arrow::array::{ArrayRef, RecordBatch, UInt32Array};
use datafusion::arrow::compute::{concat_batches, take_record_batch};
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::error::ArrowError;
use datafusion::arrow::row::{OwnedRow, RowConverter, SortField};
use std::sync::Arc;

/// Hashes columns while batches go by. Costs one pass over the values.
pub struct ContentHasher {
    schema: SchemaRef,
    columns: Vec<ColumnHasher>,
    rows: u64,
    sorted: Option<Sorted>,
}

struct ColumnHasher {
    name: String,
    converter: RowConverter,
    hasher: blake3::Hasher,
}

/// Rows that must be hashed in the order of a key: whether they came so, and what must be sorted if they didn't.
struct Sorted {
    by: Vec<usize>,
    converter: RowConverter,
    last: Option<OwnedRow>,
    in_order: bool,
    /// Given up where it would grow past [`MAX_SORTED`].
    batches: Option<Vec<RecordBatch>>,
    bytes: usize,
}

/// Bytes of rows that are kept for sorting. Rows out of order that take more are hashed as they stand: then another order
/// of them counts as other content, which is sound and may run too much.
const MAX_SORTED: usize = 64 << 20;

impl ContentHasher {
    /// Fails for a type that Arrow's row format doesn't know.
    pub fn new(schema: &SchemaRef) -> Result<ContentHasher, ArrowError> {
        let columns = column_hashers(schema)?;
        Ok(ContentHasher { schema: Arc::clone(schema), columns, rows: 0, sorted: None })
    }

    /// Hashes rows in the order of a key that identifies them, whatever order they come in.
    pub fn by_key(schema: &SchemaRef, key: &[usize]) -> Result<ContentHasher, ArrowError> {
        let mut hasher = ContentHasher::new(schema)?;
        if !key.is_empty() {
            let fields = key.iter().map(|index| SortField::new(schema.field(*index).data_type().clone())).collect();
            hasher.sorted = Some(Sorted {
                by: key.to_vec(),
                converter: RowConverter::new(fields)?,
                last: None,
                in_order: true,
                batches: Some(Vec::new()),
                bytes: 0,
            });
        }
        Ok(hasher)
    }

    /// Adds rows; the batch must have the hasher's columns.
    pub fn update(&mut self, batch: &RecordBatch) -> Result<(), ArrowError> {
        if let Some(sorted) = &mut self.sorted {
            sorted.look(batch)?;
        }
        self.hash(batch)
    }

    fn hash(&mut self, batch: &RecordBatch) -> Result<(), ArrowError> {
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

    pub fn finish(mut self) -> Result<Content, ArrowError> {
        if let Some(Sorted { by, converter, in_order: false, batches: Some(batches), .. }) = self.sorted.take() {
            let whole = concat_batches(&self.schema, &batches)?;
            drop(batches);
            let keys: Vec<ArrayRef> = by.iter().map(|index| ArrayRef::clone(whole.column(*index))).collect();
            let keys = converter.convert_columns(&keys)?;
            let mut order: Vec<u32> = (0..u32::try_from(whole.num_rows()).unwrap_or(u32::MAX)).collect();
            order.sort_by(|a, b| keys.row(*a as usize).cmp(&keys.row(*b as usize)));
            let sorted = take_record_batch(&whole, &UInt32Array::from(order))?;
            self.columns = column_hashers(&self.schema)?;
            self.rows = 0;
            self.hash(&sorted)?;
        }
        let columns =
            self.columns.into_iter().map(|column| (column.name, column.hasher.finalize().to_hex().to_string()));
        Ok(Content { rows: self.rows, columns: columns.collect() })
    }
}

impl Sorted {
    fn look(&mut self, batch: &RecordBatch) -> Result<(), ArrowError> {
        if self.in_order && batch.num_rows() > 0 {
            let keys: Vec<ArrayRef> = self.by.iter().map(|index| ArrayRef::clone(batch.column(*index))).collect();
            let keys = self.converter.convert_columns(&keys)?;
            let follows = self.last.as_ref().is_none_or(|last| last.row() <= keys.row(0));
            self.in_order = follows && (1..keys.num_rows()).all(|row| keys.row(row - 1) <= keys.row(row));
            self.last = Some(keys.row(keys.num_rows() - 1).owned());
        }
        self.bytes = self.bytes.saturating_add(batch.get_array_memory_size());
        match &mut self.batches {
            Some(batches) if self.bytes <= MAX_SORTED => batches.push(batch.clone()),
            _ => self.batches = None,
        }
        Ok(())
    }
}

fn column_hashers(schema: &SchemaRef) -> Result<Vec<ColumnHasher>, ArrowError> {
    let column = |field: &Arc<datafusion::arrow::datatypes::Field>| {
        let converter = RowConverter::new(vec![SortField::new(field.data_type().clone())])?;
        Ok(ColumnHasher { name: field.name().clone(), converter, hasher: blake3::Hasher::new() })
    };
    schema.fields().iter().map(column).collect()
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
        hasher.finish().expect("the types are known")
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
        let schema = Arc::new(Schema::new(vec![
            Field::new("k", DataType::Int64, false),
            Field::new("v", DataType::Utf8, true),
        ]));
        let batch = |rows: &[(i64, &str)]| {
            let keys: Int64Array = rows.iter().map(|(key, _)| Some(*key)).collect();
            let values: StringArray = rows.iter().map(|(_, value)| Some(*value)).collect();
            RecordBatch::try_new(Arc::clone(&schema), vec![Arc::new(keys), Arc::new(values)]).expect("a batch")
        };
        let content = |key: &[usize], batches: &[RecordBatch]| {
            let mut hasher = ContentHasher::by_key(&schema, key).expect("the types are known");
            batches.iter().for_each(|batch| hasher.update(batch).expect("the batch fits"));
            hasher.finish().expect("the types are known")
        };
        let sorted = [batch(&[(1, "a"), (2, "b"), (3, "a")])];
        let other = [batch(&[(3, "a"), (1, "a")]), batch(&[(2, "b")])];
        assert_eq!(content(&[0], &sorted), content(&[0], &other));
        assert_eq!(content(&[0], &sorted), content(&[], &sorted), "rows in the order of the key are hashed as they come");
        assert_ne!(content(&[], &sorted), content(&[], &other));
        let swapped = [batch(&[(1, "b"), (2, "a"), (3, "a")])];
        assert_ne!(content(&[0], &sorted), content(&[0], &swapped), "which value stands at which key counts");
    }
}
