//! Error recovery: a file that the grammar refuses as a whole is cut into declarations, and a declaration that it refuses
//! into clauses, each parsed by the same grammar by itself. So one mistake hides nothing else.
//!
//! A declaration begins where one may stand outside braces, and at every line that looks like the head of one from its
//! first column on. The second rule is what limits an unclosed brace or quote to its own declaration:
//!
//! ```text
//! slice a.x { select 'oops from t      ◀ neither the quote nor the brace is closed
//! slice a.y { select 1 as one }        ◀ still understood
//! ```

use super::ast::Declaration;
use super::builder::Builder;
use super::expected::{expectation, one_of};
use super::{PieParser, Rule, foreign};
use crate::diagnostic::{Code, Diagnostic, nearest};
use crate::text::Span;
use pest::Parser;

const RESERVED: [&str; 6] = ["let", "function", "import", "export", "use", "env"];
const DECLARATIONS: [&str; 6] = ["domain", "source", "slice", "test", "public", "virtual"];

pub fn recover(builder: &mut Builder) -> Vec<Declaration> {
    let text = builder.text;
    let chunks = chunks(text);
    let mut declarations = Vec::new();
    for chunk in chunks {
        let piece = &text[chunk.start..chunk.end];
        match &chunk.kind {
            ChunkKind::Declaration => declarations.extend(declaration(builder, chunk.start, piece)),
            ChunkKind::Stray => stray(builder, chunk.start, piece),
        }
    }
    declarations
}

/// Whether a comment that begins behind `from`, where only blanks and comments follow, is never closed.
pub fn ends_in_comment(text: &str, from: usize) -> bool {
    skip_blanks(text, from) < text.len()
}

/// Reports a file that the grammar refuses though each of its declarations is fine.
pub fn report_whole(builder: &mut Builder, error: &pest::error::Error<Rule>) {
    let text = builder.text;
    let diagnostic = match unclosed(text) {
        Some(unclosed) => {
            let span = Span::new(builder.file, unclosed.offset, unclosed.offset + unclosed.length);
            Diagnostic::error(Code::UnterminatedText, "what begins here is never closed").at(span, "opened here")
        }
        None => {
            let expectation = expectation(error);
            unexpected(builder, 0, text, expectation.offset, &expectation.symbols)
        }
    };
    builder.report(diagnostic);
}

/// The length of a text without the blanks and comments at its end.
pub fn significant_length(text: &str) -> usize {
    let (mut at, mut end) = (0, 0);
    while at < text.len() {
        let next = skip_blanks(text, at);
        if next > at {
            at = next;
            continue;
        }
        at = lexeme_end(text, at);
        end = at;
    }
    end
}

/// Where line comments begin between two offsets that stand outside of texts and comments, in order.
pub fn line_comments(text: &str, from: usize, to: usize) -> Vec<usize> {
    let mut found = Vec::new();
    let mut at = from;
    while at < to {
        if text[at..].starts_with("--") {
            found.push(at);
        }
        at = lexeme_end(text, at);
    }
    found
}

struct Chunk {
    start: usize,
    end: usize,
    kind: ChunkKind,
}

enum ChunkKind {
    Declaration,
    /// Something that isn't the beginning of a declaration, outside of all.
    Stray,
}

/// Cuts the text. Blanks and comments between chunks are in none.
fn chunks(text: &str) -> Vec<Chunk> {
    let mut chunks: Vec<Chunk> = Vec::new();
    let heads = heads(text);
    let mut at = 0;
    while at < text.len() {
        let gap = skip_blanks(text, at);
        if gap > at {
            at = gap;
            continue;
        }
        // A blank that the grammar doesn't know is a mistake by itself.
        let odd = text[at..].chars().next().filter(|first| first.is_whitespace());
        let end = odd.map_or_else(|| chunk_end(text, &heads, at), |odd| at + odd.len_utf8());
        let kind = if DECLARATIONS.contains(&word_at(text, at).to_lowercase().as_str()) {
            ChunkKind::Declaration
        } else {
            ChunkKind::Stray
        };
        chunks.push(Chunk { start: at, end, kind });
        at = end;
    }
    chunks
}

/// Where the lines begin that look like the head of a declaration, in order.
fn heads(text: &str) -> Vec<usize> {
    let begins = std::iter::once(0).chain(text.match_indices('\n').map(|(newline, _)| newline + 1));
    begins.filter(|at| looks_like_head(&text[*at..])).collect()
}

/// Where the declaration that starts at `start` ends: behind its closing brace, or before a line that begins another, even where
/// a text or a comment that is never closed would reach over it.
fn chunk_end(text: &str, heads: &[usize], start: usize) -> usize {
    let next = heads.partition_point(|head| *head <= start);
    let text = &text[..heads.get(next).copied().unwrap_or(text.len())];
    let mut depth = 0usize;
    let mut at = start;
    while at < text.len() {
        let end = lexeme_end(text, at);
        match text.as_bytes()[at] {
            b'{' => depth += 1,
            b'}' => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return end;
                }
            }
            _ => {}
        }
        at = end;
    }
    text.len()
}

/// `slice payments.daily_volume {`, `public source …`, at the beginning of a line.
fn looks_like_head(line: &str) -> bool {
    let line = line.lines().next().unwrap_or_default();
    let mut words = line.split_whitespace().map(str::to_lowercase);
    let mut word = words.next().unwrap_or_default();
    if line.starts_with([' ', '\t']) {
        return false;
    }
    while word == "public" || word == "virtual" {
        word = words.next().unwrap_or_default();
    }
    let name_follows =
        words.next().is_some_and(|name| name.starts_with(|c: char| c.is_alphabetic() || c == '_' || c == '"'));
    match word.as_str() {
        "slice" | "source" | "domain" => name_follows && (line.contains('{') || line.split_whitespace().count() <= 4),
        "test" => name_follows && line.contains('\''),
        _ => false,
    }
}

fn declaration(builder: &mut Builder, base: usize, piece: &str) -> Option<Declaration> {
    let Err(error) = PieParser::parse(Rule::single_declaration, piece) else {
        return parsed(builder, base, base + piece.len(), piece);
    };
    if let Some(unclosed) = unclosed(piece) {
        let end = base + piece.trim_end().len();
        let (code, message, label, help) = match unclosed.opener {
            '\'' => (
                Code::UnterminatedText,
                "this text is never closed",
                "the quote opens here",
                "close it with `'`; a quote inside a text is written twice: `it''s`",
            ),
            '"' => (
                Code::UnterminatedText,
                "this quoted name is never closed",
                "the quote opens here",
                "close it with `\"`",
            ),
            '*' => {
                (Code::UnterminatedText, "this comment is never closed", "the comment opens here", "close it with `*/`")
            }
            '(' => (Code::UnclosedDelimiter, "this parenthesis is never closed", "opened here", "add the missing `)`"),
            _ => (Code::UnclosedDelimiter, "this brace is never closed", "opened here", "add the missing `}`"),
        };
        let span = |start: usize, end: usize| Span::new(builder.file, start, end);
        let start = base + unclosed.offset;
        let mut diagnostic = Diagnostic::error(code, message)
            .at(span(start, start + unclosed.length), label)
            .with_label(span(end, end), "still open at the end of this declaration")
            .with_help(help);
        if unclosed.opener == '{' {
            diagnostic = diagnostic.with_replacement("add the missing `}`", span(end, end), "\n}");
        }
        builder.report(diagnostic);
        // With its braces closed the rest may be understood, and its own errors reported.
        let closed = format!("{}{}", piece.trim_end(), "\n}".repeat(unclosed.braces));
        if unclosed.braces > 0 && PieParser::parse(Rule::single_declaration, &closed).is_ok() {
            return parsed(builder, base, end, &closed);
        }
        return head(builder, base, piece).map(|(declaration, _)| declaration);
    }
    let Some((mut declaration, body)) = head(builder, base, piece) else {
        let expectation = expectation(&error);
        builder.report(unexpected(builder, base, piece, expectation.offset, &expectation.symbols));
        return None;
    };
    let count = clauses(builder, &mut declaration, base, piece, body);
    if count == 0 {
        // The clauses were fine one by one; what is wrong is between or behind them.
        let expectation = expectation(&error);
        builder.report(unexpected(builder, base, piece, expectation.offset, &expectation.symbols));
    }
    Some(declaration)
}

/// Builds a piece that the grammar takes; only what lies before `limit` is in the file.
fn parsed(builder: &mut Builder, base: usize, limit: usize, piece: &str) -> Option<Declaration> {
    let pairs = PieParser::parse(Rule::single_declaration, piece).ok()?;
    let file = pairs.into_iter().next()?;
    builder.within(base, limit).declarations(file.into_inner()).pop()
}

/// Parses the head; gives the empty declaration, marked broken, and the offset in the piece behind the head.
fn head(builder: &mut Builder, base: usize, piece: &str) -> Option<(Declaration, usize)> {
    let pair = PieParser::parse(Rule::declaration_head, piece).ok()?.next()?;
    let end = pair.as_span().start() + pair.as_str().trim_end().len();
    let head = pair.into_inner().next()?;
    let span = Span::new(builder.file, base, base + piece.trim_end().len());
    let mut declaration = builder.at(base).head(head, span)?;
    match &mut declaration {
        Declaration::Source(source) => source.broken = true,
        Declaration::Slice(slice) => slice.broken = true,
        Declaration::Test(test) => test.broken = true,
        Declaration::Domain(_) => {}
    }
    Some((declaration, end))
}

/// Parses a body clause by clause; after an error goes on at the next line that begins a clause. Gives the number of errors.
fn clauses(builder: &mut Builder, declaration: &mut Declaration, base: usize, piece: &str, body: usize) -> usize {
    let rules: &[(Rule, &str)] = match declaration {
        Declaration::Domain(_) => &[(Rule::owner_clause, "owner")],
        Declaration::Source(_) => &[
            (Rule::from_clause, "from"),
            (Rule::format_clause, "format"),
            (Rule::columns_clause, "columns"),
            (Rule::key_clause, "key"),
            (Rule::partition_clause, "partition"),
        ],
        Declaration::Slice(_) => &[
            (Rule::key_clause, "key"),
            (Rule::partition_clause, "partition"),
            (Rule::sort_clause, "sort"),
            (Rule::columns_clause, "columns"),
            (Rule::check_clause, "check"),
            (Rule::stale_clause, "stale"),
            (Rule::query, ""),
        ],
        Declaration::Test(_) => {
            &[(Rule::given_clause, "given"), (Rule::expect_rows, "expect"), (Rule::expect_error, "expect")]
        }
    };
    let keywords: Vec<&str> = rules.iter().map(|(_, keyword)| *keyword).filter(|keyword| !keyword.is_empty()).collect();
    let mut errors = 0;
    let mut at = skip_blanks(piece, body);
    if !piece[at..].starts_with('{') {
        builder.report(unexpected(builder, base, piece, at, &["`{`"]));
        return 1;
    }
    at += 1;
    let close = piece.trim_end().len() - usize::from(piece.trim_end().ends_with('}'));
    loop {
        at = skip_blanks(piece, at);
        if at >= close {
            return errors;
        }
        let clause = rules.iter().find_map(|(rule, _)| {
            let pair = PieParser::parse(*rule, &piece[at..close]).ok()?.next()?;
            (pair.as_span().start() == 0 && !pair.as_str().is_empty()).then_some(pair)
        });
        if let Some(pair) = clause {
            let length = pair.as_str().trim_end().len();
            let is_format = pair.as_rule() == Rule::format_clause;
            builder.at(base + at).clause(declaration, pair);
            at = skip_blanks(piece, at + length);
            if is_format && piece[at..close].starts_with('(') {
                errors += 1;
                at = options(builder, base, piece, at, close);
            }
            continue;
        }
        errors += 1;
        if let Some(length) = foreign::template_length(&piece[at..close]) {
            builder.report(foreign::template(Span::new(builder.file, base + at, base + at + length)));
            at += length;
            continue;
        }
        let word = word_at(piece, at).to_lowercase();
        let next = if word == "columns" && keywords.contains(&"columns") {
            columns(builder, base, piece, at, close)
        } else if let Some((rule, _)) = rules.iter().rev().find(|(_, keyword)| *keyword == word) {
            let (offset, symbols) = match PieParser::parse(*rule, &piece[at..close]) {
                Err(error) => {
                    let expectation = expectation(&error);
                    let symbols = if *rule == Rule::expect_error && expectation.symbols == ["`error`"] {
                        vec!["`{`", "`error`"]
                    } else {
                        expectation.symbols
                    };
                    (at + expectation.offset, symbols)
                }
                Ok(_) => (at, Vec::new()),
            };
            builder.report(unexpected(builder, base, piece, offset, &symbols));
            offset
        } else {
            unknown_clause(builder, declaration, base, piece, at, &word, &keywords);
            at
        };
        at = resync(piece, next.max(at), at, close, &keywords, matches!(declaration, Declaration::Slice(_)));
    }
}

/// Parses `columns ( … )` item by item, reporting each mistake; gives the offset behind it.
fn columns(builder: &mut Builder, base: usize, piece: &str, start: usize, close: usize) -> usize {
    let mut at = skip_blanks(piece, start + "columns".len());
    if !piece[at..close].starts_with('(') {
        builder.report(unexpected(builder, base, piece, at, &["`(`"]));
        return at;
    }
    at += 1;
    loop {
        at = skip_blanks(piece, at);
        if at >= close || piece[at..].starts_with(')') {
            return (at + 1).min(close);
        }
        match PieParser::parse(Rule::column, &piece[at..close]) {
            Ok(mut pairs) => {
                let length = pairs.next().map_or(0, |pair| pair.as_str().trim_end().len());
                let end = at + length;
                at = skip_blanks(piece, end);
                if piece[at..close].starts_with(',') {
                    at += 1;
                } else if let Some((why, help)) = foreign::behind_column(&word_at(piece, at).to_lowercase()) {
                    let word = word_at(piece, at);
                    let span = Span::new(builder.file, base + at, base + at + word.len());
                    let message = format!("`{}` isn't known here: {why}", word.to_lowercase());
                    builder.report(
                        Diagnostic::error(Code::Syntax, message).at(span, "not part of a column").with_help(help),
                    );
                    at = next_item(piece, at, close);
                } else if at < close && !piece[at..].starts_with(')') {
                    let before = Span::new(builder.file, base + end, base + end);
                    let diagnostic = unexpected(builder, base, piece, at, &["`,`", "`)`"])
                        .with_label(before, "a comma is missing here")
                        .with_replacement("add the missing comma", before, ",");
                    builder.report(Diagnostic { help: Some("separate columns by commas".to_owned()), ..diagnostic });
                    if !piece[at..].starts_with(|c: char| c.is_alphabetic() || c == '_' || c == '"') {
                        at = next_item(piece, at, close);
                    }
                }
            }
            Err(error) => {
                let expectation = expectation(&error);
                builder.report(unexpected(builder, base, piece, at + expectation.offset, &expectation.symbols));
                at = next_item(piece, at, close);
            }
        }
    }
}

/// Parses `( … )` behind a format option by option, reporting each mistake; gives the offset behind it.
fn options(builder: &mut Builder, base: usize, piece: &str, start: usize, close: usize) -> usize {
    let mut at = start + 1;
    loop {
        at = skip_blanks(piece, at);
        if at >= close || piece[at..].starts_with(')') {
            return (at + 1).min(close);
        }
        let name = skip_blanks(piece, at + word_at(piece, at).len());
        match PieParser::parse(Rule::format_option, &piece[at..close]) {
            Ok(mut pairs) => {
                at = skip_blanks(piece, at + pairs.next().map_or(0, |pair| pair.as_str().trim_end().len()));
                if !piece[at..close].starts_with([',', ')']) {
                    builder.report(unexpected(builder, base, piece, at, &["`,`", "`)`"]));
                    at = next_item(piece, at, close);
                    continue;
                }
                at += usize::from(piece[at..].starts_with(','));
            }
            Err(_) if name > at && piece[name..close].starts_with(['=', ':']) => {
                let value = skip_blanks(piece, name + 1);
                let value = if value < close { &piece[value..lexeme_end(piece, value)] } else { "…" };
                let sign = Span::new(builder.file, base + name, base + name + 1);
                builder.report(
                    unexpected(builder, base, piece, name, &["a value"])
                        .with_help(format!(
                            "an option and its value stand side by side: `{} {value}`",
                            word_at(piece, at)
                        ))
                        .with_replacement("take the sign away", sign, ""),
                );
                at = next_item(piece, at, close);
            }
            Err(error) => {
                let expectation = expectation(&error);
                builder.report(unexpected(builder, base, piece, at + expectation.offset, &expectation.symbols));
                at = next_item(piece, at, close);
            }
        }
    }
}

/// Behind the next comma, or before the closing parenthesis.
fn next_item(piece: &str, mut at: usize, close: usize) -> usize {
    let mut depth = 0usize;
    while at < close {
        match piece.as_bytes()[at] {
            b'(' => depth += 1,
            b')' if depth == 0 => return at,
            b')' => depth -= 1,
            b',' if depth == 0 => return at + 1,
            _ => {}
        }
        at = lexeme_end(piece, at);
    }
    close
}

/// The next place at which a clause may begin: a line that starts with a clause's keyword or, in a slice, with its query.
fn resync(piece: &str, from: usize, start: usize, close: usize, keywords: &[&str], is_slice: bool) -> usize {
    let mut at = from;
    while at < close {
        let line_start = piece[..at].rfind('\n').map_or(0, |newline| newline + 1);
        if at > start && piece[line_start..at].trim().is_empty() {
            let word = word_at(piece, at).to_lowercase();
            if keywords.contains(&word.as_str()) || is_slice && ["select", "with", "values"].contains(&word.as_str()) {
                return at;
            }
        }
        at = match piece.as_bytes()[at] {
            byte if byte.is_ascii_whitespace() => at + 1,
            _ => lexeme_end(piece, at),
        };
    }
    close
}

fn unknown_clause(
    builder: &mut Builder,
    declaration: &Declaration,
    base: usize,
    piece: &str,
    at: usize,
    word: &str,
    keywords: &[&str],
) {
    let kind = match declaration {
        Declaration::Domain(_) => "domain",
        Declaration::Source(_) => "source",
        Declaration::Slice(_) => "slice",
        Declaration::Test(_) => "test",
    };
    if word.is_empty() {
        builder.report(unexpected(builder, base, piece, at, &["a clause"]));
        return;
    }
    let mut known = keywords.to_vec();
    known.dedup();
    // In lower case a word may have another length.
    let span = Span::new(builder.file, base + at, base + at + word_at(piece, at).len());
    let mut diagnostic =
        Diagnostic::error(Code::UnknownClause, format!("a {kind} has no clause `{word}`")).at(span, "no such clause");
    let words: &[&str] = if kind == "slice" { &["select", "with", "values"] } else { &[] };
    diagnostic = match nearest(word, known.iter().chain(words).copied()).as_slice() {
        [near, ..] => diagnostic.with_help(format!("did you mean `{near}`?")).with_replacement(
            format!("write `{near}`"),
            span,
            *near,
        ),
        [] => {
            let listed: Vec<String> = known.iter().map(|keyword| format!("`{keyword}`")).collect();
            let query = if kind == "slice" { ", then its query" } else { "" };
            diagnostic.with_help(format!("a {kind} takes {}{query}", listed.join(", ")))
        }
    };
    builder.report(diagnostic);
}

fn stray(builder: &mut Builder, base: usize, piece: &str) {
    let word = word_at(piece, 0);
    let lowered = word.to_lowercase();
    let length = word.len().max(piece.chars().next().map_or(1, char::len_utf8));
    let span = Span::new(builder.file, base, base + length);
    let found = &piece[..length];
    if let Some(length) = foreign::template_length(piece) {
        return builder.report(foreign::template(Span::new(builder.file, base, base + length)));
    }
    let diagnostic = if RESERVED.contains(&lowered.as_str()) {
        Diagnostic::error(Code::ReservedWord, format!("`{lowered}` is reserved for a later version of the language"))
            .at(span, "can't begin a declaration")
            .with_help("a file holds `domain`, `source`, `slice` and `test` declarations")
    } else {
        let diagnostic = Diagnostic::error(Code::Syntax, format!("expected a declaration, found `{found}`"))
            .at(span, "no declaration begins like this");
        match nearest(&lowered, DECLARATIONS).as_slice() {
            [near, ..] => diagnostic.with_help(format!("did you mean `{near}`?")).with_replacement(
                format!("write `{near}`"),
                span,
                *near,
            ),
            [] if foreign::statement(&lowered).is_some() => {
                diagnostic.with_help(foreign::statement(&lowered).unwrap_or_default())
            }
            [] if found == "}" => diagnostic.with_help("this brace closes nothing: remove it, or open its declaration"),
            [] => diagnostic.with_help("a file holds `domain`, `source`, `slice` and `test` declarations"),
        }
    };
    builder.report(diagnostic);
}

/// "expected `,` or `)`, found `day`", at the token that stands there.
fn unexpected(builder: &Builder, base: usize, piece: &str, offset: usize, symbols: &[&str]) -> Diagnostic {
    let at = skip_blanks(piece, offset);
    let expected = one_of(symbols);
    if at >= piece.trim_end().len() {
        let end = base + piece.trim_end().len();
        return Diagnostic::error(Code::Syntax, format!("expected {expected}, found the end of the declaration"))
            .at(Span::new(builder.file, end, end), format!("expected {expected}"));
    }
    if let Some(odd) = piece[at..].chars().next().filter(|first| first.is_whitespace()) {
        let span = Span::new(builder.file, base + at, base + at + odd.len_utf8());
        return Diagnostic::error(Code::Syntax, format!("expected {expected}, found U+{:04X}", u32::from(odd)))
            .at(span, "looks like a space, and isn't one")
            .with_help("write a space");
    }
    let end = lexeme_end(piece, at);
    let found = piece[at..end].lines().next().unwrap_or_default();
    Diagnostic::error(Code::Syntax, format!("expected {expected}, found `{found}`"))
        .at(Span::new(builder.file, base + at, base + at + found.len()), format!("expected {expected}"))
}

struct Unclosed {
    offset: usize,
    length: usize,
    opener: char,
    /// How many braces are open at the end.
    braces: usize,
}

/// The text, comment or bracket that the piece opens and never closes.
fn unclosed(piece: &str) -> Option<Unclosed> {
    let mut stack: Vec<(usize, char)> = Vec::new();
    let mut at = 0;
    let mut text = None;
    while at < piece.len() {
        let end = lexeme_end(piece, at);
        let lexeme = &piece[at..end];
        match lexeme.chars().next().expect("a lexeme isn't empty") {
            quote @ ('\'' | '"') if lexeme.len() < 2 || !lexeme.ends_with(quote) => text = text.or(Some((at, quote))),
            '/' if lexeme.starts_with("/*") && (lexeme.len() < 4 || !lexeme.ends_with("*/")) => {
                text = text.or(Some((at, '*')))
            }
            open @ ('{' | '(') => stack.push((at, open)),
            '}' => {
                // A brace closes the parentheses that were forgotten inside it.
                let brace = stack.iter().rposition(|(_, open)| *open == '{');
                if let Some(brace) = brace {
                    if let Some((offset, opener)) = stack.get(brace + 1).copied() {
                        return Some(Unclosed { offset, length: 1, opener, braces: 0 });
                    }
                    stack.truncate(brace);
                }
            }
            ')' if stack.last().is_some_and(|(_, open)| *open == '(') => {
                stack.pop();
            }
            _ => {}
        }
        at = end;
    }
    let braces = stack.iter().filter(|(_, open)| *open == '{').count();
    if let Some((offset, opener)) = text {
        let length = if opener == '*' { 2 } else { 1 };
        return Some(Unclosed { offset, length, opener, braces: 0 });
    }
    // A parenthesis that stands open explains why the braces around it do.
    let first_paren = stack.iter().find(|(_, open)| *open == '(');
    let (offset, opener) = first_paren.or(stack.first()).copied()?;
    Some(Unclosed { offset, length: 1, opener, braces: if opener == '(' { 0 } else { braces } })
}

/// The end of the lexeme at `at`: a text, quoted name, comment or word as a whole, else one character.
pub(super) fn lexeme_end(text: &str, at: usize) -> usize {
    let rest = &text[at..];
    let first = rest.chars().next().expect("at lies inside the text");
    let quoted = |quote: char| {
        let mut characters = rest.char_indices().skip(1).peekable();
        while let Some((offset, character)) = characters.next() {
            if character == quote {
                match characters.peek() {
                    Some((_, next)) if *next == quote => {
                        characters.next();
                    }
                    _ => return at + offset + 1,
                }
            }
        }
        text.len()
    };
    match first {
        '\'' | '"' => quoted(first),
        '-' if rest.starts_with("--") => at + rest.find('\n').unwrap_or(rest.len()),
        '/' if rest.starts_with("/*") => {
            let mut depth = 0usize;
            let mut offset = 0;
            while offset < rest.len() {
                if rest[offset..].starts_with("/*") {
                    depth += 1;
                    offset += 2;
                } else if rest[offset..].starts_with("*/") {
                    depth -= 1;
                    offset += 2;
                    if depth == 0 {
                        return at + offset;
                    }
                } else {
                    offset += rest[offset..].chars().next().map_or(1, char::len_utf8);
                }
            }
            text.len()
        }
        _ if is_word(first) => at + word_at(text, at).len(),
        _ => at + first.len_utf8(),
    }
}

/// The grammar's `blank`.
pub fn is_blank(character: char) -> bool {
    matches!(character, ' ' | '\t' | '\r' | '\n' | '\u{feff}')
}

fn is_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_' || character == '$'
}

fn word_at(text: &str, at: usize) -> &str {
    let rest = &text[at..];
    &rest[..rest.find(|c: char| !is_word(c)).unwrap_or(rest.len())]
}

/// Past blanks and comments.
fn skip_blanks(text: &str, mut at: usize) -> usize {
    while at < text.len() {
        let rest = &text[at..];
        let first = rest.chars().next().expect("at lies inside the text");
        if is_blank(first) {
            at += first.len_utf8();
        } else if rest.starts_with("--")
            || rest.starts_with("/*")
                && lexeme_end(text, at) <= text.len()
                && text[..lexeme_end(text, at)].ends_with("*/")
        {
            at = lexeme_end(text, at);
        } else {
            break;
        }
    }
    at
}
