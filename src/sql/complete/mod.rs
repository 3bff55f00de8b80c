//! An analysed plan → the same plan without the choices that SQL leaves to the engine, and a warning for each choice.
//!
//! A slice is a function of the bags of rows that it reads. Where SQL allows more than one result, the plan is
//! completed to one of them before it is fingerprinted or run, always to the same one:
//!
//! | open in SQL | completed by |
//! |---|---|
//! | `limit`: rows that `order by` leaves equal | the remaining columns of the ordered rows, in their order |
//! | `limit` without `order by` | an order by all columns |
//! | `distinct on`: which row is kept | the remaining columns behind its `order by` |
//! | `row_number`, `ntile`, `lag`, `lead`, frames of `rows` | the remaining columns behind the window's `order by` |
//! | `first_value`, `last_value`, `nth_value` | the remaining columns behind their `order by` |
//! | `array_agg`, `string_agg` | the value itself behind their `order by` |
//! | `any_value` | the least value |
//!
//! "Remaining" columns are those that don't follow from the ones before them ([`unique`] proves which do), each
//! ascending with nulls last. Rows that are equal in all columns may change places: nobody can see it.
//!
//! Left as they are: `rank` and its kin, which give equal rows the same number (a further key would change it);
//! aggregates that don't depend on an order; `order by` without a limit.
//!
//! A frame of `range` or `groups` ends with all rows that are equal to the current one, and a further key would leave
//! some of them out. Where the result depends on their order (`last_value`, a growing `array_agg`) there is no
//! completion: that is an error ([`ChoiceKind::Frame`]).
//!
//! Held by every completion:
//!
//! - the result is one that SQL allows;
//! - the plan's columns keep their names, qualifiers and types;
//! - a completed plan has no open choice, so a virtual slice is completed once, not again in each of its readers. (Rows
//!   that differ only in columns without an order, such as maps, stay open, and each reader is warned again.)

mod choice;
mod functions;
mod unique;
mod ties;
mod limit;
mod sorting;
mod aggregate;
mod window;
mod locate;

#[cfg(test)]
mod tests;

pub use choice::OpenChoice;
pub use functions::ignores_frame;
pub use locate::locate;

use crate::name::RelationName;
use crate::sql::LogicalPlan;
use datafusion::common::DataFusionError;
use datafusion::common::tree_node::Transformed;
use datafusion::logical_expr::Distinct;
use unique::Keys;

/// A plan without open choices, but for those of [`ChoiceKind::Frame`].
#[derive(Clone, Debug)]
pub struct Completed {
    pub plan: LogicalPlan,
    /// What was completed, and what can't be.
    pub choices: Vec<OpenChoice>,
}

/// Completes an analysed plan, subqueries included. `keys` gives the columns of a relation's verified key, none of
/// which is ever null; nothing for a relation without one.
pub fn complete(plan: LogicalPlan, keys: &dyn Fn(&RelationName) -> Vec<String>) -> Result<Completed, DataFusionError> {
    let mut choices = Vec::new();
    let completed = plan.transform_up_with_subqueries(|node| complete_node(node, keys, &mut choices))?;
    Ok(Completed { plan: completed.data, choices })
}

/// Completes one node over inputs that are complete.
fn complete_node(
    node: LogicalPlan,
    keys: Keys,
    choices: &mut Vec<OpenChoice>,
) -> Result<Transformed<LogicalPlan>, DataFusionError> {
    match node {
        LogicalPlan::Limit(limit) => Ok(limit::limit(limit, keys, choices)),
        LogicalPlan::Sort(sort) => Ok(limit::sort(sort, keys, choices)),
        LogicalPlan::Distinct(Distinct::On(on)) => limit::distinct_on(on, keys, choices),
        LogicalPlan::Aggregate(aggregate) => aggregate::aggregate(aggregate, keys, choices),
        LogicalPlan::Window(window) => window::window(window, keys, choices),
        node @ (LogicalPlan::Projection(_)
        | LogicalPlan::Filter(_)
        | LogicalPlan::Join(_)
        | LogicalPlan::Repartition(_)
        | LogicalPlan::Union(_)
        | LogicalPlan::TableScan(_)
        | LogicalPlan::EmptyRelation(_)
        | LogicalPlan::Subquery(_)
        | LogicalPlan::SubqueryAlias(_)
        | LogicalPlan::Statement(_)
        | LogicalPlan::Values(_)
        | LogicalPlan::Explain(_)
        | LogicalPlan::Analyze(_)
        | LogicalPlan::Extension(_)
        | LogicalPlan::Distinct(Distinct::All(_))
        | LogicalPlan::Dml(_)
        | LogicalPlan::Ddl(_)
        | LogicalPlan::Copy(_)
        | LogicalPlan::DescribeTable(_)
        | LogicalPlan::Unnest(_)
        | LogicalPlan::RecursiveQuery(_)) => Ok(Transformed::no(node)),
    }
}
