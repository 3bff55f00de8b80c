//! Suites 5 and 6, and teams as processes: builders are killed at every call to the disk, and at random times, and five build
//! at once.
//!
//! Such a process is this test binary again, running one of the ignored tests below with what to do in its environment.

use super::world::{World, assert_clean, build, copy_folder, read, write};
use super::{Random, long, runtime};
use icepie::driver::{self, Manner, Session};
use icepie::init::{Template, write_template};
use icepie::store::{Disk, DiskFile, DurableLocal, Location, Objects, RealDisk, Store};
use icepie::workspace;
use std::io;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Words that a process gets, one after the other.
const WORDS: &str = "PIE_TEST_WORDS";
const BETWEEN: &str = "\u{1f}";

fn process(test: &str, words: &[&str]) -> Child {
    process_with(test, words, &[])
}

/// Starts a process with more in its environment.
pub fn process_with(test: &str, words: &[&str], environment: &[(&str, &str)]) -> Child {
    Command::new(std::env::current_exe().expect("this program has a path"))
        .args(["--exact", "--ignored", "--nocapture", "--test-threads=1", &format!("store::processes::{test}")])
        .env(WORDS, words.join(BETWEEN))
        .envs(environment.iter().copied())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("a process can be started")
}

fn words() -> Vec<String> {
    std::env::var(WORDS).unwrap_or_default().split(BETWEEN).map(str::to_owned).collect()
}

#[test]
#[ignore = "a process of another test"]
fn run_pie() {
    std::process::exit(i32::from(icepie::cli::run_in_terminal(&words())));
}

/// A disk on which the process dies at one call: before it is done, or behind it.
#[derive(Debug)]
struct Deadly {
    at: usize,
    calls: Arc<AtomicUsize>,
}

impl Deadly {
    fn call<T>(&self, work: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        deadly(self.at, &self.calls, work)
    }
}

fn deadly<T>(at: usize, calls: &AtomicUsize, work: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    if calls.fetch_add(1, Ordering::SeqCst) == at {
        std::process::abort();
    }
    let done = work();
    if calls.fetch_add(1, Ordering::SeqCst) == at {
        std::process::abort();
    }
    done
}

const REAL: RealDisk = RealDisk { syncs: true };

impl Disk for Deadly {
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let file = self.call(|| REAL.create(path))?;
        Ok(Box::new(DeadlyFile { file, at: self.at, calls: Arc::clone(&self.calls) }))
    }
    fn link(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.call(|| REAL.link(from, to))
    }
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.call(|| REAL.rename(from, to))
    }
    fn remove(&self, path: &Path) -> io::Result<()> {
        self.call(|| REAL.remove(path))
    }
    fn create_folder(&self, path: &Path) -> io::Result<()> {
        self.call(|| REAL.create_folder(path))
    }
    fn sync_folder(&self, path: &Path) -> io::Result<()> {
        self.call(|| REAL.sync_folder(path))
    }
}

#[derive(Debug)]
struct DeadlyFile {
    file: Box<dyn DiskFile>,
    at: usize,
    calls: Arc<AtomicUsize>,
}

impl DiskFile for DeadlyFile {
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let half = bytes.len() / 2;
        deadly(self.at, &self.calls, || self.file.write_at(offset, &bytes[..half]))?;
        deadly(self.at, &self.calls, || self.file.write_at(offset + half as u64, &bytes[half..]))
    }
    fn sync(&mut self) -> io::Result<()> {
        deadly(self.at, &self.calls, || self.file.sync())
    }
}

/// Freezes and builds a project, and dies at a call to the disk. Tells how many there were where it lives on.
#[test]
#[ignore = "a process of another test"]
fn build_on_a_deadly_disk() {
    let words = words();
    let [folder, at] = words.as_slice() else { return };
    let calls = Arc::new(AtomicUsize::new(0));
    let disk = Deadly { at: at.parse().expect("a number"), calls: Arc::clone(&calls) };
    let local = DurableLocal::with_disk(&Path::new(folder).join("store"), Arc::new(disk)).expect("the store opens");
    let project = driver::check(workspace::load(Path::new(folder)));
    runtime().block_on(async {
        let objects = Objects { store: Arc::new(local.clone()), shown: "store".to_owned(), local: Some(local) };
        let store = Store::over(objects).await.expect("the store opens");
        let session = Session::over(&project, store).expect("a session");
        build(&project, &session).await.expect("the build works");
    });
    eprintln!("calls: {}", calls.load(Ordering::SeqCst));
}

/// What a killed builder leaves: the old or the new version, nothing damaged, and building again succeeds.
fn look(dir: &Arc<TempDir>, label: &str, old: &str, new: &str) {
    let local = DurableLocal::open(&dir.path().join("store"), false).expect("the store opens");
    let world = World::with(Arc::clone(dir), Arc::new(local));
    let project = world.project();
    runtime().block_on(async {
        let session = world.session(&project).await;
        let total = read(&project, &session, "select total from shop.total").await;
        let total = total.unwrap_or_else(|e| panic!("{label}: readers get nothing\n{e}"));
        assert!(total == old || total == new, "{label}: readers get\n{total}");
        assert_clean(&session, label).await;
        build(&project, &session).await.unwrap_or_else(|e| panic!("{label}: again fails\n{e}"));
        let total = read(&project, &world.session(&project).await, "select total from shop.total").await;
        assert_eq!(total.as_deref(), Ok(new), "{label}: after building again");
        assert_clean(&world.session(&project).await, label).await;
    });
}

/// A project in a folder with its store, built over one day, with another day's file to come.
fn prepared() -> TempDir {
    let dir = tempfile::tempdir().expect("a temporary folder can be made");
    std::fs::create_dir(dir.path().join("store")).expect("a folder can be made");
    let local = DurableLocal::open(&dir.path().join("store"), false).expect("the store opens");
    let dir = Arc::new(dir);
    let world = World::with(Arc::clone(&dir), Arc::new(local));
    world.declare();
    world.add_day(1);
    let project = world.project();
    runtime().block_on(async {
        build(&project, &world.session(&project).await).await.expect("the first build works");
    });
    world.add_day(2);
    drop(world);
    Arc::into_inner(dir).expect("nobody else has it")
}

fn copy(prepared: &TempDir) -> Arc<TempDir> {
    let dir = tempfile::tempdir().expect("a temporary folder can be made");
    copy_folder(prepared.path(), dir.path());
    Arc::new(dir)
}

#[test]
fn a_builder_may_be_killed_at_every_call_to_the_disk() {
    let prepared = prepared();
    let alive = copy(&prepared);
    let folder = |dir: &TempDir| dir.path().display().to_string();
    let ended = process("build_on_a_deadly_disk", &[&folder(&alive), &usize::MAX.to_string()]);
    let ended = ended.wait_with_output().expect("it ends");
    let told = String::from_utf8_lossy(&ended.stderr).into_owned();
    let calls = told.lines().find_map(|line| line.strip_prefix("calls: ")).unwrap_or_else(|| panic!("{told}"));
    let calls: usize = calls.parse().expect("a number");
    let step = if long() { 1 } else { calls.div_ceil(20) };
    let mut kills = 0;
    for at in (0..calls).step_by(step) {
        let dir = copy(&prepared);
        let status = process("build_on_a_deadly_disk", &[&folder(&dir), &at.to_string()]).wait_with_output();
        assert!(!status.expect("it ends").status.success(), "it was to be killed at call {at}");
        look(&dir, &format!("killed at call {at} of {calls}"), &World::total(1), &World::total(2));
        kills += 1;
    }
    eprintln!("{kills} kills at {calls} calls");
}

#[test]
fn a_builder_may_be_killed_at_any_time() {
    let prepared = prepared();
    write(prepared.path(), "pie.toml", "[project]\nname = \"world\"\n\n[store]\nurl = \"store\"\n");
    let mut random = Random::new(11);
    let rounds = if long() { 500 } else { 25 };
    let mut killed = 0;
    // How long it takes alone, roughly: it only says where kills are worth while.
    let alone = copy(&prepared);
    let started = Instant::now();
    let builder = process("run_pie", &["-C", &alone.path().display().to_string(), "build", "--freeze"]);
    assert!(builder.wait_with_output().expect("it ends").status.success());
    let alone = started.elapsed().as_micros() as usize;
    for round in 0..rounds {
        let dir = copy(&prepared);
        let folder = dir.path().display().to_string();
        let mut builder = process("run_pie", &["-C", &folder, "build", "--freeze"]);
        // Any time will do: nothing is expected of how far it has come.
        std::thread::sleep(Duration::from_micros(random.below(alone) as u64));
        let _ = builder.kill();
        killed += usize::from(!builder.wait().expect("it ends").success());
        look(&dir, &format!("killed in round {round}"), &World::total(1), &World::total(2));
    }
    eprintln!("{killed} of {rounds} were killed before they were done");
}

#[test]
fn processes_that_build_the_same_slice_end_with_one_log() {
    let prepared = prepared();
    write(prepared.path(), "pie.toml", "[project]\nname = \"world\"\n\n[store]\nurl = \"store\"\n");
    for round in 0..if long() { 50 } else { 2 } {
        let dir = copy(&prepared);
        let folder = dir.path().display().to_string();
        let builders: Vec<Child> = (0..8).map(|_| process("run_pie", &["-C", &folder, "build", "--freeze"])).collect();
        for builder in builders {
            let ended = builder.wait_with_output().expect("it ends");
            let told = String::from_utf8_lossy(&ended.stderr);
            assert!(ended.status.success(), "round {round}: {told}");
        }
        let total = World::total(2);
        look(&dir, &format!("round {round}"), &total, &total);
        // Each froze, and each built; one version of each came of it.
        let log = |folder: &str| std::fs::read_dir(dir.path().join("store").join(folder)).expect("a log").count();
        assert_eq!(log("sources/shop/lines/log"), 2, "round {round}");
        assert!(log("heads/main/shop/total") <= 3, "round {round}: {}", log("heads/main/shop/total"));
    }
}

#[test]
fn five_teams_build_at_once_one_fails_and_one_is_killed() {
    let template = tempfile::tempdir().expect("a temporary folder can be made");
    write_template(Template::Ledgerx, template.path(), 300_000).expect("the template can be written");
    let project = driver::check(workspace::load(template.path()));
    let domains: std::collections::BTreeSet<String> =
        project.model.stored_slices().map(|slice| slice.name.domain().to_owned()).collect();
    let domains: Vec<String> = domains.into_iter().collect();
    assert_eq!(domains.len(), 5, "{domains:?}");
    let frozen = icepie::cli::run(
        &["-C".to_owned(), template.path().display().to_string(), "freeze".to_owned()],
        &mut Vec::new(),
        &mut Vec::new(),
    );
    assert_eq!(frozen, 0);
    let mut random = Random::new(5);
    let (mut kills, mut longest) = (0, Duration::from_millis(1500));
    let rounds = if long() { 20 } else { 2 };
    for round in 0..rounds {
        let dir = Arc::new(tempfile::tempdir().expect("a temporary folder can be made"));
        copy_folder(template.path(), dir.path());
        // One team's queries fail while they run; another team's builder is killed.
        let failing = round % 5;
        let killed = (failing + 1 + random.below(4)) % 5;
        let folder = dir.path().display().to_string();
        let bad = format!(
            "public slice {}.broken {{ select 1 / (count(*) - count(*)) as x from payments.transfers }}\n",
            domains[failing]
        );
        write(dir.path(), "broken.pie", &bad);
        let mut builders: Vec<(usize, Child)> = Vec::new();
        for (team, domain) in domains.iter().enumerate() {
            let project = driver::check(workspace::load(dir.path()));
            let own: Vec<String> = project
                .model
                .stored_slices()
                .filter(|slice| slice.name.domain() == domain)
                .map(|slice| slice.name.to_string())
                .collect();
            let mut args = vec!["-C", &folder, "build"];
            args.extend(own.iter().map(String::as_str));
            builders.push((team, process("run_pie", &args)));
        }
        let started = Instant::now();
        std::thread::sleep(Duration::from_micros(random.below(longest.as_micros() as usize) as u64));
        let _ = builders[killed].1.kill();
        for (team, builder) in builders {
            let ended = builder.wait_with_output().expect("it ends");
            let told = String::from_utf8_lossy(&ended.stderr).into_owned();
            if team == failing {
                assert!(!ended.status.success() && told.contains("E0501"), "round {round}: {told}");
            } else if team == killed {
                kills += usize::from(!ended.status.success());
            } else {
                assert!(ended.status.success(), "round {round}, {}: {told}", domains[team]);
            }
        }
        longest = started.elapsed();
        // The three others are published, and nothing is damaged or lost.
        let project = driver::check(workspace::load(dir.path()));
        runtime().block_on(async {
            let store = Store::open(&Location::folder(dir.path().join(".pie/store"))).await.expect("the store opens");
            let session = Session::over(&project, store).expect("a session");
            let heads = session.store.slice_heads().await.expect("the store answers");
            for slice in project.model.stored_slices() {
                let team = domains.iter().position(|domain| domain == slice.name.domain()).expect("a team");
                let served = heads.get(&slice.name).is_some_and(|head| head.is_served);
                assert!(served || team == failing || team == killed, "round {round}: `{}` isn't published", slice.name);
            }
            assert_clean(&session, &format!("round {round}")).await;
            // Whoever comes next finishes what is left.
            std::fs::remove_file(dir.path().join("broken.pie")).expect("a file can be removed");
            let project = driver::check(workspace::load(dir.path()));
            let built =
                driver::build(&project, &session, None, &Manner::quiet(2), |_| {}).await.expect("the store works");
            let bad = built.report.slices.iter().find(|slice| !slice.diagnostics.is_empty());
            assert!(bad.is_none(), "round {round}: {:?}", bad.map(|slice| &slice.diagnostics));
            assert_clean(&session, &format!("round {round}, at the end")).await;
        });
    }
    eprintln!("{kills} builders of {rounds} were killed before they were done");
}
