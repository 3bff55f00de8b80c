//! Characters of a text that nobody sees, or that make it look like another text.
//!
//! They are how a change can pass a review that should have stopped it ("Trojan Source", CVE-2021-42574). What stands here after
//! its context is left alone: emoji are joined, and Persian, Hindi or Khmer are written, with characters that hide elsewhere.
//!
//! ```text
//! -- only paid orders <U+202E>…     ◀ from here on the screen shows the line backwards
//! pa<U+200B>id                      ◀ isn't `paid`
//! ```

use std::borrow::Cow;

/// A character that nobody sees, at its offset in the text.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Unseen {
    pub offset: usize,
    pub character: char,
    pub trick: Trick,
    /// What Unicode calls it, in lower case.
    name: &'static str,
}

/// What a character does to the look of a text.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Trick {
    /// The text is shown in another order than it is read.
    Order,
    /// It can't be seen.
    Hidden,
    /// It looks like the end of a line, and isn't one.
    Break,
}

impl Unseen {
    /// `U+202E (right-to-left override)`.
    pub fn described(self) -> String {
        format!("U+{:04X} ({})", u32::from(self.character), self.name)
    }
}

/// The characters of a text that nobody sees, in their order.
pub fn unseen(text: &str) -> Vec<Unseen> {
    let mut found = Vec::new();
    if is_plain(text) {
        return found;
    }
    let (mut before, mut flag_end) = (None, 0);
    let mut characters = text.char_indices().peekable();
    while let Some((offset, character)) = characters.next() {
        let after = characters.peek().map(|(_, after)| *after);
        if character == BLACK_FLAG {
            flag_end = offset + character.len_utf8() + region(&text[offset + character.len_utf8()..]);
        }
        if let Some((trick, name)) = trick(character)
            && offset >= flag_end
            && !is_usual(before, character, after)
        {
            found.push(Unseen { offset, character, trick, name });
        }
        before = Some(character);
    }
    found
}

/// The text with what nobody sees spelt out: `<U+202E>`.
pub fn legible(text: &str) -> Cow<'_, str> {
    let found = unseen(text);
    if found.is_empty() {
        return Cow::Borrowed(text);
    }
    Cow::Owned(replaced(text, &found, |character| format!("<U+{:04X}>", u32::from(character))))
}

/// The text with something in the place of each character that nobody sees, of as many bytes, so that spans still fit; `None`
/// where there is none. A terminal shows it in the order in which it is read, and has a column for the caret.
pub fn unmasked(text: &str) -> Option<String> {
    let found = unseen(text);
    let stand_in = |character: char| match character.len_utf8() {
        1 => "?".to_owned(),
        2 => "¿".to_owned(),
        3 => "\u{fffd}".to_owned(),
        _ => "\u{fffd}?".to_owned(),
    };
    (!found.is_empty()).then(|| replaced(text, &found, stand_in))
}

fn replaced(text: &str, found: &[Unseen], stand_in: impl Fn(char) -> String) -> String {
    let (mut replaced, mut done) = (String::with_capacity(text.len()), 0);
    for Unseen { offset, character, .. } in found {
        replaced.push_str(&text[done..*offset]);
        replaced.push_str(&stand_in(*character));
        done = offset + character.len_utf8();
    }
    replaced.push_str(&text[done..]);
    replaced
}

/// Whether a text is printable ASCII in lines, as nearly every text is.
fn is_plain(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.iter().enumerate().all(|(at, byte)| match byte {
        b' '..=b'~' | b'\n' | b'\t' => true,
        b'\r' => bytes.get(at + 1) == Some(&b'\n'),
        _ => false,
    })
}

/// What a character does where nothing calls for it, and its name.
fn trick(character: char) -> Option<(Trick, &'static str)> {
    Some(match character {
        '\u{061c}' => (Trick::Order, "Arabic letter mark"),
        '\u{200e}' => (Trick::Order, "left-to-right mark"),
        '\u{200f}' => (Trick::Order, "right-to-left mark"),
        '\u{202a}' => (Trick::Order, "left-to-right embedding"),
        '\u{202b}' => (Trick::Order, "right-to-left embedding"),
        '\u{202c}' => (Trick::Order, "pop directional formatting"),
        '\u{202d}' => (Trick::Order, "left-to-right override"),
        '\u{202e}' => (Trick::Order, "right-to-left override"),
        '\u{2066}' => (Trick::Order, "left-to-right isolate"),
        '\u{2067}' => (Trick::Order, "right-to-left isolate"),
        '\u{2068}' => (Trick::Order, "first strong isolate"),
        '\u{2069}' => (Trick::Order, "pop directional isolate"),
        '\u{000b}' => (Trick::Break, "line tabulation"),
        '\u{000c}' => (Trick::Break, "form feed"),
        '\r' => (Trick::Break, "carriage return"),
        '\u{0085}' => (Trick::Break, "next line"),
        '\u{2028}' => (Trick::Break, "line separator"),
        '\u{2029}' => (Trick::Break, "paragraph separator"),
        '\u{00ad}' => (Trick::Hidden, "soft hyphen"),
        '\u{034f}' => (Trick::Hidden, "combining grapheme joiner"),
        '\u{115f}' | '\u{1160}' | '\u{3164}' | '\u{ffa0}' => (Trick::Hidden, "Hangul filler"),
        '\u{17b4}' | '\u{17b5}' => (Trick::Hidden, "Khmer inherent vowel"),
        '\u{180b}'..='\u{180f}' => (Trick::Hidden, "Mongolian variation selector"),
        '\u{200b}' => (Trick::Hidden, "zero width space"),
        '\u{200c}' => (Trick::Hidden, "zero width non-joiner"),
        '\u{200d}' => (Trick::Hidden, "zero width joiner"),
        '\u{2060}' => (Trick::Hidden, "word joiner"),
        '\u{2061}'..='\u{2065}' => (Trick::Hidden, "invisible operator"),
        '\u{206a}'..='\u{206f}' => (Trick::Hidden, "deprecated format character"),
        '\u{feff}' => (Trick::Hidden, "zero width no-break space"),
        '\u{fff9}'..='\u{fffb}' => (Trick::Hidden, "annotation character"),
        '\u{fe00}'..='\u{fe0f}' | '\u{e0100}'..='\u{e01ef}' => (Trick::Hidden, "variation selector"),
        '\u{e0000}'..='\u{e007f}' => (Trick::Hidden, "tag character"),
        '\t' | '\n' => return None,
        _ if character.is_control() => (Trick::Hidden, "control character"),
        _ => return None,
    })
}

/// Whether people write the character between these two when they write a language or an emoji.
fn is_usual(before: Option<char>, character: char, after: Option<char>) -> bool {
    let is_before = |test: fn(char) -> bool| before.is_some_and(test);
    let is_after = |test: fn(char) -> bool| after.is_some_and(test);
    match character {
        '\u{feff}' => before.is_none(),
        '\r' => after == Some('\n'),
        '\u{061c}' | '\u{200e}' | '\u{200f}' => is_before(is_right_to_left) || is_after(is_right_to_left),
        '\u{200b}' => is_before(is_without_spaces) && is_after(is_without_spaces),
        '\u{200c}' => is_before(joins_letters),
        '\u{200d}' => {
            is_before(joins_letters) || is_before(|c| is_pictograph(c) || c == EMOJI_STYLE) && is_after(is_pictograph)
        }
        '\u{180b}'..='\u{180f}' => is_before(|c| matches!(c, '\u{1800}'..='\u{180a}' | '\u{1810}'..='\u{18af}')),
        '\u{fe00}'..='\u{fe0f}' => match before {
            Some('0'..='9' | '#' | '*') => character == EMOJI_STYLE && after == Some(KEYCAP),
            Some(before) => takes_variation(before),
            None => false,
        },
        '\u{e0100}'..='\u{e01ef}' => is_before(is_ideograph),
        _ => false,
    }
}

/// The emoji of a flag, which the tags of a region follow.
const BLACK_FLAG: char = '\u{1f3f4}';

/// The variation selector that asks for an emoji.
const EMOJI_STYLE: char = '\u{fe0f}';

/// What makes an emoji of a digit.
const KEYCAP: char = '\u{20e3}';

/// The length of the tags behind a flag that say of which region it is. Longer ones would be a hidden text.
fn region(text: &str) -> usize {
    let end = text.find(|c| !matches!(c, '\u{e0020}'..='\u{e007f}')).unwrap_or(text.len());
    let tags = &text[..end];
    if tags.ends_with('\u{e007f}') && tags.chars().count() <= 7 { end } else { 0 }
}

/// Hebrew, Arabic and their neighbours.
fn is_right_to_left(character: char) -> bool {
    matches!(character, '\u{0590}'..='\u{061b}' | '\u{061d}'..='\u{08ff}' | '\u{fb1d}'..='\u{fdff}' | '\u{fe70}'..='\u{fefc}')
}

/// Thai, Lao, Myanmar and Khmer put no blanks between words.
fn is_without_spaces(character: char) -> bool {
    matches!(character, '\u{0e00}'..='\u{0eff}' | '\u{1000}'..='\u{109f}' | '\u{1780}'..='\u{17ff}')
}

/// Scripts in which it is written whether letters join: from Arabic over those of India to Mongolian.
fn joins_letters(character: char) -> bool {
    matches!(character, '\u{0620}'..='\u{109f}' | '\u{1780}'..='\u{18af}' | '\u{1900}'..='\u{1cff}' | '\u{a840}'..='\u{abff}')
}

fn takes_variation(character: char) -> bool {
    let is_sign = !character.is_ascii() && !character.is_alphabetic() && trick(character).is_none();
    let is_accent = matches!(character, '\u{0300}'..='\u{036f}');
    is_sign && !is_accent || is_pictograph(character) || is_ideograph(character) || joins_letters(character)
}

fn is_pictograph(character: char) -> bool {
    matches!(
        character,
        '\u{a9}' | '\u{ae}' | '\u{203c}' | '\u{2049}' | '\u{2100}'..='\u{2bff}' | '\u{3030}' | '\u{303d}' | '\u{3297}'
            | '\u{3299}' | '\u{1f000}'..='\u{1faff}'
    )
}

fn is_ideograph(character: char) -> bool {
    matches!(character, '\u{3400}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &[(usize, char)]) {
        let found: Vec<(usize, char)> = unseen(text).iter().map(|one| (one.offset, one.character)).collect();
        assert_eq!(found, expected, "{text:?}");
    }

    #[test]
    fn what_hides_is_found() {
        check("a\u{202e}b\u{2066}", &[(1, '\u{202e}'), (5, '\u{2066}')]);
        check("pa\u{200b}id", &[(2, '\u{200b}')]);
        check("a\u{200c}b\u{200d}c", &[(1, '\u{200c}'), (5, '\u{200d}')]);
        check("\u{feff}a\u{feff}", &[(4, '\u{feff}')]);
        check("größ\u{fe0f}e", &[(6, '\u{fe0f}')]);
        check("a\u{e0041}", &[(1, '\u{e0041}')]);
        check("a\rb\u{8}\u{2028}", &[(1, '\r'), (3, '\u{8}'), (4, '\u{2028}')]);
        check("\u{3164}", &[(0, '\u{3164}')]);
        check("👍\u{fe0f}\u{fe0f}", &[(7, '\u{fe0f}')]);
    }

    #[test]
    fn what_a_language_or_an_emoji_needs_is_left_alone() {
        check("plain\r\n\ttext", &[]);
        check("\u{feff}Größe — naïve, Ελληνικά, 売上", &[]);
        check("می\u{200c}خواهم क्\u{200d}ष", &[]);
        check("שלום\u{200f}!", &[]);
        check("👨\u{200d}👩\u{200d}👧 ❤\u{fe0f}\u{200d}🔥 1\u{fe0f}\u{20e3} ©\u{fe0f}", &[]);
        check("🏴\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f}", &[]);
    }

    #[test]
    fn tags_that_are_no_region_are_a_hidden_text() {
        assert_eq!(unseen("🏴\u{e0067}\u{e0062}").len(), 2);
        assert_eq!(unseen(&format!("🏴{}\u{e007f}", "\u{e0061}".repeat(20))).len(), 21);
    }

    #[test]
    fn what_stands_in_has_as_many_bytes() {
        let text = "a\u{8}b\u{ad}c\u{202e}d\u{e0041}e";
        let unmasked = unmasked(text).expect("something is hidden");
        assert_eq!(unmasked, "a?b¿c\u{fffd}d\u{fffd}?e");
        assert_eq!(unmasked.len(), text.len());
        assert_eq!(super::unmasked("größe"), None);
        assert_eq!(legible("found `\u{202e}`"), "found `<U+202E>`");
    }
}
