//! Texts → the narrowest type that holds all of them without loss.

use chrono::Utc;
use datafusion::arrow::compute::kernels::cast_utils::string_to_datetime;

/// What was seen of a column of texts.
#[derive(Default)]
pub(super) struct TextValues {
    counts: [u64; KINDS],
    first: [Option<String>; KINDS],
    integer_digits: usize,
    scale: usize,
}

/// The last kind is that of any text.
const KINDS: usize = Kind::Text as usize + 1;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    Boolean,
    /// That fits a `bigint`.
    Integer,
    Decimal,
    /// With an exponent.
    Double,
    Date,
    /// Of the years that nanoseconds can count.
    Timestamp,
    FarTimestamp,
    /// With the offset of a zone other than UTC.
    ZonedTimestamp,
    Text,
}

impl TextValues {
    pub fn add(&mut self, text: &str) {
        let kind = kind(text);
        self.counts[kind as usize] += 1;
        self.first[kind as usize].get_or_insert_with(|| shortened(text));
        if let Some(number) = Number::read(text) {
            self.integer_digits = self.integer_digits.max(number.integer_digits);
            self.scale = self.scale.max(number.scale);
        }
    }

    /// The type of values that are written as texts.
    pub fn data_type(&self) -> String {
        let data_type = if self.is_only(&[]) {
            "text"
        } else if self.is_only(&[Kind::Boolean]) {
            "boolean"
        } else if self.is_only(&[Kind::Integer]) {
            "bigint"
        } else if self.is_only(&[Kind::Integer, Kind::Decimal]) {
            return match self.integer_digits + self.scale {
                0..=18 => format!("decimal(18, {})", self.scale),
                19..=38 => format!("decimal(38, {})", self.scale),
                _ => "text".to_owned(),
            };
        } else if self.is_only(&[Kind::Integer, Kind::Decimal, Kind::Double]) {
            "double"
        } else {
            return self.date_or_text();
        };
        data_type.to_owned()
    }

    /// The type of values that would be written differently if they weren't texts, dates and times.
    pub fn date_or_text(&self) -> String {
        let data_type = if self.is_only(&[]) {
            "text"
        } else if self.is_only(&[Kind::Date]) {
            "date"
        } else if self.is_only(&[Kind::Date, Kind::Timestamp]) {
            "timestamp"
        } else if self.is_only(&[Kind::Date, Kind::Timestamp, Kind::FarTimestamp]) {
            "timestamp(6)"
        } else if self.is_only(&[Kind::Date, Kind::Timestamp, Kind::ZonedTimestamp]) {
            "timestamp with time zone"
        } else {
            "text"
        };
        data_type.to_owned()
    }

    /// Says so if a column is text because of a few values that aren't like the rest.
    pub fn note(&self) -> Option<String> {
        if self.data_type() != "text" {
            return None;
        }
        let all: u64 = self.counts.iter().sum();
        let families: [(&str, &[Kind]); 3] = [
            ("numbers", &[Kind::Integer, Kind::Decimal, Kind::Double]),
            ("dates or times", &[Kind::Date, Kind::Timestamp, Kind::FarTimestamp, Kind::ZonedTimestamp]),
            ("booleans", &[Kind::Boolean]),
        ];
        families.into_iter().find_map(|(family, kinds)| {
            let count: u64 = kinds.iter().map(|kind| self.counts[*kind as usize]).sum();
            let is_most = count < all && count * 10 >= all * 9;
            let mut others = (0..KINDS).rev().filter(|kind| !kinds.iter().any(|other| *other as usize == *kind));
            let odd = others.find_map(|kind| self.first[kind].as_deref()).filter(|_| is_most)?;
            Some(format!("{count} of {all} are {family}, but not {odd:?}"))
        })
    }

    /// Whether no value is of another kind than these.
    fn is_only(&self, kinds: &[Kind]) -> bool {
        let total: u64 = self.counts.iter().sum();
        total == kinds.iter().map(|kind| self.counts[*kind as usize]).sum::<u64>()
    }
}

/// What a text is by itself.
pub(super) fn kind(text: &str) -> Kind {
    if text.eq_ignore_ascii_case("true") || text.eq_ignore_ascii_case("false") {
        return Kind::Boolean;
    }
    if let Some(number) = Number::read(text) {
        return match number {
            Number { has_exponent: true, .. } => Kind::Double,
            Number { scale: 0, .. } if text.parse::<i64>().is_ok() => Kind::Integer,
            Number { integer_digits, scale, .. } if integer_digits + scale <= 38 => Kind::Decimal,
            Number { .. } => Kind::Text,
        };
    }
    let has_date = matches!(text.as_bytes(), [b'0'..=b'9', b'0'..=b'9', b'0'..=b'9', b'0'..=b'9', b'-', ..]);
    match string_to_datetime(&Utc, text) {
        Ok(_) if text.len() == "2026-01-01".len() => Kind::Date,
        Ok(_)
            if has_date
                && text.get(10..).is_some_and(|time| time.contains(['+', '-']) && !time.ends_with("+00:00")) =>
        {
            Kind::ZonedTimestamp
        }
        Ok(time) if has_date && time.timestamp_nanos_opt().is_some() => Kind::Timestamp,
        Ok(_) if has_date => Kind::FarTimestamp,
        Ok(_) | Err(_) => Kind::Text,
    }
}

/// A number as a computer writes it. `007` and `+1` are more likely codes and telephone numbers, whose digits all count.
struct Number {
    integer_digits: usize,
    scale: usize,
    has_exponent: bool,
}

impl Number {
    fn read(text: &str) -> Option<Number> {
        let (integer, rest) = digits(text.strip_prefix('-').unwrap_or(text));
        if integer.is_empty() || (integer.len() > 1 && integer.starts_with('0')) {
            return None;
        }
        let (fraction, rest) = match rest.strip_prefix('.') {
            Some(rest) => Some(digits(rest)).filter(|(fraction, _)| !fraction.is_empty())?,
            None => ("", rest),
        };
        let has_exponent = match rest.strip_prefix(['e', 'E']) {
            Some(rest) => {
                let (exponent, rest) = digits(rest.strip_prefix(['-', '+']).unwrap_or(rest));
                if exponent.is_empty() || !rest.is_empty() {
                    return None;
                }
                true
            }
            None if rest.is_empty() => false,
            None => return None,
        };
        Some(Number { integer_digits: integer.len(), scale: fraction.len(), has_exponent })
    }
}

/// The digits at the beginning, and the rest.
fn digits(text: &str) -> (&str, &str) {
    let end = text.bytes().position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len());
    text.split_at(end)
}

fn shortened(text: &str) -> String {
    let short: String = text.chars().take(30).collect();
    if short.len() < text.len() { format!("{short}…") } else { short }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::freeze::values::parse;
    use crate::sql::types::parse_type;
    use datafusion::arrow::array::StringArray;

    #[test]
    fn types_are_the_narrowest_that_hold_all_values() {
        let cases: &[(&[&str], &str)] = &[
            (&["true", "FALSE"], "boolean"),
            (&["1", "-20", "0"], "bigint"),
            (&["9223372036854775807"], "bigint"),
            (&["9223372036854775808", "1"], "decimal(38, 0)"),
            (&["1", "2.50"], "decimal(18, 2)"),
            (&["-123456789012345678.5"], "decimal(38, 1)"),
            (&["1e3", "2.5", "7"], "double"),
            (&["2026-01-01", "1969-12-31"], "date"),
            (&["2026-01-01 10:00:00", "2026-01-01T10:00:00.123Z", "2026-01-01"], "timestamp"),
            (&["2026-01-01T10:00:00+02:00"], "timestamp with time zone"),
            (&["2026-01-01 10:00:00", "9999-12-31 23:59:59"], "timestamp(6)"),
            (&["007", "8"], "text"),
            (&["+1"], "text"),
            (&["1", "true"], "text"),
            (&["2026-02-30"], "text"),
            (&["20260101", "2026-01-01"], "text"),
            (&["1,5"], "text"),
            (&[" 1"], "text"),
            (&["12345678901234567890123456789012345678901234567890"], "text"),
            (&[], "text"),
        ];
        for (texts, data_type) in cases {
            let mut values = TextValues::default();
            texts.iter().for_each(|text| values.add(text));
            assert_eq!(values.data_type(), *data_type, "{texts:?}");
            // Freezing must read what was inferred.
            let parsed = parse_type(data_type).map(|data_type| parse(&StringArray::from(texts.to_vec()), &data_type));
            assert!(matches!(parsed, Ok(Ok(_))), "{texts:?}: {parsed:?}");
        }
    }

    #[test]
    fn a_few_odd_values_are_told() {
        let mut values = TextValues::default();
        for number in 1..=19 {
            values.add(&number.to_string());
        }
        values.add("n/a");
        assert_eq!(values.data_type(), "text");
        assert_eq!(values.note().as_deref(), Some("19 of 20 are numbers, but not \"n/a\""));
        values.add("none");
        values.add("?");
        assert_eq!(values.note(), None);
    }
}
