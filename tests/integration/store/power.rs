//! Suite 7: the power fails between any two calls to the disk.
//!
//! A disk writes down every call. From any beginning of that journal follow the states that a power loss may leave: of what
//! wasn't synced every name may be there or not, and every file whole, empty, cut or full of zeros. In each of them what was
//! acknowledged must be there, nothing may be damaged, and building again must succeed.

use super::world::{World, assert_clean, build, read};
use super::{Random, long, runtime};
use icepie::driver::Project;
use icepie::parallel;
use icepie::store::{Disk, DiskFile, DurableLocal, RealDisk};
use std::collections::{BTreeMap, HashMap};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use tempfile::TempDir;

/// A call to the disk. Files have numbers, since they have several names or none.
#[derive(Clone, Debug)]
enum Call {
    Create(PathBuf, usize),
    Write(usize, u64, Vec<u8>),
    SyncFile(usize),
    Link(PathBuf, PathBuf),
    Rename(PathBuf, PathBuf),
    Remove(PathBuf),
    CreateFolder(PathBuf),
    SyncFolder(PathBuf),
    /// The build with so many days was acknowledged.
    Acknowledged(u64),
}

type Journal = Arc<Mutex<Vec<Call>>>;

/// A disk that does what it is asked and writes it down.
#[derive(Debug)]
struct Recorder {
    journal: Journal,
    /// Syncs aren't written down, as if they did nothing.
    deaf: bool,
}

impl Recorder {
    fn note(&self, call: Call) {
        if !(self.deaf && matches!(call, Call::SyncFolder(_))) {
            self.journal.lock().unwrap().push(call);
        }
    }
}

const REAL: RealDisk = RealDisk { syncs: false };

impl Disk for Recorder {
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let file = REAL.create(path)?;
        let mut journal = self.journal.lock().unwrap();
        let number = journal.len();
        journal.push(Call::Create(path.to_owned(), number));
        Ok(Box::new(RecordedFile { file, number, journal: Arc::clone(&self.journal), deaf: self.deaf }))
    }

    fn link(&self, from: &Path, to: &Path) -> io::Result<()> {
        REAL.link(from, to)?;
        self.note(Call::Link(from.to_owned(), to.to_owned()));
        Ok(())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        REAL.rename(from, to)?;
        self.note(Call::Rename(from.to_owned(), to.to_owned()));
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        REAL.remove(path)?;
        self.note(Call::Remove(path.to_owned()));
        Ok(())
    }

    fn create_folder(&self, path: &Path) -> io::Result<()> {
        let new = !path.exists();
        REAL.create_folder(path)?;
        if new {
            self.note(Call::CreateFolder(path.to_owned()));
        }
        Ok(())
    }

    fn sync_folder(&self, path: &Path) -> io::Result<()> {
        self.note(Call::SyncFolder(path.to_owned()));
        Ok(())
    }
}

#[derive(Debug)]
struct RecordedFile {
    file: Box<dyn DiskFile>,
    number: usize,
    journal: Journal,
    deaf: bool,
}

impl DiskFile for RecordedFile {
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.file.write_at(offset, bytes)?;
        self.journal.lock().unwrap().push(Call::Write(self.number, offset, bytes.to_vec()));
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        if !self.deaf {
            self.journal.lock().unwrap().push(Call::SyncFile(self.number));
        }
        Ok(())
    }
}

#[derive(Clone, Copy, PartialEq, Debug)]
enum Entry {
    File(usize),
    Folder,
}

/// A change of names that isn't synced, in the folder that it stands in.
#[derive(Clone, Debug)]
enum Change {
    Add(PathBuf, Entry),
    Remove(PathBuf),
}

#[derive(Default, Debug)]
struct File {
    bytes: Vec<u8>,
    synced: Vec<u8>,
}

/// What is on a disk, and what would be if all was synced.
#[derive(Default, Debug)]
struct State {
    files: HashMap<usize, File>,
    names: HashMap<PathBuf, Entry>,
    durable: BTreeMap<PathBuf, Entry>,
    pending: Vec<(PathBuf, Vec<Change>)>,
    acknowledged: u64,
}

impl State {
    fn after(calls: &[Call]) -> State {
        let mut state = State::default();
        calls.iter().for_each(|call| state.apply(call));
        state
    }

    fn change(&mut self, path: &Path, changes: Vec<Change>) {
        for change in &changes {
            match change {
                Change::Add(path, entry) => self.names.insert(path.clone(), *entry),
                Change::Remove(path) => self.names.remove(path),
            };
        }
        self.pending.push((path.parent().expect("a file has a folder").to_owned(), changes));
    }

    fn apply(&mut self, call: &Call) {
        match call {
            Call::Create(path, file) => {
                self.files.insert(*file, File::default());
                self.change(path, vec![Change::Add(path.clone(), Entry::File(*file))]);
            }
            Call::Write(file, offset, bytes) => {
                let file = self.files.get_mut(file).expect("it was created");
                let (start, end) = (*offset as usize, *offset as usize + bytes.len());
                file.bytes.resize(file.bytes.len().max(end), 0);
                file.bytes[start..end].copy_from_slice(bytes);
            }
            Call::SyncFile(file) => {
                let file = self.files.get_mut(file).expect("it was created");
                file.synced.clone_from(&file.bytes);
            }
            Call::Link(from, to) => {
                let entry = self.names[from];
                self.change(to, vec![Change::Add(to.clone(), entry)]);
            }
            Call::Rename(from, to) => {
                let entry = self.names[from];
                self.change(to, vec![Change::Remove(from.clone()), Change::Add(to.clone(), entry)]);
            }
            Call::Remove(path) => self.change(path, vec![Change::Remove(path.clone())]),
            Call::CreateFolder(path) => self.change(path, vec![Change::Add(path.clone(), Entry::Folder)]),
            Call::SyncFolder(folder) => {
                let (synced, open) = std::mem::take(&mut self.pending).into_iter().partition(|(at, _)| at == folder);
                self.pending = open;
                let synced: Vec<(PathBuf, Vec<Change>)> = synced;
                synced.iter().for_each(|(_, changes)| persist(&mut self.durable, changes));
            }
            Call::Acknowledged(days) => self.acknowledged = *days,
        }
    }

    /// Writes what a power loss leaves. `kept` says of each pending change whether it survives.
    fn leave(&self, root: &Path, target: &Path, kept: &mut dyn FnMut() -> bool, random: &mut Random) {
        let mut names = self.durable.clone();
        for (_, changes) in &self.pending {
            if kept() {
                persist(&mut names, changes);
            }
        }
        // In the order of paths a folder comes before what it holds.
        for (path, entry) in &names {
            let place = target.join(path.strip_prefix(root).expect("it is below the root"));
            if !place.parent().expect("it has a folder").is_dir() {
                continue;
            }
            match entry {
                Entry::Folder => std::fs::create_dir(&place).expect("a folder can be made"),
                Entry::File(file) => {
                    let File { bytes, synced } = &self.files[file];
                    let left = match random.below(4) {
                        _ if bytes == synced => bytes.clone(),
                        0 => bytes.clone(),
                        1 => Vec::new(),
                        2 => bytes[..bytes.len() / 2].to_vec(),
                        _ => vec![0; bytes.len()],
                    };
                    std::fs::write(&place, left).expect("a file can be written");
                }
            }
        }
    }
}

fn persist(names: &mut BTreeMap<PathBuf, Entry>, changes: &[Change]) {
    for change in changes {
        match change {
            Change::Add(path, entry) => names.insert(path.clone(), *entry),
            Change::Remove(path) => names.remove(path),
        };
    }
}

const DAYS: u64 = 3;

/// Three builds over one more day each, call by call.
struct Recording {
    world: World,
    project: Project,
    root: PathBuf,
    calls: Vec<Call>,
    _store: TempDir,
}

fn record(deaf: bool) -> Recording {
    let store = tempfile::tempdir().expect("a temporary folder can be made");
    let journal = Journal::default();
    let disk = Recorder { journal: Arc::clone(&journal), deaf };
    let local = DurableLocal::with_disk(store.path(), Arc::new(disk)).expect("the store opens");
    let root = local.root().to_owned();
    let world = World::over(Arc::new(local));
    let project = world.project();
    runtime().block_on(async {
        for days in 1..=DAYS {
            world.add_day(days);
            build(&project, &world.session(&project).await).await.expect("the build works");
            journal.lock().unwrap().push(Call::Acknowledged(days));
        }
    });
    let calls = journal.lock().unwrap().clone();
    Recording { world, project, root, calls, _store: store }
}

/// Looks at what one power loss leaves; says what is wrong.
fn look(recording: &Recording, at: usize, subset: Option<usize>, seed: u64, again: bool) -> Result<(), String> {
    let state = State::after(&recording.calls[..at]);
    let mut random = Random::new(seed);
    let left = tempfile::tempdir().expect("a temporary folder can be made");
    let mut place = 0;
    let mut chances = Random::new(seed ^ 0x5eed);
    let mut kept = || {
        place += 1;
        subset.map_or_else(|| chances.below(2) == 0, |subset| subset >> (place - 1) & 1 == 1)
    };
    state.leave(&recording.root, left.path(), &mut kept, &mut random);
    let local = DurableLocal::open(left.path(), false).expect("the store opens");
    let world = World::with(Arc::clone(&recording.world.dir), Arc::new(local));
    let label = format!("power lost after call {at} of {}, {subset:?}, seed {seed}", recording.calls.len());
    let project = &recording.project;
    let looked = || {
        runtime().block_on(async {
            let session = world.session(project).await;
            if state.acknowledged > 0 {
                for sql in ["select total from shop.total", "select sum(amount) as total from shop.doubled"] {
                    let total = read(project, &session, sql).await.unwrap_or_else(|e| panic!("{label}: {e}"));
                    let fits = (state.acknowledged..=DAYS).any(|days| total == World::total(days));
                    assert!(fits, "{label}: {} days were acknowledged, and readers get\n{total}", state.acknowledged);
                }
            }
            assert_clean(&session, &label).await;
            if again {
                build(project, &session).await.unwrap_or_else(|e| panic!("{label}: building again fails\n{e}"));
                let total = read(project, &session, "select total from shop.total").await;
                assert_eq!(total, Ok(World::total(DAYS)), "{label}: after building again");
                assert_clean(&session, &label).await;
            }
        });
    };
    let ended = std::panic::catch_unwind(std::panic::AssertUnwindSafe(looked));
    ended.map_err(|cause| cause.downcast_ref::<String>().cloned().unwrap_or_default())
}

/// Looks at states after every call: all of them where few names are pending, else some.
fn look_everywhere(recording: &Recording, samples: usize) -> (usize, Vec<String>) {
    let mut cases = Vec::new();
    for at in 1..=recording.calls.len() {
        let pending = State::after(&recording.calls[..at]).pending.len();
        let all = 1usize << pending.min(6);
        if pending <= 6 && all <= samples {
            cases.extend((0..all).map(|subset| (at, Some(subset), at as u64)));
        } else {
            cases.extend((0..samples).map(|sample| (at, None, (at * 1_000 + sample) as u64)));
        }
    }
    let number = cases.len();
    let look = |(at, subset, seed): (usize, Option<usize>, u64)| look(recording, at, subset, seed, seed % 7 == 0).err();
    (number, parallel::map(cases, look).into_iter().flatten().collect())
}

#[test]
fn a_power_loss_takes_nothing_that_was_acknowledged() {
    let recording = record(false);
    let (states, wrong) = look_everywhere(&recording, if long() { 64 } else { 2 });
    eprintln!("{} calls, {states} states", recording.calls.len());
    assert!(wrong.is_empty(), "{} of {states} states\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn a_disk_that_does_not_sync_is_noticed() {
    let recording = record(true);
    let (states, wrong) = look_everywhere(&recording, 1);
    assert!(wrong.len() > states / 4, "{} of {states} states", wrong.len());
}
