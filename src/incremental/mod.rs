//! Model + meanings + store state → what each slice needs and why. A pure function: what it must know of the store and
//! doesn't is asked for, and it is called again.
//!
//! A build is found by its **keys**: one of its rows, made of the fingerprint of the query's row space and the content of
//! the columns that decide which rows there are; and one of each column over it, made of the column's fingerprint and the
//! content of what it reads besides. A slice whose head has the right keys is fresh; keys that were built before, by
//! whatever slice, need only a new record; anything else runs. Columns may have other names, another order, or be more
//! than are wanted.
//!
//! Each slice has several sets of keys, and a build that has any of them is right:
//!
//! - over **inputs**: its query over the content of what it reads. They are known once that is built, and stop the wave
//!   where an input was rebuilt to the same rows. Of an input that will be built, the columns whose keys are those of the
//!   published build will hold what they hold: who reads no others needn't wait.
//! - over **sources**: its query written out down to frozen data. They stay the same when a slice in between is renamed,
//!   split, or written into its readers. Only looked for where a slice is new or reads other relations than before.
//! - over **inputs**, **in order**: with sources as if they had no keys, for one that got or lost its key. Only looked for
//!   where the others find nothing, as is the next.
//! - over **inputs**, **rewritten**: the same after some of the engine's own rewrites.
//!
//! | enters the keys | doesn't |
//! |---|---|
//! | what the query means (`algebra`) | blanks, comments, names, aliases, files, order of declarations |
//! | content and types of the columns that are read | other columns, versions, paths and times of inputs |
//! | types of the result | names, order, `key`, `check`, not-null: relabelled or verified, not built |
//! | engine version | number of jobs, memory, batch size |
//!
//! `sort by` isn't in the keys of rows, which have no order, but a build is only served in the order that is declared.

mod key;
mod look;
mod reason;

pub use key::{
    InputContent, fit, key_records, keys_of_labels, matches_declaration, preimage, promises, show_the_same, shows,
};
pub use look::{Asked, Settled, changes};
pub use reason::{Reason, ReasonKind, affected, column_places, few, key_place, listed, query_places};

use crate::manifest::{BuildRecord, BuildReference, CommitRecord, KeyRecord, LabelRecord, SourceVersion};
use crate::name::RelationName;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What must be done for a slice.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Action {
    /// Must run.
    Build,
    /// Runs only if an input that is still to be built turns out to differ.
    Maybe,
    /// A new record over data that is there.
    Relabel,
    Reuse,
    /// No longer declared.
    Drop,
    /// Serves its last good version until released.
    Held,
}

impl Action {
    pub fn as_str(self) -> &'static str {
        match self {
            Action::Build => "build",
            Action::Maybe => "maybe",
            Action::Relabel => "relabel",
            Action::Reuse => "reuse",
            Action::Drop => "drop",
            Action::Held => "held",
        }
    }

    /// Whether the slice's query may run.
    pub fn may_run(self) -> bool {
        matches!(self, Action::Build | Action::Maybe)
    }
}

/// What is known of the store.
#[derive(Clone, Default, Debug)]
pub struct StoreState {
    pub sources: BTreeMap<RelationName, Arc<SourceVersion>>,
    pub heads: BTreeMap<RelationName, Arc<CommitRecord>>,
    /// Slices whose last record is damaged, so that the one before counts, and sources whose last version is.
    pub damaged: BTreeSet<RelationName>,
    /// Slices that are held now: nothing is published behind their heads.
    pub held: BTreeSet<RelationName>,
    /// Builds of heads, by slice.
    pub head_builds: BTreeMap<RelationName, Arc<BuildRecord>>,
    /// Answers to [`Wanted::Builds`], by the key of their rows.
    pub builds: BTreeMap<String, Vec<FoundBuild>>,
    /// Answers to [`Wanted::SourceVersion`].
    pub old_sources: BTreeMap<(RelationName, u64), Option<Arc<SourceVersion>>>,
}

/// A build that was found by the key of its rows.
#[derive(Clone, PartialEq, Debug)]
pub struct FoundBuild {
    pub found: KeyRecord,
    pub reference: BuildReference,
    pub record: Arc<BuildRecord>,
}

/// Something that must be looked up before the changes are known.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Wanted {
    /// All builds whose rows have this key.
    Builds(String),
    SourceVersion(RelationName, u64),
}

/// What one slice needs.
#[derive(Clone, PartialEq, Debug)]
pub struct Change {
    pub name: RelationName,
    pub action: Action,
    pub reasons: Vec<Reason>,
    /// Bytes of its stored inputs.
    pub input_bytes: u64,
    /// Columns of the result whose content may differ from what is published.
    pub changed_columns: BTreeSet<String>,
    /// The build to publish, where it is known: for `reuse` the published one.
    pub serve: Option<Served>,
    /// A problem of an input that keeps the slice from being built.
    pub blocked: Option<Blocked>,
    /// Something that it reads, however far down, can't be built now or is held: it may not be what it should be.
    pub behind: bool,
}

impl Change {
    /// Of a slice that is fresh.
    fn none(name: &RelationName, input_bytes: u64) -> Change {
        Change {
            name: name.clone(),
            action: Action::Reuse,
            reasons: Vec::new(),
            input_bytes,
            changed_columns: BTreeSet::new(),
            serve: None,
            blocked: None,
            behind: false,
        }
    }
}

/// A build and the columns of it that a slice shows.
#[derive(Clone, PartialEq, Debug)]
pub struct Served {
    /// Found by its keys over sources, or over columns of inputs that stay as they are: right whatever becomes of the slice's
    /// inputs.
    pub over_sources: bool,
    pub reference: BuildReference,
    pub record: Arc<BuildRecord>,
    pub labels: Vec<LabelRecord>,
}

/// Why a slice can't be built now.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Blocked {
    /// A source was never frozen.
    NotFrozen(RelationName),
    /// The record of a source's last version is damaged.
    Damaged(RelationName),
    /// A source's declaration changed since it was frozen.
    DeclarationChanged(RelationName),
    /// The slice itself, or one that it reads, is in error.
    Invalid,
    /// A slice that it reads can't be built now, or is held, and has nothing to read.
    Input(RelationName),
}

/// All changes, in dependency order, then by name; dropped slices last.
#[derive(Clone, PartialEq, Default, Debug)]
pub struct ChangeSet {
    pub changes: Vec<Change>,
}

impl ChangeSet {
    pub fn get(&self, name: &RelationName) -> Option<&Change> {
        self.changes.iter().find(|change| &change.name == name)
    }
}
