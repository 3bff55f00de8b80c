//! What must hold of the parser.

use super::tokens::{self, Token};
use super::tree::{Node, meaning, nodes};
use super::{Pieces, Violation, broken, generate};
use crate::fuzz::random::Random;
use icepie::diagnostic::{Code, Diagnostic, human};
use icepie::syntax::{self, Parse};
use icepie::text::{FileId, SourceMap, Span};

/// A text that the grammar takes.
pub fn is_right(text: &str) -> Result<(), Violation> {
    any(text)?;
    match first_error(&syntax::parse(FileId(0), text)) {
        Some(found) => broken("a right text has no errors", format!("{found:?}")),
        None => Ok(()),
    }
}

/// What looks odd is warned about, and may be right.
fn first_error(parse: &Parse) -> Option<&Diagnostic> {
    parse.diagnostics.iter().find(|found| found.is_error())
}

/// Any text.
pub fn any(text: &str) -> Result<(), Violation> {
    let mut sources = SourceMap::default();
    let id = sources.add("a.pie", text);
    let parse = syntax::parse(id, text);
    for diagnostic in &parse.diagnostics {
        for span in spans(diagnostic) {
            if text.get(span.range()).is_none() {
                return broken("the spans of a finding lie in the text", format!("{diagnostic:?}"));
            }
        }
    }
    human::render(&parse.diagnostics, &sources, false);
    let nodes = nodes(&parse.file, text);
    let mut end = 0;
    for node in &nodes {
        lies_in(node, text, Span::new(id, 0, text.len()))?;
        if node.span.start < end {
            return broken("declarations stand one behind another", meaning(&nodes));
        }
        end = node.span.end;
    }
    let is_broken = nodes.iter().any(|node| node.what.ends_with("broken=true"));
    if is_broken && first_error(&parse).is_none() {
        return broken("a broken declaration has an error", meaning(&nodes));
    }
    nothing_is_lost(&parse, text)
}

/// The places of a finding and of its fixes.
fn spans(diagnostic: &Diagnostic) -> Vec<Span> {
    let fixes = diagnostic.fixes.iter().flat_map(|fix| fix.edits.iter().map(|(span, _)| *span));
    let labels = diagnostic.labels.iter().map(|label| label.span);
    diagnostic.span.into_iter().chain(labels).chain(fixes).collect()
}

fn lies_in(node: &Node, text: &str, parent: Span) -> Result<(), Violation> {
    let place = || format!("{} at {:?}, in {:?}", node.what, node.span.range(), parent.range());
    if text.get(node.span.range()).is_none() {
        return broken("spans lie in the text, between characters", place());
    }
    if !node.beside && (node.span.start < parent.start || parent.end < node.span.end) {
        return broken("a node lies in its parent", place());
    }
    node.children.iter().try_for_each(|child| lies_in(child, text, node.span))
}

/// Each stretch of tokens outside of declarations touches a finding.
fn nothing_is_lost(parse: &Parse, text: &str) -> Result<(), Violation> {
    let declared = |token: &Token| {
        let (start, end) = (token.start as u32, (token.start + token.text.len()) as u32);
        parse.file.declarations.iter().any(|declaration| {
            let span = declaration.span();
            span.start < end && start < span.end
        })
    };
    let mut stretch: Option<(usize, usize)> = None;
    let mut stretches = Vec::new();
    for token in tokens::tokens(text).iter().filter(|token| token.is_significant()) {
        if declared(token) {
            stretches.extend(stretch.take());
        } else {
            let start = stretch.map_or(token.start, |(start, _)| start);
            stretch = Some((start, token.start + token.text.len()));
        }
    }
    stretches.extend(stretch);
    // Behind a quote that isn't where one may stand, or that is never closed, nobody can say which tokens there are.
    let open = [Code::UnclosedDelimiter, Code::UnterminatedText];
    let unclosed = parse.diagnostics.iter().filter(|found| open.contains(&found.code)).filter_map(|found| found.span);
    let quotes = stretches.iter().filter_map(|(start, end)| Some(start + text[*start..*end].find(['\'', '"', '$'])?));
    let end = unclosed.map(|span| span.start as usize).chain(quotes).min().unwrap_or(text.len());
    stretches.retain(|(start, _)| *start < end);
    for (start, end) in stretches {
        let touches = |span: &Span| span.start as usize <= end && start <= span.end as usize;
        if !parse.diagnostics.iter().flat_map(spans).any(|span| touches(&span)) {
            return broken("what is left out is reported", format!("{:?} at {start}", &text[start..end]));
        }
    }
    Ok(())
}

/// Between two files that stand in one text.
const SEAM: &str = "\n\n-- the second file\n\n";

pub fn two_files(random: &mut Random) -> Pieces {
    let mut pieces = generate::file(random);
    pieces.push(SEAM.to_owned());
    pieces.extend(generate::file(random));
    pieces
}

/// Two right files in one are the declarations of both.
pub fn side_by_side(text: &str) -> Result<(), Violation> {
    let Some((first, second)) = text.split_once(SEAM) else { return Ok(()) };
    let [one, two, both] = [first, second, text].map(|text| syntax::parse(FileId(0), text));
    if first_error(&one).is_some() || first_error(&two).is_some() {
        return Ok(());
    }
    let rule = "two files in one are the declarations of both";
    if let Some(found) = first_error(&both) {
        return broken(rule, format!("{found:?}"));
    }
    let (one, two, both) = (nodes(&one.file, first), nodes(&two.file, second), nodes(&both.file, text));
    let (expected, found) = (meaning(&one) + &meaning(&two), meaning(&both));
    if expected != found {
        return broken(rule, format!("{expected}\nin one:\n{found}"));
    }
    let mut expected = Vec::new();
    places(&one, 0, &mut expected);
    places(&two, first.len() + SEAM.len(), &mut expected);
    let mut found = Vec::new();
    places(&both, 0, &mut found);
    if expected == found { Ok(()) } else { broken(rule, format!("{expected:?}\nin one:\n{found:?}")) }
}

fn places(nodes: &[Node], shift: usize, into: &mut Vec<(usize, usize)>) {
    for node in nodes {
        into.push((node.span.start as usize + shift, node.span.end as usize + shift));
        places(&node.children, shift, into);
    }
}
