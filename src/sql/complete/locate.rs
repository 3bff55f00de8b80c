//! Choices of a plan → warnings and errors at their places in the text.
//!
//! Plans have no places, so those of the same look in the parsed query are taken: the same function over the same
//! columns, a `limit` of the same numbers and order. Where several look alike each is named; where none does, the query
//! is.

use super::choice::{ChoiceKind, OpenChoice, Signature};
use crate::diagnostic::{Code, Diagnostic};
use crate::sql::engine::engine;
use crate::sql::parse::{balanced, byte_span, fold};
use crate::text::{SourceText, Span};
use datafusion::sql::sqlparser::ast::{
    Distinct, Expr, Function, LimitClause, NamedWindowExpr, ObjectNamePart, OrderBy, PipeOperator, Query, Select,
    Spanned, Value, ValueWithSpan, Visit, Visitor, WindowSpec, WindowType,
};
use std::collections::BTreeMap;
use std::ops::ControlFlow;

/// What is to be told of a query's choices, in no particular order. `within` is the query's place in the file.
pub fn locate(choices: &[OpenChoice], query: &Query, source: &SourceText, within: Span) -> Vec<Diagnostic> {
    let mut places = Places { source, within, windows: BTreeMap::new(), found: Vec::new() };
    if !choices.is_empty() {
        let _ = query.visit(&mut places);
    }
    let mut diagnostics: Vec<Diagnostic> = Vec::new();
    for choice in choices {
        let mut spans: Vec<Span> = matching(choice, &places.found).into_iter().map(|place| place.span).collect();
        spans.retain(|span| !span.is_empty());
        if spans.is_empty() {
            spans.push(within);
        }
        for span in spans {
            let diagnostic = diagnostic(choice, span);
            // A CTE that is read twice is planned twice.
            if !diagnostics.iter().any(|other| other.span == diagnostic.span && other.code == diagnostic.code) {
                diagnostics.push(diagnostic);
            }
        }
    }
    diagnostics
}

fn diagnostic(choice: &OpenChoice, span: Span) -> Diagnostic {
    let diagnostic = match choice.kind {
        ChoiceKind::Limit | ChoiceKind::DistinctOn | ChoiceKind::Window | ChoiceKind::Aggregate => {
            Diagnostic::warning(Code::OpenChoice, &choice.message)
        }
        ChoiceKind::Frame => Diagnostic::error(Code::OpenFrame, &choice.message),
    };
    diagnostic.at(span, &choice.label).with_help(&choice.help)
}

/// A place in a query that may leave a choice.
struct Place {
    what: What,
    signature: Signature,
    span: Span,
}

enum What {
    Limit,
    DistinctOn,
    Call { function: String, over: bool },
}

/// The places that a choice may be about, as few as can be told.
fn matching<'p>(choice: &OpenChoice, places: &'p [Place]) -> Vec<&'p Place> {
    const ALIKE: [fn(&Signature, &Signature) -> bool; 3] = [
        |one, other| one.rows == other.rows,
        |one, other| one.ordered == other.ordered,
        |one, other| one.mentions == other.mentions,
    ];
    let mut left: Vec<&Place> = places.iter().filter(|place| may_be(choice, &place.what)).collect();
    for alike in ALIKE {
        let fewer: Vec<&Place> =
            left.iter().copied().filter(|place| alike(&choice.signature, &place.signature)).collect();
        if !fewer.is_empty() {
            left = fewer;
        }
    }
    left
}

fn may_be(choice: &OpenChoice, what: &What) -> bool {
    let called = |name: &str| choice.function.as_deref() == Some(name);
    match (choice.kind, what) {
        (ChoiceKind::Limit, What::Limit) | (ChoiceKind::DistinctOn, What::DistinctOn) => true,
        (ChoiceKind::Window | ChoiceKind::Frame, What::Call { function, over }) => *over && called(function),
        (ChoiceKind::Aggregate, What::Call { function, over }) => !*over && called(function),
        (ChoiceKind::Limit | ChoiceKind::DistinctOn, What::Call { .. }) | (_, What::Limit | What::DistinctOn) => false,
    }
}

/// Collects the places of a query, from outside in.
struct Places<'a> {
    source: &'a SourceText,
    within: Span,
    /// The windows that have a name; `None` where one has several meanings.
    windows: BTreeMap<String, Option<WindowSpec>>,
    found: Vec<Place>,
}

impl Visitor for Places<'_> {
    type Break = ();

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        let clause = match &query.limit_clause {
            Some(LimitClause::LimitOffset { limit, offset, .. }) => {
                Some((offset.as_ref().map(|offset| &offset.value), limit.as_ref()))
            }
            Some(LimitClause::OffsetCommaLimit { offset, limit }) => Some((Some(offset), Some(limit))),
            None => None,
        };
        if let Some((skip, fetch)) = clause {
            self.limit(skip, fetch, query.order_by.as_ref());
        }
        for operator in &query.pipe_operators {
            if let PipeOperator::Limit { expr, offset } = operator {
                self.limit(offset.as_ref(), Some(expr), query.order_by.as_ref());
            }
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &Select) -> ControlFlow<()> {
        for window in &select.named_window {
            let spec = match &window.1 {
                NamedWindowExpr::WindowSpec(spec) => Some(spec.clone()),
                NamedWindowExpr::NamedWindow(_) => None,
            };
            let known = self.windows.entry(fold(&window.0)).or_insert_with(|| spec.clone());
            if *known != spec {
                *known = None;
            }
        }
        if let Some(Distinct::On(exprs)) = &select.distinct {
            let mut names = Names::default();
            let _ = exprs.visit(&mut names);
            let span = self.distinct_on(select);
            self.found.push(Place { what: What::DistinctOn, signature: names.signature(), span });
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        if let Expr::Function(function) = expr {
            self.call(function);
        }
        ControlFlow::Continue(())
    }
}

impl Places<'_> {
    fn limit(&mut self, skip: Option<&Expr>, fetch: Option<&Expr>, order_by: Option<&OrderBy>) {
        let mut names = Names::default();
        if let Some(order_by) = order_by {
            let _ = order_by.visit(&mut names);
        }
        let rows = Some((number(skip), number(fetch)));
        let signature = Signature { rows, ordered: order_by.is_some(), ..names.signature() };
        let spans = [skip, fetch].into_iter().flatten().map(|expr| byte_span(self.source, self.within, expr.span()));
        let span = spans.filter(|span| !span.is_empty()).reduce(Span::merge);
        if let Some(span) = span {
            self.found.push(Place { what: What::Limit, signature, span: self.with_keyword(span) });
        }
    }

    /// The span with the word before it that begins the clause.
    fn with_keyword(&self, span: Span) -> Span {
        let before = self.source.text()[self.within.start as usize..span.start as usize].trim_end();
        for word in ["limit", "offset"] {
            let start = before.len().saturating_sub(word.len());
            if before.get(start..).is_some_and(|end| end.eq_ignore_ascii_case(word)) {
                return Span { start: self.within.start + start as u32, ..span };
            }
        }
        span
    }

    fn distinct_on(&self, select: &Select) -> Span {
        let select = byte_span(self.source, self.within, select.select_token.0.span);
        let text = self.source.text();
        let rest = &text[select.end as usize..self.within.end as usize];
        let start = select.end + (rest.len() - rest.trim_start().len()) as u32;
        match text[start as usize..self.within.end as usize].find('(') {
            Some(offset) => {
                let opened = Span { start, end: start + offset as u32 + 1, ..select };
                balanced(self.source, self.within, opened)
            }
            None => select,
        }
    }

    fn call(&mut self, function: &Function) {
        let Some(name) = function.name.0.last().and_then(ObjectNamePart::as_ident).map(fold) else { return };
        let mut names = Names::default();
        let _ = function.visit(&mut names);
        if let Some(WindowType::NamedWindow(window)) = &function.over
            && let Some(Some(spec)) = self.windows.get(&fold(window))
        {
            let _ = spec.visit(&mut names);
        }
        let what = What::Call { function: first_name(&name), over: function.over.is_some() };
        let span = self.call_span(function);
        self.found.push(Place { what, signature: names.signature(), span });
    }

    /// A function's name and its arguments.
    fn call_span(&self, function: &Function) -> Span {
        let name = byte_span(self.source, self.within, function.name.span());
        let rest = &self.source.text()[name.end as usize..self.within.end as usize];
        let blank = rest.len() - rest.trim_start().len();
        if name.is_empty() || !rest.trim_start().starts_with('(') {
            return name;
        }
        balanced(self.source, self.within, Span { end: name.end + blank as u32 + 1, ..name })
    }
}

/// The name that the engine knows a function by, of those that it goes by.
fn first_name(name: &str) -> String {
    let engine = engine();
    let aggregate = engine.aggregate_functions().get(name).map(|function| function.name().to_owned());
    let window = || engine.window_functions().get(name).map(|function| function.name().to_owned());
    aggregate.or_else(window).unwrap_or_else(|| name.to_owned())
}

/// The names of the columns that a part of a query mentions.
#[derive(Default)]
struct Names {
    names: Vec<String>,
}

impl Names {
    fn signature(mut self) -> Signature {
        self.names.sort_unstable();
        Signature { mentions: self.names, ..Signature::default() }
    }
}

impl Visitor for Names {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        match expr {
            Expr::Identifier(identifier) => self.names.push(fold(identifier)),
            Expr::CompoundIdentifier(parts) => self.names.extend(parts.last().map(fold)),
            _ => {}
        }
        ControlFlow::Continue(())
    }
}

/// A count of rows as its text; empty where there is none, `?` where it isn't a number.
fn number(expr: Option<&Expr>) -> String {
    match expr {
        None => String::new(),
        Some(Expr::Value(ValueWithSpan { value: Value::Number(number, _), .. })) => number.to_string(),
        Some(_) => "?".to_owned(),
    }
}
