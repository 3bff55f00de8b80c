//! The engine of a process: memory, spilling, and the object stores that plans may read.

use super::barrier::keep_above_aggregates;
use super::forget::Forget;
use super::subqueries::settle_subqueries;
use super::verified::Damaged;
use crate::diagnostic::{Code, Diagnostic};
use crate::name::RelationName;
use crate::sql::{
    LogicalPlan, needed_physical_rules, needed_rules, physical_rules, relation_of, session_config, table_function_rows,
    with_functions,
};
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode, TreeNodeRecursion};
use datafusion::common::{DataFusionError, Result};
use datafusion::datasource::{TableProvider, provider_as_source};
use datafusion::execution::memory_pool::FairSpillPool;
use datafusion::execution::object_store::ObjectStoreRegistry;
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use datafusion::execution::session_state::{SessionState, SessionStateBuilder};
use datafusion::logical_expr::TableScan;
use datafusion::object_store::{ObjectStore, ObjectStoreExt};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::coop::CooperativeExec;
use datafusion::physical_plan::joins::{CrossJoinExec, NestedLoopJoinExec};
use datafusion::physical_plan::{ExecutionPlan, SendableRecordBatchStream, displayable, execute_stream};
use datafusion::prelude::SessionConfig;
use futures::TryStreamExt;
use std::collections::BTreeMap;
use std::sync::{Arc, RwLock};
use url::Url;

/// Bounds of a process.
#[derive(Clone, Copy, Debug)]
pub struct RuntimeOptions {
    /// Bytes that all running queries may hold together before they spill to disk.
    pub memory: u64,
    /// Tasks that share the work of one query, and rows that go through it at a time; `None` for what builds use. Neither
    /// changes any result, which the tests show.
    pub partitions: Option<usize>,
    pub batch_rows: Option<usize>,
}

/// Rows as a running plan gives them; dropping them stops it.
pub type Batches = SendableRecordBatchStream;

/// How [`Runtime::plain_stream`] runs a plan.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Plain {
    /// Tasks that share the work.
    pub partitions: usize,
    /// Takes joins that can spill instead of hash joins.
    pub spill_joins: bool,
}

/// The tables behind the relations of a plan.
pub type Tables = BTreeMap<RelationName, Arc<dyn TableProvider>>;

/// Why a plan didn't run to its end.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Failure {
    OutOfMemory(String),
    /// A file that is read isn't what was recorded.
    Damaged(String),
    Query(String),
}

/// Runs plans. Cheap to clone; all clones share memory and stores.
#[derive(Clone, Debug)]
pub struct Runtime {
    environment: Arc<RuntimeEnv>,
    stores: Arc<Stores>,
    options: RuntimeOptions,
}

impl Runtime {
    pub fn new(options: RuntimeOptions) -> Result<Runtime, Failure> {
        let stores = Arc::new(Stores::default());
        let environment = RuntimeEnvBuilder::new()
            .with_memory_pool(Arc::new(FairSpillPool::new(usize::try_from(options.memory).unwrap_or(usize::MAX))))
            .with_object_store_registry(Arc::clone(&stores) as Arc<dyn ObjectStoreRegistry>)
            .build_arc()
            .map_err(|e| Failure::from(&e))?;
        Ok(Runtime { environment, stores, options })
    }

    /// Lets plans read an object store under a URL such as `pie://store`.
    pub fn register(&self, url: &str, store: Arc<dyn ObjectStore>) {
        if let Ok(url) = Url::parse(url) {
            self.stores.register_store(&url, store);
        }
    }

    /// Runs an analysed plan on DataFusion with its own settings, apart from those that give SQL its meaning, and without the
    /// rules of its optimizer that only make queries faster. For judging what was built, which must not be done by what
    /// built it.
    pub async fn plain_stream(&self, plan: &LogicalPlan, tables: &Tables, plain: Plain) -> Result<Batches, Failure> {
        let meaning = session_config();
        let mut config = SessionConfig::new().with_target_partitions(plain.partitions);
        let options = config.options_mut();
        options.sql_parser = meaning.options().sql_parser.clone();
        options.execution.time_zone = meaning.options().execution.time_zone.clone();
        options.optimizer.prefer_hash_join = !plain.spill_joins;
        let state = self.state(config);
        let physical = match physical_in(&with_fewest_rules(&state), plan, tables).await {
            Ok(physical) => physical,
            // A subquery in the condition of an outer join has to be moved away from there first, say.
            Err(_) => physical_in(&state, plan, tables).await?,
        };
        execute_stream(physical, state.task_ctx()).map_err(|e| Failure::from(&e))
    }

    /// The physical plan of an analysed plan over tables. `spill_joins` takes joins that can spill instead of hash joins. The
    /// optimizer makes plans now and then that it finds wrong itself; without it they are right.
    pub async fn physical_plan(
        &self,
        plan: &LogicalPlan,
        tables: &Tables,
        spill_joins: bool,
    ) -> Result<(Arc<dyn ExecutionPlan>, SessionState), Failure> {
        let state = self.session(spill_joins);
        let physical = match physical_in(&state, plan, tables).await {
            Ok(physical) => physical,
            Err(error) => physical_in(&with_fewest_rules(&state), plan, tables).await.map_err(|_| error)?,
        };
        Ok((physical, state))
    }

    /// The physical plan as text.
    pub async fn physical_text(&self, plan: &LogicalPlan, tables: &Tables) -> Result<String, Failure> {
        let (physical, _) = self.physical_plan(plan, tables, false).await?;
        Ok(displayable(physical.as_ref()).indent(false).to_string())
    }

    /// Runs an analysed plan; dropping the stream stops it.
    pub async fn stream(
        &self,
        plan: &LogicalPlan,
        tables: &Tables,
        spill_joins: bool,
    ) -> Result<SendableRecordBatchStream, Failure> {
        let (physical, state) = self.physical_plan(plan, tables, spill_joins).await?;
        execute_stream(physical, state.task_ctx()).map_err(|e| Failure::from(&e))
    }

    /// Reads a whole table.
    pub async fn scan(&self, table: Arc<dyn TableProvider>) -> Result<SendableRecordBatchStream, Failure> {
        let state = self.session(false);
        let physical = table.scan(&state, None, &[], None).await.map_err(|e| Failure::from(&e))?;
        execute_stream(physical, state.task_ctx()).map_err(|e| Failure::from(&e))
    }

    /// Size and tag of an object, as freezing records them; `None` where it is gone.
    pub async fn head(&self, store: &str, path: &str) -> Result<Option<(u64, String)>, String> {
        let objects = self.objects(store)?;
        match objects.head(&super::files::recorded_path(path)).await {
            Ok(meta) => {
                let modified = meta.last_modified.timestamp_nanos_opt().unwrap_or_default();
                Ok(Some((meta.size, format!("{}/{modified}", meta.e_tag.unwrap_or_default()))))
            }
            Err(datafusion::object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(error.to_string()),
        }
    }

    /// BLAKE3 of an object's bytes, in hex.
    pub async fn digest(&self, store: &str, path: &str) -> Result<String, String> {
        let result = self.objects(store)?.get(&super::files::recorded_path(path)).await.map_err(|e| e.to_string())?;
        let mut stream = result.into_stream();
        let mut hasher = blake3::Hasher::new();
        while let Some(bytes) = stream.try_next().await.map_err(|e| e.to_string())? {
            hasher.update(&bytes);
        }
        Ok(hasher.finalize().to_hex().to_string())
    }

    fn objects(&self, store: &str) -> Result<Arc<dyn ObjectStore>, String> {
        let url = Url::parse(store).map_err(|e| e.to_string())?;
        self.stores.get_store(&url).map_err(|e| e.to_string())
    }

    fn session(&self, spill_joins: bool) -> SessionState {
        let mut config = session_config();
        config.options_mut().optimizer.prefer_hash_join = !spill_joins;
        if let Some(partitions) = self.options.partitions {
            config = config.with_target_partitions(partitions);
        }
        if let Some(rows) = self.options.batch_rows {
            config = config.with_batch_size(rows);
        }
        self.state(config)
    }

    fn state(&self, config: SessionConfig) -> SessionState {
        let builder = SessionStateBuilder::new().with_config(config).with_runtime_env(Arc::clone(&self.environment));
        let rules = with_own(physical_rules(), Forget { all_joins: false });
        let mut state = with_functions(builder.with_default_features()).with_physical_optimizer_rules(rules).build();
        // Questions may look at the clock; slices were refused that when they were checked.
        let options = Arc::clone(state.config_options());
        state.execution_props_mut().mark_start_execution(options);
        state
    }
}

/// A state without the rules that only make queries faster.
fn with_fewest_rules(state: &SessionState) -> SessionState {
    let mut config = state.config().clone();
    // The engine may think otherwise of whether a value can be null when it plans to run than it did before.
    config.options_mut().execution.skip_physical_aggregate_schema_check = true;
    SessionStateBuilder::new_from_existing(state.clone())
        .with_config(config)
        .with_optimizer_rules(needed_rules())
        .with_physical_optimizer_rules(with_own(needed_physical_rules(), Forget { all_joins: true }))
        .build()
}

fn with_own(
    mut rules: Vec<Arc<dyn PhysicalOptimizerRule + Send + Sync>>,
    forget: Forget,
) -> Vec<Arc<dyn PhysicalOptimizerRule + Send + Sync>> {
    rules.insert(0, Arc::new(forget));
    rules
}

async fn physical_in(
    state: &SessionState,
    plan: &LogicalPlan,
    tables: &Tables,
) -> Result<Arc<dyn ExecutionPlan>, Failure> {
    let bound = bind(plan, tables).and_then(settle_subqueries).and_then(keep_above_aggregates);
    let bound = bound.map_err(|e| Failure::from(&e))?;
    let optimized = state.optimize(&bound).map_err(|e| Failure::from(&e))?;
    let physical = state.query_planner().create_physical_plan(&optimized, state).await;
    physical.and_then(yielding).map_err(|e| Failure::from(&e))
}

/// Lets joins that make pairs give way to others. One batch that they read may become millions of theirs, all of which whoever counts
/// them takes without a pause: nobody could stop that. The engine makes only what reads give way.
fn yielding(plan: Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
    let plan = plan.transform_up(|node| {
        let pairs = node.is::<CrossJoinExec>() || node.is::<NestedLoopJoinExec>();
        Ok(if pairs { Transformed::yes(Arc::new(CooperativeExec::new(node)) as _) } else { Transformed::no(node) })
    });
    plan.data()
}

impl Failure {
    /// The finding, where a file is damaged: that has a code of its own wherever it is met.
    pub fn damage(&self) -> Option<Diagnostic> {
        let Failure::Damaged(path) = self else { return None };
        let finding = Diagnostic::error(Code::CorruptRecord, format!("`{path}` is damaged"))
            .with_note("its bytes aren't those that were recorded when it was written or frozen")
            .with_help("`pie fsck --deep --mend` takes damaged builds out, and `pie build` makes them again; frozen files come from a backup");
        Some(finding)
    }
}

impl From<&DataFusionError> for Failure {
    fn from(error: &DataFusionError) -> Failure {
        // On its way through Arrow an error becomes its text.
        if let Some(path) = Damaged::path_in(&error.to_string()) {
            return Failure::Damaged(path);
        }
        let root = error.find_root();
        let text = crate::sql::error_text(root);
        match root {
            DataFusionError::ResourcesExhausted(_) => Failure::OutOfMemory(text),
            _ => Failure::Query(text),
        }
    }
}

/// Puts the tables in where the plan names relations, in subqueries too.
fn bind(plan: &LogicalPlan, tables: &Tables) -> Result<LogicalPlan> {
    let bound = plan.clone().transform_up_with_subqueries(|node| match node {
        LogicalPlan::TableScan(scan) => {
            let Some(name) = relation_of(&scan.source) else {
                let Some(source) = table_function_rows(&scan.source) else {
                    return Ok(Transformed::no(LogicalPlan::TableScan(scan)));
                };
                let scan = LogicalPlan::TableScan(TableScan { source, ..scan });
                return Ok(Transformed::new(scan, true, TreeNodeRecursion::Continue));
            };
            let Some(table) = tables.get(name) else {
                return Err(DataFusionError::Execution(format!("`{name}` has no data")));
            };
            let source = provider_as_source(Arc::clone(table));
            Ok(Transformed::new(
                LogicalPlan::TableScan(TableScan { source, ..scan }),
                true,
                TreeNodeRecursion::Continue,
            ))
        }
        other => Ok(Transformed::no(other)),
    })?;
    Ok(bound.data)
}

/// Only what was registered can be read: no `file://`, no discovery.
#[derive(Default, Debug)]
struct Stores {
    by_url: RwLock<BTreeMap<String, Arc<dyn ObjectStore>>>,
}

impl Stores {
    fn key(url: &Url) -> String {
        format!("{}://{}", url.scheme(), url.host_str().unwrap_or_default())
    }
}

impl ObjectStoreRegistry for Stores {
    fn register_store(&self, url: &Url, store: Arc<dyn ObjectStore>) -> Option<Arc<dyn ObjectStore>> {
        let mut stores = self.by_url.write().unwrap_or_else(|poisoned| poisoned.into_inner());
        stores.insert(Stores::key(url), store)
    }

    fn get_store(&self, url: &Url) -> Result<Arc<dyn ObjectStore>> {
        let stores = self.by_url.read().unwrap_or_else(|poisoned| poisoned.into_inner());
        stores
            .get(&Stores::key(url))
            .cloned()
            .ok_or_else(|| DataFusionError::Execution(format!("`{}` is no store of this project", Stores::key(url))))
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Failure::OutOfMemory(text) | Failure::Query(text) => f.write_str(text),
            Failure::Damaged(path) => Damaged { path: path.clone() }.fmt(f),
        }
    }
}
