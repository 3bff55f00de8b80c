//! Warns of names that look like other names, and of signs that look like those of the language.
//!
//! ```text
//! pаid      ◀ the second letter is Cyrillic: for a query this isn't `paid`
//! abs（id）  ◀ these are no parentheses
//! ```
//!
//! What looks alike is Unicode's to say (UTS #39, "skeleton"). A name that is written in one script is never wrong by itself: a
//! warning needs a word that passes for Latin, or a second name that looks the same.

use super::ast::{Declaration, File};
use super::recovery::lexeme_end;
use crate::diagnostic::{Code, Diagnostic, Fix};
use crate::text::Span;
use std::collections::BTreeMap;
use unicode_security::GeneralSecurityProfile;
use unicode_security::mixed_script::AugmentedScriptSet;

/// More letters than this aren't named one by one.
const NAMED: usize = 3;

/// Warnings of the names and signs of one file, by its text alone. Comments, texts and the tables of tests may hold anything.
pub fn warn(file: &File, text: &str) -> Vec<Diagnostic> {
    if text.is_ascii() {
        return Vec::new();
    }
    let Scan { words, signs } = scan(file, text);
    let of_lines = signs.chunk_by(|one, next| !text[one.span.range().end..next.span.range().start].contains('\n'));
    let mut found: Vec<Diagnostic> = of_lines.map(of_signs).collect();
    if words.iter().all(|word| word.written.is_ascii()) {
        return found;
    }
    let mut spellings: Spellings = BTreeMap::new();
    for word in &words {
        spellings.entry(&word.name).or_default().push(word.span);
    }
    for word in &words {
        let places = &spellings[word.name.as_str()];
        if places[0] == word.span
            && let Some(disguise) = disguise(word.written)
        {
            // Where the other name is there too, writing it would make one of two.
            let is_free = !spellings.contains_key(disguise.plain.as_str());
            found.push(of_disguise(word, &disguise, places, text, is_free));
        }
    }
    found.extend(twins(&spellings).iter().map(Twins::diagnostic));
    found
}

/// Names and the places where each stands, in the order of the text.
pub type Spellings<'a> = BTreeMap<&'a str, Vec<Span>>;

/// Two names that look the same.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Twins<'a> {
    /// The one that isn't ASCII; of two such the later one.
    pub name: &'a str,
    pub span: Span,
    pub other: &'a str,
    pub other_span: Span,
}

impl Twins<'_> {
    pub fn diagnostic(&self) -> Diagnostic {
        let Twins { name, other, .. } = self;
        let differing = name.chars().zip(other.chars()).find(|(one, two)| one != two);
        let label = differing.map_or_else(
            || "one has a character more".to_owned(),
            |(one, two)| format!("`{one}` is {}, `{two}` is {}", code_point(one), code_point(two)),
        );
        Diagnostic::warning(Code::ConfusableName, format!("`{name}` and `{other}` look the same and are two names"))
            .at(self.span, label)
            .with_label(self.other_span, "the other one")
            .with_help("rename one of the two, so that people can tell them apart")
    }
}

/// The names that look like another one, each with that one. Those that pass for Latin are told without a second name.
pub fn twins<'a>(spellings: &Spellings<'a>) -> Vec<Twins<'a>> {
    let mut by_look: BTreeMap<String, Vec<&'a str>> = BTreeMap::new();
    for name in spellings.keys().copied() {
        by_look.entry(look(name)).or_default().push(name);
    }
    let first = |name: &str| spellings[name][0];
    let mut found = Vec::new();
    for mut alike in by_look.into_values().filter(|alike| alike.len() > 1) {
        alike.retain(|name| disguise(name).is_none());
        alike.sort_by_key(|name| (!name.is_ascii(), first(name)));
        let Some((&other, names)) = alike.split_first() else { continue };
        for &name in names.iter().filter(|name| !name.is_ascii()) {
            found.push(Twins { name, span: first(name), other, other_span: first(other) });
        }
    }
    found
}

/// What people see of a name: equal for names that look the same.
fn look(name: &str) -> String {
    unicode_security::skeleton(name).collect()
}

/// What the search for lookalikes sees of a file.
#[derive(Default)]
struct Scan<'t> {
    words: Vec<Word<'t>>,
    signs: Vec<Sign>,
}

/// A name or a keyword.
struct Word<'t> {
    /// As the language takes it: in lower case, unless it is quoted.
    name: String,
    /// As it is written, without its quotes.
    written: &'t str,
    span: Span,
}

/// A sign that is none of the language's.
struct Sign {
    character: char,
    looks_like: char,
    span: Span,
}

fn scan<'t>(file: &File, text: &'t str) -> Scan<'t> {
    let mut scan = Scan::default();
    let tests = file.declarations.iter().filter_map(|declaration| match declaration {
        Declaration::Test(test) => Some(test.span.range()),
        Declaration::Domain(_) | Declaration::Source(_) | Declaration::Slice(_) => None,
    });
    let mut tests = tests.peekable();
    let mut at = 0;
    while at < text.len() {
        if let Some(test) = tests.next_if(|test| test.start <= at) {
            at = at.max(test.end);
            continue;
        }
        let first = text[at..].chars().next().expect("at lies inside the text");
        let end = if is_word(first) { word_end(text, at) } else { lexeme_end(text, at) };
        let (lexeme, span) = (&text[at..end], Span::new(file.id, at, end));
        if first == '"' {
            let inner = lexeme.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(lexeme);
            scan.words.push(Word { name: inner.replace("\"\"", "\""), written: inner, span });
        } else if is_word(first) {
            scan.words.push(Word { name: lexeme.to_lowercase(), written: lexeme, span });
        } else if let Some(looks_like) = sign_like(first) {
            scan.signs.push(Sign { character: first, looks_like, span });
        }
        at = end;
    }
    scan
}

fn is_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_' || character == '$'
}

fn word_end(text: &str, at: usize) -> usize {
    text[at..].find(|c| !is_word(c) && !is_accent(c)).map_or(text.len(), |length| at + length)
}

/// An accent of its own, behind its letter.
fn is_accent(character: char) -> bool {
    matches!(character, '\u{0300}'..='\u{036f}')
}

/// A word that passes for a Latin one.
struct Disguise {
    /// What it passes for.
    plain: String,
    /// The letters that aren't what they look like, each with what it looks like.
    letters: Vec<(char, String)>,
}

/// What a word passes for, if it does. The parts between underscores and digits are judged one by one, so that `сумма_usd` is as
/// good as `Δ_usd`:
///
/// ```text
/// pаid       Latin letters and one that looks like one       ◀ passes for `paid`
/// а_rate     such a letter beside a Latin part               ◀ passes for `a_rate`
/// idномер    `н` gives the other script away
/// сор        one script; only another name `cop` would make it doubtful
/// ```
fn disguise(word: &str) -> Option<Disguise> {
    if word.is_ascii() {
        return None;
    }
    let in_word = Mixture::of(word);
    let mut found = Disguise { plain: String::with_capacity(word.len()), letters: Vec::new() };
    for part in word.split_inclusive(|c: char| !c.is_alphanumeric() && !is_accent(c) || c.is_ascii_digit()) {
        let in_part = Mixture::of(part);
        let beside_latin = !in_word.foreign && (in_word.latin || in_part.uncommon);
        let passes = !in_part.foreign && (in_part.latin || beside_latin) && !is_symbol(part);
        for character in part.chars() {
            match Letter::of(character) {
                Letter::Like(plain) if passes => {
                    found.plain.push_str(&plain);
                    found.letters.push((character, plain));
                }
                Letter::Like(_) | Letter::Latin | Letter::Foreign | Letter::Neutral => found.plain.push(character),
            }
        }
    }
    (!found.letters.is_empty()).then_some(found)
}

/// What kinds of letters stand side by side.
#[derive(Default)]
struct Mixture {
    latin: bool,
    foreign: bool,
    /// A letter that Unicode keeps out of names, such as `ｉ` and `ⅰ`.
    uncommon: bool,
}

impl Mixture {
    fn of(part: &str) -> Mixture {
        let mut mixture = Mixture::default();
        for character in part.chars() {
            match Letter::of(character) {
                Letter::Latin => mixture.latin = true,
                Letter::Foreign => mixture.foreign = true,
                Letter::Like(_) => mixture.uncommon |= !character.identifier_allowed(),
                Letter::Neutral => {}
            }
        }
        mixture
    }
}

enum Letter {
    Latin,
    /// Not Latin, and looks like these ASCII letters or digits.
    Like(String),
    /// Not Latin, and doesn't look like it.
    Foreign,
    /// A sign of all scripts.
    Neutral,
}

impl Letter {
    fn of(character: char) -> Letter {
        if character.is_ascii_alphabetic() {
            return Letter::Latin;
        }
        if character.is_ascii() || is_accent(character) {
            return Letter::Neutral;
        }
        let scripts = AugmentedScriptSet::from(character);
        let may_be_latin = is_latin_or_common(scripts);
        if may_be_latin && character.identifier_allowed() {
            return if scripts.is_all() { Letter::Neutral } else { Letter::Latin };
        }
        match letters_like(character) {
            Some(plain) => Letter::Like(plain),
            None if may_be_latin => Letter::Neutral,
            None => Letter::Foreign,
        }
    }
}

fn is_latin_or_common(mut scripts: AugmentedScriptSet) -> bool {
    scripts.intersect_with(AugmentedScriptSet::from('a'));
    !scripts.is_empty()
}

/// A Greek letter by itself is a symbol, as in `σ_daily`; an omicron isn't.
fn is_symbol(part: &str) -> bool {
    let mut letters = part.chars().filter(|c| c.is_alphabetic());
    matches!((letters.next(), letters.next()), (Some('α'..='ω'), None)) && !part.contains('\u{3bf}')
}

/// The ASCII letters or digits that a character looks like.
fn letters_like(character: char) -> Option<String> {
    let look = full_width(character).map_or_else(|| look(character.encode_utf8(&mut [0; 4])), String::from);
    // Of what looks alike Unicode takes one to stand for all.
    let look = match look.as_str() {
        "rn" => "m".to_owned(),
        "l" if character.is_uppercase() => "I".to_owned(),
        _ => look,
    };
    (!look.is_empty() && look.chars().all(|c| c.is_ascii_alphanumeric())).then_some(look)
}

/// The sign of the language that a character looks like.
fn sign_like(character: char) -> Option<char> {
    match character {
        // Those look like the end of a line, and are told as what can't be seen.
        '\0'..='\u{85}' | '\u{2028}' | '\u{2029}' => None,
        '“' | '”' | '„' | '‟' => Some('"'),
        _ if character.is_whitespace() => Some(' '),
        _ => {
            let look = look(character.encode_utf8(&mut [0; 4]));
            let mut only = look.chars();
            let sign = full_width(character).or_else(|| only.next().filter(|_| only.next().is_none()));
            sign.filter(char::is_ascii_punctuation)
        }
    }
}

/// The ASCII character of which this is the wide form of East Asian text.
fn full_width(character: char) -> Option<char> {
    let plain = u32::from(character).checked_sub(0xfee0)?;
    char::from_u32(plain).filter(char::is_ascii_graphic)
}

/// The warning of a word, at the first of its places.
fn of_disguise(word: &Word, disguise: &Disguise, places: &[Span], text: &str, is_free: bool) -> Diagnostic {
    let Disguise { plain, letters } = disguise;
    let mut unlike: Vec<String> = Vec::new();
    for (letter, plain) in letters {
        let text = format!("`{letter}` is {}, not `{plain}`", code_point(*letter));
        if !unlike.contains(&text) {
            unlike.push(text);
        }
    }
    if unlike.len() > NAMED {
        let more = unlike.len() - NAMED;
        unlike.truncate(NAMED);
        unlike.push(format!("and {more} more"));
    }
    let edit = |span: &Span| {
        let quote = if text[span.range()].starts_with('"') { "\"" } else { "" };
        (*span, format!("{quote}{plain}{quote}"))
    };
    let edits: Vec<(Span, String)> = places.iter().map(edit).collect();
    let mut diagnostic =
        Diagnostic::warning(Code::ConfusableName, format!("`{}` looks like `{plain}` and isn't", word.written))
            .at(word.span, unlike.join("; "))
            .with_help(format!("write `{plain}`, or the whole word in the other script"));
    if edits.len() > 1 {
        diagnostic = diagnostic.with_note(format!("it stands {} times in this file", edits.len()));
    }
    if is_free {
        diagnostic.fixes.push(Fix { title: format!("write `{plain}`"), edits });
    }
    diagnostic
}

/// The warning of the signs of one line.
fn of_signs(of_line: &[Sign]) -> Diagnostic {
    let (first, more) = of_line.split_first().expect("a chunk isn't empty");
    let code = code_point(first.character);
    let (message, help) = match first.looks_like {
        ' ' => (format!("{code} looks like a space and isn't"), "write an ordinary space".to_owned()),
        sign => (format!("`{}` looks like `{sign}` and isn't", first.character), format!("write `{sign}`")),
    };
    let mut diagnostic =
        Diagnostic::warning(Code::ConfusableName, message).at(first.span, code).with_help(help.clone());
    if !more.is_empty() {
        diagnostic = diagnostic.with_note(format!("{} more on this line", more.len()));
    }
    let edits = of_line.iter().map(|sign| (sign.span, sign.looks_like.to_string())).collect();
    let title = if more.is_empty() { help } else { format!("write all {} as they look", of_line.len()) };
    diagnostic.fixes.push(Fix { title, edits });
    diagnostic
}

/// `U+0430 (Cyrillic)`; without a script where there is none, or where it is Latin.
fn code_point(character: char) -> String {
    let code = format!("U+{:04X}", u32::from(character));
    let scripts = AugmentedScriptSet::from(character);
    if is_latin_or_common(scripts) {
        return code;
    }
    // Behind the writing systems that a script belongs to stands the script itself.
    let scripts = scripts.to_string();
    format!("{code} ({})", scripts.rsplit(", ").next().unwrap_or(&scripts))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::FileId;

    /// Messages and labels, in the order of the text.
    fn found(text: &str) -> Vec<String> {
        let file = super::super::parse(FileId(0), text).file;
        let mut found = warn(&file, text);
        crate::diagnostic::sort(&mut found);
        found.into_iter().map(|one| format!("{}: {}", one.message, one.label)).collect()
    }

    #[track_caller]
    fn check(text: &str, expected: &[&str]) {
        assert_eq!(found(text), expected, "{text}");
    }

    #[test]
    fn a_letter_of_another_script() {
        let expected = ["`pаid` looks like `paid` and isn't: `а` is U+0430 (Cyrillic), not `a`"];
        check("slice d.s { select pаid from t }", &expected);
        check("slice d.s { select \"pаid\", \"pаid\" as x from t }", &expected);
        check("slice d.s { select 'pаid' as x from t -- pаid\n }", &[]);
        check(
            "sliсe d.s { select 1 as x }",
            &["`sliсe` looks like `slice` and isn't: `с` is U+0441 (Cyrillic), not `c`"],
        );
    }

    #[test]
    fn a_letter_beside_a_latin_part() {
        check(
            "slice d.а_rate { select 1 as x }",
            &["`а_rate` looks like `a_rate` and isn't: `а` is U+0430 (Cyrillic), not `a`"],
        );
    }

    #[test]
    fn wide_letters() {
        check(
            "slice d.s { select ｉｄ from t }",
            &["`ｉｄ` looks like `id` and isn't: `ｉ` is U+FF49, not `i`; `ｄ` is U+FF44, not `d`"],
        );
    }

    #[test]
    fn names_of_one_script_are_fine() {
        for name in [
            "сор",
            "сумма_usd",
            "цена_usd_с_ндс",
            "umsätze",
            "naïve",
            "売上_id",
            "σ_daily",
            "Δt",
            "µs",
            "kapı",
            "größe2",
        ] {
            check(&format!("slice d.{name} {{ select 1 as x }}"), &[]);
        }
    }

    #[test]
    fn two_names_that_look_the_same() {
        check(
            "slice d.сор { select cop from t }",
            &["`сор` and `cop` look the same and are two names: `с` is U+0441 (Cyrillic), `c` is U+0063"],
        );
        check(
            "slice d.s { select \"\u{fc}\" as x, \"u\u{308}\" as y from t }",
            &["`u\u{308}` and `\u{fc}` look the same and are two names: `u` is U+0075, `\u{fc}` is U+00FC"],
        );
    }

    #[test]
    fn signs() {
        check("slice d.s { select abs（id） as x from t }", &["`（` looks like `(` and isn't: U+FF08"]);
        check("slice d.s { select\u{a0}id from t }", &["U+00A0 looks like a space and isn't: U+00A0"]);
        check("slice d.s { select id from t where x = ’a’ }", &["`’` looks like `'` and isn't: U+2019"]);
        check("slice d.s { select 2 − 1 as x }", &["`−` looks like `-` and isn't: U+2212"]);
    }

    #[test]
    fn tables_of_tests_hold_anything() {
        check("test d.s 'it’s' { given d.t { a\n it’s （pаid） } expect { b\n 1 } }", &[]);
    }
}
