//! The queries that the fuzzer writes: a small SQL, each form of which `print` writes as text.

use super::project::Kind;
use icepie::name::RelationName;

#[derive(Clone, PartialEq, Debug)]
pub struct Query {
    pub ctes: Vec<Cte>,
    /// One `select`, or several under one set operation; all have the same names of items.
    pub legs: Vec<Select>,
    pub set: SetOperation,
    /// Covers all columns of the result where there is a limit, so that SQL leaves no choice open.
    pub order: Vec<OrderKey>,
    pub limit: Option<u32>,
}

#[derive(Clone, PartialEq, Debug)]
pub struct Cte {
    pub name: String,
    pub query: Query,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SetOperation {
    UnionAll,
    Union,
    Intersect,
    Except,
}

#[derive(Clone, PartialEq, Debug)]
pub struct Select {
    pub distinct: bool,
    /// Empty for `select *`, which has one table and no joins.
    pub items: Vec<Item>,
    pub from: Table,
    pub joins: Vec<Join>,
    /// Conjuncts of `where`.
    pub filter: Vec<Expr>,
    pub group: Group,
    /// Grouped by, but no column of the result.
    pub hidden_keys: Vec<Expr>,
    /// Conjuncts of `having`.
    pub having: Vec<Expr>,
}

#[derive(Clone, PartialEq, Debug)]
pub struct Item {
    pub name: String,
    pub kind: Kind,
    pub expr: Expr,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Group {
    None,
    /// By each item that holds no aggregate.
    Keys,
    /// The same, written `group by all`.
    All,
}

/// Aliases are unique in a slice's whole query.
#[derive(Clone, PartialEq, Debug)]
pub struct Table {
    pub relation: Relation,
    pub alias: String,
    /// Written with its domain even inside it.
    pub long: bool,
}

#[derive(Clone, PartialEq, Debug)]
pub enum Relation {
    /// A source or slice.
    Declared(RelationName),
    Cte(String),
    Derived(Box<Query>),
}

#[derive(Clone, PartialEq, Debug)]
pub struct Join {
    pub kind: JoinKind,
    pub table: Table,
    pub on: JoinOn,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum JoinKind {
    Inner,
    Left,
    Right,
    Full,
    Cross,
}

#[derive(Clone, PartialEq, Debug)]
pub enum JoinOn {
    /// Conjuncts; none for a cross join.
    Condition(Vec<Expr>),
    Using(Vec<String>),
    Natural,
}

#[derive(Clone, PartialEq, Debug)]
pub struct OrderKey {
    pub expr: Expr,
    pub descending: bool,
    pub nulls_first: Option<bool>,
}

#[derive(Clone, PartialEq, Debug)]
pub enum Expr {
    /// A column of a table in scope; without its table's alias where a name may be captured.
    Column {
        table: Option<String>,
        name: String,
    },
    /// A column of the result, in `order by` and checks.
    Output(String),
    Int(i64),
    /// A double: eighths, so that sums are exact in any order.
    Eighths(i64),
    Text(String),
    Day(u32),
    Null(Kind),
    Binary(Operator, Box<Expr>, Box<Expr>),
    Not(Box<Expr>),
    Between(Box<Expr>, Box<Expr>, Box<Expr>),
    InList {
        of: Box<Expr>,
        list: Vec<Expr>,
        negated: bool,
    },
    IsNull {
        of: Box<Expr>,
        negated: bool,
    },
    Case {
        arms: Vec<(Expr, Expr)>,
        otherwise: Box<Expr>,
    },
    Coalesce(Vec<Expr>),
    Cast(Box<Expr>, Kind),
    Upper(Box<Expr>),
    Aggregate {
        function: Aggregate,
        distinct: bool,
        /// `None` for `count(*)`.
        of: Option<Box<Expr>>,
    },
    Window(Box<Window>),
    Scalar(Box<Query>),
    Exists {
        query: Box<Query>,
        negated: bool,
    },
    InQuery {
        of: Box<Expr>,
        query: Box<Query>,
        negated: bool,
    },
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Operator {
    Add,
    Subtract,
    Multiply,
    Concat,
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    IsDistinct,
    And,
    Or,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Aggregate {
    Count,
    Sum,
    Min,
    Max,
    Avg,
}

#[derive(Clone, PartialEq, Debug)]
pub struct Window {
    pub function: WindowFunction,
    pub of: Option<Expr>,
    pub partition: Vec<Expr>,
    pub order: Vec<OrderKey>,
    pub frame: Option<Frame>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum WindowFunction {
    RowNumber,
    Rank,
    Sum,
    Lag,
}

/// From so many rows before, or from the start, to the current row.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Frame {
    pub rows: bool,
    pub preceding: Option<u32>,
}

impl Expr {
    pub fn column(table: &str, name: &str) -> Expr {
        Expr::Column { table: Some(table.to_owned()), name: name.to_owned() }
    }

    pub fn binary(operator: Operator, left: Expr, right: Expr) -> Expr {
        Expr::Binary(operator, Box::new(left), Box::new(right))
    }

    pub fn has_aggregate(&self) -> bool {
        self.any(&|expr| matches!(expr, Expr::Aggregate { .. }))
    }

    pub fn has_column(&self) -> bool {
        self.any(&|expr| matches!(expr, Expr::Column { .. }))
    }
}

impl Window {
    /// Whether rows that tie in the order can be told apart by the result.
    pub fn sees_ties(&self) -> bool {
        match self.function {
            WindowFunction::RowNumber | WindowFunction::Lag => true,
            WindowFunction::Sum => self.frame.is_some_and(|frame| frame.rows),
            WindowFunction::Rank => false,
        }
    }
}

impl Select {
    pub fn tables(&self) -> Vec<&Table> {
        std::iter::once(&self.from).chain(self.joins.iter().map(|join| &join.table)).collect()
    }

    /// Whether columns of a join are matched by their names.
    pub fn merges_names(&self) -> bool {
        self.joins.iter().any(|join| !matches!(join.on, JoinOn::Condition(_)))
    }
}

impl Query {
    pub fn of(select: Select) -> Query {
        Query { ctes: Vec::new(), legs: vec![select], set: SetOperation::UnionAll, order: Vec::new(), limit: None }
    }
}
