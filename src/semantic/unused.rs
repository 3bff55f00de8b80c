//! A private declaration that nothing reads is likely forgotten.

use crate::diagnostic::{Code, Diagnostic};
use crate::graph::DependencyGraph;
use crate::resolve::{Declarations, RelationDeclaration};

/// Warnings of all private declarations that nothing reads; none where a query in error may have been the reader.
pub fn warn(declarations: &Declarations, graph: &DependencyGraph) -> Vec<Diagnostic> {
    if declarations.relations.values().any(RelationDeclaration::is_unread) {
        return Vec::new();
    }
    let nobody = declarations.relations.iter().filter(|(name, declaration)| {
        !declaration.is_public() && !graph.in_cycle(name) && graph.readers(name).is_empty()
    });
    nobody.map(|(_, declaration)| unused(declaration)).collect()
}

/// Warns of a private declaration that nothing reads.
pub fn unused(declaration: &RelationDeclaration) -> Diagnostic {
    let (kind, name) = (declaration.kind(), declaration.name());
    Diagnostic::warning(Code::UnusedPrivate, format!("the private {kind} `{name}` is read by nothing"))
        .at(declaration.name_span(), "never read")
        .with_help(format!("declare it `public {kind} {name}` if others read it, or remove it"))
}
