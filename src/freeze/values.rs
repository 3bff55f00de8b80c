//! Texts → typed values, with the row of the first that doesn't fit. Used for CSV files, for values captured from paths
//! and for the tables of tests.

use datafusion::arrow::array::{Array, ArrayRef, StringArray};
use datafusion::arrow::compute::{CastOptions, cast_with_options};
use datafusion::arrow::datatypes::DataType;
use std::sync::Arc;

/// The first text that is no value of the type.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BadText {
    pub row: usize,
    pub value: String,
}

/// Parses a column of texts; null stays null.
pub fn parse(texts: &StringArray, data_type: &DataType) -> Result<ArrayRef, BadText> {
    let bad = |row: usize| BadText { row, value: texts.value(row).to_owned() };
    let first = || (0..texts.len()).find(|row| texts.is_valid(*row)).unwrap_or(0);
    if *data_type == DataType::Utf8 {
        return Ok(Arc::new(texts.clone()));
    }
    if let Some(row) = (0..texts.len()).find(|row| texts.is_valid(*row) && !is_exact(texts.value(*row), data_type)) {
        return Err(bad(row));
    }
    // An unsafe cast would tell of an error but not of its row; a safe one gives null there.
    let options = CastOptions { safe: true, ..CastOptions::default() };
    let values = cast_with_options(texts, data_type, &options).map_err(|_| bad(first()))?;
    match (0..texts.len()).find(|row| texts.is_valid(*row) && values.is_null(*row)) {
        Some(row) => Err(bad(row)),
        None => Ok(values),
    }
}

/// Refuses what a cast would round or cut off silently.
fn is_exact(text: &str, data_type: &DataType) -> bool {
    match data_type {
        DataType::Decimal32(_, scale)
        | DataType::Decimal64(_, scale)
        | DataType::Decimal128(_, scale)
        | DataType::Decimal256(_, scale) => {
            let digits = text.split_once('.').map_or("", |(_, fraction)| fraction.trim_end_matches('0'));
            !text.contains(['e', 'E']) && digits.len() <= usize::try_from(*scale).unwrap_or(0)
        }
        // A time of day behind a date would be dropped.
        DataType::Date32 | DataType::Date64 => text.len() <= 10,
        // A number too large for a double would become infinite.
        DataType::Float32 | DataType::Float64 => {
            let infinite = text.parse::<f64>().is_ok_and(|number| number.is_infinite());
            !text.is_empty() && (!infinite || text.to_lowercase().contains("inf"))
        }
        // A time of another zone would be shifted; one in UTC stays what it is.
        DataType::Timestamp(_, None) => {
            let time = text.get(10..).unwrap_or_default();
            !time.contains(['+', '-']) || time.ends_with("+00:00")
        }
        _ => true,
    }
}

/// Whether texts of this type can be parsed at all.
pub fn is_parseable(data_type: &DataType) -> bool {
    !data_type.is_nested() && !matches!(data_type, DataType::Binary | DataType::FixedSizeBinary(_))
}

#[cfg(test)]
mod tests {
    use super::*;
    use datafusion::arrow::datatypes::TimeUnit;

    fn parse_one(text: &str, data_type: &DataType) -> Result<ArrayRef, BadText> {
        parse(&StringArray::from(vec![None, Some(text)]), data_type)
    }

    #[test]
    fn values_that_fit_are_parsed_and_others_are_named() {
        let decimal = DataType::Decimal128(10, 2);
        for (text, data_type) in [
            ("-12", DataType::Int64),
            ("1.50", decimal.clone()),
            ("1.5000", decimal.clone()),
            ("2026-02-28", DataType::Date32),
            ("true", DataType::Boolean),
            ("1e3", DataType::Float64),
        ] {
            let parsed = parse_one(text, &data_type);
            assert!(parsed.as_ref().is_ok_and(|array| array.is_null(0) && array.is_valid(1)), "{text}: {parsed:?}");
        }
        for (text, data_type) in [
            ("1.5", DataType::Int64),
            ("9223372036854775808", DataType::Int64),
            ("1.505", decimal.clone()),
            ("123456789.00", decimal),
            ("2026-02-30", DataType::Date32),
            ("2026-02-28T10:00:00", DataType::Date32),
            ("x", DataType::Boolean),
            ("", DataType::Int64),
            ("1e999", DataType::Float64),
            ("2026-01-01T00:00:00+05:00", DataType::Timestamp(TimeUnit::Nanosecond, None)),
        ] {
            assert_eq!(parse_one(text, &data_type).err(), Some(BadText { row: 1, value: text.to_owned() }), "{text}");
        }
    }
}
