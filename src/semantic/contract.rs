//! Column lists: what a source declares, what a slice promises, and the clauses that name columns.

use super::Column;
use crate::diagnostic::{Code, Diagnostic, did_you_mean, nearest};
use crate::sql::DataType;
use crate::sql::OutputColumn;
use crate::sql::types::{TYPE_NAMES, display_type, parse_type};
use crate::syntax::ast::{ColumnList, NameList};
use crate::text::Span;
use std::collections::BTreeMap;

/// The columns of a list with their types, and the names of those whose type isn't known.
pub fn columns(list: &ColumnList, diagnostics: &mut Vec<Diagnostic>) -> (Vec<Column>, Vec<String>) {
    let mut columns: Vec<Column> = Vec::new();
    let mut poisoned = Vec::new();
    let mut seen: BTreeMap<&str, Span> = BTreeMap::new();
    for declared in &list.columns {
        let first = seen.get(declared.name.text.as_str()).copied();
        seen.entry(&declared.name.text).or_insert(declared.name.span);
        if let Some(first) = first {
            let diagnostic = Diagnostic::error(
                Code::DuplicateColumn,
                format!("the column `{}` is declared twice", declared.name.text),
            )
            .at(declared.name.span, "again here")
            .with_label(first, "first here");
            diagnostics.push(diagnostic.with_help("rename one of the two, or remove it"));
            continue;
        }
        if nesting(&declared.data_type.value) > MAX_TYPE_NESTING {
            diagnostics.push(
                Diagnostic::error(
                    Code::LimitExceeded,
                    format!("a type may nest {MAX_TYPE_NESTING} deep, this one goes deeper"),
                )
                .at(declared.name.span, "the type of this column"),
            );
            poisoned.push(declared.name.text.clone());
            continue;
        }
        let data_type = parse_type(&declared.data_type.value).unwrap_or_else(|why| {
            diagnostics.push(unknown_type(&declared.data_type.value, declared.data_type.span, &why));
            poisoned.push(declared.name.text.clone());
            DataType::Null
        });
        columns.push(Column {
            name: declared.name.text.clone(),
            data_type,
            nullable: declared.not_null.is_none(),
            doc: declared.doc.as_ref().map(|doc| doc.text.clone()),
            span: Some(declared.name.span),
        });
    }
    (columns, poisoned)
}

/// Types are parsed recursively, so their depth is bounded before.
const MAX_TYPE_NESTING: usize = 50;

fn nesting(text: &str) -> usize {
    let (mut depth, mut deepest) = (0usize, 0);
    for character in text.chars() {
        match character {
            '<' | '(' | '[' => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            '>' | ')' | ']' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

fn unknown_type(text: &str, span: Span, why: &str) -> Diagnostic {
    let diagnostic =
        Diagnostic::error(Code::UnknownType, format!("there is no type `{text}`")).at(span, "unknown type");
    let word = text.split(['(', '<', '[', ' ']).next().unwrap_or(text).to_lowercase();
    match nearest(&word, TYPE_NAMES).as_slice() {
        [near, ..] => diagnostic
            .with_help(format!("did you mean `{near}`?"))
            .with_replacement(format!("write `{near}`"), span, text.to_lowercase().replacen(&word, near, 1)),
        [] if TYPE_NAMES.contains(&word.as_str()) => diagnostic.with_note(why.to_owned()),
        [] => diagnostic.with_help(
            "types are SQL's: text, boolean, int, bigint, double, decimal(18, 2), date, timestamp, int[], struct<a int, b text>",
        ),
    }
}

/// The names of a clause such as `key (…)`, each of which must be one of `known`.
pub fn column_names(
    list: &NameList,
    clause: &str,
    subject: &str,
    known: &[&str],
    diagnostics: &mut Vec<Diagnostic>,
) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for name in &list.names {
        if names.contains(&name.text) {
            diagnostics.push(
                Diagnostic::error(Code::DuplicateColumn, format!("`{clause}` names `{}` twice", name.text))
                    .at(name.span, "again here")
                    .with_help("once is enough"),
            );
        } else if known.contains(&name.text.as_str()) {
            names.push(name.text.clone());
        } else {
            let message = format!("{subject} has no column `{}` for its `{clause}`", name.text);
            let diagnostic = Diagnostic::error(Code::UnknownClauseColumn, message).at(name.span, "no such column");
            let diagnostic = match nearest(&name.text, known.iter().copied()).as_slice() {
                [near] => diagnostic.with_replacement(format!("write `{near}`"), name.span, *near),
                _ => diagnostic,
            };
            diagnostics.push(match did_you_mean(&name.text, known.iter().copied()) {
                Some(help) => diagnostic.with_help(help),
                None => diagnostic,
            });
        }
    }
    names
}

/// Holds a query's columns against the contract of its slice. Order doesn't matter; every column of the contract must be
/// there with its type. Not-null is verified on the rows when the slice is built.
pub fn check(
    contract: &[Column],
    list: &ColumnList,
    output: &[OutputColumn],
    query: Span,
    slice: &str,
    diagnostics: &mut Vec<Diagnostic>,
) {
    for promised in contract {
        let span = promised.span.unwrap_or(list.span);
        let Some(found) = output.iter().find(|column| column.name == promised.name) else {
            let message = format!("`{slice}` promises the column `{}`, its query doesn't give it", promised.name);
            let diagnostic = Diagnostic::error(Code::ContractMismatch, message)
                .at(span, "promised here")
                .with_label(Span { end: query.start + 1, ..query }, "not among this query's columns");
            let unpromised = output.iter().filter(|column| contract.iter().all(|other| other.name != column.name));
            let unpromised: Vec<&str> = unpromised.map(|column| column.name.as_str()).collect();
            diagnostics.push(match nearest(&promised.name, unpromised.iter().copied()).as_slice() {
                [near, ..] => diagnostic.with_help(format!(
                    "the query has `{near}`: add `as {}` there, or rename it in `columns`",
                    promised.name
                )),
                [] => diagnostic.with_help("add it to the query's `select`, or take it out of `columns`"),
            });
            continue;
        };
        if found.poisoned || promised.data_type == DataType::Null || found.data_type == promised.data_type {
            continue;
        }
        let (wanted, given) = (display_type(&promised.data_type), display_type(&found.data_type));
        let message = format!("`{slice}` promises `{}` as {wanted}, its query gives {given}", promised.name);
        let mut diagnostic =
            Diagnostic::error(Code::ContractMismatch, message).at(span, format!("promised as {wanted}"));
        if let Some(place) = found.span {
            diagnostic = diagnostic.with_label(place, format!("this is {given}"));
        }
        diagnostics.push(
            diagnostic.with_help(format!(
                "write `cast(… as {wanted}) as {}` in the query, or promise {given}",
                promised.name
            )),
        );
    }
    for extra in
        output.iter().filter(|column| !column.poisoned && contract.iter().all(|other| other.name != column.name))
    {
        let message =
            format!("the query of `{slice}` gives the column `{}`, which `columns` doesn't promise", extra.name);
        diagnostics.push(
            Diagnostic::error(Code::ContractMismatch, message)
                .at(extra.span.unwrap_or(Span { end: query.start + 1, ..query }), "not in the contract")
                .with_label(list.span, "the contract")
                .with_help(format!(
                    "add `{} {}` to `columns`, or take it out of the query",
                    extra.name,
                    display_type(&extra.data_type)
                )),
        );
    }
}
