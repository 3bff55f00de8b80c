//! Where a domain, a relation or a column is named.

use super::View;
use crate::name::RelationName;
use crate::resolve::{Read, RelationDeclaration, SliceDeclaration};
use crate::sql::{self, ParsedQuery};
use crate::syntax::ast::{self, ColumnList, Declaration, NameList, QualifiedName};
use crate::text::{FileId, Span};

/// What a name stands for.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Symbol {
    Domain(String),
    Relation(RelationName),
    Column(RelationName, String),
}

/// What a place does with a symbol.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Role {
    /// It is declared here.
    Declaration,
    /// It is named here, and is to be called as it is.
    Use,
    /// The same, and a column of the result has its name because of that.
    NamedOutput,
    /// What stands here comes from it, under a name of its own.
    Indirect,
}

/// A place at which a symbol is named.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Occurrence {
    pub span: Span,
    pub symbol: Symbol,
    pub role: Role,
}

/// All that is named in a file, in the order of its text.
pub fn in_file(view: &View, file: FileId) -> Vec<Occurrence> {
    let Some(parse) = view.project.parse_of(file) else { return Vec::new() };
    let mut found = Vec::new();
    for declaration in &parse.file.declarations {
        of_declaration(view, declaration, &mut found);
    }
    found.sort();
    found.dedup();
    found
}

/// What is named at an offset of a file. The end of a name belongs to it: that is where a cursor stands behind typing it.
pub fn at(view: &View, file: FileId, offset: u32) -> Option<Occurrence> {
    let touches = |found: &Occurrence| found.span.start <= offset && offset <= found.span.end;
    let all = in_file(view, file).into_iter().filter(touches);
    all.min_by_key(|found| (found.span.end == offset, found.span.len(), found.role))
}

/// Every place in the project at which a symbol is named. Looks through the declarations that may name it.
pub fn of(view: &View, symbol: &Symbol) -> Vec<Occurrence> {
    let mut found = Vec::new();
    for parse in &view.project.parses {
        for declaration in &parse.file.declarations {
            if may_name(view, declaration, symbol) {
                of_declaration(view, declaration, &mut found);
            }
        }
    }
    found.retain(|found| found.symbol == *symbol);
    found.sort();
    found.dedup();
    found
}

fn may_name(view: &View, declaration: &Declaration, symbol: &Symbol) -> bool {
    let relation = match symbol {
        Symbol::Domain(_) => return true,
        Symbol::Relation(relation) | Symbol::Column(relation, _) => relation,
    };
    match declaration {
        Declaration::Domain(_) => false,
        Declaration::Test(_) => true,
        Declaration::Source(source) => name_of(&source.name).as_ref() == Some(relation),
        Declaration::Slice(slice) => {
            let own = name_of(&slice.name);
            own.as_ref() == Some(relation)
                || own.and_then(|own| view.declaration(&own)).is_none_or(|declared| match declared {
                    RelationDeclaration::Slice(slice) => reads(slice).any(|read| read.of == *relation),
                    RelationDeclaration::Source(_) => false,
                })
        }
    }
}

fn reads(slice: &SliceDeclaration) -> impl Iterator<Item = &Read> {
    slice.reads.iter().chain(slice.checks.iter().flat_map(|check| &check.reads))
}

pub(super) fn name_of(name: &QualifiedName) -> Option<RelationName> {
    Some(RelationName::new(&name.domain.as_ref()?.text, &name.name.text))
}

fn of_declaration(view: &View, declaration: &Declaration, found: &mut Vec<Occurrence>) {
    match declaration {
        Declaration::Domain(domain) => {
            let symbol = Symbol::Domain(domain.name.text.clone());
            found.push(Occurrence { span: domain.name.span, symbol, role: Role::Declaration });
        }
        Declaration::Source(source) => {
            let Some(name) = qualified(&source.name, None, Role::Declaration, found) else { return };
            list(source.columns.as_ref(), &name, Role::Declaration, found);
            clauses([&source.key, &source.partition_by, &None], &name, found);
        }
        Declaration::Slice(slice) => {
            let Some(name) = qualified(&slice.name, None, Role::Declaration, found) else { return };
            of_slice(view, slice, &name, found);
        }
        Declaration::Test(test) => {
            let Some(subject) = qualified(&test.slice, None, Role::Use, found) else { return };
            for given in &test.givens {
                let Some(name) = qualified(&given.name, Some(subject.domain()), Role::Use, found) else { continue };
                header(&given.table, &name, found);
            }
            if let Some(ast::Expect::Rows { table, .. }) = &test.expect {
                header(table, &subject, found);
            }
        }
    }
}

fn header(table: &ast::Table, relation: &RelationName, found: &mut Vec<Occurrence>) {
    for name in &table.header {
        found.push(column(relation, name, Role::Use));
    }
}

fn column(relation: &RelationName, name: &ast::Name, role: Role) -> Occurrence {
    Occurrence { span: name.span, symbol: Symbol::Column(relation.clone(), name.text.clone()), role }
}

/// A name of a relation, and of its domain where it is written.
fn qualified(
    name: &QualifiedName,
    domain: Option<&str>,
    role: Role,
    found: &mut Vec<Occurrence>,
) -> Option<RelationName> {
    let relation = match (&name.domain, domain) {
        (Some(domain), _) => {
            let symbol = Symbol::Domain(domain.text.clone());
            found.push(Occurrence { span: domain.span, symbol, role: Role::Use });
            RelationName::new(&domain.text, &name.name.text)
        }
        (None, Some(domain)) => RelationName::new(domain, &name.name.text),
        (None, None) => return None,
    };
    found.push(Occurrence { span: name.name.span, symbol: Symbol::Relation(relation.clone()), role });
    Some(relation)
}

fn list(columns: Option<&ColumnList>, relation: &RelationName, role: Role, found: &mut Vec<Occurrence>) {
    let columns = columns.iter().flat_map(|list| &list.columns);
    found.extend(columns.map(|declared| column(relation, &declared.name, role)));
}

fn clauses(lists: [&Option<NameList>; 3], relation: &RelationName, found: &mut Vec<Occurrence>) {
    let names = lists.into_iter().flatten().flat_map(|list| &list.names);
    found.extend(names.map(|name| column(relation, name, Role::Use)));
}

fn of_slice(view: &View, slice: &ast::Slice, name: &RelationName, found: &mut Vec<Occurrence>) {
    list(slice.columns.as_ref(), name, Role::Use, found);
    clauses([&slice.key, &slice.partition_by, &slice.sort_by], name, found);
    let Some(RelationDeclaration::Slice(declared)) = view.declaration(name) else { return };
    // Of two declarations of one name only the first is known.
    if declared.syntax.span != slice.span {
        return;
    }
    for read in reads(declared) {
        reference(view, read, found);
    }
    if let Some(query) = &declared.query {
        mentions(view, query, &declared.reads, None, found);
        outputs(view, name, query.span, found);
    }
    for check in &declared.checks {
        if let Some(predicate) = &check.predicate {
            mentions(view, predicate.violations(), &check.reads, Some(name), found);
        }
    }
}

/// The name of a relation in a query, with its domain where that is written.
fn reference(view: &View, read: &Read, found: &mut Vec<Occurrence>) {
    let text = view.project.workspace.sources.slice(read.span);
    let last = last_part(text);
    let start = read.span.end - last.len() as u32;
    let symbol = Symbol::Relation(read.of.clone());
    found.push(Occurrence { span: Span { start, ..read.span }, symbol, role: Role::Use });
    if last.len() < text.len() {
        let domain = text[..text.len() - last.len()].trim_end().trim_end_matches('.').trim_end();
        let end = read.span.start + domain.len() as u32;
        let symbol = Symbol::Domain(read.of.domain().to_owned());
        found.push(Occurrence { span: Span { end, ..read.span }, symbol, role: Role::Use });
    }
}

/// The part of `a.b` or `a . "b.c"` behind the last dot outside of quotes.
fn last_part(text: &str) -> &str {
    let mut quoted = false;
    let mut start = 0;
    for (at, character) in text.char_indices() {
        match character {
            '"' => quoted = !quoted,
            '.' if !quoted => start = at + 1,
            _ => {}
        }
    }
    text[start..].trim_start()
}

fn mentions(view: &View, query: &ParsedQuery, reads: &[Read], own: Option<&RelationName>, found: &mut Vec<Occurrence>) {
    let source = view.project.workspace.sources.get(query.span.file);
    let lookup = |key: &str| {
        let read = reads.iter().find(|read| read.key == key).map(|read| &read.of);
        let relation = read.or_else(|| own.filter(|own| own.to_string() == key))?;
        let columns = view.columns(relation).iter().map(|column| column.name.clone()).collect();
        Some((relation.clone(), columns))
    };
    let names = sql::names(query, source, &lookup);
    for qualifier in names.qualifiers {
        let symbol = Symbol::Relation(qualifier.relation);
        found.push(Occurrence { span: qualifier.span, symbol, role: Role::Use });
    }
    for mention in names.columns {
        let role = match (mention.direct, mention.names_output) {
            (true, true) => Role::NamedOutput,
            (true, false) => Role::Use,
            (false, _) => Role::Indirect,
        };
        let symbol = Symbol::Column(mention.relation, mention.column);
        found.push(Occurrence { span: mention.span, symbol, role });
    }
}

/// The names that a slice's select list gives its columns.
fn outputs(view: &View, name: &RelationName, query: Span, found: &mut Vec<Occurrence>) {
    let source = view.project.workspace.sources.get(query.file);
    let Some(slice) = view.project.model.slices.get(name) else { return };
    for output in &slice.columns {
        let inside = |span: &Span| span.file == query.file && query.start <= span.start && span.end <= query.end;
        let Some(span) = output.span.filter(inside) else { continue };
        // The place of a column is its expression; the name stands behind it.
        if let Some(place) = alias_behind(source.text(), span, query, &output.name) {
            let symbol = Symbol::Column(name.clone(), output.name.clone());
            found.push(Occurrence { span: place, symbol, role: Role::Declaration });
        }
    }
}

/// The name behind an expression in a select list: `expression as name`.
pub(super) fn alias_behind(text: &str, expression: Span, query: Span, name: &str) -> Option<Span> {
    let rest = &text[expression.end as usize..query.end as usize];
    let trimmed = rest.trim_start();
    let word = trimmed.get(..2).filter(|word| word.eq_ignore_ascii_case("as"));
    let behind = match word {
        Some(_) if trimmed[2..].starts_with(char::is_whitespace) => trimmed[2..].trim_start(),
        _ if rest.len() > trimmed.len() => trimmed,
        _ => return None,
    };
    let start = query.end as usize - behind.len();
    let quoted = format!("\"{}\"", name.replace('"', "\"\""));
    let len = match () {
        () if behind.starts_with(&quoted) => quoted.len(),
        () if behind.get(..name.len()).is_some_and(|found| found.to_lowercase() == name) => name.len(),
        () => return None,
    };
    let after = behind[len..].chars().next();
    let ends = after.is_none_or(|next| !next.is_alphanumeric() && next != '_');
    ends.then(|| Span::new(query.file, start, start + len))
}
