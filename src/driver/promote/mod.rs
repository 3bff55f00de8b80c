//! Publishing in one environment what another one has: records only, nothing runs and nothing is copied.
//!
//! Like a merge, it compares three states of each slice and source: what `from` has, what `to` has, and where the one went on from
//! the other. What only `to` has changed since is left alone; what both have changed is refused, unless somebody says that it may
//! be replaced. A slice is published only over what it was built from: where `to` would show it beside other inputs than those,
//! nothing at all is published.

mod compare;
mod refuse;

use super::{Session, SliceHeads, is_held};
use crate::diagnostic::{Diagnostic, Failed};
use crate::freeze::Stamp;
use crate::manifest::{CommitKind, CommitRecord, InputRecord, LabelRecord, Promoted, SourceVersion};
use crate::name::RelationName;
use crate::store::{Store, StoreError};
use compare::{All, Compared, Head};
use std::collections::BTreeSet;

/// How something stands in two environments.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Difference {
    /// `to` has nothing of it.
    New,
    /// Other rows or columns.
    Changed,
    /// `from` doesn't show it any more.
    Dropped,
    /// Both went on from what they had in common.
    Diverged,
    /// `to` went on from what `from` has.
    Behind,
    Same,
}

impl Difference {
    pub fn as_str(self) -> &'static str {
        match self {
            Difference::New => "new",
            Difference::Changed => "changed",
            Difference::Dropped => "dropped",
            Difference::Diverged => "diverged",
            Difference::Behind => "behind",
            Difference::Same => "same",
        }
    }

    /// Whether there is something to publish.
    pub fn is_ahead(self) -> bool {
        matches!(self, Difference::New | Difference::Changed | Difference::Dropped | Difference::Diverged)
    }
}

/// One slice or source in both environments.
#[derive(Clone, Debug)]
pub struct Item {
    pub name: RelationName,
    pub is_source: bool,
    pub difference: Difference,
    pub from: Option<Shown>,
    pub to: Option<Shown>,
    /// Why it can't be published.
    pub refused: Option<Diagnostic>,
    /// Under which number it was published.
    pub published: Option<u64>,
}

/// What an environment shows of a slice or source.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Shown {
    pub version: u64,
    pub rows: u64,
    pub columns: Vec<String>,
    content: String,
    /// Of a slice: which stored columns its columns are.
    labels: Vec<LabelRecord>,
}

/// What to promote.
#[derive(Clone, Default, Debug)]
pub struct Promotion {
    /// Only these; all that differs, where it is `None`.
    pub names: Option<BTreeSet<RelationName>>,
    /// Also over what `to` has changed by itself.
    pub replace: bool,
    pub reason: Option<String>,
    /// Publish nothing.
    pub dry_run: bool,
}

/// Compares two environments, and publishes in `to` what `from` has. Nothing is published where something is refused.
/// The items come in the order in which they are published: what is read before what reads it.
///
/// # Errors
/// Those of the store; who published in `to` at the same time is a conflict (E0604), and what came before it stays published.
pub async fn promote(from: &Session, to: &Session, promotion: &Promotion) -> Result<Vec<Item>, Failed> {
    let pair = Pair { from: from.store.clone(), to: to.store.clone(), stamp: to.stamp.clone() };
    let mut compared = All::new(pair.compare(promotion).await.map_err(failed)?);
    for index in 0..compared.list.len() {
        compared.list[index].item.refused = pair.refuse(&compared, index, promotion);
    }
    let list = &compared.list;
    let is_refused = list.iter().any(|compared| compared.item.refused.is_some());
    if !promotion.dry_run && !is_refused && list.iter().any(|compared| compared.item.difference.is_ahead()) {
        to.store.ready_to_write().await.map_err(failed)?;
        pair.publish(&mut compared, promotion).await.map_err(failed)?;
    }
    Ok(compared.list.into_iter().map(|compared| compared.item).collect())
}

#[derive(Clone)]
struct Pair {
    from: Store,
    to: Store,
    /// Who publishes, and when.
    stamp: Stamp,
}

impl Pair {
    async fn publish(&self, all: &mut All, promotion: &Promotion) -> Result<(), StoreError> {
        let stamp = &self.stamp;
        let at = super::hold::rfc3339(stamp.now);
        for index in 0..all.list.len() {
            if !all.list[index].item.difference.is_ahead() {
                continue;
            }
            let read = all.list[index].inputs().iter();
            let inputs: Vec<InputRecord> = read.filter_map(|input| self.input(all, index, input)).collect();
            let Compared { item, from, to, .. } = &all.list[index];
            let promoted = from.as_ref().map(|head| {
                let (version, blake3, _) = head.spot();
                Promoted { environment: self.from.environment().to_owned(), version, blake3: blake3.to_owned() }
            });
            let published = match (from, to) {
                (Some(Head::Slice(head)), to) => {
                    let kind = if head.record.build.is_some() { CommitKind::Publish } else { CommitKind::Drop };
                    let record = CommitRecord {
                        id: crate::store::new_id(),
                        kind,
                        inputs,
                        created_at: at.clone(),
                        by: stamp.by.clone(),
                        reason: promotion.reason.clone(),
                        published_at: None,
                        until: None,
                        promoted,
                        pie: env!("CARGO_PKG_VERSION").to_owned(),
                        ..CommitRecord::clone(&head.record)
                    };
                    let parent = match to {
                        Some(Head::Slice(parent)) => Some(parent.clone()),
                        _ => None,
                    };
                    self.to.commit_behind(&item.name, parent, record).await?.number
                }
                (Some(Head::Source(head)), to) => {
                    let record = SourceVersion {
                        id: crate::store::new_id(),
                        created_at: at.clone(),
                        by: stamp.by.clone(),
                        reason: promotion.reason.clone(),
                        promoted,
                        pie: env!("CARGO_PKG_VERSION").to_owned(),
                        ..SourceVersion::clone(&head.record)
                    };
                    let parent = match to {
                        Some(Head::Source(parent)) => Some(parent.clone()),
                        _ => None,
                    };
                    self.to.publish_source(&item.name, parent, record).await?.into_record().number
                }
                (None, _) => continue,
            };
            all.list[index].item.published = Some(published);
        }
        Ok(())
    }
}

fn failed(error: StoreError) -> Failed {
    Box::new(error.diagnostic())
}
