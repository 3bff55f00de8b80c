//! `pie verify`

use super::args::{Cli, ReportFormat, VerifyArgs};
use super::output::{DIM, GREEN, RED, Streams, YELLOW, count, elapsed, paint};
use super::progress::{Event, show};
use super::{Outcome, exit};
use crate::diagnostic::{Diagnostic, json};
use crate::driver::{self, Project, SliceVerification, Surplus, VerifyReport, VerifyStatus, VerifyStep};
use crate::serve::json_rows;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

pub async fn run(cli: &Cli, args: &VerifyArgs, streams: &mut Streams<'_>) -> Outcome {
    let started = Instant::now();
    let project = super::project_with_plans(cli)?;
    let human = args.format == ReportFormat::Human;
    let broken = super::show_errors(&project, streams)?;
    let session = super::open(cli, &project).await?;
    let wanted = super::data::selected(&project, &args.slices, "slice")?;
    let cancelled = super::data::on_interrupt();
    let (sender, events) = tokio::sync::mpsc::unbounded_channel();
    let color = streams.color;
    let tell = move |step: VerifyStep<'_>| {
        let _ = sender.send(event(step, color));
    };
    let running = driver::verify(&project, &session, wanted.as_ref(), &cancelled, tell);
    let (report, shown) = tokio::join!(running, show(events, !human, streams));
    shown?;
    let report = report?;
    if human {
        summarize(&report, &project, started.elapsed(), streams)?;
    } else {
        writeln!(streams.out, "{:#}", report_json(&report, &project))?;
    }
    Ok(if report.has_findings() || broken { exit::FINDINGS } else { exit::CLEAN })
}

fn event(step: VerifyStep<'_>, color: bool) -> Event {
    match step {
        VerifyStep::Planned(slices) => Event::Planned(slices),
        VerifyStep::Started(slice) => Event::Started(slice.clone()),
        VerifyStep::Computed { slice, rows, of, bytes } => Event::Advanced {
            slice: slice.clone(),
            rows_read: rows,
            rows_total: of,
            rows_written: rows,
            bytes_written: bytes,
        },
        VerifyStep::Finished(found) => Event::Told { slice: found.name.clone(), line: line(found, color) },
    }
}

/// One finished slice.
fn line(found: &SliceVerification, color: bool) -> String {
    let (style, detail) = match found.status {
        VerifyStatus::Verified => {
            let rows = usize::try_from(found.rows.unwrap_or(0)).unwrap_or(usize::MAX);
            (GREEN, format!("{} in {}", count(rows, "row"), elapsed(found.elapsed)))
        }
        VerifyStatus::Differs => (RED, found.difference()),
        VerifyStatus::Failed => (RED, String::new()),
        VerifyStatus::OutOfDate => (YELLOW, found.reason.clone().unwrap_or_default()),
        VerifyStatus::NotBuilt => (DIM, found.reason.clone().unwrap_or_default()),
    };
    let word = paint(color, style, &format!("{:<11}", found.status.words()));
    format!("{word} {}  {detail}", found.name).trim_end().to_owned()
}

fn summarize(
    report: &VerifyReport,
    project: &Project,
    took: Duration,
    streams: &mut Streams<'_>,
) -> std::io::Result<()> {
    let diagnostics: Vec<Diagnostic> = report.slices.iter().flat_map(|slice| slice.diagnostics.clone()).collect();
    streams.tell(&diagnostics, &project.workspace.sources)?;
    let total = report.slices.len() + report.interrupted;
    let verified = report.number(VerifyStatus::Verified);
    if total == 0 {
        return writeln!(streams.err, "There are no slices to verify.");
    }
    if verified == total {
        let each = if total == 1 { "it" } else { "each" };
        return writeln!(
            streams.err,
            "{} verified: {each} is what its query gives. Done in {}.",
            count(total, "slice"),
            elapsed(took)
        );
    }
    let differs = report.number(VerifyStatus::Differs);
    let failed = report.number(VerifyStatus::Failed);
    let parts: Vec<String> = [
        (verified, "verified"),
        (differs, if differs == 1 { "differs" } else { "differ" }),
        (report.number(VerifyStatus::OutOfDate), "out of date"),
        (report.number(VerifyStatus::NotBuilt), "not built"),
        (failed, "failed"),
        (report.interrupted, "not reached"),
    ]
    .into_iter()
    .filter(|(number, _)| *number > 0)
    .map(|(number, words)| format!("{number} {words}"))
    .collect();
    let end = if report.interrupted > 0 { "Interrupted after" } else { "Done in" };
    writeln!(streams.err, "{}: {}. {end} {}.", count(total, "slice"), parts.join(", "), elapsed(took))?;
    if verified + differs + failed + report.interrupted == 0 {
        writeln!(streams.err, "Nothing here is fresh, so nothing was compared; `pie build` brings it up to date.")?;
    }
    Ok(())
}

fn report_json(report: &VerifyReport, project: &Project) -> Value {
    json!({
        "version": 1,
        "slices": report.slices.iter().map(|slice| slice_json(slice, project)).collect::<Vec<_>>(),
        "summary": {
            "verified": report.number(VerifyStatus::Verified),
            "differs": report.number(VerifyStatus::Differs),
            "out_of_date": report.number(VerifyStatus::OutOfDate),
            "not_built": report.number(VerifyStatus::NotBuilt),
            "failed": report.number(VerifyStatus::Failed),
            "interrupted": report.interrupted,
        },
    })
}

fn slice_json(slice: &SliceVerification, project: &Project) -> Value {
    let sources = &project.workspace.sources;
    json!({
        "name": slice.name.to_string(),
        "status": slice.status.as_str(),
        "reason": slice.reason,
        "version": slice.version,
        "rows": slice.rows,
        "missing": surplus_json(&slice.missing),
        "extra": surplus_json(&slice.extra),
        "elapsed_ms": u64::try_from(slice.elapsed.as_millis()).unwrap_or(u64::MAX),
        "diagnostics": slice.diagnostics.iter().map(|d| json::to_json(d, sources)).collect::<Vec<_>>(),
    })
}

fn surplus_json(surplus: &Surplus) -> Value {
    let examples = surplus.examples.as_ref().map(|answer| json_rows(&answer.batches)).unwrap_or_default();
    json!({ "count": surplus.count, "examples": examples })
}
