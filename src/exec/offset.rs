//! `offset` as an operator of its own.
//!
//! DataFusion 55 moves a sort from above a limit with an offset to below it, where it decides other rows, or fewer
//! (apache/datafusion#24958). This operator says of itself what keeps the optimizer from it: which order it needs, and that
//! it promises none.

use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode, TreeNodeRecursion};
use datafusion::execution::TaskContext;
use datafusion::physical_expr::{
    Distribution, EquivalenceProperties, LexOrdering, OrderingRequirements, Partitioning, PhysicalExpr,
};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::execution_plan::Boundedness;
use datafusion::physical_plan::limit::GlobalLimitExec;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties, SendableRecordBatchStream,
};
use std::fmt::Formatter;
use std::sync::Arc;

/// Skips rows of its ordered input and takes what follows.
#[derive(Debug)]
struct OffsetExec {
    input: Arc<dyn ExecutionPlan>,
    skip: usize,
    fetch: Option<usize>,
    order: Option<LexOrdering>,
    properties: Arc<PlanProperties>,
}

impl OffsetExec {
    fn new(input: Arc<dyn ExecutionPlan>, skip: usize, fetch: Option<usize>, order: Option<LexOrdering>) -> OffsetExec {
        let properties = PlanProperties::new(
            EquivalenceProperties::new(input.schema()),
            Partitioning::UnknownPartitioning(1),
            input.properties().emission_type,
            Boundedness::Bounded,
        );
        OffsetExec { input, skip, fetch, order, properties: Arc::new(properties) }
    }
}

impl DisplayAs for OffsetExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut Formatter) -> std::fmt::Result {
        let fetch = self.fetch.map_or_else(|| "all".to_owned(), |fetch| fetch.to_string());
        write!(f, "OffsetExec: skip={}, fetch={fetch}", self.skip)
    }
}

impl ExecutionPlan for OffsetExec {
    fn name(&self) -> &str {
        "OffsetExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn required_input_distribution(&self) -> Vec<Distribution> {
        vec![Distribution::SinglePartition]
    }

    fn required_input_ordering(&self) -> Vec<Option<OrderingRequirements>> {
        vec![self.order.clone().map(OrderingRequirements::from)]
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
        Ok(Arc::new(OffsetExec::new(children.swap_remove(0), self.skip, self.fetch, self.order.clone())))
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        GlobalLimitExec::new(Arc::clone(&self.input), self.skip, self.fetch).execute(partition, context)
    }
}

/// Puts the operator in, before any other rule sees the plan.
#[derive(Debug)]
pub struct KeepOffsets;

impl PhysicalOptimizerRule for KeepOffsets {
    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, _: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
        plan.transform_up(|node| {
            let Some(limit) = node.downcast_ref::<GlobalLimitExec>().filter(|limit| limit.skip() > 0) else {
                return Ok(Transformed::no(node));
            };
            let input = Arc::clone(limit.input());
            let order = input.properties().output_ordering().cloned();
            Ok(Transformed::yes(Arc::new(OffsetExec::new(input, limit.skip(), limit.fetch(), order)) as Arc<_>))
        })
        .data()
    }

    fn name(&self) -> &str {
        "keep_offsets"
    }

    fn schema_check(&self) -> bool {
        true
    }
}
