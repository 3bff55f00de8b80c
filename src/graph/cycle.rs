//! Cycles, each shown whole: every hop with the place of the reference that makes it.

use crate::diagnostic::{Code, Diagnostic};
use crate::name::RelationName;
use crate::resolve::{Declarations, RelationDeclaration};
use crate::text::Span;
use petgraph::algo::tarjan_scc;
use petgraph::graph::{DiGraph, NodeIndex};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// The members of all cycles, and one diagnostic for a shortest cycle of each strongly connected component.
pub fn find(
    graph: &DiGraph<RelationName, ()>,
    declarations: &Declarations,
) -> (BTreeSet<RelationName>, Vec<Diagnostic>) {
    let mut cyclic = BTreeSet::new();
    let mut components: Vec<BTreeSet<NodeIndex>> = Vec::new();
    for component in tarjan_scc(graph) {
        let own_loop = component.len() == 1 && graph.contains_edge(component[0], component[0]);
        if component.len() > 1 || own_loop {
            cyclic.extend(component.iter().map(|node| graph[*node].clone()));
            components.push(component.into_iter().collect());
        }
    }
    // Nodes are numbered by name, so the components come in the order of their first members.
    components.sort();
    let diagnostics = components.iter().map(|component| report(&shortest(graph, component), declarations)).collect();
    (cyclic, diagnostics)
}

/// A shortest cycle through the component's first member: each name is read by the one before it.
fn shortest(graph: &DiGraph<RelationName, ()>, component: &BTreeSet<NodeIndex>) -> Vec<RelationName> {
    let start = *component.first().expect("a component has a member");
    let mut from: BTreeMap<NodeIndex, NodeIndex> = BTreeMap::new();
    let mut queue = VecDeque::from([start]);
    'search: while let Some(node) = queue.pop_front() {
        let mut inputs: Vec<NodeIndex> = graph.neighbors_directed(node, petgraph::Direction::Incoming).collect();
        inputs.sort();
        for input in inputs.into_iter().filter(|input| component.contains(input)) {
            if input == start {
                from.insert(start, node);
                break 'search;
            }
            if let std::collections::btree_map::Entry::Vacant(entry) = from.entry(input) {
                entry.insert(node);
                queue.push_back(input);
            }
        }
    }
    let mut cycle = vec![start];
    let mut at = start;
    while let Some(previous) = from.get(&at).copied().filter(|previous| *previous != start) {
        cycle.push(previous);
        at = previous;
    }
    cycle.push(start);
    cycle.reverse();
    cycle.pop();
    cycle.into_iter().map(|node| graph[node].clone()).collect()
}

fn report(cycle: &[RelationName], declarations: &Declarations) -> Diagnostic {
    let hop = |index: usize| (&cycle[index], &cycle[(index + 1) % cycle.len()]);
    let message = match cycle {
        [only] => format!("the slice `{only}` reads itself"),
        several => {
            let names: Vec<String> = several.iter().chain(several.first()).map(|name| format!("`{name}`")).collect();
            format!("slices read each other in a circle: {}", names.join(" → "))
        }
    };
    let mut diagnostic = Diagnostic::error(Code::Cycle, message);
    for index in 0..cycle.len() {
        let (reader, read) = hop(index);
        let Some(span) = place(declarations, reader, read) else { continue };
        let label = format!("`{reader}` reads `{read}` here");
        diagnostic = if index == 0 { diagnostic.at(span, label) } else { diagnostic.with_label(span, label) };
    }
    diagnostic.with_help("take one of these reads out, or move what both sides need into a slice that both read")
}

fn place(declarations: &Declarations, reader: &RelationName, read: &RelationName) -> Option<Span> {
    let declaration = declarations.relations.get(reader)?;
    if let Some(found) = declaration.reads().find(|candidate| &candidate.of == read) {
        return Some(found.span);
    }
    let RelationDeclaration::Slice(slice) = declaration else { return None };
    slice.checks.iter().flat_map(|check| &check.reads).find(|candidate| &candidate.of == read).map(|read| read.span)
}
