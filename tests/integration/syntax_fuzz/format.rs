//! What must hold of the formatter. Texts with errors are not its business: `pie fmt` and the language server leave them alone.

use super::tokens::{comments, strings, tokens};
use super::tree::{beside_cells, meaning, nodes, without_tables};
use super::{Pieces, Violation, broken, one};
use crate::fuzz::random::Random;
use icepie::diagnostic::{Code, Diagnostic};
use icepie::driver::{Project, check};
use icepie::sql::{QueryLimits, parse_predicate, parse_query};
use icepie::syntax::ast::{Declaration, File};
use icepie::syntax::{self, format};
use icepie::text::{FileId, SourceText};
use icepie::workspace::Workspace;

/// Any text; one with errors isn't formatted.
pub fn any(text: &str) -> Result<(), Violation> {
    let parse = syntax::parse(FileId(0), text);
    if !parse.diagnostics.is_empty() {
        return Ok(());
    }
    let once = format::format(&parse.file, text);
    let again = syntax::parse(FileId(0), &once);
    if let Some(found) = again.diagnostics.first() {
        return broken("formatted text has no errors", format!("{found:?}\n{once}"));
    }
    let twice = format::format(&again.file, &once);
    if once != twice {
        return broken("formatting twice changes nothing", format!("once:\n{once}\ntwice:\n{twice}"));
    }
    let (before, after) = (meaning(&nodes(&parse.file, text)), meaning(&nodes(&again.file, &once)));
    same("formatting keeps the meaning", &before, &after, &once)?;
    let (before, after) = (without_tables(&parse.file, text), without_tables(&again.file, &once));
    same("formatting keeps every comment", &comments(&before), &comments(&after), &once)?;
    same("formatting keeps every string", &strings(&before), &strings(&after), &once)?;
    let (before, after) = (beside_cells(&parse.file, text), beside_cells(&again.file, &once));
    same("formatting keeps the comments in tables", &before, &after, &once)?;
    let (before, after) = (normalized(&parse.file, text), normalized(&again.file, &once));
    same("formatting keeps the SQL", &before, &after, &once)
}

fn same<T: PartialEq + std::fmt::Debug>(
    rule: &'static str,
    before: &T,
    after: &T,
    formatted: &str,
) -> Result<(), Violation> {
    if before == after {
        Ok(())
    } else {
        broken(rule, format!("before: {before:#?}\nafter: {after:#?}\nformatted:\n{formatted}"))
    }
}

/// The queries and predicates of a file as the SQL parser reads them, or what it finds wrong.
fn normalized(file: &File, text: &str) -> Vec<Result<String, Vec<Code>>> {
    let source = SourceText::new("a.pie", text);
    let limits = QueryLimits::default();
    let mut found = Vec::new();
    for declaration in &file.declarations {
        let Declaration::Slice(slice) = declaration else { continue };
        for check in &slice.checks {
            let parsed = parse_predicate(&source, check.predicate.span, &["a", "b"], &limits);
            found.push(parsed.map(|parsed| parsed.normalized().to_owned()));
        }
        found
            .extend(slice.query.map(|query| parse_query(&source, query.span, &limits).map(|parsed| parsed.normalized)));
    }
    let codes = |found: Vec<Diagnostic>| -> Vec<Code> { found.iter().map(|diagnostic| diagnostic.code).collect() };
    found.into_iter().map(|parsed| parsed.map_err(codes)).collect()
}

const EXAMPLE: [&str; 4] = [
    include_str!("../../../examples/ledgerx/payments.pie"),
    include_str!("../../../examples/ledgerx/compliance.pie"),
    include_str!("../../../examples/ledgerx/finance.pie"),
    include_str!("../../../src/init/minimal/main.pie"),
];

/// An example without its layout: other blanks wherever no comment is near.
pub fn spaced_example(random: &mut Random) -> Pieces {
    let mut pieces = Vec::new();
    for file in EXAMPLE {
        let parts = tokens(file);
        // Cells have a layout that means something.
        let has_tables = parts.iter().any(|token| token.text == "expect");
        let mut out = String::new();
        for (index, token) in parts.iter().enumerate() {
            let before = parts[..index].last().is_none_or(|other| other.is_comment());
            let behind = parts.get(index + 1).is_none_or(|other| other.is_comment());
            let is_blank = !token.is_significant() && !token.is_comment();
            let stays = !is_blank || before || behind || has_tables;
            out.push_str(if stays { token.text } else { one(random, &[" ", " ", "\n", "\t", "\r\n  ", "\n\n    "]) });
        }
        pieces.push(out + "\n\n");
    }
    pieces
}

/// A project of one file says the same when it is formatted.
pub fn project(text: &str) -> Result<(), Violation> {
    let parse = syntax::parse(FileId(0), text);
    if !parse.diagnostics.is_empty() {
        return Ok(());
    }
    let formatted = format::format(&parse.file, text);
    let [before, after] = [text, formatted.as_str()].map(|text| said(&check(Workspace::in_memory([("a.pie", text)]))));
    same("a formatted project means the same", &before, &after, &formatted)
}

fn said(project: &Project) -> Vec<String> {
    let model = &project.model;
    let columns = |columns: &[icepie::semantic::Column]| {
        let column = |column: &icepie::semantic::Column| {
            (column.name.clone(), column.shown(), column.nullable, column.doc.clone())
        };
        format!("{:?}", columns.iter().map(column).collect::<Vec<_>>())
    };
    let mut said: Vec<String> =
        project.diagnostics.iter().map(|found| format!("{:?} {}", found.code, found.message)).collect();
    said.sort();
    for (name, source) in &model.sources {
        let (key, by) = (&source.key, &source.partition_by);
        let columns = columns(&source.columns);
        said.push(format!("{name} {} {:?} {columns} {key:?} {by:?} {}", source.public, source.doc, source.valid));
    }
    for (name, slice) in &model.slices {
        let (key, by, sort) = (&slice.key, &slice.partition_by, &slice.sort_by);
        let checks: Vec<_> = slice.checks.iter().map(|check| (&check.name, &check.normalized)).collect();
        let columns = columns(&slice.columns);
        said.push(format!("{name} {} {} {:?} {columns}", slice.public, slice.is_virtual, slice.doc));
        said.push(format!("{key:?} {by:?} {sort:?} {:?} {}", slice.stale_after_seconds, slice.valid));
        said.push(format!("{checks:?} {}", slice.normalized));
    }
    said
}
