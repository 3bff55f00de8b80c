//! What a relation's name in a query stands for.

use super::{Declarations, RelationDeclaration};
use crate::diagnostic::{Code, Diagnostic, nearest};
use crate::name::RelationName;
use crate::sql::{ParsedExpression, RelationReference};
use crate::text::Span;

/// One place at which a query reads a relation.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Read {
    pub of: RelationName,
    /// The name as the query writes it; the key in its catalog.
    pub key: String,
    pub span: Span,
}

/// A slice's check with what its subqueries read.
#[derive(Clone, Debug)]
pub struct Check {
    pub name: String,
    pub span: Span,
    pub predicate: Option<ParsedExpression>,
    pub reads: Vec<Read>,
    pub unresolved: bool,
}

/// The relation that a reference in a query of `domain` can only mean, declared or not.
pub fn meant(reference: &RelationReference, domain: &str) -> Option<RelationName> {
    match reference.parts.as_slice() {
        [name] => Some(RelationName::new(domain, name)),
        [domain, name] => Some(RelationName::new(domain, name)),
        _ => None,
    }
}

/// Resolves the names of a query of `domain`. Gives what is read and whether every name stood for something. An error comes with a
/// suggestion as long as there are `suggestions` left.
pub fn resolve_reads(
    references: &[RelationReference],
    domain: &str,
    declarations: &Declarations,
    suggestions: &mut usize,
    diagnostics: &mut Vec<Diagnostic>,
) -> (Vec<Read>, bool) {
    let mut reads = Vec::new();
    let mut complete = true;
    for reference in references {
        match resolve_one(reference, domain, declarations, *suggestions > 0) {
            Ok(of) => reads.push(Read { of, key: reference.key(), span: reference.span }),
            Err(diagnostic) => {
                complete = false;
                *suggestions = suggestions.saturating_sub(1);
                diagnostics.push(*diagnostic);
            }
        }
    }
    (reads, complete)
}

fn resolve_one(
    reference: &RelationReference,
    domain: &str,
    declarations: &Declarations,
    suggest: bool,
) -> Result<RelationName, Box<Diagnostic>> {
    let Some(name) = meant(reference, domain) else {
        return Err(Box::new(
            Diagnostic::error(Code::UnknownRelation, format!("`{}` is no name of a table", reference.key()))
                .at(reference.span, "too many parts")
                .with_help("a table is written `DOMAIN.NAME`, or `NAME` inside its domain"),
        ));
    };
    match declarations.relations.get(&name) {
        Some(declaration) if declaration.is_public() || name.domain() == domain => Ok(name),
        Some(declaration) => Err(Box::new(private(reference.span, &name, domain, declaration))),
        None if !suggest => Err(Box::new(no_such(&name, reference.span))),
        None => Err(Box::new(unknown(reference, &name, domain, declarations))),
    }
}

fn no_such(name: &RelationName, span: Span) -> Diagnostic {
    Diagnostic::error(Code::UnknownRelation, format!("there is no source or slice `{name}`")).at(span, "unknown")
}

fn private(span: Span, name: &RelationName, domain: &str, declaration: &RelationDeclaration) -> Diagnostic {
    let kind = declaration.kind();
    Diagnostic::error(Code::PrivateRead, format!("`{name}` is private to the domain `{}`", name.domain()))
        .at(span, format!("read from the domain `{domain}`"))
        .with_label(declaration.name_span(), "declared here without `public`")
        .with_note(format!("a {kind} that isn't public may be changed or dropped by its team at any time"))
        .with_help(format!(
            "ask its owner to declare it `public {kind} {name}`, or read something of theirs that is public"
        ))
}

fn unknown(
    reference: &RelationReference,
    name: &RelationName,
    domain: &str,
    declarations: &Declarations,
) -> Diagnostic {
    let readable = |(other, declaration): &(&RelationName, &RelationDeclaration)| {
        declaration.is_public() || other.domain() == domain
    };
    let visible: Vec<&RelationName> = declarations.relations.iter().filter(readable).map(|(other, _)| other).collect();
    if reference.parts.len() == 2 && !declarations.domains.contains_key(name.domain()) {
        let used = declarations.relations.keys().any(|other| other.domain() == name.domain());
        if !used {
            let domains: Vec<&str> = declarations.domains.keys().map(String::as_str).collect();
            let diagnostic = Diagnostic::error(Code::UnknownDomain, format!("there is no domain `{}`", name.domain()));
            let diagnostic = diagnostic.at(reference.span, format!("`{}` isn't declared", name.domain()));
            return match crate::diagnostic::did_you_mean(name.domain(), domains) {
                Some(help) => diagnostic.with_help(help),
                None => diagnostic,
            };
        }
    }
    let diagnostic = no_such(name, reference.span);
    // The same name in another domain is the likeliest meaning, then a near name in this one.
    let elsewhere: Vec<String> = visible
        .iter()
        .filter(|other| other.name() == name.name() && other.domain() != name.domain())
        .map(|other| format!("`{other}`"))
        .collect();
    if !elsewhere.is_empty() {
        return diagnostic.with_help(format!("did you mean {}?", elsewhere.join(" or ")));
    }
    let spelled: Vec<String> = visible
        .iter()
        .map(|other| if other.domain() == domain { other.name().to_owned() } else { other.to_string() })
        .collect();
    let near = nearest(&reference.key(), spelled.iter().map(String::as_str));
    let near = if near.is_empty() {
        let by_name: Vec<&RelationName> =
            visible.iter().filter(|other| nearest(name.name(), [other.name()]).len() == 1).copied().collect();
        by_name
            .iter()
            .take(3)
            .map(|other| if other.domain() == domain { other.name().to_owned() } else { other.to_string() })
            .collect()
    } else {
        near.into_iter().map(str::to_owned).collect::<Vec<String>>()
    };
    match near.as_slice() {
        [] => diagnostic
            .with_help("a query reads declared sources and slices: `DOMAIN.NAME`, or `NAME` inside its domain"),
        [one] => diagnostic.with_help(format!("did you mean `{one}`?")).with_replacement(
            format!("write `{one}`"),
            reference.span,
            one.clone(),
        ),
        several => {
            let listed: Vec<String> = several.iter().map(|one| format!("`{one}`")).collect();
            diagnostic.with_help(format!("did you mean {}?", listed.join(" or ")))
        }
    }
}
