//! Plans and builds.

use super::{Project, Session};
use crate::algebra::Meanings;
use crate::build::{self, Build, Input, Progress, Report};
use crate::exec::source_files;
use crate::incremental::{self, FoundBuild, InputContent, Settled, StoreState, Wanted};
use crate::manifest::{BuildReference, CommitRecord, InputRecord};
use crate::name::RelationName;
use crate::plan::{self, BuildPlan};
use crate::store::{Numbered, StoreError, ask_all};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// A plan and what it was made from.
#[derive(Clone, Debug)]
pub struct Planned {
    pub plan: BuildPlan,
    pub meanings: Arc<Meanings>,
    pub state: StoreState,
    pub heads: BTreeMap<RelationName, Numbered<CommitRecord>>,
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
    let model = &project.model;
    let demanded = slices.map(|slices| {
        let mut demanded = slices.clone();
        demanded.extend(slices.iter().flat_map(|slice| model.graph.ancestors(slice)));
        demanded
    });
    let heads = session.store.slice_heads().await?;
    let mut state = StoreState::default();
    let read = |name: RelationName| {
        let store = session.store.clone();
        async move { Ok((name.clone(), store.source_head(&name).await?)) }
    };
    let found = ask_all(model.sources.keys().cloned().collect(), read).await?;
    state.sources = found.into_iter().filter_map(|(name, head)| Some((name, head?.record))).collect();
    state.heads = heads.iter().map(|(name, head)| (name.clone(), head.record.clone())).collect();
    let builds = heads.iter().filter_map(|(name, head)| Some((name.clone(), head.record.build.clone()?)));
    let read = |(name, reference): (RelationName, BuildReference)| {
        let store = session.store.clone();
        async move { Ok(store.build_of(&reference).await?.map(|record| (name, record))) }
    };
    let found = ask_all(builds.collect(), read).await?;
    state.head_builds = found.into_iter().flatten().collect();
    // A build may have been made for other names, or by another slice: what counts is what it was published for.
    for (name, record) in &mut state.head_builds {
        let Some(head) = state.heads.get(name) else { continue };
        if record.inputs != head.inputs {
            Arc::make_mut(record).inputs.clone_from(&head.inputs);
        }
        if let Some(preimage) = head.preimage.as_ref().filter(|preimage| **preimage != record.preimage) {
            Arc::make_mut(record).preimage = preimage.clone();
        }
    }
    // A head whose build is gone can't be served or compared: it is built again.
    for name in heads.keys() {
        let lost =
            state.heads.get(name).is_some_and(|head| head.build.is_some()) && !state.head_builds.contains_key(name);
        if lost {
            state.heads.remove(name);
        }
    }
    // Each round answers what the one before asked for; there are at most as many as slices are deep.
    let meanings = Arc::new(Meanings::new(Arc::clone(model), project.memo.clone()));
    let stored = model.slices.values().filter(|slice| !slice.is_virtual).map(|slice| &slice.name);
    let asked = stored.filter(|name| demanded.as_ref().is_none_or(|demanded| demanded.contains(*name)));
    meanings.find_all(asked.collect());
    let mut settled = Settled::default();
    loop {
        match incremental::changes(model, &meanings, &state, demanded.as_ref(), &mut settled) {
            Ok(changes) => {
                project.memo.save();
                return Ok(Planned { plan: plan::plan(model, &changes), meanings, state, heads });
            }
            Err(wanted) => answer(session, wanted, &mut state).await?,
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
                let found = session.store.source_version(&source, version).await?;
                state.old_sources.insert((source, version), found.map(|found| found.record));
            }
        }
    }
    Ok(())
}

/// Plans and executes. Errors of slices are in the report.
pub async fn build(
    project: &Project,
    session: &Session,
    slices: Option<&BTreeSet<RelationName>>,
    jobs: usize,
    progress: Arc<dyn Progress>,
    cancelled: CancellationToken,
    planned_hook: impl FnOnce(&BuildPlan),
) -> Result<BuildOutcome, StoreError> {
    let planned = plan(project, session, slices).await?;
    planned_hook(&planned.plan);
    let sources = pin_sources(project, &planned.state);
    let build = Build {
        model: Arc::clone(&project.model),
        plan: planned.plan.clone(),
        meanings: planned.meanings,
        state: planned.state,
        store: session.store.clone(),
        runtime: session.runtime.clone(),
        stamp: session.stamp.clone(),
        jobs,
        progress,
        cancelled,
        sources: Arc::new(sources),
        heads: planned.heads,
    };
    let report = build::execute(build).await;
    project.memo.save();
    Ok(BuildOutcome { plan: planned.plan, report })
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
