//! An analysed plan → a row space and a term for each column.
//!
//! Every variant of the engine's plan is named here; a new one must not slip through. What can't be modelled ends the
//! conversion, and the whole query is then opaque.

mod expression;
mod group;
mod join;
mod limit;
mod union;

use super::facts::{self, Facts};
use super::node::{Arena, Row, RowId, SortTerm, Term, TermId};
use super::rewrite;
use super::rules::{self, Rule, make};
use super::space::{Finished, Relation, Space};
use crate::name::RelationName;
use crate::sql::types::storage_type;
use crate::sql::{self, LogicalPlan};
use datafusion::common::DFSchema;
use datafusion::logical_expr::logical_plan::{Distinct, RecursiveQuery, TableScan, Unnest};
use datafusion::logical_expr::{Expr, ExprSchemable};
use std::collections::HashMap;

/// What has no model, in the engine's words.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Unmodelled(pub String);

/// What a query reads: row space and columns by name.
#[derive(Clone, Debug)]
pub struct Input {
    pub row: RowId,
    pub columns: Vec<(String, TermId)>,
}

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
    nesting: usize,
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

fn unmodelled<T>(what: &str) -> Result<T> {
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
            LogicalPlan::Distinct(Distinct::All(input)) => Ok(self.distinct(input, plan.schema())?.into()),
            LogicalPlan::Distinct(Distinct::On(distinct)) => Ok(self.distinct_on(distinct)?.into()),
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
        let value = rules::narrow(self.arena, value);
        let bits = rules::bits_of(self.arena, value);
        let parameter = self.arena.add_term(Term::Parameter { index: parameters.len(), bits });
        parameters.push(value);
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
    fn subquery(
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
    fn outer(&mut self, column: &datafusion::common::Column) -> Result<TermId> {
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
        let bits = rules::bits_of(self.arena, term);
        Ok(self.arena.add_term(Term::Parameter { index, bits }))
    }
}

/// Whether values of an expression are equal only where they are the same: not so for floats, with zeros of two signs.
fn is_exact(expression: &Expr, schema: &DFSchema) -> bool {
    expression.get_type(schema).is_ok_and(|data_type| is_exact_type(&data_type))
}

/// Whether an expression's values are rows, lists or maps, or may be.
fn is_nested(expression: &Expr, schema: &DFSchema) -> bool {
    expression.get_type(schema).map_or(true, |data_type| data_type.is_nested())
}

fn is_exact_type(data_type: &crate::sql::DataType) -> bool {
    !data_type.is_floating() && !data_type.is_nested()
}
