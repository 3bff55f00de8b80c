//! The specification as tests: every page of `spec/` is run, and what it shows must be what `pie` does.
//!
//! A page is prose with fences; [`page`] lists which fences do what. A fresh project begins at the page's start and at
//! each `##` heading that has runnable fences. Fences run in order, so a later `pie` fence is an edit, and a `build`
//! fence behind it says what ran because of it, and by that what did not. A project that was built ends with a rebuild
//! from nothing that must give the same rows ([`cold`]).
//!
//! `SPEC=freezing` runs only the pages with that in their path. `UPDATE_SPEC=1` writes what `pie` does into the pages,
//! for a person to read in the diff.

mod cold;
mod commands;
mod compare;
mod normalize;
mod observe;
pub mod page;
mod parquet;
mod project;
mod run;

use crate::pie;
use page::Page;
use run::{Failure, PageRun};
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Pages that run at the same time in one test.
const THREADS: usize = 2;

#[test]
fn language_pages() {
    check("spec");
}

/// README's tour, in a folder that is no project until the tour makes one.
#[test]
fn readme_tour() {
    let text = pie::read("README.md");
    check_pages(vec![page::parse("README.md", text)]);
}

#[test]
fn error_pages() {
    check("spec/errors");
}

/// Mistakes, and what is said of each.
#[test]
fn broken_pages() {
    check("spec/broken");
}

/// The Markdown pages of a folder of the package, by name.
pub fn pages(folder: &str) -> Vec<Page> {
    let entries = std::fs::read_dir(pie::package().join(folder)).expect("the folder of pages is there");
    let mut names: Vec<String> = entries
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| name.ends_with(".md"))
        .map(|name| format!("{folder}/{name}"))
        .collect();
    names.sort_unstable();
    names.into_iter().map(|name| page::parse(&name, pie::read(&name))).collect()
}

fn check(folder: &str) {
    let filter = std::env::var("SPEC").unwrap_or_default();
    check_pages(pages(folder).into_iter().filter(|page| page.name.contains(&filter)).collect());
}

fn check_pages(pages: Vec<Page>) {
    let update = std::env::var("UPDATE_SPEC").is_ok_and(|value| value == "1");
    let mut failures = Vec::new();
    for (page, page_run) in pages.iter().zip(run_all(&pages, update)) {
        failures.extend(page_run.failures);
        if !page_run.edits.is_empty() {
            println!("{}: {} fences updated", page.name, page_run.edits.len());
            let path: PathBuf = pie::package().join(&page.name);
            std::fs::write(path, page.with(page_run.edits)).expect("the page can be written");
        }
    }
    assert!(failures.is_empty(), "{}", report(&failures, pages.len()));
}

/// Runs pages on a few threads; the results come in the order of the pages.
fn run_all(pages: &[Page], update: bool) -> Vec<PageRun> {
    let next = AtomicUsize::new(0);
    let results: Mutex<Vec<(usize, PageRun)>> = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                while let Some((index, page)) = take(pages, &next) {
                    let result = run::run(page, update);
                    results.lock().expect("no thread panics while it holds the lock").push((index, result));
                }
            });
        }
    });
    let mut results = results.into_inner().expect("no thread panics while it holds the lock");
    results.sort_by_key(|(index, _)| *index);
    results.into_iter().map(|(_, result)| result).collect()
}

fn take<'p>(pages: &'p [Page], next: &AtomicUsize) -> Option<(usize, &'p Page)> {
    let index = next.fetch_add(1, Ordering::Relaxed);
    pages.get(index).map(|page| (index, page))
}

fn report(failures: &[Failure], pages: usize) -> String {
    let mut text = format!("\n{} differences in {pages} pages (- the page, + pie)\n", failures.len());
    for failure in failures {
        text.push_str(&format!("\n{}:{}: {}\n", failure.page, failure.line, failure.what));
        for line in failure.detail.lines() {
            text.push_str(&format!("    {line}\n"));
        }
    }
    text.push_str("\nUPDATE_SPEC=1 writes what pie does into the pages; read the diff before you keep it.\n");
    text
}
