//! The tokens of a stretch of text, comments included: what the formatter needs to find comments, and to know where a
//! line break belongs to a string.

use std::ops::Range;

#[derive(Clone, Debug)]
pub(super) struct Token {
    pub kind: Kind,
    pub range: Range<usize>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    /// From `--` to the last character of the line that isn't blank.
    LineComment,
    BlockComment,
    /// A string or a quoted identifier.
    Quoted,
    Word,
    Number,
    /// Any other character.
    Symbol,
}

impl Token {
    pub fn is_comment(&self) -> bool {
        matches!(self.kind, Kind::LineComment | Kind::BlockComment)
    }
}

/// Whose quotes count. The grammar knows `'…'` and `"…"`; SQL has more, and a line break inside any of them is content.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Lexis {
    Pie,
    /// Also `` `…` ``, `$tag$…$tag$`, and `e'…'` with its backslashes.
    Sql,
}

/// The tokens of `text` in a range that begins and ends between tokens.
pub(super) fn tokens(text: &str, range: Range<usize>, lexis: Lexis) -> impl Iterator<Item = Token> {
    let mut at = range.start;
    // Text with an opening that nothing closes isn't SQL. Looking for the end of each of many would take quadratic time.
    let mut unclosed = false;
    std::iter::from_fn(move || {
        let rest = text[at..range.end].trim_start_matches(is_blank);
        let first = rest.chars().next()?;
        let (kind, length) = if rest.starts_with("--") {
            let line = rest.split('\n').next().unwrap_or(rest);
            (Kind::LineComment, line.trim_end_matches(is_blank).len())
        } else if let Some((kind, length)) = enclosed(rest, first, lexis, &mut unclosed) {
            (kind, length)
        } else if first.is_ascii_digit() {
            (Kind::Number, number(rest))
        } else if is_word(first) {
            (Kind::Word, rest.find(|c| !is_word(c)).unwrap_or(rest.len()))
        } else {
            (Kind::Symbol, first.len_utf8())
        };
        let start = range.end - rest.len();
        at = start + length;
        Some(Token { kind, range: start..at })
    })
}

/// The grammar's `blank`.
pub(super) fn is_blank(character: char) -> bool {
    matches!(character, ' ' | '\t' | '\r' | '\n' | '\u{feff}')
}

/// Every letter of any script is one of a word here; which of them the grammar takes was settled by the parser.
fn is_word(character: char) -> bool {
    character.is_alphanumeric() || matches!(character, '_' | '$') || !character.is_ascii() && !is_blank(character)
}

fn number(rest: &str) -> usize {
    let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
    let whole = digits(rest);
    match rest[whole..].strip_prefix('.').map(digits) {
        None | Some(0) => whole,
        Some(fraction) => whole + 1 + fraction,
    }
}

/// A token with an end of its own, if one begins here and is closed.
fn enclosed(rest: &str, first: char, lexis: Lexis, unclosed: &mut bool) -> Option<(Kind, usize)> {
    let is_sql = lexis == Lexis::Sql;
    match first {
        '\'' | '"' => quoted(rest, first, false).map(|length| (Kind::Quoted, length)),
        '`' if is_sql => quoted(rest, first, false).map(|length| (Kind::Quoted, length)),
        'e' | 'E' if is_sql && rest[1..].starts_with('\'') => {
            quoted(&rest[1..], '\'', true).map(|length| (Kind::Quoted, length + 1))
        }
        '/' if rest.starts_with("/*") && !*unclosed => {
            let length = block_comment(rest);
            *unclosed = length.is_none();
            length.map(|length| (Kind::BlockComment, length))
        }
        '$' if is_sql && !*unclosed => {
            let tag = rest[1..].find('$').filter(|end| rest[1..][..*end].chars().all(is_word))? + 2;
            let length = rest[tag..].find(&rest[..tag]).map(|end| tag + end + tag);
            *unclosed = length.is_none();
            length.map(|length| (Kind::Quoted, length))
        }
        _ => None,
    }
}

/// A doubled quote stands for itself.
fn quoted(rest: &str, quote: char, backslashes: bool) -> Option<usize> {
    let mut characters = rest.char_indices().skip(1).peekable();
    while let Some((at, character)) = characters.next() {
        if character == '\\' && backslashes {
            characters.next();
        } else if character == quote && characters.next_if(|(_, next)| *next == quote).is_none() {
            return Some(at + 1);
        }
    }
    None
}

/// Block comments nest.
fn block_comment(rest: &str) -> Option<usize> {
    let bytes = rest.as_bytes();
    let (mut at, mut depth) = (0, 0usize);
    while at + 1 < bytes.len() {
        match &bytes[at..at + 2] {
            b"/*" => (depth, at) = (depth + 1, at + 2),
            b"*/" => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            return Some(at);
        }
    }
    None
}
