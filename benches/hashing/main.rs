//! What content digests cost: tables are written to Parquet in memory through the writer that builds use, without
//! hashing, with the digests of a build's columns, and with those by key that sources get.
//!
//! `cargo bench --bench hashing` prints a table in Markdown, with the median of five runs of each way. The ways take
//! turns, so that a machine that is slower for a while is so for all of them. In every way the file itself is hashed:
//! the writer does that, and it isn't what is measured. Hashing by key takes the digests in order as well.

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::array::{ArrayRef, Date32Array, Decimal128Array, Float64Array, Int64Array, StringArray};
use datafusion::arrow::datatypes::{Field, Schema, SchemaRef};
use datafusion::object_store::ObjectStore;
use datafusion::object_store::memory::InMemory;
use datafusion::object_store::path::Path;
use icepie::content::ContentHasher;
use icepie::diagnostic::Diagnostic;
use icepie::driver::{self, Session};
use icepie::exec::ParquetFile;
use icepie::init::{Template, write_template};
use icepie::workspace;
use std::collections::BTreeMap;
use std::error::Error;
use std::hint::black_box;
use std::ops::Range;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// Runs of each way of writing a table.
const RUNS: usize = 5;

/// Rows that the engine hands on at once.
const BATCH: u64 = 8192;

/// Raw data of the project that is built whole.
const LEDGERX_BYTES: u64 = 20_000_000;

/// DataFusion plans recursively.
const STACK: usize = 64 << 20;

fn main() -> ExitCode {
    let thread = std::thread::Builder::new().name("hashing".to_owned()).stack_size(STACK);
    let running = thread.spawn(|| -> Result<()> {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().thread_stack_size(STACK).build()?;
        runtime.block_on(run())
    });
    match running.map(std::thread::JoinHandle::join) {
        Ok(Ok(Ok(()))) => ExitCode::SUCCESS,
        Ok(Ok(Err(error))) => failed(error.as_ref()),
        Ok(Err(panic)) => std::panic::resume_unwind(panic),
        Err(error) => failed(&error),
    }
}

fn failed(error: &dyn Error) -> ExitCode {
    eprintln!("error: {error}");
    ExitCode::from(2)
}

async fn run() -> Result<()> {
    if cfg!(debug_assertions) {
        eprintln!("The profile doesn't optimise: what is printed says little about the program that people run.");
    }
    println!("| table | rows | columns | write | and hash | ratio | and hash by key | ratio |");
    println!("|---|--:|--:|--:|--:|--:|--:|--:|");
    for table in tables() {
        let (name, rows, columns) = (table.name, table.rows, table.columns.len());
        let [plain, ordered, keyed] = table.medians().await?.map(|time| time.as_secs_f64());
        let ratios = (ordered / plain, keyed / plain);
        println!(
            "| {name} | {rows} | {columns} | {plain:.3} s | {ordered:.3} s | {:.2} | {keyed:.3} s | {:.2} |",
            ratios.0, ratios.1
        );
    }
    let (build, hashing) = whole_build().await?;
    let share = 100.0 * hashing.as_secs_f64() / build.as_secs_f64();
    println!(
        "\nA whole build of ledgerx takes {build:.2?}; hashing all that it writes takes {hashing:.2?}, {share:.1} %."
    );
    Ok(())
}

/// How a table is written.
#[derive(Clone, Copy)]
enum Way {
    Plain,
    /// As builds write slices: digests of values in their order.
    Ordered,
    /// As freezing hashes sources with a key; the key is the first column.
    Keyed,
}

const WAYS: [Way; 3] = [Way::Plain, Way::Ordered, Way::Keyed];

struct Table {
    name: &'static str,
    rows: u64,
    columns: Vec<Values>,
}

/// What is in a column. Everything follows from the number of the row and of the column.
#[derive(Clone, Copy)]
enum Values {
    /// Counts up.
    Id,
    Number,
    Double,
    Day,
    Amount,
    /// One of 16 words.
    Word,
    /// Ten letters and digits, nearly all different.
    Code,
    /// About 40 bytes, all different.
    Sentence,
}

fn tables() -> [Table; 3] {
    let mixed = [Values::Number, Values::Double, Values::Day, Values::Amount, Values::Word, Values::Code];
    let wide = std::iter::once(Values::Id).chain(mixed.into_iter().cycle().skip(1)).take(30).collect();
    [
        Table { name: "narrow", rows: 4_000_000, columns: vec![Values::Id, Values::Number, Values::Number] },
        Table { name: "wide", rows: 200_000, columns: wide },
        Table { name: "texts", rows: 1_000_000, columns: vec![Values::Sentence; 4] },
    ]
}

impl Table {
    /// The median of each way.
    async fn medians(&self) -> Result<[Duration; WAYS.len()]> {
        let starts = (0..self.rows).step_by(BATCH as usize);
        let batches: Vec<RecordBatch> =
            starts.map(|start| self.batch(start..self.rows.min(start + BATCH))).collect::<Result<_>>()?;
        let mut times: [Vec<Duration>; WAYS.len()] = Default::default();
        for _ in 0..RUNS {
            for (way, times) in WAYS.into_iter().zip(&mut times) {
                times.push(write(way, &batches[0].schema(), &batches).await?);
            }
        }
        Ok(times.map(median))
    }

    fn batch(&self, rows: Range<u64>) -> Result<RecordBatch> {
        let columns = self.columns.iter().enumerate();
        let arrays: Vec<ArrayRef> =
            columns.map(|(column, values)| values.array(column as u64, rows.clone())).collect::<Result<_>>()?;
        let field = |(column, array): (usize, &ArrayRef)| {
            // As in a slice with a key: it is promised to be known.
            Field::new(format!("column_{column}"), array.data_type().clone(), column > 0)
        };
        let schema = Schema::new(arrays.iter().enumerate().map(field).collect::<Vec<_>>());
        Ok(RecordBatch::try_new(Arc::new(schema), arrays)?)
    }
}

impl Values {
    fn array(self, column: u64, rows: Range<u64>) -> Result<ArrayRef> {
        let chance = rows.clone().map(|row| mixed(row, column));
        Ok(match self {
            Values::Id => Arc::new(Int64Array::from_iter_values(rows.map(|row| row as i64))),
            Values::Number => Arc::new(Int64Array::from_iter_values(chance.map(|value| (value % 1_000_000) as i64))),
            Values::Double => {
                Arc::new(Float64Array::from_iter_values(chance.map(|value| (value % 1_000_000) as f64 / 7.0)))
            }
            Values::Day => Arc::new(Date32Array::from_iter_values(chance.map(|value| 20_000 + (value % 1_000) as i32))),
            Values::Amount => {
                let cents = chance.map(|value| i128::from(value % 10_000_000));
                Arc::new(Decimal128Array::from_iter_values(cents).with_precision_and_scale(12, 2)?)
            }
            Values::Word => Arc::new(StringArray::from_iter_values(chance.map(word))),
            Values::Code => {
                Arc::new(StringArray::from_iter_values(chance.map(|value| format!("{:010x}", value >> 24))))
            }
            Values::Sentence => {
                let words = |value: u64| [word(value), word(value >> 4), word(value >> 8)].join(" ");
                let sentences = chance.map(|value| format!("{} {value:016x}", words(value)));
                Arc::new(StringArray::from_iter_values(sentences))
            }
        })
    }
}

fn word(value: u64) -> &'static str {
    const WORDS: [&str; 16] = [
        "account", "balance", "charge", "delivery", "estimate", "freight", "grocery", "holiday", "invoice", "journal",
        "kitchen", "ledger", "merchant", "network", "order", "payment",
    ];
    WORDS[(value % 16) as usize]
}

/// A number in which every bit hangs on the row and the column; different for each row of a column (SplitMix64).
fn mixed(row: u64, column: u64) -> u64 {
    let state = (row + (column << 40)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let state = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let state = (state ^ (state >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    state ^ (state >> 31)
}

/// Writes batches as a build does, from the making of the writer to the finished digests.
async fn write(way: Way, schema: &SchemaRef, batches: &[RecordBatch]) -> Result<Duration> {
    let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    let key = [schema.field(0).name().clone()];
    let started = Instant::now();
    let mut hasher = match way {
        Way::Plain => None,
        Way::Ordered => Some(ContentHasher::new(schema)?),
        Way::Keyed => Some(ContentHasher::by_key(schema, &key, &[])?),
    };
    let mut file = ParquetFile::create(store, Path::from("part-00000.parquet"), Arc::clone(schema))?;
    for batch in batches {
        if let Some(hasher) = &mut hasher {
            hasher.update(batch)?;
        }
        file.write(batch).await?;
    }
    let file = file.finish().await?;
    black_box((file, hasher.map(ContentHasher::finish)));
    Ok(started.elapsed())
}

/// How long it takes to build a project from nothing, slice by slice, and to hash the rows of all its slices once more.
async fn whole_build() -> Result<(Duration, Duration)> {
    let told = |diagnostic: Box<Diagnostic>| diagnostic.message.clone();
    let folder = tempfile::tempdir()?;
    write_template(Template::Ledgerx, folder.path(), LEDGERX_BYTES)?;
    let project = driver::check(workspace::load(folder.path()));
    let session = Session::open(&project).await.map_err(told)?;
    driver::freeze(&project, &session, None, None, &CancellationToken::new(), |_| {}).await;
    let started = Instant::now();
    // One slice at a time: side by side, hashing one would hide behind running another.
    let manner = driver::Manner::quiet(1);
    driver::build(&project, &session, None, &manner, |_| {}).await.map_err(|error| error.diagnostic().message)?;
    let built = started.elapsed();

    let mut published = driver::tables(&project, &session, &BTreeMap::new()).await.map_err(told)?;
    let mut slices = Vec::new();
    for slice in project.model.stored_slices() {
        // A slice that couldn't be built isn't published, which is an error here.
        slices.push(driver::show(&project, &slice.name, &mut published, &session).await.map_err(told)?);
    }
    let mut times = Vec::new();
    for _ in 0..RUNS {
        let started = Instant::now();
        for slice in &slices {
            let mut hasher = ContentHasher::new(&slice.schema)?;
            slice.batches.iter().try_for_each(|batch| hasher.update(batch))?;
            black_box(hasher.finish());
        }
        times.push(started.elapsed());
    }
    Ok((built, median(times)))
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}
