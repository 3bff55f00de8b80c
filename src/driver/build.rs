//! Plans and builds.

use super::state::{self, Extent, Looked};
use super::{Project, Session};
use crate::algebra::Meanings;
use crate::build::{self, Build, Input, Outcome, Progress, Report, SliceReport};
use crate::diagnostic::Code;
use crate::exec::source_files;
use crate::incremental::{self, Asked, FoundBuild, InputContent, Settled, StoreState, Wanted};
use crate::manifest::{CommitRecord, InputRecord};
use crate::name::RelationName;
use crate::plan::{self, BuildPlan};
use crate::store::{Numbered, SliceHead, StoreError};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// A plan and what it was made from.
#[derive(Clone, Debug)]
pub struct Planned {
    pub plan: BuildPlan,
    pub meanings: Arc<Meanings>,
    /// Of slices that are known to be fresh it may hold nothing.
    pub state: StoreState,
    pub heads: BTreeMap<RelationName, Numbered<CommitRecord>>,
    /// Heads in short, of all slices.
    pub short: BTreeMap<RelationName, SliceHead>,
    /// Slices that were known to be fresh.
    pub fresh: BTreeSet<RelationName>,
}

/// What came of a build.
#[derive(Clone, Debug)]
pub struct BuildOutcome {
    pub plan: BuildPlan,
    pub report: Report,
}

/// Plans the given slices with everything that they read, or all.
pub async fn plan(
    project: &Project,
    session: &Session,
    slices: Option<&BTreeSet<RelationName>>,
) -> Result<Planned, StoreError> {
    plan_to(project, session, slices, Extent::Needed).await
}

/// As [`plan`], with all that the store has of fresh slices too.
pub async fn plan_whole(
    project: &Project,
    session: &Session,
    slices: Option<&BTreeSet<RelationName>>,
) -> Result<Planned, StoreError> {
    plan_to(project, session, slices, Extent::Everything).await
}

async fn plan_to(
    project: &Project,
    session: &Session,
    slices: Option<&BTreeSet<RelationName>>,
    extent: Extent,
) -> Result<Planned, StoreError> {
    let model = &project.model;
    let demanded = slices.map(|slices| {
        let mut demanded = slices.clone();
        demanded.extend(slices.iter().flat_map(|slice| model.graph.ancestors(slice)));
        demanded
    });
    let mut looked = state::look(project, session, demanded.as_ref(), extent).await?;
    let meanings = Arc::new(Meanings::new(Arc::clone(model), project.memo.clone()));
    let open = model.slices.values().filter(|slice| !slice.is_virtual && !looked.fresh.contains_key(&slice.name));
    let asked = open.map(|slice| &slice.name);
    let asked = asked.filter(|name| demanded.as_ref().is_none_or(|demanded| demanded.contains(*name)));
    meanings.find_all(asked.collect());
    // Each round answers what the one before asked for; there are at most as many as slices are deep.
    let mut settled = Settled::default();
    loop {
        let asked = Asked { demanded: demanded.as_ref(), fresh: &looked.fresh };
        match incremental::changes(model, &meanings, &looked.state, &asked, &mut settled) {
            Ok(changes) => {
                looked.remember(project, &changes);
                project.memo.save();
                let plan = plan::plan(model, &changes);
                let Looked { state, heads, short, fresh, .. } = looked;
                return Ok(Planned { plan, meanings, state, heads, short, fresh: fresh.into_keys().collect() });
            }
            Err(wanted) => answer(session, wanted, &mut looked.state).await?,
        }
    }
}

async fn answer(session: &Session, wanted: Vec<Wanted>, state: &mut StoreState) -> Result<(), StoreError> {
    for wanted in wanted {
        match wanted {
            Wanted::Builds(row) => {
                let found = session.store.find_builds(&row).await?.into_iter();
                let found = found.map(|(found, reference, record)| FoundBuild { found, reference, record });
                state.builds.insert(row, found.collect());
            }
            Wanted::SourceVersion(source, version) => {
                // It only helps to say what has changed.
                let found = match session.store.source_version(&source, version).await {
                    Err(StoreError::Corrupt { .. }) => None,
                    found => found?,
                };
                state.old_sources.insert((source, version), found.map(|found| found.record));
            }
        }
    }
    Ok(())
}

/// How a build is carried out.
#[derive(Clone)]
pub struct Manner {
    /// Slices at once.
    pub jobs: usize,
    pub progress: Arc<dyn Progress>,
    pub cancelled: CancellationToken,
}

impl Manner {
    /// Tells nobody, and isn't stopped.
    pub fn quiet(jobs: usize) -> Manner {
        Manner { jobs, progress: Arc::new(build::Quiet), cancelled: CancellationToken::new() }
    }
}

/// How often slices that somebody else published meanwhile, from newer inputs, are looked at again.
pub(super) const ROUNDS: usize = 4;

/// Plans and executes. Errors of slices are in the report. `tell` gets the plan before anything runs.
///
/// A slice that another builder published meanwhile from newer inputs is planned again on what is published now; most often
/// nothing is left to do.
pub async fn build(
    project: &Project,
    session: &Session,
    slices: Option<&BTreeSet<RelationName>>,
    manner: &Manner,
    tell: impl FnOnce(&BuildPlan),
) -> Result<BuildOutcome, StoreError> {
    let planned = plan(project, session, slices).await?;
    tell(&planned.plan);
    if !planned.plan.is_clean() {
        session.store.ready_to_write().await?;
    }
    let late = super::overdue(project, session, &planned).await?;
    let plan_told = planned.plan.clone();
    let mut report = execute(project, session, planned, manner).await;
    for _ in 1..ROUNDS {
        if !report.slices.iter().any(overtaken) || manner.cancelled.is_cancelled() {
            break;
        }
        let planned = plan(project, session, slices).await?;
        let again = execute(project, session, planned, manner).await;
        report = together(report, again);
    }
    for slice in &mut report.slices {
        let stays = matches!(slice.outcome, Outcome::Failed | Outcome::Skipped | Outcome::Held);
        if stays || !slice.stale_inputs.is_empty() {
            slice.diagnostics.extend(late.get(slice.plan.name()).cloned());
        }
    }
    project.memo.save();
    Ok(BuildOutcome { plan: plan_told, report })
}

async fn execute(project: &Project, session: &Session, planned: Planned, manner: &Manner) -> Report {
    let sources = pin_sources(project, &planned.state);
    let read = planned.state.head_builds.values().map(|build| build.id.clone()).collect();
    let pin = session.store.pin(read, "build", &session.stamp.by);
    let report = build::execute(Build {
        model: Arc::clone(&project.model),
        plan: planned.plan,
        meanings: planned.meanings,
        state: planned.state,
        store: session.store.clone(),
        runtime: session.runtime.clone(),
        stamp: session.stamp.clone(),
        jobs: manner.jobs,
        progress: Arc::clone(&manner.progress),
        cancelled: manner.cancelled.clone(),
        sources: Arc::new(sources),
        heads: planned.heads,
        short: planned.short,
        fresh: planned.fresh,
    })
    .await;
    pin.end().await;
    report
}

/// Whether somebody else published the slice from newer inputs while it was built.
fn overtaken(report: &SliceReport) -> bool {
    report.diagnostics.iter().any(|diagnostic| diagnostic.code == Code::CommitConflict)
}

/// What came of a slice in two rounds: what the first did, unless the second did more about it.
fn together(first: Report, again: Report) -> Report {
    let mut before: BTreeMap<RelationName, SliceReport> =
        first.slices.into_iter().map(|report| (report.plan.name().clone(), report)).collect();
    let slices = again.slices.into_iter().map(|report| match before.remove(report.plan.name()) {
        Some(first) if report.outcome == Outcome::Reused && first.outcome < Outcome::Held => first,
        _ => report,
    });
    Report { slices: slices.collect() }
}

fn pin_sources(project: &Project, state: &StoreState) -> BTreeMap<RelationName, Input> {
    let mut inputs = BTreeMap::new();
    for (name, version) in &state.sources {
        let Some(source) = project.model.sources.get(name) else { continue };
        let Ok(files) = source_files(version, &Session::raw_url(source)) else { continue };
        let record = InputRecord {
            name: name.to_string(),
            kind: "source".to_owned(),
            version: version.version,
            content: version.content.clone(),
        };
        let raw = version.files.iter().filter(|file| file.converted.is_none()).cloned().collect();
        inputs.insert(
            name.clone(),
            Input { record, content: InputContent::of_source(version), files, stale: false, behind: false, raw },
        );
    }
    inputs
}
