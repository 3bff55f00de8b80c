//! What is known of rows for certain: which terms identify a row. Only verified keys of frozen sources and what follows
//! from a query's own shape count; a key that a slice promises is verified after its readers are planned, so it doesn't.

use super::node::{Arena, Row, RowId, Term, TermId};
use crate::name::RelationName;
use crate::sql::DataType;
use std::collections::{BTreeMap, BTreeSet};

/// Verified facts about sources.
#[derive(Clone, Default, Debug)]
pub struct Facts {
    /// The columns of each source's key with their types; none of them is ever null.
    pub keys: BTreeMap<RelationName, Vec<(String, DataType)>>,
    /// Columns of sources that hold no null.
    pub not_null: BTreeMap<RelationName, BTreeSet<String>>,
}

/// Whether a term of a row space is never null.
pub fn not_null(arena: &Arena, facts: &Facts, row: RowId, term: TermId) -> bool {
    match (arena.row(row), arena.term(term)) {
        (_, Term::Literal { value, data_type, .. }) => !value.is_empty() && *data_type != DataType::Null,
        (_, Term::Cast { safe: false, value, .. }) => not_null(arena, facts, row, *value),
        (Row::Scan(relation), Term::Input { column, .. }) => {
            facts.not_null.get(relation).is_some_and(|columns| columns.contains(column))
        }
        (Row::Select { leaves, .. }, Term::Leaf { leaf, of }) => {
            leaves.get(*leaf).is_some_and(|leaf| not_null(arena, facts, *leaf, *of))
        }
        // Rows of the left side are always there.
        (Row::LeftJoin { left, .. }, Term::Leaf { leaf: 0, of }) => not_null(arena, facts, *left, *of),
        (Row::Group { input, sets, .. }, Term::Key(of)) if sets.is_empty() => not_null(arena, facts, *input, *of),
        (Row::Limit { input, .. } | Row::First { input, .. }, Term::Leaf { of, .. }) => {
            not_null(arena, facts, *input, *of)
        }
        _ => false,
    }
}

/// As [`not_null`], for a term over the leaves of a select that isn't finished.
pub fn not_null_over(arena: &Arena, facts: &Facts, leaves: &[RowId], term: TermId) -> bool {
    match arena.term(term) {
        Term::Leaf { leaf, of } => leaves.get(*leaf).is_some_and(|leaf| not_null(arena, facts, *leaf, *of)),
        Term::Cast { safe: false, value, .. } => not_null_over(arena, facts, leaves, *value),
        Term::Literal { value, .. } => !value.is_empty(),
        _ => false,
    }
}

/// How far the search goes down, and how many keys it keeps.
const MAX_DEPTH: usize = 12;
const MAX_KEYS: usize = 8;

/// Sets of terms of a row space of which no two rows have the same values, nulls counted as no value (an equality never
/// finds them). An empty set: at most one row.
pub fn unique(arena: &mut Arena, facts: &Facts, row: RowId) -> Vec<Vec<TermId>> {
    unique_to(arena, facts, row, MAX_DEPTH)
}

/// Keys of a row space as those of leaf number `leaf` of one around it.
pub fn lifted(arena: &mut Arena, keys: Vec<Vec<TermId>>, leaf: usize) -> Vec<Vec<TermId>> {
    let mut lift = |term: TermId| super::rewrite::lift(arena, term, leaf, &mut std::collections::HashMap::new());
    keys.into_iter().map(|key| key.into_iter().map(&mut lift).collect()).collect()
}

fn unique_to(arena: &mut Arena, facts: &Facts, row: RowId, depth: usize) -> Vec<Vec<TermId>> {
    if depth == 0 {
        return Vec::new();
    }
    match arena.row(row).clone() {
        Row::Unit | Row::Empty => vec![Vec::new()],
        Row::Scan(relation) => {
            // Groups and joins take zeros of two signs for one value, a key doesn't.
            let exact = |key: &&Vec<(String, DataType)>| {
                key.iter().all(|(_, data_type)| !data_type.is_floating() && !data_type.is_nested())
            };
            let key = facts.keys.get(&relation).filter(|key| !key.is_empty()).filter(exact);
            let Some(key) = key else { return Vec::new() };
            let term = |(column, data_type): &(String, DataType)| Term::Input {
                relation: relation.clone(),
                column: column.clone(),
                data_type: data_type.clone(),
            };
            vec![key.iter().map(|column| arena.add_term(term(column))).collect()]
        }
        Row::Group { keys, sets, .. } if sets.is_empty() => {
            let keys = keys.into_iter().filter(|key| !super::rewrite::is_constant(arena, *key)).collect::<Vec<_>>();
            vec![keys.into_iter().map(|key| arena.add_term(Term::Key(key))).collect()]
        }
        Row::First { input, keys, .. } => {
            let mut found = unique_to(arena, facts, input, depth - 1);
            found.push(keys);
            lifted(arena, found, 0)
        }
        Row::Limit { input, .. } => {
            let found = unique_to(arena, facts, input, depth - 1);
            lifted(arena, found, 0)
        }
        Row::Select { leaves, .. } => {
            // One key of each leaf together identify a combination.
            let mut found: Vec<Vec<TermId>> = vec![Vec::new()];
            for (number, leaf) in leaves.into_iter().enumerate() {
                let keys = unique_to(arena, facts, leaf, depth - 1);
                let mut next = Vec::new();
                for before in &found {
                    for key in keys.iter().take(MAX_KEYS) {
                        let mut both = before.clone();
                        both.extend(key.iter().map(|term| {
                            super::rewrite::lift(arena, *term, number, &mut std::collections::HashMap::new())
                        }));
                        next.push(both);
                    }
                }
                next.truncate(MAX_KEYS);
                found = next;
            }
            found
        }
        Row::Group { .. }
        | Row::LeftJoin { .. }
        | Row::FullJoin { .. }
        | Row::Union(_)
        | Row::Unnest { .. }
        | Row::Recursive { .. }
        | Row::Work { .. }
        | Row::Function { .. }
        | Row::Cut { .. }
        | Row::Opaque { .. } => Vec::new(),
    }
}
