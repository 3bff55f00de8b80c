//! `pie check`

use super::args::{CheckArgs, Cli, DiagnosticFormat};
use super::output::{DIM, GREEN, Streams, count, paint};
use super::{Outcome, Stop, exit};
use crate::diagnostic::report::Report;
use crate::diagnostic::{Diagnostic, json};
use crate::text::FileId;
use crate::workspace;
use serde_json::json;

pub fn run(cli: &Cli, args: &CheckArgs, streams: &mut Streams) -> Outcome {
    if args.watch {
        return watch(cli, args, streams);
    }
    once(cli, args, streams)
}

/// Checks now and after each change. What happens while a check runs is looked at by the next one.
fn watch(cli: &Cli, args: &CheckArgs, streams: &mut Streams) -> Outcome {
    let root = workspace::find_root(&cli.directory)?;
    let changes =
        workspace::watch(&root).map_err(|error| Stop::Usage(format!("can't watch {}: {error}", root.display())))?;
    // Values of a check are needed no more after it, and there are many checks.
    let last = std::mem::replace(&mut streams.last, false);
    loop {
        let checked = once(cli, args, streams);
        // A project that is broken for now is no reason to stop.
        if let Err(Stop::Diagnostics(diagnostics, sources)) = &checked {
            streams.tell(diagnostics, sources)?;
        } else {
            checked?;
        }
        streams.out.flush()?;
        writeln!(streams.err, "{}", paint(streams.color, DIM, "watching; Ctrl-C ends it"))?;
        streams.err.flush()?;
        if !changes.wait() {
            streams.last = last;
            return Ok(exit::CLEAN);
        }
    }
}

fn once(cli: &Cli, args: &CheckArgs, streams: &mut Streams) -> Outcome {
    let project = super::project(cli)?;
    let sources = &project.workspace.sources;
    let wanted = super::fmt::selection(cli, &project.workspace, &args.paths)?;
    let shown: Vec<Diagnostic> = project
        .diagnostics
        .iter()
        .filter(|diagnostic| args.paths.is_empty() || diagnostic.span.is_some_and(|span| wanted.contains(&span.file)))
        .cloned()
        .collect();
    let errors = shown.iter().filter(|diagnostic| diagnostic.is_error()).count();
    let warnings = shown.len() - errors;
    let model = &project.model;
    // Declarations in error count too.
    let kinds =
        |kind: &str| model.declarations.relations.values().filter(|declaration| declaration.kind() == kind).count();
    match args.format {
        DiagnosticFormat::Json => {
            let report = json!({
                "version": 1,
                "diagnostics": shown.iter().map(|diagnostic| json::to_json(diagnostic, sources)).collect::<Vec<_>>(),
                "summary": {
                    "files": project.workspace.files.len(),
                    "sources": kinds("source"),
                    "slices": kinds("slice"),
                    "errors": errors,
                    "warnings": warnings,
                },
            });
            writeln!(streams.out, "{report:#}")?;
        }
        DiagnosticFormat::Human => {
            streams.tell(&shown, sources)?;
            let what = format!(
                "{}, {}, {}, {}",
                count(project.workspace.files.len(), "file"),
                count(kinds("source"), "source"),
                count(kinds("slice"), "slice"),
                count(model.tests.len(), "test")
            );
            if errors == 0 && warnings == 0 {
                writeln!(streams.err, "{} {what}: no findings", paint(streams.color, GREEN, "ok"))?;
            } else {
                let mut found = Vec::new();
                if errors > 0 {
                    found.push(count(errors, "error"));
                }
                if warnings > 0 {
                    found.push(count(warnings, "warning"));
                }
                writeln!(streams.err, "{what}: {}", found.join(", "))?;
                let codes: std::collections::BTreeSet<&str> =
                    shown.iter().map(|diagnostic| diagnostic.code.as_str()).collect();
                if let Some(code) = codes.first() {
                    writeln!(streams.err, "`pie explain {code}` tells more about a code")?;
                }
            }
        }
        format => {
            let files: Vec<FileId> = wanted.iter().copied().collect();
            let folder = workspace::folder_in_repository(&project.workspace.root);
            let report = Report { verb: "check", diagnostics: &shown, sources, files: &files, folder: &folder };
            super::findings::write(format, &report, streams)?;
        }
    }
    streams.leave(project);
    Ok(if errors > 0 { exit::FINDINGS } else { exit::CLEAN })
}
