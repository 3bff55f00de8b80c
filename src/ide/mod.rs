//! A checked project and a place in it → what an editor asks for: what stands there, where else it stands, what may be written.
//!
//! Pure functions from values to values; `lsp` puts them into a protocol. A project in error still has answers: relations keep the
//! columns that they had when they were right.

mod complete;
mod hover;
mod occurrence;
mod outline;
mod rename;

pub use complete::{Candidate, CandidateKind, complete};
pub use hover::{Hover, hover};
pub use occurrence::{Occurrence, Role, Symbol, at, in_file, of};
pub use outline::{Folding, Hint, Item, ItemKind, Lens, folding, hints, lenses, outline};
pub use rename::{Renamed, rename, renameable};

use crate::driver::Project;
use crate::name::RelationName;
use crate::resolve::RelationDeclaration;
use crate::semantic::Column;
use std::collections::BTreeMap;

/// A project as an editor sees it.
#[derive(Clone, Debug)]
pub struct View {
    pub project: Project,
    /// Columns that relations had when they were right, of those that have none now.
    good: BTreeMap<RelationName, Vec<Column>>,
}

impl View {
    /// A project that was checked anew, with what an earlier view knew of columns.
    pub fn new(project: Project, good: BTreeMap<RelationName, Vec<Column>>) -> View {
        View { project, good }
    }

    /// All columns that are known, for a view of the same project later.
    pub fn into_good(mut self) -> BTreeMap<RelationName, Vec<Column>> {
        let model = &self.project.model;
        for name in model.declarations.relations.keys() {
            let columns = model.columns(name).unwrap_or_default();
            if !columns.is_empty() {
                self.good.insert(name.clone(), columns.to_vec());
            }
        }
        self.good
    }

    /// Keeps columns that relations have lost.
    pub fn keep_columns(&mut self, lost: Vec<(RelationName, Vec<Column>)>) {
        self.good.extend(lost);
    }

    /// The columns of a relation: as they are, or as they were when its declaration was right.
    pub fn columns(&self, name: &RelationName) -> &[Column] {
        match self.project.model.columns(name) {
            Some(columns) if !columns.is_empty() => columns,
            _ => self.good.get(name).map(Vec::as_slice).unwrap_or_default(),
        }
    }

    fn declaration(&self, name: &RelationName) -> Option<&RelationDeclaration> {
        self.project.model.declarations.relations.get(name)
    }
}

/// Where a symbol is declared. A column that stands alone in a select list is declared there.
pub fn definition(view: &View, symbol: &Symbol) -> Vec<crate::text::Span> {
    let model = &view.project.model;
    match symbol {
        Symbol::Domain(name) => {
            let of = view.project.parses.iter().flat_map(|parse| &parse.file.declarations);
            let named = of.filter_map(|declaration| match declaration {
                crate::syntax::ast::Declaration::Domain(domain) if domain.name.text == *name => Some(domain.name.span),
                _ => None,
            });
            named.collect()
        }
        Symbol::Relation(name) => view.declaration(name).map(|declared| declared.name_span()).into_iter().collect(),
        Symbol::Column(of, name) => {
            let declared = occurrence::of(view, symbol).into_iter().filter(|found| found.role == Role::Declaration);
            let places: Vec<_> = declared.map(|found| found.span).collect();
            if !places.is_empty() {
                return places;
            }
            let column = model.columns(of).unwrap_or_default().iter().find(|column| column.name == *name);
            let place = column.and_then(|column| column.span);
            place.or_else(|| view.declaration(of).map(|declared| declared.name_span())).into_iter().collect()
        }
    }
}
