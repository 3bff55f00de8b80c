//! Texts that nobody wrote, through the parser, the formatter and the positions: what must hold for every text.
//!
//! ```text
//!   generate ─▶ valid text ──┬─▶ parse ─▶ no errors, spans, nothing lost, files side by side
//!                  │         └─▶ format ─▶ stable, the same meaning, every comment
//!                  ▼
//!   corpus ─▶ mutate ─▶ any text ─▶ parse ─▶ no panic, spans, an error wherever something is left out
//!   soup ────────────────▲
//! ```
//!
//! A slice of it runs with the other tests. For a long look:
//!
//! ```text
//! SYNTAX_FUZZ_CASES=100000 cargo test --test integration -- syntax_fuzz    from SYNTAX_FUZZ_SEED on, else from 0
//! SYNTAX_FUZZ_MINUTES=30   cargo test --test integration -- syntax_fuzz    each target for as long
//! SYNTAX_FUZZ_SEED=123     cargo test --test integration -- syntax_fuzz    that case alone
//! ```
//!
//! A violation is cut down first: the report holds the seed and the least text that still breaks the same rule.

mod format;
mod generate;
mod mutate;
mod parse;
mod positions;
mod shrink;
mod tokens;
mod tree;

use crate::fuzz::random::Random;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

/// Planning and SQL recurse: the compiler runs on threads with room, as it does under the command line.
const STACK: usize = 256 << 20;

/// Something that must hold and doesn't.
pub struct Violation {
    rule: &'static str,
    detail: String,
}

fn broken<T>(rule: &'static str, detail: impl Into<String>) -> Result<T, Violation> {
    Err(Violation { rule, detail: detail.into() })
}

/// A text in pieces that can be left out: the declarations of a generated file, or all of another text.
type Pieces = Vec<String>;

struct Target {
    name: &'static str,
    /// The cases of every test run.
    cases: u64,
    make: fn(&mut Random) -> Pieces,
    holds: fn(&str) -> Result<(), Violation>,
    /// The rule is about right texts: only whole pieces may be left out of one that breaks it.
    whole_pieces: bool,
}

#[test]
fn generated_texts_parse_without_errors() {
    run(&Target {
        name: "generated_texts_parse_without_errors",
        cases: 250,
        make: generate::file,
        holds: parse::is_right,
        whole_pieces: true,
    });
}

#[test]
fn parsing_any_text_holds() {
    run(&Target {
        name: "parsing_any_text_holds",
        cases: 500,
        make: mutate::text,
        holds: parse::any,
        whole_pieces: false,
    });
}

#[test]
fn files_side_by_side_are_both_files() {
    run(&Target {
        name: "files_side_by_side_are_both_files",
        cases: 100,
        make: parse::two_files,
        holds: parse::side_by_side,
        whole_pieces: false,
    });
}

#[test]
fn formatting_holds() {
    run(&Target {
        name: "formatting_holds",
        cases: 250,
        make: generate::file,
        holds: format::any,
        whole_pieces: false,
    });
}

#[test]
fn formatting_what_survives_mutation_holds() {
    run(&Target {
        name: "formatting_what_survives_mutation_holds",
        cases: 250,
        make: mutate::text,
        holds: format::any,
        whole_pieces: false,
    });
}

#[test]
fn formatted_projects_mean_the_same() {
    run(&Target {
        name: "formatted_projects_mean_the_same",
        cases: 3,
        make: format::spaced_example,
        holds: format::project,
        whole_pieces: false,
    });
}

#[test]
fn positions_hold() {
    run(&Target {
        name: "positions_hold",
        cases: 400,
        make: positions::text,
        holds: positions::any,
        whole_pieces: false,
    });
}

fn run(target: &Target) {
    let report = std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(STACK).spawn_scoped(scope, || first_violation(target));
        thread.expect("a thread starts").join().expect("panics are caught inside")
    });
    if let Some(report) = report {
        panic!("{report}");
    }
}

fn first_violation(target: &Target) -> Option<String> {
    let (seed, cases, minutes) =
        (number("SYNTAX_FUZZ_SEED"), number("SYNTAX_FUZZ_CASES"), number("SYNTAX_FUZZ_MINUTES"));
    let first = seed.unwrap_or(0);
    let count = match (cases, minutes, seed) {
        (Some(cases), _, _) => cases,
        (None, Some(_), _) => u64::MAX - first,
        (None, None, Some(_)) => 1,
        (None, None, None) => target.cases,
    };
    let started = Instant::now();
    let at_most = minutes.map(|minutes| Duration::from_secs(minutes * 60));
    for seed in first..first.saturating_add(count) {
        if at_most.is_some_and(|limit| started.elapsed() > limit) {
            break;
        }
        let pieces = (target.make)(&mut Random::new(seed));
        if let Err(violation) = guarded(target, &pieces.concat()) {
            return Some(report(target, seed, pieces, &violation));
        }
    }
    None
}

/// A panic breaks a rule too.
fn guarded(target: &Target, text: &str) -> Result<(), Violation> {
    catch_unwind(AssertUnwindSafe(|| (target.holds)(text))).unwrap_or_else(|cause| {
        let message = cause.downcast_ref::<String>().map(String::as_str);
        let message = message.or_else(|| cause.downcast_ref::<&str>().copied()).unwrap_or("no message");
        broken("nothing panics", message)
    })
}

fn report(target: &Target, seed: u64, pieces: Pieces, first: &Violation) -> String {
    let fails = |text: &str| guarded(target, text).err().is_some_and(|violation| violation.rule == first.rule);
    let text = shrink::cut(pieces, target.whole_pieces, &fails);
    let detail = guarded(target, &text).err().map_or_else(|| first.detail.clone(), |violation| violation.detail);
    format!(
        "{}\n{detail}\n\nthe text, cut down:\n{text}\n\nor, exactly: {text:?}\n\nagain: SYNTAX_FUZZ_SEED={seed} cargo test --test integration -- syntax_fuzz::{}",
        first.rule, target.name
    )
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.trim().parse().ok()
}

/// One of some texts.
fn one<'t>(random: &mut Random, of: &[&'t str]) -> &'t str {
    random.pick(of).expect("there is one")
}
