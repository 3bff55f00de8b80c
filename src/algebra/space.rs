//! Row spaces under construction: joins and filters are gathered flat, then brought into an order of their own.

use super::node::{Arena, Digest, Row, RowId, Term, TermId};
use super::plant;
use super::rewrite;
use super::rules::{self, Rule};
use std::collections::HashMap;

/// More leaves than this are not flattened: an input that brings more stays one leaf.
const MAX_LEAVES: usize = 32;

/// A row space that isn't finished, with terms over it.
#[derive(Clone, Debug)]
pub enum Space {
    /// Leaves in the order in which they came.
    Select {
        leaves: Vec<RowId>,
        conditions: Vec<TermId>,
    },
    Row(RowId),
}

/// A row space with its columns.
#[derive(Clone, Debug)]
pub struct Relation {
    pub space: Space,
    pub columns: Vec<TermId>,
}

/// A finished one.
#[derive(Clone, Debug)]
pub struct Finished {
    pub row: RowId,
    pub columns: Vec<TermId>,
}

impl Relation {
    /// Makes sure that conditions and leaves can be added.
    pub fn into_select(self, arena: &mut Arena) -> (Vec<RowId>, Vec<TermId>, Vec<TermId>) {
        match self.space {
            Space::Select { leaves, conditions } => (leaves, conditions, self.columns),
            Space::Row(row) => match arena.row(row).clone() {
                // A window looks at the rows as they were before anything is added.
                Row::Select { leaves, conditions } if leaves.len() <= MAX_LEAVES => {
                    let all: Vec<usize> = (0..leaves.len()).collect();
                    let mut done = HashMap::new();
                    let columns = self.columns.into_iter().map(|column| {
                        rewrite::atoms(arena, column, &mut done, &mut |arena, atom| match arena.term(atom) {
                            Term::Window(_) => arena.add_term(Term::Over { row, term: atom, leaves: all.clone() }),
                            _ => atom,
                        })
                    });
                    let columns = columns.collect();
                    (leaves, conditions, columns)
                }
                Row::Unit if self.columns.iter().all(|column| rewrite::is_constant(arena, *column)) => {
                    (Vec::new(), Vec::new(), self.columns)
                }
                _ => {
                    let mut done = HashMap::new();
                    let columns =
                        self.columns.into_iter().map(|column| rewrite::lift(arena, column, 0, &mut done)).collect();
                    (vec![row], Vec::new(), columns)
                }
            },
        }
    }

    /// The finished row space; its columns are those of this relation.
    pub fn finish(self, arena: &mut Arena) -> Finished {
        self.finish_with(arena, Vec::new()).0
    }

    /// As [`Relation::finish`], with further terms that are moved along.
    pub fn finish_with(self, arena: &mut Arena, more: Vec<TermId>) -> (Finished, Vec<TermId>) {
        let (leaves, conditions) = match self.space {
            Space::Row(row) => return (Finished { row, columns: self.columns }, more),
            Space::Select { leaves, conditions } => (leaves, conditions),
        };
        let count = self.columns.len();
        let mut terms = self.columns;
        terms.extend(more);
        if leaves.is_empty() && conditions.is_empty() {
            let more = terms.split_off(count);
            return (Finished { row: arena.add_row(Row::Unit), columns: terms }, more);
        }
        if let ([leaf], true) = (leaves.as_slice(), conditions.is_empty()) {
            let mut done = HashMap::new();
            // A window over another row space belongs to a select.
            let only_leaf = |arena: &mut Arena, term: TermId| {
                let mut plain = true;
                rewrite::atoms(arena, term, &mut HashMap::new(), &mut |arena, atom| {
                    plain &= matches!(arena.term(atom), Term::Leaf { .. });
                    atom
                });
                plain
            };
            if terms.iter().all(|term| only_leaf(arena, *term)) {
                let mut lowered: Vec<TermId> =
                    terms.into_iter().map(|term| rewrite::lower(arena, term, &mut done)).collect();
                let more = lowered.split_off(count);
                return (Finished { row: *leaf, columns: lowered }, more);
            }
        }
        let conditions = rules::without_hope(arena, conditions);
        let order = order(arena, &leaves, &conditions);
        let mut position = vec![0; leaves.len()];
        for (new, old) in order.iter().enumerate() {
            position[*old] = new;
        }
        let stuck = plant::overreaches(Rule::JoinOrder);
        let number = |leaf: usize| if stuck { leaf } else { position[leaf] };
        let mut done = HashMap::new();
        let mut conditions: Vec<TermId> =
            conditions.into_iter().map(|condition| rewrite::renumber(arena, condition, &number, &mut done)).collect();
        if Rule::Conjuncts.is_on() {
            conditions.sort_by_key(|condition| arena.term_digest(*condition));
            conditions.dedup();
        }
        let mut terms: Vec<TermId> =
            terms.into_iter().map(|term| rewrite::renumber(arena, term, &number, &mut done)).collect();
        let leaves = order.iter().map(|old| leaves[*old]).collect();
        let row = arena.add_row(Row::Select { leaves, conditions });
        let more = terms.split_off(count);
        (Finished { row, columns: terms }, more)
    }
}

impl Finished {
    pub fn open(self) -> Relation {
        Relation { space: Space::Row(self.row), columns: self.columns }
    }
}

/// The order of leaves: by digest, equal ones told apart by how conditions connect them (colour refinement), those that
/// stay alike in the order of the text. It looks at leaves and conditions only, never at columns: another column must not
/// change it.
fn order(arena: &mut Arena, leaves: &[RowId], conditions: &[TermId]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..leaves.len()).collect();
    if !Rule::JoinOrder.is_on() || leaves.len() < 2 {
        return order;
    }
    let mut colours: Vec<Digest> = leaves.iter().map(|leaf| arena.row_digest(*leaf)).collect();
    for _ in 0..leaves.len() {
        let ranks = ranks(&colours);
        let distinct = ranks.iter().max().map_or(0, |most| most + 1);
        if distinct == leaves.len() {
            break;
        }
        let touched: Vec<(TermId, Vec<usize>)> =
            conditions.iter().map(|condition| (*condition, rewrite::leaves(arena, *condition))).collect();
        let mut next = Vec::with_capacity(leaves.len());
        for leaf in 0..leaves.len() {
            let mut seen: Vec<Digest> = Vec::new();
            for (condition, leaves) in touched.iter().filter(|(_, leaves)| leaves.contains(&leaf)) {
                let _ = leaves;
                let own = 1_000 + ranks[leaf];
                let number = |other: usize| if other == leaf { own } else { ranks[other] };
                let coloured = rewrite::renumber(arena, *condition, &number, &mut HashMap::new());
                seen.push(arena.term_digest(coloured));
            }
            seen.sort_unstable();
            let mut hasher = blake3::Hasher::new();
            hasher.update(&colours[leaf]);
            for digest in &seen {
                hasher.update(digest);
            }
            next.push(*hasher.finalize().as_bytes());
        }
        let refined = self::ranks(&next).iter().max().map_or(0, |most| most + 1);
        colours = next;
        if refined == distinct {
            break;
        }
    }
    order.sort_by_key(|leaf| (colours[*leaf], *leaf));
    order
}

/// Each colour's place among the distinct ones.
fn ranks(colours: &[Digest]) -> Vec<usize> {
    let mut distinct: Vec<&Digest> = colours.iter().collect();
    distinct.sort_unstable();
    distinct.dedup();
    colours.iter().map(|colour| distinct.binary_search(&colour).unwrap_or(0)).collect()
}
