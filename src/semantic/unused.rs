//! A private declaration that nothing reads is likely forgotten.

use crate::diagnostic::{Code, Diagnostic};
use crate::graph::DependencyGraph;
use crate::resolve::{Declarations, RelationDeclaration};

pub fn warn(declarations: &Declarations, graph: &DependencyGraph, diagnostics: &mut Vec<Diagnostic>) {
    // A query in error may have been the reader: say nothing then.
    let readers_unknown = declarations.relations.values().any(|declaration| match declaration {
        RelationDeclaration::Slice(slice) => slice.query.is_none() || slice.unresolved || slice.syntax.broken,
        RelationDeclaration::Source(_) => false,
    });
    if readers_unknown {
        return;
    }
    for (name, declaration) in &declarations.relations {
        if declaration.is_public() || graph.in_cycle(name) || !graph.readers(name).is_empty() {
            continue;
        }
        let kind = declaration.kind();
        diagnostics.push(
            Diagnostic::warning(Code::UnusedPrivate, format!("the private {kind} `{name}` is read by nothing"))
                .at(declaration.name_span(), "never read")
                .with_help(format!("declare it `public {kind} {name}` if others read it, or remove it")),
        );
    }
}
