//! Suite 9: the disk is full, at every part of a build.

use super::world::{World, assert_clean, build, copy_folder, read};
use super::{long, runtime};
use icepie::driver::{Project, Session};
use icepie::parallel;
use icepie::store::{Disk, DiskFile, DurableLocal, Objects, RealDisk, Store};
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tempfile::TempDir;

/// A disk with so many bytes left.
#[derive(Debug)]
struct Small {
    left: Arc<AtomicU64>,
}

const REAL: RealDisk = RealDisk { syncs: false };

impl Disk for Small {
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        Ok(Box::new(SmallFile { file: REAL.create(path)?, left: Arc::clone(&self.left) }))
    }
    fn link(&self, from: &Path, to: &Path) -> io::Result<()> {
        REAL.link(from, to)
    }
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        REAL.rename(from, to)
    }
    fn remove(&self, path: &Path) -> io::Result<()> {
        REAL.remove(path)
    }
    fn create_folder(&self, path: &Path) -> io::Result<()> {
        REAL.create_folder(path)
    }
    fn sync_folder(&self, path: &Path) -> io::Result<()> {
        REAL.sync_folder(path)
    }
}

#[derive(Debug)]
struct SmallFile {
    file: Box<dyn DiskFile>,
    left: Arc<AtomicU64>,
}

impl DiskFile for SmallFile {
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let wanted = bytes.len() as u64;
        let taken =
            self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| Some(left.saturating_sub(wanted)));
        let fits = taken.unwrap_or(0).min(wanted);
        // As much as fits is written, as a disk does.
        self.file.write_at(offset, &bytes[..usize::try_from(fits).expect("it is a part")])?;
        if fits < wanted { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }
    fn sync(&mut self) -> io::Result<()> {
        self.file.sync()
    }
}

fn staged_below(folder: &Path) -> usize {
    let entries = std::fs::read_dir(folder).expect("a folder can be read").map(|entry| entry.expect("an entry").path());
    entries
        .map(|path| if path.is_dir() { staged_below(&path) } else { usize::from(path.to_string_lossy().contains('#')) })
        .sum()
}

/// Builds another day on a disk with so many bytes left; says how many were taken, where that sufficed.
fn case(base: &World, store: &TempDir, project: &Project, bytes: u64) -> Option<u64> {
    let copy = tempfile::tempdir().expect("a temporary folder can be made");
    copy_folder(store.path(), copy.path());
    let left = Arc::new(AtomicU64::new(bytes));
    let small = DurableLocal::with_disk(copy.path(), Arc::new(Small { left: Arc::clone(&left) })).expect("it opens");
    let large = DurableLocal::open(copy.path(), false).expect("it opens");
    let mended = World::with(Arc::clone(&base.dir), Arc::new(large));
    runtime().block_on(async {
        let objects = Objects { store: Arc::new(small.clone()), shown: "store".to_owned(), local: Some(small) };
        let session = Session::over(project, Store::over(objects).await.expect("it opens")).expect("a session");
        let said = build(project, &session).await;
        let taken = bytes - left.load(Ordering::SeqCst);
        let session = mended.session(project).await;
        let total = read(project, &session, "select total from shop.total").await;
        assert_clean(&session, &format!("{bytes} bytes left")).await;
        assert_eq!(staged_below(copy.path()), 0, "{bytes} bytes left: staged files stay");
        if let Err(told) = &said {
            assert!(told.contains("E0601") && told.contains("no storage space"), "{bytes} bytes left: {told}");
            assert!(total == Ok(World::total(1)) || total == Ok(World::total(2)), "{bytes} bytes left: {total:?}");
            build(project, &session).await.unwrap_or_else(|e| panic!("{bytes} bytes left: again fails\n{e}"));
        }
        let total = read(project, &mended.session(project).await, "select total from shop.total").await;
        assert_eq!(total, Ok(World::total(2)), "{bytes} bytes left");
        assert_clean(&mended.session(project).await, &format!("{bytes} bytes left, at the end")).await;
        said.is_ok().then_some(taken)
    })
}

#[test]
fn a_full_disk_is_told_and_harms_nothing() {
    let store = tempfile::tempdir().expect("a temporary folder can be made");
    let local = DurableLocal::open(store.path(), false).expect("the store opens");
    let base = World::over(Arc::new(local));
    base.add_day(1);
    let project = base.project();
    runtime().block_on(async {
        build(&project, &base.session(&project).await).await.expect("the first build works");
    });
    base.add_day(2);
    let whole = case(&base, &store, &project, u64::MAX / 2).expect("there is room");
    let step = if long() { 7 } else { whole.div_ceil(50) };
    let sizes: Vec<u64> = (0..whole).step_by(usize::try_from(step).expect("a small number")).collect();
    let number = sizes.len();
    let sufficed = parallel::map(sizes, |bytes| case(&base, &store, &project, bytes));
    assert!(sufficed.iter().all(Option::is_none), "a build of {whole} bytes fits in less");
    eprintln!("{number} sizes of {whole} bytes");
}
