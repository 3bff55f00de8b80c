//! Why a slice needs something: typed, with the places to look at, printed as a sentence, serialised as JSON.
//!
//! The sentence stands behind the slice's name in plans, in the status and in JSON. It says what is known and no more:
//! a column that is computed differently may have the same values all the same.

use super::{Blocked, StoreState, Wanted};
use crate::algebra::Meaning;
use crate::manifest::{
    BuildRecord, CommitKind, CommitRecord, Content, Digests, LabelRecord, PromisedCheck, Promises, SourceVersion,
};
use crate::name::RelationName;
use crate::resolve::{Read, RelationDeclaration};
use crate::semantic::{SemanticModel, Slice};
use crate::sql::types::display_type;
use crate::text::Span;
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
    /// The source or slice that it is about; `None` where that is the slice itself.
    pub of: Option<RelationName>,
    /// Columns of `of`, or of the slice itself; empty where it is all or none.
    pub columns: Vec<String>,
    pub partitions: Vec<Vec<String>>,
    /// Columns of the slice that may have other values because of it.
    pub affects: Vec<String>,
    /// Where to look in the project's text, in its order.
    pub places: Vec<Span>,
    pub message: String,
}

impl Reason {
    pub fn new(kind: ReasonKind, of: Option<RelationName>, message: String) -> Reason {
        let (columns, partitions, affects, places) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        Reason { kind, of, columns, partitions, affects, places, message }
    }

    /// Adds places to look at.
    pub fn at(mut self, places: impl IntoIterator<Item = Span>) -> Reason {
        self.places.extend(places);
        self.places.sort_unstable();
        self.places.dedup();
        self
    }

    /// Sets which columns of the slice may have other values because of it.
    pub fn affecting(mut self, slice: &Slice, columns: &BTreeSet<String>) -> Reason {
        let named = slice.columns.iter().map(|column| &column.name).filter(|name| columns.contains(*name));
        self.affects = named.cloned().collect();
        self
    }
}

pub fn of_blocked(model: &SemanticModel, state: &StoreState, slice: &Slice, blocked: &Blocked) -> Reason {
    let missing =
        |source: &RelationName, message: String| Reason::new(ReasonKind::InputMissing, Some(source.clone()), message);
    match blocked {
        Blocked::NotFrozen(source) => {
            let reads = slice.reads.iter().chain(slice.checks.iter().flat_map(|check| &check.reads));
            missing(source, format!("the source `{source}` was never frozen: run `pie freeze`"))
                .at(read_places(model, reads, source))
        }
        Blocked::Damaged(source) => {
            let declared = model.sources.get(source).map(|source| source.name_span);
            let message = format!("the record of `{source}` is damaged: run `pie fsck`");
            missing(source, message).at(declared)
        }
        Blocked::DeclarationChanged(source) => {
            let declared = model.sources.get(source).map(|source| source.name_span);
            let message = format!("the declaration of `{source}` changed since it was frozen: run `pie freeze`");
            missing(source, message).at(declared)
        }
        Blocked::Invalid => {
            let reads = || slice.reads.iter().chain(slice.checks.iter().flat_map(|check| &check.reads));
            let broken = |name: &RelationName| {
                let slice = model.slices.get(name).is_some_and(|slice| !slice.valid);
                slice || model.sources.get(name).is_some_and(|source| !source.valid)
            };
            let direct = reads().map(|read| read.of.clone());
            let mut inputs = direct.chain(model.stored_inputs(&slice.reads)).filter(|input| *input != slice.name);
            match inputs.find(broken) {
                Some(input) => {
                    let message = format!("it reads `{input}`, which has errors");
                    let places = read_places(model, reads(), &input);
                    Reason::new(ReasonKind::Invalid, Some(input), message).at(places)
                }
                None => Reason::new(ReasonKind::Invalid, None, "it has errors".to_owned()).at([slice.name_span]),
            }
        }
        Blocked::Input(input) => {
            let message = match state.heads.get(input).is_some_and(|head| head.build.is_some()) {
                true => format!("it reads `{input}`, whose published version has other columns than it declares now"),
                false => format!("it reads `{input}`, of which nothing is published"),
            };
            let reads = slice.reads.iter().chain(slice.checks.iter().flat_map(|check| &check.reads));
            missing(input, message).at(read_places(model, reads, input))
        }
    }
}

/// Of an input whose rows aren't known before something runs, or that has none to read.
pub fn of_pending(input: &RelationName, nothing: bool) -> Reason {
    let (kind, message) = match nothing {
        true => (ReasonKind::InputMissing, format!("it reads `{input}`, which has no rows to read")),
        false => (ReasonKind::InputPending, format!("it reads `{input}`, whose rows aren't known yet")),
    };
    Reason::new(kind, Some(input.clone()), message)
}

/// Where some reads lead to an input, by themselves or through virtual slices.
pub fn read_places<'a>(
    model: &SemanticModel,
    reads: impl IntoIterator<Item = &'a Read>,
    input: &RelationName,
) -> Vec<Span> {
    let leads = |read: &&Read| &read.of == input || model.stored_inputs(std::slice::from_ref(*read)).contains(input);
    reads.into_iter().filter(leads).map(|read| read.span).collect()
}

/// The slice's `sort by`, or its name where it has none.
pub fn sort_place(model: &SemanticModel, slice: &Slice) -> Span {
    let clause = match model.declarations.relations.get(&slice.name) {
        Some(RelationDeclaration::Slice(declared)) => declared.syntax.sort_by.as_ref().map(|clause| clause.span),
        Some(RelationDeclaration::Source(_)) | None => None,
    };
    clause.unwrap_or(slice.name_span)
}

/// The query of a slice and those of the virtual slices that it reads, however deep: they are one query.
pub fn query_places(model: &SemanticModel, slice: &Slice) -> Vec<Span> {
    let (mut queue, mut places) = (vec![slice], Vec::new());
    let mut seen: BTreeSet<&RelationName> = BTreeSet::new();
    while let Some(slice) = queue.pop() {
        places.extend(slice.query_span);
        let read = slice.reads.iter().filter_map(|read| model.slices.get(&read.of));
        queue.extend(read.filter(|read| read.is_virtual && seen.insert(&read.name)));
    }
    places
}

/// The expressions of some columns in the outermost `select`, or the whole query where it hides one of them.
pub fn column_places(slice: &Slice, columns: &[String]) -> Vec<Span> {
    let Some(query) = slice.query_span else { return Vec::new() };
    let inside = |span: &Span| span.file == query.file && query.start <= span.start && span.end <= query.end;
    let named = slice.columns.iter().filter(|column| columns.contains(&column.name));
    let places: Option<Vec<Span>> = named.map(|column| column.span.filter(inside)).collect();
    places.filter(|places| !places.is_empty()).unwrap_or_else(|| vec![query])
}

/// What differs in the meaning of a slice's query from what its head was built from, as reasons that make it run, and the
/// columns that may change.
pub fn of_query(
    model: &SemanticModel,
    slice: &Slice,
    meaning: Option<&Meaning>,
    build: &BuildRecord,
    head: &CommitRecord,
) -> (Vec<Reason>, BTreeSet<String>) {
    let all = || slice.columns.iter().map(|column| column.name.clone()).collect::<BTreeSet<_>>();
    let Some(meaning) = meaning else { return (Vec::new(), all()) };
    if meaning.row != build.preimage.row {
        let message = match &meaning.opaque {
            Some(cause) => format!("its query is written differently (it has {cause}, so any change of it counts)"),
            None => "its query picks, joins or groups rows differently".to_owned(),
        };
        let reason = Reason::new(ReasonKind::QueryChanged, None, message);
        let reason = Reason { columns: all().into_iter().collect(), ..reason };
        return (vec![reason.affecting(slice, &all()).at(query_places(model, slice))], all());
    }
    let before: BTreeMap<&str, &str> =
        build.preimage.columns.iter().map(|column| (column.name.as_str(), column.fingerprint.as_str())).collect();
    let known: BTreeSet<&str> = before.values().copied().collect();
    let (mut added, mut changed, mut retyped) = (Vec::new(), Vec::new(), Vec::new());
    let mut types = Vec::new();
    for (column, meaning) in slice.columns.iter().zip(&meaning.columns) {
        if known.contains(meaning.fingerprint.as_str()) {
            continue;
        }
        match head.columns.iter().find(|label| label.name == column.name) {
            Some(label) if label.data_type == column.data_type.to_string() => changed.push(column.name.clone()),
            Some(_) => {
                types.push(format!(
                    "`{}` is of type {} now, and may have other values",
                    column.name,
                    display_type(&column.data_type)
                ));
                retyped.push(column.name.clone());
            }
            None => added.push(column.name.clone()),
        }
    }
    let plural = |names: &[String], one: &'static str, many: &'static str| if names.len() == 1 { one } else { many };
    let computed = format!("{} {} computed differently", listed(&changed), plural(&changed, "is", "are"));
    let new = format!("it has {} {}", plural(&added, "a new column", "new columns"), listed(&added));
    let mut reasons = Vec::new();
    for (kind, columns, message) in [
        (ReasonKind::QueryChanged, &changed, computed),
        (ReasonKind::QueryChanged, &retyped, few(&types)),
        (ReasonKind::SchemaChanged, &added, new),
    ] {
        if !columns.is_empty() {
            let reason = Reason { columns: columns.clone(), ..Reason::new(kind, None, message) };
            let affected = columns.iter().cloned().collect();
            reasons.push(reason.affecting(slice, &affected).at(column_places(slice, columns)));
        }
    }
    (reasons, changed.into_iter().chain(retyped).chain(added).collect())
}

/// What a new record over the same build changes.
pub fn of_labels(slice: &Slice, before: &[LabelRecord], after: &[LabelRecord]) -> Vec<Reason> {
    let (mut told, mut renamed) = (Vec::new(), Vec::new());
    for label in after {
        let same_name = before.iter().find(|other| other.name == label.name);
        let from = before.iter().find(|other| other.stored == label.stored);
        match (same_name, from) {
            (Some(same), _) if same.stored == label.stored => {}
            (_, from) => {
                renamed.push(label.name.clone());
                told.push(match from {
                    Some(from) => format!("`{}` is called `{}` now", from.name, label.name),
                    None => format!("`{}` is published again", label.name),
                });
            }
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
    let message = format!("{}; nothing runs", few(&told));
    let columns = after.iter().map(|label| label.name.clone()).collect();
    let places = if renamed.is_empty() { vec![slice.name_span] } else { column_places(slice, &renamed) };
    vec![Reason { columns, ..Reason::new(ReasonKind::ColumnsRelabelled, None, message) }.at(places)]
}

/// What else rows are verified against than when they were published. Of earlier versions of pie that isn't recorded.
pub fn of_promises(model: &SemanticModel, slice: &Slice, before: Option<&Promises>, now: Option<&Promises>) -> Reason {
    let (mut told, mut places) = (Vec::new(), Vec::new());
    if let (Some(before), Some(now)) = (before, now) {
        if before.key != now.key {
            places.push(key_place(model, slice));
            told.push(match now.key.as_slice() {
                [] => "it has no key now".to_owned(),
                key => format!("its key is {} now", listed(key)),
            });
        }
        let newly = |one: &Promises, other: &Promises| -> Vec<String> {
            one.not_null.iter().filter(|name| !other.not_null.contains(name)).cloned().collect()
        };
        let (more, less) = (newly(now, before), newly(before, now));
        if !more.is_empty() {
            told.push(format!("{} must not be null now", listed(&more)));
        }
        if !less.is_empty() {
            told.push(format!("{} may be null now", listed(&less)));
        }
        for (check, declared) in now.checks.iter().zip(&slice.checks) {
            let known = before.checks.iter().find(|other| other.fingerprint == check.fingerprint);
            let namesake = before.checks.iter().any(|other| other.name == check.name);
            told.push(match known {
                Some(known) if known.inputs == check.inputs => continue,
                Some(_) => format!("what the check `{}` reads changed", check.name),
                None if namesake => format!("the check `{}` changed", check.name),
                None => format!("the check `{}` is new", check.name),
            });
            places.push(declared.span);
        }
        let gone = before.checks.iter().filter(|check| {
            let same = |other: &PromisedCheck| other.name == check.name || other.fingerprint == check.fingerprint;
            !now.checks.iter().any(same)
        });
        told.extend(gone.map(|check| format!("the check `{}` is gone", check.name)));
    }
    let what = match told.is_empty() {
        true => "its key, `not null` or checks changed, or what these read".to_owned(),
        false => few(&told),
    };
    if places.is_empty() {
        places.push(slice.name_span);
    }
    let fewer = before.zip(now).is_some_and(|(before, now)| before.cover(now));
    let message = match fewer {
        true => format!("{what}; nothing runs"),
        false => format!("{what}: its rows are verified again"),
    };
    Reason::new(ReasonKind::PromisesChanged, None, message).at(places)
}

/// The slice's `key`, or its name where it has none.
pub fn key_place(model: &SemanticModel, slice: &Slice) -> Span {
    let clause = match model.declarations.relations.get(&slice.name) {
        Some(RelationDeclaration::Slice(declared)) => declared.syntax.key.as_ref().map(|clause| clause.span),
        Some(RelationDeclaration::Source(_)) | None => None,
    };
    clause.unwrap_or(slice.name_span)
}

/// Whether a query reads other relations than the one that a head was published for, or that one read columns that there
/// aren't any more.
pub fn reads_others(model: &SemanticModel, meaning: &Meaning, head: &CommitRecord) -> bool {
    let Some(before) = &head.preimage else { return true };
    let inputs = std::iter::once(&before.inputs).chain(before.columns.iter().map(|column| &column.inputs));
    let before: BTreeMap<&String, BTreeSet<&String>> =
        inputs.flatten().fold(BTreeMap::new(), |mut all, (name, read)| {
            all.entry(name).or_default().extend(read.columns.keys());
            all
        });
    let now: BTreeMap<String, RelationName> =
        meaning.reads().into_keys().map(|relation| (relation.to_string(), relation)).collect();
    let gone = |(name, columns): (&&String, &BTreeSet<&String>)| match now.get(*name) {
        Some(relation) => {
            let there = model.columns(relation).unwrap_or_default();
            columns.iter().any(|column| !there.iter().any(|other| &other.name == *column))
        }
        None => true,
    };
    before.len() != now.len() || before.iter().any(gone)
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

/// `` `a`, `b` ``
pub fn listed(names: &[String]) -> String {
    few(&names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>())
}

/// More than this and a sentence names the first few.
const MAX_NAMED: usize = 4;

/// A list in a sentence; of many the first few and how many more there are.
pub fn few(texts: &[String]) -> String {
    match texts {
        many if many.len() > MAX_NAMED => {
            format!("{} and {} more", many[..MAX_NAMED - 1].join(", "), many.len() - MAX_NAMED + 1)
        }
        few => few.join(", "),
    }
}

/// How the content of an input differs from what a build read.
pub struct Differing<'a> {
    /// The columns that are read.
    pub used: &'a BTreeSet<String>,
    /// Those of them whose values differ.
    pub columns: &'a BTreeSet<String>,
    /// There are more rows, or fewer.
    pub rows: bool,
}

/// Of sources the changed columns and partitions are named, from the version that the last build read.
pub fn data_changed(
    slice: &Slice,
    input: &RelationName,
    differing: &Differing,
    state: &StoreState,
    wanted: &mut BTreeSet<Wanted>,
) -> Reason {
    let columns: Vec<String> = if differing.rows { Vec::new() } else { differing.columns.iter().cloned().collect() };
    let message = format!("{} of `{input}` changed", rows_or(&columns));
    let reason = Reason { columns, ..Reason::new(ReasonKind::InputData, Some(input.clone()), message) };
    let build = state.head_builds.get(&slice.name);
    let read = build.and_then(|build| {
        build.inputs.iter().find(|record| record.name == input.to_string() && record.kind == "source")
    });
    let (Some(read), Some(new)) = (read, state.sources.get(input)) else { return reason };
    match state.old_sources.get(&(input.clone(), read.version)) {
        None => {
            wanted.insert(Wanted::SourceVersion(input.clone(), read.version));
            reason
        }
        Some(None) => reason,
        Some(Some(old)) => {
            let (columns, partitions, whole_rows) = difference(old, new, differing.used);
            if columns.is_empty() && partitions.is_empty() {
                return reason;
            }
            let place = match partitions.as_slice() {
                [] => String::new(),
                [one] if one.is_empty() => String::new(),
                few if few.len() <= 3 => {
                    format!(" in {}", few.iter().map(|values| values.join("/")).collect::<Vec<_>>().join(", "))
                }
                many => format!(" in {} partitions", many.len()),
            };
            let what = if whole_rows { rows_or(&[]) } else { rows_or(&columns) };
            Reason { message: format!("{what} of `{input}` changed{place}"), columns, partitions, ..reason }
        }
    }
}

fn rows_or(columns: &[String]) -> String {
    if columns.is_empty() { "the rows".to_owned() } else { listed(columns) }
}

/// The used columns and the partitions that differ between two versions of a source, and whether the rows do as a
/// whole: in their number, or in every column.
fn difference(
    old: &SourceVersion,
    new: &SourceVersion,
    used: &BTreeSet<String>,
) -> (Vec<String>, Vec<Vec<String>>, bool) {
    let index = |version: &SourceVersion| -> BTreeMap<Vec<String>, Content> {
        let text = |value: &Option<String>| value.clone().unwrap_or_else(|| "null".to_owned());
        let partitions = version.partitions.iter();
        partitions.map(|partition| (partition.values.iter().map(text).collect(), partition.content.clone())).collect()
    };
    let (old_parts, new_parts) = (index(old), index(new));
    let (mut columns, mut partitions) = (BTreeSet::new(), Vec::new());
    let mut other_number = false;
    for values in old_parts.keys().chain(new_parts.keys()).collect::<BTreeSet<_>>() {
        let (before, after) = (old_parts.get(values), new_parts.get(values));
        let rows = |content: Option<&Content>| content.map(|content| content.rows);
        let digest = |content: Option<&Content>, column: &str| {
            content.map(|content| (content.rows, content.columns.get(column).cloned()))
        };
        let names = new.columns.iter().map(|column| column.name.as_str());
        let differing: Vec<&str> = names.filter(|name| digest(before, name) != digest(after, name)).collect();
        let other_rows = rows(before) != rows(after);
        if other_rows || differing.iter().any(|name| used.contains(*name)) {
            partitions.push(values.clone());
            columns.extend(differing);
            other_number |= other_rows;
        }
    }
    let every = |name: &String| columns.contains(name.as_str()) || new.partition_by.contains(name);
    let whole_rows = other_number || new.columns.iter().all(|column| every(&column.name));
    // In the order of the declaration.
    let names = new.columns.iter().map(|column| &column.name);
    let columns = names.filter(|name| columns.contains(name.as_str()) && used.contains(*name)).cloned().collect();
    (columns, partitions, whole_rows)
}

/// Who holds a slice, how long and why.
pub(super) fn of_hold(head: &CommitRecord) -> String {
    let what = match head.kind {
        CommitKind::Rollback => "rolled back and held",
        _ => "held",
    };
    let until = head.until.as_ref().map_or_else(|| "until it is released".to_owned(), |until| format!("until {until}"));
    let why = head.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
    format!("{what} by {} {until}{why}", head.by)
}
