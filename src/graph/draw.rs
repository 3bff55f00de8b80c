//! `pie graph`: a picture of the sources and slices, as text for Graphviz and Mermaid, as our own SVG, and as JSON.
//!
//! The same drawing gives the same bytes: no clock, no random ids, no hash order.

pub use super::svg::svg;
pub use super::text_formats::{dot, mermaid};

use crate::name::RelationName;
use std::collections::{BTreeMap, BTreeSet};

/// What is drawn: sources and slices with the edges between them. It holds values only, so that any part of a project
/// can be drawn.
#[derive(Clone, Default, Debug)]
pub struct Drawing {
    /// By depth, then by name; no name stands twice.
    pub nodes: Vec<Node>,
    /// From what is read to its reader. Edges whose ends aren't both among the nodes are not drawn.
    pub edges: Vec<(RelationName, RelationName)>,
}

#[derive(Clone, Debug)]
pub struct Node {
    pub name: RelationName,
    pub kind: NodeKind,
    /// Other domains may read it.
    pub public: bool,
    /// The longest way down to sources.
    pub depth: usize,
    /// The owner of its domain.
    pub owner: Option<String>,
    pub doc: Option<String>,
    /// Names and types; empty unless columns are to be shown.
    pub columns: Vec<(String, String)>,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum NodeKind {
    Source,
    Slice,
    VirtualSlice,
}

impl NodeKind {
    pub fn as_str(self) -> &'static str {
        match self {
            NodeKind::Source => "source",
            NodeKind::Slice => "slice",
            NodeKind::VirtualSlice => "virtual",
        }
    }
}

/// The drawing for programs. `name`, `from` and `to` are full names.
pub fn json(drawing: &Drawing) -> String {
    let node = |node: &Node| {
        let column = |(name, data_type): &(String, String)| serde_json::json!({ "name": name, "type": data_type });
        serde_json::json!({
            "name": node.name.to_string(),
            "domain": node.name.domain(),
            "kind": node.kind.as_str(),
            "public": node.public,
            "depth": node.depth,
            "owner": node.owner,
            "doc": node.doc,
            "columns": node.columns.iter().map(column).collect::<Vec<_>>(),
        })
    };
    let edge = |(from, to): (usize, usize)| {
        let name = |at: usize| drawing.nodes[at].name.to_string();
        serde_json::json!({ "from": name(from), "to": name(to) })
    };
    let value = serde_json::json!({
        "version": 1,
        "nodes": drawing.nodes.iter().map(node).collect::<Vec<_>>(),
        "edges": drawing.edge_indices().into_iter().map(edge).collect::<Vec<_>>(),
    });
    format!("{value:#}\n")
}

impl Drawing {
    /// The nodes of each domain, domains by name.
    pub(super) fn domains(&self) -> BTreeMap<&str, Vec<usize>> {
        let mut domains: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (at, node) in self.nodes.iter().enumerate() {
            domains.entry(node.name.domain()).or_default().push(at);
        }
        domains
    }

    /// The edges between nodes of the drawing, each once, in the nodes' order.
    pub(super) fn edge_indices(&self) -> Vec<(usize, usize)> {
        let nodes: BTreeMap<&RelationName, usize> =
            self.nodes.iter().enumerate().map(|(at, node)| (&node.name, at)).collect();
        let index = |(from, to): &(RelationName, RelationName)| Some((*nodes.get(from)?, *nodes.get(to)?));
        let edges: BTreeSet<(usize, usize)> = self.edges.iter().filter_map(index).collect();
        edges.into_iter().collect()
    }
}

impl Node {
    /// All there is to say about the node, for whoever points at it: a line of facts, the owner, the documentation.
    pub(super) fn description(&self) -> String {
        let kind = match self.kind {
            NodeKind::Source => "source",
            NodeKind::Slice => "slice",
            NodeKind::VirtualSlice => "virtual slice",
        };
        let visibility = if self.public { "public" } else { "private" };
        let mut description = format!("{}: {visibility} {kind}", self.name);
        if let Some(owner) = &self.owner {
            description.push_str(&format!("\nOwner: {owner}"));
        }
        if let Some(doc) = &self.doc {
            description.push_str(&format!("\n\n{doc}"));
        }
        description
    }
}

/// Control characters would break lines, or make XML invalid.
pub(super) fn printable(character: char) -> char {
    let valid = !character.is_control() && !matches!(character, '\u{fffe}' | '\u{ffff}');
    if valid { character } else { char::REPLACEMENT_CHARACTER }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A drawing from its edges; domains, kinds and depths come from the names, as in `payments.transfers@0`. Sources
    /// are what has depth 0.
    pub fn drawing(nodes: &[&str], edges: &[(&str, &str)]) -> Drawing {
        let node = |text: &&str| {
            let (name, depth) = text.rsplit_once('@').expect("a name and a depth");
            let depth = depth.parse().expect("a depth");
            Node {
                name: name_of(name),
                kind: if depth == 0 { NodeKind::Source } else { NodeKind::Slice },
                public: depth != 1,
                depth,
                owner: Some("team@example.com".to_owned()),
                doc: None,
                columns: Vec::new(),
            }
        };
        let edges = edges.iter().map(|(from, to)| (name_of(from), name_of(to))).collect();
        Drawing { nodes: nodes.iter().map(node).collect(), edges }
    }

    pub fn small() -> Drawing {
        let nodes = ["growth.signups@0", "payments.transfers@0", "payments.legs@1", "growth.activation@2"];
        let edges = [
            ("growth.signups", "growth.activation"),
            ("payments.legs", "growth.activation"),
            ("payments.transfers", "payments.legs"),
        ];
        drawing(&nodes, &edges)
    }

    /// Names that mean something to each of the formats.
    pub fn hostile() -> Drawing {
        let names =
            [r#"a"b"#, "<b>&amp;</b>", r"back\N\", "`end`", "_x_ ]); --> y", "größe 数据 🥧", "line\nbreak\u{1}"];
        let mut drawing = Drawing::default();
        for name in names {
            drawing.nodes.push(Node {
                name: RelationName::new(format!("domain {name}"), name),
                kind: NodeKind::VirtualSlice,
                public: false,
                depth: 0,
                owner: Some(name.to_owned()),
                doc: Some(format!("]]> {name}")),
                columns: vec![(name.to_owned(), "decimal(38, 9) not null".to_owned())],
            });
        }
        drawing.nodes.sort_by(|a, b| a.name.cmp(&b.name));
        let names: Vec<RelationName> = drawing.nodes.iter().map(|node| node.name.clone()).collect();
        drawing.edges = names.iter().cloned().zip(names.iter().skip(1).cloned()).collect();
        drawing
    }

    fn name_of(text: &str) -> RelationName {
        RelationName::parse(text).expect("a full name")
    }

    #[test]
    fn every_format_gives_the_same_bytes_whatever_the_order_of_edges() {
        for mut drawing in [small(), hostile(), Drawing::default()] {
            let all = |drawing: &Drawing| [dot(drawing), mermaid(drawing), svg(drawing), json(drawing)];
            let first = all(&drawing);
            let again: Vec<_> = drawing.edges.iter().rev().cloned().collect();
            drawing.edges.extend(again);
            drawing.edges.push((RelationName::new("not", "drawn"), RelationName::new("growth", "signups")));
            assert_eq!(first, all(&drawing));
        }
    }

    #[test]
    fn json_names_nodes_and_edges_in_full() {
        let value: serde_json::Value = serde_json::from_str(&json(&small())).expect("valid JSON");
        assert_eq!(value["version"], 1);
        assert_eq!(value["nodes"][2]["name"], "payments.legs");
        assert_eq!(value["nodes"][2]["domain"], "payments");
        assert_eq!(value["nodes"][2]["kind"], "slice");
        assert_eq!(value["edges"][0], serde_json::json!({ "from": "growth.signups", "to": "growth.activation" }));
        let hostile: serde_json::Value = serde_json::from_str(&json(&super::tests::hostile())).expect("valid JSON");
        assert_eq!(hostile["nodes"].as_array().map(Vec::len), Some(7));
    }
}
