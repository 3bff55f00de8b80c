//! Two names of different files that look the same. What one file can tell by itself, [`confusable`] has told.

use super::{Declarations, RelationDeclaration};
use crate::diagnostic::Diagnostic;
use crate::syntax::ast;
use crate::syntax::confusable::{self, Spellings, Twins};
use crate::text::FileId;
use std::collections::BTreeSet;

/// Warns of domains, sources, slices and declared columns whose name looks like one of another file.
pub fn warn(declarations: &Declarations) -> Vec<Diagnostic> {
    if !has_foreign_names(declarations.domains.values(), declarations.relations.values()) {
        return Vec::new();
    }
    let mut spellings = Spellings::new();
    for name in names(declarations) {
        spellings.entry(&name.text).or_default().push(name.span);
    }
    for places in spellings.values_mut() {
        places.sort_unstable();
    }
    let files = |name: &str| spellings[name].iter().map(|span| span.file).collect::<BTreeSet<FileId>>();
    let apart = |twins: &Twins| files(twins.name).is_disjoint(&files(twins.other));
    let twins = confusable::twins(&spellings);
    twins.iter().filter(|twins| apart(twins)).map(Twins::diagnostic).collect()
}

fn names(declarations: &Declarations) -> impl Iterator<Item = &ast::Name> {
    let domains = declarations.domains.values().map(|domain| &domain.name);
    domains.chain(declarations.relations.values().flat_map(names_of))
}

/// Whether some name of these isn't ASCII alone. Where none is, none looks like another.
pub fn has_foreign_names<'a>(
    domains: impl IntoIterator<Item = &'a ast::Domain>,
    relations: impl IntoIterator<Item = &'a RelationDeclaration>,
) -> bool {
    let domains = domains.into_iter().map(|domain| &domain.name);
    domains.chain(relations.into_iter().flat_map(names_of)).any(|name| !name.text.is_ascii())
}

/// The name of a source or slice, and those of the columns that it declares.
fn names_of(declaration: &RelationDeclaration) -> impl Iterator<Item = &ast::Name> {
    let (name, columns) = match declaration {
        RelationDeclaration::Source(source) => (&source.syntax.name, &source.syntax.columns),
        RelationDeclaration::Slice(slice) => (&slice.syntax.name, &slice.syntax.columns),
    };
    let columns = columns.iter().flat_map(|list| &list.columns);
    std::iter::once(&name.name).chain(columns.map(|column| &column.name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resolve::OfFile;

    #[track_caller]
    fn check(texts: &[&str], expected: &[&str]) {
        let mut declarations = Declarations::default();
        for (id, text) in texts.iter().enumerate() {
            let parse = crate::syntax::parse(FileId(id as u32), text);
            let OfFile { domains, relations, .. } = crate::resolve::of_file(&parse.file);
            declarations.domains.extend(domains.into_iter().map(|domain| (domain.name.text.clone(), domain)));
            declarations.relations.extend(relations.into_iter().map(|relation| (relation.name().clone(), relation)));
        }
        let messages: Vec<String> = warn(&declarations).into_iter().map(|one| one.message).collect();
        assert_eq!(messages, expected);
    }

    #[test]
    fn names_of_two_files() {
        check(
            &["slice d.cop { select 1 as x }", "slice d.сор { select 1 as x }"],
            &["`сор` and `cop` look the same and are two names"],
        );
        check(&["domain orders { }", "slice d.umsätze { select 1 as x }"], &[]);
    }

    #[test]
    fn what_one_file_tells_is_told_once() {
        check(&["slice d.cop { select 1 as x }\nslice d.сор { select 1 as x }"], &[]);
        check(&["slice d.paid { select 1 as x }", "slice d.pаid { select 1 as x }"], &[]);
    }
}
