//! Finding the place of a planning error that carries none, and going on behind an error.
//!
//! Both work on the parsed query: an expression whose replacement by `null` makes the error go away holds its cause; the
//! smallest such is the place. With it replaced, planning goes on to the next error. DataFusion is asked again for every
//! candidate, so the cost is paid on the path of an error only: at most the number of expressions on one path through
//! the query.

use super::parse::{balanced, byte_span, fold};
use crate::text::{SourceText, Span};
use datafusion::sql::sqlparser::ast::{
    Expr, Ident, ObjectNamePart, Query, Select, SelectItem, Spanned, TableFactor, Value, ValueWithSpan, Visit,
    VisitMut, Visitor, VisitorMut,
};
use std::ops::ControlFlow;

/// One expression of a query: its number in the order of a walk from outside in, its depth, and its place.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    pub index: usize,
    pub depth: usize,
    pub span: Span,
    pub kind: PlaceKind,
}

/// What stands in a place.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PlaceKind {
    /// A subquery, or a comparison with what one gives.
    Subquery,
    /// A window function.
    Window,
    Other,
}

/// Every expression of the query with a place in the file, outer ones before those inside them.
pub fn places(query: &Query, source: &SourceText, within: Span) -> Vec<Place> {
    struct Walk<'a> {
        source: &'a SourceText,
        within: Span,
        depth: usize,
        next: usize,
        places: Vec<Place>,
    }
    impl Visitor for Walk<'_> {
        type Break = ();
        fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
            let span = balanced(self.source, self.within, byte_span(self.source, self.within, expr.span()));
            let kind = match expr {
                Expr::Exists { .. }
                | Expr::InSubquery { .. }
                | Expr::AnyOp { .. }
                | Expr::AllOp { .. }
                | Expr::Subquery(_) => PlaceKind::Subquery,
                Expr::Function(function) if function.over.is_some() => PlaceKind::Window,
                _ => PlaceKind::Other,
            };
            self.places.push(Place { index: self.next, depth: self.depth, span, kind });
            self.next += 1;
            self.depth += 1;
            ControlFlow::Continue(())
        }
        fn post_visit_expr(&mut self, _: &Expr) -> ControlFlow<()> {
            self.depth -= 1;
            ControlFlow::Continue(())
        }
    }
    let mut walk = Walk { source, within, depth: 0, next: 0, places: Vec::new() };
    let _ = query.visit(&mut walk);
    walk.places
}

/// The smallest expression that covers `span`.
pub fn smallest_around(places: &[Place], span: Span) -> Option<Place> {
    let covers =
        |place: &&Place| !place.span.is_empty() && place.span.start <= span.start && span.end <= place.span.end;
    places.iter().filter(covers).min_by_key(|place| (place.span.len(), usize::MAX - place.depth)).copied()
}

/// The smallest expression without which `fails` no longer holds.
pub fn cause(query: &Query, places: &[Place], mut fails: impl FnMut(&Query) -> bool) -> Option<Place> {
    let mut found: Option<(Place, usize)> = None;
    let mut index = 0;
    let mut end = places.len();
    let mut depth = 0;
    // Walk down: among the expressions at this depth find the one that matters, then look inside it.
    while index < end {
        let place = places[index];
        let after = (index + 1..end).find(|later| places[*later].depth <= place.depth).unwrap_or(end);
        if place.depth == depth && !fails(&without(query, place.index)) {
            found = Some((place, after));
            depth += 1;
            end = after;
            index += 1;
            continue;
        }
        index = after;
    }
    let (place, _) = found?;
    // Expressions without tokens of their own have no place; the nearest one around them does.
    if place.span.is_empty() { smallest_nonempty_parent(places, place) } else { Some(place) }
}

fn smallest_nonempty_parent(places: &[Place], place: Place) -> Option<Place> {
    let before = places.iter().filter(|other| other.index < place.index && other.depth < place.depth);
    before.filter(|other| !other.span.is_empty()).max_by_key(|other| other.depth).copied()
}

/// The query with one expression replaced by `null`. A column of the result keeps its name, so that nothing that reads
/// it fails in turn.
pub fn without(query: &Query, index: usize) -> Query {
    struct Replace {
        index: usize,
        next: usize,
    }
    impl VisitorMut for Replace {
        type Break = ();
        fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
            let this = self.next;
            self.next += 1;
            if this == self.index {
                *expr = Expr::Value(ValueWithSpan { value: Value::Null, span: expr.span() });
                return ControlFlow::Break(());
            }
            ControlFlow::Continue(())
        }
    }
    struct NameColumns;
    impl VisitorMut for NameColumns {
        type Break = ();
        fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<()> {
            for item in &mut select.projection {
                if let SelectItem::UnnamedExpr(expr) = item {
                    let name = match expr {
                        Expr::Identifier(identifier) => Some(fold(identifier)),
                        Expr::CompoundIdentifier(parts) => parts.last().map(fold),
                        _ => None,
                    };
                    if let Some(name) = name {
                        let alias = Ident::with_quote('"', name);
                        *item = SelectItem::ExprWithAlias { expr: expr.clone(), alias };
                    }
                }
            }
            ControlFlow::Continue(())
        }
    }
    let mut copy = query.clone();
    let _ = VisitMut::visit(&mut copy, &mut NameColumns);
    let _ = VisitMut::visit(&mut copy, &mut Replace { index, next: 0 });
    copy
}

/// What the tables of a query and of all its subqueries are called, folded.
pub fn tables(query: &Query) -> Vec<String> {
    struct Tables(Vec<String>);
    impl Visitor for Tables {
        type Break = ();
        fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<()> {
            match factor {
                TableFactor::Table { alias: Some(alias), .. } | TableFactor::Derived { alias: Some(alias), .. } => {
                    self.0.push(fold(&alias.name));
                }
                TableFactor::Table { name, .. } => {
                    self.0.extend(name.0.last().and_then(ObjectNamePart::as_ident).map(fold));
                }
                _ => {}
            }
            ControlFlow::Continue(())
        }
    }
    let mut tables = Tables(Vec::new());
    let _ = query.visit(&mut tables);
    tables.0
}

/// The folded names of columns that the expressions inside `span` mention.
pub fn names_within(query: &Query, source: &SourceText, within: Span, span: Span) -> Vec<String> {
    struct Names<'a> {
        source: &'a SourceText,
        within: Span,
        span: Span,
        names: Vec<String>,
    }
    impl Visitor for Names<'_> {
        type Break = ();
        fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
            let at = byte_span(self.source, self.within, expr.span());
            if at.start >= self.span.start && at.end <= self.span.end {
                match expr {
                    Expr::Identifier(identifier) => self.names.push(fold(identifier)),
                    Expr::CompoundIdentifier(parts) => self.names.extend(parts.last().map(fold)),
                    _ => {}
                }
            }
            ControlFlow::Continue(())
        }
    }
    let mut names = Names { source, within, span, names: Vec::new() };
    let _ = query.visit(&mut names);
    names.names
}
