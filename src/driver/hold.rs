//! Holding a slice at what it serves, releasing it, and rolling it back: records in its log, in order with what is published.

use super::Session;
use crate::diagnostic::{Code, Diagnostic, Failed};
use crate::manifest::{CommitKind, CommitRecord};
use crate::name::RelationName;
use crate::store::{Numbered, StoreError};
use chrono::{DateTime, Utc};

/// Whether nothing may be published behind a head now.
pub fn is_held(head: &CommitRecord, now: DateTime<Utc>) -> bool {
    let ended =
        |until: &String| DateTime::parse_from_rfc3339(until).is_ok_and(|until| until.with_timezone(&Utc) <= now);
    head.kind.holds() && !head.until.as_ref().is_some_and(ended)
}

/// Lets a slice serve what it serves, whatever is built: until `until`, or until it is released.
///
/// # Errors
/// The slice serves nothing (E0605), or the store fails.
pub async fn hold(
    session: &Session,
    slice: &RelationName,
    reason: &str,
    until: Option<DateTime<Utc>>,
) -> Result<Numbered<CommitRecord>, Failed> {
    let record = |head: &CommitRecord| {
        head.build.as_ref()?;
        let kind = if head.kind == CommitKind::Rollback { CommitKind::Rollback } else { CommitKind::Hold };
        Some(CommitRecord { until: until.map(rfc3339), ..signed(session, head, kind, Some(reason)) })
    };
    session.store.ready_to_write().await.map_err(failed)?;
    let done = session.store.commit_anyway(slice, &crate::store::new_id(), record).await.map_err(failed)?;
    done.ok_or_else(|| Box::new(unserved(slice)))
}

/// Ends a hold; builds publish again.
///
/// # Errors
/// The slice isn't held (E0608), or the store fails.
pub async fn release(
    session: &Session,
    slice: &RelationName,
    reason: Option<&str>,
) -> Result<Numbered<CommitRecord>, Failed> {
    let record = |head: &CommitRecord| {
        let held = head.kind.holds();
        held.then(|| signed(session, head, CommitKind::Release, reason))
    };
    session.store.ready_to_write().await.map_err(failed)?;
    let done = session.store.commit_anyway(slice, &crate::store::new_id(), record).await.map_err(failed)?;
    done.ok_or_else(|| {
        let message = format!("`{slice}` isn't held");
        Box::new(Diagnostic::error(Code::NotHeld, message).with_help(format!("`pie log {slice}` shows what was done")))
    })
}

/// Serves an older version again, and holds the slice at it. Without `to` it is the newest one with other rows than those that
/// are served now.
///
/// # Errors
/// There is no such version, or its data was collected (E0605); the store fails.
pub async fn rollback(
    session: &Session,
    slice: &RelationName,
    to: Option<u64>,
    reason: Option<&str>,
) -> Result<(u64, Numbered<CommitRecord>), Failed> {
    let old = match to {
        Some(version) => session.store.slice_commit(slice, version).await.map_err(failed)?,
        None => before(session, slice).await?,
    };
    let Some(old) = old.filter(|old| old.record.build.is_some()) else {
        let (message, help) = match to {
            Some(version) => (
                format!("`{slice}` has no version {version} with rows"),
                format!("`pie log {slice}` lists its versions"),
            ),
            None => {
                let message = format!("there is no version of `{slice}` with other rows to go back to");
                (
                    message,
                    format!("`pie hold {slice} --reason …` keeps what it serves; `pie log {slice}` lists its versions"),
                )
            }
        };
        return Err(Box::new(Diagnostic::error(Code::NotPublished, message).with_help(help)));
    };
    let head = session.store.slice_head(slice).await.map_err(failed)?.and_then(|head| head.record.build.clone());
    let there = match &old.record.build {
        // What is served is kept.
        Some(build) if head.as_ref().is_some_and(|head| head.id == build.id) => true,
        Some(build) => session.store.is_served(build).await.map_err(failed)?,
        None => false,
    };
    if !there {
        let message = format!("the data of version {} of `{slice}` was collected", old.number);
        let help = format!("`pie log {slice}` lists the versions; newer ones may still be there");
        return Err(Box::new(Diagnostic::error(Code::NotPublished, message).with_help(help)));
    }
    let record = |head: &CommitRecord| {
        // The numbers and the chain are those of the newest record; everything that readers see is the old one's.
        let base =
            CommitRecord { parent: head.parent.clone(), version: head.version, ..CommitRecord::clone(&old.record) };
        Some(signed(session, &base, CommitKind::Rollback, reason))
    };
    session.store.ready_to_write().await.map_err(failed)?;
    let done = session.store.commit_anyway(slice, &crate::store::new_id(), record).await.map_err(failed)?;
    let done = done.ok_or_else(|| Box::new(unserved(slice)))?;
    Ok((old.number, done))
}

/// The newest version with other rows, or other columns, than those that are served.
async fn before(session: &Session, slice: &RelationName) -> Result<Option<Numbered<CommitRecord>>, Failed> {
    let Some(head) = session.store.slice_head(slice).await.map_err(failed)? else { return Ok(None) };
    let shown = |record: &CommitRecord| (record.content.clone(), record.columns.clone());
    for number in (1..head.number).rev() {
        let found = session.store.slice_commit(slice, number).await.map_err(failed)?;
        if let Some(found) =
            found.filter(|found| found.record.build.is_some() && shown(&found.record) != shown(&head.record))
        {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

/// A record that serves what another one serves, said by who runs this, now.
fn signed(session: &Session, served: &CommitRecord, kind: CommitKind, reason: Option<&str>) -> CommitRecord {
    CommitRecord {
        kind,
        created_at: rfc3339(session.stamp.now),
        published_at: Some(served.published_at().to_owned()),
        by: session.stamp.by.clone(),
        reason: reason.map(str::to_owned),
        until: None,
        pie: env!("CARGO_PKG_VERSION").to_owned(),
        ..served.clone()
    }
}

pub(super) fn rfc3339(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(chrono::SecondsFormat::Micros, true)
}

fn failed(error: StoreError) -> Failed {
    Box::new(error.diagnostic())
}

fn unserved(slice: &RelationName) -> Diagnostic {
    Diagnostic::error(Code::NotPublished, format!("`{slice}` serves nothing yet"))
        .with_help(format!("run `pie build {slice}`"))
}
