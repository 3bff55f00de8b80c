//! Small random databases for the sources, and plain DataFusion to run queries on them: nothing of pie's own planning
//! is in the way, and the settings are the engine's.

use super::project::{SLICES, corpus};
use super::random::Random;
use datafusion::arrow::array::{
    Array, ArrayRef, Date32Array, Decimal128Array, Float64Array, Int32Array, Int32Builder, ListArray, ListBuilder,
    RecordBatch, StringArray, StructArray, TimestampNanosecondArray,
};
use datafusion::arrow::buffer::NullBuffer;
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Int32Type, SchemaRef, TimeUnit};
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::common::DataFusionError;
use datafusion::datasource::MemTable;
use datafusion::execution::context::SessionContext;
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::collect;
use datafusion::prelude::SessionConfig;
use icepie::semantic::schema_of;
use std::cell::OnceCell;
use std::ops::Range;
use std::sync::Arc;
use tokio::runtime::Runtime;

/// What a query gave: rows as texts, or why there are none.
pub type Outcome = Result<Rows, String>;

/// The columns and rows of a query's result; null is `∅`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rows {
    pub names: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Rows {
    /// The bag of what some columns hold together, sorted; of no columns it is as many empty rows.
    pub fn bag(&self, positions: &[usize]) -> Vec<Vec<&str>> {
        let mut bag: Vec<Vec<&str>> = Vec::new();
        for row in &self.rows {
            bag.push(positions.iter().map(|at| row[*at].as_str()).collect());
        }
        bag.sort_unstable();
        bag
    }

    pub fn whole(&self) -> Vec<Vec<&str>> {
        self.bag(&(0..self.names.len()).collect::<Vec<_>>())
    }

    pub fn position(&self, name: &str) -> Option<usize> {
        self.names.iter().position(|other| other == name)
    }
}

/// Looks at one database: it is given the seed, and what gives the outcome of a query by its index.
pub type Look<'a, T> = dyn Fn(u64, &dyn Fn(usize) -> Outcome) -> Vec<T> + Sync + 'a;

/// Runs queries on random databases, one for each seed, on a few threads, and gathers what `look` finds.
pub fn on_databases<T: Send>(queries: &[String], seeds: Range<u64>, look: &Look<'_, T>) -> Vec<T> {
    corpus();
    let threads = std::thread::available_parallelism().map_or(2, |cores| cores.get().min(4)) as u64;
    let work = |thread: u64| {
        let world = World::new();
        let plans: Vec<OnceCell<Result<LogicalPlan, String>>> = queries.iter().map(|_| OnceCell::new()).collect();
        let mut found = Vec::new();
        for seed in seeds.clone().filter(|seed| seed % threads == thread) {
            world.fill(seed);
            let run = |index: usize| match plans[index].get_or_init(|| world.plan(&queries[index])) {
                Ok(plan) => world.run(plan),
                Err(error) => Err(error.clone()),
            };
            found.extend(look(seed, &run));
        }
        found
    };
    std::thread::scope(|scope| {
        let started: Vec<_> = (0..threads)
            .map(|thread| {
                let builder = std::thread::Builder::new().stack_size(16 << 20);
                builder.spawn_scoped(scope, move || work(thread)).expect("a thread can be started")
            })
            .collect();
        started.into_iter().flat_map(|thread| thread.join().expect("the work doesn't panic")).collect()
    })
}

/// The sources as tables in memory whose rows can be changed below prepared plans.
struct World {
    runtime: Runtime,
    context: SessionContext,
    tables: Vec<(SchemaRef, Arc<MemTable>)>,
}

impl World {
    fn new() -> World {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.expect("a runtime can be made");
        let config = SessionConfig::new().with_target_partitions(1).with_default_catalog_and_schema("datafusion", "d");
        let context = SessionContext::new_with_config(config);
        let mut tables = Vec::new();
        for (name, source) in &corpus().checked.model.sources {
            let schema = schema_of(&source.columns);
            let table = MemTable::try_new(Arc::clone(&schema), vec![Vec::new()]).expect("a table can be made");
            let table = Arc::new(table);
            context.register_table(name.name(), table.clone()).expect("the name is free");
            tables.push((schema, table));
        }
        for (name, _, query) in SLICES {
            let text = format!("create view {name} as {query}");
            runtime.block_on(context.sql(&text)).expect("a view can be made");
        }
        World { runtime, context, tables }
    }

    /// Puts random rows into all tables.
    fn fill(&self, seed: u64) {
        let mut random = Random::new(seed);
        for (schema, table) in &self.tables {
            let batch = rows(schema, &mut random);
            self.runtime.block_on(async {
                *table.batches[0].write().await = vec![batch];
            });
        }
    }

    /// The optimised plan of a query; it stays the same whatever the rows are.
    fn plan(&self, query: &str) -> Result<LogicalPlan, String> {
        let planned = self.runtime.block_on(plan(&self.context, query));
        planned.map_err(|error| error.strip_backtrace())
    }

    fn run(&self, plan: &LogicalPlan) -> Outcome {
        let batches = self.runtime.block_on(run(&self.context, plan)).map_err(|error| error.strip_backtrace())?;
        let names = plan.schema().fields().iter().map(|field| field.name().clone()).collect();
        let options = FormatOptions::default();
        let mut rows = Vec::new();
        for batch in &batches {
            let mut formatters = Vec::new();
            for array in batch.columns() {
                formatters.push(ArrayFormatter::try_new(array.as_ref(), &options).map_err(|e| e.to_string())?);
            }
            for row in 0..batch.num_rows() {
                let mut cells = Vec::new();
                for (array, formatter) in batch.columns().iter().zip(&formatters) {
                    let null = array.is_null(row);
                    cells.push(if null { "∅".to_owned() } else { formatter.value(row).to_string() });
                }
                rows.push(cells);
            }
        }
        Ok(Rows { names, rows })
    }
}

async fn plan(context: &SessionContext, query: &str) -> Result<LogicalPlan, DataFusionError> {
    context.sql(query).await?.into_optimized_plan()
}

async fn run(context: &SessionContext, plan: &LogicalPlan) -> Result<Vec<RecordBatch>, DataFusionError> {
    let state = context.state();
    let physical = state.query_planner().create_physical_plan(plan, &state).await?;
    collect(physical, context.task_ctx()).await
}

/// Up to five rows. Columns that are never null are keys.
fn rows(schema: &SchemaRef, random: &mut Random) -> RecordBatch {
    let count = random.below(6);
    let arrays = schema.fields().iter().map(|field| match field.is_nullable() {
        true => array(field.data_type(), count, random),
        false => {
            let mut keys: Vec<i32> = (-1..7).collect();
            random.shuffle(&mut keys);
            Arc::new(Int32Array::from(keys[..count].to_vec())) as ArrayRef
        }
    });
    let arrays = arrays.collect();
    RecordBatch::try_new(Arc::clone(schema), arrays).expect("the arrays are those of the schema")
}

const FLOATS: [f64; 8] = [0.0, -0.0, 1.0, 2.0, 0.125, -1.5, f64::NAN, f64::INFINITY];
const TEXTS: [&str; 7] = ["", "a", "A", "b", "ab", "a%", "x1"];
/// 31 December 2019, 30 and 31 January, 29 February 2020, in days since 1970.
const DAYS: [i32; 4] = [18_261, 18_291, 18_292, 18_321];
const NANOSECONDS_OF_A_DAY: i64 = 86_400_000_000_000;

fn integer(random: &mut Random) -> Option<i32> {
    perhaps(random, |random| random.one(&[0, 1, 2, -1]))
}

/// One in five is null.
fn perhaps<T>(random: &mut Random, make: impl FnOnce(&mut Random) -> T) -> Option<T> {
    if random.chance(20) { None } else { Some(make(random)) }
}

fn array(data_type: &DataType, count: usize, random: &mut Random) -> ArrayRef {
    let each = 0..count;
    match data_type {
        DataType::Int32 => Arc::new(Int32Array::from(each.map(|_| integer(random)).collect::<Vec<_>>())),
        DataType::Float64 => {
            let values: Vec<Option<f64>> = each.map(|_| perhaps(random, |random| random.one(&FLOATS))).collect();
            Arc::new(Float64Array::from(values))
        }
        DataType::Decimal128(precision, scale) => {
            let value = |random: &mut Random| random.one(&[0i128, 100, 50, -125, 1, 200]);
            let values: Vec<Option<i128>> = each.map(|_| perhaps(random, value)).collect();
            let array = Decimal128Array::from(values).with_precision_and_scale(*precision, *scale);
            Arc::new(array.expect("the values fit"))
        }
        DataType::Utf8 => {
            let values: Vec<Option<&str>> = each.map(|_| perhaps(random, |random| random.one(&TEXTS))).collect();
            Arc::new(StringArray::from(values))
        }
        DataType::Date32 => {
            let values: Vec<Option<i32>> = each.map(|_| perhaps(random, |random| random.one(&DAYS))).collect();
            Arc::new(Date32Array::from(values))
        }
        DataType::Timestamp(TimeUnit::Nanosecond, None) => {
            let value = |random: &mut Random| {
                let within = random.one(&[0, 3_600_000_000_000, 86_399_000_000_001]);
                i64::from(random.one(&DAYS)) * NANOSECONDS_OF_A_DAY + within
            };
            let values: Vec<Option<i64>> = each.map(|_| perhaps(random, value)).collect();
            Arc::new(TimestampNanosecondArray::from(values))
        }
        DataType::List(item) if matches!(item.data_type(), DataType::List(_)) => nested(data_type, count, random),
        DataType::List(_) => {
            let list = |random: &mut Random| {
                let length = random.below(4);
                (0..length).map(|_| integer(random)).collect::<Vec<_>>()
            };
            let lists: Vec<Option<Vec<Option<i32>>>> = each.map(|_| perhaps(random, list)).collect();
            let array = ListArray::from_iter_primitive::<Int32Type, _, _>(lists);
            cast(&array, data_type).expect("the layouts differ in names only")
        }
        DataType::Struct(fields) => {
            let columns = fields.iter().map(|field| array(field.data_type(), count, random)).collect();
            let present: Vec<bool> = each.map(|_| !random.chance(20)).collect();
            Arc::new(StructArray::new(fields.clone(), columns, Some(NullBuffer::from(present))))
        }
        other => panic!("no source has the type {other}"),
    }
}

/// Lists of lists of integers.
fn nested(data_type: &DataType, count: usize, random: &mut Random) -> ArrayRef {
    let mut builder = ListBuilder::new(ListBuilder::new(Int32Builder::new()));
    for _ in 0..count {
        for _ in 0..random.below(3) {
            for _ in 0..random.below(3) {
                builder.values().values().append_option(integer(random));
            }
            builder.values().append(!random.chance(15));
        }
        builder.append(!random.chance(15));
    }
    cast(&builder.finish(), data_type).expect("the layouts differ in names only")
}
