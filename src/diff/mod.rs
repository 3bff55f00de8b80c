//! Two models of a project → what means something else, what is rebuilt because of it, and which promises to other teams are
//! broken. Reads no data and no store.
//!
//! What a slice means is compared over what it reads, and written out down to sources: a query that is only written
//! differently, or whose CTE became a slice, doesn't show. A change is followed to its readers column by column, by the same
//! facts that decide what a build runs: [`Run::Build`] runs for certain, [`Run::Maybe`] only if an input's rows turn out to
//! differ. Linear in the declarations, and in the queries of those that changed and their readers.

mod compare;
mod contract;
mod json;
mod text;

pub use contract::{Broken, BrokenKind, Reader, diagnostics};
pub use json::to_json;
pub use text::to_text;

use crate::algebra::Meanings;
use crate::name::RelationName;
use crate::semantic::SemanticModel;
use crate::text::{SourceMap, Span};
use std::collections::{BTreeMap, BTreeSet};

/// A project as it is at one time.
#[derive(Clone, Copy, Debug)]
pub struct Side<'a> {
    pub model: &'a SemanticModel,
    pub meanings: &'a Meanings,
    pub sources: &'a SourceMap,
}

/// What became of a source or slice.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum What {
    Added,
    Removed,
    /// It means something else, by its own declaration.
    Changed,
    /// Only something that it reads means something else.
    Affected,
    /// It has errors, or had: nobody can tell.
    Unknown,
}

impl What {
    pub fn as_str(self) -> &'static str {
        match self {
            What::Added => "added",
            What::Removed => "removed",
            What::Changed => "changed",
            What::Affected => "affected",
            What::Unknown => "unknown",
        }
    }
}

/// What a build does.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Run {
    /// Nothing, or it publishes the same rows under other names.
    Nothing,
    /// Runs only if the rows of an input turn out to differ.
    Maybe,
    Build,
}

impl Run {
    pub fn as_str(self) -> &'static str {
        match self {
            Run::Nothing => "nothing",
            Run::Maybe => "maybe",
            Run::Build => "build",
        }
    }
}

/// One source or slice that isn't what it was.
#[derive(Clone, PartialEq, Debug)]
pub struct Change {
    pub name: RelationName,
    pub is_source: bool,
    pub what: What,
    pub run: Run,
    pub owner: Option<String>,
    /// Other rows may be there: then every column may have changed.
    pub rows: bool,
    /// Columns that may have other values, in the order of the declaration.
    pub columns: Vec<String>,
    pub added: Vec<String>,
    pub removed: Vec<String>,
    /// What changed, a sentence each.
    pub told: Vec<String>,
    /// Where, in the text of the new side.
    pub places: Vec<Span>,
}

/// What lies between two sides.
#[derive(Clone, PartialEq, Default, Debug)]
pub struct Difference {
    /// What comes first in the data flow comes first; what was removed comes last.
    pub changes: Vec<Change>,
    /// By relation and column.
    pub broken: Vec<Broken>,
}

/// What may differ in a relation's content.
#[derive(Clone, Default, Debug)]
struct Content {
    rows: bool,
    columns: BTreeSet<String>,
}

impl Content {
    fn is_same(&self) -> bool {
        !self.rows && self.columns.is_empty()
    }
}

/// Compares two sides.
pub fn diff(base: Side<'_>, head: Side<'_>) -> Difference {
    let (changes, contents) = compare::changes(base, head);
    let broken = contract::broken(base, head, &changes, &contents);
    Difference { changes, broken }
}

fn owner(model: &SemanticModel, name: &RelationName) -> Option<String> {
    model.domains.get(name.domain())?.owner.clone()
}

type Contents = BTreeMap<RelationName, Content>;
