//! Common mistakes in the words of a query, which a parser only notices some words later.

use super::parse::{byte_span, fold};
use crate::diagnostic::{Code, Diagnostic, nearest};
use crate::text::{SourceText, Span};
use datafusion::sql::sqlparser::ast::{Expr, Ident, Query, Select, SelectItem, Visit, Visitor};
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan};
use std::collections::BTreeSet;
use std::ops::ControlFlow;

/// Words that begin or join the parts of a query.
const WORDS: [&str; 28] = [
    "select",
    "from",
    "where",
    "group",
    "order",
    "having",
    "limit",
    "join",
    "left",
    "right",
    "inner",
    "cross",
    "union",
    "except",
    "intersect",
    "distinct",
    "between",
    "case",
    "when",
    "then",
    "else",
    "and",
    "not",
    "like",
    "over",
    "partition",
    "qualify",
    "using",
];

/// The order of a query's clauses.
const ORDER: [&str; 7] = ["select", "from", "where", "group", "having", "order", "limit"];

/// What is wrong where parsing stopped, at `at`, if it is one of the mistakes that are known.
pub(super) fn known(tokens: &[TokenWithSpan], source: &SourceText, span: Span, at: Span) -> Option<Diagnostic> {
    let written: Vec<&TokenWithSpan> =
        tokens.iter().filter(|token| !matches!(token.token, Token::Whitespace(_) | Token::EOF)).collect();
    let place = |index: usize| byte_span(source, span, written[index].span);
    // Behind the last word where the text ended too early.
    let index = (0..written.len()).find(|index| place(*index) == at).unwrap_or(written.len());
    let word = |index: usize| written.get(index).and_then(|token| plain(token));
    template(&written, index, &place)
        .or_else(|| own_clause(&written, index, source, span))
        .or_else(|| misspelt(&written, index, &word, &place))
        .or_else(|| too_late(&written, index, &word, &place))
}

/// A word without quotes, folded.
fn plain(token: &TokenWithSpan) -> Option<String> {
    match &token.token {
        Token::Word(word) if word.quote_style.is_none() => Some(word.value.to_lowercase()),
        _ => None,
    }
}

/// `wehre state = 'paid'`: read as another name of the table, and noticed at `state`.
fn misspelt(
    written: &[&TokenWithSpan],
    index: usize,
    word: &dyn Fn(usize) -> Option<String>,
    place: &dyn Fn(usize) -> Span,
) -> Option<Diagnostic> {
    for at in index.saturating_sub(2)..=index {
        let Some(found) = word(at) else { continue };
        let is_name = matches!(&written[at].token, Token::Word(word) if word.keyword == Keyword::NoKeyword);
        // `form` is as near to `from` as words come; other words that mean something by themselves stay.
        if (!is_name && found != "form") || found.chars().count() < 3 {
            continue;
        }
        // What stands behind a dot, or is called, is a name.
        let behind_dot = at > 0 && written[at - 1].token == Token::Period;
        let before_dot = written.get(at + 1).is_some_and(|next| next.token == Token::Period);
        // So is what follows one of these.
        let named =
            at > 0 && word(at - 1).is_some_and(|before| matches!(before.as_str(), "from" | "join" | "as" | "by"));
        if behind_dot || before_dot || named {
            continue;
        }
        let near = nearest(&found, WORDS);
        let Some(near) = near.first() else { continue };
        let help = match *near {
            "group" | "order" | "partition" if word(at + 1).as_deref() != Some("by") => {
                format!("did you mean `{near} by`?")
            }
            near => format!("did you mean `{near}`?"),
        };
        let diagnostic = Diagnostic::error(Code::SqlSyntax, format!("`{found}` isn't known here"))
            .at(place(at), "not a word of SQL")
            .with_help(help)
            .with_replacement(format!("write `{near}`"), place(at), *near);
        return Some(diagnostic);
    }
    None
}

/// `limit 3 order by day`: a clause behind one that it must stand before, or a second one of its kind.
fn too_late(
    written: &[&TokenWithSpan],
    index: usize,
    word: &dyn Fn(usize) -> Option<String>,
    place: &dyn Fn(usize) -> Span,
) -> Option<Diagnostic> {
    let found = word(index)?;
    let rank = |word: &str| ORDER.iter().position(|clause| *clause == word);
    let own = rank(&found).filter(|own| *own > 0)?;
    let with_by = |word: &str| if matches!(word, "group" | "order") { format!("{word} by") } else { word.to_owned() };
    if matches!(found.as_str(), "group" | "order") && word(index + 1).as_deref() != Some("by") {
        let help = format!("write `{found} by`");
        return Some(
            Diagnostic::error(Code::SqlSyntax, format!("`{found}` goes with `by`"))
                .at(place(index), "`by` is missing")
                .with_help(help),
        );
    }
    // Clauses of the same query: those in the same parentheses, from its `select` on.
    let mut depth = 0i32;
    let mut last: Option<(usize, String)> = None;
    for at in (0..index).rev() {
        match &written[at].token {
            Token::RParen => depth += 1,
            Token::LParen if depth == 0 => break,
            Token::LParen => depth -= 1,
            _ => {}
        }
        if depth != 0 {
            continue;
        }
        let Some(clause) = word(at) else { continue };
        let Some(rank) = rank(&clause) else { continue };
        if rank >= own && last.as_ref().is_none_or(|(known, _)| rank < *known) {
            last = Some((rank, clause.clone()));
        }
        if clause == "select" {
            break;
        }
    }
    let (rank, before) = last?;
    let diagnostic = if rank == own {
        let help = match found.as_str() {
            "where" | "having" => "join the conditions by `and`",
            _ => "write one of them",
        };
        Diagnostic::error(Code::SqlSyntax, format!("`{}` stands twice in this query", with_by(&found)))
            .at(place(index), "again here")
            .with_help(help)
    } else {
        Diagnostic::error(Code::SqlSyntax, format!("`{}` must come before `{}`", with_by(&found), with_by(&before)))
            .at(place(index), format!("behind `{}`", with_by(&before)))
            .with_help("the order is `select`, `from`, `where`, `group by`, `having`, `order by`, `limit`")
    };
    Some(diagnostic)
}

/// A clause of the slice behind its query.
fn own_clause(written: &[&TokenWithSpan], index: usize, source: &SourceText, span: Span) -> Option<Diagnostic> {
    let spelled = |at: usize| written.get(at).and_then(|token| plain(token));
    for at in index.saturating_sub(3)..=index {
        let Some(word) = spelled(at) else { continue };
        let next = spelled(at + 1);
        let opens = |at: usize| written.get(at).is_some_and(|token| token.token == Token::LParen);
        let clause = match (word.as_str(), next.as_deref()) {
            ("key" | "columns", _) if opens(at + 1) => word,
            ("check", Some(_)) if opens(at + 2) => word,
            ("sort" | "partition", Some("by")) if opens(at + 2) => format!("{word} by"),
            ("stale", Some("for")) => "stale for at most".to_owned(),
            _ => continue,
        };
        let place = byte_span(source, span, written[at].span);
        // Inside of a line it is more likely a part of the query.
        let line = source.text()[..place.start as usize].rsplit('\n').next().unwrap_or_default();
        if !line.trim().is_empty() {
            continue;
        }
        return Some(
            Diagnostic::error(Code::SqlSyntax, format!("the clause `{clause}` stands behind the query"))
                .at(place, "not part of the query")
                .with_help("a slice's query comes last: move the clause above it"),
        );
    }
    None
}

/// `from {{ ref('orders') }}`: other tools fill texts in before anybody reads the query.
fn template(written: &[&TokenWithSpan], index: usize, place: &dyn Fn(usize) -> Span) -> Option<Diagnostic> {
    let is = |at: usize, token: &Token| written.get(at).is_some_and(|other| other.token == *token);
    let opens = |at: &usize| is(*at, &Token::LBrace) && (is(at + 1, &Token::LBrace) || is(at + 1, &Token::Mod));
    let start = (index.saturating_sub(2)..=index).find(opens)?;
    let closes = |at: &usize| is(*at, &Token::RBrace) && (is(at - 1, &Token::RBrace) || is(at - 1, &Token::Mod));
    let end = (start + 2..written.len()).find(closes).unwrap_or(start + 1);
    Some(
        Diagnostic::error(Code::SqlSyntax, "templates aren't filled in: a query is read as it is")
            .at(place(start).merge(place(end)), "a template")
            .with_help("name what is read, `from orders.lines`: pie sees by itself what a query reads"),
    )
}

/// `select id amount`: with its comma left out, a column becomes the name of the one before it. Told where a column is called, without
/// `as`, like another one of the tables that are read. `columns` are their names.
pub(super) fn swallowed(query: &Query, columns: &BTreeSet<&str>, source: &SourceText, span: Span) -> Vec<Diagnostic> {
    struct Items<'a> {
        columns: &'a BTreeSet<&'a str>,
        source: &'a SourceText,
        span: Span,
        found: Vec<Diagnostic>,
    }
    impl Visitor for Items<'_> {
        type Break = ();
        fn pre_visit_select(&mut self, select: &Select) -> ControlFlow<()> {
            for item in &select.projection {
                let SelectItem::ExprWithAlias { expr, alias } = item else { continue };
                let column = match expr {
                    Expr::Identifier(name) => name,
                    Expr::CompoundIdentifier(parts) => match parts.last() {
                        Some(name) => name,
                        None => continue,
                    },
                    _ => continue,
                };
                let name = fold(alias);
                if alias.quote_style.is_some() || !self.columns.contains(name.as_str()) || fold(column) == name {
                    continue;
                }
                let place = |name: &Ident| byte_span(self.source, self.span, name.span);
                let (before, at) = (place(column), place(alias));
                let between = self.source.text().get(before.end as usize..at.start as usize).unwrap_or("as");
                if at.is_empty() || !between.chars().all(char::is_whitespace) {
                    continue;
                }
                let message = format!("the column `{}` is called `{name}` here, like another column", fold(column));
                let (comma, behind) = (Span { start: before.end, ..before }, Span { end: at.start, ..at });
                self.found.push(
                    Diagnostic::warning(Code::ColumnAsName, message)
                        .at(at, "is a comma missing before this?")
                        .with_help("write the comma, or `as` if it is meant to be called so")
                        .with_replacement("add the comma", comma, ",")
                        .with_replacement("write `as`", behind, "as "),
                );
            }
            ControlFlow::Continue(())
        }
    }
    let mut items = Items { columns, source, span, found: Vec::new() };
    let _ = query.visit(&mut items);
    items.found
}
