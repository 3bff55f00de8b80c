//! Environments: heads of one's own over shared builds.
//!
//! `main` is always there. Any other has a log in which it is begun and removed. The record that begins it says which record was
//! the head of each slice and source in another environment; a slice's log goes on from there, with numbers of its own, in a
//! folder of its own. Nothing is copied, and what one environment publishes no other one sees.
//!
//! ```text
//! heads/main/<domain>/<slice>/<number>.json                        main
//! sources/<domain>/<source>/log/<number>.json
//! environments/<name>/log/<number>.json                            begun, removed, begun again
//! environments/<name>/<number>/heads/<domain>/<slice>/<number>.json  what it published since it was begun by record <number>
//! environments/<name>/<number>/sources/<domain>/<source>/<number>.json
//! ```

use super::log::Meeting;
use super::roots::{Objects, below};
use super::{Appended, Numbered, Store, StoreError};
use crate::manifest::{EnvironmentKind, EnvironmentRecord, FORMAT, Forked, Stretch};
use crate::name::RelationName;
use datafusion::object_store::path::Path;
use futures::TryStreamExt;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The environment that is always there.
pub const MAIN: &str = "main";

/// Whose heads are read and written.
#[derive(Clone, Debug)]
pub(super) struct Environment {
    name: String,
    /// The record that began it; `None` for `main`.
    begun: Option<Numbered<EnvironmentRecord>>,
}

/// The log of a slice or a source in an environment.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Log {
    /// Where its next record goes, below the root of the store.
    pub(super) own: Path,
    place: String,
    /// What it began with, newest first: records up to a number in another folder.
    before: Vec<(String, Path, u64)>,
    /// Of the last record that it began with.
    forked: Option<String>,
}

/// Where a record lies: an environment's place, and the record's number. Equal ones are the same record.
pub type Spot = (String, u64);

impl Log {
    /// The number of the last record that the log began with; 0 without any.
    pub(super) fn base(&self) -> u64 {
        self.before.first().map_or(0, |(_, _, to)| *to)
    }

    /// The digest of the last record that the log began with.
    pub(super) fn forked(&self) -> Option<&str> {
        self.forked.as_deref()
    }

    /// The folder that a record of a number lies in, and whose that is.
    fn found(&self, number: u64) -> (&str, &Path) {
        let reaching = self.before.iter().take_while(|(_, _, to)| number <= *to).last();
        reaching.map_or((self.place.as_str(), &self.own), |(place, folder, _)| (place.as_str(), folder))
    }

    pub(super) fn folder(&self, number: u64) -> &Path {
        self.found(number).1
    }

    /// Where the record of a number lies.
    pub fn spot(&self, number: u64) -> Spot {
        (self.found(number).0.to_owned(), number)
    }

    /// The number of the last record in its own folder that another log began with; 0 without any.
    fn shared_with(&self, other: &Log) -> u64 {
        let shared = other.before.iter().filter(|(place, ..)| *place == self.place).map(|(.., to)| *to);
        shared.max().unwrap_or(0)
    }

    /// The log up to a record, as what another one begins with.
    fn stretches(&self, number: u64) -> Vec<Stretch> {
        let own = (number > self.base()).then(|| Stretch { place: self.place.clone(), to: number });
        let before = self.before.iter().map(|(place, _, to)| Stretch { place: place.clone(), to: *to });
        own.into_iter().chain(before).collect()
    }
}

/// Slices and sources have logs of one shape in different folders.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    Slice,
    Source,
}

impl Environment {
    pub fn main() -> Environment {
        Environment { name: MAIN.to_owned(), begun: None }
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// What its own records lie below.
    pub fn place(&self) -> String {
        match &self.begun {
            None => MAIN.to_owned(),
            Some(begun) => format!("{}/{}", self.name, begun.number),
        }
    }

    /// The folder below which its own heads lie.
    pub fn heads(&self) -> Path {
        heads(&self.place())
    }

    pub fn log(&self, kind: Kind, name: &RelationName) -> Log {
        let place = self.place();
        let own = folder(kind, &place, name);
        let forked = self.begun.as_ref().and_then(|begun| {
            let all = if kind == Kind::Slice { &begun.record.slices } else { &begun.record.sources };
            all.get(&name.to_string())
        });
        let stretch = |stretch: &Stretch| (stretch.place.clone(), folder(kind, &stretch.place, name), stretch.to);
        let before = forked.map(|forked| forked.stretches.iter().map(stretch).collect()).unwrap_or_default();
        Log { own, place, before, forked: forked.map(|forked| forked.blake3.clone()) }
    }

    /// What it began with, of one kind.
    pub fn forked(&self, kind: Kind) -> impl Iterator<Item = RelationName> {
        let begun = self.begun.iter().flat_map(move |begun| match kind {
            Kind::Slice => begun.record.slices.keys(),
            Kind::Source => begun.record.sources.keys(),
        });
        begun.filter_map(|name| RelationName::parse(name))
    }
}

fn heads(place: &str) -> Path {
    match place {
        MAIN => Path::from_iter(["heads", MAIN]),
        place => folder_of(place).join("heads"),
    }
}

/// The folder that an environment's log of a slice or source lies in.
pub(super) fn folder(kind: Kind, place: &str, name: &RelationName) -> Path {
    match (kind, place) {
        (Kind::Slice, _) => heads(place).join(name.domain()).join(name.name()),
        (Kind::Source, MAIN) => Path::from_iter(["sources", name.domain(), name.name(), "log"]),
        (Kind::Source, _) => folder_of(place).join("sources").join(name.domain()).join(name.name()),
    }
}

fn folder_of(place: &str) -> Path {
    Path::from_iter(std::iter::once("environments").chain(place.split('/')))
}

/// An environment that has published something, and of which the record that began it is gone.
pub(super) fn lost(objects: &Objects) -> Option<StoreError> {
    below(objects, &Path::from("environments")).find_map(|(path, _)| {
        let names = super::log::names(path);
        let [_, name, number, ..] = names.as_slice() else { return None };
        let record = super::log::record_path(&log_of(name), number.parse().ok()?);
        (!objects.contains_key(&record)).then(|| {
            let cause = format!("it is gone, and what was published in environment `{name}` after it is there");
            StoreError::Corrupt { path: record.to_string(), cause }
        })
    })
}

fn log_of(name: &str) -> Path {
    Path::from_iter(["environments", name, "log"])
}

/// Why a name can't be one of an environment; `None` where it can.
pub fn wrong_name(name: &str) -> Option<&'static str> {
    let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
    match name {
        "" => Some("it is empty"),
        name if name.len() > 100 => Some("it is longer than 100 characters"),
        name if !name.chars().all(is_plain) => Some("only a-z, 0-9, `-` and `_` can stand in it"),
        name if !name.starts_with(|c: char| c.is_ascii_alphanumeric()) => Some("it starts with `-` or `_`"),
        _ => None,
    }
}

impl Store {
    /// The environment whose heads it reads and writes.
    pub fn environment(&self) -> &str {
        self.environment.name()
    }

    /// The same store in another environment; `None` where that isn't there.
    pub async fn in_environment(&self, name: &str) -> Result<Option<Store>, StoreError> {
        if name == MAIN {
            return Ok(Some(Store { environment: Arc::new(Environment::main()), ..self.clone() }));
        }
        Ok(self.begun(name).await?.map(|begun| self.over_heads(name, begun)))
    }

    fn over_heads(&self, name: &str, begun: Numbered<EnvironmentRecord>) -> Store {
        let environment = Environment { name: name.to_owned(), begun: Some(begun) };
        Store { environment: Arc::new(environment), ..self.clone() }
    }

    /// The record that began an environment, where it wasn't removed since.
    async fn begun(&self, name: &str) -> Result<Option<Numbered<EnvironmentRecord>>, StoreError> {
        let found = self.last::<EnvironmentRecord>(&log_of(name), &self.memo.archive()).await?;
        Ok(found.filter(|found| found.record.kind == EnvironmentKind::Begin))
    }

    /// The records that began all environments but `main`, in the order of names; one of those that are damaged is an error.
    pub async fn environments(&self) -> Result<Vec<Arc<EnvironmentRecord>>, StoreError> {
        let folder = Path::from("environments");
        let found = self.objects.list_with_delimiter(Some(&folder)).await;
        let found = found.map_err(|e| self.failed("list", &folder, e))?;
        let mut names: Vec<String> =
            found.common_prefixes.iter().filter_map(|path| Some(path.filename()?.to_owned())).collect();
        names.sort();
        let mut environments = Vec::new();
        for name in names {
            environments.extend(self.begun(&name).await?.map(|begun| begun.record));
        }
        Ok(environments)
    }

    /// Begins an environment as a copy of what is published in this one: its slices and sources have the same heads, under the
    /// same numbers, and from then on are its own. Where it is there already it is left as it is. Reads every head once.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn begin_environment(&self, name: &str, by: &str, at: &str) -> Result<(Store, bool), StoreError> {
        if let Some(there) = self.in_environment(name).await? {
            return Ok((there, false));
        }
        self.ready_to_write().await?;
        self.none_lost(name).await?;
        let mut slices = BTreeMap::new();
        for (slice, head) in self.slice_heads().await? {
            let stretches = self.slice_history(&slice).stretches(head.number);
            slices.insert(slice.to_string(), Forked { blake3: head.facts.blake3, stretches });
        }
        let read = |store: Store, source: RelationName| async move {
            let (head, _) = store.source_to_follow(&source).await?;
            Ok(head.map(|head| {
                let stretches = store.source_history(&source).stretches(head.number);
                (source.to_string(), Forked { blake3: head.blake3, stretches })
            }))
        };
        let sources = self.source_names().await?.into_iter().collect();
        let sources = self.ask_all(sources, read).await?.into_iter().flatten().collect();
        let record = EnvironmentRecord {
            format: FORMAT,
            environment: name.to_owned(),
            number: 0,
            id: super::new_id(),
            parent: None,
            kind: EnvironmentKind::Begin,
            base: Some(self.environment().to_owned()),
            slices,
            sources,
            created_at: at.to_owned(),
            by: by.to_owned(),
            pie: env!("CARGO_PKG_VERSION").to_owned(),
        };
        let appended = self.append_environment(record).await?;
        let is_own = matches!(appended, Appended::Own(_));
        Ok((self.over_heads(name, appended.into_record()), is_own))
    }

    /// Removes an environment: its heads are seen no more, and hold nothing back from collection. Says whether it was there.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn remove_environment(&self, name: &str, by: &str, at: &str) -> Result<bool, StoreError> {
        match self.begun(name).await {
            Ok(None) => return Ok(false),
            // One whose record is damaged is removed like any other.
            Ok(Some(_)) | Err(StoreError::Corrupt { .. }) => {}
            Err(error) => return Err(error),
        }
        self.ready_to_write().await?;
        let record = EnvironmentRecord {
            format: FORMAT,
            environment: name.to_owned(),
            number: 0,
            id: super::new_id(),
            parent: None,
            kind: EnvironmentKind::Remove,
            base: None,
            slices: BTreeMap::new(),
            sources: BTreeMap::new(),
            created_at: at.to_owned(),
            by: by.to_owned(),
            pie: env!("CARGO_PKG_VERSION").to_owned(),
        };
        self.append_environment(record).await?;
        Ok(true)
    }

    /// The next number of an environment mustn't be one that has been used: what lies there would be taken for its own.
    async fn none_lost(&self, name: &str) -> Result<(), StoreError> {
        let folder = Path::from_iter(["environments", name]);
        let list = self.objects.list(Some(&folder)).try_collect::<Vec<_>>().await;
        let objects = list.map_err(|e| self.failed("list", &folder, e))?;
        let objects = objects.into_iter().map(|meta| (meta.location.clone(), meta)).collect();
        lost(&objects).map_or(Ok(()), Err)
    }

    /// The last record of an environment's log; one that is damaged as one that says nothing, under its number and digest.
    async fn last_begun(&self, folder: &Path) -> Result<Option<Numbered<EnvironmentRecord>>, StoreError> {
        match self.last::<EnvironmentRecord>(folder, &self.memo.archive()).await {
            Err(StoreError::Corrupt { .. }) => {}
            found => return found,
        }
        let Some(meta) = self.last_listed(folder).await? else { return Ok(None) };
        let (Some(number), Some(bytes)) = (super::log::number(&meta.location), self.read(&meta.location).await?) else {
            return Ok(None);
        };
        let nothing = EnvironmentRecord {
            format: FORMAT,
            environment: String::new(),
            number,
            id: String::new(),
            parent: None,
            kind: EnvironmentKind::Damaged,
            base: None,
            slices: BTreeMap::new(),
            sources: BTreeMap::new(),
            created_at: String::new(),
            by: String::new(),
            pie: String::new(),
        };
        Ok(Some(Numbered { number, blake3: crate::manifest::digest(&bytes), record: Arc::new(nothing) }))
    }

    /// Who wants the same and was faster has done it.
    async fn append_environment(&self, record: EnvironmentRecord) -> Result<Appended<EnvironmentRecord>, StoreError> {
        let folder = log_of(&record.environment);
        let parent = self.last_begun(&folder).await?;
        // Whoever was faster has begun it, or removed it: what they publish in it must not be hidden behind another beginning.
        if let Some(parent) = parent.as_ref().filter(|parent| parent.record.kind == record.kind) {
            return Ok(Appended::Theirs(parent.clone()));
        }
        let make = |number: u64, parent: Option<&Numbered<EnvironmentRecord>>| EnvironmentRecord {
            number,
            parent: parent.map(|parent| parent.blake3.clone()),
            ..record.clone()
        };
        let is_mine = |other: &EnvironmentRecord| other.id == record.id;
        let meet = |other: &EnvironmentRecord| match other.kind == record.kind {
            true => Meeting::Theirs,
            false => Meeting::Behind,
        };
        self.append(&folder, parent, make, is_mine, meet, &record.environment).await
    }

    /// The log of a slice in this environment.
    pub fn slice_history(&self, slice: &RelationName) -> Log {
        self.environment.log(Kind::Slice, slice)
    }

    /// The log of a source in this environment.
    pub fn source_history(&self, source: &RelationName) -> Log {
        self.environment.log(Kind::Source, source)
    }

    /// All slices that were ever published in this environment.
    pub async fn slice_names(&self) -> Result<BTreeSet<RelationName>, StoreError> {
        let found = self.last_objects(&self.environment.heads()).await?;
        let own = found.iter().filter_map(|meta| super::slices::slice_of(&meta.location));
        Ok(own.chain(self.environment.forked(Kind::Slice)).collect())
    }

    /// All sources that were ever frozen in this environment.
    pub async fn source_names(&self) -> Result<BTreeSet<RelationName>, StoreError> {
        let root = match self.environment.begun {
            None => Path::from("sources"),
            Some(_) => folder_of(&self.environment.place()).join("sources"),
        };
        let found = self.last_objects(&root).await?;
        let own = found.iter().filter_map(|meta| {
            let names = super::log::names(&meta.location);
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            match names.as_slice() {
                ["sources", domain, name, "log", _] | ["environments", _, _, "sources", domain, name, _] => {
                    Some(RelationName::new(domain, name))
                }
                _ => None,
            }
        });
        Ok(own.chain(self.environment.forked(Kind::Source)).collect())
    }

    /// How many slices and how many sources have records of their own in this environment.
    pub async fn own_logs(&self) -> Result<(usize, usize), StoreError> {
        let slices = self.last_objects(&self.environment.heads()).await?.len();
        let sources = match self.environment.begun {
            None => self.source_names().await?.len(),
            Some(_) => self.last_objects(&folder_of(&self.environment.place()).join("sources")).await?.len(),
        };
        Ok((slices, sources))
    }

    /// Records that were added to a log in its own folder since another one parted from it, and can be read; newest first.
    pub async fn records_since<T: Serialize + DeserializeOwned>(
        &self,
        log: &Log,
        other: &Log,
    ) -> Result<Vec<Numbered<T>>, StoreError> {
        self.own_records(log, log.shared_with(other)).await
    }
}
