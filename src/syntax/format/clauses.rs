//! The clauses of a declaration.

use super::printer::{Printer, name, qualified_name};
use super::tokens::{Kind, Lexis, is_blank, tokens};
use crate::syntax::ast::{Check, ColumnList, Format, FormatOption, Given, Name, NameList, OptionValue, Table, Text};
use crate::text::Span;
use std::ops::Range;

/// A clause and where it stands; of [`ClauseKind::Text`] only the string does.
pub(super) struct Clause<'a> {
    pub range: Range<usize>,
    pub kind: ClauseKind<'a>,
}

pub(super) enum ClauseKind<'a> {
    /// `from '…'`, `owner '…'`
    Text(&'static str, &'a Text),
    Format(&'a Format),
    Columns(&'a ColumnList),
    /// `key (…)`, `partition by (…)`, `sort by (…)`
    Names(&'static str, &'a NameList),
    Check(&'a Check),
    StaleLimit,
    Query,
    Given(&'a Given, &'a Table),
    ExpectRows(&'a Table),
    ExpectError(&'a Name),
}

impl<'a> Clause<'a> {
    pub fn new(span: Span, kind: ClauseKind<'a>) -> Clause<'a> {
        Clause { range: span.range(), kind }
    }
}

impl Printer<'_> {
    /// Prints a clause that begins at `start`, which is where its range begins or the keyword before it.
    pub fn clause(&mut self, start: usize, clause: &Clause) {
        let range = start..clause.range.end;
        let keyword_before = match clause.kind {
            ClauseKind::Text(keyword, _) => keyword,
            _ => "",
        };
        let is_whole = self.text[start..clause.range.start].trim_matches(is_blank).eq_ignore_ascii_case(keyword_before);
        if !is_whole || !self.laid_out(&range, &clause.kind) {
            self.moved(range, 2);
        }
    }

    /// Prints a clause in its layout, unless it has a comment that the layout has no place for.
    fn laid_out(&mut self, range: &Range<usize>, kind: &ClauseKind) -> bool {
        let printed = match kind {
            ClauseKind::Query => {
                self.moved(range.clone(), 2);
                return true;
            }
            ClauseKind::Columns(list) => return self.columns(range.clone(), list),
            ClauseKind::Check(check) => return self.check(range, check),
            ClauseKind::Given(given, table) => {
                self.table(range.clone(), &format!("given {}", qualified_name(&given.name)), table);
                return true;
            }
            ClauseKind::ExpectRows(table) => {
                self.table(range.clone(), "expect", table);
                return true;
            }
            ClauseKind::Text(keyword, text) => format!("{keyword} {}", self.source(text.span)),
            ClauseKind::Format(format) => self.format(format),
            ClauseKind::Names(keywords, names) => {
                format!("{keywords} ({})", names.names.iter().map(name).collect::<Vec<_>>().join(", "))
            }
            ClauseKind::StaleLimit => self.stale_limit(range),
            ClauseKind::ExpectError(code) => match name(code) {
                quoted if quoted.starts_with('"') => format!("expect error {quoted}"),
                plain => format!("expect error {}", plain.to_ascii_uppercase()),
            },
        };
        let has_place = !self.has_comments(range.clone());
        if has_place {
            self.push(&printed);
        }
        has_place
    }

    fn format(&self, format: &Format) -> String {
        let option = |option: &FormatOption| match &option.value {
            OptionValue::Boolean(value) => format!("{} {value}", name(&option.name)),
            OptionValue::Text(_) | OptionValue::Number(_) => {
                format!("{} {}", name(&option.name), self.source(option.value_span))
            }
        };
        match format.options.as_slice() {
            [] => format!("format {}", name(&format.name)),
            options => {
                let options: Vec<String> = options.iter().map(option).collect();
                format!("format {} ({})", name(&format.name), options.join(", "))
            }
        }
    }

    /// The keywords, then the number and the unit as they are written.
    fn stale_limit(&self, range: &Range<usize>) -> String {
        let words = tokens(self.text, range.clone(), Lexis::Pie).map(|token| &self.text[token.range]);
        let duration: Vec<&str> = words.skip("stale for at most".split(' ').count()).collect();
        format!("stale for at most {}", duration.join(" "))
    }

    /// A predicate of one line stays on the clause's; a longer one, or one that a comment ends, gets lines of its own.
    fn check(&mut self, range: &Range<usize>, check: &Check) -> bool {
        let name_end = check.name.span.range().end;
        let open = tokens(self.text, name_end..range.end, Lexis::Pie).next();
        let Some(open) = open.filter(|token| self.text[token.range.clone()] == *"(") else { return false };
        if self.has_comments(range.start..name_end) {
            return false;
        }
        let inside = &self.text[open.range.end..range.end - 1];
        let start = range.end - 1 - inside.trim_start_matches(is_blank).len();
        let predicate = start..start + inside.trim_matches(is_blank).len();
        let last = tokens(self.text, predicate.clone(), Lexis::Pie).last();
        let ends_in_line_comment = last.is_some_and(|token| token.kind == Kind::LineComment);
        let is_one_line = !self.text[predicate.clone()].contains('\n') && !ends_in_line_comment;
        self.push(&format!("check {} (", name(&check.name)));
        if is_one_line {
            self.push(&self.text[predicate]);
        } else {
            self.line(4);
            self.moved(predicate, 4);
            self.line(2);
        }
        self.push(")");
        true
    }
}
