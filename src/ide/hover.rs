//! What is told of a name under the pointer.

use super::{Symbol, View, occurrence};
use crate::name::RelationName;
use crate::semantic::Column;
use crate::text::{FileId, Span};

/// What is told, and of which stretch of the text.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Hover {
    pub span: Span,
    pub markdown: String,
    /// The slice that it is about, whose state somebody may add.
    pub slice: Option<RelationName>,
}

/// Columns of a relation beyond these aren't listed.
const MAX_COLUMNS: usize = 40;

/// What is told of the name at an offset.
pub fn hover(view: &View, file: FileId, offset: u32) -> Option<Hover> {
    let found = occurrence::at(view, file, offset)?;
    let (markdown, slice) = match &found.symbol {
        Symbol::Domain(name) => (domain(view, name)?, None),
        Symbol::Relation(name) => {
            let stored = view.project.model.slices.get(name).filter(|slice| !slice.is_virtual);
            (relation(view, name)?, stored.map(|slice| slice.name.clone()))
        }
        Symbol::Column(of, name) => (column(view, of, name)?, None),
    };
    Some(Hover { span: found.span, markdown, slice })
}

fn domain(view: &View, name: &str) -> Option<String> {
    let model = &view.project.model;
    let domain = model.domains.get(name)?;
    let mut text = format!("```pie\ndomain {name}\n```\n");
    if let Some(owner) = &domain.owner {
        text.push_str(&format!("owned by {owner}\n"));
    }
    if let Some(doc) = &domain.doc {
        text.push_str(&format!("\n{doc}\n"));
    }
    let of = |public: bool| {
        let all = model.declarations.relations.iter().filter(|(relation, _)| relation.domain() == name);
        all.filter(|(_, declared)| declared.is_public() == public).count()
    };
    text.push_str(&format!("\n{} public, {} private\n", of(true), of(false)));
    Some(text)
}

fn relation(view: &View, name: &RelationName) -> Option<String> {
    let declared = view.declaration(name)?;
    let model = &view.project.model;
    let is_virtual = model.slices.get(name).is_some_and(|slice| slice.is_virtual);
    let public = if declared.is_public() { "public " } else { "" };
    let kind = if is_virtual { "virtual slice" } else { declared.kind() };
    let mut text = format!("```pie\n{public}{kind} {name}\n```\n");
    if let Some(owner) = model.domains.get(name.domain()).and_then(|domain| domain.owner.as_ref()) {
        text.push_str(&format!("owned by {owner}\n"));
    }
    let (doc, key) = match (model.sources.get(name), model.slices.get(name)) {
        (Some(source), _) => (source.doc.as_ref(), source.key.as_slice()),
        (None, Some(slice)) => (slice.doc.as_ref(), slice.key.as_slice()),
        (None, None) => (None, [].as_slice()),
    };
    if let Some(doc) = doc {
        text.push_str(&format!("\n{doc}\n"));
    }
    let columns = view.columns(name);
    if !columns.is_empty() {
        text.push_str("\n| column | type | |\n|---|---|---|\n");
        for column in columns.iter().take(MAX_COLUMNS) {
            let is_key = if key.contains(&column.name) { "key " } else { "" };
            let doc = column.doc.as_deref().unwrap_or_default();
            text.push_str(&format!("| {} | {} | {is_key}{} |\n", cell(&column.name), cell(&column.shown()), cell(doc)));
        }
        if columns.len() > MAX_COLUMNS {
            text.push_str(&format!("\n… and {} more\n", columns.len() - MAX_COLUMNS));
        }
    }
    let readers = model.graph.readers(name).len();
    if readers > 0 {
        let all = model.graph.descendants(name).len();
        text.push_str(&format!("\nread by {readers}, a change may reach {all}\n"));
    }
    Some(text)
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}

fn column(view: &View, of: &RelationName, name: &str) -> Option<String> {
    let column: &Column = view.columns(of).iter().find(|column| column.name == name)?;
    let mut text = format!("```pie\n{name} {}\n```\nof `{of}`\n", column.shown());
    if let Some(doc) = &column.doc {
        text.push_str(&format!("\n{doc}\n"));
    }
    Some(text)
}
