//! What can be told from a project's queries without running them: columns, what is read, where ties matter.

use super::project::{Kind, Project, Shape};
use super::query::{Expr, Item, OrderKey, Query, Relation, Select, Table};
use super::walk::{Node, each_expr, each_select, each_table, walk, walk_expr};
use icepie::name::RelationName;
use std::collections::{BTreeMap, BTreeSet};

/// The tables of a `from` clause: alias and columns of each.
#[derive(Clone, PartialEq, Default, Debug)]
pub struct Scope(pub Vec<(String, Shape)>);

impl Scope {
    /// The columns of a kind.
    pub fn columns(&self, kind: Kind) -> Vec<Expr> {
        self.items().into_iter().filter(|item| item.kind == kind).map(|item| item.expr).collect()
    }

    /// All columns, each under its own name.
    pub fn items(&self) -> Vec<Item> {
        let mut items = Vec::new();
        for (alias, shape) in &self.0 {
            for (name, kind) in shape {
                items.push(Item { name: name.clone(), kind: *kind, expr: Expr::column(alias, name) });
            }
        }
        items
    }
}

/// Which columns of a relation a query mentions.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Use {
    Nothing,
    Columns(BTreeSet<String>),
    /// All, whatever they are: `select *`, or a join on common names.
    Whole,
}

impl Use {
    pub fn has(&self, column: &str) -> bool {
        match self {
            Use::Nothing => false,
            Use::Columns(columns) => columns.contains(column),
            Use::Whole => true,
        }
    }
}

/// What a query uses of a relation. A column without its table may be anybody's, so it counts for each.
pub fn use_of(query: &Query, of: &RelationName) -> Use {
    let mut copy = query.clone();
    let mut aliases = BTreeSet::new();
    let mut whole = false;
    each_select(&mut copy, &mut |select: &mut Select| {
        let merges = select.merges_names();
        for table in select.tables() {
            if table.relation == Relation::Declared(of.clone()) {
                aliases.insert(table.alias.clone());
                whole |= select.items.is_empty() || merges;
            }
        }
    });
    if aliases.is_empty() {
        return Use::Nothing;
    }
    let mut columns = BTreeSet::new();
    each_expr(&mut copy, &mut |expr: &mut Expr| {
        if let Expr::Column { table, name } = expr
            && table.as_ref().is_none_or(|table| aliases.contains(table))
        {
            columns.insert(name.clone());
        }
    });
    if whole { Use::Whole } else { Use::Columns(columns) }
}

/// The sources and slices that a query reads.
pub fn reads(query: &Query) -> BTreeSet<RelationName> {
    let mut names = BTreeSet::new();
    each_table(&mut query.clone(), &mut |table: &mut Table| {
        if let Relation::Declared(name) = &table.relation {
            names.insert(name.clone());
        }
    });
    names
}

/// Whether the engine's choice among ties could be seen if the order weren't total: a limit, or a window that numbers
/// rows.
pub fn sees_ties(query: &Query) -> bool {
    let mut found = false;
    walk(&mut query.clone(), &mut |node: Node<'_>| match node {
        Node::Query(query) => found |= query.limit.is_some(),
        Node::Expr(Expr::Window(window)) => found |= window.sees_ties(),
        Node::Select(_) | Node::Table(_) | Node::Expr(_) => {}
    });
    found
}

impl Project {
    /// The columns of a source or slice.
    pub fn shape(&self, name: &RelationName) -> Shape {
        if let Some(source) = self.source(name) {
            return source.columns.iter().map(|column| (column.name.clone(), column.kind)).collect();
        }
        self.slice(name).map_or_else(Shape::new, |slice| self.shape_of(&slice.query, &BTreeMap::new()))
    }

    /// The columns of a query's result, given the CTEs around it.
    pub fn shape_of(&self, query: &Query, around: &BTreeMap<String, Shape>) -> Shape {
        let ctes = self.ctes_of(query, around);
        match query.legs.first() {
            Some(select) if select.items.is_empty() => self.table_shape(&select.from, &ctes),
            Some(select) => select.items.iter().map(|item| (item.name.clone(), item.kind)).collect(),
            None => Shape::new(),
        }
    }

    fn ctes_of(&self, query: &Query, around: &BTreeMap<String, Shape>) -> BTreeMap<String, Shape> {
        let mut ctes = around.clone();
        for cte in &query.ctes {
            let shape = self.shape_of(&cte.query, &ctes);
            ctes.insert(cte.name.clone(), shape);
        }
        ctes
    }

    fn table_shape(&self, table: &Table, ctes: &BTreeMap<String, Shape>) -> Shape {
        match &table.relation {
            Relation::Declared(name) => self.shape(name),
            Relation::Cte(name) => ctes.get(name).cloned().unwrap_or_default(),
            Relation::Derived(query) => self.shape_of(query, ctes),
        }
    }

    /// The tables in scope in one of a query's own `select`s.
    pub fn scope(&self, query: &Query, leg: usize) -> Scope {
        let ctes = self.ctes_of(query, &BTreeMap::new());
        let tables = query.legs.get(leg).map_or_else(Vec::new, Select::tables);
        Scope(tables.into_iter().map(|table| (table.alias.clone(), self.table_shape(table, &ctes))).collect())
    }

    /// The slices that read a relation, checks aside.
    pub fn readers(&self, name: &RelationName) -> Vec<usize> {
        let reading = self.slices.iter().enumerate().filter(|(_, slice)| reads(&slice.query).contains(name));
        reading.map(|(index, _)| index).collect()
    }

    /// Whether a reader, or the relation's own clauses, use one of its columns.
    pub fn is_used(&self, name: &RelationName, column: &str) -> bool {
        let own = match (self.source(name), self.slice(name)) {
            (Some(source), _) => source.key.iter().any(|key| key == column),
            (None, Some(slice)) => {
                let output = Expr::Output(column.to_owned());
                let checked = slice.checks.iter().any(|check| check.predicate.any(&|expr: &Expr| *expr == output));
                checked || slice.key.iter().chain(&slice.partition_by).any(|key| key == column)
            }
            (None, None) => false,
        };
        own || self.slices.iter().any(|slice| use_of(&slice.query, name).has(column))
    }

    /// Brings clauses in line with the columns that are there, and makes every order total that must be.
    pub fn repair(&mut self) {
        for slice in &mut self.slices {
            walk(&mut slice.query, &mut |node: Node<'_>| match node {
                Node::Query(query) => complete_order(query),
                Node::Select(select) => complete_windows(select),
                Node::Table(_) | Node::Expr(_) => {}
            });
        }
        for index in 0..self.slices.len() {
            let shape = self.shape(&self.slices[index].name);
            let has = |name: &String| shape.iter().any(|(other, _)| other == name);
            let slice = &mut self.slices[index];
            slice.key.retain(has);
            slice.partition_by.retain(has);
            let gone = |expr: &Expr| matches!(expr, Expr::Output(name) if !has(name));
            slice.checks.retain(|check| !check.predicate.any(&gone));
        }
    }
}

fn complete_order(query: &mut Query) {
    let Some(select) = query.legs.first().filter(|select| !select.items.is_empty()) else { return };
    let names: Vec<String> = select.items.iter().map(|item| item.name.clone()).collect();
    query.order.retain(|key| matches!(&key.expr, Expr::Output(name) if names.contains(name)));
    if query.limit.is_none() {
        return;
    }
    for name in names {
        let expr = Expr::Output(name);
        if !query.order.iter().any(|key| key.expr == expr) {
            query.order.push(OrderKey { expr, descending: false, nulls_first: None });
        }
    }
}

/// Windows that see ties are ordered by every column that the result is made of: rows that still tie are alike.
fn complete_windows(select: &mut Select) {
    let aliases: Vec<String> = select.tables().iter().map(|table| table.alias.clone()).collect();
    let mut columns: Vec<Expr> = Vec::new();
    for item in &mut select.items {
        walk_expr(&mut item.expr, &mut |node: Node<'_>| {
            if let Node::Expr(expr) = node
                && let Expr::Column { table: Some(table), .. } = &*expr
                && aliases.contains(table)
                && !columns.contains(expr)
            {
                columns.push(expr.clone());
            }
        });
    }
    for item in &mut select.items {
        walk_expr(&mut item.expr, &mut |node: Node<'_>| {
            let Node::Expr(Expr::Window(window)) = node else { return };
            if !window.sees_ties() {
                return;
            }
            for column in &columns {
                let known = window.partition.contains(column) || window.order.iter().any(|key| key.expr == *column);
                if !known {
                    window.order.push(OrderKey { expr: column.clone(), descending: false, nulls_first: None });
                }
            }
        });
    }
}
