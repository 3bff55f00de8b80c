//! The typed model of a project.

use super::{FileFormat, PathTemplate};
use crate::graph::DependencyGraph;
use crate::memo::Key;
use crate::name::RelationName;
use crate::resolve::{Declarations, Read};
use crate::sql::types::display_type;
use crate::sql::{DataType, Field, LazyPlan, Schema, SchemaRef};
use crate::syntax::ast;
use crate::text::{FileId, Span};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Everything that the declarations of a project mean.
#[derive(Clone, Debug)]
pub struct SemanticModel {
    pub domains: BTreeMap<String, Domain>,
    pub sources: BTreeMap<RelationName, Source>,
    pub slices: BTreeMap<RelationName, Slice>,
    pub tests: Vec<Test>,
    pub graph: DependencyGraph,
    pub declarations: Declarations,
    /// Every file and every declaration could be read: what isn't here is declared nowhere.
    pub complete: bool,
}

#[derive(Clone, Debug)]
pub struct Domain {
    pub name: String,
    pub owner: Option<String>,
    pub doc: Option<String>,
    pub span: Span,
}

#[derive(Clone, PartialEq, Debug)]
pub struct Column {
    pub name: String,
    pub data_type: DataType,
    pub nullable: bool,
    pub doc: Option<String>,
    pub span: Option<Span>,
}

#[derive(Clone, Debug)]
pub struct Source {
    pub name: RelationName,
    pub file: FileId,
    pub name_span: Span,
    pub from_span: Option<Span>,
    pub public: bool,
    pub doc: Option<String>,
    pub from: Option<PathTemplate>,
    pub format: Option<FileFormat>,
    pub columns: Vec<Column>,
    pub key: Vec<String>,
    pub partition_by: Vec<String>,
    /// No error was found in the declaration.
    pub valid: bool,
}

#[derive(Clone, Debug)]
pub struct Slice {
    pub name: RelationName,
    pub file: FileId,
    pub name_span: Span,
    pub query_span: Option<Span>,
    pub public: bool,
    pub is_virtual: bool,
    pub doc: Option<String>,
    /// Empty where they aren't known because of an error.
    pub columns: Vec<Column>,
    pub key: Vec<String>,
    pub partition_by: Vec<String>,
    pub sort_by: Vec<String>,
    pub checks: Vec<Check>,
    pub stale_after_seconds: Option<u64>,
    /// What the query reads, each place.
    pub reads: Vec<Read>,
    /// The query's tokens in one canonical spelling.
    pub normalized: String,
    /// The analysed plan; none with any error in the query.
    pub plan: LazyPlan,
    /// A digest of the declaration and of what is known of all that it reads: slices of one name that agree in it have the
    /// same columns and plans. `None` where something is in error or warned about.
    pub identity: Option<Key>,
    /// No error was found in the declaration or in what it reads.
    pub valid: bool,
}

/// A check that a slice's rows must pass.
#[derive(Clone, Debug)]
pub struct Check {
    pub name: String,
    pub span: Span,
    /// The predicate's tokens in one canonical spelling.
    pub normalized: String,
    pub reads: Vec<Read>,
    /// The plan of the rows for which the predicate is false.
    pub violations: LazyPlan,
}

#[derive(Clone, Debug)]
pub struct Test {
    pub file: FileId,
    pub slice: Option<RelationName>,
    pub givens: Vec<Option<RelationName>>,
    pub syntax: ast::Test,
}

impl SemanticModel {
    /// The columns of a source or slice.
    pub fn columns(&self, name: &RelationName) -> Option<&[Column]> {
        let source = self.sources.get(name).map(|source| source.columns.as_slice());
        source.or_else(|| self.slices.get(name).map(|slice| slice.columns.as_slice()))
    }

    /// Slices that are stored, in dependency order.
    pub fn stored_slices(&self) -> impl Iterator<Item = &Slice> {
        let slices = self.graph.order().iter().filter_map(|name| self.slices.get(name));
        slices.filter(|slice| !slice.is_virtual)
    }

    /// What a relation reads with virtual slices replaced by what they read, by name.
    pub fn stored_inputs(&self, reads: &[Read]) -> Vec<RelationName> {
        let mut inputs = std::collections::BTreeSet::new();
        let mut queue: Vec<&RelationName> = reads.iter().map(|read| &read.of).collect();
        let mut seen = std::collections::BTreeSet::new();
        while let Some(name) = queue.pop() {
            if !seen.insert(name) {
                continue;
            }
            match self.slices.get(name) {
                Some(slice) if slice.is_virtual => queue.extend(slice.reads.iter().map(|read| &read.of)),
                _ => {
                    inputs.insert(name.clone());
                }
            }
        }
        inputs.into_iter().collect()
    }
}

/// Columns as an Arrow schema, the form in which data is stored and read.
pub fn schema_of(columns: &[Column]) -> SchemaRef {
    let field = |column: &Column| Field::new(&column.name, column.data_type.clone(), column.nullable);
    Arc::new(Schema::new(columns.iter().map(field).collect::<Vec<_>>()))
}

impl Column {
    /// The type as people write it, with `not null` where it is promised.
    pub fn shown(&self) -> String {
        let not_null = if self.nullable { "" } else { " not null" };
        format!("{}{not_null}", display_type(&self.data_type))
    }
}

pub(super) fn assemble(
    declarations: Declarations,
    graph: DependencyGraph,
    sources: BTreeMap<RelationName, Source>,
    slices: BTreeMap<RelationName, Slice>,
) -> SemanticModel {
    let domains = declarations.domains.iter().map(|(name, syntax)| (name.clone(), domain_of(syntax))).collect();
    let tests = declarations.tests.iter().map(test_of).collect();
    SemanticModel { domains, sources, slices, tests, graph, declarations, complete: true }
}

/// A domain's declaration, as the model has it.
pub fn domain_of(domain: &ast::Domain) -> Domain {
    Domain {
        name: domain.name.text.clone(),
        owner: domain.owner.as_ref().map(|owner| owner.value.clone()),
        doc: domain.doc.as_ref().map(|doc| doc.text.clone()),
        span: domain.span,
    }
}

/// A test's declaration, as the model has it.
pub fn test_of(test: &crate::resolve::TestDeclaration) -> Test {
    Test { file: test.file, slice: test.subject.clone(), givens: test.givens.clone(), syntax: test.syntax.clone() }
}
