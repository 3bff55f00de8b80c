//! Text → tokens in the file's coordinates → one query, with the relations it names.

use super::limits::{QueryLimits, exceeded};
use super::{error, gate, ignored, mistake};
use crate::diagnostic::{Code, Diagnostic};
use crate::text::{LineColumn, SourceText, Span};
use datafusion::sql::sqlparser::ast::{Ident, ObjectName, ObjectNamePart, Query, Spanned, Statement, TableFactor};
use datafusion::sql::sqlparser::ast::{Visit, Visitor};
use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::parser::{Parser, ParserError};
use datafusion::sql::sqlparser::tokenizer::{self, Location, Token, TokenWithSpan, Tokenizer};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, PoisonError};

/// A query that may be planned: one read-only query without functions of the clock or of chance.
#[derive(Clone, Debug)]
pub struct ParsedQuery {
    /// Its tree, from when it is needed until it is planned: trees are large.
    tree: Arc<Mutex<Option<Arc<Query>>>>,
    origin: Origin,
    /// The query's place in the file.
    pub span: Span,
    /// Names of relations that aren't the query's own CTEs, in the order of the text.
    pub references: Vec<RelationReference>,
    /// See [`normalized_tokens`].
    pub normalized: String,
    /// How many relations the query's plan scans when each reference to a CTE is written out, as the planner does it; 1
    /// for a query without CTEs.
    pub expansion: u64,
}

/// How a query's text is read.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Origin {
    Query(Purpose, QueryLimits),
    /// A predicate over the rows of a relation.
    Predicate(Vec<String>, QueryLimits),
}

/// What is known of a query without its tree. It says nothing of the query's place: offsets count from its start.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct QueryFacts {
    references: Vec<(Vec<String>, u32, u32)>,
    normalized: String,
    expansion: u64,
}

impl ParsedQuery {
    /// The query's tree. `source` must be the text that it was parsed from.
    pub(super) fn tree(&self, source: &SourceText) -> Option<Arc<Query>> {
        let mut tree = self.tree.lock().unwrap_or_else(PoisonError::into_inner);
        if tree.is_none() {
            *tree = self.parse(source);
        }
        tree.clone()
    }

    /// The same for the last time, as it seems: the tree isn't kept.
    pub(super) fn take_tree(&self, source: &SourceText) -> Option<Arc<Query>> {
        let tree = self.tree.lock().unwrap_or_else(PoisonError::into_inner).take();
        tree.or_else(|| self.parse(source))
    }

    /// Lets the tree go; it is made once more for those who ask.
    pub fn forget_tree(&self) {
        self.tree.lock().unwrap_or_else(PoisonError::into_inner).take();
    }

    /// The text was found to be a query before.
    fn parse(&self, source: &SourceText) -> Option<Arc<Query>> {
        let (tokens, limits) = match &self.origin {
            Origin::Query(_, limits) => (tokenize(source, self.span, limits).ok()?, limits),
            Origin::Predicate(of, limits) => {
                let of: Vec<&str> = of.iter().map(String::as_str).collect();
                (violations(tokenize(source, self.span, limits).ok()?, &of), limits)
            }
        };
        parse_tokens(source, self.span, tokens, limits).ok().map(Arc::from)
    }

    /// What can be kept of it.
    pub fn facts(&self) -> QueryFacts {
        let start = self.span.start;
        let relative = |reference: &RelationReference| {
            let span = reference.span;
            (reference.parts.clone(), span.start.wrapping_sub(start), span.end.wrapping_sub(start))
        };
        QueryFacts {
            references: self.references.iter().map(relative).collect(),
            normalized: self.normalized.clone(),
            expansion: self.expansion,
        }
    }

    fn known(origin: Origin, span: Span, facts: QueryFacts) -> ParsedQuery {
        let absolute = |(parts, start, end): (Vec<String>, u32, u32)| {
            let (start, end) = (span.start.wrapping_add(start), span.start.wrapping_add(end));
            RelationReference { parts, span: Span { start, end, ..span } }
        };
        ParsedQuery {
            tree: Arc::default(),
            origin,
            span,
            references: facts.references.into_iter().map(absolute).collect(),
            normalized: facts.normalized,
            expansion: facts.expansion,
        }
    }
}

/// The query at `span`, whose text gave `facts` when [`parse_query`] read it.
pub fn known_query(span: Span, limits: &QueryLimits, facts: QueryFacts) -> ParsedQuery {
    ParsedQuery::known(Origin::Query(Purpose::Slice, *limits), span, facts)
}

/// The same for [`parse_predicate`].
pub fn known_predicate(span: Span, of: &[&str], limits: &QueryLimits, facts: QueryFacts) -> ParsedExpression {
    let of = of.iter().map(|part| (*part).to_owned()).collect();
    ParsedExpression { violations: ParsedQuery::known(Origin::Predicate(of, *limits), span, facts), span }
}

fn expansion(query: &Query) -> u64 {
    #[derive(Default)]
    struct References<'a> {
        sizes: BTreeMap<&'a str, u64>,
        names: Vec<String>,
    }
    impl Visitor for References<'_> {
        type Break = ();
        fn pre_visit_relation(&mut self, relation: &ObjectName) -> ControlFlow<()> {
            if let [ObjectNamePart::Identifier(name)] = relation.0.as_slice() {
                self.names.push(fold(name));
            }
            ControlFlow::Continue(())
        }
    }
    let Some(with) = &query.with else { return 1 };
    let names: Vec<String> = with.cte_tables.iter().map(|cte| fold(&cte.alias.name)).collect();
    let mut references = References::default();
    let size = |references: &mut References| {
        let total = references.names.iter().map(|name| references.sizes.get(name.as_str()).copied().unwrap_or(1));
        let total = total.fold(0u64, u64::saturating_add).max(1);
        references.names.clear();
        total
    };
    for (cte, name) in with.cte_tables.iter().zip(&names) {
        let _ = cte.query.visit(&mut references);
        let total = size(&mut references).max(expansion(&cte.query));
        references.sizes.insert(name, total);
    }
    let _ = query.body.visit(&mut references);
    size(&mut references)
}

/// The predicate of a check, kept as the query that finds the rows for which it is false.
#[derive(Clone, Debug)]
pub struct ParsedExpression {
    pub(super) violations: ParsedQuery,
    pub span: Span,
}

impl ParsedExpression {
    /// Names of relations that the predicate's subqueries read.
    pub fn references(&self) -> &[RelationReference] {
        &self.violations.references
    }

    pub fn normalized(&self) -> &str {
        &self.violations.normalized
    }

    /// The query of the rows that break the predicate.
    pub fn violations(&self) -> &ParsedQuery {
        &self.violations
    }
}

/// A relation as a query names it: one part (`transfers`) or two (`payments.transfers`), folded.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RelationReference {
    pub parts: Vec<String>,
    pub span: Span,
}

impl RelationReference {
    /// The key under which a [`super::Catalog`] holds it.
    pub fn key(&self) -> String {
        self.parts.join(".")
    }
}

/// Parses the query at `span` of `source`. Errors come with exact spans; linear in the text.
pub fn parse_query(source: &SourceText, span: Span, limits: &QueryLimits) -> Result<ParsedQuery, Vec<Diagnostic>> {
    parse_for(Purpose::Slice, source, span, limits)
}

/// Parses the query of a person who wants an answer now: it must be read-only, but it may look at the clock.
pub fn parse_question(source: &SourceText, span: Span, limits: &QueryLimits) -> Result<ParsedQuery, Vec<Diagnostic>> {
    parse_for(Purpose::Question, source, span, limits)
}

/// What a query is for, which decides what it may not do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Purpose {
    /// Its rows are kept, so they must be a function of what it reads.
    Slice,
    /// Its rows are shown once.
    Question,
}

fn parse_for(
    purpose: Purpose,
    source: &SourceText,
    span: Span,
    limits: &QueryLimits,
) -> Result<ParsedQuery, Vec<Diagnostic>> {
    let tokens = tokenize(source, span, limits)?;
    gate::check_statement(purpose, source, span, &tokens)?;
    let normalized = normalized_tokens(&tokens);
    let query = parse_tokens(source, span, tokens, limits)?;
    finish(purpose, source, span, query, normalized, limits)
}

/// Parses the predicate at `span` over the rows of the relation `of`, which it may name its columns of.
pub fn parse_predicate(
    source: &SourceText,
    span: Span,
    of: &[&str],
    limits: &QueryLimits,
) -> Result<ParsedExpression, Vec<Diagnostic>> {
    let predicate = tokenize(source, span, limits)?;
    let normalized = normalized_tokens(&predicate);
    // By itself first, so that `) or (1 = 1` can't leave its parentheses.
    let mut parser = parser(limits).with_tokens_with_locations(predicate.clone());
    parser.parse_expr().map_err(|e| vec![parser_error(source, span, &predicate, &e)])?;
    if parser.peek_token_ref().token != Token::EOF {
        let at = byte_span(source, span, parser.peek_token_ref().span);
        let found = source.text()[at.range()].to_owned();
        return Err(vec![
            Diagnostic::error(Code::SqlSyntax, format!("expected the end of the predicate, found `{found}`"))
                .at(at, "not part of the predicate"),
        ]);
    }
    let query = parse_tokens(source, span, violations(predicate, of), limits)?;
    let of_parts = of.iter().map(|part| (*part).to_owned()).collect();
    let mut violations = finish(Purpose::Slice, source, span, query, normalized, limits)?;
    violations.origin = Origin::Predicate(of_parts, *limits);
    let own = of.join(".");
    violations.references.retain(|reference| !(reference.span.is_empty() && reference.key() == own));
    Ok(ParsedExpression { violations, span })
}

/// The query of the rows of a relation for which a predicate is false.
fn violations(predicate: Vec<TokenWithSpan>, of: &[&str]) -> Vec<TokenWithSpan> {
    let name = of.iter().map(|part| quote(part)).collect::<Vec<_>>().join(".");
    let mut tokens = synthetic("select * from ");
    tokens.extend(synthetic(&name));
    tokens.extend(synthetic(" where not ("));
    tokens.extend(predicate);
    tokens.extend(synthetic(")"));
    tokens
}

/// The tokens in one canonical spelling: blanks and comments gone, words outside quotes in lower case. Queries with the
/// same normalised tokens are the same query.
pub fn normalized_tokens(tokens: &[TokenWithSpan]) -> String {
    let mut text = String::new();
    for token in tokens {
        match &token.token {
            Token::Whitespace(_) | Token::EOF => continue,
            Token::Word(word) if word.quote_style.is_none() => text.push_str(&word.value.to_lowercase()),
            other => text.push_str(&other.to_string()),
        }
        text.push('\u{1f}');
    }
    text
}

fn tokenize(source: &SourceText, span: Span, limits: &QueryLimits) -> Result<Vec<TokenWithSpan>, Vec<Diagnostic>> {
    if span.len() > limits.bytes {
        let message = format!("a query may have {} bytes, this one has {}", limits.bytes, span.len());
        return Err(vec![limit(span, message)]);
    }
    let origin = source.position(span.start);
    let shift = |mut location: Location| {
        if location.line == 1 {
            location.column += u64::from(origin.column) - 1;
        }
        if location.line > 0 {
            location.line += u64::from(origin.line) - 1;
        }
        location
    };
    let mut tokens = Vec::new();
    let body = &source.text()[span.range()];
    Tokenizer::new(&GenericDialect {}, body)
        .tokenize_with_location_into_buf_with_mapper(&mut tokens, |mut token| {
            token.span = tokenizer::Span::new(shift(token.span.start), shift(token.span.end));
            token
        })
        .map_err(|e| {
            let start = byte_offset(source, shift(e.location));
            let at = Span { start: start.min(span.end), end: (start + 1).min(span.end), ..span };
            // The tokenizer says so of every text in which it gets stuck.
            let escaped = e.message.to_lowercase().contains("encoded string literal");
            if e.message.to_lowercase().contains("unterminated string literal") {
                let unclosed = Diagnostic::error(Code::SqlSyntax, "this text is never closed");
                let help = "close it with `'`; a quote inside a text is written twice: `it''s`";
                return vec![unclosed.at(at, "the quote opens here").with_help(help)];
            }
            let message = if escaped {
                "an escape in this text is no character, or the text is never closed".to_owned()
            } else {
                error::sentence(&e.message)
            };
            vec![Diagnostic::error(Code::SqlSyntax, message).at(at, "can't be read from here on")]
        })?;
    if let Some((index, message)) = exceeded(&tokens, limits) {
        let at = byte_span(source, span, tokens[index.min(tokens.len() - 1)].span);
        return Err(vec![limit(at, message)]);
    }
    Ok(tokens)
}

/// Where a stretch of SQL writes a name, in whatever case, outside of texts and comments. `name` is folded to lower case, as names
/// without quotes are.
pub fn mentions(source: &SourceText, span: Span, name: &str, limits: &QueryLimits) -> Vec<Span> {
    let Ok(tokens) = tokenize(source, span, limits) else { return Vec::new() };
    let is_name = |token: &&TokenWithSpan| match &token.token {
        Token::Word(word) if word.quote_style.is_none() => word.value.to_lowercase() == name,
        Token::Word(word) => word.value == name,
        _ => false,
    };
    tokens.iter().filter(is_name).map(|token| byte_span(source, span, token.span)).collect()
}

fn limit(at: Span, message: String) -> Diagnostic {
    Diagnostic::error(Code::LimitExceeded, message)
        .at(at, "past the limit")
        .with_help("split the query into slices, or raise the limit under `[limits]` in pie.toml")
}

fn parser(limits: &QueryLimits) -> Parser<'static> {
    // One level of nesting takes a few levels of the parser's recursion.
    Parser::new(&GenericDialect {}).with_recursion_limit(limits.nesting.saturating_mul(6).max(50))
}

fn parse_tokens(
    source: &SourceText,
    span: Span,
    tokens: Vec<TokenWithSpan>,
    limits: &QueryLimits,
) -> Result<Box<Query>, Vec<Diagnostic>> {
    let mut parser = parser(limits).with_tokens_with_locations(tokens);
    let parsed = parser.parse_query();
    let semicolon = parsed.is_ok() && parser.consume_token(&Token::SemiColon);
    let next = parser.peek_token_ref().clone();
    let tokens = match parsed {
        Ok(query) if next.token == Token::EOF => return Ok(query),
        Ok(_) => parser.into_tokens(),
        Err(error) => return Err(vec![parser_error(source, span, &parser.into_tokens(), &error)]),
    };
    let at = byte_span(source, span, next.span);
    let found = source.text()[at.range()].lines().next().unwrap_or_default().to_owned();
    Err(vec![if semicolon {
        Diagnostic::error(Code::NotAQuery, "only one query may stand here, a second statement begins")
            .at(at, "a second statement")
            .with_help("each query needs a place of its own: a slice for each, or one call for each")
    } else {
        if let Some(known) = mistake::known(&tokens, source, span, at) {
            return Err(vec![known]);
        }
        let diagnostic = Diagnostic::error(Code::SqlSyntax, format!("expected the end of the query, found `{found}`"))
            .at(at, "the query could end before this");
        match missing_comma(&tokens, source, span, at) {
            Some(help) => diagnostic.with_help(help),
            None => diagnostic,
        }
    }])
}

fn parser_error(source: &SourceText, span: Span, tokens: &[TokenWithSpan], parser_error: &ParserError) -> Diagnostic {
    let text = match parser_error {
        ParserError::TokenizerError(text) | ParserError::ParserError(text) => text.as_str(),
        ParserError::RecursionLimitExceeded => {
            return limit(span, "the query nests too deep".to_owned());
        }
    };
    // sqlparser writes the place behind the message: "… at Line: 3, Column: 7".
    let (message, location) = match text.rsplit_once(" at Line: ") {
        Some((message, place)) => {
            let mut numbers = place.split(", Column: ").map(|number| number.trim().parse::<u32>().ok());
            let line = numbers.next().flatten();
            let column = numbers.next().flatten();
            (message, line.zip(column).map(|(line, column)| LineColumn { line, column }))
        }
        None => (text, None),
    };
    let end = Span { start: span.end, ..span };
    let at = location.map_or(end, |place| {
        let token = tokens.iter().find(|token| {
            token.span.start.line == u64::from(place.line) && token.span.start.column == u64::from(place.column)
        });
        token.map_or(end, |token| byte_span(source, span, token.span))
    });
    if let Some(known) = mistake::known(tokens, source, span, at) {
        return known;
    }
    let (expected, found) = match message.trim_start_matches("sql parser error: ").split_once(", found: ") {
        Some((expected, found)) => (symbol(expected.trim_start_matches("Expected: ")), Some(found.to_owned())),
        None => (message.to_owned(), None),
    };
    match found {
        Some(found) if found == "EOF" || at.is_empty() => {
            Diagnostic::error(Code::SqlSyntax, format!("expected {expected}, found the end of the query"))
                .at(end, format!("expected {expected}"))
        }
        Some(found) => {
            let label = format!("expected {expected}");
            let diagnostic =
                Diagnostic::error(Code::SqlSyntax, format!("expected {expected}, found `{found}`")).at(at, label);
            if let Some(open) = still_open(tokens, at, source, span).filter(|_| expected == "`)`") {
                return diagnostic
                    .with_label(open, "opened here")
                    .with_help("close the parenthesis, or is a comma missing?");
            }
            match hint(tokens, at, source, span) {
                Some(help) => diagnostic.with_help(help),
                None => diagnostic,
            }
        }
        None => Diagnostic::error(Code::SqlSyntax, error::sentence(&expected)).at(at, "here"),
    }
}

/// What the parser expected, a sign in backticks.
fn symbol(expected: &str) -> String {
    let is_sign = !expected.is_empty() && expected.chars().all(|c| c.is_ascii_punctuation());
    if is_sign { format!("`{expected}`") } else { expected.to_owned() }
}

/// The innermost parenthesis that is open at a place.
fn still_open(tokens: &[TokenWithSpan], at: Span, source: &SourceText, span: Span) -> Option<Span> {
    let mut open = Vec::new();
    for token in tokens {
        let place = byte_span(source, span, token.span);
        if place.start >= at.start {
            break;
        }
        match token.token {
            Token::LParen => open.push(place),
            Token::RParen => drop(open.pop()),
            _ => {}
        }
    }
    open.pop()
}

/// Help for the mistakes that sqlparser reports one token late.
fn hint(tokens: &[TokenWithSpan], at: Span, source: &SourceText, span: Span) -> Option<String> {
    let index = tokens.iter().position(|token| byte_span(source, span, token.span) == at)?;
    let meaningful = |token: &&TokenWithSpan| !matches!(token.token, Token::Whitespace(_));
    let previous = tokens[..index].iter().rev().find(meaningful)?;
    match (&previous.token, &tokens[index].token) {
        (Token::Comma, Token::Word(word)) if word.keyword != Keyword::NoKeyword => {
            Some(format!("remove the comma before `{}`", word.value.to_lowercase()))
        }
        (Token::Word(_) | Token::RParen | Token::Number(..) | Token::SingleQuotedString(_), Token::Word(_)) => {
            Some("is a comma or an operator missing before this?".to_owned())
        }
        _ => None,
    }
}

/// `select day count(*)`: with its comma left out, `count` is read as the name of `day`, and what follows makes no sense.
fn missing_comma(tokens: &[TokenWithSpan], source: &SourceText, span: Span, at: Span) -> Option<String> {
    let index = tokens.iter().position(|token| byte_span(source, span, token.span) == at)?;
    let mut before = tokens[..index].iter().rev().filter(|token| !matches!(token.token, Token::Whitespace(_)));
    match (before.next().map(|token| &token.token), before.next().map(|token| &token.token), &tokens[index].token) {
        (Some(Token::Word(name)), Some(Token::Word(_) | Token::RParen), Token::LParen | Token::Period) => {
            Some(format!("is a comma missing before `{}`?", name.value))
        }
        (_, _, Token::Word(word)) if matches!(word.keyword, Keyword::GROUP | Keyword::ORDER | Keyword::PARTITION) => {
            Some(format!("write `{} by`", word.value.to_lowercase()))
        }
        (_, _, Token::Word(_)) => Some("is a comma, or an operator, missing before this?".to_owned()),
        _ => None,
    }
}

fn finish(
    purpose: Purpose,
    source: &SourceText,
    span: Span,
    query: Box<Query>,
    normalized: String,
    limits: &QueryLimits,
) -> Result<ParsedQuery, Vec<Diagnostic>> {
    let mut diagnostics = gate::check_query(purpose, source, span, &query);
    diagnostics.extend(ignored::check(source, span, &query));
    if !diagnostics.is_empty() {
        return Err(diagnostics);
    }
    let (query, references) = references(source, span, query);
    let expansion = expansion(&query);
    let tree = Arc::new(Mutex::new(Some(Arc::from(query))));
    let origin = Origin::Query(purpose, *limits);
    Ok(ParsedQuery { tree, origin, span, references, normalized, expansion })
}

/// The relations that the query names, without its own CTEs, each place once; and the query.
fn references(source: &SourceText, span: Span, query: Box<Query>) -> (Box<Query>, Vec<RelationReference>) {
    #[derive(Default)]
    struct Names {
        relations: Vec<ObjectName>,
        /// Table functions: named like relations, but called.
        functions: Vec<ObjectName>,
    }
    impl Visitor for Names {
        type Break = ();
        fn pre_visit_relation(&mut self, relation: &ObjectName) -> ControlFlow<()> {
            self.relations.push(relation.clone());
            ControlFlow::Continue(())
        }
        fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<()> {
            if let TableFactor::Table { name, args: Some(_), .. } | TableFactor::Function { name, .. } = factor {
                self.functions.push(name.clone());
            }
            ControlFlow::Continue(())
        }
    }
    let mut names = Names::default();
    let _ = query.visit(&mut names);
    let (query, relations) = table_references(query);
    let mut references: Vec<RelationReference> = Vec::new();
    let is_function =
        |name: &ObjectName| names.functions.iter().any(|other| other == name && other.span() == name.span());
    for name in names.relations.iter().filter(|name| !is_function(name)) {
        let identifiers: Vec<&Ident> = name.0.iter().filter_map(ObjectNamePart::as_ident).collect();
        let parts: Vec<String> = identifiers.iter().map(|identifier| fold(identifier)).collect();
        // DataFusion's own resolution knows which names are CTEs where; it compares folded names.
        let as_reference = datafusion::common::TableReference::from(parts.join("."));
        let quoted = identifiers.iter().any(|identifier| identifier.quote_style.is_some());
        if !quoted && !relations.contains(&as_reference.to_string().to_lowercase()) {
            continue;
        }
        let reference = RelationReference { parts, span: byte_span(source, span, name.span()) };
        if !references.contains(&reference) {
            references.push(reference);
        }
    }
    references.sort_by_key(|reference| reference.span.start);
    (query, references)
}

/// The names, folded, that the engine would look up; and the query, which it wants in a box of its own.
fn table_references(query: Box<Query>) -> (Box<Query>, BTreeSet<String>) {
    use datafusion::sql::parser::Statement as EngineStatement;
    let statement = EngineStatement::Statement(Box::new(Statement::Query(query)));
    let relations = datafusion::sql::resolve::resolve_table_references(&statement, true)
        .map(|(relations, _)| relations.iter().map(|relation| relation.to_string().to_lowercase()).collect())
        .unwrap_or_default();
    match statement {
        EngineStatement::Statement(statement) => match *statement {
            Statement::Query(query) => (query, relations),
            _ => unreachable!("it was made a query above"),
        },
        _ => unreachable!("it was made a statement above"),
    }
}

/// An identifier's text: folded unless quoted.
pub(super) fn fold(identifier: &Ident) -> String {
    match identifier.quote_style {
        Some(_) => identifier.value.clone(),
        None => identifier.value.to_lowercase(),
    }
}

/// The bytes that a span of sqlparser or DataFusion covers, in the file; the query's own span where it has none.
pub(super) fn byte_span(source: &SourceText, query: Span, span: tokenizer::Span) -> Span {
    if span.start.line == 0 || span == tokenizer::Span::empty() {
        return Span { end: query.start, ..query };
    }
    let start = byte_offset(source, span.start).clamp(query.start, query.end);
    let end = byte_offset(source, span.end).clamp(start, query.end);
    Span { start, end, ..query }
}

/// The span with the parentheses closed that it opens: sqlparser's spans of calls end at the last argument.
pub(super) fn balanced(source: &SourceText, within: Span, span: Span) -> Span {
    let text = &source.text()[span.start as usize..within.end as usize];
    let (mut open, mut quoted) = (0usize, false);
    for (at, character) in text.char_indices() {
        let inside = at < span.len();
        if !inside && open == 0 {
            break;
        }
        match character {
            '\'' => quoted = !quoted,
            '(' if !quoted => open += 1,
            ')' if !quoted => {
                open = open.saturating_sub(1);
                if open == 0 && !inside {
                    return Span { end: span.start + at as u32 + 1, ..span };
                }
            }
            _ => {}
        }
    }
    span
}

fn byte_offset(source: &SourceText, location: Location) -> u32 {
    let narrow = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
    source.offset(LineColumn { line: narrow(location.line), column: narrow(location.column) })
}

/// Tokens of pie's own text around a predicate; they have no place in the file.
fn synthetic(text: &str) -> Vec<TokenWithSpan> {
    let mut tokens = Tokenizer::new(&GenericDialect {}, text).tokenize_with_location().unwrap_or_default();
    for token in &mut tokens {
        token.span = tokenizer::Span::empty();
    }
    tokens
}

fn quote(part: &str) -> String {
    format!("\"{}\"", part.replace('"', "\"\""))
}
