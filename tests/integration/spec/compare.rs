//! Expected against actual lines.

use similar::{ChangeTag, TextDiff};

/// An expected line that stands for any number of lines.
const ANYTHING: &str = "…";

/// Whether the lines are equal, blanks at their ends and blank lines at the end aside.
pub fn matches(expected: &[&str], actual: &[&str]) -> bool {
    wild(trimmed(expected), trimmed(actual))
}

/// Glob matching with one kind of wildcard: on a mismatch the last wildcard takes one line more.
fn wild(expected: &[&str], actual: &[&str]) -> bool {
    let (mut at, mut index) = (0, 0);
    let mut wildcard: Option<(usize, usize)> = None;
    while index < actual.len() {
        if expected.get(at).is_some_and(|line| line.trim() == ANYTHING) {
            wildcard = Some((at + 1, index));
            at += 1;
        } else if expected.get(at).is_some_and(|line| line.trim_end() == actual[index].trim_end()) {
            at += 1;
            index += 1;
        } else if let Some((after, taken)) = wildcard {
            wildcard = Some((after, taken + 1));
            (at, index) = (after, taken + 1);
        } else {
            return false;
        }
    }
    expected[at..].iter().all(|line| line.trim() == ANYTHING)
}

/// Without blank lines at the end.
fn trimmed<'a, 'l>(lines: &'a [&'l str]) -> &'a [&'l str] {
    let end = lines.iter().rposition(|line| !line.trim().is_empty()).map_or(0, |last| last + 1);
    &lines[..end]
}

/// The difference for a person: `-` is in the page only, `+` is what pie gave.
pub fn diff(expected: &[&str], actual: &[&str]) -> String {
    let joined =
        |lines: &[&str]| trimmed(lines).iter().map(|line| format!("{}\n", line.trim_end())).collect::<String>();
    let (expected, actual) = (joined(expected), joined(actual));
    let mut text = String::new();
    for change in TextDiff::from_lines(&expected, &actual).iter_all_changes() {
        let sign = match change.tag() {
            ChangeTag::Delete => '-',
            ChangeTag::Insert => '+',
            ChangeTag::Equal => ' ',
        };
        text.push(sign);
        text.push(' ');
        text.push_str(change.value());
    }
    text
}

#[test]
fn an_ellipsis_stands_for_any_lines() {
    assert!(matches(&["a", "…", "c", ""], &["a", "b", "b", "c"]));
    assert!(matches(&["…", "c"], &["c", "b", "c"]));
    assert!(matches(&["a", "…"], &["a"]));
    assert!(!matches(&["a", "…", "d"], &["a", "b", "c"]));
    assert!(!matches(&[], &["a"]));
    assert!(matches(&["a  "], &["a", ""]));
}
