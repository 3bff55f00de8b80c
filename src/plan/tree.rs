//! An explanation for people: an indented tree with the places in the text.
//!
//! ```text
//! maybe    payments.volume_trend
//! └─ it reads `payments.daily_volume`, whose rows aren't known yet
//!    may change `volume`, `volume_7d`
//!    payments.pie:74:8
//!    74 │   from daily_volume
//!       │        ^^^^^^^^^^^^
//!    └─ build payments.daily_volume: `volume` is computed differently
//!       payments.pie:46:22
//!       …
//! ```

use super::excerpt::excerpts;
use super::table::{push_line, styled, word};
use super::{Cause, Elsewhere, Explanation, InputUse, SliceExplanation};
use crate::incremental::{Action, listed};
use crate::text::SourceMap;

/// Raw files of one source that are named; the others are counted.
const FILES: usize = 5;

/// Excerpts of one cause that are shown; the others are counted.
const EXCERPTS: usize = 3;

/// `style` wraps the word of an action in colours, or leaves it.
pub fn explanation_to_text(
    explanation: &Explanation,
    sources: &SourceMap,
    style: &dyn Fn(Action, &str) -> String,
) -> String {
    let mut text = String::new();
    for slice in &explanation.slices {
        if !text.is_empty() {
            text.push('\n');
        }
        push_line(&mut text, &format!("{}  {}", styled(slice.action, slice.blocked, style), slice.name));
        write(&nodes(slice, sources), "", &mut text);
    }
    text
}

struct Node {
    head: String,
    body: Vec<String>,
    children: Vec<Node>,
}

impl Node {
    fn leaf(head: String) -> Node {
        Node { head, body: Vec::new(), children: Vec::new() }
    }
}

fn write(nodes: &[Node], before: &str, text: &mut String) {
    for (index, node) in nodes.iter().enumerate() {
        let (branch, below) = if index + 1 == nodes.len() { ("└─ ", "   ") } else { ("├─ ", "│  ") };
        push_line(text, &format!("{before}{branch}{}", node.head));
        let inside = format!("{before}{below}");
        for line in &node.body {
            push_line(text, &format!("{inside}{line}"));
        }
        write(&node.children, &inside, text);
    }
}

fn nodes(slice: &SliceExplanation, sources: &SourceMap) -> Vec<Node> {
    let causes = slice.causes.iter().map(|cause| cause_node("", cause, sources));
    let notes = slice.notes.iter().map(|note| Node::leaf(note.clone()));
    let reads = slice.reads.iter().map(|read| Node::leaf(read_line(read)));
    causes.chain(notes).chain(reads).collect()
}

fn read_line(read: &InputUse) -> String {
    let version = read.version.map(|version| format!(", version {version}")).unwrap_or_default();
    let unsettled = if read.settled { "" } else { ", which isn't up to date" };
    let used = match read.columns.as_slice() {
        [] => "only how many rows it has".to_owned(),
        columns => columns.iter().map(|column| format!("`{column}`")).collect::<Vec<_>>().join(", "),
    };
    format!("it reads `{}`{version}{unsettled}: {used}", read.name)
}

/// `whose` says whose cause it is, where that isn't the slice on top.
fn cause_node(whose: &str, cause: &Cause, sources: &SourceMap) -> Node {
    let reason = &cause.reason;
    let input = cause.input.as_ref();
    let above = input.is_some_and(|input| input.elsewhere == Some(Elsewhere::Above));
    let head = format!("{whose}{}{}", reason.message, if above { " (see above)" } else { "" });
    let mut body = cause.notes.clone();
    match cause.affects.as_slice() {
        [] => {}
        _ if reason.of.is_none() => {}
        _ if cause.affects_all => body.push("may change every column".to_owned()),
        columns => body.push(format!("may change {}", listed(columns))),
    }
    let excerpts = excerpts(&reason.places, sources);
    let more = excerpts.len().saturating_sub(EXCERPTS);
    body.extend(excerpts.into_iter().take(EXCERPTS).flatten());
    if more > 0 {
        body.push(format!("… and {more} more {}", if more == 1 { "place" } else { "places" }));
    }
    body.extend(files(cause));
    let mut children = Vec::new();
    if let (Some(input), Some(name)) = (input, &reason.of) {
        if input.elsewhere == Some(Elsewhere::Deeper) {
            body.push(format!("for more: pie plan {name} --explain"));
        }
        let whose = format!("{} {name}: ", word(input.action, input.blocked));
        children.extend(input.causes.iter().map(|cause| cause_node(&whose, cause, sources)));
    }
    Node { head, body, children }
}

/// The versions and files of an input that changed.
fn files(cause: &Cause) -> Vec<String> {
    let Some((from, to)) = cause.versions else { return Vec::new() };
    let number = match cause.files.len() {
        0 => String::new(),
        1 => ": 1 file differs".to_owned(),
        files => format!(": {files} files differ"),
    };
    let mut lines = vec![format!("version {from} was read, version {to} is there now{number}")];
    for file in cause.files.iter().take(FILES) {
        let path: String = file.path.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        lines.push(format!("  {:<7}  {path}", file.kind.as_str()));
    }
    if cause.files.len() > FILES {
        lines.push(format!("  … and {} more", cause.files.len() - FILES));
    }
    lines
}
