//! Joins: inner ones become parts of a select, left ones on a key columns of their left side, semi joins conditions.

use super::{Converter, Result, Unmodelled, unmodelled};
use crate::algebra::facts;
use crate::algebra::node::{Arena, Row, RowId, Term, TermId};
use crate::algebra::plant;
use crate::algebra::rewrite;
use crate::algebra::rules::{self, Rule, make};
use crate::algebra::space::{Finished, Relation, Space};
use datafusion::common::{JoinType, NullEquality};
use datafusion::logical_expr::logical_plan::Join;
use std::collections::HashMap;

impl Converter<'_> {
    pub(super) fn join(&mut self, join: &Join) -> Result<Relation> {
        if join.null_aware {
            return unmodelled("a null-aware join");
        }
        let left = self.plan(&join.left)?.relation;
        let right = self.plan(&join.right)?.relation;
        match join.join_type {
            JoinType::Inner => self.inner_join(join, left, right),
            JoinType::Left => self.left_join(join, left, right, false),
            JoinType::Right => self.left_join(join, right, left, true),
            JoinType::Full => {
                let (row, columns) = self.outer_join(join, left, right, false, true)?;
                Ok(Finished { row, columns }.open())
            }
            JoinType::LeftSemi => self.semi_join(join, left, right, false, false),
            JoinType::LeftAnti => self.semi_join(join, left, right, false, true),
            JoinType::RightSemi => self.semi_join(join, right, left, true, false),
            JoinType::RightAnti => self.semi_join(join, right, left, true, true),
            JoinType::LeftMark | JoinType::RightMark => unmodelled("a mark join"),
        }
    }

    /// The conditions of a join over the columns of both sides, in the order of the join's own left and right.
    fn join_conditions(&mut self, join: &Join, left: &[TermId], right: &[TermId]) -> Result<Vec<TermId>> {
        let operator = match join.null_equality {
            NullEquality::NullEqualsNothing => rules::EQUAL,
            NullEquality::NullEqualsNull => rules::NOT_DISTINCT,
        };
        let mut conditions = Vec::new();
        for (a, b) in &join.on {
            let a = self.expression(a, join.left.schema(), left)?;
            let b = self.expression(b, join.right.schema(), right)?;
            conditions.push(make(self.arena, Term::Binary { operator, left: a, right: b }));
        }
        if let Some(filter) = &join.filter {
            let both = join.left.schema().join(join.right.schema()).map_err(|e| Unmodelled(e.to_string()))?;
            let columns: Vec<TermId> = left.iter().chain(right).copied().collect();
            let filter = self.expression(filter, &both, &columns)?;
            conditions.extend(rules::conjuncts(self.arena, filter));
        }
        Ok(rules::without_hope(self.arena, conditions))
    }

    fn inner_join(&mut self, join: &Join, left: Relation, right: Relation) -> Result<Relation> {
        let (mut leaves, mut conditions, left) = left.into_select(self.arena);
        let (more, more_conditions, right) = right.into_select(self.arena);
        let shift = leaves.len();
        let mut done = HashMap::new();
        let mut moved = |arena: &mut Arena, terms: Vec<TermId>| -> Vec<TermId> {
            let number = |leaf: usize| leaf + shift;
            terms.into_iter().map(|term| rewrite::renumber(arena, term, &number, &mut done)).collect()
        };
        conditions.extend(moved(self.arena, more_conditions));
        let right = moved(self.arena, right);
        leaves.extend(more);
        for condition in self.join_conditions(join, &left, &right)? {
            let condition = self.condition(&leaves, condition);
            conditions.push(condition);
        }
        let columns = left.into_iter().chain(right).collect();
        Ok(Relation { space: Space::Select { leaves, conditions }, columns })
    }

    /// Keeps all rows of `kept`; `mirrored` where that is the join's right side.
    fn left_join(&mut self, join: &Join, kept: Relation, other: Relation, mirrored: bool) -> Result<Relation> {
        if Rule::Lookups.is_on()
            && let Some(found) = self.lookup(join, &kept, &other, mirrored)?
        {
            return Ok(found);
        }
        let (row, columns) = self.outer_join(join, kept, other, mirrored, false)?;
        Ok(Finished { row, columns }.open())
    }

    fn outer_join(
        &mut self,
        join: &Join,
        kept: Relation,
        other: Relation,
        mirrored: bool,
        full: bool,
    ) -> Result<(RowId, Vec<TermId>)> {
        let kept = kept.finish(self.arena);
        let other = other.finish(self.arena);
        let mut lift = |columns: &[TermId], leaf: usize| -> Vec<TermId> {
            let mut done = HashMap::new();
            columns.iter().map(|column| rewrite::lift(self.arena, *column, leaf, &mut done)).collect()
        };
        let (first, second) = (lift(&kept.columns, 0), lift(&other.columns, 1));
        let (left, right) = if mirrored { (&second, &first) } else { (&first, &second) };
        let conditions = self.join_conditions(join, left, right)?;
        let on = self.sorted_set(conditions);
        // An expression of the side that may be missing is null only if it was computed before the join.
        let outer = |arena: &mut Arena, terms: &[TermId], own: usize, side: &Finished| -> Vec<TermId> {
            let pairs = terms.iter().zip(&side.columns);
            pairs
                .map(|(lifted, of)| match arena.term(*lifted) {
                    Term::Leaf { .. } => *lifted,
                    _ => {
                        let whole = Term::Over { row: side.row, term: *of, leaves: vec![own] };
                        arena.add_term(whole)
                    }
                })
                .collect()
        };
        let second = outer(self.arena, &second, 1, &other);
        let first = if full { outer(self.arena, &first, 0, &kept) } else { first };
        let row = if full {
            Row::FullJoin { left: kept.row, right: other.row, on }
        } else {
            Row::LeftJoin { left: kept.row, right: other.row, on }
        };
        let row = self.arena.add_row(row);
        let columns = if mirrored {
            second.into_iter().chain(first).collect()
        } else {
            first.into_iter().chain(second).collect()
        };
        Ok((row, columns))
    }

    /// A left join whose right side has at most one row for each left one.
    fn lookup(&mut self, join: &Join, kept: &Relation, other: &Relation, mirrored: bool) -> Result<Option<Relation>> {
        let (leaves, conditions, kept) = kept.clone().into_select(self.arena);
        let (other_leaves, mut other_conditions, other) = other.clone().into_select(self.arena);
        let shift = leaves.len();
        let mut done = HashMap::new();
        let number = |leaf: usize| leaf + shift;
        let moved: Vec<TermId> =
            other.iter().map(|term| rewrite::renumber(self.arena, *term, &number, &mut done)).collect();
        let (left, right) = if mirrored { (&moved, &kept) } else { (&kept, &moved) };
        let on = self.join_conditions(join, left, right)?;
        let back = |leaf: usize| leaf.wrapping_sub(shift);
        let mut pairs = Vec::new();
        for condition in on {
            let touched = rewrite::leaves(self.arena, condition);
            if touched.is_empty() {
                return Ok(None);
            }
            if touched.iter().all(|leaf| *leaf >= shift) {
                let own = rewrite::renumber(self.arena, condition, &back, &mut HashMap::new());
                other_conditions.push(own);
                continue;
            }
            let Term::Binary { operator: rules::EQUAL, left, right } = *self.arena.term(condition) else {
                return Ok(None);
            };
            let (a, b) = (rewrite::leaves(self.arena, left), rewrite::leaves(self.arena, right));
            let inner = |leaves: &[usize]| !leaves.is_empty() && leaves.iter().all(|leaf| *leaf >= shift);
            let outer = |leaves: &[usize]| leaves.iter().all(|leaf| *leaf < shift);
            let (outer, inner) = match () {
                () if outer(&a) && inner(&b) => (left, right),
                () if outer(&b) && inner(&a) => (right, left),
                () => return Ok(None),
            };
            pairs.push((outer, rewrite::renumber(self.arena, inner, &back, &mut HashMap::new())));
        }
        let space = Space::Select { leaves: other_leaves, conditions: other_conditions };
        let inner: Vec<TermId> = pairs.iter().map(|(_, inner)| *inner).collect();
        let (looked_up, inner) = Relation { space, columns: other }.finish_with(self.arena, inner);
        let unique = facts::unique(self.arena, self.facts, looked_up.row);
        let overreach = plant::overreaches(Rule::Lookups);
        if !overreach && !unique.iter().any(|key| key.iter().all(|term| inner.contains(term))) {
            return Ok(None);
        }
        let mut on: Vec<(TermId, TermId)> = pairs.iter().map(|(outer, _)| *outer).zip(inner).collect();
        on.sort_by_key(|(outer, inner)| (self.arena.term_digest(*inner), self.arena.term_digest(*outer)));
        on.dedup();
        let found = looked_up
            .columns
            .iter()
            .map(|of| make(self.arena, Term::Lookup { row: looked_up.row, on: on.clone(), nulls: false, of: *of }));
        let found: Vec<TermId> = found.collect();
        let columns =
            if mirrored { found.into_iter().chain(kept).collect() } else { kept.into_iter().chain(found).collect() };
        Ok(Some(Relation { space: Space::Select { leaves, conditions }, columns }))
    }

    fn semi_join(
        &mut self,
        join: &Join,
        kept: Relation,
        other: Relation,
        mirrored: bool,
        anti: bool,
    ) -> Result<Relation> {
        let own = join.on.iter().flat_map(|(a, b)| [a, b]).chain(&join.filter);
        if own.into_iter().any(|expression| expression.contains_outer()) {
            return unmodelled("a semi join with columns of a query around");
        }
        let (leaves, mut conditions, kept) = kept.into_select(self.arena);
        let other = other.finish(self.arena);
        // The other side becomes a subquery; parameters of the query around are handed on.
        let around = rewrite::parameters_of(self.arena, other.row, &other.columns);
        let most = around.last().map_or(0, |most| most + 1);
        let shift = kept.len();
        let number =
            |arena: &mut Arena, index: usize| arena.add_term(Term::Parameter { index: index + shift, bits: None });
        let mut moved = rewrite::Parameters::new(&number);
        let row = moved.row(self.arena, other.row);
        let columns = other.columns.iter().map(|column| moved.term(self.arena, *column)).collect();
        let mut parameters = kept.clone();
        for index in 0..most {
            parameters.push(self.arena.add_term(Term::Parameter { index, bits: None }));
        }
        let (other_leaves, mut other_conditions, columns) = Finished { row, columns }.open().into_select(self.arena);
        let outer = kept.iter().enumerate().map(|(index, term)| {
            let bits = rules::bits_of(self.arena, *term);
            self.arena.add_term(Term::Parameter { index, bits })
        });
        let outer: Vec<TermId> = outer.collect();
        let (left, right) = if mirrored { (&columns, &outer) } else { (&outer, &columns) };
        other_conditions.extend(self.join_conditions(join, left, right)?);
        let space = Space::Select { leaves: other_leaves, conditions: other_conditions };
        let body = Relation { space, columns: Vec::new() }.finish(self.arena);
        let (row, _, parameters) = rewrite::close(self.arena, body.row, None, parameters);
        let exists = make(self.arena, Term::Exists { row, parameters });
        conditions.push(if anti {
            make(self.arena, Term::Unary { operator: rules::NOT, operand: exists })
        } else {
            exists
        });
        Ok(Relation { space: Space::Select { leaves, conditions }, columns: kept })
    }
}
