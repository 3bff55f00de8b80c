//! A second way of writing a query: what some of the engine's own rewrites make of it.
//!
//! Where two queries come out alike, they are taken to mean the same; where they don't, nothing follows. The rules are
//! pinned. Left out are those that look at sibling columns, at names, at functional dependencies or at costs, since they
//! would make one column's form depend on another's or go by what isn't verified.

use super::LogicalPlan;
use super::engine::options;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::utils::split_conjunction;
use datafusion::logical_expr::{Distinct, Expr};
use datafusion::optimizer::eliminate_filter::EliminateFilter;
use datafusion::optimizer::eliminate_limit::EliminateLimit;
use datafusion::optimizer::eliminate_outer_join::EliminateOuterJoin;
use datafusion::optimizer::propagate_empty_relation::PropagateEmptyRelation;
use datafusion::optimizer::push_down_filter::PushDownFilter;
use datafusion::optimizer::{Optimizer, OptimizerContext};
use std::sync::{Arc, LazyLock};

/// An analysed and completed plan after the pinned rules; `None` where they fail, and for what the engine has other rules
/// for that run before these: subqueries, `distinct on`, conditions that look at no column.
pub fn rewritten(plan: &LogicalPlan) -> Option<LogicalPlan> {
    if !is_plain(plan) {
        return None;
    }
    static RULES: LazyLock<Optimizer> = LazyLock::new(|| {
        Optimizer::with_rules(vec![
            Arc::new(EliminateFilter::new()),
            Arc::new(EliminateLimit::new()),
            Arc::new(PropagateEmptyRelation::new()),
            Arc::new(EliminateOuterJoin::new()),
            Arc::new(PushDownFilter::new()),
        ])
    });
    let context = OptimizerContext::new_with_config_options(Arc::clone(options()))
        .without_query_execution_start_time()
        .with_max_passes(3);
    RULES.optimize(plan.clone(), &context, |_, _| {}).ok()
}

fn is_plain(plan: &LogicalPlan) -> bool {
    let mut plain = true;
    let walked = plan.apply(|node| {
        plain &= !matches!(node, LogicalPlan::Distinct(Distinct::On(_)) | LogicalPlan::Subquery(_));
        let conditions: Vec<&Expr> = match node {
            LogicalPlan::Filter(filter) => split_conjunction(&filter.predicate),
            LogicalPlan::Join(join) => join.filter.iter().flat_map(split_conjunction).collect(),
            _ => Vec::new(),
        };
        plain &= conditions.iter().all(|condition| !condition.column_refs().is_empty());
        node.apply_expressions(|expression| {
            let subquery = expression.exists(|part| {
                Ok(matches!(
                    part,
                    Expr::Exists(_)
                        | Expr::InSubquery(_)
                        | Expr::ScalarSubquery(_)
                        | Expr::SetComparison(_)
                        | Expr::OuterReferenceColumn(..)
                ))
            })?;
            plain &= !subquery;
            Ok(TreeNodeRecursion::Continue)
        })
    });
    plain && walked.is_ok()
}
