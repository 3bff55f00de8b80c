//! Takes out of an output what differs from run to run.

use std::path::Path;

/// Replaces the project's folder by `<project>`, times by `<time>`, ids by `<id>`, digests by `<digest>`, and durations
/// behind "in" by `…`.
pub fn normalize(text: &str, project: &Path) -> String {
    without_user(&without_circumstance(text, project))
}

/// Who runs the tests: in a log, and where a slice is held.
fn without_user(text: &str) -> String {
    let user = std::env::var("USER").or_else(|_| std::env::var("USERNAME")).unwrap_or_else(|_| "unknown".to_owned());
    text.replace(&format!("<time>  {user:<12}  "), "<time>  <user>  ")
        .replace(&format!("held by {user} until"), "held by <user> until")
        .replace(&format!("<time> by {user}\n"), "<time> by <user>\n")
}

fn without_circumstance(text: &str, project: &Path) -> String {
    let text = text.replace(&project.display().to_string(), "<project>");
    let mut normal = String::with_capacity(text.len());
    let mut rest = text.as_str();
    while let Some(first) = rest.chars().next() {
        let inside_word = normal.ends_with(|last: char| last.is_alphanumeric());
        if let Some(length) = rest.strip_prefix(" in ").and_then(duration) {
            normal.push_str(" in …");
            rest = &rest[" in ".len() + length..];
        } else if let Some(length) = rest.strip_prefix(" published ").and_then(age) {
            normal.push_str(" published … ago");
            rest = &rest[" published ".len() + length..];
        } else if let Some(length) = rest.strip_prefix(" stale for ").and_then(span) {
            normal.push_str(" stale for …");
            rest = &rest[" stale for ".len() + length..];
        } else if let Some((name, length)) = token(rest).filter(|_| !inside_word) {
            normal.push_str(name);
            rest = &rest[length..];
        } else {
            normal.push(first);
            rest = &rest[first.len_utf8()..];
        }
    }
    normal
}

fn token(text: &str) -> Option<(&'static str, usize)> {
    let shapes = [("<time>", time(text)), ("<id>", shaped(text, ID)), ("<digest>", shaped(text, DIGEST))];
    let found = shapes.into_iter().find_map(|(name, length)| Some((name, length?)))?;
    let goes_on = text[found.1..].starts_with(|next: char| next.is_alphanumeric());
    (!goes_on).then_some(found)
}

/// In shapes `9` is a digit, `x` a hexadecimal one, anything else itself.
const ID: &str = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
const DIGEST: &str = "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx";

/// The length of the shape, if the text begins with it.
fn shaped(text: &str, shape: &str) -> Option<usize> {
    let fits = |(byte, wanted): (u8, u8)| match wanted {
        b'9' => byte.is_ascii_digit(),
        b'x' => byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte),
        other => byte == other,
    };
    (text.len() >= shape.len() && text.bytes().zip(shape.bytes()).all(fits)).then_some(shape.len())
}

/// The length of an RFC 3339 time with its zone. One without a zone is data.
fn time(text: &str) -> Option<usize> {
    let mut length = shaped(text, "9999-99-99T99:99:99")?;
    if let Some(fraction) = text[length..].strip_prefix('.') {
        length += 1 + fraction.bytes().take_while(u8::is_ascii_digit).count();
    }
    let zone = &text[length..];
    let offset = || shaped(zone, "+99:99").or_else(|| shaped(zone, "-99:99"));
    Some(length + zone.strip_prefix('Z').map(|_| 1).or_else(offset)?)
}

/// The length of `12 ms`, `0.03 s`, `1 min 2 s`.
fn duration(text: &str) -> Option<usize> {
    let number = text.bytes().take_while(|byte| byte.is_ascii_digit() || *byte == b'.').count();
    let behind = &text[number..];
    let behind = behind.strip_prefix(' ').unwrap_or(behind);
    let unit = behind.find(|next: char| !next.is_alphabetic()).unwrap_or(behind.len());
    let known = ["ns", "µs", "us", "ms", "s", "m", "min", "h"].contains(&&behind[..unit]);
    let length = text.len() - behind.len() + unit;
    let more = text[length..].strip_prefix(' ').and_then(duration).map_or(0, |more| more + 1);
    (number > 0 && known).then_some(length + more)
}

/// The length of `12 seconds ago`.
fn age(text: &str) -> Option<usize> {
    let length = span(text)?;
    text[length..].starts_with(" ago").then_some(length + " ago".len())
}

/// The length of `12 seconds`.
fn span(text: &str) -> Option<usize> {
    let number = text.bytes().take_while(u8::is_ascii_digit).count();
    let unit = text[number..].strip_prefix(' ')?;
    let unit = &unit[..unit.find(|next: char| !next.is_alphabetic()).unwrap_or(unit.len())];
    let known = ["second", "minute", "hour", "day"].contains(&unit.strip_suffix('s').unwrap_or(unit));
    (number > 0 && known).then_some(number + 1 + unit.len())
}

#[test]
fn what_differs_from_run_to_run_goes() {
    let normal = |text: &str| normalize(text, Path::new("/tmp/p"));
    assert_eq!(normal("built 2 slices in 12 ms, 3 in 1 min 0.5 s."), "built 2 slices in …, 3 in ….");
    assert_eq!(normal("in 3 slices, in 5 minutes"), "in 3 slices, in 5 minutes");
    assert_eq!(normal("at 2026-01-01T10:00:00.123Z"), "at <time>");
    assert_eq!(normal("2026-01-01T10:00:00+02:00|2026-01-01T10:00:00"), "<time>|2026-01-01T10:00:00");
    assert_eq!(normal("id 0190a1b2-c3d4-7e5f-8a9b-0123456789ab!"), "id <id>!");
    assert_eq!(normal(&"a1".repeat(32)), "<digest>");
    assert_eq!(normal(&"a1".repeat(33)), "a1".repeat(33));
    assert_eq!(normal("2 rows, published 1 second ago"), "2 rows, published … ago");
    assert_eq!(normal("2 rows, stale for 2 hours, and"), "2 rows, stale for …, and");
    assert_eq!(normal("see /tmp/p/main.pie"), "see <project>/main.pie");
}
