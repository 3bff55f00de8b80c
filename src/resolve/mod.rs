//! Syntax trees → declarations by name, and what each query and check reads.
//!
//! All files form one namespace: file names and their order mean nothing. What a name in a query stands for is decided
//! here, with visibility between domains; types come later, in `semantic`, when `graph` has said in which order.

mod declare;
mod reference;

pub use declare::{Declared, resolve};
pub use reference::{Check, Read};

use crate::name::RelationName;
use crate::sql::ParsedQuery;
use crate::syntax::ast;
use crate::text::FileId;
use std::collections::BTreeMap;

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

    /// What the declaration's query and checks read; nothing for a source.
    pub fn reads(&self) -> impl Iterator<Item = &Read> {
        let slice = match self {
            RelationDeclaration::Source(_) => None,
            RelationDeclaration::Slice(slice) => Some(slice),
        };
        slice.into_iter().flat_map(|slice| slice.reads.iter())
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
