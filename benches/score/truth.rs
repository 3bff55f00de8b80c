//! Brute force: every slice computed anew by plain DataFusion over whole tables in memory. Of pie it takes the text of
//! the queries, their order, and the rows that freezing reads from the raw files into a store of its own; nothing of
//! pie's planning, keys, digests or builds is in the way.

use crate::bag::Bag;
use crate::score;
use datafusion::arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{Field, Schema, SchemaRef};
use datafusion::catalog::{CatalogProvider, MemorySchemaProvider};
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{DataFusionError, TableReference};
use datafusion::dataframe::DataFrame;
use datafusion::datasource::{MemTable, TableProvider, source_as_provider};
use datafusion::execution::context::SessionContext;
use datafusion::logical_expr::{Expr, LogicalPlan, TableScan};
use datafusion::prelude::SessionConfig;
use icepie::driver::{self, Project, Session};
use icepie::freeze::Outcome;
use icepie::name::RelationName;
use icepie::sql::types::storage_type;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// The columns of each stored relation that a query uses, in all places together.
pub type Uses = BTreeMap<RelationName, BTreeSet<String>>;

/// What is true of one state of a project.
pub struct Truth {
    pub project: Project,
    /// The rows of all sources and slices.
    pub bags: BTreeMap<RelationName, Bag>,
    /// What each slice uses, virtual slices written out.
    pub uses: BTreeMap<RelationName, Uses>,
    /// Slices that only select columns of another relation, with that one.
    pub copies: BTreeMap<RelationName, RelationName>,
    /// Path and digest of each raw file of a source.
    pub raw: BTreeMap<RelationName, Vec<(String, String)>>,
}

impl Truth {
    /// Whether a name is a slice that is stored.
    pub fn is_stored(&self, name: &RelationName) -> bool {
        self.project.model.slices.get(name).is_some_and(|slice| !slice.is_virtual)
    }

    /// The names of the slices that are stored, in dependency order.
    pub fn stored(&self) -> impl Iterator<Item = &RelationName> {
        self.project.model.stored_slices().map(|slice| &slice.name)
    }
}

/// Tables by their names, as queries find them.
type Tables = BTreeMap<RelationName, Arc<dyn TableProvider>>;

/// Computes everything in a project from its raw files.
pub async fn truth(project: &Project) -> Result<Truth, String> {
    let mut truth = Truth {
        project: project.clone(),
        bags: BTreeMap::new(),
        uses: BTreeMap::new(),
        copies: BTreeMap::new(),
        raw: BTreeMap::new(),
    };
    let mut tables = sources(project, &mut truth).await?;
    for name in project.model.graph.order() {
        let Some(slice) = project.model.slices.get(name) else { continue };
        let Some(span) = slice.query_span else { return Err(format!("`{name}` has no query")) };
        let text = project.workspace.sources.slice(span);
        let failed = |e: DataFusionError| format!("brute force of `{name}`: {}", e.strip_backtrace());
        let frame = frame(name, text, &tables).await.map_err(failed)?;
        let optimized = frame.clone().into_optimized_plan().map_err(failed)?;
        truth.uses.insert(name.clone(), uses(&optimized, &tables).map_err(failed)?);
        truth.copies.extend(copied(&optimized, &tables).map(|of| (name.clone(), of)));
        let view = slice.is_virtual.then(|| frame.clone().into_view());
        let (schema, batches) = rows(frame).await.map_err(failed)?;
        truth.bags.insert(name.clone(), Bag::read(&schema, &batches)?);
        let table = match view {
            Some(view) => view,
            None => Arc::new(MemTable::try_new(schema, vec![batches]).map_err(failed)?) as Arc<dyn TableProvider>,
        };
        tables.insert(name.clone(), table);
    }
    Ok(truth)
}

/// Freezes all sources into a store in memory, and reads them.
async fn sources(project: &Project, truth: &mut Truth) -> Result<Tables, String> {
    let session = Session::in_memory(project).await.map_err(|e| e.message.clone())?;
    session.runtime.register("pie://store", session.store.objects());
    let reports = driver::freeze(project, &session, None, None, &CancellationToken::new(), |_| {}).await;
    for report in reports {
        let Some(Outcome::Frozen { version, .. } | Outcome::Unchanged(version)) = report.outcome else {
            return Err(score::rendered(&report.diagnostics, project));
        };
        let files = version.record.files.iter().map(|file| (file.path.clone(), file.blake3.clone()));
        truth.raw.insert(report.name, files.collect());
    }
    let mut published = driver::tables(project, &session, &BTreeMap::new()).await.map_err(|e| e.message.clone())?;
    let mut tables = Tables::new();
    for name in project.model.sources.keys() {
        let answer = driver::show(project, name, &mut published, &session).await.map_err(|e| e.message.clone())?;
        truth.bags.insert(name.clone(), Bag::read(&answer.schema, &answer.batches)?);
        let (schema, batches) =
            plain(&answer.schema, answer.batches).map_err(|e| format!("`{name}`: {}", e.strip_backtrace()))?;
        let table = MemTable::try_new(schema, vec![batches]).map_err(|e| e.strip_backtrace())?;
        tables.insert(name.clone(), Arc::new(table));
    }
    Ok(tables)
}

/// Plans a query in a session of its own, with default settings; names without a domain are those of its own domain.
async fn frame(name: &RelationName, text: &str, tables: &Tables) -> Result<DataFrame, DataFusionError> {
    let config = SessionConfig::new().with_target_partitions(1).with_default_catalog_and_schema("brute", name.domain());
    let context = SessionContext::new_with_config(config);
    let no_catalog = || DataFusionError::Execution("the session has no catalog".to_owned());
    let catalog: Arc<dyn CatalogProvider> = context.catalog("brute").ok_or_else(no_catalog)?;
    for (name, table) in tables {
        if catalog.schema(name.domain()).is_none() {
            catalog.register_schema(name.domain(), Arc::new(MemorySchemaProvider::new()))?;
        }
        let place = TableReference::partial(name.domain().to_owned(), name.name().to_owned());
        context.register_table(place, Arc::clone(table))?;
    }
    context.sql(text).await
}

/// Runs a query. Its columns have the types that its analysed plan has: a rewriting of the optimizer may widen them.
async fn rows(frame: DataFrame) -> Result<(SchemaRef, Vec<RecordBatch>), DataFusionError> {
    let (state, plan) = frame.clone().into_parts();
    let planned = state.analyzer().execute_and_check(plan, state.config_options(), |_, _| {})?;
    let schema = planned.schema().as_arrow().clone();
    plain(&schema, frame.collect().await?)
}

/// Rows under a schema without layouts of the engine's own, in which every column may be null.
fn plain(schema: &Schema, batches: Vec<RecordBatch>) -> Result<(SchemaRef, Vec<RecordBatch>), DataFusionError> {
    let field = |field: &Arc<Field>| Field::new(field.name(), storage_type(field.data_type()), true);
    let schema = Arc::new(Schema::new(schema.fields().iter().map(field).collect::<Vec<_>>()));
    let mut converted = Vec::new();
    for batch in batches {
        let mut arrays: Vec<ArrayRef> = Vec::new();
        for (array, field) in batch.columns().iter().zip(schema.fields()) {
            arrays.push(cast(array, field.data_type())?);
        }
        let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        converted.push(RecordBatch::try_new_with_options(Arc::clone(&schema), arrays, &options)?);
    }
    Ok((schema, converted))
}

/// The columns that are left in the scans of an optimised plan.
fn uses(plan: &LogicalPlan, tables: &Tables) -> Result<Uses, DataFusionError> {
    let mut uses = Uses::new();
    plan.apply_with_subqueries(|node| {
        if let LogicalPlan::TableScan(scan) = node
            && let Some(name) = scanned(scan, tables)?
        {
            let schema = scan.source.schema();
            let all = || (0..schema.fields().len()).collect();
            let indices: Vec<usize> = scan.projection.clone().unwrap_or_else(all);
            let columns = indices.into_iter().map(|index| schema.field(index).name().clone());
            uses.entry(name).or_default().extend(columns);
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(uses)
}

/// The relation of which an optimised plan only selects columns.
fn copied(plan: &LogicalPlan, tables: &Tables) -> Option<RelationName> {
    match plan {
        LogicalPlan::Projection(projection) if projection.expr.iter().all(is_column) => {
            copied(&projection.input, tables)
        }
        LogicalPlan::SubqueryAlias(alias) => copied(&alias.input, tables),
        LogicalPlan::TableScan(scan) if scan.filters.is_empty() && scan.fetch.is_none() => {
            scanned(scan, tables).ok().flatten()
        }
        _ => None,
    }
}

fn is_column(expr: &Expr) -> bool {
    match expr {
        Expr::Alias(alias) => is_column(&alias.expr),
        other => matches!(other, Expr::Column(_)),
    }
}

fn scanned(scan: &TableScan, tables: &Tables) -> Result<Option<RelationName>, DataFusionError> {
    let provider = source_as_provider(&scan.source)?;
    let found = tables.iter().find(|&(_, table)| Arc::ptr_eq(table, &provider));
    Ok(found.map(|(name, _)| name.clone()))
}
