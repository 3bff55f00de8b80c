//! pie itself, in this process: a folder with a project's files, which is checked, frozen, planned, built and read back
//! through the library as the command line does it.

use super::content::Content;
use super::print;
use super::project::Project;
use icepie::build::Outcome;
use icepie::diagnostic::{Diagnostic, human};
use icepie::driver::{self, Manner, Session};
use icepie::freeze::Replace;
use icepie::incremental::Action;
use icepie::name::RelationName;
use icepie::semantic::Slice;
use icepie::workspace::{self, Workspace};
use std::collections::BTreeMap;
use tokio_util::sync::CancellationToken;

/// What asynchronous work runs on: everything on the thread that asks, so that a fault planted for that thread is met
/// wherever the library goes.
pub struct Bench {
    runtime: tokio::runtime::Runtime,
}

impl Bench {
    pub fn new() -> Bench {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .thread_stack_size(16 << 20)
            .enable_all()
            .build()
            .expect("a runtime can be made");
        Bench { runtime }
    }

    pub fn run<T>(&self, work: impl Future<Output = T>) -> T {
        self.runtime.block_on(work)
    }
}

/// A project's folder with its store; removed at the end.
pub struct Folder {
    folder: tempfile::TempDir,
    /// The files as they lie there.
    files: BTreeMap<String, String>,
    rewritten: BTreeMap<RelationName, u32>,
}

impl Folder {
    pub fn new() -> Folder {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        Folder { folder, files: BTreeMap::new(), rewritten: BTreeMap::new() }
    }

    /// Makes the folder hold a project. Files that stay the same aren't touched, unless they were written again.
    pub fn write(&mut self, project: &Project) {
        let files = print::files(project);
        let mut again = Vec::new();
        for source in &project.sources {
            if self.rewritten.insert(source.name.clone(), source.rewritten) != Some(source.rewritten) {
                again.push(print::data_path(source));
            }
        }
        for gone in self.files.keys().filter(|path| !files.contains_key(*path)) {
            std::fs::remove_file(self.folder.path().join(gone)).expect("a file can be removed");
        }
        for (path, text) in &files {
            if self.files.get(path) == Some(text) && !again.contains(path) {
                continue;
            }
            let place = self.folder.path().join(path);
            std::fs::create_dir_all(place.parent().expect("a file has a folder")).expect("a folder can be made");
            std::fs::write(place, text).expect("a file can be written");
        }
        self.files = files;
    }

    /// Reads and checks the project, with what was kept of it the last time; without that it must be the same.
    pub fn load(&self) -> driver::Project {
        let workspace = workspace::load(self.folder.path());
        let anew = driver::check(workspace.clone());
        let memo = driver::memo_of(&workspace);
        let project = driver::check_with(workspace, memo);
        let told = |project: &driver::Project| human::render(&project.diagnostics, &project.workspace.sources, false);
        assert_eq!(told(&project), told(&anew), "the memo changes what is told");
        for (name, slice) in &anew.model.slices {
            let kept = &project.model.slices[name];
            let said =
                |slice: &Slice| (slice.columns.clone(), slice.key.clone(), slice.valid, slice.normalized.clone());
            assert_eq!(said(kept), said(slice), "the memo changes what `{name}` is");
        }
        project
    }
}

/// Whether pie finds a project in error.
pub fn is_refused(project: &Project) -> bool {
    let files = print::files(project);
    let texts = files.iter().filter(|(path, _)| path.ends_with(".pie") || path.ends_with(".toml"));
    let texts: Vec<(&str, &str)> = texts.map(|(path, text)| (path.as_str(), text.as_str())).collect();
    driver::check(Workspace::in_memory(texts)).has_errors()
}

/// The errors of a project, as people see them.
pub fn errors(project: &driver::Project) -> String {
    let errors: Vec<Diagnostic> = project.diagnostics.iter().filter(|found| found.is_error()).cloned().collect();
    human::render(&errors, &project.workspace.sources, false)
}

/// What came of a build.
pub struct Built {
    pub actions: BTreeMap<RelationName, Action>,
    pub outcomes: BTreeMap<RelationName, Outcome>,
    /// What was said of slices; empty where all is well.
    pub diagnostics: String,
    /// The rows of the stored slices.
    pub published: BTreeMap<RelationName, Content>,
}

impl Built {
    /// The slices with one of these outcomes.
    pub fn with(&self, outcomes: &[Outcome]) -> Vec<RelationName> {
        let having = self.outcomes.iter().filter(|(_, outcome)| outcomes.contains(outcome));
        having.map(|(name, _)| name.clone()).collect()
    }
}

/// Freezes, plans and builds; reads the published slices too, if `read`.
pub async fn build(project: &driver::Project, read: bool) -> Result<Built, String> {
    let told = |found: &[Diagnostic]| human::render(found, &project.workspace.sources, false);
    let one = |found: Box<Diagnostic>| told(&[*found]);
    let session = Session::open(project).await.map_err(one)?;
    let token = CancellationToken::new();
    let replace = Replace { reason: "an edit".to_owned() };
    for report in driver::freeze(project, &session, None, Some(&replace), &token, |_| {}).await {
        if report.outcome.is_none() {
            return Err(told(&report.diagnostics));
        }
    }
    let planned = driver::plan(project, &session, None).await.map_err(|e| told(&[e.diagnostic()]))?;
    let built = driver::build(project, &session, None, &Manner::quiet(2), |_| {}).await;
    let report = built.map_err(|e| told(&[e.diagnostic()]))?.report;
    let found: Vec<Diagnostic> = report.slices.iter().flat_map(|slice| slice.diagnostics.clone()).collect();
    let mut result = Built {
        actions: planned.plan.slices.iter().map(|slice| (slice.name().clone(), slice.action())).collect(),
        outcomes: report.slices.iter().map(|slice| (slice.plan.name().clone(), slice.outcome)).collect(),
        diagnostics: told(&found),
        published: BTreeMap::new(),
    };
    if read {
        let mut tables = driver::tables(project, &session, &BTreeMap::new()).await.map_err(one)?;
        for slice in project.model.stored_slices() {
            if !tables.sets().contains_key(&slice.name) {
                continue;
            }
            let answer = driver::show(project, &slice.name, &mut tables, &session).await.map_err(one)?;
            result.published.insert(slice.name.clone(), Content::read(&answer.schema, &answer.batches)?);
        }
    }
    Ok(result)
}
