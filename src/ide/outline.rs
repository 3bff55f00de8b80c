//! What a file holds: its outline, what folds, types beside columns, what a change reaches.

use super::{View, occurrence};
use crate::sql::types::display_type;
use crate::syntax::ast::{Declaration, File};
use crate::text::{FileId, SourceText, Span};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ItemKind {
    Domain,
    Source,
    Slice,
    Test,
    Column,
    Check,
}

/// Something that a file declares.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Item {
    pub name: String,
    pub detail: String,
    pub kind: ItemKind,
    pub span: Span,
    /// Its name.
    pub selection: Span,
    pub children: Vec<Item>,
}

/// The declarations of a file, with their columns and checks.
pub fn outline(file: &File) -> Vec<Item> {
    let item = |name: String, detail: &str, kind, span: Span, selection: Span| {
        let selection = Span { start: selection.start.max(span.start), end: selection.end.min(span.end), ..selection };
        Item { name, detail: detail.to_owned(), kind, span, selection, children: Vec::new() }
    };
    let columns = |list: &Option<crate::syntax::ast::ColumnList>| -> Vec<Item> {
        let columns = list.iter().flat_map(|list| &list.columns);
        let column = |column: &crate::syntax::ast::Column| {
            item(column.name.text.clone(), &column.data_type.value, ItemKind::Column, column.span, column.name.span)
        };
        columns.map(column).collect()
    };
    let full = |name: &crate::syntax::ast::QualifiedName| match &name.domain {
        Some(domain) => format!("{}.{}", domain.text, name.name.text),
        None => name.name.text.clone(),
    };
    let of = |declaration: &Declaration| match declaration {
        Declaration::Domain(domain) => {
            let owner = domain.owner.as_ref().map(|owner| owner.value.as_str()).unwrap_or_default();
            item(domain.name.text.clone(), owner, ItemKind::Domain, domain.span, domain.name.span)
        }
        Declaration::Source(source) => {
            let from = source.from.as_ref().map(|from| from.value.as_str()).unwrap_or_default();
            let children = columns(&source.columns);
            Item { children, ..item(full(&source.name), from, ItemKind::Source, source.span, source.name.span) }
        }
        Declaration::Slice(slice) => {
            let mut children = columns(&slice.columns);
            let check = |check: &crate::syntax::ast::Check| {
                item(check.name.text.clone(), "check", ItemKind::Check, check.span, check.name.span)
            };
            children.extend(slice.checks.iter().map(check));
            let detail = if slice.is_virtual { "virtual slice" } else { "slice" };
            Item { children, ..item(full(&slice.name), detail, ItemKind::Slice, slice.span, slice.name.span) }
        }
        Declaration::Test(test) => {
            item(test.title.value.clone(), &full(&test.slice), ItemKind::Test, test.span, test.slice.span)
        }
    };
    file.declarations.iter().map(of).collect()
}

/// Lines that fold into their first, counted from 0.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Folding {
    pub first: u32,
    pub last: u32,
    pub is_comment: bool,
}

/// Declarations and queries of more than a line, and comments that go over several.
pub fn folding(file: &File, text: &SourceText) -> Vec<Folding> {
    let mut found: Vec<Folding> = Vec::new();
    let mut fold = |span: Span| {
        let (first, last) = (text.position(span.start).line - 1, text.position(span.end).line - 1);
        if first < last {
            found.push(Folding { first, last, is_comment: false });
        }
    };
    for declaration in &file.declarations {
        fold(declaration.span());
        if let Declaration::Slice(slice) = declaration
            && let Some(query) = slice.query
        {
            fold(query.span);
        }
    }
    let mut comment: Option<u32> = None;
    let lines = text.text().lines().chain(std::iter::once(""));
    for (number, line) in lines.enumerate() {
        let number = number as u32;
        match (line.trim_start().starts_with("--"), comment) {
            (true, None) => comment = Some(number),
            (false, Some(first)) => {
                if first + 1 < number {
                    found.push(Folding { first, last: number - 1, is_comment: true });
                }
                comment = None;
            }
            _ => {}
        }
    }
    found.sort_by_key(|folding| (folding.first, std::cmp::Reverse(folding.last)));
    found.dedup_by_key(|folding| (folding.first, folding.last));
    found
}

/// A text that is shown behind an offset.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Hint {
    pub offset: u32,
    pub text: String,
}

/// The types of the columns that queries give, behind their names.
pub fn hints(view: &View, file: FileId) -> Vec<Hint> {
    let text = view.project.workspace.sources.get(file).text();
    let mut hints = Vec::new();
    for slice in view.project.model.slices.values().filter(|slice| slice.file == file) {
        let Some(query) = slice.query_span else { continue };
        // A contract says it already.
        for column in &slice.columns {
            let inside = |span: &Span| span.file == file && query.start <= span.start && span.end <= query.end;
            let Some(place) = column.span.filter(inside) else { continue };
            // Columns of a `*` share its place.
            if text[place.range()].ends_with('*') {
                continue;
            }
            let end = occurrence::alias_behind(text, place, query, &column.name).map_or(place.end, |alias| alias.end);
            hints.push(Hint { offset: end, text: display_type(&column.data_type) });
        }
    }
    hints.sort_by_key(|hint| hint.offset);
    hints
}

/// What stands above a declaration.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Lens {
    pub span: Span,
    pub text: String,
}

/// How many slices a change of each declaration may reach.
pub fn lenses(view: &View, file: FileId) -> Vec<Lens> {
    let model = &view.project.model;
    let mut lenses = Vec::new();
    for (name, declared) in &model.declarations.relations {
        let span = declared.name_span();
        if span.file != file {
            continue;
        }
        let readers = model.graph.readers(name);
        let text = match (readers.len(), model.graph.descendants(name).len()) {
            (0, _) => "nobody reads it".to_owned(),
            (_, all) => {
                let others = readers.iter().filter(|reader| reader.domain() != name.domain()).count();
                let plural = if all == 1 { "slice" } else { "slices" };
                match others {
                    0 => format!("changes {all} {plural}"),
                    others => format!("changes {all} {plural}; {others} readers in other domains"),
                }
            }
        };
        lenses.push(Lens { span, text });
    }
    lenses.sort_by_key(|lens| lens.span.start);
    lenses
}
