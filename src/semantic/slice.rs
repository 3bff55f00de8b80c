//! A slice's declaration and what is known of its inputs → its columns, plan, contract and checks.

use super::{Check, Column, Known, Slice, contract};
use crate::diagnostic::{Code, Diagnostic};
use crate::memo::Memo;
use crate::name::RelationName;
use crate::resolve::{Read, SliceDeclaration};
use crate::sql::types::{display_type, is_sortable};
use crate::sql::{self, Catalog, DataType, LazyPlan, OutputColumn, Relation};
use crate::syntax::ast::NameList;
use crate::text::{SourceMap, SourceText};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Works out everything. [`super::remembered`] knows what needn't be worked out again.
pub(super) fn analyze(
    declaration: &SliceDeclaration,
    known: &BTreeMap<RelationName, Known>,
    sources: &SourceMap,
    memo: &Memo,
    diagnostics: &mut Vec<Diagnostic>,
) -> (Slice, Known) {
    let syntax = &declaration.syntax;
    let before = diagnostics.len();
    let text = sources.get(declaration.file);
    let name = &declaration.name;
    let mut plan = None;
    let mut output: Option<Vec<OutputColumn>> = None;
    // Scans of the inputs, times how often a CTE that holds them is written out.
    let written_out = declaration.query.as_ref().map_or(1, |query| query.expansion);
    let repeats = written_out.div_ceil(declaration.reads.len().max(1) as u64);
    let read = declaration.reads.iter().map(|read| known.get(&read.of).map_or(1, |input| input.scans));
    let scans = read.fold(0u64, u64::saturating_add).max(1).saturating_mul(repeats);
    let too_large = scans > super::MAX_SCANS;
    if let (true, Some(query)) = (too_large, &declaration.query) {
        let message = format!(
            "with its virtual inputs and repeated CTEs written out, this query reads tables {} times or more",
            super::MAX_SCANS
        );
        diagnostics.push(
            Diagnostic::error(Code::LimitExceeded, message)
                .at(query.span, "grows too large")
                .with_help("take `virtual` away from a slice that is read often, or make slices of the CTEs"),
        );
    }
    if let (Some(query), Some((catalog, poisoned))) =
        (&declaration.query, inputs(&declaration.reads, declaration.unresolved || too_large, known))
    {
        let unnamed = sql::unnamed_columns(query, text);
        let planned = sql::plan_query(query, &catalog, text, &poisoned);
        memo.count_planned();
        plan = planned.plan;
        output = planned.columns;
        diagnostics.extend(planned.diagnostics);
        if plan.is_some() {
            let output = output.as_deref().unwrap_or_default();
            if output.is_empty() {
                diagnostics.push(
                    Diagnostic::error(Code::InvalidQuery, format!("the query of `{name}` gives no columns"))
                        .at(query.span, "nothing is selected")
                        .with_help("name at least one column behind `select`"),
                );
            }
            untyped_columns(output, query.span, diagnostics);
            duplicate_columns(output, query.span, diagnostics);
            for span in unnamed {
                diagnostics.push(
                    Diagnostic::warning(Code::UnnamedColumn, "this column has no name of its own")
                        .at(span, "named by the engine after its expression")
                        .with_help("name it: `… as NAME`"),
                );
            }
        }
    }
    let mut contract_broken = false;
    let promised = syntax.columns.as_ref().map(|list| (list, contract::columns(list, diagnostics).0));
    if let (Some((list, promised)), Some(output), Some(query)) = (&promised, &output, &declaration.query) {
        let before = diagnostics.len();
        contract::check(promised, list, output, query.span, &name.to_string(), diagnostics);
        contract_broken = diagnostics.len() > before;
    }
    // Readers of a slice in error are checked against what its contract says, if there is one.
    let mut columns: Vec<Column> = match (&output, &promised) {
        (Some(output), _) => output
            .iter()
            .map(|column| from_output(column, promised.as_ref().map(|(_, list)| list.as_slice()), syntax.is_virtual))
            .collect(),
        (None, Some((_, promised))) => promised.clone(),
        (None, None) => Vec::new(),
    };
    let poisoned: BTreeSet<String> = match &output {
        Some(output) => output.iter().filter(|column| column.poisoned).map(|column| column.name.clone()).collect(),
        None => BTreeSet::new(),
    };
    // Readers may rely on a contract: that its query doesn't meet it is told here, once.
    let mut poisoned = poisoned;
    if let (true, Some((_, promised))) = (contract_broken, &promised) {
        for column in promised {
            match columns.iter_mut().find(|other| other.name == column.name) {
                Some(other) if other.data_type == column.data_type => continue,
                Some(other) => *other = column.clone(),
                None => columns.push(column.clone()),
            }
            poisoned.insert(column.name.clone());
        }
    }
    let clause = |list: &Option<NameList>, clause: &str, diagnostics: &mut Vec<Diagnostic>| match list {
        Some(list) if !columns.is_empty() => {
            let known: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
            contract::column_names(list, clause, &format!("the slice `{name}`"), &known, diagnostics)
        }
        Some(_) | None => Vec::new(),
    };
    let key = clause(&syntax.key, "key", diagnostics);
    let partition_by = clause(&syntax.partition_by, "partition by", diagnostics);
    let sort_by = clause(&syntax.sort_by, "sort by", diagnostics);
    for (list, names) in [(&syntax.key, &key), (&syntax.sort_by, &sort_by), (&syntax.partition_by, &partition_by)] {
        unsortable(list, names, &columns, diagnostics);
    }
    // Nothing of a virtual slice is built, so nothing verifies what it promises; only verified promises count.
    for column in columns.iter_mut().filter(|_| !syntax.is_virtual) {
        if key.contains(&column.name) {
            column.nullable = false;
        }
    }
    if syntax.is_virtual {
        unverified(
            syntax,
            &name.to_string(),
            &columns,
            promised.as_ref().map(|(_, list)| list.as_slice()),
            diagnostics,
        );
    }
    let relation_schema = super::schema_of(&columns);
    let usable = !columns.is_empty();
    let checks = checks(declaration, known, &relation_schema, usable, &poisoned, text, diagnostics);
    let errors = diagnostics[before..].iter().any(Diagnostic::is_error);
    let plan = LazyPlan::ready(plan);
    let inputs_valid = plan.exists();
    let valid = !errors && inputs_valid && !syntax.broken;
    let slice = Slice {
        name: name.clone(),
        file: declaration.file,
        name_span: syntax.name.span,
        query_span: syntax.query.map(|query| query.span),
        public: syntax.public,
        is_virtual: syntax.is_virtual,
        doc: syntax.doc.as_ref().map(|doc| doc.text.clone()),
        columns,
        key,
        partition_by,
        sort_by,
        checks,
        stale_after_seconds: syntax.stale_limit.map(|limit| limit.seconds),
        reads: declaration.reads.clone(),
        normalized: declaration.query.as_ref().map(|query| query.normalized.clone()).unwrap_or_default(),
        plan,
        identity: None,
        valid,
    };
    let relation = relation(&slice, usable && !syntax.broken);
    let scans = if syntax.is_virtual && !too_large { scans } else { 1 };
    (slice, Known { relation, poisoned, scans, identity: None })
}

/// What readers see of a slice.
pub(super) fn relation(slice: &Slice, usable: bool) -> Option<Relation> {
    let view = (slice.is_virtual && slice.plan.exists()).then(|| slice.plan.clone());
    (usable && (!slice.is_virtual || view.is_some())).then(|| Relation {
        name: slice.name.clone(),
        schema: super::schema_of(&slice.columns),
        key: if slice.is_virtual { Vec::new() } else { slice.key.clone() },
        view,
    })
}

/// The catalog of a query's inputs; `None` where one isn't known, so that nothing can be said of the query.
pub(super) fn inputs(
    reads: &[Read],
    unresolved: bool,
    known: &BTreeMap<RelationName, Known>,
) -> Option<(Catalog, BTreeSet<String>)> {
    if unresolved {
        return None;
    }
    let mut catalog = Catalog::default();
    let mut poisoned = BTreeSet::new();
    for read in reads {
        let input = known.get(&read.of)?;
        catalog.insert(read.key.clone(), input.relation.clone()?);
        poisoned.extend(input.poisoned.iter().cloned());
    }
    Some((catalog, poisoned))
}

fn from_output(column: &OutputColumn, promised: Option<&[Column]>, is_virtual: bool) -> Column {
    let promised = promised.and_then(|promised| promised.iter().find(|other| other.name == column.name));
    Column {
        name: column.name.clone(),
        data_type: column.data_type.clone(),
        // A promise of not-null is verified before publishing, so readers may rely on it.
        nullable: column.nullable && (is_virtual || promised.is_none_or(|promised| promised.nullable)),
        doc: promised.and_then(|promised| promised.doc.clone()),
        span: column.span.or(promised.and_then(|promised| promised.span)),
    }
}

/// Warns of clauses of a virtual slice that nothing verifies.
fn unverified(
    syntax: &crate::syntax::ast::Slice,
    name: &str,
    columns: &[Column],
    promised: Option<&[Column]>,
    diagnostics: &mut Vec<Diagnostic>,
) {
    let mut places: Vec<(crate::text::Span, String)> = Vec::new();
    places.extend(syntax.key.iter().map(|key| (key.span, "`key`".to_owned())));
    places.extend(syntax.checks.iter().map(|check| (check.span, format!("check `{}`", check.name.text))));
    let lists = [(&syntax.partition_by, "`partition by`"), (&syntax.sort_by, "`sort by`")];
    places.extend(lists.into_iter().filter_map(|(list, clause)| Some((list.as_ref()?.span, clause.to_owned()))));
    places.extend(syntax.stale_limit.iter().map(|limit| (limit.span, "`stale for at most`".to_owned())));
    for column in promised.unwrap_or_default().iter().filter(|column| !column.nullable) {
        let proved = columns.iter().any(|other| other.name == column.name && !other.nullable);
        places.extend(column.span.filter(|_| !proved).map(|span| (span, format!("`not null` of `{}`", column.name))));
    }
    for (span, clause) in places {
        let message = format!("nothing verifies the {clause} of the virtual slice `{name}`");
        diagnostics.push(
            Diagnostic::warning(Code::UnverifiedPromise, message)
                .at(span, "has no effect here")
                .with_help("declare it on a slice that reads this one, or take `virtual` away"),
        );
    }
}

fn checks(
    declaration: &SliceDeclaration,
    known: &BTreeMap<RelationName, Known>,
    schema: &sql::SchemaRef,
    usable: bool,
    poisoned: &BTreeSet<String>,
    text: &SourceText,
    diagnostics: &mut Vec<Diagnostic>,
) -> Vec<Check> {
    let plan = |check: &crate::resolve::Check, diagnostics: &mut Vec<Diagnostic>| {
        let predicate = check.predicate.as_ref().filter(|_| usable)?;
        let (catalog, other_poisoned) = check_inputs(&declaration.name, check, schema, known)?;
        let poisoned = poisoned.union(&other_poisoned).cloned().collect();
        let planned = sql::plan_predicate(predicate, &catalog, text, &poisoned);
        diagnostics.extend(planned.diagnostics);
        planned.plan
    };
    let check = |check: &crate::resolve::Check, diagnostics: &mut Vec<Diagnostic>| Check {
        name: check.name.clone(),
        span: check.span,
        normalized: check.predicate.as_ref().map(|predicate| predicate.normalized().to_owned()).unwrap_or_default(),
        reads: check.reads.clone(),
        violations: LazyPlan::ready(plan(check, diagnostics)),
    };
    declaration.checks.iter().map(|declared| check(declared, diagnostics)).collect()
}

/// The catalog of a check's predicate: its own slice, by either of its names, and what its subqueries read.
pub(super) fn check_inputs(
    name: &RelationName,
    check: &crate::resolve::Check,
    schema: &sql::SchemaRef,
    known: &BTreeMap<RelationName, Known>,
) -> Option<(Catalog, BTreeSet<String>)> {
    let own = Relation { name: name.clone(), schema: Arc::clone(schema), key: Vec::new(), view: None };
    let others: Vec<Read> = check.reads.iter().filter(|read| &read.of != name).cloned().collect();
    let (mut catalog, poisoned) = inputs(&others, check.unresolved, known)?;
    for read in check.reads.iter().filter(|read| &read.of == name) {
        catalog.insert(read.key.clone(), own.clone());
    }
    catalog.insert(name.to_string(), own);
    Some((catalog, poisoned))
}

fn untyped_columns(output: &[OutputColumn], query: crate::text::Span, diagnostics: &mut Vec<Diagnostic>) {
    for column in output.iter().filter(|column| !column.poisoned && column.data_type == DataType::Null) {
        diagnostics.push(
            Diagnostic::error(
                Code::TypeMismatch,
                format!("the column `{}` is always null, so its type isn't known", column.name),
            )
            .at(column.span.unwrap_or(query), "no type")
            .with_help(format!("say it: `cast(null as text) as {}`", column.name)),
        );
    }
}

fn duplicate_columns(output: &[OutputColumn], query: crate::text::Span, diagnostics: &mut Vec<Diagnostic>) {
    let mut seen: BTreeMap<&str, Option<crate::text::Span>> = BTreeMap::new();
    for column in output {
        let Some(first) = seen.insert(&column.name, column.span) else { continue };
        let message = format!("two columns of this query are called `{}`", column.name);
        let mut diagnostic =
            Diagnostic::error(Code::DuplicateColumn, message).at(column.span.unwrap_or(query), "the same name again");
        if let Some(span) = first {
            diagnostic = diagnostic.with_label(span, "first here");
        }
        diagnostics.push(diagnostic.with_help(format!("name one of them otherwise: `… as other_{}`", column.name)));
    }
}

fn unsortable(list: &Option<NameList>, names: &[String], columns: &[Column], diagnostics: &mut Vec<Diagnostic>) {
    let Some(list) = list else { return };
    for name in names {
        let Some(column) = columns.iter().find(|column| &column.name == name) else { continue };
        if column.data_type != DataType::Null && !is_sortable(&column.data_type) {
            let span = list.names.iter().find(|other| &other.text == name).map_or(list.span, |other| other.span);
            diagnostics.push(
                Diagnostic::error(
                    Code::Unsupported,
                    format!("values of type {} have no order", display_type(&column.data_type)),
                )
                .at(span, "can't be used here"),
            );
        }
    }
}
