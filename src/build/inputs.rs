//! What a build reads: each input pinned at one version, as a table of files.

use super::BuildError;
use crate::exec::{FileSet, Tables, files_table};
use crate::incremental::InputContent;
use crate::manifest::{Digests, InputRecord};
use crate::name::RelationName;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// One pinned input.
#[derive(Clone, Debug)]
pub struct Input {
    pub record: InputRecord,
    pub content: InputContent,
    pub files: FileSet,
    /// Read at its last good version because a newer one failed.
    pub stale: bool,
    /// Itself or something that it was built from isn't what the sources as they are would give.
    pub behind: bool,
    /// Raw files that are read in place, to be looked at once more before they are.
    pub raw: Vec<crate::manifest::RawFile>,
}

/// The pinned inputs of a build, or why one has nothing to read.
#[derive(Clone, Default, Debug)]
pub struct Inputs {
    pub sources: Arc<BTreeMap<RelationName, Input>>,
    pub slices: BTreeMap<RelationName, Input>,
    pub missing: BTreeMap<RelationName, String>,
}

impl Inputs {
    /// What one slice needs: the sources, by whose content it may be found, and of the slices those given.
    pub fn only(&self, names: &[RelationName]) -> Inputs {
        let slices = names.iter().filter_map(|name| Some((name.clone(), self.slices.get(name)?.clone())));
        let missing = names.iter().filter_map(|name| Some((name.clone(), self.missing.get(name)?.clone())));
        Inputs { sources: Arc::clone(&self.sources), slices: slices.collect(), missing: missing.collect() }
    }

    pub fn get(&self, name: &RelationName) -> Option<&Input> {
        self.slices.get(name).or_else(|| self.sources.get(name))
    }

    /// The given relations as tables; an error names those that have nothing to read.
    pub fn tables(&self, names: &[RelationName]) -> Result<Tables, BuildError> {
        let lack = |name: &&RelationName| self.get(name).is_none();
        let missing: Vec<(RelationName, String)> = names
            .iter()
            .filter(lack)
            .map(|name| (name.clone(), self.missing.get(name).cloned().unwrap_or_else(|| "was never built".to_owned())))
            .collect();
        if !missing.is_empty() {
            return Err(BuildError::InputMissing { inputs: missing });
        }
        let table = |name: &RelationName| Some((name.clone(), files_table(self.get(name)?.files.clone())));
        Ok(names.iter().filter_map(table).collect())
    }

    /// What some columns of a relation hold.
    pub fn digests(&self, name: &RelationName, columns: &BTreeSet<String>) -> Option<Digests> {
        self.get(name).map(|input| input.content.digests.only(columns))
    }

    /// The same, of a source with a key as if it had none.
    pub fn ordered_digests(&self, name: &RelationName, columns: &BTreeSet<String>) -> Option<Digests> {
        self.get(name).map(|input| input.content.in_order().only(columns))
    }

    /// Whether any of these is a source with a key.
    pub fn keyed(&self, names: &[RelationName]) -> bool {
        names.iter().any(|name| self.get(name).is_some_and(|input| input.content.ordered.is_some()))
    }

    pub fn records(&self, names: &[RelationName]) -> Vec<InputRecord> {
        names.iter().filter_map(|name| Some(self.get(name)?.record.clone())).collect()
    }

    pub fn stale_records(&self, names: &[RelationName]) -> Vec<InputRecord> {
        let stale = names.iter().filter_map(|name| self.get(name)).filter(|input| input.stale);
        stale.map(|input| input.record.clone()).collect()
    }

    /// Whether any of these isn't what the sources as they are would give.
    pub fn behind(&self, names: &[RelationName]) -> bool {
        names.iter().any(|name| self.get(name).is_none_or(|input| input.behind))
    }

    pub fn rows(&self, names: &[RelationName]) -> u64 {
        names.iter().filter_map(|name| self.get(name)).map(|input| input.files.rows).sum()
    }
}
