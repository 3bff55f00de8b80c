//! Plans and builds.

use super::{Project, Session};
use crate::algebra::{self, Meanings};
use crate::build::{self, Build, Input, Progress, Report};
use crate::exec::source_files;
use crate::incremental::{self, FoundBuild, InputContent, StoreState, Wanted};
use crate::manifest::{CommitRecord, InputRecord};
use crate::name::RelationName;
use crate::plan::{self, BuildPlan};
use crate::store::{Numbered, StoreError};
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
    for name in model.sources.keys() {
        if let Some(head) = session.store.source_head(name).await? {
            state.sources.insert(name.clone(), head.record);
        }
    }
    for (name, head) in &heads {
        state.heads.insert(name.clone(), head.record.clone());
        if let Some(build) = &head.record.build
            && let Some(folder) = RelationName::parse(&build.slice)
            && let Some((_, record)) = session.store.build(&folder, &build.id).await?
        {
            state.head_builds.insert(name.clone(), record);
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
    let meanings = Arc::new(algebra::meanings(model));
    loop {
        match incremental::changes(model, &meanings, &state, demanded.as_ref()) {
            Ok(changes) => return Ok(Planned { plan: plan::plan(model, &changes), meanings, state, heads }),
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
        sources,
        heads: planned.heads,
    };
    let report = build::execute(build).await;
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
