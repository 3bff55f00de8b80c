//! The least that any scheduler runs which can't foresee results, and what the textual rule runs.
//!
//! After an edit, a stored slice is in the least where
//!
//! 1. the edit says `must`: a perfect prover finds that its query means something new. Brute force can't tell that
//!    where the rows happen to stay; or
//! 2. in no state that was built before are both
//!    - *its rows*: some slice had them, in columns of the same types, whatever slice and columns were called and
//!      whichever other columns stood beside; and
//!    - *what it reads*: each of its inputs had the same rows in the columns that it uses now. An input that is new by
//!      its name is known by its rows, or else by what it reads itself.
//!
//! So renaming, reordering, dropping and reverting need no run, nor does a slice whose inputs changed in columns or to
//! orders of rows that it doesn't see; but one whose input changed in a column that it uses is in the least, even where
//! a filter or an aggregate hides the change. A slice that only selects columns of another stored slice is never in it:
//! its rows are that slice's. "Uses" is what is left in the scans of plain DataFusion's optimised plan.

use crate::bag::Types;
use crate::truth::Truth;
use icepie::name::RelationName;
use icepie::resolve::RelationDeclaration;
use std::collections::BTreeSet;

/// The least for the last of some states, given those that were built before it and what `must` run.
pub fn least(built: &[&Truth], now: &Truth, must: &BTreeSet<RelationName>) -> BTreeSet<RelationName> {
    let copies = |slice: &RelationName| now.copies.get(slice).is_some_and(|of| now.is_stored(of));
    let known = |slice: &RelationName| {
        built.iter().any(|before| has_rows(slice, now, before) && reads_same(slice, now, before))
    };
    now.stored().filter(|slice| must.contains(*slice) || !(copies(slice) || known(slice))).cloned().collect()
}

/// The slices of both states whose rows changed, other than by renaming, reordering and dropping columns.
pub fn differing(before: &Truth, now: &Truth) -> BTreeSet<RelationName> {
    let same = |slice: &RelationName| is_within(slice, now, slice, before);
    now.stored().filter(|slice| before.is_stored(slice) && !same(slice)).cloned().collect()
}

/// What the textual rule runs: slices in whose declaration or documentation, or in whose sources' declarations or
/// files, a byte changed, and everything that depends on them.
pub fn textual(before: &Truth, now: &Truth) -> BTreeSet<RelationName> {
    let model = &now.project.model;
    let mut changed: BTreeSet<RelationName> = BTreeSet::new();
    for name in model.declarations.relations.keys() {
        if text(now, name) != text(before, name) || now.raw.get(name) != before.raw.get(name) {
            changed.insert(name.clone());
            changed.extend(model.graph.descendants(name));
        }
    }
    changed.retain(|name| now.is_stored(name));
    changed
}

/// A declaration as it is written, with its documentation.
fn text(truth: &Truth, name: &RelationName) -> Option<String> {
    let (span, doc) = match truth.project.model.declarations.relations.get(name)? {
        RelationDeclaration::Source(source) => (source.syntax.span, &source.syntax.doc),
        RelationDeclaration::Slice(slice) => (slice.syntax.span, &slice.syntax.doc),
    };
    let doc = doc.as_ref().map(|doc| doc.text.as_str()).unwrap_or_default();
    Some(format!("{doc}\n{}", truth.project.workspace.sources.slice(span)))
}

/// Whether some slice had the rows of this one.
fn has_rows(slice: &RelationName, now: &Truth, before: &Truth) -> bool {
    is_within(slice, now, slice, before) || before.stored().any(|other| is_within(slice, now, other, before))
}

fn is_within(slice: &RelationName, now: &Truth, other: &RelationName, before: &Truth) -> bool {
    let bags = now.bags.get(slice).zip(before.bags.get(other)).filter(|_| before.is_stored(other));
    bags.is_some_and(|(these, those)| these.is_within(&these.names(), those, Types::Count))
}

/// Whether each input had the same rows in the columns that a slice uses.
fn reads_same(slice: &RelationName, now: &Truth, before: &Truth) -> bool {
    let mut uses = now.uses.get(slice).into_iter().flatten();
    uses.all(|(input, columns)| had_rows(input, columns, now, before))
}

/// Whether a relation had the same rows in some of its columns; or, where it is new, whether what it reads had.
fn had_rows(input: &RelationName, columns: &BTreeSet<String>, now: &Truth, before: &Truth) -> bool {
    let Some(bag) = now.bags.get(input) else { return false };
    if let Some(old) = before.bags.get(input) {
        let by_name = bag.same_by_name(old, columns);
        return by_name.unwrap_or_else(|| bag.is_within(columns, old, Types::DontCount));
    }
    before.bags.values().any(|old| bag.is_within(columns, old, Types::DontCount))
        || now.project.model.slices.contains_key(input) && reads_same(input, now, before)
}
