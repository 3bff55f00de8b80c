//! The output under construction, and the comments in it.

use super::gap::Gap;
use super::tokens::{Lexis, tokens};
use crate::syntax::ast::{Name, QualifiedName};
use crate::text::Span;
use std::ops::Range;
use unicode_width::UnicodeWidthStr;

/// Spaces before a trailing comment.
pub(super) const BEFORE_COMMENT: usize = 3;

/// Prints to a text whose last line is open: what comes next either goes on with it or begins a new line.
pub(super) struct Printer<'t> {
    pub text: &'t str,
    out: String,
}

/// Whether a blank line stands before the first thing in a gap that isn't on the open line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum BlankLine {
    Never,
    Always,
    AsWritten,
    /// Yes, unless the author put one behind a comment of the gap.
    HereOrLater,
}

/// What separates the node behind a gap from what was printed before.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Separator {
    /// The author wrote a comment right before the node: `/* old */ slice a.b {`.
    Space,
    Newline,
    BlankLine,
}

impl<'t> Printer<'t> {
    pub fn new(text: &'t str) -> Printer<'t> {
        Printer { text, out: String::with_capacity(text.len()) }
    }

    /// The finished text, which ends with one newline or is empty.
    pub fn finish(mut self) -> String {
        if !self.out.is_empty() {
            self.out.push('\n');
        }
        self.out
    }

    pub fn push(&mut self, text: &str) {
        self.out.push_str(text);
    }

    pub fn spaces(&mut self, count: usize) {
        self.out.extend(std::iter::repeat_n(' ', count));
    }

    /// Begins a new line; there is nothing to end at the beginning of a file.
    pub fn line(&mut self, indent: usize) {
        if !self.out.is_empty() {
            self.out.push('\n');
        }
        self.spaces(indent);
    }

    /// Goes on with what stands behind a gap, on a line of its own.
    pub fn separate(&mut self, separator: Separator, indent: usize) {
        if separator == Separator::BlankLine && !self.out.is_empty() {
            self.out.push('\n');
        }
        self.line(indent);
    }

    /// The source under a span.
    pub fn source(&self, span: Span) -> &'t str {
        &self.text[span.range()]
    }

    /// A range up to its last token that is no comment: nodes that may go on where they end include the blanks and comments
    /// behind them.
    pub fn without_comments_behind(&self, range: Range<usize>) -> Range<usize> {
        let tokens = tokens(self.text, range.clone(), Lexis::Pie).filter(|token| !token.is_comment());
        range.start..tokens.last().map_or(range.end, |last| last.range.end)
    }

    pub fn has_comments(&self, range: Range<usize>) -> bool {
        tokens(self.text, range, Lexis::Pie).any(|token| token.is_comment())
    }

    /// Prints a gap's comments: trailing ones `before_first` spaces behind the open line, others on their own lines.
    pub fn comments(&mut self, gap: &Gap, indent: usize, blank_line: BlankLine, before_first: usize) -> Separator {
        for (index, comment) in gap.comments[..gap.trailing].iter().enumerate() {
            self.spaces(if index == 0 { before_first } else { 1 });
            self.moved(comment.range.clone(), indent);
        }
        let own_lines = gap.own_lines();
        let newlines = own_lines.iter().map(|comment| comment.newlines_before).chain([gap.newlines_after]);
        let mut blank_lines: Vec<bool> = newlines.map(|newlines| newlines > 1).collect();
        blank_lines[0] = match blank_line {
            BlankLine::Never => false,
            BlankLine::Always => true,
            BlankLine::AsWritten => blank_lines[0],
            BlankLine::HereOrLater => blank_lines[0] || !blank_lines.contains(&true),
        };
        let separator = |blank_line: bool| if blank_line { Separator::BlankLine } else { Separator::Newline };
        for (index, comment) in own_lines.iter().enumerate() {
            if index > 0 && comment.newlines_before == 0 {
                self.spaces(1);
            } else {
                self.separate(separator(blank_lines[index]), indent);
            }
            self.moved(comment.range.clone(), indent);
        }
        match own_lines.last() {
            Some(last) if last.is_block && gap.newlines_after == 0 => Separator::Space,
            _ => separator(blank_lines[own_lines.len()]),
        }
    }
}

/// A name as the grammar reads it back: in quotes where folding to lower case or its characters ask for them.
pub(super) fn name(name: &Name) -> String {
    let plain = |c: char| c.is_ascii_lowercase() || c == '_';
    let is_plain =
        name.text.starts_with(plain) && name.text.chars().all(|c| plain(c) || c.is_ascii_digit() || c == '$');
    if is_plain { name.text.clone() } else { format!("\"{}\"", name.text.replace('"', "\"\"")) }
}

pub(super) fn qualified_name(qualified: &QualifiedName) -> String {
    match &qualified.domain {
        Some(domain) => format!("{}.{}", name(domain), name(&qualified.name)),
        None => name(&qualified.name),
    }
}

pub(super) fn padded(text: &str, width: usize) -> String {
    let missing = width.saturating_sub(text.width());
    format!("{text}{:missing$}", "")
}
