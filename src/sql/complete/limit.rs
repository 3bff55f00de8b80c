//! The rows that `limit` and `distinct on` keep.

use super::choice::{ChoiceKind, OpenChoice, Signature, listed, mentions};
use super::ties::{Ties, ties, told};
use super::unique::{Columns, Facts, Keys, all, columns_of, exact_columns_of, sources_of};
use crate::sql::LogicalPlan;
use crate::sql::types::is_sortable;
use datafusion::common::tree_node::Transformed;
use datafusion::common::{DFSchema, DataFusionError, ScalarValue};
use datafusion::logical_expr::{Distinct, DistinctOn, Expr, ExprSchemable, FetchType, Limit, SkipType, Sort, SortExpr};
use std::sync::Arc;

const TELL_APART: &str = "end `order by` with columns that tell the rows apart, such as a key";

/// Completes the order below a limit, or orders its input.
pub(super) fn limit(limit: Limit, keys: Keys, choices: &mut Vec<OpenChoice>) -> Transformed<LogicalPlan> {
    if decides_nothing(&limit) {
        return Transformed::no(LogicalPlan::Limit(limit));
    }
    let input = Arc::clone(&limit.input);
    let (ties, sorted) = match order_below(&input, all(input.schema())) {
        Below::Total => return Transformed::no(LogicalPlan::Limit(limit)),
        Below::Sort(sort, wanted) => (sort_ties(sort, &wanted, keys), Some(sort)),
        Below::Nothing => {
            let facts = Facts::of(&input, keys);
            (ties(&input, &facts, &Columns::new(), &all(input.schema())), None)
        }
    };
    if ties.is_empty() {
        return Transformed::no(LogicalPlan::Limit(limit));
    }
    let rows = (number(limit.skip.as_deref()), number(limit.fetch.as_deref()));
    choices.push(limit_choice(&ties, sorted, rows));
    if ties.added.is_empty() {
        return Transformed::no(LogicalPlan::Limit(limit));
    }
    let ordered = match sorted {
        Some(_) => with_ties(&input, &ties.added),
        None => LogicalPlan::Sort(Sort { expr: ties.added, input, fetch: None }),
    };
    Transformed::yes(LogicalPlan::Limit(Limit { input: Arc::new(ordered), ..limit }))
}

/// Completes an order that keeps only the first rows.
pub(super) fn sort(mut sort: Sort, keys: Keys, choices: &mut Vec<OpenChoice>) -> Transformed<LogicalPlan> {
    let Some(fetch) = sort.fetch.filter(|fetch| *fetch > 0) else {
        return Transformed::no(LogicalPlan::Sort(sort));
    };
    let ties = sort_ties(&sort, &all(sort.input.schema()), keys);
    if ties.is_empty() {
        return Transformed::no(LogicalPlan::Sort(sort));
    }
    choices.push(limit_choice(&ties, Some(&sort), (String::new(), fetch.to_string())));
    sort.expr.extend(ties.added);
    Transformed::yes(LogicalPlan::Sort(sort))
}

/// Completes the order by which `distinct on` takes the first row.
pub(super) fn distinct_on(
    mut on: DistinctOn,
    keys: Keys,
    choices: &mut Vec<OpenChoice>,
) -> Result<Transformed<LogicalPlan>, DataFusionError> {
    let unchanged = |on: DistinctOn| Ok(Transformed::no(LogicalPlan::Distinct(Distinct::On(on))));
    let input = Arc::clone(&on.input);
    let schema: &DFSchema = input.schema();
    let given = match &on.sort_expr {
        Some(order) => columns_of(order.iter().map(|key| &key.expr), schema),
        None => exact_columns_of(&on.on_expr, schema),
    };
    let mut ties = ties(&input, &Facts::of(&input, keys), &given, &sources_of(&on.select_expr, schema));
    if ties.is_empty() {
        return unchanged(on);
    }
    let mut order = on.sort_expr.clone().unwrap_or_default();
    if on.sort_expr.is_none() {
        // It has to begin with the columns that are distinct.
        for expr in &on.on_expr {
            if !is_sortable(&expr.get_type(schema)?) {
                ties.undecided.append(&mut ties.names);
                ties.added.clear();
            }
            order.push(SortExpr::new(expr.clone(), true, false));
        }
    }
    let (message, help) = match on.sort_expr {
        Some(_) => ("`distinct on` may keep any of the rows that `order by` leaves equal", TELL_APART),
        None => (
            "`distinct on` without `order by` may keep any of several rows",
            "say which row: `order by` the columns of `distinct on`, then more",
        ),
    };
    choices.push(OpenChoice {
        kind: ChoiceKind::DistinctOn,
        function: None,
        message: told(message.to_owned(), &ties.undecided),
        label: first_by(&ties),
        help: help.to_owned(),
        signature: Signature { mentions: mentions(&on.on_expr), ..Signature::default() },
    });
    if ties.added.is_empty() {
        return unchanged(on);
    }
    order.extend(ties.added);
    on.sort_expr = Some(order);
    Ok(Transformed::yes(LogicalPlan::Distinct(Distinct::On(on))))
}

/// A limit that keeps all rows or none.
fn decides_nothing(limit: &Limit) -> bool {
    match limit.get_fetch_type() {
        Ok(FetchType::Literal(Some(0))) => true,
        Ok(FetchType::Literal(None)) => matches!(limit.get_skip_type(), Ok(SkipType::Literal(0))),
        Ok(FetchType::Literal(Some(_)) | FetchType::UnsupportedExpr) | Err(_) => false,
    }
}

/// What decides the order of a plan's rows.
enum Below<'p> {
    /// A sort, and those of its columns that can be seen above.
    Sort(&'p Sort, Columns),
    /// An order that leaves no rows equal.
    Total,
    Nothing,
}

/// The order that a plan's rows come in; `wanted` are those of its columns that matter.
fn order_below(plan: &LogicalPlan, wanted: Columns) -> Below<'_> {
    match plan {
        LogicalPlan::Sort(sort) => Below::Sort(sort, wanted),
        LogicalPlan::Projection(projection) => {
            let used = wanted.iter().filter_map(|index| projection.expr.get(*index));
            let wanted = sources_of(used, projection.input.schema());
            order_below(&projection.input, wanted)
        }
        LogicalPlan::SubqueryAlias(alias) => order_below(&alias.input, wanted),
        LogicalPlan::Limit(limit) => order_below(&limit.input, wanted),
        // Its rows come in the order of the columns that are distinct.
        LogicalPlan::Distinct(Distinct::On(on)) if on.sort_expr.is_some() => Below::Total,
        LogicalPlan::Distinct(_)
        | LogicalPlan::Filter(_)
        | LogicalPlan::Window(_)
        | LogicalPlan::Aggregate(_)
        | LogicalPlan::Join(_)
        | LogicalPlan::Repartition(_)
        | LogicalPlan::Union(_)
        | LogicalPlan::TableScan(_)
        | LogicalPlan::EmptyRelation(_)
        | LogicalPlan::Subquery(_)
        | LogicalPlan::Statement(_)
        | LogicalPlan::Values(_)
        | LogicalPlan::Explain(_)
        | LogicalPlan::Analyze(_)
        | LogicalPlan::Extension(_)
        | LogicalPlan::Dml(_)
        | LogicalPlan::Ddl(_)
        | LogicalPlan::Copy(_)
        | LogicalPlan::DescribeTable(_)
        | LogicalPlan::Unnest(_)
        | LogicalPlan::RecursiveQuery(_) => Below::Nothing,
    }
}

/// The plan with further keys in the sort that [`order_below`] found, on the same way down.
fn with_ties(plan: &LogicalPlan, added: &[SortExpr]) -> LogicalPlan {
    match plan {
        LogicalPlan::Sort(sort) => {
            let mut sort = sort.clone();
            sort.expr.extend_from_slice(added);
            LogicalPlan::Sort(sort)
        }
        LogicalPlan::Projection(projection) => {
            let mut projection = projection.clone();
            projection.input = Arc::new(with_ties(&projection.input, added));
            LogicalPlan::Projection(projection)
        }
        LogicalPlan::SubqueryAlias(alias) => {
            let mut alias = alias.clone();
            alias.input = Arc::new(with_ties(&alias.input, added));
            LogicalPlan::SubqueryAlias(alias)
        }
        LogicalPlan::Limit(limit) => {
            let mut limit = limit.clone();
            limit.input = Arc::new(with_ties(&limit.input, added));
            LogicalPlan::Limit(limit)
        }
        other => other.clone(),
    }
}

fn sort_ties(sort: &Sort, wanted: &Columns, keys: Keys) -> Ties {
    let given = columns_of(sort.expr.iter().map(|key| &key.expr), sort.input.schema());
    ties(&sort.input, &Facts::of(&sort.input, keys), &given, wanted)
}

fn limit_choice(ties: &Ties, sorted: Option<&Sort>, rows: (String, String)) -> OpenChoice {
    let (message, help) = match sorted {
        Some(_) => ("`limit` may cut between rows that `order by` leaves equal", TELL_APART),
        None => ("`limit` without `order by` doesn't say which rows", "say which: `order by … limit …`"),
    };
    let order = sorted.map(|sort| mentions(sort.expr.iter().map(|key| &key.expr)));
    OpenChoice {
        kind: ChoiceKind::Limit,
        function: None,
        message: told(message.to_owned(), &ties.undecided),
        label: first_by(ties),
        help: help.to_owned(),
        signature: Signature { rows: Some(rows), ordered: sorted.is_some(), mentions: order.unwrap_or_default() },
    }
}

fn first_by(ties: &Ties) -> String {
    match ties.names.as_slice() {
        [] => "not decided".to_owned(),
        names => format!("decided by {}", listed(names)),
    }
}

/// A count of rows as its text; empty where there is none, `?` where it isn't a number.
fn number(expr: Option<&Expr>) -> String {
    match expr {
        None => String::new(),
        Some(Expr::Literal(ScalarValue::Int64(Some(number)), _)) => number.to_string(),
        Some(_) => "?".to_owned(),
    }
}
