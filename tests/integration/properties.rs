//! Properties of the front end on texts that nobody wrote: files of the examples, cut and spoiled at random places.

use icepie::diagnostic::{Severity, human};
use icepie::driver::check;
use icepie::syntax;
use icepie::text::{FileId, SourceMap};
use icepie::workspace::Workspace;
use proptest::prelude::*;

const TEXTS: [&str; 6] = [
    include_str!("../../examples/ledgerx/payments.pie"),
    include_str!("../../examples/ledgerx/compliance.pie"),
    include_str!("../../examples/ledgerx/finance.pie"),
    include_str!("../../examples/ledgerx/tests.pie"),
    include_str!("../../examples/tpch/sources.pie"),
    include_str!("../../src/init/minimal/main.pie"),
];

/// Pieces that matter to the grammar.
const SPOILERS: [&str; 24] = [
    "'",
    "\"",
    "{",
    "}",
    "(",
    ")",
    ",",
    ";",
    "--",
    "---",
    "/*",
    "*/",
    "\n",
    "|",
    "slice a.b {",
    "key (",
    "select ",
    " from ",
    "é😀",
    "\t",
    "\r\n",
    "$$",
    "not null",
    "\u{feff}",
];

/// Replaces a stretch of a text by a piece.
fn spoil(text: &str, at: usize, length: usize, piece: &str) -> String {
    let boundary = |mut offset: usize| {
        offset = offset.min(text.len());
        while !text.is_char_boundary(offset) {
            offset -= 1;
        }
        offset
    };
    let start = boundary(at % (text.len() + 1));
    let end = boundary(start + length).max(start);
    format!("{}{piece}{}", &text[..start], &text[end..])
}

fn spoiled() -> impl Strategy<Value = String> {
    let edits = prop::collection::vec((any::<usize>(), 0usize..12, 0..SPOILERS.len()), 1..4);
    (0..TEXTS.len(), edits).prop_map(|(text, edits)| {
        edits
            .into_iter()
            .fold(TEXTS[text].to_owned(), |text, (at, length, piece)| spoil(&text, at, length, SPOILERS[piece]))
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    /// Parsing is total, its spans lie in the text, and a text with a syntax error never passes in silence.
    #[test]
    fn parsing_is_total(text in spoiled()) {
        let mut sources = SourceMap::default();
        let id = sources.add("spoiled.pie", text.as_str());
        let parse = syntax::parse(id, &text);
        for diagnostic in &parse.diagnostics {
            let span = diagnostic.span.expect("a syntax error has a place");
            prop_assert!(text.get(span.range()).is_some(), "{diagnostic:?}");
        }
        // Rendering walks every span.
        human::render(&parse.diagnostics, &sources, false);
    }

    /// What parses is formatted without loss: formatting twice changes nothing, and no declaration gets lost.
    #[test]
    fn formatting_is_stable(text in spoiled()) {
        let parse = syntax::parse(FileId(0), &text);
        prop_assume!(parse.diagnostics.is_empty());
        let once = syntax::format::format(&parse.file, &text);
        let again = syntax::parse(FileId(0), &once);
        prop_assert!(again.diagnostics.is_empty(), "{:?}\n{once}", again.diagnostics);
        prop_assert_eq!(again.file.declarations.len(), parse.file.declarations.len());
        prop_assert_eq!(syntax::format::format(&again.file, &once), once);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    /// A project whose one file is spoiled is checked to the end, and says the same twice.
    #[test]
    fn checking_is_total_and_repeatable(text in spoiled()) {
        let files = || Workspace::in_memory([("payments.pie", TEXTS[0]), ("spoiled.pie", text.as_str())]);
        let first = check(files());
        let second = check(files());
        prop_assert_eq!(&first.diagnostics, &second.diagnostics);
        let rendered = human::render(&first.diagnostics, &first.workspace.sources, false);
        let errors = first.diagnostics.iter().filter(|diagnostic| diagnostic.severity == Severity::Error).count();
        prop_assert!(errors == 0 || rendered.contains("error["));
    }
}
