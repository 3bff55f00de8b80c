//! pest's pairs → syntax tree.

use super::ast::*;
use super::{Rule, docs, recovery, table};
use crate::diagnostic::{Code, Diagnostic};
use crate::text::{FileId, Span};
use pest::iterators::{Pair, Pairs};

/// Builds nodes from pairs. `base` is the offset in the file of the text that pest saw, which the recovery sets.
pub struct Builder<'t> {
    pub file: FileId,
    pub text: &'t str,
    base: usize,
    /// Where the text that pest saw ends in the file: what the recovery appended to it lies nowhere.
    limit: usize,
    /// Behind the last declaration: the documentation of the next one stands there.
    behind_last: usize,
    diagnostics: Vec<Diagnostic>,
}

impl<'t> Builder<'t> {
    pub fn new(file: FileId, text: &'t str) -> Builder<'t> {
        Builder { file, text, base: 0, limit: text.len(), behind_last: 0, diagnostics: Vec::new() }
    }

    /// The pairs that follow come from a text that starts at this offset of the file.
    pub fn at(&mut self, base: usize) -> &mut Self {
        self.within(base, self.text.len())
    }

    /// The same, of a text of which only what lies before `limit` is in the file.
    pub fn within(&mut self, base: usize, limit: usize) -> &mut Self {
        self.base = base;
        self.limit = limit;
        self
    }

    pub fn report(&mut self, diagnostic: Diagnostic) {
        self.diagnostics.push(diagnostic);
    }

    pub fn has_errors(&self) -> bool {
        !self.diagnostics.is_empty()
    }

    pub fn into_diagnostics(self) -> Vec<Diagnostic> {
        self.diagnostics
    }

    pub fn span(&self, pair: &Pair<Rule>) -> Span {
        let span = pair.as_span();
        let clamp = |offset: usize| (self.base + offset).min(self.limit);
        // pest's spans of rules that end in an optional part may include blanks and comments that were skipped in vain.
        let trimmed = match pair.as_rule() {
            Rule::query | Rule::predicate | Rule::table => span.as_str().trim_end().len(),
            Rule::domain | Rule::source | Rule::slice | Rule::test => span.as_str().trim_end().len(),
            _ => recovery::significant_length(span.as_str()),
        };
        Span::new(self.file, clamp(span.start()), clamp(span.start() + trimmed))
    }

    pub fn declarations(&mut self, pairs: Pairs<Rule>) -> Vec<Declaration> {
        pairs.filter_map(|pair| self.declaration(pair)).collect()
    }

    /// Builds a declaration; `None` for pairs that are none, such as the end of input.
    pub fn declaration(&mut self, pair: Pair<Rule>) -> Option<Declaration> {
        let span = self.span(&pair);
        let rule = pair.as_rule();
        let mut inner = pair.into_inner();
        if !matches!(rule, Rule::domain | Rule::source | Rule::slice | Rule::test) {
            return None;
        }
        let mut declaration = self.head(inner.next()?, span)?;
        for clause in inner {
            self.clause(&mut declaration, clause);
        }
        self.finish(&mut declaration);
        Some(declaration)
    }

    /// Builds an empty declaration from its head (`public source payments.transfers`).
    pub fn head(&mut self, pair: Pair<Rule>, span: Span) -> Option<Declaration> {
        let doc = docs::above(self.file, self.text, self.behind_last, span.start as usize);
        self.behind_last = span.end as usize;
        let rule = pair.as_rule();
        let (mut public, mut is_virtual, mut names, mut title) = (false, false, Vec::new(), None);
        for part in pair.into_inner() {
            match part.as_rule() {
                Rule::kw_public | Rule::kw_virtual => {
                    let seen = if part.as_rule() == Rule::kw_public { &mut public } else { &mut is_virtual };
                    if std::mem::replace(seen, true) {
                        let span = self.span(&part);
                        self.repeated("word", part.as_str(), span, None);
                    }
                }
                Rule::identifier => {
                    let name = self.name(&part);
                    names.push(QualifiedName { domain: None, span: name.span, name });
                }
                Rule::qualified_name => names.push(self.qualified_name(part)),
                Rule::string => title = Some(self.string(&part)),
                _ => {}
            }
        }
        let name = names.pop()?;
        if matches!(rule, Rule::source_head | Rule::slice_head) && name.domain.is_none() {
            let kind = if rule == Rule::source_head { "source" } else { "slice" };
            self.report(
                Diagnostic::error(
                    Code::MissingDomain,
                    format!("the {kind} `{}` doesn't say its domain", name.name.text),
                )
                .at(name.span, "no domain here")
                .with_help(format!("write `DOMAIN.{}`, the domain being the team that owns it", name.name.text)),
            );
        }
        Some(match rule {
            Rule::domain_head => Declaration::Domain(Domain { span, doc, name: name.name, owner: None }),
            Rule::source_head => Declaration::Source(Source {
                span,
                doc,
                public,
                name,
                from: None,
                format: None,
                columns: None,
                key: None,
                partition_by: None,
                broken: false,
            }),
            Rule::slice_head => Declaration::Slice(Slice {
                span,
                doc,
                public,
                is_virtual,
                name,
                key: None,
                partition_by: None,
                sort_by: None,
                columns: None,
                checks: Vec::new(),
                stale_limit: None,
                query: None,
                broken: false,
            }),
            Rule::test_head => Declaration::Test(Test {
                span,
                slice: name,
                title: title?,
                givens: Vec::new(),
                expect: None,
                broken: false,
            }),
            _ => return None,
        })
    }

    /// Adds one clause to its declaration.
    pub fn clause(&mut self, declaration: &mut Declaration, pair: Pair<Rule>) {
        let span = self.span(&pair);
        match (declaration, pair.as_rule()) {
            (Declaration::Domain(domain), Rule::owner_clause) => {
                let owner = pair.into_inner().find(|part| part.as_rule() == Rule::string);
                let owner = owner.map(|part| self.string(&part));
                self.once("owner", &mut domain.owner, owner, span, |text| text.span);
            }
            (Declaration::Source(source), Rule::from_clause) => {
                let from = pair.into_inner().find(|part| part.as_rule() == Rule::string);
                let from = from.map(|part| self.string(&part));
                self.once("from", &mut source.from, from, span, |text| text.span);
            }
            (Declaration::Source(source), Rule::format_clause) => {
                let format = self.format(pair, span);
                self.once("format", &mut source.format, format, span, |format| format.span);
            }
            (Declaration::Source(source), Rule::columns_clause) => {
                let columns = self.column_list(pair, span);
                self.once("columns", &mut source.columns, Some(columns), span, |list| list.span);
            }
            (Declaration::Source(source), Rule::key_clause) => {
                let names = self.name_list(pair, span);
                self.once("key", &mut source.key, Some(names), span, |list| list.span);
            }
            (Declaration::Source(source), Rule::partition_clause) => {
                let names = self.name_list(pair, span);
                self.once("partition by", &mut source.partition_by, Some(names), span, |list| list.span);
            }
            (Declaration::Slice(slice), Rule::columns_clause) => {
                let columns = self.column_list(pair, span);
                self.once("columns", &mut slice.columns, Some(columns), span, |list| list.span);
            }
            (Declaration::Slice(slice), Rule::key_clause) => {
                let names = self.name_list(pair, span);
                self.once("key", &mut slice.key, Some(names), span, |list| list.span);
            }
            (Declaration::Slice(slice), Rule::partition_clause) => {
                let names = self.name_list(pair, span);
                self.once("partition by", &mut slice.partition_by, Some(names), span, |list| list.span);
            }
            (Declaration::Slice(slice), Rule::sort_clause) => {
                let names = self.name_list(pair, span);
                self.once("sort by", &mut slice.sort_by, Some(names), span, |list| list.span);
            }
            (Declaration::Slice(slice), Rule::stale_clause) => {
                let limit = self.stale_limit(pair, span);
                self.once("stale for at most", &mut slice.stale_limit, limit, span, |limit| limit.span);
            }
            (Declaration::Slice(slice), Rule::check_clause) => {
                if let Some(check) = self.check(pair, span) {
                    if let Some(first) = slice.checks.iter().find(|other| other.name.text == check.name.text) {
                        let (name, first) = (check.name.clone(), first.name.span);
                        self.repeated("check", &name.text, name.span, Some(first));
                    }
                    slice.checks.push(check);
                }
            }
            (Declaration::Slice(slice), Rule::query) => slice.query = Some(SqlText { span }),
            (Declaration::Test(test), Rule::given_clause) => {
                let mut inner = pair.into_inner();
                let name = inner.find(|part| part.as_rule() == Rule::qualified_name);
                let name = name.map(|part| self.qualified_name(part));
                if let (Some(name), Some(table)) = (name, self.table(inner)) {
                    test.givens.push(Given { span, name, table });
                }
            }
            (Declaration::Test(test), Rule::expect_rows) => {
                let expect = self.table(pair.into_inner()).map(|table| Expect::Rows { span, table });
                self.once("expect", &mut test.expect, expect, span, expect_span);
            }
            (Declaration::Test(test), Rule::expect_error) => {
                let code = pair.into_inner().find(|part| part.as_rule() == Rule::identifier);
                let code = code.map(|part| self.name(&part));
                let expect = code.map(|code| Expect::Error { span, code });
                self.once("expect", &mut test.expect, expect, span, expect_span);
            }
            _ => {}
        }
    }

    /// Reports what a whole declaration lacks. Broken ones lack things only because an error was reported already.
    pub fn finish(&mut self, declaration: &mut Declaration) {
        match declaration {
            Declaration::Domain(_) => {}
            Declaration::Source(source) if !source.broken => {
                if source.from.is_none() {
                    self.missing(
                        "source",
                        &source.name,
                        "`from '…'`",
                        "say where its files are: `from 'raw/orders/*.parquet'`",
                    );
                    source.broken = true;
                }
                if source.columns.is_none() {
                    let help = "list its columns: `columns (id bigint not null, name text)`; `pie init --from DIR` writes them from existing files";
                    self.missing("source", &source.name, "`columns (…)`", help);
                    source.broken = true;
                }
            }
            Declaration::Slice(slice) if !slice.broken => {
                if slice.query.is_none() {
                    self.missing("slice", &slice.name, "a query", "end the slice with its query: `select … from …`");
                    slice.broken = true;
                }
            }
            Declaration::Test(test) if !test.broken => {
                if test.expect.is_none() {
                    self.missing(
                        "test of",
                        &test.slice,
                        "`expect`",
                        "say what must come out: `expect { … }` or `expect error CODE`",
                    );
                    test.broken = true;
                }
            }
            Declaration::Source(_) | Declaration::Slice(_) | Declaration::Test(_) => {}
        }
    }

    pub fn column(&mut self, pair: Pair<Rule>) -> Option<Column> {
        let span = self.span(&pair);
        let mut column_name = None;
        let mut data_type = None;
        let mut not_null = None;
        for part in pair.into_inner() {
            match part.as_rule() {
                Rule::identifier => column_name = Some(self.name(&part)),
                Rule::data_type => {
                    let span = self.span(&part);
                    data_type = Some(Text { value: part.as_str()[..span.len()].to_owned(), span });
                }
                Rule::not_null => not_null = Some(self.span(&part)),
                _ => {}
            }
        }
        let doc = docs::behind(self.file, self.text, span.end as usize);
        Some(Column { span, name: column_name?, data_type: data_type?, not_null, doc })
    }

    fn column_list(&mut self, pair: Pair<Rule>, span: Span) -> ColumnList {
        let columns = pair.into_inner().filter(|part| part.as_rule() == Rule::column);
        ColumnList { span, columns: columns.filter_map(|part| self.column(part)).collect() }
    }

    fn name_list(&mut self, pair: Pair<Rule>, span: Span) -> NameList {
        let list = pair.into_inner().find(|part| part.as_rule() == Rule::name_list);
        let names = list.into_iter().flat_map(|list| list.into_inner());
        let names = names.filter(|part| part.as_rule() == Rule::identifier);
        NameList { span, names: names.map(|part| self.name(&part)).collect() }
    }

    fn format(&mut self, pair: Pair<Rule>, span: Span) -> Option<Format> {
        let mut inner = pair.into_inner();
        let name = inner.find(|part| part.as_rule() == Rule::identifier);
        let name = self.name(&name?);
        let mut options = Vec::new();
        for option in inner.filter(|part| part.as_rule() == Rule::format_option) {
            let option_span = self.span(&option);
            let mut parts = option.into_inner();
            let (Some(option_name), Some(value)) = (parts.next(), parts.next()) else { continue };
            let value_span = self.span(&value);
            let Some(literal) = value.into_inner().next() else { continue };
            let value = match literal.as_rule() {
                Rule::string => OptionValue::Text(self.string(&literal).value),
                Rule::number => OptionValue::Number(literal.as_str().to_owned()),
                Rule::kw_true => OptionValue::Boolean(true),
                _ => OptionValue::Boolean(false),
            };
            options.push(FormatOption { span: option_span, name: self.name(&option_name), value, value_span });
        }
        Some(Format { span, name, options })
    }

    fn check(&mut self, pair: Pair<Rule>, span: Span) -> Option<Check> {
        let mut name = None;
        let mut predicate = None;
        for part in pair.into_inner() {
            match part.as_rule() {
                Rule::identifier => name = Some(self.name(&part)),
                Rule::predicate => {
                    let outer = self.span(&part);
                    let leading = part.as_str().len() - part.as_str().trim_start().len();
                    predicate = Some(SqlText { span: Span { start: outer.start + leading as u32, ..outer } });
                }
                _ => {}
            }
        }
        Some(Check { span, name: name?, predicate: predicate? })
    }

    fn stale_limit(&mut self, pair: Pair<Rule>, span: Span) -> Option<StaleLimit> {
        let duration = pair.into_inner().find(|part| part.as_rule() == Rule::duration)?;
        let duration_span = self.span(&duration);
        let mut parts = duration.into_inner();
        let (number, unit) = (parts.next()?, parts.next()?);
        let bad = |span: Span, label: String| {
            Diagnostic::error(Code::BadDuration, "this isn't a duration").at(span, label).with_help(
                "write a whole number and a unit: `30 seconds`, `20 minutes`, `1 hour`, `7 days` or `2 weeks`",
            )
        };
        let unit_text = unit.as_str().to_lowercase();
        let factor = match unit_text.strip_suffix('s').unwrap_or(&unit_text) {
            "second" => 1,
            "minute" => 60,
            "hour" => 3_600,
            "day" => 86_400,
            "week" => 604_800,
            _ => {
                let span = self.span(&unit);
                self.report(bad(span, format!("`{}` is no unit of time", unit.as_str())));
                return None;
            }
        };
        let seconds = number.as_str().parse::<u64>().ok().and_then(|count| count.checked_mul(factor));
        match seconds {
            Some(seconds) if seconds > 0 => Some(StaleLimit { span, seconds }),
            _ => {
                self.report(bad(duration_span, "not a whole number of a unit, from one up".to_owned()));
                None
            }
        }
    }

    fn table(&mut self, pairs: Pairs<Rule>) -> Option<Table> {
        let pair = pairs.into_iter().find(|part| part.as_rule() == Rule::table)?;
        let raw = pair.as_span();
        let clamp = |offset: usize| (self.base + offset).min(self.limit);
        let span = Span::new(self.file, clamp(raw.start()), clamp(raw.end()));
        Some(table::parse(span, self.text, &mut self.diagnostics))
    }

    fn qualified_name(&mut self, pair: Pair<Rule>) -> QualifiedName {
        let span = self.span(&pair);
        let mut names: Vec<Name> = pair.into_inner().map(|part| self.name(&part)).collect();
        let name = names.pop().expect("the grammar asks for a name");
        QualifiedName { domain: names.pop(), name, span }
    }

    fn name(&self, pair: &Pair<Rule>) -> Name {
        let raw = pair.as_str();
        let text = match raw.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
            Some(quoted) => quoted.replace("\"\"", "\""),
            None => raw.to_lowercase(),
        };
        Name { text, span: self.span(pair) }
    }

    fn string(&self, pair: &Pair<Rule>) -> Text {
        let raw = pair.as_str();
        let inner = raw.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\'')).unwrap_or(raw);
        Text { value: inner.replace("''", "'"), span: self.span(pair) }
    }

    /// Sets a clause that may be given once, or reports that it stands twice.
    fn once<T>(&mut self, clause: &str, slot: &mut Option<T>, value: Option<T>, span: Span, span_of: fn(&T) -> Span) {
        match slot {
            Some(first) => {
                let first = span_of(first);
                self.repeated("clause", clause, span, Some(first));
            }
            None => *slot = value,
        }
    }

    fn repeated(&mut self, kind: &str, name: &str, span: Span, first: Option<Span>) {
        let mut diagnostic = Diagnostic::error(Code::RepeatedClause, format!("the {kind} `{name}` stands twice"))
            .at(span, "again here")
            .with_help("keep one of the two");
        if let Some(first) = first {
            diagnostic = diagnostic.with_label(first, "first here");
        }
        self.report(diagnostic);
    }

    fn missing(&mut self, kind: &str, name: &QualifiedName, what: &str, help: &str) {
        let diagnostic = Diagnostic::error(
            Code::MissingClause,
            format!("the {kind} `{}` has no {}", dotted(name), what.trim_start_matches("a ")),
        )
        .at(name.span, format!("{what} is missing"))
        .with_help(help);
        self.report(diagnostic);
    }
}

/// `domain.name` as people write it.
pub fn dotted(name: &QualifiedName) -> String {
    match &name.domain {
        Some(domain) => format!("{}.{}", domain.text, name.name.text),
        None => name.name.text.clone(),
    }
}

fn expect_span(expect: &Expect) -> Span {
    match expect {
        Expect::Rows { span, .. } | Expect::Error { span, .. } => *span,
    }
}
