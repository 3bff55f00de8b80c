//! One edit: its steps on a copy of its project, what the last of them ran, and what brute force says of that.

use crate::bag::Bag;
use crate::edit::{Edit, Family};
use crate::least;
use crate::project::{self, Base};
use crate::truth::{self, Truth};
use icepie::build::{Outcome, Report, SliceReport};
use icepie::diagnostic::{Diagnostic, human};
use icepie::driver::{self, Project, Session};
use icepie::freeze::Replace;
use icepie::incremental::{Action, Reason, ReasonKind};
use icepie::name::RelationName;
use std::collections::{BTreeMap, BTreeSet};
use tokio_util::sync::CancellationToken;

/// What came of an edit.
#[derive(Debug)]
pub struct Score {
    pub run: BTreeSet<RelationName>,
    pub least: BTreeSet<RelationName>,
    pub textual: BTreeSet<RelationName>,
    /// Slices that weren't run and whose published rows are wrong, with how.
    pub wrongly_kept: Vec<String>,
    /// Other promises that were broken: rows of slices that ran, or a run that the plan didn't announce.
    pub wrong: Vec<String>,
    /// Runs beyond the least.
    pub excess: Vec<Excess>,
}

/// A run that wasn't needed.
#[derive(Debug)]
pub struct Excess {
    pub slice: RelationName,
    pub cause: Cause,
    /// What pie says of it.
    pub why: String,
}

/// What made pie run a slice that needn't run.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Cause {
    /// The query is said to have changed.
    Prover,
    /// An input is said to have changed, or was built again to other digests.
    Digest,
    Other,
}

impl Cause {
    pub fn as_str(self) -> &'static str {
        match self {
            Cause::Prover => "prover",
            Cause::Digest => "digest",
            Cause::Other => "other",
        }
    }
}

/// Makes an edit and scores its last step. An error says what is wrong with the edit.
pub async fn score(edit: &Edit, base: &Base) -> Result<Score, String> {
    let folder = tempfile::tempdir().map_err(|e| e.to_string())?;
    project::copy(base.path(), folder.path())?;
    let mut states: Vec<Truth> = Vec::new();
    let mut last = None;
    for step in &edit.steps {
        for action in step {
            action.apply(folder.path(), base.path())?;
        }
        let project = project::check(folder.path())?;
        states.push(truth::truth(&project).await?);
        last = Some((build(&project).await?, project));
    }
    let (Some((report, project)), Some(now)) = (last, states.pop()) else { return Err("no steps".to_owned()) };
    let built: Vec<&Truth> = std::iter::once(&base.truth).chain(&states).collect();
    let before: &Truth = built.last().copied().unwrap_or(&base.truth);
    expected(edit, before, &now)?;
    let least = least::least(&built, &now, &edit.must);
    let ran = |slice: &&SliceReport| slice.outcome == Outcome::Built;
    let run: BTreeSet<RelationName> = report.slices.iter().filter(ran).map(|slice| slice.plan.name().clone()).collect();
    let (wrongly_kept, wrong) = hold(&project, &report, &now, &run).await?;
    let surplus = report.slices.iter().filter(ran).filter(|slice| !least.contains(slice.plan.name()));
    let excess = surplus.map(excess).collect();
    Ok(Score { textual: least::textual(before, &now), run, least, wrongly_kept, wrong, excess })
}

/// Whether brute force finds what the edit says of itself.
fn expected(edit: &Edit, before: &Truth, now: &Truth) -> Result<(), String> {
    if let Some(unknown) = edit.must.iter().find(|name| !now.is_stored(name)) {
        return Err(format!("`must` names `{unknown}`, which is no stored slice"));
    }
    if edit.family == Family::Cosmetic && !(edit.must.is_empty() && edit.differs.is_empty()) {
        return Err("a cosmetic edit changes nothing".to_owned());
    }
    let differing = least::differing(before, now);
    if differing != edit.differs {
        let (found, said) = (listed(&differing), listed(&edit.differs));
        return Err(format!("brute force finds other rows in: {found}; the edit says: {said}"));
    }
    Ok(())
}

/// Freezes and builds a project; every slice must come out.
pub async fn build(project: &Project) -> Result<Report, String> {
    let session = Session::open(project).await.map_err(|e| rendered(&[*e], project))?;
    let replace = Replace { reason: "edited".to_owned() };
    let cancelled = CancellationToken::new();
    let frozen = driver::freeze(project, &session, None, Some(&replace), &cancelled, |_| {}).await;
    if let Some(report) = frozen.iter().find(|report| report.outcome.is_none()) {
        return Err(format!("`{}` can't be frozen:\n{}", report.name, rendered(&report.diagnostics, project)));
    }
    let jobs = project.workspace.config.jobs;
    let outcome = driver::build(project, &session, None, &driver::Manner::quiet(jobs), |_| {}).await;
    let report = outcome.map_err(|e| rendered(&[e.diagnostic()], project))?.report;
    let bad = |slice: &&SliceReport| matches!(slice.outcome, Outcome::Failed | Outcome::Skipped | Outcome::Held);
    match report.slices.iter().find(bad) {
        Some(slice) => {
            let (name, outcome) = (slice.plan.name(), slice.outcome.as_str());
            Err(format!("`{name}` is {outcome}:\n{}", rendered(&slice.diagnostics, project)))
        }
        None => Ok(report),
    }
}

/// Diagnostics as people read them.
pub fn rendered(diagnostics: &[Diagnostic], project: &Project) -> String {
    human::render(diagnostics, &project.workspace.sources, false)
}

/// Holds what is published against brute force: what is wrong without having run, and what else is wrong.
async fn hold(
    project: &Project,
    report: &Report,
    now: &Truth,
    run: &BTreeSet<RelationName>,
) -> Result<(Vec<String>, Vec<String>), String> {
    let failed = |e: Box<Diagnostic>| rendered(&[*e], project);
    let session = Session::open(project).await.map_err(failed)?;
    let mut published = driver::tables(project, &session, &BTreeMap::new()).await.map_err(failed)?;
    let (mut wrongly_kept, mut wrong) = (Vec::new(), Vec::new());
    for name in now.stored() {
        let answer = driver::show(project, name, &mut published, &session).await.map_err(failed)?;
        let found = Bag::read(&answer.schema, &answer.batches)?;
        let Some(expected) = now.bags.get(name) else { continue };
        let Some(difference) = found.difference(expected) else { continue };
        let told = format!("`{name}` has {difference}");
        if run.contains(name) { wrong.push(told) } else { wrongly_kept.push(told) }
    }
    let unannounced = |slice: &&SliceReport| !matches!(slice.plan.action(), Action::Build | Action::Maybe);
    for slice in report.slices.iter().filter(|slice| run.contains(slice.plan.name())).filter(unannounced) {
        wrong.push(format!("`{}` ran, and the plan said {}", slice.plan.name(), slice.plan.action().as_str()));
    }
    Ok((wrongly_kept, wrong))
}

fn excess(slice: &SliceReport) -> Excess {
    let reasons = &slice.plan.change.reasons;
    let of = |cause: Cause| reasons.iter().find(|reason| cause_of(reason.kind) == cause);
    let (cause, why) = [Cause::Prover, Cause::Digest, Cause::Other]
        .into_iter()
        .find_map(|cause| of(cause).map(|reason: &Reason| (cause, reason.message.clone())))
        .unwrap_or((Cause::Other, "no reason given".to_owned()));
    Excess { slice: slice.plan.name().clone(), cause, why }
}

fn cause_of(kind: ReasonKind) -> Cause {
    match kind.as_str() {
        "new" | "query_changed" | "schema_changed" | "input_added" | "input_removed" => Cause::Prover,
        "input_data_changed" | "input_pending" => Cause::Digest,
        _ => Cause::Other,
    }
}

fn listed(names: &BTreeSet<RelationName>) -> String {
    match names.is_empty() {
        true => "none".to_owned(),
        false => names.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "),
    }
}
