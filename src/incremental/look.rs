//! Slice by slice in dependency order: what it needs, and what its readers then know of it.

use super::key::{self, InputContent, fit, keys_of_labels, show_the_same};
use super::reason::{self, Reason, ReasonKind, listed};
use super::{Action, Blocked, Change, ChangeSet, Served, StoreState, Wanted};
use crate::algebra::{Meaning, Meanings};
use crate::manifest::{BuildRecord, CommitRecord, Digests, Keys, Promises};
use crate::name::RelationName;
use crate::resolve::RelationDeclaration;
use crate::semantic::{SemanticModel, Slice};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

/// What is known of an input's rows before anything runs.
enum Known {
    Content(InputContent),
    /// Will be built, or may be. These of its columns will hold what they hold now.
    Pending(Option<Digests>),
    /// There is nothing to read.
    Nothing,
}

/// What changes are worked out from.
struct Look<'a> {
    model: &'a SemanticModel,
    meanings: &'a Meanings,
    state: &'a StoreState,
    known: BTreeMap<RelationName, Known>,
    /// Slices that are read as they were published before, because they are held or can't be built, and their readers.
    behind: BTreeSet<RelationName>,
    /// Those of them that are held or can't be built themselves.
    stuck: BTreeSet<RelationName>,
    /// Slices whose rows stay if they keep promises that they weren't verified against.
    unverified: BTreeSet<RelationName>,
    wanted: BTreeSet<Wanted>,
}

/// What was worked out before something had to be looked up, and doesn't depend on the answer.
#[derive(Default)]
pub struct Settled {
    slices: HashMap<RelationName, Worked>,
}

struct Worked {
    change: Change,
    after: Known,
    behind: bool,
    stuck: bool,
    unverified: bool,
}

/// Which slices are asked about.
pub struct Asked<'a> {
    /// These and what they read; `None` for all.
    pub demanded: Option<&'a BTreeSet<RelationName>>,
    /// What is known to be fresh, like all that it reads, with the bytes of its inputs. The state needn't hold it, unless
    /// something else reads it.
    pub fresh: &'a BTreeMap<RelationName, u64>,
}

/// Works out the changes of the slices that are asked about or says what must be looked up first.
/// Linear in slices, reads and columns; when it is asked again with the answers, in the slices that they are about and those
/// that come after them.
pub fn changes(
    model: &SemanticModel,
    meanings: &Meanings,
    state: &StoreState,
    asked: &Asked<'_>,
    settled: &mut Settled,
) -> Result<ChangeSet, Vec<Wanted>> {
    let mut look = Look {
        model,
        meanings,
        state,
        known: BTreeMap::new(),
        behind: BTreeSet::new(),
        stuck: BTreeSet::new(),
        unverified: BTreeSet::new(),
        wanted: BTreeSet::new(),
    };
    let mut set = ChangeSet::default();
    let mut wanted: BTreeSet<Wanted> = BTreeSet::new();
    // Slices that asked something, and all that come after them.
    let mut open: HashSet<&RelationName> = HashSet::new();
    for name in model.graph.order() {
        if let Some(source) = model.sources.get(name) {
            let content = state.sources.get(name).filter(|version| key::matches_declaration(source, version));
            let known = content.map_or(Known::Nothing, |version| Known::Content(InputContent::of_source(version)));
            look.known.insert(name.clone(), known);
        }
        if !open.is_empty() && model.graph.inputs(name).iter().any(|input| open.contains(input)) {
            open.insert(name);
        }
        let Some(slice) = model.slices.get(name).filter(|slice| !slice.is_virtual) else { continue };
        if asked.demanded.is_some_and(|demanded| !demanded.contains(name)) {
            // What isn't asked for is read as it is published.
            let after = look.last_good(slice);
            look.known.insert(name.clone(), after);
            continue;
        }
        if let Some(input_bytes) = asked.fresh.get(name) {
            let after = look.last_good(slice);
            look.known.insert(name.clone(), after);
            set.changes.push(Change::none(name, *input_bytes));
            continue;
        }
        let (change, after) = match settled.slices.remove(name).filter(|_| !open.contains(name)) {
            Some(Worked { change, after, behind, stuck, unverified }) => {
                look.unverified.extend(unverified.then(|| name.clone()));
                look.behind.extend(behind.then(|| name.clone()));
                look.stuck.extend(stuck.then(|| name.clone()));
                (change, after)
            }
            None => look.change(slice),
        };
        if !look.wanted.is_empty() {
            open.insert(name);
            wanted.append(&mut look.wanted);
        }
        look.known.insert(name.clone(), after);
        set.changes.push(change);
    }
    let asked_for = |name: &RelationName| asked.demanded.is_none_or(|demanded| demanded.contains(name));
    set.changes.extend(in_circles(model).filter(|change| asked_for(&change.name)));
    if !wanted.is_empty() {
        let settles = |change: &Change| !open.contains(&change.name) && !asked.fresh.contains_key(&change.name);
        for change in set.changes.into_iter().filter(settles) {
            let Some(after) = look.known.remove(&change.name) else { continue };
            let is_in = |names: &BTreeSet<RelationName>| names.contains(&change.name);
            let (behind, stuck, unverified) = (is_in(&look.behind), is_in(&look.stuck), is_in(&look.unverified));
            settled.slices.insert(change.name.clone(), Worked { change, after, behind, stuck, unverified });
        }
        return Err(wanted.into_iter().collect());
    }
    // What can't be read may declare what seems to be gone.
    if asked.demanded.is_none() && model.complete {
        set.changes.extend(drops(model, state));
    }
    Ok(set)
}

impl Look<'_> {
    /// What a slice needs. One that is held gets nothing of it, and its readers read what it serves.
    fn change(&mut self, slice: &Slice) -> (Change, Known) {
        let (change, after) = self.needed(slice);
        if !self.state.held.contains(&slice.name) {
            return (change, after);
        }
        let gone = || "held, and what it serves is damaged or gone: released, it is made again".to_owned();
        let message = self.state.heads.get(&slice.name).map_or_else(gone, |head| reason::of_hold(head));
        let held = Reason::new(ReasonKind::Held, None, message).at([slice.name_span]);
        let fresh = change.action == Action::Reuse && !change.behind;
        let reasons = std::iter::once(held).chain(change.reasons).collect();
        let change = Change { action: Action::Held, reasons, serve: None, blocked: None, behind: !fresh, ..change };
        if fresh {
            return (change, after);
        }
        self.unverified.remove(&slice.name);
        self.stays(&slice.name);
        (change, self.last_good(slice))
    }

    fn needed(&mut self, slice: &Slice) -> (Change, Known) {
        let name = &slice.name;
        let inputs = self.model.stored_inputs(&slice.reads);
        let head = self.state.heads.get(name).map(Arc::as_ref).filter(|head| head.build.is_some());
        let input_bytes = inputs.iter().map(|input| self.bytes_of(input)).sum();
        let new = |action: Action, reasons: Vec<Reason>| Change {
            name: name.clone(),
            action,
            reasons,
            input_bytes,
            changed_columns: BTreeSet::new(),
            serve: None,
            blocked: None,
            behind: false,
        };
        if let Some(blocked) = self.blocked(slice, &inputs) {
            self.stays(name);
            let reason = reason::of_blocked(self.model, self.state, slice, &blocked);
            return (Change { blocked: Some(blocked), ..new(Action::Build, vec![reason]) }, self.last_good(slice));
        }
        let checked = slice.checks.iter().flat_map(|check| self.model.stored_inputs(&check.reads));
        let checked: Vec<RelationName> = checked.filter(|input| input != name).collect();
        if let Some(input) = self.nothing_of(&checked) {
            return self.without(slice, input, new);
        }
        // What would come of the sources as they are says nothing while an input stays behind.
        let behind = inputs.iter().any(|input| self.behind.contains(input));
        if behind {
            self.behind.insert(name.clone());
        }
        let pending: Vec<RelationName> =
            inputs.iter().filter(|input| !matches!(self.known.get(*input), Some(Known::Content(_)))).cloned().collect();
        let meaning = self.meanings.inputs(name);
        // Columns of an input that stay as they are say the same whatever becomes of the input; but what stays behind says
        // nothing of what it should be.
        let over_inputs = self.keys(slice, meaning, !pending.is_empty() && !behind);
        // Most slices are as they were published; nothing else need be known of them.
        let served = self.published(slice, over_inputs.as_slice()).or_else(|| {
            // Only what reads other relations than it did may have been built before in another shape: to find out takes the
            // plans of everything below. A build looks, before it runs anything.
            let reshaped =
                |head: &CommitRecord| meaning.is_none_or(|meaning| reason::reads_others(self.model, meaning, head));
            let sources = (!behind && head.is_none_or(reshaped)).then(|| self.meanings.sources(name)).flatten();
            let keys = [self.keys(slice, sources, true), over_inputs].into_iter().flatten().collect::<Vec<_>>();
            let served = self.served(slice, &keys);
            let looked_up = keys.iter().all(|(_, keys)| self.state.builds.contains_key(&keys.row));
            match served {
                None if pending.is_empty() && head.is_some() && looked_up => self.served_otherwise(slice, &inputs),
                served => served,
            }
        });
        if let Some(served) = served {
            let content = InputContent::of_build(&served.record, &served.labels);
            let action = self.republish(slice, head, &served);
            let reasons = match action {
                Action::Reuse => self.behind_reasons(slice, &inputs),
                _ => self.relabel_reasons(slice, head, &served),
            };
            if reasons.iter().any(|reason| reason.kind == ReasonKind::PromisesChanged) {
                self.unverified.insert(name.clone());
            }
            return (Change { serve: Some(served), behind, ..new(action, reasons) }, Known::Content(content));
        }
        if let Some(input) = self.nothing_of(&inputs) {
            return self.without(slice, input, new);
        }
        let change = match (head, self.state.head_builds.get(name)) {
            (Some(_), Some(build)) => {
                let (reasons, changed, must) = self.causes(slice, build, &pending);
                let action = if must || pending.is_empty() { Action::Build } else { Action::Maybe };
                Change { changed_columns: changed, ..new(action, reasons) }
            }
            _ => {
                let all = slice.columns.iter().map(|column| column.name.clone()).collect();
                let message = match self.state.damaged.contains(name) {
                    true => "what is published of it is damaged or gone: it is made again",
                    false => "nothing of it is published",
                };
                let reason = Reason::new(ReasonKind::New, None, message.to_owned());
                let reason = reason.affecting(slice, &all).at([slice.name_span]);
                Change { changed_columns: all, ..new(Action::Build, vec![reason]) }
            }
        };
        let unchanged = || {
            let preimage = key::known_preimage(slice, meaning?, &|name, columns| self.digests(name, columns))?;
            key::unchanged(&preimage.keys(), self.state.head_builds.get(name)?)
        };
        (change, Known::Pending(if behind { None } else { unchanged() }))
    }

    /// A build that other ways of looking at the slice find: over sources in the order of their rows, as if they had no keys;
    /// and after the engine's own rewrites, which may show that it is another way of writing what was built.
    fn served_otherwise(&mut self, slice: &Slice, inputs: &[RelationName]) -> Option<Served> {
        let ordered = |name: &RelationName, columns: &BTreeSet<String>| match self.known.get(name)? {
            Known::Content(content) => Some(content.in_order().only(columns)),
            Known::Pending(_) | Known::Nothing => None,
        };
        let keyed = inputs
            .iter()
            .any(|input| matches!(self.known.get(input), Some(Known::Content(content)) if content.ordered.is_some()));
        let meaning = self.meanings.inputs(&slice.name).filter(|_| keyed);
        let in_order = meaning.and_then(|meaning| key::preimage(slice, meaning, &ordered));
        let content = |name: &RelationName, columns: &BTreeSet<String>| self.digests(name, columns);
        let rewritten = self.meanings.rewritten(&slice.name);
        let rewritten = rewritten.and_then(|meaning| key::preimage(slice, meaning, &content));
        let keys: Vec<(bool, Keys)> =
            in_order.iter().chain(&rewritten).map(|preimage| (false, preimage.keys())).collect();
        self.served(slice, &keys)
    }

    /// The keys of a slice with a meaning, where the content of what that reads is known.
    fn keys(&self, slice: &Slice, meaning: Option<&Meaning>, over_sources: bool) -> Option<(bool, Keys)> {
        let preimage = key::preimage(slice, meaning?, &|name, columns| self.digests(name, columns))?;
        Some((over_sources, preimage.keys()))
    }

    /// The published build, if it has one of the keys. A build that was found for the slice has keys of its own, and those that
    /// it was published under.
    fn published(&self, slice: &Slice, keys: &[(bool, Keys)]) -> Option<Served> {
        let head = self.state.heads.get(&slice.name)?;
        let reference = head.build.clone()?;
        let record = self.state.head_builds.get(&slice.name)?;
        let published = || {
            let preimage = head.preimage.as_ref();
            preimage.map(|preimage| keys_of_labels(&preimage.keys(), &head.columns)).unwrap_or_default()
        };
        keys.iter().find_map(|(over_sources, keys)| {
            let labels = fit(slice, keys, &record.keys, &record.sort_by)
                .or_else(|| fit(slice, keys, &published(), &record.sort_by))?;
            Some(Served { over_sources: *over_sources, reference: reference.clone(), record: record.clone(), labels })
        })
    }

    /// A build with the right keys: the published one, else any that the store has.
    fn served(&mut self, slice: &Slice, keys: &[(bool, Keys)]) -> Option<Served> {
        if let Some(served) = self.published(slice, keys) {
            return Some(served);
        }
        let head = self.state.heads.get(&slice.name);
        let published = head.and_then(|head| head.build.as_ref()).map(|build| build.id.as_str());
        let mut best: Option<Served> = None;
        for (over_sources, keys) in keys {
            let Some(found) = self.state.builds.get(&keys.row) else {
                self.wanted.insert(Wanted::Builds(keys.row.clone()));
                continue;
            };
            for build in found {
                let same_build = found.iter().filter(|other| other.reference.id == build.reference.id);
                let labels = fit(slice, keys, same_build.map(|other| &other.found.keys), &build.found.sort_by);
                let Some(labels) = labels else { continue };
                let served = Served {
                    over_sources: *over_sources,
                    reference: build.reference.clone(),
                    record: build.record.clone(),
                    labels,
                };
                if published == Some(served.reference.id.as_str()) {
                    return Some(served);
                }
                best = best.or(Some(served));
            }
        }
        best
    }

    /// Whether a build that is there needs a new record to be served.
    fn republish(&self, slice: &Slice, head: Option<&CommitRecord>, served: &Served) -> Action {
        let Some(head) = head else { return Action::Relabel };
        let same_build = head.build.as_ref().is_some_and(|build| build.id == served.reference.id);
        // What a check reads may still be on its way: the build looks again.
        let kept = |now: Promises| head.promises.as_ref().is_some_and(|before| before.are(&now));
        let same_promises = self.promises(slice).is_none_or(kept);
        let same = same_build && show_the_same(&served.record, &head.columns, &served.labels) && same_promises;
        let same = same && !self.state.damaged.contains(&slice.name);
        let told = self.last_good_inputs(slice, served) == stale_inputs(head);
        if same && told && !self.written_otherwise(slice, head) { Action::Reuse } else { Action::Relabel }
    }

    /// The inputs that are read at their last good version, with that.
    fn last_good_inputs(&self, slice: &Slice, served: &Served) -> BTreeSet<(String, u64)> {
        if served.over_sources {
            return BTreeSet::new();
        }
        let inputs = self.model.stored_inputs(&slice.reads);
        let stuck = inputs.into_iter().filter(|input| self.stuck.contains(input));
        stuck.filter_map(|input| Some((input.to_string(), self.state.heads.get(&input)?.version))).collect()
    }

    /// One of some inputs that isn't built now and has nothing to read.
    fn nothing_of(&self, inputs: &[RelationName]) -> Option<RelationName> {
        inputs.iter().find(|input| self.stuck.contains(*input) && self.has_nothing(input)).cloned()
    }

    /// What comes of a slice where there is nothing to read of one of its inputs.
    fn without(
        &mut self,
        slice: &Slice,
        input: RelationName,
        new: impl Fn(Action, Vec<Reason>) -> Change,
    ) -> (Change, Known) {
        self.stays(&slice.name);
        let blocked = Blocked::Input(input);
        let reason = reason::of_blocked(self.model, self.state, slice, &blocked);
        (Change { blocked: Some(blocked), ..new(Action::Build, vec![reason]) }, self.last_good(slice))
    }

    /// A slice that isn't built now: its readers read what is published.
    fn stays(&mut self, name: &RelationName) {
        self.behind.insert(name.clone());
        self.stuck.insert(name.clone());
    }

    fn has_nothing(&self, input: &RelationName) -> bool {
        matches!(self.known.get(input), Some(Known::Nothing))
    }

    /// Whether the query as it stands isn't what the head was published for, though it gives the same: names of slices that
    /// it reads changed, say. The next change is told from what was published last.
    fn written_otherwise(&self, slice: &Slice, head: &CommitRecord) -> bool {
        let (Some(meaning), Some(before)) = (self.meanings.inputs(&slice.name), &head.preimage) else {
            return false;
        };
        let now = meaning.columns.iter().map(|column| column.fingerprint.as_str());
        meaning.row != before.row || !now.eq(before.columns.iter().map(|column| column.fingerprint.as_str()))
    }

    fn relabel_reasons(&self, slice: &Slice, head: Option<&CommitRecord>, served: &Served) -> Vec<Reason> {
        let Some(head) = head else {
            let message = match served.record.slice.as_str() {
                other if other != slice.name.to_string() => {
                    format!("these rows were built before, for `{other}`: they are published here, nothing runs")
                }
                _ => "these rows were built before: they are published again, nothing runs".to_owned(),
            };
            return vec![Reason::new(ReasonKind::BuiltBefore, None, message)];
        };
        let mut reasons = Vec::new();
        if head.build.as_ref().is_none_or(|build| build.id != served.reference.id) {
            let message = "these rows were built before: they are published again, nothing runs".to_owned();
            reasons.push(Reason::new(ReasonKind::BuiltBefore, None, message));
            if let Some(build) = self.state.head_builds.get(&slice.name) {
                let meaning = self.meanings.inputs(&slice.name);
                reasons.extend(reason::of_query(self.model, slice, meaning, build, head).0);
            }
        } else if !show_the_same(&served.record, &head.columns, &served.labels) {
            reasons.extend(reason::of_labels(slice, &head.columns, &served.labels));
        }
        if self.state.damaged.contains(&slice.name) {
            let message = "the record of its last version is damaged: what is right is published again, nothing runs";
            reasons.insert(0, Reason::new(ReasonKind::BuiltBefore, None, message.to_owned()));
        }
        let stuck = self.last_good_inputs(slice, served);
        if reasons.is_empty() && !stuck.is_empty() && stuck != stale_inputs(head) {
            let inputs: Vec<String> = stuck.into_iter().map(|(name, _)| name).collect();
            let message =
                format!("it is marked as built on the last good version of {}; nothing runs", listed(&inputs));
            reasons.push(Reason::new(ReasonKind::BuiltBefore, None, message).at([slice.name_span]));
        }
        if reasons.is_empty() && !head.stale_inputs.is_empty() {
            let inputs: Vec<String> = head.stale_inputs.iter().map(|input| format!("`{}`", input.name)).collect();
            let open = head.stale_inputs.iter().filter_map(|input| RelationName::parse(&input.name));
            let open: Vec<String> = open.filter(|it| self.unverified.contains(it)).map(|it| it.to_string()).collect();
            let message = match open.is_empty() {
                true => format!(
                    "it was built on the last good version of {}, and that is what it should read; nothing runs",
                    inputs.join(", ")
                ),
                false => format!(
                    "it was built on the last good version of {}, and will be fresh if {} is verified; nothing runs",
                    inputs.join(", "),
                    listed(&open)
                ),
            };
            reasons.push(Reason::new(ReasonKind::BuiltBefore, None, message).at([slice.name_span]));
        }
        if reasons.is_empty() && self.written_otherwise(slice, head) {
            let message = "its query is written differently and gives the same; nothing runs".to_owned();
            reasons.push(Reason::new(ReasonKind::BuiltBefore, None, message).at(slice.query_span));
        }
        if reasons.is_empty() {
            let now = self.promises(slice);
            reasons.push(reason::of_promises(self.model, slice, head.promises.as_ref(), now.as_ref()));
        }
        reasons
    }

    /// Of a slice that stays as it is though something that it reads should be other.
    fn behind_reasons(&self, slice: &Slice, inputs: &[RelationName]) -> Vec<Reason> {
        let reason = |input: &RelationName| {
            let message = format!("it reads `{input}`, which isn't up to date itself");
            let places = reason::read_places(self.model, &slice.reads, input);
            Reason::new(ReasonKind::InputPending, Some(input.clone()), message).at(places)
        };
        // What is read as it was published last is told by the slice's own record.
        let further = |input: &&RelationName| self.behind.contains(*input) && !self.stuck.contains(*input);
        inputs.iter().filter(further).map(reason).collect()
    }

    /// Why a slice must run, or may have to; the columns that may change; and whether it must.
    fn causes(
        &mut self,
        slice: &Slice,
        build: &BuildRecord,
        pending: &[RelationName],
    ) -> (Vec<Reason>, BTreeSet<String>, bool) {
        let all = || slice.columns.iter().map(|column| column.name.clone()).collect::<BTreeSet<_>>();
        let (Some(head), Some(meaning)) = (self.state.heads.get(&slice.name), self.meanings.inputs(&slice.name)) else {
            return (Vec::new(), all(), true);
        };
        let (mut reasons, mut changed) = reason::of_query(self.model, slice, Some(meaning), build, head);
        let must_by_query = !reasons.is_empty();
        let same_query = !must_by_query;
        let mut must = must_by_query;
        for (input, columns) in meaning.reads() {
            let Some(Known::Content(content)) = self.known.get(&input) else { continue };
            let now = content.digests.only(&columns);
            let Some(before) = reason::read_before(build, &input) else {
                if same_query || !reasons.iter().any(|reason| reason.kind == ReasonKind::QueryChanged) {
                    let affected = reason::affected(slice, meaning, &input, &columns, true);
                    let message = format!("it reads `{input}` now");
                    let reason = Reason::new(ReasonKind::InputAdded, Some(input.clone()), message);
                    let places = reason::read_places(self.model, &slice.reads, &input);
                    reasons.push(reason.affecting(slice, &affected).at(places));
                }
                must = true;
                continue;
            };
            let differing: BTreeSet<String> = columns
                .iter()
                .filter(|column| before.columns.get(*column).is_some_and(|old| Some(old) != now.columns.get(*column)))
                .cloned()
                .collect();
            if before.rows != now.rows || !differing.is_empty() {
                must = true;
                let rows_changed = before.rows != now.rows;
                let affected = reason::affected(slice, meaning, &input, &differing, rows_changed);
                let differing = reason::Differing { used: &columns, columns: &differing, rows: rows_changed };
                let reason = reason::data_changed(slice, &input, &differing, self.state, &mut self.wanted);
                let places = reason::read_places(self.model, &slice.reads, &input);
                reasons.push(reason.affecting(slice, &affected).at(places));
                changed.extend(affected);
            }
        }
        let reads = meaning.reads();
        let open =
            |input: &&RelationName| reads.get(*input).is_some_and(|columns| self.digests(input, columns).is_none());
        for input in pending.iter().filter(open) {
            let affected = reason::affected(slice, meaning, input, &meaning.reads()[input], true);
            let nothing = self.has_nothing(input);
            let places = reason::read_places(self.model, &slice.reads, input);
            reasons.push(reason::of_pending(input, nothing).affecting(slice, &affected).at(places));
            changed.extend(affected);
        }
        if reasons.is_empty() {
            let what = if build.preimage.engine != crate::sql::ENGINE_VERSION {
                let message = "another version of pie built it, and this one may compute other rows".to_owned();
                Reason::new(ReasonKind::EngineChanged, None, message).affecting(slice, &all())
            } else if build.sort_by.len() != slice.sort_by.len() || reason::sort_changed(slice, build, head) {
                let place = reason::sort_place(self.model, slice);
                Reason::new(ReasonKind::LayoutChanged, None, "its `sort by` changed".to_owned()).at([place])
            } else {
                changed = all();
                let message = "what it reads isn't what it was built from".to_owned();
                Reason::new(ReasonKind::InputData, None, message).affecting(slice, &changed).at([slice.name_span])
            };
            reasons.push(what);
            must = true;
        }
        if build.preimage.engine != crate::sql::ENGINE_VERSION {
            changed = all();
            must = true;
        }
        (reasons, changed, must)
    }

    /// Readers of something blocked or held read what its head has.
    fn last_good(&self, slice: &Slice) -> Known {
        let head = self.state.heads.get(&slice.name).filter(|head| head.build.is_some());
        match (head, self.state.head_builds.get(&slice.name)) {
            (Some(head), Some(build)) if key::shows(&head.columns, &slice.columns) => {
                Known::Content(InputContent::of_build(build, &head.columns))
            }
            _ => Known::Nothing,
        }
    }

    fn blocked(&self, slice: &Slice, inputs: &[RelationName]) -> Option<Blocked> {
        if !slice.valid {
            return Some(Blocked::Invalid);
        }
        // One in error is read at its last good version, if that has the columns that this one was planned with.
        let unreadable = |input: &RelationName| {
            let input = self.model.slices.get(input).filter(|input| !input.valid);
            input.is_some_and(|input| matches!(self.last_good(input), Known::Nothing))
        };
        if inputs.iter().any(unreadable) {
            return Some(Blocked::Invalid);
        }
        let checks = slice.checks.iter().flat_map(|check| self.model.stored_inputs(&check.reads));
        for input in inputs.iter().cloned().chain(checks) {
            let Some(source) = self.model.sources.get(&input) else { continue };
            match self.state.sources.get(&input) {
                None if self.state.damaged.contains(&input) => return Some(Blocked::Damaged(input)),
                None => return Some(Blocked::NotFrozen(input)),
                Some(version) if !key::matches_declaration(source, version) => {
                    return Some(Blocked::DeclarationChanged(input));
                }
                Some(_) => {}
            }
        }
        None
    }

    /// What the rows must be verified against; `None` while something that a check reads isn't known yet.
    fn promises(&self, slice: &Slice) -> Option<Promises> {
        key::promises(self.meanings, slice, &|name, columns| self.digests(name, columns))
    }

    fn digests(&self, name: &RelationName, columns: &BTreeSet<String>) -> Option<Digests> {
        match self.known.get(name)? {
            Known::Content(content) => Some(content.digests.only(columns)),
            Known::Pending(Some(unchanged)) => {
                columns.iter().all(|column| unchanged.columns.contains_key(column)).then(|| unchanged.only(columns))
            }
            Known::Pending(None) | Known::Nothing => None,
        }
    }

    fn bytes_of(&self, input: &RelationName) -> u64 {
        let source = self.state.sources.get(input).map(|version| version.bytes);
        source.or_else(|| self.state.heads.get(input).map(|head| head.bytes)).unwrap_or(0)
    }
}

/// Slices that read each other in a circle: they have no order, and no types.
fn in_circles(model: &SemanticModel) -> impl Iterator<Item = Change> + '_ {
    model.declarations.relations.iter().filter_map(|(name, declaration)| match declaration {
        RelationDeclaration::Slice(slice) if !model.slices.contains_key(name) && !slice.syntax.is_virtual => {
            let reason = Reason::new(ReasonKind::Invalid, None, "it reads itself, by way of others".to_owned());
            let reasons = vec![reason.at([slice.syntax.name.span])];
            let blocked = Some(Blocked::Invalid);
            Some(Change { action: Action::Build, reasons, blocked, ..Change::none(name, 0) })
        }
        _ => None,
    })
}

fn drops<'a>(model: &'a SemanticModel, state: &'a StoreState) -> impl Iterator<Item = Change> + 'a {
    let declared = |name: &RelationName| {
        model.declarations.relations.contains_key(name) && !model.slices.get(name).is_some_and(|slice| slice.is_virtual)
    };
    let gone = state.heads.iter().filter(move |(name, head)| head.build.is_some() && !declared(name));
    let reason = |name: &RelationName| match model.slices.get(name) {
        Some(slice) => {
            let message = "it is virtual now: its readers compute its rows, none are stored".to_owned();
            Reason::new(ReasonKind::Dropped, None, message).at([slice.name_span])
        }
        None => Reason::new(ReasonKind::Dropped, None, "it is no longer declared".to_owned()),
    };
    gone.map(move |(name, head)| Change {
        name: name.clone(),
        action: if state.held.contains(name) { Action::Held } else { Action::Drop },
        reasons: match state.held.contains(name) {
            true => vec![Reason::new(ReasonKind::Held, None, reason::of_hold(head)), reason(name)],
            false => vec![reason(name)],
        },
        input_bytes: 0,
        changed_columns: BTreeSet::new(),
        serve: None,
        blocked: None,
        behind: false,
    })
}

fn stale_inputs(head: &CommitRecord) -> BTreeSet<(String, u64)> {
    head.stale_inputs.iter().map(|input| (input.name.clone(), input.version)).collect()
}
