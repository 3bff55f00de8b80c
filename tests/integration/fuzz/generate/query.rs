//! Random queries.

use super::super::project::{Kind, Shape};
use super::super::query::{
    Cte, Expr, Group, Item, Join, JoinKind, JoinOn, Operator, Query, Relation, Select, SetOperation, Table,
};
use super::super::shape::Scope;
use super::Maker;
use icepie::name::RelationName;
use std::collections::BTreeSet;

impl Maker<'_> {
    /// A query and the columns of its result. `depth` bounds CTEs and derived tables in one another.
    pub fn query(&mut self, depth: usize) -> (Query, Shape) {
        let mut ctes = Vec::new();
        let mut known = Vec::new();
        if depth > 0 {
            for _ in 0..[0, 0, 0, 1, 1, 2][self.random.below(6)] {
                let name = self.name("q");
                let (query, shape) = self.query(0);
                known.push((name.clone(), shape));
                ctes.push(Cte { name, query });
            }
        }
        let several = depth > 0 && self.random.chance(20);
        let (first, shape) = self.select(&known, None, depth, !several);
        let mut legs = vec![first];
        let set = match self.random.below(10) {
            0..4 => SetOperation::UnionAll,
            4..7 => SetOperation::Union,
            7 | 8 => SetOperation::Except,
            _ => SetOperation::Intersect,
        };
        if several {
            let many = matches!(set, SetOperation::UnionAll | SetOperation::Union) && self.random.chance(30);
            let more = if many { 2 } else { 1 };
            for _ in 0..more {
                legs.push(self.select(&known, Some(&shape), depth, false).0);
            }
        }
        let mut query = Query { ctes, legs, set, order: Vec::new(), limit: None };
        if self.random.chance(9) && !query.legs[0].items.is_empty() {
            for (name, _) in &shape {
                query.order.push(self.order_key(Expr::Output(name.clone())));
            }
            self.random.shuffle(&mut query.order);
            query.limit = Some(1 + self.random.below(4) as u32);
        }
        (query, shape)
    }

    /// One `select` with the columns wanted, if any are.
    fn select(
        &mut self,
        ctes: &[(String, Shape)],
        wanted: Option<&Shape>,
        depth: usize,
        may_be_star: bool,
    ) -> (Select, Shape) {
        let (from, shape) = self.table(ctes, depth);
        let mut scope = Scope(vec![(from.alias.clone(), shape)]);
        let mut select = plain(from);
        self.add_joins(&mut select, &mut scope, ctes, depth);
        for _ in 0..[0, 1, 1, 2][self.random.below(4)] {
            select.filter.push(self.predicate(&scope, 1));
        }
        if depth > 0 && self.random.chance(22) {
            select.filter.push(self.subquery_predicate(&scope));
        }
        if depth > 0 && self.random.chance(6) {
            let (scalar, column) = (self.scalar(&scope), self.column_or_literal(Kind::Int, &scope));
            select.filter.push(Expr::binary(Operator::LessEqual, column, scalar));
        }
        if let Some(shape) = wanted {
            for (name, kind) in shape {
                select.items.push(Item { name: name.clone(), kind: *kind, expr: self.expr(*kind, &scope, 1) });
            }
            return (select, shape.clone());
        }
        match self.random.below(100) {
            0..8 if may_be_star && select.joins.is_empty() => {
                let shape = scope.0[0].1.clone();
                return (select, shape);
            }
            8..40 => self.group(&mut select, &scope),
            40..55 => self.windowed(&mut select, &scope),
            55..67 => {
                self.items(&mut select, &scope, 3);
                select.distinct = true;
            }
            _ => {
                self.items(&mut select, &scope, 4);
                if depth > 0 && self.random.chance(8) {
                    let (expr, name) = (self.scalar(&scope), self.name("x"));
                    select.items.push(Item { name, kind: Kind::Int, expr });
                }
            }
        }
        let shape = select.items.iter().map(|item| (item.name.clone(), item.kind)).collect();
        (select, shape)
    }

    /// Adds up to `most` columns.
    fn items(&mut self, select: &mut Select, scope: &Scope, most: usize) {
        for _ in 0..1 + self.random.below(most) {
            let column = self.random.pick(&scope.items()).filter(|_| self.random.chance(65));
            let (expr, kind) = match column {
                Some(item) => (item.expr, item.kind),
                None => {
                    let kind = [Kind::Int, Kind::Int, Kind::Text, Kind::Float, Kind::Date, Kind::Bool];
                    let kind = kind[self.random.below(6)];
                    (self.expr(kind, scope, 2), kind)
                }
            };
            self.add_item(select, expr, kind);
        }
    }

    /// Adds a column under its own name where that is free.
    pub fn add_item(&mut self, select: &mut Select, expr: Expr, kind: Kind) {
        let taken: BTreeSet<&String> = select.items.iter().map(|item| &item.name).collect();
        let own = match &expr {
            Expr::Column { name, .. } if !taken.contains(name) => Some(name.clone()),
            _ => None,
        };
        let name = own.unwrap_or_else(|| self.name("x"));
        select.items.push(Item { name, kind, expr });
    }

    fn group(&mut self, select: &mut Select, scope: &Scope) {
        select.group = if self.random.chance(20) { Group::All } else { Group::Keys };
        let columns = scope.items();
        for _ in 0..[0, 1, 1, 1, 2, 2][self.random.below(6)] {
            let Some(item) = self.random.pick(&columns) else { break };
            let bump = item.kind == Kind::Int && self.random.chance(12);
            let expr = if bump { Expr::binary(Operator::Add, item.expr, Expr::Int(1)) } else { item.expr };
            if !select.items.iter().any(|other| other.expr == expr) {
                self.add_item(select, expr, item.kind);
            }
        }
        for _ in 0..1 + self.random.below(2) {
            let (aggregate, kind) = self.aggregate(scope);
            self.add_item(select, aggregate, kind);
        }
        if select.group == Group::Keys && self.random.chance(12) {
            let hidden = self.random.pick(&columns).map(|item| item.expr);
            let new = |expr: &Expr| !select.items.iter().any(|item| &item.expr == expr);
            select.hidden_keys = hidden.filter(new).into_iter().collect();
        }
        if self.random.chance(25) {
            let (aggregate, kind) = self.aggregate(scope);
            if kind == Kind::Int {
                select.having.push(Expr::binary(Operator::GreaterEqual, aggregate, self.literal(Kind::Int)));
            }
        }
    }

    fn windowed(&mut self, select: &mut Select, scope: &Scope) {
        for _ in 0..1 + self.random.below(2) {
            if let Some(item) = self.random.pick(&scope.items()) {
                self.add_item(select, item.expr, item.kind);
            }
        }
        let (window, kind) = self.window(scope);
        self.add_item(select, window, kind);
    }

    /// A relation that may be read, a late one more likely than an early one.
    fn relation(&mut self) -> (RelationName, Shape) {
        let (one, other) = (self.random.below(self.relations.len()), self.random.below(self.relations.len()));
        self.relations[if self.random.chance(60) { one.max(other) } else { one }].clone()
    }

    fn table(&mut self, ctes: &[(String, Shape)], depth: usize) -> (Table, Shape) {
        let alias = self.name("t");
        let cte = self.random.pick(ctes).filter(|_| self.random.chance(65));
        let (relation, shape) = match cte {
            Some((name, shape)) => (Relation::Cte(name), shape),
            None if depth > 1 && self.random.chance(12) => {
                let (query, shape) = self.query(depth - 2);
                (Relation::Derived(Box::new(query)), shape)
            }
            None => {
                let (name, shape) = self.relation();
                (Relation::Declared(name), shape)
            }
        };
        (Table { relation, alias, long: self.random.chance(20) }, shape)
    }

    /// A `select` over one declared relation, still without columns.
    pub fn over_one_relation(&mut self) -> (Select, Scope) {
        let (name, shape) = self.relation();
        let alias = self.name("t");
        let scope = Scope(vec![(alias.clone(), shape)]);
        (plain(Table { relation: Relation::Declared(name), alias, long: false }), scope)
    }

    fn add_joins(&mut self, select: &mut Select, scope: &mut Scope, ctes: &[(String, Shape)], depth: usize) {
        for _ in 0..[0, 0, 0, 1, 1, 1, 2][self.random.below(7)] {
            let (table, shape) = self.table(ctes, depth);
            let left = &scope.0[0].1;
            let common: Vec<String> =
                shape.iter().filter(|column| left.contains(column)).map(|(name, _)| name.clone()).collect();
            let merge = select.joins.is_empty() && !common.is_empty() && self.random.chance(18);
            if merge {
                let kind = if self.random.chance(75) { JoinKind::Inner } else { JoinKind::Left };
                let on = if self.random.chance(50) { JoinOn::Natural } else { JoinOn::Using(vec![common[0].clone()]) };
                // The other side's columns of the same name aren't read: they would be ambiguous or the same.
                let rest = shape.into_iter().filter(|(name, _)| !common.contains(name)).collect();
                scope.0.push((table.alias.clone(), rest));
                select.joins.push(Join { kind, table, on });
                continue;
            }
            let right = Scope(vec![(table.alias.clone(), shape)]);
            let mut kind = match self.random.below(100) {
                0..50 => JoinKind::Inner,
                50..78 => JoinKind::Left,
                78..87 => JoinKind::Right,
                87..95 => JoinKind::Full,
                _ => JoinKind::Cross,
            };
            let pair = self.pair(scope, &right);
            scope.0.extend(right.0);
            let mut condition = Vec::new();
            match pair {
                Some((mine, theirs, _)) if kind != JoinKind::Cross => {
                    let below = kind == JoinKind::Inner && self.random.chance(10);
                    let operator = if below { Operator::Less } else { Operator::Equal };
                    condition.push(Expr::binary(operator, mine, theirs));
                    if self.random.chance(25) {
                        condition.push(self.predicate(scope, 0));
                    }
                }
                _ => kind = JoinKind::Cross,
            }
            select.joins.push(Join { kind, table, on: JoinOn::Condition(condition) });
        }
    }
}

/// `select … from table`, still without columns.
pub fn plain(from: Table) -> Select {
    Select {
        distinct: false,
        items: Vec::new(),
        from,
        joins: Vec::new(),
        filter: Vec::new(),
        group: Group::None,
        hidden_keys: Vec::new(),
        having: Vec::new(),
    }
}
