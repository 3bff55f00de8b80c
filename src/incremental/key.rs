//! Keys of builds and of verifications.

use crate::manifest::{CommitRecord, KeyPreimage, SourceVersion, digest_all};
use crate::name::RelationName;
use crate::resolve::Read;
use crate::semantic::{Column, SemanticModel, Slice, Source};
use crate::sql::ENGINE_VERSION;
use std::collections::{BTreeMap, BTreeSet};

/// What a reader's key takes of an input: content and schema.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct InputContent {
    pub digest: String,
    pub bytes: u64,
}

impl InputContent {
    pub fn new(content: &str, schema: &str, bytes: u64) -> InputContent {
        InputContent { digest: digest_all([content, schema]), bytes }
    }

    pub fn of_source(version: &SourceVersion) -> InputContent {
        let columns = version.columns.iter().flat_map(|column| {
            [column.name.as_str(), column.data_type.as_str(), if column.nullable { "null" } else { "not null" }]
        });
        InputContent::new(&version.content, &digest_all(columns), version.bytes)
    }

    pub fn of_commit(commit: &CommitRecord, columns: &[Column]) -> InputContent {
        InputContent::new(&commit.content, &schema_digest(columns), commit.bytes)
    }
}

/// Everything that decides what the slice's rows are.
pub fn preimage(model: &SemanticModel, slice: &Slice, inputs: &BTreeMap<RelationName, InputContent>) -> KeyPreimage {
    let mut parts = vec![slice.normalized.clone()];
    meaning(model, &slice.reads, &mut parts, &mut BTreeSet::new());
    KeyPreimage {
        engine: ENGINE_VERSION.to_owned(),
        query: digest_all(parts.iter().map(String::as_str)),
        layout: slice.sort_by.join(", "),
        schema: schema_digest(&slice.columns),
        inputs: inputs.iter().map(|(name, content)| (name.to_string(), content.digest.clone())).collect(),
    }
}

/// Adds what each name of a query stands for, and the text of the virtual slices among them, however deep.
fn meaning(model: &SemanticModel, reads: &[Read], parts: &mut Vec<String>, seen: &mut BTreeSet<RelationName>) {
    let names: BTreeMap<&str, &RelationName> = reads.iter().map(|read| (read.key.as_str(), &read.of)).collect();
    for (key, of) in names {
        parts.push(format!("{key} = {of}"));
        let Some(slice) = model.slices.get(of).filter(|slice| slice.is_virtual) else { continue };
        if seen.insert(of.clone()) {
            parts.push(format!("{of}: {}", slice.normalized));
            meaning(model, &slice.reads, parts, seen);
        }
    }
}

/// A digest of names, types and nullability, in order.
pub fn schema_digest(columns: &[Column]) -> String {
    let types: Vec<String> = columns.iter().map(|column| column.data_type.to_string()).collect();
    let parts = columns.iter().zip(&types).flat_map(|(column, data_type)| {
        [column.name.as_str(), data_type.as_str(), if column.nullable { "null" } else { "not null" }]
    });
    digest_all(parts)
}

/// What the rows must be verified against: key, not-null, checks with the content that they read.
pub fn verified_digest(
    model: &SemanticModel,
    slice: &Slice,
    check_inputs: &BTreeMap<RelationName, InputContent>,
) -> String {
    let mut parts = vec!["key".to_owned()];
    parts.extend(slice.key.iter().cloned());
    parts.push("not null".to_owned());
    parts.extend(slice.columns.iter().filter(|column| !column.nullable).map(|column| column.name.clone()));
    for check in &slice.checks {
        parts.push(format!("check {}", check.name));
        parts.push(check.normalized.clone());
        meaning(model, &check.reads, &mut parts, &mut BTreeSet::new());
        for input in model.stored_inputs(&check.reads) {
            if let Some(content) = check_inputs.get(&input) {
                parts.push(format!("{input} {}", content.digest));
            }
        }
    }
    digest_all(parts.iter().map(String::as_str))
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
