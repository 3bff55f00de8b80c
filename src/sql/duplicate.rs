//! Columns of a result that have one name: told apart while the query is planned, so that one mistake is told once.

use super::catalog::Catalog;
use super::parse::{byte_span, fold};
use crate::diagnostic::{Code, Diagnostic};
use crate::text::{SourceText, Span};
use datafusion::sql::sqlparser::ast::{
    Expr, Ident, ObjectName, ObjectNamePart, Query, Select, SelectItem, SelectItemQualifiedWildcardKind, SetExpr,
    Spanned, TableFactor, WildcardAdditionalOptions,
};
use datafusion::sql::sqlparser::tokenizer;
use std::collections::BTreeMap;

/// A query whose columns have names of their own, those that had to be renamed, and what is wrong with the query as it was.
pub(super) struct ToldApart {
    pub query: Query,
    /// New names → those that were written.
    pub renamed: BTreeMap<String, String>,
    pub diagnostics: Vec<Diagnostic>,
}

/// Renames columns of the outermost `select` that are called like another one; `None` where all have names of their own as far as
/// the query says them. Of `*` is known what it brings along where it is about relations of the catalog.
pub(super) fn told_apart(query: &Query, catalog: &Catalog, source: &SourceText, span: Span) -> Option<ToldApart> {
    let SetExpr::Select(select) = query.body.as_ref() else { return None };
    let mut known: BTreeMap<String, (Option<Span>, bool)> = BTreeMap::new();
    for item in &select.projection {
        // Names of CTEs may be those of relations.
        let brought = if query.with.is_none() { brought(item, select, catalog) } else { Vec::new() };
        known.extend(brought.into_iter().map(|name| (name, (None, true))));
    }
    let mut again = Vec::new();
    for (position, item) in select.projection.iter().enumerate() {
        let Some(name) = named(item) else { continue };
        let at = byte_span(source, span, written(item).unwrap_or(name.span));
        match known.get(&fold(name)) {
            Some((first, by_star)) => again.push((position, fold(name), at, *first, *by_star)),
            None => drop(known.insert(fold(name), (Some(at), false))),
        }
    }
    if again.is_empty() {
        return None;
    }
    let mut told = ToldApart { query: query.clone(), renamed: BTreeMap::new(), diagnostics: Vec::new() };
    let SetExpr::Select(select) = told.query.body.as_mut() else { return None };
    for (position, name, at, first, by_star) in again {
        let own = format!("{name} {position}");
        let expr = match &select.projection[position] {
            SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } => expr.clone(),
            _ => continue,
        };
        let alias = Ident { span: named(&select.projection[position])?.span, ..Ident::with_quote('"', &own) };
        select.projection[position] = SelectItem::ExprWithAlias { expr, alias };
        told.renamed.insert(own, name.clone());
        let message = format!("two columns of this query are called `{name}`");
        let diagnostic = Diagnostic::error(Code::DuplicateColumn, message).at(at, "the same name again");
        told.diagnostics.push(match first {
            Some(first) => diagnostic.with_label(first, "first here"),
            None => diagnostic,
        });
        if let Some(told) = told.diagnostics.last_mut() {
            told.help = Some(match by_star {
                true => format!("`*` brings one along: `* replace (… as {name})` puts this one in its place"),
                false => format!("name one of them otherwise: `… as other_{name}`"),
            });
        }
    }
    Some(told)
}

/// The name that an item gives its column, as far as it stands there.
fn named(item: &SelectItem) -> Option<&Ident> {
    match item {
        SelectItem::ExprWithAlias { alias, .. } => Some(alias),
        SelectItem::UnnamedExpr(Expr::Identifier(name)) => Some(name),
        SelectItem::UnnamedExpr(Expr::CompoundIdentifier(parts)) => parts.last(),
        _ => None,
    }
}

/// The place of a column that stands there as it is, with its table.
fn written(item: &SelectItem) -> Option<tokenizer::Span> {
    match item {
        SelectItem::UnnamedExpr(expr) => Some(expr.span()),
        _ => None,
    }
}

/// Names of the columns that `*` or `t.*` brings along; none where that isn't sure.
fn brought(item: &SelectItem, select: &Select, catalog: &Catalog) -> Vec<String> {
    let plain = |options: &WildcardAdditionalOptions| {
        options.opt_except.is_none()
            && options.opt_exclude.is_none()
            && options.opt_rename.is_none()
            && options.opt_replace.is_none()
            && options.opt_ilike.is_none()
    };
    let of = match item {
        SelectItem::Wildcard(options) if plain(options) => None,
        SelectItem::QualifiedWildcard(SelectItemQualifiedWildcardKind::ObjectName(name), options) if plain(options) => {
            match name.0.as_slice() {
                [ObjectNamePart::Identifier(name)] => Some(fold(name)),
                _ => return Vec::new(),
            }
        }
        _ => return Vec::new(),
    };
    let tables = select
        .from
        .iter()
        .flat_map(|table| std::iter::once(&table.relation).chain(table.joins.iter().map(|join| &join.relation)));
    let mut columns = Vec::new();
    for table in tables {
        let TableFactor::Table { name, alias, args: None, .. } = table else { continue };
        let called = alias.as_ref().map(|alias| fold(&alias.name)).or_else(|| last(name));
        let renames = alias.as_ref().is_some_and(|alias| !alias.columns.is_empty());
        if renames || of.is_some() && of != called {
            continue;
        }
        let key: Option<Vec<String>> = name.0.iter().map(|part| part.as_ident().map(fold)).collect();
        let relation = key.and_then(|key| catalog.get(&key.join(".")));
        columns.extend(
            relation.into_iter().flat_map(|relation| relation.schema.fields().iter().map(|field| field.name().clone())),
        );
    }
    columns
}

fn last(name: &ObjectName) -> Option<String> {
    name.0.last().and_then(ObjectNamePart::as_ident).map(fold)
}
