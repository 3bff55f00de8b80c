//! Correlated subqueries that DataFusion 55 gets wrong, said otherwise.
//!
//! An aggregate without groups gives a row of no rows, so `exists (select count(*) …)` always holds. The engine turns such a
//! subquery into a join with groups, which has no row where nothing matches. It knows better of scalar subqueries, so that
//! is what they become:
//!
//! ```text
//!   exists (select count(*) … = outer.k)          true
//!   v in (select count(*) … = outer.k)            v = (select count(*) … = outer.k)
//!   v > any (select count(*) … = outer.k)         v > (select count(*) … = outer.k)
//! ```
//!
//! Where such a row may be taken away again (`having`, a condition around) the query is refused when it is planned
//! ([`crate::sql`]). Conditions of `using` in a lateral join are kept where the engine looks for them.

use crate::sql::{LogicalPlan, is_lateral, one_row};
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::common::{NullEquality, Result};
use datafusion::logical_expr::expr::{Exists, InSubquery, SetComparison};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::logical_plan::{Join, Subquery};
use datafusion::logical_expr::{Expr, Operator, binary_expr, lit, utils::conjunction};

/// The plan with such subqueries said otherwise.
pub fn settle_subqueries(plan: LogicalPlan) -> Result<LogicalPlan> {
    plan.transform_up_with_subqueries(|node| {
        let node = match node {
            LogicalPlan::Join(join) if !join.on.is_empty() && is_lateral(&join.right) => {
                Transformed::yes(LogicalPlan::Join(conditions_in_filter(join)))
            }
            other => Transformed::no(other),
        };
        node.transform_data(|node| {
            let names = NamePreserver::new(&node);
            node.map_expressions(|expr| {
                let name = names.save(&expr);
                Ok(expr.transform_up(settle)?.update_data(|expr| name.restore(expr)))
            })
        })
    })
    .data()
}

fn settle(expr: Expr) -> Result<Transformed<Expr>> {
    let correlated = |subquery: &Subquery| !subquery.outer_ref_columns.is_empty() && one_row(&subquery.subquery);
    Ok(match expr {
        Expr::Exists(Exists { subquery, negated }) if correlated(&subquery) => Transformed::yes(lit(!negated)),
        Expr::InSubquery(InSubquery { expr, subquery, negated }) if correlated(&subquery) => {
            let operator = if negated { Operator::NotEq } else { Operator::Eq };
            Transformed::yes(binary_expr(*expr, operator, Expr::ScalarSubquery(subquery)))
        }
        Expr::SetComparison(SetComparison { expr, subquery, op, quantifier: _ }) if correlated(&subquery) => {
            Transformed::yes(binary_expr(*expr, op, Expr::ScalarSubquery(subquery)))
        }
        other => Transformed::no(other),
    })
}

/// A join whose conditions all stand in its filter: only those are kept when the lateral side is made a join's.
fn conditions_in_filter(join: Join) -> Join {
    let operator = match join.null_equality {
        NullEquality::NullEqualsNothing => Operator::Eq,
        NullEquality::NullEqualsNull => Operator::IsNotDistinctFrom,
    };
    let keys = join.on.into_iter().map(|(left, right)| binary_expr(left, operator, right));
    let filter = conjunction(keys.chain(join.filter));
    Join { on: Vec::new(), filter, null_equality: NullEquality::NullEqualsNothing, ..join }
}
