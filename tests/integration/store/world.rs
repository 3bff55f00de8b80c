//! A small project over a store that tests can break, restart and look into.

use super::fault::{FaultStore, Script};
use datafusion::object_store::ObjectStore;
use datafusion::object_store::memory::InMemory;
use icepie::build::Outcome;
use icepie::diagnostic::{Diagnostic, human};
use icepie::driver::{self, Manner, Project, Session};
use icepie::name::RelationName;
use icepie::store::{DurableLocal, Objects, Store, StoreError};
use icepie::workspace;
use std::path::Path;
use std::sync::Arc;
use tempfile::TempDir;

/// Where a world's objects lie.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Backend {
    Memory,
    Local,
}

pub const BACKENDS: [Backend; 2] = [Backend::Memory, Backend::Local];

/// A project's folder and its store.
pub struct World {
    pub dir: Arc<TempDir>,
    pub objects: Arc<dyn ObjectStore>,
    kind: Kind,
}

/// What a store is copied by.
enum Kind {
    Memory(InMemory),
    Local(TempDir),
    /// It isn't copied.
    Other,
}

/// Two slices over one source of text files: the second reads the first.
const DECLARATIONS: &str = "
domain shop { owner 'x' }

public source shop.lines {
  from 'raw/*.csv'
  columns (id bigint not null, amount int)
}

public slice shop.doubled {
  key (id)
  select id, amount * 2 as amount from lines
}

public slice shop.total { select sum(amount) as total from doubled }
";

impl World {
    pub fn new(backend: Backend) -> World {
        let dir = Arc::new(tempfile::tempdir().expect("a temporary folder can be made"));
        let kind = match backend {
            Backend::Memory => Kind::Memory(InMemory::new()),
            Backend::Local => Kind::Local(tempfile::tempdir().expect("a temporary folder can be made")),
        };
        let world = World::of(dir, kind);
        world.declare();
        world.add_day(1);
        world
    }

    /// A project over a store that is open already, without raw files.
    pub fn over(objects: Arc<dyn ObjectStore>) -> World {
        let dir = Arc::new(tempfile::tempdir().expect("a temporary folder can be made"));
        let world = World::with(dir, objects);
        world.declare();
        world
    }

    /// The project of a folder over a store.
    pub fn with(dir: Arc<TempDir>, objects: Arc<dyn ObjectStore>) -> World {
        World { dir, objects, kind: Kind::Other }
    }

    pub fn declare(&self) {
        let world = self;
        world.write("pie.toml", "[project]\nname = \"world\"\n");
        world.write("main.pie", DECLARATIONS);
    }

    fn of(dir: Arc<TempDir>, kind: Kind) -> World {
        let objects: Arc<dyn ObjectStore> = match &kind {
            Kind::Memory(memory) => Arc::new(memory.clone()),
            Kind::Local(dir) => Arc::new(DurableLocal::open(dir.path(), false).expect("the store can be made")),
            Kind::Other => unreachable!("a world over another store is made with it"),
        };
        World { dir, objects, kind }
    }

    /// The same project over a copy of the store.
    pub fn copy(&self) -> World {
        let kind = match &self.kind {
            Kind::Memory(memory) => Kind::Memory(memory.fork()),
            Kind::Local(dir) => {
                let copy = tempfile::tempdir().expect("a temporary folder can be made");
                copy_folder(dir.path(), copy.path());
                Kind::Local(copy)
            }
            Kind::Other => {
                return World::with(Arc::clone(&self.dir), Arc::clone(&self.objects));
            }
        };
        World::of(Arc::clone(&self.dir), kind)
    }

    pub fn write(&self, path: &str, text: &str) {
        write(self.dir.path(), path, text);
    }

    /// One more raw file, with one row: the total grows by twice its number.
    pub fn add_day(&self, day: u64) {
        self.write(&format!("raw/{day:03}.csv"), &format!("id,amount\n{day},{day}\n"));
    }

    /// What `shop.total` gives after so many days.
    pub fn total(days: u64) -> String {
        format!("total\n{}\n", (1..=days).map(|day| 2 * day).sum::<u64>())
    }

    pub fn project(&self) -> Project {
        let project = driver::check(workspace::load(self.dir.path()));
        assert!(!project.has_errors(), "{:?}", project.diagnostics);
        project
    }

    /// The store, failing as the script says.
    pub async fn store(&self, script: &Arc<Script>) -> Result<Store, StoreError> {
        let store: Arc<dyn ObjectStore> =
            Arc::new(FaultStore { inner: Arc::clone(&self.objects), script: Arc::clone(script) });
        Store::over(Objects { store, shown: "the store".to_owned(), local: None }).await
    }

    /// A session without faults.
    pub async fn session(&self, project: &Project) -> Session {
        let store = self.store(&Script::of(Vec::new())).await.expect("the store opens");
        Session::over(project, store).expect("a session")
    }
}

pub fn copy_folder(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).expect("a folder can be read") {
        let entry = entry.expect("a folder can be read");
        let target = to.join(entry.file_name());
        if entry.file_type().expect("a file has a type").is_dir() {
            std::fs::create_dir(&target).expect("a folder can be made");
            copy_folder(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).expect("a file can be copied");
        }
    }
}

pub fn write(folder: &Path, path: &str, text: &str) {
    let path = folder.join(path);
    std::fs::create_dir_all(path.parent().expect("a file has a folder")).expect("a folder can be made");
    std::fs::write(path, text).expect("a file can be written");
}

/// Freezes and builds; what was told, where something failed.
pub async fn build(project: &Project, session: &Session) -> Result<Vec<(RelationName, Outcome)>, String> {
    let told = |found: &[Diagnostic]| human::render(found, &project.workspace.sources, false);
    let manner = Manner::quiet(2);
    for report in driver::freeze(project, session, None, None, &manner.cancelled, |_| {}).await {
        if report.outcome.is_none() {
            return Err(told(&report.diagnostics));
        }
    }
    let built = driver::build(project, session, None, &manner, |_| {}).await.map_err(|e| told(&[e.diagnostic()]))?;
    let bad: Vec<Diagnostic> = built.report.slices.iter().flat_map(|slice| slice.diagnostics.clone()).collect();
    if !bad.is_empty() {
        return Err(told(&bad));
    }
    Ok(built.report.slices.iter().map(|slice| (slice.plan.name().clone(), slice.outcome)).collect())
}

/// What a query over published slices gives, as CSV; why not, where it gives nothing.
pub async fn read(project: &Project, session: &Session, sql: &str) -> Result<String, String> {
    let told = |found: &[Diagnostic]| human::render(found, &project.workspace.sources, false);
    let mut tables = driver::tables(project, session, &Default::default()).await.map_err(|e| told(&[*e]))?;
    let answer = driver::query(sql, &mut tables, session).await.map_err(|e| told(&e.diagnostics))?;
    let mut text = Vec::new();
    icepie::serve::write(&answer, icepie::serve::Format::Csv, usize::MAX, &mut text).map_err(|e| e.to_string())?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}

/// Nothing in the store is damaged.
pub async fn assert_clean(session: &Session, of: &str) {
    let found = session.store.fsck(true).await.unwrap_or_else(|e| panic!("{of}: {:?}", e.diagnostic()));
    assert!(found.damage.is_empty(), "{of}: {:#?}", found.damage);
}
