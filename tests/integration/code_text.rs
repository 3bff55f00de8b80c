//! Rust source reduced to what the compiler acts on, so that a search for names finds no comment, text or test.

/// The code with comments, texts and characters blanked out and test modules removed. Lines keep their numbers.
pub fn code_of(source: &str) -> String {
    without_test_modules(&without_literals(source))
}

fn without_literals(source: &str) -> String {
    let mut code = String::with_capacity(source.len());
    let mut rest = source;
    while let Some(first) = rest.chars().next() {
        let inside_word = code.ends_with(is_word);
        let length = literal(rest, inside_word);
        if length == 0 {
            code.push(first);
            rest = &rest[first.len_utf8()..];
        } else {
            let (skipped, behind) = rest.split_at(length);
            code.push(' ');
            code.extend(skipped.chars().filter(|character| *character == '\n'));
            rest = behind;
        }
    }
    code
}

/// The length of the comment, text or character that the source begins with; 0 for code.
fn literal(source: &str, inside_word: bool) -> usize {
    let until = |end: &str, from: usize| source[from..].find(end).map_or(source.len(), |at| from + at + end.len());
    if source.starts_with("//") {
        return source.find('\n').unwrap_or(source.len());
    }
    if source.starts_with("/*") {
        return until("*/", 2);
    }
    let raw = source.trim_start_matches(['b', 'c']).strip_prefix('r').filter(|_| !inside_word);
    if let Some(raw) = raw {
        let hashes = raw.len() - raw.trim_start_matches('#').len();
        if raw[hashes..].starts_with('"') {
            let open = source.len() - raw.len() + hashes + 1;
            return until(&format!("\"{}", "#".repeat(hashes)), open);
        }
    }
    if source.starts_with('"') {
        return closing(source, '"').unwrap_or(source.len());
    }
    // A quote is a character where it closes behind one, else a lifetime.
    let mut characters = source.strip_prefix('\'').unwrap_or_default().chars();
    match (characters.next(), characters.next()) {
        (Some('\\'), Some(_)) => closing(source, '\'').unwrap_or(0),
        (Some(character), Some('\'')) => 2 + character.len_utf8(),
        _ => 0,
    }
}

/// The length up to the quote that closes the one at the start, backslashes escaping.
fn closing(source: &str, quote: char) -> Option<usize> {
    let mut characters = source.char_indices().skip(1);
    while let Some((at, character)) = characters.next() {
        match character {
            '\\' => {
                characters.next();
            }
            found if found == quote => return Some(at + 1),
            _ => {}
        }
    }
    None
}

/// Without `#[cfg(test)] mod … { … }`; braces balance, since texts are gone.
fn without_test_modules(code: &str) -> String {
    let mut kept = String::with_capacity(code.len());
    let mut rest = code;
    while let Some(at) = rest.find("#[cfg(test)]") {
        let (before, attribute) = rest.split_at(at);
        kept.push_str(before);
        let item = attribute["#[cfg(test)]".len()..].trim_start();
        let end = if item.starts_with("mod ") { end_of_item(attribute) } else { "#[cfg(test)]".len() };
        kept.extend(attribute[..end].chars().filter(|character| *character == '\n'));
        rest = &attribute[end..];
    }
    kept.push_str(rest);
    kept
}

/// Behind the item's closing brace, or its semicolon where it has no body.
fn end_of_item(code: &str) -> usize {
    let mut depth = 0usize;
    for (at, character) in code.char_indices() {
        match character {
            ';' if depth == 0 => return at + 1,
            '{' => depth += 1,
            '}' if depth == 1 => return at + 1,
            '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    code.len()
}

/// Whether a character can be part of a name.
pub fn is_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

#[test]
fn comments_texts_and_tests_are_no_code() {
    let source = "use a::b; // use c::d;\nlet x: &'a str = \"e::f\"; let y = '\"'; r#\"g\"::h\"#;\n\
                  #[cfg(test)]\nmod tests { use i::j; }\nuse k::l;\n/* m::n */ for_r\"o\"";
    let code = code_of(source);
    for gone in ["c::d", "e::f", "::h", "i::j", "m::n"] {
        assert!(!code.contains(gone), "{gone} in {code}");
    }
    for kept in ["a::b", "&'a str", "k::l", "for_r"] {
        assert!(code.contains(kept), "{kept} not in {code}");
    }
    assert_eq!(code.lines().count(), source.lines().count());
}
