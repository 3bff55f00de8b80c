//! What may not be in a query, whatever it means: anything but one read-only query, functions of the clock, of chance or
//! of the machine, table functions and paths that reach files.

use super::engine::engine;
use super::parse::{Purpose, byte_span, fold};
use crate::diagnostic::{Code, Diagnostic};
use crate::text::{SourceText, Span};
use datafusion::logical_expr::Volatility;
use datafusion::sql::sqlparser::ast::{
    Expr, Function, GroupByExpr, Ident, Join, JoinConstraint, JoinOperator, ObjectName, ObjectNamePart, Query, Select,
    SetExpr, SetOperator, SetQuantifier, Spanned, TableFactor, Visit, Visitor, visit_expressions,
};
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan};
use std::ops::ControlFlow;

/// Table functions that make rows from their arguments alone.
const PURE_TABLE_FUNCTIONS: [&str; 2] = ["generate_series", "range"];

const CLOCK: [&str; 19] = [
    "now",
    "current_date",
    "current_time",
    "current_timestamp",
    "localtime",
    "localtimestamp",
    "today",
    "getdate",
    "sysdate",
    "systimestamp",
    "statement_timestamp",
    "transaction_timestamp",
    "clock_timestamp",
    "utc_timestamp",
    "curdate",
    "curtime",
    "unix_timestamp",
    "timeofday",
    "age",
];

const CHANCE: [&str; 10] =
    ["random", "rand", "uuid", "uuid4", "uuid7", "gen_random_uuid", "generate_uuid", "newid", "randn", "setseed"];

const MACHINE: [&str; 16] = [
    "version",
    "current_user",
    "session_user",
    "user",
    "current_role",
    "current_database",
    "current_catalog",
    "current_schema",
    "current_setting",
    "pg_backend_pid",
    "inet_server_addr",
    "hostname",
    "input_file_name",
    "file_row_index",
    "input_file_block_start",
    "getenv",
];

/// Refuses a body that isn't a query by its first word, before it is parsed.
pub(super) fn check_statement(
    purpose: Purpose,
    source: &SourceText,
    span: Span,
    tokens: &[TokenWithSpan],
) -> Result<(), Vec<Diagnostic>> {
    let first = tokens.iter().find(|token| !matches!(token.token, Token::Whitespace(_)));
    let Some(TokenWithSpan { token: Token::Word(word), span: place }) = first else { return Ok(()) };
    let keyword = word.value.to_lowercase();
    let why = match keyword.as_str() {
        "select" | "with" | "values" | "from" => return Ok(()),
        "insert" | "update" | "delete" | "merge" | "truncate" => "changes data",
        "copy" => "reads or writes files",
        "create" | "drop" | "alter" => "changes a database's tables",
        "set" | "use" | "grant" | "revoke" | "declare" => "changes a session's settings",
        "explain" | "show" | "describe" | "analyze" => "asks about the engine",
        _ => "is no query",
    };
    let help = match keyword.as_str() {
        "explain" => "write the query alone; `pie emit SLICE --as physical` shows its plan",
        "create" => "write only the query behind `as`: the slice itself is the table",
        "insert" => "write only the query: building the slice stores its rows",
        _ => "a slice's body is one query, beginning with `select`, `with`, `values` or `from`",
    };
    let (wanted, help) = match purpose {
        Purpose::Slice => ("a slice is one read-only query", help),
        Purpose::Question => ("pie answers read-only queries", "ask with `select`, `with`, `values` or `from`"),
    };
    let at = byte_span(source, span, *place);
    Err(vec![
        Diagnostic::error(Code::NotAQuery, format!("`{keyword}` {why}; {wanted}"))
            .at(at, "not a query")
            .with_help(help),
    ])
}

/// Every forbidden thing in a parsed query.
pub(super) fn check_query(purpose: Purpose, source: &SourceText, span: Span, query: &Query) -> Vec<Diagnostic> {
    let mut gate = Gate { purpose, source, span, diagnostics: Vec::new() };
    let _ = query.visit(&mut gate);
    gate.diagnostics
}

struct Gate<'a> {
    purpose: Purpose,
    source: &'a SourceText,
    span: Span,
    diagnostics: Vec<Diagnostic>,
}

impl Gate<'_> {
    fn at(&self, node: &impl Spanned) -> Span {
        byte_span(self.source, self.span, node.span())
    }

    fn function(&mut self, function: &Function) {
        let Some(name) = function.name.0.last().and_then(ObjectNamePart::as_ident) else { return };
        let folded = fold(name);
        let known = known_volatility(&folded);
        let at = self.at(&function.name);
        let known_and_pure = known == Some(Volatility::Immutable);
        let is = |list: &[&str]| list.contains(&folded.as_str());
        let diagnostic = if is(&MACHINE) && (folded == "version" || !known_and_pure) {
            Diagnostic::error(
                Code::ChanceFunction,
                format!("`{folded}` asks about the machine, so its value isn't in the data"),
            )
            .at(at, "differs from machine to machine")
            .with_help("write the value you mean, or read it from a source")
        } else if is(&CLOCK) && !known_and_pure {
            Diagnostic::error(Code::ClockFunction, format!("`{folded}` reads the clock, so the same data would give different rows"))
                .at(at, "the time of the build isn't data")
                .with_note("a slice is a function of what it reads; that is how pie knows what is fresh")
                .with_help(
                    "take the time from the data: a column of a source, or its newest value, `(select max(COLUMN) from SOURCE)`; \
                     or leave the filter to the query that reads the slice",
                )
        } else if is(&CHANCE) && !known_and_pure || matches!(known, Some(Volatility::Volatile)) {
            Diagnostic::error(Code::ChanceFunction, format!("`{folded}` gives another value each time"))
                .at(at, "not a function of the data")
                .with_help("derive the value from columns: `md5(key)` as an id, `row_number() over (order by key)` as a number")
        } else if matches!(known, Some(Volatility::Stable)) {
            Diagnostic::error(Code::ClockFunction, format!("`{folded}` depends on when the query runs"))
                .at(at, "the time of the build isn't data")
                .with_help("take the time from a column of a source")
        } else {
            return;
        };
        self.diagnostics.push(diagnostic);
    }

    /// The engine takes all equal rows away, or keeps all of them, however often they stand on the other side.
    fn set_operation(&mut self, body: &SetExpr) {
        let SetExpr::SetOperation { op, set_quantifier, left, right } = body else { return };
        let word = match op {
            SetOperator::Except | SetOperator::Minus => "except",
            SetOperator::Intersect => "intersect",
            SetOperator::Union => "union",
        };
        if *op != SetOperator::Union && matches!(set_quantifier, SetQuantifier::All | SetQuantifier::AllByName) {
            let message = format!("`{word} all` isn't supported: the engine doesn't count equal rows");
            self.diagnostics.push(
                Diagnostic::error(Code::Unsupported, message)
                    .at(self.at(&**right), format!("behind `{word} all`"))
                    .with_help(format!(
                        "`{word}` compares sets; number equal rows with `row_number()` first to compare bags"
                    )),
            );
        }
        self.set_operation(left);
        self.set_operation(right);
    }

    /// The engine takes a shared column from the left table, also where only the right one has a row.
    fn joins(&mut self, joins: &[Join]) {
        for join in joins {
            let (kind, constraint) = match &join.join_operator {
                JoinOperator::Right(constraint) | JoinOperator::RightOuter(constraint) => ("right", constraint),
                JoinOperator::FullOuter(constraint) => ("full", constraint),
                _ => continue,
            };
            let word = match constraint {
                JoinConstraint::Using(_) => "using",
                JoinConstraint::Natural => "natural",
                JoinConstraint::On(_) | JoinConstraint::None => continue,
            };
            let message = format!(
                "`{word}` isn't supported in a {kind} join: the engine loses the shared columns of the right table"
            );
            self.diagnostics.push(
                Diagnostic::error(Code::Unsupported, message)
                    .at(self.at(&join.relation), format!("joined by `{word}`"))
                    .with_help("say `on a.k = b.k`, and `coalesce(a.k, b.k) as k` where the column is used"),
            );
        }
    }

    fn table_function(&mut self, name: &ObjectName) {
        let folded = name.0.last().and_then(ObjectNamePart::as_ident).map(fold).unwrap_or_default();
        if PURE_TABLE_FUNCTIONS.contains(&folded.as_str()) {
            return;
        }
        let at = self.at(name);
        self.diagnostics.push(
            if engine().table_functions().contains_key(&folded) || folded.contains("read") || folded.contains("scan") {
                file_access(at, &format!("the table function `{folded}` reaches outside the project"))
            } else {
                Diagnostic::error(Code::UnknownFunction, format!("there is no table function `{folded}`"))
                    .at(at, "unknown")
                    .with_help("there are `generate_series` and `range`")
            },
        );
    }
}

impl Visitor for Gate<'_> {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        if let Expr::Function(function) = expr
            && self.purpose == Purpose::Slice
        {
            self.function(function);
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<()> {
        match factor {
            TableFactor::Table { name, sample: Some(_), .. } => {
                let at = self.at(name);
                self.diagnostics.push(
                    Diagnostic::error(Code::ChanceFunction, "`tablesample` takes rows by chance")
                        .at(at, "sampled here")
                        .with_help(
                            "choose rows by their values: `where abs(hash_column % 10) = 0`, or by a key's digits",
                        ),
                );
            }
            TableFactor::Table { name, args: Some(_), .. } | TableFactor::Function { name, .. } => {
                self.table_function(name)
            }
            TableFactor::Table { name, .. } => {
                let is_path = |part: &Ident| part.quote_style == Some('\'') || part.value.contains(['/', '\\']);
                if let Some(part) = name.0.iter().filter_map(ObjectNamePart::as_ident).find(|part| is_path(part)) {
                    // sqlparser gives a quoted path no place: it is looked for in the text.
                    let literal = format!("'{}'", part.value);
                    let body = &self.source.text()[self.span.range()];
                    let at = match body.find(&literal) {
                        Some(offset) => {
                            let start = self.span.start + offset as u32;
                            Span { start, end: start + literal.len() as u32, ..self.span }
                        }
                        None => self.at(name),
                    };
                    self.diagnostics.push(file_access(at, "a query can't read a file by its path"));
                }
            }
            TableFactor::NestedJoin { table_with_joins, .. } => self.joins(&table_with_joins.joins),
            _ => {}
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &Select) -> ControlFlow<()> {
        for table in &select.from {
            self.joins(&table.joins);
        }
        if let Some(having) = &select.having
            && is_of_rows(select)
        {
            self.diagnostics.push(
                Diagnostic::error(Code::NotGrouped, "`having` is about groups, and this query has none")
                    .at(self.at(having), "a condition about rows")
                    .with_help("write `where` in the place of `having`, or add `group by`"),
            );
        }
        if let Some(into) = &select.into {
            let at = self.at(&into.name);
            self.diagnostics.push(
                Diagnostic::error(Code::NotAQuery, "`select into` writes a table; a slice is one read-only query")
                    .at(at, "writes here")
                    .with_help("leave `into …` out: building the slice stores its rows"),
            );
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        self.set_operation(&query.body);
        let writes =
            matches!(*query.body, SetExpr::Insert(_) | SetExpr::Update(_) | SetExpr::Delete(_) | SetExpr::Merge(_));
        if writes || !query.locks.is_empty() {
            let at = self.at(query);
            self.diagnostics.push(
                Diagnostic::error(Code::NotAQuery, "this changes or locks data; a slice is one read-only query")
                    .at(at, "not read-only")
                    .with_help("write a `select`"),
            );
        }
        ControlFlow::Continue(())
    }
}

/// Whether a `select` surely has no groups: it names none, and calls nothing that could aggregate.
fn is_of_rows(select: &Select) -> bool {
    let is_plain = match &select.group_by {
        GroupByExpr::Expressions(groups, modifiers) => groups.is_empty() && modifiers.is_empty(),
        GroupByExpr::All(_) => false,
    };
    is_plain
        && select.distinct.is_none()
        && visit_expressions(select, |expr| match expr {
            Expr::Function(_) | Expr::Subquery(_) => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        })
        .is_continue()
}

fn file_access(at: Span, message: &str) -> Diagnostic {
    Diagnostic::error(Code::FileFunction, message.to_owned())
        .at(at, "reaches files")
        .with_help("declare the files as a `source` and read that by its name")
}

/// How the engine's function of this name behaves between calls; `None` where it has none.
fn known_volatility(name: &str) -> Option<Volatility> {
    let engine = engine();
    let scalar = engine.scalar_functions().get(name).map(|function| function.signature().volatility);
    let aggregate = || engine.aggregate_functions().get(name).map(|function| function.signature().volatility);
    let window = || engine.window_functions().get(name).map(|function| function.signature().volatility);
    scalar.or_else(aggregate).or_else(window)
}
