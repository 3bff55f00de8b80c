//! Reading what is published.

use super::{Project, Session};
use crate::diagnostic::{Code, Diagnostic, Failed};
use crate::exec::{Failure, FileSet, Tables, build_files, files_table, source_files};
use crate::name::RelationName;
use crate::semantic::schema_of;
use crate::serve::{self, Answer, QueryError};
use crate::store::{Note, StoreError};
use futures::TryStreamExt;
use std::collections::{BTreeMap, BTreeSet};

/// What is published, as tables.
#[derive(Clone, Default, Debug)]
pub struct Published {
    sets: BTreeMap<RelationName, FileSet>,
    /// The versions of slices that are shown, with their builds, where an older one may be shown in their place.
    shown: BTreeMap<RelationName, (u64, String)>,
    /// The builds that are read, and the data files of sources.
    read: BTreeSet<String>,
    /// What can't be read, and why.
    damaged: BTreeMap<RelationName, Diagnostic>,
    /// Warnings about tables that show an older version than the newest, which is damaged.
    pub older: Vec<Diagnostic>,
}

/// All published slices and frozen sources as tables, each at its head or at the version given. Of a slice whose head is damaged
/// the last version is shown that isn't.
pub async fn tables(
    project: &Project,
    session: &Session,
    at: &BTreeMap<RelationName, u64>,
) -> Result<Published, Failed> {
    let failed = |e: StoreError| Box::new(e.diagnostic());
    let unreadable =
        |cause: String| Diagnostic::error(Code::CorruptRecord, "a record can't be read".to_owned()).with_note(cause);
    let store = &session.store;
    let mut published = Published::default();
    for (name, head) in store.slice_heads().await.map_err(failed)? {
        let commit = match at.get(&name) {
            Some(version) => store
                .slice_commit(&name, *version)
                .await
                .map_err(failed)?
                .ok_or_else(|| no_version(&name, *version, head.number))?,
            None => match store.whole_head(&head).await.map_err(failed)? {
                Some(commit) => commit,
                None => continue,
            },
        };
        let Some(reference) = &commit.record.build else {
            if head.is_damaged() {
                let message = format!("the record of version {} of `{name}` is damaged", head.number);
                let damaged = Diagnostic::error(Code::CorruptRecord, message).with_note("no older version is whole");
                published.damaged.insert(name.clone(), damaged.with_help(format!("`pie build {name}` makes it again")));
            }
            continue;
        };
        if head.is_damaged() && !at.contains_key(&name) {
            published.older.push(older(&name, head.number, "its record is damaged"));
        }
        match store.build_of(reference).await {
            Ok(Some(build)) => {
                let set = build_files(&build, &commit.record.columns).map_err(unreadable)?;
                published.sets.insert(name.clone(), set);
                published.read.insert(reference.id.clone());
                if !at.contains_key(&name) {
                    published.shown.insert(name, (commit.number, reference.id.clone()));
                }
            }
            Ok(None) if at.contains_key(&name) => return Err(Box::new(collected(&name, commit.number))),
            // What is published is never collected; somebody took it out.
            Ok(None) => {
                let message = format!("the rows of version {} of `{name}` are gone", commit.number);
                published.damaged.insert(name.clone(), Diagnostic::error(Code::CorruptRecord, message));
                published.shown.insert(name.clone(), (commit.number, reference.id.clone()));
                published.go_back(&name, session).await.map_err(failed)?;
            }
            Err(error @ StoreError::Corrupt { .. }) if !at.contains_key(&name) => {
                published.damaged.insert(name.clone(), error.diagnostic());
                published.shown.insert(name.clone(), (commit.number, reference.id.clone()));
                published.go_back(&name, session).await.map_err(failed)?;
            }
            Err(error) => return Err(failed(error)),
        }
    }
    for (name, source) in &project.model.sources {
        let head = match store.source_head(name).await {
            Err(error @ StoreError::Corrupt { .. }) => {
                published.damaged.insert(name.clone(), error.diagnostic());
                continue;
            }
            head => head.map_err(failed)?,
        };
        let version = match (at.get(name), head) {
            (_, None) => continue,
            (None, Some(head)) => head,
            (Some(version), Some(head)) => store
                .source_version(name, *version)
                .await
                .map_err(failed)?
                .ok_or_else(|| no_version(name, *version, head.number))?,
        };
        if at.contains_key(name) && !store.is_whole(&version.record).await.map_err(failed)? {
            return Err(Box::new(collected(name, version.number)));
        }
        let converted = version.record.files.iter().filter_map(|file| file.converted.as_ref());
        published.read.extend(converted.map(|file| file.path.clone()));
        let set = source_files(&version.record, &Session::raw_url(source)).map_err(unreadable)?;
        published.sets.insert(name.clone(), set);
    }
    Ok(published)
}

impl Published {
    /// The tables.
    pub fn sets(&self) -> &BTreeMap<RelationName, FileSet> {
        &self.sets
    }

    /// Keeps what is read from being collected until the note ends: at once where older versions are read, which may be about to
    /// be, otherwise once it takes long.
    pub async fn pin(&self, session: &Session, what: &str, older: bool) -> Note {
        let (read, by) = (self.read.clone(), session.stamp.by.as_str());
        if older { session.store.pin_now(read, what, by).await } else { session.store.pin(read, what, by) }
    }

    /// Shows an older version of a slice in place of one that is damaged. Says whether there was one.
    async fn go_back(&mut self, name: &RelationName, session: &Session) -> Result<bool, StoreError> {
        let Some((number, build)) = self.shown.get(name).cloned() else { return Ok(false) };
        let Some((commit, record)) = session.store.older(name, number, &build).await? else { return Ok(false) };
        let Ok(set) = build_files(&record, &commit.record.columns) else { return Ok(false) };
        self.older.push(older(name, number, "it is damaged"));
        self.damaged.remove(name);
        self.sets.insert(name.clone(), set);
        self.read.insert(record.id.clone());
        self.shown.insert(name.clone(), (commit.number, record.id.clone()));
        Ok(true)
    }

    /// The same where a file of some slice turned out to be damaged while it was read.
    async fn go_back_from(&mut self, found: &[Diagnostic], session: &Session) -> bool {
        let damaged = found.iter().filter(|found| found.code == Code::CorruptRecord);
        let damaged: Vec<&str> = damaged.filter_map(|found| found.message.split('`').nth(1)).collect();
        let has = |set: &FileSet| set.files.iter().any(|file| damaged.contains(&file.path.as_str()));
        let Some(name) = self.sets.iter().find(|(_, set)| has(set)).map(|(name, _)| name.clone()) else { return false };
        self.go_back(&name, session).await.unwrap_or(false)
    }
}

fn older(name: &RelationName, number: u64, why: &str) -> Diagnostic {
    let message = format!("version {number} of `{name}` isn't shown, {why}; the last whole one before it is");
    Diagnostic::warning(Code::OlderVersion, message)
        .with_help(format!("`pie fsck --deep --mend` and then `pie build {name}` make it again"))
}

fn collected(name: &RelationName, version: u64) -> Diagnostic {
    Diagnostic::error(Code::NotPublished, format!("the rows of version {version} of `{name}` were collected"))
        .with_help(format!("`pie log {name}` lists the versions; newer ones may still be there"))
}

fn no_version(name: &RelationName, version: u64, newest: u64) -> Diagnostic {
    Diagnostic::error(Code::NotPublished, format!("`{name}` has no version {version}"))
        .with_help(format!("the newest is {newest}; `pie log {name}` lists them"))
}

/// Answers one query. Of a slice whose rows turn out to be damaged the version before is taken, and `published` says so.
pub async fn query(text: &str, published: &mut Published, session: &Session) -> Result<Answer, QueryError> {
    loop {
        let mut error = match serve::query(text, &published.sets, &session.runtime).await {
            Ok(answer) => return Ok(answer),
            Err(error) => error,
        };
        if !published.go_back_from(&error.diagnostics, session).await {
            // What isn't known may be there, and damaged.
            if error.diagnostics.iter().any(|found| found.code == Code::NotPublished) {
                error.diagnostics.extend(published.damaged.values().cloned());
            }
            return Err(error);
        }
    }
}

/// The rows of one slice or source in their stored order.
pub async fn show(
    project: &Project,
    name: &RelationName,
    published: &mut Published,
    session: &Session,
) -> Result<Answer, Failed> {
    loop {
        let Some(set) = published.sets.get(name) else {
            if let Some(damaged) = published.damaged.get(name) {
                return Err(Box::new(damaged.clone()));
            }
            let diagnostic = Diagnostic::error(Code::NotPublished, format!("`{name}` was never published"));
            let is_virtual = project.model.slices.get(name).is_some_and(|slice| slice.is_virtual);
            return Err(Box::new(if is_virtual {
                diagnostic
                    .with_help("it is virtual: nothing of it is stored, the slices that read it take in its query")
            } else {
                diagnostic.with_help("build it first: `pie build --freeze`")
            }));
        };
        let failure = match rows_of(set, session).await {
            Ok(answer) => return Ok(answer),
            Err(failure) => failure,
        };
        let other = || Diagnostic::error(Code::QueryFailed, format!("`{name}` can't be read: {failure}"));
        let found = failure.damage().unwrap_or_else(other);
        if !published.go_back_from(std::slice::from_ref(&found), session).await {
            return Err(Box::new(found));
        }
    }
}

async fn rows_of(set: &FileSet, session: &Session) -> Result<Answer, Failure> {
    let stream = session.runtime.scan(files_table(set.clone())).await?;
    let schema = stream.schema();
    let batches = stream.try_collect().await.map_err(|e| Failure::from(&e))?;
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
        bound.insert(input.clone(), files_table(published.sets.get(&input).cloned().unwrap_or(empty)));
    }
    Ok(session.runtime.physical_text(&plan, &bound).await.map_err(|e| failed(e.to_string()))?)
}
