//! An operator that promises nothing of its rows, where DataFusion 55 believes too much of them.
//!
//! - **Offsets.** A sort moves from above a limit with an offset to below it, where it decides other rows, or fewer
//!   (apache/datafusion#24958). The operator skips rows itself, and says which order it needs for that.
//! - **Outer joins.** What is constant on one side is taken for constant behind the join, where rows of the other side
//!   stand with nulls, and left out of the orders that limits and windows need.
//! - **Joins of constants.** Two columns that are the same constant on both sides are one to the rule that puts sorts in and two
//!   to the check behind it, which then refuses a plan without a sort.

use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode, TreeNodeRecursion};
use datafusion::common::{JoinType, Result};
use datafusion::execution::TaskContext;
use datafusion::physical_expr::{
    Distribution, EquivalenceProperties, LexOrdering, OrderingRequirements, Partitioning, PhysicalExpr,
};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::joins::{CrossJoinExec, HashJoinExec, NestedLoopJoinExec, SortMergeJoinExec};
use datafusion::physical_plan::limit::GlobalLimitExec;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties, PlanProperties, SendableRecordBatchStream,
};
use std::fmt::Formatter;
use std::sync::Arc;

/// Gives on the rows of its input, or some of them.
#[derive(Debug)]
struct ForgetExec {
    input: Arc<dyn ExecutionPlan>,
    offset: Option<Offset>,
    properties: Arc<PlanProperties>,
}

/// Which rows of an order are given on.
#[derive(Clone, Debug)]
struct Offset {
    skip: usize,
    fetch: Option<usize>,
    order: Option<LexOrdering>,
}

impl ForgetExec {
    fn new(input: Arc<dyn ExecutionPlan>, offset: Option<Offset>) -> ForgetExec {
        let partitioning = match offset {
            Some(_) => Partitioning::UnknownPartitioning(1),
            None => input.output_partitioning().clone(),
        };
        let properties = PlanProperties::new(
            EquivalenceProperties::new(input.schema()),
            partitioning,
            input.properties().emission_type,
            input.properties().boundedness,
        );
        ForgetExec { input, offset, properties: Arc::new(properties) }
    }
}

impl DisplayAs for ForgetExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut Formatter) -> std::fmt::Result {
        match &self.offset {
            None => f.write_str("ForgetExec"),
            Some(Offset { skip, fetch: None, .. }) => write!(f, "ForgetExec: skip={skip}, fetch=all"),
            Some(Offset { skip, fetch: Some(fetch), .. }) => write!(f, "ForgetExec: skip={skip}, fetch={fetch}"),
        }
    }
}

impl ExecutionPlan for ForgetExec {
    fn name(&self) -> &str {
        "ForgetExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn required_input_distribution(&self) -> Vec<Distribution> {
        vec![if self.offset.is_some() { Distribution::SinglePartition } else { Distribution::UnspecifiedDistribution }]
    }

    fn required_input_ordering(&self) -> Vec<Option<OrderingRequirements>> {
        let order = self.offset.as_ref().and_then(|offset| offset.order.clone());
        vec![order.map(OrderingRequirements::from)]
    }

    fn maintains_input_order(&self) -> Vec<bool> {
        vec![false]
    }

    fn benefits_from_input_partitioning(&self) -> Vec<bool> {
        vec![false]
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn with_new_children(self: Arc<Self>, mut children: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(Arc::new(ForgetExec::new(children.swap_remove(0), self.offset.clone())))
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        match &self.offset {
            None => self.input.execute(partition, context),
            Some(Offset { skip, fetch, .. }) => {
                GlobalLimitExec::new(Arc::clone(&self.input), *skip, *fetch).execute(partition, context)
            }
        }
    }
}

/// Puts the operator in, before any other rule sees the plan.
#[derive(Debug)]
pub struct Forget {
    /// Above every join, for plans that the engine finds wrong otherwise.
    pub all_joins: bool,
}

impl PhysicalOptimizerRule for Forget {
    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, _: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
        plan.transform_up(|node| {
            if let Some(limit) = node.downcast_ref::<GlobalLimitExec>().filter(|limit| limit.skip() > 0) {
                let input = Arc::clone(limit.input());
                let order = input.properties().output_ordering().cloned();
                let offset = Offset { skip: limit.skip(), fetch: limit.fetch(), order };
                return Ok(Transformed::yes(Arc::new(ForgetExec::new(input, Some(offset))) as Arc<_>));
            }
            let constant = |side: &&Arc<dyn ExecutionPlan>| !side.equivalence_properties().constants().is_empty();
            let (any, all) = (node.children().iter().any(constant), node.children().iter().all(constant));
            let believes_too_much = match join_type(node.as_ref()) {
                Some(_) if self.all_joins => true,
                Some(JoinType::Inner) => all,
                // The sides may be swapped later on.
                Some(JoinType::Left | JoinType::Right | JoinType::Full) => any,
                _ => false,
            };
            Ok(match believes_too_much {
                true => Transformed::yes(Arc::new(ForgetExec::new(node, None)) as Arc<_>),
                false => Transformed::no(node),
            })
        })
        .data()
    }

    fn name(&self) -> &str {
        "forget"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

fn join_type(node: &dyn ExecutionPlan) -> Option<JoinType> {
    let hash = node.downcast_ref::<HashJoinExec>().map(|join| *join.join_type());
    let loops = || node.downcast_ref::<NestedLoopJoinExec>().map(|join| *join.join_type());
    let merge = || node.downcast_ref::<SortMergeJoinExec>().map(|join| join.join_type());
    let cross = || node.downcast_ref::<CrossJoinExec>().map(|_| JoinType::Inner);
    hash.or_else(loops).or_else(merge).or_else(cross)
}
