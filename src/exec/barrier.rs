//! Keeps conditions that look at no column above aggregates without groups.
//!
//! DataFusion 55 moves a condition below an aggregate where it names only grouping keys, and takes one that names no column
//! for such. Without groups an aggregate gives a row of no rows, so `where 2 <= (select count(*) …)` over it would let that
//! row through. A limit that takes all rows is in the way of such moves.

use crate::sql::LogicalPlan;
use datafusion::common::Result;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::logical_plan::{Aggregate, Limit};
use datafusion::logical_expr::utils::split_conjunction;
use datafusion::logical_expr::{Expr, lit};
use std::sync::Arc;

/// More rows than an aggregate over grouping sets gives, and few enough to add to.
const ALL_ROWS: i64 = 1 << 40;

/// Puts limits above the aggregates below conditions without columns. A condition that comes from outside of a correlated
/// subquery has columns, so those are left as they are.
pub fn keep_above_aggregates(plan: LogicalPlan) -> Result<LogicalPlan> {
    plan.transform_up_with_subqueries(|node| {
        let conditions: &[Expr] = match &node {
            LogicalPlan::Filter(filter) => std::slice::from_ref(&filter.predicate),
            LogicalPlan::Join(join) => join.filter.as_slice(),
            _ => &[],
        };
        let without_columns = |condition: &&Expr| {
            !matches!(condition, Expr::Literal(..)) && condition.column_refs().is_empty() && !condition.contains_outer()
        };
        if !conditions.iter().flat_map(split_conjunction).any(|condition| without_columns(&condition)) {
            return Ok(Transformed::no(node));
        }
        node.map_children(|child| child.transform_down(hold))
    })
    .data()
}

fn hold(node: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
    match node {
        // What is held already.
        LogicalPlan::Limit(limit) => Ok(Transformed::new(LogicalPlan::Limit(limit), false, TreeNodeRecursion::Jump)),
        LogicalPlan::Aggregate(aggregate) if gives_a_row_of_none(&aggregate) && !has_outer(&aggregate)? => {
            let input = Arc::new(LogicalPlan::Aggregate(aggregate));
            let limit = Limit { skip: None, fetch: Some(Box::new(lit(ALL_ROWS))), input };
            Ok(Transformed::new(LogicalPlan::Limit(limit), true, TreeNodeRecursion::Jump))
        }
        other => Ok(Transformed::no(other)),
    }
}

/// Without groups, or with a set of no keys among its grouping sets.
fn gives_a_row_of_none(aggregate: &Aggregate) -> bool {
    aggregate.group_expr.is_empty() || matches!(aggregate.group_expr.as_slice(), [Expr::GroupingSet(_)])
}

fn has_outer(aggregate: &Aggregate) -> Result<bool> {
    let mut found = false;
    aggregate.input.apply_with_subqueries(|node| {
        found |= node.contains_outer_reference();
        Ok(if found { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    })?;
    Ok(found)
}
