//! What changed in each source and slice, and what its readers have of it.

use super::{Change, Content, Contents, Run, Side, What, owner};
use crate::algebra::Meaning;
use crate::incremental::{affected, column_places, few, listed, query_places};
use crate::name::RelationName;
use crate::semantic::{Column, Slice, Source};
use crate::sql::types::display_type;
use crate::text::Span;
use std::collections::{BTreeMap, BTreeSet};

/// All changes, and what may differ in the content of each relation of the new side.
pub fn changes(base: Side<'_>, head: Side<'_>) -> (Vec<Change>, Contents) {
    let (mut changes, mut contents) = (Vec::new(), Contents::new());
    for name in head.model.graph.order() {
        let (change, content) = match (head.model.sources.get(name), head.model.slices.get(name)) {
            (Some(source), _) => of_source(base, head, source),
            (None, Some(slice)) => of_slice(base, head, slice, &contents),
            (None, None) => continue,
        };
        changes.extend(change);
        contents.insert(name.clone(), content);
    }
    // Members of a cycle have no place in the order, and no meaning.
    let known = |name: &RelationName| contents.contains_key(name);
    let cyclic: Vec<&RelationName> = head.model.declarations.relations.keys().filter(|name| !known(name)).collect();
    changes.extend(cyclic.into_iter().map(|name| {
        let place = head.model.declarations.relations.get(name).map(|declared| declared.name_span());
        Change { places: place.into_iter().collect(), ..empty(head, name, false, What::Unknown) }
    }));
    let old = base.model.declarations.relations.iter();
    for (name, declared) in old.filter(|(name, _)| !head.model.declarations.relations.contains_key(*name)) {
        let told = vec![format!("the {} isn't declared any more", declared.kind())];
        let removed = base.model.columns(name).unwrap_or_default().iter().map(|column| column.name.clone()).collect();
        let is_source = declared.kind() == "source";
        changes.push(Change { told, removed, ..empty(base, name, is_source, What::Removed) });
    }
    (changes, contents)
}

fn empty(side: Side<'_>, name: &RelationName, is_source: bool, what: What) -> Change {
    Change {
        name: name.clone(),
        is_source,
        what,
        run: Run::Nothing,
        owner: owner(side.model, name),
        rows: false,
        columns: Vec::new(),
        added: Vec::new(),
        removed: Vec::new(),
        told: Vec::new(),
        places: Vec::new(),
    }
}

/// How two lists of columns differ.
struct Columns {
    added: Vec<String>,
    removed: Vec<String>,
    retyped: Vec<String>,
    told: Vec<String>,
}

fn columns(before: &[Column], now: &[Column]) -> Columns {
    let missing = |some: &[Column], others: &[Column]| -> Vec<String> {
        let names = some.iter().map(|column| column.name.clone());
        names.filter(|name| !others.iter().any(|other| other.name == *name)).collect()
    };
    let (added, removed) = (missing(now, before), missing(before, now));
    let (mut retyped, mut told) = (Vec::new(), Vec::new());
    for column in now {
        let Some(old) = before.iter().find(|old| old.name == column.name) else { continue };
        if old.data_type != column.data_type {
            let (from, to) = (display_type(&old.data_type), display_type(&column.data_type));
            told.push(format!("`{}` is of type {to}, it was {from}", column.name));
            retyped.push(column.name.clone());
        }
        match (old.nullable, column.nullable) {
            (false, true) => told.push(format!("`{}` may be null now", column.name)),
            (true, false) => told.push(format!("`{}` is never null now", column.name)),
            _ => {}
        }
    }
    if !added.is_empty() {
        told.push(format!("{} {} new", listed(&added), if added.len() == 1 { "is" } else { "are" }));
    }
    if !removed.is_empty() {
        told.push(format!("{} {} gone", listed(&removed), if removed.len() == 1 { "is" } else { "are" }));
    }
    Columns { added, removed, retyped, told }
}

fn key(before: &[String], now: &[String]) -> Option<String> {
    match (before, now) {
        (before, now) if before == now => None,
        (_, []) => Some("it has no key now".to_owned()),
        (_, now) => Some(format!("its key is {} now", listed(now))),
    }
}

fn of_source(base: Side<'_>, head: Side<'_>, source: &Source) -> (Option<Change>, Content) {
    let all = || source.columns.iter().map(|column| column.name.clone());
    let place = vec![source.name_span];
    let Some(before) = base.model.sources.get(&source.name) else {
        let told = vec![match base.model.slices.contains_key(&source.name) {
            true => "it is a source now, it was a slice".to_owned(),
            false => "the source is new".to_owned(),
        }];
        let change =
            Change { told, added: all().collect(), places: place, ..empty(head, &source.name, true, What::Added) };
        return (Some(change), Content { rows: true, columns: all().collect() });
    };
    if !source.valid || !before.valid {
        let same = source.valid == before.valid && text_of(base, &source.name) == text_of(head, &source.name);
        let change = Change { places: place, ..empty(head, &source.name, true, What::Unknown) };
        return ((!same).then_some(change), Content::default());
    }
    let differ = columns(&before.columns, &source.columns);
    let mut told = Vec::new();
    let other_files = before.from != source.from || before.format != source.format;
    if other_files {
        told.push("it reads other files, or reads them otherwise".to_owned());
    }
    if before.partition_by != source.partition_by {
        told.push("its files are partitioned by other columns".to_owned());
    }
    told.extend(differ.told);
    let other_key = key(&before.key, &source.key);
    let rows = other_files || other_key.is_some();
    told.extend(other_key);
    let columns: BTreeSet<String> = if rows { all().collect() } else { differ.retyped.iter().cloned().collect() };
    if told.is_empty() {
        return (None, Content::default());
    }
    let change = Change {
        rows: other_files,
        columns: all().filter(|name| columns.contains(name)).collect(),
        added: differ.added,
        removed: differ.removed,
        told,
        places: place,
        ..empty(head, &source.name, true, What::Changed)
    };
    (Some(change), Content { rows, columns })
}

/// The whole declaration as it is written.
fn text_of<'a>(side: Side<'a>, name: &RelationName) -> Option<&'a str> {
    use crate::resolve::RelationDeclaration::{Slice, Source};
    let span = match side.model.declarations.relations.get(name)? {
        Source(source) => source.syntax.span,
        Slice(slice) => slice.syntax.span,
    };
    Some(side.sources.slice(span))
}

fn of_slice(base: Side<'_>, head: Side<'_>, slice: &Slice, contents: &Contents) -> (Option<Change>, Content) {
    let all = || slice.columns.iter().map(|column| column.name.clone());
    let name = &slice.name;
    let Some(before) = base.model.slices.get(name) else {
        let told = vec![match base.model.sources.contains_key(name) {
            true => "it is a slice now, it was a source".to_owned(),
            false => "the slice is new".to_owned(),
        }];
        let run = if slice.is_virtual { Run::Nothing } else { Run::Build };
        let places = vec![slice.name_span];
        let change = Change { told, run, added: all().collect(), places, ..empty(head, name, false, What::Added) };
        return (Some(change), Content { rows: true, columns: all().collect() });
    };
    let own = match (before.identity, slice.identity) {
        // The declaration, and all that is known of what it reads.
        (Some(before), Some(now)) if before == now => Own::default(),
        _ => match (base.meanings.inputs(name), head.meanings.inputs(name)) {
            (Some(was), Some(is)) => own(base, head, before, slice, was, is),
            _ => {
                let same = before.valid == slice.valid && text_of(base, name) == text_of(head, name);
                let change = Change { places: vec![slice.name_span], ..empty(head, name, false, What::Unknown) };
                return ((!same).then_some(change), Content::default());
            }
        },
    };
    let mut content = Content { rows: own.rows, columns: own.columns.clone() };
    let mut because: Vec<String> = Vec::new();
    if let Some(meaning) = reads_changed(slice, contents).then(|| head.meanings.inputs(name)).flatten() {
        for (input, read) in meaning.reads() {
            let Some(changed) = contents.get(&input).filter(|content| !content.is_same()) else { continue };
            let hit = affected(slice, meaning, &input, &changed.columns, changed.rows);
            if hit.is_empty() {
                continue;
            }
            let named: Vec<String> = read.into_iter().filter(|name| changed.columns.contains(name)).collect();
            because.push(match changed.rows || named.is_empty() {
                true => format!("the rows of `{input}` may differ"),
                false => format!("{} of `{input}` may differ", listed(&named)),
            });
            content.rows |= meaning
                .row_reads
                .get(&input)
                .is_some_and(|read| changed.rows || read.iter().any(|column| changed.columns.contains(column)));
            content.columns.extend(hit);
        }
    }
    if !because.is_empty() && own.is_same_over_sources {
        // What it reads is computed elsewhere; all in all it is what it was.
        content = Content::default();
    }
    let run = match () {
        () if slice.is_virtual => Run::Nothing,
        () if own.runs => Run::Build,
        () if !because.is_empty() => Run::Maybe,
        () => Run::Nothing,
    };
    let what = if own.told.is_empty() { What::Affected } else { What::Changed };
    if own.told.is_empty() && (because.is_empty() || content.is_same() && run == Run::Nothing) {
        return (None, content);
    }
    let (mut told, places) = (own.told, own.places);
    if what == What::Affected {
        told.push(few(&because));
    }
    let change = Change {
        run,
        rows: content.rows,
        columns: all().filter(|name| content.rows || content.columns.contains(name)).collect(),
        added: own.added,
        removed: own.removed,
        told,
        places: if places.is_empty() { vec![slice.name_span] } else { places },
        ..empty(head, name, false, what)
    };
    (Some(change), content)
}

fn reads_changed(slice: &Slice, contents: &Contents) -> bool {
    // Virtual slices pass on what they read, and are among the contents themselves.
    slice.reads.iter().any(|read| contents.get(&read.of).is_some_and(|content| !content.is_same()))
}

/// What a slice's own declaration changes.
#[derive(Default)]
struct Own {
    rows: bool,
    columns: BTreeSet<String>,
    added: Vec<String>,
    removed: Vec<String>,
    runs: bool,
    is_same_over_sources: bool,
    told: Vec<String>,
    places: Vec<Span>,
}

fn own(base: Side<'_>, head: Side<'_>, before: &Slice, slice: &Slice, was: &Meaning, is: &Meaning) -> Own {
    let over_sources = base.meanings.sources(&slice.name).zip(head.meanings.sources(&slice.name));
    let over_sources = over_sources.filter(|(was, is)| was.row == is.row);
    let rows = was.row != is.row && over_sources.is_none();
    let known = |meaning: &Meaning| -> BTreeSet<String> {
        meaning.columns.iter().map(|column| column.fingerprint.clone()).collect()
    };
    let by_name = |slice: &Slice, meaning: &Meaning| -> BTreeMap<String, String> {
        let columns = slice.columns.iter().zip(&meaning.columns);
        columns.map(|(column, meaning)| (column.name.clone(), meaning.fingerprint.clone())).collect()
    };
    let same_row = was.row == is.row;
    let (old, new) = (by_name(before, was), by_name(slice, is));
    let (deep_old, deep_new) = match over_sources {
        Some((was, is)) => (by_name(before, was), by_name(slice, is)),
        None => (BTreeMap::new(), BTreeMap::new()),
    };
    let unchanged = |name: &String| {
        let same = |old: &BTreeMap<String, String>, new: &BTreeMap<String, String>| {
            old.get(name).is_some_and(|old| new.get(name) == Some(old))
        };
        (same_row && same(&old, &new)) || same(&deep_old, &deep_new)
    };
    let differ = columns(&before.columns, &slice.columns);
    let kept: Vec<String> =
        slice.columns.iter().map(|column| column.name.clone()).filter(|name| !differ.added.contains(name)).collect();
    let changed: Vec<String> = kept.iter().filter(|name| rows || !unchanged(name)).cloned().collect();
    let mut told = Vec::new();
    let mut places = Vec::new();
    // With the same text, what it reads is declared otherwise.
    let same_text = before.normalized == slice.normalized
        && !slice.reads.iter().any(|read| head.model.slices.get(&read.of).is_some_and(|read| read.is_virtual));
    if rows {
        told.push(match (same_text, &is.opaque) {
            (true, _) => {
                "what it reads is declared otherwise, so that it may pick, join or group rows differently".to_owned()
            }
            (false, Some(cause)) => format!("its query is written differently (it has {cause}, so any change counts)"),
            (false, None) => "its query picks, joins or groups rows differently".to_owned(),
        });
        places.extend(query_places(head.model, slice));
    } else if !changed.is_empty() {
        let only: Vec<String> = changed.iter().filter(|name| !differ.retyped.contains(name)).cloned().collect();
        if !only.is_empty() {
            let plural = if only.len() == 1 { "is" } else { "are" };
            told.push(format!("{} {plural} computed differently", listed(&only)));
        }
        places.extend(column_places(slice, &changed));
    }
    told.extend(differ.told.iter().cloned());
    if places.is_empty() && !differ.added.is_empty() {
        places.extend(column_places(slice, &differ.added));
    }
    told.extend(key(&before.key, &slice.key));
    if before.public != slice.public {
        told.push(if slice.public { "it is public now" } else { "it is private now" }.to_owned());
    }
    if before.is_virtual != slice.is_virtual {
        told.push(if slice.is_virtual { "it is virtual now" } else { "it isn't virtual now" }.to_owned());
    }
    let sorted = before.sort_by != slice.sort_by;
    if sorted {
        told.push("its rows are sorted otherwise".to_owned());
    }
    // A column that was there under another name is only shown under a new one.
    let stored = known(was);
    let computed_anew = |name: &String| new.get(name).is_none_or(|fingerprint| !stored.contains(fingerprint));
    let new_columns = differ.added.iter().any(|name| !same_row || computed_anew(name));
    let content = rows || !changed.is_empty();
    let renamed_only = !rows && same_row && changed.iter().all(|name| !computed_anew(name));
    Own {
        rows,
        columns: changed.into_iter().collect(),
        runs: (content && !renamed_only) || new_columns || sorted || (before.is_virtual && !slice.is_virtual),
        is_same_over_sources: over_sources.is_some() && !content,
        added: differ.added,
        removed: differ.removed,
        told,
        places,
    }
}
