//! Parts of a query that are parsed and that the engine then leaves out without a word: rows would come out as if they weren't
//! there. Each is refused; and so are windows and aggregates where there are none yet, which the engine only finds out when it runs.
//!
//! Where a node is taken apart here, all of its fields are named: one that a later version of the parser adds doesn't compile
//! until somebody has looked whether the engine knows it.

use super::engine::engine;
use super::parse::{byte_span, fold, mentions};
use crate::diagnostic::{Code, Diagnostic};
use crate::sql::QueryLimits;
use crate::text::{SourceText, Span};
use datafusion::sql::sqlparser::ast::{
    Expr, Function, FunctionArgumentClause, FunctionArguments, GroupByExpr, ObjectNamePart, Query, Select, SelectItem,
    Spanned, TableAlias, TableFactor, Value, Visit, Visitor,
};
use std::ops::ControlFlow;

/// Everything in a parsed query that would be ignored.
pub(super) fn check(source: &SourceText, span: Span, query: &Query) -> Vec<Diagnostic> {
    let mut ignored = Ignored { source, span, diagnostics: Vec::new() };
    let _ = query.visit(&mut ignored);
    ignored.diagnostics
}

struct Ignored<'a> {
    source: &'a SourceText,
    span: Span,
    diagnostics: Vec<Diagnostic>,
}

impl Ignored<'_> {
    fn at(&self, node: &impl Spanned) -> Span {
        byte_span(self.source, self.span, node.span())
    }

    /// Where a word is written, first behind the beginning of `node`.
    fn word(&self, node: Span, word: &str) -> Span {
        let all = mentions(self.source, self.span, word, &QueryLimits::default());
        all.into_iter().find(|found| found.start >= node.start).unwrap_or(node)
    }

    fn refuse(&mut self, at: Span, what: &str, help: &str) {
        self.diagnostics.push(
            Diagnostic::error(Code::Unsupported, format!("`{what}` isn't supported"))
                .at(at, "the engine would leave it out")
                .with_help(help),
        );
    }

    fn refuse_word(&mut self, is_there: bool, node: Span, word: &str, what: &str, help: &str) {
        if is_there {
            let at = self.word(node, word);
            self.refuse(at, what, help);
        }
    }

    fn grouping(&mut self, group_by: &GroupByExpr, at: Span) {
        let (GroupByExpr::All(modifiers) | GroupByExpr::Expressions(_, modifiers)) = group_by;
        for modifier in modifiers {
            let what = modifier.to_string().to_lowercase();
            let word = what.rsplit(' ').next().unwrap_or("with").to_owned();
            let help = match word.as_str() {
                "rollup" | "cube" => format!("write `group by {word} (…)`"),
                _ => "add a total by `union all` of a query without `group by`".to_owned(),
            };
            let at = self.word(at, &word);
            self.refuse(at, &what, &help);
        }
    }

    fn wildcards(&mut self, projection: &[SelectItem]) {
        for item in projection {
            let (SelectItem::Wildcard(options) | SelectItem::QualifiedWildcard(_, options)) = item else { continue };
            let at = self.at(item);
            self.refuse_word(options.opt_ilike.is_some(), at, "ilike", "* ilike", "name the columns");
        }
    }

    /// What only aggregates and windows know, in a call of another function.
    fn function(&mut self, function: &Function) {
        let Some(name) = function.name.0.last().and_then(ObjectNamePart::as_ident) else { return };
        let name = fold(name);
        let at = self.at(&function.name);
        let list = match &function.args {
            FunctionArguments::List(list) => Some(list),
            FunctionArguments::None | FunctionArguments::Subquery(_) => None,
        };
        let clauses = list.map(|list| list.clauses.as_slice()).unwrap_or_default();
        for clause in clauses {
            let (word, help) = match clause {
                FunctionArgumentClause::Limit(_) => ("limit", "number the rows first and keep those you want"),
                FunctionArgumentClause::OnOverflow(_) => ("overflow", "leave it out: texts may be long"),
                FunctionArgumentClause::Having(_) => {
                    ("having", "`first_value(x order by y)` takes the value of the least row")
                }
                FunctionArgumentClause::Separator(_) => {
                    ("separator", "the separator is the second argument: `string_agg(x, ',')`")
                }
                FunctionArgumentClause::JsonNullClause(_) => ("null", "leave it out"),
                FunctionArgumentClause::JsonReturningClause(_) => ("returning", "cast the result"),
                FunctionArgumentClause::IgnoreOrRespectNulls(_) | FunctionArgumentClause::OrderBy(_) => continue,
            };
            self.refuse_word(true, at, word, word, help);
        }
        let engine = engine();
        let is_scalar = engine.scalar_functions().contains_key(&name)
            && !engine.aggregate_functions().contains_key(&name)
            && !engine.window_functions().contains_key(&name);
        if !is_scalar {
            return;
        }
        let help = format!("`{name}` takes one row at a time; aggregates such as `sum` and `count` know this");
        let distinct = list.is_some_and(|list| list.duplicate_treatment.is_some());
        let ordered = clauses.iter().any(|clause| matches!(clause, FunctionArgumentClause::OrderBy(_)));
        let nulls = function.null_treatment.is_some()
            || clauses.iter().any(|clause| matches!(clause, FunctionArgumentClause::IgnoreOrRespectNulls(_)));
        for (is_there, word, what) in [
            (distinct, "distinct", "distinct"),
            (ordered, "order", "order by"),
            (nulls, "nulls", "ignore nulls"),
            (function.filter.is_some(), "filter", "filter"),
            (!function.within_group.is_empty(), "within", "within group"),
        ] {
            if is_there {
                let at = self.word(at, word);
                self.diagnostics.push(
                    Diagnostic::error(Code::Unsupported, format!("`{name}` has no `{what}`"))
                        .at(at, "the engine would leave it out")
                        .with_help(&help),
                );
            }
        }
    }

    /// A window function, or an aggregate unless `aggregates` are there already, in a clause that is worked out before them.
    fn too_early(&mut self, expression: &Expr, clause: &str, aggregates: bool) {
        let mut early = Early { depth: 0, found: None, aggregates };
        let _ = expression.visit(&mut early);
        let Some((function, is_window)) = early.found else { return };
        let at = self.at(&function);
        let at = super::parse::balanced(self.source, self.span, at);
        let (what, help) = match is_window {
            true => ("a window function", "give it a name in a subquery and look at it outside, or write `qualify`"),
            false => ("an aggregate", "write the condition in `having`, behind `group by`"),
        };
        self.diagnostics.push(
            Diagnostic::error(Code::InvalidQuery, format!("`{clause}` can't look at {what}"))
                .at(at, format!("worked out behind `{clause}`"))
                .with_help(help),
        );
    }

    /// A clause of the slice that stands behind the query is read as the name of a table with its columns.
    fn alias(&mut self, alias: Option<&TableAlias>) {
        let Some(alias) = alias.filter(|alias| !alias.explicit && alias.name.quote_style.is_none()) else { return };
        let name = fold(&alias.name);
        if alias.columns.is_empty() || !["key", "columns", "check"].contains(&name.as_str()) {
            return;
        }
        let at = byte_span(self.source, self.span, alias.name.span);
        self.diagnostics.push(
            Diagnostic::error(Code::Unsupported, format!("the clause `{name}` stands behind the query"))
                .at(at, "SQL takes it for another name of the table")
                .with_help(format!(
                    "move it above `select`; if it is meant as a name of the table, write `as {name} (…)`"
                )),
        );
    }
}

/// Looks for the first window or aggregate of an expression, outside of subqueries.
struct Early {
    depth: usize,
    found: Option<(Expr, bool)>,
    aggregates: bool,
}

impl Visitor for Early {
    type Break = ();

    fn pre_visit_query(&mut self, _: &Query) -> ControlFlow<()> {
        self.depth += 1;
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _: &Query) -> ControlFlow<()> {
        self.depth -= 1;
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        let (0, Expr::Function(function)) = (self.depth, expr) else { return ControlFlow::Continue(()) };
        let name = function.name.0.last().and_then(ObjectNamePart::as_ident).map(fold).unwrap_or_default();
        let is_window = function.over.is_some();
        let is_aggregate =
            engine().aggregate_functions().contains_key(&name) && !engine().scalar_functions().contains_key(&name);
        if is_window || (is_aggregate && !self.aggregates) {
            self.found = Some((expr.clone(), is_window));
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    }
}

impl Visitor for Ignored<'_> {
    type Break = ();

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        let Query {
            with: _,
            body: _,
            order_by,
            limit_clause: _,
            fetch: _,
            locks: _,
            for_clause,
            settings,
            format_clause,
            pipe_operators: _,
        } = query;
        let at = self.at(query);
        let leave = "leave it out";
        self.refuse_word(
            for_clause.is_some(),
            at,
            "for",
            "for xml",
            "leave it out; `pie query --format json` gives JSON",
        );
        self.refuse_word(settings.is_some(), at, "settings", "settings", leave);
        self.refuse_word(
            format_clause.is_some(),
            at,
            "format",
            "format",
            "leave it out; `pie query --format` takes one",
        );
        let interpolated = order_by.as_ref().is_some_and(|order| order.interpolate.is_some());
        self.refuse_word(interpolated, at, "interpolate", "interpolate", leave);
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &Select) -> ControlFlow<()> {
        let Select {
            select_token: _,
            // They are comments.
            optimizer_hints: _,
            distinct: _,
            select_modifiers,
            // The engine refuses it.
            top: _,
            top_before_distinct: _,
            projection,
            exclude,
            // Refused as writing.
            into: _,
            from: _,
            lateral_views,
            prewhere,
            selection,
            connect_by,
            group_by,
            cluster_by,
            distribute_by,
            sort_by,
            having,
            named_window: _,
            qualify: _,
            window_before_qualify: _,
            value_table_mode,
            flavor: _,
        } = select;
        let at = self.at(select);
        let leave = "leave it out";
        self.refuse_word(prewhere.is_some(), at, "prewhere", "prewhere", "write `where`");
        self.refuse_word(!connect_by.is_empty(), at, "connect", "connect by", "write `with recursive`");
        self.refuse_word(
            !lateral_views.is_empty(),
            at,
            "lateral",
            "lateral view",
            "write `unnest(…)` in the select list",
        );
        self.refuse_word(exclude.is_some(), at, "exclude", "exclude", "put it behind `*`: `* exclude (…)`");
        self.refuse_word(value_table_mode.is_some(), at, "as", "select as", "write `select struct(…) as name`");
        for (is_there, word) in [
            (!cluster_by.is_empty(), "cluster"),
            (!distribute_by.is_empty(), "distribute"),
            (!sort_by.is_empty(), "sort"),
        ] {
            let help = "leave it out; where rows lie is for pie to say, and `sort by (…)` above the query orders them";
            self.refuse_word(is_there, at, word, &format!("{word} by"), help);
        }
        if let Some(modifiers) = select_modifiers.as_ref().map(ToString::to_string).filter(|text| !text.is_empty()) {
            let word = modifiers.to_lowercase();
            let word = word.split_whitespace().next().unwrap_or_default().to_owned();
            self.refuse_word(true, at, &word, &word, leave);
        }
        self.grouping(group_by, at);
        self.wildcards(projection);
        if let Some(condition) = selection {
            self.too_early(condition, "where", false);
        }
        if let Some(condition) = having {
            self.too_early(condition, "having", true);
        }
        if let GroupByExpr::Expressions(keys, _) = group_by {
            for key in keys {
                self.too_early(key, "group by", true);
            }
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<()> {
        match factor {
            TableFactor::Table {
                name,
                alias,
                args: _,
                with_hints,
                version,
                with_ordinality,
                partitions,
                json_path,
                // Refused as chance.
                sample: _,
                index_hints,
            } => {
                let at = self.at(name);
                self.refuse_word(!with_hints.is_empty(), at, "with", "with (…)", "leave it out: nothing is locked");
                self.refuse_word(
                    version.is_some(),
                    at,
                    "for",
                    "a table at another time",
                    "`pie query --at` reads versions",
                );
                self.refuse_word(
                    *with_ordinality,
                    at,
                    "ordinality",
                    "with ordinality",
                    "`row_number() over (order by …)` counts",
                );
                self.refuse_word(!partitions.is_empty(), at, "partition", "partition (…)", "choose rows by `where`");
                if json_path.is_some() {
                    self.refuse(at, "a path behind a table", "name the columns you want");
                }
                self.refuse_word(
                    !index_hints.is_empty(),
                    at,
                    "index",
                    "use index",
                    "leave it out: there are no indexes",
                );
                self.alias(alias.as_ref());
            }
            TableFactor::Derived { lateral: _, subquery, alias, sample } => {
                let at = self.at(&**subquery);
                if sample.is_some() {
                    let at = self.word(at, "tablesample");
                    self.diagnostics.push(
                        Diagnostic::error(Code::ChanceFunction, "`tablesample` takes rows by chance")
                            .at(at, "sampled here")
                            .with_help("choose rows by their values, or by a key's digits"),
                    );
                }
                self.alias(alias.as_ref());
            }
            TableFactor::UNNEST { array_exprs, with_offset, with_ordinality, alias: _, with_offset_alias: _ } => {
                let at = array_exprs.first().map_or(self.span, |expr| self.at(expr));
                let help = "`row_number() over (order by …)` counts";
                self.refuse_word(*with_offset, at, "offset", "with offset", help);
                self.refuse_word(*with_ordinality, at, "ordinality", "with ordinality", help);
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        match expr {
            Expr::Function(function) => self.function(function),
            Expr::Value(value) => {
                if let Value::Placeholder(name) = &value.value {
                    let at = byte_span(self.source, self.span, value.span);
                    self.diagnostics.push(
                        Diagnostic::error(Code::Unsupported, "a query has no parameters")
                            .at(at, format!("`{name}` is given no value"))
                            .with_help("write the value itself"),
                    );
                }
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }
}
