//! Aggregates that depend on the order of rows.

use super::choice::{ChoiceKind, OpenChoice, Signature, listed, mentions};
use super::functions::{Dependence, dependence};
use super::sorting;
use super::ties::{Ties, ties, told};
use super::unique::{Columns, Facts, Keys, all, bare, columns_of, exact_columns_of, sources_of};
use crate::sql::LogicalPlan;
use crate::sql::types::is_sortable;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::tree_node::Transformed;
use datafusion::common::{DFSchema, DataFusionError};
use datafusion::functions_aggregate::first_last::first_value_udaf;
use datafusion::functions_aggregate::min_max::min_udaf;
use datafusion::logical_expr::expr::{AggregateFunction, Alias, NullTreatment};
use datafusion::logical_expr::{Aggregate, Expr, ExprSchemable, SortExpr};
use std::sync::Arc;

/// Completes the orders of a node's aggregates.
pub(super) fn aggregate(
    mut aggregate: Aggregate,
    keys: Keys,
    choices: &mut Vec<OpenChoice>,
) -> Result<Transformed<LogicalPlan>, DataFusionError> {
    let depends = |expr: &Expr| match bare(expr) {
        Expr::AggregateFunction(call) => !matches!(dependence(call.func.name()), Dependence::None),
        _ => false,
    };
    if !aggregate.aggr_expr.iter().any(depends) {
        return Ok(Transformed::no(LogicalPlan::Aggregate(aggregate)));
    }
    let input = Arc::clone(&aggregate.input);
    let facts = Facts::of(&input, keys);
    // In the groups of a grouping set, columns of other sets differ.
    let grouping_sets = aggregate.group_expr.iter().any(|expr| matches!(expr, Expr::GroupingSet(_)));
    let group = match grouping_sets {
        true => Columns::new(),
        false => exact_columns_of(&aggregate.group_expr, input.schema()),
    };
    let rows = Rows { input: &input, facts: &facts, group: &group };
    let mut changed = false;
    for expr in &mut aggregate.aggr_expr {
        let Expr::AggregateFunction(call) = bare(expr) else { continue };
        let (completed, choice) = complete_call(call, &rows)?;
        choices.extend(choice);
        if let Some(call) = completed {
            *expr = renamed(expr, Expr::AggregateFunction(call));
            changed = true;
        }
    }
    Ok(Transformed::new_transformed(LogicalPlan::Aggregate(aggregate), changed))
}

/// The rows that an aggregate sees.
struct Rows<'a> {
    input: &'a LogicalPlan,
    facts: &'a Facts,
    /// Columns that are the same in all rows of a group.
    group: &'a Columns,
}

/// The completed call, and what was open; neither for a call that leaves nothing open.
type Outcome = (Option<AggregateFunction>, Option<OpenChoice>);

fn complete_call(call: &AggregateFunction, rows: &Rows) -> Result<Outcome, DataFusionError> {
    let Some(value) = call.params.args.first() else { return Ok((None, None)) };
    let schema: &DFSchema = rows.input.schema();
    let mut given = rows.group.clone();
    given.extend(columns_of(call.params.order_by.iter().map(|key| &key.expr), schema));
    let wanted = sources_of([value], schema);
    let sorted = call.params.order_by.iter().any(|key| bare(&key.expr) == bare(value));
    match dependence(call.func.name()) {
        // No aggregate is like the last two.
        Dependence::None | Dependence::Peers | Dependence::Position => Ok((None, None)),
        // Values of rows that are equal in an order by these values are the same.
        Dependence::Pick | Dependence::Gather if sorted => Ok((None, None)),
        Dependence::Pick => Ok(pick(call, ties(rows.input, rows.facts, &given, &wanted))),
        Dependence::Gather => {
            if wanted.is_subset(&rows.facts.determined(&given)) {
                return Ok((None, None));
            }
            let by_value = is_sortable(&value.get_type(schema)?);
            Ok(gather(call, value, by_value, || ties(rows.input, rows.facts, &given, &wanted)))
        }
        Dependence::Any => {
            if wanted.is_subset(&rows.facts.determined(rows.group)) {
                return Ok((None, None));
            }
            let data_type = value.get_type(schema)?;
            Ok(any(call, value, &data_type, || ties(rows.input, rows.facts, rows.group, &all(schema))))
        }
        Dependence::Unknown => {
            let name = call.func.name();
            let message = format!("pie doesn't know whether `{name}` depends on the order of rows");
            let label = "unknown to pie".to_owned();
            let help = "say it with another function".to_owned();
            Ok((None, Some(OpenChoice { kind: ChoiceKind::Frame, ..choice(call, message, label, help) })))
        }
    }
}

/// `first_value` and its kin: the remaining columns say which row.
fn pick(call: &AggregateFunction, ties: Ties) -> Outcome {
    if ties.is_empty() {
        return (None, None);
    }
    let name = call.func.name();
    let (message, help) = match call.params.order_by.is_empty() {
        true => {
            (format!("`{name}` without `order by` may take any row"), format!("say which row: `{name}(… order by …)`"))
        }
        false => (
            format!("`{name}` may take any of the rows that its `order by` leaves equal"),
            "end its `order by` with columns that tell the rows apart, such as a key".to_owned(),
        ),
    };
    let label = match ties.names.as_slice() {
        [] => "not decided".to_owned(),
        names => format!("decided by {}", listed(names)),
    };
    let choice = choice(call, told(message, &ties.undecided), label, help);
    if ties.added.is_empty() {
        return (None, Some(choice));
    }
    let mut completed = call.clone();
    completed.params.order_by.extend(ties.added);
    if name == "nth_value" {
        completed.func = sorting::nth_value();
    }
    (Some(completed), Some(choice))
}

/// `array_agg` and `string_agg`: equal values may change places, so the value itself says the order.
fn gather(call: &AggregateFunction, value: &Expr, by_value: bool, ties: impl FnOnce() -> Ties) -> Outcome {
    let (name, order_by) = (call.func.name(), &call.params.order_by);
    if call.params.distinct && !order_by.is_empty() {
        // Distinct values can be ordered by themselves alone; the engine refuses other orders.
        return (None, None);
    }
    let (added, undecided) = match by_value {
        true => (vec![SortExpr::new(value.clone(), true, false)], Vec::new()),
        false if call.params.distinct => (Vec::new(), mentions([value])),
        false => {
            let ties = ties();
            (ties.added, ties.undecided)
        }
    };
    let (message, help) = match order_by.is_empty() {
        true => (
            format!("`{name}` without `order by` may put its values in any order"),
            format!("say the order: `{name}(… order by …)`"),
        ),
        false => (
            format!("`{name}` may put values that its `order by` leaves equal in any order"),
            "end its `order by` with the value itself".to_owned(),
        ),
    };
    let label = match (added.is_empty(), by_value) {
        (true, _) => "not decided",
        (false, true) => "decided by the value itself",
        (false, false) => "decided by the other columns",
    };
    let choice = choice(call, told(message, &undecided), label.to_owned(), help);
    if added.is_empty() {
        return (None, Some(choice));
    }
    let mut completed = call.clone();
    completed.params.order_by.extend(added);
    if name == "string_agg" {
        completed.func = sorting::string_agg();
    }
    (Some(completed), Some(choice))
}

/// `any_value`: the least value that isn't null.
fn any(call: &AggregateFunction, value: &Expr, data_type: &DataType, ties: impl FnOnce() -> Ties) -> Outcome {
    let mut completed = call.clone();
    completed.params.order_by = Vec::new();
    let (label, undecided) = if has_plain_least(data_type) {
        completed.func = min_udaf();
        completed.params.null_treatment = None;
        (LEAST, Vec::new())
    } else if is_sortable(data_type) {
        completed.func = first_value_udaf();
        completed.params.order_by = vec![SortExpr::new(value.clone(), true, false)];
        completed.params.null_treatment = Some(NullTreatment::IgnoreNulls);
        (LEAST, Vec::new())
    } else {
        let ties = ties();
        completed.func = first_value_udaf();
        completed.params.order_by = ties.added;
        completed.params.null_treatment = Some(NullTreatment::IgnoreNulls);
        ("decided by the other columns", ties.undecided)
    };
    let message = told("`any_value` may give any value".to_owned(), &undecided);
    let choice = choice(call, message, label.to_owned(), ANY_HELP.to_owned());
    if completed.func.name() != "min" && completed.params.order_by.is_empty() {
        return (None, Some(OpenChoice { label: "not decided".to_owned(), ..choice }));
    }
    (Some(completed), Some(choice))
}

/// What `any_value` is completed to.
pub(super) const LEAST: &str = "the least value is given";

pub(super) const ANY_HELP: &str = "write `min(…)`, or `first_value(… order by …)`";

/// Types whose `min` is the same for every order of rows. That of floats isn't, where some are NaN.
pub(super) fn has_plain_least(data_type: &DataType) -> bool {
    data_type.is_integer()
        || matches!(
            data_type,
            DataType::Boolean
                | DataType::Utf8
                | DataType::LargeUtf8
                | DataType::Utf8View
                | DataType::Binary
                | DataType::LargeBinary
                | DataType::BinaryView
                | DataType::Date32
                | DataType::Date64
                | DataType::Time32(_)
                | DataType::Time64(_)
                | DataType::Timestamp(..)
                | DataType::Decimal32(..)
                | DataType::Decimal64(..)
                | DataType::Decimal128(..)
                | DataType::Decimal256(..)
        )
}

/// The expression `new` under the name of `original`: readers of the node know it by that.
pub(super) fn renamed(original: &Expr, new: Expr) -> Expr {
    match original {
        Expr::Alias(alias) => Expr::Alias(Alias { expr: Box::new(new), ..alias.clone() }),
        other => {
            let (relation, name) = other.qualified_name();
            new.alias_qualified(relation, name)
        }
    }
}

fn choice(call: &AggregateFunction, message: String, label: String, help: String) -> OpenChoice {
    let params = &call.params;
    let order = params.order_by.iter().map(|key| &key.expr);
    let mentions = mentions(params.args.iter().chain(order).chain(params.filter.as_deref()));
    OpenChoice {
        kind: ChoiceKind::Aggregate,
        function: Some(call.func.name().to_owned()),
        message,
        label,
        help,
        signature: Signature { mentions, ..Signature::default() },
    }
}
