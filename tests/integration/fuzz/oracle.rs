//! The brute force: every slice computed anew by plain DataFusion over whole tables in memory. It shares nothing with
//! pie but the text of the queries: no planning, no mapping, no digests, no files.

use super::content::Content;
use super::print::query_text;
use super::project::{Kind, Project, Source};
use super::query::{Expr, Group, Query, Relation, Select};
use super::shape::reads;
use datafusion::arrow::array::{ArrayRef, RecordBatch, StringArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::catalog::{CatalogProvider, MemorySchemaProvider};
use datafusion::common::{DataFusionError, TableReference};
use datafusion::datasource::MemTable;
use datafusion::execution::SessionStateBuilder;
use datafusion::execution::context::SessionContext;
use datafusion::prelude::SessionConfig;
use icepie::name::RelationName;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Larger slices are left out: joins of joins would take for ever.
const MOST_ROWS: usize = 100;
const MOST_PAIRS: u64 = 400_000;

/// The rows of one source or slice, virtual ones too.
#[derive(Debug)]
pub struct Answer {
    pub content: Content,
    schema: SchemaRef,
    batches: Vec<RecordBatch>,
}

/// The rows of everything in a project.
pub type Answers = BTreeMap<RelationName, Arc<Answer>>;

/// Why there is no answer.
#[derive(Clone, Debug)]
pub enum Refusal {
    Failed(String),
    TooLarge,
    /// The rows break a promise of the project, so pie mustn't publish them.
    Promise(RelationName),
}

/// Remembers what it computed: the same text over the very same tables isn't run twice.
#[derive(Default)]
pub struct Oracle {
    sources: Vec<(Source, Arc<Answer>)>,
    slices: Vec<Remembered>,
}

struct Remembered {
    domain: String,
    text: String,
    inputs: Answers,
    answer: Arc<Answer>,
}

impl Oracle {
    pub async fn answers(&mut self, project: &Project) -> Result<Answers, Refusal> {
        let mut answers = Answers::new();
        for source in &project.sources {
            answers.insert(source.name.clone(), self.source(source)?);
        }
        for slice in &project.slices {
            let size = |(name, answer): (&RelationName, &Arc<Answer>)| (name.clone(), answer.content.rows.len() as u64);
            let rows: BTreeMap<RelationName, u64> = answers.iter().map(size).collect();
            if bound(&slice.query, &rows, &BTreeMap::new()).pairs > MOST_PAIRS {
                return Err(Refusal::TooLarge);
            }
            let read = reads(&slice.query);
            let mut inputs = answers.clone();
            inputs.retain(|name, _| read.contains(name));
            let answer = self.slice(slice.name.domain(), query_text(&slice.query, slice.name.domain()), inputs).await?;
            if answer.content.rows.len() > MOST_ROWS {
                return Err(Refusal::TooLarge);
            }
            if !keeps_key(&answer.content, &slice.key) {
                return Err(Refusal::Promise(slice.name.clone()));
            }
            answers.insert(slice.name.clone(), answer);
        }
        Ok(answers)
    }

    fn source(&mut self, source: &Source) -> Result<Arc<Answer>, Refusal> {
        let same = |other: &Source| other.columns == source.columns && other.rows == source.rows;
        if let Some((_, answer)) = self.sources.iter().find(|(other, _)| same(other)) {
            return Ok(Arc::clone(answer));
        }
        let answer = Arc::new(table(source).map_err(|e| Refusal::Failed(e.to_string()))?);
        self.sources.push((source.clone(), Arc::clone(&answer)));
        Ok(answer)
    }

    async fn slice(&mut self, domain: &str, text: String, inputs: Answers) -> Result<Arc<Answer>, Refusal> {
        let known =
            self.slices.iter().find(|other| other.text == text && other.domain == domain && same(other, &inputs));
        if let Some(known) = known {
            return Ok(Arc::clone(&known.answer));
        }
        let failed = |e: DataFusionError| Refusal::Failed(format!("{}\nin {text}", e.strip_backtrace()));
        let answer = Arc::new(run(domain, &text, &inputs).await.map_err(failed)?);
        let domain = domain.to_owned();
        self.slices.push(Remembered { domain, text, inputs, answer: Arc::clone(&answer) });
        Ok(answer)
    }
}

/// Whether something was computed from the very same tables.
fn same(other: &Remembered, inputs: &Answers) -> bool {
    other.inputs.len() == inputs.len()
        && inputs.iter().all(|(name, input)| other.inputs.get(name).is_some_and(|known| Arc::ptr_eq(known, input)))
}

fn keeps_key(content: &Content, key: &[String]) -> bool {
    let names: BTreeSet<String> = key.iter().cloned().collect();
    let keys = content.of_columns(&names);
    let distinct = keys.windows(2).all(|pair| pair[0] != pair[1]);
    key.is_empty() || distinct && keys.iter().flatten().all(Option::is_some)
}

/// A source's rows in the types that it declares.
fn table(source: &Source) -> Result<Answer, DataFusionError> {
    let mut fields = Vec::new();
    let mut arrays: Vec<ArrayRef> = Vec::new();
    for (at, column) in source.columns.iter().enumerate() {
        let data_type = match column.kind {
            Kind::Int if column.wide => DataType::Int64,
            Kind::Int => DataType::Int32,
            Kind::Float | Kind::Ratio => DataType::Float64,
            Kind::Text => DataType::Utf8,
            Kind::Date => DataType::Date32,
            Kind::Bool => DataType::Boolean,
        };
        let texts: StringArray = source.rows.iter().map(|row| row[at].as_deref()).collect();
        arrays.push(cast(&texts, &data_type)?);
        fields.push(Field::new(&column.name, data_type, true));
    }
    let schema = Arc::new(Schema::new(fields));
    let batches = vec![RecordBatch::try_new(Arc::clone(&schema), arrays)?];
    let content = Content::read(&schema, &batches).map_err(DataFusionError::Execution)?;
    Ok(Answer { content, schema, batches })
}

/// Rules of the engine's optimizer without which it can't run what they are about, or not rightly. The others only make queries faster, and
/// some make them wrong: conditions without columns move below aggregates without groups, which then give a row that the
/// condition would have taken away (seed 2000335); a condition above a full join is lost (seed 3000217).
const NEEDED: [&str; 7] = [
    "rewrite_set_comparison",
    "simplify_expressions",
    "replace_distinct_aggregate",
    "decorrelate_predicate_subquery",
    "scalar_subquery_to_join",
    "decorrelate_lateral_join",
    // Only joins by equal columns know that `null not in (1)` isn't true.
    "extract_equijoin_predicate",
];

/// The same of rules for physical plans. Among the others is one that pushes conditions down to columns of the same name
/// (seeds 12000218, 14000021).
const NEEDED_PHYSICAL: [&str; 4] = ["OutputRequirements", "join_selection", "EnsureRequirements", "SanityCheckPlan"];

fn session(config: SessionConfig) -> SessionContext {
    let state = SessionStateBuilder::new().with_config(config).with_default_features().build();
    let rules = state.optimizers().iter().filter(|rule| NEEDED.contains(&rule.name())).cloned().collect();
    let physical = state.physical_optimizers().iter().filter(|rule| NEEDED_PHYSICAL.contains(&rule.name()));
    let physical = physical.cloned().collect();
    let state = SessionStateBuilder::new_from_existing(state).with_optimizer_rules(rules);
    SessionContext::new_with_state(state.with_physical_optimizer_rules(physical).build())
}

/// Runs one query in a session of its own.
async fn run(domain: &str, text: &str, inputs: &Answers) -> Result<Answer, DataFusionError> {
    let config = SessionConfig::new().with_default_catalog_and_schema("brute", domain);
    let context = session(config);
    let no_catalog = || DataFusionError::Execution("the session has no catalog".to_owned());
    let catalog: Arc<dyn CatalogProvider> = context.catalog("brute").ok_or_else(no_catalog)?;
    for (name, answer) in inputs {
        if catalog.schema(name.domain()).is_none() {
            catalog.register_schema(name.domain(), Arc::new(MemorySchemaProvider::new()))?;
        }
        let table = MemTable::try_new(Arc::clone(&answer.schema), vec![answer.batches.clone()])?;
        let place = TableReference::partial(name.domain().to_owned(), name.name().to_owned());
        context.register_table(place, Arc::new(table))?;
    }
    let frame = context.sql(text).await?;
    // The engine finds types that fit only when it prepares to run.
    let physical = frame.clone().create_physical_plan().await?;
    let analysed = physical.schema();
    let columns = analysed.fields().iter();
    let fields: Vec<Field> =
        columns.map(|field| Field::new(field.name(), plain_type(field.data_type()), true)).collect();
    let schema = Arc::new(Schema::new(fields));
    let mut batches = Vec::new();
    for batch in frame.collect().await? {
        let mut arrays: Vec<ArrayRef> = Vec::new();
        for (array, field) in batch.columns().iter().zip(schema.fields()) {
            arrays.push(cast(array, field.data_type())?);
        }
        batches.push(RecordBatch::try_new(Arc::clone(&schema), arrays)?);
    }
    let content = Content::read(&schema, &batches).map_err(DataFusionError::Execution)?;
    Ok(Answer { content, schema, batches })
}

/// The engine has several layouts of text; which one it picks means nothing.
fn plain_type(data_type: &DataType) -> DataType {
    match data_type {
        DataType::Utf8View | DataType::LargeUtf8 => DataType::Utf8,
        DataType::Dictionary(_, values) => plain_type(values),
        other => other.clone(),
    }
}

/// How large a query can get, by multiplying what it joins.
struct Bound {
    rows: u64,
    pairs: u64,
}

fn bound(query: &Query, tables: &BTreeMap<RelationName, u64>, around: &BTreeMap<String, u64>) -> Bound {
    let mut ctes = around.clone();
    let mut whole = Bound { rows: 0, pairs: 0 };
    for cte in &query.ctes {
        let cte_bound = bound(&cte.query, tables, &ctes);
        whole.pairs = whole.pairs.max(cte_bound.pairs);
        ctes.insert(cte.name.clone(), cte_bound.rows);
    }
    for select in &query.legs {
        let mut pairs = 1u64;
        for table in select.tables() {
            let rows = match &table.relation {
                Relation::Declared(name) => tables.get(name).copied().unwrap_or(0),
                Relation::Cte(name) => ctes.get(name).copied().unwrap_or(0),
                Relation::Derived(derived) => {
                    let inner = bound(derived, tables, &ctes);
                    whole.pairs = whole.pairs.max(inner.pairs);
                    inner.rows
                }
            };
            pairs = pairs.saturating_mul(rows.max(1));
        }
        whole.rows = whole.rows.saturating_add(if is_one_row(select) { 1 } else { pairs });
        let subquery = |expr: &Expr| matches!(expr, Expr::Scalar(_) | Expr::Exists { .. } | Expr::InQuery { .. });
        let mut exprs = select.filter.iter().chain(select.items.iter().map(|item| &item.expr));
        let factor = if exprs.any(|expr| expr.any(&subquery)) { MOST_ROWS as u64 } else { 1 };
        whole.pairs = whole.pairs.max(pairs.saturating_mul(factor));
    }
    if let Some(limit) = query.limit {
        whole.rows = whole.rows.min(u64::from(limit));
    }
    whole
}

fn is_one_row(select: &Select) -> bool {
    let no_keys = select.hidden_keys.is_empty() && select.items.iter().all(|item| item.expr.has_aggregate());
    select.group != Group::None && no_keys && !select.items.is_empty()
}
