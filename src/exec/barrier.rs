//! Keeps conditions above aggregates without groups.
//!
//! DataFusion 55 moves a condition below an aggregate where it names only grouping keys, and takes one that names no column
//! for such. Without groups an aggregate gives a row of no rows, so `where 2 <= (select count(*) …)` over it would let that
//! row through. A condition may lose its columns on the way down, where a projection in between gives constants. A limit
//! that takes all rows is in the way of such moves.

use crate::sql::{LogicalPlan, gives_a_row_of_none, reads_around};
use datafusion::common::Result;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNodeRecursion};
use datafusion::logical_expr::lit;
use datafusion::logical_expr::logical_plan::Limit;
use std::sync::Arc;

/// More rows than an aggregate over grouping sets gives, and few enough to add to.
const ALL_ROWS: i64 = 1 << 40;

/// Puts limits above such aggregates, in a plan that has conditions at all. A condition that comes from outside of a
/// correlated subquery has columns, so those are left as they are.
pub fn keep_above_aggregates(plan: LogicalPlan) -> Result<LogicalPlan> {
    let mut conditions = false;
    plan.apply_with_subqueries(|node| {
        conditions |= matches!(node, LogicalPlan::Filter(_) | LogicalPlan::Join(_));
        Ok(if conditions { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    })?;
    if !conditions {
        return Ok(plan);
    }
    plan.transform_up_with_subqueries(hold).data()
}

fn hold(node: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
    match node {
        LogicalPlan::Aggregate(aggregate) if gives_a_row_of_none(&aggregate) && !reads_around(&aggregate.input)? => {
            let input = Arc::new(LogicalPlan::Aggregate(aggregate));
            let limit = Limit { skip: None, fetch: Some(Box::new(lit(ALL_ROWS))), input };
            Ok(Transformed::yes(LogicalPlan::Limit(limit)))
        }
        other => Ok(Transformed::no(other)),
    }
}
