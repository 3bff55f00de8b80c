//! A build plan → why: from each slice's reasons down to the places in the text and the raw files that they come from.
//!
//! ```text
//!   payments.volume_trend             maybe
//!     it reads payments.daily_volume  at `from daily_volume`
//!       its reasons                   at `sum(amount * 2)`, or of the source `payments.transfers`:
//!                                     columns, partitions, files that are new, gone or changed
//! ```
//!
//! A slice is explained once; where it comes up again, the explanation refers to that. A fresh slice has no causes: what
//! it stands on is told instead.

use super::{BuildPlan, SlicePlan};
use crate::algebra::{Meaning, Meanings, Reads};
use crate::incremental::{Action, Reason, ReasonKind, StoreState, affected, few, listed};
use crate::manifest::{BuildRecord, Digests, SourceVersion};
use crate::name::RelationName;
use crate::semantic::{SemanticModel, Slice};
use crate::sql::ENGINE_VERSION;
use std::collections::{BTreeMap, BTreeSet};

/// Why slices are planned as they are, in the order of the plan.
#[derive(Clone, PartialEq, Default, Debug)]
pub struct Explanation {
    pub slices: Vec<SliceExplanation>,
}

#[derive(Clone, PartialEq, Debug)]
pub struct SliceExplanation {
    pub name: RelationName,
    pub action: Action,
    pub blocked: bool,
    /// The version that readers see now.
    pub version: Option<u64>,
    /// What is served without running anything, as sentences.
    pub notes: Vec<String>,
    /// What a fresh slice reads.
    pub reads: Vec<InputUse>,
    /// One for each reason.
    pub causes: Vec<Cause>,
}

/// An input and what is used of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct InputUse {
    pub name: RelationName,
    /// The version that is frozen or published now.
    pub version: Option<u64>,
    /// In the input's order; without any it is read for how many rows it has.
    pub columns: Vec<String>,
    /// Nothing is planned for it.
    pub settled: bool,
}

/// A reason and where it comes from.
#[derive(Clone, PartialEq, Debug)]
pub struct Cause {
    pub reason: Reason,
    /// Columns of the slice that may have other values because of it, as closely as they are known.
    pub affects: Vec<String>,
    /// These are all columns of the slice.
    pub affects_all: bool,
    /// What else is known, as sentences.
    pub notes: Vec<String>,
    /// The versions of the input that the last build read and that is there now.
    pub versions: Option<(u64, u64)>,
    /// Raw files of the input that differ between these versions, by path.
    pub files: Vec<FileChange>,
    /// What is planned for the input.
    pub input: Option<InputPlan>,
}

/// What is planned for an input, and why.
#[derive(Clone, PartialEq, Debug)]
pub struct InputPlan {
    pub action: Action,
    pub blocked: bool,
    /// Where its causes are told, if not here.
    pub elsewhere: Option<Elsewhere>,
    pub causes: Vec<Cause>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Elsewhere {
    Above,
    /// Too far down: by an explanation of that input.
    Deeper,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FileChange {
    /// As it was recorded: relative to the sources' root, or the whole URL.
    pub path: String,
    pub kind: FileChangeKind,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FileChangeKind {
    New,
    Gone,
    Changed,
}

impl FileChangeKind {
    pub fn as_str(self) -> &'static str {
        match self {
            FileChangeKind::New => "new",
            FileChangeKind::Gone => "gone",
            FileChangeKind::Changed => "changed",
        }
    }
}

/// So many inputs deep the causes of one slice are followed.
const MAX_DEPTH: usize = 12;

/// Explains the given slices, or all that aren't fresh.
pub fn explain(
    plan: &BuildPlan,
    model: &SemanticModel,
    meanings: &Meanings,
    state: &StoreState,
    slices: Option<&BTreeSet<RelationName>>,
) -> Explanation {
    let planned = plan.slices.iter().map(|slice| (slice.name(), slice)).collect();
    let (differing, told) = (BTreeMap::new(), BTreeSet::new());
    let mut explainer = Explainer { planned, model, meanings, state, differing, told };
    // What is read stands before its readers in a plan.
    for slice in &plan.slices {
        let columns = explainer.may_differ(slice);
        explainer.differing.insert(slice.name(), columns);
    }
    let asked = |slice: &&SlicePlan| match slices {
        Some(names) => names.contains(slice.name()),
        None => slice.action() != Action::Reuse,
    };
    Explanation { slices: plan.slices.iter().filter(asked).map(|slice| explainer.slice(slice)).collect() }
}

struct Explainer<'a> {
    planned: BTreeMap<&'a RelationName, &'a SlicePlan>,
    model: &'a SemanticModel,
    meanings: &'a Meanings,
    state: &'a StoreState,
    /// The columns of a slice that may differ while its rows stay the same ones; `None` where that isn't known.
    differing: BTreeMap<&'a RelationName, Option<BTreeSet<String>>>,
    /// Slices whose causes were told.
    told: BTreeSet<&'a RelationName>,
}

impl<'a> Explainer<'a> {
    fn slice(&mut self, plan: &'a SlicePlan) -> SliceExplanation {
        let name = plan.name();
        self.told.insert(name);
        let reads = if plan.action() == Action::Reuse { self.reads(name) } else { Vec::new() };
        SliceExplanation {
            name: name.clone(),
            action: plan.action(),
            blocked: plan.is_blocked(),
            version: self.version(name),
            notes: self.served(plan, &reads),
            reads,
            causes: plan.change.reasons.iter().map(|reason| self.cause(plan, reason, 0)).collect(),
        }
    }

    /// What is served of a slice whose query doesn't run.
    fn served(&self, plan: &SlicePlan, reads: &[InputUse]) -> Vec<String> {
        let (Some(served), version) = (&plan.change.serve, self.version(plan.name())) else { return Vec::new() };
        let head = self.state.heads.get(plan.name());
        let same = head.and_then(|head| head.build.as_ref()).is_some_and(|build| build.id == served.reference.id);
        let rows = match served.record.rows {
            1 => "1 row".to_owned(),
            rows => format!("{rows} rows"),
        };
        let mut notes = Vec::new();
        match (plan.action(), version) {
            (Action::Reuse, Some(version)) => {
                notes.push(format!("its keys are those of version {version}: nothing needs to run"));
                if served.over_sources && reads.iter().any(|read| !read.settled) {
                    let message = "written out down to frozen sources, its query gives these rows whatever becomes of \
                                   its inputs";
                    notes.push(message.to_owned());
                }
                let stale = head.into_iter().flat_map(|head| &head.stale_inputs);
                notes.extend(stale.map(|stale| {
                    format!("it was built on version {} of `{}`, the last good one", stale.version, stale.name)
                }));
            }
            (Action::Relabel, Some(version)) if same => {
                notes.push(format!("the data of version {version} stays as it is ({rows}), under a new record"));
            }
            (Action::Relabel, _) => {
                let (slice, id, at) = (&served.reference.slice, &served.reference.id, &served.record.created_at);
                notes.push(format!("the data is build {id} of `{slice}` ({rows}), made at {at}"));
            }
            (Action::Reuse, None) | (Action::Build | Action::Maybe | Action::Drop | Action::Held, _) => {}
        }
        notes
    }

    fn reads(&self, name: &RelationName) -> Vec<InputUse> {
        let reads = self.meanings.inputs(name).map(Meaning::reads).unwrap_or_default();
        let read = |(name, used): (RelationName, BTreeSet<String>)| {
            let columns = self.model.columns(&name).unwrap_or_default().iter().map(|column| &column.name);
            InputUse {
                version: self.version(&name),
                columns: columns.filter(|column| used.contains(*column)).cloned().collect(),
                settled: self.planned.get(&name).is_none_or(|plan| plan.action() == Action::Reuse),
                name,
            }
        };
        reads.into_iter().map(read).collect()
    }

    /// The version of a source or slice that is frozen or published now.
    fn version(&self, name: &RelationName) -> Option<u64> {
        let source = self.state.sources.get(name).map(|source| source.version);
        let head = || self.state.heads.get(name).filter(|head| head.build.is_some()).map(|head| head.version);
        source.or_else(head)
    }

    fn cause(&mut self, plan: &SlicePlan, reason: &Reason, depth: usize) -> Cause {
        let name = plan.name();
        let mut cause = Cause {
            reason: reason.clone(),
            affects: reason.affects.clone(),
            affects_all: false,
            notes: Vec::new(),
            versions: None,
            files: Vec::new(),
            input: None,
        };
        match (reason.kind, &reason.of) {
            (ReasonKind::QueryChanged, _) => cause.notes = self.other_reads(name, &reason.columns),
            (ReasonKind::InputData, Some(input)) => {
                cause.input = self.input(input, depth);
                if cause.input.is_none() {
                    cause.versions = self.versions(name, input);
                    cause.files = self.files(name, input);
                }
            }
            (ReasonKind::InputPending, Some(input)) => {
                cause.affects = self.affects(name, input).unwrap_or(cause.affects);
                cause.input = self.input(input, depth);
            }
            (ReasonKind::InputMissing, Some(input)) => cause.input = self.input(input, depth),
            (ReasonKind::InputData | ReasonKind::InputPending | ReasonKind::InputMissing, None)
            | (
                ReasonKind::New
                | ReasonKind::SchemaChanged
                | ReasonKind::LayoutChanged
                | ReasonKind::EngineChanged
                | ReasonKind::InputAdded
                | ReasonKind::InputRemoved
                | ReasonKind::ColumnsRelabelled
                | ReasonKind::PromisesChanged
                | ReasonKind::BuiltBefore
                | ReasonKind::Dropped
                | ReasonKind::Held
                | ReasonKind::Invalid,
                _,
            ) => {}
        }
        let columns = self.model.columns(name).unwrap_or_default().len();
        cause.affects_all = columns > 0 && cause.affects.len() == columns;
        cause
    }

    /// What is planned for an input, if anything is.
    fn input(&mut self, name: &RelationName, depth: usize) -> Option<InputPlan> {
        let plan = *self.planned.get(name)?;
        if plan.action() == Action::Reuse {
            return None;
        }
        let elsewhere = match () {
            () if self.told.contains(name) => Some(Elsewhere::Above),
            () if depth >= MAX_DEPTH => Some(Elsewhere::Deeper),
            () => None,
        };
        let mut causes = Vec::new();
        if elsewhere.is_none() {
            self.told.insert(plan.name());
            causes.extend(plan.change.reasons.iter().map(|reason| self.cause(plan, reason, depth + 1)));
        }
        Some(InputPlan { action: plan.action(), blocked: plan.is_blocked(), elsewhere, causes })
    }

    /// The columns of a slice that may differ, if its rows stay the same ones.
    fn may_differ(&self, plan: &SlicePlan) -> Option<BTreeSet<String>> {
        let mut differing = BTreeSet::new();
        for reason in &plan.change.reasons {
            match (reason.kind, &reason.of) {
                (ReasonKind::InputPending, Some(input)) => {
                    let affected = self.affects(plan.name(), input);
                    differing.extend(affected.unwrap_or_else(|| reason.affects.clone()));
                }
                (
                    ReasonKind::QueryChanged
                    | ReasonKind::SchemaChanged
                    | ReasonKind::InputData
                    | ReasonKind::InputPending,
                    _,
                ) => differing.extend(reason.affects.iter().cloned()),
                (
                    ReasonKind::New
                    | ReasonKind::LayoutChanged
                    | ReasonKind::EngineChanged
                    | ReasonKind::InputAdded
                    | ReasonKind::InputRemoved
                    | ReasonKind::ColumnsRelabelled
                    | ReasonKind::PromisesChanged
                    | ReasonKind::BuiltBefore
                    | ReasonKind::Dropped
                    | ReasonKind::Held
                    | ReasonKind::InputMissing
                    | ReasonKind::Invalid,
                    _,
                ) => return None,
            }
        }
        // Another engine may change anything, whatever else is told. Where rows come or go, all columns differ.
        let build = self.state.head_builds.get(plan.name())?;
        let columns = self.model.columns(plan.name())?.len();
        let known = build.preimage.engine == ENGINE_VERSION && !differing.is_empty() && differing.len() < columns;
        known.then_some(differing)
    }

    /// The columns of a slice that use what may differ of an input; `None` where that isn't known by column.
    fn affects(&self, name: &RelationName, input: &RelationName) -> Option<Vec<String>> {
        let (slice, meaning) = (self.model.slices.get(name)?, self.meanings.inputs(name)?);
        let differing = self.differing.get(input)?.as_ref()?;
        let affected = affected(slice, meaning, input, differing, false);
        let names = slice.columns.iter().map(|column| &column.name);
        Some(names.filter(|name| affected.contains(*name)).cloned().collect())
    }

    /// What a query depends on now and didn't when its slice was built, and the other way round.
    fn other_reads(&self, name: &RelationName, columns: &[String]) -> Vec<String> {
        let known = (self.model.slices.get(name), self.meanings.inputs(name), self.state.head_builds.get(name));
        let (Some(slice), Some(meaning), Some(build)) = known else { return Vec::new() };
        if meaning.row != build.preimage.row {
            return depends(("its rows", "depend"), &build.preimage.inputs, &meaning.row_reads);
        }
        let mut notes = Vec::new();
        for (column, meaning) in slice.columns.iter().zip(&meaning.columns) {
            let before = self.column_before(slice, build, &column.name).filter(|_| columns.contains(&column.name));
            let Some(before) = before else { continue };
            let subject = format!("`{}`", column.name);
            notes.extend(depends((subject.as_str(), "depends"), before, &meaning.reads));
        }
        notes
    }

    /// What a published column was made of.
    fn column_before<'b>(
        &self,
        slice: &Slice,
        build: &'b BuildRecord,
        column: &str,
    ) -> Option<&'b BTreeMap<String, Digests>> {
        let head = self.state.heads.get(&slice.name)?;
        let label = head.columns.iter().find(|label| label.name == column)?;
        // What a head was published for is told by the names that it shows, what a build was made for by its own.
        let name = if head.preimage.is_some() { &label.name } else { &label.stored };
        let before = build.preimage.columns.iter().find(|before| &before.name == name)?;
        Some(&before.inputs)
    }

    /// The version of an input that the published build read, and the one that is there now.
    fn versions(&self, name: &RelationName, input: &RelationName) -> Option<(u64, u64)> {
        let inputs = &self.state.head_builds.get(name)?.inputs;
        let read = inputs.iter().find(|record| record.name == input.to_string())?;
        self.version(input).filter(|now| *now != read.version).map(|now| (read.version, now))
    }

    fn files(&self, name: &RelationName, input: &RelationName) -> Vec<FileChange> {
        let versions = self.versions(name, input);
        let old = versions.and_then(|(read, _)| self.state.old_sources.get(&(input.clone(), read))?.as_ref());
        match (old, self.state.sources.get(input)) {
            (Some(old), Some(new)) => changed_files(old, new),
            (None, _) | (_, None) => Vec::new(),
        }
    }
}

/// Sentences about what is used of which relation. `what` is a subject and its verb.
fn depends((subject, verb): (&str, &str), before: &BTreeMap<String, Digests>, now: &Reads) -> Vec<String> {
    let before: BTreeMap<String, BTreeSet<String>> =
        before.iter().map(|(name, digests)| (name.clone(), digests.columns.keys().cloned().collect())).collect();
    let now: BTreeMap<String, BTreeSet<String>> =
        now.iter().map(|(name, columns)| (name.to_string(), columns.clone())).collect();
    let (more, less) = (beyond(&now, &before), beyond(&before, &now));
    let more = (!more.is_empty()).then(|| format!("{subject} {verb} on {} now", few(&more)));
    let less = (!less.is_empty()).then(|| format!("{subject} no longer {verb} on {}", few(&less)));
    more.into_iter().chain(less).collect()
}

/// What one has beyond the other: whole relations, or some columns of one.
fn beyond(one: &BTreeMap<String, BTreeSet<String>>, other: &BTreeMap<String, BTreeSet<String>>) -> Vec<String> {
    let mut found = Vec::new();
    for (name, columns) in one {
        let Some(others) = other.get(name) else {
            found.push(format!("`{name}`"));
            continue;
        };
        let columns: Vec<String> = columns.difference(others).cloned().collect();
        if !columns.is_empty() {
            found.push(format!("{} of `{name}`", listed(&columns)));
        }
    }
    found
}

fn changed_files(old: &SourceVersion, new: &SourceVersion) -> Vec<FileChange> {
    let (old, new) = (digests(old), digests(new));
    let paths: BTreeSet<&str> = old.keys().chain(new.keys()).copied().collect();
    let change = |path: &str| {
        let kind = match (old.get(path), new.get(path)) {
            (None, _) => FileChangeKind::New,
            (_, None) => FileChangeKind::Gone,
            (Some(old), Some(new)) if old != new => FileChangeKind::Changed,
            (Some(_), Some(_)) => return None,
        };
        Some(FileChange { path: path.to_owned(), kind })
    };
    paths.into_iter().filter_map(change).collect()
}

/// The digest of each raw file by its path.
fn digests(version: &SourceVersion) -> BTreeMap<&str, &str> {
    version.files.iter().map(|file| (file.path.as_str(), file.blake3.as_str())).collect()
}
