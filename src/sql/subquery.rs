//! Correlated subqueries over aggregates without groups, which the engine can't run rightly in every place.

use crate::sql::LogicalPlan;
use datafusion::common::Result;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::expr::{Exists, InSubquery, SetComparison};
use datafusion::logical_expr::logical_plan::{Aggregate, Subquery};
use datafusion::logical_expr::{Expr, LogicalPlan as Plan};

/// Whether a plan gives exactly one row, whatever there is to aggregate.
pub fn one_row(plan: &LogicalPlan) -> bool {
    match plan {
        Plan::Projection(projection) => one_row(&projection.input),
        Plan::SubqueryAlias(alias) => one_row(&alias.input),
        Plan::Sort(sort) => sort.fetch.is_none() && one_row(&sort.input),
        Plan::Aggregate(aggregate) => aggregate.group_expr.is_empty(),
        _ => false,
    }
}

/// Whether a subquery in `exists`, `in`, `any` or `all` aggregates what the query around picks into a row, also where nothing
/// is picked, and then looks at that row: the engine has none where nothing is picked.
pub(super) fn loses_rows(plan: &LogicalPlan) -> bool {
    let mut found = false;
    let walked = plan.apply_with_subqueries(|node| {
        node.apply_expressions(|expr| {
            expr.apply(|expr| {
                if let Expr::Exists(Exists { subquery, .. })
                | Expr::InSubquery(InSubquery { subquery, .. })
                | Expr::SetComparison(SetComparison { subquery, .. }) = expr
                {
                    found |= looks_at_the_row(subquery)?;
                }
                Ok(TreeNodeRecursion::Continue)
            })
        })
    });
    found || walked.is_err()
}

fn looks_at_the_row(subquery: &Subquery) -> Result<bool> {
    if subquery.outer_ref_columns.is_empty() || one_row(&subquery.subquery) {
        return Ok(false);
    }
    let mut found = false;
    subquery.subquery.apply(|node| {
        if let Plan::Aggregate(aggregate) = node {
            found |= gives_a_row_of_none(aggregate) && reads_around(&aggregate.input)?;
        }
        Ok(if found { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    })?;
    Ok(found)
}

/// Without groups, or with a set of no keys among its grouping sets.
pub fn gives_a_row_of_none(aggregate: &Aggregate) -> bool {
    aggregate.group_expr.is_empty() || matches!(aggregate.group_expr.as_slice(), [Expr::GroupingSet(_)])
}

/// Whether a plan looks at columns of a query around.
pub fn reads_around(plan: &LogicalPlan) -> Result<bool> {
    let mut found = false;
    plan.apply_with_subqueries(|node| {
        found |= node.contains_outer_reference();
        Ok(if found { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    })?;
    Ok(found)
}
