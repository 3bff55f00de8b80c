//! What stands between two nodes: comments, and how far apart they are.

use super::tokens::{Kind, Lexis, Token, tokens};
use std::ops::Range;

/// Comments between two nodes of the tree.
///
/// ```text
///   key (a)   -- trailing: on the line of what stands before
///
///   -- on a line of its own, after a blank one
///   sort by (a)
/// ```
pub(super) struct Gap {
    pub comments: Vec<Comment>,
    /// How many of the comments trail what stands before the gap.
    pub trailing: usize,
    /// Line breaks between the last comment, or the gap's start, and its end.
    pub newlines_after: usize,
    /// Where the first token stands that is no comment; the end of the range if there is none.
    pub end: usize,
}

pub(super) struct Comment {
    pub range: Range<usize>,
    pub is_block: bool,
    /// Line breaks between this comment and what stands before it.
    pub newlines_before: usize,
}

impl Gap {
    /// Reads the comments of a range, up to the first other token.
    pub fn read(text: &str, range: Range<usize>) -> Gap {
        Gap::collect(text, range, |_| false)
    }

    /// Reads the comments between the items of a list, passing over commas.
    pub fn read_in_list(text: &str, range: Range<usize>) -> Gap {
        Gap::collect(text, range, |token| text[token.range.clone()] == *",")
    }

    fn collect(text: &str, range: Range<usize>, is_skipped: impl Fn(&Token) -> bool) -> Gap {
        let mut comments: Vec<Comment> = Vec::new();
        let (mut last, mut end) = (range.start, range.end);
        for token in tokens(text, range, Lexis::Pie) {
            if token.is_comment() {
                let newlines_before = newlines(&text[last..token.range.start]);
                last = token.range.end;
                let is_block = token.kind == Kind::BlockComment;
                comments.push(Comment { range: token.range, is_block, newlines_before });
            } else if !is_skipped(&token) {
                end = token.range.start;
                break;
            }
        }
        let trailing = comments.iter().take_while(|comment| comment.newlines_before == 0).count();
        Gap { comments, trailing, newlines_after: newlines(&text[last..end]), end }
    }

    /// The comments on lines of their own.
    pub fn own_lines(&self) -> &[Comment] {
        &self.comments[self.trailing..]
    }
}

/// Line breaks in blanks. A line with just a comma isn't blank, so the breaks around it count apart.
fn newlines(blanks: &str) -> usize {
    let breaks = |text: &str| text.bytes().filter(|byte| *byte == b'\n').count();
    blanks.split(',').map(breaks).max().unwrap_or(0)
}
