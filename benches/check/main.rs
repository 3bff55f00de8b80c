//! How long a check takes, on the command line and in an editor, and how much memory it needs.
//!
//! ```text
//! cargo bench --bench check                     1,000, 10,000 and 100,000 slices
//! cargo bench --bench check -- 300              others
//! ```
//!
//! *Cold* is `pie check` without anything kept from earlier runs; *warm* one that finds everything as it was; *edited* one after the
//! meaning of a slice changed that others read. Each is a process of its own, from its start to its end; times are medians. *Memory*
//! is the most that stays resident at once, cold and warm.
//!
//! *Keystroke* is the time from sending a change of one character to the findings of that file, in the language server, with the
//! whole project open: median, 95th percentile and the longest. *Others* is the time until the findings of all other files are
//! known, 95th percentile. What is typed: an expression, a condition, the name of another table, in a slice that others read, and the
//! same taken back character by character; most states on the way are errors.

#[path = "../plan/generate.rs"]
#[allow(dead_code)]
mod generate;
mod keystrokes;

use generate::{Generated, Shape, generate};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// As in `pie`.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const SIZES: [usize; 3] = [1_000, 10_000, 100_000];

const RUNS: usize = 5;

fn main() {
    // What cargo adds.
    let arguments = std::env::args().skip(1).filter(|argument| !argument.starts_with("--"));
    let asked: Vec<usize> = arguments.map(|argument| argument.parse().expect("slices are a number")).collect();
    let sizes = if asked.is_empty() { SIZES.to_vec() } else { asked };
    println!("| slices | cold | warm | edited | memory cold, warm | keystroke p50, p95, longest | others p95 |");
    println!("|--:|--:|--:|--:|--:|--:|--:|");
    for slices in sizes {
        println!("{}", row(slices));
    }
}

/// One line of the table.
fn row(slices: usize) -> String {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let project = generate(Shape { slices, depth: 10 });
    for (path, text) in project.files.iter().filter(|(path, _)| !path.starts_with("raw/")) {
        write(folder.path(), path, text);
    }
    eprintln!("{slices} slices: cold …");
    let cold = runs(|_| {
        let _ = std::fs::remove_dir_all(folder.path().join(".pie"));
        check(folder.path())
    });
    eprintln!("  warm …");
    let warm = runs(|_| check(folder.path()));
    let edited = runs(|run| {
        edit(folder.path(), &project, run);
        check(folder.path())
    });
    eprintln!("  keystrokes …");
    let typed = keystrokes::measure(folder.path(), &project.middle);
    let seconds = |run: &Run| run.time.as_secs_f64() * 1_000.0;
    format!(
        "| {slices} | {:.0} ms | {:.0} ms | {:.0} ms | {}, {} MB | {typed} |",
        seconds(&cold),
        seconds(&warm),
        seconds(&edited),
        cold.memory >> 20,
        warm.memory >> 20,
    )
}

/// The run of median time.
fn runs(mut run: impl FnMut(usize) -> Run) -> Run {
    let mut runs: Vec<Run> = (0..RUNS).map(&mut run).collect();
    runs.sort_by_key(|run| run.time);
    runs.swap_remove(RUNS / 2)
}

struct Run {
    time: Duration,
    /// Bytes.
    memory: usize,
}

/// Runs `pie check`.
fn check(folder: &Path) -> Run {
    let started = Instant::now();
    let mut child = Command::new(env!("CARGO_BIN_EXE_pie"))
        .arg("-C")
        .arg(folder)
        .arg("check")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("pie starts");
    let status = format!("/proc/{}/status", child.id());
    let mut memory = 0;
    loop {
        // What was resident at most so far; where the system doesn't tell, 0.
        memory = peak(&status).unwrap_or(memory);
        if let Some(ended) = child.try_wait().expect("pie is a child") {
            assert!(ended.success(), "the generated project is right");
            return Run { time: started.elapsed(), memory };
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn peak(status: &str) -> Option<usize> {
    let text = std::fs::read_to_string(status).ok()?;
    let line = text.lines().find(|line| line.starts_with("VmHWM:"))?;
    let kilobytes: usize = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kilobytes << 10)
}

/// Changes the slice in the middle, each time otherwise.
fn edit(folder: &Path, project: &Generated, run: usize) {
    let edit = &project.middle;
    let (_, text) = project.files.iter().find(|(path, _)| path == &edit.path).expect("the edited file is there");
    let after = edit.after.replace(" as n", &format!(" + {run} as n"));
    write(folder, &edit.path, &text.replace(&edit.before, &after));
}

fn write(folder: &Path, path: &str, text: &str) {
    let full = folder.join(path);
    std::fs::create_dir_all(full.parent().expect("a file has a folder")).expect("a folder can be made");
    std::fs::write(full, text).expect("a file can be written");
}
