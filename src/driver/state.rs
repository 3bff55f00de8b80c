//! What the store has, as far as a plan needs it.
//!
//! Most slices are as they were when somebody planned last: declaration, head, and heads of all that they read. That they
//! were found fresh then is a fact of the memo, under a **mark** of these, and nothing else is read of them. Of the others,
//! and of what they read, everything is.

use super::{Project, Session};
use crate::incremental::{Action, ChangeSet, StoreState, matches_declaration};
use crate::manifest::{BuildReference, CommitKind, CommitRecord, SourceVersion};
use crate::memo::{self, Key};
use crate::name::RelationName;
use crate::semantic::{SemanticModel, Slice};
use crate::store::{Numbered, SliceHead, Store, StoreError};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

/// How much of the store is read. Plans are the same.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Extent {
    /// Of slices that are known to be fresh, and that nothing else needs, only that they are there.
    Needed,
    Everything,
}

/// The store as a plan sees it.
pub(super) struct Looked {
    pub state: StoreState,
    /// Of the slices that are read as a whole.
    pub heads: BTreeMap<RelationName, Numbered<CommitRecord>>,
    /// Of all slices.
    pub short: BTreeMap<RelationName, SliceHead>,
    /// Slices that are known to be fresh, with the bytes of their inputs.
    pub fresh: BTreeMap<RelationName, u64>,
    marks: HashMap<RelationName, Mark>,
}

/// Of a slice of which it can be told without its record whether it is fresh.
struct Mark {
    /// A digest of everything that decides it: the slice's declaration with what is known of what it reads, its head, and the
    /// heads of all that it reads.
    key: Key,
    /// The slices that it reads, or its checks do.
    slices: Vec<RelationName>,
    input_bytes: u64,
}

/// Reads what planning the demanded slices (all, where `demanded` is `None`) takes.
pub(super) async fn look(
    project: &Project,
    session: &Session,
    demanded: Option<&BTreeSet<RelationName>>,
    extent: Extent,
) -> Result<Looked, StoreError> {
    let model = project.model.as_ref();
    let short = session.slice_heads().await?;
    let read = |store: Store, name: RelationName| async move {
        match store.source_head(&name).await {
            // What reads this source waits; the rest goes on.
            Err(StoreError::Corrupt { .. }) => Ok((name, None, true)),
            head => Ok((name, head?, false)),
        }
    };
    let found = session.store.ask_all(model.sources.keys().cloned().collect(), read).await?;
    let mut damaged: BTreeSet<RelationName> =
        found.iter().filter(|(.., damaged)| *damaged).map(|(name, ..)| name.clone()).collect();
    damaged.extend(short.iter().filter(|(_, head)| head.is_damaged()).map(|(name, _)| name.clone()));
    let sources: BTreeMap<RelationName, Numbered<SourceVersion>> =
        found.into_iter().filter_map(|(name, head, _)| Some((name, head?))).collect();
    let marks = if project.memo.is_on() { marks(model, &short, &sources) } else { HashMap::new() };
    let fresh = match extent {
        Extent::Needed => fresh(project, &marks),
        Extent::Everything => BTreeMap::new(),
    };
    // Of what isn't known to be fresh, and of all that it reads, everything. What is no longer declared is dropped.
    let wanted = |name: &RelationName| demanded.is_none_or(|demanded| demanded.contains(name));
    let open = model.stored_slices().filter(|slice| !fresh.contains_key(&slice.name) && wanted(&slice.name));
    let mut whole: BTreeSet<RelationName> =
        open.flat_map(|slice| inputs(model, slice).into_iter().chain([slice.name.clone()])).collect();
    let declared = |name: &RelationName| model.slices.get(name).is_some_and(|slice| !slice.is_virtual);
    whole.extend(short.keys().filter(|name| !declared(name)).cloned());
    let (heads, head_builds) = whole_heads(session, &short, &whole).await?;
    damaged.extend(head_builds.iter().filter(|(_, build)| build.is_none()).map(|(name, _)| name.clone()));
    let mut state = StoreState {
        sources: sources.into_iter().map(|(name, head)| (name, head.record)).collect(),
        heads: heads.iter().map(|(name, head)| (name.clone(), head.record.clone())).collect(),
        head_builds: head_builds.into_iter().filter_map(|(name, build)| Some((name, build?))).collect(),
        damaged,
        ..StoreState::default()
    };
    let now = session.stamp.now;
    let held = heads.iter().filter(|(_, head)| super::hold::is_held(&head.record, now));
    state.held = held.map(|(name, _)| name.clone()).collect();
    settle(&mut state);
    Ok(Looked { state, heads, short, fresh, marks })
}

type Heads = BTreeMap<RelationName, Numbered<CommitRecord>>;
type Builds = Vec<(RelationName, Option<Arc<crate::manifest::BuildRecord>>)>;

async fn whole_heads(
    session: &Session,
    short: &BTreeMap<RelationName, SliceHead>,
    whole: &BTreeSet<RelationName>,
) -> Result<(Heads, Builds), StoreError> {
    let read = |store: Store, (name, head): (RelationName, SliceHead)| async move {
        Ok(store.whole_head(&head).await?.map(|head| (name, head)))
    };
    let asked = whole.iter().filter_map(|name| Some((name.clone(), short.get(name)?.clone())));
    let heads: Heads = session.store.ask_all(asked.collect(), read).await?.into_iter().flatten().collect();
    let read = |store: Store, (name, head, reference): (RelationName, SliceHead, BuildReference)| async move {
        match store.build_of_head(&head, &reference).await {
            // A build whose record is damaged can't be served: it is made again, like one that is gone.
            Err(StoreError::Corrupt { .. }) => Ok((name, None)),
            build => Ok((name, build?)),
        }
    };
    let builds = heads
        .iter()
        .filter_map(|(name, head)| Some((name.clone(), short.get(name)?.clone(), head.record.build.clone()?)));
    let builds = session.store.ask_all(builds.collect(), read).await?;
    Ok((heads, builds))
}

/// Makes heads and builds fit each other.
fn settle(state: &mut StoreState) {
    // A build may have been made for other names, or by another slice: what counts is what it was published for.
    for (name, record) in &mut state.head_builds {
        let Some(head) = state.heads.get(name) else { continue };
        if record.inputs != head.inputs {
            Arc::make_mut(record).inputs.clone_from(&head.inputs);
        }
        if let Some(preimage) = head.preimage.as_ref().filter(|preimage| **preimage != record.preimage) {
            Arc::make_mut(record).preimage = preimage.clone();
        }
    }
    // A head whose build is gone can't be served or compared: it is built again.
    let builds = &state.head_builds;
    state.heads.retain(|name, head| head.build.is_none() || builds.contains_key(name));
}

/// All that a slice and its checks read, virtual slices replaced by what they read.
fn inputs(model: &SemanticModel, slice: &Slice) -> Vec<RelationName> {
    model.stored_inputs(&slice.reads).into_iter().chain(read_by_checks(model, slice)).collect()
}

fn read_by_checks<'a>(model: &'a SemanticModel, slice: &'a Slice) -> impl Iterator<Item = RelationName> + 'a {
    let read = slice.checks.iter().flat_map(|check| model.stored_inputs(&check.reads));
    read.filter(|input| input != &slice.name)
}

fn marks(
    model: &SemanticModel,
    short: &BTreeMap<RelationName, SliceHead>,
    sources: &BTreeMap<RelationName, Numbered<SourceVersion>>,
) -> HashMap<RelationName, Mark> {
    let mut marks: HashMap<RelationName, Mark> = HashMap::new();
    for slice in model.stored_slices() {
        if let Some(mark) = mark(model, slice, short, sources, &marks) {
            marks.insert(slice.name.clone(), mark);
        }
    }
    marks
}

fn mark(
    model: &SemanticModel,
    slice: &Slice,
    short: &BTreeMap<RelationName, SliceHead>,
    sources: &BTreeMap<RelationName, Numbered<SourceVersion>>,
    before: &HashMap<RelationName, Mark>,
) -> Option<Mark> {
    let head = short.get(&slice.name)?;
    let published = matches!(head.facts.kind, CommitKind::Publish | CommitKind::Relabel | CommitKind::Release);
    let is_whole = published && head.is_served && !head.facts.stale && !head.is_damaged();
    let identity = slice.identity.filter(|_| slice.valid && is_whole)?;
    let mut parts: Vec<Vec<u8>> = vec![identity.to_vec(), head.facts.blake3.clone().into_bytes()];
    let mut slices = Vec::new();
    let read = model.stored_inputs(&slice.reads);
    let (own, mut input_bytes) = (read.len(), 0);
    for (place, input) in read.into_iter().chain(read_by_checks(model, slice)).enumerate() {
        let (digest, bytes) = match (model.sources.get(&input), sources.get(&input)) {
            (Some(source), Some(version)) if source.valid && matches_declaration(source, &version.record) => {
                (&version.blake3, version.record.bytes)
            }
            (Some(_), _) => return None,
            // Of a slice that has no mark nothing is known without its record.
            (None, _) if !before.contains_key(&input) => return None,
            (None, _) => {
                let head = short.get(&input)?;
                (&head.facts.blake3, head.facts.bytes)
            }
        };
        // What the query reads stands before what only checks read.
        input_bytes += if place < own { bytes } else { 0 };
        parts.extend([input.to_string().into_bytes(), digest.clone().into_bytes()]);
        if !model.sources.contains_key(&input) {
            slices.push(input);
        }
    }
    Some(Mark { key: memo::key("fresh", parts.iter().map(Vec::as_slice)), slices, input_bytes })
}

fn fresh(project: &Project, marks: &HashMap<RelationName, Mark>) -> BTreeMap<RelationName, u64> {
    let mut fresh: BTreeMap<RelationName, u64> = BTreeMap::new();
    for slice in project.model.stored_slices() {
        let Some(mark) = marks.get(&slice.name) else { continue };
        if mark.slices.iter().all(|input| fresh.contains_key(input)) && project.memo.get::<()>(&mark.key).is_some() {
            fresh.insert(slice.name.clone(), mark.input_bytes);
        }
    }
    fresh
}

impl Looked {
    /// Keeps which slices were found fresh.
    pub fn remember(&self, project: &Project, changes: &ChangeSet) {
        let mut reused: HashSet<&RelationName> = HashSet::new();
        for change in changes.changes.iter().filter(|change| change.action == Action::Reuse) {
            let Some(mark) = self.marks.get(&change.name) else { continue };
            if mark.slices.iter().all(|input| reused.contains(input)) {
                reused.insert(&change.name);
                if !self.fresh.contains_key(&change.name) {
                    project.memo.put(mark.key, &());
                }
            }
        }
    }
}
