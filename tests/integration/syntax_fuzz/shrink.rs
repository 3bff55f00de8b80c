//! Cuts a text down while it still breaks the same rule: pieces, then lines, then tokens.

use super::Pieces;
use super::tokens::tokens;

/// Tries, at most. A cut text needn't be the least, only readable.
const TRIES: usize = 3_000;

pub fn cut(pieces: Pieces, whole_pieces: bool, fails: &dyn Fn(&str) -> bool) -> String {
    let mut tries = TRIES;
    let mut text = fewer(pieces, fails, &mut tries).concat();
    if whole_pieces {
        return text;
    }
    loop {
        let before = text.len();
        let lines = text.split_inclusive('\n').map(str::to_owned).collect();
        text = fewer(lines, fails, &mut tries).concat();
        let parts = tokens(&text).iter().map(|token| token.text.to_owned()).collect();
        text = fewer(parts, fails, &mut tries).concat();
        if text.len() == before || tries == 0 {
            return text;
        }
    }
}

/// Leaves out runs of parts: half of them at once, then a quarter, down to single ones.
fn fewer(mut parts: Vec<String>, fails: &dyn Fn(&str) -> bool, tries: &mut usize) -> Vec<String> {
    let mut run = parts.len().div_ceil(2);
    while run > 0 {
        let mut at = 0;
        while at < parts.len() {
            if *tries == 0 {
                return parts;
            }
            *tries -= 1;
            let end = (at + run).min(parts.len());
            let rest: Vec<String> = parts[..at].iter().chain(&parts[end..]).cloned().collect();
            if fails(&rest.concat()) {
                parts = rest;
            } else {
                at = end;
            }
        }
        run /= 2;
    }
    parts
}
