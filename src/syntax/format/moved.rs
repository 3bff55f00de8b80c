//! Text that keeps its own layout and is only moved as a whole: queries, predicates, comments, and clauses with comments
//! where the formatter has no place for them.

use super::printer::Printer;
use super::tokens::{Kind, Lexis, tokens};
use std::ops::Range;

impl Printer<'_> {
    /// Copies a stretch of the source. The indentation that its lines share becomes `indent` spaces, which the caller has
    /// put before the first line; what a line has beyond that is kept, and blanks at its end are not. A line that begins
    /// inside quotes is content: it stays as it is, and so does the end of the line before.
    ///
    /// The first line counts only if the stretch begins it. Otherwise its indentation says nothing about the others:
    ///
    /// ```text
    ///   slice a.b { select x        ▶   select x
    ///       from t                      from t
    ///         where y }                   where y
    /// ```
    pub fn moved(&mut self, range: Range<usize>, indent: usize) {
        let text = self.text;
        let content = Quotes::of(text, range.clone());
        let lines = lines(text, range.clone());
        let line_start = text[..range.start].rfind('\n').map_or(0, |newline| newline + 1);
        let before = &text[line_start..range.start];
        let begins_line = indentation(before) == before;

        let others = lines.iter().skip(1).filter(|line| !content.contain(line.start)).map(|line| &text[line.clone()]);
        let indentations = others.filter(|line| !line.trim_end_matches(BLANKS).is_empty()).map(indentation);
        let shared = indentations.chain(begins_line.then_some(before)).reduce(common_prefix).unwrap_or_default().len();
        if begins_line {
            self.push(&before[shared..]);
        }
        for (index, line) in lines.into_iter().enumerate() {
            let is_content = index > 0 && content.contain(line.start);
            let mut copied = &text[line.clone()];
            if !content.contain(line.end) {
                copied = copied.trim_end_matches(BLANKS);
            }
            if index > 0 {
                self.push("\n");
            }
            if index > 0 && !is_content && !copied.is_empty() {
                self.spaces(indent);
                copied = &copied[shared..];
            }
            self.push(copied);
        }
    }
}

const BLANKS: [char; 3] = [' ', '\t', '\r'];

/// The lines of a range, without their line breaks.
fn lines(text: &str, range: Range<usize>) -> Vec<Range<usize>> {
    let mut start = range.start;
    let mut lines = Vec::new();
    for line in text[range].split('\n') {
        lines.push(start..start + line.len());
        start += line.len() + 1;
    }
    lines
}

fn indentation(line: &str) -> &str {
    &line[..line.len() - line.trim_start_matches([' ', '\t']).len()]
}

fn common_prefix<'t>(left: &'t str, right: &'t str) -> &'t str {
    let length = left.bytes().zip(right.bytes()).take_while(|(left, right)| left == right).count();
    &left[..length]
}

/// The quoted tokens that go over several lines, by both readings of what is quoted: in doubt, a line stays as it is.
struct Quotes([Vec<Range<usize>>; 2]);

impl Quotes {
    fn of(text: &str, range: Range<usize>) -> Quotes {
        Quotes([Lexis::Pie, Lexis::Sql].map(|lexis| {
            let quoted = tokens(text, range.clone(), lexis).filter(|token| token.kind == Kind::Quoted);
            quoted.map(|token| token.range).filter(|range| text[range.clone()].contains('\n')).collect()
        }))
    }

    /// Whether a line that starts or ends here does so inside quotes.
    fn contain(&self, offset: usize) -> bool {
        self.0.iter().any(|ranges| {
            let next = ranges.partition_point(|range| range.end <= offset);
            ranges.get(next).is_some_and(|range| range.start < offset)
        })
    }
}
