//! Warns of characters that nobody sees, wherever in a file they stand: comments, texts, names and queries.

use crate::diagnostic::{Code, Diagnostic, Fix, Trick, Unseen, unseen};
use crate::text::{FileId, Span};

/// More kinds than this on one line aren't named.
const NAMED: usize = 4;

/// One warning for each line that holds such characters, at the first of them.
pub fn warn(id: FileId, text: &str) -> Vec<Diagnostic> {
    let found = unseen(text);
    let of_lines = found.chunk_by(|one, next| !text[one.offset..next.offset].contains('\n'));
    of_lines.map(|of_line| finding(id, of_line)).collect()
}

fn finding(id: FileId, of_line: &[Unseen]) -> Diagnostic {
    let (first, more) = of_line.split_first().expect("a chunk isn't empty");
    let span = |unseen: &Unseen| Span::new(id, unseen.offset, unseen.offset + unseen.character.len_utf8());
    let described = first.described();
    let (message, help) = match first.trick {
        Trick::Order => (format!("{described} shows this line in another order than it is read"), delete(first)),
        Trick::Hidden => (format!("{described} stands here and can't be seen"), delete(first)),
        Trick::Break => (
            format!("{described} looks like the end of a line and isn't"),
            "end the line with an ordinary line break, or write a space".to_owned(),
        ),
    };
    let label = format!("U+{:04X}", u32::from(first.character));
    let mut diagnostic = Diagnostic::warning(Code::DeceptiveCharacter, message).at(span(first), label).with_help(help);
    if !more.is_empty() {
        diagnostic = diagnostic.with_note(on_the_same_line(more));
    }
    // A filler is a letter, and may be all of a name.
    if of_line.iter().any(|unseen| unseen.character.is_alphabetic()) {
        return diagnostic;
    }
    let title = if more.is_empty() { "remove it".to_owned() } else { format!("remove all {}", of_line.len()) };
    let edits = of_line.iter().map(|unseen| (span(unseen), stand_in(unseen).to_owned()));
    diagnostic.fixes.push(Fix { title, edits: edits.collect() });
    diagnostic
}

fn delete(unseen: &Unseen) -> String {
    match u32::from(unseen.character) {
        0 => "delete it".to_owned(),
        code => format!("delete it; a value that needs it gets it by `chr({code})` in the query"),
    }
}

/// What stood on lines of their own for people shouldn't run together.
fn stand_in(unseen: &Unseen) -> &'static str {
    match unseen.trick {
        Trick::Order | Trick::Hidden => "",
        Trick::Break => " ",
    }
}

fn on_the_same_line(more: &[Unseen]) -> String {
    let mut kinds: Vec<String> = Vec::new();
    for unseen in more {
        let kind = unseen.described();
        if !kinds.contains(&kind) {
            kinds.push(kind);
        }
        if kinds.len() > NAMED {
            kinds[NAMED] = "others".to_owned();
            break;
        }
    }
    format!("{} more on this line: {}", more.len(), kinds.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<(usize, String)> {
        let found = warn(FileId(0), text);
        found.into_iter().map(|one| (one.span.expect("it has a place").start as usize, one.message)).collect()
    }

    #[test]
    fn one_warning_a_line() {
        let text = "-- a\u{202e}b\u{2066}\n-- fine\n-- \u{200b}\n";
        let messages = [
            (4, "U+202E (right-to-left override) shows this line in another order than it is read".to_owned()),
            (23, "U+200B (zero width space) stands here and can't be seen".to_owned()),
        ];
        assert_eq!(found(text), messages);
        let first = &warn(FileId(0), text)[0];
        assert_eq!(first.notes, ["1 more on this line: U+2066 (left-to-right isolate)"]);
        assert_eq!(first.span.map(Span::len), Some(3));
        assert_eq!(first.fixes[0].edits.len(), 2);
    }

    #[test]
    fn the_help_says_how_to_write_it() {
        let help = warn(FileId(0), "select 'a\u{202e}'")[0].help.clone();
        assert_eq!(help.as_deref(), Some("delete it; a value that needs it gets it by `chr(8238)` in the query"));
    }

    #[test]
    fn ordinary_texts_have_none() {
        assert!(found("domain d { owner 'größe@shop.example' } -- 👨\u{200d}👩\u{200d}👧\r\n").is_empty());
    }
}
