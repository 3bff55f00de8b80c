//! Types of the columns that subqueries take from the query around.
//!
//! DataFusion 55 writes such a column's type down where it is mentioned, before types are settled: of
//! `case when a then small else big end` that of the first branch. Then the column gets another type, the mention keeps its
//! own, and a comparison with it fails when it runs.

use super::LogicalPlan;
use super::subquery::is_lateral;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{DFSchema, ExprSchema, Result};
use datafusion::logical_expr::Expr;
use datafusion::logical_expr::expr::{Exists, InSubquery, SetComparison};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::logical_plan::{Join, Subquery};
use std::sync::Arc;

/// The plan with each mention of a column of the query around typed as that is; `None` where all are. Types that follow from
/// it aren't settled.
pub fn retyped(plan: &LogicalPlan) -> Result<Option<LogicalPlan>> {
    let mut mentions = false;
    plan.apply_with_subqueries(|node| {
        mentions |= node.contains_outer_reference();
        Ok(TreeNodeRecursion::Continue)
    })?;
    if !mentions {
        return Ok(None);
    }
    let done = in_plan(plan.clone(), &mut Vec::new())?;
    Ok(done.transformed.then_some(done.data))
}

/// `around` are the schemas of the queries around, the next one last.
fn in_plan(plan: LogicalPlan, around: &mut Vec<DFSchema>) -> Result<Transformed<LogicalPlan>> {
    let below = match plan {
        LogicalPlan::Join(join) => in_join(join, around)?,
        other => other.map_children(|input| in_plan(input, around))?,
    };
    let schemas = below.data.inputs().into_iter().map(|input| input.schema().as_ref().clone());
    let own = schemas.reduce(|all, more| all.join(&more).unwrap_or(all)).unwrap_or_else(DFSchema::empty);
    let names = NamePreserver::new(&below.data);
    let done = below.transform_data(|node| {
        node.map_expressions(|expr| {
            let name = names.save(&expr);
            let done = expr.transform_up(|expr| in_expression(expr, &own, around))?;
            Ok(if done.transformed { done.update_data(|expr| name.restore(expr)) } else { done })
        })
    })?;
    if done.transformed { done.map_data(LogicalPlan::recompute_schema) } else { Ok(done) }
}

/// The right side of a lateral join is a subquery of the left one.
fn in_join(join: Join, around: &mut Vec<DFSchema>) -> Result<Transformed<LogicalPlan>> {
    let left = in_plan(join.left.as_ref().clone(), around)?;
    let lateral = is_lateral(&join.right);
    if lateral {
        around.push(left.data.schema().as_ref().clone());
    }
    let right = in_plan(join.right.as_ref().clone(), around);
    if lateral {
        around.pop();
    }
    let right = right?;
    let transformed = left.transformed || right.transformed;
    let (left, right) = (Arc::new(left.data), Arc::new(right.data));
    let data = LogicalPlan::Join(Join { left, right, ..join });
    Ok(if transformed { Transformed::yes(data) } else { Transformed::no(data) })
}

fn in_expression(expr: Expr, own: &DFSchema, around: &mut Vec<DFSchema>) -> Result<Transformed<Expr>> {
    Ok(match expr {
        Expr::OuterReferenceColumn(field, column) => {
            let typed = around.iter().rev().find_map(|schema| schema.field_from_column(&column).ok());
            match typed.filter(|typed| typed.data_type() != field.data_type()) {
                Some(typed) => Transformed::yes(Expr::OuterReferenceColumn(Arc::clone(typed), column)),
                None => Transformed::no(Expr::OuterReferenceColumn(field, column)),
            }
        }
        Expr::ScalarSubquery(subquery) => in_subquery(subquery, own, around)?.update_data(Expr::ScalarSubquery),
        Expr::Exists(Exists { subquery, negated }) => {
            in_subquery(subquery, own, around)?.update_data(|subquery| Expr::Exists(Exists { subquery, negated }))
        }
        Expr::InSubquery(InSubquery { expr, subquery, negated }) => in_subquery(subquery, own, around)?
            .update_data(|subquery| Expr::InSubquery(InSubquery { expr, subquery, negated })),
        Expr::SetComparison(SetComparison { expr, subquery, op, quantifier }) => in_subquery(subquery, own, around)?
            .update_data(|subquery| Expr::SetComparison(SetComparison { expr, subquery, op, quantifier })),
        other => Transformed::no(other),
    })
}

fn in_subquery(subquery: Subquery, own: &DFSchema, around: &mut Vec<DFSchema>) -> Result<Transformed<Subquery>> {
    around.push(own.clone());
    let body = in_plan(subquery.subquery.as_ref().clone(), around);
    let mentioned = subquery.outer_ref_columns.iter().cloned();
    let mentioned: Result<Vec<Expr>> = mentioned.map(|expr| Ok(in_expression(expr, own, around)?.data)).collect();
    around.pop();
    let (body, outer_ref_columns) = (body?, mentioned?);
    let spans = subquery.spans;
    Ok(body.update_data(|body| Subquery { subquery: Arc::new(body), outer_ref_columns, spans }))
}
