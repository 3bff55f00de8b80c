//! Column types: from the text of a declaration, to the text that people read, and to the type that is stored.

use super::engine::engine;
use super::plan::parser_options;
use super::{Catalog, Schema};
use datafusion::arrow::datatypes::{DataType, Field, TimeUnit};
use datafusion::sql::planner::SqlToRel;
use datafusion::sql::sqlparser::ast::Statement;
use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::parser::Parser;
use std::collections::HashMap;
use std::sync::{Arc, LazyLock, RwLock};

/// The type that `text` names, as `cast` takes it, or a sentence that says why there is none. Answers are kept, since a
/// project repeats a few types ten thousand times.
pub fn parse_type(text: &str) -> Result<DataType, String> {
    static KNOWN: LazyLock<RwLock<HashMap<String, Result<DataType, String>>>> = LazyLock::new(RwLock::default);
    let key = text.to_owned();
    if let Some(known) = KNOWN.read().unwrap_or_else(|poisoned| poisoned.into_inner()).get(&key) {
        return known.clone();
    }
    let parsed = plan_type(text).map(|data_type| storage_type(&data_type));
    KNOWN.write().unwrap_or_else(|poisoned| poisoned.into_inner()).insert(key, parsed.clone());
    parsed
}

/// Names that `parse_type` knows, for suggestions.
pub const TYPE_NAMES: [&str; 21] = [
    "text",
    "varchar",
    "boolean",
    "tinyint",
    "smallint",
    "int",
    "integer",
    "bigint",
    "real",
    "double",
    "float",
    "decimal",
    "numeric",
    "date",
    "time",
    "timestamp",
    "interval",
    "bytea",
    "struct",
    "array",
    "string",
];

fn plan_type(text: &str) -> Result<DataType, String> {
    // The type stands inside a cast, so that exactly what `cast` takes is taken.
    let sql = format!("select cast(null as {text}) as x");
    let statement = Parser::new(&GenericDialect {})
        .with_recursion_limit(200)
        .try_with_sql(&sql)
        .and_then(|mut parser| parser.parse_query())
        .map_err(|_| format!("`{text}` is no type"))?;
    let catalog = Catalog::default();
    let planner = SqlToRel::new_with_options(&catalog, parser_options());
    let plan = planner
        .sql_statement_to_plan(Statement::Query(statement))
        .map_err(|error| error.strip_backtrace().lines().next().unwrap_or_default().to_owned())?;
    let schema: &Schema = plan.schema().as_arrow();
    match schema.fields().first() {
        Some(field) if schema.fields().len() == 1 => Ok(field.data_type().clone()),
        _ => Err(format!("`{text}` is no type")),
    }
}

/// The type a value is stored in: the plain layout where the engine has several for the same values (views, large
/// offsets, dictionaries), so that physical choices of a plan never reach data, digests or readers.
pub fn storage_type(data_type: &DataType) -> DataType {
    let field =
        |field: &Arc<Field>| Arc::new(Field::new(field.name(), storage_type(field.data_type()), field.is_nullable()));
    match data_type {
        DataType::Utf8View | DataType::LargeUtf8 => DataType::Utf8,
        DataType::BinaryView | DataType::LargeBinary => DataType::Binary,
        DataType::Dictionary(_, values) => storage_type(values),
        DataType::RunEndEncoded(_, values) => storage_type(values.data_type()),
        DataType::List(item) | DataType::LargeList(item) | DataType::ListView(item) | DataType::LargeListView(item) => {
            DataType::List(field(item))
        }
        DataType::FixedSizeList(item, size) => DataType::FixedSizeList(field(item), *size),
        DataType::Struct(fields) => DataType::Struct(fields.iter().map(field).collect()),
        DataType::Map(entries, sorted) => DataType::Map(field(entries), *sorted),
        other => other.clone(),
    }
}

/// A type as people write it in a declaration.
pub fn display_type(data_type: &DataType) -> String {
    match data_type {
        DataType::Null => "null".to_owned(),
        DataType::Boolean => "boolean".to_owned(),
        DataType::Int8 => "tinyint".to_owned(),
        DataType::Int16 => "smallint".to_owned(),
        DataType::Int32 => "int".to_owned(),
        DataType::Int64 => "bigint".to_owned(),
        DataType::UInt8 => "tinyint unsigned".to_owned(),
        DataType::UInt16 => "smallint unsigned".to_owned(),
        DataType::UInt32 => "int unsigned".to_owned(),
        DataType::UInt64 => "bigint unsigned".to_owned(),
        DataType::Float32 => "real".to_owned(),
        DataType::Float64 => "double".to_owned(),
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => "text".to_owned(),
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView => "bytea".to_owned(),
        DataType::Date32 => "date".to_owned(),
        DataType::Timestamp(TimeUnit::Nanosecond, None) => "timestamp".to_owned(),
        DataType::Timestamp(TimeUnit::Microsecond, None) => "timestamp(6)".to_owned(),
        DataType::Timestamp(TimeUnit::Millisecond, None) => "timestamp(3)".to_owned(),
        DataType::Timestamp(TimeUnit::Second, None) => "timestamp(0)".to_owned(),
        DataType::Timestamp(_, Some(_)) => "timestamp with time zone".to_owned(),
        DataType::Time64(_) | DataType::Time32(_) => "time".to_owned(),
        DataType::Interval(_) => "interval".to_owned(),
        DataType::Decimal32(precision, scale)
        | DataType::Decimal64(precision, scale)
        | DataType::Decimal128(precision, scale)
        | DataType::Decimal256(precision, scale) => format!("decimal({precision}, {scale})"),
        DataType::List(item) | DataType::LargeList(item) => format!("{}[]", display_type(item.data_type())),
        DataType::FixedSizeList(item, size) => format!("{}[{size}]", display_type(item.data_type())),
        DataType::Struct(fields) => {
            let fields =
                fields.iter().map(|field| format!("{} {}", quoted(field.name()), display_type(field.data_type())));
            format!("struct<{}>", fields.collect::<Vec<_>>().join(", "))
        }
        DataType::Dictionary(_, values) => display_type(values),
        other => other.to_string().to_lowercase(),
    }
}

/// A field's name as SQL writes it: in quotes unless it is plain and lower case.
fn quoted(name: &str) -> String {
    let plain = name.starts_with(|c: char| c.is_ascii_lowercase() || c == '_')
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    if plain { name.to_owned() } else { format!("\"{}\"", name.replace('"', "\"\"")) }
}

/// Whether the engine can order values of this type, which `key`, `sort by` and a stable row order need.
pub fn is_sortable(data_type: &DataType) -> bool {
    match data_type {
        DataType::Map(..) | DataType::Union(..) | DataType::Interval(_) | DataType::Null => false,
        DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _) => {
            is_sortable(item.data_type())
        }
        DataType::Struct(fields) => fields.iter().all(|field| is_sortable(field.data_type())),
        _ => true,
    }
}

/// Whether a column of one type can become of another one without anybody who reads it losing a value: of the same kind, and
/// wider.
pub fn widens(from: &DataType, to: &DataType) -> bool {
    let signed = |data_type: &DataType| match data_type {
        DataType::Int8 => Some(8),
        DataType::Int16 => Some(16),
        DataType::Int32 => Some(32),
        DataType::Int64 => Some(64),
        _ => None,
    };
    let unsigned = |data_type: &DataType| match data_type {
        DataType::UInt8 => Some(8),
        DataType::UInt16 => Some(16),
        DataType::UInt32 => Some(32),
        DataType::UInt64 => Some(64),
        _ => None,
    };
    let decimal = |data_type: &DataType| match *data_type {
        DataType::Decimal32(precision, scale)
        | DataType::Decimal64(precision, scale)
        | DataType::Decimal128(precision, scale)
        | DataType::Decimal256(precision, scale) => Some((i32::from(precision) - i32::from(scale), i32::from(scale))),
        _ => None,
    };
    if let (Some(from), Some(to)) = (decimal(from), decimal(to)) {
        return from.0 <= to.0 && from.1 <= to.1;
    }
    match (signed(from), unsigned(from), signed(to), unsigned(to)) {
        (Some(from), _, Some(to), _) | (_, Some(from), _, Some(to)) => from <= to,
        (_, Some(from), Some(to), _) => from < to,
        _ => from == to || matches!((from, to), (DataType::Float32, DataType::Float64)),
    }
}

/// Makes sure that the engine is built before many threads need it.
pub fn warm_up() {
    let _ = engine();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wider_types_lose_nothing() {
        let widens = |from: &str, to: &str| widens(&parse_type(from).unwrap(), &parse_type(to).unwrap());
        assert!(widens("int", "bigint") && widens("real", "double") && widens("decimal(10, 2)", "decimal(12, 2)"));
        assert!(widens("decimal(10, 2)", "decimal(12, 4)") && widens("int unsigned", "bigint"));
        assert!(!widens("bigint", "int") && !widens("decimal(10, 2)", "decimal(10, 4)") && !widens("bigint", "double"));
        assert!(!widens("text", "int") && !widens("date", "timestamp") && !widens("bigint unsigned", "bigint"));
    }

    #[test]
    fn types_are_read_as_cast_reads_them_and_shown_as_they_are_written() {
        for (text, shown) in [
            ("text", "text"),
            ("VARCHAR", "text"),
            ("decimal(38, 9)", "decimal(38, 9)"),
            ("timestamp", "timestamp"),
            ("bigint", "bigint"),
            ("int[]", "int[]"),
            ("struct<a int, b text>", "struct<a int, b text>"),
            ("double precision", "double"),
            ("date", "date"),
            ("timestamp with time zone", "timestamp with time zone"),
            ("struct<\"userId\" text>", "struct<\"userId\" text>"),
        ] {
            assert_eq!(parse_type(text).map(|data_type| display_type(&data_type)).as_deref(), Ok(shown), "{text}");
        }
        assert!(parse_type("strng").is_err());
        assert!(parse_type("int) as y, cast(1 as int").is_err());
    }

    #[test]
    fn every_suggested_type_exists() {
        for name in TYPE_NAMES {
            let text = match name {
                "struct" => "struct<a int>".to_owned(),
                "array" => "array<int>".to_owned(),
                other => other.to_owned(),
            };
            assert!(parse_type(&text).is_ok(), "{name}: {:?}", parse_type(&text));
        }
    }
}
