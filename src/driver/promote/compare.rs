//! What two environments have of each slice and source, and how the one stands to the other.

use super::{Difference, Item, Pair, Promotion, Shown, SliceHeads};
use crate::manifest::{CommitRecord, InputRecord, LabelRecord, Promoted, SourceVersion};
use crate::name::RelationName;
use crate::store::{Log, Numbered, SliceHead, Spot, Store, StoreError};
use std::collections::{BTreeMap, BTreeSet};

pub(super) enum Head {
    Slice(Numbered<CommitRecord>),
    Source(Numbered<SourceVersion>),
}

impl Head {
    pub(super) fn spot(&self) -> (u64, &str, Option<&Promoted>) {
        match self {
            Head::Slice(head) => (head.number, &head.blake3, head.record.promoted.as_ref()),
            Head::Source(head) => (head.number, &head.blake3, head.record.promoted.as_ref()),
        }
    }

    fn shown(&self) -> Option<Shown> {
        Some(match self {
            Head::Slice(head) => {
                head.record.build.as_ref()?;
                let columns = head.record.columns.iter().map(|column| column.name.clone());
                let (rows, content) = (head.record.rows, head.record.content.clone());
                let labels = head.record.columns.clone();
                Shown { version: head.number, rows, columns: columns.collect(), content, labels }
            }
            Head::Source(head) => {
                let columns = head.record.columns.iter().map(|column| column.name.clone());
                let (rows, content) = (head.record.rows, head.record.content.clone());
                Shown { version: head.number, rows, columns: columns.collect(), content, labels: Vec::new() }
            }
        })
    }

    /// Whether two heads show the same, of the same files.
    fn is_same(&self, other: &Head) -> bool {
        match (self, other) {
            (Head::Slice(one), Head::Slice(other)) => {
                let build = |head: &CommitRecord| head.build.as_ref().map(|build| build.id.clone());
                // Made twice it is the same, too.
                let made = |head: &CommitRecord| (head.content.clone(), head.preimage.clone());
                let twice = one.record.build.is_some() && made(&one.record) == made(&other.record);
                (build(&one.record) == build(&other.record) || twice)
                    && one.record.columns == other.record.columns
                    && one.record.stale_inputs == other.record.stale_inputs
            }
            (Head::Source(one), Head::Source(other)) => {
                let said = |version: &SourceVersion| {
                    let files: Vec<_> = version.files.iter().map(|f| (f.path.clone(), f.blake3.clone())).collect();
                    (version.columns.clone(), version.key.clone(), version.partition_by.clone(), files)
                };
                one.record.content == other.record.content && said(&one.record) == said(&other.record)
            }
            _ => false,
        }
    }
}

pub(super) struct Compared {
    pub(super) item: Item,
    pub(super) from: Option<Head>,
    pub(super) to: Option<Head>,
    /// Both environments show the same of it.
    pub(super) is_same: bool,
    /// What `from` shows can't be read there now, or is an older version in the place of a damaged one.
    pub(super) is_damaged: bool,
    /// Columns of the inputs as they were when it was built.
    pub(super) labels: BTreeMap<String, Vec<LabelRecord>>,
}

/// In the order in which they are published, and where each is.
pub(super) struct All {
    pub(super) list: Vec<Compared>,
    pub(super) places: BTreeMap<(RelationName, bool), usize>,
}

impl All {
    pub(super) fn new(list: Vec<Compared>) -> All {
        let place =
            |(index, compared): (usize, &Compared)| ((compared.item.name.clone(), compared.item.is_source), index);
        let places = list.iter().enumerate().map(place).collect();
        All { list, places }
    }

    pub(super) fn find(&self, input: &InputRecord) -> Option<(usize, &Compared)> {
        let index = *self.places.get(&(RelationName::parse(&input.name)?, input.kind == "source"))?;
        Some((index, &self.list[index]))
    }
}

impl Compared {
    /// What isn't asked for stays as `to` has it.
    fn keep_only(&mut self, asked: bool) {
        if !asked {
            self.from = None;
            self.item.difference = Difference::Same;
        }
    }

    /// What only its checks read. Of these is known what they looked at, and not which version that was of.
    pub(super) fn checked(&self) -> BTreeSet<RelationName> {
        let Some(Head::Slice(head)) = &self.from else { return BTreeSet::new() };
        let checks = head.record.promises.iter().flat_map(|promises| &promises.checks);
        let read = checks.flat_map(|check| check.inputs.keys()).filter_map(|name| RelationName::parse(name));
        read.filter(|name| *name != self.item.name).collect()
    }

    pub(super) fn inputs(&self) -> &[InputRecord] {
        match &self.from {
            Some(Head::Slice(head)) => &head.record.inputs,
            _ => &[],
        }
    }
}

impl Pair {
    /// What differs, with what that reads. Reads the records of these alone.
    pub(super) async fn compare(&self, promotion: &Promotion) -> Result<Vec<Compared>, StoreError> {
        let wanted = |name: &RelationName| promotion.names.as_ref().is_none_or(|names| names.contains(name));
        let sources = self.from.source_names().await?.into_iter().chain(self.to.source_names().await?);
        let pair = self.clone();
        let both = move |_: Store, name: RelationName| {
            let pair = pair.clone();
            async move {
                let from = pair.from.source_head(&name).await?.map(Head::Source);
                let to = pair.to.source_head(&name).await?.map(Head::Source);
                pair.compared(name, true, from, to).await
            }
        };
        let sources: BTreeSet<RelationName> = sources.collect();
        let mut compared: Vec<Compared> = self.from.ask_all(sources.into_iter().collect(), both).await?;
        compared.sort_by(|one, other| one.item.name.cmp(&other.item.name));
        for found in &mut compared {
            // What isn't asked for matters as an input only.
            found.keep_only(wanted(&found.item.name));
        }
        let (from, to) = (self.from.slice_heads().await?, self.to.slice_heads().await?);
        let differs = |name: &&RelationName| match (from.get(*name), to.get(*name)) {
            (Some(from), Some(to)) => from.facts.blake3 != to.facts.blake3,
            (from, to) => from.is_some() || to.is_some(),
        };
        let names: BTreeSet<&RelationName> = from.keys().chain(to.keys()).collect();
        let differing: BTreeSet<RelationName> =
            names.into_iter().filter(|name| wanted(name)).filter(differs).cloned().collect();
        let (mut heads_from, mut heads_to) =
            (whole(&self.from, &from, &differing).await?, whole(&self.to, &to, &differing).await?);
        let read = heads_from.values().flat_map(|head| &head.record.inputs).map(|input| &input.name);
        let checks = heads_from.values().filter_map(|head| head.record.promises.as_ref());
        let checked = checks.flat_map(|promises| &promises.checks).flat_map(|check| check.inputs.keys());
        let read: BTreeSet<RelationName> = read.chain(checked).filter_map(|name| RelationName::parse(name)).collect();
        let read: BTreeSet<RelationName> = read.difference(&differing).cloned().collect();
        heads_from.extend(whole(&self.from, &from, &read).await?);
        heads_to.extend(whole(&self.to, &to, &read).await?);
        let built_from = self.labels(&heads_from, &differing).await?;
        let pairs = differing.union(&read).filter_map(|name| {
            let (from, to) = (heads_from.remove(name), heads_to.remove(name));
            (from.is_some() || to.is_some()).then(|| (name.clone(), from, to))
        });
        let pair = self.clone();
        let both = move |_: Store, (name, from, to): (RelationName, Option<_>, Option<_>)| {
            let pair = pair.clone();
            async move { pair.compared(name, false, from.map(Head::Slice), to.map(Head::Slice)).await }
        };
        for mut found in self.from.ask_all(pairs.collect(), both).await? {
            // What is the same in both is here only because something else reads it.
            let asked = differing.contains(&found.item.name);
            let unread = |head: &SliceHead| head.is_damaged() || (head.facts.build.is_some() && !head.is_served);
            found.is_damaged = from.get(&found.item.name).is_some_and(unread);
            found.labels = built_from.get(&found.item.name).cloned().unwrap_or_default();
            found.keep_only(asked);
            compared.push(found);
        }
        Ok(in_order(compared))
    }

    /// Which columns the inputs of slices had when these were built.
    async fn labels(
        &self,
        heads: &BTreeMap<RelationName, Numbered<CommitRecord>>,
        slices: &BTreeSet<RelationName>,
    ) -> Result<BTreeMap<RelationName, BTreeMap<String, Vec<LabelRecord>>>, StoreError> {
        let inputs = |head: &Numbered<CommitRecord>| {
            let slices = head.record.inputs.iter().filter(|input| input.kind == "slice");
            let named = slices.filter_map(|input| Some((RelationName::parse(&input.name)?, input.version)));
            named.collect::<Vec<_>>()
        };
        let built = || heads.iter().filter(|(name, _)| slices.contains(name));
        let is_head = |(name, version): &(RelationName, u64)| heads.get(name).is_some_and(|h| h.number == *version);
        let older: BTreeSet<_> = built().flat_map(|(_, head)| inputs(head)).filter(|input| !is_head(input)).collect();
        let read = |store: Store, (name, version): (RelationName, u64)| async move {
            let then = store.slice_commit(&name, version).await?;
            Ok(then.map(|then| ((name, version), then.record.columns.clone())))
        };
        let older: BTreeMap<_, _> =
            self.from.ask_all(older.into_iter().collect(), read).await?.into_iter().flatten().collect();
        let columns = |input: &(RelationName, u64)| match heads.get(&input.0).filter(|_| is_head(input)) {
            Some(head) => Some(head.record.columns.clone()),
            None => older.get(input).cloned(),
        };
        let labels = |head: &Numbered<CommitRecord>| {
            let known = inputs(head).into_iter().filter_map(|input| Some((input.0.to_string(), columns(&input)?)));
            known.collect::<BTreeMap<_, _>>()
        };
        Ok(built().map(|(name, head)| (name.clone(), labels(head))).collect())
    }

    async fn compared(
        &self,
        name: RelationName,
        is_source: bool,
        from: Option<Head>,
        to: Option<Head>,
    ) -> Result<Compared, StoreError> {
        let difference = self.difference(&name, is_source, from.as_ref(), to.as_ref()).await?;
        let shown = |head: &Option<Head>| head.as_ref().and_then(Head::shown);
        let (shown_from, shown_to) = (shown(&from), shown(&to));
        let item = Item { name, is_source, difference, from: shown_from, to: shown_to, refused: None, published: None };
        let is_same = difference == Difference::Same;
        Ok(Compared { item, from, to, is_same, is_damaged: false, labels: BTreeMap::new() })
    }

    async fn difference(
        &self,
        name: &RelationName,
        is_source: bool,
        from: Option<&Head>,
        to: Option<&Head>,
    ) -> Result<Difference, StoreError> {
        let Some(from) = from else { return Ok(Difference::Behind) };
        let Some(to) = to else {
            return Ok(if from.shown().is_some() { Difference::New } else { Difference::Same });
        };
        if from.is_same(to) {
            return Ok(Difference::Same);
        }
        let log = |store: &Store| if is_source { store.source_history(name) } else { store.slice_history(name) };
        let (log_from, log_to) = (log(&self.from), log(&self.to));
        if self.went_through(&self.to, name, &log_to, to, (&self.from, &log_from, from)).await? {
            return Ok(Difference::Behind);
        }
        if !self.went_through(&self.from, name, &log_from, from, (&self.to, &log_to, to)).await? {
            return Ok(Difference::Diverged);
        }
        Ok(match (from.shown(), to.shown()) {
            (None, _) => Difference::Dropped,
            (Some(_), None) => Difference::New,
            (Some(_), Some(_)) => Difference::Changed,
        })
    }

    /// Whether the log of one environment contains what the other one has now: the record itself, or one that was promoted from
    /// it or to it.
    async fn went_through(
        &self,
        store: &Store,
        name: &RelationName,
        log: &Log,
        head: &Head,
        (other_store, other_log, other): (&Store, &Log, &Head),
    ) -> Result<bool, StoreError> {
        let (number, _, _) = head.spot();
        let (other_number, other_blake3, other_promoted) = other.spot();
        let spot: Spot = other_log.spot(other_number);
        if other_number <= number && log.spot(other_number) == spot {
            return Ok(true);
        }
        // The other one was promoted from here.
        if let Some(promoted) = other_promoted.filter(|promoted| promoted.environment == store.environment()) {
            let there = match head {
                Head::Slice(_) => store.slice_commit(name, promoted.version).await?.map(|found| found.blake3),
                Head::Source(_) => store.source_version(name, promoted.version).await?.map(|found| found.blake3),
            };
            if there.as_deref() == Some(&promoted.blake3) {
                return Ok(true);
            }
        }
        // Or it was promoted to here.
        let is_other =
            |promoted: &Promoted| promoted.environment == other_store.environment() && promoted.blake3 == other_blake3;
        Ok(match head {
            Head::Slice(_) => {
                let own = store.records_since::<CommitRecord>(log, other_log).await?;
                own.iter().filter_map(|own| own.record.promoted.as_ref()).any(is_other)
            }
            Head::Source(_) => {
                let own = store.records_since::<SourceVersion>(log, other_log).await?;
                own.iter().filter_map(|own| own.record.promoted.as_ref()).any(is_other)
            }
        })
    }
}

async fn whole(
    store: &Store,
    short: &SliceHeads,
    names: &BTreeSet<RelationName>,
) -> Result<BTreeMap<RelationName, Numbered<CommitRecord>>, StoreError> {
    let read = |store: Store, (name, head): (RelationName, SliceHead)| async move {
        Ok(store.whole_head(&head).await?.map(|head| (name, head)))
    };
    let asked = names.iter().filter_map(|name| Some((name.clone(), short.get(name)?.clone())));
    Ok(store.ask_all(asked.collect(), read).await?.into_iter().flatten().collect())
}

/// Sources first, then slices behind what they read. Among slices that have read each other at different times the order of
/// names decides; what was built from something else is refused anyway.
fn in_order(compared: Vec<Compared>) -> Vec<Compared> {
    let (mut ordered, mut open): (Vec<Compared>, Vec<Compared>) =
        compared.into_iter().partition(|compared| compared.item.is_source);
    let mut waiting: BTreeMap<RelationName, usize> = BTreeMap::new();
    let names: BTreeSet<String> = open.iter().map(|compared| compared.item.name.to_string()).collect();
    let mut readers: BTreeMap<String, Vec<RelationName>> = BTreeMap::new();
    for compared in &open {
        let checked = compared.checked();
        let read = compared.inputs().iter().map(|input| input.name.clone());
        let read: BTreeSet<String> =
            read.chain(checked.iter().map(ToString::to_string)).filter(|name| names.contains(name)).collect();
        waiting.insert(compared.item.name.clone(), read.len());
        for name in read {
            readers.entry(name).or_default().push(compared.item.name.clone());
        }
    }
    let mut due: BTreeSet<RelationName> =
        waiting.iter().filter(|(_, number)| **number == 0).map(|(name, _)| name.clone()).collect();
    let mut by_name: BTreeMap<RelationName, Compared> =
        open.drain(..).map(|compared| (compared.item.name.clone(), compared)).collect();
    while let Some(name) = due.pop_first() {
        ordered.extend(by_name.remove(&name));
        for reader in readers.remove(&name.to_string()).unwrap_or_default() {
            let Some(number) = waiting.get_mut(&reader) else { continue };
            *number = number.saturating_sub(1);
            if *number == 0 {
                due.insert(reader);
            }
        }
    }
    ordered.extend(by_name.into_values());
    ordered
}
