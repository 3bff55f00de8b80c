//! Declarations in dependency order → the typed model of a project: columns and types of every source and slice, plans
//! of every query, contracts, keys, partition columns.
//!
//! Types come from declared source schemas alone; no data is needed. A declaration in error still has columns where they
//! are known, so that its readers are checked too, and errors that only follow from it stay silent.

mod contract;
mod format;
mod model;
mod remembered;
mod slice;
mod source;
mod template;
mod unused;

pub use format::FileFormat;
pub use model::{Check, Column, Domain, SemanticModel, Slice, Source, Test, domain_of, schema_of, test_of};
pub use template::{Captured, PathTemplate, Segment};
pub use unused::unused;

use crate::diagnostic::Diagnostic;
use crate::graph::{self, DependencyGraph};
use crate::memo::{Key, Memo};
use crate::name::RelationName;
use crate::parallel;
use crate::resolve::{Declarations, RelationDeclaration};
use crate::sql::Relation;
use crate::text::SourceMap;
use std::collections::{BTreeMap, BTreeSet};

/// What readers need to know of a relation while the model is being made.
struct Known {
    relation: Option<Relation>,
    /// Names of columns whose definition is in error.
    poisoned: BTreeSet<String>,
    /// How many scans a reader's plan takes in with it: 1, or those of a virtual slice's plan.
    scans: u64,
    /// A digest of the above; `None` where something is in error.
    identity: Option<Key>,
}

impl Known {
    /// Whether readers see the same. Where a virtual slice is in it that has no identity, nothing says so.
    fn is_seen_as(&self, other: &Known) -> bool {
        let same = self.scans == other.scans && self.poisoned == other.poisoned;
        match (&self.relation, &other.relation) {
            (None, None) => same,
            (Some(_), Some(_)) if self.identity.is_some() && other.identity.is_some() => {
                same && self.identity == other.identity
            }
            (Some(one), Some(two)) => {
                let no_view = one.view.is_none() && two.view.is_none() && self.identity == other.identity;
                same && no_view && one.name == two.name && one.schema == two.schema && one.key == two.key
            }
            _ => false,
        }
    }
}

/// What readers need to know of each relation, kept so that a project can be typed again in part.
#[derive(Default)]
pub struct Knowledge(BTreeMap<RelationName, Known>);

/// Virtual slices are copied into their readers, so a few that read each other twice would grow without bound.
const MAX_SCANS: u64 = 1_000;

/// A typed project, what was found in it, and what is needed to type parts of it again.
pub struct Analysis {
    pub model: SemanticModel,
    pub knowledge: Knowledge,
    /// What is wrong with single relations, where something is.
    pub of: BTreeMap<RelationName, Vec<Diagnostic>>,
    pub cycles: Vec<Diagnostic>,
    pub unused: Vec<Diagnostic>,
}

impl Analysis {
    /// Everything that was found.
    pub fn diagnostics(&self) -> impl Iterator<Item = &Diagnostic> {
        self.cycles.iter().chain(self.of.values().flatten()).chain(&self.unused)
    }
}

/// What becomes of the plans that were made to find out what queries say.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Plans {
    /// They are kept for those who run or model them.
    Kept,
    /// They are let go, and made once more for those who ask: all plans of a large project are most of the memory of its check.
    Remade,
}

/// Types a project. The work is one planning of each query that `memo` doesn't know.
pub fn analyze(declarations: Declarations, sources: &SourceMap, memo: &Memo, plans: Plans) -> Analysis {
    let (graph, cycles) = graph::build(&declarations);
    let mut known: BTreeMap<RelationName, Known> = BTreeMap::new();
    let mut of = BTreeMap::new();
    let mut typed_sources = BTreeMap::new();
    let mut typed_slices = BTreeMap::new();
    // Members of cycles have no order; they are left unknown, and what reads them stays silent.
    let mut levels: BTreeMap<usize, Vec<(&RelationName, &RelationDeclaration)>> = BTreeMap::new();
    for name in graph.order() {
        if let Some(declaration) = declarations.relations.get(name) {
            levels.entry(graph.depth(name)).or_default().push((name, declaration));
        }
    }
    // What is equally deep doesn't read each other.
    for level in levels.into_values() {
        let typed = parallel::map(level, |(name, declaration)| {
            let mut found = Vec::new();
            let (typed, fact) = typed(declaration, &known, sources, memo, plans, &mut found);
            (name, typed, fact, found)
        });
        for (name, typed, fact, found) in typed {
            if !found.is_empty() {
                of.insert(name.clone(), found);
            }
            known.insert(name.clone(), fact);
            match typed {
                Typed::Source(source) => drop(typed_sources.insert(name.clone(), *source)),
                Typed::Slice(slice) => drop(typed_slices.insert(name.clone(), *slice)),
            }
        }
    }
    let unused = unused::warn(&declarations, &graph);
    let model = model::assemble(declarations, graph, typed_sources, typed_slices);
    Analysis { model, knowledge: Knowledge(known), of, cycles, unused }
}

/// Types declarations of a model again, each from what is known of the others now. Gives for each whether its readers must be typed
/// again too, and what is wrong with it. What isn't declared any more is forgotten.
pub fn analyze_again(
    model: &mut SemanticModel,
    names: &[RelationName],
    knowledge: &mut Knowledge,
    sources: &SourceMap,
    memo: &Memo,
    plans: Plans,
) -> Vec<(bool, Vec<Diagnostic>)> {
    let declarations = &model.declarations.relations;
    let typed = parallel::map(names.iter().collect(), |name| {
        let mut found = Vec::new();
        let declaration = declarations.get(name)?;
        let (typed, fact) = typed(declaration, &knowledge.0, sources, memo, plans, &mut found);
        Some((typed, fact, found))
    });
    let mut outcomes = Vec::new();
    for (name, typed) in names.iter().zip(typed) {
        let Some((typed, fact, found)) = typed else {
            forget(model, name, knowledge);
            outcomes.push((true, Vec::new()));
            continue;
        };
        // A source may have become a slice.
        let before = knowledge.0.get(name).is_some_and(|before| before.is_seen_as(&fact));
        forget(model, name, knowledge);
        match typed {
            Typed::Source(source) => drop(model.sources.insert(name.clone(), *source)),
            Typed::Slice(slice) => drop(model.slices.insert(name.clone(), *slice)),
        }
        knowledge.0.insert(name.clone(), fact);
        outcomes.push((!before, found));
    }
    outcomes
}

/// Takes a relation out of a model, with all that is known of it.
pub fn forget(model: &mut SemanticModel, name: &RelationName, knowledge: &mut Knowledge) {
    model.sources.remove(name);
    model.slices.remove(name);
    knowledge.0.remove(name);
}

/// A declaration, typed.
enum Typed {
    Source(Box<Source>),
    Slice(Box<Slice>),
}

fn typed(
    declaration: &RelationDeclaration,
    known: &BTreeMap<RelationName, Known>,
    sources: &SourceMap,
    memo: &Memo,
    plans: Plans,
    diagnostics: &mut Vec<Diagnostic>,
) -> (Typed, Known) {
    match declaration {
        RelationDeclaration::Source(declaration) => {
            let (source, fact) = source::analyze(declaration, diagnostics);
            (Typed::Source(Box::new(source)), fact)
        }
        RelationDeclaration::Slice(declaration) => {
            let (slice, fact) = remembered::analyze(declaration, known, sources, memo, plans, diagnostics);
            (Typed::Slice(Box::new(slice)), fact)
        }
    }
}

/// The graph of declarations alone, for those who need no types.
pub fn dependency_graph(declarations: &Declarations) -> DependencyGraph {
    graph::build(declarations).0
}
