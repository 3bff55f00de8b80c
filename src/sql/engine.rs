//! The functions, planners and settings of DataFusion that give SQL its meaning, made once a process.

use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{DFSchema, DFSchemaRef, FunctionalDependencies, NullEquality, Result};
use datafusion::config::ConfigOptions;
use datafusion::execution::context::SessionContext;
use datafusion::execution::session_state::{SessionState, SessionStateBuilder};
use datafusion::logical_expr::{
    Aggregate, Expr, Filter, Join, JoinType, LogicalPlan, Operator, Projection, SubqueryAlias,
};
use datafusion::optimizer::optimizer::ApplyOrder;
use datafusion::optimizer::{Optimizer, OptimizerConfig, OptimizerRule};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_optimizer::optimizer::PhysicalOptimizer;
use datafusion::prelude::SessionConfig;
use std::sync::{Arc, LazyLock};

/// Stands for everything outside the project that decides what a query means. It is part of every build key: a new
/// version rebuilds.
pub const ENGINE_VERSION: &str = "icepie-semantics/10 datafusion/55.2.0";

/// The settings of planning and of execution. What decides results or their order is pinned: one partition a task
/// (independent slices run in parallel instead), no work stealing between files, canonical string types.
pub fn session_config() -> SessionConfig {
    let mut config = SessionConfig::new().with_target_partitions(1).with_information_schema(false);
    let options = config.options_mut();
    options.sql_parser.collect_spans = true;
    // `timestamp with time zone` is kept in UTC.
    options.execution.time_zone = Some("+00:00".to_owned());
    options.sql_parser.map_string_types_to_utf8view = false;
    options.execution.enable_file_stream_work_stealing = false;
    options.execution.parquet.schema_force_view_types = false;
    options.optimizer.repartition_aggregations = false;
    options.optimizer.repartition_joins = false;
    options.optimizer.repartition_windows = false;
    options.optimizer.repartition_sorts = false;
    options.optimizer.repartition_file_scans = false;
    options.optimizer.enable_round_robin_repartition = false;
    config
}

/// The state that planning reads: functions, expression planners, analyzer, options. It knows no table and no store.
pub fn engine() -> &'static SessionState {
    static ENGINE: LazyLock<SessionState> = LazyLock::new(|| {
        let builder = SessionStateBuilder::new().with_config(session_config()).with_default_features();
        let state = with_functions(builder).build();
        SessionContext::new_with_state(state).state()
    });
    &ENGINE
}

/// Puts pie's own functions over the engine's: sums and averages of floats that don't depend on the order of rows. And keeps an
/// optimizer rule from computing a sum from rounded parts of it, depending on which other columns a query has.
pub fn with_functions(mut builder: SessionStateBuilder) -> SessionStateBuilder {
    builder.aggregate_functions().get_or_insert_default().extend(super::exact::aggregates());
    builder.with_optimizer_rules(mended_rules())
}

/// The engine's rules for logical plans, kept from what they do wrong.
fn mended_rules() -> Vec<Arc<dyn OptimizerRule + Send + Sync>> {
    let mended = |rule: Arc<dyn OptimizerRule + Send + Sync>| match rule.name() {
        "single_distinct_aggregation_to_group_by" => Arc::new(WholeSums(rule)) as Arc<dyn OptimizerRule + Send + Sync>,
        "eliminate_cross_join" => Arc::new(OneEquality(rule)),
        "optimize_projections" => Arc::new(AllKeys(rule)),
        _ => rule,
    };
    let mut rules: Vec<_> = Optimizer::new().rules.into_iter().map(mended).collect();
    // Of a union with an empty leg it keeps the other one with its columns in the order of their names.
    rules.retain(|rule| rule.name() != "propagate_empty_relation");
    // What it makes of `5 = coalesce(k, 9)` stands the wrong way round for a later rule, which then takes `k = 5` for another
    // number; the second time it is turned.
    if let Some(at) = rules.iter().position(|rule| rule.name() == "simplify_expressions") {
        rules.insert(at + 1, Arc::clone(&rules[at]));
    }
    rules
}

/// The engine's rules for physical plans, without those that push conditions down once more. They tell columns apart by name
/// alone: a condition about `a.w` above an outer join of `a` and `b` comes to rest on `b.w`. The logical optimizer, which
/// knows whose columns are whose, has pushed them down before. And without the one that takes a limit below windows: it
/// doesn't know that `lag` of a negative distance looks ahead, nor how far one looks that passes over nulls.
pub fn physical_rules() -> Vec<Arc<dyn PhysicalOptimizerRule + Send + Sync>> {
    let mut rules = PhysicalOptimizer::new().rules;
    let wrong = |name: &str| name.starts_with("FilterPushdown") || name == "LimitPushPastWindows";
    rules.retain(|rule| !wrong(rule.name()));
    rules
}

/// The rules of the engine's optimizer without which it can't run what they are about, or not rightly. What judges results
/// runs no others: they only make queries faster, and some have made them wrong.
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
pub fn needed_physical_rules() -> Vec<Arc<dyn PhysicalOptimizerRule + Send + Sync>> {
    let mut rules = PhysicalOptimizer::new().rules;
    rules.retain(|rule| NEEDED_PHYSICAL.contains(&rule.name()));
    rules
}

/// The rules of [`NEEDED`].
pub fn needed_rules() -> Vec<Arc<dyn OptimizerRule + Send + Sync>> {
    let rules = mended_rules();
    NEEDED.iter().filter_map(|name| rules.iter().find(|rule| rule.name() == *name).cloned()).collect()
}

/// The rule that computes `count(distinct a), sum(x)` in two steps, kept from sums of floats: a sum of rounded sums isn't
/// the sum, and the same column without `count(distinct a)` beside it would have other bits.
#[derive(Debug)]
struct WholeSums(Arc<dyn OptimizerRule + Send + Sync>);

impl OptimizerRule for WholeSums {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        self.0.apply_order()
    }

    fn supports_rewrite(&self) -> bool {
        true
    }

    fn rewrite(&self, plan: LogicalPlan, config: &dyn OptimizerConfig) -> Result<Transformed<LogicalPlan>> {
        let floats = |aggregate: &Aggregate| {
            let groups = aggregate.group_expr_len().unwrap_or_default();
            aggregate.schema.fields().iter().skip(groups).any(|field| field.data_type().is_floating())
        };
        match &plan {
            LogicalPlan::Aggregate(aggregate) if floats(aggregate) => Ok(Transformed::no(plan)),
            _ => self.0.rewrite(plan, config),
        }
    }
}

/// The rule that takes inner joins apart and puts them together again, kept from joins that find nulls equal: it would do
/// all of them in one way, that of the outermost.
#[derive(Debug)]
struct OneEquality(Arc<dyn OptimizerRule + Send + Sync>);

impl OptimizerRule for OneEquality {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        self.0.apply_order()
    }

    fn supports_rewrite(&self) -> bool {
        true
    }

    fn rewrite(&self, plan: LogicalPlan, config: &dyn OptimizerConfig) -> Result<Transformed<LogicalPlan>> {
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
        if finds_nulls { Ok(Transformed::no(plan)) } else { self.0.rewrite(plan, config) }
    }
}

/// The rule that groups by fewer keys where some follow from others, kept from believing so above an outer join: what follows
/// from what is carried wrongly through a group over a join whose other side is grouped too.
#[derive(Debug)]
struct AllKeys(Arc<dyn OptimizerRule + Send + Sync>);

impl OptimizerRule for AllKeys {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        self.0.apply_order()
    }

    fn supports_rewrite(&self) -> bool {
        true
    }

    fn rewrite(&self, plan: LogicalPlan, config: &dyn OptimizerConfig) -> Result<Transformed<LogicalPlan>> {
        let plan = plan.transform_up_with_subqueries(|node| match node {
            LogicalPlan::Aggregate(aggregate) if has_outer_join(&aggregate.input)? => {
                let Aggregate { input, group_expr, aggr_expr, schema, .. } = aggregate;
                let input = Arc::new(without_dependencies(Arc::unwrap_or_clone(input))?);
                let aggregate = Aggregate::try_new_with_schema(input, group_expr, aggr_expr, schema)?;
                Ok(Transformed::yes(LogicalPlan::Aggregate(aggregate)))
            }
            other => Ok(Transformed::no(other)),
        })?;
        self.0.rewrite(plan.data, config)
    }
}

fn has_outer_join(plan: &LogicalPlan) -> Result<bool> {
    plan.exists(|node| {
        let LogicalPlan::Join(join) = node else { return Ok(false) };
        Ok(matches!(join.join_type, JoinType::Left | JoinType::Right | JoinType::Full))
    })
}

/// The plan, whose columns aren't said to follow from others.
fn without_dependencies(plan: LogicalPlan) -> Result<LogicalPlan> {
    let none = |schema: &DFSchemaRef| {
        DFSchema::clone(schema).with_functional_dependencies(FunctionalDependencies::empty()).map(Arc::new)
    };
    let below = |input: Arc<LogicalPlan>| without_dependencies(Arc::unwrap_or_clone(input)).map(Arc::new);
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
        LogicalPlan::Join(join) => LogicalPlan::Join(Join { schema: none(&join.schema)?, ..join }),
        LogicalPlan::SubqueryAlias(alias) => {
            LogicalPlan::SubqueryAlias(SubqueryAlias::try_new(below(alias.input)?, alias.alias)?)
        }
        LogicalPlan::Filter(filter) => LogicalPlan::Filter(Filter::try_new(filter.predicate, below(filter.input)?)?),
        other => other,
    })
}

/// The engine's options; shared.
pub fn options() -> &'static Arc<ConfigOptions> {
    engine().config_options()
}
