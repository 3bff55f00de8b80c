//! Diagnostics in the formats that other programs read, to standard output.

use super::args::DiagnosticFormat;
use super::output::Streams;
use crate::diagnostic::report::{self, Report};
use std::io::Write;

/// Writes a report; of `human` and `json`, which every verb has in its own shape, nothing.
pub fn write(format: DiagnosticFormat, report: &Report<'_>, streams: &mut Streams<'_>) -> std::io::Result<()> {
    match format {
        DiagnosticFormat::Human | DiagnosticFormat::Json => Ok(()),
        DiagnosticFormat::Jsonl => write!(streams.out, "{}", report::jsonl(report)),
        DiagnosticFormat::Sarif => {
            if let Some(more) = report.diagnostics.len().checked_sub(report::RESULTS).filter(|more| *more > 0) {
                writeln!(streams.err, "{more} more findings aren't told: code scanning takes {}", report::RESULTS)?;
            }
            writeln!(streams.out, "{:#}", report::sarif(report))
        }
        DiagnosticFormat::Github => github(report, streams),
        DiagnosticFormat::Gitlab => writeln!(streams.out, "{:#}", report::gitlab(report)),
        DiagnosticFormat::Junit => {
            let text = report::junit(report).map_err(std::io::Error::other)?;
            write!(streams.out, "{text}")
        }
        DiagnosticFormat::Rdjson => writeln!(streams.out, "{:#}", report::rdjson(report)),
    }
}

/// Annotations, and all findings in the summary of the step where there is one.
fn github(report: &Report<'_>, streams: &mut Streams<'_>) -> std::io::Result<()> {
    let (text, omitted) = report::annotations(report);
    write!(streams.out, "{text}")?;
    let summary = std::env::var_os("GITHUB_STEP_SUMMARY").filter(|path| !path.is_empty());
    if omitted > 0 {
        let of = report::ANNOTATIONS;
        let rest = if summary.is_some() { "the summary of the step has them all" } else { "`pie check` shows them" };
        writeln!(streams.err, "{omitted} more: GitHub shows {of} annotations of each level; {rest}")?;
    }
    if let Some(path) = summary {
        let mut file = std::fs::OpenOptions::new().append(true).create(true).open(path)?;
        // Other steps of the job have summaries of their own; earlier commands of this one share it.
        let used = usize::try_from(file.metadata()?.len()).unwrap_or(usize::MAX);
        let room = report::SUMMARY_BYTES.saturating_sub(used.saturating_add(2));
        let text = report::summary(report, room);
        if text.len() <= room {
            writeln!(file, "{text}")?;
        }
    }
    Ok(())
}
