//! A parsed query and the relations it reads → its analysed plan and columns, with every error found.

use super::around;
use super::catalog::{Catalog, key_of, relation_of};
use super::complete;
use super::constants;
use super::duplicate;
use super::engine::{engine, options};
use super::error::{self, PlanError};
use super::localize::{self, Place};
use super::mistake;
use super::nesting;
use super::parse::{ParsedExpression, ParsedQuery, balanced, byte_span};
use super::refuse;
use super::types::storage_type;
use super::{DataType, LogicalPlan};
use crate::diagnostic::{self, Code, Diagnostic};
use crate::name::RelationName;
use crate::text::{SourceText, Span};
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{DataFusionError, Diagnostic as EngineDiagnostic};
use datafusion::sql::planner::{ParserOptions, SqlToRel};
use datafusion::sql::sqlparser::ast::{Query, SelectItem, SetExpr, Spanned, Statement};
use datafusion::sql::sqlparser::tokenizer::{self, Location};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// How many errors of one query are looked for.
const MAX_ERRORS: usize = 20;

/// How deep subqueries take columns from queries around, at most; more fail when they run.
const MAX_LEVELS: usize = 8;

/// One column of a query's result.
#[derive(Clone, PartialEq, Debug)]
pub struct OutputColumn {
    pub name: String,
    /// The type that is stored; see [`storage_type`].
    pub data_type: DataType,
    pub nullable: bool,
    /// An error was reported inside the column's expression, so its type says nothing.
    pub poisoned: bool,
    /// The expression in the outermost `select`, where it is known.
    pub span: Option<Span>,
}

/// What planning a query gave. With errors there is no plan, but often still columns, so that readers can be checked.
#[derive(Clone, Debug)]
pub struct PlannedQuery {
    /// The plan after type coercion; its table scans stand for the catalog's relations.
    pub plan: Option<LogicalPlan>,
    pub columns: Option<Vec<OutputColumn>>,
    pub diagnostics: Vec<Diagnostic>,
}

/// Plans a question about published data: as [`plan_query`], with the choices that SQL leaves to the engine left to it.
pub fn plan_question(
    parsed: &ParsedQuery,
    catalog: &Catalog,
    source: &SourceText,
    poisoned: &BTreeSet<String>,
) -> PlannedQuery {
    plan_with(parsed, catalog, source, poisoned, false)
}

/// Plans a query and completes what SQL leaves open in it. `poisoned` are names of input columns whose own definition is in error: errors about them follow from
/// that and stay silent.
pub fn plan_query(
    parsed: &ParsedQuery,
    catalog: &Catalog,
    source: &SourceText,
    poisoned: &BTreeSet<String>,
) -> PlannedQuery {
    plan_with(parsed, catalog, source, poisoned, true)
}

fn plan_with(
    parsed: &ParsedQuery,
    catalog: &Catalog,
    source: &SourceText,
    poisoned: &BTreeSet<String>,
    close: bool,
) -> PlannedQuery {
    let mut found = Found { diagnostics: Vec::new(), silent: false };
    let Some(tree) = parsed.take_tree(source) else {
        return PlannedQuery { plan: None, columns: None, diagnostics: Vec::new() };
    };
    if close {
        let fields = catalog.relations().flat_map(|relation| relation.schema.fields());
        let columns = fields.map(|field| field.name().as_str()).collect();
        found.diagnostics.extend(mistake::swallowed(&tree, &columns, source, parsed.span));
    }
    let mut query = Arc::clone(&tree);
    let mut renamed = BTreeMap::new();
    if let Some(told) = duplicate::told_apart(&query, catalog, source, parsed.span).filter(|_| close) {
        found.diagnostics.extend(told.diagnostics);
        (query, renamed) = (Arc::new(told.query), told.renamed);
    }
    let mut poisoned_spans: Vec<Span> = Vec::new();
    for _ in 0..MAX_ERRORS {
        let (plan, warnings) = match plan_once(&query, catalog) {
            Ok(planned) => planned,
            Err(error) => {
                let places = record(
                    &error,
                    &query,
                    parsed,
                    catalog,
                    source,
                    &Known { poisoned, spans: &poisoned_spans },
                    &mut found,
                );
                if places.is_empty() {
                    break;
                }
                poisoned_spans.extend(places.iter().map(|place| place.span));
                query = places.iter().fold(query, |query, place| Arc::new(localize::without(&query, place.index)));
                continue;
            }
        };
        // A warning may come of what an error was replaced by; it is given once the errors are mended.
        if poisoned_spans.is_empty() {
            found.diagnostics.extend(warnings.iter().filter_map(|warning| read_warning(warning, source, parsed.span)));
        }
        let mut columns = output_columns(&plan, &tree, source, parsed.span);
        for column in &mut columns {
            let covers = |span: Span| poisoned_spans.iter().any(|at| span.start <= at.start && at.end <= span.end);
            if let Some(written) = renamed.get(&column.name) {
                column.name.clone_from(written);
            }
            column.poisoned = column.span.is_some_and(covers) || poisoned.contains(&column.name);
        }
        if let Some(wrong) = refuse::wrong(&plan) {
            let all = localize::places(&query, source, parsed.span);
            let stays = |place: &Place| {
                let without = localize::without(&query, place.index);
                plan_once(&without, catalog).is_ok_and(|(plan, _)| refuse::wrong(&plan) == Some(wrong))
            };
            let place = all.iter().rfind(|place| place.kind == wrong.place() && !stays(place));
            found.diagnostics.push(wrong.at(place.map_or(parsed.span, |place| place.span)));
        }
        let clean = poisoned_spans.is_empty() && !found.silent;
        if clean {
            found.diagnostics.extend(constants::wrong(&plan, source, parsed.span));
        }
        let plan = if clean && close { closed(plan, &tree, parsed, source, &mut found) } else { plan };
        let errors = found.diagnostics.iter().any(Diagnostic::is_error);
        diagnostic::sort(&mut found.diagnostics);
        let plan = (clean && !errors).then_some(plan);
        return PlannedQuery { plan, columns: Some(columns), diagnostics: found.diagnostics };
    }
    diagnostic::sort(&mut found.diagnostics);
    PlannedQuery { plan: None, columns: None, diagnostics: found.diagnostics }
}

/// A plan without open choices; each is told.
fn closed(
    plan: LogicalPlan,
    tree: &Query,
    parsed: &ParsedQuery,
    source: &SourceText,
    found: &mut Found,
) -> LogicalPlan {
    let mut keys: BTreeMap<RelationName, Vec<String>> = BTreeMap::new();
    let walked = plan.apply_with_subqueries(|node| {
        if let LogicalPlan::TableScan(scan) = node
            && let (Some(name), Some(key)) = (relation_of(&scan.source), key_of(&scan.source))
        {
            keys.insert(name.clone(), key.to_vec());
        }
        Ok(TreeNodeRecursion::Continue)
    });
    let of = |name: &RelationName| keys.get(name).cloned().unwrap_or_default();
    match walked.and_then(|_| complete::complete(plan.clone(), &of)) {
        Ok(completed) => {
            found.diagnostics.extend(complete::locate(&completed.choices, tree, source, parsed.span));
            completed.plan
        }
        Err(error) => {
            let what = error::read(&error, &[]);
            found.diagnostics.push(what.at(parsed.span));
            plan
        }
    }
}

/// Plans the query of the rows that break a check's predicate. The catalog must hold the slice itself and what the
/// predicate's subqueries read.
pub fn plan_predicate(
    parsed: &ParsedExpression,
    catalog: &Catalog,
    source: &SourceText,
    poisoned: &BTreeSet<String>,
) -> PlannedQuery {
    let mut planned = plan_query(parsed.violations(), catalog, source, poisoned);
    let mut seen = false;
    planned.diagnostics.retain_mut(|diagnostic| {
        // The predicate stands inside `not (…)`: what the engine says of that is said of the predicate.
        let about_not = diagnostic.code == Code::TypeMismatch
            && (diagnostic.message.to_lowercase().contains("not cannot")
                || diagnostic.message.contains("NOT")
                || diagnostic.message.contains("filter")
                || diagnostic.message.contains("Filter"));
        if about_not {
            if std::mem::replace(&mut seen, true) {
                return false;
            }
            *diagnostic =
                Diagnostic::error(Code::CheckNotBoolean, "a check's predicate must be true or false for each row")
                    .at(parsed.span, "not a condition")
                    .with_help("compare with something: `amount >= 0`, `status in ('open', 'closed')`");
        }
        true
    });
    planned
}

pub(super) fn parser_options() -> ParserOptions {
    let options = &options().sql_parser;
    ParserOptions {
        parse_float_as_decimal: options.parse_float_as_decimal,
        enable_ident_normalization: options.enable_ident_normalization,
        support_varchar_with_length: options.support_varchar_with_length,
        enable_options_value_normalization: options.enable_options_value_normalization,
        collect_spans: true,
        map_string_types_to_utf8view: false,
        ..ParserOptions::new()
    }
}

/// What is in error already: names of input columns, and places in this query.
struct Known<'a> {
    poisoned: &'a BTreeSet<String>,
    spans: &'a [Span],
}

struct Found {
    diagnostics: Vec<Diagnostic>,
    /// An error was found that follows from another and isn't told.
    silent: bool,
}

fn plan_once(query: &Query, catalog: &Catalog) -> Result<(LogicalPlan, Vec<EngineDiagnostic>), DataFusionError> {
    let planner = SqlToRel::new_with_options(catalog, parser_options());
    let plan = planner.sql_statement_to_plan(Statement::Query(Box::new(query.clone())))?;
    nesting::bound(&plan)?;
    let settled = |plan| engine().analyzer().execute_and_check(plan, options(), |_, _| {});
    let mut plan = settled(plan)?;
    // Each pass settles one more level of queries around.
    for _ in 0..MAX_LEVELS {
        match around::retyped(&plan)? {
            Some(retyped) => plan = settled(retyped)?,
            None => break,
        }
    }
    Ok((plan, planner.take_warnings()))
}

/// Reports each error of a failed planning and gives the expressions to go on without.
fn record(
    error: &DataFusionError,
    query: &Query,
    parsed: &ParsedQuery,
    catalog: &Catalog,
    source: &SourceText,
    known: &Known,
    found: &mut Found,
) -> Vec<Place> {
    let all = localize::places(query, source, parsed.span);
    let mut columns: Vec<String> = catalog
        .relations()
        .flat_map(|relation| relation.schema.fields().iter().map(|field| field.name().clone()).collect::<Vec<_>>())
        .collect();
    columns.sort_unstable();
    columns.dedup();
    let mut places = Vec::new();
    for one in error.iter() {
        let mut what = error::read(one, &columns);
        let engine_span = one.diagnostic().and_then(|diagnostic| diagnostic.span);
        let mut span =
            engine_span.map(|span| engine_byte_span(source, parsed.span, span)).filter(|span| !span.is_empty());
        span = span.map(|span| balanced(source, parsed.span, span));
        let mut place = span.and_then(|span| localize::smallest_around(&all, span));
        if place.is_none() {
            place = localize::cause(query, &all, |without| match plan_once(without, catalog) {
                Ok(_) => false,
                Err(other) => other.iter().any(|other| error::read(other, &columns) == what),
            });
            span = span.or(place.map(|place| place.span));
        }
        if let Some(table) = what.unknown_table().filter(|table| localize::tables(query).contains(table)) {
            // A query around this one reads it.
            what = error::no_column_of(table, one, &columns);
        }
        if what.label == error::NO_TABLE {
            // The table is what stands in front of the last dot.
            let of_table = |at: Span| {
                let dot = source.text()[at.range()].rfind('.')?;
                Some(Span { end: at.start + u32::try_from(dot).ok()?, ..at })
            };
            span = span.map(|span| of_table(span).unwrap_or(span));
        }
        // `using (…)` names columns without places.
        let named = || what.name.as_ref().and_then(|name| only_mention(name, source, parsed.span));
        let at = span.or_else(named).unwrap_or(parsed.span);
        follow_up(&mut what, at, source);
        if let Some(name) = what.name.as_deref().filter(|name| {
            what.code == Code::UnknownColumn
                && is_result(query, name, |item| byte_span(source, parsed.span, item.span()).end <= at.start)
        }) {
            what.help = Some(format!(
                "`{name}` is named in the result, which is made after this: write the whole expression here, or read it from \
                 a query inside: `from (select …) named`"
            ));
        }
        let mentioned = localize::names_within(query, source, parsed.span, at);
        // An expression around one that was replaced fails because of that.
        let around = known.spans.iter().any(|span| at.start <= span.start && span.end <= at.end && at != parsed.span);
        let follows = around
            || mentioned.iter().any(|name| known.poisoned.contains(name))
            || known.spans.iter().any(|span| of_replaced(&what, source.text()[span.range()].trim()));
        // The engine finds fault with one operand, and then with what is left of the two.
        let of_operator = |other: &Diagnostic| {
            let between =
                other.span.map_or("", |other| source.text().get(other.range().end..at.range().start).unwrap_or(""));
            other.message == what.message && matches!(between.trim(), "+" | "-" | "*" | "/" | "%")
        };
        let follows = follows || found.diagnostics.iter().any(of_operator);
        let again = |other: &Diagnostic| what.label == error::NO_TABLE && other.message == what.message;
        let told = found.diagnostics.iter().any(|other| other.span == Some(at) && other.code == what.code);
        if follows || found.diagnostics.iter().any(again) {
            found.silent = true;
        } else if !told {
            found.diagnostics.push(with_related(what.at(at), one, &what, source, parsed.span));
        }
        // Without progress the same error would be found for ever.
        if let Some(place) = place.filter(|place| !told && !known.spans.contains(&place.span)) {
            places.push(place);
        }
    }
    // Outer expressions are replaced last: numbers of those before them in the walk stay right.
    places.sort_by_key(|place| std::cmp::Reverse(place.index));
    places.dedup_by_key(|place| place.index);
    let nested = |place: &Place| {
        places.iter().any(|other| {
            other.index != place.index
                && other.span.start <= place.span.start
                && place.span.end <= other.span.end
                && other.depth < place.depth
        })
    };
    places.iter().filter(|place| !nested(place)).copied().collect()
}

/// Whether an error follows from an expression having been replaced, `replaced` as it was written: it has no type then, is no group
/// key, and a column of it is called as it was, which isn't what it should be called.
fn of_replaced(what: &PlanError, replaced: &str) -> bool {
    let name = replaced.rsplit('.').next().unwrap_or(replaced).to_lowercase();
    let suggested = || what.help.as_ref().is_some_and(|help| help.contains(&format!("`{name}`")));
    match what.code {
        Code::TypeMismatch => {
            what.message.split(|c: char| !c.is_alphanumeric()).any(|word| word.eq_ignore_ascii_case("null"))
        }
        Code::NotGrouped => true,
        Code::UnknownColumn => suggested(),
        _ => false,
    }
}

/// The one place of a query where a name stands.
fn only_mention(name: &str, source: &SourceText, within: Span) -> Option<Span> {
    let text = &source.text()[within.range()];
    let part = |character: char| character.is_alphanumeric() || character == '_';
    let whole = |at: &usize| {
        !text[..*at].ends_with(part) && !text[*at + name.len()..].starts_with(part) && !text[..*at].ends_with('.')
    };
    let mut places = text.match_indices(name).map(|(at, _)| at).filter(whole);
    let at = places.next().filter(|_| places.next().is_none())?;
    let start = within.start + u32::try_from(at).ok()?;
    Some(Span { start, end: start + u32::try_from(name.len()).ok()?, ..within })
}

/// Adds what only the place can tell.
fn follow_up(what: &mut PlanError, at: Span, source: &SourceText) {
    if what.code == Code::UnknownColumn && source.text()[at.range()].starts_with('"') {
        let text = &source.text()[at.range()];
        let near = what.help.take().filter(|help| help.starts_with("did you mean"));
        what.help = near.or_else(|| Some(format!("a text is written in single quotes: '{}'", text.trim_matches('"'))));
    }
}

/// Whether a query gives a column of its result this name, all of which lie before the place that asks.
fn is_result(query: &Query, name: &str, is_before: impl Fn(&SelectItem) -> bool) -> bool {
    let SetExpr::Select(select) = query.body.as_ref() else { return false };
    if !select.projection.last().is_some_and(is_before) {
        return false;
    }
    select.projection.iter().any(|item| match item {
        SelectItem::ExprWithAlias { alias, .. } if alias.quote_style.is_none() => alias.value.to_lowercase() == name,
        SelectItem::ExprWithAlias { alias, .. } => alias.value == name,
        _ => false,
    })
}

/// Places that the engine names besides the main one, such as both legs of a union.
fn with_related(
    mut diagnostic: Diagnostic,
    error: &DataFusionError,
    what: &PlanError,
    source: &SourceText,
    query: Span,
) -> Diagnostic {
    let Some(engine) = error.diagnostic() else { return diagnostic };
    for note in &engine.notes {
        let span = note.span.map(|span| engine_byte_span(source, query, span));
        if let Some(span) = span.filter(|span| !span.is_empty() && Some(*span) != diagnostic.span) {
            diagnostic = diagnostic.with_label(span, error::side(&note.message));
        }
    }
    if let (Some(help), Some(span), Code::UnknownColumn) = (&what.help, diagnostic.span, what.code) {
        let near = help.strip_prefix("did you mean `").and_then(|rest| rest.strip_suffix("`?"));
        if let Some(near) = near.filter(|near| !near.contains('`')) {
            // Only the column's own name is replaced, not the table's before it.
            let text = &source.text()[span.range()];
            let start = span.start + text.rfind('.').map_or(0, |dot| dot as u32 + 1);
            diagnostic = diagnostic.with_replacement(format!("write `{near}`"), Span { start, ..span }, near);
        }
    }
    diagnostic
}

/// DataFusion has a span type of its own with the same coordinates.
fn engine_byte_span(source: &SourceText, query: Span, span: datafusion::common::Span) -> Span {
    let location = |location: datafusion::common::Location| Location { line: location.line, column: location.column };
    byte_span(source, query, tokenizer::Span::new(location(span.start), location(span.end)))
}

fn read_warning(warning: &EngineDiagnostic, source: &SourceText, query: Span) -> Option<Diagnostic> {
    let span = warning.span.map(|span| engine_byte_span(source, query, span)).unwrap_or(query);
    if !warning.message.to_lowercase().contains("null") {
        return None;
    }
    Some(
        Diagnostic::warning(Code::NullComparison, "comparing with `null` is never true")
            .at(span, "always null")
            .with_help("write `is null` or `is not null`"),
    )
}

fn output_columns(plan: &LogicalPlan, query: &Query, source: &SourceText, within: Span) -> Vec<OutputColumn> {
    let fields = plan.schema().as_arrow().fields();
    let spans = projection_spans(query, source, within).filter(|spans| spans.len() == fields.len());
    let column = |(index, field): (usize, &std::sync::Arc<super::Field>)| OutputColumn {
        name: field.name().clone(),
        data_type: storage_type(field.data_type()),
        nullable: field.is_nullable(),
        poisoned: false,
        span: spans.as_ref().map(|spans| spans[index]),
    };
    fields.iter().enumerate().map(column).collect()
}

/// The items of the outermost `select`; `None` where a wildcard or a set operator hides which is which.
fn projection_spans(query: &Query, source: &SourceText, within: Span) -> Option<Vec<Span>> {
    let mut body = query.body.as_ref();
    while let SetExpr::Query(inner) = body {
        body = inner.body.as_ref();
    }
    let SetExpr::Select(select) = body else { return None };
    let span = |item: &SelectItem| match item {
        SelectItem::UnnamedExpr(_) | SelectItem::ExprWithAlias { .. } => {
            Some(balanced(source, within, byte_span(source, within, item.span()))).filter(|span| !span.is_empty())
        }
        SelectItem::ExprWithAliases { .. } | SelectItem::QualifiedWildcard(..) | SelectItem::Wildcard(_) => None,
    };
    select.projection.iter().map(span).collect()
}

/// Which items of the outermost `select` are expressions without a name of their own.
pub fn unnamed_columns(parsed: &ParsedQuery, source: &SourceText) -> Vec<Span> {
    use datafusion::sql::sqlparser::ast::Expr;
    let Some(tree) = parsed.tree(source) else { return Vec::new() };
    let mut body = tree.body.as_ref();
    while let SetExpr::Query(inner) = body {
        body = inner.body.as_ref();
    }
    let SetExpr::Select(select) = body else { return Vec::new() };
    let unnamed = select.projection.iter().filter_map(|item| match item {
        SelectItem::UnnamedExpr(
            Expr::Identifier(_) | Expr::CompoundIdentifier(_) | Expr::CompoundFieldAccess { .. },
        ) => None,
        SelectItem::UnnamedExpr(expr) => {
            Some(balanced(source, parsed.span, byte_span(source, parsed.span, expr.span())))
        }
        _ => None,
    });
    unnamed.filter(|span| !span.is_empty()).collect()
}
