//! Model + store state → what each slice needs and why. A pure function: what it must know of the store and doesn't is
//! asked for, and it is called again.
//!
//! A build is found by its **key**: a digest of the engine's version, the query's normalised text (virtual inputs and the
//! meaning of its names included), the result's schema, the stored order, and the *content* of each input. A slice whose
//! head has the right key is fresh; a key that was built before needs only a new record; anything else runs. Since keys
//! hold content, not versions or times, an input that was rebuilt to the same rows stops the wave right there.
//!
//! | enters the key | doesn't |
//! |---|---|
//! | tokens of the query, lower case outside quotes | blanks, comments, file, place in the file |
//! | tokens of virtual slices it reads, however deep | owner, docs, visibility |
//! | what each name in the query stands for | names and order of other declarations |
//! | content digest and schema of each stored input | versions, paths and times of inputs |
//! | result's columns, types, nullability | `key`, `check`, `stale for at most`: verified, not built |
//! | `sort by`; engine version | number of jobs, memory, batch size |

mod key;
mod reason;

pub use key::{InputContent, preimage, schema_digest, verified_digest};
pub use reason::{Reason, ReasonKind};

use crate::manifest::{BuildReference, CommitKind, CommitRecord, KeyPreimage, SourceVersion};
use crate::name::RelationName;
use crate::semantic::{SemanticModel, Slice};
use std::collections::{BTreeMap, BTreeSet};

/// What must be done for a slice.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Action {
    /// Must run.
    Build,
    /// Runs only if an input that is still to be built turns out to differ.
    Maybe,
    /// A new record over data that is there.
    Relabel,
    Reuse,
    /// No longer declared.
    Drop,
    /// Serves its last good version until released.
    Held,
}

impl Action {
    pub fn as_str(self) -> &'static str {
        match self {
            Action::Build => "build",
            Action::Maybe => "maybe",
            Action::Relabel => "relabel",
            Action::Reuse => "reuse",
            Action::Drop => "drop",
            Action::Held => "held",
        }
    }
}

/// What is known of the store.
#[derive(Clone, Default, Debug)]
pub struct StoreState {
    pub sources: BTreeMap<RelationName, SourceVersion>,
    pub heads: BTreeMap<RelationName, CommitRecord>,
    /// Builds of heads, by slice.
    pub head_builds: BTreeMap<RelationName, crate::manifest::BuildRecord>,
    /// Answers to [`Wanted::Build`].
    pub builds: BTreeMap<(RelationName, String), Option<FoundBuild>>,
    /// Answers to [`Wanted::SourceVersion`].
    pub old_sources: BTreeMap<(RelationName, u64), Option<SourceVersion>>,
}

/// A build that was found by its key.
#[derive(Clone, PartialEq, Debug)]
pub struct FoundBuild {
    pub reference: BuildReference,
    pub content: String,
    pub rows: u64,
    pub bytes: u64,
}

/// Something that must be looked up before the changes are known.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Wanted {
    Build(RelationName, String),
    SourceVersion(RelationName, u64),
}

/// What one slice needs.
#[derive(Clone, PartialEq, Debug)]
pub struct Change {
    pub name: RelationName,
    pub action: Action,
    pub reasons: Vec<Reason>,
    /// Bytes of its stored inputs.
    pub input_bytes: u64,
    /// A problem of an input that keeps the slice from being built.
    pub blocked: Option<Blocked>,
}

/// Why a slice can't be built now.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Blocked {
    /// A source was never frozen.
    NotFrozen(RelationName),
    /// A source's declaration changed since it was frozen.
    DeclarationChanged(RelationName),
    /// The slice itself, or one that it reads, is in error.
    Invalid,
}

/// All changes, in dependency order, then by name; dropped slices last.
#[derive(Clone, PartialEq, Default, Debug)]
pub struct ChangeSet {
    pub changes: Vec<Change>,
}

/// What is known of an input's rows before anything runs.
enum Known {
    Content(InputContent),
    /// Will be built, or may be.
    Pending,
    /// There is nothing to read.
    Nothing,
}

/// Works out the changes of the demanded slices (all, where `demanded` is `None`) or says what must be looked up first.
/// Linear in slices and reads.
pub fn changes(
    model: &SemanticModel,
    state: &StoreState,
    demanded: Option<&BTreeSet<RelationName>>,
) -> Result<ChangeSet, Vec<Wanted>> {
    let mut wanted = BTreeSet::new();
    let mut known: BTreeMap<RelationName, Known> = BTreeMap::new();
    let mut set = ChangeSet::default();
    for name in model.graph.order() {
        if let Some(source) = model.sources.get(name) {
            let content = state.sources.get(name).filter(|version| key::matches_declaration(source, version));
            known.insert(
                name.clone(),
                content.map_or(Known::Nothing, |version| Known::Content(InputContent::of_source(version))),
            );
        }
        let Some(slice) = model.slices.get(name).filter(|slice| !slice.is_virtual) else { continue };
        let (change, after) = change(model, slice, state, &known, &mut wanted);
        known.insert(name.clone(), after);
        if demanded.is_none_or(|demanded| demanded.contains(name)) {
            set.changes.push(change);
        }
    }
    if !wanted.is_empty() {
        return Err(wanted.into_iter().collect());
    }
    if demanded.is_none() {
        set.changes.extend(drops(model, state));
    }
    Ok(set)
}

fn change(
    model: &SemanticModel,
    slice: &Slice,
    state: &StoreState,
    known: &BTreeMap<RelationName, Known>,
    wanted: &mut BTreeSet<Wanted>,
) -> (Change, Known) {
    let name = &slice.name;
    let inputs = model.stored_inputs(&slice.reads);
    let head = state.heads.get(name).filter(|head| head.build.is_some());
    let input_bytes = inputs.iter().map(|input| bytes_of(input, state)).sum();
    let new = |action: Action, reasons: Vec<Reason>| Change {
        name: name.clone(),
        action,
        reasons,
        input_bytes,
        blocked: None,
    };
    // Readers of something blocked or held read what its head has.
    let last_good = || match head {
        Some(head) => Known::Content(InputContent::of_commit(head, &slice.columns)),
        None => Known::Nothing,
    };
    if head.is_some_and(|head| head.kind == CommitKind::Hold) {
        return (
            new(Action::Held, vec![Reason::new(ReasonKind::Held, None, format!("`{name}` is held"))]),
            last_good(),
        );
    }
    if let Some(blocked) = blocked(model, slice, state, &inputs) {
        let action = Action::Build;
        let reason = reason::of_blocked(&blocked);
        return (Change { blocked: Some(blocked), ..new(action, vec![reason]) }, last_good());
    }
    let mut contents = BTreeMap::new();
    let mut pending = Vec::new();
    for input in &inputs {
        match known.get(input) {
            Some(Known::Content(content)) => {
                contents.insert(input.clone(), content.clone());
            }
            Some(Known::Pending | Known::Nothing) | None => pending.push(input.clone()),
        }
    }
    let mine = key::preimage(model, slice, &contents);
    let old = state.head_builds.get(name).map(|build| &build.preimage);
    let own = old.map(|old| reason::own_changes(old, &mine)).unwrap_or_default();
    let Some(head) = head else {
        let message = format!("`{name}` was never built");
        return (new(Action::Build, vec![Reason::new(ReasonKind::New, None, message)]), Known::Pending);
    };
    let input_changes =
        old.map_or_else(Vec::new, |old| reason::input_changes(name, old, &mine, &pending, state, wanted));
    if !pending.is_empty() {
        let mut reasons = own.clone();
        reasons.extend(input_changes.iter().cloned());
        let must = !reasons.is_empty();
        reasons.extend(pending.iter().map(reason::of_pending));
        return (new(if must { Action::Build } else { Action::Maybe }, reasons), Known::Pending);
    }
    let key = mine.key();
    let verified = verified(model, slice, known);
    let head_key = head.build.as_ref().map(|build| build.key.as_str());
    if head_key == Some(key.as_str()) {
        if verified.as_deref().is_none_or(|verified| verified == head.verified) {
            return (new(Action::Reuse, Vec::new()), last_good());
        }
        let message = "its keys, checks or what they read changed: the rows are verified again, not rebuilt".to_owned();
        return (new(Action::Relabel, vec![Reason::new(ReasonKind::PromisesChanged, None, message)]), last_good());
    }
    let mut reasons = own;
    reasons.extend(input_changes);
    match state.builds.get(&(name.clone(), key.clone())) {
        None => {
            wanted.insert(Wanted::Build(name.clone(), key));
            (new(Action::Build, reasons), Known::Pending)
        }
        Some(Some(found)) => {
            let message = "exactly this was built before: its rows are published again, nothing runs".to_owned();
            reasons.insert(0, Reason::new(ReasonKind::BuiltBefore, None, message));
            let content = InputContent::new(&found.content, &schema_digest(&slice.columns), found.bytes);
            (new(Action::Relabel, reasons), Known::Content(content))
        }
        Some(None) => {
            if reasons.is_empty() {
                reasons.push(Reason::new(ReasonKind::InputData, None, "an input changed".to_owned()));
            }
            (new(Action::Build, reasons), Known::Pending)
        }
    }
}

fn blocked(model: &SemanticModel, slice: &Slice, state: &StoreState, inputs: &[RelationName]) -> Option<Blocked> {
    if !slice.valid {
        return Some(Blocked::Invalid);
    }
    let checks = slice.checks.iter().flat_map(|check| model.stored_inputs(&check.reads));
    for input in inputs.iter().cloned().chain(checks) {
        let Some(source) = model.sources.get(&input) else { continue };
        match state.sources.get(&input) {
            None => return Some(Blocked::NotFrozen(input)),
            Some(version) if !key::matches_declaration(source, version) => {
                return Some(Blocked::DeclarationChanged(input));
            }
            Some(_) => {}
        }
    }
    None
}

/// The digest of what the rows must be verified against; `None` while something that a check reads isn't known yet.
fn verified(model: &SemanticModel, slice: &Slice, known: &BTreeMap<RelationName, Known>) -> Option<String> {
    let mut contents = BTreeMap::new();
    for check in &slice.checks {
        for input in model.stored_inputs(&check.reads) {
            match known.get(&input) {
                Some(Known::Content(content)) => {
                    contents.insert(input, content.clone());
                }
                // Its own rows are what is verified.
                None if input == slice.name => {}
                Some(Known::Pending | Known::Nothing) | None => return None,
            }
        }
    }
    Some(key::verified_digest(model, slice, &contents))
}

fn bytes_of(input: &RelationName, state: &StoreState) -> u64 {
    let source = state.sources.get(input).map(|version| version.bytes);
    source.or_else(|| state.heads.get(input).map(|head| head.bytes)).unwrap_or(0)
}

fn drops<'a>(model: &'a SemanticModel, state: &'a StoreState) -> impl Iterator<Item = Change> + 'a {
    let declared = |name: &RelationName| {
        model.declarations.relations.contains_key(name) && !model.slices.get(name).is_some_and(|slice| slice.is_virtual)
    };
    let gone = state.heads.iter().filter(move |(name, head)| head.build.is_some() && !declared(name));
    gone.map(|(name, head)| {
        let (kind, message) = (ReasonKind::Dropped, format!("`{name}` is no longer declared"));
        let _ = head;
        Change {
            name: name.clone(),
            action: Action::Drop,
            reasons: vec![Reason::new(kind, None, message)],
            input_bytes: 0,
            blocked: None,
        }
    })
}

impl ChangeSet {
    pub fn get(&self, name: &RelationName) -> Option<&Change> {
        self.changes.iter().find(|change| &change.name == name)
    }
}

/// What decides a slice's key, for explanations.
pub fn preimage_of(
    model: &SemanticModel,
    slice: &Slice,
    contents: &BTreeMap<RelationName, InputContent>,
) -> KeyPreimage {
    key::preimage(model, slice, contents)
}
