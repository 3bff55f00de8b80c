//! Another name for a domain, a relation or a column, everywhere.
//!
//! A reader that hands a column on under the column's own name keeps that name: `amount` becomes `net as amount`. Only where a name
//! comes through `*` does it change further down. The project is checked as it would be, and a name that breaks it is refused.

use super::{Occurrence, Role, Symbol, View, occurrence};
use crate::driver;
use crate::name::RelationName;
use crate::resolve::RelationDeclaration;
use crate::semantic::{FileFormat, Slice};
use crate::sql;
use crate::text::{FileId, Span};
use std::collections::{BTreeMap, BTreeSet};

/// Texts that take the place of what is at some places.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Renamed {
    /// By place; no two touch.
    pub edits: Vec<(Span, String)>,
}

/// The name at an offset that may get another one, and how it is written now.
///
/// # Errors
/// Why it can't, in words for people.
pub fn renameable(view: &View, file: FileId, offset: u32) -> Result<(Span, String), String> {
    let found = occurrence::at(view, file, offset).ok_or("there is no name here that pie knows")?;
    allowed(view, &found)?;
    Ok((found.span, view.project.workspace.sources.slice(found.span).to_owned()))
}

/// What gets another name, where that is possible.
fn allowed(view: &View, found: &Occurrence) -> Result<Symbol, String> {
    let Symbol::Column(of, name) = &found.symbol else { return Ok(found.symbol.clone()) };
    if found.role == Role::Indirect {
        return Err(format!("this is a column of a subquery, which comes from `{name}` of `{of}`: rename it there"));
    }
    // The files' own names; only files without a header leave them to the declaration.
    let is_named_by_files = view
        .project
        .model
        .sources
        .get(of)
        .is_some_and(|source| !matches!(source.format, Some(FileFormat::Csv { header: false, .. })));
    if !is_named_by_files {
        return Ok(found.symbol.clone());
    }
    // Where a slice shows the column, its own can be called otherwise.
    let shows = |slice: &&Slice| {
        slice.columns.iter().any(|column| {
            column.name == *name
                && column.span.is_some_and(|span| span.file == found.span.file && span.end == found.span.end)
        })
    };
    match view.project.model.slices.values().find(shows) {
        Some(slice) if found.role == Role::NamedOutput => Ok(Symbol::Column(slice.name.clone(), name.clone())),
        _ => Err(format!("the files of `{of}` call it `{name}`: give it another name in a slice")),
    }
}

/// Gives what stands at an offset another name, `new`, in the whole project.
///
/// # Errors
/// Why it can't have this name, in words for people.
pub fn rename(view: &View, file: FileId, offset: u32, new: &str) -> Result<Renamed, String> {
    let found = occurrence::at(view, file, offset).ok_or("there is no name here that pie knows")?;
    let symbol = allowed(view, &found)?;
    let (name, written) = spelled(new)?;
    let mut edits: BTreeMap<Span, String> = BTreeMap::new();
    match &symbol {
        Symbol::Domain(old) => {
            if *old == name {
                return Ok(Renamed { edits: Vec::new() });
            }
            if view.project.model.domains.contains_key(&name) {
                return Err(format!("there is a domain `{name}` already"));
            }
            edits.extend(places(view, &symbol).map(|place| (place, written.clone())));
        }
        Symbol::Relation(old) => {
            let renamed = RelationName::new(old.domain(), &name);
            if renamed == *old {
                return Ok(Renamed { edits: Vec::new() });
            }
            if view.declaration(&renamed).is_some() {
                return Err(format!("there is `{renamed}` already"));
            }
            edits.extend(places(view, &symbol).map(|place| (place, written.clone())));
        }
        Symbol::Column(of, old) => {
            if *old == name {
                return Ok(Renamed { edits: Vec::new() });
            }
            column(view, of, old, &name, &written, &mut edits)?;
        }
    }
    let edits: Vec<(Span, String)> = edits.into_iter().collect();
    verify(view, &edits)?;
    Ok(Renamed { edits })
}

fn places(view: &View, symbol: &Symbol) -> impl Iterator<Item = Span> {
    occurrence::of(view, symbol).into_iter().map(|found| found.span)
}

/// The name that a text stands for, and how it is written where names are folded.
fn spelled(new: &str) -> Result<(String, String), String> {
    let new = new.trim();
    let quoted = new.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).map(|inner| inner.replace("\"\"", "\""));
    let is_plain = |name: &str| {
        name.starts_with(|first: char| first.is_ascii_lowercase() || first == '_')
            && name.chars().all(|next| next.is_ascii_lowercase() || next.is_ascii_digit() || next == '_')
    };
    let name = quoted.unwrap_or_else(|| new.to_owned());
    if name.is_empty() || name.chars().any(char::is_control) {
        return Err("a name has at least one letter".to_owned());
    }
    let written = if is_plain(&name) { name.clone() } else { format!("\"{}\"", name.replace('"', "\"\"")) };
    Ok((name, written))
}

fn column(
    view: &View,
    of: &RelationName,
    old: &str,
    name: &str,
    written: &str,
    edits: &mut BTreeMap<Span, String>,
) -> Result<(), String> {
    let mut open = vec![of.clone()];
    let mut seen: BTreeSet<RelationName> = BTreeSet::new();
    while let Some(relation) = open.pop() {
        if !seen.insert(relation.clone()) {
            continue;
        }
        if view.columns(&relation).iter().any(|column| column.name == name) {
            return Err(format!("`{relation}` has a column `{name}` already"));
        }
        let symbol = Symbol::Column(relation.clone(), old.to_owned());
        let mut is_declared = false;
        for found in occurrence::of(view, &symbol) {
            let before = view.project.workspace.sources.slice(found.span);
            match found.role {
                Role::Declaration => {
                    is_declared = true;
                    edits.insert(found.span, written.to_owned());
                }
                Role::Use => {
                    edits.entry(found.span).or_insert_with(|| written.to_owned());
                }
                Role::NamedOutput => {
                    edits.insert(found.span, format!("{written} as {before}"));
                }
                Role::Indirect => {}
            }
        }
        let starred = starred(view, &relation, old);
        if let (false, false, Some(place)) = (is_declared, starred, output(view, &relation, old)) {
            // A column that stands alone in the select list is called after what it is.
            let before = view.project.workspace.sources.slice(place);
            let before = edits.get(&place).cloned().unwrap_or_else(|| before.to_owned());
            let bare = before.split(" as ").next().unwrap_or(&before).to_owned();
            edits.insert(place, format!("{bare} as {written}"));
        }
        for reader in view.project.model.graph.readers(&relation) {
            if hands_on(view, &reader).contains(&(relation.clone(), old.to_owned())) {
                open.push(reader);
            }
        }
    }
    Ok(())
}

/// Where a slice's query gives a column.
fn output(view: &View, relation: &RelationName, column: &str) -> Option<Span> {
    let slice = view.project.model.slices.get(relation)?;
    let query = slice.query_span?;
    let place = slice.columns.iter().find(|other| other.name == column)?.span?;
    let inside = place.file == query.file && query.start <= place.start && place.end <= query.end;
    // A qualified column's place has its qualifier, whose last part is the name.
    inside.then_some(place)
}

/// Whether a slice has a column through `*`.
fn starred(view: &View, relation: &RelationName, column: &str) -> bool {
    hands_on(view, relation).iter().any(|(_, name)| name == column)
}

fn hands_on(view: &View, slice: &RelationName) -> Vec<(RelationName, String)> {
    let Some(RelationDeclaration::Slice(declared)) = view.declaration(slice) else { return Vec::new() };
    let Some(query) = &declared.query else { return Vec::new() };
    let source = view.project.workspace.sources.get(query.span.file);
    let lookup = |key: &str| {
        let relation = declared.reads.iter().find(|read| read.key == key).map(|read| &read.of)?;
        let columns = view.columns(relation).iter().map(|column| column.name.clone()).collect();
        Some((relation.clone(), columns))
    };
    sql::names(query, source, &lookup).handed_on
}

/// Checks the project as it would be.
fn verify(view: &View, edits: &[(Span, String)]) -> Result<(), String> {
    let mut workspace = view.project.workspace.clone();
    let mut by_file: BTreeMap<FileId, Vec<&(Span, String)>> = BTreeMap::new();
    for edit in edits {
        by_file.entry(edit.0.file).or_default().push(edit);
    }
    for (file, edits) in by_file {
        let mut text = workspace.sources.get(file).text().to_owned();
        for (span, new) in edits.into_iter().rev() {
            text.replace_range(span.range(), new);
        }
        workspace.sources.replace(file, text);
    }
    let parses = driver::parse(&workspace, &view.project.memo);
    let after = driver::check_parsed(workspace, parses, view.project.memo.clone());
    let errors = |project: &driver::Project| project.diagnostics.iter().filter(|found| found.is_error()).count();
    if errors(&after) <= errors(&view.project) {
        return Ok(());
    }
    let known: Vec<&String> = view.project.diagnostics.iter().map(|found| &found.message).collect();
    let new = after.diagnostics.iter().find(|found| found.is_error() && !known.contains(&&found.message));
    Err(match new {
        Some(new) => format!("that name breaks the project: {}", new.message),
        None => "that name breaks the project".to_owned(),
    })
}
