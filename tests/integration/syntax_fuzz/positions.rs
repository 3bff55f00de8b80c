//! Offsets, lines and columns against a plain model, and findings drawn under any stretch of any text.

use super::{Pieces, Violation, broken, one};
use crate::fuzz::random::Random;
use icepie::diagnostic::{Code, Diagnostic, human};
use icepie::text::{LineColumn, SourceMap, SourceText, Span};
use unicode_width::UnicodeWidthChar;

const PARTS: &[&str] = &[
    "a",
    "word",
    " ",
    "\t",
    "\n",
    "\n",
    "\r\n",
    "\r",
    "\n\n",
    "é",
    "e\u{301}",
    "日本",
    "😀",
    "👩\u{200d}👧",
    "\u{feff}",
    "\u{a0}",
    "\u{2028}",
    "\0",
    "\u{1b}[1m",
    "𝒜",
    "--",
    "{",
];

pub fn text(random: &mut Random) -> Pieces {
    (0..random.below(40)).map(|_| one(random, PARTS).to_owned()).collect()
}

pub fn any(text: &str) -> Result<(), Violation> {
    let source = SourceText::new("a.pie", text);
    let mut last = LineColumn { line: 1, column: 1 };
    for offset in 0..=text.len() + 2 {
        let found = source.position(offset as u32);
        // Between the bytes of a character is in front of it, and behind the text is its end.
        let whole = (0..=offset.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        let expected = position(text, whole);
        if found != expected {
            return broken("an offset has one line and column", format!("{offset}: {found:?}, not {expected:?}"));
        }
        if found < last {
            return broken("positions grow with offsets", format!("{offset}: {found:?} behind {last:?}"));
        }
        last = found;
        let back = source.offset(found) as usize;
        let expected = whole.min(line_end(text, whole));
        if back != expected {
            return broken(
                "an offset survives the round trip",
                format!("{offset}: {found:?} is {back}, not {expected}"),
            );
        }
    }
    for beyond in [LineColumn { line: u32::MAX, column: 1 }, LineColumn { line: 1, column: u32::MAX }] {
        if source.offset(beyond) as usize > text.len() {
            return broken("positions are clamped to the text", format!("{beyond:?}"));
        }
    }
    drawn(text)
}

/// As people count: newlines, then characters.
fn position(text: &str, offset: usize) -> LineColumn {
    let mut at = LineColumn { line: 1, column: 1 };
    for character in text[..offset].chars() {
        at = match character {
            '\n' => LineColumn { line: at.line + 1, column: 1 },
            _ => LineColumn { column: at.column + 1, ..at },
        };
    }
    at
}

/// Where the line of an offset ends, without its line break.
fn line_end(text: &str, offset: usize) -> usize {
    let start = text[..offset].rfind('\n').map_or(0, |newline| newline + 1);
    let line = text[start..].split('\n').next().unwrap_or_default();
    start + line.trim_end_matches('\r').len()
}

/// Draws findings under stretches of the text: each names its place, and carets stand under just that text.
fn drawn(text: &str) -> Result<(), Violation> {
    let mut sources = SourceMap::default();
    let id = sources.add("a.pie", text);
    let boundaries: Vec<usize> = (0..=text.len()).filter(|at| text.is_char_boundary(*at)).collect();
    for (index, start) in boundaries.iter().copied().enumerate().step_by(3) {
        let end = boundaries[(index + 1 + index % 4).min(boundaries.len() - 1)];
        let span = Span::new(id, start, end);
        let beside = Span::new(id, boundaries[boundaries.len() / 2], text.len());
        let finding = Diagnostic::error(Code::Syntax, "found").at(span, "");
        human::render(&[finding.clone().with_label(beside, "label")], &sources, true);
        let rendered = human::render(&[finding], &sources, false);
        let at = position(text, start);
        let place = format!("a.pie:{}:{}", at.line, at.column);
        if !rendered.lines().any(|line| line.trim_end().ends_with(&place)) {
            return broken("a finding names its place", format!("{place}\n{rendered}"));
        }
        let under = sources.slice(span);
        let is_plain = under.chars().all(|c| c.width().is_some_and(|width| width > 0)) && !under.is_empty();
        let line = text[..start].rfind('\n').map_or(0, |newline| newline + 1)..line_end(text, start);
        let is_plain_line = text[line].chars().all(|c| c.width().is_some_and(|width| width > 0));
        let carets = rendered.matches('^').count();
        let width: usize = under.chars().filter_map(UnicodeWidthChar::width).sum();
        if is_plain && is_plain_line && carets != width {
            return broken("carets stand under the text", format!("{under:?}: {carets}, not {width}\n{rendered}"));
        }
    }
    Ok(())
}
