//! Freezing the sources of a project.

use super::{Project, Session};
use crate::diagnostic::Diagnostic;
use crate::freeze::{self, Outcome, Replace};
use crate::name::RelationName;
use std::collections::BTreeSet;
use tokio_util::sync::CancellationToken;

/// What came of one source.
#[derive(Clone, Debug)]
pub struct SourceReport {
    pub name: RelationName,
    pub outcome: Option<Outcome>,
    pub diagnostics: Vec<Diagnostic>,
}

impl SourceReport {
    /// `frozen`, `unchanged` or `failed`.
    pub fn word(&self) -> &'static str {
        match &self.outcome {
            Some(Outcome::Frozen { .. }) => "frozen",
            Some(Outcome::Unchanged(_)) => "unchanged",
            None => "failed",
        }
    }
}

/// Freezes the given sources, or all, in the order of their names; `each` is told as they are done. Sources whose declaration is in error are left
/// out: that was reported.
pub async fn freeze(
    project: &Project,
    session: &Session,
    sources: Option<&BTreeSet<RelationName>>,
    replace: Option<&Replace>,
    cancelled: &CancellationToken,
    mut each: impl FnMut(&SourceReport),
) -> Vec<SourceReport> {
    let mut reports = Vec::new();
    for (name, source) in &project.model.sources {
        if !source.valid || sources.is_some_and(|sources| !sources.contains(name)) {
            continue;
        }
        let frozen =
            freeze::freeze(source, &session.raw, &session.store, &session.runtime, replace, &session.stamp, cancelled)
                .await;
        let report = match frozen {
            Ok(outcome) => SourceReport { name: name.clone(), outcome: Some(outcome), diagnostics: Vec::new() },
            Err(errors) => {
                let diagnostics = errors.iter().map(|error| error.diagnostic(source)).collect();
                SourceReport { name: name.clone(), outcome: None, diagnostics }
            }
        };
        each(&report);
        reports.push(report);
    }
    reports
}
