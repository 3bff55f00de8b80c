//! How deep subqueries nest in expressions of a plan, those of virtual slices that it reads included.
//!
//! DataFusion's walk over a plan with its subqueries goes through each of them more than once, so that its time doubles with each
//! level. Queries of people have two or three.

use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{DataFusionError, Result};
use datafusion::logical_expr::{Expr, LogicalPlan};

/// Levels that are planned: at twice as many a plan takes hours.
const MAX_DEPTH: usize = 12;

/// What is said of a plan with more.
pub const TOO_DEEP: &str = "subqueries nest more than 12 deep here, those of virtual slices that are read included";

/// Refuses a plan whose subqueries nest too deep. Linear in the plan.
pub fn bound(plan: &LogicalPlan) -> Result<()> {
    if depth(plan)? > MAX_DEPTH { Err(DataFusionError::Plan(TOO_DEEP.to_owned())) } else { Ok(()) }
}

fn depth(plan: &LogicalPlan) -> Result<usize> {
    let mut deepest = 0;
    for input in plan.inputs() {
        deepest = deepest.max(depth(input)?);
    }
    plan.apply_expressions(|expression| {
        expression.apply(|expression| {
            let subquery = match expression {
                Expr::ScalarSubquery(subquery) => Some(subquery),
                Expr::Exists(exists) => Some(&exists.subquery),
                Expr::InSubquery(within) => Some(&within.subquery),
                Expr::SetComparison(comparison) => Some(&comparison.subquery),
                _ => None,
            };
            if let Some(subquery) = subquery {
                deepest = deepest.max(1 + depth(&subquery.subquery)?);
            }
            Ok(TreeNodeRecursion::Continue)
        })
    })?;
    Ok(deepest)
}
