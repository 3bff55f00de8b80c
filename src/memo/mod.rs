//! What was worked out before: facts found again by a digest of everything that they follow from.
//!
//! The phases up to the plan ask here before they parse, plan or model a query, and tell what they found. A fact says
//! nothing of where it was found, so one that is missing, lost or too old only costs work: with and without a memo every
//! answer is the same.
//!
//! ```text
//!   digest of a query's text ──▶ what it reads, its tokens                        (resolve)
//!   … and of what it reads   ──▶ its columns, key and order                       (semantic)
//!                            ──▶ what it means                                    (algebra)
//!   place, size and times of a record, or the digest of its bytes  ──▶ the record  (store)
//! ```
//!
//! Large facts that most runs don't ask for, such as records of slices that stay as they are, have a file of their own
//! ([`Memo::archive`]), which is read when the first of them is asked for.
//!
//! Each file is written at its end: a head that names the program, then entries of a key, a length, a checksum and bytes.
//! Several processes may write at once, each with one call: what is torn ends the reading, what is damaged isn't
//! believed when it is asked for, and the next writer begins anew.

use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasherDefault, Hasher};
use std::io::{Read, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// A digest of all that a fact follows from.
pub type Key = [u8; 32];

/// A file that has grown past this is begun anew.
const MAX_BYTES: u64 = 512 << 20;

/// Facts of earlier runs and of this one; without a folder it knows nothing and keeps nothing.
#[derive(Clone, Default)]
pub struct Memo {
    shelf: Option<Arc<Shelf>>,
    archive: Option<Arc<Archive>>,
    /// How many queries were planned in this run.
    planned: Arc<AtomicU64>,
}

struct Archive {
    path: PathBuf,
    head: Vec<u8>,
    shelf: OnceLock<Arc<Shelf>>,
}

struct Shelf {
    path: PathBuf,
    head: Vec<u8>,
    bytes: Vec<u8>,
    places: Places,
    /// The file can be gone on with; otherwise it is begun anew.
    sound: AtomicBool,
    fresh: Mutex<BTreeMap<Key, Vec<u8>>>,
}

impl std::fmt::Debug for Memo {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let known = self.shelf.as_ref().map_or(0, |shelf| shelf.places.len());
        write!(f, "Memo({known} facts)")
    }
}

/// The key of a kind of fact that follows from the given parts, in their order.
pub fn key<'a>(kind: &'a str, parts: impl IntoIterator<Item = &'a [u8]>) -> Key {
    let mut hasher = blake3::Hasher::new();
    for part in std::iter::once(kind.as_bytes()).chain(parts) {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
    *hasher.finalize().as_bytes()
}

impl Memo {
    /// Remembers nothing.
    pub fn none() -> Memo {
        Memo::default()
    }

    /// The memo in a folder, empty where there is none or where another program wrote it. `program` names all that the
    /// facts follow from besides their keys. Fails never: a memo that can't be read knows nothing.
    pub fn open(folder: &Path, program: &str) -> Memo {
        let head = format!("icepie facts of {program}\n").into_bytes();
        let archive = Archive { path: folder.join("archive"), head: head.clone(), shelf: OnceLock::new() };
        let shelf = Shelf::open(folder.join("facts"), head);
        Memo { shelf: Some(Arc::new(shelf)), archive: Some(Arc::new(archive)), planned: Arc::default() }
    }

    /// The memo of large facts. Reads them, when it is the first to ask for it.
    pub fn archive(&self) -> Memo {
        let shelf = self.archive.as_ref().map(|archive| {
            let open = || Arc::new(Shelf::open(archive.path.clone(), archive.head.clone()));
            Arc::clone(archive.shelf.get_or_init(open))
        });
        Memo { shelf, archive: None, planned: Arc::clone(&self.planned) }
    }

    /// A fact, where it is known.
    pub fn get<T: DeserializeOwned>(&self, key: &Key) -> Option<T> {
        let shelf = self.shelf.as_ref()?;
        if let Some(bytes) = shelf.kept(key) {
            return postcard::from_bytes(bytes).ok();
        }
        let fresh = shelf.fresh.lock().unwrap_or_else(PoisonError::into_inner);
        fresh.get(key).and_then(|bytes| postcard::from_bytes(bytes).ok())
    }

    /// Keeps a fact until it is saved.
    pub fn put<T: Serialize>(&self, key: Key, fact: &T) {
        let Some(shelf) = &self.shelf else { return };
        if shelf.kept(&key).is_some() {
            return;
        }
        if let Ok(bytes) = postcard::to_stdvec(fact) {
            shelf.fresh.lock().unwrap_or_else(PoisonError::into_inner).insert(key, bytes);
        }
    }

    /// Whether anything is remembered.
    pub fn is_on(&self) -> bool {
        self.shelf.is_some()
    }

    /// Counts the planning of one query.
    pub fn count_planned(&self) {
        self.planned.fetch_add(1, Ordering::Relaxed);
    }

    /// How many queries were planned since the memo was opened.
    pub fn planned(&self) -> u64 {
        self.planned.load(Ordering::Relaxed)
    }

    /// Writes what is new. What can't be written is found out again next time.
    pub fn save(&self) {
        let archive = self.archive.as_ref().and_then(|archive| archive.shelf.get());
        for shelf in self.shelf.iter().chain(archive) {
            let fresh = std::mem::take(&mut *shelf.fresh.lock().unwrap_or_else(PoisonError::into_inner));
            if !fresh.is_empty() {
                let _ = shelf.write(&fresh);
            }
        }
    }
}

impl Shelf {
    fn open(path: PathBuf, head: Vec<u8>) -> Shelf {
        let small = std::fs::metadata(&path).is_ok_and(|file| file.len() <= MAX_BYTES);
        let bytes = if small { std::fs::read(&path).unwrap_or_default() } else { Vec::new() };
        let (places, sound) =
            if bytes.starts_with(&head) { entries(&bytes, head.len()) } else { (Places::default(), false) };
        Shelf { path, head, bytes, places, sound: AtomicBool::new(sound), fresh: Mutex::default() }
    }

    /// The bytes of a fact in the file. They are looked through only now: most runs ask for a part of what is kept.
    fn kept(&self, key: &Key) -> Option<&[u8]> {
        let Entry { sum, bytes } = self.places.get(key)?;
        let bytes = &self.bytes[bytes.clone()];
        if checksum(key, bytes) == *sum {
            return Some(bytes);
        }
        self.sound.store(false, Ordering::Relaxed);
        None
    }

    fn write(&self, fresh: &BTreeMap<Key, Vec<u8>>) -> std::io::Result<()> {
        let entry = |to: &mut dyn Write, key: &Key, bytes: &[u8]| {
            to.write_all(key)?;
            to.write_all(&(bytes.len() as u64).to_le_bytes())?;
            to.write_all(&checksum(key, bytes))?;
            to.write_all(bytes)
        };
        let folder = self.path.parent().unwrap_or(Path::new("."));
        // Another process may have begun the file meanwhile: its end is where ours goes on, if it is of the same program.
        // Nor may it have been begun anew by another one.
        let sound = self.sound.load(Ordering::Relaxed) && has_head(&self.path, &self.head);
        let goes_on = sound || begins_with(&self.path, &self.head);
        if goes_on {
            // In one call, so that others that write don't come between.
            let mut text = Vec::with_capacity(fresh.values().map(|bytes| bytes.len() + 48).sum());
            fresh.iter().try_for_each(|(key, bytes)| entry(&mut text, key, bytes))?;
            return std::fs::OpenOptions::new().append(true).open(&self.path)?.write_all(&text);
        }
        std::fs::create_dir_all(folder)?;
        // Nobody wants it in a repository.
        std::fs::write(folder.join(".gitignore"), "*\n")?;
        let staged = self.path.with_extension(std::process::id().to_string());
        let mut file = std::io::BufWriter::with_capacity(1 << 18, std::fs::File::create(&staged)?);
        file.write_all(&self.head)?;
        fresh.iter().try_for_each(|(key, bytes)| entry(&mut file, key, bytes))?;
        file.into_inner()?;
        std::fs::rename(&staged, &self.path)
    }
}

fn has_head(path: &Path, head: &[u8]) -> bool {
    let mut start = vec![0; head.len()];
    std::fs::File::open(path).and_then(|mut file| file.read_exact(&mut start)).is_ok_and(|()| start == head)
}

/// Whether a file that was empty or missing when it was read is there now, written by the same program and no more damaged.
fn begins_with(path: &Path, head: &[u8]) -> bool {
    let Ok(bytes) = std::fs::read(path) else { return false };
    let whole =
        |places: Places| places.iter().all(|(key, entry)| checksum(key, &bytes[entry.bytes.clone()]) == entry.sum);
    let (places, sound) =
        if bytes.starts_with(head) { entries(&bytes, head.len()) } else { (Places::default(), false) };
    bytes.len() as u64 <= MAX_BYTES && sound && whole(places)
}

type Places = HashMap<Key, Entry, BuildHasherDefault<Prefix>>;

/// Keys are digests: their first bytes are as good a hash as any.
#[derive(Default)]
struct Prefix(u64);

impl Hasher for Prefix {
    fn write(&mut self, bytes: &[u8]) {
        // The length of an array is hashed too.
        if let Some(prefix) = bytes.first_chunk() {
            self.0 ^= u64::from_le_bytes(*prefix);
        }
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// A fact's place.
struct Entry {
    sum: [u8; 8],
    bytes: Range<usize>,
}

/// The places of all entries, and whether they reach to the end.
fn entries(bytes: &[u8], start: usize) -> (Places, bool) {
    let mut places = Places::default();
    let mut at = start;
    while at < bytes.len() {
        let Some((key, entry)) = entry(bytes, at) else { return (places, false) };
        at = entry.bytes.end;
        places.insert(key, entry);
    }
    (places, true)
}

fn entry(bytes: &[u8], at: usize) -> Option<(Key, Entry)> {
    let head = bytes.get(at..at + 48)?;
    let key: Key = head[..32].try_into().ok()?;
    let length = usize::try_from(u64::from_le_bytes(head[32..40].try_into().ok()?)).ok()?;
    let sum = head[40..48].try_into().ok()?;
    let start = at + 48;
    let place = start..start.checked_add(length)?;
    bytes.get(place.clone())?;
    Some((key, Entry { sum, bytes: place }))
}

fn checksum(key: &Key, bytes: &[u8]) -> [u8; 8] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(key);
    hasher.update(bytes);
    let mut short = [0; 8];
    short.copy_from_slice(&hasher.finalize().as_bytes()[..8]);
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(number: u8) -> Key {
        key("number", [&[number][..]])
    }

    #[test]
    fn facts_are_found_again_and_nothing_else_is() {
        let folder = tempfile::tempdir().expect("a folder");
        let memo = Memo::open(folder.path(), "one");
        memo.put(at(1), &"first".to_owned());
        assert_eq!(memo.get::<String>(&at(1)).as_deref(), Some("first"), "before it is saved");
        memo.save();
        let again = Memo::open(folder.path(), "one");
        assert_eq!(again.get::<String>(&at(1)).as_deref(), Some("first"));
        assert_eq!(again.get::<String>(&at(2)), None);
        again.put(at(2), &"second".to_owned());
        memo.put(at(3), &"third".to_owned());
        again.save();
        memo.save();
        let both = Memo::open(folder.path(), "one");
        for (number, text) in [(1, "first"), (2, "second"), (3, "third")] {
            assert_eq!(both.get::<String>(&at(number)).as_deref(), Some(text), "two wrote at once");
        }
        assert_eq!(Memo::open(folder.path(), "another").get::<String>(&at(1)), None, "facts of another program");
    }

    #[test]
    fn what_is_damaged_is_not_believed_and_what_is_torn_is_mended() {
        let folder = tempfile::tempdir().expect("a folder");
        let memo = Memo::open(folder.path(), "one");
        for number in 0..20 {
            memo.put(at(number), &format!("fact {number}"));
        }
        memo.save();
        let path = folder.path().join("facts");
        let sound = std::fs::read(&path).expect("the file is there");
        for byte in 0..sound.len() {
            let mut damaged = sound.clone();
            damaged[byte] ^= 0x41;
            std::fs::write(&path, &damaged).expect("the file can be written");
            let memo = Memo::open(folder.path(), "one");
            for number in 0..20 {
                let found = memo.get::<String>(&at(number));
                assert!(found.is_none_or(|found| found == format!("fact {number}")), "byte {byte}");
            }
        }
        std::fs::write(&path, &sound[..sound.len() - 3]).expect("the file can be written");
        let torn = Memo::open(folder.path(), "one");
        torn.put(at(99), &"new".to_owned());
        torn.save();
        assert_eq!(Memo::open(folder.path(), "one").get::<String>(&at(99)).as_deref(), Some("new"));
    }
}
