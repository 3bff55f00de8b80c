//! Which columns tell the rows of a plan apart, and which follow from others.
//!
//! ```text
//!   t(id, day, amount), key (id)     order by day, id          tells all rows apart: nothing is open
//!                                    order by day, amount      may leave rows equal that differ in id
//!   select day, sum(amount) … group by day                     day tells all rows apart
//!   select day, amount * 2 as double … order by amount         double follows from amount
//! ```
//!
//! Two values are equal here if both are null or both are the same: the equality of sorting and grouping. What isn't
//! proved counts as open, so that each rule only has to be right, not complete.

use crate::name::RelationName;
use crate::sql::LogicalPlan;
use crate::sql::relation_of;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::DFSchema;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::logical_plan::TableScan;
use datafusion::logical_expr::utils::split_conjunction;
use datafusion::logical_expr::{
    Aggregate, BinaryExpr, Distinct, DistinctOn, Expr, FetchType, Join, JoinType, Operator, Volatility, Window,
};
use std::collections::{BTreeMap, BTreeSet};

/// Columns of a plan, by their index in its output.
pub(super) type Columns = BTreeSet<usize>;

/// The columns of a relation's verified key; nothing for a relation without one.
pub(super) type Keys<'a> = &'a dyn Fn(&RelationName) -> Vec<String>;

/// How many sets of unique columns are kept for one plan.
const MAX_UNIQUE: usize = 8;

/// How deep plans are looked into. Deeper ones lose facts, nothing else.
const MAX_DEPTH: usize = 200;

/// What is known of the rows of a plan, whatever the data.
#[derive(Clone, Default, Debug)]
pub(super) struct Facts {
    width: usize,
    /// No two rows are equal in all columns of one of these sets. The empty set: there is at most one row.
    unique: Vec<Columns>,
    /// Rows that are equal in the columns on the left are equal in those on the right.
    rules: Vec<(Columns, Columns)>,
}

impl Facts {
    pub fn of(plan: &LogicalPlan, keys: Keys) -> Facts {
        of(plan, keys, MAX_DEPTH)
    }

    /// The columns in which rows are equal that are equal in `columns`. All of them, if these tell rows apart.
    pub fn determined(&self, columns: &Columns) -> Columns {
        let mut known = columns.clone();
        loop {
            if self.unique.iter().any(|unique| unique.is_subset(&known)) {
                return (0..self.width).collect();
            }
            let before = known.len();
            for (from, to) in &self.rules {
                if from.is_subset(&known) {
                    known.extend(to);
                }
            }
            if known.len() == before {
                return known;
            }
        }
    }

    fn one_row() -> Facts {
        Facts { unique: vec![Columns::new()], ..Facts::default() }
    }

    /// The set without columns that follow from the others, taken away in the given order.
    fn shrunk<'c>(&self, columns: &Columns, order: impl Iterator<Item = &'c usize>) -> Columns {
        let mut least = columns.clone();
        for column in order {
            least.remove(column);
            if !self.determined(&least).contains(column) {
                least.insert(*column);
            }
        }
        least
    }

    /// Brings the unique sets to their least forms, each once.
    fn tidy(&mut self) {
        let found = std::mem::take(&mut self.unique);
        let mut kept: Vec<Columns> = Vec::new();
        // Each may shrink by what the others say.
        let all = Facts { width: self.width, unique: found.clone(), rules: self.rules.clone() };
        for columns in &found {
            for least in [all.shrunk(columns, columns.iter().rev()), all.shrunk(columns, columns.iter())] {
                if kept.len() < MAX_UNIQUE && !kept.contains(&least) {
                    kept.push(least);
                }
            }
        }
        self.unique = kept;
    }

    /// The facts about an output of expressions over these rows.
    fn projected(&self, exprs: &[Expr], schema: &DFSchema) -> Facts {
        // A column of the input → the first expression that is that column.
        let mut outputs: BTreeMap<usize, usize> = BTreeMap::new();
        for (index, expr) in exprs.iter().enumerate() {
            if let Some(column) = column_of(expr, schema) {
                outputs.entry(column).or_insert(index);
            }
        }
        let mapped = |columns: &Columns| -> Option<Columns> {
            columns.iter().map(|column| outputs.get(column).copied()).collect()
        };
        let mut facts = Facts { width: exprs.len(), ..Facts::default() };
        facts.unique.extend(self.unique.iter().filter_map(&mapped));
        for (from, to) in &self.rules {
            let to: Columns = to.iter().filter_map(|column| outputs.get(column).copied()).collect();
            if let Some(from) = mapped(from)
                && !to.is_subset(&from)
            {
                facts.rules.push((from, to));
            }
        }
        for (index, expr) in exprs.iter().enumerate() {
            if let Some(from) = sources(expr, schema).and_then(|from| mapped(&from))
                && !from.contains(&index)
            {
                facts.rules.push((from, Columns::from([index])));
            }
        }
        facts
    }

    /// The facts as rules alone, for rows that may occur several times or beside others.
    fn rules_at(&self, offset: usize) -> Vec<(Columns, Columns)> {
        let shifted = |columns: &Columns| columns.iter().map(|column| column + offset).collect::<Columns>();
        let all: Columns = (offset..offset + self.width).collect();
        let unique = self.unique.iter().map(|unique| (shifted(unique), all.clone()));
        unique.chain(self.rules.iter().map(|(from, to)| (shifted(from), shifted(to)))).collect()
    }

    fn unique_at(&self, offset: usize) -> Vec<Columns> {
        self.unique.iter().map(|unique| unique.iter().map(|column| column + offset).collect()).collect()
    }
}

fn of(plan: &LogicalPlan, keys: Keys, depth: usize) -> Facts {
    let width = plan.schema().fields().len();
    let Some(depth) = depth.checked_sub(1) else { return Facts { width, ..Facts::default() } };
    let mut facts = match plan {
        LogicalPlan::Projection(projection) => {
            of(&projection.input, keys, depth).projected(&projection.expr, projection.input.schema())
        }
        LogicalPlan::Filter(filter) => {
            let mut facts = of(&filter.input, keys, depth);
            facts.rules.extend(equalities(&filter.predicate, filter.input.schema()));
            facts
        }
        LogicalPlan::Sort(sort) => of(&sort.input, keys, depth),
        LogicalPlan::Repartition(repartition) => of(&repartition.input, keys, depth),
        LogicalPlan::SubqueryAlias(alias) => of(&alias.input, keys, depth),
        LogicalPlan::Limit(limit) => {
            let mut facts = of(&limit.input, keys, depth);
            if matches!(limit.get_fetch_type(), Ok(FetchType::Literal(Some(0 | 1)))) {
                facts.unique = vec![Columns::new()];
            }
            facts
        }
        LogicalPlan::Window(window) => windowed(window, keys, depth),
        LogicalPlan::Aggregate(aggregate) => grouped(aggregate, keys, depth),
        LogicalPlan::Join(join) => joined(join, keys, depth),
        LogicalPlan::TableScan(scan) => scanned(scan, keys),
        LogicalPlan::EmptyRelation(_) => Facts::one_row(),
        LogicalPlan::Values(values) if values.values.len() <= 1 => Facts::one_row(),
        LogicalPlan::Distinct(Distinct::All(input)) => {
            let mut facts = of(input, keys, depth);
            facts.unique.push((0..width).collect());
            facts
        }
        LogicalPlan::Distinct(Distinct::On(on)) => distinct_on(on, keys, depth),
        // A subquery among joined relations is evaluated once for each row of another: nothing is known of all rows.
        LogicalPlan::Subquery(_)
        | LogicalPlan::Values(_)
        | LogicalPlan::Union(_)
        | LogicalPlan::Unnest(_)
        | LogicalPlan::RecursiveQuery(_)
        | LogicalPlan::Statement(_)
        | LogicalPlan::Explain(_)
        | LogicalPlan::Analyze(_)
        | LogicalPlan::Extension(_)
        | LogicalPlan::Dml(_)
        | LogicalPlan::Ddl(_)
        | LogicalPlan::Copy(_)
        | LogicalPlan::DescribeTable(_) => Facts::default(),
    };
    facts.width = width;
    for (index, field) in plan.schema().fields().iter().enumerate() {
        if field.data_type() == &DataType::Null {
            facts.rules.push((Columns::new(), Columns::from([index])));
        }
    }
    facts.tidy();
    facts
}

/// A verified key, whose columns are never null.
fn scanned(scan: &TableScan, keys: Keys) -> Facts {
    let key = relation_of(&scan.source).map(keys).unwrap_or_default();
    let fields = scan.projected_schema.fields();
    let position = |name: &String| fields.iter().position(|field| field.name() == name);
    let unique: Option<Columns> = key.iter().map(position).collect();
    Facts { unique: unique.filter(|unique| !unique.is_empty()).into_iter().collect(), ..Facts::default() }
}

fn windowed(window: &Window, keys: Keys, depth: usize) -> Facts {
    let mut facts = of(&window.input, keys, depth);
    let schema = window.input.schema();
    for (index, expr) in window.window_expr.iter().enumerate() {
        let Expr::WindowFunction(call) = bare(expr) else { continue };
        let partition: Option<Columns> = call.params.partition_by.iter().map(|expr| column_of(expr, schema)).collect();
        // Ties or not, no two rows of a partition have the same number.
        if let Some(mut columns) = partition.filter(|_| call.fun.name() == "row_number") {
            columns.insert(facts.width + index);
            facts.unique.push(columns);
        }
    }
    facts
}

fn grouped(aggregate: &Aggregate, keys: Keys, depth: usize) -> Facts {
    // With grouping sets a column is null in the groups that it isn't part of.
    if aggregate.group_expr.iter().any(|expr| matches!(expr, Expr::GroupingSet(_))) {
        return Facts::default();
    }
    let input = of(&aggregate.input, keys, depth);
    let mut facts = input.projected(&aggregate.group_expr, aggregate.input.schema());
    facts.unique.push((0..aggregate.group_expr.len()).collect());
    facts
}

fn distinct_on(on: &DistinctOn, keys: Keys, depth: usize) -> Facts {
    let mut facts = of(&on.input, keys, depth).projected(&on.select_expr, on.input.schema());
    let position = |expr: &Expr| on.select_expr.iter().position(|other| bare(other) == bare(expr));
    facts.unique.extend(on.on_expr.iter().map(position).collect::<Option<Columns>>());
    facts
}

fn joined(join: &Join, keys: Keys, depth: usize) -> Facts {
    let side = |plan: &LogicalPlan| of(plan, keys, depth);
    match join.join_type {
        JoinType::LeftSemi | JoinType::LeftAnti | JoinType::LeftMark => side(&join.left),
        JoinType::RightSemi | JoinType::RightAnti => side(&join.right),
        // Rows of either side may stand beside nulls, and the columns of a mark have no fixed place.
        JoinType::Full | JoinType::RightMark => Facts::default(),
        JoinType::Inner => inner(join, &side(&join.left), &side(&join.right)),
        JoinType::Left => {
            let (left, right) = (side(&join.left), side(&join.right));
            let kept = Side { facts: &left, offset: 0, schema: join.left.schema() };
            let padded = Side { facts: &right, offset: left.width, schema: join.right.schema() };
            outer(join, kept, padded)
        }
        JoinType::Right => {
            let (left, right) = (side(&join.left), side(&join.right));
            let kept = Side { facts: &right, offset: left.width, schema: join.right.schema() };
            let padded = Side { facts: &left, offset: 0, schema: join.left.schema() };
            outer(join, kept, padded)
        }
    }
}

/// One side of a join, and where its columns stand in the result.
struct Side<'a> {
    facts: &'a Facts,
    offset: usize,
    schema: &'a DFSchema,
}

impl Side<'_> {
    fn columns(&self) -> Columns {
        (self.offset..self.offset + self.facts.width).collect()
    }

    /// Rules that still hold if rows of nulls are added: a set that says which row it is mustn't be null.
    fn rules_beside_nulls(&self) -> Vec<(Columns, Columns)> {
        let mut rules = self.facts.rules_at(self.offset);
        let fields = self.schema.fields();
        let not_null = |column: &usize| fields.get(*column - self.offset).is_some_and(|field| !field.is_nullable());
        rules.retain(|(from, _)| from.iter().any(not_null));
        rules
    }
}

fn inner(join: &Join, left: &Facts, right: &Facts) -> Facts {
    let unique = pairs(&left.unique_at(0), &right.unique_at(left.width));
    let mut rules = left.rules_at(0);
    rules.extend(right.rules_at(left.width));
    rules.extend(conditions(join));
    Facts { width: left.width + right.width, unique, rules }
}

/// A left or right join: each row of `kept` stands beside its matches in `padded`, or beside nulls.
fn outer(join: &Join, kept: Side, padded: Side) -> Facts {
    let width = kept.facts.width + padded.facts.width;
    let kept_unique = kept.facts.unique_at(kept.offset);
    let padded_unique = padded.facts.unique_at(padded.offset);
    // What a row of `kept` says of its matches.
    let mut rules = kept.facts.rules_at(kept.offset);
    rules.extend(padded.facts.rules_at(padded.offset));
    rules.extend(conditions(join));
    let matches = Facts { width, unique: Vec::new(), rules }.determined(&kept.columns());
    let one_match = padded_unique.iter().any(|unique| unique.is_subset(&matches));

    let mut rules = kept.facts.rules_at(kept.offset);
    rules.extend(padded.rules_beside_nulls());
    let unique = if one_match {
        rules.push((kept.columns(), padded.columns()));
        kept_unique
    } else {
        pairs(&kept_unique, &padded_unique)
    };
    Facts { width, unique, rules }
}

/// The unions of one set of each.
fn pairs(left: &[Columns], right: &[Columns]) -> Vec<Columns> {
    let pairs = left.iter().flat_map(|left| right.iter().map(move |right| left | right));
    pairs.take(MAX_UNIQUE).collect()
}

/// What a join's condition says of rows that fulfil it.
fn conditions(join: &Join) -> Vec<(Columns, Columns)> {
    let schema: &DFSchema = &join.schema;
    let on = join.on.iter().flat_map(|(left, right)| equal(left, right, schema));
    let filter = join.filter.iter().flat_map(|filter| equalities(filter, schema));
    on.chain(filter).collect()
}

/// What a condition says of rows that fulfil it: `a = b` that each follows from the other, `a = 1` that `a` is the same
/// in all.
fn equalities(condition: &Expr, schema: &DFSchema) -> Vec<(Columns, Columns)> {
    let mut rules = Vec::new();
    for part in split_conjunction(condition) {
        if let Expr::BinaryExpr(BinaryExpr { left, op: Operator::Eq, right }) = part {
            rules.extend(equal(left, right, schema));
        }
    }
    rules
}

fn equal(left: &Expr, right: &Expr, schema: &DFSchema) -> Vec<(Columns, Columns)> {
    let follows = |column: &Expr, from: &Expr| {
        let index = column_of(column, schema).filter(|index| is_exact(schema.field(*index).data_type()))?;
        Some((sources(from, schema)?, Columns::from([index])))
    };
    [follows(left, right), follows(right, left)].into_iter().flatten().collect()
}

/// Types whose values are equal only if they are the same. Floats aren't: zero has two signs.
fn is_exact(data_type: &DataType) -> bool {
    data_type.is_integer()
        || matches!(
            data_type,
            DataType::Boolean
                | DataType::Utf8
                | DataType::LargeUtf8
                | DataType::Utf8View
                | DataType::Binary
                | DataType::LargeBinary
                | DataType::BinaryView
                | DataType::FixedSizeBinary(_)
                | DataType::Date32
                | DataType::Date64
                | DataType::Time32(_)
                | DataType::Time64(_)
                | DataType::Timestamp(..)
                | DataType::Decimal32(..)
                | DataType::Decimal64(..)
                | DataType::Decimal128(..)
                | DataType::Decimal256(..)
        )
}

/// Every column.
pub(super) fn all(schema: &DFSchema) -> Columns {
    (0..schema.fields().len()).collect()
}

/// The columns among the expressions.
pub(super) fn columns_of<'e>(exprs: impl IntoIterator<Item = &'e Expr>, schema: &DFSchema) -> Columns {
    exprs.into_iter().filter_map(|expr| column_of(expr, schema)).collect()
}

/// The columns among the expressions whose values are the same in a group.
pub(super) fn exact_columns_of<'e>(exprs: impl IntoIterator<Item = &'e Expr>, schema: &DFSchema) -> Columns {
    let mut columns = columns_of(exprs, schema);
    columns.retain(|index| is_exact(schema.field(*index).data_type()));
    columns
}

/// The columns that the expressions are computed from; every column where that isn't known.
pub(super) fn sources_of<'e>(exprs: impl IntoIterator<Item = &'e Expr>, schema: &DFSchema) -> Columns {
    let sets: Option<Vec<Columns>> = exprs.into_iter().map(|expr| sources(expr, schema)).collect();
    sets.map_or_else(|| all(schema), |sets| sets.into_iter().flatten().collect())
}

/// The expression below its aliases.
pub(super) fn bare(expr: &Expr) -> &Expr {
    let mut expr = expr;
    while let Expr::Alias(alias) = expr {
        expr = &alias.expr;
    }
    expr
}

/// The column that an expression is.
fn column_of(expr: &Expr, schema: &DFSchema) -> Option<usize> {
    let Expr::Column(column) = bare(expr) else { return None };
    schema.maybe_index_of_column(column)
}

/// The columns of a row that an expression is computed from; `None` if other things may enter.
#[expect(deprecated, reason = "a wildcard is still a variant")]
fn sources(expr: &Expr, schema: &DFSchema) -> Option<Columns> {
    let mut columns = Columns::new();
    let mut known = true;
    let walked = expr.apply(|part| {
        known &= match part {
            Expr::Column(column) => {
                let index = schema.maybe_index_of_column(column);
                columns.extend(index);
                index.is_some()
            }
            Expr::ScalarFunction(call) => call.func.signature().volatility != Volatility::Volatile,
            // A column of an outer query is the same in all rows of this one.
            Expr::OuterReferenceColumn(..)
            | Expr::Alias(_)
            | Expr::Literal(..)
            | Expr::BinaryExpr(_)
            | Expr::Like(_)
            | Expr::SimilarTo(_)
            | Expr::Not(_)
            | Expr::IsNotNull(_)
            | Expr::IsNull(_)
            | Expr::IsTrue(_)
            | Expr::IsFalse(_)
            | Expr::IsUnknown(_)
            | Expr::IsNotTrue(_)
            | Expr::IsNotFalse(_)
            | Expr::IsNotUnknown(_)
            | Expr::Negative(_)
            | Expr::Between(_)
            | Expr::Case(_)
            | Expr::Cast(_)
            | Expr::TryCast(_)
            | Expr::InList(_) => true,
            Expr::ScalarVariable(..)
            | Expr::AggregateFunction(_)
            | Expr::WindowFunction(_)
            | Expr::Exists(_)
            | Expr::InSubquery(_)
            | Expr::SetComparison(_)
            | Expr::ScalarSubquery(_)
            | Expr::Wildcard { .. }
            | Expr::GroupingSet(_)
            | Expr::Placeholder(_)
            | Expr::Unnest(_)
            | Expr::HigherOrderFunction(_)
            | Expr::Lambda(_)
            | Expr::LambdaVariable(_) => false,
        };
        Ok(if known { TreeNodeRecursion::Continue } else { TreeNodeRecursion::Stop })
    });
    (walked.is_ok() && known).then_some(columns)
}
