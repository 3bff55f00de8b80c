//! What is served, and how fresh it is.

use super::{Planned, Project, Session};
use crate::diagnostic::{Code, Diagnostic};
use crate::incremental::{Action, Reason, StoreState};
use crate::manifest::{CommitRecord, FailureRecord, InputRecord, LeaseRecord};
use crate::name::RelationName;
use crate::plan::SlicePlan;
use crate::store::StoreError;
use chrono::{DateTime, Utc};
use std::collections::BTreeMap;
use std::sync::Arc;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SliceState {
    /// Its rows are what its query gives on what is frozen.
    Fresh,
    Stale,
    /// Never built.
    Missing,
    Held,
}

impl SliceState {
    pub fn as_str(self) -> &'static str {
        match self {
            SliceState::Fresh => "fresh",
            SliceState::Stale => "stale",
            SliceState::Missing => "missing",
            SliceState::Held => "held",
        }
    }
}

#[derive(Clone, Debug)]
pub struct SliceStatus {
    pub name: RelationName,
    pub owner: Option<String>,
    pub public: bool,
    pub state: SliceState,
    pub head: Option<Arc<CommitRecord>>,
    /// Seconds since its last publish.
    pub age_seconds: Option<i64>,
    pub stale_after_seconds: Option<u64>,
    /// When the first version was frozen that it should have been built from and wasn't.
    pub stale_since: Option<String>,
    /// What the last try to build it failed with, where nothing was published since.
    pub failed: Option<FailureRecord>,
    /// Who builds it now, as far as they have said so.
    pub building: Option<LeaseRecord>,
    pub reasons: Vec<Reason>,
    /// Seconds since what it read at the last good version was published, by name.
    pub input_ages: BTreeMap<String, i64>,
}

impl SliceStatus {
    /// Stale, or held at something stale, for longer than it may be.
    pub fn overdue(&self, now: DateTime<Utc>) -> bool {
        let since = self.stale_since.as_deref().and_then(|since| DateTime::parse_from_rfc3339(since).ok());
        let seconds = since.map(|since| (now - since.with_timezone(&Utc)).num_seconds());
        match (seconds, self.stale_after_seconds) {
            (Some(seconds), Some(limit)) => seconds > i64::try_from(limit).unwrap_or(i64::MAX),
            _ => false,
        }
    }
}

/// Since when slices don't serve what their queries give on what is frozen: since the first version was frozen that they should
/// have been built from and weren't. Of changed text it isn't known when it was changed.
///
/// # Errors
/// Those of the store.
pub async fn stale_since(
    session: &Session,
    planned: &Planned,
) -> Result<BTreeMap<RelationName, DateTime<Utc>>, StoreError> {
    let mut since: BTreeMap<RelationName, DateTime<Utc>> = BTreeMap::new();
    for slice in &planned.plan.slices {
        let change = &slice.change;
        let Some(head) = planned.state.heads.get(slice.name()).filter(|_| !is_fresh(slice, &planned.state)) else {
            continue;
        };
        let mut first: Option<DateTime<Utc>> = None;
        for input in &head.inputs {
            let Some(name) = RelationName::parse(&input.name) else { continue };
            let frozen = planned.state.sources.get(&name).filter(|_| input.kind == "source");
            let time = match frozen {
                None => since.get(&name).copied(),
                Some(source) => {
                    let concerns = change.reasons.iter().any(|reason| reason.of.as_ref() == Some(&name));
                    if !concerns || source.version <= input.version {
                        continue;
                    }
                    let next = match input.version + 1 == source.version {
                        true => Some(Arc::clone(source)),
                        // When that was is all that is asked: a damaged record keeps nobody from building.
                        false => match session.store.source_version(&name, input.version + 1).await {
                            Err(StoreError::Corrupt { .. }) => None,
                            next => next?.map(|next| next.record),
                        },
                    };
                    next.and_then(|next| time(&next.created_at))
                }
            };
            first = first.into_iter().chain(time).min();
        }
        since.extend(first.map(|first| (slice.name().clone(), first)));
    }
    Ok(since)
}

/// Warnings about planned slices that have been stale for longer than they may be.
///
/// # Errors
/// Those of the store.
pub async fn overdue(
    project: &Project,
    session: &Session,
    planned: &Planned,
) -> Result<BTreeMap<RelationName, Diagnostic>, StoreError> {
    let limited = |slice: &SlicePlan| {
        let declared = project.model.slices.get(slice.name());
        declared.is_some_and(|slice| slice.stale_after_seconds.is_some()) && !is_fresh(slice, &planned.state)
    };
    if !planned.plan.slices.iter().any(limited) {
        return Ok(BTreeMap::new());
    }
    let (since, now) = (stale_since(session, planned).await?, session.stamp.now);
    let warning = |(name, since): (&RelationName, &DateTime<Utc>)| {
        let slice = project.model.slices.get(name)?;
        let limit = i64::try_from(slice.stale_after_seconds?).unwrap_or(i64::MAX);
        let seconds = (now - since).num_seconds();
        let message =
            || format!("`{name}` has been stale for {}, and may be for {}", duration(seconds), duration(limit));
        let warning = || Diagnostic::warning(Code::Overdue, message()).at(slice.name_span, "stale for too long");
        let help = || format!("`pie build {name}` brings it up to date; `pie status {name}` says what it waits for");
        (seconds > limit).then(|| (name.clone(), warning().with_help(help())))
    };
    Ok(since.iter().filter_map(warning).collect())
}

/// What a project's store in a folder serves of a slice, in words: version, rows, age, and whether it is held or behind. Looks at one
/// record; `None` where nothing is served, the store can't be read, or is elsewhere than on this machine.
pub async fn served(project: &Project, slice: &RelationName) -> Option<String> {
    let crate::store::Location::Folder { path, .. } = &project.workspace.config.store else { return None };
    if !path.is_dir() {
        return None;
    }
    let session = Session::open(project).await.ok()?;
    let head = session.store.slice_head(slice).await.ok()??;
    let record = &head.record;
    record.build.as_ref()?;
    let published = record.published_at.as_ref().unwrap_or(&record.created_at);
    let age = (session.stamp.now - time(published)?).num_seconds().max(0);
    let plural = if record.rows == 1 { "" } else { "s" };
    let mut text =
        format!("serves version {}, {} row{plural}, published {} ago", head.number, record.rows, duration(age));
    if super::is_held(record, session.stamp.now) {
        let reason = record.reason.as_deref().unwrap_or("no reason given");
        text.push_str(&format!("; held: {reason}"));
    }
    if !record.stale_inputs.is_empty() {
        let names: Vec<String> = record.stale_inputs.iter().map(|input| format!("`{}`", input.name)).collect();
        text.push_str(&format!("; built on older versions of {}", names.join(", ")));
    }
    Some(text)
}

/// A number of seconds in its largest unit.
pub fn duration(seconds: i64) -> String {
    let units = [(86_400, "day"), (3_600, "hour"), (60, "minute")];
    let unit = units.into_iter().find(|(size, _)| seconds >= *size);
    let (number, name) = unit.map_or((seconds, "second"), |(size, name)| (seconds / size, name));
    format!("{number} {name}{}", if number == 1 { "" } else { "s" })
}

fn time(text: &str) -> Option<DateTime<Utc>> {
    DateTime::parse_from_rfc3339(text).ok().map(|time| time.with_timezone(&Utc))
}

fn is_fresh(slice: &SlicePlan, state: &StoreState) -> bool {
    let served = state.heads.get(slice.name());
    slice.action() == Action::Reuse && !slice.change.behind && served.is_none_or(|head| head.stale_inputs.is_empty())
}

/// The status of each planned slice, in the order of names.
///
/// # Errors
/// Those of the store.
pub async fn status(project: &Project, session: &Session, planned: &Planned) -> Result<Vec<SliceStatus>, StoreError> {
    let now = session.stamp.now;
    let since = stale_since(session, planned).await?;
    let failures = session.store.failures().await?;
    // To know who still builds takes the store's time, which is read by writing: who may only read isn't told.
    let leases = session.store.leases().await.unwrap_or_default();
    let age = |input: &InputRecord| {
        let head = planned.state.heads.get(&RelationName::parse(&input.name)?)?;
        let published = DateTime::parse_from_rfc3339(head.published_at()).ok()?;
        Some((input.name.clone(), (now - published.with_timezone(&Utc)).num_seconds().max(0)))
    };
    let mut statuses: Vec<SliceStatus> = planned
        .plan
        .slices
        .iter()
        .filter(|slice| slice.action() != Action::Drop)
        .filter_map(|slice| {
            let name = slice.name();
            let declared = project.model.slices.get(name)?;
            let head = planned.state.heads.get(name).filter(|head| head.build.is_some()).cloned();
            let state = match (&head, slice.action()) {
                (None, _) => SliceState::Missing,
                (_, Action::Held) => SliceState::Held,
                (Some(_), _) if is_fresh(slice, &planned.state) => SliceState::Fresh,
                _ => SliceState::Stale,
            };
            let is_late = matches!(state, SliceState::Stale | SliceState::Held);
            // What failed before the slice was published again is over.
            let failed = failures.get(name).filter(|failed| {
                let before = |head: &Arc<CommitRecord>| time(head.published_at()) > time(&failed.created_at);
                state != SliceState::Fresh && !head.as_ref().is_some_and(before)
            });
            let building = leases
                .iter()
                .find(|lease| lease.slice == name.to_string() && lease.environment == session.store.environment());
            let published = head.as_ref().and_then(|head| DateTime::parse_from_rfc3339(head.published_at()).ok());
            Some(SliceStatus {
                name: name.clone(),
                owner: project.model.domains.get(name.domain()).and_then(|domain| domain.owner.clone()),
                public: declared.public,
                state,
                age_seconds: published.map(|time| (now - time.with_timezone(&Utc)).num_seconds().max(0)),
                stale_after_seconds: declared.stale_after_seconds,
                stale_since: since.get(name).filter(|_| is_late).map(|since| super::hold::rfc3339(*since)),
                failed: failed.cloned(),
                building: building.cloned(),
                reasons: slice.change.reasons.clone(),
                input_ages: head.iter().flat_map(|head| &head.stale_inputs).filter_map(age).collect(),
                head,
            })
        })
        .collect();
    statuses.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(statuses)
}
