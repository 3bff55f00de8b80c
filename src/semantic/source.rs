//! A source's declaration → its columns, key, partition columns, path template and format.

use super::template::PathTemplate;
use super::{Column, Known, Source, contract, format, remembered};
use crate::diagnostic::Diagnostic;
use crate::resolve::SourceDeclaration;
use crate::sql::Relation;
use std::collections::BTreeSet;

pub(super) fn analyze(declaration: &SourceDeclaration, diagnostics: &mut Vec<Diagnostic>) -> (Source, Known) {
    let syntax = &declaration.syntax;
    let before = diagnostics.len();
    let declared = syntax.columns.as_ref().map(|list| contract::columns(list, diagnostics));
    let (columns, poisoned) = declared.unwrap_or_default();
    let mut columns: Vec<Column> = columns;
    let known: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
    let subject = format!("the source `{}`", declaration.name);
    let names =
        |list: &Option<crate::syntax::ast::NameList>, clause: &str, diagnostics: &mut Vec<Diagnostic>| match list {
            Some(list) if !syntax.broken => contract::column_names(list, clause, &subject, &known, diagnostics),
            Some(_) | None => Vec::new(),
        };
    let key = names(&syntax.key, "key", diagnostics);
    let partition_by = names(&syntax.partition_by, "partition by", diagnostics);
    let from = syntax.from.as_ref().and_then(|text| {
        let template = PathTemplate::parse(text, &partition_by, diagnostics)?;
        template.check_captures(text, &known, &partition_by, syntax.broken, diagnostics);
        Some(template)
    });
    let file_format = format::read(syntax, diagnostics);
    // A key is a promise of not-null too, verified at freezing.
    for column in &mut columns {
        if key.contains(&column.name) {
            column.nullable = false;
        }
    }
    let valid = diagnostics[before..].iter().all(|diagnostic| !diagnostic.is_error()) && !syntax.broken;
    let relation = (!columns.is_empty() && !syntax.broken).then(|| Relation {
        name: declaration.name.clone(),
        schema: super::schema_of(&columns),
        key: if valid { key.clone() } else { Vec::new() },
        view: None,
    });
    let source = Source {
        name: declaration.name.clone(),
        file: declaration.file,
        name_span: syntax.name.span,
        from_span: syntax.from.as_ref().map(|from| from.span),
        public: syntax.public,
        doc: syntax.doc.as_ref().map(|doc| doc.text.clone()),
        from,
        format: file_format,
        columns,
        key,
        partition_by,
        valid,
    };
    let poisoned: BTreeSet<String> = poisoned.into_iter().collect();
    let identity = remembered::identity(&relation, &poisoned, None).filter(|_| valid);
    (source, Known { relation, poisoned, scans: 1, identity })
}
