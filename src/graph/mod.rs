//! What reads what: order, cycles, reach, drawing. petgraph is named nowhere else; files, types and plans are unknown here.

mod cycle;
pub mod draw;
mod layers;
mod layout;
mod svg;
mod text_formats;

use crate::diagnostic::Diagnostic;
use crate::name::RelationName;
use crate::resolve::Declarations;
use petgraph::Direction;
use petgraph::graph::{DiGraph, NodeIndex};
use std::collections::{BTreeMap, BTreeSet};

/// The dependency graph of a project's sources and slices. Edges go from what is read to its reader; all orders are
/// fixed by name.
#[derive(Clone, Default, Debug)]
pub struct DependencyGraph {
    graph: DiGraph<RelationName, ()>,
    nodes: BTreeMap<RelationName, NodeIndex>,
    order: Vec<RelationName>,
    /// By node; `None` for members of cycles.
    depths: Vec<Option<usize>>,
    cyclic: BTreeSet<RelationName>,
}

/// Builds the graph and reports each cycle, hop by hop. Linear in declarations and reads.
pub fn build(declarations: &Declarations) -> (DependencyGraph, Vec<Diagnostic>) {
    let mut graph = DiGraph::new();
    let nodes: BTreeMap<RelationName, NodeIndex> =
        declarations.relations.keys().map(|name| (name.clone(), graph.add_node(name.clone()))).collect();
    for (declaration, to) in declarations.relations.values().zip(nodes.values()) {
        for from in declaration.inputs().into_iter().filter_map(|input| nodes.get(input)) {
            graph.add_edge(*from, *to, ());
        }
    }
    let (cyclic, diagnostics) = cycle::find(&graph, declarations);
    let mut built = DependencyGraph { graph, nodes, cyclic, ..DependencyGraph::default() };
    built.sort();
    (built, diagnostics)
}

impl DependencyGraph {
    /// All names in dependency order, then by name: what is read comes before its readers. Members of cycles are left out.
    pub fn order(&self) -> &[RelationName] {
        &self.order
    }

    pub fn contains(&self, name: &RelationName) -> bool {
        self.nodes.contains_key(name)
    }

    /// The longest way from a name down to sources: 0 for what reads nothing.
    pub fn depth(&self, name: &RelationName) -> usize {
        self.nodes.get(name).and_then(|node| self.depths[node.index()]).unwrap_or(0)
    }

    /// What a name reads directly, by name.
    pub fn inputs(&self, name: &RelationName) -> Vec<RelationName> {
        self.neighbors(name, Direction::Incoming)
    }

    /// What reads a name directly, by name.
    pub fn readers(&self, name: &RelationName) -> Vec<RelationName> {
        self.neighbors(name, Direction::Outgoing)
    }

    /// Everything a name reads, however deep, without itself.
    pub fn ancestors(&self, name: &RelationName) -> BTreeSet<RelationName> {
        self.reach(name, Direction::Incoming)
    }

    /// Everything that reads a name, however deep, without itself.
    pub fn descendants(&self, name: &RelationName) -> BTreeSet<RelationName> {
        self.reach(name, Direction::Outgoing)
    }

    pub fn in_cycle(&self, name: &RelationName) -> bool {
        self.cyclic.contains(name)
    }

    pub fn edges(&self) -> impl Iterator<Item = (&RelationName, &RelationName)> {
        let mut edges: Vec<_> = self
            .graph
            .edge_indices()
            .filter_map(|edge| self.graph.edge_endpoints(edge))
            .map(|(from, to)| (&self.graph[from], &self.graph[to]))
            .collect();
        edges.sort();
        edges.into_iter()
    }

    fn neighbors(&self, name: &RelationName, direction: Direction) -> Vec<RelationName> {
        let Some(node) = self.nodes.get(name) else { return Vec::new() };
        let names: BTreeSet<RelationName> =
            self.graph.neighbors_directed(*node, direction).map(|other| self.graph[other].clone()).collect();
        names.into_iter().collect()
    }

    fn reach(&self, name: &RelationName, direction: Direction) -> BTreeSet<RelationName> {
        let mut reached = BTreeSet::new();
        let mut queue = vec![name.clone()];
        while let Some(next) = queue.pop() {
            for other in self.neighbors(&next, direction) {
                if reached.insert(other.clone()) {
                    queue.push(other);
                }
            }
        }
        reached.remove(name);
        reached
    }

    /// Works out depths by Kahn's algorithm; what stands behind a cycle is sorted too, cycles themselves are not.
    fn sort(&mut self) {
        let cyclic: Vec<bool> = self.graph.node_indices().map(|node| self.in_cycle(&self.graph[node])).collect();
        let inputs = |node: NodeIndex| self.graph.neighbors_directed(node, Direction::Incoming);
        let mut waiting: Vec<usize> = Vec::with_capacity(cyclic.len());
        let mut ready: Vec<NodeIndex> = Vec::new();
        for node in self.graph.node_indices() {
            let count = inputs(node).filter(|input| !cyclic[input.index()]).count();
            waiting.push(count);
            if count == 0 && !cyclic[node.index()] {
                ready.push(node);
            }
        }
        let mut depths: Vec<Option<usize>> = vec![None; cyclic.len()];
        let mut sorted: Vec<(usize, NodeIndex)> = Vec::with_capacity(cyclic.len());
        while let Some(node) = ready.pop() {
            let depth = inputs(node).filter_map(|input| depths[input.index()]).max().map_or(0, |depth| depth + 1);
            depths[node.index()] = Some(depth);
            sorted.push((depth, node));
            for reader in self.graph.neighbors_directed(node, Direction::Outgoing) {
                if !cyclic[reader.index()] {
                    waiting[reader.index()] -= 1;
                    if waiting[reader.index()] == 0 {
                        ready.push(reader);
                    }
                }
            }
        }
        // Nodes are numbered in the order of their names.
        sorted.sort_unstable();
        self.order = sorted.into_iter().map(|(_, node)| self.graph[node].clone()).collect();
        self.depths = depths;
    }
}
