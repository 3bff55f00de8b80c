//! Why a slice needs something: typed, printed as a sentence, serialised as JSON.

use super::{Blocked, StoreState, Wanted};
use crate::algebra::Meaning;
use crate::manifest::{BuildRecord, CommitRecord, Digests, LabelRecord, SourceVersion};
use crate::name::RelationName;
use crate::semantic::Slice;
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
    /// Columns are called otherwise, stand in another order, or are fewer.
    ColumnsRelabelled,
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
            ReasonKind::ColumnsRelabelled => "columns_relabelled",
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

/// What differs in the meaning of a slice's query from what its head was built from, as reasons that make it run, and the
/// columns that may change.
pub fn of_query(
    slice: &Slice,
    meaning: Option<&Meaning>,
    build: &BuildRecord,
    head: &CommitRecord,
) -> (Vec<Reason>, BTreeSet<String>) {
    let all = || slice.columns.iter().map(|column| column.name.clone()).collect::<BTreeSet<_>>();
    let Some(meaning) = meaning else { return (Vec::new(), all()) };
    if meaning.row != build.preimage.row {
        let message = match &meaning.opaque {
            Some(cause) => format!("the text of its query changed (it has {cause}, so any change counts)"),
            None => "its query gives other rows".to_owned(),
        };
        let reason =
            Reason { columns: all().into_iter().collect(), ..Reason::new(ReasonKind::QueryChanged, None, message) };
        return (vec![reason], all());
    }
    let before: BTreeMap<&str, &str> =
        build.preimage.columns.iter().map(|column| (column.name.as_str(), column.fingerprint.as_str())).collect();
    let known: BTreeSet<&str> = before.values().copied().collect();
    let (mut added, mut changed) = (Vec::new(), Vec::new());
    for (column, meaning) in slice.columns.iter().zip(&meaning.columns) {
        if known.contains(meaning.fingerprint.as_str()) {
            continue;
        }
        let published = head.columns.iter().any(|label| label.name == column.name);
        if published { changed.push(column.name.clone()) } else { added.push(column.name.clone()) }
    }
    let mut reasons = Vec::new();
    if !changed.is_empty() {
        let message = format!("its query gives other values in {}", listed(&changed));
        reasons.push(Reason { columns: changed.clone(), ..Reason::new(ReasonKind::QueryChanged, None, message) });
    }
    if !added.is_empty() {
        let plural = if added.len() == 1 { "column" } else { "columns" };
        let message = format!("it has the new {plural} {}", listed(&added));
        reasons.push(Reason { columns: added.clone(), ..Reason::new(ReasonKind::SchemaChanged, None, message) });
    }
    (reasons, changed.into_iter().chain(added).collect())
}

/// What a new record over the same build changes.
pub fn of_labels(before: &[LabelRecord], after: &[LabelRecord]) -> Vec<Reason> {
    let mut told = Vec::new();
    for label in after {
        let same_name = before.iter().find(|other| other.name == label.name);
        let from = before.iter().find(|other| other.stored == label.stored);
        match (same_name, from) {
            (Some(same), _) if same.stored == label.stored => {}
            (_, Some(from)) => told.push(format!("`{}` is called `{}` now", from.name, label.name)),
            (_, None) => told.push(format!("`{}` is published again", label.name)),
        }
    }
    for label in before.iter().filter(|label| !after.iter().any(|other| other.stored == label.stored)) {
        told.push(format!("`{}` is left out", label.name));
    }
    let order = |labels: &[LabelRecord]| labels.iter().map(|label| label.stored.clone()).collect::<Vec<_>>();
    if told.is_empty() && order(before) != order(after) {
        told.push("its columns stand in another order".to_owned());
    }
    if told.is_empty() {
        return Vec::new();
    }
    let message = format!("{}; nothing runs", told.join(", "));
    let columns = after.iter().map(|label| label.name.clone()).collect();
    vec![Reason { columns, ..Reason::new(ReasonKind::ColumnsRelabelled, None, message) }]
}

/// What a build read of an input.
pub fn read_before(build: &BuildRecord, input: &RelationName) -> Option<Digests> {
    let name = input.to_string();
    let parts =
        std::iter::once(&build.preimage.inputs).chain(build.preimage.columns.iter().map(|column| &column.inputs));
    let mut found: Option<Digests> = None;
    for digests in parts.filter_map(|inputs| inputs.get(&name)) {
        let found = found.get_or_insert_with(|| Digests { rows: digests.rows, columns: BTreeMap::new() });
        found.columns.extend(digests.columns.iter().map(|(column, digest)| (column.clone(), digest.clone())));
    }
    found
}

/// The columns of a slice that depend on some columns of an input, or on which rows it has.
pub fn affected(
    slice: &Slice,
    meaning: &Meaning,
    input: &RelationName,
    columns: &BTreeSet<String>,
    rows: bool,
) -> BTreeSet<String> {
    let touches = |reads: &crate::algebra::Reads| {
        reads.get(input).is_some_and(|read| rows || read.iter().any(|column| columns.contains(column)))
    };
    let all = touches(&meaning.row_reads);
    let affected = slice.columns.iter().zip(&meaning.columns).filter(|(_, column)| all || touches(&column.reads));
    affected.map(|(column, _)| column.name.clone()).collect()
}

/// Whether the rows are sorted by other columns than the head's build.
pub fn sort_changed(slice: &Slice, build: &BuildRecord, head: &CommitRecord) -> bool {
    let stored =
        |name: &String| head.columns.iter().find(|label| &label.name == name).map(|label| label.stored.clone());
    slice.sort_by.iter().map(stored).collect::<Option<Vec<_>>>().as_ref() != Some(&build.sort_by)
}

fn listed(names: &[String]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

/// For sources the changed columns and partitions are named, from the version that the last build read.
pub fn data_changed(
    slice: &Slice,
    input: &RelationName,
    used: &BTreeSet<String>,
    state: &StoreState,
    wanted: &mut BTreeSet<Wanted>,
) -> Reason {
    let mut reason =
        Reason::new(ReasonKind::InputData, Some(input.clone()), format!("the rows of its input `{input}` changed"));
    let build = state.head_builds.get(&slice.name);
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
            let (mut columns, partitions) = difference(old, new);
            let everywhere = columns.len() == new.columns.len();
            columns.retain(|column| used.contains(column));
            let place = match partitions.as_slice() {
                [] => String::new(),
                [one] if one.is_empty() => String::new(),
                few if few.len() <= 3 => {
                    format!(" in {}", few.iter().map(|values| values.join("/")).collect::<Vec<_>>().join(", "))
                }
                many => format!(" in {} partitions", many.len()),
            };
            let what = if everywhere || columns.is_empty() { "rows".to_owned() } else { listed(&columns) };
            reason.message = format!("its input `{input}` changed: {what}{place}");
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
