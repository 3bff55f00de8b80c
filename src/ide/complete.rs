//! What may be written at a place.

use super::View;
use crate::name::RelationName;
use crate::resolve::RelationDeclaration;
use crate::sql::engine;
use crate::syntax::ast::Declaration;
use crate::text::{FileId, Span};
use std::collections::BTreeSet;

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum CandidateKind {
    Column,
    Relation,
    Domain,
    Keyword,
    Function,
    Type,
}

/// Something that may be written.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Candidate {
    pub kind: CandidateKind,
    pub label: String,
    pub detail: String,
    /// What is written, where that isn't the label.
    pub insert: Option<String>,
}

/// Candidates, and the stretch that they take the place of: the word that is begun.
pub fn complete(view: &View, file: FileId, offset: u32) -> (Span, Vec<Candidate>) {
    let source = view.project.workspace.sources.get(file);
    let text = source.text();
    let offset = (offset as usize).min(text.len());
    let is_word = |character: char| character.is_alphanumeric() || character == '_';
    let start = text[..offset].char_indices().rev().take_while(|(_, character)| is_word(*character)).last();
    let start = start.map_or(offset, |(at, _)| at);
    let word = Span::new(file, start, offset);
    let before = text[..start].trim_end();
    let qualifier = text[..start].strip_suffix('.').map(|rest| {
        let end = rest.len();
        let begin = rest.char_indices().rev().take_while(|(_, character)| is_word(*character)).last();
        text[begin.map_or(end, |(at, _)| at)..end].to_lowercase()
    });
    let mut found = match enclosing(text, start) {
        Some(place) => inside(view, file, &place, before, qualifier.as_deref(), start),
        None => top_level(view, before, qualifier.as_deref()),
    };
    found.sort();
    found.dedup();
    (word, found)
}

/// The declaration that a place is in.
struct Place {
    kind: String,
    /// As it is written.
    name: String,
    /// The innermost parenthesis that is open, and the word in front of it.
    clause: Option<String>,
    /// Where the query begins, where the place is in it.
    query: Option<usize>,
}

/// Looks backwards for the declaration around an offset. Goes by the text, which is often broken where somebody writes.
fn enclosing(text: &str, offset: usize) -> Option<Place> {
    let heads = ["domain", "source", "slice", "test", "public", "virtual"];
    let mut start = None;
    let mut at = 0;
    for line in text[..offset].split_inclusive('\n') {
        let first = line.split_whitespace().next().unwrap_or_default();
        // Declarations begin at the margin.
        if heads.contains(&first) && line.starts_with(first) {
            start = Some(at);
        }
        at += line.len();
    }
    let start = start?;
    let open = start + text[start..offset].find('{')?;
    let body = skeleton(&text[open..offset]);
    let mut depth = 0i32;
    for character in body.chars() {
        match character {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
    }
    if depth <= 0 {
        return None;
    }
    let head: Vec<&str> =
        text[start..open].split_whitespace().filter(|word| !["public", "virtual"].contains(word)).collect();
    let (kind, name) = (head.first()?.to_string(), head.get(1).copied().unwrap_or_default().to_owned());
    let query = ["select", "with", "from", "values"]
        .iter()
        .filter_map(|word| find_word(&body, word).map(|at| (at, *word)))
        .filter(|_| kind == "slice")
        .map(|(at, _)| open + at)
        .min();
    let mut parens: Vec<usize> = Vec::new();
    for (at, character) in body.char_indices() {
        match character {
            '(' => parens.push(at),
            ')' => drop(parens.pop()),
            _ => {}
        }
    }
    let clause = parens.last().map(|at| {
        let words: Vec<&str> = body[..*at].split_whitespace().rev().take(2).collect();
        words.into_iter().rev().collect::<Vec<_>>().join(" ").to_lowercase()
    });
    Some(Place { kind, name, clause, query })
}

/// A text with blanks in the place of comments and quoted texts.
fn skeleton(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    let blank = |character: char, out: &mut String| match character {
        '\n' => out.push('\n'),
        other => out.extend(std::iter::repeat_n(' ', other.len_utf8())),
    };
    while let Some(character) = characters.next() {
        match character {
            '-' if characters.peek() == Some(&'-') => {
                blank(character, &mut out);
                while let Some(next) = characters.next_if(|next| *next != '\n') {
                    blank(next, &mut out);
                }
            }
            '\'' => {
                blank(character, &mut out);
                for next in characters.by_ref() {
                    blank(next, &mut out);
                    if next == '\'' {
                        break;
                    }
                }
            }
            other => out.push(other),
        }
    }
    out
}

fn find_word(text: &str, word: &str) -> Option<usize> {
    let lower = text.to_ascii_lowercase();
    let is_part = |character: char| character.is_alphanumeric() || character == '_';
    lower.match_indices(word).map(|(at, _)| at).find(|at| {
        let before = lower[..*at].chars().next_back();
        let after = lower[*at + word.len()..].chars().next();
        !before.is_some_and(is_part) && !after.is_some_and(is_part)
    })
}

fn keyword(label: &str, detail: &str) -> Candidate {
    Candidate { kind: CandidateKind::Keyword, label: label.to_owned(), detail: detail.to_owned(), insert: None }
}

fn last_word(text: &str) -> &str {
    let end = text.trim_end();
    let start = end.char_indices().rev().take_while(|(_, c)| c.is_alphanumeric() || *c == '_').last();
    &end[start.map_or(end.len(), |(at, _)| at)..]
}

fn top_level(view: &View, before: &str, qualifier: Option<&str>) -> Vec<Candidate> {
    let model = &view.project.model;
    if let Some(domain) = qualifier {
        // A new name is the user's; of a test it is one that is there.
        let all = model.slices.keys().filter(|name| name.domain() == domain);
        return all.map(|name| relation(view, name, name.name())).collect();
    }
    match last_word(before) {
        "source" | "slice" | "test" => model.domains.keys().map(|name| domain(view, name)).collect(),
        "public" => vec![keyword("source", "frozen raw data"), keyword("slice", "derived by a query")],
        _ => vec![
            keyword("domain", "a team's namespace"),
            keyword("source", "frozen raw data"),
            keyword("slice", "derived by a query"),
            keyword("public", "for other domains too"),
            keyword("virtual", "a slice that is written into its readers"),
            keyword("test", "rows in, rows out"),
        ],
    }
}

fn domain(view: &View, name: &str) -> Candidate {
    let owner = view.project.model.domains.get(name).and_then(|domain| domain.owner.clone()).unwrap_or_default();
    Candidate { kind: CandidateKind::Domain, label: name.to_owned(), detail: owner, insert: Some(format!("{name}.")) }
}

fn relation(view: &View, name: &RelationName, label: &str) -> Candidate {
    let kind = view.declaration(name).map_or("slice", |declared| declared.kind());
    let columns = view.columns(name).len();
    let detail = format!("{kind} {name}, {columns} columns");
    Candidate { kind: CandidateKind::Relation, label: label.to_owned(), detail, insert: None }
}

fn columns(view: &View, name: &RelationName, found: &mut Vec<Candidate>) {
    found.extend(view.columns(name).iter().map(|column| Candidate {
        kind: CandidateKind::Column,
        label: column.name.clone(),
        detail: format!("{} of {name}", column.shown()),
        insert: None,
    }));
}

const TYPES: [&str; 14] = [
    "bigint",
    "boolean",
    "bytea",
    "date",
    "decimal(18, 2)",
    "double",
    "int",
    "interval",
    "real",
    "smallint",
    "text",
    "time",
    "timestamp",
    "tinyint",
];

const WORDS: [&str; 44] = [
    "and",
    "as",
    "asc",
    "between",
    "by",
    "case",
    "cast",
    "cross join",
    "desc",
    "distinct",
    "else",
    "end",
    "except",
    "exists",
    "false",
    "filter",
    "from",
    "full join",
    "group by",
    "having",
    "in",
    "inner join",
    "intersect",
    "is null",
    "join",
    "left join",
    "like",
    "limit",
    "not",
    "null",
    "on",
    "or",
    "order by",
    "over",
    "partition by",
    "qualify",
    "right join",
    "select",
    "then",
    "true",
    "union all",
    "using",
    "when",
    "where",
];

fn inside(
    view: &View,
    file: FileId,
    place: &Place,
    before: &str,
    qualifier: Option<&str>,
    offset: usize,
) -> Vec<Candidate> {
    let own = own_name(place);
    if let Some(query) = place.query {
        return in_query(view, file, own.as_ref(), query, before, qualifier, offset);
    }
    let mut found = Vec::new();
    match (place.kind.as_str(), place.clause.as_deref()) {
        (_, Some(clause)) if clause.ends_with("key") || clause.ends_with(" by") => {
            if let Some(own) = &own {
                columns(view, own, &mut found);
            }
        }
        ("slice", Some(clause)) if clause.starts_with("check") => {
            if let Some(own) = &own {
                columns(view, own, &mut found);
            }
            words(&mut found);
        }
        // Behind a name comes its type.
        (_, Some(clause)) if clause.ends_with("columns") && !before.ends_with(['(', ',']) => {
            found.extend(TYPES.iter().map(|name| Candidate {
                kind: CandidateKind::Type,
                label: (*name).to_owned(),
                detail: String::new(),
                insert: None,
            }));
            found.push(keyword("not null", "every row has a value"));
        }
        ("domain", _) => found.push(keyword("owner", "who answers for it: `owner 'team@example.com'`")),
        ("source", None) => {
            for (word, detail) in [
                ("from", "where the files are"),
                ("format", "how they are written"),
                ("columns", "names and types"),
                ("key", "columns that identify a row"),
                ("partition by", "columns that the path says"),
            ] {
                found.push(keyword(word, detail));
            }
        }
        ("slice", None) => {
            for (word, detail) in [
                ("key", "columns that identify a row"),
                ("partition by", "columns that divide it"),
                ("sort by", "the order of its rows"),
                ("columns", "what it guarantees"),
                ("check", "what every row must pass"),
                ("stale for at most", "how old it may become"),
                ("select", "its query"),
                ("with", "its query"),
            ] {
                found.push(keyword(word, detail));
            }
        }
        ("test", _) => {
            found.push(keyword("given", "rows of what it reads"));
            found.push(keyword("expect", "the rows that come out"));
            if last_word(before) == "given" {
                found.clear();
                let declared = own.as_ref().and_then(|own| view.declaration(own));
                let reads: BTreeSet<&RelationName> =
                    declared.iter().flat_map(|declared| declared.reads()).map(|read| &read.of).collect();
                found.extend(reads.into_iter().map(|name| relation(view, name, &name.to_string())));
            }
        }
        _ => {}
    }
    found
}

fn own_name(place: &Place) -> Option<RelationName> {
    let (domain, name) = place.name.split_once('.')?;
    Some(RelationName::new(domain.to_lowercase(), name.to_lowercase()))
}

fn words(found: &mut Vec<Candidate>) {
    found.extend(WORDS.iter().map(|word| keyword(word, "")));
    let functions = engine();
    let names = functions.scalar_functions().keys().chain(functions.aggregate_functions().keys());
    for name in names.chain(functions.window_functions().keys()) {
        found.push(Candidate {
            kind: CandidateKind::Function,
            label: name.clone(),
            detail: "function".to_owned(),
            insert: None,
        });
    }
}

/// In a query: relations where one is expected, else columns of what it reads.
fn in_query(
    view: &View,
    file: FileId,
    own: Option<&RelationName>,
    query: usize,
    before: &str,
    qualifier: Option<&str>,
    offset: usize,
) -> Vec<Candidate> {
    let model = &view.project.model;
    let domain_of = own.map(RelationName::domain).unwrap_or_default();
    let visible = |name: &RelationName| {
        let declared = view.declaration(name);
        name.domain() == domain_of || declared.is_some_and(RelationDeclaration::is_public)
    };
    let end = view.project.parse_of(file).and_then(|parse| {
        let around = parse.file.declarations.iter().map(Declaration::span);
        around.map(|span| span.end as usize).find(|end| *end >= offset)
    });
    let text = view.project.workspace.sources.get(file).text();
    let end = end.unwrap_or(offset).max(offset).min(text.len());
    let tables = tables(view, &text[query..end], domain_of);
    let mut found = Vec::new();
    if let Some(qualifier) = qualifier {
        if let Some((_, relation)) = tables.iter().find(|(called, _)| called == qualifier) {
            columns(view, relation, &mut found);
        }
        let of_domain = model.declarations.relations.keys().filter(|name| name.domain() == qualifier && visible(name));
        found.extend(of_domain.map(|name| relation(view, name, name.name())));
        return found;
    }
    let previous = last_word(before).to_lowercase();
    let in_from = matches!(previous.as_str(), "from" | "join")
        || (before.ends_with(',') && sql_clause(&text[query..offset]) == "from");
    if in_from {
        for name in model.declarations.relations.keys().filter(|name| visible(name) && Some(*name) != own) {
            let label = if name.domain() == domain_of { name.name().to_owned() } else { name.to_string() };
            found.push(relation(view, name, &label));
        }
        return found;
    }
    for (called, name) in &tables {
        columns(view, name, &mut found);
        found.push(Candidate {
            kind: CandidateKind::Relation,
            label: called.clone(),
            detail: name.to_string(),
            insert: Some(format!("{called}.")),
        });
    }
    words(&mut found);
    found
}

/// The keyword of the clause that a query's text ends in.
fn sql_clause(text: &str) -> String {
    let words = skeleton(text).to_lowercase();
    let clauses = ["select", "from", "where", "group", "having", "order", "limit", "on"];
    let mut last = "";
    for word in words.split(|character: char| !character.is_alphanumeric() && character != '_') {
        if let Some(clause) = clauses.iter().find(|clause| **clause == word) {
            last = clause;
        }
    }
    last.to_owned()
}

/// What a query reads, by what it is called there. Goes by the words, so that it works in a query that isn't whole.
fn tables(view: &View, query: &str, domain: &str) -> Vec<(String, RelationName)> {
    let text = skeleton(query);
    let spaced = text.replace(',', " , ").replace('(', " ( ").replace(')', " ) ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut found: Vec<(String, RelationName)> = Vec::new();
    let mut in_from = false;
    for (at, word) in words.iter().enumerate() {
        let lower = word.to_lowercase();
        let starts = matches!(lower.as_str(), "from" | "join") || (in_from && lower == ",");
        if matches!(lower.as_str(), "from" | "join") {
            in_from = true;
        } else if matches!(lower.as_str(), "where" | "group" | "order" | "select" | "on" | "limit" | "having") {
            in_from = false;
        }
        if !starts {
            continue;
        }
        let Some(name) = words.get(at + 1).map(|name| name.to_lowercase()) else { continue };
        let relation = match name.split_once('.') {
            Some((domain, name)) => RelationName::new(domain, name),
            None => RelationName::new(domain, &name),
        };
        if view.declaration(&relation).is_none() {
            continue;
        }
        let alias = match words.get(at + 2).map(|word| word.to_lowercase()) {
            Some(word) if word == "as" => words.get(at + 3).map(|word| word.to_lowercase()),
            other => other,
        };
        let is_name = |word: &String| {
            let keywords = [
                "where",
                "group",
                "order",
                "join",
                "left",
                "right",
                "full",
                "inner",
                "cross",
                "on",
                "using",
                "limit",
                "having",
                "union",
                "except",
                "intersect",
                "qualify",
                "natural",
                "window",
                "offset",
            ];
            word.chars().all(|c| c.is_alphanumeric() || c == '_') && !keywords.contains(&word.as_str())
        };
        let called = alias.filter(is_name).unwrap_or_else(|| relation.name().to_owned());
        found.push((called, relation));
    }
    found
}
