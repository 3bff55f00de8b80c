//! Bags of rows: whether two results hold the same rows, each as often, in whatever order.
//!
//! A row is known by 128 bits of the BLAKE3 of its encoding in Arrow's row format, which takes nested types too and
//! tells nulls, lengths and the bits of floats apart. Rows that both sides have cancel out, so what a bag keeps is a
//! digest and a count for each distinct row that one side still has more of.

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::error::ArrowError;
use datafusion::arrow::row::{RowConverter, SortField};
use std::collections::HashMap;
use std::collections::hash_map::Entry;

/// Memory that a distinct row takes at most: 24 bytes in a table that is nearly half full when it has grown, and that
/// stands beside the one of half its size while it grows.
pub const BYTES_PER_ROW: u64 = 96;

/// One of the two results.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Side {
    Left,
    Right,
}

impl Side {
    fn step(self) -> i64 {
        match self {
            Side::Left => 1,
            Side::Right => -1,
        }
    }
}

/// The difference of two bags of rows, or of one of `parts` equal parts of them, for when all are too many at once.
pub struct RowBag {
    converter: RowConverter,
    /// How many more copies of a row the left side has than the right one.
    counts: HashMap<[u64; 2], i64>,
    part: u64,
    parts: u64,
}

impl RowBag {
    /// Fails for a type that Arrow's row format doesn't know.
    pub fn new(schema: &SchemaRef, part: u64, parts: u64) -> Result<RowBag, ArrowError> {
        let fields = schema.fields().iter().map(|field| SortField::new(field.data_type().clone())).collect();
        Ok(RowBag { converter: RowConverter::new(fields)?, counts: HashMap::new(), part, parts: parts.max(1) })
    }

    /// Adds rows of one side; the batch must have the bag's columns.
    pub fn add(&mut self, side: Side, batch: &RecordBatch) -> Result<(), ArrowError> {
        let rows = self.converter.convert_columns(batch.columns())?;
        for row in rows.iter() {
            let digest = digest(row.as_ref());
            if digest[0] % self.parts != self.part {
                continue;
            }
            match self.counts.entry(digest) {
                Entry::Occupied(mut entry) => {
                    *entry.get_mut() += side.step();
                    if *entry.get() == 0 {
                        entry.remove();
                    }
                }
                Entry::Vacant(entry) => {
                    entry.insert(side.step());
                }
            }
        }
        Ok(())
    }

    /// How many rows the left side has too many, and the right one; copies count.
    pub fn surplus(&self) -> (u64, u64) {
        let too_many =
            |side: Side| self.counts.values().map(|count| u64::try_from(count * side.step()).unwrap_or(0)).sum::<u64>();
        (too_many(Side::Left), too_many(Side::Right))
    }

    /// Finds rows that a side has too many, each as often as it is; they are settled by it.
    pub fn find(&mut self, side: Side, batch: &RecordBatch, found: &mut LeastRows) -> Result<(), ArrowError> {
        let rows = self.converter.convert_columns(batch.columns())?;
        for (index, row) in rows.iter().enumerate() {
            let Some(count) = self.counts.get_mut(&digest(row.as_ref())) else { continue };
            if *count * side.step() > 0 {
                *count -= side.step();
                found.offer(row.as_ref(), batch, index);
            }
        }
        Ok(())
    }
}

/// The least few of many rows, in the order of their columns, so that the same ones are found whatever the order they
/// come in.
pub struct LeastRows {
    limit: usize,
    /// Each as it is encoded, and as a batch of one row.
    rows: Vec<(Vec<u8>, RecordBatch)>,
}

impl LeastRows {
    pub fn new(limit: usize) -> LeastRows {
        LeastRows { limit, rows: Vec::new() }
    }

    pub fn into_batches(self) -> Vec<RecordBatch> {
        self.rows.into_iter().map(|(_, batch)| batch).collect()
    }

    fn offer(&mut self, encoded: &[u8], batch: &RecordBatch, index: usize) {
        let at = self.rows.partition_point(|(other, _)| other.as_slice() <= encoded);
        if at < self.limit {
            self.rows.insert(at, (encoded.to_vec(), batch.slice(index, 1)));
            self.rows.truncate(self.limit);
        }
    }
}

fn digest(row: &[u8]) -> [u64; 2] {
    let hash = blake3::hash(row);
    let half = |start: usize| u64::from_le_bytes(std::array::from_fn(|index| hash.as_bytes()[start + index]));
    [half(0), half(8)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use datafusion::arrow::array::{ArrayRef, AsArray, Float64Array, Int64Array, ListArray};
    use datafusion::arrow::datatypes::{Field, Int64Type, Schema};
    use std::sync::Arc;

    fn batch(columns: Vec<ArrayRef>) -> RecordBatch {
        let field =
            |(index, array): (usize, &ArrayRef)| Field::new(format!("c{index}"), array.data_type().clone(), true);
        let schema = Schema::new(columns.iter().enumerate().map(field).collect::<Vec<_>>());
        RecordBatch::try_new(Arc::new(schema), columns).expect("columns have one length")
    }

    fn numbers(values: &[Option<i64>]) -> RecordBatch {
        batch(vec![Arc::new(Int64Array::from(values.to_vec()))])
    }

    /// What the left side has too many and the right one, and the least of the former.
    fn compare(left: &[RecordBatch], right: &[RecordBatch], parts: u64) -> (u64, u64, Vec<RecordBatch>) {
        let (mut total, mut least) = ((0, 0), LeastRows::new(2));
        for part in 0..parts {
            let mut bag = RowBag::new(&left[0].schema(), part, parts).expect("flat and nested types are known");
            for (side, batches) in [(Side::Left, left), (Side::Right, right)] {
                batches.iter().for_each(|batch| bag.add(side, batch).expect("the batch fits its schema"));
            }
            let surplus = bag.surplus();
            total = (total.0 + surplus.0, total.1 + surplus.1);
            left.iter().for_each(|batch| bag.find(Side::Left, batch, &mut least).expect("the batch fits its schema"));
            assert_eq!(bag.surplus(), (0, surplus.1), "what was found is settled");
        }
        (total.0, total.1, least.into_batches())
    }

    #[test]
    fn order_and_cuts_mean_nothing_and_copies_count() {
        let left = [numbers(&[Some(3), None, Some(1), Some(1)])];
        let same = [numbers(&[Some(1), Some(3)]), numbers(&[Some(1), None])];
        let fewer = [numbers(&[Some(1), Some(3), None, None])];
        for parts in [1, 3] {
            assert_eq!(compare(&left, &same, parts).0, 0);
            let (more, less, _) = compare(&left, &fewer, parts);
            assert_eq!((more, less), (1, 1), "one 1 too many, one null too few");
        }
    }

    #[test]
    fn the_least_rows_are_found_whatever_their_order() {
        let left = [numbers(&[Some(9), Some(7)]), numbers(&[Some(8), Some(7)])];
        for parts in [1, 4] {
            let (more, _, least) = compare(&left, &[numbers(&[])], parts);
            let values: Vec<i64> = least.iter().map(|row| row.column(0).as_primitive::<Int64Type>().value(0)).collect();
            assert_eq!((more, values), (4, vec![7, 7]));
        }
    }

    #[test]
    fn bits_of_floats_and_nested_nulls_are_told_apart() {
        let floats = |value: f64| [batch(vec![Arc::new(Float64Array::from(vec![value]))])];
        assert_eq!(compare(&floats(0.0), &floats(-0.0), 1).0, 1);
        assert_eq!(compare(&floats(f64::NAN), &floats(f64::NAN), 1).0, 0);
        let list = |items: Option<Vec<Option<i64>>>| {
            let array = ListArray::from_iter_primitive::<Int64Type, _, _>([items]);
            [batch(vec![Arc::new(array)])]
        };
        let lists = [None, Some(vec![]), Some(vec![None]), Some(vec![Some(0)]), Some(vec![None, None])];
        for (index, left) in lists.iter().enumerate() {
            for (other, right) in lists.iter().enumerate() {
                assert_eq!(compare(&list(left.clone()), &list(right.clone()), 1).0 == 0, index == other);
            }
        }
    }
}
