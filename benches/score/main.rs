//! The score: named edits of real and small projects, each built on a store that has the project from before, and held
//! against brute force. `cargo bench --bench score` prints a table a family; `README.md` beside this file says how to
//! write edits.
//!
//! ```text
//!   edits/*.edits ─▶ a copy of the project's folder with its store ─▶ steps ─▶ freeze, build ─▶ what ran
//!                                                                       └─▶ plain DataFusion ─▶ what is true
//! ```
//!
//! For each edit there are four sets of slices:
//!
//! - *wrongly kept*: what is published isn't what brute force gives, though nothing of it ran. Must be empty;
//! - *run*: what `driver::build` executed;
//! - *least*: what any scheduler runs that can't foresee results, see [`least`];
//! - *textual*: what runs under the rule "what a byte changed in, and all that depends on it".

mod action;
mod bag;
mod edit;
mod least;
mod project;
mod report;
mod score;
mod truth;

use edit::{Edit, Family};
use project::Bases;
use report::Tally;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// DataFusion plans recursively.
const STACK: usize = 64 << 20;

fn main() -> ExitCode {
    let filter = match Filter::parse(std::env::args().skip(1)) {
        Ok(filter) => filter,
        Err(message) => {
            return failed(&format!("{message}\nusage: cargo bench --bench score [-- [--family NAME] [--edit NAME]]"));
        }
    };
    let thread = std::thread::Builder::new().name("score".to_owned()).stack_size(STACK);
    let running = thread.spawn(move || {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().thread_stack_size(STACK).build();
        runtime.map_err(|e| e.to_string())?.block_on(run(&filter))
    });
    match running.map(std::thread::JoinHandle::join) {
        Ok(Ok(Ok(true))) => ExitCode::SUCCESS,
        Ok(Ok(Ok(false))) => ExitCode::FAILURE,
        Ok(Ok(Err(message))) => failed(&message),
        Ok(Err(panic)) => std::panic::resume_unwind(panic),
        Err(error) => failed(&error.to_string()),
    }
}

fn failed(message: &str) -> ExitCode {
    eprintln!("error: {message}");
    ExitCode::from(2)
}

/// Which edits are run.
#[derive(Default)]
struct Filter {
    family: Option<Family>,
    edit: Option<String>,
}

impl Filter {
    fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Filter, String> {
        let mut filter = Filter::default();
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().ok_or_else(|| format!("`{argument}` needs a name"));
            match argument.as_str() {
                // What cargo itself passes to a bench.
                "--bench" => {}
                "--family" => {
                    let name = value()?;
                    filter.family = Some(Family::parse(&name).ok_or_else(|| format!("there is no family `{name}`"))?);
                }
                "--edit" => filter.edit = Some(value()?),
                other => return Err(format!("unknown argument `{other}`")),
            }
        }
        Ok(filter)
    }

    fn takes(&self, edit: &Edit) -> bool {
        self.family.is_none_or(|family| family == edit.family)
            && self.edit.as_ref().is_none_or(|name| *name == edit.name)
    }
}

/// Runs the edits and prints what came of them; whether all is well.
async fn run(filter: &Filter) -> Result<bool, String> {
    let all = edit::read(&folder().join("edits"))?;
    let wanted: Vec<&Edit> = all.iter().filter(|edit| filter.takes(edit)).collect();
    if wanted.is_empty() {
        return Err("no edit has this name and family".to_owned());
    }
    let mut bases = Bases::default();
    let mut tally = Tally::default();
    for (number, edit) in wanted.iter().enumerate() {
        let base = bases.get(&edit.project).await?;
        let scored = score::score(edit, &base).await;
        let said = match &scored {
            Ok(score) => format!("{} run, {} least", score.run.len(), score.least.len()),
            Err(message) => message.clone(),
        };
        eprintln!("[{}/{}] {}: {said}", number + 1, wanted.len(), edit.name);
        tally.add(edit, scored);
    }
    print!("{}", tally.text());
    Ok(tally.is_sound())
}

/// The folder of this benchmark.
fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/score")
}
