//! A query of a person over published slices.

use crate::diagnostic::{Code, Diagnostic};
use crate::exec::{FileSet, Runtime, Tables, files_table};
use crate::name::RelationName;
use crate::sql::{self, Catalog, QueryLimits, Relation};
use crate::text::{SourceMap, Span};
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;
use futures::TryStreamExt;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The rows of an answer.
#[derive(Clone, Debug)]
pub struct Answer {
    pub schema: SchemaRef,
    pub batches: Vec<RecordBatch>,
}

/// What is wrong with a query; spans are in the text `<query>` of `sources`.
#[derive(Clone, Debug)]
pub struct QueryError {
    pub sources: SourceMap,
    pub diagnostics: Vec<Diagnostic>,
}

/// Answers one read-only query over published tables. A name without its domain is understood where one table has it.
/// Unlike in a slice, functions of the clock are fine: the answer isn't kept.
pub async fn query(
    text: &str,
    tables: &BTreeMap<RelationName, FileSet>,
    runtime: &Runtime,
) -> Result<Answer, QueryError> {
    let mut sources = SourceMap::default();
    let file = sources.add("<query>", text);
    let span = Span::new(file, 0, text.trim_end().len());
    let failed =
        |sources: &SourceMap, diagnostics: Vec<Diagnostic>| QueryError { sources: sources.clone(), diagnostics };
    let parsed = sql::parse_question(sources.get(file), span, &QueryLimits::default())
        .map_err(|diagnostics| failed(&sources, diagnostics))?;
    let mut catalog = Catalog::default();
    let mut bound = Tables::new();
    let mut unknown = Vec::new();
    for reference in &parsed.references {
        let found = match reference.parts.as_slice() {
            [name] => tables.keys().filter(|other| other.name() == name).collect::<Vec<_>>(),
            [domain, name] => tables.keys().filter(|other| other.domain() == domain && other.name() == name).collect(),
            _ => Vec::new(),
        };
        match found.as_slice() {
            [name] => {
                let set = &tables[*name];
                let relation =
                    Relation { name: (*name).clone(), schema: Arc::clone(&set.schema), key: Vec::new(), view: None };
                catalog.insert(reference.key(), relation);
                bound.insert((*name).clone(), files_table(set.clone()));
            }
            [] => {
                let names: Vec<String> = tables.keys().map(ToString::to_string).collect();
                let diagnostic =
                    Diagnostic::error(Code::NotPublished, format!("nothing is published as `{}`", reference.key()))
                        .at(reference.span, "unknown, or never built");
                unknown.push(
                    match crate::diagnostic::did_you_mean(&reference.key(), names.iter().map(String::as_str)) {
                        Some(help) => diagnostic.with_help(help),
                        None => diagnostic.with_help("build first: `pie build --freeze`"),
                    },
                );
            }
            several => {
                let names: Vec<String> = several.iter().map(|name| format!("`{name}`")).collect();
                unknown.push(
                    Diagnostic::error(
                        Code::UnknownRelation,
                        format!("`{}` could be {}", reference.key(), names.join(" or ")),
                    )
                    .at(reference.span, "which domain's?")
                    .with_help("write it with its domain"),
                );
            }
        }
    }
    if !unknown.is_empty() {
        return Err(failed(&sources, unknown));
    }
    let planned = sql::plan_question(&parsed, &catalog, sources.get(file), &BTreeSet::new());
    let Some(plan) = planned.plan else { return Err(failed(&sources, planned.diagnostics)) };
    let run = async {
        let stream = runtime.stream(&plan, &bound, false).await?;
        let schema = stream.schema();
        let batches: Vec<RecordBatch> = stream.try_collect().await.map_err(|e| crate::exec::Failure::from(&e))?;
        Ok::<_, crate::exec::Failure>(Answer { schema, batches })
    };
    run.await.map_err(|failure| {
        let other = || Diagnostic::error(Code::QueryFailed, format!("the query failed while it ran: {failure}"));
        let diagnostic = failure.damage().unwrap_or_else(other).at(span, "this query");
        failed(&sources, vec![diagnostic])
    })
}
