//! What is known of a slice's declaration from an earlier run: columns, key and order, without planning its query.
//!
//! A declaration is known by its text and by what is known of all that it reads. Only declarations without any finding are
//! kept, so what is known has nothing to tell.

use super::slice::{check_inputs, inputs, relation};
use super::{Check, Column, Known, Plans, Slice};
use crate::diagnostic::Diagnostic;
use crate::memo::{self, Key, Memo};
use crate::name::RelationName;
use crate::resolve::{Read, SliceDeclaration};
use crate::sql::{self, DataType, LazyPlan, Relation, SchemaRef};
use crate::text::{SourceMap, Span};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// What planning said of a declaration. Places count from the declaration's start.
#[derive(Serialize, Deserialize)]
struct SliceFacts {
    columns: Vec<ColumnFacts>,
    key: Vec<String>,
    partition_by: Vec<String>,
    sort_by: Vec<String>,
    scans: u64,
}

#[derive(Serialize, Deserialize)]
struct ColumnFacts {
    name: String,
    data_type: String,
    nullable: bool,
    doc: Option<String>,
    span: Option<(u32, u32)>,
}

/// A slice and what its readers need to know of it, looked up where it is known and worked out where it isn't.
pub(super) fn analyze(
    declaration: &SliceDeclaration,
    known: &BTreeMap<RelationName, Known>,
    sources: &SourceMap,
    memo: &Memo,
    plans: Plans,
    diagnostics: &mut Vec<Diagnostic>,
) -> (Slice, Known) {
    let key = declaration_key(declaration, known, sources);
    if let Some(key) = key.filter(|_| memo.is_on())
        && let Some(facts) = memo.get::<SliceFacts>(&key)
        && let Some(found) = take(declaration, facts, key, known, sources, memo)
    {
        return found;
    }
    let before = diagnostics.len();
    let (mut slice, mut fact) = super::slice::analyze(declaration, known, sources, memo, diagnostics);
    let planned = slice.plan.exists() && slice.checks.iter().all(|check| check.violations.exists());
    let clean = diagnostics.len() == before && slice.valid && planned && fact.poisoned.is_empty();
    if let Some(key) = key.filter(|_| clean) {
        slice.identity = Some(key);
        fact.identity = identity(&fact.relation, &fact.poisoned, Some(&key).filter(|_| slice.is_virtual));
        if let Some(facts) = keep(declaration, &slice, fact.scans).filter(|_| memo.is_on()) {
            memo.put(key, &facts);
        }
        // The plan of a virtual slice is part of its readers'.
        if plans == Plans::Remade
            && !slice.is_virtual
            && let Some(later) = later(declaration, &super::schema_of(&slice.columns), known, sources, memo)
        {
            (slice.plan, slice.checks) = later;
        }
    } else {
        fact.identity = identity(&fact.relation, &fact.poisoned, None).filter(|_| !slice.is_virtual);
    }
    (slice, fact)
}

/// A digest of what readers of a relation know of it; `view` says which query a virtual slice stands for.
pub(super) fn identity(relation: &Option<Relation>, poisoned: &BTreeSet<String>, view: Option<&Key>) -> Option<Key> {
    let relation = relation.as_ref().filter(|_| poisoned.is_empty())?;
    let mut text = format!("{}\n", relation.name);
    for field in relation.schema.fields() {
        let nullable = if field.is_nullable() { "null" } else { "not null" };
        text.push_str(&format!("{:?} {} {nullable}\n", field.name(), field.data_type()));
    }
    text.push_str(&format!("{:?}", relation.key));
    Some(memo::key("relation", [text.as_bytes(), view.map_or(&[][..], |view| &view[..])]))
}

/// A digest of everything that decides what a declaration means; `None` where something that it reads isn't known.
fn declaration_key(
    declaration: &SliceDeclaration,
    known: &BTreeMap<RelationName, Known>,
    sources: &SourceMap,
) -> Option<Key> {
    let unresolved = declaration.unresolved || declaration.checks.iter().any(|check| check.unresolved);
    if unresolved || declaration.query.is_none() || declaration.syntax.broken {
        return None;
    }
    let name = declaration.name.to_string();
    let mut parts: Vec<Vec<u8>> = vec![name.into_bytes(), sources.slice(declaration.syntax.span).as_bytes().to_vec()];
    let checks = declaration.checks.iter().flat_map(|check| &check.reads);
    let mut add = |read: &Read, own: bool| {
        parts.push(read.key.clone().into_bytes());
        if own {
            parts.push(b"itself".to_vec());
            return Some(());
        }
        let input = known.get(&read.of)?;
        parts.push(input.identity?.to_vec());
        parts.push(input.scans.to_le_bytes().to_vec());
        Some(())
    };
    for read in &declaration.reads {
        add(read, false)?;
    }
    for read in checks {
        add(read, read.of == declaration.name)?;
    }
    Some(memo::key("slice", parts.iter().map(Vec::as_slice)))
}

fn keep(declaration: &SliceDeclaration, slice: &Slice, scans: u64) -> Option<SliceFacts> {
    let whole = declaration.syntax.span;
    let column = |column: &Column| {
        let span = match column.span {
            Some(span) if span.file == whole.file && span.start >= whole.start && span.end <= whole.end => {
                Some((span.start - whole.start, span.end - whole.start))
            }
            Some(_) => return None,
            None => None,
        };
        let data_type = column.data_type.to_string();
        // A type that can't be read back isn't kept.
        (data_type.parse::<DataType>().ok().as_ref() == Some(&column.data_type)).then(|| ColumnFacts {
            name: column.name.clone(),
            data_type,
            nullable: column.nullable,
            doc: column.doc.clone(),
            span,
        })
    };
    Some(SliceFacts {
        columns: slice.columns.iter().map(column).collect::<Option<_>>()?,
        key: slice.key.clone(),
        partition_by: slice.partition_by.clone(),
        sort_by: slice.sort_by.clone(),
        scans,
    })
}

fn take(
    declaration: &SliceDeclaration,
    facts: SliceFacts,
    identity_of: Key,
    known: &BTreeMap<RelationName, Known>,
    sources: &SourceMap,
    memo: &Memo,
) -> Option<(Slice, Known)> {
    let syntax = &declaration.syntax;
    let whole = syntax.span;
    let column = |column: ColumnFacts| {
        let place = |(start, end): (u32, u32)| Span { start: whole.start + start, end: whole.start + end, ..whole };
        Some(Column {
            name: column.name,
            data_type: column.data_type.parse().ok()?,
            nullable: column.nullable,
            doc: column.doc,
            span: column.span.map(place),
        })
    };
    let columns: Vec<Column> = facts.columns.into_iter().map(column).collect::<Option<_>>()?;
    let (plan, checks) = later(declaration, &super::schema_of(&columns), known, sources, memo)?;
    let slice = Slice {
        name: declaration.name.clone(),
        file: declaration.file,
        name_span: syntax.name.span,
        query_span: syntax.query.map(|query| query.span),
        public: syntax.public,
        is_virtual: syntax.is_virtual,
        doc: syntax.doc.as_ref().map(|doc| doc.text.clone()),
        columns,
        key: facts.key,
        partition_by: facts.partition_by,
        sort_by: facts.sort_by,
        checks,
        stale_after_seconds: syntax.stale_limit.map(|limit| limit.seconds),
        reads: declaration.reads.clone(),
        normalized: declaration.query.as_ref().map(|query| query.normalized.clone()).unwrap_or_default(),
        plan,
        identity: Some(identity_of),
        valid: true,
    };
    let relation = relation(&slice, true);
    let poisoned = BTreeSet::new();
    let identity = identity(&relation, &poisoned, Some(&identity_of).filter(|_| slice.is_virtual));
    Some((slice, Known { relation, poisoned, scans: facts.scans, identity }))
}

/// The plans of a declaration without errors, made when somebody asks for them; `None` where something that it reads isn't known.
fn later(
    declaration: &SliceDeclaration,
    schema: &SchemaRef,
    known: &BTreeMap<RelationName, Known>,
    sources: &SourceMap,
    memo: &Memo,
) -> Option<(LazyPlan, Vec<Check>)> {
    let none = BTreeSet::new;
    let query = declaration.query.clone()?;
    let (catalog, _) = inputs(&declaration.reads, declaration.unresolved, known)?;
    let (text, memo) = (sources.share(declaration.file), memo.clone());
    let plan = LazyPlan::later(move || {
        memo.count_planned();
        sql::plan_query(&query, &catalog, &text, &none()).plan
    });
    let check = |check: &crate::resolve::Check| {
        let predicate = check.predicate.clone()?;
        let normalized = predicate.normalized().to_owned();
        let (catalog, _) = check_inputs(&declaration.name, check, schema, known)?;
        let text = sources.share(declaration.file);
        let violations = LazyPlan::later(move || sql::plan_predicate(&predicate, &catalog, &text, &none()).plan);
        Some(Check { name: check.name.clone(), span: check.span, normalized, reads: check.reads.clone(), violations })
    };
    let checks = declaration.checks.iter().map(check).collect::<Option<_>>()?;
    Some((plan, checks))
}
