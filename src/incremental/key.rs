//! Keys of builds and of verifications.

use crate::algebra::{CheckMeaning, Meaning, Meanings, Reads};
use crate::manifest::{
    BuildRecord, ColumnPreimage, Digests, KeyPreimage, KeyRecord, Keys, LabelRecord, PromisedCheck, Promises,
    SourceVersion,
};
use crate::name::RelationName;
use crate::semantic::{Check, Column, Slice, Source};
use crate::sql::ENGINE_VERSION;
use std::collections::{BTreeMap, BTreeSet};

/// What readers of a relation know of its rows.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct InputContent {
    /// By the names that readers use.
    pub digests: Digests,
    /// Of a source with a key, what it would be without: see [`SourceVersion::ordered_digests`].
    pub ordered: Option<Digests>,
    pub bytes: u64,
}

impl InputContent {
    pub fn of_source(version: &SourceVersion) -> InputContent {
        InputContent { digests: version.digests(), ordered: version.ordered_digests(), bytes: version.bytes }
    }

    /// What the rows hold in their order.
    pub fn in_order(&self) -> &Digests {
        self.ordered.as_ref().unwrap_or(&self.digests)
    }

    /// A build under the names that its readers see.
    pub fn of_build(build: &BuildRecord, labels: &[LabelRecord]) -> InputContent {
        let stored = build.digests();
        let label = |label: &LabelRecord| Some((label.name.clone(), stored.columns.get(&label.stored)?.clone()));
        let digests = Digests { rows: stored.rows, columns: labels.iter().filter_map(label).collect() };
        InputContent { digests, ordered: None, bytes: build.bytes }
    }
}

/// What is known of some columns of a relation; `None` where something isn't.
pub type ContentOf<'a> = dyn Fn(&RelationName, &BTreeSet<String>) -> Option<Digests> + 'a;

/// What a slice is built from: its meaning, and the content of exactly the columns that it reads. `None` where the content
/// of something that it reads isn't known.
pub fn preimage(slice: &Slice, meaning: &Meaning, content: &ContentOf<'_>) -> Option<KeyPreimage> {
    known_preimage(slice, meaning, content).filter(|preimage| preimage.columns.len() == meaning.columns.len())
}

/// As [`preimage`], without the columns for which something isn't known. `None` where it isn't known which rows there are.
pub fn known_preimage(slice: &Slice, meaning: &Meaning, content: &ContentOf<'_>) -> Option<KeyPreimage> {
    let of = |reads: &Reads| -> Option<BTreeMap<String, Digests>> {
        reads.iter().map(|(relation, columns)| Some((relation.to_string(), content(relation, columns)?))).collect()
    };
    let column = |(column, meaning): (&Column, &crate::algebra::ColumnMeaning)| {
        Some(ColumnPreimage {
            name: column.name.clone(),
            fingerprint: meaning.fingerprint.clone(),
            inputs: of(&meaning.reads)?,
        })
    };
    Some(KeyPreimage {
        engine: ENGINE_VERSION.to_owned(),
        row: meaning.row.clone(),
        inputs: of(&meaning.row_reads)?,
        columns: slice.columns.iter().zip(&meaning.columns).filter_map(column).collect(),
    })
}

/// The columns that a build holds under some keys already, with what they hold: building them anew would give the same
/// rows.
pub fn unchanged(wanted: &Keys, build: &BuildRecord) -> Option<Digests> {
    let stored = build.keys.iter().find(|stored| stored.row == wanted.row)?;
    let content = build.digests();
    let column = |(name, key): (&String, &String)| {
        let same = stored.columns.iter().find(|(_, other)| *other == key)?.0;
        Some((name.clone(), content.columns.get(same)?.clone()))
    };
    Some(Digests { rows: content.rows, columns: wanted.columns.iter().filter_map(column).collect() })
}

/// Where a slice's columns are in a build that has some keys: for each column its name in the files, in the slice's order.
/// `None` where a column is missing or the rows are sorted otherwise. One column may have several keys over the same rows,
/// under names that say the same.
pub fn fit<'a>(
    slice: &Slice,
    wanted: &Keys,
    stored: impl IntoIterator<Item = &'a Keys>,
    sort_by: &[String],
) -> Option<Vec<LabelRecord>> {
    let of_row = stored.into_iter().filter(|stored| stored.row == wanted.row);
    let stored: Vec<(&String, &String)> = of_row.flat_map(|stored| &stored.columns).collect();
    let label = |column: &Column| {
        let key = wanted.columns.get(&column.name)?;
        let holds = |(_, other): &&(&String, &String)| *other == key;
        // Its own name first: a build may hold a column twice.
        let own = stored.iter().filter(holds).find(|(name, _)| **name == column.name);
        let (stored, _) = own.or_else(|| stored.iter().find(holds))?;
        Some(LabelRecord {
            name: column.name.clone(),
            data_type: column.data_type.to_string(),
            nullable: column.nullable,
            stored: (*stored).clone(),
        })
    };
    let labels = slice.columns.iter().map(label).collect::<Option<Vec<_>>>()?;
    let sorted = |name: &String| labels.iter().find(|label| &label.name == name).map(|label| &label.stored);
    let by: Vec<&String> = slice.sort_by.iter().filter_map(sorted).collect();
    // Other names of one column are told apart by their keys.
    let has = |name: &String, key: &String| stored.iter().any(|(other, has)| *other == name && *has == key);
    let same = |a: &String, b: &String| a == b || stored.iter().any(|(name, key)| *name == a && has(b, key));
    let same_order = by.len() == sort_by.len() && by.iter().zip(sort_by).all(|(a, b)| same(a, b));
    same_order.then_some(labels)
}

/// Whether two labellings of a build show the same: a build may hold one column twice, and it says nothing which of the two
/// is shown.
pub fn show_the_same(build: &BuildRecord, one: &[LabelRecord], other: &[LabelRecord]) -> bool {
    let twice = |a: &str, b: &str| {
        build.keys.iter().any(|keys| keys.columns.get(a).is_some_and(|key| keys.columns.get(b) == Some(key)))
    };
    let alike = |a: &LabelRecord, b: &LabelRecord| {
        let same = (&a.name, &a.data_type, a.nullable) == (&b.name, &b.data_type, b.nullable);
        same && (a.stored == b.stored || twice(&a.stored, &b.stored))
    };
    one.len() == other.len() && one.iter().zip(other).all(|(a, b)| alike(a, b))
}

/// The keys that a build has under another way of looking at it: `labels` say which of its columns they are about. Several
/// where one column of the build is shown more than once.
pub fn keys_of_labels(wanted: &Keys, labels: &[LabelRecord]) -> Vec<Keys> {
    let mut all: Vec<Keys> = Vec::new();
    for label in labels {
        let Some(key) = wanted.columns.get(&label.name) else { continue };
        let free = |keys: &&mut Keys| keys.columns.get(&label.stored).is_none_or(|other| other == key);
        match all.iter_mut().find(free) {
            Some(keys) => {
                keys.columns.insert(label.stored.clone(), key.clone());
            }
            None => {
                let columns = BTreeMap::from([(label.stored.clone(), key.clone())]);
                all.push(Keys { row: wanted.row.clone(), columns });
            }
        }
    }
    if all.is_empty() {
        all.push(Keys { row: wanted.row.clone(), columns: BTreeMap::new() });
    }
    all
}

/// What makes a build findable under such keys.
pub fn key_records(wanted: &Keys, labels: &[LabelRecord], build: &BuildRecord) -> Vec<KeyRecord> {
    let record = |keys: Keys| KeyRecord {
        format: crate::manifest::FORMAT,
        slice: build.slice.clone(),
        build: build.id.clone(),
        keys,
        sort_by: build.sort_by.clone(),
    };
    keys_of_labels(wanted, labels).into_iter().map(record).collect()
}

/// What the rows must be verified against: key, not-null, checks with the content that they read. `None` where the content
/// of something that a check reads isn't known. The slice's own rows are what is verified.
pub fn promises(meanings: &Meanings, slice: &Slice, content: &ContentOf<'_>) -> Option<Promises> {
    let check = |(check, meaning): (&Check, &CheckMeaning)| {
        let others = meaning.reads.iter().filter(|(relation, _)| *relation != &slice.name);
        let inputs = others.map(|(relation, columns)| Some((relation.to_string(), content(relation, columns)?)));
        let (name, fingerprint) = (check.name.clone(), meaning.fingerprint.clone());
        Some(PromisedCheck { name, fingerprint, inputs: inputs.collect::<Option<_>>()? })
    };
    let never_null = slice.columns.iter().filter(|column| !column.nullable);
    let checks = slice.checks.iter().zip(meanings.checks(&slice.name));
    Some(Promises {
        key: slice.key.clone(),
        not_null: never_null.map(|column| column.name.clone()).collect(),
        checks: checks.map(check).collect::<Option<_>>()?,
    })
}

/// Whether a frozen version was verified against the declaration as it stands.
pub fn matches_declaration(source: &Source, version: &SourceVersion) -> bool {
    let columns = version.columns.len() == source.columns.len()
        && version.columns.iter().zip(&source.columns).all(|(record, column)| {
            record.name == column.name
                && record.data_type == column.data_type.to_string()
                && record.nullable == column.nullable
        });
    let format = source.format.as_ref().map(|format| format.describe()).unwrap_or_default();
    let from = source.from.as_ref().map(|from| from.text.as_str()).unwrap_or_default();
    columns
        && version.from == from
        && version.key == source.key
        && version.partition_by == source.partition_by
        && version.file_format == format
}

/// Whether a commit shows its readers the columns that the slice declares.
pub fn shows(labels: &[LabelRecord], columns: &[Column]) -> bool {
    labels.len() == columns.len()
        && labels.iter().zip(columns).all(|(label, column)| {
            label.name == column.name
                && label.data_type == column.data_type.to_string()
                && label.nullable == column.nullable
        })
}
