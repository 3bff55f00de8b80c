//! Why a slice needs something: typed, printed as a sentence, serialised as JSON.

use super::{Blocked, StoreState, Wanted};
use crate::manifest::{KeyPreimage, SourceVersion};
use crate::name::RelationName;
use std::collections::{BTreeMap, BTreeSet};

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum ReasonKind {
    New,
    QueryChanged,
    SchemaChanged,
    LayoutChanged,
    EngineChanged,
    InputAdded,
    InputRemoved,
    InputData,
    /// An input is still to be built.
    InputPending,
    PromisesChanged,
    BuiltBefore,
    Dropped,
    Held,
    /// An input can't be read.
    InputMissing,
    Invalid,
}

impl ReasonKind {
    pub fn as_str(self) -> &'static str {
        match self {
            ReasonKind::New => "new",
            ReasonKind::QueryChanged => "query_changed",
            ReasonKind::SchemaChanged => "schema_changed",
            ReasonKind::LayoutChanged => "layout_changed",
            ReasonKind::EngineChanged => "engine_changed",
            ReasonKind::InputAdded => "input_added",
            ReasonKind::InputRemoved => "input_removed",
            ReasonKind::InputData => "input_data_changed",
            ReasonKind::InputPending => "input_pending",
            ReasonKind::PromisesChanged => "promises_changed",
            ReasonKind::BuiltBefore => "built_before",
            ReasonKind::Dropped => "dropped",
            ReasonKind::Held => "held",
            ReasonKind::InputMissing => "input_missing",
            ReasonKind::Invalid => "invalid",
        }
    }
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Reason {
    pub kind: ReasonKind,
    pub of: Option<RelationName>,
    pub columns: Vec<String>,
    pub partitions: Vec<Vec<String>>,
    pub message: String,
}

impl Reason {
    pub fn new(kind: ReasonKind, of: Option<RelationName>, message: String) -> Reason {
        Reason { kind, of, columns: Vec::new(), partitions: Vec::new(), message }
    }
}

pub fn of_blocked(blocked: &Blocked) -> Reason {
    match blocked {
        Blocked::NotFrozen(source) => Reason::new(
            ReasonKind::InputMissing,
            Some(source.clone()),
            format!("the source `{source}` was never frozen"),
        ),
        Blocked::DeclarationChanged(source) => {
            let message = format!("the declaration of the source `{source}` changed since it was frozen");
            Reason::new(ReasonKind::InputMissing, Some(source.clone()), message)
        }
        Blocked::Invalid => {
            Reason::new(ReasonKind::Invalid, None, "it has errors, or reads something that has".to_owned())
        }
    }
}

pub fn of_pending(input: &RelationName) -> Reason {
    let message = format!("its input `{input}` is built first; if its rows stay the same, this one stays too");
    Reason::new(ReasonKind::InputPending, Some(input.clone()), message)
}

/// What differs in the slice itself.
pub fn own_changes(old: &KeyPreimage, new: &KeyPreimage) -> Vec<Reason> {
    let differs = [
        (old.engine != new.engine, ReasonKind::EngineChanged, "this version of pie may give other rows"),
        (old.query != new.query, ReasonKind::QueryChanged, "its query changed"),
        // A changed query explains a changed schema.
        (
            old.schema != new.schema && old.query == new.query,
            ReasonKind::SchemaChanged,
            "the columns or types of its result changed",
        ),
        (old.layout != new.layout, ReasonKind::LayoutChanged, "its `sort by` changed"),
    ];
    let told = differs.into_iter().filter(|(differs, _, _)| *differs);
    told.map(|(_, kind, message)| Reason::new(kind, None, message.to_owned())).collect()
}

/// What differs in its inputs, for those whose rows are known. For sources the changed columns and partitions are named,
/// from the version that the last build read.
pub fn input_changes(
    slice: &RelationName,
    old: &KeyPreimage,
    new: &KeyPreimage,
    pending: &[RelationName],
    state: &StoreState,
    wanted: &mut BTreeSet<Wanted>,
) -> Vec<Reason> {
    let mut reasons = Vec::new();
    for (input, content) in &new.inputs {
        let Some(name) = RelationName::parse(input) else { continue };
        match old.inputs.get(input) {
            Some(before) if before == content => {}
            Some(_) => reasons.push(data_changed(slice, &name, state, wanted)),
            None => reasons.push(Reason::new(ReasonKind::InputAdded, Some(name), format!("it reads `{input}` now"))),
        }
    }
    for input in old.inputs.keys().filter(|input| !new.inputs.contains_key(*input)) {
        let Some(name) = RelationName::parse(input).filter(|name| !pending.contains(name)) else { continue };
        reasons.push(Reason::new(ReasonKind::InputRemoved, Some(name), format!("it no longer reads `{input}`")));
    }
    reasons
}

fn data_changed(
    slice: &RelationName,
    input: &RelationName,
    state: &StoreState,
    wanted: &mut BTreeSet<Wanted>,
) -> Reason {
    let mut reason =
        Reason::new(ReasonKind::InputData, Some(input.clone()), format!("the rows of its input `{input}` changed"));
    let build = state.head_builds.get(slice);
    let read = build.and_then(|build| {
        build.inputs.iter().find(|record| record.name == input.to_string() && record.kind == "source")
    });
    let (Some(read), Some(new)) = (read, state.sources.get(input)) else { return reason };
    match state.old_sources.get(&(input.clone(), read.version)) {
        None => {
            wanted.insert(Wanted::SourceVersion(input.clone(), read.version));
        }
        Some(None) => {}
        Some(Some(old)) => {
            let (columns, partitions) = difference(old, new);
            let what = |names: &[String]| names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
            let place = match partitions.as_slice() {
                [] => String::new(),
                [one] if one.is_empty() => String::new(),
                few if few.len() <= 3 => {
                    format!(" in {}", few.iter().map(|values| values.join("/")).collect::<Vec<_>>().join(", "))
                }
                many => format!(" in {} partitions", many.len()),
            };
            let all = columns.len() == new.columns.len();
            let columns_text = if all || columns.is_empty() { "rows".to_owned() } else { what(&columns) };
            reason.message = format!("its input `{input}` changed: {columns_text}{place}");
            reason.columns = columns;
            reason.partitions = partitions;
        }
    }
    reason
}

/// The columns and partitions that differ between two versions of a source.
fn difference(old: &SourceVersion, new: &SourceVersion) -> (Vec<String>, Vec<Vec<String>>) {
    let index = |version: &SourceVersion| -> BTreeMap<Vec<String>, crate::manifest::Content> {
        let text = |value: &Option<String>| value.clone().unwrap_or_else(|| "null".to_owned());
        let partitions = version.partitions.iter();
        partitions.map(|partition| (partition.values.iter().map(text).collect(), partition.content.clone())).collect()
    };
    let (old_parts, new_parts) = (index(old), index(new));
    let mut columns = BTreeSet::new();
    let mut partitions = Vec::new();
    for values in old_parts.keys().chain(new_parts.keys()).collect::<BTreeSet<_>>() {
        let (before, after) = (old_parts.get(values), new_parts.get(values));
        if before == after {
            continue;
        }
        partitions.push(values.clone());
        for column in &new.columns {
            let digest = |content: Option<&crate::manifest::Content>| {
                content.map(|content| (content.rows, content.columns.get(&column.name).cloned()))
            };
            if digest(before) != digest(after) {
                columns.insert(column.name.clone());
            }
        }
    }
    // In the order of the declaration.
    let columns = new.columns.iter().map(|column| column.name.clone()).filter(|name| columns.contains(name)).collect();
    (columns, partitions)
}
