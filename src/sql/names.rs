//! Which column of which relation each name in a query stands for, for editors.
//!
//! Names are looked up as SQL does: in the tables of their own `select`, then in those around it; a CTE's or subquery's column stands
//! for the column that it hands on. What can't be told is left out. Nothing that is built follows from it.

use super::parse::{ParsedQuery, byte_span, fold};
use crate::name::RelationName;
use crate::text::{SourceText, Span};
use datafusion::sql::sqlparser::ast::{
    Expr, Ident, Join, JoinConstraint, JoinOperator, ObjectName, ObjectNamePart, Query, Select, SelectItem,
    SelectItemQualifiedWildcardKind, SetExpr, TableAlias, TableFactor, TableWithJoins, Visit, Visitor,
};
use std::ops::ControlFlow;

/// A place at which a query names a column of a relation.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ColumnMention {
    pub span: Span,
    pub relation: RelationName,
    pub column: String,
    /// The name is the column's own, or came here through `*` alone: with another name there, it is another one here. Otherwise a
    /// CTE or subquery in between has a column of this name.
    pub direct: bool,
    /// A column of the result is called so because of it.
    pub names_output: bool,
}

/// A place at which a query names a relation in front of a column.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Qualifier {
    pub span: Span,
    pub relation: RelationName,
}

/// All that a query names.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Names {
    pub columns: Vec<ColumnMention>,
    pub qualifiers: Vec<Qualifier>,
    /// Columns of the result that keep their name through `*` alone, with what they are.
    pub handed_on: Vec<(RelationName, String)>,
}

/// A relation by the key of its reference, with its columns.
pub type Lookup<'a> = dyn Fn(&str) -> Option<(RelationName, Vec<String>)> + 'a;

/// Looks up all names of a query. `source` must be the text that it was parsed from.
pub fn names(query: &ParsedQuery, source: &SourceText, lookup: &Lookup<'_>) -> Names {
    let Some(tree) = query.tree(source) else { return Names::default() };
    let mut walk =
        Walk { source, span: query.span, lookup, ctes: Vec::new(), scopes: Vec::new(), names: Names::default() };
    let _ = tree.visit(&mut walk);
    let outputs = walk.outputs(&tree, 0);
    let carried = outputs.into_iter().filter(|column| column.carried).filter_map(|column| column.of);
    walk.names.handed_on = carried.collect();
    walk.names
}

#[derive(Clone)]
struct Column {
    name: String,
    of: Option<(RelationName, String)>,
    carried: bool,
}

#[derive(Clone, Default)]
struct Table {
    /// What it is called here.
    name: Option<String>,
    /// The relation, where it is called by its own name.
    relation: Option<RelationName>,
    columns: Vec<Column>,
}

#[derive(Default)]
struct Scope {
    tables: Vec<Table>,
    /// Names that the select list gives.
    aliases: Vec<String>,
    /// Places of columns that stand alone in the select list.
    outputs: Vec<Span>,
    /// Of a whole query: what stands behind its selects, such as `order by`.
    is_query: bool,
}

struct Walk<'a> {
    source: &'a SourceText,
    span: Span,
    lookup: &'a Lookup<'a>,
    /// CTEs that can be seen, the innermost last, and how many each open query has.
    ctes: Vec<(String, Vec<Column>)>,
    scopes: Vec<Scope>,
    names: Names,
}

/// Deeper than this nothing is looked up: each level is looked at once more from each level above.
const MAX_DEPTH: usize = 12;

impl Walk<'_> {
    fn place(&self, ident: &Ident) -> Span {
        byte_span(self.source, self.span, ident.span)
    }

    /// The columns of a query's result.
    fn outputs(&self, query: &Query, depth: usize) -> Vec<Column> {
        if depth > MAX_DEPTH {
            return Vec::new();
        }
        let mut inner = Walk { ctes: self.ctes.clone(), scopes: Vec::new(), names: Names::default(), ..*self };
        inner.push_ctes(query, depth);
        inner.body(&query.body, depth)
    }

    fn push_ctes(&mut self, query: &Query, depth: usize) {
        for cte in query.with.iter().flat_map(|with| &with.cte_tables) {
            let columns = self.outputs(&cte.query, depth + 1);
            self.ctes.push((fold(&cte.alias.name), renamed(columns, &cte.alias)));
        }
    }

    fn body(&self, body: &SetExpr, depth: usize) -> Vec<Column> {
        match body {
            SetExpr::Select(select) => self.select_outputs(select, depth),
            SetExpr::Query(query) => self.outputs(query, depth + 1),
            SetExpr::SetOperation { left, .. } => self.body(left, depth + 1),
            _ => Vec::new(),
        }
    }

    fn select_outputs(&self, select: &Select, depth: usize) -> Vec<Column> {
        let tables = self.tables(&select.from, depth);
        let mut columns = Vec::new();
        for item in &select.projection {
            match item {
                SelectItem::UnnamedExpr(expr) => {
                    let found = self.column_of(expr, &tables);
                    let name = found.as_ref().map(|column| column.name.clone()).unwrap_or_default();
                    columns.push(Column { name, of: found.and_then(|column| column.of), carried: false });
                }
                SelectItem::ExprWithAlias { expr, alias } => {
                    let of = self.column_of(expr, &tables).and_then(|column| column.of);
                    columns.push(Column { name: fold(alias), of, carried: false });
                }
                SelectItem::Wildcard(options) => {
                    let left_out = left_out(options);
                    let all = tables.iter().flat_map(|table| table.columns.clone());
                    columns.extend(all.filter(|column| !left_out.contains(&column.name)));
                }
                SelectItem::QualifiedWildcard(SelectItemQualifiedWildcardKind::ObjectName(name), options) => {
                    let left_out = left_out(options);
                    let qualifier = name.0.last().and_then(ObjectNamePart::as_ident).map(fold);
                    let of = tables.iter().filter(|table| table.name == qualifier);
                    let all = of.flat_map(|table| table.columns.clone());
                    columns.extend(all.filter(|column| !left_out.contains(&column.name)));
                }
                _ => columns.push(Column { name: String::new(), of: None, carried: false }),
            }
        }
        columns
    }

    fn column_of(&self, expr: &Expr, tables: &[Table]) -> Option<Column> {
        match expr {
            Expr::Identifier(name) => find(tables, None, &fold(name)).cloned(),
            Expr::CompoundIdentifier(parts) => {
                let [.., table, name] = parts.as_slice() else { return None };
                find(tables, Some(&fold(table)), &fold(name)).cloned()
            }
            Expr::Nested(inner) => self.column_of(inner, tables),
            _ => None,
        }
    }

    fn tables(&self, from: &[TableWithJoins], depth: usize) -> Vec<Table> {
        let factors = from
            .iter()
            .flat_map(|table| std::iter::once(&table.relation).chain(table.joins.iter().map(|join| &join.relation)));
        factors.flat_map(|factor| self.table(factor, depth)).collect()
    }

    fn table(&self, factor: &TableFactor, depth: usize) -> Vec<Table> {
        match factor {
            TableFactor::Table { name, alias, args: None, .. } => vec![self.named(name, alias.as_ref())],
            TableFactor::Derived { subquery, alias, .. } => {
                let columns = self.outputs(subquery, depth + 1);
                let name = alias.as_ref().map(|alias| fold(&alias.name));
                let columns = match alias {
                    Some(alias) => renamed(columns, alias),
                    None => columns,
                };
                vec![Table { name, relation: None, columns }]
            }
            TableFactor::NestedJoin { table_with_joins, .. } => {
                self.tables(std::slice::from_ref(&**table_with_joins), depth + 1)
            }
            _ => Vec::new(),
        }
    }

    fn named(&self, name: &ObjectName, alias: Option<&TableAlias>) -> Table {
        let parts: Vec<String> = name.0.iter().filter_map(ObjectNamePart::as_ident).map(fold).collect();
        let called = alias.map(|alias| fold(&alias.name)).or_else(|| parts.last().cloned());
        let own = |columns: Vec<Column>| match alias {
            Some(alias) => renamed(columns, alias),
            None => columns,
        };
        if let [cte] = parts.as_slice()
            && let Some((_, columns)) = self.ctes.iter().rev().find(|(name, _)| name == cte)
        {
            return Table { name: called, relation: None, columns: own(columns.clone()) };
        }
        let Some((relation, columns)) = (self.lookup)(&parts.join(".")) else {
            return Table { name: called, relation: None, columns: Vec::new() };
        };
        let column = |name: String| Column { of: Some((relation.clone(), name.clone())), name, carried: true };
        let columns = own(columns.into_iter().map(column).collect());
        Table { name: called, relation: alias.is_none().then_some(relation), columns }
    }

    fn mention(&mut self, table: Option<(&Ident, String)>, name: &Ident) {
        let column = fold(name);
        let span = self.place(name);
        let mut found = None;
        for scope in self.scopes.iter().rev() {
            if scope.is_query && table.is_none() && scope.aliases.contains(&column) {
                return;
            }
            if let Some(column) = find(&scope.tables, table.as_ref().map(|(_, table)| table.as_str()), &column) {
                let of_table = table.as_ref().and_then(|(_, called)| {
                    scope.tables.iter().find(|table| table.name.as_deref() == Some(called))?.relation.clone()
                });
                found = Some((column.clone(), of_table, scope.outputs.contains(&span)));
                break;
            }
        }
        let Some((Column { of, carried, .. }, relation, names_output)) = found else { return };
        if let (Some(relation), Some((ident, _))) = (relation, table) {
            let span = self.place(ident);
            self.names.qualifiers.push(Qualifier { span, relation });
        }
        if let Some((relation, column)) = of {
            self.names.columns.push(ColumnMention { span, relation, column, direct: carried, names_output });
        }
    }
}

/// Column names that a wildcard leaves out or gives other values.
fn left_out(options: &datafusion::sql::sqlparser::ast::WildcardAdditionalOptions) -> Vec<String> {
    use datafusion::sql::sqlparser::ast::ExcludeSelectItem;
    let mut names: Vec<String> = Vec::new();
    let last = |name: &ObjectName| name.0.last().and_then(ObjectNamePart::as_ident).map(fold);
    match &options.opt_exclude {
        Some(ExcludeSelectItem::Single(name)) => names.extend(last(name)),
        Some(ExcludeSelectItem::Multiple(all)) => names.extend(all.iter().filter_map(last)),
        None => {}
    }
    if let Some(except) = &options.opt_except {
        names.push(fold(&except.first_element));
        names.extend(except.additional_elements.iter().map(fold));
    }
    if let Some(replace) = &options.opt_replace {
        names.extend(replace.items.iter().map(|item| fold(&item.column_name)));
    }
    names
}

fn find<'t>(tables: &'t [Table], table: Option<&str>, column: &str) -> Option<&'t Column> {
    let named = tables.iter().filter(|other| table.is_none() || other.name.as_deref() == table);
    named.flat_map(|table| &table.columns).find(|other| other.name == column)
}

/// Columns under the names that an alias gives: `t (a, b)`.
fn renamed(columns: Vec<Column>, alias: &TableAlias) -> Vec<Column> {
    let names = alias.columns.iter().map(|column| Some(fold(&column.name))).chain(std::iter::repeat(None));
    let rename = |(column, name): (Column, Option<String>)| match name {
        Some(name) => Column { name, of: column.of, carried: false },
        None => column,
    };
    columns.into_iter().zip(names).map(rename).collect()
}

fn constraint(join: &Join) -> Option<&JoinConstraint> {
    match &join.join_operator {
        JoinOperator::Join(constraint)
        | JoinOperator::Inner(constraint)
        | JoinOperator::Left(constraint)
        | JoinOperator::LeftOuter(constraint)
        | JoinOperator::Right(constraint)
        | JoinOperator::RightOuter(constraint)
        | JoinOperator::FullOuter(constraint)
        | JoinOperator::Semi(constraint)
        | JoinOperator::LeftSemi(constraint)
        | JoinOperator::RightSemi(constraint)
        | JoinOperator::Anti(constraint)
        | JoinOperator::LeftAnti(constraint)
        | JoinOperator::RightAnti(constraint) => Some(constraint),
        _ => None,
    }
}

impl Visitor for Walk<'_> {
    type Break = ();

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        self.push_ctes(query, 0);
        self.scopes.push(Scope { is_query: true, ..Scope::default() });
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        self.scopes.pop();
        let own = query.with.as_ref().map_or(0, |with| with.cte_tables.len());
        self.ctes.truncate(self.ctes.len().saturating_sub(own));
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &Select) -> ControlFlow<()> {
        let mut scope = Scope { tables: self.tables(&select.from, 0), ..Scope::default() };
        for item in &select.projection {
            match item {
                SelectItem::UnnamedExpr(Expr::Identifier(name)) => scope.outputs.push(self.place(name)),
                SelectItem::UnnamedExpr(Expr::CompoundIdentifier(parts)) => {
                    scope.outputs.extend(parts.last().map(|name| self.place(name)));
                }
                SelectItem::ExprWithAlias { alias, .. } => scope.aliases.push(fold(alias)),
                _ => {}
            }
        }
        self.scopes.push(scope);
        for join in select.from.iter().flat_map(|table| &table.joins) {
            let Some(JoinConstraint::Using(shared)) = constraint(join) else { continue };
            for name in shared.iter().filter_map(|name| name.0.last()?.as_ident()) {
                self.mention(None, name);
            }
        }
        ControlFlow::Continue(())
    }

    fn post_visit_select(&mut self, _: &Select) -> ControlFlow<()> {
        // What follows the selects of a query sees their tables.
        if let Some(Scope { tables, aliases, .. }) = self.scopes.pop()
            && let Some(query) = self.scopes.last_mut()
        {
            query.tables.extend(tables);
            query.aliases.extend(aliases);
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        match expr {
            Expr::Identifier(name) => self.mention(None, name),
            Expr::CompoundIdentifier(parts) => {
                if let [.., table, name] = parts.as_slice() {
                    self.mention(Some((table, fold(table))), name);
                }
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }
}
