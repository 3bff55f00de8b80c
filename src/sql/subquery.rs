//! Correlated subqueries over aggregates without groups, which the engine can't run rightly in every place.

use crate::sql::LogicalPlan;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, Result};
use datafusion::logical_expr::expr::{Exists, InSubquery, SetComparison};
use datafusion::logical_expr::logical_plan::{Aggregate, Subquery};
use datafusion::logical_expr::utils::split_conjunction;
use datafusion::logical_expr::{Expr, LogicalPlan as Plan};
use std::collections::BTreeMap;

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

/// What the engine would get wrong of a correlated subquery.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Wrong {
    /// An aggregate without groups gives a row, also of nothing, and something looks at that row: the engine has none.
    Row,
    /// `offset` in `exists`: it is left out.
    Offset,
    /// Columns of two tables that have one name: they are taken for one.
    Namesakes,
}

/// The first correlated subquery that the engine would get wrong.
pub(super) fn wrong(plan: &LogicalPlan) -> Option<Wrong> {
    let mut found = None;
    let walked = plan.apply_with_subqueries(|node| {
        node.apply_expressions(|expr| {
            expr.apply(|expr| {
                let (subquery, condition) = match expr {
                    Expr::Exists(Exists { subquery, .. })
                    | Expr::InSubquery(InSubquery { subquery, .. })
                    | Expr::SetComparison(SetComparison { subquery, .. }) => (subquery, true),
                    Expr::ScalarSubquery(subquery) => (subquery, false),
                    _ => return Ok(TreeNodeRecursion::Continue),
                };
                if found.is_none() && !subquery.outer_ref_columns.is_empty() {
                    found = wrong_of(subquery, condition, matches!(expr, Expr::Exists(_)))?;
                }
                Ok(TreeNodeRecursion::Continue)
            })
        })
    });
    found.or_else(|| walked.is_err().then_some(Wrong::Row))
}

fn wrong_of(subquery: &Subquery, condition: bool, exists: bool) -> Result<Option<Wrong>> {
    let one_row = one_row(&subquery.subquery);
    let mut found = None;
    let mut named: BTreeMap<String, Column> = BTreeMap::new();
    subquery.subquery.apply(|node| {
        match node {
            Plan::Aggregate(aggregate) if condition && !one_row && gives_a_row_of_none(aggregate) => {
                found = reads_around(&aggregate.input)?.then_some(Wrong::Row);
            }
            Plan::Limit(limit) if exists && limit.skip.is_some() => found = Some(Wrong::Offset),
            // What is compared with the query around becomes a column of the subquery, by its name alone.
            Plan::Filter(filter) => {
                for conjunct in split_conjunction(&filter.predicate).into_iter().filter(|it| it.contains_outer()) {
                    for column in conjunct.column_refs() {
                        let known = named.entry(column.name.clone()).or_insert_with(|| column.clone());
                        if known.relation != column.relation {
                            found = Some(Wrong::Namesakes);
                        }
                    }
                }
            }
            _ => {}
        }
        Ok(if found.is_some() { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    })?;
    Ok(found)
}

/// Without groups, or with a set of no keys among its grouping sets.
pub fn gives_a_row_of_none(aggregate: &Aggregate) -> bool {
    aggregate.group_expr.is_empty() || matches!(aggregate.group_expr.as_slice(), [Expr::GroupingSet(_)])
}

/// Whether a plan looks at columns of a query around; its own subqueries look at it.
pub fn reads_around(plan: &LogicalPlan) -> Result<bool> {
    let mut found = false;
    plan.apply(|node| {
        found |= node.contains_outer_reference();
        Ok(if found { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    })?;
    Ok(found)
}
