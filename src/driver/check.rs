//! Everything that can be said of a project offline.

use crate::diagnostic::{self, Code, Diagnostic};
use crate::memo::Memo;
use crate::parallel;
use crate::resolve;
use crate::semantic::{self, SemanticModel};
use crate::sql::ENGINE_VERSION;
use crate::syntax::{self, Parse};
use crate::text::FileId;
use crate::workspace::Workspace;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A checked project.
#[derive(Clone, Debug)]
pub struct Project {
    pub workspace: Workspace,
    pub parses: Vec<Parse>,
    pub model: Arc<SemanticModel>,
    /// Sorted by place.
    pub diagnostics: Vec<Diagnostic>,
    pub memo: Memo,
}

impl Project {
    pub fn has_errors(&self) -> bool {
        self.diagnostics.iter().any(Diagnostic::is_error)
    }
}

/// Parses, resolves and types a project: no data, no store, no network.
pub fn check(workspace: Workspace) -> Project {
    check_with(workspace, Memo::none())
}

/// The facts that earlier runs of this very program kept for a project.
pub fn memo_of(workspace: &Workspace) -> Memo {
    // A program that was built anew may find out something else.
    let program = std::env::current_exe().and_then(std::fs::metadata).ok().map(|file| {
        let written = file.modified().ok().and_then(|at| at.duration_since(std::time::UNIX_EPOCH).ok());
        format!("{} bytes of {}", file.len(), written.map_or(0, |at| at.as_nanos()))
    });
    match program {
        Some(program) => {
            let program = format!("{} {ENGINE_VERSION} {program}", env!("CARGO_PKG_VERSION"));
            Memo::open(&workspace.root.join(".pie/cache"), &program)
        }
        None => Memo::none(),
    }
}

/// As [`check`], without the work whose result `memo` knows. It says the same.
pub fn check_with(workspace: Workspace, memo: Memo) -> Project {
    let parses = parse(&workspace);
    let project = check_parsed(workspace, parses, memo);
    project.memo.save();
    project
}

/// Parses every file of a project, on all cores.
pub fn parse(workspace: &Workspace) -> Vec<Parse> {
    parallel::map(workspace.files.clone(), |id| syntax::parse(id, workspace.sources.get(id).text()))
}

/// As [`check_with`], of files that are parsed already, in the order of the workspace. What is found out stays in memory: the memo
/// isn't saved.
pub fn check_parsed(workspace: Workspace, parses: Vec<Parse>, memo: Memo) -> Project {
    let mut diagnostics = workspace.diagnostics.clone();
    diagnostics.extend(parses.iter().flat_map(|parse| parse.diagnostics.iter().cloned()));
    let files: Vec<_> = parses.iter().map(|parse| parse.file.clone()).collect();
    let declared = resolve::resolve(&files, &workspace.sources, &workspace.config.limits.query, &memo);
    diagnostics.extend(declared.diagnostics);
    let complete = !diagnostics.iter().any(Diagnostic::is_error);
    let (mut model, found) = semantic::analyze(declared.declarations, &workspace.sources, &memo);
    model.complete = complete;
    diagnostics.extend(found);
    diagnostic::sort(&mut diagnostics);
    cap(&mut diagnostics, workspace.config.limits.diagnostics_per_file);
    Project { workspace, parses, model: Arc::new(model), diagnostics, memo }
}

/// Keeps the first findings of each file and says how many more there are.
fn cap(diagnostics: &mut Vec<Diagnostic>, limit: usize) {
    let mut counts: BTreeMap<FileId, usize> = BTreeMap::new();
    diagnostics.retain(|diagnostic| {
        let Some(span) = diagnostic.span else { return true };
        let count = counts.entry(span.file).or_default();
        *count += 1;
        *count <= limit
    });
    for (file, count) in counts.into_iter().filter(|(_, count)| *count > limit) {
        diagnostics.push(
            Diagnostic::error(
                Code::LimitExceeded,
                format!("{} more findings in this file aren't shown", count - limit),
            )
            .at(crate::text::Span::new(file, 0, 0), "in this file")
            .with_help("mend the first ones and check again"),
        );
    }
}
