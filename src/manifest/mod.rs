//! What persists: versioned records as JSON objects in the store, kept apart from the compiler's own types.
//!
//! ```text
//!   SourceVersion   one frozen state of a source          sources/<domain>/<source>/log/<number>.json
//!   BuildRecord     one execution of a slice's query      slices/<domain>/<slice>/builds/<id>/build.json
//!   KeyRecord       where a build is found again          keys/<row key>/<id>.json
//!   CommitRecord    what a slice's readers see            heads/<env>/<domain>/<slice>/<number>.json
//! ```
//!
//! Source versions and commits are numbered from 1 without gaps, created only once, and chained: each carries the BLAKE3 of
//! its parent's bytes. Every record says its `format`; an unknown one is refused. The last field, `sealed`, is a digest of the
//! bytes before it. Digests are BLAKE3 in lower-case hex.
//! A slice is one partition for now (`partitions` has one entry with no values); the shape has room for more.

mod blocks;
mod upkeep;

pub use blocks::{BLOCK, BlockHasher, Blocks, Digested};
pub use upkeep::{FailureRecord, LeaseRecord, MarkRecord, PinRecord};

use crate::name::RelationName;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::collections::BTreeMap;

/// The format that this version of pie writes, and the only one it reads.
pub const FORMAT: u32 = 3;

/// A column as it was when the record was written; the type as Arrow writes it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ColumnRecord {
    pub name: String,
    #[serde(rename = "type")]
    pub data_type: String,
    pub nullable: bool,
}

/// Content of a stretch of rows in their stored order: how many, and a digest of each column's values. Two contents that
/// agree on the row count and on a set of columns hold the same rows of these columns.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Content {
    pub rows: u64,
    pub columns: BTreeMap<String, String>,
    /// Where `columns` don't say in which order the rows are, digests that do: what they would be without a key.
    #[serde(default)]
    pub ordered: BTreeMap<String, String>,
}

/// The content of one partition, named by its values in the order of `partition by`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct PartitionRecord {
    pub values: Vec<Option<String>>,
    pub content: Content,
}

/// A raw file as it was frozen.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct RawFile {
    /// Relative to the sources' root, or the whole URL.
    pub path: String,
    pub size: u64,
    pub blake3: String,
    /// Digests of its blocks ([`Blocks`]), where it has several and is read in place.
    #[serde(default)]
    pub blocks: String,
    /// What the object store says changes with the file (entity tag and time of modification): an unchanged tag spares a
    /// reading. Never part of an identity.
    pub tag: String,
    /// Values captured from the path, by column.
    pub captured: BTreeMap<String, String>,
    pub rows: u64,
    /// The Parquet file in the store that a text file was converted to; `None` where the raw file is read itself.
    pub converted: Option<DataFile>,
    /// The content of each partition in the file.
    pub partitions: Vec<PartitionRecord>,
}

/// A Parquet file in the store.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct DataFile {
    pub path: String,
    pub size: u64,
    pub blake3: String,
    /// Digests of its blocks ([`Blocks`]), where it has several.
    #[serde(default)]
    pub blocks: String,
    pub rows: u64,
}

/// An immutable, numbered state of a source.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct SourceVersion {
    pub format: u32,
    pub source: String,
    pub version: u64,
    pub id: String,
    pub parent: Option<String>,
    pub created_at: String,
    pub by: String,
    pub pie: String,
    /// Why frozen files were replaced, where they were.
    pub reason: Option<String>,
    /// The path template as it was declared.
    pub from: String,
    pub file_format: String,
    pub columns: Vec<ColumnRecord>,
    pub key: Vec<String>,
    pub partition_by: Vec<String>,
    pub files: Vec<RawFile>,
    pub partitions: Vec<PartitionRecord>,
    pub rows: u64,
    pub bytes: u64,
    /// One digest of all partitions and columns.
    pub content: String,
    /// The version of another environment that it was promoted from.
    #[serde(default)]
    pub promoted: Option<Promoted>,
}

/// What a build read: the input's version and content at that time.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct InputRecord {
    pub name: String,
    /// `source` or `slice`
    pub kind: String,
    pub version: u64,
    pub content: String,
}

/// How many rows a relation has, and a digest of each of some of its columns, all in one order of the rows: relations that
/// agree in this hold the same rows of these columns.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Digests {
    pub rows: u64,
    pub columns: BTreeMap<String, String>,
}

/// Everything that a build's keys are made of, so that a difference can be named.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct KeyPreimage {
    /// What this version of pie and its engine make of queries.
    pub engine: String,
    /// Fingerprint of the query's row space.
    pub row: String,
    /// What decides which rows there are, by relation.
    pub inputs: BTreeMap<String, Digests>,
    pub columns: Vec<ColumnPreimage>,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ColumnPreimage {
    pub name: String,
    /// Of the column's term over the row space, and its type.
    pub fingerprint: String,
    /// What decides the values, by relation.
    pub inputs: BTreeMap<String, Digests>,
}

/// Keys of a build: of its rows, and of each column over them, by the column's name in the build's files.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Keys {
    pub row: String,
    pub columns: BTreeMap<String, String>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EnvironmentKind {
    Begin,
    Remove,
    /// Stands for a record that can't be read; never written.
    Damaged,
}

/// One entry of an environment's log.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct EnvironmentRecord {
    pub format: u32,
    pub environment: String,
    pub number: u64,
    pub id: String,
    pub parent: Option<String>,
    pub kind: EnvironmentKind,
    /// The environment that it began as a copy of.
    pub base: Option<String>,
    /// What that had published, by slice.
    pub slices: BTreeMap<String, Forked>,
    /// What was frozen in it, by source.
    pub sources: BTreeMap<String, Forked>,
    pub created_at: String,
    pub by: String,
    pub pie: String,
}

/// The log of a slice or source up to where an environment began: what comes later is its own.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Forked {
    /// Of the last record's bytes.
    pub blake3: String,
    /// Where its records lie, newest first.
    pub stretches: Vec<Stretch>,
}

/// The records of a log up to a number, as far as the next stretch doesn't reach.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Stretch {
    /// Whose folder they lie in: `main`, or name and number of a later environment, `staging/1`.
    pub place: String,
    pub to: u64,
}

/// Where builds are found again by the key of their rows.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct KeyRecord {
    pub format: u32,
    /// The slice whose folder the build lies in.
    pub slice: String,
    pub build: String,
    pub keys: Keys,
    /// The columns by which the rows are sorted first, by their names in the files.
    pub sort_by: Vec<String>,
}

/// One finished execution of a slice's query. Found again by its keys.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct BuildRecord {
    pub format: u32,
    pub slice: String,
    pub id: String,
    /// What it was made from, over what its query reads.
    pub preimage: KeyPreimage,
    /// One for each way of looking at the query: over what it reads, and written out down to sources.
    pub keys: Vec<Keys>,
    pub sort_by: Vec<String>,
    pub inputs: Vec<InputRecord>,
    /// As they are called in the files.
    pub columns: Vec<ColumnRecord>,
    pub partition_by: Vec<String>,
    pub partitions: Vec<PartitionBuild>,
    pub rows: u64,
    pub bytes: u64,
    /// One digest of all partitions and columns.
    pub content: String,
    pub created_at: String,
    pub elapsed_ms: u64,
    pub pie: String,
}

/// A column as readers see it, and what it is called in the files.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct LabelRecord {
    pub name: String,
    #[serde(rename = "type")]
    pub data_type: String,
    pub nullable: bool,
    pub stored: String,
}

/// One partition of a build: its content and the files that hold it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct PartitionBuild {
    pub values: Vec<Option<String>>,
    pub content: Content,
    pub files: Vec<DataFile>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CommitKind {
    Publish,
    Relabel,
    Hold,
    Release,
    Rollback,
    Drop,
}

impl CommitKind {
    pub fn as_str(self) -> &'static str {
        match self {
            CommitKind::Publish => "publish",
            CommitKind::Relabel => "relabel",
            CommitKind::Hold => "hold",
            CommitKind::Release => "release",
            CommitKind::Rollback => "rollback",
            CommitKind::Drop => "drop",
        }
    }
}

/// One entry of a slice's log: what its readers see from here on.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct CommitRecord {
    pub format: u32,
    pub slice: String,
    pub version: u64,
    /// Unique, so that a writer whose answer was lost knows its own record again.
    pub id: String,
    pub parent: Option<String>,
    pub kind: CommitKind,
    /// The build that is served; `None` after a drop.
    pub build: Option<BuildReference>,
    pub columns: Vec<LabelRecord>,
    /// What it was published for, over what its query reads: of a build that was found, its own may speak of other names.
    pub preimage: Option<KeyPreimage>,
    pub inputs: Vec<InputRecord>,
    /// Inputs that were read at their last good version because a newer one failed or is held.
    pub stale_inputs: Vec<InputRecord>,
    /// What the rows were verified against; `None` after a drop.
    #[serde(default)]
    pub promises: Option<Promises>,
    pub rows: u64,
    pub bytes: u64,
    pub content: String,
    pub created_at: String,
    pub by: String,
    pub reason: Option<String>,
    /// When what it serves was published, where this record only goes on serving it.
    #[serde(default)]
    pub published_at: Option<String>,
    /// When a hold ends by itself; without it by a release only.
    #[serde(default)]
    pub until: Option<String>,
    /// The record of another environment that it was promoted from.
    #[serde(default)]
    pub promoted: Option<Promoted>,
    pub pie: String,
}

/// Which record of another environment said the same before.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Promoted {
    pub environment: String,
    pub version: u64,
    /// Of the record's bytes.
    pub blake3: String,
}

impl CommitRecord {
    /// A record of a slice that serves nothing: what a drop says, and what stands for a log without any whole record.
    pub fn nothing(slice: &RelationName) -> CommitRecord {
        CommitRecord {
            format: FORMAT,
            slice: slice.to_string(),
            version: 0,
            id: String::new(),
            parent: None,
            kind: CommitKind::Drop,
            build: None,
            columns: Vec::new(),
            preimage: None,
            inputs: Vec::new(),
            stale_inputs: Vec::new(),
            promises: None,
            rows: 0,
            bytes: 0,
            content: String::new(),
            created_at: String::new(),
            by: String::new(),
            reason: None,
            published_at: None,
            until: None,
            promoted: None,
            pie: env!("CARGO_PKG_VERSION").to_owned(),
        }
    }

    /// When what it serves was published.
    pub fn published_at(&self) -> &str {
        self.published_at.as_deref().unwrap_or(&self.created_at)
    }
}

impl CommitKind {
    /// Behind a record of this kind nothing is published until somebody says so.
    pub fn holds(self) -> bool {
        matches!(self, CommitKind::Hold | CommitKind::Rollback)
    }
}

/// What rows were verified against.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Promises {
    pub key: Vec<String>,
    /// Columns that are never null.
    pub not_null: Vec<String>,
    pub checks: Vec<PromisedCheck>,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct PromisedCheck {
    pub name: String,
    /// Of the rows that break it.
    pub fingerprint: String,
    /// What it reads besides the slice's own rows, by relation.
    pub inputs: BTreeMap<String, Digests>,
}

impl Promises {
    /// Whether rows that keep these keep the other ones too.
    pub fn cover(&self, other: &Promises) -> bool {
        let same = |check: &PromisedCheck, other: &PromisedCheck| {
            check.fingerprint == other.fingerprint && check.inputs == other.inputs
        };
        (other.key.is_empty() || other.key == self.key)
            && other.not_null.iter().all(|column| self.not_null.contains(column))
            && other.checks.iter().all(|check| self.checks.iter().any(|known| same(known, check)))
    }

    /// Whether they come to the same for any rows: names of checks don't count.
    pub fn are(&self, other: &Promises) -> bool {
        self.cover(other) && other.cover(self)
    }
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct BuildReference {
    /// The slice whose folder it lies in: another one where the slice was renamed.
    pub slice: String,
    pub id: String,
    /// Of the build record's bytes.
    pub blake3: String,
}

/// Why a record's bytes aren't a record.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ReadError {
    /// Written by another version of pie, in this format.
    UnknownFormat(u64),
    Damaged(String),
}

/// What stands between a record's last field and the digest of all before it.
const SEAL: &str = ",\n  \"sealed\": \"";
const SEAL_END: &str = "\"\n}\n";

/// Writes a record; equal records give equal bytes. The last field is a digest of all before it, so that a record that isn't
/// what was written is known by itself.
pub fn write<T: Serialize>(record: &T) -> Vec<u8> {
    let mut bytes = serde_json::to_vec_pretty(record).expect("records hold only strings, numbers and lists");
    // Without the closing brace and the line before it.
    bytes.truncate(bytes.len() - 2);
    let seal = digest(&bytes);
    bytes.extend([SEAL, &seal, SEAL_END].iter().flat_map(|part| part.bytes()));
    bytes
}

/// Reads a record, refusing formats that this version doesn't know, and bytes that aren't as they were written.
pub fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ReadError> {
    #[derive(Deserialize)]
    struct Format {
        format: Option<u64>,
    }
    let damaged = |e: serde_json::Error| ReadError::Damaged(e.to_string());
    match serde_json::from_slice::<Format>(bytes).map_err(damaged)?.format {
        Some(format) if format == u64::from(FORMAT) => {}
        Some(format) => return Err(ReadError::UnknownFormat(format)),
        None => return Err(ReadError::Damaged("the record doesn't say its format".to_owned())),
    }
    if !is_sealed(bytes) {
        return Err(ReadError::Damaged("its digest isn't that of its bytes".to_owned()));
    }
    serde_json::from_slice(bytes).map_err(damaged)
}

fn is_sealed(bytes: &[u8]) -> bool {
    let sealed = || {
        let rest = bytes.strip_suffix(SEAL_END.as_bytes())?;
        let (rest, seal) = rest.split_at_checked(rest.len().checked_sub(64)?)?;
        let body = rest.strip_suffix(SEAL.as_bytes())?;
        Some(digest(body).as_bytes() == seal)
    };
    sealed().unwrap_or(false)
}

impl DataFile {
    /// What its blocks must be.
    pub fn blocks(&self) -> Blocks {
        Blocks::new(self.size, Digested { blake3: self.blake3.clone(), blocks: self.blocks.clone() })
    }
}

impl RawFile {
    /// What its blocks must be.
    pub fn blocks(&self) -> Blocks {
        Blocks::new(self.size, Digested { blake3: self.blake3.clone(), blocks: self.blocks.clone() })
    }
}

/// The digest that chains records and names builds.
pub fn digest(bytes: &[u8]) -> String {
    blake3::hash(bytes).to_hex().to_string()
}

/// One digest of a sequence of texts; each is preceded by its length, so that no two sequences run together.
pub fn digest_all<'a>(parts: impl IntoIterator<Item = &'a str>) -> String {
    let mut hasher = blake3::Hasher::new();
    for part in parts {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part.as_bytes());
    }
    hasher.finalize().to_hex().to_string()
}

impl KeyPreimage {
    /// The keys under which a build of this is found, by the names of its columns.
    pub fn keys(&self) -> Keys {
        let mut parts = vec!["row".to_owned(), self.engine.clone(), self.row.clone()];
        add_inputs(&self.inputs, &mut parts);
        let row = digest_all(parts.iter().map(String::as_str));
        let column = |column: &ColumnPreimage| {
            let mut parts = vec!["column".to_owned(), row.clone(), column.fingerprint.clone()];
            add_inputs(&column.inputs, &mut parts);
            (column.name.clone(), digest_all(parts.iter().map(String::as_str)))
        };
        let columns = self.columns.iter().map(column).collect();
        Keys { row, columns }
    }
}

fn add_inputs(inputs: &BTreeMap<String, Digests>, parts: &mut Vec<String>) {
    for (name, digests) in inputs {
        parts.extend([name.clone(), digests.rows.to_string(), digests.columns.len().to_string()]);
        for (column, digest) in &digests.columns {
            parts.extend([column.clone(), digest.clone()]);
        }
    }
}

impl BuildRecord {
    /// What its rows hold, by the columns' names in the files.
    pub fn digests(&self) -> Digests {
        let parts: Vec<Content> = self.partitions.iter().map(|partition| partition.content.clone()).collect();
        let content = Content::concat(&parts);
        Digests { rows: content.rows, columns: content.columns }
    }
}

impl SourceVersion {
    /// What its rows hold. Without a key partitions and their values count: a digest of a column is one of each partition in
    /// turn.
    pub fn digests(&self) -> Digests {
        self.digests_of(|content| &content.columns)
    }

    /// What its rows hold in their order, as if it had no key; `None` where it has none. Who read it before it got its key, or
    /// after it lost it, read this.
    pub fn ordered_digests(&self) -> Option<Digests> {
        let known = self.partitions.iter().all(|partition| !partition.content.ordered.is_empty());
        (!self.key.is_empty() && known).then(|| self.digests_of(|content| &content.ordered))
    }

    fn digests_of(&self, columns: impl Fn(&Content) -> &BTreeMap<String, String>) -> Digests {
        let named = self.partitions.iter().map(|partition| {
            let values = partition.values.iter().map(|value| value.as_deref().unwrap_or("\u{0}null"));
            let values = digest_all(values);
            let columns = columns(&partition.content).iter();
            let columns = columns.map(|(name, digest)| match KeyedSum::read(digest) {
                Some(_) => (name.clone(), digest.clone()),
                None => (name.clone(), digest_all([values.as_str(), digest.as_str()])),
            });
            Content { rows: partition.content.rows, columns: columns.collect(), ..Content::default() }
        });
        let content = Content::concat(&named.collect::<Vec<_>>());
        Digests { rows: content.rows, columns: content.columns }
    }
}

impl Digests {
    /// Only some columns; one that there isn't counts as missing.
    pub fn only<'a>(&self, columns: impl IntoIterator<Item = &'a String>) -> Digests {
        let digest = |column: &String| self.columns.get(column).cloned().unwrap_or_else(|| "missing".to_owned());
        let columns = columns.into_iter().map(|column| (column.clone(), digest(column))).collect();
        Digests { rows: self.rows, columns }
    }
}

impl Content {
    /// One digest of the rows and all columns.
    pub fn digest(&self) -> String {
        let rows = self.rows.to_string();
        let columns = self.columns.iter().flat_map(|(name, digest)| [name.as_str(), digest.as_str()]);
        digest_all(std::iter::once(rows.as_str()).chain(columns))
    }

    /// The content of stretches that follow one another, or that a key tells apart.
    pub fn concat(parts: &[Content]) -> Content {
        if let [only] = parts {
            return only.clone();
        }
        Content {
            rows: parts.iter().map(|part| part.rows).sum(),
            columns: concat_columns(parts.iter().map(|part| (part.rows, &part.columns))),
            ordered: concat_columns(parts.iter().map(|part| (part.rows, &part.ordered))),
        }
    }
}

fn concat_columns<'a>(parts: impl Iterator<Item = (u64, &'a BTreeMap<String, String>)>) -> BTreeMap<String, String> {
    let mut columns: BTreeMap<&String, Vec<(u64, &String)>> = BTreeMap::new();
    for (rows, part) in parts {
        for (name, digest) in part {
            columns.entry(name).or_default().push((rows, digest));
        }
    }
    let column = |(name, parts): (&String, Vec<(u64, &String)>)| {
        let sums: Option<Vec<KeyedSum>> = parts.iter().map(|(_, digest)| KeyedSum::read(digest)).collect();
        let digest = match sums {
            Some(sums) => sums.iter().fold(KeyedSum::default(), |all, sum| all.plus(sum)).to_string(),
            None => {
                let parts: Vec<String> =
                    parts.iter().flat_map(|(rows, digest)| [rows.to_string(), (*digest).clone()]).collect();
                digest_all(parts.iter().map(String::as_str))
            }
        };
        (name.clone(), digest)
    };
    columns.into_iter().map(column).collect()
}

/// The sum of the hashes of a column's values, each hashed together with the key of its row: a digest of the column that
/// doesn't depend on the order of rows. Sums of several columns, with how many rows there are, say which rows these have
/// together, since each value is tied to its row's key. (After AdHash, Bellare and Micciancio 1997.)
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct KeyedSum([u128; 2]);

impl KeyedSum {
    /// Adds the hash of a key and a value.
    pub fn add(&mut self, hash: &[u8; 32]) {
        let half = |start: usize| u128::from_le_bytes(std::array::from_fn(|index| hash[start + index]));
        self.0 = [self.0[0].wrapping_add(half(0)), self.0[1].wrapping_add(half(16))];
    }

    pub fn plus(&self, other: &KeyedSum) -> KeyedSum {
        KeyedSum([self.0[0].wrapping_add(other.0[0]), self.0[1].wrapping_add(other.0[1])])
    }

    /// Reads what `to_string` writes; `None` for a digest of another kind.
    pub fn read(text: &str) -> Option<KeyedSum> {
        let digits = text.strip_prefix('+').filter(|digits| digits.len() == 64 && digits.is_ascii())?;
        let half = |digits: &str| u128::from_str_radix(digits, 16).ok();
        Some(KeyedSum([half(&digits[..32])?, half(&digits[32..])?]))
    }
}

impl std::fmt::Display for KeyedSum {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "+{:032x}{:032x}", self.0[0], self.0[1])
    }
}

/// One digest of a list of partitions.
pub fn partitions_digest<'a>(partitions: impl IntoIterator<Item = (&'a [Option<String>], &'a Content)>) -> String {
    let mut parts: Vec<String> = Vec::new();
    for (values, content) in partitions {
        parts.push(values.len().to_string());
        parts.extend(values.iter().map(|value| value.as_ref().map_or("n".to_owned(), |value| format!("v{value}"))));
        parts.push(content.digest());
    }
    digest_all(parts.iter().map(String::as_str))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_formats_are_refused() {
        let record = br#"{"format": 1, "rows": 1}"#;
        assert_eq!(read::<BuildRecord>(record).err(), Some(ReadError::UnknownFormat(1)));
        assert!(matches!(read::<BuildRecord>(b"{}"), Err(ReadError::Damaged(_))));
        assert!(matches!(read::<BuildRecord>(b"{\"format\":1"), Err(ReadError::Damaged(_))));
    }

    #[test]
    fn every_flipped_byte_of_a_record_is_noticed() {
        #[derive(Serialize, Deserialize, PartialEq, Debug)]
        struct Record {
            format: u32,
            rows: u64,
            #[serde(default)]
            name: String,
        }
        let record = Record { format: FORMAT, rows: 17, name: "größer".to_owned() };
        let bytes = write(&record);
        assert_eq!(read::<Record>(&bytes), Ok(record));
        for at in 0..bytes.len() {
            for bit in 0..8 {
                let mut flipped = bytes.clone();
                flipped[at] ^= 1 << bit;
                assert!(read::<Record>(&flipped).is_err(), "bit {bit} of byte {at}");
            }
            assert!(read::<Record>(&bytes[..at]).is_err(), "cut at {at}");
        }
        assert!(read::<Record>(&[bytes.as_slice(), b"\n"].concat()).is_err());
    }

    #[test]
    fn sequences_of_texts_never_run_together() {
        assert_ne!(digest_all(["ab", "c"]), digest_all(["a", "bc"]));
        assert_ne!(digest_all(["", "a"]), digest_all(["a", ""]));
    }

    fn digests(column: &str, digest: &str) -> BTreeMap<String, Digests> {
        let columns = BTreeMap::from([(column.to_owned(), digest.to_owned())]);
        BTreeMap::from([("a.b".to_owned(), Digests { rows: 1, columns })])
    }

    #[test]
    fn every_part_of_a_preimage_reaches_the_keys() {
        let column = ColumnPreimage { name: "c".to_owned(), fingerprint: "f".to_owned(), inputs: digests("x", "1") };
        let base = KeyPreimage {
            engine: "e".to_owned(),
            row: "r".to_owned(),
            inputs: digests("x", "1"),
            columns: vec![column.clone()],
        };
        let rows = [
            KeyPreimage { engine: "x".to_owned(), ..base.clone() },
            KeyPreimage { row: "x".to_owned(), ..base.clone() },
            KeyPreimage { inputs: digests("x", "2"), ..base.clone() },
            KeyPreimage { inputs: digests("y", "1"), ..base.clone() },
            KeyPreimage { inputs: BTreeMap::new(), ..base.clone() },
        ];
        for other in &rows {
            assert_ne!(other.keys().row, base.keys().row, "{other:?}");
            assert_ne!(other.keys().columns["c"], base.keys().columns["c"], "{other:?}");
        }
        let columns = [
            ColumnPreimage { fingerprint: "x".to_owned(), ..column.clone() },
            ColumnPreimage { inputs: digests("x", "2"), ..column.clone() },
            ColumnPreimage { inputs: BTreeMap::new(), ..column.clone() },
        ];
        for other in columns {
            let other = KeyPreimage { columns: vec![other], ..base.clone() };
            assert_eq!(other.keys().row, base.keys().row);
            assert_ne!(other.keys().columns["c"], base.keys().columns["c"], "{other:?}");
        }
        let renamed = KeyPreimage { columns: vec![ColumnPreimage { name: "d".to_owned(), ..column }], ..base.clone() };
        assert_eq!(renamed.keys().columns["d"], base.keys().columns["c"], "a name is no meaning");
    }
}
