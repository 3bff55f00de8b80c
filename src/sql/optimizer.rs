//! The rules of DataFusion's optimizer that run, and what keeps them from making queries wrong.
//!
//! Builds run nearly all of them. What judges builds runs the few without which a query can't run: the others only make
//! queries faster, and each of those that are mended or left out here has made some wrong (`ARCHITECTURE.md` has a table).

use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{DFSchema, DFSchemaRef, FunctionalDependencies, JoinType, NullEquality, Result};
use datafusion::logical_expr::logical_plan::Union;
use datafusion::logical_expr::{Aggregate, Expr, Join, LogicalPlan, Operator, Projection, Window};
use datafusion::optimizer::optimizer::ApplyOrder;
use datafusion::optimizer::{Optimizer, OptimizerConfig, OptimizerRule};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_optimizer::optimizer::PhysicalOptimizer;
use std::sync::Arc;

type Rule = Arc<dyn OptimizerRule + Send + Sync>;
type PhysicalRule = Arc<dyn PhysicalOptimizerRule + Send + Sync>;

/// The rules for logical plans, kept from what they do wrong.
pub(super) fn rules() -> Vec<Rule> {
    let mended = |rule: Rule| -> Rule {
        let before = match rule.name() {
            "single_distinct_aggregation_to_group_by" => without_float_sums,
            "eliminate_cross_join" => without_found_nulls,
            "optimize_projections" => with_all_keys,
            _ => return rule,
        };
        Arc::new(Mended { rule, before })
    };
    let mut rules: Vec<Rule> = Optimizer::new().rules.into_iter().map(mended).collect();
    // Of a union with an empty leg it keeps the other one with its columns in the order of their names.
    rules.retain(|rule| rule.name() != "propagate_empty_relation");
    // What it makes of `5 = coalesce(k, 9)` stands the wrong way round for a later rule, which then takes `k = 5` for another
    // number; the second time it is turned.
    if let Some(at) = rules.iter().position(|rule| rule.name() == "simplify_expressions") {
        rules.insert(at + 1, Arc::clone(&rules[at]));
    }
    rules
}

/// The rules for physical plans, without those that push conditions down once more. They tell columns apart by name
/// alone: a condition about `a.w` above an outer join of `a` and `b` comes to rest on `b.w`. The logical optimizer, which
/// knows whose columns are whose, has pushed them down before. And without the one that takes a limit below windows: it
/// doesn't know that `lag` of a negative distance looks ahead, nor how far one looks that passes over nulls.
pub fn physical_rules() -> Vec<PhysicalRule> {
    let mut rules = PhysicalOptimizer::new().rules;
    let wrong = |name: &str| name.starts_with("FilterPushdown") || name == "LimitPushPastWindows";
    rules.retain(|rule| !wrong(rule.name()));
    rules
}

/// The rules without which the engine can't run what they are about, or not rightly.
const NEEDED: [&str; 8] = [
    // Knows conditions by where they stand in the query's own joins.
    "decorrelate_lateral_join",
    // Turns `from a, b where a.x = b.x` into a join, without which that would take for ever. It comes early, while the
    // conditions lie right above the tables.
    "eliminate_cross_join",
    "rewrite_set_comparison",
    "simplify_expressions",
    "replace_distinct_aggregate",
    "decorrelate_predicate_subquery",
    "scalar_subquery_to_join",
    // Only joins by equal columns know that `null not in (1)` isn't true.
    "extract_equijoin_predicate",
];

/// The same of rules for physical plans.
const NEEDED_PHYSICAL: [&str; 5] =
    ["OutputRequirements", "join_selection", "EnsureRequirements", "EnsureCooperative", "SanityCheckPlan"];

/// The rules of [`NEEDED_PHYSICAL`].
pub fn needed_physical_rules() -> Vec<PhysicalRule> {
    let mut rules = PhysicalOptimizer::new().rules;
    rules.retain(|rule| NEEDED_PHYSICAL.contains(&rule.name()));
    rules
}

/// The rules of [`NEEDED`].
pub fn needed_rules() -> Vec<Rule> {
    let rules = rules();
    NEEDED.iter().filter_map(|name| rules.iter().find(|rule| rule.name() == *name).cloned()).collect()
}

/// A rule that isn't shown what it gets wrong.
#[derive(Debug)]
struct Mended {
    rule: Rule,
    before: fn(LogicalPlan) -> Result<Before>,
}

/// What becomes of a plan before a rule sees it.
enum Before {
    Show(LogicalPlan),
    Leave(LogicalPlan),
}

impl OptimizerRule for Mended {
    fn name(&self) -> &str {
        self.rule.name()
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        self.rule.apply_order()
    }

    fn supports_rewrite(&self) -> bool {
        true
    }

    fn rewrite(&self, plan: LogicalPlan, config: &dyn OptimizerConfig) -> Result<Transformed<LogicalPlan>> {
        match (self.before)(plan)? {
            Before::Show(plan) => self.rule.rewrite(plan, config),
            Before::Leave(plan) => Ok(Transformed::no(plan)),
        }
    }
}

/// The rule computes `count(distinct a), sum(x)` in two steps: a sum of rounded sums of floats isn't the sum, and the same
/// column without `count(distinct a)` beside it would have other bits.
fn without_float_sums(plan: LogicalPlan) -> Result<Before> {
    let floats = |aggregate: &Aggregate| {
        let groups = aggregate.group_expr_len().unwrap_or_default();
        aggregate.schema.fields().iter().skip(groups).any(|field| field.data_type().is_floating())
    };
    Ok(match &plan {
        LogicalPlan::Aggregate(aggregate) if floats(aggregate) => Before::Leave(plan),
        _ => Before::Show(plan),
    })
}

/// The rule takes inner joins apart and puts them together again, all of them in the way of the outermost: whether nulls find
/// nulls would go by that.
fn without_found_nulls(plan: LogicalPlan) -> Result<Before> {
    let mut finds_nulls = false;
    plan.apply_with_subqueries(|node| {
        if let LogicalPlan::Join(join) = node
            && join.join_type == JoinType::Inner
        {
            let says_so =
                |expr: &Expr| matches!(expr, Expr::BinaryExpr(binary) if binary.op == Operator::IsNotDistinctFrom);
            let in_filter = match &join.filter {
                Some(filter) => filter.exists(|expr| Ok(says_so(expr)))?,
                None => false,
            };
            finds_nulls |= in_filter || join.null_equality == NullEquality::NullEqualsNull;
        }
        Ok(if finds_nulls { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    })?;
    Ok(if finds_nulls { Before::Leave(plan) } else { Before::Show(plan) })
}

/// The rule groups by fewer keys where some follow from others. What follows from what is carried wrongly through a group
/// over an outer join whose other side is grouped too, so nothing is said of it there.
fn with_all_keys(plan: LogicalPlan) -> Result<Before> {
    let plan = plan.transform_up_with_subqueries(|node| match node {
        LogicalPlan::Aggregate(aggregate) if has_outer_join(&aggregate.input)? => {
            let Aggregate { input, group_expr, aggr_expr, schema, .. } = aggregate;
            let input = Arc::new(without_dependencies(Arc::unwrap_or_clone(input))?);
            let aggregate = Aggregate::try_new_with_schema(input, group_expr, aggr_expr, schema)?;
            Ok(Transformed::yes(LogicalPlan::Aggregate(aggregate)))
        }
        other => Ok(Transformed::no(other)),
    })?;
    Ok(Before::Show(plan.data))
}

fn has_outer_join(plan: &LogicalPlan) -> Result<bool> {
    plan.exists(|node| {
        let LogicalPlan::Join(join) = node else { return Ok(false) };
        Ok(matches!(join.join_type, JoinType::Left | JoinType::Right | JoinType::Full))
    })
}

/// The plan, of whose columns isn't said that some follow from others.
fn without_dependencies(plan: LogicalPlan) -> Result<LogicalPlan> {
    let none = |schema: &DFSchemaRef| {
        DFSchema::clone(schema).with_functional_dependencies(FunctionalDependencies::empty()).map(Arc::new)
    };
    Ok(match plan {
        LogicalPlan::Projection(projection) => {
            let schema = none(&projection.schema)?;
            LogicalPlan::Projection(Projection::try_new_with_schema(projection.expr, projection.input, schema)?)
        }
        LogicalPlan::Aggregate(aggregate) => {
            let Aggregate { input, group_expr, aggr_expr, schema, .. } = aggregate;
            let schema = none(&schema)?;
            LogicalPlan::Aggregate(Aggregate::try_new_with_schema(input, group_expr, aggr_expr, schema)?)
        }
        LogicalPlan::Window(window) => {
            let schema = none(&window.schema)?;
            LogicalPlan::Window(Window::try_new_with_schema(window.window_expr, window.input, schema)?)
        }
        LogicalPlan::Join(join) => LogicalPlan::Join(Join { schema: none(&join.schema)?, ..join }),
        LogicalPlan::Union(union) => LogicalPlan::Union(Union { schema: none(&union.schema)?, ..union }),
        // These have the schema of what they read.
        LogicalPlan::Filter(_)
        | LogicalPlan::Sort(_)
        | LogicalPlan::Limit(_)
        | LogicalPlan::Distinct(_)
        | LogicalPlan::SubqueryAlias(_) => {
            let below = plan.inputs().into_iter().map(|input| without_dependencies(input.clone()));
            let below = below.collect::<Result<Vec<_>>>()?;
            plan.with_new_exprs(plan.expressions(), below)?
        }
        other => other,
    })
}
