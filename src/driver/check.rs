//! Everything that can be said of a project offline.

use super::Upkeep;
use crate::diagnostic::{self, Code, Diagnostic, Label};
use crate::memo::{self, Memo};
use crate::name::RelationName;
use crate::parallel;
use crate::resolve::{self, Declared, Findings};
use crate::semantic::{self, Knowledge, Plans, SemanticModel, Test};
use crate::sql::ENGINE_VERSION;
use crate::suite;
use crate::syntax::{self, Parse};
use crate::text::{FileId, Span};
use crate::workspace::Workspace;
use std::collections::{BTreeMap, HashMap};
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

    /// What was found in a file.
    pub fn found_in(&self, file: FileId) -> &[Diagnostic] {
        let of = |found: &Diagnostic| found.span.map(|span| span.file);
        let start = self.diagnostics.partition_point(|found| of(found) < Some(file));
        let end = self.diagnostics.partition_point(|found| of(found) <= Some(file));
        &self.diagnostics[start..end]
    }

    /// The syntax tree of a file.
    pub fn parse_of(&self, file: FileId) -> Option<&Parse> {
        let position = self.parses.binary_search_by_key(&file, |parse| parse.file.id).ok()?;
        self.parses.get(position)
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
    check_for(workspace, memo, Plans::Kept)
}

/// As [`check_with`], for those who ask for few plans or none.
pub fn check_only(workspace: Workspace, memo: Memo) -> Project {
    check_for(workspace, memo, Plans::Remade)
}

fn check_for(workspace: Workspace, memo: Memo, plans: Plans) -> Project {
    let parses = parse(&workspace, &memo);
    let (project, _) = checked(workspace, parses, memo, plans);
    project.memo.save();
    project
}

/// Parses every file of a project whose tree `memo` doesn't know, on all cores.
pub fn parse(workspace: &Workspace, memo: &Memo) -> Vec<Parse> {
    parallel::map(workspace.files.clone(), |id| {
        let text = workspace.sources.get(id).text();
        if !memo.is_on() {
            return syntax::parse(id, text);
        }
        // Every place in a tree names its file by its number.
        let key = memo::key("tree", [&id.0.to_le_bytes()[..], text.as_bytes()]);
        if let Some(file) = memo.get(&key) {
            return Parse { file, diagnostics: Vec::new() };
        }
        let parse = syntax::parse(id, text);
        if parse.diagnostics.is_empty() {
            memo.put(key, &parse.file);
        }
        parse
    })
}

/// As [`check_with`], of files that are parsed already, in the order of the workspace. What is found out stays in memory: the memo
/// isn't saved.
pub fn check_parsed(workspace: Workspace, parses: Vec<Parse>, memo: Memo) -> Project {
    checked(workspace, parses, memo, Plans::Remade).0
}

/// As [`check_parsed`], with what is needed to follow edits.
pub fn check_and_keep(workspace: Workspace, parses: Vec<Parse>, memo: Memo) -> (Project, Upkeep) {
    let (project, facts) = checked(workspace, parses, memo, Plans::Remade);
    let upkeep = Upkeep::new(&project, facts);
    (project, upkeep)
}

/// What a check finds out besides the project.
pub(super) struct Facts {
    pub knowledge: Knowledge,
    pub declared: BTreeMap<RelationName, Findings>,
    pub of_tests: Vec<Vec<Diagnostic>>,
    pub of_tables: Vec<Vec<Diagnostic>>,
    pub typed: BTreeMap<RelationName, Vec<Diagnostic>>,
    pub lookalikes: Vec<Diagnostic>,
    /// What is declared twice, and what reads itself.
    pub knots: Vec<Diagnostic>,
}

pub(super) fn checked(workspace: Workspace, parses: Vec<Parse>, memo: Memo, plans: Plans) -> (Project, Facts) {
    let mut diagnostics = workspace.diagnostics.clone();
    diagnostics.extend(parses.iter().flat_map(|parse| parse.diagnostics.iter().cloned()));
    let files = parses.iter().map(|parse| &parse.file);
    let declared = resolve::resolve(files, &workspace.sources, &workspace.config.limits.query, &memo);
    diagnostics.extend(declared.diagnostics().cloned());
    let complete = !diagnostics.iter().any(Diagnostic::is_error);
    let Declared { declarations, of, of_tests, duplicates, lookalikes } = declared;
    let mut analysis = semantic::analyze(declarations, &workspace.sources, &memo, plans);
    analysis.model.complete = complete;
    diagnostics.extend(analysis.diagnostics().cloned());
    let tests: Vec<&Test> = analysis.model.tests.iter().collect();
    let of_tables = parallel::map(tests, |test| suite::unfit(&analysis.model, test));
    diagnostics.extend(of_tables.iter().flatten().cloned());
    arrange(&mut diagnostics, workspace.config.limits.diagnostics_per_file);
    let facts = Facts {
        knowledge: analysis.knowledge,
        declared: of,
        of_tests,
        of_tables,
        typed: analysis.of,
        lookalikes,
        knots: duplicates.into_iter().chain(analysis.cycles).collect(),
    };
    (Project { workspace, parses, model: Arc::new(analysis.model), diagnostics, memo }, facts)
}

/// Sorts findings by place, keeps the first ones of each file, and says behind them how many more there are.
pub(super) fn arrange(diagnostics: &mut Vec<Diagnostic>, limit: usize) {
    diagnostic::sort(diagnostics);
    fold_lookalikes(diagnostics);
    fold_domains(diagnostics);
    let file = |diagnostic: &Diagnostic| diagnostic.span.map(|span| span.file);
    if diagnostics.chunk_by(|one, other| file(one) == file(other)).all(|found| found.len() <= limit) {
        return;
    }
    let mut kept = Vec::with_capacity(diagnostics.len());
    for found in diagnostics.chunk_by(|one, other| file(one) == file(other)) {
        let shown = if file(&found[0]).is_some() { found.len().min(limit) } else { found.len() };
        kept.extend_from_slice(&found[..shown]);
        if let Some(file) = file(&found[0]).filter(|_| shown < found.len()) {
            let message = format!("{} more findings in this file aren't shown", found.len() - shown);
            kept.push(
                Diagnostic::error(Code::LimitExceeded, message)
                    .at(Span::new(file, 0, 0), "in this file")
                    .with_help("mend the first ones and check again"),
            );
        }
    }
    *diagnostics = kept;
}

/// Where a domain isn't declared, all that is declared in it is wrong for one reason: it is told once in a file.
fn fold_domains(diagnostics: &mut Vec<Diagnostic>) {
    let is_about = |found: &Diagnostic| found.code == Code::UnknownDomain && found.label == resolve::NO_DOMAIN;
    if diagnostics.iter().filter(|found| is_about(found)).nth(1).is_none() {
        return;
    }
    let mut first: HashMap<(Option<FileId>, String), (usize, usize)> = HashMap::new();
    let mut folded: Vec<Diagnostic> = Vec::with_capacity(diagnostics.len());
    for found in diagnostics.drain(..) {
        if !is_about(&found) {
            folded.push(found);
            continue;
        }
        let key = (found.span.map(|span| span.file), found.message.clone());
        let Some((position, more)) = first.get_mut(&key) else {
            first.insert(key, (folded.len(), 0));
            folded.push(found);
            continue;
        };
        *more += 1;
        let told = &mut folded[*position];
        if let Some(span) = found.span.filter(|_| *more <= SHOWN_PLACES) {
            told.labels.push(Label { span, message: "here too".to_owned() });
        }
        // One edit for each place: the name is the same.
        if told.fixes.is_empty() {
            told.fixes = found.fixes;
            continue;
        }
        for (fix, other) in told.fixes.iter_mut().zip(found.fixes) {
            fix.edits.extend(other.edits);
        }
    }
    for (position, more) in first.into_values().filter(|(_, more)| *more > SHOWN_PLACES) {
        folded[position].notes.push(format!("{} more places in this file name it", more - SHOWN_PLACES));
    }
    *diagnostics = folded;
}

/// How many places are shown besides the first one.
const SHOWN_PLACES: usize = 3;

/// A sign that only looks like one of the language is most often an error too: then it is told once, by the error.
fn fold_lookalikes(diagnostics: &mut Vec<Diagnostic>) {
    let is_lookalike = |found: &Diagnostic| found.code == Code::ConfusableName;
    if !diagnostics.iter().any(is_lookalike) {
        return;
    }
    let start = |found: &Diagnostic| found.span.map(|span| (span.file, span.start));
    let mut folded: Vec<Diagnostic> = Vec::with_capacity(diagnostics.len());
    for found in diagnostics.drain(..) {
        let error = folded.iter_mut().rev().take_while(|one| start(one) == start(&found)).find(|one| one.is_error());
        match error {
            Some(error) if is_lookalike(&found) => {
                let help = found.help.map(|help| format!(": {help}")).unwrap_or_default();
                error.help = Some(format!("{}{help}", found.message));
                error.notes.extend(found.notes);
                error.fixes = found.fixes;
            }
            _ => folded.push(found),
        }
    }
    *diagnostics = folded;
}
