//! Builds and commits of slices.

use super::environments::Kind;
use super::log::Meeting;
use super::{Appended, Log, Numbered, Store, StoreError};
use crate::manifest::{
    self, BuildRecord, BuildReference, CommitKind, CommitRecord, InputRecord, KeyRecord, Keys, digest,
};
use crate::memo;
use crate::name::RelationName;
use datafusion::object_store::path::Path;
use datafusion::object_store::{ObjectMeta, ObjectStoreExt};
use futures::TryStreamExt;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The head of a slice, without what only its readers and its next version need to know.
#[derive(Clone, Debug)]
pub struct SliceHead {
    pub number: u64,
    pub facts: HeadFacts,
    /// It has a build, and that is there.
    pub is_served: bool,
    slice: RelationName,
    place: Place,
    /// What counts in its place, where the record is damaged: the last one that isn't.
    instead: Option<Numbered<CommitRecord>>,
}

/// Where a head's record is found.
#[derive(Clone, Debug)]
enum Place {
    /// In the slice's own folder.
    Listed(ObjectMeta),
    /// It is the one that the environment began with.
    Forked,
}

impl Place {
    fn number(&self, log: &Log) -> Option<u64> {
        match self {
            Place::Listed(meta) => super::log::number(&meta.location),
            Place::Forked => Some(log.base()),
        }
    }
}

/// The slice in whose log a record lies.
pub(super) fn slice_of(record: &Path) -> Option<RelationName> {
    match super::log::names(record).as_slice() {
        [.., domain, name, _] => Some(RelationName::new(domain, name)),
        _ => None,
    }
}

impl SliceHead {
    /// The last record is damaged; what the one before it serves is served.
    pub fn is_damaged(&self) -> bool {
        self.instead.is_some()
    }
}

/// What a head says in short.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct HeadFacts {
    /// Of the head's record.
    pub blake3: String,
    pub kind: CommitKind,
    pub build: Option<BuildReference>,
    pub rows: u64,
    pub bytes: u64,
    /// It was built from the last good version of something.
    pub stale: bool,
}

impl Store {
    /// What readers of a slice see; `None` where it was never published. After a drop the record has no build.
    pub async fn slice_head(&self, slice: &RelationName) -> Result<Option<Numbered<CommitRecord>>, StoreError> {
        let log = self.slice_history(slice);
        let place = match self.last_listed(&log.own).await? {
            Some(meta) => Place::Listed(meta),
            None if log.forked().is_some() => Place::Forked,
            None => return Ok(None),
        };
        match self.head_in(&log, &place).await {
            Err(StoreError::Corrupt { .. }) => self.last_good(slice, &place).await,
            found => found,
        }
    }

    async fn head_in(&self, log: &Log, place: &Place) -> Result<Option<Numbered<CommitRecord>>, StoreError> {
        match place {
            Place::Listed(meta) => self.listed_record(meta, &self.memo.archive()).await,
            Place::Forked => self.forked_record(log, &self.memo.archive()).await,
        }
    }

    /// What counts where the last record of a log is damaged: what the last whole one says, under the damaged one's number and
    /// digest, so that the next record comes behind it. Without a whole one it serves nothing, as after a drop.
    async fn last_good(
        &self,
        slice: &RelationName,
        place: &Place,
    ) -> Result<Option<Numbered<CommitRecord>>, StoreError> {
        let log = self.slice_history(slice);
        let Some(number) = place.number(&log) else { return Ok(None) };
        let damaged = self.read(&super::log::record_path(log.folder(number), number)).await?;
        let blake3 = match (damaged, log.forked()) {
            (Some(damaged), _) => digest(&damaged),
            // What an environment began with is gone.
            (None, Some(forked)) if number == log.base() => forked.to_owned(),
            (None, _) => return Ok(None),
        };
        let mut good: Option<CommitRecord> = None;
        for before in (1..number).rev() {
            match self.record::<CommitRecord>(&log, before).await {
                Ok(Some(found)) => {
                    good = Some(CommitRecord::clone(&found.record));
                    break;
                }
                Ok(None) | Err(StoreError::Corrupt { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        let record = CommitRecord { version: number, ..good.unwrap_or_else(|| CommitRecord::nothing(slice)) };
        Ok(Some(Numbered { number, blake3, record: Arc::new(record) }))
    }

    /// The newest version before `number` whose build can be read and is another one than `not`.
    pub async fn older(
        &self,
        slice: &RelationName,
        number: u64,
        not: &str,
    ) -> Result<Option<(Numbered<CommitRecord>, Arc<BuildRecord>)>, StoreError> {
        for before in (1..number).rev() {
            let found = match self.slice_commit(slice, before).await {
                Ok(Some(found)) => found,
                Ok(None) | Err(StoreError::Corrupt { .. }) => continue,
                Err(error) => return Err(error),
            };
            let Some(reference) = found.record.build.as_ref().filter(|build| build.id != not) else { continue };
            match self.build_of(reference).await {
                Ok(Some(build)) => return Ok(Some((found, build))),
                Ok(None) | Err(StoreError::Corrupt { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }

    pub async fn slice_commit(
        &self,
        slice: &RelationName,
        version: u64,
    ) -> Result<Option<Numbered<CommitRecord>>, StoreError> {
        self.record(&self.slice_history(slice), version).await
    }

    /// The heads of all slices, in short: one listing, one read for each that wasn't read before, and one look at each build.
    pub async fn slice_heads(&self) -> Result<BTreeMap<RelationName, SliceHead>, StoreError> {
        let last = self.last_objects(&self.environment.heads()).await?;
        let named = |meta: ObjectMeta| Some((slice_of(&meta.location)?, Place::Listed(meta)));
        let mut places: BTreeMap<RelationName, Place> = last.into_iter().filter_map(named).collect();
        for slice in self.environment.forked(Kind::Slice) {
            places.entry(slice).or_insert(Place::Forked);
        }
        let read = |store: Store, (slice, place): (RelationName, Place)| async move {
            Ok(store.short_head(&slice, place).await?.map(|head| (slice, head)))
        };
        Ok(self.ask_all(places.into_iter().collect(), read).await?.into_iter().flatten().collect())
    }

    async fn short_head(&self, slice: &RelationName, place: Place) -> Result<Option<SliceHead>, StoreError> {
        let log = self.slice_history(slice);
        let key = match (&place, log.forked()) {
            (Place::Listed(meta), _) => self.listed_key("head", meta),
            (Place::Forked, blake3) => {
                memo::key("head", [self.identity.as_bytes(), blake3.unwrap_or_default().as_bytes()])
            }
        };
        let mut instead = None;
        let facts = match self.memo.get::<HeadFacts>(&key) {
            Some(facts) => facts,
            None => {
                let found = match self.head_in(&log, &place).await {
                    Err(StoreError::Corrupt { .. }) => {
                        instead = self.last_good(slice, &place).await?;
                        instead.clone()
                    }
                    found => found?,
                };
                let Some(Numbered { blake3, record, .. }) = found else { return Ok(None) };
                let facts = HeadFacts {
                    blake3,
                    kind: record.kind,
                    build: record.build.clone(),
                    rows: record.rows,
                    bytes: record.bytes,
                    stale: !record.stale_inputs.is_empty(),
                };
                if instead.is_none() {
                    self.memo.put(key, &facts);
                }
                facts
            }
        };
        let Some(number) = place.number(&log) else { return Ok(None) };
        let is_served = match facts.build.as_ref().and_then(|build| self.record_of(build)) {
            Some(record) => self.is_there(&record).await?,
            None => false,
        };
        Ok(Some(SliceHead { slice: slice.clone(), number, facts, is_served, place, instead }))
    }

    /// The record of a head.
    pub async fn whole_head(&self, head: &SliceHead) -> Result<Option<Numbered<CommitRecord>>, StoreError> {
        match &head.instead {
            Some(instead) => Ok(Some(instead.clone())),
            None => self.head_in(&self.slice_history(&head.slice), &head.place).await,
        }
    }

    /// The whole history of a slice, oldest first.
    pub async fn slice_log(&self, slice: &RelationName) -> Result<Vec<Numbered<CommitRecord>>, StoreError> {
        let log = self.slice_history(slice);
        let mut records = Vec::new();
        for number in self.numbers(&log).await? {
            records.extend(self.record(&log, number).await?);
        }
        Ok(records)
    }

    /// Publishes a commit behind `parent`. Where another builder of the same slice was faster, their record and this one are
    /// compared by the versions of their inputs: an older input never overwrites a newer one.
    ///
    /// | theirs | then |
    /// |---|---|
    /// | a hold, or a rollback, which holds | theirs stands |
    /// | means the same, over inputs at least as new | theirs stands |
    /// | reads nothing newer | this one goes behind it |
    /// | anything else | [`StoreError::Conflict`]: to be built again on what is published now |
    pub async fn commit(
        &self,
        slice: &RelationName,
        parent: Option<Numbered<CommitRecord>>,
        commit: CommitRecord,
    ) -> Result<Appended<CommitRecord>, StoreError> {
        // Heads aren't read in one instant: that of a slice may be newer than those of what it reads.
        if let Some(parent) = &parent
            && self.is_overtaken(&commit, &parent.record).await?
        {
            return Err(StoreError::Conflict { name: slice.to_string(), version: parent.number });
        }
        let make = |number: u64, parent: Option<&Numbered<CommitRecord>>| CommitRecord {
            version: number,
            parent: parent.map(|parent| parent.blake3.clone()),
            ..commit.clone()
        };
        let is_mine = |record: &CommitRecord| record.id == commit.id;
        let meet = |theirs: &CommitRecord| meeting(&commit, theirs);
        self.append(&self.slice_history(slice).own, parent, make, is_mine, meet, &slice.to_string()).await
    }

    /// Whether a commit read an older version of something than another one did, of which that version is there now. In a store
    /// that was put back from a backup it may be gone: then what is there counts.
    async fn is_overtaken(&self, commit: &CommitRecord, other: &CommitRecord) -> Result<bool, StoreError> {
        for (input, version) in older_inputs(commit, other) {
            let Some(name) = RelationName::parse(&input.name) else { continue };
            let is_source = input.kind == "source";
            let log = if is_source { self.source_history(&name) } else { self.slice_history(&name) };
            let own = self.last_listed(&log.own).await?.and_then(|meta| super::log::number(&meta.location));
            if own.unwrap_or_default().max(log.base()) >= version {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Publishes a commit behind `parent` and nothing else.
    ///
    /// # Errors
    /// Those of the store, and [`StoreError::Conflict`] where somebody else published meanwhile.
    pub async fn commit_behind(
        &self,
        slice: &RelationName,
        parent: Option<Numbered<CommitRecord>>,
        commit: CommitRecord,
    ) -> Result<Numbered<CommitRecord>, StoreError> {
        let make = |number: u64, parent: Option<&Numbered<CommitRecord>>| CommitRecord {
            version: number,
            parent: parent.map(|parent| parent.blake3.clone()),
            ..commit.clone()
        };
        let is_mine = |record: &CommitRecord| record.id == commit.id;
        let meet = |_: &CommitRecord| Meeting::Stop;
        let own = &self.slice_history(slice).own;
        Ok(self.append(own, parent, make, is_mine, meet, &slice.to_string()).await?.into_record())
    }

    /// Appends what is made of the newest record, however often that changes meanwhile; `make` gives nothing where there is
    /// nothing to say any more.
    ///
    /// # Errors
    /// Those of the store, and [`StoreError::Conflict`] where others are always faster.
    pub async fn commit_anyway(
        &self,
        slice: &RelationName,
        id: &str,
        make: impl Fn(&CommitRecord) -> Option<CommitRecord>,
    ) -> Result<Option<Numbered<CommitRecord>>, StoreError> {
        let Some(head) = self.slice_head(slice).await? else { return Ok(None) };
        if make(&head.record).is_none() {
            return Ok(None);
        }
        let of = |number: u64, parent: Option<&Numbered<CommitRecord>>| {
            // Only records that `make` has something to say of become parents.
            let parent = parent.unwrap_or(&head);
            let record = make(&parent.record).unwrap_or_else(|| CommitRecord::clone(&parent.record));
            CommitRecord { version: number, id: id.to_owned(), parent: Some(parent.blake3.clone()), ..record }
        };
        let meet = |theirs: &CommitRecord| if make(theirs).is_some() { Meeting::Behind } else { Meeting::Theirs };
        let is_mine = |record: &CommitRecord| record.id == id;
        let parent = Some(head.clone());
        match self.append(&self.slice_history(slice).own, parent, of, is_mine, meet, &slice.to_string()).await? {
            Appended::Own(record) => Ok(Some(record)),
            Appended::Theirs(_) => Ok(None),
        }
    }

    /// The folder of a build's files.
    pub fn build_folder(&self, slice: &RelationName, build: &str) -> Path {
        slice_folder(slice).join("builds").join(build)
    }

    /// Finds the builds, of whatever slice, whose rows have a key: one listing and two reads for each.
    pub async fn find_builds(
        &self,
        row: &str,
    ) -> Result<Vec<(KeyRecord, BuildReference, Arc<BuildRecord>)>, StoreError> {
        let folder = Path::from_iter(["keys", row]);
        let list = self.objects.list(Some(&folder));
        let mut metas: Vec<_> = list.try_collect().await.map_err(|e| self.failed("list", &folder, e))?;
        metas.retain(|meta| meta.location.as_ref().ends_with(".json"));
        let read = |store: Store, meta: ObjectMeta| async move {
            Ok(store.found_build(&meta).await?.map(|found| (meta.location, found)))
        };
        // Slices that differ in columns alone share the key of their rows: there may be many.
        let mut builds: Vec<_> = self.ask_all(metas, read).await?.into_iter().flatten().collect();
        builds.sort_by(|(a, _), (b, _)| a.cmp(b));
        Ok(builds.into_iter().map(|(_, found)| found).collect())
    }

    /// The build that a key leads to; `None` where that is gone, damaged, or about to be collected: it is made again.
    async fn found_build(
        &self,
        key: &ObjectMeta,
    ) -> Result<Option<(KeyRecord, BuildReference, Arc<BuildRecord>)>, StoreError> {
        let Some(bytes) = self.read(&key.location).await? else { return Ok(None) };
        let Ok(found) = manifest::read::<KeyRecord>(&bytes) else { return Ok(None) };
        let Some(slice) = RelationName::parse(&found.slice) else { return Ok(None) };
        match self.build(&slice, &found.build).await {
            Ok(Some((reference, _))) if self.is_marked(&reference).await? => Ok(None),
            Ok(Some((reference, record))) => Ok(Some((found, reference, record))),
            Ok(None) | Err(StoreError::Corrupt { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Makes a build findable by further keys.
    pub async fn record_key(&self, key: &KeyRecord) -> Result<(), StoreError> {
        let columns = key.keys.columns.iter().flat_map(|(name, key)| [name.as_str(), key.as_str()]);
        let columns = manifest::digest_all(columns);
        let path = Path::from_iter(["keys", &key.keys.row, &format!("{}-{}.json", key.build, &columns[..16])]);
        match self.create(&path, manifest::write(key)).await {
            Ok(()) | Err(StoreError::Exists { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Reads a build's record; `None` where there is none.
    pub async fn build(
        &self,
        slice: &RelationName,
        id: &str,
    ) -> Result<Option<(BuildReference, Arc<BuildRecord>)>, StoreError> {
        let path = self.build_folder(slice, id).join("build.json");
        let Some(bytes) = self.read(&path).await? else { return Ok(None) };
        let record: BuildRecord = manifest::read(&bytes).map_err(|e| StoreError::record(&path, e))?;
        Ok(Some((reference_to(&record, &bytes), Arc::new(record))))
    }

    /// The record of a build that a commit refers to; `None` where it is gone. Only whether it is there is asked of the store
    /// where its bytes, which the reference names, were read before.
    pub async fn build_of(&self, reference: &BuildReference) -> Result<Option<Arc<BuildRecord>>, StoreError> {
        self.build_seen(reference, false).await
    }

    /// The same of a head's build, of which it was seen already whether it is there.
    pub async fn build_of_head(
        &self,
        head: &SliceHead,
        reference: &BuildReference,
    ) -> Result<Option<Arc<BuildRecord>>, StoreError> {
        let seen = head.is_served && head.facts.build.as_ref() == Some(reference);
        self.build_seen(reference, seen).await
    }

    async fn build_seen(&self, reference: &BuildReference, seen: bool) -> Result<Option<Arc<BuildRecord>>, StoreError> {
        let (Some(slice), Some(path)) = (RelationName::parse(&reference.slice), self.record_of(reference)) else {
            return Ok(None);
        };
        let (key, memo) = (memo::key("build", [reference.blake3.as_bytes()]), self.memo.archive());
        if let Some(record) = memo.get::<BuildRecord>(&key) {
            return Ok((seen || self.is_there(&path).await?).then(|| Arc::new(record)));
        }
        let Some((found, record)) = self.build(&slice, &reference.id).await? else { return Ok(None) };
        if found.blake3 != reference.blake3 {
            let cause = "it isn't the record that was published".to_owned();
            return Err(StoreError::Corrupt { path: path.to_string(), cause });
        }
        memo.put(key, record.as_ref());
        Ok(Some(record))
    }

    pub(super) fn record_of(&self, build: &BuildReference) -> Option<Path> {
        Some(self.build_folder(&RelationName::parse(&build.slice)?, &build.id).join("build.json"))
    }

    /// Records a finished and verified build and makes it findable by all its keys.
    pub async fn record_build(&self, slice: &RelationName, record: &BuildRecord) -> Result<BuildReference, StoreError> {
        let bytes = manifest::write(record);
        self.create(&self.build_folder(slice, &record.id).join("build.json"), bytes.clone()).await?;
        let mut rows: Vec<&Keys> = Vec::new();
        for keys in &record.keys {
            if rows.contains(&keys) {
                continue;
            }
            rows.push(keys);
            let key = KeyRecord {
                format: manifest::FORMAT,
                slice: record.slice.clone(),
                build: record.id.clone(),
                keys: keys.clone(),
                sort_by: record.sort_by.clone(),
            };
            self.record_key(&key).await?;
        }
        Ok(reference_to(record, &bytes))
    }

    /// Removes the files of a build that wasn't recorded. What can't be removed stays: nothing refers to it.
    pub async fn discard_build(&self, slice: &RelationName, build: &str) {
        let folder = self.build_folder(slice, build);
        let Ok(metas) = self.objects.list(Some(&folder)).try_collect::<Vec<_>>().await else { return };
        for meta in metas {
            let _ = self.objects.delete(&meta.location).await;
        }
    }
}

/// How a commit goes on behind one that was faster.
fn meeting(ours: &CommitRecord, theirs: &CommitRecord) -> Meeting {
    match theirs.kind {
        kind if kind.holds() => return Meeting::Theirs,
        CommitKind::Drop if ours.kind == CommitKind::Drop => return Meeting::Theirs,
        CommitKind::Drop | CommitKind::Release => return Meeting::Behind,
        _ => {}
    }
    // Whoever drops it hadn't seen this.
    if ours.kind == CommitKind::Drop {
        return Meeting::Stop;
    }
    // What reads other relations isn't older or newer.
    let read = |commit: &CommitRecord| commit.inputs.iter().map(|input| input.name.clone()).collect::<BTreeSet<_>>();
    if read(ours) == read(theirs) && !reads_older(theirs, ours) && means_the_same(ours, theirs) {
        return Meeting::Theirs;
    }
    if reads_older(ours, theirs) { Meeting::Stop } else { Meeting::Behind }
}

/// Whether one commit read an older version of something than another one.
fn reads_older(one: &CommitRecord, other: &CommitRecord) -> bool {
    older_inputs(one, other).next().is_some()
}

/// Inputs of one commit that another one read a newer version of, with that.
fn older_inputs<'a>(one: &'a CommitRecord, other: &CommitRecord) -> impl Iterator<Item = (&'a InputRecord, u64)> {
    let versions: BTreeMap<String, u64> =
        other.inputs.iter().map(|input| (input.name.clone(), input.version)).collect();
    one.inputs.iter().filter_map(move |input| {
        let version = *versions.get(&input.name)?;
        (input.version < version).then_some((input, version))
    })
}

/// Whether two commits would show the same columns of the same query over the same inputs.
fn means_the_same(one: &CommitRecord, other: &CommitRecord) -> bool {
    let meaning = |commit: &CommitRecord| {
        let preimage = commit.preimage.as_ref()?;
        let columns = preimage.columns.iter().map(|column| (column.name.clone(), column.fingerprint.clone()));
        Some((preimage.engine.clone(), preimage.row.clone(), columns.collect::<Vec<_>>()))
    };
    let shown = |commit: &CommitRecord| {
        commit.columns.iter().map(|label| (label.name.clone(), label.data_type.clone())).collect::<Vec<_>>()
    };
    meaning(one).is_some() && meaning(one) == meaning(other) && shown(one) == shown(other)
}

fn slice_folder(slice: &RelationName) -> Path {
    Path::from_iter(["slices", slice.domain(), slice.name()])
}

fn reference_to(record: &BuildRecord, bytes: &[u8]) -> BuildReference {
    BuildReference { slice: record.slice.clone(), id: record.id.clone(), blake3: digest(bytes) }
}
