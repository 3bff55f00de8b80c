//! How long `pie plan` takes, and how much of a project it looks at.
//!
//! ```text
//! cargo bench --bench plan                     100, 1,000 and 10,000 slices, then 1,000 of several depths
//! cargo bench --bench plan -- 300 300:60       sizes, and depths behind a colon
//! ```
//!
//! Each project is generated, frozen and built once. *Cold* is a plan without anything kept from earlier runs; *warm* one
//! that finds everything as it was; *edited* one after the meaning of a single slice changed, each time otherwise: of one
//! that nothing reads, and of one in the middle. *Planned* says how many queries were planned again, of how many slices
//! that may have to run. Times are medians, of checking + of planning, from reading the files to the finished plan (the
//! process's start isn't in them).

mod generate;

use generate::{Edit, Shape, generate};
use icepie::driver::{self, Session};
use icepie::workspace;
use std::path::Path;
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

/// As in `pie`.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// What is measured by default: slices and depth.
const SHAPES: [(usize, usize); 6] = [(100, 10), (1_000, 10), (10_000, 10), (1_000, 4), (1_000, 40), (1_000, 400)];

const RUNS: usize = 5;

fn main() {
    // What cargo adds.
    let arguments = std::env::args().skip(1).filter(|argument| !argument.starts_with("--"));
    let asked: Vec<(usize, usize)> = arguments.map(|argument| shape(&argument)).collect();
    let shapes = if asked.is_empty() { SHAPES.to_vec() } else { asked };
    let thread = std::thread::Builder::new().stack_size(256 << 20);
    let measured = thread.spawn(move || {
        println!("| slices | depth | cold | warm | leaf edited | planned | middle edited | planned |");
        println!("|--:|--:|--:|--:|--:|--:|--:|--:|");
        for (slices, depth) in shapes {
            println!("{}", row(Shape { slices, depth }));
        }
    });
    measured.expect("a thread can be started").join().expect("the bench doesn't panic");
}

fn shape(argument: &str) -> (usize, usize) {
    let (slices, depth) = argument.split_once(':').unwrap_or((argument, "10"));
    (slices.parse().expect("slices are a number"), depth.parse().expect("a depth is a number"))
}

/// One line of the table.
fn row(shape: Shape) -> String {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let project = generate(shape);
    for (path, text) in &project.files {
        write(folder.path(), path, text);
    }
    eprintln!("building {} slices, {} deep …", shape.slices, shape.depth);
    let started = Instant::now();
    build(folder.path());
    eprintln!("  built in {:.1} s", started.elapsed().as_secs_f64());
    let cache = folder.path().join(".pie/cache");
    let cold: Vec<Measured> = (0..RUNS)
        .map(|_| {
            std::fs::remove_dir_all(&cache).expect("the cache is there");
            plan(folder.path())
        })
        .collect();
    let warm: Vec<Measured> = (0..RUNS).map(|_| plan(folder.path())).collect();
    assert!(warm.iter().all(|run| run.planned == 0 && run.may_run == 0), "nothing changed");
    let edited = |edit: &Edit| {
        eprintln!("  edits `{}`", edit.slice);
        let runs: Vec<Measured> = (0..RUNS)
            .map(|run| {
                change(folder.path(), &project.files, edit, run);
                plan(folder.path())
            })
            .collect();
        let (_, text) = project.files.iter().find(|(path, _)| path == &edit.path).expect("the edited file is there");
        write(folder.path(), &edit.path, text);
        let planned = runs.iter().map(|run| run.planned).max().unwrap_or(0);
        let may_run = runs.iter().map(|run| run.may_run).max().unwrap_or(0);
        format!("{} | {planned} of {may_run}", shown(&runs))
    };
    let (slices, depth) = (shape.slices, shape.depth);
    let (leaf, middle) = (edited(&project.leaf), edited(&project.middle));
    format!("| {slices} | {depth} | {} | {} | {leaf} | {middle} |", shown(&cold), shown(&warm))
}

/// What one plan took.
#[derive(Clone, Copy)]
struct Measured {
    check: Duration,
    plan: Duration,
    /// Queries that were planned.
    planned: u64,
    /// Slices that the plan says may run.
    may_run: usize,
}

fn shown(runs: &[Measured]) -> String {
    let median = |of: fn(&Measured) -> Duration| {
        let mut times: Vec<Duration> = runs.iter().map(of).collect();
        times.sort();
        times[times.len() / 2].as_secs_f64() * 1_000.0
    };
    let (check, plan) = (median(|run| run.check), median(|run| run.plan));
    format!("{check:.0} + {plan:.0} = {:.0} ms", check + plan)
}

/// As a process that starts now: nothing of an earlier run is in memory.
fn plan(folder: &Path) -> Measured {
    let runtime = runtime();
    let started = Instant::now();
    let workspace = workspace::load(folder);
    let memo = driver::memo_of(&workspace);
    let project = driver::check_with(workspace, memo);
    let check = started.elapsed();
    let planned = runtime.block_on(async {
        let session = Session::open(&project).await.expect("the store opens");
        driver::plan(&project, &session, None).await.expect("the project can be planned")
    });
    let plan = started.elapsed() - check;
    let may_run = planned.plan.slices.iter().filter(|slice| slice.action().may_run()).count();
    Measured { check, plan, planned: project.memo.planned(), may_run }
}

fn build(folder: &Path) {
    let workspace = workspace::load(folder);
    let memo = driver::memo_of(&workspace);
    let project = driver::check_with(workspace, memo);
    assert!(!project.has_errors(), "the generated project is right");
    runtime().block_on(async {
        let session = Session::open(&project).await.expect("the store opens");
        let token = CancellationToken::new();
        driver::freeze(&project, &session, None, None, &token, |_| {}).await;
        driver::build(&project, &session, None, &driver::Manner::quiet(2), |_| {}).await.expect("the project builds")
    });
}

fn runtime() -> tokio::runtime::Runtime {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.thread_stack_size(64 << 20).enable_all().build().expect("a runtime can be made")
}

/// Changes the meaning of one slice to something that it never meant before.
fn change(folder: &Path, files: &[(String, String)], edit: &Edit, run: usize) {
    let (_, text) = files.iter().find(|(path, _)| path == &edit.path).expect("the edited file is there");
    let after = edit.after.replace(" as n", &format!("{run} as n"));
    assert_ne!(after, edit.after, "each run edits otherwise");
    write(folder, &edit.path, &text.replace(&edit.before, &after));
}

fn write(folder: &Path, path: &str, text: &str) {
    let place = folder.join(path);
    std::fs::create_dir_all(place.parent().expect("a file has a folder")).expect("a folder can be made");
    std::fs::write(place, text).expect("a file can be written");
}
