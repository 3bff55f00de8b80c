//! Which slice runs when: each as soon as what it reads is done, at most `jobs` at once.

use super::queue::{Queue, Twins};
use super::slice::{Done, SliceBuild};
use super::{BuildError, Input, Inputs};
use crate::algebra::Meanings;
use crate::diagnostic::{Code, Diagnostic};
use crate::exec::{Runtime, build_files};
use crate::freeze::Stamp;
use crate::incremental::{Action, Blocked, InputContent, StoreState, shows};
use crate::manifest::{BuildRecord, CommitRecord, FORMAT, FailureRecord, InputRecord};
use crate::name::RelationName;
use crate::plan::{BuildPlan, SlicePlan};
use crate::semantic::{SemanticModel, Slice};
use crate::store::{Numbered, SliceHead, Store};
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

/// What came of a slice.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Outcome {
    Built,
    /// Was `maybe`, proved unnecessary.
    CutOff,
    Relabelled,
    Reused,
    Dropped,
    Held,
    Failed,
    Skipped,
}

impl Outcome {
    pub fn as_str(self) -> &'static str {
        match self {
            Outcome::Built => "built",
            Outcome::CutOff => "cut_off",
            Outcome::Relabelled => "relabelled",
            Outcome::Reused => "reused",
            Outcome::Dropped => "dropped",
            Outcome::Held => "held",
            Outcome::Failed => "failed",
            Outcome::Skipped => "skipped",
        }
    }
}

/// What came of one slice of a build.
#[derive(Clone, Debug)]
pub struct SliceReport {
    pub plan: SlicePlan,
    pub outcome: Outcome,
    pub version: Option<u64>,
    pub rows: Option<u64>,
    /// Bytes that were written.
    pub bytes: Option<u64>,
    pub elapsed: Duration,
    pub diagnostics: Vec<Diagnostic>,
    /// Inputs that were read at their last good version.
    pub stale_inputs: Vec<InputRecord>,
    /// Something that it reads, however far down, isn't what it should be.
    pub behind: bool,
}

/// What came of a build, in the order of its plan.
#[derive(Clone, Default, Debug)]
pub struct Report {
    pub slices: Vec<SliceReport>,
}

/// Told of what goes on; called from several tasks.
pub trait Progress: Send + Sync {
    fn started(&self, slice: &RelationName);
    /// Somebody else builds the same rows already.
    fn waiting(&self, slice: &RelationName, by: &str);
    /// Rows read of all there are to read, rows and bytes written.
    fn advance(&self, slice: &RelationName, rows_read: u64, rows_total: u64, rows_written: u64, bytes_written: u64);
    fn finished(&self, report: &SliceReport);
}

/// Tells nobody.
pub struct Quiet;

impl Progress for Quiet {
    fn started(&self, _: &RelationName) {}
    fn waiting(&self, _: &RelationName, _: &str) {}
    fn advance(&self, _: &RelationName, _: u64, _: u64, _: u64, _: u64) {}
    fn finished(&self, _: &SliceReport) {}
}

/// What executing a plan needs.
pub struct Build {
    pub model: Arc<SemanticModel>,
    pub plan: BuildPlan,
    pub meanings: Arc<Meanings>,
    pub state: StoreState,
    pub store: Store,
    pub runtime: Runtime,
    pub stamp: Stamp,
    pub jobs: usize,
    pub progress: Arc<dyn Progress>,
    pub cancelled: CancellationToken,
    /// The frozen sources as inputs.
    pub sources: Arc<BTreeMap<RelationName, Input>>,
    /// Heads with their digests, to commit behind.
    pub heads: BTreeMap<RelationName, Numbered<CommitRecord>>,
    /// Heads in short.
    pub short: BTreeMap<RelationName, SliceHead>,
    /// Slices that are known to be fresh, like all that they read. Their heads are there as a whole where others read them.
    pub fresh: BTreeSet<RelationName>,
}

/// Executes a plan. Errors of slices are in their reports; the others go on.
///
/// Every slice that has something to do is a task of its own, so that independent ones use different cores.
pub async fn execute(build: Build) -> Report {
    let build = Arc::new(build);
    let order: Vec<&SlicePlan> = build.plan.slices.iter().collect();
    let planned: BTreeSet<&RelationName> = order.iter().map(|slice| slice.name()).collect();
    let mut inputs = Inputs { sources: Arc::clone(&build.sources), ..Inputs::default() };
    // Slices outside the plan are read as they are.
    for (name, head) in &build.heads {
        if !planned.contains(name) {
            add_head(&build, name, &head.record, Standing::Behind, &mut inputs);
        }
    }
    let mut queue = Queue::new(&order);
    let mut reports: BTreeMap<RelationName, SliceReport> = BTreeMap::new();
    // Due, with something to do.
    let mut ready: BTreeSet<usize> = BTreeSet::new();
    let mut twins = Twins::default();
    let mut running = FuturesUnordered::new();
    loop {
        while let Some(index) = queue.due.pop_first() {
            let slice = order[index];
            let Some(head) = untouched(&build, slice, &reports) else {
                ready.insert(index);
                continue;
            };
            if let Some(head) = build.heads.get(slice.name()) {
                add_head(&build, slice.name(), &head.record, Standing::of(&build, slice, &inputs), &mut inputs);
            }
            let report = reused(slice, head);
            build.progress.finished(&report);
            reports.insert(slice.name().clone(), report);
            queue.done(index);
        }
        while running.len() < build.jobs.max(1)
            && let Some(index) = ready.pop_first()
        {
            if !twins.may_start(&build, order[index], index) {
                continue;
            }
            let slice = order[index].clone();
            let pinned = inputs.only(&read_by(&build.model, &slice));
            let build = Arc::clone(&build);
            running.push(tokio::spawn(async move { (index, one(&build, &slice, pinned).await) }));
        }
        let Some(finished) = running.next().await else { break };
        // A task ends in a panic only through a bug; it must not be lost.
        let (index, (report, done)) = finished.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()));
        let name = report.plan.name().clone();
        ready.extend(twins.done(&build, order[index]));
        match done {
            Some(done) => add_done(&build, &name, &done, &mut inputs),
            None => {
                // Readers go on with the last good version, if it has the columns that they were planned with.
                let why = match report.outcome {
                    Outcome::Failed => "failed",
                    Outcome::Skipped => "was skipped",
                    _ => "has no version",
                };
                inputs.missing.insert(name.clone(), format!("{why} and has no version to fall back on"));
                if let Some(head) = build.heads.get(&name) {
                    let standing = match report.outcome {
                        Outcome::Failed | Outcome::Skipped => Standing::Stale,
                        // What it would be built to is what it serves. Of one that was held while it was built that isn't known.
                        Outcome::Held if report.plan.action() == Action::Held && !report.plan.change.behind => {
                            Standing::Current
                        }
                        Outcome::Held => Standing::Stale,
                        _ => Standing::Behind,
                    };
                    add_head(&build, &name, &head.record, standing, &mut inputs);
                }
            }
        }
        build.progress.finished(&report);
        reports.insert(name, report);
        queue.done(index);
    }
    let slices = order.iter().filter_map(|slice| reports.remove(slice.name())).collect();
    Report { slices }
}

/// The head of a slice that the plan found fresh and before which nothing changed: there is nothing to start.
fn untouched<'a>(
    build: &'a Build,
    slice: &SlicePlan,
    reports: &BTreeMap<RelationName, SliceReport>,
) -> Option<&'a SliceHead> {
    let same = |before: &RelationName| reports.get(before).is_none_or(|report| report.outcome == Outcome::Reused);
    if slice.action() != Action::Reuse || !slice.after.iter().all(same) {
        return None;
    }
    // A head that was built on the last good version of an input may be due for a record without that mark.
    build.short.get(slice.name()).filter(|head| !head.facts.stale)
}

/// What a slice and its checks read.
fn read_by(model: &SemanticModel, plan: &SlicePlan) -> Vec<RelationName> {
    let Some(slice) = model.slices.get(plan.name()) else { return Vec::new() };
    let mut names = model.stored_inputs(&slice.reads);
    names.extend(slice.checks.iter().flat_map(|check| model.stored_inputs(&check.reads)));
    names
}

fn reused(plan: &SlicePlan, head: &SliceHead) -> SliceReport {
    SliceReport {
        plan: plan.clone(),
        outcome: Outcome::Reused,
        version: Some(head.number),
        rows: Some(head.facts.rows),
        bytes: Some(0),
        elapsed: Duration::ZERO,
        diagnostics: Vec::new(),
        stale_inputs: Vec::new(),
        behind: false,
    }
}

async fn one(build: &Build, plan: &SlicePlan, inputs: Inputs) -> (SliceReport, Option<Done>) {
    let started = Instant::now();
    let name = plan.name();
    let head = build.heads.get(name);
    let report = |outcome: Outcome, diagnostics: Vec<Diagnostic>| SliceReport {
        plan: plan.clone(),
        outcome,
        version: head.map(|head| head.number),
        rows: head.map(|head| head.record.rows),
        bytes: None,
        elapsed: started.elapsed(),
        diagnostics,
        stale_inputs: Vec::new(),
        behind: false,
    };
    match plan.action() {
        Action::Held => return (report(Outcome::Held, Vec::new()), None),
        Action::Drop => return drop_slice(build, plan, report(Outcome::Dropped, Vec::new())).await,
        Action::Build | Action::Maybe | Action::Relabel | Action::Reuse => {}
    }
    let Some(slice) = build.model.slices.get(name) else { return (report(Outcome::Skipped, Vec::new()), None) };
    if build.cancelled.is_cancelled() {
        return (report(Outcome::Skipped, vec![BuildError::Interrupted.diagnostic(slice)]), None);
    }
    let refused = match &plan.change.blocked {
        // Whether there is nothing to read of an input is known when the slice's turn comes.
        None | Some(Blocked::Input(_)) => None,
        Some(Blocked::NotFrozen(source)) => Some((Outcome::Skipped, Some(BuildError::NotFrozen(source.clone())))),
        Some(Blocked::Damaged(source)) => Some((Outcome::Skipped, Some(BuildError::SourceDamaged(source.clone())))),
        Some(Blocked::DeclarationChanged(source)) => {
            Some((Outcome::Skipped, Some(BuildError::DeclarationChanged(source.clone()))))
        }
        Some(Blocked::Invalid) if slice.valid => Some((Outcome::Skipped, None)),
        Some(Blocked::Invalid) => Some((Outcome::Failed, None)),
    };
    if let Some((outcome, error)) = refused {
        // What is wrong with an invalid slice was told when the project was checked.
        let diagnostics = match error {
            Some(error) => vec![error.diagnostic(slice)],
            None => vec![invalid(&build.model, slice)],
        };
        return (report(outcome, diagnostics), None);
    }
    build.progress.started(name);
    let result = match raw_files_unchanged(build, slice, &inputs).await {
        Ok(()) => slice_build(build, plan, slice).run(&inputs).await,
        Err(error) => Err(error),
    };
    match result {
        Ok(done) => {
            let finished = SliceReport {
                outcome: done.outcome,
                version: Some(done.commit.number),
                rows: Some(done.commit.record.rows),
                bytes: Some(done.written),
                elapsed: started.elapsed(),
                stale_inputs: done.commit.record.stale_inputs.clone(),
                behind: done.behind,
                ..report(done.outcome, Vec::new())
            };
            (finished, Some(done))
        }
        Err(error) => {
            let outcome = match &error {
                BuildError::Held { version } => {
                    return (SliceReport { version: Some(*version), ..report(Outcome::Held, Vec::new()) }, None);
                }
                BuildError::InputMissing { .. } | BuildError::Interrupted => Outcome::Skipped,
                _ => Outcome::Failed,
            };
            let diagnostic = error.diagnostic(slice);
            if outcome == Outcome::Failed && diagnostic.code != Code::CommitConflict {
                tell_failure(build, slice, &diagnostic).await;
            }
            (report(outcome, vec![diagnostic]), None)
        }
    }
}

/// Lets `pie status` say what a build failed with.
async fn tell_failure(build: &Build, slice: &Slice, diagnostic: &Diagnostic) {
    let failure = FailureRecord {
        format: FORMAT,
        id: crate::store::new_id(),
        slice: slice.name.to_string(),
        code: diagnostic.code.as_str().to_owned(),
        message: diagnostic.message.clone(),
        created_at: build.stamp.now.to_rfc3339_opts(chrono::SecondsFormat::Micros, true),
        by: build.stamp.by.clone(),
        pie: env!("CARGO_PKG_VERSION").to_owned(),
    };
    build.store.tell_failure(failure).await;
}

fn slice_build<'a>(build: &'a Build, plan: &'a SlicePlan, slice: &'a Slice) -> SliceBuild<'a> {
    SliceBuild {
        model: &build.model,
        meanings: &build.meanings,
        planned: plan.change.serve.as_ref(),
        slice,
        store: &build.store,
        runtime: &build.runtime,
        stamp: &build.stamp,
        progress: build.progress.as_ref(),
        cancelled: &build.cancelled,
        head: build.heads.get(&slice.name).cloned(),
        is_damaged: build.state.damaged.contains(&slice.name),
        head_build: build.state.head_builds.get(&slice.name).cloned(),
        was_maybe: plan.action() == Action::Maybe,
    }
}

/// A slice without a plan of its own: in error itself, or reading one whose columns aren't known.
fn invalid(model: &SemanticModel, slice: &Slice) -> Diagnostic {
    let broken = model.graph.inputs(&slice.name).into_iter().filter(|input| {
        model.slices.get(input).is_some_and(|slice| !slice.valid)
            || model.sources.get(input).is_some_and(|source| !source.valid)
    });
    let inputs: Vec<(RelationName, String)> = broken.map(|input| (input, "has errors".to_owned())).collect();
    if inputs.is_empty() {
        return Diagnostic::error(crate::diagnostic::Code::InvalidQuery, format!("`{}` has errors", slice.name))
            .at(slice.name_span, "not built")
            .with_help("run `pie check` to see them; the version before is still served");
    }
    BuildError::InputMissing { inputs }.diagnostic(slice)
}

/// Raw Parquet files are read in place, so they are looked at once more: a frozen file never changes unnoticed.
async fn raw_files_unchanged(build: &Build, slice: &Slice, inputs: &Inputs) -> Result<(), BuildError> {
    for name in build.model.stored_inputs(&slice.reads) {
        let Some(input) = inputs.get(&name) else { continue };
        for file in &input.raw {
            let meta = build.runtime.head(&input.files.store_url, &file.path).await;
            let tag = match meta {
                Ok(Some((size, tag))) if size == file.size => tag,
                Ok(Some(_)) => return Err(BuildError::RawChanged { source: name, file: file.path.clone() }),
                Ok(None) => return Err(BuildError::RawVanished { source: name, file: file.path.clone() }),
                Err(cause) => return Err(BuildError::Internal(cause)),
            };
            if tag != file.tag {
                let digest =
                    build.runtime.digest(&input.files.store_url, &file.path).await.map_err(BuildError::Internal)?;
                if digest != file.blake3 {
                    return Err(BuildError::RawChanged { source: name, file: file.path.clone() });
                }
            }
        }
    }
    Ok(())
}

async fn drop_slice(build: &Build, plan: &SlicePlan, report: SliceReport) -> (SliceReport, Option<Done>) {
    let name = plan.name();
    let Some(head) = build.heads.get(name).cloned() else { return (report, None) };
    let commit = CommitRecord {
        id: crate::store::new_id(),
        created_at: build.stamp.now.to_rfc3339_opts(chrono::SecondsFormat::Micros, true),
        by: build.stamp.by.clone(),
        reason: Some("no longer declared".to_owned()),
        ..CommitRecord::nothing(name)
    };
    match build.store.commit(name, Some(head), commit).await {
        Ok(commit) => (SliceReport { version: Some(commit.into_record().number), rows: None, ..report }, None),
        Err(error) => (SliceReport { outcome: Outcome::Failed, diagnostics: vec![error.diagnostic()], ..report }, None),
    }
}

fn add_done(build: &Build, name: &RelationName, done: &Done, inputs: &mut Inputs) {
    if build.model.slices.contains_key(name) {
        let standing = if done.behind { Standing::Behind } else { Standing::Current };
        insert(name, &done.commit.record, &done.build, standing, inputs);
    }
}

/// How an input stands to what the sources as they are would give.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Standing {
    Current,
    /// It was built from something that is behind.
    Behind,
    /// Its own newer version failed or is held.
    Stale,
}

impl Standing {
    /// Of a slice that the plan found fresh: by its query over sources alone, it is current whatever its inputs are.
    fn of(build: &Build, plan: &SlicePlan, inputs: &Inputs) -> Standing {
        if build.fresh.contains(plan.name()) {
            return Standing::Current;
        }
        let Some(slice) = build.model.slices.get(plan.name()) else { return Standing::Behind };
        if inputs.behind(&build.model.stored_inputs(&slice.reads)) { Standing::Behind } else { Standing::Current }
    }
}

/// Lets readers read a head's build, unless its columns aren't those that readers were planned with.
fn add_head(build: &Build, name: &RelationName, head: &CommitRecord, standing: Standing, inputs: &mut Inputs) {
    let (Some(slice), Some(record)) = (build.model.slices.get(name), build.state.head_builds.get(name)) else { return };
    if shows(&head.columns, &slice.columns) && head.build.is_some() {
        insert(name, head, record, standing, inputs);
    } else if standing == Standing::Stale {
        inputs.missing.insert(name.clone(), "has no new version, and its last good one has other columns".to_owned());
    }
}

fn insert(name: &RelationName, commit: &CommitRecord, record: &BuildRecord, standing: Standing, inputs: &mut Inputs) {
    let Ok(files) = build_files(record, &commit.columns) else { return };
    let input = Input {
        record: InputRecord {
            name: name.to_string(),
            kind: "slice".to_owned(),
            version: commit.version,
            content: commit.content.clone(),
        },
        content: InputContent::of_build(record, &commit.columns),
        files,
        stale: standing == Standing::Stale,
        behind: standing != Standing::Current,
        raw: Vec::new(),
    };
    inputs.slices.insert(name.clone(), input);
}
