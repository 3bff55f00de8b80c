//! The relations that queries are planned against: schemas and plans of virtual slices, no data.

use super::engine::{engine, options};
use super::{LazyPlan, LogicalPlan, SchemaRef};
use crate::name::RelationName;
use datafusion::arrow::datatypes::DataType;
use datafusion::catalog::TableFunctionArgs;
use datafusion::common::config::ConfigOptions;
use datafusion::common::{DFSchema, Result, TableReference, plan_err};
use datafusion::datasource::cte_worktable::CteWorkTable;
use datafusion::datasource::provider_as_source;
use datafusion::logical_expr::planner::{ContextProvider, ExprPlanner, RelationPlanner};
use datafusion::logical_expr::simplify::SimplifyContext;
use datafusion::logical_expr::{AggregateUDF, Expr, HigherOrderUDF, ScalarUDF, TableSource, WindowUDF};
use datafusion::optimizer::simplify_expressions::ExprSimplifier;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What a name in a query stands for.
#[derive(Clone, Debug)]
pub struct Relation {
    pub name: RelationName,
    pub schema: SchemaRef,
    /// Columns that identify a row, none of them ever null: verified before anything reads the relation.
    pub key: Vec<String>,
    /// The analysed plan of a virtual slice, which its readers inline.
    pub view: Option<LazyPlan>,
}

/// The relations that one query may name, under the names it uses for them, lower case or quoted as written: `transfers`
/// or `payments.transfers`.
#[derive(Clone, Default, Debug)]
pub struct Catalog {
    relations: BTreeMap<String, Relation>,
}

impl Catalog {
    /// Makes `relation` known under the name `reference` (its parts joined by dots).
    pub fn insert(&mut self, reference: String, relation: Relation) {
        self.relations.insert(reference, relation);
    }

    /// What a name stands for.
    pub fn get(&self, reference: &str) -> Option<&Relation> {
        self.relations.get(reference)
    }

    pub fn relations(&self) -> impl Iterator<Item = &Relation> {
        self.relations.values()
    }
}

/// The table source that stands for a relation in a plan; [`relation_of`] finds it again, which is how execution swaps
/// in the data.
#[derive(Debug)]
pub struct CatalogSource {
    relation: Relation,
}

impl CatalogSource {
    pub fn new(relation: Relation) -> CatalogSource {
        CatalogSource { relation }
    }
}

impl TableSource for CatalogSource {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.relation.schema)
    }

    // No constraints are given: DataFusion 55's rules over nullable unique keys give wrong answers.

    fn get_logical_plan(&'_ self) -> Option<Cow<'_, LogicalPlan>> {
        self.relation.view.as_ref()?.get().map(|plan| Cow::Borrowed(plan.as_ref()))
    }
}

/// The name of the relation that a plan's table source stands for; `None` for one that pie didn't make.
pub fn relation_of(source: &Arc<dyn TableSource>) -> Option<&RelationName> {
    source.downcast_ref::<CatalogSource>().map(|source| &source.relation.name)
}

/// The rows of a table function, which a plan alone would forget the arguments of.
struct FunctionSource {
    name: String,
    arguments: Vec<Expr>,
    rows: Arc<dyn TableSource>,
}

impl TableSource for FunctionSource {
    fn schema(&self) -> SchemaRef {
        self.rows.schema()
    }
}

/// The name and arguments of a table function that a plan's table source stands for.
pub fn table_function_of(source: &Arc<dyn TableSource>) -> Option<(&str, &[Expr])> {
    source.downcast_ref::<FunctionSource>().map(|source| (source.name.as_str(), source.arguments.as_slice()))
}

/// What runs in place of a table function's source.
pub fn table_function_rows(source: &Arc<dyn TableSource>) -> Option<Arc<dyn TableSource>> {
    source.downcast_ref::<FunctionSource>().map(|source| Arc::clone(&source.rows))
}

/// The columns of the relation's key that a plan's table source stands for.
pub fn key_of(source: &Arc<dyn TableSource>) -> Option<&[String]> {
    source.downcast_ref::<CatalogSource>().map(|source| source.relation.key.as_slice())
}

impl ContextProvider for Catalog {
    fn get_table_source(&self, name: TableReference) -> Result<Arc<dyn TableSource>> {
        let key = match &name {
            TableReference::Bare { table } => table.to_string(),
            TableReference::Partial { schema, table } => format!("{schema}.{table}"),
            TableReference::Full { catalog, schema, table } => format!("{catalog}.{schema}.{table}"),
        };
        match self.relations.get(&key) {
            Some(relation) => Ok(Arc::new(CatalogSource::new(relation.clone()))),
            None => plan_err!("table '{key}' not found"),
        }
    }

    fn get_table_function_source(&self, name: &str, args: Vec<Expr>) -> Result<Arc<dyn TableSource>> {
        // The gate lets only functions through that make rows from their arguments.
        let Some(function) = engine().table_functions().get(name) else {
            return plan_err!("table function '{name}' not found");
        };
        // Without the time of a query the simplifier can't fold the clock into a plan.
        let context = SimplifyContext::builder().with_config_options(Arc::clone(options())).build();
        let simplifier = ExprSimplifier::new(context);
        let schema = DFSchema::empty();
        let args = args
            .into_iter()
            .map(|arg| simplifier.coerce(arg, &schema).and_then(|arg| simplifier.simplify(arg)))
            .collect::<Result<Vec<_>>>()?;
        let provider = function.create_table_provider_with_args(TableFunctionArgs::new(&args, engine()))?;
        Ok(Arc::new(FunctionSource { name: name.to_owned(), arguments: args, rows: provider_as_source(provider) }))
    }

    fn create_cte_work_table(&self, name: &str, schema: SchemaRef) -> Result<Arc<dyn TableSource>> {
        Ok(provider_as_source(Arc::new(CteWorkTable::new(name, schema))))
    }

    fn get_expr_planners(&self) -> &[Arc<dyn ExprPlanner>] {
        engine().expr_planners()
    }

    fn get_relation_planners(&self) -> &[Arc<dyn RelationPlanner>] {
        engine().relation_planners()
    }

    fn get_function_meta(&self, name: &str) -> Option<Arc<ScalarUDF>> {
        engine().scalar_functions().get(name).cloned()
    }

    fn get_higher_order_meta(&self, name: &str) -> Option<Arc<HigherOrderUDF>> {
        engine().higher_order_functions().get(name).cloned()
    }

    fn get_aggregate_meta(&self, name: &str) -> Option<Arc<AggregateUDF>> {
        engine().aggregate_functions().get(name).cloned()
    }

    fn get_window_meta(&self, name: &str) -> Option<Arc<WindowUDF>> {
        engine().window_functions().get(name).cloned()
    }

    fn get_variable_type(&self, _variable_names: &[String]) -> Option<DataType> {
        None
    }

    fn options(&self) -> &ConfigOptions {
        options()
    }

    fn udf_names(&self) -> Vec<String> {
        sorted(engine().scalar_functions().keys())
    }

    fn higher_order_function_names(&self) -> Vec<String> {
        sorted(engine().higher_order_functions().keys())
    }

    fn udaf_names(&self) -> Vec<String> {
        sorted(engine().aggregate_functions().keys())
    }

    fn udwf_names(&self) -> Vec<String> {
        sorted(engine().window_functions().keys())
    }
}

/// Suggestions come from these lists: their order must not be a hash map's.
fn sorted<'a>(names: impl Iterator<Item = &'a String>) -> Vec<String> {
    let mut names: Vec<String> = names.cloned().collect();
    names.sort_unstable();
    names
}
