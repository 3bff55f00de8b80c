//! Random expressions. Nothing here fails while it runs: no division, no narrow casts, numbers that stay small.

use super::super::project::{Kind, Shape};
use super::super::query::{Aggregate, Expr, Frame, Item, Operator, OrderKey, Query, Window, WindowFunction};
use super::super::shape::Scope;
use super::Maker;

const COMPARISONS: [Operator; 6] = [
    Operator::Equal,
    Operator::NotEqual,
    Operator::Less,
    Operator::LessEqual,
    Operator::Greater,
    Operator::GreaterEqual,
];

impl Maker<'_> {
    /// An expression of a kind over the columns in scope.
    pub fn expr(&mut self, kind: Kind, scope: &Scope, depth: usize) -> Expr {
        if depth == 0 || self.random.chance(60) {
            return self.column_or_literal(kind, scope);
        }
        let inner = depth - 1;
        match (kind, self.random.below(6)) {
            (Kind::Bool, _) => self.predicate(scope, inner),
            (_, 0) => self.case(kind, scope, inner),
            (_, 1) => Expr::Coalesce(vec![self.column_or_literal(kind, scope), self.literal(kind)]),
            (Kind::Int, 2 | 3) => {
                let (left, right) = (self.expr(kind, scope, inner), self.column_or_literal(kind, scope));
                Expr::binary(Operator::Add, left, right)
            }
            (Kind::Int, 4) => Expr::binary(Operator::Subtract, self.expr(kind, scope, inner), self.literal(kind)),
            (Kind::Int, _) => Expr::binary(Operator::Multiply, self.expr(kind, scope, inner), Expr::Int(2)),
            (Kind::Float, 2 | 3) => Expr::binary(Operator::Add, self.expr(kind, scope, inner), self.literal(kind)),
            (Kind::Float, 4) => Expr::Cast(Box::new(self.column_or_literal(Kind::Int, scope)), Kind::Float),
            (Kind::Text, 2 | 3) => Expr::Upper(Box::new(self.expr(kind, scope, inner))),
            (Kind::Text, 4) => Expr::binary(Operator::Concat, self.column_or_literal(kind, scope), self.literal(kind)),
            (Kind::Float | Kind::Text | Kind::Ratio | Kind::Date, _) => self.column_or_literal(kind, scope),
        }
    }

    fn case(&mut self, kind: Kind, scope: &Scope, depth: usize) -> Expr {
        let mut arms = Vec::new();
        for _ in 0..1 + self.random.below(2) {
            arms.push((self.predicate(scope, depth), self.column_or_literal(kind, scope)));
        }
        let otherwise = if self.random.chance(40) { Expr::Null(kind) } else { self.literal(kind) };
        Expr::Case { arms, otherwise: Box::new(otherwise) }
    }

    pub fn column_or_literal(&mut self, kind: Kind, scope: &Scope) -> Expr {
        let column = self.random.pick(&scope.columns(kind)).filter(|_| self.random.chance(88));
        column.unwrap_or_else(|| self.literal(kind))
    }

    pub fn literal(&mut self, kind: Kind) -> Expr {
        match kind {
            Kind::Int => Expr::Int(self.random.below(3) as i64),
            Kind::Float | Kind::Ratio => Expr::Eighths(self.random.below(17) as i64),
            Kind::Text => Expr::Text(["a", "b"][self.random.below(2)].to_owned()),
            Kind::Date => Expr::Day(1 + self.random.below(3) as u32),
            Kind::Bool => Expr::binary(Operator::Equal, Expr::Int(1), Expr::Int(self.random.below(2) as i64)),
        }
    }

    /// A condition on one row.
    pub fn predicate(&mut self, scope: &Scope, depth: usize) -> Expr {
        let Some(item) = self.random.pick(&scope.items()) else { return self.literal(Kind::Bool) };
        let (column, kind) = (item.expr, item.kind);
        if kind == Kind::Bool && self.random.chance(70) {
            return column;
        }
        match self.random.below(12) {
            0..4 => self.comparison(column, kind, scope),
            4 | 5 if kind != Kind::Bool => {
                let (low, high) = (self.literal(kind), self.literal(kind));
                Expr::Between(Box::new(column), Box::new(low), Box::new(high))
            }
            6 | 7 if matches!(kind, Kind::Int | Kind::Text | Kind::Date) => {
                let mut list: Vec<Expr> = Vec::new();
                for _ in 0..1 + self.random.below(3) {
                    let literal = self.literal(kind);
                    if !list.contains(&literal) {
                        list.push(literal);
                    }
                }
                Expr::InList { of: Box::new(column), list, negated: self.random.chance(30) }
            }
            8 => Expr::IsNull { of: Box::new(column), negated: self.random.chance(50) },
            9 if depth > 0 => Expr::Not(Box::new(self.predicate(scope, depth - 1))),
            10 if depth > 0 => {
                let operator = if self.random.chance(60) { Operator::Or } else { Operator::And };
                Expr::binary(operator, self.predicate(scope, depth - 1), self.predicate(scope, depth - 1))
            }
            11 => Expr::binary(Operator::IsDistinct, column, self.literal(kind)),
            _ => self.comparison(column, kind, scope),
        }
    }

    fn comparison(&mut self, column: Expr, kind: Kind, scope: &Scope) -> Expr {
        let operator = COMPARISONS[self.random.below(if kind == Kind::Bool { 2 } else { 6 })];
        let other = if self.random.chance(55) { self.literal(kind) } else { self.expr(kind, scope, 1) };
        Expr::binary(operator, column, other)
    }

    /// Two columns of one kind, one of each scope, to be compared.
    pub fn pair(&mut self, left: &Scope, right: &Scope) -> Option<(Expr, Expr, Kind)> {
        for kind in [Kind::Int, Kind::Text, Kind::Date] {
            let (mine, theirs) = (left.columns(kind), right.columns(kind));
            if let (Some(mine), Some(theirs)) = (self.random.pick(&mine), self.random.pick(&theirs)) {
                return Some((mine, theirs, kind));
            }
        }
        None
    }

    /// An aggregate and the kind of its value.
    pub fn aggregate(&mut self, scope: &Scope) -> (Expr, Kind) {
        let call = |function: Aggregate, distinct: bool, of: Expr| Expr::Aggregate {
            function,
            distinct,
            of: Some(Box::new(of)),
        };
        let any = self.random.pick(&scope.items());
        let int = self.random.pick(&scope.columns(Kind::Int));
        let float = self.random.pick(&scope.columns(Kind::Float));
        match (self.random.below(10), any, int, float) {
            (0..2, Some(any), _, _) => (call(Aggregate::Count, self.random.chance(50), any.expr), Kind::Int),
            (2..4, _, Some(int), _) => (call(Aggregate::Sum, self.random.chance(20), int), Kind::Int),
            (4, _, _, Some(float)) => (call(Aggregate::Sum, false, float), Kind::Float),
            (5, _, Some(int), _) => (call(Aggregate::Avg, false, int), Kind::Ratio),
            (6, _, _, Some(float)) => (call(Aggregate::Avg, false, float), Kind::Ratio),
            (7, Some(any), _, _) if any.kind != Kind::Bool => (call(Aggregate::Min, false, any.expr), any.kind),
            (8, Some(any), _, _) if any.kind != Kind::Bool => (call(Aggregate::Max, false, any.expr), any.kind),
            _ => (Expr::Aggregate { function: Aggregate::Count, distinct: false, of: None }, Kind::Int),
        }
    }

    /// A window function and the kind of its value. Where ties could be seen, the order takes in every column.
    pub fn window(&mut self, scope: &Scope) -> (Expr, Kind) {
        let columns: Vec<Expr> = scope.items().into_iter().map(|item| item.expr).collect();
        let int = self.random.pick(&scope.columns(Kind::Int));
        let rows = Frame { rows: true, preceding: Some(self.random.below(2) as u32) };
        let range = Frame { rows: false, preceding: None };
        let (function, of, frame) = match (self.random.below(10), int) {
            (0..2, _) => (WindowFunction::Rank, None, None),
            (2..4, Some(int)) => (WindowFunction::Sum, Some(int), Some(range)),
            (4..6, Some(int)) => (WindowFunction::Sum, Some(int), None),
            (6, Some(int)) => (WindowFunction::Sum, Some(int), Some(rows)),
            (7, Some(int)) => (WindowFunction::Lag, Some(int), None),
            _ => (WindowFunction::RowNumber, None, None),
        };
        let partition = self.random.pick(&columns).filter(|_| self.random.chance(50));
        let mut window = Window { function, of, partition: partition.into_iter().collect(), order: Vec::new(), frame };
        let unordered = window.function == WindowFunction::Sum && window.frame.is_none();
        if !unordered {
            let first = self.random.pick(&columns);
            window.order.extend(first.map(|expr| self.order_key(expr)));
        }
        if window.sees_ties() {
            for column in columns {
                if !window.partition.contains(&column) && !window.order.iter().any(|key| key.expr == column) {
                    window.order.push(self.order_key(column));
                }
            }
        }
        let unsigned = matches!(window.function, WindowFunction::RowNumber | WindowFunction::Rank);
        let call = Expr::Window(Box::new(window));
        (if unsigned { Expr::Cast(Box::new(call), Kind::Int) } else { call }, Kind::Int)
    }

    pub fn order_key(&mut self, expr: Expr) -> OrderKey {
        let nulls_first = [None, None, Some(true), Some(false)][self.random.below(4)];
        OrderKey { expr, descending: self.random.chance(35), nulls_first }
    }

    /// An integer that a subquery gives: an aggregate of all rows of a relation, or of those that match the outer row.
    pub fn scalar(&mut self, scope: &Scope) -> Expr {
        let (mut select, inner) = self.over_one_relation();
        let (aggregate, name) = loop {
            let (aggregate, kind) = self.aggregate(&inner);
            if kind == Kind::Int {
                break (aggregate, self.name("x"));
            }
        };
        select.items.push(Item { name, kind: Kind::Int, expr: aggregate });
        if self.random.chance(40)
            && let Some((outer, own, _)) = self.pair(scope, &inner)
        {
            select.filter.push(Expr::binary(Operator::Equal, own, outer));
        }
        Expr::Scalar(Box::new(Query::of(select)))
    }

    /// `exists (…)`, `in (select …)` and their negations.
    pub fn subquery_predicate(&mut self, scope: &Scope) -> Expr {
        let (mut select, inner) = self.over_one_relation();
        let Some((outer, own, kind)) = self.pair(scope, &inner) else { return self.predicate(scope, 1) };
        let negated = self.random.chance(40);
        if self.random.chance(35) {
            select.filter.push(self.predicate(&inner, 0));
        }
        let name = self.name("x");
        if self.random.chance(40) {
            select.items.push(Item { name, kind, expr: own });
            return Expr::InQuery { of: Box::new(outer), query: Box::new(Query::of(select)), negated };
        }
        select.items.push(Item { name, kind: Kind::Int, expr: Expr::Int(1) });
        select.filter.push(Expr::binary(Operator::Equal, own, outer));
        let bare = inner.0.first().and_then(|(_, shape)| self.capturable(scope, shape));
        if let Some(bare) = bare.filter(|_| self.random.chance(35)) {
            let literal = self.literal(Kind::Int);
            select.filter.push(Expr::binary(Operator::NotEqual, bare, literal));
        }
        Expr::Exists { query: Box::new(Query::of(select)), negated }
    }

    /// An outer column, written without its table, that a new column of the inner table would capture.
    fn capturable(&mut self, scope: &Scope, inner: &Shape) -> Option<Expr> {
        let items = scope.items();
        let once = |name: &String| items.iter().filter(|item| &item.name == name).count() == 1;
        let ints = items.iter().filter(|item| item.kind == Kind::Int);
        let free = |name: &String| once(name) && !inner.iter().any(|(other, _)| other == name);
        let names: Vec<String> = ints.map(|item| item.name.clone()).filter(free).collect();
        self.random.pick(&names).map(|name| Expr::Column { table: None, name })
    }
}
