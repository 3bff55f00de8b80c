//! Unions: legs without nesting, in an order of their own.

use super::Converter;
use crate::algebra::node::{Digest, Row, Term, TermId};
use crate::algebra::plant;
use crate::algebra::rewrite;
use crate::algebra::rules::Rule;
use crate::algebra::space::{Finished, Relation};
use std::collections::HashMap;

/// More ways of arranging the legs of a union aren't tried.
const MAX_ARRANGEMENTS: usize = 24;

impl Converter<'_> {
    pub(super) fn union(&mut self, inputs: Vec<Finished>) -> Relation {
        let mut legs: Vec<Finished> = Vec::new();
        for input in inputs {
            legs.extend(self.legs(input));
        }
        if let [only] = legs.as_slice() {
            return only.clone().open();
        }
        let mut order: Vec<usize> = (0..legs.len()).collect();
        if Rule::UnionOrder.is_on() {
            order.sort_by_key(|leg| self.arena.row_digest(legs[*leg].row));
            order = self.without_text_order(&legs, order);
        }
        let width = legs.first().map_or(0, |leg| leg.columns.len());
        let columns = (0..width).map(|index| {
            let terms = if plant::overreaches(Rule::UnionOrder) {
                legs.iter().map(|leg| leg.columns[index]).collect()
            } else {
                order.iter().map(|leg| legs[*leg].columns[index]).collect()
            };
            self.arena.add_term(Term::Branch(terms))
        });
        let columns = columns.collect();
        let row = self.arena.add_row(Row::Union(order.iter().map(|leg| legs[*leg].row).collect()));
        Finished { row, columns }.open()
    }

    /// Puts legs over the same rows, which only their columns tell apart, into an order that depends neither on the text nor
    /// on the order of the columns: of all their permutations the one that gives the least columns. Many such legs stay as
    /// they are.
    fn without_text_order(&self, legs: &[Finished], order: Vec<usize>) -> Vec<usize> {
        let alike = |a: &usize, b: &usize| legs[*a].row == legs[*b].row;
        let mut orders: Vec<Vec<usize>> = vec![Vec::new()];
        for group in order.chunk_by(alike) {
            let arranged = permutations(group);
            if orders.len() * arranged.len() > MAX_ARRANGEMENTS {
                return order;
            }
            let longer = orders.iter().flat_map(|before| arranged.iter().map(|group| [&before[..], group].concat()));
            orders = longer.collect();
        }
        let columns = |order: &Vec<usize>| {
            let width = legs.first().map_or(0, |leg| leg.columns.len());
            let digests = |index: usize| order.iter().map(move |leg| self.arena.term_digest(legs[*leg].columns[index]));
            let columns: Vec<Vec<Digest>> = (0..width).map(|index| digests(index).collect()).collect();
            let mut sorted = columns.clone();
            sorted.sort_unstable();
            (sorted, columns)
        };
        orders.into_iter().min_by_key(columns).unwrap_or(order)
    }

    /// The legs of a union; of anything else itself.
    pub(super) fn legs(&mut self, input: Finished) -> Vec<Finished> {
        match self.arena.row(input.row).clone() {
            Row::Union(rows) if self.only_branches(&input.columns) => {
                let leg = |(number, row)| Finished { row, columns: self.of_leg(&input.columns, number) };
                rows.into_iter().enumerate().map(leg).collect()
            }
            _ => vec![input],
        }
    }

    /// Terms over a union as they are in one of its legs.
    pub(super) fn of_leg(&mut self, columns: &[TermId], number: usize) -> Vec<TermId> {
        let mut done = HashMap::new();
        let columns = columns.iter().map(|column| {
            rewrite::atoms(self.arena, *column, &mut done, &mut |arena, atom| match arena.term(atom) {
                Term::Branch(legs) => legs[number],
                _ => atom,
            })
        });
        columns.collect()
    }

    pub(super) fn only_branches(&mut self, columns: &[TermId]) -> bool {
        let mut only = true;
        for column in columns {
            rewrite::atoms(self.arena, *column, &mut HashMap::new(), &mut |arena, atom| {
                only &= matches!(arena.term(atom), Term::Branch(_));
                atom
            });
        }
        only
    }
}

/// All orders of a few items; of more than four only the one they have.
fn permutations(items: &[usize]) -> Vec<Vec<usize>> {
    if items.len() < 2 || items.len() > 4 {
        return vec![items.to_vec()];
    }
    let mut all = Vec::new();
    for (index, first) in items.iter().enumerate() {
        let rest = [&items[..index], &items[index + 1..]].concat();
        all.extend(permutations(&rest).into_iter().map(|rest| [&[*first][..], &rest].concat()));
    }
    all
}
