//! Rows as JSON: an array of objects. Decimals, and integers that a double can't hold, are strings; dates and timestamps
//! are ISO 8601.

use datafusion::arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use datafusion::arrow::datatypes::{DataType, Float32Type, Float64Type};
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};
use serde_json::{Map, Value};

/// The rows of batches as JSON objects, columns in order.
pub fn rows(batches: &[RecordBatch]) -> Vec<Value> {
    let mut rows = Vec::new();
    for batch in batches {
        let schema = batch.schema();
        for row in 0..batch.num_rows() {
            let mut object = Map::new();
            for (field, array) in schema.fields().iter().zip(batch.columns()) {
                object.insert(field.name().clone(), value(array, row));
            }
            rows.push(Value::Object(object));
        }
    }
    rows
}

fn value(array: &ArrayRef, row: usize) -> Value {
    if array.is_null(row) {
        return Value::Null;
    }
    match array.data_type() {
        DataType::Null => Value::Null,
        DataType::Boolean => Value::Bool(array.as_boolean().value(row)),
        DataType::Float64 => float(array.as_primitive::<Float64Type>().value(row)),
        // Through its own shortest text: 0.1 stays 0.1.
        DataType::Float32 => {
            float(array.as_primitive::<Float32Type>().value(row).to_string().parse().unwrap_or(f64::NAN))
        }
        data_type if data_type.is_integer() => integer(&text(array, row)),
        DataType::List(_) => list(&array.as_list::<i32>().value(row)),
        DataType::LargeList(_) => list(&array.as_list::<i64>().value(row)),
        DataType::FixedSizeList(..) => list(&array.as_fixed_size_list().value(row)),
        DataType::Struct(fields) => {
            let array = array.as_struct();
            let entry = |(index, field): (usize, &std::sync::Arc<datafusion::arrow::datatypes::Field>)| {
                (field.name().clone(), value(array.column(index), row))
            };
            Value::Object(fields.iter().enumerate().map(entry).collect())
        }
        DataType::Dictionary(..) => match datafusion::arrow::compute::cast(array, &DataType::Utf8) {
            Ok(plain) => value(&plain, row),
            Err(_) => Value::String(text(array, row)),
        },
        _ => Value::String(text(array, row)),
    }
}

fn list(items: &ArrayRef) -> Value {
    Value::Array((0..items.len()).map(|row| value(items, row)).collect())
}

fn integer(text: &str) -> Value {
    const EXACT: i64 = 1 << 53;
    match text.parse::<i64>() {
        Ok(number) if (-EXACT..=EXACT).contains(&number) => Value::from(number),
        _ => Value::String(text.to_owned()),
    }
}

fn float(number: f64) -> Value {
    match serde_json::Number::from_f64(number) {
        Some(number) => Value::Number(number),
        // JSON has no infinities and no NaN.
        None => Value::String(number.to_string()),
    }
}

fn text(array: &ArrayRef, row: usize) -> String {
    let options = FormatOptions::default().with_timestamp_format(None);
    ArrayFormatter::try_new(array, &options).map(|formatter| formatter.value(row).to_string()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use datafusion::arrow::array::{Decimal128Array, Float64Array, Int64Array, TimestampNanosecondArray};
    use datafusion::arrow::datatypes::{Field, Schema};
    use std::sync::Arc;

    #[test]
    fn numbers_that_a_double_cannot_hold_are_strings() {
        let decimals = Decimal128Array::from(vec![Some(1_500_000_000i128)]).with_precision_and_scale(38, 9);
        let columns: Vec<ArrayRef> = vec![
            Arc::new(Int64Array::from(vec![(1i64 << 53) + 1])),
            Arc::new(Int64Array::from(vec![-5])),
            Arc::new(decimals.expect("the value fits")),
            Arc::new(Float64Array::from(vec![0.5])),
            Arc::new(TimestampNanosecondArray::from(vec![1_767_225_600_000_000_000])),
        ];
        let fields: Vec<Field> = columns
            .iter()
            .enumerate()
            .map(|(index, array)| Field::new(format!("c{index}"), array.data_type().clone(), true))
            .collect();
        let batch = RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).expect("columns have one length");
        let expected = r#"{"c0":"9007199254740993","c1":-5,"c2":"1.500000000","c3":0.5,"c4":"2026-01-01T00:00:00"}"#;
        assert_eq!(rows(&[batch])[0].to_string(), expected);
    }
}
