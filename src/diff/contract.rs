//! Promises of public sources and slices to other teams that a change breaks, and who is hit.
//!
//! Public is a promise of names, types, nulls and keys; columns that a slice lists in `columns (…)` are *guaranteed*: what they
//! mean is promised too. Somebody is hit who lives in another domain and, as things are now, still reads what was promised:
//! whoever is changed together with it isn't.

use super::{Change, Contents, Side, What, owner};
use crate::diagnostic::{Code, Diagnostic};
use crate::incremental::{column_places, few, key_place, listed};
use crate::name::RelationName;
use crate::resolve::RelationDeclaration;
use crate::semantic::Column;
use crate::sql::types::{display_type, widens};
use crate::sql::{self, QueryLimits};
use crate::text::Span;
use std::collections::{BTreeMap, BTreeSet};

/// What is broken of a promise.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum BrokenKind {
    Removed,
    MadePrivate,
    ColumnRemoved,
    TypeNarrowed,
    NullAllowed,
    KeyLost,
    MeaningChanged,
}

impl BrokenKind {
    pub fn as_str(self) -> &'static str {
        match self {
            BrokenKind::Removed => "removed",
            BrokenKind::MadePrivate => "made_private",
            BrokenKind::ColumnRemoved => "column_removed",
            BrokenKind::TypeNarrowed => "type_narrowed",
            BrokenKind::NullAllowed => "null_allowed",
            BrokenKind::KeyLost => "key_lost",
            BrokenKind::MeaningChanged => "meaning_changed",
        }
    }
}

/// A promise that isn't kept any more.
#[derive(Clone, PartialEq, Debug)]
pub struct Broken {
    pub name: RelationName,
    pub owner: Option<String>,
    pub kind: BrokenKind,
    pub column: Option<String>,
    pub message: String,
    /// Why, and what helps.
    pub notes: Vec<String>,
    pub place: Option<Span>,
    /// Slices of other domains that rely on it.
    pub readers: Vec<Reader>,
}

/// Who relies on a promise, and where.
#[derive(Clone, PartialEq, Debug)]
pub struct Reader {
    pub name: RelationName,
    pub owner: Option<String>,
    pub place: Span,
}

/// All broken promises, by relation and column.
pub fn broken(base: Side<'_>, head: Side<'_>, changes: &[Change], contents: &Contents) -> Vec<Broken> {
    let mut found = Vec::new();
    let by_name: BTreeMap<&RelationName, &Change> = changes.iter().map(|change| (&change.name, change)).collect();
    for (name, change) in &by_name {
        let Some(declared) = base.model.declarations.relations.get(*name).filter(|declared| declared.is_public())
        else {
            continue;
        };
        let finder = Finder { base, head, name };
        let Some(now) = head.model.declarations.relations.get(*name) else {
            let message = format!("the public {} `{name}` isn't declared any more", declared.kind());
            found.push(finder.broken(BrokenKind::Removed, None, message, None));
            continue;
        };
        if !now.is_public() {
            let message = format!("`{name}` isn't public any more");
            found.push(finder.broken(BrokenKind::MadePrivate, None, message, Some(now.name_span())));
        }
        // Of what has errors the columns aren't known for certain.
        let (Some(before), Some(columns)) = (base.model.columns(name), head.model.columns(name)) else { continue };
        if change.what == What::Unknown {
            continue;
        }
        found.extend(finder.columns(before, columns));
        found.extend(finder.key());
        let guaranteed = guaranteed(declared);
        let changed = change.columns.iter().filter(|column| guaranteed.contains(column));
        found.extend(changed.map(|column| finder.meaning(column, change, &by_name, contents)));
    }
    found
}

/// Columns that a slice lists in `columns (…)`.
fn guaranteed(declared: &RelationDeclaration) -> BTreeSet<&String> {
    match declared {
        RelationDeclaration::Slice(slice) => {
            let listed = slice.syntax.columns.iter().flat_map(|list| &list.columns);
            listed.map(|column| &column.name.text).collect()
        }
        RelationDeclaration::Source(_) => BTreeSet::new(),
    }
}

struct Finder<'a> {
    base: Side<'a>,
    head: Side<'a>,
    name: &'a RelationName,
}

impl Finder<'_> {
    fn broken(&self, kind: BrokenKind, column: Option<&str>, message: String, place: Option<Span>) -> Broken {
        let readers = self.readers(column);
        let place = place.or_else(|| readers.first().map(|reader| reader.place));
        let owner = owner(self.base.model, self.name);
        let column = column.map(str::to_owned);
        Broken { name: self.name.clone(), owner, kind, column, message, notes: Vec::new(), place, readers }
    }

    fn columns(&self, before: &[Column], now: &[Column]) -> Vec<Broken> {
        let name = self.name;
        let mut found = Vec::new();
        for old in before {
            let Some(new) = now.iter().find(|column| column.name == old.name) else {
                let message = format!("the public `{name}` has no column `{}` any more", old.name);
                let mut broken = self.broken(BrokenKind::ColumnRemoved, Some(&old.name), message, self.declared());
                broken.notes.extend(self.renamed(&old.name));
                found.push(broken);
                continue;
            };
            let place = || self.place(&new.name);
            if old.data_type != new.data_type && !widens(&old.data_type, &new.data_type) {
                let (from, to) = (display_type(&old.data_type), display_type(&new.data_type));
                let message = format!("`{}` of the public `{name}` is of type {to}, it was {from}", new.name);
                found.push(self.broken(BrokenKind::TypeNarrowed, Some(&new.name), message, place()));
            }
            if !old.nullable && new.nullable {
                let message = format!("`{}` of the public `{name}` may be null now", new.name);
                found.push(self.broken(BrokenKind::NullAllowed, Some(&new.name), message, place()));
            }
        }
        found
    }

    fn key(&self) -> Option<Broken> {
        let key = |side: &Side<'_>| -> Option<Vec<String>> {
            let source = side.model.sources.get(self.name).map(|source| source.key.clone());
            source.or_else(|| side.model.slices.get(self.name).map(|slice| slice.key.clone()))
        };
        let (before, now) = (key(&self.base)?, key(&self.head)?);
        // Fewer columns that are unique promise more.
        let kept = before.is_empty() || (!now.is_empty() && now.iter().all(|column| before.contains(column)));
        if kept {
            return None;
        }
        let of = listed(&before);
        let message = format!("rows of the public `{}` needn't be unique by {of} any more", self.name);
        let place = self.head.model.slices.get(self.name).map(|slice| key_place(self.head.model, slice));
        Some(self.broken(BrokenKind::KeyLost, None, message, place.or_else(|| self.declared())))
    }

    fn meaning(
        &self,
        column: &str,
        change: &Change,
        changes: &BTreeMap<&RelationName, &Change>,
        contents: &Contents,
    ) -> Broken {
        let message = format!("the guaranteed column `{column}` of `{}` means something else", self.name);
        let mut broken = self.broken(BrokenKind::MeaningChanged, Some(column), message, self.place(column));
        match change.what {
            What::Affected => {
                let roots = self.roots(changes, contents);
                let told = roots.iter().map(|root| format!("`{}`: {}", root.name, few(&root.told)));
                broken.notes.extend(told);
            }
            _ => broken.notes.push(few(&change.told)),
        }
        broken
    }

    /// The changes above a slice that it is affected by.
    fn roots<'c>(&self, changes: &BTreeMap<&RelationName, &'c Change>, contents: &Contents) -> Vec<&'c Change> {
        let above = self.head.model.graph.ancestors(self.name);
        let differs = |name: &&RelationName| contents.get(*name).is_some_and(|content| !content.is_same());
        let changed = above.iter().filter(differs).filter_map(|name| changes.get(name));
        changed.filter(|change| change.what == What::Changed).copied().collect()
    }

    /// The column's new name, where it has only got another one.
    fn renamed(&self, old: &str) -> Option<String> {
        let (before, now) = (self.base.model.slices.get(self.name)?, self.head.model.slices.get(self.name)?);
        let (was, is) = (self.base.meanings.inputs(self.name)?, self.head.meanings.inputs(self.name)?);
        let at = before.columns.iter().position(|column| column.name == old)?;
        let fingerprint = &was.columns.get(at)?.fingerprint;
        let same = now.columns.iter().zip(&is.columns).find(|(_, meaning)| &meaning.fingerprint == fingerprint)?;
        let known = before.columns.iter().any(|column| column.name == same.0.name);
        (was.row == is.row && !known).then(|| format!("it is called `{}` now", same.0.name))
    }

    fn declared(&self) -> Option<Span> {
        self.head.model.declarations.relations.get(self.name).map(RelationDeclaration::name_span)
    }

    fn place(&self, column: &str) -> Option<Span> {
        if let Some(slice) = self.head.model.slices.get(self.name) {
            let places = column_places(slice, &[column.to_owned()]);
            // Not the whole query.
            return places.into_iter().find(|place| Some(*place) != slice.query_span).or(Some(slice.name_span));
        }
        let source = self.head.model.sources.get(self.name)?;
        source.columns.iter().find(|other| other.name == column)?.span.or(Some(source.name_span))
    }

    /// Slices of other domains that read the relation now, and the column if it is about one.
    fn readers(&self, column: Option<&str>) -> Vec<Reader> {
        let slices = self.head.model.declarations.relations.iter();
        let mut readers = Vec::new();
        for (name, declared) in slices.filter(|(name, _)| name.domain() != self.name.domain()) {
            let RelationDeclaration::Slice(slice) = declared else { continue };
            let reads = || slice.reads.iter().chain(slice.checks.iter().flat_map(|check| &check.reads));
            let direct = reads().find(|read| read.of == *self.name).map(|read| read.span);
            // A name that stands for nothing any more is still written.
            let lost = || self.lost_read(name, slice.syntax.query.as_ref().map(|query| query.span));
            let Some(place) = direct.or_else(lost) else { continue };
            let Some(column) = column else {
                readers.push(Reader { name: name.clone(), owner: owner(self.head.model, name), place });
                continue;
            };
            let checks = slice.checks.iter().filter(|check| check.reads.iter().any(|read| read.of == *self.name));
            let in_checks: Vec<Span> = checks.flat_map(|check| self.mentions(Some(check.span), column)).collect();
            let mentioned = self.mentions(slice.syntax.query.as_ref().map(|query| query.span), column);
            let reads_column = |side: &Side<'_>| {
                let meaning = side.meanings.inputs(name)?;
                Some(meaning.reads().get(self.name).is_some_and(|columns| columns.contains(column)))
            };
            let virtual_input = self.head.model.slices.get(self.name).is_some_and(|slice| slice.is_virtual);
            let hit = match reads_column(&self.head) {
                Some(hit) if !virtual_input => hit,
                _ => reads_column(&self.base).unwrap_or_default() || !mentioned.is_empty(),
            };
            if hit || !in_checks.is_empty() {
                let written = if hit { mentioned.first() } else { in_checks.first() };
                let place = written.copied().unwrap_or(place);
                readers.push(Reader { name: name.clone(), owner: owner(self.head.model, name), place });
            }
        }
        readers
    }

    /// Where a slice that read the relation before still names it.
    fn lost_read(&self, reader: &RelationName, query: Option<Span>) -> Option<Span> {
        let before = self.base.model.declarations.relations.get(reader)?;
        before.reads().find(|read| read.of == *self.name)?;
        self.mentions(query, self.name.name()).first().copied()
    }

    fn mentions(&self, query: Option<Span>, name: &str) -> Vec<Span> {
        let Some(query) = query else { return Vec::new() };
        sql::mentions(self.head.sources.get(query.file), query, name, &QueryLimits::default())
    }
}

/// Findings for each change of meaning (N0901) and each broken promise: an error (E0901) where somebody is hit, else a warning
/// (W0901); of what `accepted` names, `domain.name` or `domain.name.column`, a warning in any case.
pub fn diagnostics(difference: &super::Difference, accepted: &BTreeSet<String>) -> Vec<Diagnostic> {
    let mut diagnostics: Vec<Diagnostic> = Vec::new();
    for broken in &difference.broken {
        let name = broken.name.to_string();
        let whole = broken.column.as_ref().map(|column| format!("{name}.{column}"));
        let is_accepted = accepted.contains(&name) || whole.is_some_and(|whole| accepted.contains(&whole));
        let mut diagnostic = match broken.readers.is_empty() || is_accepted {
            true => Diagnostic::warning(Code::ContractChanged, &broken.message),
            false => Diagnostic::error(Code::ContractBroken, &broken.message),
        };
        let who = |reader: &Reader| match &reader.owner {
            Some(owner) => format!("`{}`, owned by {owner}, relies on it", reader.name),
            None => format!("`{}` relies on it", reader.name),
        };
        let own_place = broken.place.filter(|place| !broken.readers.iter().any(|reader| reader.place == *place));
        let mut readers = broken.readers.iter();
        match own_place {
            Some(place) => diagnostic = diagnostic.at(place, "promised to other domains"),
            None => {
                if let Some(first) = readers.next() {
                    diagnostic = diagnostic.at(first.place, who(first));
                }
            }
        }
        for reader in readers {
            diagnostic = diagnostic.with_label(reader.place, who(reader));
        }
        for note in &broken.notes {
            diagnostic = diagnostic.with_note(note);
        }
        if let Some(help) = help(broken, is_accepted) {
            diagnostic = diagnostic.with_help(help);
        }
        diagnostics.push(diagnostic);
    }
    for change in difference.changes.iter().filter(|change| change.what == What::Changed) {
        let mut diagnostic =
            Diagnostic::note(Code::MeaningChanged, format!("`{}`: {}", change.name, few(&change.told)));
        if let Some(place) = change.places.first() {
            diagnostic = diagnostic.at(*place, "");
        }
        diagnostics.push(diagnostic);
    }
    crate::diagnostic::sort(&mut diagnostics);
    diagnostics
}

fn help(broken: &Broken, is_accepted: bool) -> Option<String> {
    let owners: BTreeSet<&String> = broken.readers.iter().filter_map(|reader| reader.owner.as_ref()).collect();
    let owners: Vec<String> = owners.into_iter().cloned().collect();
    let what = match &broken.column {
        Some(column) => format!("{}.{column}", broken.name),
        None => broken.name.to_string(),
    };
    match (broken.readers.is_empty(), is_accepted) {
        (true, _) => Some("no slice of another domain reads it; whoever else does should be told".to_owned()),
        (false, true) => None,
        (false, false) if owners.is_empty() => Some(format!("`pie diff … --accept {what}` lets it pass")),
        (false, false) => Some(format!("agree with {}; `pie diff … --accept {what}` then lets it pass", few(&owners))),
    }
}
