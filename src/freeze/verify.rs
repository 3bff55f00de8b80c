//! What rows must keep: not-null while they are read, keys once all files are there.

use super::FreezeError;
use super::read::{FileReader, Rows};
use crate::exec::{FileSet, Runtime, Tables, files_table};
use crate::name::RelationName;
use crate::semantic::Source;
use crate::sql::{self, Catalog, QueryLimits, Relation};
use crate::text::{SourceMap, Span};
use datafusion::arrow::array::Array;
use datafusion::arrow::util::display::array_value_to_string;
use futures::TryStreamExt;
use std::collections::BTreeSet;

/// Finds the first null in a column that promises none.
pub fn check_nulls(file: &FileReader, rows: &Rows) -> Result<(), FreezeError> {
    for column in file.source.columns.iter().filter(|column| !column.nullable) {
        let Some(array) = rows.batch.column_by_name(&column.name) else { continue };
        if array.null_count() == 0 {
            continue;
        }
        let row = (0..array.len()).find(|row| array.is_null(*row)).unwrap_or(0);
        return Err(FreezeError::Null {
            file: file.name.to_owned(),
            place: rows.places.of(row),
            column: column.name.clone(),
            is_key: file.source.key.contains(&column.name),
        });
    }
    Ok(())
}

/// Finds keys that stand more than once, over all files together. Memory is bounded: the engine spills.
pub async fn check_key(source: &Source, files: FileSet, runtime: &Runtime) -> Result<(), FreezeError> {
    match duplicate_key(&source.name, &source.key, files, runtime).await {
        Ok(None) => Ok(()),
        Ok(Some(duplicate)) => Err(FreezeError::DuplicateKey {
            key: source.key.clone(),
            values: duplicate.values,
            rows: duplicate.rows,
            keys: duplicate.keys,
        }),
        Err(cause) => Err(FreezeError::Unreadable { file: format!("a file of `{}`", source.name), cause }),
    }
}

/// A key that several rows share.
pub struct Duplicate {
    pub values: Vec<String>,
    pub rows: u64,
    /// How many keys are shared at all.
    pub keys: u64,
}

/// The least key that several rows of the files share.
pub async fn duplicate_key(
    name: &RelationName,
    key: &[String],
    files: FileSet,
    runtime: &Runtime,
) -> Result<Option<Duplicate>, String> {
    if key.is_empty() {
        return Ok(None);
    }
    let quoted: Vec<String> = key.iter().map(|column| format!("\"{}\"", column.replace('"', "\"\""))).collect();
    let columns = quoted.join(", ");
    let text = format!(
        "select {columns}, n, count(*) over () as keys from (select {columns}, count(*) as n from t group by {columns} having count(*) > 1) \
         order by {columns} limit 1"
    );
    let mut sources = SourceMap::default();
    let file = sources.add("<key>", text.as_str());
    let span = Span::new(file, 0, text.len());
    let describe = |diagnostics: Vec<crate::diagnostic::Diagnostic>| {
        diagnostics.into_iter().map(|diagnostic| diagnostic.message).collect::<Vec<_>>().join("; ")
    };
    let parsed = sql::parse_query(sources.get(file), span, &QueryLimits::default()).map_err(describe)?;
    let mut catalog = Catalog::default();
    catalog.insert(
        "t".to_owned(),
        Relation { name: name.clone(), schema: std::sync::Arc::clone(&files.schema), key: Vec::new(), view: None },
    );
    let planned = sql::plan_question(&parsed, &catalog, sources.get(file), &BTreeSet::new());
    let plan = planned.plan.ok_or_else(|| describe(planned.diagnostics))?;
    let tables = Tables::from([(name.clone(), files_table(files))]);
    let stream = runtime.stream(&plan, &tables, false).await.map_err(|e| e.to_string())?;
    let batches: Vec<_> = stream.try_collect().await.map_err(|e| sql::error_text(&e))?;
    let Some(batch) = batches.iter().find(|batch| batch.num_rows() > 0) else { return Ok(None) };
    let text = |index: usize| {
        let array = batch.column(index);
        if array.is_null(0) { "null".to_owned() } else { array_value_to_string(array, 0).unwrap_or_default() }
    };
    let number = |index: usize| text(index).parse().unwrap_or(0);
    Ok(Some(Duplicate {
        values: (0..key.len()).map(text).collect(),
        rows: number(key.len()),
        keys: number(key.len() + 1),
    }))
}
