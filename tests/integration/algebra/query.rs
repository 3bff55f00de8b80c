//! Random queries as values: a table and steps, each over the result of the one before. Steps can be swapped, left out
//! and changed, which gives the queries that a careless normalisation would take for the same.

/// Types, as far as they matter to what fits where.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    Int,
    /// Compared by order and put into groups only: what a sum of floats is depends on the engine's settings.
    Float,
    Text,
    Bool,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Column {
    pub name: String,
    pub kind: Kind,
}

#[derive(Clone, PartialEq, Debug)]
pub enum Expr {
    Column(String),
    Int(i64),
    Text(&'static str),
    Math(&'static str, Box<Expr>, Box<Expr>),
    Compare(&'static str, Box<Expr>, Box<Expr>),
    /// `and`, `or`.
    Both(&'static str, Box<Expr>, Box<Expr>),
    Not(Box<Expr>),
    IsNull(Box<Expr>),
    Between(Box<Expr>, i64, i64),
    In(Box<Expr>, Vec<Expr>),
    Like(Box<Expr>, &'static str),
    Case(Vec<(Expr, Expr)>, Box<Expr>),
    /// `case value when …`.
    Choice(Box<Expr>, Vec<(Expr, Expr)>, Box<Expr>),
    Coalesce(Box<Expr>, Box<Expr>),
}

/// A table, whose columns get the instance's number behind their names, and what is done with it.
#[derive(Clone, PartialEq, Debug)]
pub struct Pipeline {
    pub table: &'static str,
    pub instance: usize,
    pub steps: Vec<Step>,
}

#[derive(Clone, PartialEq, Debug)]
pub enum Step {
    Where(Vec<Expr>),
    Extend(String, Expr),
    Window(String, Window),
    Join(Join),
    Semi(Semi),
    Group(Vec<String>, Vec<(String, Aggregate)>),
    Distinct,
    Keep(Vec<String>),
    Limit(Limit),
    /// `all` or not, and the other leg.
    Union(bool, Box<Pipeline>),
}

/// `row_number` and `lag` get an order by all columns behind the given one.
#[derive(Clone, PartialEq, Debug)]
pub struct Window {
    pub function: &'static str,
    pub argument: String,
    pub partition: Vec<String>,
    pub order: Option<(String, bool)>,
}

#[derive(Clone, PartialEq, Debug)]
pub struct Join {
    pub kind: &'static str,
    pub table: &'static str,
    pub instance: usize,
    pub on: Vec<(String, &'static str)>,
    /// A lower bound of a column of the table, below the join.
    pub above: Option<(&'static str, i64)>,
}

#[derive(Clone, PartialEq, Debug)]
pub struct Semi {
    pub negated: bool,
    /// `in` instead of `exists`.
    pub listed: bool,
    pub outer: String,
    pub table: &'static str,
    pub inner: &'static str,
    pub above: Option<(&'static str, i64)>,
}

#[derive(Clone, PartialEq, Debug)]
pub struct Aggregate {
    pub function: &'static str,
    pub distinct: bool,
    /// All rows are counted without one.
    pub argument: Option<String>,
    pub filter: Option<Expr>,
}

/// Orders by a column, descending or not and with nulls first or not, then by all others.
#[derive(Clone, PartialEq, Debug)]
pub struct Limit {
    pub order: (String, bool, bool),
    pub skip: usize,
    pub fetch: usize,
}

/// The columns of a source that random queries use.
pub fn table_columns(table: &str) -> &'static [(&'static str, Kind)] {
    match table {
        "t" => &[("k", Kind::Int), ("a", Kind::Int), ("b", Kind::Int), ("f", Kind::Float), ("s", Kind::Text)],
        "u" => &[("id", Kind::Int), ("k", Kind::Int), ("v", Kind::Int), ("s", Kind::Text)],
        _ => &[("a", Kind::Int), ("b", Kind::Int)],
    }
}

fn instance_columns(table: &str, instance: usize) -> Vec<Column> {
    let column = |(name, kind): &(&str, Kind)| Column { name: format!("{name}_{instance}"), kind: *kind };
    table_columns(table).iter().map(column).collect()
}

/// Wider results say nothing more.
const MOST_COLUMNS: usize = 14;

impl Pipeline {
    /// The result's columns; `None` where a step doesn't fit what it is given.
    pub fn columns(&self) -> Option<Vec<Column>> {
        self.columns_before(self.steps.len())
    }

    /// The columns that the step of this number is given.
    pub fn columns_before(&self, step: usize) -> Option<Vec<Column>> {
        let first = instance_columns(self.table, self.instance);
        self.steps[..step].iter().try_fold(first, |columns, step| step.apply(columns))
    }
}

impl Step {
    fn apply(&self, mut columns: Vec<Column>) -> Option<Vec<Column>> {
        let is = |name: &str, kinds: &[Kind]| kind_of(&columns, name).is_some_and(|kind| kinds.contains(&kind));
        let known = |name: &String| kind_of(&columns, name).is_some();
        let fits = match self {
            Step::Where(conditions) => {
                let condition = |condition: &Expr| condition.kind(&columns) == Some(Kind::Bool);
                conditions.iter().all(condition) && !conditions.is_empty()
            }
            Step::Extend(name, expr) => !known(name) && expr.kind(&columns).is_some(),
            Step::Window(name, window) => {
                let order = window.order.as_ref().is_none_or(|(column, _)| known(column));
                !known(name) && is(&window.argument, &[Kind::Int]) && window.partition.iter().all(known) && order
            }
            Step::Join(join) => join.on.iter().all(|(column, _)| is(column, &[Kind::Int])) && !join.on.is_empty(),
            Step::Semi(semi) => is(&semi.outer, &[Kind::Int]),
            Step::Group(keys, aggregates) => {
                let argument = |aggregate: &Aggregate| match (&aggregate.argument, aggregate.function) {
                    (None, function) => function == "count",
                    (Some(column), "count") => known(column),
                    (Some(column), "sum") => is(column, &[Kind::Int]),
                    (Some(column), _) => is(column, &[Kind::Int, Kind::Text]),
                };
                let filter = |aggregate: &Aggregate| {
                    aggregate.filter.as_ref().is_none_or(|filter| filter.kind(&columns) == Some(Kind::Bool))
                };
                let all = |(name, aggregate): &(String, Aggregate)| {
                    !keys.contains(name) && argument(aggregate) && filter(aggregate)
                };
                keys.iter().all(known) && aggregates.iter().all(all) && keys.len() + aggregates.len() > 0
            }
            Step::Distinct => true,
            Step::Keep(names) => names.iter().all(known) && !names.is_empty(),
            Step::Limit(limit) => known(&limit.order.0),
            Step::Union(_, other) => other.columns().is_some_and(|others| {
                let kinds = |columns: &[Column]| columns.iter().map(|column| column.kind).collect::<Vec<_>>();
                kinds(&others) == kinds(&columns)
            }),
        };
        if !fits {
            return None;
        }
        match self {
            Step::Extend(name, expr) => {
                let kind = expr.kind(&columns)?;
                columns.push(Column { name: name.clone(), kind });
            }
            Step::Window(name, _) => columns.push(Column { name: name.clone(), kind: Kind::Int }),
            Step::Join(join) => columns.extend(instance_columns(join.table, join.instance)),
            Step::Group(keys, aggregates) => {
                let key = |name: &String| Some(Column { name: name.clone(), kind: kind_of(&columns, name)? });
                let mut grouped = keys.iter().map(key).collect::<Option<Vec<_>>>()?;
                for (name, aggregate) in aggregates {
                    let argument = aggregate.argument.as_ref().filter(|_| aggregate.function != "count");
                    let kind = argument.map_or(Some(Kind::Int), |column| kind_of(&columns, column))?;
                    grouped.push(Column { name: name.clone(), kind });
                }
                columns = grouped;
            }
            Step::Keep(names) => {
                let keep = |name: &String| Some(Column { name: name.clone(), kind: kind_of(&columns, name)? });
                columns = names.iter().map(keep).collect::<Option<Vec<_>>>()?;
            }
            Step::Where(_) | Step::Semi(_) | Step::Distinct | Step::Limit(_) | Step::Union(..) => {}
        }
        let mut names: Vec<&String> = columns.iter().map(|column| &column.name).collect();
        names.sort_unstable();
        let unique = names.windows(2).all(|pair| pair[0] != pair[1]);
        (unique && columns.len() <= MOST_COLUMNS).then_some(columns)
    }
}

fn kind_of(columns: &[Column], name: &str) -> Option<Kind> {
    columns.iter().find(|column| column.name == name).map(|column| column.kind)
}

impl Expr {
    /// Whether it looks at no column.
    pub fn is_constant(&self) -> bool {
        let branch = |(when, then): &(Expr, Expr)| when.is_constant() && then.is_constant();
        match self {
            Expr::Column(_) => false,
            Expr::Int(_) | Expr::Text(_) => true,
            Expr::Math(_, left, right)
            | Expr::Compare(_, left, right)
            | Expr::Both(_, left, right)
            | Expr::Coalesce(left, right) => left.is_constant() && right.is_constant(),
            Expr::Not(of) | Expr::IsNull(of) | Expr::Between(of, _, _) | Expr::Like(of, _) => of.is_constant(),
            Expr::In(of, items) => of.is_constant() && items.iter().all(Expr::is_constant),
            Expr::Case(branches, otherwise) => branches.iter().all(branch) && otherwise.is_constant(),
            Expr::Choice(value, branches, otherwise) => {
                value.is_constant() && branches.iter().all(branch) && otherwise.is_constant()
            }
        }
    }

    /// What it gives over these columns; `None` where it doesn't fit them.
    pub fn kind(&self, columns: &[Column]) -> Option<Kind> {
        let is = |expr: &Expr, kind: Kind| expr.kind(columns) == Some(kind);
        let found = |fits: bool, kind: Kind| fits.then_some(kind);
        match self {
            Expr::Column(name) => kind_of(columns, name),
            Expr::Int(_) => Some(Kind::Int),
            Expr::Text(_) => Some(Kind::Text),
            Expr::Math(_, left, right) | Expr::Coalesce(left, right) => {
                found(is(left, Kind::Int) && is(right, Kind::Int), Kind::Int)
            }
            Expr::Compare(operator, left, right) => {
                let (left, right) = (left.kind(columns)?, right.kind(columns)?);
                // Zeros of both signs are equal here and not there.
                let ordered = !matches!(*operator, "=" | "<>");
                let numbers = [Kind::Int, Kind::Float];
                let both = numbers.contains(&left) && numbers.contains(&right) && ordered;
                found(both || left == right && left != Kind::Float && left != Kind::Bool, Kind::Bool)
            }
            Expr::Both(_, left, right) => found(is(left, Kind::Bool) && is(right, Kind::Bool), Kind::Bool),
            Expr::Not(of) => found(is(of, Kind::Bool), Kind::Bool),
            Expr::IsNull(of) => of.kind(columns).map(|_| Kind::Bool),
            Expr::Between(of, _, _) => found(is(of, Kind::Int) || is(of, Kind::Float), Kind::Bool),
            Expr::In(of, items) => {
                let kind = of.kind(columns).filter(|kind| matches!(kind, Kind::Int | Kind::Text))?;
                found(items.iter().all(|item| is(item, kind)) && !items.is_empty(), Kind::Bool)
            }
            Expr::Like(of, _) => found(is(of, Kind::Text), Kind::Bool),
            Expr::Case(branches, otherwise) => {
                let kind = otherwise.kind(columns)?;
                let fits = |(when, then): &(Expr, Expr)| is(when, Kind::Bool) && is(then, kind);
                found(branches.iter().all(fits) && !branches.is_empty(), kind)
            }
            Expr::Choice(value, branches, otherwise) => {
                let of = value.kind(columns).filter(|kind| matches!(kind, Kind::Int | Kind::Text))?;
                let kind = otherwise.kind(columns)?;
                let fits = |(when, then): &(Expr, Expr)| is(when, of) && is(then, kind);
                found(branches.iter().all(fits) && !branches.is_empty(), kind)
            }
        }
    }
}
