//! Drawings as text that other tools lay out: Graphviz and Mermaid.

use super::draw::{Drawing, Node, NodeKind, printable};
use std::fmt::Write;

/// The drawing for Graphviz, domains as clusters.
pub fn dot(drawing: &Drawing) -> String {
    let mut out = String::from("digraph icepie {\n");
    out.push_str("  graph [rankdir=LR, bgcolor=white, fontname=Helvetica, nodesep=0.25, ranksep=0.7];\n");
    out.push_str("  node [shape=box, style=\"rounded,filled\", fontname=Helvetica, fontsize=12, height=0.4];\n");
    out.push_str("  edge [color=\"#a3adba\", arrowsize=0.7];\n");
    if drawing.nodes.is_empty() {
        out.push_str("  empty [label=\"no declarations\", shape=plaintext, style=\"\"];\n");
    }
    for (domain, nodes) in drawing.domains() {
        let _ = writeln!(out, "\n  subgraph {} {{", dot_id(&format!("cluster_{domain}")));
        let _ = writeln!(out, "    label=\"{}\"; labeljust=l; style=\"rounded,filled\";", dot_text(domain));
        out.push_str("    color=\"#d8dee6\"; fillcolor=\"#f7f9fb\"; fontcolor=\"#4a5563\";\n");
        for at in nodes {
            dot_node(&mut out, &drawing.nodes[at]);
        }
        out.push_str("  }\n");
    }
    let edges = drawing.edge_indices();
    if !edges.is_empty() {
        out.push('\n');
    }
    for (from, to) in edges {
        let name = |at: usize| dot_id(&drawing.nodes[at].name.to_string());
        let _ = writeln!(out, "  {} -> {};", name(from), name(to));
    }
    out.push_str("}\n");
    out
}

fn dot_node(out: &mut String, node: &Node) {
    let mut label = dot_text(node.name.name());
    if !node.columns.is_empty() {
        // `\l` ends a line and sets it to the left.
        label.push_str("\\l");
        for (name, data_type) in &node.columns {
            let _ = write!(label, "  {}  {}\\l", dot_text(name), dot_text(data_type));
        }
    }
    let (fill, line) = match node.kind {
        NodeKind::Source => ("#e1f1fd", "#4f9fd8"),
        NodeKind::Slice => ("#fff0dc", "#e2933a"),
        NodeKind::VirtualSlice => ("#fffaf2", "#e2933a"),
    };
    let style = match node.kind {
        NodeKind::Source | NodeKind::Slice => "rounded,filled",
        NodeKind::VirtualSlice => "rounded,filled,dashed",
    };
    let (width, text) = if node.public { ("2", "#1f2933") } else { ("1", "#6b7785") };
    let _ = writeln!(
        out,
        "    {} [label=\"{label}\", fillcolor=\"{fill}\", color=\"{line}\", style=\"{style}\", penwidth={width}, \
         fontcolor=\"{text}\", tooltip=\"{}\"];",
        dot_id(&node.name.to_string()),
        dot_text(&node.description()),
    );
}

/// A quoted id. Graphviz knows only `\"` in ids and keeps other backslashes; doubling them keeps ids apart and the last
/// one from reaching the closing quote.
fn dot_id(text: &str) -> String {
    let text: String = text.chars().map(printable).collect();
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// Text between the quotes of a label or tooltip, in which Graphviz reads `\N` and the like, and HTML entities.
fn dot_text(text: &str) -> String {
    let mut out = String::new();
    for character in text.chars() {
        match character {
            '\\' => out.push_str("\\\\"),
            '"' => out.push_str("\\\""),
            '&' => out.push_str("&amp;"),
            '\n' => out.push_str("\\n"),
            other => out.push(printable(other)),
        }
    }
    out
}

/// The drawing for Mermaid, as GitHub shows it in Markdown; domains are subgraphs. GitHub draws up to 500 edges.
pub fn mermaid(drawing: &Drawing) -> String {
    let mut out = String::from("flowchart LR\n");
    if drawing.nodes.is_empty() {
        out.push_str("  empty[\"no declarations\"]\n");
    }
    for (number, (domain, nodes)) in drawing.domains().into_iter().enumerate() {
        let _ = writeln!(out, "  subgraph d{number}[\"{}\"]", mermaid_text(domain));
        for at in nodes {
            let node = &drawing.nodes[at];
            let mut label = mermaid_text(node.name.name());
            for (name, data_type) in &node.columns {
                let _ = write!(label, "<br/>{} {}", mermaid_text(name), mermaid_text(data_type));
            }
            let (open, close) = match node.kind {
                NodeKind::Source => ("[(", ")]"),
                NodeKind::Slice | NodeKind::VirtualSlice => ("(", ")"),
            };
            let class = if node.public { node.kind.as_str().to_owned() } else { private_class(node.kind) };
            let _ = writeln!(out, "    n{at}{open}\"{label}\"{close}:::{class}");
        }
        out.push_str("  end\n");
    }
    for (from, to) in drawing.edge_indices() {
        let _ = writeln!(out, "  n{from} --> n{to}");
    }
    let kinds = [
        (NodeKind::Source, "fill:#e1f1fd,stroke:#4f9fd8"),
        (NodeKind::Slice, "fill:#fff0dc,stroke:#e2933a"),
        (NodeKind::VirtualSlice, "fill:#fffaf2,stroke:#e2933a,stroke-dasharray:5 4"),
    ];
    for (kind, style) in kinds {
        let _ = writeln!(out, "  classDef {} {style},stroke-width:2px,color:#1f2933", kind.as_str());
        let _ = writeln!(out, "  classDef {} {style},stroke-width:1px,color:#6b7785", private_class(kind));
    }
    out
}

fn private_class(kind: NodeKind) -> String {
    format!("{}Private", kind.as_str())
}

/// Text between the quotes of a label. Mermaid reads it as Markdown and as HTML, so punctuation that might mean
/// something is written as an entity (`#34;`); what our own names are made of stays readable.
fn mermaid_text(text: &str) -> String {
    let characters: Vec<char> = text.chars().map(printable).collect();
    let mut out = String::new();
    for (at, character) in characters.iter().enumerate() {
        let is_word = |at: Option<usize>| at.and_then(|at| characters.get(at)).is_some_and(|c| c.is_alphanumeric());
        let between_words = is_word(at.checked_sub(1)) && is_word(Some(at + 1));
        let plain = match character {
            '_' => between_words,
            ' ' => at > 0 && characters[at - 1] != ' ',
            '(' | ')' | ',' => at > 0,
            other => !other.is_ascii_punctuation(),
        };
        if plain {
            out.push(*character);
        } else {
            let _ = write!(out, "#{};", *character as u32);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::draw::tests::{hostile, small};

    #[test]
    fn dot_has_a_cluster_for_each_domain() {
        let dot = dot(&small());
        assert!(dot.contains("subgraph \"cluster_growth\" {\n    label=\"growth\""), "{dot}");
        assert!(dot.contains("  \"payments.legs\" -> \"growth.activation\";\n"), "{dot}");
    }

    #[test]
    fn dot_keeps_quotes_and_backslashes_inside_strings() {
        let dot = dot(&hostile());
        assert!(dot.contains(r#"label="a\"b\l"#), "{dot}");
        assert!(dot.contains(r#"label="back\\N\\\l"#), "{dot}");
        assert!(dot.contains(r#"label="<b>&amp;amp;</b>\l"#), "{dot}");
        // Each line opens and closes its strings.
        for line in dot.lines() {
            let bare = line.replace("\\\\", "").replace("\\\"", "");
            assert_eq!(bare.matches('"').count() % 2, 0, "{line}");
        }
    }

    #[test]
    fn mermaid_ids_are_ours_and_labels_hold_no_punctuation() {
        let mermaid = mermaid(&hostile());
        assert!(mermaid.contains("(\"a#34;b<br/>a#34;b decimal(38, 9) not null\"):::virtualPrivate"), "{mermaid}");
        assert!(mermaid.contains("#96;end#96;"), "{mermaid}");
        assert!(mermaid.contains("#95;x#95; #93;"), "{mermaid}");
        assert!(mermaid.contains("größe 数据 🥧"), "{mermaid}");
        let small = super::mermaid(&small());
        assert!(small.contains("    n1[(\"transfers\")]:::source\n"), "{small}");
        assert!(small.contains("    n2(\"legs\"):::slicePrivate\n"), "{small}");
        assert!(small.contains("  n2 --> n3\n"), "{small}");
    }

    #[test]
    fn nothing_is_drawn_as_such() {
        assert!(dot(&Drawing::default()).contains("no declarations"));
        assert!(mermaid(&Drawing::default()).contains("no declarations"));
    }
}
