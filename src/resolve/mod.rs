//! Syntax trees → declarations by name, and what each query and check reads.
//!
//! All files form one namespace: file names and their order mean nothing. What a name in a query stands for is decided
//! here, with visibility between domains; types come later, in `semantic`, when `graph` has said in which order.

mod declare;
mod reference;
mod lookalike;

pub use declare::{
    Declared, Findings, MAX_SUGGESTIONS, NO_DOMAIN, OfFile, Resolved, of_file, read_declaration, resolve,
    resolve_slice, resolve_test,
};
pub use lookalike::{has_foreign_names, warn as warn_of_lookalikes};
pub use reference::{Check, Read};

use crate::name::RelationName;
use crate::sql::ParsedQuery;
use crate::syntax::ast;
use crate::text::FileId;
use std::collections::{BTreeMap, BTreeSet};

/// Every declaration by name, each first of its name.
#[derive(Clone, Default, Debug)]
pub struct Declarations {
    pub domains: BTreeMap<String, ast::Domain>,
    pub relations: BTreeMap<RelationName, RelationDeclaration>,
    /// In the order of files and text.
    pub tests: Vec<TestDeclaration>,
}

/// A source or a slice.
#[derive(Clone, Debug)]
pub enum RelationDeclaration {
    Source(Box<SourceDeclaration>),
    Slice(Box<SliceDeclaration>),
}

impl RelationDeclaration {
    pub fn name(&self) -> &RelationName {
        match self {
            RelationDeclaration::Source(source) => &source.name,
            RelationDeclaration::Slice(slice) => &slice.name,
        }
    }

    pub fn file(&self) -> FileId {
        match self {
            RelationDeclaration::Source(source) => source.file,
            RelationDeclaration::Slice(slice) => slice.file,
        }
    }

    pub fn is_public(&self) -> bool {
        match self {
            RelationDeclaration::Source(source) => source.syntax.public,
            RelationDeclaration::Slice(slice) => slice.syntax.public,
        }
    }

    pub fn name_span(&self) -> crate::text::Span {
        match self {
            RelationDeclaration::Source(source) => source.syntax.name.span,
            RelationDeclaration::Slice(slice) => slice.syntax.name.span,
        }
    }

    /// "source" or "slice", for messages.
    pub fn kind(&self) -> &'static str {
        match self {
            RelationDeclaration::Source(_) => "source",
            RelationDeclaration::Slice(_) => "slice",
        }
    }

    /// The slice, if it is one.
    pub fn slice(&self) -> Option<&SliceDeclaration> {
        match self {
            RelationDeclaration::Source(_) => None,
            RelationDeclaration::Slice(slice) => Some(slice),
        }
    }

    /// What the declaration's query reads; nothing for a source.
    pub fn reads(&self) -> impl Iterator<Item = &Read> {
        self.slice().into_iter().flat_map(|slice| slice.reads.iter())
    }

    /// What the declaration's checks read.
    pub fn check_reads(&self) -> impl Iterator<Item = &Read> {
        self.slice().into_iter().flat_map(|slice| slice.checks.iter().flat_map(|check| &check.reads))
    }

    /// What the declaration depends on, each once, by name. A check may read its own slice, since it runs on rows that are built.
    pub fn inputs(&self) -> BTreeSet<&RelationName> {
        let of_checks = self.check_reads().filter(|read| &read.of != self.name());
        self.reads().chain(of_checks).map(|read| &read.of).collect()
    }

    /// The relations that the texts of its query and checks name, declared or not.
    pub fn names(&self) -> BTreeSet<RelationName> {
        let Some(slice) = self.slice() else { return BTreeSet::new() };
        let of_query = slice.query.iter().flat_map(|query| &query.references);
        let predicates = slice.checks.iter().filter_map(|check| check.predicate.as_ref());
        let all = of_query.chain(predicates.flat_map(|predicate| predicate.references()));
        all.filter_map(|reference| reference::meant(reference, slice.name.domain())).collect()
    }

    /// What the declaration reads isn't known whole: errors that may follow from that stay silent.
    pub fn is_unread(&self) -> bool {
        self.slice().is_some_and(|slice| slice.query.is_none() || slice.unresolved || slice.syntax.broken)
    }
}

#[derive(Clone, Debug)]
pub struct SourceDeclaration {
    pub file: FileId,
    pub name: RelationName,
    pub syntax: ast::Source,
}

#[derive(Clone, Debug)]
pub struct SliceDeclaration {
    pub file: FileId,
    pub name: RelationName,
    pub syntax: ast::Slice,
    /// `None` where the query is missing or in error; that was reported.
    pub query: Option<ParsedQuery>,
    /// What the query reads, in the order of the text.
    pub reads: Vec<Read>,
    pub checks: Vec<Check>,
    /// A name in the query stands for nothing that may be read; that was reported.
    pub unresolved: bool,
}

#[derive(Clone, Debug)]
pub struct TestDeclaration {
    pub file: FileId,
    pub subject: Option<RelationName>,
    pub syntax: ast::Test,
    /// The relation of each `given`, `None` where it stands for nothing; that was reported.
    pub givens: Vec<Option<RelationName>>,
}
