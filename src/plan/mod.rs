//! Changes → a build plan: the value that `pie plan` prints and `pie build` runs.
//!
//! ```text
//!   ChangeSet ──▶ BuildPlan ──┬─▶ table: a line a slice        json
//!                             └─▶ Explanation ─▶ tree          json
//! ```
//!
//! An [`Explanation`] goes from a slice's reasons down to the places in the text and the raw files that they come from.

mod excerpt;
mod explanation;
mod json;
mod table;
mod tree;

pub use explanation::{
    Cause, Elsewhere, Explanation, FileChange, FileChangeKind, InputPlan, InputUse, SliceExplanation, explain,
};
pub use json::{columns_json, explanation_to_json, reason_json, to_json};
pub use table::{bytes, to_text};
pub use tree::explanation_to_text;

use crate::incremental::{Action, Change, ChangeSet};
use crate::name::RelationName;
use crate::semantic::SemanticModel;
use std::collections::{BTreeMap, BTreeSet};

/// What a build would do, in the order in which it would.
#[derive(Clone, PartialEq, Default, Debug)]
pub struct BuildPlan {
    pub slices: Vec<SlicePlan>,
}

#[derive(Clone, PartialEq, Debug)]
pub struct SlicePlan {
    pub change: Change,
    /// Columns of the result whose content may change, and those whose content stays.
    pub changed_columns: Vec<String>,
    pub unchanged_columns: Vec<String>,
    /// Bytes of inputs that are read, and bytes that needn't be.
    pub bytes_read: u64,
    pub bytes_avoided: u64,
    /// Slices that it reads, or its checks do: they must be done first.
    pub after: Vec<RelationName>,
}

impl SlicePlan {
    pub fn name(&self) -> &RelationName {
        &self.change.name
    }

    pub fn action(&self) -> Action {
        self.change.action
    }

    /// Whether an input keeps it from being built now, or an error.
    pub fn is_blocked(&self) -> bool {
        self.change.blocked.is_some()
    }
}

/// Makes the plan of a set of changes.
pub fn plan(model: &SemanticModel, changes: &ChangeSet) -> BuildPlan {
    let planned: BTreeSet<&RelationName> = changes.changes.iter().map(|change| &change.name).collect();
    let slice_plan = |change: &Change| {
        let columns = model.columns(&change.name).unwrap_or_default().iter().map(|column| column.name.clone());
        let runs = change.action.may_run();
        let (changed, unchanged) = columns.partition(|name| change.changed_columns.contains(name));
        let (read, avoided) = match (runs, &change.blocked) {
            (true, None) => (change.input_bytes, 0),
            (true, Some(_)) => (0, 0),
            (false, _) => (0, change.input_bytes),
        };
        let reads = model.slices.get(&change.name).into_iter().flat_map(|slice| {
            let checks = slice.checks.iter().flat_map(|check| model.stored_inputs(&check.reads));
            model.stored_inputs(&slice.reads).into_iter().chain(checks)
        });
        let before = reads.filter(|input| *input != change.name && planned.contains(input));
        let after = before.collect::<BTreeSet<_>>().into_iter().collect();
        SlicePlan {
            change: change.clone(),
            changed_columns: changed,
            unchanged_columns: unchanged,
            bytes_read: read,
            bytes_avoided: avoided,
            after,
        }
    };
    BuildPlan { slices: changes.changes.iter().map(slice_plan).collect() }
}

impl BuildPlan {
    /// How many slices each action has.
    pub fn counts(&self) -> BTreeMap<Action, usize> {
        let mut counts = BTreeMap::new();
        for slice in &self.slices {
            *counts.entry(slice.action()).or_default() += 1;
        }
        counts
    }

    /// Whether there is anything to do.
    pub fn is_clean(&self) -> bool {
        self.slices.iter().all(|slice| matches!(slice.action(), Action::Reuse | Action::Held))
    }
}
