//! What a slice promises of its rows, looked at before anybody sees them.

use super::{BuildError, Inputs};
use crate::exec::{FileSet, Runtime, Tables, files_table};
use crate::freeze::duplicate_key;
use crate::semantic::{Check, SemanticModel, Slice};
use datafusion::arrow::array::{Array, RecordBatch};
use datafusion::arrow::util::pretty::pretty_format_batches;
use futures::TryStreamExt;

/// Rows that break a check.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Violation {
    rows: u64,
    /// The first few, as a table.
    examples: String,
}

/// Verifies key and checks over staged files. Not-null is verified while rows are written.
pub async fn verify(
    model: &SemanticModel,
    slice: &Slice,
    files: &FileSet,
    inputs: &Inputs,
    runtime: &Runtime,
) -> Result<(), BuildError> {
    let duplicate =
        duplicate_key(&slice.name, &slice.key, files.clone(), runtime).await.map_err(BuildError::Internal)?;
    if let Some(duplicate) = duplicate {
        return Err(BuildError::DuplicateKey { values: duplicate.values, rows: duplicate.rows, keys: duplicate.keys });
    }
    let reads = slice.checks.iter().flat_map(|check| model.stored_inputs(&check.reads));
    let others: Vec<_> = reads.filter(|input| input != &slice.name).collect();
    let mut tables = inputs.tables(&others)?;
    tables.insert(slice.name.clone(), files_table(files.clone()));
    verify_checks(slice, runtime, &tables).await
}

/// Verifies all checks over tables that hold the slice itself and what its checks read.
pub async fn verify_checks(slice: &Slice, runtime: &Runtime, tables: &Tables) -> Result<(), BuildError> {
    for check in &slice.checks {
        if let Some(violation) = check_violations(check, runtime, tables).await? {
            return Err(BuildError::Check {
                name: check.name.clone(),
                rows: violation.rows,
                examples: violation.examples,
            });
        }
    }
    Ok(())
}

/// The rows for which a check is false; as in SQL's own `check`, a predicate that is null holds.
async fn check_violations(check: &Check, runtime: &Runtime, tables: &Tables) -> Result<Option<Violation>, BuildError> {
    let Some(plan) = check.violations.get() else {
        return Err(BuildError::Internal(format!("the check `{}` has no plan", check.name)));
    };
    let mut stream = runtime.stream(plan, tables, false).await?;
    let mut rows = 0;
    let mut examples: Vec<RecordBatch> = Vec::new();
    while let Some(batch) = stream.try_next().await.map_err(|e| crate::exec::Failure::from(&e))? {
        let room = 3usize.saturating_sub(usize::try_from(rows).unwrap_or(3));
        if room > 0 && batch.num_rows() > 0 {
            examples.push(batch.slice(0, room.min(batch.num_rows())));
        }
        rows += batch.num_rows() as u64;
    }
    Ok((rows > 0).then(|| Violation { rows, examples: table(&examples) }))
}

/// The first null in a column that promises none, with the row it stands in.
pub fn null_violation(slice: &Slice, batch: &RecordBatch) -> Option<(String, u64, String)> {
    for (column, array) in slice.columns.iter().zip(batch.columns()) {
        if column.nullable || array.null_count() == 0 {
            continue;
        }
        let row = (0..array.len()).find(|row| array.is_null(*row)).unwrap_or(0);
        return Some((column.name.clone(), array.null_count() as u64, table(&[batch.slice(row, 1)])));
    }
    None
}

fn table(batches: &[RecordBatch]) -> String {
    pretty_format_batches(batches).map(|table| table.to_string()).unwrap_or_default()
}
