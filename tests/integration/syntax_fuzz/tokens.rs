//! The tokens of a text, read independently of the parser and the formatter: they are checked against these.

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// The grammar's blanks.
    Blank,
    LineComment,
    BlockComment,
    /// Between `'` or `"`.
    Quoted,
    Word,
    /// Any other character.
    Symbol,
}

#[derive(Clone, Copy, Debug)]
pub struct Token<'t> {
    pub kind: Kind,
    pub start: usize,
    pub text: &'t str,
}

impl Token<'_> {
    pub fn is_comment(&self) -> bool {
        matches!(self.kind, Kind::LineComment | Kind::BlockComment)
    }

    /// Neither blank nor comment.
    pub fn is_significant(&self) -> bool {
        self.kind != Kind::Blank && !self.is_comment()
    }
}

/// Cuts a text into tokens that together are the text. What is opened and never closed is a symbol.
pub fn tokens(text: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let mut start = 0;
    // A second look for an end that isn't there would find none either.
    let mut open_comment = false;
    while let Some(first) = text[start..].chars().next() {
        let rest = &text[start..];
        let (kind, length) = match first {
            _ if is_blank(first) => (Kind::Blank, rest.find(|c| !is_blank(c)).unwrap_or(rest.len())),
            '-' if rest.starts_with("--") => (Kind::LineComment, rest.find('\n').unwrap_or(rest.len())),
            '/' if rest.starts_with("/*") && !open_comment => match block_comment(rest) {
                Some(length) => (Kind::BlockComment, length),
                None => {
                    open_comment = true;
                    (Kind::Symbol, 1)
                }
            },
            '\'' | '"' => quoted(rest, first).map_or((Kind::Symbol, 1), |length| (Kind::Quoted, length)),
            _ if is_word(first) => (Kind::Word, rest.find(|c| !is_word(c)).unwrap_or(rest.len())),
            _ => (Kind::Symbol, first.len_utf8()),
        };
        tokens.push(Token { kind, start, text: &rest[..length] });
        start += length;
    }
    tokens
}

/// The tokens that mean something, in one spelling.
pub fn canonical(text: &str) -> String {
    let spelt = |token: &Token| match token.kind {
        Kind::Word => token.text.to_lowercase(),
        _ => token.text.to_owned(),
    };
    let words: Vec<String> = tokens(text).iter().filter(|token| token.is_significant()).map(spelt).collect();
    words.join("\u{1f}")
}

/// The comments, their blanks folded.
pub fn comments(text: &str) -> Vec<String> {
    tokens(text).iter().filter(|token| token.is_comment()).map(|token| folded(token.text.trim())).collect()
}

/// The string literals, byte by byte.
pub fn strings(text: &str) -> Vec<&str> {
    let tokens = tokens(text);
    let strings = tokens.iter().filter(|token| token.kind == Kind::Quoted && token.text.starts_with('\''));
    strings.map(|token| token.text).collect()
}

/// Each run of blanks as one space.
pub fn folded(text: &str) -> String {
    let parts: Vec<&str> = text.split(is_blank).filter(|part| !part.is_empty()).collect();
    parts.join(" ")
}

pub fn is_blank(character: char) -> bool {
    matches!(character, ' ' | '\t' | '\r' | '\n' | '\u{feff}')
}

fn is_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_' || character == '$'
}

fn quoted(rest: &str, quote: char) -> Option<usize> {
    let mut at = 1;
    loop {
        at += rest[at..].find(quote)? + 1;
        if !rest[at..].starts_with(quote) {
            return Some(at);
        }
        at += 1;
    }
}

/// Block comments nest.
fn block_comment(rest: &str) -> Option<usize> {
    let mut depth = 0usize;
    let mut at = 0;
    loop {
        if rest[at..].starts_with("/*") {
            depth += 1;
            at += 2;
        } else if rest[at..].starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return Some(at);
            }
        } else {
            at += rest[at..].chars().next()?.len_utf8();
        }
    }
}
