//! Text of a `.pie` file → syntax tree, with every error found; syntax tree → formatted text.
//!
//! [`parse`] never fails: what can't be read is left out and reported, and the rest of the file is still understood. A
//! file without errors goes through `grammar/pie.pest` in one pass; otherwise [`recovery`] cuts it into declarations and
//! clauses and sends each through the same grammar by itself. pest is named nowhere else.

pub mod ast;
mod builder;
pub mod confusable;
mod deceptive;
mod docs;
mod expected;
mod foreign;
pub mod format;
mod recovery;
mod table;

pub use builder::dotted;

use crate::diagnostic::Diagnostic;
use crate::text::FileId;
use pest::Parser;

#[derive(pest_derive::Parser)]
#[grammar = "../grammar/pie.pest"]
struct PieParser;

/// A file's syntax tree and what is wrong with it. With errors the tree is a part: see [`ast::Slice::broken`].
#[derive(Clone, Debug)]
pub struct Parse {
    pub file: ast::File,
    pub diagnostics: Vec<Diagnostic>,
}

/// Parses one file. Total on any text; linear in its length for text that is right.
pub fn parse(id: FileId, text: &str) -> Parse {
    limit_calls();
    let mut builder = builder::Builder::new(id, text);
    let parsed = PieParser::parse(Rule::file, text).map(|mut pairs| {
        let file = pairs.next().expect("a parsed rule has one pair");
        let declared = file.clone().into_inner().filter(|pair| pair.as_rule() != Rule::EOI);
        let end = declared.last().map_or(0, |last| last.as_span().end());
        (file, recovery::ends_in_comment(text, end))
    });
    let declarations = match parsed {
        Ok((file, false)) => builder.at(0).declarations(file.into_inner()),
        Ok((_, true)) => recovery::recover(&mut builder),
        Err(error) => {
            let declarations = recovery::recover(&mut builder);
            if !builder.has_errors() {
                recovery::report_whole(&mut builder, &error);
            }
            declarations
        }
    };
    let file = ast::File { id, declarations };
    let mut diagnostics = builder.into_diagnostics();
    diagnostics.extend(deceptive::warn(id, text));
    diagnostics.extend(confusable::warn(&file, text));
    Parse { file, diagnostics }
}

/// Keeps a hostile text from backtracking for ever. The limit is process-wide in pest and counts one parse; the largest
/// file (1 MiB by default) needs a few dozen calls a byte.
fn limit_calls() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| pest::set_call_limit(std::num::NonZeroUsize::new(400_000_000)));
}
