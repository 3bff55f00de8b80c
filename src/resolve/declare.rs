//! Collects declarations into one namespace and resolves what they name.

use super::reference::resolve_reads;
use super::*;
use crate::diagnostic::{Code, Diagnostic, did_you_mean};
use crate::memo::{self, Memo};
use crate::parallel;
use crate::sql::{self, ParsedExpression, ParsedQuery, QueryFacts, QueryLimits};
use crate::text::{SourceMap, Span};
use std::collections::btree_map::Entry;

/// The namespace and what is wrong with it.
#[derive(Clone, Debug)]
pub struct Declared {
    pub declarations: Declarations,
    pub diagnostics: Vec<Diagnostic>,
}

/// Resolves all files of a project. Linear in the number of declarations and references, up to the maps' logarithm.
/// What `memo` knows of a query isn't parsed again.
pub fn resolve(files: &[ast::File], sources: &SourceMap, limits: &QueryLimits, memo: &Memo) -> Declared {
    let mut declarations = Declarations::default();
    let mut diagnostics = Vec::new();
    for file in files {
        for declaration in &file.declarations {
            collect(file.id, declaration, &mut declarations, &mut diagnostics);
        }
    }
    let known: Vec<String> = declarations.domains.keys().cloned().collect();
    let mut missing: Vec<(Span, String)> = Vec::new();
    for declaration in declarations.relations.values() {
        let name = match declaration {
            RelationDeclaration::Source(source) => &source.syntax.name,
            RelationDeclaration::Slice(slice) => &slice.syntax.name,
        };
        if let Some(domain) = name.domain.as_ref().filter(|domain| !known.contains(&domain.text)) {
            missing.push((domain.span, domain.text.clone()));
        }
    }
    for (span, domain) in missing {
        diagnostics.push(unknown_domain(span, &domain, &known));
    }
    parse_queries(&mut declarations, sources, limits, memo, &mut diagnostics);
    resolve_slices(&mut declarations, &mut diagnostics);
    resolve_tests(&mut declarations, &mut diagnostics);
    Declared { declarations, diagnostics }
}

fn collect(file: FileId, declaration: &ast::Declaration, into: &mut Declarations, diagnostics: &mut Vec<Diagnostic>) {
    match declaration {
        ast::Declaration::Domain(domain) => match into.domains.entry(domain.name.text.clone()) {
            Entry::Vacant(entry) => {
                entry.insert(domain.clone());
            }
            Entry::Occupied(entry) => {
                diagnostics.push(duplicate("domain", &domain.name.text, domain.name.span, entry.get().name.span));
            }
        },
        ast::Declaration::Source(source) => {
            let Some(name) = full_name(&source.name) else { return };
            let declared = SourceDeclaration { file, name: name.clone(), syntax: source.clone() };
            insert(name, RelationDeclaration::Source(Box::new(declared)), into, diagnostics);
        }
        ast::Declaration::Slice(slice) => {
            let Some(name) = full_name(&slice.name) else { return };
            let declared = SliceDeclaration {
                file,
                name: name.clone(),
                syntax: slice.clone(),
                query: None,
                reads: Vec::new(),
                checks: Vec::new(),
                unresolved: false,
            };
            insert(name, RelationDeclaration::Slice(Box::new(declared)), into, diagnostics);
        }
        ast::Declaration::Test(test) => {
            into.tests.push(TestDeclaration { file, subject: None, syntax: test.clone(), givens: Vec::new() });
        }
    }
}

fn insert(
    name: RelationName,
    declaration: RelationDeclaration,
    into: &mut Declarations,
    diagnostics: &mut Vec<Diagnostic>,
) {
    match into.relations.entry(name) {
        Entry::Vacant(entry) => {
            entry.insert(declaration);
        }
        Entry::Occupied(mut entry) => {
            let name = entry.key().to_string();
            diagnostics.push(duplicate(declaration.kind(), &name, declaration.name_span(), entry.get().name_span()));
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

fn unknown_domain(span: Span, domain: &str, known: &[String]) -> Diagnostic {
    let diagnostic =
        Diagnostic::error(Code::UnknownDomain, format!("there is no domain `{domain}`")).at(span, "not declared");
    let near = crate::diagnostic::nearest(domain, known.iter().map(String::as_str));
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

fn parse_queries(
    into: &mut Declarations,
    sources: &SourceMap,
    limits: &QueryLimits,
    memo: &Memo,
    diagnostics: &mut Vec<Diagnostic>,
) {
    let slices: Vec<&mut SliceDeclaration> = into
        .relations
        .values_mut()
        .filter_map(|declaration| match declaration {
            RelationDeclaration::Slice(slice) => Some(slice.as_mut()),
            RelationDeclaration::Source(_) => None,
        })
        .collect();
    let found = parallel::map(slices, |slice| {
        let mut found = Vec::new();
        parse_or_recall(slice, sources, limits, memo, &mut found);
        found
    });
    diagnostics.extend(found.into_iter().flatten());
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
    parse_slice(slice, sources, limits, diagnostics);
    if let Some(key) = key.filter(|_| diagnostics.is_empty()) {
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

fn resolve_slices(into: &mut Declarations, diagnostics: &mut Vec<Diagnostic>) {
    // Reads of each slice are worked out against the whole namespace, then put in.
    type Resolved = (RelationName, Vec<Read>, bool, Vec<(Vec<Read>, bool)>);
    let mut resolved: Vec<Resolved> = Vec::new();
    for declaration in into.relations.values() {
        let RelationDeclaration::Slice(slice) = declaration else { continue };
        let references = slice.query.as_ref().map_or(&[][..], |query| &query.references);
        let (reads, complete) = resolve_reads(references, slice.name.domain(), into, diagnostics);
        let checks = slice.checks.iter().map(|check| {
            let references = check.predicate.as_ref().map_or(&[][..], |predicate| predicate.references());
            resolve_reads(references, slice.name.domain(), into, diagnostics)
        });
        let checks = checks.collect();
        resolved.push((slice.name.clone(), reads, complete, checks));
    }
    for (name, reads, complete, checks) in resolved {
        let Some(RelationDeclaration::Slice(slice)) = into.relations.get_mut(&name) else { continue };
        slice.reads = reads;
        slice.unresolved = !complete;
        for (check, (reads, complete)) in slice.checks.iter_mut().zip(checks) {
            check.reads = reads;
            check.unresolved = !complete;
        }
    }
}

fn resolve_tests(into: &mut Declarations, diagnostics: &mut Vec<Diagnostic>) {
    let mut tests = std::mem::take(&mut into.tests);
    for test in &mut tests {
        let all: Vec<String> = into.relations.keys().map(RelationName::to_string).collect();
        let mut find = |name: &ast::QualifiedName, wanted: &str| {
            let found = match &name.domain {
                Some(domain) => Some(RelationName::new(&domain.text, &name.name.text)),
                None => {
                    test.syntax.slice.domain.as_ref().map(|domain| RelationName::new(&domain.text, &name.name.text))
                }
            };
            let found = found.filter(|found| into.relations.contains_key(found));
            if found.is_none() {
                let written = crate::syntax::dotted(name);
                let diagnostic = Diagnostic::error(Code::BadTestSubject, format!("there is no {wanted} `{written}`"))
                    .at(name.span, "unknown");
                diagnostics.push(match did_you_mean(&written, all.iter().map(String::as_str)) {
                    Some(help) => diagnostic.with_help(help),
                    None => diagnostic,
                });
            }
            found
        };
        test.subject = find(&test.syntax.slice, "slice");
        test.givens = test.syntax.givens.iter().map(|given| find(&given.name, "source or slice")).collect();
        if let Some(subject) = &test.subject {
            if let Some(RelationDeclaration::Source(_)) = into.relations.get(subject) {
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
                unread_givens(test, subject.clone(), into, diagnostics);
            }
        }
    }
    into.tests = tests;
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
