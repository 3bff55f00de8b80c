//! `test` declarations → results: a slice run in memory over the given rows, compared with the expected ones.
//!
//! What the slice reads and the test doesn't give is worked out from what it does give, however deep; a source that isn't
//! given is empty. A column left out of a given table is null, or the plainest value of its type (0, '', 1970-01-01) where
//! it is `not null`.

mod compare;
mod given;

pub use compare::Difference;

use crate::build::{BuildError, run_to_batches, under_schema, verify_checks};
use crate::diagnostic::{Code, Diagnostic};
use crate::exec::{Runtime, Tables};
use crate::name::RelationName;
use crate::semantic::{SemanticModel, Slice, Test, schema_of};
use crate::syntax::ast::Expect;
use datafusion::arrow::array::{Array, RecordBatch};
use datafusion::datasource::MemTable;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What came of one test.
#[derive(Clone, Debug)]
pub struct TestReport {
    pub slice: Option<RelationName>,
    pub title: String,
    /// Empty when it passed.
    pub diagnostics: Vec<Diagnostic>,
    /// It wasn't run, because its slice is in error.
    pub skipped: bool,
}

impl TestReport {
    pub fn passed(&self) -> bool {
        self.diagnostics.is_empty() && !self.skipped
    }
}

/// What is wrong with the tables of a test, found without running it: names that are no columns, cells that are no values of their
/// columns. Nothing is said where the slice, or what is given, is in error.
pub fn unfit(model: &SemanticModel, test: &Test) -> Vec<Diagnostic> {
    let Some(slice) = runnable(model, test) else { return Vec::new() };
    let mut is_valid = test.givens.iter().flatten().map(|name| match model.sources.get(name) {
        Some(source) => source.valid,
        None => model.slices.get(name).is_some_and(|slice| slice.valid),
    });
    if !is_valid.all(|valid| valid) {
        return Vec::new();
    }
    let mut found = given::tables(model, test).err().unwrap_or_default();
    if let Some(Expect::Rows { table, .. }) = &test.syntax.expect {
        found.extend(compare::unfit(slice, table));
    }
    found
}

/// The slice of a test, where the test can be run.
fn runnable<'a>(model: &'a SemanticModel, test: &Test) -> Option<&'a Slice> {
    let slice = test.slice.as_ref().and_then(|name| model.slices.get(name))?;
    (slice.valid && !test.syntax.broken && test.givens.iter().all(Option::is_some)).then_some(slice)
}

/// Runs one test.
pub async fn run(model: &SemanticModel, test: &Test, runtime: &Runtime) -> TestReport {
    let mut report = TestReport {
        slice: test.slice.clone(),
        title: test.syntax.title.value.clone(),
        diagnostics: Vec::new(),
        skipped: false,
    };
    let Some(slice) = runnable(model, test) else {
        report.skipped = true;
        return report;
    };
    report.diagnostics = unfit(model, test);
    if !report.diagnostics.is_empty() {
        return report;
    }
    let given = match given::tables(model, test) {
        Ok(given) => given,
        Err(diagnostics) => {
            report.diagnostics = diagnostics;
            return report;
        }
    };
    let outcome = outcome(model, slice, given, runtime).await;
    report.diagnostics = judge(slice, test, outcome);
    report
}

/// Rows of the slice after everything it reads was worked out, or the first error on the way.
async fn outcome(
    model: &SemanticModel,
    slice: &Slice,
    given: BTreeMap<RelationName, RecordBatch>,
    runtime: &Runtime,
) -> Result<Vec<RecordBatch>, (RelationName, BuildError)> {
    let mut needed: BTreeSet<RelationName> = BTreeSet::new();
    let mut queue = vec![slice.name.clone()];
    while let Some(name) = queue.pop() {
        if given.contains_key(&name) && name != slice.name || !needed.insert(name.clone()) {
            continue;
        }
        let Some(next) = model.slices.get(&name) else { continue };
        let checks = slice.checks.iter().filter(|_| name == slice.name).flat_map(|check| &check.reads);
        queue.extend(model.stored_inputs(&next.reads));
        queue.extend(checks.flat_map(|read| model.stored_inputs(std::slice::from_ref(read))));
    }
    let mut tables = Tables::new();
    for (name, batch) in given.iter().filter(|(name, _)| **name != slice.name) {
        insert(&mut tables, name, vec![batch.clone()]).map_err(|e| (name.clone(), e))?;
    }
    for name in model.graph.order().iter().filter(|name| needed.contains(*name)) {
        if model.sources.contains_key(name) {
            let columns = model.columns(name).unwrap_or_default();
            insert(&mut tables, name, vec![RecordBatch::new_empty(schema_of(columns))])
                .map_err(|e| (name.clone(), e))?;
            continue;
        }
        let Some(next) = model.slices.get(name).filter(|next| !next.is_virtual || next.name == slice.name) else {
            continue;
        };
        let batches = run_to_batches(next, runtime, &tables).await.map_err(|e| (name.clone(), e))?;
        if name == &slice.name {
            promises(slice, &batches, &tables, runtime).await.map_err(|e| (name.clone(), e))?;
            return Ok(batches);
        }
        let schema = schema_of(&next.columns);
        let rebuilt: Result<Vec<RecordBatch>, _> = batches.iter().map(|batch| under_schema(batch, &schema)).collect();
        let rebuilt = rebuilt.map_err(|e| (name.clone(), e))?;
        insert(&mut tables, name, rebuilt).map_err(|e| (name.clone(), e))?;
    }
    Err((slice.name.clone(), BuildError::Internal("the slice has no place in the order of the project".to_owned())))
}

fn insert(tables: &mut Tables, name: &RelationName, batches: Vec<RecordBatch>) -> Result<(), BuildError> {
    let schema = batches.first().map(RecordBatch::schema).unwrap_or_else(|| schema_of(&[]));
    let table = MemTable::try_new(schema, vec![batches]).map_err(|e| BuildError::Internal(e.to_string()))?;
    tables.insert(name.clone(), Arc::new(table));
    Ok(())
}

/// Verifies what a build would: not-null, key, checks.
async fn promises(
    slice: &Slice,
    batches: &[RecordBatch],
    tables: &Tables,
    runtime: &Runtime,
) -> Result<(), BuildError> {
    let mut keys: BTreeMap<Vec<Option<String>>, u64> = BTreeMap::new();
    for batch in batches {
        for (column, array) in slice.columns.iter().zip(batch.columns()) {
            if !column.nullable && array.null_count() > 0 {
                let rows = array.null_count() as u64;
                return Err(BuildError::Null {
                    column: column.name.clone(),
                    rows,
                    example: compare::show(std::slice::from_ref(batch)),
                });
            }
        }
        for row in 0..batch.num_rows() {
            let key = slice
                .key
                .iter()
                .filter_map(|name| batch.column_by_name(name))
                .map(|array| crate::serve::cell(array, row));
            *keys.entry(key.collect()).or_default() += 1;
        }
    }
    if !slice.key.is_empty() {
        let doubled: Vec<_> = keys.iter().filter(|(_, rows)| **rows > 1).collect();
        if let Some((values, rows)) = doubled.first() {
            let values = values.iter().map(|value| value.clone().unwrap_or_else(|| "null".to_owned())).collect();
            return Err(BuildError::DuplicateKey { values, rows: **rows, keys: doubled.len() as u64 });
        }
    }
    let mut tables = tables.clone();
    let schema = schema_of(&slice.columns);
    let own: Result<Vec<RecordBatch>, _> = batches.iter().map(|batch| under_schema(batch, &schema)).collect();
    insert(&mut tables, &slice.name, own?)?;
    verify_checks(slice, runtime, &tables).await
}

fn judge(slice: &Slice, test: &Test, outcome: Result<Vec<RecordBatch>, (RelationName, BuildError)>) -> Vec<Diagnostic> {
    let title = &test.syntax.title;
    let failed = |message: String| Diagnostic::error(Code::TestFailed, message);
    match (&test.syntax.expect, outcome) {
        (Some(Expect::Rows { table, .. }), Ok(batches)) => match compare::rows(slice, table, &batches) {
            Ok(None) => Vec::new(),
            Ok(Some(difference)) => vec![
                failed(format!("the test '{}' of `{}` fails: {}", title.value, slice.name, difference.summary()))
                    .at(difference.span.unwrap_or(title.span), "expected here")
                    .with_note(difference.to_string()),
            ],
            Err(diagnostics) => diagnostics,
        },
        (Some(Expect::Rows { .. }), Err((name, error))) => {
            let cause = error.diagnostic(slice);
            let whose = if name == slice.name { String::new() } else { format!(" (in `{name}`)") };
            let mut diagnostic =
                failed(format!("the test '{}' of `{}` fails: {}{whose}", title.value, slice.name, cause.message))
                    .at(title.span, "expected rows, got an error");
            diagnostic.notes = cause.notes.clone();
            diagnostic.help = cause.help;
            vec![diagnostic]
        }
        (Some(Expect::Error { code, .. }), Err((_, error))) => {
            let got = error.diagnostic(slice);
            if got.code.as_str().eq_ignore_ascii_case(&code.text) {
                return Vec::new();
            }
            let message = format!(
                "the test '{}' of `{}` fails: it gives {}, not {}",
                title.value,
                slice.name,
                got.code.as_str(),
                code.text.to_uppercase()
            );
            vec![failed(message).at(code.span, "expected this error").with_note(got.message)]
        }
        (Some(Expect::Error { code, .. }), Ok(batches)) => {
            let message = format!(
                "the test '{}' of `{}` fails: it gives rows, not the error {}",
                title.value,
                slice.name,
                code.text.to_uppercase()
            );
            vec![failed(message).at(code.span, "expected this error").with_note(compare::show(&batches))]
        }
        (None, _) => Vec::new(),
    }
}
