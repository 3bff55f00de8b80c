//! `pie freeze`, `pie plan`, `pie build`

use super::args::{BuildArgs, Cli, FreezeArgs, PlanArgs, ReportFormat};
use super::output::{DIM, GREEN, RED, Streams, action_style, count, elapsed, paint, within};
use super::progress::{Event, Sender, show};
use super::{Outcome, Stop, exit};
use crate::build::{Outcome as Built, Report, SliceReport};
use crate::diagnostic::{Code, Diagnostic, json};
use crate::driver::{self, Manner, Project, Session, SourceReport};
use crate::freeze::{Outcome as Frozen, Replace};
use crate::incremental::Action;
use crate::name::RelationName;
use crate::plan::{self, bytes, columns_json, reason_json};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

pub async fn freeze(cli: &Cli, args: &FreezeArgs, streams: &mut Streams<'_>) -> Outcome {
    let project = super::project(cli)?;
    let broken = super::show_errors(&project, streams)?;
    let session = super::open_to_publish(cli, &project, None, streams).await?;
    let wanted = selected(&project, &args.sources, "source")?;
    let replace = args.replace.then(|| Replace { reason: args.reason.clone().unwrap_or_default() });
    let human = args.format == ReportFormat::Human;
    let reports =
        freeze_sources(&project, &session, wanted.as_ref(), replace.as_ref(), &on_interrupt(), human, streams).await?;
    let failed = reports.iter().any(|report| report.outcome.is_none());
    if !human {
        let sources: Vec<Value> = reports.iter().map(|report| source_json(report, &project)).collect();
        writeln!(streams.out, "{:#}", json!({ "version": 1, "sources": sources }))?;
    }
    let conflict =
        reports.iter().flat_map(|report| &report.diagnostics).any(|diagnostic| diagnostic.code == Code::CommitConflict);
    Ok(match () {
        () if conflict => exit::CONFLICT,
        () if failed || broken => exit::FINDINGS,
        () => exit::CLEAN,
    })
}

/// How long a command may take to stop by itself: it removes its files, each with retries where the store is far.
const GRACE: std::time::Duration = std::time::Duration::from_secs(30);

/// A token that Ctrl-C cancels, and a request to terminate: what runs is stopped, its files removed, nothing of it published. A
/// second one ends the process at once, which leaves at most files that no record names, and so does a computation that never
/// looks up. Signals have a thread of their own, since such a computation may hold all others.
pub(super) fn on_interrupt() -> CancellationToken {
    let cancelled = CancellationToken::new();
    let token = cancelled.clone();
    let listen = async move {
        if !signalled().await {
            return;
        }
        token.cancel();
        let _ = tokio::time::timeout(GRACE, signalled()).await;
        std::process::exit(130);
    };
    if let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() {
        std::thread::spawn(move || runtime.block_on(listen));
    }
    cancelled
}

/// Waits for a signal; `false` where none can be received.
async fn signalled() -> bool {
    #[cfg(unix)]
    if let Ok(mut terminated) = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
        return tokio::select! {
            interrupted = tokio::signal::ctrl_c() => interrupted.is_ok(),
            _ = terminated.recv() => true,
        };
    }
    tokio::signal::ctrl_c().await.is_ok()
}

async fn freeze_sources(
    project: &Project,
    session: &Session,
    wanted: Option<&BTreeSet<RelationName>>,
    replace: Option<&Replace>,
    cancelled: &CancellationToken,
    human: bool,
    streams: &mut Streams<'_>,
) -> Result<Vec<SourceReport>, Stop> {
    let color = streams.color;
    let reports = driver::freeze(project, session, wanted, replace, cancelled, |report| {
        if human {
            let _ = writeln!(streams.err, "{}", source_line(report, color));
        }
    })
    .await;
    if human {
        let diagnostics: Vec<Diagnostic> = reports.iter().flat_map(|report| report.diagnostics.clone()).collect();
        streams.tell(&diagnostics, &project.workspace.sources)?;
    }
    Ok(reports)
}

fn source_line(report: &SourceReport, color: bool) -> String {
    let word = |style: &str, text: &str| paint(color, style, &format!("{text:<10}"));
    match &report.outcome {
        Some(Frozen::Frozen { version, read }) => {
            let record = &version.record;
            let of = if *read == record.files.len() || *read == 0 { String::new() } else { format!(" ({read} read)") };
            format!(
                "{} {}  version {}: {}{of}, {}, {}",
                word(GREEN, "frozen"),
                report.name,
                version.number,
                count(record.files.len(), "file"),
                count(usize::try_from(record.rows).unwrap_or(usize::MAX), "row"),
                bytes(record.bytes)
            )
        }
        Some(Frozen::Unchanged(version)) => {
            format!("{} {}  version {}", word(DIM, "unchanged"), report.name, version.number)
        }
        None => format!("{} {}", word(RED, "failed"), report.name),
    }
}

fn source_json(report: &SourceReport, project: &Project) -> Value {
    let version = match &report.outcome {
        Some(Frozen::Frozen { version, .. } | Frozen::Unchanged(version)) => Some(version),
        None => None,
    };
    let read = match &report.outcome {
        Some(Frozen::Frozen { read, .. }) => *read,
        _ => 0,
    };
    json!({
        "name": report.name.to_string(),
        "outcome": report.word(),
        "version": version.map(|version| version.number),
        "files": version.map(|version| version.record.files.len()),
        "files_read": read,
        "rows": version.map(|version| version.record.rows),
        "bytes": version.map(|version| version.record.bytes),
        "diagnostics": report.diagnostics.iter().map(|d| json::to_json(d, &project.workspace.sources)).collect::<Vec<_>>(),
    })
}

pub async fn plan(cli: &Cli, args: &PlanArgs, streams: &mut Streams<'_>) -> Outcome {
    let (project, early) = super::project_early(cli).await?;
    let broken = super::show_errors(&project, streams)?;
    let session = super::open_early(cli, &project, early).await?;
    let wanted = selected(&project, &args.slices, "slice")?;
    // Who asks why something is fresh is told of its data.
    let planned = match args.explain {
        true => driver::plan_whole(&project, &session, wanted.as_ref()).await,
        false => driver::plan(&project, &session, wanted.as_ref()).await,
    };
    let planned = planned.map_err(|e| Stop::from(e.diagnostic()))?;
    let sources = &project.workspace.sources;
    let (meanings, state) = (&planned.meanings, &planned.state);
    let explain = || plan::explain(&planned.plan, &project.model, meanings, state, wanted.as_ref());
    let explanation = args.explain.then(explain);
    match args.format {
        ReportFormat::Json => {
            let json = match &explanation {
                Some(explanation) => plan::explanation_to_json(explanation, sources),
                None => plan::to_json(&planned.plan, sources),
            };
            writeln!(streams.out, "{json:#}")?;
        }
        ReportFormat::Human => {
            let color = streams.color && streams.out_terminal;
            let style = |action: Action, text: &str| paint(color, action_style(action), text);
            let text = match explanation.filter(|explanation| !explanation.slices.is_empty()) {
                Some(explanation) => plan::explanation_to_text(&explanation, sources, &style),
                None => plan::to_text(&planned.plan, &style),
            };
            for line in text.split_inclusive('\n') {
                write!(streams.out, "{}", within(line, &streams.environment))?;
            }
        }
    }
    let late = driver::overdue(&project, &session, &planned).await.map_err(|e| Stop::from(e.diagnostic()))?;
    let late: Vec<Diagnostic> = late.into_values().collect();
    streams.tell(&late, sources)?;
    let clean = planned.plan.is_clean();
    streams.leave((project, planned));
    Ok(match (broken, args.detailed_exitcode && !clean) {
        (true, _) => exit::FINDINGS,
        (false, true) => exit::CHANGES,
        (false, false) => exit::CLEAN,
    })
}

pub async fn build(cli: &Cli, args: &BuildArgs, streams: &mut Streams<'_>) -> Outcome {
    let started = std::time::Instant::now();
    let (project, early) = super::project_early(cli).await?;
    let human = args.format == ReportFormat::Human;
    let broken = super::show_errors(&project, streams)?;
    // Freezing may take long: what others published meanwhile is asked for behind it.
    let session = super::open_to_publish(cli, &project, early.filter(|_| !args.freeze), streams).await?;
    let wanted = selected(&project, &args.slices, "slice")?;
    let cancelled = on_interrupt();
    let mut freeze_failed = false;
    if args.freeze {
        let sources = wanted.as_ref().map(|slices| {
            let inputs = slices.iter().flat_map(|slice| project.model.graph.ancestors(slice));
            inputs.filter(|name| project.model.sources.contains_key(name)).collect::<BTreeSet<_>>()
        });
        let reports = freeze_sources(&project, &session, sources.as_ref(), None, &cancelled, human, streams).await?;
        if !human {
            let diagnostics: Vec<Diagnostic> = reports.iter().flat_map(|report| report.diagnostics.clone()).collect();
            streams.tell(&diagnostics, &project.workspace.sources)?;
        }
        freeze_failed = reports.iter().any(|report| report.outcome.is_none());
    }
    let jobs = args.jobs.map_or(project.workspace.config.jobs, |jobs| jobs as usize);
    let (sender, events) = tokio::sync::mpsc::unbounded_channel();
    let progress = Arc::new(Sender(sender.clone()));
    let announce = move |plan: &plan::BuildPlan| {
        let to_do = plan.slices.iter().filter(|slice| slice.action() != Action::Reuse).count();
        let _ = sender.send(Event::Planned(to_do));
    };
    let manner = Manner { jobs, progress, cancelled: cancelled.clone() };
    // Progress is shown until nobody can tell of any.
    let running = async { driver::build(&project, &session, wanted.as_ref(), &{ manner }, announce).await };
    let (outcome, shown) = tokio::join!(running, show(events, !human, streams));
    shown?;
    let report = outcome.map_err(|e| Stop::from(e.diagnostic()))?.report;
    let failed = report.slices.iter().any(|slice| matches!(slice.outcome, Built::Failed | Built::Skipped));
    if human {
        let interrupted = cancelled.is_cancelled();
        tell(&report, &project, started.elapsed(), Hindrance { freeze_failed, interrupted }, streams)?;
    } else {
        writeln!(streams.out, "{:#}", report_json(&report, &project))?;
    }
    let conflict = report
        .slices
        .iter()
        .flat_map(|slice| &slice.diagnostics)
        .any(|diagnostic| diagnostic.code == Code::CommitConflict);
    Ok(match () {
        () if conflict => exit::CONFLICT,
        () if failed || broken || freeze_failed => exit::FINDINGS,
        () => exit::CLEAN,
    })
}

/// What kept a build from being whole.
#[derive(Clone, Copy)]
struct Hindrance {
    freeze_failed: bool,
    interrupted: bool,
}

fn tell(
    report: &Report,
    project: &Project,
    took: std::time::Duration,
    hindrance: Hindrance,
    streams: &mut Streams<'_>,
) -> std::io::Result<()> {
    let mut diagnostics: Vec<Diagnostic> = report.slices.iter().flat_map(|slice| slice.diagnostics.clone()).collect();
    if hindrance.interrupted {
        // Who stopped the build knows why the rest wasn't built.
        diagnostics.retain(|diagnostic| diagnostic.code != Code::InputMissing);
    }
    // What failed comes before what was skipped because of it.
    diagnostics.sort_by_key(|diagnostic| diagnostic.code == Code::InputMissing);
    streams.tell(&diagnostics, &project.workspace.sources)?;
    let number = |outcome: Built| report.slices.iter().filter(|slice| slice.outcome == outcome).count();
    let total = report.slices.len();
    if total == 0 {
        return writeln!(streams.err, "There are no slices to build.");
    }
    if number(Built::Reused) == total && hindrance.freeze_failed {
        let what = count(total, "slice");
        return writeln!(
            streams.err,
            "Not everything could be frozen; nothing new to build from what was before ({what})."
        );
    }
    if number(Built::Reused) == total {
        let are = if total == 1 { "is" } else { "are all" };
        return writeln!(
            streams.err,
            "Nothing to do: {} {are} fresh. Done in {}.",
            count(total, "slice"),
            elapsed(took)
        );
    }
    let parts: Vec<String> = [
        (Built::Built, "built"),
        (Built::Relabelled, "published again without running"),
        (Built::CutOff, "cut off"),
        (Built::Reused, "already fresh"),
        (Built::Dropped, "dropped"),
        (Built::Held, "held"),
        (Built::Failed, "failed"),
        (Built::Skipped, "skipped"),
    ]
    .into_iter()
    .filter(|(outcome, _)| number(*outcome) > 0)
    .map(|(outcome, words)| format!("{} {words}", number(outcome)))
    .collect();
    let end = if hindrance.interrupted { "Interrupted after" } else { "Done in" };
    writeln!(streams.err, "{}: {}. {end} {}.", count(total, "slice"), parts.join(", "), elapsed(took))?;
    if hindrance.interrupted {
        writeln!(streams.err, "What was published stays; the same command goes on from there.")?;
    }
    Ok(())
}

fn report_json(report: &Report, project: &Project) -> Value {
    let number = |outcome: Built| report.slices.iter().filter(|slice| slice.outcome == outcome).count();
    json!({
        "version": 1,
        "slices": report.slices.iter().map(|slice| slice_json(slice, project)).collect::<Vec<_>>(),
        "summary": {
            "built": number(Built::Built),
            "cut_off": number(Built::CutOff),
            "relabelled": number(Built::Relabelled),
            "reused": number(Built::Reused),
            "dropped": number(Built::Dropped),
            "held": number(Built::Held),
            "failed": number(Built::Failed),
            "skipped": number(Built::Skipped),
        },
    })
}

fn slice_json(slice: &SliceReport, project: &Project) -> Value {
    let built = u64::from(slice.outcome == Built::Built);
    let reused = u64::from(matches!(slice.outcome, Built::Reused | Built::CutOff | Built::Relabelled));
    let reasons = slice.plan.change.reasons.iter();
    json!({
        "name": slice.plan.name().to_string(),
        "outcome": slice.outcome.as_str(),
        "partitions": { "total": 1, "built": built, "reused": reused },
        "columns": columns_json(&slice.plan),
        "reasons": reasons.map(|reason| reason_json(reason, &project.workspace.sources)).collect::<Vec<_>>(),
        "version": slice.version,
        "rows": slice.rows,
        "bytes": slice.bytes,
        "elapsed_ms": u64::try_from(slice.elapsed.as_millis()).unwrap_or(u64::MAX),
        "diagnostics": slice.diagnostics.iter().map(|d| json::to_json(d, &project.workspace.sources)).collect::<Vec<_>>(),
    })
}

/// The relations that arguments name; `None` where none is named, which means all.
pub(super) fn selected(
    project: &Project,
    names: &[String],
    kind: &str,
) -> Result<Option<BTreeSet<RelationName>>, Stop> {
    if names.is_empty() {
        return Ok(None);
    }
    let found = driver::find(&project.model, names, kind)?;
    if kind == "source"
        && let Some(name) = found.iter().find(|name| !project.model.sources.contains_key(*name))
    {
        let message = format!("`{name}` is a slice, and slices are built: only sources are frozen");
        let slice = RelationName::clone(name);
        return Err(Diagnostic::error(Code::UnknownRelation, message).with_help(format!("`pie build {slice}`")).into());
    }
    if kind == "slice" {
        let is_virtual = |name: &&RelationName| project.model.slices.get(*name).is_some_and(|slice| slice.is_virtual);
        let is_source = |name: &&RelationName| project.model.sources.contains_key(*name);
        if let Some(name) = found.iter().find(is_virtual) {
            let message = format!("`{name}` is virtual: nothing of it is stored, so there is nothing to build");
            return Err(Diagnostic::error(Code::NotPublished, message)
                .with_help("name the slices that read it")
                .into());
        }
        if let Some(name) = found.iter().find(is_source) {
            let message = format!("`{name}` is a source, not a slice");
            return Err(Diagnostic::error(Code::UnknownRelation, message)
                .with_help("`pie freeze` takes sources")
                .into());
        }
    }
    Ok(Some(found))
}
