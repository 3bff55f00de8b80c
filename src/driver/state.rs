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
use crate::store::{Numbered, SliceHead, StoreError, ask_all};
use std::collections::{BTreeMap, BTreeSet, HashMap};
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
    marks: HashMap<RelationName, Key>,
}

/// Reads what planning the demanded slices (all, where `demanded` is `None`) takes.
pub(super) async fn look(
    project: &Project,
    session: &Session,
    demanded: Option<&BTreeSet<RelationName>>,
    extent: Extent,
) -> Result<Looked, StoreError> {
    let model = project.model.as_ref();
    let short = session.store.slice_heads().await?;
    let read = |name: RelationName| {
        let store = session.store.clone();
        async move { Ok((name.clone(), store.source_head(&name).await?)) }
    };
    let sources = ask_all(model.sources.keys().cloned().collect(), read).await?;
    let sources: BTreeMap<RelationName, Numbered<SourceVersion>> =
        sources.into_iter().filter_map(|(name, head)| Some((name, head?))).collect();
    let marks = if project.memo.is_on() { marks(model, &short, &sources) } else { HashMap::new() };
    let fresh = match extent {
        Extent::Needed => fresh(project, &marks, &short, &sources),
        Extent::Everything => BTreeMap::new(),
    };
    // Of what isn't known to be fresh, and of all that it reads, everything. What is no longer declared is dropped.
    let wanted = |name: &RelationName| demanded.is_none_or(|demanded| demanded.contains(name));
    let open = model.slices.values().filter(|slice| !fresh.contains_key(&slice.name) && wanted(&slice.name));
    let mut whole: BTreeSet<RelationName> =
        open.flat_map(|slice| inputs(model, slice).into_iter().chain([slice.name.clone()])).collect();
    let declared = |name: &RelationName| model.slices.get(name).is_some_and(|slice| !slice.is_virtual);
    whole.extend(short.keys().filter(|name| !declared(name)).cloned());
    let (heads, head_builds) = whole_heads(session, &short, &whole).await?;
    let mut state = StoreState {
        sources: sources.into_iter().map(|(name, head)| (name, head.record)).collect(),
        heads: heads.iter().map(|(name, head)| (name.clone(), head.record.clone())).collect(),
        head_builds: head_builds.into_iter().collect(),
        ..StoreState::default()
    };
    settle(&mut state);
    Ok(Looked { state, heads, short, fresh, marks })
}

type Heads = BTreeMap<RelationName, Numbered<CommitRecord>>;
type Builds = Vec<(RelationName, Arc<crate::manifest::BuildRecord>)>;

async fn whole_heads(
    session: &Session,
    short: &BTreeMap<RelationName, SliceHead>,
    whole: &BTreeSet<RelationName>,
) -> Result<(Heads, Builds), StoreError> {
    let read = |(name, head): (RelationName, SliceHead)| {
        let store = session.store.clone();
        async move { Ok(store.whole_head(&head).await?.map(|head| (name, head))) }
    };
    let asked = whole.iter().filter_map(|name| Some((name.clone(), short.get(name)?.clone())));
    let heads: Heads = ask_all(asked.collect(), read).await?.into_iter().flatten().collect();
    let read = |(name, reference): (RelationName, BuildReference)| {
        let store = session.store.clone();
        async move { Ok(store.build_of(&reference).await?.map(|record| (name, record))) }
    };
    let builds = heads.iter().filter_map(|(name, head)| Some((name.clone(), head.record.build.clone()?)));
    let builds = ask_all(builds.collect(), read).await?.into_iter().flatten().collect();
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
    let mut inputs = model.stored_inputs(&slice.reads);
    inputs.extend(slice.checks.iter().flat_map(|check| model.stored_inputs(&check.reads)));
    inputs.retain(|input| input != &slice.name);
    inputs
}

/// A digest of everything that decides whether a slice is fresh, for those of which it can be told without their records:
/// their own declaration with what is known of what they read, their head, and the heads of all that they read.
fn marks(
    model: &SemanticModel,
    short: &BTreeMap<RelationName, SliceHead>,
    sources: &BTreeMap<RelationName, Numbered<SourceVersion>>,
) -> HashMap<RelationName, Key> {
    let mut marks: HashMap<RelationName, Key> = HashMap::new();
    for slice in model.stored_slices() {
        let Some(head) = short.get(&slice.name) else { continue };
        let published = matches!(head.facts.kind, CommitKind::Publish | CommitKind::Relabel);
        let Some(identity) = slice.identity.filter(|_| published && head.is_served && !head.facts.stale) else {
            continue;
        };
        let of = |input: &RelationName| match (model.sources.get(input), sources.get(input)) {
            (Some(source), Some(version)) if source.valid && matches_declaration(source, &version.record) => {
                Some(version.blake3.as_str())
            }
            (Some(_), _) => None,
            // Of a slice that has no mark nothing is known without its record.
            (None, _) => short.get(input).filter(|_| marks.contains_key(input)).map(|head| head.facts.blake3.as_str()),
        };
        let inputs = inputs(model, slice);
        let known: Option<Vec<(String, &str)>> =
            inputs.iter().map(|input| Some((input.to_string(), of(input)?))).collect();
        let Some(known) = known.filter(|_| slice.valid) else { continue };
        let known = known.iter().flat_map(|(name, digest)| [name.as_bytes(), digest.as_bytes()]);
        let parts = [&identity[..], head.facts.blake3.as_bytes()].into_iter().chain(known);
        marks.insert(slice.name.clone(), memo::key("fresh", parts));
    }
    marks
}

fn fresh(
    project: &Project,
    marks: &HashMap<RelationName, Key>,
    short: &BTreeMap<RelationName, SliceHead>,
    sources: &BTreeMap<RelationName, Numbered<SourceVersion>>,
) -> BTreeMap<RelationName, u64> {
    let model = project.model.as_ref();
    let mut fresh: BTreeMap<RelationName, u64> = BTreeMap::new();
    for slice in model.stored_slices() {
        let known = marks.get(&slice.name).and_then(|mark| project.memo.get::<()>(mark));
        let inputs = inputs(model, slice);
        let all_fresh = |input: &RelationName| model.sources.contains_key(input) || fresh.contains_key(input);
        if known.is_some() && inputs.iter().all(all_fresh) {
            let bytes = |input: &RelationName| {
                let source = sources.get(input).map(|version| version.record.bytes);
                source.or_else(|| short.get(input).map(|head| head.facts.bytes)).unwrap_or(0)
            };
            let bytes = model.stored_inputs(&slice.reads).iter().map(bytes).sum();
            fresh.insert(slice.name.clone(), bytes);
        }
    }
    fresh
}

impl Looked {
    /// Keeps which slices were found fresh.
    pub fn remember(&self, project: &Project, changes: &ChangeSet) {
        let model = project.model.as_ref();
        let mut reused: BTreeSet<&RelationName> = BTreeSet::new();
        for change in changes.changes.iter().filter(|change| change.action == Action::Reuse) {
            let Some(slice) = model.slices.get(&change.name) else { continue };
            let known = |input: &RelationName| model.sources.contains_key(input) || reused.contains(input);
            if !inputs(model, slice).iter().all(known) {
                continue;
            }
            reused.insert(&change.name);
            if let Some(mark) = self.marks.get(&change.name).filter(|_| !self.fresh.contains_key(&change.name)) {
                project.memo.put(*mark, &());
            }
        }
    }
}
