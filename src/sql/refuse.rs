//! What the engine would get wrong of a query that it can plan: refused, since a wrong result says nothing.
//!
//! What can be told from the text alone is refused by [`super::gate`]; what can be put right is, where plans are run.

use super::LogicalPlan;
use super::localize::PlaceKind;
use super::subquery::{gives_a_row_of_none, one_row, reads_around};
use crate::diagnostic::{Code, Diagnostic};
use crate::text::Span;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, DFSchema, Result};
use datafusion::logical_expr::expr::{Exists, InSubquery, SetComparison};
use datafusion::logical_expr::logical_plan::Subquery;
use datafusion::logical_expr::utils::split_conjunction;
use datafusion::logical_expr::{
    BinaryExpr, Case, Cast, Expr, ExprSchemable, JoinType, Operator, WindowFrameBound, WindowFrameUnits,
};
use std::collections::BTreeMap;

/// A kind of mistake.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Wrong {
    /// An aggregate without groups gives a row, also of nothing, and something looks at that row: the engine has none.
    Row,
    /// `offset` in a correlated `exists`: it is left out.
    Offset,
    /// Columns of two tables in a correlated subquery that have one name: they are taken for one.
    Namesakes,
    /// `in` where it is null and something can tell that from false: it is false.
    In,
    /// `not in` over rows that the query around picks: a join that knows of nulls compares one column.
    NotIn,
    /// A scalar subquery that may have no row, over a column that is never null: it is taken for never null.
    Null,
    /// A condition over a subquery where the engine can't run one: anywhere but in `where`, `having` and `on`.
    Outside,
    /// A frame of `range` that ends before the current row, over keys that may be null.
    Frame,
}

impl Wrong {
    /// Where in a query it is looked for.
    pub fn place(self) -> PlaceKind {
        match self {
            Wrong::Frame => PlaceKind::Window,
            Wrong::Row | Wrong::Offset | Wrong::Namesakes | Wrong::In | Wrong::NotIn | Wrong::Null | Wrong::Outside => {
                PlaceKind::Subquery
            }
        }
    }

    pub fn at(self, span: Span) -> Diagnostic {
        let (message, label, help) = match self {
            Wrong::Row => (
                "an aggregate without `group by` over rows that the query around picks isn't supported here",
                "looked at by a condition, `having` or `limit`",
                "compare the aggregate itself: `where (select count(*) … ) > 0`",
            ),
            Wrong::Offset => (
                "`offset` isn't supported in an `exists` over rows that the query around picks",
                "the engine leaves the `offset` out",
                "count instead: `where (select count(*) … ) > 2`",
            ),
            Wrong::Namesakes => (
                "two columns of one name, compared with the query around, aren't supported in a subquery",
                "the engine takes them for one",
                "give one of them another name: `from (select k as other_k, … from …) y`",
            ),
            Wrong::In => (
                "`in` isn't supported here where one of the values may be null",
                "null, which the engine takes for false",
                "say `exists (select 1 from … where … = …)`, or `not exists`, which are never null",
            ),
            Wrong::NotIn => (
                "`not in` over rows that the query around picks isn't supported",
                "picked by columns of the query around",
                "say `not exists (select 1 from … where … = …)`",
            ),
            Wrong::Null => (
                "this subquery may have no row, and its column is never null, which isn't supported",
                "the engine takes it for never null",
                "aggregate it: `(select max(…) from …)` is null where there is no row",
            ),
            Wrong::Outside => (
                "`exists`, `in` and `any` over a subquery are only supported as conditions for rows",
                "not a condition of `where` or `having`",
                "count instead: `(select count(*) from … where …) > 0`; a joined table is filtered before it is joined: \
                 `left join (select … where exists (…)) t on …`",
            ),
            Wrong::Frame => (
                "a `range` that ends before the current row isn't supported where its key may be null",
                "the engine loses count of nulls",
                "leave the rows without a key out first: `from (select … where … is not null)`, and `coalesce` the key",
            ),
        };
        Diagnostic::error(Code::Unsupported, message).at(span, label).with_help(help)
    }
}

/// The first mistake that the engine would make.
pub fn wrong(plan: &LogicalPlan) -> Option<Wrong> {
    let mut found = None;
    let walked = plan.apply_with_subqueries(|node| {
        if let LogicalPlan::Subquery(subquery) = node {
            found = correlated(subquery, Place::Lateral)?;
        }
        if found.is_none() && !is_looked_at(node)? {
            return Ok(TreeNodeRecursion::Continue);
        }
        let positive = matches!(node, LogicalPlan::Filter(_) | LogicalPlan::Join(_));
        let schemas = node.inputs().into_iter().map(|input| input.schema().as_ref().clone());
        let schema = schemas.reduce(|all, more| all.join(&more).unwrap_or(all)).unwrap_or_else(DFSchema::empty);
        node.apply_expressions(|expr| {
            if found.is_none() && !runs_conditions(node, expr) && holds_condition(expr)? {
                found = Some(Wrong::Outside);
            }
            if found.is_none() {
                found = of_expression(expr, &schema, positive)?;
            }
            Ok(TreeNodeRecursion::Continue)
        })?;
        Ok(if found.is_some() { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    });
    // What can't be looked at is refused too.
    found.or_else(|| walked.is_err().then_some(Wrong::Row))
}

/// Whether something in a node's own expressions can be wrong: schemas of most nodes needn't be put together.
fn is_looked_at(node: &LogicalPlan) -> Result<bool> {
    let mut looked_at = false;
    node.apply_expressions(|expr| {
        looked_at = expr.exists(|expr| Ok(is_subquery(expr) || matches!(expr, Expr::WindowFunction(_))))?;
        Ok(if looked_at { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    })?;
    Ok(looked_at)
}

fn of_expression(expr: &Expr, schema: &DFSchema, positive: bool) -> Result<Option<Wrong>> {
    let told = if positive { Told::Conjunct } else { Told::Exactly };
    let compared = if positive { compared(expr) } else { Vec::new() };
    let not_in = |expr: &Expr| Ok(matches!(expr, Expr::InSubquery(within) if within.negated && is_picked(within)));
    let mut found = match expr.exists(not_in)? {
        true => Some(Wrong::NotIn),
        false => is_null_told(expr, schema, told)?.then_some(Wrong::In),
    };
    expr.apply(|expr| {
        let here = match expr {
            Expr::Exists(Exists { subquery, .. }) => correlated(subquery, Place::Exists)?,
            Expr::InSubquery(InSubquery { subquery, .. }) | Expr::SetComparison(SetComparison { subquery, .. }) => {
                correlated(subquery, Place::Values)?
            }
            Expr::ScalarSubquery(subquery) if may_be_null_unawares(subquery) && !compared.contains(&subquery) => {
                Some(Wrong::Null)
            }
            Expr::ScalarSubquery(subquery) => correlated(subquery, Place::Scalar)?,
            Expr::WindowFunction(call) => {
                let frame = &call.params.window_frame;
                let before = matches!(&frame.end_bound, WindowFrameBound::Preceding(distance) if !distance.is_null());
                let nullable = call.params.order_by.iter().any(|key| key.expr.nullable(schema).unwrap_or(true));
                (frame.units == WindowFrameUnits::Range && before && nullable).then_some(Wrong::Frame)
            }
            _ => None,
        };
        found = found.or(here);
        Ok(if found.is_some() { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    })?;
    Ok(found)
}

/// The scalar subqueries of a condition that are compared with a value, so that it doesn't hold where there is no row. Nothing is
/// made of whether such a comparison may be null, unless both sides are the same.
fn compared(condition: &Expr) -> Vec<&Subquery> {
    let is_plain = |expr: &Expr| !expr.exists(|expr| Ok(is_subquery(expr))).unwrap_or(true);
    let mut found = Vec::new();
    for conjunct in split_conjunction(condition) {
        let Expr::BinaryExpr(BinaryExpr { left, op, right }) = conjunct else { continue };
        let compares = matches!(
            op,
            Operator::Eq | Operator::NotEq | Operator::Lt | Operator::LtEq | Operator::Gt | Operator::GtEq
        );
        for (side, other) in [(left, right), (right, left)] {
            if let (true, Expr::ScalarSubquery(subquery), true) = (compares, uncast(side), is_plain(other)) {
                found.push(subquery);
            }
        }
    }
    found
}

fn uncast(expr: &Expr) -> &Expr {
    match expr {
        Expr::Cast(Cast { expr, .. }) => uncast(expr),
        other => other,
    }
}

fn is_subquery(expr: &Expr) -> bool {
    matches!(expr, Expr::ScalarSubquery(_)) || subquery_of(expr).is_some()
}

/// Whether a node's expression may hold conditions over subqueries: they become joins of the rows that it filters.
fn runs_conditions(node: &LogicalPlan, expr: &Expr) -> bool {
    match node {
        LogicalPlan::Filter(_) => true,
        LogicalPlan::Join(join) => {
            let filtered = match join.join_type {
                JoinType::Inner => return true,
                JoinType::Left => join.right.schema(),
                JoinType::Right => join.left.schema(),
                _ => return false,
            };
            // What is pushed below the joined table's names keeps the names in the subquery (seen as wrong rows).
            let correlated =
                |expr: &Expr| Ok(subquery_of(expr).is_some_and(|subquery| !subquery.outer_ref_columns.is_empty()));
            let about = |conjunct: &Expr| {
                let own = conjunct.column_refs().into_iter().all(|column| filtered.has_column(column));
                own && !conjunct.exists(correlated).unwrap_or(true)
            };
            split_conjunction(expr).into_iter().all(|it| !holds_condition(it).unwrap_or(true) || about(it))
        }
        _ => false,
    }
}

fn holds_condition(expr: &Expr) -> Result<bool> {
    expr.exists(|expr| Ok(subquery_of(expr).is_some()))
}

fn subquery_of(condition: &Expr) -> Option<&Subquery> {
    match condition {
        Expr::Exists(Exists { subquery, .. })
        | Expr::InSubquery(InSubquery { subquery, .. })
        | Expr::SetComparison(SetComparison { subquery, .. }) => Some(subquery),
        _ => None,
    }
}

fn may_be_null_unawares(subquery: &Subquery) -> bool {
    !one_row(&subquery.subquery) && subquery.subquery.schema().fields().iter().any(|field| !field.is_nullable())
}

/// Where a subquery stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Exists,
    Values,
    Scalar,
    Lateral,
}

fn correlated(subquery: &Subquery, place: Place) -> Result<Option<Wrong>> {
    if subquery.outer_ref_columns.is_empty() {
        return Ok(None);
    }
    let looked_at = matches!(place, Place::Exists | Place::Values) && !one_row(&subquery.subquery);
    let mut found = None;
    let mut named: BTreeMap<String, Column> = BTreeMap::new();
    subquery.subquery.apply(|node| {
        match node {
            LogicalPlan::Aggregate(aggregate) if looked_at && gives_a_row_of_none(aggregate) => {
                found = reads_around(&aggregate.input)?.then_some(Wrong::Row);
            }
            LogicalPlan::Limit(limit) if place == Place::Exists && limit.skip.is_some() => found = Some(Wrong::Offset),
            // What is compared with the query around becomes a column of the subquery, by its name alone.
            LogicalPlan::Filter(filter) => {
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

/// Whether null is told from false.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Told {
    /// No: rows go where it isn't true, and nothing stands around.
    Conjunct,
    /// No, but something stands around.
    Truth,
    Exactly,
}

/// Whether an expression holds an `in` that may be null where that can be told from false. `not in` as a condition of its own
/// is a join that knows of nulls, if it is about columns and isn't correlated.
fn is_null_told(expr: &Expr, schema: &DFSchema, told: Told) -> Result<bool> {
    let inside = if told == Told::Exactly { Told::Exactly } else { Told::Truth };
    let any = |exprs: &mut dyn Iterator<Item = &Expr>, told: Told| -> Result<bool> {
        for expr in exprs {
            if is_null_told(expr, schema, told)? {
                return Ok(true);
            }
        }
        Ok(false)
    };
    Ok(match expr {
        Expr::Alias(alias) => is_null_told(&alias.expr, schema, told)?,
        Expr::BinaryExpr(binary) if binary.op == Operator::And => {
            any(&mut [binary.left.as_ref(), binary.right.as_ref()].into_iter(), told)?
        }
        Expr::BinaryExpr(binary) if binary.op == Operator::Or => {
            any(&mut [binary.left.as_ref(), binary.right.as_ref()].into_iter(), inside)?
        }
        Expr::Case(Case { expr: None, when_then_expr, else_expr }) => {
            let whens = &mut when_then_expr.iter().map(|(when, _)| when.as_ref());
            let thens = &mut when_then_expr.iter().map(|(_, then)| then.as_ref()).chain(else_expr.as_deref());
            any(whens, Told::Truth)? || any(thens, inside)?
        }
        Expr::Not(inner) => match inner.as_ref() {
            Expr::InSubquery(within) => is_in_told(within, !within.negated, schema, told)?,
            other => is_null_told(other, schema, Told::Exactly)?,
        },
        Expr::InSubquery(within) => {
            is_in_told(within, within.negated, schema, told)? || is_null_told(&within.expr, schema, Told::Exactly)?
        }
        other => {
            let mut found = false;
            other.apply_children(|child| {
                found |= is_null_told(child, schema, Told::Exactly)?;
                Ok(if found { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
            })?;
            found
        }
    })
}

/// Whether the query around picks the values. One row is compared with instead.
fn is_picked(within: &InSubquery) -> bool {
    !within.subquery.outer_ref_columns.is_empty() && !one_row(&within.subquery.subquery)
}

fn is_in_told(within: &InSubquery, negated: bool, schema: &DFSchema, told: Told) -> Result<bool> {
    let subquery = &within.subquery;
    let values = subquery.subquery.schema().fields().iter().any(|field| field.is_nullable());
    let nullable = values || within.expr.nullable(schema).unwrap_or(true);
    let joins =
        told == Told::Conjunct && subquery.outer_ref_columns.is_empty() && !within.expr.column_refs().is_empty();
    Ok(match told {
        _ if negated && is_picked(within) => true,
        _ if !nullable => false,
        Told::Exactly => true,
        Told::Conjunct | Told::Truth => negated && !joins,
    })
}
