//! Any text: files of people and of the generator, spoiled; and soup.

use super::tokens::tokens;
use super::{Pieces, generate, one};
use crate::fuzz::random::Random;
use std::sync::LazyLock;

static FILES: [&str; 6] = [
    include_str!("../../../examples/ledgerx/payments.pie"),
    include_str!("../../../examples/ledgerx/compliance.pie"),
    include_str!("../../../examples/ledgerx/finance.pie"),
    include_str!("../../../examples/ledgerx/tests.pie"),
    include_str!("../../../examples/tpch/sources.pie"),
    include_str!("../../../src/init/minimal/main.pie"),
];

static PAGES: [&str; 6] = [
    include_str!("../../../spec/broken/names.md"),
    include_str!("../../../spec/broken/queries.md"),
    include_str!("../../../spec/broken/shell.md"),
    include_str!("../../../spec/broken/sources.md"),
    include_str!("../../../spec/broken/tests.md"),
    include_str!("../../../spec/broken/types.md"),
];

static CORPUS: LazyLock<Vec<String>> = LazyLock::new(|| {
    let programs = PAGES.iter().flat_map(|page| page.split("```pie").skip(1));
    let programs = programs.filter_map(|from| from.split_once('\n')?.1.split("```").next());
    FILES.iter().copied().chain(programs).map(str::to_owned).collect()
});

/// Pieces that matter to the grammar, and characters that change their length with their case.
const SOUP: &[&str] = &[
    "slice",
    "source",
    "domain",
    "test",
    "public",
    "virtual",
    "{",
    "}",
    "(",
    ")",
    ",",
    ".",
    "'",
    "\"",
    "'x'",
    "\"q\"",
    "--",
    "---",
    "/*",
    "*/",
    "\n",
    "\nslice a.b {",
    "\ntest a.b 'x' {",
    "\ndomain é {",
    "\ntest 日.本 'x' {",
    "from",
    "key",
    "columns",
    "columns (",
    "select",
    "select {{{{{ 1",
    "with",
    "check c (",
    "stale for at most",
    "expect",
    "expect {",
    "expect error",
    "given a.b {",
    "|",
    "<",
    ">",
    "[",
    "]",
    "int",
    "not null",
    "format",
    "partition by",
    "Ⱥ",
    "ẞ",
    "İ",
    "\u{212a}ey",
    "é",
    "😀",
    "\u{feff}",
    "\u{a0}",
    "\u{3000}",
    "\u{c}",
    "\r",
    "\r\n",
    "\t",
    "\0",
    "$$",
    "`",
    ";",
    "-",
    "/",
    "e'",
    "\\",
    "1",
    "let",
    "a.b",
    "''",
];

pub fn text(random: &mut Random) -> Pieces {
    if random.chance(15) {
        let parts = (0..=random.below(60)).map(|_| one(random, SOUP).to_owned() + one(random, &["", " "]));
        return vec![parts.collect()];
    }
    let mut text = base(random);
    for _ in 0..random.pick(&[1, 1, 1, 2, 3, 6]).expect("there is one") {
        text = spoilt(random, &text);
    }
    vec![text]
}

fn base(random: &mut Random) -> String {
    if random.chance(40) {
        generate::file(random).concat()
    } else {
        random.pick(CORPUS.as_slice()).expect("there is one")
    }
}

fn spoilt(random: &mut Random, text: &str) -> String {
    let mut parts: Vec<String> = tokens(text).iter().map(|token| token.text.to_owned()).collect();
    if parts.is_empty() {
        return one(random, SOUP).to_owned();
    }
    let at = random.below(parts.len());
    let end = (at + random.pick(&[1, 1, 2, 5]).expect("there is one")).min(parts.len());
    match random.below(8) {
        0 | 1 => drop(parts.drain(at..end)),
        2 => {
            let again = parts[at..end].to_vec();
            drop(parts.splice(at..at, again));
        }
        3 => {
            let other = random.below(parts.len());
            parts.swap(at, other);
        }
        4 => {
            let other = base(random);
            let other: Vec<String> = tokens(&other).iter().map(|token| token.text.to_owned()).collect();
            parts.truncate(at);
            parts.extend(other.into_iter().skip(random.below(60)));
        }
        5 => parts.truncate(at),
        6 => parts.insert(at, one(random, SOUP).to_owned()),
        _ => {
            // Anywhere in a token, any character.
            let any = u32::try_from(random.below(0x3_0000)).ok().and_then(char::from_u32).unwrap_or('?');
            let part = &mut parts[at];
            let places: Vec<usize> = part.char_indices().map(|(place, _)| place).collect();
            let place = random.pick(&places).unwrap_or(0);
            part.insert(place, any);
        }
    }
    parts.concat()
}
