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
pub use model::{Check, Column, Domain, SemanticModel, Slice, Source, Test, schema_of};
pub use template::{Captured, PathTemplate, Segment};

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

/// Virtual slices are copied into their readers, so a few that read each other twice would grow without bound.
const MAX_SCANS: u64 = 1_000;

/// Types a project. The work is one planning of each query that `memo` doesn't know.
pub fn analyze(declarations: Declarations, sources: &SourceMap, memo: &Memo) -> (SemanticModel, Vec<Diagnostic>) {
    let (graph, mut diagnostics) = graph::build(&declarations);
    let mut known: BTreeMap<RelationName, Known> = BTreeMap::new();
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
            let (typed, fact) = typed(declaration, &known, sources, memo, &mut found);
            (name, typed, fact, found)
        });
        for (name, typed, fact, found) in typed {
            diagnostics.extend(found);
            known.insert(name.clone(), fact);
            match typed {
                Typed::Source(source) => drop(typed_sources.insert(name.clone(), *source)),
                Typed::Slice(slice) => drop(typed_slices.insert(name.clone(), *slice)),
            }
        }
    }
    unused::warn(&declarations, &graph, &mut diagnostics);
    let model = model::assemble(declarations, graph, typed_sources, typed_slices);
    (model, diagnostics)
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
    diagnostics: &mut Vec<Diagnostic>,
) -> (Typed, Known) {
    match declaration {
        RelationDeclaration::Source(declaration) => {
            let (source, fact) = source::analyze(declaration, diagnostics);
            (Typed::Source(Box::new(source)), fact)
        }
        RelationDeclaration::Slice(declaration) => {
            let (slice, fact) = remembered::analyze(declaration, known, sources, memo, diagnostics);
            (Typed::Slice(Box::new(slice)), fact)
        }
    }
}

/// The graph of declarations alone, for those who need no types.
pub fn dependency_graph(declarations: &Declarations) -> DependencyGraph {
    graph::build(declarations).0
}
