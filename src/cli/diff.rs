//! `pie diff`

use super::args::{Cli, DiagnosticFormat, DiffArgs};
use super::output::{BLUE, DIM, GREEN, RED, Streams, YELLOW, count, paint};
use super::{Outcome, exit};
use crate::diagnostic::Diagnostic;
use crate::diagnostic::report::Report;
use crate::diff::{self, Run, What};
use crate::{driver, workspace};
use std::collections::BTreeSet;

pub fn run(cli: &Cli, args: &DiffArgs, streams: &mut Streams) -> Outcome {
    let root = workspace::find_root(&cli.directory)?;
    let compared = driver::compare(&root, &args.base, args.head.as_deref(), args.merge_base)?;
    let accepted: BTreeSet<String> = args.accept.iter().map(|name| name.to_lowercase()).collect();
    let diagnostics = diff::diagnostics(&compared.difference, &accepted);
    let sources = &compared.head.workspace.sources;
    let folder = workspace::folder_in_repository(&root);
    let broken = compared.head.has_errors();
    match args.format {
        DiagnosticFormat::Human => {
            let color = streams.color && streams.out_terminal;
            let style = |what: What, text: &str| {
                let style = match what {
                    What::Added => GREEN,
                    What::Removed | What::Unknown => RED,
                    What::Changed => YELLOW,
                    What::Affected => BLUE,
                };
                paint(color, style, text)
            };
            write!(streams.out, "{}", diff::to_text(&compared.difference, &style))?;
            // What the lines above say isn't said twice.
            let found: Vec<Diagnostic> = diagnostics
                .iter()
                .filter(|found| found.severity != crate::diagnostic::Severity::Note)
                .cloned()
                .collect();
            if !found.is_empty() {
                streams.out.flush()?;
                writeln!(streams.err)?;
                streams.tell(&found, sources)?;
            }
            summary(&compared.difference, streams)?;
        }
        DiagnosticFormat::Json => {
            let head = args.head.as_deref().unwrap_or("the working tree");
            let json = diff::to_json(&compared.difference, &diagnostics, [&args.base, head], sources);
            writeln!(streams.out, "{json:#}")?;
        }
        format => {
            let files = &compared.head.workspace.files;
            let report = Report { verb: "diff", diagnostics: &diagnostics, sources, files, folder: &folder };
            super::findings::write(format, &report, streams)?;
        }
    }
    if broken {
        writeln!(streams.err, "{}", paint(streams.color, DIM, "the newer side has errors, which `pie check` shows"))?;
    }
    let errors = diagnostics.iter().any(Diagnostic::is_error);
    streams.leave(compared);
    Ok(if errors || broken { exit::FINDINGS } else { exit::CLEAN })
}

fn summary(difference: &diff::Difference, streams: &mut Streams) -> std::io::Result<()> {
    if difference.changes.is_empty() {
        return writeln!(streams.err, "Nothing means anything else.");
    }
    let number = |run: Run| difference.changes.iter().filter(|change| change.run == run).count();
    let unknown = difference.changes.iter().filter(|change| change.what == What::Unknown).count();
    let runs = match (number(Run::Build), number(Run::Maybe)) {
        (0, 0) if unknown > 0 => "what a build runs can't be told".to_owned(),
        (0, 0) => "a build runs nothing because of it".to_owned(),
        (build, 0) => format!("a build runs {}", count(build, "slice")),
        (build, maybe) => format!("a build runs {} and at most {maybe} more", count(build, "slice")),
    };
    let hit = difference.broken.iter().filter(|broken| !broken.readers.is_empty()).count();
    let promises = match (difference.broken.len(), hit) {
        (0, _) => String::new(),
        (broken, 0) => format!("; {}, which no other domain relies on", count(broken, "broken promise")),
        (broken, hit) => format!("; {}, {hit} of which other domains rely on", count(broken, "broken promise")),
    };
    writeln!(streams.err, "{}: {runs}{promises}.", count(difference.changes.len(), "difference"))
}
