//! Going through all parts of a query, to look at them or to change them.

use super::query::{Expr, JoinOn, Query, Relation, Select, Table};

/// A part of a query that can be changed where it stands.
pub enum Node<'a> {
    Query(&'a mut Query),
    Select(&'a mut Select),
    Table(&'a mut Table),
    Expr(&'a mut Expr),
}

/// Shows every part of a query, subqueries included, outer parts before those inside them.
pub fn walk(query: &mut Query, each: &mut dyn FnMut(Node<'_>)) {
    each(Node::Query(&mut *query));
    for cte in &mut query.ctes {
        walk(&mut cte.query, each);
    }
    for select in &mut query.legs {
        walk_select(select, each);
    }
    for key in &mut query.order {
        walk_expr(&mut key.expr, each);
    }
}

fn walk_select(select: &mut Select, each: &mut dyn FnMut(Node<'_>)) {
    each(Node::Select(&mut *select));
    walk_table(&mut select.from, each);
    for join in &mut select.joins {
        walk_table(&mut join.table, each);
        if let JoinOn::Condition(conjuncts) = &mut join.on {
            walk_all(conjuncts, each);
        }
    }
    for item in &mut select.items {
        walk_expr(&mut item.expr, each);
    }
    walk_all(&mut select.filter, each);
    walk_all(&mut select.hidden_keys, each);
    walk_all(&mut select.having, each);
}

fn walk_table(table: &mut Table, each: &mut dyn FnMut(Node<'_>)) {
    each(Node::Table(&mut *table));
    if let Relation::Derived(query) = &mut table.relation {
        walk(query, each);
    }
}

fn walk_all(exprs: &mut [Expr], each: &mut dyn FnMut(Node<'_>)) {
    for expr in exprs {
        walk_expr(expr, each);
    }
}

pub fn walk_expr(expr: &mut Expr, each: &mut dyn FnMut(Node<'_>)) {
    each(Node::Expr(&mut *expr));
    match expr {
        Expr::Column { .. }
        | Expr::Output(_)
        | Expr::Int(_)
        | Expr::Eighths(_)
        | Expr::Text(_)
        | Expr::Day(_)
        | Expr::Null(_) => {}
        Expr::Binary(_, left, right) => {
            walk_expr(left, each);
            walk_expr(right, each);
        }
        Expr::Not(of) | Expr::IsNull { of, .. } | Expr::Cast(of, _) | Expr::Upper(of) => walk_expr(of, each),
        Expr::Between(of, low, high) => {
            walk_expr(of, each);
            walk_expr(low, each);
            walk_expr(high, each);
        }
        Expr::InList { of, list, .. } => {
            walk_expr(of, each);
            walk_all(list, each);
        }
        Expr::Case { arms, otherwise } => {
            for (condition, value) in arms {
                walk_expr(condition, each);
                walk_expr(value, each);
            }
            walk_expr(otherwise, each);
        }
        Expr::Coalesce(list) => walk_all(list, each),
        Expr::Aggregate { of, .. } => {
            if let Some(of) = of {
                walk_expr(of, each);
            }
        }
        Expr::Window(window) => {
            if let Some(of) = &mut window.of {
                walk_expr(of, each);
            }
            walk_all(&mut window.partition, each);
            for key in &mut window.order {
                walk_expr(&mut key.expr, each);
            }
        }
        Expr::Scalar(query) | Expr::Exists { query, .. } => walk(query, each),
        Expr::InQuery { of, query, .. } => {
            walk_expr(of, each);
            walk(query, each);
        }
    }
}

impl Expr {
    /// Whether the expression, or one inside it, passes the test.
    pub fn any(&self, test: &dyn Fn(&Expr) -> bool) -> bool {
        let mut found = false;
        let mut copy = self.clone();
        walk_expr(&mut copy, &mut |node: Node<'_>| {
            if let Node::Expr(expr) = node {
                found |= test(expr);
            }
        });
        found
    }
}

/// Shows every expression of a query, subqueries included.
pub fn each_expr(query: &mut Query, each: &mut dyn FnMut(&mut Expr)) {
    walk(query, &mut |node: Node<'_>| {
        if let Node::Expr(expr) = node {
            each(expr);
        }
    });
}

/// Shows every `select` of a query, subqueries included.
pub fn each_select(query: &mut Query, each: &mut dyn FnMut(&mut Select)) {
    walk(query, &mut |node: Node<'_>| {
        if let Node::Select(select) = node {
            each(select);
        }
    });
}

/// Shows every table of a query's `from` clauses, subqueries included.
pub fn each_table(query: &mut Query, each: &mut dyn FnMut(&mut Table)) {
    walk(query, &mut |node: Node<'_>| {
        if let Node::Table(table) = node {
            each(table);
        }
    });
}
