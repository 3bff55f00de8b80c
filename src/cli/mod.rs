//! The command line: arguments in, text and exit codes out. It adds no meaning: what it says, `driver` can say in a test.
//!
//! Data goes to stdout; progress, notes and diagnostics for people go to stderr. Exit codes: 0 done and clean, 1 findings,
//! 2 usage or internal error, 3 `plan --detailed-exitcode` with something to build, 4 a commit conflict, 5 `status
//! --fail-on-stale` with something stale or held.

mod args;
mod check;
mod data;
mod develop;
mod diff;
mod environment;
mod findings;
mod fmt;
mod hold;
mod init;
mod lsp;
mod output;
mod progress;
mod read;
mod upkeep;
mod verify;

pub use output::Streams;

use crate::diagnostic::Diagnostic;
use crate::driver::{Early, Project, Session, check_only, check_with, memo_of};
use crate::store::MAIN;
use crate::text::SourceMap;
use args::{Cli, Command};
use clap::Parser;
use std::io::{IsTerminal, Write};

/// Exit codes of the contract.
pub(crate) mod exit {
    pub const CLEAN: u8 = 0;
    pub const FINDINGS: u8 = 1;
    pub const USAGE: u8 = 2;
    pub const CHANGES: u8 = 3;
    pub const CONFLICT: u8 = 4;
    pub const STALE: u8 = 5;
}

/// Why a command ended early.
enum Stop {
    /// Something to tell; its code decides the exit code.
    Diagnostics(Vec<Diagnostic>, SourceMap),
    /// Arguments that can't be what was meant.
    Usage(String),
    Io(std::io::Error),
}

impl From<std::io::Error> for Stop {
    fn from(error: std::io::Error) -> Stop {
        Stop::Io(error)
    }
}

impl From<crate::diagnostic::Failed> for Stop {
    fn from(diagnostic: crate::diagnostic::Failed) -> Stop {
        Stop::from(*diagnostic)
    }
}

impl From<Diagnostic> for Stop {
    fn from(diagnostic: Diagnostic) -> Stop {
        Stop::Diagnostics(vec![diagnostic], SourceMap::default())
    }
}

type Outcome = Result<u8, Stop>;

/// Runs `pie` with the process's arguments and streams.
pub fn main() -> std::process::ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    std::process::ExitCode::from(run_here(&args, true))
}

/// Runs `pie` with arguments (without the program's name) and the process's own streams.
pub fn run_in_terminal(args: &[String]) -> u8 {
    run_here(args, false)
}

fn run_here(args: &[String], last: bool) -> u8 {
    let (mut out, mut err) = (std::io::stdout(), std::io::stderr());
    let terminal = err.is_terminal();
    let out_terminal = out.is_terminal();
    let streams = Streams {
        out: &mut out,
        err: &mut err,
        terminal,
        out_terminal,
        color: false,
        last,
        environment: MAIN.to_owned(),
    };
    run_with(args, streams)
}

/// Runs `pie` with arguments (without the program's name), writing to the given streams as to files. Gives the exit code.
pub fn run(args: &[String], out: &mut (dyn Write + Send), err: &mut (dyn Write + Send)) -> u8 {
    run_with(
        args,
        Streams {
            out,
            err,
            terminal: false,
            out_terminal: false,
            color: false,
            last: false,
            environment: MAIN.to_owned(),
        },
    )
}

/// Queries nest deep, and planning recurses: the compiler runs on a thread with room.
const STACK: usize = 256 << 20;

fn run_with(args: &[String], mut streams: Streams) -> u8 {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().name("pie".to_owned()).stack_size(STACK);
        let spawned = thread.spawn_scoped(scope, move || dispatch(args, &mut streams));
        match spawned.map(|handle| handle.join()) {
            Ok(Ok(code)) => code,
            // The panic's message was printed where it happened.
            Ok(Err(_)) => {
                eprintln!(
                    "\nThis is a bug in pie. Please report it, with the message above and the files that cause it."
                );
                exit::USAGE
            }
            Err(error) => {
                eprintln!("pie can't start a thread: {error}");
                exit::USAGE
            }
        }
    })
}

fn dispatch(args: &[String], streams: &mut Streams) -> u8 {
    let cli = match Cli::try_parse_from(std::iter::once("pie").chain(args.iter().map(String::as_str))) {
        Ok(cli) => cli,
        Err(error) => {
            let color = streams.wants_color(args::ColorChoice::Auto);
            let text = error.render();
            let text = if color { text.ansi().to_string() } else { text.to_string() };
            let is_help = !error.use_stderr();
            let target: &mut dyn Write = if is_help { &mut *streams.out } else { &mut *streams.err };
            let _ = write!(target, "{text}");
            return if is_help { exit::CLEAN } else { exit::USAGE };
        }
    };
    streams.color = streams.wants_color(cli.color);
    streams.environment = cli.environment.clone();
    match execute(&cli, streams) {
        Ok(code) => code,
        // Whoever reads the output has seen enough.
        Err(Stop::Io(error)) if error.kind() == std::io::ErrorKind::BrokenPipe => exit::CLEAN,
        Err(Stop::Usage(message)) => {
            let _ = writeln!(streams.err, "error: {message}");
            exit::USAGE
        }
        Err(Stop::Io(error)) => {
            let _ = writeln!(streams.err, "error: {error}");
            exit::USAGE
        }
        Err(Stop::Diagnostics(diagnostics, sources)) => {
            let _ = streams.tell(&diagnostics, &sources);
            let conflict =
                diagnostics.iter().any(|diagnostic| diagnostic.code == crate::diagnostic::Code::CommitConflict);
            if conflict { exit::CONFLICT } else { exit::FINDINGS }
        }
    }
}

fn execute(cli: &Cli, streams: &mut Streams) -> Outcome {
    match &cli.command {
        Command::Init(args) => init::run(cli, args, streams),
        Command::Check(args) => check::run(cli, args, streams),
        Command::Diff(args) => diff::run(cli, args, streams),
        Command::Fmt(args) => fmt::run(cli, args, streams),
        Command::Freeze(args) => block_on(data::freeze(cli, args, streams)),
        Command::Plan(args) => block_on(data::plan(cli, args, streams)),
        Command::Build(args) => block_on(data::build(cli, args, streams)),
        Command::Verify(args) => block_on(verify::run(cli, args, streams)),
        Command::Query(args) => block_on(read::query(cli, args, streams)),
        Command::Show(args) => block_on(read::show(cli, args, streams)),
        Command::Status(args) => block_on(read::status(cli, args, streams)),
        Command::Log(args) => block_on(read::log(cli, args, streams)),
        Command::Hold(args) => block_on(hold::hold(cli, args, streams)),
        Command::Release(args) => block_on(hold::release(cli, args, streams)),
        Command::Rollback(args) => block_on(hold::rollback(cli, args, streams)),
        Command::Env(args) => block_on(environment::environments(cli, args, streams)),
        Command::Promote(args) => block_on(environment::promote(cli, args, streams)),
        Command::Fsck(args) => block_on(upkeep::fsck(cli, args, streams)),
        Command::Gc(args) => block_on(upkeep::gc(cli, args, streams)),
        Command::Test(args) => block_on(develop::test(cli, args, streams)),
        Command::Graph(args) => develop::graph(cli, args, streams),
        Command::Explain(args) => develop::explain(args, streams),
        Command::Emit(args) => block_on(develop::emit(cli, args, streams)),
        Command::Debug(args) => develop::debug(cli, args, streams),
        Command::Lsp => lsp::run(),
        Command::Completions(args) => develop::completions(args, streams),
    }
}

/// Runs a command that touches data. Worker threads have room for deep plans too.
fn block_on(command: impl Future<Output = Outcome>) -> Outcome {
    let runtime = tokio::runtime::Builder::new_multi_thread().thread_stack_size(64 << 20).enable_all().build()?;
    let outcome = runtime.block_on(command);
    // Threads that are let go while they end can take the process along: where their stacks are as large as these, the C library
    // frees what it is about to look at. One that never looks up isn't waited for.
    runtime.shutdown_timeout(std::time::Duration::from_secs(1));
    outcome
}

/// Reads and checks the project that a command is about.
fn project(cli: &Cli) -> Result<Project, Stop> {
    let root = crate::workspace::find_root(&cli.directory)?;
    let workspace = crate::workspace::load(&root);
    let memo = memo_of(&workspace);
    Ok(check_only(workspace, memo))
}

/// As [`project`], for commands that ask for the plans of many slices.
fn project_with_plans(cli: &Cli) -> Result<Project, Stop> {
    let root = crate::workspace::find_root(&cli.directory)?;
    let workspace = crate::workspace::load(&root);
    let memo = memo_of(&workspace);
    Ok(check_with(workspace, memo))
}

/// As [`project_with_plans`], while the heads of its store are listed already.
async fn project_early(cli: &Cli) -> Result<(Project, Option<Early>), Stop> {
    let root = crate::workspace::find_root(&cli.directory)?;
    let workspace = crate::workspace::load(&root);
    let memo = memo_of(&workspace);
    let early = Early::begin(&workspace, &memo, &cli.environment).await;
    Ok((check_with(workspace, memo), early))
}

/// Opens the project's store to read.
async fn open(cli: &Cli, project: &Project) -> Result<Session, Stop> {
    Ok(Session::open(project).await?.within(&cli.environment).await?)
}

/// Opens the project's store, or goes on with what was begun.
async fn open_early(cli: &Cli, project: &Project, early: Option<Early>) -> Result<Session, Stop> {
    Ok(Session::open_early(project, early).await?.within(&cli.environment).await?)
}

/// Opens the project's store to publish, or goes on with what was begun. An environment that isn't there begins.
async fn open_to_publish(
    cli: &Cli,
    project: &Project,
    early: Option<Early>,
    streams: &mut Streams<'_>,
) -> Result<Session, Stop> {
    let session = Session::open_early(project, early).await?;
    let (session, is_new) = session.within_or_begin(&cli.environment).await?;
    if is_new {
        writeln!(streams.err, "Environment `{0}` begins as a copy of `main`.", cli.environment)?;
    }
    Ok(session)
}

/// Shows the errors of a project to a person who asked for something else; what is right goes on.
fn show_errors(project: &Project, streams: &mut Streams) -> std::io::Result<bool> {
    let errors: Vec<Diagnostic> =
        project.diagnostics.iter().filter(|diagnostic| diagnostic.is_error()).cloned().collect();
    streams.tell(&errors, &project.workspace.sources)?;
    Ok(!errors.is_empty())
}
