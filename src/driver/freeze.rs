//! Freezing the sources of a project.

use super::{Project, Session};
use crate::diagnostic::Diagnostic;
use crate::freeze::{self, FreezeError, Outcome, Replace};
use crate::name::RelationName;
use crate::store::StoreError;
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
        let once = || async {
            let Session { raw, store, runtime, stamp, .. } = session;
            store.ready_to_write().await.map_err(|error| vec![FreezeError::Store(error)])?;
            freeze::freeze(source, raw, store, runtime, replace, stamp, cancelled).await
        };
        let mut frozen = once().await;
        // Who froze other files a moment ago was in the way only once: theirs are known now.
        for _ in 1..super::build::ROUNDS {
            let overtaken = |error: &FreezeError| matches!(error, FreezeError::Store(StoreError::Conflict { .. }));
            match &frozen {
                Err(errors) if errors.iter().any(overtaken) && !cancelled.is_cancelled() => frozen = once().await,
                _ => break,
            }
        }
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
