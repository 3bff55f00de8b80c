//! Collects declarations into one namespace and resolves what they name.

use super::lookalike;
use super::reference::resolve_reads;
use super::*;
use crate::diagnostic::{Code, Diagnostic, did_you_mean};
use crate::memo::{self, Memo};
use crate::parallel;
use crate::sql::{self, ParsedExpression, ParsedQuery, QueryFacts, QueryLimits};
use crate::text::{SourceMap, Span};
use std::collections::btree_map::Entry;

/// The namespace and what is wrong with it.
#[derive(Clone, Default, Debug)]
pub struct Declared {
    pub declarations: Declarations,
    /// What is wrong with single relations, where something is.
    pub of: BTreeMap<RelationName, Findings>,
    /// What is wrong with each test, in the order of the tests.
    pub of_tests: Vec<Vec<Diagnostic>>,
    /// What is declared twice.
    pub duplicates: Vec<Diagnostic>,
    /// Names of two files that look the same.
    pub lookalikes: Vec<Diagnostic>,
}

/// What is wrong with a relation's declaration.
#[derive(Clone, Default, Debug)]
pub struct Findings {
    /// By its own text and the names of the domains.
    pub declared: Vec<Diagnostic>,
    /// What its query and checks name, by all declarations.
    pub resolved: Vec<Diagnostic>,
}

impl Declared {
    /// Everything that was found.
    pub fn diagnostics(&self) -> impl Iterator<Item = &Diagnostic> {
        let of = self.of.values().flat_map(|found| found.declared.iter().chain(&found.resolved));
        self.duplicates.iter().chain(&self.lookalikes).chain(of).chain(self.of_tests.iter().flatten())
    }
}

/// Suggestions compare with every name; past this many errors nobody reads them.
pub const MAX_SUGGESTIONS: usize = 200;

/// Of more relations than this, queries are parsed once more when they are planned: all their trees at once would be most of the
/// memory of a check, 60 kB each.
const MANY: usize = 2_000;

fn forget_trees(declaration: &RelationDeclaration) {
    if let RelationDeclaration::Slice(slice) = declaration {
        let checks = slice.checks.iter().filter_map(|check| check.predicate.as_ref()).map(ParsedExpression::violations);
        slice.query.iter().chain(checks).for_each(ParsedQuery::forget_tree);
    }
}

/// Resolves all files of a project. Linear in the number of declarations and references, up to the maps' logarithm.
/// What `memo` knows of a query isn't parsed again.
pub fn resolve<'a>(
    files: impl Iterator<Item = &'a ast::File>,
    sources: &SourceMap,
    limits: &QueryLimits,
    memo: &Memo,
) -> Declared {
    let mut declared = Declared::default();
    for file in files {
        let OfFile { domains, relations, tests } = of_file(file);
        for domain in domains {
            match declared.declarations.domains.entry(domain.name.text.clone()) {
                Entry::Vacant(entry) => drop(entry.insert(domain)),
                Entry::Occupied(entry) => {
                    let (name, again) = (&domain.name.text, domain.name.span);
                    declared.duplicates.push(duplicate("domain", name, again, entry.get().name.span));
                }
            }
        }
        for relation in relations {
            insert(relation, &mut declared);
        }
        declared.declarations.tests.extend(tests);
    }
    declared.lookalikes = lookalike::warn(&declared.declarations);
    let Declared { declarations, of, .. } = &mut declared;
    let domains = &declarations.domains;
    let many = declarations.relations.len() > MANY;
    let read = parallel::map(declarations.relations.iter_mut().collect(), |(name, declaration)| {
        let found = read_declaration(declaration, domains, sources, limits, memo);
        if many {
            forget_trees(declaration);
        }
        (name, found)
    });
    for (name, found) in read.into_iter().filter(|(_, found)| !found.is_empty()) {
        of.entry(name.clone()).or_default().declared = found;
    }
    let mut suggestions = MAX_SUGGESTIONS;
    let resolve = |declaration| Some(resolve_slice(declaration, declarations, &mut suggestions));
    let resolved: Vec<Option<Resolved>> = declarations.relations.values().map(resolve).collect();
    for ((name, declaration), resolved) in declarations.relations.iter_mut().zip(resolved) {
        let found = resolved.map(|resolved| resolved.put_into(declaration)).unwrap_or_default();
        if !found.is_empty() {
            of.entry(name.clone()).or_default().resolved = found;
        }
    }
    let mut tests = std::mem::take(&mut declared.declarations.tests);
    declared.of_tests = tests.iter_mut().map(|test| resolve_test(test, &declared.declarations)).collect();
    declared.declarations.tests = tests;
    declared
}

/// What one file declares, in the order of its text; nothing is read or resolved yet.
pub struct OfFile {
    pub domains: Vec<ast::Domain>,
    pub relations: Vec<RelationDeclaration>,
    pub tests: Vec<TestDeclaration>,
}

/// The declarations of one file. Those without a domain are left out: that was reported.
pub fn of_file(file: &ast::File) -> OfFile {
    let mut declared = OfFile { domains: Vec::new(), relations: Vec::new(), tests: Vec::new() };
    for declaration in &file.declarations {
        match declaration {
            ast::Declaration::Domain(domain) => declared.domains.push(domain.clone()),
            ast::Declaration::Source(source) => {
                let Some(name) = full_name(&source.name) else { continue };
                let source = SourceDeclaration { file: file.id, name, syntax: source.clone() };
                declared.relations.push(RelationDeclaration::Source(Box::new(source)));
            }
            ast::Declaration::Slice(slice) => {
                let Some(name) = full_name(&slice.name) else { continue };
                let slice = SliceDeclaration {
                    file: file.id,
                    name,
                    syntax: slice.clone(),
                    query: None,
                    reads: Vec::new(),
                    checks: Vec::new(),
                    unresolved: false,
                };
                declared.relations.push(RelationDeclaration::Slice(Box::new(slice)));
            }
            ast::Declaration::Test(test) => {
                let test = TestDeclaration { file: file.id, subject: None, syntax: test.clone(), givens: Vec::new() };
                declared.tests.push(test);
            }
        }
    }
    declared
}

fn insert(declaration: RelationDeclaration, into: &mut Declared) {
    match into.declarations.relations.entry(declaration.name().clone()) {
        Entry::Vacant(entry) => {
            entry.insert(declaration);
        }
        Entry::Occupied(mut entry) => {
            let name = entry.key().to_string();
            let first = entry.get().name_span();
            into.duplicates.push(duplicate(declaration.kind(), &name, declaration.name_span(), first));
            // Which of the two is meant isn't known, and where the files stand says nothing.
            match entry.get_mut() {
                RelationDeclaration::Source(source) => source.syntax.broken = true,
                RelationDeclaration::Slice(slice) => slice.syntax.broken = true,
            }
        }
    }
}

fn duplicate(kind: &str, name: &str, again: Span, first: Span) -> Diagnostic {
    Diagnostic::error(Code::DuplicateDeclaration, format!("the {kind} `{name}` is declared twice"))
        .at(again, "again here")
        .with_label(first, "first here")
        .with_help("all files form one namespace: rename one of the two, or remove it")
}

/// What is said at the name of a declaration whose domain nobody declared.
pub const NO_DOMAIN: &str = "not declared";

fn unknown_domain(span: Span, domain: &str, known: &BTreeMap<String, ast::Domain>) -> Diagnostic {
    let diagnostic =
        Diagnostic::error(Code::UnknownDomain, format!("there is no domain `{domain}`")).at(span, NO_DOMAIN);
    let near = crate::diagnostic::nearest(domain, known.keys().map(String::as_str));
    match near.as_slice() {
        [near] => {
            let help =
                format!("did you mean `{near}`? or declare it: `domain {domain} {{ owner 'team@example.com' }}`");
            diagnostic.with_help(help).with_replacement(format!("write `{near}`"), span, *near)
        }
        _ => diagnostic.with_help(format!("declare it: `domain {domain} {{ owner 'team@example.com' }}`")),
    }
}

fn full_name(name: &ast::QualifiedName) -> Option<RelationName> {
    Some(RelationName::new(&name.domain.as_ref()?.text, &name.name.text))
}

/// Parses a slice's query and the predicates of its checks, unless `memo` knows them, and looks for the domain of a relation.
/// Gives what is wrong with it.
pub fn read_declaration(
    declaration: &mut RelationDeclaration,
    domains: &BTreeMap<String, ast::Domain>,
    sources: &SourceMap,
    limits: &QueryLimits,
    memo: &Memo,
) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    let name = match declaration {
        RelationDeclaration::Source(source) => &source.syntax.name,
        RelationDeclaration::Slice(slice) => &slice.syntax.name,
    };
    if let Some(domain) = name.domain.as_ref().filter(|domain| !domains.contains_key(&domain.text)) {
        found.push(unknown_domain(domain.span, &domain.text, domains));
    }
    if let RelationDeclaration::Slice(slice) = declaration {
        parse_or_recall(slice, sources, limits, memo, &mut found);
    }
    found
}

/// Reads a slice's query and predicates, unless `memo` knows them.
fn parse_or_recall(
    slice: &mut SliceDeclaration,
    sources: &SourceMap,
    limits: &QueryLimits,
    memo: &Memo,
    diagnostics: &mut Vec<Diagnostic>,
) {
    let key = memo.is_on().then(|| parsing_key(slice, sources, limits));
    if let Some(known) = key.and_then(|key| memo.get::<Vec<QueryFacts>>(&key)) {
        return take_known(slice, limits, known);
    }
    let before = diagnostics.len();
    parse_slice(slice, sources, limits, diagnostics);
    if let Some(key) = key.filter(|_| diagnostics.len() == before) {
        let checks = slice.checks.iter().filter_map(|check| check.predicate.as_ref()).map(ParsedExpression::violations);
        let facts: Vec<QueryFacts> = slice.query.iter().chain(checks).map(ParsedQuery::facts).collect();
        memo.put(key, &facts);
    }
}

fn parse_slice(
    slice: &mut SliceDeclaration,
    sources: &SourceMap,
    limits: &QueryLimits,
    diagnostics: &mut Vec<Diagnostic>,
) {
    let text = sources.get(slice.file);
    if let Some(query) = slice.syntax.query {
        match sql::parse_query(text, query.span, limits) {
            Ok(parsed) => slice.query = Some(parsed),
            Err(errors) => diagnostics.extend(errors),
        }
    }
    for check in &slice.syntax.checks {
        let of = [slice.name.domain(), slice.name.name()];
        let predicate = match sql::parse_predicate(text, check.predicate.span, &of, limits) {
            Ok(parsed) => Some(parsed),
            Err(errors) => {
                diagnostics.extend(errors);
                None
            }
        };
        slice.checks.push(unresolved(check, predicate));
    }
}

fn unresolved(check: &ast::Check, predicate: Option<ParsedExpression>) -> Check {
    Check { name: check.name.text.clone(), span: check.span, predicate, reads: Vec::new(), unresolved: false }
}

/// All that decides how a slice's query and the predicates of its checks are read.
fn parsing_key(slice: &SliceDeclaration, sources: &SourceMap, limits: &QueryLimits) -> memo::Key {
    let name = slice.name.to_string();
    let bounds = [limits.bytes, limits.tokens, limits.operands, limits.nesting].map(usize::to_le_bytes);
    let texts = slice.syntax.query.iter().chain(slice.syntax.checks.iter().map(|check| &check.predicate));
    let texts = texts.map(|text| sources.slice(text.span).as_bytes());
    let has_query: &[u8] = if slice.syntax.query.is_some() { b"query" } else { b"" };
    let parts = [name.as_bytes(), has_query].into_iter().chain(bounds.iter().map(<[u8; 8]>::as_slice)).chain(texts);
    memo::key("parsed", parts)
}

/// Queries that were read before, and were without an error.
fn take_known(slice: &mut SliceDeclaration, limits: &QueryLimits, known: Vec<QueryFacts>) {
    let mut known = known.into_iter();
    if let Some(query) = slice.syntax.query {
        slice.query = known.next().map(|facts| sql::known_query(query.span, limits, facts));
    }
    let of = [slice.name.domain(), slice.name.name()];
    for (check, facts) in slice.syntax.checks.iter().zip(known) {
        let predicate = sql::known_predicate(check.predicate.span, &of, limits, facts);
        slice.checks.push(unresolved(check, Some(predicate)));
    }
}

/// What a slice's query and checks name.
pub struct Resolved {
    reads: (Vec<Read>, bool),
    checks: Vec<(Vec<Read>, bool)>,
    diagnostics: Vec<Diagnostic>,
}

/// Looks up what a slice's query and checks name. At most so many errors as `suggestions` says come with a suggestion; each
/// of them takes one away.
pub fn resolve_slice(of: &RelationDeclaration, all: &Declarations, suggestions: &mut usize) -> Resolved {
    let mut diagnostics = Vec::new();
    let RelationDeclaration::Slice(slice) = of else {
        return Resolved { reads: (Vec::new(), true), checks: Vec::new(), diagnostics };
    };
    let mut reads = |references| resolve_reads(references, slice.name.domain(), all, suggestions, &mut diagnostics);
    let of_query = reads(slice.query.as_ref().map_or(&[][..], |query| &query.references));
    let of_checks = slice.checks.iter().map(|check| {
        let predicate = check.predicate.as_ref();
        reads(predicate.map_or(&[][..], ParsedExpression::references))
    });
    let checks = of_checks.collect();
    Resolved { reads: of_query, checks, diagnostics }
}

impl Resolved {
    /// Writes what was found into the declaration that it was found for, and gives what is wrong.
    pub fn put_into(self, declaration: &mut RelationDeclaration) -> Vec<Diagnostic> {
        if let RelationDeclaration::Slice(slice) = declaration {
            let (reads, complete) = self.reads;
            slice.reads = reads;
            slice.unresolved = !complete;
            for (check, (reads, complete)) in slice.checks.iter_mut().zip(self.checks) {
                check.reads = reads;
                check.unresolved = !complete;
            }
        }
        self.diagnostics
    }
}

/// Looks up what a test names, and gives what is wrong with it.
pub fn resolve_test(test: &mut TestDeclaration, all: &Declarations) -> Vec<Diagnostic> {
    let mut diagnostics = Vec::new();
    let own_domain = test.syntax.slice.domain.as_ref();
    let mut find = |name: &ast::QualifiedName, wanted: &str| {
        let domain = name.domain.as_ref().or(own_domain);
        let found = domain.map(|domain| RelationName::new(&domain.text, &name.name.text));
        let found = found.filter(|found| all.relations.contains_key(found));
        if found.is_none() {
            let written = crate::syntax::dotted(name);
            let names: Vec<String> = all.relations.keys().map(RelationName::to_string).collect();
            let diagnostic = Diagnostic::error(Code::BadTestSubject, format!("there is no {wanted} `{written}`"))
                .at(name.span, "unknown");
            diagnostics.push(match did_you_mean(&written, names.iter().map(String::as_str)) {
                Some(help) => diagnostic.with_help(help),
                None => diagnostic,
            });
        }
        found
    };
    test.subject = find(&test.syntax.slice, "slice");
    test.givens = test.syntax.givens.iter().map(|given| find(&given.name, "source or slice")).collect();
    let mut given: BTreeMap<&RelationName, Span> = BTreeMap::new();
    for (syntax, name) in test.syntax.givens.iter().zip(&test.givens) {
        let Some(name) = name else { continue };
        match given.entry(name) {
            Entry::Vacant(entry) => drop(entry.insert(syntax.name.span)),
            Entry::Occupied(entry) => diagnostics.push(
                Diagnostic::error(Code::BadTestSubject, format!("`{name}` is given twice"))
                    .at(syntax.name.span, "again here")
                    .with_label(*entry.get(), "first here")
                    .with_help("write all its rows into one table"),
            ),
        }
    }
    if let Some(subject) = &test.subject {
        if let Some(RelationDeclaration::Source(_)) = all.relations.get(subject) {
            diagnostics.push(
                Diagnostic::error(
                    Code::BadTestSubject,
                    format!("`{subject}` is a source, and a test is about a slice"),
                )
                .at(test.syntax.slice.span, "not a slice")
                .with_help("name the slice whose rows you expect, and the source under `given`"),
            );
            test.subject = None;
        } else {
            unread_givens(test, subject.clone(), all, &mut diagnostics);
        }
    }
    diagnostics
}

/// A `given` of something that the slice doesn't read, however deep, would be a test that says nothing.
fn unread_givens(
    test: &TestDeclaration,
    subject: RelationName,
    into: &Declarations,
    diagnostics: &mut Vec<Diagnostic>,
) {
    let mut reached = std::collections::BTreeSet::new();
    let mut queue = vec![subject.clone()];
    while let Some(name) = queue.pop() {
        if let Some(RelationDeclaration::Slice(slice)) = into.relations.get(&name) {
            // What a broken query reads isn't known: stay silent.
            if slice.query.is_none() || slice.unresolved {
                return;
            }
            let checks = slice.checks.iter().flat_map(|check| &check.reads);
            for read in slice.reads.iter().chain(checks) {
                if reached.insert(read.of.clone()) {
                    queue.push(read.of.clone());
                }
            }
        }
    }
    for (given, name) in test.syntax.givens.iter().zip(&test.givens) {
        if let Some(name) = name.as_ref().filter(|name| !reached.contains(*name)) {
            let inputs: Vec<String> = reached.iter().map(|name| format!("`{name}`")).collect();
            diagnostics.push(
                Diagnostic::error(Code::BadTestSubject, format!("`{subject}` doesn't read `{name}`"))
                    .at(given.name.span, "given, but never read")
                    .with_help(format!("it reads {}", inputs.join(", "))),
            );
        }
    }
}
