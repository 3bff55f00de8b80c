//! Window functions that depend on the order of equal rows.
//!
//! ```text
//!   row_number() over (order by day)                  further keys number equal rows in one way
//!   rank() over (order by day)                        a further key would give equal rows different ranks: left
//!   sum(x) over (order by day)                        the frame ends with all rows of the day: left
//!   sum(x) over (order by day rows 6 preceding)       further keys say which rows those are
//!   first_value(x) over (order by day)                the first row of all is in every frame: further keys say which
//!   last_value(x) over (order by day)                 a further key would end the frame at the current row: an error
//! ```

use super::aggregate::{ANY_HELP, LEAST, renamed};
use super::choice::{ChoiceKind, OpenChoice, Signature, listed, mentions};
use super::functions::{Dependence, dependence};
use super::ties::{ties, told};
use super::unique::{Columns, Facts, Keys, all, bare, columns_of, sources_of};
use crate::sql::LogicalPlan;
use crate::sql::types::is_sortable;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::tree_node::Transformed;
use datafusion::common::{DFSchema, DataFusionError, ScalarValue};
use datafusion::functions_aggregate::min_max::min_udaf;
use datafusion::logical_expr::expr::{NullTreatment, WindowFunction};
use datafusion::logical_expr::utils::generate_sort_key;
use datafusion::logical_expr::{
    Expr, ExprSchemable, Projection, SortExpr, Window, WindowFrame, WindowFrameBound, WindowFrameUnits,
    WindowFunctionDefinition,
};
use std::sync::Arc;

/// Completes the orders of a node's window functions.
pub(super) fn window(
    window: Window,
    keys: Keys,
    choices: &mut Vec<OpenChoice>,
) -> Result<Transformed<LogicalPlan>, DataFusionError> {
    let facts = Facts::of(&window.input, keys);
    let mut exprs = Vec::with_capacity(window.window_expr.len());
    let mut changed = false;
    for expr in &window.window_expr {
        let Expr::WindowFunction(call) = bare(expr) else {
            exprs.push(expr.clone());
            continue;
        };
        let (completed, choice) = complete_call(&Seen::new(call, &window.input, &facts))?;
        choices.extend(choice);
        changed |= completed.is_some();
        exprs.push(completed.map_or_else(|| expr.clone(), |call| renamed(expr, Expr::from(call))));
    }
    if !changed {
        return Ok(Transformed::no(LogicalPlan::Window(window)));
    }
    rebuilt(window, exprs).map(Transformed::yes)
}

/// Functions of one order, each with its place among all functions of a node.
struct Group {
    order: Vec<(SortExpr, bool)>,
    exprs: Vec<(usize, Expr)>,
}

/// The node with other functions. All functions of one node need the same order, so it may become several; the columns
/// come in the same order as before.
fn rebuilt(window: Window, exprs: Vec<Expr>) -> Result<LogicalPlan, DataFusionError> {
    let mut groups: Vec<Group> = Vec::new();
    for (place, expr) in exprs.into_iter().enumerate() {
        let order = match bare(&expr) {
            Expr::WindowFunction(call) => generate_sort_key(&call.params.partition_by, &call.params.order_by)?,
            _ => Vec::new(),
        };
        match groups.iter().position(|group| group.order == order) {
            Some(known) => groups[known].exprs.push((place, expr)),
            None => groups.push(Group { order, exprs: vec![(place, expr)] }),
        }
    }
    let Window { mut input, schema, .. } = window;
    let in_order = groups.iter().flat_map(|group| group.exprs.iter().map(|(place, _)| *place)).is_sorted();
    for group in groups {
        let exprs = group.exprs.into_iter().map(|(_, expr)| expr).collect();
        input = Arc::new(LogicalPlan::Window(Window::try_new(exprs, input)?));
    }
    if in_order {
        return Ok(Arc::unwrap_or_clone(input));
    }
    let columns = schema.columns().into_iter().map(Expr::Column).collect();
    Projection::try_new_with_schema(columns, input, schema).map(LogicalPlan::Projection)
}

/// A call, and what is known of the rows that it sees.
struct Seen<'a> {
    call: &'a WindowFunction,
    input: &'a LogicalPlan,
    facts: &'a Facts,
    /// The columns that it partitions and orders by.
    given: Columns,
    /// Rows that are equal in these are equal in all columns.
    rows_known: bool,
    /// Rows that are equal in these have the same first argument.
    value_known: bool,
    /// The frame is the whole partition.
    whole: bool,
    /// What is in the frame goes by the places of rows.
    by_place: bool,
}

impl<'a> Seen<'a> {
    fn new(call: &'a WindowFunction, input: &'a LogicalPlan, facts: &'a Facts) -> Seen<'a> {
        let (params, schema) = (&call.params, input.schema());
        let order = params.order_by.iter().map(|key| &key.expr);
        let given = columns_of(params.partition_by.iter().chain(order), schema);
        let known = facts.determined(&given);
        let frame = &params.window_frame;
        let whole = frame.start_bound.is_unbounded() && frame.end_bound.is_unbounded();
        let by_value = |value: &Expr| params.order_by.iter().any(|key| bare(&key.expr) == bare(value));
        Seen {
            rows_known: all(schema).is_subset(&known),
            value_known: sources_of(params.args.first(), schema).is_subset(&known)
                || params.args.first().is_some_and(by_value),
            whole,
            by_place: frame.units == WindowFrameUnits::Rows && !whole,
            call,
            input,
            facts,
            given,
        }
    }

    /// Whether equal rows may change places and the function can tell.
    fn open(&self) -> bool {
        match self.by_place {
            true => !self.rows_known,
            false => !self.value_known,
        }
    }
}

/// The completed call, and what was open; neither for a call that leaves nothing open.
type Outcome = (Option<WindowFunction>, Option<OpenChoice>);

const UNTOUCHED: Outcome = (None, None);

fn complete_call(seen: &Seen) -> Result<Outcome, DataFusionError> {
    let frame = &seen.call.params.window_frame;
    Ok(match dependence(seen.call.fun.name()) {
        Dependence::Peers => UNTOUCHED,
        Dependence::None if seen.by_place && !seen.rows_known => ordered(seen, frame.clone()),
        Dependence::None => UNTOUCHED,
        Dependence::Position if seen.rows_known => UNTOUCHED,
        // Their frame means nothing, but one of distances allows no further key.
        Dependence::Position if frame.can_accept_multi_orderby() => ordered(seen, frame.clone()),
        Dependence::Position => ordered(seen, WindowFrame::new(Some(false))),
        Dependence::Pick if !seen.open() => UNTOUCHED,
        Dependence::Pick if seen.by_place || seen.whole => ordered(seen, frame.clone()),
        Dependence::Pick => match with_the_picked_row(seen.call) {
            Some(frame) => ordered(seen, frame),
            None => (None, Some(frame_choice(seen))),
        },
        Dependence::Gather if !seen.open() => UNTOUCHED,
        Dependence::Gather if seen.by_place || seen.whole => ordered(seen, frame.clone()),
        Dependence::Gather | Dependence::Unknown => (None, Some(frame_choice(seen))),
        Dependence::Any if !seen.open() => UNTOUCHED,
        Dependence::Any => any(seen)?,
    })
}

/// The call with the remaining columns behind its order.
fn ordered(seen: &Seen, frame: WindowFrame) -> Outcome {
    let ties = ties(seen.input, seen.facts, &seen.given, &all(seen.input.schema()));
    if ties.is_empty() {
        return UNTOUCHED;
    }
    let (name, order_by) = (seen.call.fun.name(), &seen.call.params.order_by);
    // An order by a constant is none; frames of ranges have it where none is given.
    let has_order = order_by.iter().any(|key| !matches!(key.expr, Expr::Literal(..)));
    let (message, help) = match has_order {
        true => (
            format!("`{name}` depends on the order of rows that its `order by` leaves equal"),
            "end its `order by` with columns that tell the rows apart, such as a key",
        ),
        false => (
            format!("`{name}` depends on the order of rows, and its window has none"),
            "say the order: `over (… order by …)`",
        ),
    };
    let label = match ties.names.as_slice() {
        [] => "not decided".to_owned(),
        names => format!("decided by {}", listed(names)),
    };
    let choice = choice(seen, ChoiceKind::Window, told(message, &ties.undecided), label, help);
    if ties.added.is_empty() {
        return (None, Some(choice));
    }
    let mut completed = seen.call.clone();
    completed.params.order_by.extend(ties.added);
    completed.params.window_frame = frame;
    (Some(completed), Some(choice))
}

/// A frame for `first_value` or `last_value` that may be ordered further, where the row that they pick is in the frame
/// of every row: the first of all rows, or the last.
fn with_the_picked_row(call: &WindowFunction) -> Option<WindowFrame> {
    let frame = &call.params.window_frame;
    // Behind nulls that are passed over, the picked row may be another one in each frame.
    if call.params.null_treatment == Some(NullTreatment::IgnoreNulls) {
        return None;
    }
    let unbounded = ScalarValue::UInt64(None);
    match (call.fun.name(), &frame.start_bound, &frame.end_bound) {
        ("first_value", start, WindowFrameBound::CurrentRow) if start.is_unbounded() => Some(frame.clone()),
        ("first_value", start, WindowFrameBound::Following(_)) if start.is_unbounded() => {
            Some(WindowFrame::new_bounds(frame.units, start.clone(), WindowFrameBound::Following(unbounded)))
        }
        ("last_value", WindowFrameBound::CurrentRow, end) if end.is_unbounded() => Some(frame.clone()),
        ("last_value", WindowFrameBound::Preceding(_), end) if end.is_unbounded() => {
            Some(WindowFrame::new_bounds(frame.units, WindowFrameBound::Preceding(unbounded), end.clone()))
        }
        _ => None,
    }
}

/// `any_value`: the least value in the frame, and the frame itself where it goes by places.
fn any(seen: &Seen) -> Result<Outcome, DataFusionError> {
    let Some(value) = seen.call.params.args.first() else { return Ok(UNTOUCHED) };
    let schema: &DFSchema = seen.input.schema();
    let data_type = value.get_type(schema)?;
    let message = "`any_value` may give any value".to_owned();
    if !is_sortable(&data_type) || matches!(data_type, DataType::Dictionary(..)) {
        let message = told(message, &mentions([value]));
        return Ok((None, Some(choice(seen, ChoiceKind::Window, message, "not decided".to_owned(), ANY_HELP))));
    }
    let mut completed = seen.call.clone();
    completed.fun = WindowFunctionDefinition::AggregateUDF(min_udaf());
    completed.params.null_treatment = None;
    if seen.by_place {
        let frame = completed.params.window_frame.clone();
        let (further, _) = ordered(&Seen::new(&completed, seen.input, seen.facts), frame);
        completed = further.unwrap_or(completed);
    }
    Ok((Some(completed), Some(choice(seen, ChoiceKind::Window, message, LEAST.to_owned(), ANY_HELP))))
}

fn frame_choice(seen: &Seen) -> OpenChoice {
    let name = seen.call.fun.name();
    let message = format!("`{name}` depends on the order of rows that its `order by` leaves equal");
    let label = "its frame takes equal rows together".to_owned();
    let help = "count rows, as in `rows between unbounded preceding and current row`, or end the `order by` with a key";
    choice(seen, ChoiceKind::Frame, message, label, help)
}

fn choice(seen: &Seen, kind: ChoiceKind, message: String, label: String, help: &str) -> OpenChoice {
    let params = &seen.call.params;
    let order = params.order_by.iter().map(|key| &key.expr);
    let parts = params.args.iter().chain(&params.partition_by).chain(order).chain(params.filter.as_deref());
    OpenChoice {
        kind,
        function: Some(seen.call.fun.name().to_owned()),
        message,
        label,
        help: help.to_owned(),
        signature: Signature { mentions: mentions(parts), ..Signature::default() },
    }
}
