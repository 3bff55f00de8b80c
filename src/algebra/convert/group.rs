//! Groups: `group by`, `distinct`, `distinct on`.

use super::{Converter, Result, is_exact, is_exact_type, unmodelled};
use crate::algebra::facts;
use crate::algebra::node::{self, Row, RowId, SortTerm, Term, TermId};
use crate::algebra::plant;
use crate::algebra::rewrite;
use crate::algebra::rules::{self, Rule};
use crate::algebra::space::{Finished, Relation};
use crate::sql::LogicalPlan;
use datafusion::common::DFSchema;
use datafusion::logical_expr::logical_plan::{Aggregate, DistinctOn};
use datafusion::logical_expr::{Expr, GroupingSet};
use std::collections::{HashMap, HashSet};

impl Converter<'_> {
    pub(super) fn distinct(&mut self, input: &LogicalPlan, schema: &DFSchema) -> Result<Relation> {
        let input = self.plan(input)?.relation.finish(self.arena);
        if Rule::Distinct.is_on() {
            let exact: Vec<bool> = schema.fields().iter().map(|field| is_exact_type(field.data_type())).collect();
            return Ok(self.rows_of_groups(input, &exact).open());
        }
        let sets = vec![Vec::new()];
        let row = self.arena.add_row(Row::Group { input: input.row, keys: input.columns.clone(), sets });
        let columns = input.columns.iter().map(|column| self.arena.add_term(Term::Key(*column))).collect();
        Ok(Finished { row, columns }.open())
    }

    /// The first row of each group, in an order.
    pub(super) fn distinct_on(&mut self, distinct: &DistinctOn) -> Result<Relation> {
        let relation = self.plan(&distinct.input)?.relation;
        let schema = distinct.input.schema();
        let keys = self.expressions(&distinct.on_expr, schema, &relation.columns)?;
        let selected = self.expressions(&distinct.select_expr, schema, &relation.columns)?;
        let Some(sort) = &distinct.sort_expr else { return unmodelled("`distinct on` without an order") };
        let order = self.order(sort, schema, &relation.columns)?;
        let (count, chosen) = (keys.len(), selected.len());
        let mut more = keys;
        more.extend(selected);
        more.extend(order.iter().map(|sort| sort.term));
        let (input, more) = relation.finish_with(self.arena, more);
        let keys = self.sorted_set(more[..count].to_vec());
        let columns = more[count..count + chosen].to_vec();
        let terms = more[count + chosen..].iter();
        let order = order.iter().zip(terms).map(|(sort, term)| SortTerm { term: *term, ..*sort }).collect();
        // Zeros of both signs are one group and two places in an order.
        let exact = distinct.on_expr.iter().all(|expression| is_exact(expression, schema));
        let order = self.total(input.row, if exact { &keys } else { &[] }, order);
        let mut done = HashMap::new();
        let columns = columns.into_iter().map(|column| rewrite::lift(self.arena, column, 0, &mut done)).collect();
        let row = self.arena.add_row(Row::First { input: input.row, keys, order });
        Ok(Finished { row, columns }.open())
    }

    pub(super) fn aggregate(&mut self, aggregate: &Aggregate) -> Result<Relation> {
        let relation = self.plan(&aggregate.input)?.relation;
        let input = relation.finish(self.arena);
        let schema = aggregate.input.schema();
        let mut columns = Vec::new();
        let row = match aggregate.group_expr.as_slice() {
            [Expr::GroupingSet(set)] => {
                let distinct: Vec<Expr> = set.distinct_expr().into_iter().cloned().collect();
                // The number of a grouping set depends on the order of keys, so that stays.
                let keys = self.expressions(&distinct, schema, &input.columns)?;
                // By their places: of two keys with one value a set may leave out either.
                let placed: Vec<TermId> = keys
                    .iter()
                    .enumerate()
                    .map(|(nth, of)| self.arena.add_term(Term::Element { of: *of, nth }))
                    .collect();
                let place = |expression: &Expr| distinct.iter().position(|other| other == expression);
                let mut sets = Vec::new();
                for set in grouping_sets(set)? {
                    match set.iter().map(|expression| Some(placed[place(expression)?])).collect::<Option<Vec<_>>>() {
                        Some(set) => sets.push(set),
                        None => return unmodelled("a grouping set of something else than its keys"),
                    }
                }
                columns.extend(&placed);
                columns.push(self.arena.add_term(Term::GroupingId));
                self.arena.add_row(Row::Group { input: input.row, keys, sets })
            }
            plain => {
                let keys = self.expressions(plain, schema, &input.columns)?;
                let exact: Vec<bool> = plain.iter().map(|expression| is_exact(expression, schema)).collect();
                return self.plain_groups(aggregate, &input, keys, &exact);
            }
        };
        for expression in &aggregate.aggr_expr {
            let call = self.aggregate_call(input.row, expression, schema, &input.columns)?;
            columns.push(self.arena.add_term(Term::Aggregate(Box::new(call))));
        }
        Ok(Finished { row, columns }.open())
    }

    /// `group by` without grouping sets. Which groups there are is the same with and without aggregates, so that a further
    /// aggregate changes no other column; each is said over the rows that the keys alone have.
    fn plain_groups(
        &mut self,
        aggregate: &Aggregate,
        input: &Finished,
        keys: Vec<TermId>,
        exact: &[bool],
    ) -> Result<Relation> {
        let groups = self.grouped(input.row, keys.clone());
        let rows = self.rows_of_groups(Finished { row: input.row, columns: keys.clone() }, exact);
        let mut columns = rows.columns.clone();
        for expression in &aggregate.aggr_expr {
            let schema = aggregate.input.schema();
            let call = self.aggregate_call(input.row, expression, schema, &input.columns)?;
            let term = if rows.row == input.row {
                of_one_row(&call)
            } else if rows.row == groups {
                Term::Aggregate(Box::new(call))
            } else {
                let of = self.arena.add_term(Term::Aggregate(Box::new(call)));
                let mut on = Vec::new();
                for (outer, key) in rows.columns.iter().zip(&keys) {
                    on.push((*outer, self.arena.add_term(Term::Key(*key))));
                }
                on.sort_by_key(|(outer, inner)| (self.arena.term_digest(*inner), self.arena.term_digest(*outer)));
                on.dedup();
                Term::Lookup { row: groups, on, nulls: true, of }
            };
            columns.push(self.arena.add_term(term));
        }
        Ok(Finished { row: rows.row, columns }.open())
    }

    /// One row for each value of the given terms: the rows themselves where no two are alike. `exact` says of each term whether
    /// equal values are the same.
    fn rows_of_groups(&mut self, over: Finished, exact: &[bool]) -> Finished {
        if over.columns.is_empty() {
            return Finished { row: self.grouped(over.row, Vec::new()), columns: Vec::new() };
        }
        let over = self.as_a_set(over);
        let unique = facts::unique(self.arena, self.facts, over.row);
        let tells_apart =
            |term: &TermId| over.columns.iter().zip(exact).any(|(column, exact)| column == term && *exact);
        let alone = unique.iter().any(|key| key.iter().all(tells_apart));
        if Rule::DependentKeys.is_on() && alone {
            // Grouping may make one zero of two.
            let columns = over.columns.iter().zip(exact).map(|(column, exact)| match exact {
                true => *column,
                false => self.arena.add_term(Term::Unary { operator: "group of one", operand: *column }),
            });
            return Finished { row: over.row, columns: columns.collect() };
        }
        let columns = over.columns.iter().zip(exact).map(|(key, exact)| match self.arena.term(*key) {
            Term::Literal { .. } if *exact && Rule::DependentKeys.is_on() => *key,
            _ => self.arena.add_term(Term::Key(*key)),
        });
        let columns = columns.collect();
        Finished { row: self.grouped(over.row, over.columns), columns }
    }

    fn grouped(&mut self, input: RowId, keys: Vec<TermId>) -> RowId {
        let keys = self.sorted_set(keys);
        let keys = self.without_dependent(input, keys);
        self.arena.add_row(Row::Group { input, keys, sets: Vec::new() })
    }

    /// Keys of a group without those that follow from the others, because these tell all rows apart. The engine adds such
    /// keys to `group by` on its own.
    fn without_dependent(&mut self, input: RowId, keys: Vec<TermId>) -> Vec<TermId> {
        if !Rule::DependentKeys.is_on() || keys.is_empty() {
            return keys;
        }
        if plant::overreaches(Rule::DependentKeys) {
            return keys[..1].to_vec();
        }
        // One constant stays where there is nothing else: groups of no keys have a row of nothing.
        let constant: HashSet<TermId> =
            keys.iter().copied().filter(|key| rewrite::is_constant(self.arena, *key)).collect();
        let keys = match constant.len() == keys.len() {
            true => vec![rules::truth(self.arena, true)],
            false => keys.into_iter().filter(|key| !constant.contains(key)).collect(),
        };
        let unique = facts::unique(self.arena, self.facts, input);
        if let Some(key) = self.shortest_within(unique, &keys) {
            return key;
        }
        // A key of one leaf decides what is said of that leaf alone.
        let Row::Select { leaves, .. } = self.arena.row(input).clone() else { return keys };
        let mut dependent: HashSet<TermId> = HashSet::new();
        for (number, leaf) in leaves.into_iter().enumerate() {
            let unique = facts::unique(self.arena, self.facts, leaf);
            let unique = facts::lifted(self.arena, unique, number);
            let Some(key) = self.shortest_within(unique, &keys) else { continue };
            for term in keys.iter().filter(|term| !key.contains(term)) {
                if rewrite::only_of_leaf(self.arena, *term, number) {
                    dependent.insert(*term);
                }
            }
        }
        keys.into_iter().filter(|key| !dependent.contains(key)).collect()
    }

    /// Of several sets of terms the smallest that lies within the keys of a group.
    fn shortest_within(&self, mut sets: Vec<Vec<TermId>>, keys: &[TermId]) -> Option<Vec<TermId>> {
        for set in &mut sets {
            set.sort_by_key(|term| self.arena.term_digest(*term));
            set.dedup();
        }
        sets.retain(|set| !set.is_empty() && set.iter().all(|term| keys.contains(term)));
        let digests = |set: &Vec<TermId>| set.iter().map(|term| self.arena.term_digest(*term)).collect::<Vec<_>>();
        sets.into_iter().min_by_key(|set| (set.len(), digests(set)))
    }

    /// Terms as a set.
    pub(super) fn sorted_set(&mut self, mut terms: Vec<TermId>) -> Vec<TermId> {
        if Rule::Keys.is_on() {
            terms.sort_by_key(|term| self.arena.term_digest(*term));
            terms.dedup();
            if plant::overreaches(Rule::Keys) {
                terms.truncate(1);
            }
        }
        terms
    }

    /// Rows of which only counts which there are, not how often: groups below that only take doubles out go away, in the legs
    /// of a union too, and legs that say the same.
    fn as_a_set(&mut self, input: Finished) -> Finished {
        if !Rule::NestedDistinct.is_on() {
            return input;
        }
        match self.arena.row(input.row).clone() {
            Row::Group { input: inner, keys: _, sets } if sets.is_empty() && self.only_keys(&input.columns) => {
                let mut done = HashMap::new();
                let columns = input.columns.iter().map(|column| {
                    rewrite::atoms(self.arena, *column, &mut done, &mut |arena, atom| match arena.term(atom) {
                        Term::Key(of) => *of,
                        _ => atom,
                    })
                });
                let columns = columns.collect();
                self.as_a_set(Finished { row: inner, columns })
            }
            Row::Union(rows) if self.only_branches(&input.columns) => {
                let mut legs: Vec<Finished> = Vec::new();
                for (number, row) in rows.into_iter().enumerate() {
                    let columns = self.of_leg(&input.columns, number);
                    let leg = self.as_a_set(Finished { row, columns });
                    legs.extend(self.legs(leg));
                }
                let reaches = plant::overreaches(Rule::NestedDistinct);
                let mut distinct: Vec<Finished> = Vec::new();
                for leg in legs {
                    let same = |other: &Finished| other.row == leg.row && (reaches || other.columns == leg.columns);
                    if !distinct.iter().any(same) {
                        distinct.push(leg);
                    }
                }
                self.union(distinct).finish(self.arena)
            }
            _ => input,
        }
    }

    /// Whether terms over a group are its keys, as numbers of another type at most: of zeros of two signs a group has one,
    /// and so has the group around it.
    fn only_keys(&self, columns: &[TermId]) -> bool {
        let is_key = |column: &TermId| {
            let mut term = *column;
            while let Term::Cast { to, safe: false, value } = self.arena.term(term) {
                if !to.is_numeric() {
                    return false;
                }
                term = *value;
            }
            matches!(self.arena.term(term), Term::Key(_))
        };
        columns.iter().all(is_key)
    }
}

/// The sets of keys of a grouping set, as `rollup` and `cube` stand for them.
fn grouping_sets(set: &GroupingSet) -> Result<Vec<Vec<Expr>>> {
    match set {
        GroupingSet::GroupingSets(sets) => Ok(sets.clone()),
        GroupingSet::Rollup(keys) => Ok((0..=keys.len()).map(|count| keys[..count].to_vec()).collect()),
        GroupingSet::Cube(keys) if keys.len() <= 10 => {
            let chosen = |mask: usize| {
                let keys = keys.iter().enumerate().filter(move |(index, _)| mask & (1 << index) != 0);
                keys.map(|(_, key)| key.clone()).collect::<Vec<_>>()
            };
            Ok((0..1usize << keys.len()).map(chosen).collect())
        }
        GroupingSet::Cube(_) => unmodelled("a cube of more than ten keys"),
    }
}

/// An aggregate over a group of one row, which is a function of that row.
fn of_one_row(aggregate: &node::Aggregate) -> Term {
    let node::Aggregate { function, arguments, distinct, filter, order, ignore_nulls } = aggregate;
    let order_is = order.iter().map(|sort| (sort.ascending, sort.nulls_first));
    let order_is: Vec<(bool, bool)> = order_is.collect();
    let function = format!(
        "{function} of one row{}",
        match (distinct, filter, order_is.as_slice(), ignore_nulls) {
            (false, None, [], None) => String::new(),
            more => format!(" {:?}", (more.0, more.1.is_some(), more.2, more.3)),
        }
    );
    let order = order.iter().map(|sort| sort.term);
    Term::Call { function, arguments: arguments.iter().copied().chain(*filter).chain(order).collect() }
}
