//! `pie fmt`

use super::args::{Cli, FmtArgs};
use super::output::{Streams, count};
use super::{Outcome, Stop, exit};
use crate::diagnostic::{Code, Diagnostic};
use crate::syntax;
use crate::text::FileId;
use crate::workspace::Workspace;
use similar::TextDiff;
use std::collections::BTreeSet;
use std::path::PathBuf;

pub fn run(cli: &Cli, args: &FmtArgs, streams: &mut Streams) -> Outcome {
    let root = crate::workspace::find_root(&cli.directory)?;
    let workspace = crate::workspace::load(&root);
    let wanted = selection(cli, &workspace, &args.paths)?;
    let (mut changed, mut broken) = (Vec::new(), Vec::new());
    broken.extend(workspace.diagnostics.iter().filter(|diagnostic| diagnostic.is_error()).cloned());
    for id in workspace.files.iter().filter(|id| wanted.contains(id)) {
        let source = workspace.sources.get(*id);
        let parse = syntax::parse(*id, source.text());
        if parse.diagnostics.iter().any(Diagnostic::is_error) {
            broken.extend(parse.diagnostics.into_iter().filter(Diagnostic::is_error));
            continue;
        }
        let formatted = syntax::format::format(&parse.file, source.text());
        if formatted == source.text() {
            continue;
        }
        changed.push(source.path().to_owned());
        if args.diff {
            let diff = TextDiff::from_lines(source.text(), &formatted);
            let (old, new) = (format!("a/{}", source.path()), format!("b/{}", source.path()));
            write!(streams.out, "{}", diff.unified_diff().context_radius(3).header(&old, &new))?;
        }
        if !args.check && !args.diff {
            std::fs::write(root.join(source.path()), formatted)?;
        }
    }
    streams.tell(&broken, &workspace.sources)?;
    for path in &changed {
        writeln!(streams.err, "{} {path}", if args.check || args.diff { "would format" } else { "formatted" })?;
    }
    if changed.is_empty() && broken.is_empty() {
        writeln!(
            streams.err,
            "{}",
            if wanted.len() == 1 {
                "1 file is formatted".to_owned()
            } else {
                format!("{} are formatted", count(wanted.len(), "file"))
            }
        )?;
    }
    let findings = !broken.is_empty() || (args.check && !changed.is_empty());
    Ok(if findings { exit::FINDINGS } else { exit::CLEAN })
}

/// The project's files that lie at or below the given paths; all, where none is given.
pub(super) fn selection(cli: &Cli, workspace: &Workspace, paths: &[PathBuf]) -> Result<BTreeSet<FileId>, Stop> {
    let mut wanted = BTreeSet::new();
    if paths.is_empty() {
        return Ok(workspace.files.iter().copied().collect());
    }
    for path in paths {
        let absolute = std::path::absolute(cli.directory.join(path))?;
        let resolved = absolute.canonicalize().unwrap_or(absolute);
        let root = workspace.root.canonicalize().unwrap_or_else(|_| workspace.root.clone());
        let before = wanted.len();
        wanted.extend(
            workspace.files.iter().filter(|id| root.join(workspace.sources.get(**id).path()).starts_with(&resolved)),
        );
        if wanted.len() == before {
            let message = format!("{} holds no .pie file of this project", path.display());
            return Err(Diagnostic::error(Code::UnreadableFile, message).into());
        }
    }
    Ok(wanted)
}
