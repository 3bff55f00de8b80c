//! DataFusion's planning errors → diagnostics: a code by what went wrong, a sentence that speaks of the query, and a
//! suggestion where a name is near.

use super::engine::engine;
use super::nesting;
use crate::diagnostic::{Code, Diagnostic, did_you_mean};
use crate::text::Span;
use datafusion::common::{DataFusionError, SchemaError};

/// What a planning error says, before it has a place.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PlanError {
    pub code: Code,
    pub message: String,
    pub label: String,
    pub help: Option<String>,
    /// The name that isn't known, for errors about names.
    pub name: Option<String>,
}

impl PlanError {
    /// The table that the query doesn't read, for errors about one.
    pub fn unknown_table(&self) -> Option<String> {
        let name = (self.label == NO_TABLE).then_some(self.message.as_str())?;
        name.strip_prefix("there is no table `")?.strip_suffix("` in this query").map(str::to_owned)
    }

    pub fn at(&self, span: Span) -> Diagnostic {
        let diagnostic = Diagnostic::error(self.code, &self.message).at(span, &self.label);
        match &self.help {
            Some(help) => diagnostic.with_help(help),
            None => diagnostic,
        }
    }
}

/// Reads one error (not a collection of them). `columns` are the names of all columns that the query could mean.
pub fn read(error: &DataFusionError, columns: &[String]) -> PlanError {
    let root = innermost(error);
    if let DataFusionError::SchemaError(schema_error, _) = root {
        return read_schema_error(schema_error, columns);
    }
    let diagnostic = error.diagnostic();
    let text = diagnostic.map_or_else(|| plain(root), |diagnostic| diagnostic.message.clone());
    let lowered = text.to_lowercase();
    let has = |needle: &str| lowered.contains(needle);
    if text == nesting::TOO_DEEP {
        return PlanError {
            code: Code::LimitExceeded,
            message: text,
            label: "subqueries in subqueries".to_owned(),
            help: Some("join instead, or make a slice of the inner ones that isn't virtual".to_owned()),
            name: None,
        };
    }
    let new = |code: Code, message: String, label: &str, help: Option<String>| PlanError {
        code,
        message,
        label: label.to_owned(),
        help,
        name: None,
    };
    if has("invalid function") {
        let name = between_quotes(&text).unwrap_or_default();
        if engine().window_functions().contains_key(&name) {
            let help = format!("say over which rows: `{name}(…) over (order by …)`");
            return new(Code::InvalidQuery, format!("`{name}` needs `over (…)`"), "a window function", Some(help));
        }
        let help = suggest_function(&name);
        return PlanError {
            code: Code::UnknownFunction,
            message: format!("there is no function `{name}`"),
            label: "unknown function".to_owned(),
            help,
            name: None,
        };
    }
    if has("must be in group by")
        || has("could not be resolved from available columns")
        || has("must appear in group by")
        || has("must appear in the group by")
    {
        let name = between_quotes(&text);
        let message = match &name {
            Some(name) => format!("`{name}` is neither grouped nor aggregated"),
            None => "a column is neither grouped nor aggregated".to_owned(),
        };
        let help = "add it to `group by`, or aggregate it: `sum(…)`, `max(…)`, `count(…)`".to_owned();
        return new(Code::NotGrouped, message, "has many values in one group", Some(help));
    }
    if has("different number of columns") || has("too many columns") || has("should only return one column") {
        return new(
            Code::ColumnCount,
            sentence(&text).replace(
                "UNION queries have different number of columns",
                "both sides of `union` must have the same number of columns",
            ),
            "column counts differ",
            Some("give both sides the same columns in the same order".to_owned()),
        );
    }
    if has("duplicate unqualified field") || has("duplicate qualified field") || has("unique expression names") {
        return new(
            Code::DuplicateColumn,
            "two columns of the result have the same name".to_owned(),
            "the same name twice",
            Some("name one of them otherwise: `… as other_name`".to_owned()),
        );
    }
    let word = text.trim().rsplit(' ').next().unwrap_or_default().to_lowercase();
    if has("unsupported sql type") && !word.is_empty() && word.chars().all(|c| c.is_alphanumeric() || c == '_') {
        let help = did_you_mean(&word, TYPES).filter(|help| help.starts_with("did you mean"));
        return new(Code::UnknownType, format!("there is no type `{word}`"), "no such type", help);
    }
    if has("unsupported sql type") || has("unsupported type") && has("cast") {
        return new(Code::UnknownType, sentence(&text), "no such type", None);
    }
    if let Some(what) = lowered.split_once("unsupported ast node").map(|(_, rest)| rest) {
        // What follows is the parser's own value.
        let what = what.trim_start().strip_prefix("in sqltorel:").unwrap_or(what);
        let name: String = what.trim_start().chars().take_while(|c| c.is_alphanumeric()).collect();
        let message = match name.as_str() {
            "" | "in" => "a part of this isn't supported".to_owned(),
            name => format!("`{name}` isn't supported"),
        };
        return new(Code::Unsupported, message, "not supported", Some("say it in another way".to_owned()));
    }
    if let DataFusionError::NotImplemented(_) = root {
        let elsewhere = [
            ("top", "`limit 10` at the end takes the first ten rows"),
            ("minus", "write `except`"),
            ("any in like", "join several `like` by `or`"),
            ("sort by", "leave it out; `sort by (…)` above the query orders the rows"),
        ];
        if let Some((word, help)) = elsewhere.into_iter().find(|(word, _)| lowered.trim().starts_with(word)) {
            let word = if word.starts_with("any") { "like any" } else { word };
            return new(Code::Unsupported, format!("`{word}` isn't supported"), "not supported", Some(help.to_owned()));
        }
        return new(Code::Unsupported, sentence(&text), "not supported", Some("say it in another way".to_owned()));
    }
    let types = [
        "coerc",
        "common argument type",
        "signature",
        "incompatible",
        "can't be evaluated",
        "cannot be cast",
        "unsupported cast",
        "type mismatch",
        "cannot be applied",
        "cannot be used with",
        "not supported for",
        "non-boolean",
        "does not support",
        "expects",
        "argument",
        "must be boolean",
        "cannot cast",
        "not supported between",
        "interval",
        "data type",
    ];
    let long = plain(root);
    if let Some((message, help)) = of_operands(&long).or_else(|| of_arguments(&long)) {
        return new(Code::TypeMismatch, message, "types don't fit", Some(help));
    }
    if let Some(message) = of_condition(&long) {
        let help = "compare it with something: `amount > 0`, `status = 'open'`".to_owned();
        return new(Code::TypeMismatch, message, "no condition", Some(help));
    }
    if let Some((message, help)) = of_arithmetic(&long).or_else(|| of_comparison(&long)) {
        return new(Code::TypeMismatch, message, "types don't fit", Some(help));
    }
    if let Some(message) = of_number(&long) {
        return new(Code::TypeMismatch, message, "these arguments", None);
    }
    if types.iter().any(|needle| has(needle)) {
        // The engine's diagnostic is shorter than the error that it is attached to, which names the types.
        let text = if lowered.contains("incompatible types") && !long.is_empty() { long } else { text };
        return new(
            Code::TypeMismatch,
            types_sentence(&text),
            "types don't fit",
            Some("cast one side: `cast(… as TYPE)`".to_owned()),
        );
    }
    new(Code::InvalidQuery, sentence(&text), "here", None)
}

/// Types that people write, for suggestions.
const TYPES: [&str; 14] = [
    "bigint",
    "boolean",
    "bytea",
    "date",
    "decimal",
    "double",
    "int",
    "numeric",
    "real",
    "smallint",
    "text",
    "time",
    "timestamp",
    "varchar",
];

/// The label of a column's table that the query doesn't read.
pub const NO_TABLE: &str = "no such table here";

/// An error about a column of a table that a query around reads: what columns it has isn't known here.
pub fn no_column_of(table: String, error: &DataFusionError, columns: &[String]) -> PlanError {
    let name = match innermost(error) {
        DataFusionError::SchemaError(schema_error, _) => match schema_error.as_ref() {
            SchemaError::FieldNotFound { field, .. } => field.name.clone(),
            _ => String::new(),
        },
        _ => String::new(),
    };
    PlanError {
        code: Code::UnknownColumn,
        message: format!("`{table}` has no column `{name}`"),
        label: "no such column".to_owned(),
        help: did_you_mean(&name, columns.iter().map(String::as_str)).filter(|help| help.starts_with("did you mean")),
        name: Some(name),
    }
}

/// A column of a table that the query doesn't read, or that is called otherwise in it.
fn unknown_table(relation: &str, tables: &[String]) -> PlanError {
    let bare = relation.rsplit('.').next().unwrap_or(relation);
    let written = |name: &String| {
        let plain =
            name.chars().all(|next| next.is_ascii_lowercase() || next.is_ascii_digit() || next == '_' || next == '.');
        if plain { format!("`{name}`") } else { format!("`\"{name}\"`") }
    };
    let near = did_you_mean(bare, tables.iter().map(String::as_str)).filter(|near| near.starts_with("did you mean"));
    // Letters are all alike.
    let help = match near.filter(|_| bare.chars().count() > 2) {
        Some(near) => near,
        None => {
            let all = tables.iter().map(written).collect::<Vec<_>>().join(", ");
            format!("it reads {all}; a table that was given another name goes by that name alone")
        }
    };
    let help = Some(help);
    PlanError {
        code: Code::UnknownColumn,
        message: format!("there is no table `{relation}` in this query"),
        label: NO_TABLE.to_owned(),
        help,
        name: None,
    }
}

fn read_schema_error(error: &SchemaError, columns: &[String]) -> PlanError {
    match error {
        SchemaError::FieldNotFound { field, valid_fields } => {
            let mut tables: Vec<String> =
                valid_fields.iter().filter_map(|column| Some(column.relation.as_ref()?.to_string())).collect();
            tables.sort_unstable();
            tables.dedup();
            if let Some(relation) = &field.relation
                && !tables.is_empty()
                && !valid_fields.iter().any(|column| column.relation.as_ref() == Some(relation))
            {
                return unknown_table(&relation.to_string(), &tables);
            }
            let in_scope: Vec<&str> = valid_fields
                .iter()
                .filter(|column| field.relation.is_none() || column.relation == field.relation)
                .map(|column| column.name.as_str())
                .collect();
            let candidates: Vec<&str> =
                if in_scope.is_empty() { columns.iter().map(String::as_str).collect() } else { in_scope };
            let message = match &field.relation {
                Some(relation) => format!("`{relation}` has no column `{}`", field.name),
                None => format!("there is no column `{}` here", field.name),
            };
            PlanError {
                code: Code::UnknownColumn,
                message,
                label: "no such column".to_owned(),
                help: did_you_mean(&field.name, candidates.clone()).map(|help| in_quotes(help, &candidates)),
                name: Some(field.name.clone()),
            }
        }
        SchemaError::AmbiguousReference { field } => PlanError {
            code: Code::AmbiguousColumn,
            message: format!("`{}` could be a column of several tables", field.name),
            label: "which table's?".to_owned(),
            help: Some(format!("say which: `TABLE.{}`", field.name)),
            name: None,
        },
        SchemaError::DuplicateQualifiedField { name, .. } | SchemaError::DuplicateUnqualifiedField { name } => {
            PlanError {
                code: Code::DuplicateColumn,
                message: format!("two columns of the result are called `{name}`"),
                label: "the same name twice".to_owned(),
                help: Some("name one of them otherwise: `… as other_name`".to_owned()),
                name: None,
            }
        }
    }
}

/// Names in a help as a query has to write them: in double quotes unless they are plain and lower case.
fn in_quotes(help: String, names: &[&str]) -> String {
    let is_plain = |name: &&str| {
        name.starts_with(|first: char| first.is_lowercase() || first == '_')
            && name.chars().all(|next| next.is_lowercase() || next.is_numeric() || next == '_')
    };
    names
        .iter()
        .filter(|name| !is_plain(name))
        .fold(help, |help, name| help.replace(&format!("`{name}`"), &format!("`\"{}\"`", name.replace('"', "\"\""))))
}

/// `and` and `or` of something else than conditions. `Null` stands where an error was told before.
fn of_operands(text: &str) -> Option<(String, String)> {
    let (_, operands) = text.split_once("logical boolean operation ")?;
    let (word, left, right) = [(" AND ", "and"), (" OR ", "or")].into_iter().find_map(|(operator, word)| {
        let (left, right) = operands.split_once(operator)?;
        Some((word, left, right))
    })?;
    let mut strange = [left, right].map(our_types).into_iter().filter(|name| name != "boolean" && name != "Null");
    let message = format!("`{word}` stands between conditions, and this is of type {}", strange.next()?);
    Some((message, "compare it with something: `amount > 0`, `status = 'open'`".to_owned()))
}

/// What the engine says of one side of a union: "this side has 2 fields".
pub(super) fn side(note: &str) -> String {
    let count = note.strip_prefix("this side has ").and_then(|rest| rest.strip_suffix(" fields"));
    match count {
        Some("1") => "1 column here".to_owned(),
        Some(count) => format!("{count} columns here"),
        None => types_sentence(note),
    }
}

/// A filter that is neither true nor false.
fn of_condition(text: &str) -> Option<String> {
    let (_, of_type) = text.split_once("non-boolean predicate ")?.1.rsplit_once(" returning ")?;
    Some(format!("a condition is needed here, and this is of type {}", our_types(of_type.trim())))
}

/// `+` and its like between what has no sum. The engine has two sentences for it; they are the same here, so that the place of
/// the one is found where an operand is left out and the other comes up.
fn of_arithmetic(text: &str) -> Option<(String, String)> {
    let operands = match text.split_once("coerce arithmetic expression ") {
        Some((_, rest)) => rest.split_once(" to valid types")?.0,
        None => match text.split_once("common type for bitwise operation ") {
            Some((_, operands)) => operands,
            None => text.split_once("result type for arithmetic operation ")?.1.split(": ").next()?,
        },
    };
    let (operator, (left, right)) = [" + ", " - ", " * ", " / ", " % ", " & ", " | ", " # ", " << ", " >> "]
        .into_iter()
        .find_map(|operator| Some((operator.trim(), operands.split_once(operator)?)))?;
    let (left, right) = (our_types(left.trim()), our_types(right.trim()));
    let help = match operator {
        "+" | "&" if left == "text" || right == "text" => "`||` puts texts together: `first || ' ' || last`".to_owned(),
        _ => "cast one side: `cast(… as TYPE)`".to_owned(),
    };
    Some((format!("`{operator}` doesn't take {left} and {right}"), help))
}

/// A comparison of what can't be compared.
fn of_comparison(text: &str) -> Option<(String, String)> {
    let (_, operands) = text.split_once("common argument type for comparison operation ")?;
    let mut words = operands.split_whitespace();
    let (left, operator, right) = (words.next()?, words.next()?, words.next()?);
    let is_plain = |word: &str| word.chars().all(|c| c.is_ascii_alphanumeric());
    if words.next().is_some() || !is_plain(left) || !is_plain(right) {
        return None;
    }
    let (left, right) = (our_types(left), our_types(right));
    let help = match left == "boolean" || right == "boolean" {
        true => "a condition stands for itself: `where paid`, `where not paid`".to_owned(),
        false => "cast one side: `cast(… as TYPE)`".to_owned(),
    };
    Some((format!("`{operator}` doesn't compare {left} with {right}"), help))
}

/// More arguments than a function takes, or fewer.
fn of_number(text: &str) -> Option<String> {
    let (function, rest) = text.split_once("unction '")?.1.split_once("' expects ")?;
    let (takes, given) = rest.split_once(" arguments but received ")?;
    let digits = given.find(|c: char| !c.is_ascii_digit()).unwrap_or(given.len());
    let (takes, given): (usize, usize) = (takes.trim().parse().ok()?, given[..digits].parse().ok()?);
    let takes = if takes == 1 { "1 argument".to_owned() } else { format!("{takes} arguments") };
    let given = match given {
        0 => "here is none".to_owned(),
        1 => "here is 1".to_owned(),
        given => format!("here are {given}"),
    };
    Some(format!("`{function}` takes {takes}, and {given}"))
}

/// A function of arguments that it doesn't take.
fn of_arguments(text: &str) -> Option<(String, String)> {
    let (before, after) = text.split_once(" failed to match any signature")?;
    let function = between_quotes(before)?;
    let given = after.split_once("(DataType: ").and_then(|(_, rest)| rest.split_once(')')).map(|(name, _)| name)?;
    let given = our_types(given);
    let help = match given.as_str() {
        "text" => "`try_cast(… as double)` makes a number of a text, and null of one that is none".to_owned(),
        _ => "cast it: `cast(… as TYPE)`".to_owned(),
    };
    Some((format!("`{function}` doesn't take {given}"), help))
}

/// The error without its wrappers: context, shared pointers, attached diagnostics.
fn innermost(error: &DataFusionError) -> &DataFusionError {
    match error {
        DataFusionError::Context(_, inner) | DataFusionError::Diagnostic(_, inner) => innermost(inner),
        DataFusionError::Shared(inner) => innermost(inner),
        other => other,
    }
}

/// The message without the prefix that names the kind of error, and without a back trace.
pub fn plain(error: &DataFusionError) -> String {
    let innermost = innermost(error);
    let text = innermost.strip_backtrace();
    // What the engine says of its own mistakes is for those who develop it.
    let mut text = text.split("\nThis issue was likely caused by a bug").next().unwrap_or_default();
    for prefix in [
        "Error during planning: ",
        "Internal error: ",
        "Execution error: ",
        "This feature is not implemented: ",
        "Schema error: ",
        "type_coercion\ncaused by\n",
        "Arrow error: ",
        "External error: ",
    ] {
        text = text.strip_prefix(prefix).unwrap_or(text);
    }
    text.trim().to_owned()
}

/// The message as one sentence of ours: first line, no full stop at the end, lower case at the beginning.
pub fn sentence(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default().trim().trim_end_matches('.');
    let mut characters = line.chars();
    match characters.next() {
        // A word in capitals (`UNION`) stays.
        Some(first) if !line.chars().nth(1).is_some_and(char::is_uppercase) => {
            first.to_lowercase().chain(characters).collect()
        }
        _ => line.to_owned(),
    }
}

/// Functions that other databases have under another name.
const ELSEWHERE: [(&str, &str); 24] = [
    ("ucase", "upper"),
    ("lcase", "lower"),
    ("len", "length"),
    ("ifnull", "coalesce"),
    ("isnull", "coalesce"),
    ("group_concat", "string_agg"),
    ("listagg", "string_agg"),
    ("datediff", "date_part` or the difference of two dates, `a - b"),
    ("dateadd", "date + interval '1 day'"),
    ("date_add", "date + interval '1 day'"),
    ("date_sub", "date - interval '1 day'"),
    ("year", "date_part('year', …)"),
    ("month", "date_part('month', …)"),
    ("day", "date_part('day', …)"),
    ("if", "case when … then … else … end"),
    ("iff", "case when … then … else … end"),
    ("iif", "case when … then … else … end"),
    ("decode", "case … when … then … end"),
    ("countif", "count(*) filter (where …)"),
    ("count_if", "count(*) filter (where …)"),
    ("sumif", "sum(…) filter (where …)"),
    ("mid", "substr"),
    ("charindex", "strpos"),
    ("convert", "cast(… as TYPE)"),
];

fn suggest_function(name: &str) -> Option<String> {
    let lowered = name.to_lowercase();
    if let Some((_, ours)) = ELSEWHERE.iter().find(|(theirs, _)| *theirs == lowered) {
        return Some(format!("here that is `{ours}`"));
    }
    let engine = super::engine::engine();
    let names = engine
        .scalar_functions()
        .keys()
        .chain(engine.aggregate_functions().keys())
        .chain(engine.window_functions().keys());
    let near = crate::diagnostic::nearest(&lowered, names.map(String::as_str));
    match near.as_slice() {
        [] => None,
        names => Some(format!(
            "did you mean {}?",
            names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(" or ")
        )),
    }
}

/// A message about types, with the engine's names of types replaced by those of declarations.
pub fn types_sentence(text: &str) -> String {
    let message = our_types(&sentence(text));
    // "Cannot infer common argument type for comparison operation text = bigint" and its like say it all; what follows
    // a colon is the engine's reasoning.
    match message.split_once(" No function matches") {
        Some((first, _)) => first.trim_end_matches('.').to_owned(),
        None => message,
    }
}

/// The engine's names of types replaced by those of declarations.
fn our_types(text: &str) -> String {
    let mut message = text.to_owned();
    for (engine, ours) in [
        ("LargeUtf8", "text"),
        ("Utf8View", "text"),
        ("Utf8", "text"),
        ("Int64", "bigint"),
        ("Int32", "int"),
        ("Int16", "smallint"),
        ("Int8", "tinyint"),
        ("Float64", "double"),
        ("Float32", "real"),
        ("Date32", "date"),
        ("Boolean", "boolean"),
        ("Decimal128", "decimal"),
        ("Timestamp(Nanosecond, None)", "timestamp"),
        ("Timestamp(ns)", "timestamp"),
    ] {
        message = message.replace(engine, ours);
    }
    message
}

fn between_quotes(text: &str) -> Option<String> {
    let mut pieces = text.splitn(3, ['\'', '"', '`']);
    pieces.next()?;
    Some(pieces.next()?.to_owned())
}
