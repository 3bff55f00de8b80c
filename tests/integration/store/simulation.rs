//! Suite 8: a simulation. Builders, a freezer, a holder, readers and a collector work on one store for some days of virtual time;
//! the store is slow and fails now and then, some actors stand still for hours, and every clock but the store's is wrong.
//!
//! What must be true is checked against a model while it runs and at the end: readers see whole versions, which never go back;
//! what is acknowledged is in the log once; older inputs never overwrite newer ones; nothing is published behind a hold; what is
//! read or served is never collected; and once the faults stop, everybody comes to an end and everything is fresh.

use super::clock::Clocked;
use super::{Random, long, virtual_runtime};
use async_trait::async_trait;
use chrono::TimeDelta;
use datafusion::object_store::path::Path;
use datafusion::object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, ObjectStoreExt,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use icepie::manifest::{
    BuildRecord, BuildReference, CommitKind, CommitRecord, Content, DataFile, FORMAT, InputRecord, KeyPreimage, Keys,
    PartitionBuild, SourceVersion,
};
use icepie::name::RelationName;
use icepie::store::{Appended, Numbered, Objects, Retention, Store, StoreError};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::time::sleep;

/// A store that takes its time, and fails while it is told to.
#[derive(Clone, Debug)]
struct Troubled {
    inner: Clocked,
    random: Arc<Mutex<Random>>,
    fails: Arc<AtomicBool>,
    operations: Arc<AtomicUsize>,
}

enum Trouble {
    None,
    Before,
    After,
}

impl Troubled {
    async fn pass(&self) -> Trouble {
        self.operations.fetch_add(1, Ordering::Relaxed);
        let (wait, lot) = {
            let mut random = self.random.lock().expect("nobody panicked");
            let slow = if random.below(50) == 0 { 30_000 } else { 200 };
            (random.below(slow), random.below(100))
        };
        sleep(Duration::from_millis(wait as u64)).await;
        match lot {
            0 if self.fails.load(Ordering::Relaxed) => Trouble::Before,
            1 if self.fails.load(Ordering::Relaxed) => Trouble::After,
            _ => Trouble::None,
        }
    }
}

fn broken() -> Error {
    Error::Generic { store: "Troubled", source: "injected".into() }
}

impl std::fmt::Display for Troubled {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Troubled")
    }
}

#[async_trait]
impl ObjectStore for Troubled {
    async fn put_opts(&self, location: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        match self.pass().await {
            Trouble::Before => Err(broken()),
            Trouble::After => self.inner.put_opts(location, payload, options).await.and(Err(broken())),
            Trouble::None => self.inner.put_opts(location, payload, options).await,
        }
    }
    async fn put_multipart_opts(&self, location: &Path, o: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        self.inner.put_multipart_opts(location, o).await
    }
    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        match self.pass().await {
            Trouble::None => self.inner.get_opts(location, options).await,
            Trouble::Before | Trouble::After => Err(broken()),
        }
    }
    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        let this = self.clone();
        let delete = move |location: Path| {
            let this = this.clone();
            async move {
                let trouble = this.pass().await;
                if matches!(trouble, Trouble::Before) {
                    return Err(broken());
                }
                let done = this.inner.delete(&location).await;
                if matches!(trouble, Trouble::After) { Err(broken()) } else { done.map(|()| location) }
            }
        };
        locations.and_then(delete).boxed()
    }
    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        let (this, prefix) = (self.clone(), prefix.cloned());
        let listed = async move {
            match this.pass().await {
                Trouble::None => this.inner.list(prefix.as_ref()),
                Trouble::Before | Trouble::After => futures::stream::iter([Err(broken())]).boxed(),
            }
        };
        futures::stream::once(listed).flatten().boxed()
    }
    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        match self.pass().await {
            Trouble::None => self.inner.list_with_delimiter(prefix).await,
            Trouble::Before | Trouble::After => Err(broken()),
        }
    }
    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await
    }
}

/// What is done wrong on purpose.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Planted {
    Nothing,
    /// Readers don't say that they read.
    NoPins,
    /// Builders publish over whatever is there.
    Blind,
}

/// One world, and what is known of it.
struct Simulation {
    objects: Troubled,
    planted: Planted,
    /// Ids of the commits that were acknowledged, by slice.
    acknowledged: Mutex<BTreeMap<RelationName, BTreeSet<String>>>,
    /// What was seen that must not be.
    wrong: Mutex<Vec<String>>,
    over: AtomicBool,
    done: Mutex<BTreeMap<&'static str, usize>>,
}

fn lines() -> RelationName {
    RelationName::new("shop", "lines")
}

fn base() -> RelationName {
    RelationName::new("shop", "base")
}

fn report() -> RelationName {
    RelationName::new("shop", "report")
}

/// What a slice makes of what it reads.
fn made(slice: &RelationName, input: &str) -> String {
    format!("{}({input})", slice.name())
}

/// What a step of an actor came to.
type Step<T> = std::result::Result<T, StoreError>;

impl Simulation {
    /// The store as a process that starts now opens it.
    async fn open(&self) -> Step<Store> {
        let store = Arc::new(self.objects.clone());
        Store::over(Objects { store, shown: "the store".to_owned(), local: None }).await
    }

    fn wrong(&self, what: String) {
        self.wrong.lock().expect("nobody panicked").push(what);
    }

    fn count(&self, what: &'static str) {
        *self.done.lock().expect("nobody panicked").entry(what).or_default() += 1;
    }

    fn is_over(&self) -> bool {
        self.over.load(Ordering::Relaxed)
    }

    /// A version of the source: one of a few contents, so that what was built before is right again at times.
    async fn freeze(&self, content: usize) -> Step<()> {
        let store = self.open().await?;
        let head = store.source_head(&lines()).await?;
        let version = SourceVersion {
            format: FORMAT,
            source: lines().to_string(),
            id: icepie::store::new_id(),
            content: format!("lines {content}"),
            ..SourceVersion::default()
        };
        store.publish_source(&lines(), head, version).await?;
        self.count("freezes");
        Ok(())
    }

    /// Builds a slice on what is published: finds the rows or makes them, and publishes them. `still` is how long it does nothing
    /// before it publishes.
    async fn build(&self, slice: &RelationName, still: Duration, by: &str) -> Step<()> {
        let store = self.open().await?;
        store.ready_to_write().await?;
        let head = store.slice_head(slice).await?;
        if head.as_ref().is_some_and(|head| head.record.kind.holds()) {
            return Ok(());
        }
        let input = if *slice == base() {
            let Some(source) = store.source_head(&lines()).await? else { return Ok(()) };
            let (version, content) = (source.number, source.record.content.clone());
            InputRecord { name: lines().to_string(), kind: "source".to_owned(), version, content }
        } else {
            let Some(read) = store.slice_head(&base()).await? else { return Ok(()) };
            let (version, content) = (read.number, read.record.content.clone());
            InputRecord { name: base().to_string(), kind: "slice".to_owned(), version, content }
        };
        let content = made(slice, &input.content);
        if let Some(head) = &head
            && head.record.content == content
            && store.build_of(head.record.build.as_ref().expect("it has a build")).await?.is_some()
        {
            return Ok(());
        }
        let found = store.find_builds(&content).await?.into_iter().next().map(|(_, reference, _)| reference);
        let (reference, kind) = match found {
            Some(found) => (found, CommitKind::Relabel),
            None => (self.make(&store, slice, &content, &input).await?, CommitKind::Publish),
        };
        sleep(still).await;
        if kind == CommitKind::Relabel && !store.is_served(&reference).await? {
            return Ok(());
        }
        let commit = CommitRecord {
            id: icepie::store::new_id(),
            kind,
            build: Some(reference.clone()),
            preimage: Some(preimage(&content)),
            inputs: vec![input],
            content: content.clone(),
            by: by.to_owned(),
            ..CommitRecord::nothing(slice)
        };
        let id = commit.id.clone();
        if self.planted == Planted::Blind {
            let newest = store.slice_head(slice).await?;
            store.commit_behind(slice, newest, commit).await?;
            return Ok(());
        }
        match store.commit(slice, head, commit).await {
            Ok(Appended::Own(_)) => {
                self.acknowledged.lock().expect("nobody panicked").entry(slice.clone()).or_default().insert(id);
                self.count(if kind == CommitKind::Relabel { "found again" } else { "built" });
                if store.build_of(&reference).await?.is_none() {
                    self.count("published too late");
                }
                Ok(())
            }
            Ok(Appended::Theirs(_)) => {
                self.count("superseded");
                Ok(())
            }
            Err(StoreError::Conflict { .. }) => {
                self.count("overtaken");
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    async fn make(
        &self,
        store: &Store,
        slice: &RelationName,
        content: &str,
        input: &InputRecord,
    ) -> Step<BuildReference> {
        let id = icepie::store::new_id();
        let path = store.build_folder(slice, &id).join("part-00000.parquet");
        let written = store.objects().put(&path, PutPayload::from(content.as_bytes().to_vec())).await;
        written.map_err(|e| store.unwritten(&path, e.to_string()))?;
        let file = DataFile {
            path: path.to_string(),
            size: content.len() as u64,
            blake3: icepie::manifest::digest(content.as_bytes()),
            blocks: String::new(),
            rows: 1,
        };
        let partition = PartitionBuild { values: Vec::new(), content: Content::default(), files: vec![file] };
        let record = BuildRecord {
            format: FORMAT,
            slice: slice.to_string(),
            id,
            preimage: preimage(content),
            keys: vec![Keys { row: content.to_owned(), columns: BTreeMap::new() }],
            sort_by: Vec::new(),
            inputs: vec![input.clone()],
            columns: Vec::new(),
            partition_by: Vec::new(),
            partitions: vec![partition],
            rows: 1,
            bytes: content.len() as u64,
            content: content.to_owned(),
            created_at: String::new(),
            elapsed_ms: 0,
            pie: String::new(),
        };
        store.record_build(slice, &record).await
    }

    /// Reads a slice as `pie query` does, taking `takes` before it comes to the rows. Gives the version that it saw.
    async fn read(&self, slice: &RelationName, takes: Duration, seen: u64) -> Step<u64> {
        let store = self.open().await?;
        let Some(head) = store.slice_head(slice).await? else {
            if seen > 0 {
                self.wrong(format!("{slice} is gone, version {seen} was there"));
            }
            return Ok(seen);
        };
        if head.number < seen {
            self.wrong(format!("{slice} went back from version {seen} to {}", head.number));
        }
        let reference = head.record.build.clone().expect("it has a build");
        let build = match store.build_of(&reference).await? {
            Some(build) => build,
            // Published by somebody who stood still: the version before is shown.
            None => match store.older(slice, head.number, &reference.id).await? {
                Some((_, build)) => {
                    self.count("read the version before");
                    build
                }
                None => {
                    self.wrong(format!("nothing of {slice} is left at version {}", head.number));
                    return Ok(head.number);
                }
            },
        };
        let pin = (self.planted != Planted::NoPins).then(|| store.pin([build.id.clone()].into(), "read", "a reader"));
        sleep(takes).await;
        let file = &build.partitions[0].files[0];
        let read = self.objects.inner.inner.get(&Path::from(file.path.as_str())).await;
        let bytes = match read {
            Ok(found) => found.bytes().await.expect("memory can be read"),
            Err(_) => {
                self.wrong(format!("rows of {slice} vanished while version {} was read", head.number));
                return Ok(head.number);
            }
        };
        if bytes != build.content.as_bytes() {
            self.wrong(format!("{slice} shows {bytes:?}, and {} was built", build.content));
        }
        if let Some(pin) = pin {
            pin.end().await;
        }
        self.count("reads");
        Ok(head.number)
    }

    async fn hold(&self, slice: &RelationName, kind: CommitKind) -> Step<()> {
        let store = self.open().await?;
        let record = |head: &CommitRecord| {
            (head.kind.holds() != kind.holds()).then(|| CommitRecord { kind, until: None, ..head.clone() })
        };
        store.commit_anyway(slice, &icepie::store::new_id(), record).await?;
        self.count(kind.as_str());
        Ok(())
    }

    fn retention(&self) -> Retention {
        let (keep, orphans) = (TimeDelta::hours(4), TimeDelta::days(4));
        Retention { versions: 2, keep, orphans, wait: TimeDelta::hours(1) }
    }

    async fn collect(&self) -> Step<()> {
        let store = self.open().await?;
        let collected = store.collect(&self.retention(), "a collector", false).await?;
        for _ in &collected.collected.builds {
            self.count("collected");
        }
        Ok(())
    }

    /// Everything is built on what is frozen now, without faults: it must come to an end, and be fresh then.
    async fn settle(&self) -> std::result::Result<(), String> {
        self.objects.fails.store(false, Ordering::Relaxed);
        let failed = |e: StoreError| format!("{:?}", e.diagnostic());
        for slice in [base(), report()] {
            self.hold(&slice, CommitKind::Release).await.map_err(failed)?;
            for _ in 0..3 {
                self.build(&slice, Duration::ZERO, "the last one").await.map_err(failed)?;
            }
        }
        let store = self.open().await.map_err(failed)?;
        let source = store.source_head(&lines()).await.map_err(failed)?.ok_or("the source is gone")?;
        let mut content = source.record.content.clone();
        for slice in [base(), report()] {
            content = made(&slice, &content);
            let head = store.slice_head(&slice).await.map_err(failed)?.ok_or("a slice is gone")?;
            if head.record.content != content {
                return Err(format!("{slice} has {}, and {content} is right", head.record.content));
            }
            self.read(&slice, Duration::ZERO, head.number).await.map_err(failed)?;
            self.history(&slice, &store.slice_log(&slice).await.map_err(failed)?)?;
        }
        let found = store.fsck(true).await.map_err(failed)?;
        if found.damage.is_empty() { Ok(()) } else { Err(format!("{:#?}", found.damage)) }
    }

    /// The log of a slice is what a sequence of the acknowledged operations would have left.
    fn history(&self, slice: &RelationName, log: &[Numbered<CommitRecord>]) -> std::result::Result<(), String> {
        let numbers: Vec<u64> = log.iter().map(|record| record.number).collect();
        if numbers != (1..=log.len() as u64).collect::<Vec<_>>() {
            return Err(format!("the log of {slice} has the numbers {numbers:?}"));
        }
        let ids: Vec<&String> = log.iter().map(|record| &record.record.id).collect();
        let once = |id: &String| ids.iter().filter(|other| **other == id).count() == 1;
        let acknowledged = self.acknowledged.lock().expect("nobody panicked");
        if let Some(lost) = acknowledged.get(slice).into_iter().flatten().find(|id| !once(id)) {
            return Err(format!("{slice}: commit {lost} was acknowledged and isn't in the log once"));
        }
        let content_of = |record: &CommitRecord| record.content.clone();
        let mut newest = 0;
        for pair in log.windows(2) {
            let (before, after) = (&pair[0].record, &pair[1].record);
            let publishes = matches!(after.kind, CommitKind::Publish | CommitKind::Relabel);
            if before.kind.holds() && publishes {
                return Err(format!("{slice}: version {} was published behind a hold", after.version));
            }
            let is_release = after.kind == CommitKind::Release || after.kind.holds();
            if is_release && content_of(before) != content_of(after) {
                return Err(format!("{slice}: version {} changed the rows", after.version));
            }
            let version = after.inputs.first().map_or(0, |input| input.version);
            if version < newest {
                return Err(format!("{slice}: version {} overwrote newer inputs", after.version));
            }
            newest = newest.max(version);
        }
        Ok(())
    }
}

fn preimage(content: &str) -> KeyPreimage {
    let engine = "simulation".to_owned();
    KeyPreimage { engine, row: content.to_owned(), inputs: BTreeMap::new(), columns: Vec::new() }
}

fn minutes(random: &mut Random, most: usize) -> Duration {
    Duration::from_secs(60 * random.below(most) as u64)
}

/// Runs one world. Gives what was done in it, or what went wrong.
fn simulate(seed: u64, planted: Planted) -> std::result::Result<BTreeMap<&'static str, usize>, String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.expect("a runtime").block_on(async {
        let objects = Troubled {
            inner: Clocked::new(),
            random: Arc::new(Mutex::new(Random::new(seed))),
            fails: Arc::default(),
            operations: Arc::default(),
        };
        let simulation = Arc::new(Simulation {
            objects,
            planted,
            acknowledged: Mutex::default(),
            wrong: Mutex::default(),
            over: AtomicBool::new(false),
            done: Mutex::default(),
        });
        let failed = |e: StoreError| format!("{:?}", e.diagnostic());
        simulation.freeze(0).await.map_err(failed)?;
        simulation.build(&base(), Duration::ZERO, "the first").await.map_err(failed)?;
        simulation.build(&report(), Duration::ZERO, "the first").await.map_err(failed)?;
        simulation.objects.fails.store(true, Ordering::Relaxed);
        let mut actors = Vec::new();
        for builder in 0..3u64 {
            let (simulation, mut random) = (Arc::clone(&simulation), Random::new(seed ^ (builder + 1) << 32));
            actors.push(tokio::spawn(async move {
                while !simulation.is_over() {
                    sleep(minutes(&mut random, 90)).await;
                    let slice = if random.below(2) == 0 { base() } else { report() };
                    // One in ten stands still for up to two days.
                    let still = if random.below(10) == 0 { 48 * 60 } else { 10 };
                    let still = minutes(&mut random, still);
                    let _ = simulation.build(&slice, still, "a builder").await;
                }
            }));
        }
        for reader in 0..2u64 {
            let (simulation, mut random) = (Arc::clone(&simulation), Random::new(seed ^ (reader + 10) << 32));
            actors.push(tokio::spawn(async move {
                let mut seen: BTreeMap<RelationName, u64> = BTreeMap::new();
                while !simulation.is_over() {
                    sleep(minutes(&mut random, 60)).await;
                    let slice = if random.below(2) == 0 { base() } else { report() };
                    let takes = if random.below(4) == 0 { 36 * 60 } else { 20 };
                    let takes = minutes(&mut random, takes);
                    let before = seen.get(&slice).copied().unwrap_or(1);
                    if let Ok(version) = simulation.read(&slice, takes, before).await {
                        seen.insert(slice, version.max(before));
                    }
                }
            }));
        }
        let (freezing, mut random) = (Arc::clone(&simulation), Random::new(seed ^ 20 << 32));
        actors.push(tokio::spawn(async move {
            while !freezing.is_over() {
                sleep(minutes(&mut random, 180)).await;
                let _ = freezing.freeze(random.below(6)).await;
            }
        }));
        let (holding, mut random) = (Arc::clone(&simulation), Random::new(seed ^ 30 << 32));
        actors.push(tokio::spawn(async move {
            while !holding.is_over() {
                sleep(minutes(&mut random, 600)).await;
                let slice = if random.below(2) == 0 { base() } else { report() };
                let _ = holding.hold(&slice, CommitKind::Hold).await;
                sleep(minutes(&mut random, 200)).await;
                let _ = holding.hold(&slice, CommitKind::Release).await;
            }
        }));
        let (collecting, mut random) = (Arc::clone(&simulation), Random::new(seed ^ 40 << 32));
        actors.push(tokio::spawn(async move {
            while !collecting.is_over() {
                sleep(minutes(&mut random, 150)).await;
                let _ = collecting.collect().await;
            }
        }));
        sleep(Duration::from_secs(4 * 86_400)).await;
        simulation.over.store(true, Ordering::Relaxed);
        for actor in actors {
            actor.await.map_err(|e| format!("an actor ended in {e}"))?;
        }
        simulation.settle().await?;
        let wrong = simulation.wrong.lock().expect("nobody panicked").clone();
        if let Some(first) = wrong.first() {
            return Err(format!("{first} ({} things in all)", wrong.len()));
        }
        let mut done = simulation.done.lock().expect("nobody panicked").clone();
        done.insert("operations", simulation.objects.operations.load(Ordering::Relaxed));
        Ok(done)
    })
}

#[test]
fn days_of_builders_readers_holds_and_collections_are_one_history() {
    let seeds = if long() { 10_000 } else { 200 };
    let mut all: BTreeMap<&'static str, usize> = BTreeMap::new();
    for seed in 0..seeds {
        let done = simulate(seed, Planted::Nothing).unwrap_or_else(|wrong| panic!("seed {seed}: {wrong}"));
        for (what, number) in done {
            *all.entry(what).or_default() += number;
        }
    }
    println!("{seeds} times four days: {all:?}");
    for what in ["built", "found again", "collected", "reads", "hold", "superseded", "overtaken"] {
        assert!(all.get(what).is_some_and(|number| *number > 0), "nothing was {what}: {all:?}");
    }
}

#[test]
fn the_simulation_notices_what_is_done_wrong() {
    for planted in [Planted::NoPins, Planted::Blind] {
        let noticed = (0..60).any(|seed| simulate(seed, planted).is_err());
        assert!(noticed, "{planted:?} wasn't noticed");
    }
}

#[test]
fn who_begins_an_environment_at_the_same_time_works_in_the_same_one() {
    virtual_runtime().block_on(async {
        for seed in 0..20 {
            let objects = Troubled {
                inner: Clocked::new(),
                random: Arc::new(Mutex::new(Random::new(seed))),
                fails: Arc::default(),
                operations: Arc::default(),
            };
            let open = || async {
                let store = Arc::new(objects.clone());
                let objects = Objects { store, shown: "the store".to_owned(), local: None };
                Store::over(objects).await.expect("it opens")
            };
            open().await;
            let begin = |by: &'static str| {
                let open = open();
                async move { open.await.begin_environment("trial", by, "2026-01-01T00:00:00Z").await.expect("it begins") }
            };
            let ((one, first), (other, second)) = tokio::join!(begin("alice"), begin("bob"));
            assert!(first != second, "one of them began it");
            let slice = base();
            let commit = CommitRecord { id: "1".to_owned(), kind: CommitKind::Drop, ..CommitRecord::nothing(&slice) };
            one.commit_behind(&slice, None, commit).await.expect("it is published");
            assert!(other.slice_head(&slice).await.expect("it is read").is_some(), "seed {seed}: it is seen");
        }
    });
}
