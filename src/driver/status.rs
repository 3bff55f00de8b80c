//! What is served, and how fresh it is.

use super::{Planned, Project};
use crate::incremental::{Action, Reason};
use crate::manifest::{CommitRecord, InputRecord};
use crate::name::RelationName;
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
    /// When the newest of its changed sources was frozen.
    pub stale_since: Option<String>,
    pub reasons: Vec<Reason>,
    /// Seconds since what it read at the last good version was published, by name.
    pub input_ages: BTreeMap<String, i64>,
}

impl SliceStatus {
    /// Stale for longer than it may be.
    pub fn overdue(&self, now: DateTime<Utc>) -> bool {
        let since = self.stale_since.as_deref().and_then(|since| DateTime::parse_from_rfc3339(since).ok());
        let seconds = since.map(|since| (now - since.with_timezone(&Utc)).num_seconds());
        match (self.state, seconds, self.stale_after_seconds) {
            (SliceState::Stale, Some(seconds), Some(limit)) => seconds > i64::try_from(limit).unwrap_or(i64::MAX),
            _ => false,
        }
    }
}

/// The status of each planned slice, in the order of names.
pub fn status(project: &Project, planned: &Planned, now: DateTime<Utc>) -> Vec<SliceStatus> {
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
                (Some(head), Action::Reuse) if head.stale_inputs.is_empty() && !slice.change.behind => {
                    SliceState::Fresh
                }
                _ => SliceState::Stale,
            };
            let published = head.as_ref().and_then(|head| DateTime::parse_from_rfc3339(head.published_at()).ok());
            let changed = slice.change.reasons.iter().filter_map(|reason| reason.of.as_ref());
            let stale_since = changed
                .filter_map(|input| planned.state.sources.get(input))
                .map(|version| version.created_at.clone())
                .max();
            Some(SliceStatus {
                name: name.clone(),
                owner: project.model.domains.get(name.domain()).and_then(|domain| domain.owner.clone()),
                public: declared.public,
                state,
                age_seconds: published.map(|time| (now - time.with_timezone(&Utc)).num_seconds().max(0)),
                stale_after_seconds: declared.stale_after_seconds,
                stale_since: stale_since.filter(|_| state == SliceState::Stale),
                reasons: slice.change.reasons.clone(),
                input_ages: head.iter().flat_map(|head| &head.stale_inputs).filter_map(age).collect(),
                head,
            })
        })
        .collect();
    statuses.sort_by(|a, b| a.name.cmp(&b.name));
    statuses
}
