//! Running a slice's plan: its columns in their stored types, its rows in one stable order.

use super::BuildError;
use crate::exec::{Failure, Runtime, Tables};
use crate::semantic::{Slice, schema_of};
use crate::sql::LogicalPlan;
use crate::sql::types::is_sortable;
use datafusion::arrow::array::{ArrayRef, RecordBatch};
use datafusion::arrow::compute::{CastOptions, cast_with_options};
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::common::Column;
use datafusion::logical_expr::{Expr, LogicalPlanBuilder, SortExpr};
use datafusion::physical_plan::{ExecutionPlan, SendableRecordBatchStream};
use futures::TryStreamExt;
use std::sync::Arc;

/// The slice's plan with its rows put in order: by `sort by`, then by all columns, so that the same bag of rows is always
/// stored, hashed and shown alike. Columns that identify a row come before the others (`unique`, by position): then no
/// other column has a say in the order, and a change of one leaves the digests of the rest alone.
pub fn ordered(slice: &Slice, unique: &[usize]) -> Result<LogicalPlan, BuildError> {
    let Some(plan) = slice.plan.get() else { return Err(BuildError::Internal("the slice has no plan".to_owned())) };
    let failed = |e: datafusion::common::DataFusionError| BuildError::Failure(Failure::from(&e));
    let schema = plan.schema();
    let columns: Vec<Expr> =
        (0..schema.fields().len()).map(|index| Expr::Column(Column::from(schema.qualified_field(index)))).collect();
    let position = |name: &String| slice.columns.iter().position(|column| &column.name == name);
    let mut order: Vec<usize> = slice.sort_by.iter().filter_map(position).collect();
    let mut then: Vec<usize> = slice.key.iter().filter_map(position).collect();
    then.extend(unique.iter().filter(|_| slice.key.is_empty()));
    then.sort_unstable();
    then.extend(0..slice.columns.len());
    for index in then {
        if !order.contains(&index) {
            order.push(index);
        }
    }
    let sort: Vec<SortExpr> = order
        .into_iter()
        .filter(|index| is_sortable(&slice.columns[*index].data_type))
        .map(|index| columns[index].clone().sort(true, false))
        .collect();
    if sort.is_empty() {
        return Ok(plan.as_ref().clone());
    }
    LogicalPlanBuilder::from(plan.as_ref().clone()).sort(sort).and_then(|builder| builder.build()).map_err(failed)
}

/// A running plan whose progress can be looked at.
pub struct Running {
    stream: SendableRecordBatchStream,
    physical: Arc<dyn ExecutionPlan>,
    schema: SchemaRef,
}

impl Running {
    pub async fn start(
        slice: &Slice,
        unique: &[usize],
        runtime: &Runtime,
        tables: &Tables,
        spill_joins: bool,
    ) -> Result<Running, BuildError> {
        let plan = ordered(slice, unique)?;
        let (physical, state) = runtime.physical_plan(&plan, tables, spill_joins).await?;
        let stream = datafusion::physical_plan::execute_stream(Arc::clone(&physical), state.task_ctx())
            .map_err(|e| Failure::from(&e))?;
        // Nulls are looked for in the rows, so the schema of batches under way allows them.
        let columns: Vec<_> =
            slice.columns.iter().map(|column| crate::semantic::Column { nullable: true, ..column.clone() }).collect();
        Ok(Running { stream, physical, schema: schema_of(&columns) })
    }

    /// The next rows in their stored types.
    pub async fn next(&mut self) -> Result<Option<RecordBatch>, BuildError> {
        let Some(batch) = self.stream.try_next().await.map_err(|e| Failure::from(&e))? else { return Ok(None) };
        to_schema(&batch, &self.schema).map(Some)
    }

    /// Rows that the plan has read from its inputs so far.
    pub fn rows_read(&self) -> u64 {
        fn leaves(plan: &Arc<dyn ExecutionPlan>) -> u64 {
            let children = plan.children();
            if children.is_empty() {
                return plan.metrics().and_then(|metrics| metrics.output_rows()).unwrap_or(0) as u64;
            }
            children.into_iter().map(leaves).sum()
        }
        leaves(&self.physical)
    }
}

/// The same rows under a schema that promises more, such as not-null; what it promises was verified before.
pub fn under_schema(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch, BuildError> {
    let rows = datafusion::arrow::array::RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(Arc::clone(schema), batch.columns().to_vec(), &rows)
        .map_err(|e| BuildError::Internal(e.to_string()))
}

/// Casts a batch's columns, by position, to the types of a schema.
pub fn to_schema(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch, BuildError> {
    let options = CastOptions { safe: false, ..CastOptions::default() };
    let cast = |(array, field): (&ArrayRef, &Arc<datafusion::arrow::datatypes::Field>)| {
        if array.data_type() == field.data_type() {
            Ok(Arc::clone(array))
        } else {
            cast_with_options(array, field.data_type(), &options)
        }
    };
    let columns: Result<Vec<ArrayRef>, _> = batch.columns().iter().zip(schema.fields()).map(cast).collect();
    let internal = |e: datafusion::arrow::error::ArrowError| BuildError::Internal(e.to_string());
    let rows = datafusion::arrow::array::RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(Arc::clone(schema), columns.map_err(internal)?, &rows).map_err(internal)
}

/// Runs a slice over tables and keeps its rows in memory; for tests.
pub async fn run_to_batches(slice: &Slice, runtime: &Runtime, tables: &Tables) -> Result<Vec<RecordBatch>, BuildError> {
    let mut running = Running::start(slice, &[], runtime, tables, false).await?;
    let mut batches = Vec::new();
    while let Some(batch) = running.next().await? {
        batches.push(batch);
    }
    if batches.is_empty() {
        batches.push(RecordBatch::new_empty(Arc::clone(&running.schema)));
    }
    Ok(batches)
}
