//! Declarations, one blank line between two; clauses, one a line.

use super::clauses::{Clause, ClauseKind};
use super::gap::Gap;
use super::printer::{BEFORE_COMMENT, BlankLine, Printer, Separator, name, qualified_name};
use super::tokens::{Lexis, tokens};
use crate::syntax::ast::{Declaration, Domain, Expect, NameList, Slice, Source, Test};
use crate::text::Span;
use std::ops::Range;
use unicode_width::UnicodeWidthStr;

impl Printer<'_> {
    pub fn file(&mut self, declarations: &[Declaration]) {
        let one_liners: Vec<Option<OneLiner>> =
            declarations.iter().map(|declaration| self.one_liner(declaration)).collect();
        let gaps = self.gaps(declarations);
        // Whether a declaration goes on with the run of one-line domains that the one before it is in.
        let goes_on = |index: usize| {
            let is_adjacent = gaps[index].own_lines().is_empty() && gaps[index].newlines_after <= 1;
            index > 0 && is_adjacent && one_liners[index - 1].is_some() && one_liners[index].is_some()
        };
        let mut width = 0;
        for (index, declaration) in declarations.iter().enumerate() {
            let blank_line = if goes_on(index) { BlankLine::Never } else { BlankLine::Always };
            match self.comments(&gaps[index], 0, blank_line, BEFORE_COMMENT) {
                // Whether documentation stands right above a declaration depends on what else is on its line.
                Separator::Space => self.spaces(1),
                separator => self.separate(separator, 0),
            }
            match &one_liners[index] {
                Some(domain) => {
                    if !goes_on(index) {
                        let run = (index..declarations.len()).take_while(|next| *next == index || goes_on(*next));
                        let names = run.filter_map(|next| one_liners[next].as_ref());
                        width = names.map(|domain| domain.name.width()).max().unwrap_or(0);
                    }
                    self.push(&format!("domain {}", domain.name));
                    self.spaces(width - domain.name.width());
                    self.push(&format!(" {}", domain.body));
                }
                None => self.declaration(declaration),
            }
        }
        if let Some(last) = gaps.get(declarations.len()) {
            self.comments(last, 0, BlankLine::Always, BEFORE_COMMENT);
        }
    }

    /// What stands before each declaration, and behind the last.
    fn gaps(&self, declarations: &[Declaration]) -> Vec<Gap> {
        let starts = declarations.iter().map(|declaration| declaration.span().range().start).chain([self.text.len()]);
        let ends = [0].into_iter().chain(declarations.iter().map(|declaration| declaration.span().range().end));
        let mut gaps: Vec<Gap> = ends.zip(starts).map(|(end, start)| Gap::read(self.text, end..start)).collect();
        // Nothing stands before a file's first comment that it could trail.
        gaps[0].trailing = 0;
        gaps
    }

    fn declaration(&mut self, declaration: &Declaration) {
        match declaration {
            Declaration::Domain(domain) => {
                let owner = domain.owner.as_ref();
                let clauses = owner.map(|owner| Clause::new(owner.span, ClauseKind::Text("owner", owner)));
                let header = format!("domain {}", name(&domain.name));
                self.block(domain.span, domain.name.span, header, clauses.into_iter().collect());
            }
            Declaration::Source(source) => {
                let public = if source.public { "public " } else { "" };
                let header = format!("{public}source {}", qualified_name(&source.name));
                self.block(source.span, source.name.name.span, header, source_clauses(source));
            }
            Declaration::Slice(slice) => {
                let public = if slice.public { "public " } else { "" };
                let is_virtual = if slice.is_virtual { "virtual " } else { "" };
                let header = format!("{public}{is_virtual}slice {}", qualified_name(&slice.name));
                self.block(slice.span, slice.name.name.span, header, slice_clauses(slice));
            }
            Declaration::Test(test) => {
                let header = format!("test {} {}", qualified_name(&test.slice), self.source(test.title.span));
                self.block(test.span, test.title.span, header, test_clauses(test));
            }
        }
    }

    /// Prints a declaration from its first keyword to its brace. `header` is what to print before the opening brace, and
    /// stands in the source up to the end of `last_of_header`.
    fn block(&mut self, span: Span, last_of_header: Span, header: String, mut clauses: Vec<Clause>) {
        let Some(inside) = self.braces(last_of_header, span) else {
            return self.moved(span.range(), 0);
        };
        let header_range = span.range().start..inside.start;
        if self.has_comments(header_range.clone()) {
            self.moved(header_range, 0);
        } else {
            self.push(&format!("{header} {{"));
        }
        clauses.sort_by_key(|clause| clause.range.start);
        let mut end = inside.start;
        for mut clause in clauses {
            if matches!(clause.kind, ClauseKind::Format(_)) {
                clause.range = self.without_comments_behind(clause.range);
            }
            let gap = Gap::read(self.text, end..clause.range.start);
            let blank_line = match (end == inside.start, matches!(clause.kind, ClauseKind::Query)) {
                (true, _) => BlankLine::Never,
                (false, true) => BlankLine::HereOrLater,
                (false, false) => BlankLine::AsWritten,
            };
            let separator = self.comments(&gap, 2, blank_line, BEFORE_COMMENT);
            self.separate(separator, 2);
            self.clause(gap.end, &clause);
            end = clause.range.end;
        }
        let gap = Gap::read(self.text, end..inside.end);
        let blank_line = if end == inside.start { BlankLine::Never } else { BlankLine::AsWritten };
        self.comments(&gap, 2, blank_line, BEFORE_COMMENT);
        let is_empty = end == inside.start && gap.comments.is_empty();
        if !is_empty {
            self.line(0);
        }
        self.push("}");
    }

    /// What stands between a declaration's braces.
    fn braces(&self, last_of_header: Span, span: Span) -> Option<Range<usize>> {
        let mut tokens = tokens(self.text, last_of_header.range().end..span.range().end, Lexis::Pie);
        let open = tokens.find(|token| !token.is_comment())?.range;
        let is_closed = self.source(span).ends_with('}') && open.end < span.range().end;
        (is_closed && self.text[open.clone()] == *"{").then(|| open.end..span.range().end - 1)
    }

    /// The domain that a declaration is, if it fits on a line.
    fn one_liner(&self, declaration: &Declaration) -> Option<OneLiner> {
        let Declaration::Domain(Domain { span, name: domain, owner, doc: _ }) = declaration else { return None };
        let body = match owner {
            Some(owner) => format!("{{ owner {} }}", self.source(owner.span)),
            None => "{}".to_owned(),
        };
        let name = name(domain);
        let fits = !name.contains('\n') && !body.contains('\n') && !self.has_comments(span.range());
        fits.then_some(OneLiner { name, body })
    }
}

/// `domain payments   { owner '…' }`, with its brace under those of its neighbours.
struct OneLiner {
    name: String,
    body: String,
}

fn source_clauses(source: &Source) -> Vec<Clause<'_>> {
    let mut clauses = Vec::new();
    clauses.extend(source.from.iter().map(|from| Clause::new(from.span, ClauseKind::Text("from", from))));
    clauses.extend(source.format.iter().map(|format| Clause::new(format.span, ClauseKind::Format(format))));
    clauses.extend(source.columns.iter().map(|list| Clause::new(list.span, ClauseKind::Columns(list))));
    clauses.extend(names("key", &source.key));
    clauses.extend(names("partition by", &source.partition_by));
    clauses
}

fn slice_clauses(slice: &Slice) -> Vec<Clause<'_>> {
    let mut clauses = Vec::new();
    clauses.extend(names("key", &slice.key));
    clauses.extend(names("partition by", &slice.partition_by));
    clauses.extend(names("sort by", &slice.sort_by));
    clauses.extend(slice.columns.iter().map(|list| Clause::new(list.span, ClauseKind::Columns(list))));
    clauses.extend(slice.checks.iter().map(|check| Clause::new(check.span, ClauseKind::Check(check))));
    clauses.extend(slice.stale_limit.iter().map(|limit| Clause::new(limit.span, ClauseKind::StaleLimit)));
    clauses.extend(slice.query.iter().map(|query| Clause::new(query.span, ClauseKind::Query)));
    clauses
}

fn test_clauses(test: &Test) -> Vec<Clause<'_>> {
    let givens = test.givens.iter().map(|given| Clause::new(given.span, ClauseKind::Given(given, &given.table)));
    let expect = test.expect.iter().map(|expect| match expect {
        Expect::Rows { span, table } => Clause::new(*span, ClauseKind::ExpectRows(table)),
        Expect::Error { span, code } => Clause::new(*span, ClauseKind::ExpectError(code)),
    });
    givens.chain(expect).collect()
}

fn names<'a>(keywords: &'static str, names: &'a Option<NameList>) -> Option<Clause<'a>> {
    names.as_ref().map(|names| Clause::new(names.span, ClauseKind::Names(keywords, names)))
}
