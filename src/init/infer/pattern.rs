//! Names of files with what varies in them: `orders_2026-01-01` is one of `orders_*`.

use super::names::identifier;

/// A name with `*` for what varies.
pub(super) fn pattern(stem: &str) -> String {
    let part = |part: &Part| match part {
        Part::Fixed(text) => (*text).to_owned(),
        Part::Variable(_) => "*".to_owned(),
    };
    parts(stem).iter().map(part).collect()
}

/// The words of a pattern as a name; empty without any.
pub(super) fn words(pattern: &str) -> String {
    identifier(&pattern.replace('*', "_"), "")
}

/// Whether all of a name varies: `2026`, `01`, `2026-01-01`.
pub(super) fn is_variable(name: &str) -> bool {
    matches!(parts(name).as_slice(), [Part::Variable(_)])
}

/// Whether a name is surely one of many: there is a date or a UUID in it.
pub(super) fn is_serial(stem: &str) -> bool {
    parts(stem).iter().any(|part| match part {
        Part::Fixed(_) => false,
        Part::Variable(text) => {
            let digits = text.bytes().filter(u8::is_ascii_digit).count();
            let is_date = (text.starts_with("19") || text.starts_with("20")) && digits >= 6;
            is_date || (0..text.len()).any(|at| is_uuid(&text.as_bytes()[at..]))
        }
    })
}

/// Whether a pattern with `*` matches a name. The first place for each piece will do, as long as the last is the end.
pub(super) fn matches(pattern: &str, name: &str) -> bool {
    let mut pieces = pattern.split('*');
    let Some(mut rest) = pieces.next().and_then(|first| name.strip_prefix(first)) else { return false };
    let pieces: Vec<&str> = pieces.collect();
    let Some((last, between)) = pieces.split_last() else { return rest.is_empty() };
    for piece in between {
        match rest.find(piece) {
            Some(at) => rest = &rest[at + piece.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

/// A piece of a name: text that stays, or a number, a date or a UUID that the next file has another of.
#[derive(PartialEq, Eq, Debug)]
enum Part<'t> {
    Fixed(&'t str),
    Variable(&'t str),
}

fn parts(text: &str) -> Vec<Part<'_>> {
    let mut parts = Vec::new();
    let (mut start, mut at) = (0, 0);
    while at < text.len() {
        let length = variable(&text.as_bytes()[at..]);
        if length > 0 {
            if start < at {
                parts.push(Part::Fixed(&text[start..at]));
            }
            parts.push(Part::Variable(&text[at..at + length]));
            start = at + length;
        }
        at += length.max(text[at..].chars().next().map_or(1, char::len_utf8));
    }
    if start < text.len() {
        parts.push(Part::Fixed(&text[start..]));
    }
    parts
}

/// How many bytes at the beginning vary: numbers and UUIDs, and what joins them into dates and times.
fn variable(text: &[u8]) -> usize {
    let one = |from: usize| {
        let rest = text.get(from..).unwrap_or_default();
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        if is_uuid(rest) { 36 } else { digits }
    };
    let mut end = one(0);
    while end > 0 && matches!(text.get(end), Some(b'-' | b'_' | b'.' | b':' | b'T')) && one(end + 1) > 0 {
        end += 1 + one(end + 1);
    }
    end
}

fn is_uuid(text: &[u8]) -> bool {
    let is_right = |(at, byte): (usize, &u8)| match at {
        8 | 13 | 18 | 23 => *byte == b'-',
        _ => byte.is_ascii_hexdigit(),
    };
    text.get(..36).is_some_and(|uuid| uuid.iter().enumerate().all(is_right))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_varies_in_names_is_found() {
        for (stem, shown) in [
            ("orders", "orders"),
            ("2026-01-01", "*"),
            ("orders_2026-01-01T10-30", "orders_*"),
            ("part-00000-7c3f0a11-0000-4abc-8def-0123456789ab-c000.snappy", "part-*-c*.snappy"),
            ("Zürich7", "Zürich*"),
            ("v2", "v*"),
        ] {
            assert_eq!(pattern(stem), shown);
        }
        assert!(is_serial("orders_2026-01") && is_serial("20260101") && !is_serial("orders_2") && !is_serial("123456"));
        assert!(is_serial("part-00000-7c3f0a11-0000-4abc-8def-0123456789ab-c000"));
        assert_eq!(words("part-*-c*.snappy"), "part_c_snappy");
    }

    #[test]
    fn patterns_match_names() {
        assert!(
            matches("orders_*", "orders_1") && matches("*", "x") && matches("a*b*c", "a-b-b-c") && matches("a", "a")
        );
        assert!(!matches("orders_*", "order_1") && !matches("a*b", "a-b-c") && !matches("a", "ab"));
    }
}
