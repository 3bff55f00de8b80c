//! An analysed plan → a row space and a term for each column.
//!
//! Every variant of the engine's plan is named here; a new one must not slip through. What can't be modelled ends the
//! conversion, and the whole query is then opaque.

use super::facts::{self, Facts};
use super::node::{Arena, Digest, Row, RowId, SortTerm, Term, TermId};
use super::rewrite;
use super::rules::{self, Rule, make};
use super::space::{Finished, Relation, Space};
use crate::name::RelationName;
use crate::sql::types::storage_type;
use crate::sql::{self, LogicalPlan};
use datafusion::common::{DFSchema, JoinType, NullEquality};
use datafusion::logical_expr::logical_plan::{Aggregate, Distinct, Join, Limit, RecursiveQuery, TableScan, Unnest};
use datafusion::logical_expr::{Expr, ExprSchemable, GroupingSet, SortExpr};
use std::collections::{HashMap, HashSet};

/// What has no model, in the engine's words.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Unmodelled(pub String);

/// What a query reads: row space and columns by name.
#[derive(Clone, Debug)]
pub struct Input {
    pub row: RowId,
    pub columns: Vec<(String, TermId)>,
}

/// More ways of arranging the legs of a union aren't tried.
const MAX_ARRANGEMENTS: usize = 24;

/// Deeper plans end as opaque: the conversion recurses.
const MAX_DEPTH: usize = 400;

pub struct Converter<'a> {
    pub arena: &'a mut Arena,
    pub facts: &'a Facts,
    /// The relation that a scan stands for.
    pub input: &'a dyn Fn(&mut Arena, &RelationName) -> Option<Input>,
    /// Queries around the one at hand, whose columns it may name.
    frames: Vec<Frame>,
    /// Names of the recursive queries around.
    recursions: Vec<String>,
    depth: usize,
    pub(super) nesting: usize,
}

/// A query around a subquery.
struct Frame {
    schema: DFSchema,
    columns: Vec<TermId>,
    /// Terms of this query that the subquery takes as parameters.
    captured: Vec<TermId>,
}

/// A relation, and the order of its rows where a sort has just been passed.
struct Converted {
    relation: Relation,
    order: Option<Vec<SortTerm>>,
}

impl From<Relation> for Converted {
    fn from(relation: Relation) -> Converted {
        Converted { relation, order: None }
    }
}

type Result<T> = std::result::Result<T, Unmodelled>;

pub(super) fn unmodelled<T>(what: &str) -> Result<T> {
    Err(Unmodelled(what.to_owned()))
}

impl<'a> Converter<'a> {
    pub fn new(
        arena: &'a mut Arena,
        facts: &'a Facts,
        input: &'a dyn Fn(&mut Arena, &RelationName) -> Option<Input>,
    ) -> Converter<'a> {
        Converter { arena, facts, input, frames: Vec::new(), recursions: Vec::new(), depth: 0, nesting: 0 }
    }

    /// The row space and columns of a whole query.
    pub fn query(&mut self, plan: &LogicalPlan) -> Result<Finished> {
        let converted = self.plan(plan)?;
        Ok(converted.relation.finish(self.arena))
    }

    fn plan(&mut self, plan: &LogicalPlan) -> Result<Converted> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return unmodelled("a plan this deep");
        }
        let converted = self.node(plan);
        self.depth -= 1;
        converted
    }

    fn node(&mut self, plan: &LogicalPlan) -> Result<Converted> {
        match plan {
            LogicalPlan::Projection(projection) => {
                let Converted { relation, order } = self.plan(&projection.input)?;
                let schema = projection.input.schema();
                let columns = self.expressions(&projection.expr, schema, &relation.columns)?;
                Ok(Converted { relation: Relation { columns, ..relation }, order })
            }
            LogicalPlan::SubqueryAlias(alias) => self.plan(&alias.input),
            // A lateral one takes columns of its neighbours, which aren't those of a query around.
            LogicalPlan::Subquery(_) => unmodelled("a lateral subquery"),
            LogicalPlan::Repartition(repartition) => Ok(self.plan(&repartition.input)?.relation.into()),
            LogicalPlan::Filter(filter) => {
                let (leaves, conditions, columns) = self.plan(&filter.input)?.relation.into_select(self.arena);
                let condition = self.expression(&filter.predicate, filter.input.schema(), &columns)?;
                let space = self.filtered(leaves, conditions, condition);
                Ok(Relation { space, columns }.into())
            }
            LogicalPlan::TableScan(scan) => Ok(self.scan(scan)?.into()),
            LogicalPlan::Join(join) => Ok(self.join(join)?.into()),
            LogicalPlan::Aggregate(aggregate) => Ok(self.aggregate(aggregate)?.into()),
            LogicalPlan::Window(window) => {
                let input = self.plan(&window.input)?.relation.finish(self.arena);
                let schema = window.input.schema();
                let mut columns = input.columns.clone();
                for expression in &window.window_expr {
                    columns.push(self.window(input.row, expression, schema, &input.columns)?);
                }
                Ok(Finished { row: input.row, columns }.open().into())
            }
            LogicalPlan::Sort(sort) => {
                let relation = self.plan(&sort.input)?.relation;
                let order = self.order(&sort.expr, sort.input.schema(), &relation.columns)?;
                match sort.fetch {
                    None => Ok(Converted { relation, order: Some(order) }),
                    Some(fetch) => {
                        let fetch = self.number(i64::try_from(fetch).unwrap_or(i64::MAX))?;
                        Ok(self.limited(relation, order, None, Some(fetch))?.into())
                    }
                }
            }
            LogicalPlan::Limit(limit) => Ok(self.limit(limit)?.into()),
            LogicalPlan::Distinct(Distinct::All(input)) => {
                let input = self.plan(input)?.relation.finish(self.arena);
                let input = if Rule::Distinct.is_on() { self.as_a_set(input) } else { input };
                let unique = facts::unique(self.arena, self.facts, input.row);
                // Grouping makes one zero of two.
                let fields = plan.schema().fields();
                let exact = fields.iter().all(|field| is_exact_type(field.data_type()));
                if Rule::DependentKeys.is_on()
                    && exact
                    && unique.iter().any(|key| key.iter().all(|term| input.columns.contains(term)))
                {
                    // No two rows are alike.
                    return Ok(input.open().into());
                }
                let row = if Rule::Distinct.is_on() {
                    self.grouped(input.row, input.columns.clone())
                } else {
                    let sets = vec![Vec::new()];
                    self.arena.add_row(Row::Group { input: input.row, keys: input.columns.clone(), sets })
                };
                let columns = input.columns.iter().map(|column| self.arena.add_term(Term::Key(*column))).collect();
                Ok(Finished { row, columns }.open().into())
            }
            LogicalPlan::Distinct(Distinct::On(distinct)) => {
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
                let columns =
                    columns.into_iter().map(|column| rewrite::lift(self.arena, column, 0, &mut done)).collect();
                let row = self.arena.add_row(Row::First { input: input.row, keys, order });
                Ok(Finished { row, columns }.open().into())
            }
            LogicalPlan::Union(union) => {
                let inputs = union.inputs.iter().map(|input| Ok(self.plan(input)?.relation.finish(self.arena)));
                let inputs = inputs.collect::<Result<Vec<_>>>()?;
                Ok(self.union(inputs).into())
            }
            LogicalPlan::EmptyRelation(empty) => {
                let row = self.arena.add_row(if empty.produce_one_row { Row::Unit } else { Row::Empty });
                if empty.schema.fields().is_empty() {
                    Ok(Finished { row, columns: Vec::new() }.open().into())
                } else {
                    unmodelled("an empty relation with columns")
                }
            }
            LogicalPlan::Values(values) => {
                let rows = values.values.iter().map(|row| {
                    let columns = self.expressions(row, &DFSchema::empty(), &[])?;
                    Ok(Finished { row: self.arena.add_row(Row::Unit), columns })
                });
                let rows = rows.collect::<Result<Vec<_>>>()?;
                Ok(self.union(rows).into())
            }
            LogicalPlan::Unnest(unnest) => Ok(self.unnest(unnest)?.into()),
            LogicalPlan::RecursiveQuery(recursive) => Ok(self.recursive(recursive)?.into()),
            LogicalPlan::Extension(_) => unmodelled("an extension of the engine"),
            LogicalPlan::Statement(_) => unmodelled("a statement"),
            LogicalPlan::Explain(_) => unmodelled("explain"),
            LogicalPlan::Analyze(_) => unmodelled("analyze"),
            LogicalPlan::Dml(_) => unmodelled("a change of data"),
            LogicalPlan::Ddl(_) => unmodelled("a change of tables"),
            LogicalPlan::Copy(_) => unmodelled("copy"),
            LogicalPlan::DescribeTable(_) => unmodelled("describe"),
        }
    }

    fn filtered(&mut self, leaves: Vec<RowId>, mut conditions: Vec<TermId>, condition: TermId) -> Space {
        for condition in rules::conjuncts(self.arena, condition) {
            let condition = self.condition(&leaves, condition);
            conditions.push(condition);
        }
        Space::Select { leaves, conditions }
    }

    /// A condition that must be true, for which null is as good as false.
    fn condition(&mut self, leaves: &[RowId], condition: TermId) -> TermId {
        if !Rule::SemiJoins.is_on() {
            return condition;
        }
        let (within, negated) = match self.arena.term(condition) {
            Term::Unary { operator: rules::NOT, operand } => (*operand, true),
            _ => (condition, false),
        };
        let Term::Quantified { operator: rules::EQUAL, all: false, value, row, of, mut parameters } =
            self.arena.term(within).clone()
        else {
            return condition;
        };
        // `not` makes null of null, which `not exists` never is.
        let known = !negated
            || facts::not_null_over(self.arena, self.facts, leaves, value)
                && facts::not_null(self.arena, self.facts, row, of);
        if !known && !super::plant::overreaches(Rule::SemiJoins) {
            return condition;
        }
        let body = Finished { row, columns: vec![of] }.open();
        let (leaves, mut conditions, columns) = body.into_select(self.arena);
        let parameter = self.arena.add_term(Term::Parameter { index: parameters.len() });
        parameters.push(rules::narrow(self.arena, value));
        conditions.push(make(self.arena, Term::Binary { operator: rules::EQUAL, left: columns[0], right: parameter }));
        let space = Space::Select { leaves, conditions };
        let body = Relation { space, columns: Vec::new() }.finish(self.arena);
        let (row, _, parameters) = rewrite::close(self.arena, body.row, None, parameters);
        let exists = make(self.arena, Term::Exists { row, parameters });
        if negated { make(self.arena, Term::Unary { operator: rules::NOT, operand: exists }) } else { exists }
    }

    fn scan(&mut self, scan: &TableScan) -> Result<Relation> {
        if scan.fetch.is_some() {
            return unmodelled("a scan of some rows");
        }
        let schema = scan.source.schema();
        let (row, all) = if let Some(name) = sql::relation_of(&scan.source) {
            let Some(input) = (self.input)(self.arena, name) else { return unmodelled("an unknown relation") };
            let by_name: HashMap<&str, TermId> =
                input.columns.iter().map(|(name, term)| (name.as_str(), *term)).collect();
            let mut columns = Vec::new();
            for field in schema.fields() {
                match by_name.get(field.name().as_str()) {
                    Some(term) => columns.push(*term),
                    None => return unmodelled("a column that isn't declared"),
                }
            }
            (input.row, columns)
        } else {
            let row = if let Some((name, arguments)) = sql::table_function_of(&scan.source) {
                let arguments = self.expressions(arguments, &DFSchema::empty(), &[])?;
                self.arena.add_row(Row::Function { name: name.to_owned(), arguments })
            } else {
                let name = scan.table_name.table();
                let Some(depth) = self.recursions.iter().rev().position(|recursion| recursion == name) else {
                    return unmodelled("a table of the engine's own");
                };
                self.arena.add_row(Row::Work { level: depth })
            };
            let fields = schema.fields().iter().enumerate();
            let slots = fields.map(|(index, field)| {
                self.arena.add_term(Term::Slot { index, data_type: storage_type(field.data_type()) })
            });
            (row, slots.collect())
        };
        let columns = match &scan.projection {
            None => all,
            Some(projection) => projection.iter().map(|index| all[*index]).collect(),
        };
        let mut relation = Finished { row, columns }.open();
        for filter in &scan.filters {
            let (leaves, conditions, columns) = relation.into_select(self.arena);
            let condition = self.expression(filter, &scan.projected_schema, &columns)?;
            relation = Relation { space: self.filtered(leaves, conditions, condition), columns };
        }
        Ok(relation)
    }

    fn join(&mut self, join: &Join) -> Result<Relation> {
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
        Ok(conditions)
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
        let overreach = super::plant::overreaches(Rule::Lookups);
        if !overreach && !unique.iter().any(|key| key.iter().all(|term| inner.contains(term))) {
            return Ok(None);
        }
        let mut on: Vec<(TermId, TermId)> = pairs.iter().map(|(outer, _)| *outer).zip(inner).collect();
        on.sort_by_key(|(outer, inner)| (self.arena.term_digest(*inner), self.arena.term_digest(*outer)));
        on.dedup();
        let found = looked_up
            .columns
            .iter()
            .map(|of| make(self.arena, Term::Lookup { row: looked_up.row, on: on.clone(), of: *of }));
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
        let number = |arena: &mut Arena, index: usize| arena.add_term(Term::Parameter { index: index + shift });
        let mut moved = rewrite::Parameters::new(&number);
        let row = moved.row(self.arena, other.row);
        let columns = other.columns.iter().map(|column| moved.term(self.arena, *column)).collect();
        let mut parameters = kept.clone();
        for index in 0..most {
            parameters.push(self.arena.add_term(Term::Parameter { index }));
        }
        let (other_leaves, mut other_conditions, columns) = Finished { row, columns }.open().into_select(self.arena);
        let outer: Vec<TermId> = (0..kept.len()).map(|index| self.arena.add_term(Term::Parameter { index })).collect();
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

    fn aggregate(&mut self, aggregate: &Aggregate) -> Result<Relation> {
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
                let mut over = Finished { row: input.row, columns: keys };
                if aggregate.aggr_expr.is_empty() {
                    over = self.as_a_set(over);
                }
                let Finished { row, columns: keys } = over;
                let unique = facts::unique(self.arena, self.facts, row);
                let alone = unique.iter().any(|key| key.iter().all(|term| keys.contains(term)))
                    && plain.iter().all(|expression| is_exact(expression, schema));
                if Rule::DependentKeys.is_on() && aggregate.aggr_expr.is_empty() && !keys.is_empty() && alone {
                    // Each row is a group of its own.
                    return Ok(Finished { row, columns: keys }.open());
                }
                columns.extend(keys.iter().map(|key| self.arena.add_term(Term::Key(*key))));
                self.grouped(row, keys)
            }
        };
        for expression in &aggregate.aggr_expr {
            columns.push(self.aggregate_term(input.row, expression, schema, &input.columns)?);
        }
        Ok(Finished { row, columns }.open())
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
        if super::plant::overreaches(Rule::DependentKeys) {
            return keys[..1].to_vec();
        }
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
            if super::plant::overreaches(Rule::Keys) {
                terms.truncate(1);
            }
        }
        terms
    }

    fn union(&mut self, inputs: Vec<Finished>) -> Relation {
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
            let terms = if super::plant::overreaches(Rule::UnionOrder) {
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
                let reaches = super::plant::overreaches(Rule::NestedDistinct);
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

    /// The legs of a union; of anything else itself.
    fn legs(&mut self, input: Finished) -> Vec<Finished> {
        match self.arena.row(input.row).clone() {
            Row::Union(rows) if self.only_branches(&input.columns) => {
                let leg = |(number, row)| Finished { row, columns: self.of_leg(&input.columns, number) };
                rows.into_iter().enumerate().map(leg).collect()
            }
            _ => vec![input],
        }
    }

    /// Terms over a union as they are in one of its legs.
    fn of_leg(&mut self, columns: &[TermId], number: usize) -> Vec<TermId> {
        let mut done = HashMap::new();
        let columns = columns.iter().map(|column| {
            rewrite::atoms(self.arena, *column, &mut done, &mut |arena, atom| match arena.term(atom) {
                Term::Branch(legs) => legs[number],
                _ => atom,
            })
        });
        columns.collect()
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

    fn only_branches(&mut self, columns: &[TermId]) -> bool {
        let mut only = true;
        for column in columns {
            rewrite::atoms(self.arena, *column, &mut HashMap::new(), &mut |arena, atom| {
                only &= matches!(arena.term(atom), Term::Branch(_));
                atom
            });
        }
        only
    }

    fn limit(&mut self, limit: &Limit) -> Result<Relation> {
        let Converted { relation, order } = self.plan(&limit.input)?;
        let none = DFSchema::empty();
        let mut count = |expression: &Option<Box<Expr>>| match expression {
            Some(expression) => Ok(Some(self.expression(expression, &none, &[])?)),
            None => Ok(None),
        };
        let (skip, fetch) = (count(&limit.skip)?, count(&limit.fetch)?);
        let zero = self.number(0)?;
        let skip = skip.filter(|skip| *skip != zero);
        if skip.is_none() && fetch.is_none() {
            return Ok(relation);
        }
        self.limited(relation, order.unwrap_or_default(), skip, fetch)
    }

    fn limited(
        &mut self,
        relation: Relation,
        order: Vec<SortTerm>,
        skip: Option<TermId>,
        fetch: Option<TermId>,
    ) -> Result<Relation> {
        let terms = order.iter().map(|sort| sort.term).collect();
        let (input, terms) = relation.finish_with(self.arena, terms);
        let order: Vec<SortTerm> = order.iter().zip(terms).map(|(sort, term)| SortTerm { term, ..*sort }).collect();
        let unique = facts::unique(self.arena, self.facts, input.row);
        if order.is_empty() && !unique.iter().any(Vec::is_empty) {
            return unmodelled("`limit` without an order");
        }
        let order = self.total(input.row, &[], order);
        let row = self.arena.add_row(Row::Limit { input: input.row, order, skip, fetch });
        // What a window over the input sees isn't what one over the rows that are left would.
        let mut done = HashMap::new();
        let columns = input.columns.iter().map(|column| rewrite::lift(self.arena, *column, 0, &mut done)).collect();
        Ok(Finished { row, columns }.open())
    }

    /// An order without what comes behind a key: it decides nothing. `within` are terms that are equal among the rows that
    /// are put in order.
    pub(super) fn total(&mut self, row: RowId, within: &[TermId], order: Vec<SortTerm>) -> Vec<SortTerm> {
        let unique = facts::unique(self.arena, self.facts, row);
        let mut kept: Vec<SortTerm> = Vec::new();
        for sort in order {
            let known = |term: &TermId| within.contains(term) || kept.iter().any(|sort| sort.term == *term);
            if unique.iter().any(|key| key.iter().all(known)) {
                break;
            }
            if !known(&sort.term) && !rewrite::is_constant(self.arena, sort.term) {
                kept.push(sort);
            }
        }
        kept
    }

    pub(super) fn order(&mut self, order: &[SortExpr], schema: &DFSchema, columns: &[TermId]) -> Result<Vec<SortTerm>> {
        let term = |sort: &SortExpr| {
            let term = self.expression(&sort.expr, schema, columns)?;
            Ok(SortTerm { term, ascending: sort.asc, nulls_first: sort.nulls_first })
        };
        order.iter().map(term).collect()
    }

    fn unnest(&mut self, unnest: &Unnest) -> Result<Relation> {
        let input = self.plan(&unnest.input)?.relation.finish(self.arena);
        let mut lists = Vec::new();
        for (index, list) in &unnest.list_type_columns {
            lists.push((input.columns[*index], list.depth));
        }
        for index in &unnest.struct_type_columns {
            lists.push((input.columns[*index], 0));
        }
        let unnested = |index: usize| {
            unnest.list_type_columns.iter().any(|(list, _)| *list == index)
                || unnest.struct_type_columns.contains(&index)
        };
        // Depths stand with the lists; names of columns say nothing.
        let options = format!("preserve nulls {}", unnest.options.preserve_nulls());
        let mut columns = Vec::new();
        let mut nth = 0;
        for dependency in &unnest.dependency_indices {
            let of = input.columns[*dependency];
            if unnested(*dependency) {
                columns.push(self.arena.add_term(Term::Element { of, nth }));
                nth += 1;
            } else {
                columns.push(rewrite::lift(self.arena, of, 0, &mut HashMap::new()));
            }
        }
        let row = self.arena.add_row(Row::Unnest { input: input.row, lists, options });
        Ok(Finished { row, columns }.open())
    }

    fn recursive(&mut self, recursive: &RecursiveQuery) -> Result<Relation> {
        let start = self.plan(&recursive.static_term)?.relation.finish(self.arena);
        self.recursions.push(recursive.name.clone());
        let step = self.plan(&recursive.recursive_term);
        self.recursions.pop();
        let step = step?.relation.finish(self.arena);
        let fields = recursive.static_term.schema().fields().iter().enumerate();
        let columns = fields.map(|(index, field)| {
            self.arena.add_term(Term::Slot { index, data_type: storage_type(field.data_type()) })
        });
        let columns = columns.collect();
        let row = self.arena.add_row(Row::Recursive {
            start: start.row,
            first: start.columns,
            step: step.row,
            next: step.columns,
            distinct: recursive.is_distinct,
        });
        Ok(Finished { row, columns }.open())
    }

    /// A subquery in an expression whose own query has the given columns: its body, and what it takes from outside.
    pub(super) fn subquery(
        &mut self,
        plan: &LogicalPlan,
        schema: &DFSchema,
        columns: &[TermId],
    ) -> Result<(Finished, Vec<TermId>)> {
        self.frames.push(Frame { schema: schema.clone(), columns: columns.to_vec(), captured: Vec::new() });
        let body = self.plan(plan);
        let frame = self.frames.pop();
        let body = body?.relation.finish(self.arena);
        Ok((body, frame.map(|frame| frame.captured).unwrap_or_default()))
    }

    /// A column of a query around, as a parameter of the subquery at hand.
    pub(super) fn outer(&mut self, column: &datafusion::common::Column) -> Result<TermId> {
        let innermost = self.frames.len();
        self.outer_from(innermost, column)
    }

    fn outer_from(&mut self, level: usize, column: &datafusion::common::Column) -> Result<TermId> {
        let Some(frame) = level.checked_sub(1).and_then(|index| self.frames.get(index)) else {
            return unmodelled("a column of no query around");
        };
        let term = match frame.schema.maybe_index_of_column(column) {
            Some(index) => frame.columns[index],
            None => self.outer_from(level - 1, column)?,
        };
        let frame = &mut self.frames[level - 1];
        let index = frame.captured.iter().position(|other| *other == term).unwrap_or_else(|| {
            frame.captured.push(term);
            frame.captured.len() - 1
        });
        Ok(self.arena.add_term(Term::Parameter { index }))
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

/// Whether values of an expression are equal only where they are the same: not so for floats, with zeros of two signs.
pub(super) fn is_exact(expression: &Expr, schema: &DFSchema) -> bool {
    expression.get_type(schema).is_ok_and(|data_type| is_exact_type(&data_type))
}

/// Whether an expression's values are rows, lists or maps, or may be.
pub(super) fn is_nested(expression: &Expr, schema: &DFSchema) -> bool {
    expression.get_type(schema).map_or(true, |data_type| data_type.is_nested())
}

fn is_exact_type(data_type: &crate::sql::DataType) -> bool {
    !data_type.is_floating() && !data_type.is_nested()
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
