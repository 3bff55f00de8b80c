//! The whole store, read and held against itself.
//!
//! Two kinds of findings: **damage**, which is something that was acknowledged and isn't there as it was written, and
//! **leftovers**, which nothing refers to: of builds that were interrupted or have been replaced. These are no fault.

use super::environments::Kind;
use super::{MAIN, Store, StoreError};
use crate::manifest::{
    self, BuildRecord, CommitRecord, DataFile, EnvironmentRecord, Forked, KeyRecord, ReadError, SourceVersion, digest,
};
use crate::name::RelationName;
use datafusion::object_store::path::Path;
use datafusion::object_store::{ObjectMeta, ObjectStoreExt};
use futures::TryStreamExt;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

/// What came of looking at a whole store.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Fsck {
    /// Commits and source versions.
    pub records: usize,
    pub builds: usize,
    pub data_files: usize,
    /// Bytes of data files; with `deep` all of them were read.
    pub data_bytes: u64,
    /// What isn't as it was written, in the order of paths.
    pub damage: Vec<Damage>,
    /// What nothing refers to.
    pub leftovers: Vec<String>,
    pub leftover_bytes: u64,
}

/// Something that isn't as it was written.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Damage {
    /// The object.
    pub path: String,
    pub what: String,
    /// The source or slice whose rows it is about, where that can be told.
    pub of: Option<String>,
    /// The record of the damaged build: without it the build is made again.
    pub build: Option<String>,
}

/// Everything in a store by path, and what was found so far.
struct Looking<'a> {
    store: &'a Store,
    objects: BTreeMap<Path, ObjectMeta>,
    /// What something refers to, or is a record itself.
    known: HashSet<Path>,
    /// Of the records of logs.
    digests: HashMap<Path, String>,
    found: Fsck,
}

impl Store {
    /// Looks at everything: every record must be readable, follow its parent, and lead to builds whose files are there, in
    /// their size; `deep` reads all data files too, and compares their digests. Linear in the store's objects, and with
    /// `deep` in its bytes. What somebody publishes meanwhile may be left out.
    pub async fn fsck(&self, deep: bool) -> Result<Fsck, StoreError> {
        // What data refers to is listed after what refers: nobody then sees the one without the other.
        let logs = self.logs().await?;
        let list = self.objects.list(None).try_collect::<Vec<_>>().await;
        let objects = list.map_err(|e| self.failed("list", &Path::default(), e))?;
        let objects = objects.into_iter().map(|meta| (meta.location.clone(), meta)).collect();
        let mut looking =
            Looking { store: self, objects, known: HashSet::new(), digests: HashMap::new(), found: Fsck::default() };
        looking.known.insert(Path::from("store.json"));
        let mut commits: Vec<CommitRecord> = Vec::new();
        let mut begun: HashMap<String, EnvironmentRecord> = HashMap::new();
        // What an environment's logs began with stands in its own.
        let begins = |folder: &Path| super::log::names(folder).get(2).is_some_and(|name| name == "log");
        let (own, others): (Vec<_>, Vec<_>) = logs
            .into_iter()
            .partition(|(folder, _)| folder.prefix_matches(&Path::from("environments")) && begins(folder));
        for (folder, numbers) in own.into_iter().chain(others) {
            let names = super::log::names(&folder);
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            let (place, kind) = match names.as_slice() {
                ["environments", name, "log"] => {
                    let records = looking.log::<EnvironmentRecord>(&folder, &numbers, &Start::default()).await?;
                    begun.extend(records.into_iter().map(|record| (format!("{name}/{}", record.number), record)));
                    continue;
                }
                ["heads", ..] => (MAIN.to_owned(), Kind::Slice),
                ["sources", ..] => (MAIN.to_owned(), Kind::Source),
                ["environments", name, number, "heads", ..] => (format!("{name}/{number}"), Kind::Slice),
                ["environments", name, number, "sources", ..] => (format!("{name}/{number}"), Kind::Source),
                _ => continue,
            };
            let start = Start::of(&place, kind, &names, &begun);
            if kind == Kind::Slice {
                commits.extend(looking.log::<CommitRecord>(&folder, &numbers, &start).await?);
                continue;
            }
            for version in looking.log::<SourceVersion>(&folder, &numbers, &start).await? {
                let converted = version.files.iter().filter_map(|file| file.converted.as_ref());
                looking.data(converted, &version.source, deep).await?;
            }
        }
        looking.forks(&begun);
        if let Some(StoreError::Corrupt { path, cause }) = super::environments::lost(&looking.objects) {
            looking.found.damage.push(Damage { path, what: cause, of: None, build: None });
        }
        looking.builds(&commits, deep).await?;
        looking.keys().await?;
        let Looking { objects, known, mut found, .. } = looking;
        // Notes of those who are at work now, and those that say why something is gone.
        let is_note = |path: &Path| {
            let first = path.parts().next();
            let is_apart =
                first.is_some_and(|first| matches!(first.as_ref(), "failures" | "gc" | "leases" | "pins" | "probes"));
            is_apart || self::is_note(path)
        };
        for (path, meta) in objects.iter().filter(|(path, _)| !known.contains(*path) && !is_note(path)) {
            found.leftovers.push(path.to_string());
            found.leftover_bytes += meta.size;
        }
        for staged in self.local.as_ref().map(super::DurableLocal::staged).unwrap_or_default() {
            found.leftovers.push(staged.path.display().to_string());
            found.leftover_bytes += staged.size;
        }
        found.damage.sort();
        found.damage.dedup();
        Ok(found)
    }

    /// Takes the records of damaged builds away, so that they are made again. Says of how many.
    ///
    /// # Errors
    /// Those of the store; what was taken away stays so.
    pub async fn mend(&self, found: &Fsck) -> Result<usize, StoreError> {
        let builds: BTreeSet<&String> = found.damage.iter().filter_map(|damage| damage.build.as_ref()).collect();
        for build in &builds {
            self.take_out(&super::log::recorded(build), "damaged").await?;
        }
        Ok(builds.len())
    }

    /// Takes the record of a build, or a data file of a source, away. Versions that served it find a note in its place, which
    /// says why.
    pub(super) async fn take_out(&self, path: &Path, why: &str) -> Result<(), StoreError> {
        let note = manifest::write(&TakenOut { format: manifest::FORMAT, why: why.to_owned() });
        let place = taken_out(path);
        match self.create(&place, note.clone()).await {
            Ok(()) => {}
            // Some stores say so of a put that lost against another one that didn't land either.
            Err(StoreError::Exists { .. }) if self.is_there(&place).await? => {}
            Err(StoreError::Exists { .. }) => self.create(&place, note).await?,
            Err(error) => return Err(error),
        }
        self.remove(path).await
    }

    /// The folders of all logs with the numbers in them.
    async fn logs(&self) -> Result<BTreeMap<Path, BTreeSet<u64>>, StoreError> {
        let mut logs: BTreeMap<Path, BTreeSet<u64>> = BTreeMap::new();
        for root in ["environments", "heads", "sources"] {
            let root = Path::from(root);
            let mut list = self.objects.list(Some(&root));
            while let Some(meta) = list.try_next().await.map_err(|e| self.failed("list", &root, e))? {
                let Some(number) = super::log::number(&meta.location) else { continue };
                let mut parts: Vec<_> = meta.location.parts().collect();
                parts.pop();
                logs.entry(Path::from_iter(parts)).or_default().insert(number);
            }
        }
        Ok(logs)
    }
}

/// Why a build was taken out; lies where its record lay.
#[derive(Serialize)]
struct TakenOut {
    format: u32,
    why: String,
}

/// Where that note lies. A build has one, in its folder.
pub(super) fn taken_out(path: &Path) -> Path {
    let mut parts: Vec<_> = path.parts().collect();
    let name = parts.pop();
    let folder = Path::from_iter(parts);
    match name {
        Some(name) if name.as_ref() != "build.json" => folder.join(format!("{}.{TAKEN_OUT}", name.as_ref())),
        _ => folder.join(TAKEN_OUT),
    }
}

const TAKEN_OUT: &str = "taken-out.json";

/// Whether something is such a note.
pub(super) fn is_note(path: &Path) -> bool {
    path.filename().is_some_and(|name| name.ends_with(TAKEN_OUT))
}

/// What a log's first own record follows.
#[derive(Default)]
struct Start {
    number: u64,
    blake3: Option<String>,
    /// What that was can't be told.
    unknown: bool,
}

impl Start {
    fn of(place: &str, kind: Kind, names: &[&str], begun: &HashMap<String, EnvironmentRecord>) -> Start {
        if place == MAIN {
            return Start::default();
        }
        let Some(record) = begun.get(place) else { return Start { unknown: true, ..Start::default() } };
        let forked = match names {
            [.., domain, name] => forked(record, kind).get(&RelationName::new(domain, name).to_string()),
            _ => None,
        };
        let number = forked.and_then(|forked| forked.stretches.first()).map_or(0, |stretch| stretch.to);
        Start { number, blake3: forked.map(|forked| forked.blake3.clone()), unknown: false }
    }
}

fn forked(record: &EnvironmentRecord, kind: Kind) -> &BTreeMap<String, Forked> {
    if kind == Kind::Slice { &record.slices } else { &record.sources }
}

/// What the kinds of log have in common.
trait Logged: DeserializeOwned {
    fn number(&self) -> u64;
    fn parent(&self) -> Option<&str>;
    fn name(&self) -> &str;
    fn id(&self) -> &str;
    /// Whether a folder is the log of what has this name.
    fn belongs(name: &str, folder: &Path) -> bool;
}

impl Logged for CommitRecord {
    fn number(&self) -> u64 {
        self.version
    }
    fn parent(&self) -> Option<&str> {
        self.parent.as_deref()
    }
    fn name(&self) -> &str {
        &self.slice
    }
    fn belongs(name: &str, folder: &Path) -> bool {
        let Some(name) = RelationName::parse(name) else { return false };
        // In whatever environment.
        super::log::names(folder).ends_with(&[name.domain().to_owned(), name.name().to_owned()])
    }
    fn id(&self) -> &str {
        &self.id
    }
}

impl Logged for SourceVersion {
    fn number(&self) -> u64 {
        self.version
    }
    fn parent(&self) -> Option<&str> {
        self.parent.as_deref()
    }
    fn name(&self) -> &str {
        &self.source
    }
    fn belongs(name: &str, folder: &Path) -> bool {
        let Some(name) = RelationName::parse(name) else { return false };
        let mut names = super::log::names(folder);
        if names.first().is_some_and(|first| first == "sources") {
            names.pop();
        }
        names.ends_with(&[name.domain().to_owned(), name.name().to_owned()])
    }
    fn id(&self) -> &str {
        &self.id
    }
}

impl Logged for EnvironmentRecord {
    fn number(&self) -> u64 {
        self.number
    }
    fn parent(&self) -> Option<&str> {
        self.parent.as_deref()
    }
    fn name(&self) -> &str {
        &self.environment
    }
    fn belongs(name: &str, folder: &Path) -> bool {
        super::log::names(folder).get(1).is_some_and(|other| other == name)
    }
    fn id(&self) -> &str {
        &self.id
    }
}

impl Looking<'_> {
    fn damage(&mut self, path: &Path, of: &str, what: impl Into<String>) {
        self.found.damage.push(Damage {
            path: path.to_string(),
            what: what.into(),
            of: Some(of.to_owned()),
            build: None,
        });
    }

    /// The records of a log that are whole.
    async fn log<T: Logged>(
        &mut self,
        folder: &Path,
        numbers: &BTreeSet<u64>,
        start: &Start,
    ) -> Result<Vec<T>, StoreError> {
        let last = numbers.last().copied().unwrap_or(0);
        // Of a log without any whole record the folder says whose it is.
        let mut name = folder.to_string();
        let mut records = Vec::new();
        let mut ids: HashMap<String, u64> = HashMap::new();
        let mut before = start.blake3.clone();
        let first = if start.unknown { numbers.first().copied().unwrap_or(1) } else { start.number + 1 };
        for number in first..=last {
            let path = folder.clone().join(format!("{number:020}.json"));
            self.known.insert(path.clone());
            let Some(bytes) = self.store.read(&path).await? else {
                self.damage(&path, &name, "it is missing, and later ones are there");
                before = None;
                continue;
            };
            self.found.records += 1;
            let own = digest(&bytes);
            self.digests.insert(path.clone(), own.clone());
            let parent = before.replace(own);
            let record: T = match manifest::read(&bytes) {
                Ok(record) => record,
                Err(error) => {
                    self.damage(&path, &name, told(&error));
                    // What was there before is what the next one follows.
                    before = None;
                    continue;
                }
            };
            let here = T::belongs(record.name(), folder);
            if here {
                record.name().clone_into(&mut name);
            }
            if record.number() != number || !here {
                let what = format!("it is the record of `{}`, version {}", record.name(), record.number());
                self.damage(&path, &name, what);
            }
            if (parent.is_some() || (number == first && !start.unknown)) && record.parent() != parent.as_deref() {
                self.damage(&path, &name, "it doesn't follow the record before it");
            }
            if let Some(first) = ids.insert(record.id().to_owned(), number) {
                self.damage(&path, &name, format!("it has the id of record {first}"));
            }
            records.push(record);
        }
        Ok(records)
    }

    /// What environments began with must be there as it was.
    fn forks(&mut self, begun: &HashMap<String, EnvironmentRecord>) {
        for record in begun.values() {
            for kind in [Kind::Slice, Kind::Source] {
                for (text, forked) in forked(record, kind) {
                    let (Some(name), Some(stretch)) = (RelationName::parse(text), forked.stretches.first()) else {
                        continue;
                    };
                    let folder = super::environments::folder(kind, &stretch.place, &name);
                    let path = super::log::record_path(&folder, stretch.to);
                    if self.digests.get(&path).is_none_or(|digest| *digest != forked.blake3) {
                        let what =
                            format!("environment `{}` began with it, and it isn't what it was", record.environment);
                        self.damage(&path, text, what);
                    }
                }
            }
        }
    }

    /// The builds that commits refer to, and those that only keys lead to.
    async fn builds(&mut self, commits: &[CommitRecord], deep: bool) -> Result<(), StoreError> {
        let mut seen: HashSet<Path> = HashSet::new();
        for commit in commits {
            let Some(reference) = &commit.build else { continue };
            let Some(path) = self.store.record_of(reference) else { continue };
            self.known.insert(path.clone());
            let Some(bytes) = self.store.read(&path).await? else {
                let note = taken_out(&path);
                if self.objects.contains_key(&note) {
                    self.known.insert(note);
                    continue;
                }
                self.damage(&path, &commit.slice, format!("version {} serves it, and it is gone", commit.version));
                continue;
            };
            if digest(&bytes) != reference.blake3 {
                self.damage(&path, &commit.slice, format!("it isn't what version {} refers to", commit.version));
                continue;
            }
            if seen.insert(path.clone()) {
                self.build(&path, &bytes, deep).await?;
            }
        }
        let open: Vec<Path> = self
            .objects
            .keys()
            .filter(|path| path.filename() == Some("build.json") && !seen.contains(*path))
            .cloned()
            .collect();
        for path in open {
            self.known.insert(path.clone());
            if let Some(bytes) = self.store.read(&path).await? {
                self.build(&path, &bytes, deep).await?;
            }
        }
        Ok(())
    }

    async fn build(&mut self, path: &Path, bytes: &[u8], deep: bool) -> Result<(), StoreError> {
        self.found.builds += 1;
        match manifest::read::<BuildRecord>(bytes) {
            Ok(record) => {
                let files = record.partitions.iter().flat_map(|partition| &partition.files);
                let before = self.found.damage.len();
                self.data(files, &record.slice, deep).await?;
                for damage in &mut self.found.damage[before..] {
                    damage.build = Some(path.to_string());
                }
                Ok(())
            }
            Err(error) => {
                let what = told(&error);
                let path = path.to_string();
                self.found.damage.push(Damage { path: path.clone(), what, of: None, build: Some(path) });
                Ok(())
            }
        }
    }

    async fn data<'f>(
        &mut self,
        files: impl Iterator<Item = &'f DataFile>,
        of: &str,
        deep: bool,
    ) -> Result<(), StoreError> {
        for file in files {
            let path = super::log::recorded(&file.path);
            if !self.known.insert(path.clone()) {
                continue;
            }
            // It may have been written after everything was listed.
            let size = match self.objects.get(&path) {
                Some(meta) => Some(meta.size),
                None => match self.store.objects.head(&path).await {
                    Ok(meta) => Some(meta.size),
                    Err(datafusion::object_store::Error::NotFound { .. }) => None,
                    Err(error) => return Err(self.store.failed("read", &path, error)),
                },
            };
            match size {
                None if self.objects.contains_key(&taken_out(&path)) => {}
                None => self.damage(&path, of, "it is gone"),
                Some(size) if size != file.size => {
                    self.damage(&path, of, format!("it has {size} bytes, not {}", file.size));
                }
                Some(size) => {
                    self.found.data_files += 1;
                    self.found.data_bytes += size;
                    if deep && self.store.digest_of(&path).await?.is_some_and(|digest| digest != file.blake3) {
                        self.damage(&path, of, "its bytes aren't what was written");
                    }
                }
            }
        }
        Ok(())
    }

    async fn keys(&mut self) -> Result<(), StoreError> {
        let root = Path::from("keys");
        let paths: Vec<Path> = self.objects.keys().filter(|path| path.prefix_matches(&root)).cloned().collect();
        for path in paths {
            let Some(bytes) = self.store.read(&path).await? else { continue };
            match manifest::read::<KeyRecord>(&bytes) {
                Ok(key) => {
                    let build = RelationName::parse(&key.slice)
                        .map(|slice| self.store.build_folder(&slice, &key.build).join("build.json"));
                    // A key of a build that is gone finds nothing.
                    if build.is_some_and(|build| self.objects.contains_key(&build)) {
                        self.known.insert(path);
                    }
                }
                Err(error) => {
                    let what = told(&error);
                    self.found.damage.push(Damage { path: path.to_string(), what, of: None, build: None });
                    self.known.insert(path);
                }
            }
        }
        Ok(())
    }
}

fn told(error: &ReadError) -> String {
    match error {
        ReadError::UnknownFormat(format) => format!("it has format {format}, which this pie doesn't know"),
        ReadError::Damaged(cause) => cause.clone(),
    }
}
