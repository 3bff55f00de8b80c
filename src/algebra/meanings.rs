//! The meanings of a project's slices: each is worked out when somebody asks for it, or looked up where it is known from an
//! earlier run.

use super::convert::{Converter, Input};
use super::facts::Facts;
use super::node::{Arena, Digest, Row, Term};
use super::plant;
use super::space::Finished;
use super::{CheckMeaning, Meaning, Reads, Seen};
use crate::memo::{self, Key, Memo};
use crate::name::RelationName;
use crate::parallel;
use crate::semantic::{SemanticModel, Slice};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// More nodes than this and a slice isn't taken apart by its readers: [`Row::Cut`]. It bounds what has to be looked at below
/// a slice that is modelled over sources, however deep it stands.
const MAX_NODES: usize = 1_024;

/// The meanings of the slices of a project.
#[derive(Debug)]
pub struct Meanings {
    model: Arc<SemanticModel>,
    memo: Memo,
    facts: Facts,
    cells: HashMap<RelationName, Cell>,
    written: Mutex<Written>,
}

#[derive(Default, Debug)]
struct Cell {
    inputs: OnceLock<Option<Meaning>>,
    rewritten: OnceLock<Option<Meaning>>,
    checks: OnceLock<Vec<CheckMeaning>>,
    sources: OnceLock<Option<OverSources>>,
}

/// A slice written out down to sources.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct OverSources {
    meaning: Meaning,
    /// Its readers don't take it apart.
    cut: bool,
    /// A digest of all declarations that it follows from, down to the sources; `None` where one has none.
    chain: Option<Key>,
}

/// Slices as rows and terms over sources, as far as they were needed.
#[derive(Default, Debug)]
struct Written {
    arena: Arena,
    slices: HashMap<RelationName, Input>,
}

/// All meanings of a project at once, for those who compare them.
#[derive(Clone, Debug)]
pub struct AllMeanings {
    pub inputs: BTreeMap<RelationName, Meaning>,
    pub sources: BTreeMap<RelationName, Meaning>,
}

/// Models every slice of a project that has a plan. Linear in the sizes of the plans, with slices written out up to a
/// bounded size.
pub fn meanings(model: &Arc<SemanticModel>) -> AllMeanings {
    let meanings = Meanings::new(Arc::clone(model), Memo::none());
    let all = |of: &dyn Fn(&RelationName) -> Option<Meaning>| {
        model.slices.keys().filter_map(|name| Some((name.clone(), of(name)?))).collect()
    };
    AllMeanings {
        inputs: all(&|name| meanings.inputs(name).cloned()),
        sources: all(&|name| meanings.sources(name).cloned()),
    }
}

impl Meanings {
    pub fn new(model: Arc<SemanticModel>, memo: Memo) -> Meanings {
        let facts = super::facts_of(&model);
        let cells = model.slices.keys().map(|name| (name.clone(), Cell::default())).collect();
        Meanings { model, memo, facts, cells, written: Mutex::default() }
    }

    /// Over what a slice reads; `None` without a plan.
    pub fn inputs(&self, name: &RelationName) -> Option<&Meaning> {
        let (cell, slice) = (self.cells.get(name)?, self.model.slices.get(name)?);
        cell.inputs.get_or_init(|| self.find_inputs(slice)).as_ref()
    }

    /// Finds what the given slices mean over what they read, on all cores.
    pub fn find_all(&self, slices: Vec<&RelationName>) {
        let fault = plant::current();
        parallel::map(slices, |name| plant::under(fault, || self.inputs(name).is_some()));
    }

    fn find_inputs(&self, slice: &Slice) -> Option<Meaning> {
        let key = slice.identity.map(|identity| memo::key("meaning", [&identity[..]]));
        if let Some(known) = key.and_then(|key| self.memo.archive().get(&key)) {
            return Some(known);
        }
        let plan = slice.plan.get()?;
        let mut arena = Arena::default();
        let inputs = |arena: &mut Arena, name: &RelationName| super::scan(arena, &self.model, name);
        let finished = Converter::new(&mut arena, &self.facts, &inputs).query(plan);
        let (finished, opaque) = match finished {
            Ok(finished) => (finished, None),
            Err(cause) => (super::whole(&mut arena, &self.model, slice, &inputs), Some(cause.0)),
        };
        let meaning = super::meaning(&mut arena, &self.facts, slice, &finished, opaque);
        if let Some(key) = key {
            self.memo.archive().put(key, &meaning);
        }
        Some(meaning)
    }

    /// As [`super::rewritten`].
    pub fn rewritten(&self, name: &RelationName) -> Option<&Meaning> {
        let (cell, slice) = (self.cells.get(name)?, self.model.slices.get(name)?);
        let find = || {
            let key = slice.identity.map(|identity| memo::key("rewritten", [&identity[..]]));
            if let Some(known) = key.and_then(|key| self.memo.archive().get(&key)) {
                return known;
            }
            let meaning = super::rewritten(&self.model, slice);
            if let Some(key) = key {
                self.memo.archive().put(key, &meaning);
            }
            meaning
        };
        cell.rewritten.get_or_init(find).as_ref()
    }

    /// What each check of a slice looks for, in their order.
    pub fn checks(&self, name: &RelationName) -> &[CheckMeaning] {
        let (Some(cell), Some(slice)) = (self.cells.get(name), self.model.slices.get(name)) else { return &[] };
        if slice.checks.is_empty() {
            return &[];
        }
        cell.checks.get_or_init(|| {
            let key = slice.identity.map(|identity| memo::key("checks", [&identity[..]]));
            if let Some(known) = key.and_then(|key| self.memo.archive().get(&key)) {
                return known;
            }
            let of = |check| super::check_meaning(&self.model, &self.facts, check);
            let checks: Vec<CheckMeaning> = slice.checks.iter().map(of).collect();
            if let Some(key) = key {
                self.memo.archive().put(key, &checks);
            }
            checks
        })
    }

    /// Written out down to sources; `None` where a slice in error is in the way.
    pub fn sources(&self, name: &RelationName) -> Option<&Meaning> {
        self.fill(name);
        Some(&self.cells.get(name)?.sources.get()?.as_ref()?.meaning)
    }

    /// Fills the cells of a slice and of what it reads. Slices may stand deep: no recursion.
    fn fill(&self, name: &RelationName) {
        let mut stack = vec![(name.clone(), false)];
        while let Some((name, ready)) = stack.pop() {
            let (Some(cell), Some(slice)) = (self.cells.get(&name), self.model.slices.get(&name)) else { continue };
            if cell.sources.get().is_some() {
                continue;
            }
            let sources = match self.inputs(&name) {
                Some(meaning) if !ready => {
                    stack.push((name, true));
                    stack.extend(self.slices_of(&meaning.reads()).map(|read| (read, false)));
                    continue;
                }
                Some(meaning) => self.over_sources(slice, meaning),
                None => None,
            };
            let _ = cell.sources.set(sources);
        }
    }

    fn slices_of(&self, reads: &Reads) -> impl Iterator<Item = RelationName> {
        let slices: Vec<RelationName> = reads.keys().filter(|read| self.cells.contains_key(*read)).cloned().collect();
        slices.into_iter()
    }

    /// The slice over sources. What it reads is filled in already.
    fn over_sources(&self, slice: &Slice, meaning: &Meaning) -> Option<OverSources> {
        // All declarations from here down to the sources: a key of one of these decides what a query far above means, though
        // no digest of what is in between shows it.
        let mut chain = slice.identity.map(|identity| vec![identity]);
        for read in meaning.reads().keys() {
            let Some(cell) = self.cells.get(read) else { continue };
            let below = cell.sources.get()?.as_ref()?.chain;
            chain = chain.zip(below).map(|(mut chain, below)| {
                chain.push(below);
                chain
            });
        }
        let chain = chain.map(|chain| memo::key("sources", chain.iter().map(<Key>::as_slice)));
        if let Some(known) = chain.and_then(|key| self.memo.archive().get::<OverSources>(&key)) {
            return Some(known);
        }
        let (meaning, cut) = self.write_out(slice)?;
        if !meaning.reads().keys().all(|relation| self.model.sources.contains_key(relation)) {
            return None;
        }
        let sources = OverSources { meaning, cut, chain };
        if let Some(key) = chain {
            self.memo.archive().put(key, &sources);
        }
        Some(sources)
    }

    /// Models a slice over sources, and what it reads as far as that is taken apart.
    fn write_out(&self, slice: &Slice) -> Option<(Meaning, bool)> {
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        let mut stack = vec![(slice.name.clone(), false)];
        let mut result = None;
        while let Some((name, ready)) = stack.pop() {
            if written.slices.contains_key(&name) && name != slice.name {
                continue;
            }
            let slice_here = self.model.slices.get(&name)?;
            let known = self.cells.get(&name).and_then(|cell| cell.sources.get()).and_then(Option::as_ref);
            if let Some(known) = known.filter(|known| known.cut && name != slice.name) {
                let input = cut(&mut written.arena, slice_here, &known.meaning);
                written.slices.insert(name, input);
                continue;
            }
            if !ready {
                let reads = self.inputs(&name)?.reads();
                stack.push((name, true));
                stack.extend(self.slices_of(&reads).map(|read| (read, false)));
                continue;
            }
            result = Some(self.convert(&mut written, slice_here)?);
        }
        result
    }

    fn convert(&self, written: &mut Written, slice: &Slice) -> Option<(Meaning, bool)> {
        let plan = slice.plan.get()?;
        let Written { arena, slices } = written;
        let sources = |arena: &mut Arena, name: &RelationName| {
            slices.get(name).cloned().or_else(|| super::scan(arena, &self.model, name))
        };
        let finished = Converter::new(arena, &self.facts, &sources).query(plan);
        let (finished, opaque) = match finished {
            Ok(finished) => (finished, None),
            Err(cause) => (super::whole(arena, &self.model, slice, &sources), Some(cause.0)),
        };
        let meaning = super::meaning(arena, &self.facts, slice, &finished, opaque);
        let is_cut = nodes(arena, &finished) > MAX_NODES;
        let input = if is_cut {
            cut(arena, slice, &meaning)
        } else {
            let names = slice.columns.iter().map(|column| column.name.clone());
            Input { row: finished.row, columns: names.zip(finished.columns.iter().copied()).collect() }
        };
        slices.insert(slice.name.clone(), input);
        Some((meaning, is_cut))
    }
}

/// A slice by the digests of its rows and columns alone.
fn cut(arena: &mut Arena, slice: &Slice, meaning: &Meaning) -> Input {
    let row = Row::Cut { of: digest(&meaning.row), reads: Box::new(meaning.row_reads.clone()) };
    let row = arena.add_row(row);
    let columns = slice.columns.iter().zip(&meaning.columns).map(|(column, meaning)| {
        let term = Term::Cut { of: digest(&meaning.fingerprint), reads: Box::new(meaning.reads.clone()) };
        (column.name.clone(), arena.add_term(term))
    });
    Input { row, columns: columns.collect() }
}

/// A digest as [`super::hex`] writes it.
fn digest(hex: &str) -> Digest {
    *blake3::Hash::from_hex(hex).expect("fingerprints are digests in hex").as_bytes()
}

/// How many nodes a relation is made of, up to a little more than [`MAX_NODES`].
fn nodes(arena: &Arena, finished: &Finished) -> usize {
    let mut seen = Seen::default();
    let mut none = Reads::new();
    for term in &finished.columns {
        super::term_reads_of(arena, *term, &mut none, &mut seen);
        if seen.terms.len() > MAX_NODES {
            break;
        }
    }
    seen.terms.len()
}
