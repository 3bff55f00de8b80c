//! Reading what is published.

use super::{Project, Session};
use crate::diagnostic::{Code, Diagnostic, Failed};
use crate::exec::{Failure, FileSet, Tables, build_files, files_table, source_files};
use crate::name::RelationName;
use crate::semantic::schema_of;
use crate::serve::{self, Answer, QueryError};
use crate::store::StoreError;
use futures::TryStreamExt;
use std::collections::BTreeMap;

/// All published slices and frozen sources as tables, each at its head or at the version given.
pub async fn tables(
    project: &Project,
    session: &Session,
    at: &BTreeMap<RelationName, u64>,
) -> Result<BTreeMap<RelationName, FileSet>, Failed> {
    let failed = |e: StoreError| Box::new(e.diagnostic());
    let damaged =
        |cause: String| Diagnostic::error(Code::CorruptRecord, "a record can't be read".to_owned()).with_note(cause);
    let mut tables = BTreeMap::new();
    for (name, head) in session.store.slice_heads().await.map_err(failed)? {
        let commit = match at.get(&name) {
            Some(version) => session
                .store
                .slice_commit(&name, *version)
                .await
                .map_err(failed)?
                .ok_or_else(|| no_version(&name, *version, head.number))?,
            None => match session.store.whole_head(&head).await.map_err(failed)? {
                Some(commit) => commit,
                None => continue,
            },
        };
        let Some(build) = &commit.record.build else { continue };
        let Some(folder) = RelationName::parse(&build.slice) else { continue };
        if let Some((_, record)) = session.store.build(&folder, &build.id).await.map_err(failed)? {
            tables.insert(name, build_files(&record, &commit.record.columns).map_err(damaged)?);
        }
    }
    for (name, source) in &project.model.sources {
        let head = session.store.source_head(name).await.map_err(failed)?;
        let version = match (at.get(name), head) {
            (_, None) => continue,
            (None, Some(head)) => head,
            (Some(version), Some(head)) => session
                .store
                .source_version(name, *version)
                .await
                .map_err(failed)?
                .ok_or_else(|| no_version(name, *version, head.number))?,
        };
        tables.insert(name.clone(), source_files(&version.record, &Session::raw_url(source)).map_err(damaged)?);
    }
    Ok(tables)
}

fn no_version(name: &RelationName, version: u64, newest: u64) -> Diagnostic {
    Diagnostic::error(Code::NotPublished, format!("`{name}` has no version {version}"))
        .with_help(format!("the newest is {newest}; `pie log {name}` lists them"))
}

/// Answers one query.
pub async fn query(
    text: &str,
    tables: &BTreeMap<RelationName, FileSet>,
    session: &Session,
) -> Result<Answer, QueryError> {
    serve::query(text, tables, &session.runtime).await
}

/// The rows of one slice or source in their stored order.
pub async fn show(
    project: &Project,
    name: &RelationName,
    tables: &BTreeMap<RelationName, FileSet>,
    session: &Session,
) -> Result<Answer, Failed> {
    let Some(set) = tables.get(name) else {
        let diagnostic = Diagnostic::error(Code::NotPublished, format!("`{name}` was never published"));
        let is_virtual = project.model.slices.get(name).is_some_and(|slice| slice.is_virtual);
        return Err(Box::new(if is_virtual {
            diagnostic.with_help("it is virtual: nothing of it is stored, the slices that read it take in its query")
        } else {
            diagnostic.with_help("build it first: `pie build --freeze`")
        }));
    };
    let failed = |failure: Failure| {
        let other = || Diagnostic::error(Code::QueryFailed, format!("`{name}` can't be read: {failure}"));
        failure.damage().unwrap_or_else(other)
    };
    let table = files_table(set.clone());
    let stream = session.runtime.scan(table).await.map_err(failed)?;
    let schema = stream.schema();
    let batches = stream.try_collect().await.map_err(|e| failed(Failure::from(&e)))?;
    Ok(Answer { schema, batches })
}

/// The physical plan of a slice as a build would run it, over what is published; inputs without a version count as empty.
pub async fn emit_physical(project: &Project, session: &Session, name: &RelationName) -> Result<String, Failed> {
    let failed = |text: String| Diagnostic::error(Code::QueryFailed, format!("`{name}` can't be planned: {text}"));
    let Some(plan) = project.model.slices.get(name).and_then(|slice| slice.plan.get().cloned()) else {
        return Err(Box::new(failed("it has errors".to_owned())));
    };
    let published = tables(project, session, &BTreeMap::new()).await?;
    let mut bound = Tables::new();
    for input in project.model.graph.ancestors(name) {
        let columns = project.model.columns(&input).unwrap_or_default();
        let empty = FileSet {
            store_url: "pie://store".to_owned(),
            schema: schema_of(columns),
            stored: columns.iter().map(|column| column.name.clone()).collect(),
            captured: Vec::new(),
            files: Vec::new(),
            rows: 0,
        };
        bound.insert(input.clone(), files_table(published.get(&input).cloned().unwrap_or(empty)));
    }
    Ok(session.runtime.physical_text(&plan, &bound).await.map_err(|e| failed(e.to_string()))?)
}
