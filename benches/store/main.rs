//! What publishing costs.
//!
//! ```text
//! cargo bench --bench store                   all of it
//! cargo bench --bench store -- 200            with 200 tiny slices, and a status of 2,000
//! ```
//!
//! - Operations of the store of a build of one slice in a project of many, by kind, counted.
//! - Publishing so many tiny slices in a local folder, with and without syncs, beside writing and syncing as many files.
//! - The status of ten times as many slices in a store that takes 20 ms for each operation.

#[expect(dead_code, reason = "the edits are for the other bench")]
#[path = "../plan/generate.rs"]
mod generate;
mod slow;

use generate::{Shape, generate};
use icepie::driver::{self, Manner, Project, Session};
use icepie::store::{Location, Objects, Store, open_objects};
use icepie::workspace;
use slow::{Counts, Slow};
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// As in `pie`.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    let asked = std::env::args().skip(1).find(|argument| !argument.starts_with("--"));
    let slices: usize = asked.map_or(1_000, |text| text.parse().expect("slices are a number"));
    let thread = std::thread::Builder::new().stack_size(256 << 20);
    let measured = thread.spawn(move || {
        operations();
        publishing(slices);
        status(10 * slices);
    });
    measured.expect("a thread can be started").join().expect("the bench doesn't panic");
}

/// `count` slices of one row each, over a source of one file.
fn tiny(folder: &Path, count: usize, syncs: bool, edited: bool) -> Project {
    write(folder, "pie.toml", &format!("[project]\nname = \"tiny\"\n\n[store]\nsync = {syncs}\n"));
    write(folder, "raw/one.csv", "id,amount\n1,10\n2,20\n");
    let mut text =
        "domain shop { owner 'x' }\n\npublic source shop.lines {\n  from 'raw/*.csv'\n  columns (id bigint, \
                    amount int)\n}\n"
            .to_owned();
    for number in 0..count {
        let plus = if edited && number == 0 { 1 } else { 0 };
        text.push_str(&format!(
            "\npublic slice shop.s{number} {{ select sum(amount) + {plus} as total from lines where id < {number} }}\n"
        ));
    }
    write(folder, "main.pie", &text);
    load(folder)
}

fn load(folder: &Path) -> Project {
    let workspace = workspace::load(folder);
    let memo = driver::memo_of(&workspace);
    let project = driver::check_with(workspace, memo);
    assert!(!project.has_errors(), "the generated project is right");
    project
}

fn location(folder: &Path, syncs: bool) -> Location {
    Location::Folder { path: folder.join(".pie/store"), syncs }
}

async fn build(project: &Project, session: &Session) -> usize {
    let manner = Manner::quiet(2);
    driver::freeze(project, session, None, None, &manner.cancelled, |_| {}).await;
    let outcome = driver::build(project, session, None, &manner, |_| {}).await.expect("the project builds");
    let failed = outcome.report.slices.iter().filter(|slice| !slice.diagnostics.is_empty()).count();
    assert_eq!(failed, 0, "everything can be built");
    outcome.report.slices.iter().filter(|slice| slice.outcome == icepie::build::Outcome::Built).count()
}

fn operations() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let project = tiny(folder.path(), 100, true, false);
    let edited = |project: &Project| {
        let counts = Arc::new(Counts::default());
        let objects = open_objects(&location(folder.path(), true)).expect("the store opens");
        let store = Arc::new(Slow { inner: objects.store, takes: Duration::ZERO, counts: Arc::clone(&counts) });
        let built = runtime().block_on(async {
            let objects = Objects { store, shown: "counted".to_owned(), local: None };
            let store = Store::over(objects).await.expect("the store opens");
            build_only(project, &Session::over(project, store).expect("a session")).await
        });
        (built, counts)
    };
    runtime().block_on(async { build(&project, &Session::open(&project).await.expect("the store opens")).await });
    drop(project);
    let project = tiny(folder.path(), 100, true, true);
    let (built, counts) = edited(&project);
    assert_eq!(built, 1, "one slice was edited");
    println!("Operations of building and publishing 1 of 100 slices: {counts}");
    drop(project);
    let (built, counts) = edited(&load(folder.path()));
    assert_eq!(built, 0, "nothing was edited");
    println!("Operations of finding that all 100 are fresh: {counts}");
}

async fn build_only(project: &Project, session: &Session) -> usize {
    let outcome = driver::build(project, session, None, &Manner::quiet(2), |_| {}).await.expect("the project builds");
    outcome.report.slices.iter().filter(|slice| slice.outcome == icepie::build::Outcome::Built).count()
}

fn publishing(slices: usize) {
    println!("\n| publishing {slices} tiny slices | seconds | beside that many files |\n|---|--:|--:|");
    for syncs in [true, false] {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let project = tiny(folder.path(), slices, syncs, false);
        let built = runtime().block_on(async {
            let session = Session::open(&project).await.expect("the store opens");
            let started = Instant::now();
            let built = build(&project, &session).await;
            assert_eq!(built, slices);
            started.elapsed()
        });
        // A build writes four files a slice: rows, its record, a key and a commit.
        let started = Instant::now();
        for number in 0..4 * slices {
            let path = folder.path().join(format!("beside-{number}"));
            let mut file = std::fs::File::create(&path).expect("a file can be made");
            file.write_all(&[7; 1_000]).expect("a file can be written");
            if syncs {
                file.sync_all().expect("a file can be synced");
                std::fs::File::open(folder.path())
                    .and_then(|folder| folder.sync_all())
                    .expect("a folder can be synced");
            }
        }
        let beside = started.elapsed();
        let word = if syncs { "with syncs" } else { "without" };
        let (built, beside) = (built.as_secs_f64(), beside.as_secs_f64());
        println!("| {word} | {built:.1} | {beside:.2} |");
    }
}

fn status(slices: usize) {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let generated = generate(Shape { slices, depth: 10 });
    for (path, text) in &generated.files {
        write(folder.path(), path, text);
    }
    eprintln!("building {slices} slices …");
    let project = load(folder.path());
    let store = location(folder.path(), false);
    let open = || open_objects(&store).expect("the store opens");
    runtime().block_on(async {
        let store = Store::over(open()).await.expect("the store opens");
        build(&project, &Session::over(&project, store).expect("a session")).await
    });
    drop(project);
    println!("\n| status of {slices} slices, 20 ms an operation | seconds | operations |\n|---|--:|--:|");
    let cache = folder.path().join(".pie/cache");
    std::fs::remove_dir_all(&cache).expect("the cache is there");
    for what in ["for the first time", "again"] {
        let project = load(folder.path());
        let counts = Arc::new(Counts::default());
        let (takes, counted) = (Duration::from_millis(20), Arc::clone(&counts));
        let store = Arc::new(Slow { inner: open().store, takes, counts: counted });
        let took = runtime().block_on(async {
            let objects = Objects { store, shown: "slow".to_owned(), local: None };
            let started = Instant::now();
            let store = Store::over(objects).await.expect("the store opens");
            let session = Session::over(&project, store).expect("a session");
            let planned = driver::plan_whole(&project, &session, None).await.expect("it is planned");
            let statuses = driver::status(&project, &session, &planned).await.expect("it is asked");
            assert_eq!(statuses.len(), slices);
            started.elapsed()
        });
        project.memo.save();
        println!("| {what} | {:.1} | {counts} |", took.as_secs_f64());
    }
}

fn runtime() -> tokio::runtime::Runtime {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.thread_stack_size(64 << 20).enable_all().build().expect("a runtime can be made")
}

fn write(folder: &Path, path: &str, text: &str) {
    let place = folder.join(path);
    std::fs::create_dir_all(place.parent().expect("a file has a folder")).expect("a folder can be made");
    std::fs::write(place, text).expect("a file can be written");
}
