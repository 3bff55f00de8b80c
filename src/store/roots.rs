//! What must stay in a store: everything that a head, a retained version or a pin reaches.

use super::environments::Kind;
use super::log::record_path;
use super::{Log, Numbered, Store, StoreError};
use crate::manifest::{CommitRecord, SourceVersion};
use crate::name::RelationName;
use chrono::{DateTime, TimeDelta, Utc};
use datafusion::object_store::ObjectMeta;
use datafusion::object_store::path::Path;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

/// How long what isn't shown any more is kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Retention {
    /// So many of the newest records of each log.
    pub versions: usize,
    /// And everything that is younger.
    pub keep: TimeDelta,
    /// What no record names, of builds that were interrupted.
    pub orphans: TimeDelta,
    /// Between marking and collecting.
    pub wait: TimeDelta,
}

impl Retention {
    /// What counts where nothing else is said: 10 versions and 7 days; what no record names 7 days, or 72 hours in a folder of
    /// this machine.
    pub fn of(store: &Store) -> Retention {
        let orphans = if store.local.is_some() { TimeDelta::hours(72) } else { TimeDelta::days(7) };
        Retention { versions: 10, keep: TimeDelta::days(7), orphans, wait: TimeDelta::hours(1) }
    }
}

/// All objects of a store.
pub(super) type Objects = BTreeMap<Path, ObjectMeta>;

/// All that lies in a folder.
pub(super) fn below<'a>(
    objects: &'a Objects,
    folder: &Path,
) -> impl Iterator<Item = (&'a Path, &'a ObjectMeta)> + use<'a> {
    let folder = folder.clone();
    // Behind the folder's own name may come others that begin with it.
    objects.range(folder.clone().join("!")..).take_while(move |(path, _)| path.prefix_matches(&folder))
}

/// What must stay.
#[derive(Default, Debug)]
pub(super) struct Roots {
    /// Ids of builds.
    pub builds: HashSet<String>,
    /// Data files of sources.
    pub files: HashSet<Path>,
}

/// A record of a log.
type Entry = (Kind, RelationName, u64);

/// A walk over the records that must stay, and over what they were built from. The store is asked about many at once.
struct Walk<'a> {
    looking: Looking,
    seen: &'a mut HashSet<Path>,
    roots: &'a mut Roots,
}

/// Where records are looked for.
#[derive(Clone)]
struct Looking {
    objects: Arc<Objects>,
    /// Records younger than this stay.
    since: DateTime<Utc>,
    versions: usize,
}

/// What a record reaches.
#[derive(Default)]
struct Reached {
    builds: Vec<String>,
    files: Vec<Path>,
    entries: Vec<Entry>,
}

impl Store {
    /// What every environment's heads, its newest and its young versions reach: their own rows, and the versions that they were
    /// built from, all the way down. Reads each of these records once.
    pub(super) async fn roots(
        &self,
        objects: &Arc<Objects>,
        now: DateTime<Utc>,
        retention: &Retention,
    ) -> Result<Roots, StoreError> {
        let mut roots = Roots::default();
        let mut seen = HashSet::new();
        let mut environments = vec![super::MAIN.to_owned()];
        environments.extend(self.environments().await?.iter().map(|record| record.environment.clone()));
        let looking = Looking {
            objects: Arc::clone(objects),
            since: now.checked_sub_signed(retention.keep).unwrap_or(DateTime::<Utc>::MIN_UTC),
            versions: retention.versions.max(1),
        };
        for environment in environments {
            let Some(store) = self.in_environment(&environment).await? else { continue };
            let mut walk = Walk { looking: looking.clone(), seen: &mut seen, roots: &mut roots };
            walk.run(&store).await?;
        }
        Ok(roots)
    }
}

impl Walk<'_> {
    async fn run(&mut self, store: &Store) -> Result<(), StoreError> {
        let slices = store.slice_names().await?.into_iter().map(|name| (Kind::Slice, name));
        let sources = store.source_names().await?.into_iter().map(|name| (Kind::Source, name));
        let looking = self.looking.clone();
        let kept = move |store: Store, (kind, name): (Kind, RelationName)| {
            let looking = looking.clone();
            async move { looking.kept(&store, kind, name).await }
        };
        let mut open: Vec<Entry> =
            store.ask_all(slices.chain(sources).collect(), kept).await?.into_iter().flatten().collect();
        while !open.is_empty() {
            open.retain(|(kind, name, number)| {
                self.seen.insert(record_path(log(store, *kind, name).folder(*number), *number))
            });
            let looking = self.looking.clone();
            let reached = move |store: Store, entry: Entry| {
                let looking = looking.clone();
                async move { looking.reached(&store, entry).await }
            };
            for reached in store.ask_all(std::mem::take(&mut open), reached).await? {
                self.roots.builds.extend(reached.builds);
                self.roots.files.extend(reached.files);
                open.extend(reached.entries);
            }
        }
        Ok(())
    }
}

fn log(store: &Store, kind: Kind, name: &RelationName) -> Log {
    match kind {
        Kind::Slice => store.slice_history(name),
        Kind::Source => store.source_history(name),
    }
}

impl Looking {
    /// The numbers of a log, of which records are there.
    fn numbers(&self, log: &Log) -> BTreeSet<u64> {
        let own = below(&self.objects, &log.own).filter_map(|(path, _)| super::log::number(path));
        own.chain(1..=log.base()).collect()
    }

    /// The records of a log that stay for their own sake: its newest and its young ones.
    async fn kept(&self, store: &Store, kind: Kind, name: RelationName) -> Result<Vec<Entry>, StoreError> {
        let log = log(store, kind, &name);
        let numbers = self.numbers(&log);
        let young = |number: &u64| {
            let meta = self.objects.get(&record_path(log.folder(*number), *number));
            meta.is_some_and(|meta| meta.last_modified >= self.since)
        };
        let newest = self.newest(store, kind, &log, &numbers).await?;
        let young = numbers.iter().copied().filter(young);
        let kept: BTreeSet<u64> = newest.into_iter().chain(young).collect();
        Ok(kept.into_iter().map(|number| (kind, name.clone(), number)).collect())
    }

    /// The newest records of a log, as many as are kept, and so many more that as many builds that are there are among them: where
    /// the last ones are gone, those before them are served.
    async fn newest(
        &self,
        store: &Store,
        kind: Kind,
        log: &Log,
        numbers: &BTreeSet<u64>,
    ) -> Result<Vec<u64>, StoreError> {
        let mut newest: Vec<u64> = Vec::new();
        let mut builds: HashSet<String> = HashSet::new();
        for number in numbers.iter().rev() {
            if newest.len() >= self.versions && (kind == Kind::Source || builds.len() >= self.versions) {
                break;
            }
            newest.push(*number);
            if kind == Kind::Source {
                continue;
            }
            let found: Option<Numbered<CommitRecord>> = match self.known(store, log, *number).await {
                Err(StoreError::Corrupt { .. }) => None,
                found => found?,
            };
            let build = found.and_then(|found| found.record.build.clone());
            let there =
                build.filter(|build| store.record_of(build).is_some_and(|record| self.objects.contains_key(&record)));
            builds.extend(there.map(|build| build.id));
        }
        Ok(newest)
    }

    async fn reached(&self, store: &Store, (kind, name, number): Entry) -> Result<Reached, StoreError> {
        let log = log(store, kind, &name);
        let found = match kind {
            Kind::Slice => self.commit(store, &log, number).await,
            Kind::Source => self.version(store, &log, number).await,
        };
        match found {
            // What it says can't be known, and what counts in its place may be any before it.
            Err(StoreError::Corrupt { .. }) => {
                let entries = self.numbers(&log).into_iter().map(|number| (kind, name.clone(), number)).collect();
                Ok(Reached { entries, ..Reached::default() })
            }
            found => found,
        }
    }

    async fn commit(&self, store: &Store, log: &Log, number: u64) -> Result<Reached, StoreError> {
        let found: Option<Numbered<CommitRecord>> = self.known(store, log, number).await?;
        let Some(Numbered { record, .. }) = found else { return Ok(Reached::default()) };
        let entries = record.inputs.iter().filter_map(|input| {
            let kind = if input.kind == "source" { Kind::Source } else { Kind::Slice };
            Some((kind, RelationName::parse(&input.name)?, input.version))
        });
        let builds = record.build.iter().map(|build| build.id.clone()).collect();
        Ok(Reached { builds, entries: entries.collect(), files: Vec::new() })
    }

    async fn version(&self, store: &Store, log: &Log, number: u64) -> Result<Reached, StoreError> {
        let found: Option<Numbered<SourceVersion>> = self.known(store, log, number).await?;
        let Some(Numbered { record, .. }) = found else { return Ok(Reached::default()) };
        let converted = record.files.iter().filter_map(|file| file.converted.as_ref());
        let files = converted.map(|file| super::log::recorded(&file.path)).collect();
        Ok(Reached { files, ..Reached::default() })
    }

    async fn known<T>(&self, store: &Store, log: &Log, number: u64) -> Result<Option<Numbered<T>>, StoreError>
    where
        T: serde::Serialize + serde::de::DeserializeOwned,
    {
        match self.objects.get(&record_path(log.folder(number), number)) {
            Some(meta) => store.listed_record(meta, &store.memo.archive()).await,
            // It may have been published after everything was listed.
            None => store.record(log, number).await,
        }
    }
}
