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

/// A walk over the records that must stay, and over what they were built from.
struct Walk<'a> {
    store: Store,
    objects: &'a Objects,
    /// Records younger than this stay.
    since: DateTime<Utc>,
    versions: usize,
    seen: &'a mut HashSet<Path>,
    roots: &'a mut Roots,
    open: Vec<(Kind, RelationName, u64)>,
}

impl Store {
    /// What every environment's heads, its newest and its young versions reach: their own rows, and the versions that they were
    /// built from, all the way down. Reads each of these records once.
    pub(super) async fn roots(
        &self,
        objects: &Objects,
        now: DateTime<Utc>,
        retention: &Retention,
    ) -> Result<Roots, StoreError> {
        let mut roots = Roots::default();
        let mut seen = HashSet::new();
        let mut environments = vec![super::MAIN.to_owned()];
        environments.extend(self.environments().await?.iter().map(|record| record.environment.clone()));
        for environment in environments {
            let Some(store) = self.in_environment(&environment).await? else { continue };
            let mut walk = Walk {
                store,
                objects,
                since: now.checked_sub_signed(retention.keep).unwrap_or(DateTime::<Utc>::MIN_UTC),
                versions: retention.versions.max(1),
                seen: &mut seen,
                roots: &mut roots,
                open: Vec::new(),
            };
            walk.begin().await?;
            walk.follow().await?;
        }
        Ok(roots)
    }
}

impl Walk<'_> {
    fn log(&self, kind: Kind, name: &RelationName) -> Log {
        match kind {
            Kind::Slice => self.store.slice_history(name),
            Kind::Source => self.store.source_history(name),
        }
    }

    /// The numbers of a log, of which records are there.
    fn numbers(&self, log: &Log) -> BTreeSet<u64> {
        let own = below(self.objects, &log.own).filter_map(|(path, _)| super::log::number(path));
        own.chain(1..=log.base()).collect()
    }

    async fn begin(&mut self) -> Result<(), StoreError> {
        let slices = self.store.slice_names().await?.into_iter().map(|name| (Kind::Slice, name));
        let sources = self.store.source_names().await?.into_iter().map(|name| (Kind::Source, name));
        for (kind, name) in slices.chain(sources) {
            let log = self.log(kind, &name);
            let numbers = self.numbers(&log);
            let young = |number: &u64| {
                let meta = self.objects.get(&record_path(log.folder(*number), *number));
                meta.is_some_and(|meta| meta.last_modified >= self.since)
            };
            let newest = self.newest(kind, &log, &numbers).await?;
            let young = numbers.iter().copied().filter(young);
            let kept: BTreeSet<u64> = newest.into_iter().chain(young).collect();
            self.open.extend(kept.into_iter().map(|number| (kind, name.clone(), number)));
        }
        Ok(())
    }

    /// The newest records of a log, as many as are kept, and so many more that as many builds that are there are among them: where
    /// the last ones are gone, those before them are served.
    async fn newest(&self, kind: Kind, log: &Log, numbers: &BTreeSet<u64>) -> Result<Vec<u64>, StoreError> {
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
            let found: Option<Numbered<CommitRecord>> = match self.known(log, *number).await {
                Err(StoreError::Corrupt { .. }) => None,
                found => found?,
            };
            let build = found.and_then(|found| found.record.build.clone());
            let there = build
                .filter(|build| self.store.record_of(build).is_some_and(|record| self.objects.contains_key(&record)));
            builds.extend(there.map(|build| build.id));
        }
        Ok(newest)
    }

    async fn follow(&mut self) -> Result<(), StoreError> {
        while let Some((kind, name, number)) = self.open.pop() {
            let log = self.log(kind, &name);
            if !self.seen.insert(record_path(log.folder(number), number)) {
                continue;
            }
            let found = match kind {
                Kind::Slice => self.commit(&log, number).await,
                Kind::Source => self.version(&log, number).await,
            };
            match found {
                Ok(()) => {}
                // What it says can't be known, and what counts in its place may be any before it.
                Err(StoreError::Corrupt { .. }) => {
                    let all = self.numbers(&log);
                    self.open.extend(all.into_iter().map(|number| (kind, name.clone(), number)));
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    async fn commit(&mut self, log: &Log, number: u64) -> Result<(), StoreError> {
        let found: Option<Numbered<CommitRecord>> = self.known(log, number).await?;
        let Some(Numbered { record, .. }) = found else { return Ok(()) };
        self.roots.builds.extend(record.build.iter().map(|build| build.id.clone()));
        for input in &record.inputs {
            let kind = if input.kind == "source" { Kind::Source } else { Kind::Slice };
            self.open.extend(RelationName::parse(&input.name).map(|name| (kind, name, input.version)));
        }
        Ok(())
    }

    async fn version(&mut self, log: &Log, number: u64) -> Result<(), StoreError> {
        let found: Option<Numbered<SourceVersion>> = self.known(log, number).await?;
        let Some(Numbered { record, .. }) = found else { return Ok(()) };
        let converted = record.files.iter().filter_map(|file| file.converted.as_ref());
        self.roots.files.extend(converted.map(|file| super::log::recorded(&file.path)));
        Ok(())
    }

    async fn known<T>(&self, log: &Log, number: u64) -> Result<Option<Numbered<T>>, StoreError>
    where
        T: serde::Serialize + serde::de::DeserializeOwned,
    {
        match self.objects.get(&record_path(log.folder(number), number)) {
            Some(meta) => self.store.listed_record(meta, &self.store.memo.archive()).await,
            // It may have been published after everything was listed.
            None => self.store.record(log, number).await,
        }
    }
}
