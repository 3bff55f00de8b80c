//! Collecting what nothing refers to any more.
//!
//! Nobody waits for anybody here, so a build could be found by its key in the very moment in which it is collected. Therefore it
//! happens in two steps: a build is **marked**, from when on nobody finds it by its key; and it is removed by a later run, at
//! least an hour later, if nothing refers to it then either. Who had found it before has published it by then, or finds out that
//! it is gone before and after publishing (`Store::is_served`), and makes it again.
//!
//! Ages are differences of the store's own times. Records of logs are never removed, so a number is never taken twice.

use super::durable::{DurableLocal, Staged};
use super::fsck::{is_note, taken_out};
use super::log::{names, recorded};
use super::roots::{Objects, Retention, Roots, below};
use super::{Store, StoreError};
use crate::manifest::{self, FORMAT, MarkRecord, PinRecord};
use chrono::{DateTime, TimeDelta, Utc};
use datafusion::object_store::path::Path;
use datafusion::object_store::{ObjectMeta, ObjectStoreExt};
use futures::TryStreamExt;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// How long a pin or a lease holds that isn't renewed.
pub(super) const TERM: Duration = Duration::from_secs(600);

/// For how long marks that were read are believed. Far less than what lies between marking and collecting.
const MARKS_HOLD: Duration = Duration::from_secs(300);

/// What can go, or is gone.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Garbage {
    /// Folders of builds.
    pub builds: BTreeSet<String>,
    /// Other objects: data files of sources, keys of builds that are gone, notes that are over.
    pub files: BTreeSet<String>,
    pub bytes: u64,
}

impl Garbage {
    pub fn is_empty(&self) -> bool {
        self.builds.is_empty() && self.files.is_empty()
    }
}

/// What a collection did, or would do.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Collection {
    /// Removed: it had been marked before, and nothing refers to it.
    pub collected: Garbage,
    /// Marked, now: a later run removes it.
    pub marked: Garbage,
    /// Marked before, too short a time ago to be removed.
    pub waiting: Garbage,
    /// Marked before, and referred to again since.
    pub kept: usize,
    /// Files that interrupted writers had staged in a folder, removed too.
    pub staged: usize,
}

/// Marks as they were when they were last read.
pub(super) type KnownMarks = Arc<Mutex<Option<(Instant, Arc<HashSet<String>>)>>>;

impl Store {
    /// Removes what earlier runs marked, and marks what can go.
    ///
    /// # Errors
    /// Those of the store. What was removed stays so; another run goes on.
    pub async fn collect(&self, retention: &Retention, by: &str, dry_run: bool) -> Result<Collection, StoreError> {
        let now = self.now().await?;
        let objects = Arc::new(self.all_objects().await?);
        if let Some(lost) = super::environments::lost(&objects) {
            // What that environment began with, and so what it reaches, isn't known.
            return Err(lost);
        }
        let marks = self.marks(&objects).await?;
        let roots = self.roots(&objects, now, retention).await?;
        let pinned = self.pinned(&objects, now).await?;
        let looked = Looked { objects: &objects, roots: &roots, pinned: &pinned, now, retention };
        let garbage = looked.garbage();
        let mut collection = Collection::default();
        let mut known: HashSet<&String> = HashSet::new();
        for (meta, mark) in &marks {
            let is_due = now - meta.last_modified >= retention.wait;
            let of_mark = if is_due { &mut collection.collected } else { &mut collection.waiting };
            for (entries, all, to) in [
                (&mark.builds, &garbage.builds, &mut of_mark.builds),
                (&mark.files, &garbage.files, &mut of_mark.files),
            ] {
                for entry in entries {
                    known.insert(entry);
                    match all.contains(entry) {
                        true => _ = to.insert(entry.clone()),
                        false => collection.kept += usize::from(looked.is_there(entry)),
                    }
                }
            }
        }
        let new = |entries: &BTreeSet<String>| entries.iter().filter(|entry| !known.contains(entry)).cloned().collect();
        collection.marked = Garbage { builds: new(&garbage.builds), files: new(&garbage.files), bytes: 0 };
        for part in [&mut collection.collected, &mut collection.marked, &mut collection.waiting] {
            part.bytes = looked.bytes(part);
        }
        let staged = self.staged_since(now, retention);
        collection.staged = staged.len();
        collection.collected.bytes += staged.iter().map(|staged| staged.size).sum::<u64>();
        if dry_run {
            return Ok(collection);
        }
        let due = std::mem::take(&mut collection.collected.builds);
        let referred_to = self.remove_builds(&looked, &due).await?;
        collection.kept += referred_to.len();
        collection.collected.builds = due.difference(&referred_to).cloned().collect();
        for file in &collection.collected.files {
            let path = recorded(file);
            match path.prefix_matches(&Path::from("sources")) {
                true => self.take_out(&path, "collected").await?,
                false => self.remove(&path).await?,
            }
        }
        for (meta, _) in marks.iter().filter(|(meta, _)| now - meta.last_modified >= retention.wait) {
            self.remove(&meta.location).await?;
        }
        if !collection.marked.is_empty() {
            let id = super::new_id();
            let mark = MarkRecord {
                format: FORMAT,
                id: id.clone(),
                builds: collection.marked.builds.iter().cloned().collect(),
                files: collection.marked.files.iter().cloned().collect(),
                created_at: now.to_rfc3339_opts(chrono::SecondsFormat::Secs, true),
                by: by.to_owned(),
                pie: env!("CARGO_PKG_VERSION").to_owned(),
            };
            self.create(&Path::from_iter(["gc", &format!("{id}.json")]), manifest::write(&mark)).await?;
        }
        for staged in &staged {
            if let Some(local) = &self.local {
                local.remove_staged(staged).map_err(|e| self.failed("remove", &Path::default(), e))?;
            }
        }
        Ok(collection)
    }

    /// Files that interrupted writers left in a folder of this machine. Nobody can ever come to refer to them.
    fn staged_since(&self, now: DateTime<Utc>, retention: &Retention) -> Vec<Staged> {
        let all = self.local.as_ref().map(DurableLocal::staged).unwrap_or_default();
        let is_old = |staged: &Staged| now - DateTime::<Utc>::from(staged.modified) > retention.orphans;
        all.into_iter().filter(is_old).collect()
    }

    /// Removes builds. Keys go first, so that nobody comes to them; their records next, which are what makes them builds. Then it
    /// is looked once more who refers to them: whoever pins or publishes one looks behind that whether it is there, so one side
    /// always sees the other. What is referred to is put back; of the rest the data goes, and versions that served it find a
    /// note in its place.
    async fn remove_builds(
        &self,
        looked: &Looked<'_>,
        folders: &BTreeSet<String>,
    ) -> Result<BTreeSet<String>, StoreError> {
        if folders.is_empty() {
            return Ok(BTreeSet::new());
        }
        let keys = looked.keys();
        let mut records: BTreeMap<&String, Vec<u8>> = BTreeMap::new();
        for folder in folders {
            let path = recorded(folder);
            for key in keys.get(path.filename().unwrap_or_default()).into_iter().flatten() {
                self.remove(key).await?;
            }
            let record = path.join("build.json");
            if let Some(bytes) = self.read(&record).await? {
                records.insert(folder, bytes.to_vec());
                self.take_out(&record, "collected").await?;
            }
        }
        let again = async {
            let objects = Arc::new(self.all_objects().await?);
            let roots = self.roots(&objects, looked.now, looked.retention).await?;
            let pinned = self.pinned(&objects, looked.now).await?;
            Ok::<_, StoreError>((roots, pinned))
        };
        let again = again.await;
        let is_referred_to = |folder: &String| match &again {
            Ok((roots, pinned)) => {
                let id = folder.rsplit('/').next().unwrap_or_default();
                roots.builds.contains(id) || pinned.contains(id)
            }
            // Not known: everything stays.
            Err(_) => true,
        };
        let referred_to: BTreeSet<String> = folders.iter().filter(|folder| is_referred_to(folder)).cloned().collect();
        // One that can't be put back keeps none of the others from it.
        let mut failed = None;
        for (folder, bytes) in records.iter().filter(|(folder, _)| referred_to.contains(**folder)) {
            let record = recorded(folder).join("build.json");
            match self.create(&record, bytes.clone()).await {
                Ok(()) | Err(StoreError::Exists { .. }) => {
                    failed = failed.or(self.remove(&taken_out(&record)).await.err())
                }
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        failed.map_or(Ok(()), Err)?;
        again?;
        for folder in folders.difference(&referred_to) {
            let path = recorded(folder);
            let record = path.clone().join("build.json");
            // As long as it is a build, it is a whole one.
            if self.is_there(&record).await? {
                continue;
            }
            let note = taken_out(&record);
            let rest = below(looked.objects, &path).map(|(path, _)| path);
            for path in rest.filter(|path| **path != record && **path != note) {
                self.remove(path).await?;
            }
            if let Some(local) = &self.local {
                local.remove_empty(&path);
            }
        }
        Ok(referred_to)
    }

    async fn all_objects(&self) -> Result<Objects, StoreError> {
        let list = self.objects.list(None).try_collect::<Vec<_>>().await;
        let objects = list.map_err(|e| self.failed("list", &Path::default(), e))?;
        Ok(objects.into_iter().map(|meta| (meta.location.clone(), meta)).collect())
    }

    pub(super) async fn remove(&self, path: &Path) -> Result<(), StoreError> {
        match self.objects.delete(path).await {
            Ok(()) | Err(datafusion::object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(self.failed("remove", path, error)),
        }
    }

    async fn marks(&self, objects: &Objects) -> Result<Vec<(ObjectMeta, MarkRecord)>, StoreError> {
        let root = Path::from("gc");
        let mut marks = Vec::new();
        for (path, meta) in objects.iter().filter(|(path, _)| path.prefix_matches(&root)) {
            let Some(bytes) = self.read(path).await? else { continue };
            // One that can't be read marks nothing, and goes with what is old.
            if let Ok(mark) = manifest::read::<MarkRecord>(&bytes) {
                marks.push((meta.clone(), mark));
            }
        }
        Ok(marks)
    }

    /// What somebody reads: ids of builds, and paths of sources' files.
    async fn pinned(&self, objects: &Objects, now: DateTime<Utc>) -> Result<HashSet<String>, StoreError> {
        let root = Path::from("pins");
        let mut open: Vec<ObjectMeta> = below(objects, &root).map(|(_, meta)| meta.clone()).collect();
        let mut pinned = HashSet::new();
        while let Some(meta) = open.pop() {
            if is_over(&meta, now) {
                continue;
            }
            match self.read(&meta.location).await? {
                Some(bytes) => {
                    if let Ok(pin) = manifest::read::<PinRecord>(&bytes) {
                        pinned.extend(pin.read);
                    }
                }
                // It was renewed meanwhile, or has ended.
                None => {
                    let folder = folder_of(&meta.location);
                    let list = self.objects.list(Some(&folder)).try_collect::<Vec<_>>().await;
                    open.extend(list.map_err(|e| self.failed("list", &folder, e))?);
                }
            }
        }
        Ok(pinned)
    }

    /// Builds that are marked: their folders. Read at most every few minutes.
    async fn marked(&self) -> Result<Arc<HashSet<String>>, StoreError> {
        let known = self.known_marks.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some((_, marked)) = known.filter(|(read, _)| read.elapsed() < MARKS_HOLD) {
            return Ok(marked);
        }
        let root = Path::from("gc");
        let read = Instant::now();
        let list = self.objects.list(Some(&root)).try_collect::<Vec<_>>().await;
        let objects = list.map_err(|e| self.failed("list", &root, e))?;
        let mut marked = HashSet::new();
        for meta in objects {
            let Some(bytes) = self.read(&meta.location).await? else { continue };
            if let Ok(mark) = manifest::read::<MarkRecord>(&bytes) {
                marked.extend(mark.builds);
            }
        }
        let marked = Arc::new(marked);
        *self.known_marks.lock().unwrap_or_else(PoisonError::into_inner) = Some((read, Arc::clone(&marked)));
        Ok(marked)
    }

    /// Whether a build is about to be collected.
    pub(super) async fn is_marked(&self, build: &manifest::BuildReference) -> Result<bool, StoreError> {
        let Some(record) = self.record_of(build) else { return Ok(false) };
        Ok(self.marked().await?.contains(&folder_of(&record).to_string()))
    }

    /// Whether a build is there, and stays there if it is published now.
    pub async fn is_served(&self, build: &manifest::BuildReference) -> Result<bool, StoreError> {
        let Some(record) = self.record_of(build) else { return Ok(false) };
        Ok(!self.is_marked(build).await? && self.is_there(&record).await?)
    }
}

/// Whether a pin or a lease wasn't renewed in time.
pub(super) fn is_over(meta: &ObjectMeta, now: DateTime<Utc>) -> bool {
    now - meta.last_modified > TimeDelta::from_std(TERM).unwrap_or(TimeDelta::MAX)
}

fn folder_of(path: &Path) -> Path {
    let mut parts: Vec<_> = path.parts().collect();
    parts.pop();
    Path::from_iter(parts)
}

/// A whole store, and what must stay of it.
struct Looked<'a> {
    objects: &'a Objects,
    roots: &'a Roots,
    pinned: &'a HashSet<String>,
    now: DateTime<Utc>,
    retention: &'a Retention,
}

impl Looked<'_> {
    /// All that nothing reaches, and that is old enough.
    fn garbage(&self) -> Garbage {
        let mut garbage = Garbage::default();
        let mut builds: BTreeMap<Path, Vec<&ObjectMeta>> = BTreeMap::new();
        let mut keys: Vec<(&Path, String)> = Vec::new();
        for (path, meta) in self.objects {
            let names = names(path);
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            match names.as_slice() {
                ["slices", _, _, "builds", _, _] => builds.entry(folder_of(path)).or_default().push(meta),
                ["sources", _, _, "data", _]
                    if !is_note(path) && !self.roots.files.contains(path) && !self.pinned.contains(path.as_ref()) =>
                {
                    let limit = self.retention.keep.max(self.retention.orphans);
                    garbage.files.extend(self.is_older(meta, limit).then(|| path.to_string()));
                }
                ["keys", _, name] => keys.extend(name.get(..36).map(|build| (path, build.to_owned()))),
                ["failures" | "gc", ..] => {
                    garbage.files.extend(self.is_older(meta, self.retention.keep).then(|| path.to_string()));
                }
                ["pins" | "leases", ..] | ["probes", _] => {
                    garbage.files.extend(self.is_older(meta, TimeDelta::days(1)).then(|| path.to_string()));
                }
                _ => {}
            }
        }
        let mut there: HashSet<String> = HashSet::new();
        for (folder, metas) in builds {
            let id = folder.filename().unwrap_or_default().to_owned();
            let is_recorded = metas.iter().any(|meta| meta.location.filename() == Some("build.json"));
            if is_recorded {
                there.insert(id.clone());
            }
            // A note that a build was taken out stays for those who look for it.
            let is_note = |meta: &&ObjectMeta| is_note(&meta.location);
            if self.roots.builds.contains(&id) || self.pinned.contains(&id) || metas.iter().all(is_note) {
                continue;
            }
            let limit = if is_recorded { self.retention.keep } else { self.retention.orphans };
            if metas.iter().filter(|meta| !is_note(meta)).all(|meta| self.is_older(meta, limit)) {
                garbage.builds.insert(folder.to_string());
            }
        }
        for (path, build) in keys {
            let is_gone = || !there.contains(&build);
            let is_old = self.objects.get(path).is_some_and(|meta| self.is_older(meta, self.retention.orphans));
            garbage.files.extend((is_old && is_gone()).then(|| path.to_string()));
        }
        garbage
    }

    fn is_older(&self, meta: &ObjectMeta, limit: TimeDelta) -> bool {
        self.now - meta.last_modified > limit
    }

    fn is_there(&self, entry: &str) -> bool {
        let path = recorded(entry);
        let record = path.clone().join("build.json");
        self.objects.contains_key(&path) || self.objects.contains_key(&record)
    }

    /// The keys that lead to each build.
    fn keys(&self) -> BTreeMap<&str, Vec<&Path>> {
        let mut keys: BTreeMap<&str, Vec<&Path>> = BTreeMap::new();
        for (path, _) in below(self.objects, &Path::from("keys")) {
            let build = path.filename().and_then(|name| name.get(..36));
            if let Some(build) = build {
                keys.entry(build).or_default().push(path);
            }
        }
        keys
    }

    fn bytes(&self, garbage: &Garbage) -> u64 {
        let of_builds = garbage.builds.iter().map(|folder| {
            let folder = recorded(folder);
            below(self.objects, &folder).map(|(_, meta)| meta.size).sum::<u64>()
        });
        let files = garbage.files.iter().filter_map(|file| self.objects.get(&recorded(file))).map(|meta| meta.size);
        of_builds.sum::<u64>() + files.sum::<u64>()
    }
}
