//! Path templates: `raw/transfers/chain={chain}/day={day}/*.parquet`.
//!
//! `{column}` captures a partition value up to the next `/`, `*` matches within a folder's or file's name, `**` any number
//! of folders.

use crate::diagnostic::{Code, Diagnostic, did_you_mean};
use crate::syntax::ast::Text;
use crate::text::Span;

/// A parsed template.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PathTemplate {
    /// As written.
    pub text: String,
    /// Scheme and host of an object-store URL, such as `s3://bucket`; empty for a path.
    pub base: String,
    segments: Vec<Vec<Segment>>,
}

/// A part of one path segment.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Segment {
    Literal(String),
    /// `{column}`
    Capture(String),
    /// `*`
    Star,
    /// `**`, alone in its segment
    DoubleStar,
}

/// The values that a path gave to captured columns, in the order of the template.
pub type Captured = Vec<(String, String)>;

/// The kinds of URL that object stores have.
const REMOTE: [&str; 8] = ["s3", "s3a", "gs", "az", "adl", "azure", "abfs", "abfss"];

impl PathTemplate {
    pub(super) fn parse(
        text: &Text,
        partition_by: &[String],
        diagnostics: &mut Vec<Diagnostic>,
    ) -> Option<PathTemplate> {
        let bad = |message: &str, label: String| {
            Diagnostic::error(Code::BadPathTemplate, message.to_owned()).at(text.span, label).with_help(
                "a path is like `raw/orders/day={day}/*.parquet`: `{column}` captures a partition column, `*` and `**` match names",
            )
        };
        let _ = partition_by;
        let (base, path) = split_base(&text.value);
        if path.trim().is_empty() {
            diagnostics.push(bad("this path is empty", "no file can match it".to_owned()));
            return None;
        }
        if !base.is_empty() {
            let (scheme, host) = base.split_once("://").unwrap_or_default();
            if !REMOTE.contains(&scheme.to_lowercase().as_str()) {
                let label =
                    format!("`{scheme}://` is no place for data; a file of this machine is named by its path alone");
                diagnostics.push(bad("there is no such kind of URL", label));
                return None;
            }
            // `abfss://container@account` names no user.
            let user = host.rsplit_once('@').is_some_and(|(user, _)| user.contains(':') || !scheme.starts_with("abfs"));
            if user || path.contains("?sig=") || path.contains("?sv=") || path.contains("&sig=") {
                let label = "credentials come from the environment".to_owned();
                diagnostics.push(bad("this URL has credentials in it", label));
                return None;
            }
        }
        let mut segments = Vec::new();
        let absolute = base.is_empty() && path.starts_with('/');
        for (index, piece) in path.split('/').enumerate() {
            if piece.is_empty() {
                if index == 0 && absolute {
                    segments.push(Vec::new());
                }
                continue;
            }
            if piece == ".." {
                diagnostics.push(bad("a source's path may not leave its root with `..`", "leaves the root".to_owned()));
                return None;
            }
            if piece == "." {
                continue;
            }
            match parse_segment(piece) {
                Ok(parts) => segments.push(parts),
                Err(what) => {
                    diagnostics.push(bad(&format!("this path can't be read: {what}"), what.clone()));
                    return None;
                }
            }
        }
        Some(PathTemplate { text: text.value.clone(), base: base.to_owned(), segments })
    }

    /// Reports captures that are no partition columns.
    pub(super) fn check_captures(
        &self,
        text: &Text,
        columns: &[&str],
        partition_by: &[String],
        broken: bool,
        diagnostics: &mut Vec<Diagnostic>,
    ) {
        let mut seen: Vec<&str> = Vec::new();
        for name in self.captures() {
            let span = capture_span(text, name);
            if seen.contains(&name) {
                diagnostics.push(
                    Diagnostic::error(Code::BadPathTemplate, format!("`{{{name}}}` is captured twice"))
                        .at(span, "again here")
                        .with_help("use `*` for the second"),
                );
            } else if !broken && !columns.contains(&name) {
                let diagnostic =
                    Diagnostic::error(Code::BadPathTemplate, format!("`{{{name}}}` captures no column of this source"))
                        .at(span, "no such column");
                diagnostics.push(match did_you_mean(name, columns.iter().copied()) {
                    Some(help) => diagnostic.with_help(help),
                    None => diagnostic,
                });
            } else if !broken && !partition_by.iter().any(|column| column == name) {
                diagnostics.push(
                    Diagnostic::error(
                        Code::BadPathTemplate,
                        format!("`{{{name}}}` is captured, but isn't a partition column"),
                    )
                    .at(span, "captured here")
                    .with_help(format!("add it: `partition by ({})`", {
                        let mut names: Vec<&str> = partition_by.iter().map(String::as_str).collect();
                        names.push(name);
                        names.join(", ")
                    })),
                );
            }
            seen.push(name);
        }
    }

    /// The captured columns, in order.
    pub fn captures(&self) -> Vec<&str> {
        let parts = self.segments.iter().flatten();
        parts.filter_map(|part| if let Segment::Capture(name) = part { Some(name.as_str()) } else { None }).collect()
    }

    /// The folder below which every match lies: the literal segments at the beginning, joined by `/`.
    pub fn fixed_prefix(&self) -> String {
        let mut prefix = Vec::new();
        for segment in &self.segments[..self.segments.len().saturating_sub(1)] {
            match segment.as_slice() {
                [] => prefix.push(String::new()),
                [Segment::Literal(text)] => prefix.push(text.clone()),
                _ => break,
            }
        }
        prefix.join("/")
    }

    /// Whether a path (with `/`, as the template writes it, without base) matches, and what it captures.
    pub fn matches(&self, path: &str) -> Option<Captured> {
        let absolute = path.starts_with('/');
        let mut pieces: Vec<&str> = path.split('/').filter(|piece| !piece.is_empty()).collect();
        if absolute {
            pieces.insert(0, "");
        }
        let mut captured = Vec::new();
        match_segments(&self.segments, &pieces, &mut captured).then_some(captured)
    }
}

/// Splits `s3://bucket/key` into `s3://bucket` and `key`; a path has no base.
fn split_base(text: &str) -> (&str, &str) {
    let Some(scheme_end) = text.find("://") else { return ("", text) };
    let after = scheme_end + 3;
    match text[after..].find('/') {
        Some(slash) => (&text[..after + slash], &text[after + slash + 1..]),
        None => (text, ""),
    }
}

fn parse_segment(piece: &str) -> Result<Vec<Segment>, String> {
    if piece == "**" {
        return Ok(vec![Segment::DoubleStar]);
    }
    let mut parts = Vec::new();
    let mut literal = String::new();
    let mut rest = piece;
    while let Some(character) = rest.chars().next() {
        rest = &rest[character.len_utf8()..];
        let mut flush = |parts: &mut Vec<Segment>| {
            if !literal.is_empty() {
                parts.push(Segment::Literal(std::mem::take(&mut literal)));
            }
        };
        match character {
            '{' => {
                let Some(end) = rest.find('}') else { return Err("`{` is never closed".to_owned()) };
                let name = rest[..end].trim().to_lowercase();
                if name.is_empty() || name.contains('{') {
                    return Err("`{}` needs the name of a column".to_owned());
                }
                flush(&mut parts);
                if matches!(parts.last(), Some(Segment::Capture(_) | Segment::Star)) {
                    return Err("two patterns stand right next to each other".to_owned());
                }
                parts.push(Segment::Capture(name));
                rest = &rest[end + 1..];
            }
            '}' => return Err("`}` closes nothing".to_owned()),
            '*' => {
                if rest.starts_with('*') {
                    return Err("`**` must stand alone between slashes".to_owned());
                }
                flush(&mut parts);
                if matches!(parts.last(), Some(Segment::Capture(_))) {
                    return Err("two patterns stand right next to each other".to_owned());
                }
                parts.push(Segment::Star);
            }
            other => literal.push(other),
        }
    }
    if !literal.is_empty() {
        parts.push(Segment::Literal(literal));
    }
    Ok(parts)
}

fn capture_span(text: &Text, name: &str) -> Span {
    // The value is the text between the quotes; with doubled quotes inside, the whole literal is shown instead.
    let needle = format!("{{{name}}}");
    match text.value.to_lowercase().find(&needle) {
        Some(at) if text.span.len() == text.value.len() + 2 => {
            let start = text.span.start + 1 + at as u32;
            Span { start, end: start + needle.len() as u32, ..text.span }
        }
        _ => text.span,
    }
}

fn match_segments(segments: &[Vec<Segment>], pieces: &[&str], captured: &mut Captured) -> bool {
    match (segments, pieces) {
        ([], []) => true,
        ([], _) => false,
        ([first, rest @ ..], _) if matches!(first.as_slice(), [Segment::DoubleStar]) => {
            (0..=pieces.len()).any(|skip| {
                let mark = captured.len();
                let matched = match_segments(rest, &pieces[skip..], captured);
                if !matched {
                    captured.truncate(mark);
                }
                matched
            })
        }
        (_, []) => false,
        ([first, rest @ ..], [piece, more @ ..]) => {
            let mark = captured.len();
            let matched = match_parts(first, piece, captured) && match_segments(rest, more, captured);
            if !matched {
                captured.truncate(mark);
            }
            matched
        }
    }
}

fn match_parts(parts: &[Segment], text: &str, captured: &mut Captured) -> bool {
    match parts {
        [] => text.is_empty(),
        [Segment::Literal(literal), rest @ ..] => {
            text.strip_prefix(literal.as_str()).is_some_and(|text| match_parts(rest, text, captured))
        }
        [pattern, rest @ ..] => {
            let ends = text.char_indices().map(|(at, _)| at).chain([text.len()]);
            for end in ends {
                // A capture holds at least one character; a star may hold none.
                if end == 0 && matches!(pattern, Segment::Capture(_)) {
                    continue;
                }
                let mark = captured.len();
                if let Segment::Capture(name) = pattern {
                    captured.push((name.clone(), text[..end].to_owned()));
                }
                if match_parts(rest, &text[end..], captured) {
                    return true;
                }
                captured.truncate(mark);
            }
            false
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::FileId;

    fn template(text: &str) -> PathTemplate {
        let span = Span::new(FileId(0), 0, text.len() + 2);
        let mut diagnostics = Vec::new();
        let parsed = PathTemplate::parse(&Text { value: text.to_owned(), span }, &[], &mut diagnostics);
        parsed.unwrap_or_else(|| panic!("{text}: {diagnostics:?}"))
    }

    #[test]
    fn captures_and_stars_match_within_names() {
        let parsed = template("raw/t/chain={chain}/day={day}/*.parquet");
        assert_eq!(parsed.fixed_prefix(), "raw/t");
        let captured = parsed.matches("raw/t/chain=eth/day=2026-01-01/part-0.parquet");
        let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
        assert_eq!(captured, Some(vec![pair("chain", "eth"), pair("day", "2026-01-01")]));
        assert_eq!(parsed.matches("raw/t/chain=eth/day=2026-01-01/x.csv"), None);
        assert_eq!(parsed.matches("raw/t/chain=/day=2026-01-01/x.parquet"), None);
        assert_eq!(parsed.matches("raw/t/chain=eth/x.parquet"), None);
    }

    #[test]
    fn double_stars_match_folders() {
        let parsed = template("raw/**/*.csv");
        assert!(parsed.matches("raw/a.csv").is_some());
        assert!(parsed.matches("raw/x/y/a.csv").is_some());
        assert!(parsed.matches("raw/x/y/a.json").is_none());
    }

    #[test]
    fn urls_have_a_base() {
        let parsed = template("s3://bucket/raw/{day}.csv");
        assert_eq!(parsed.base, "s3://bucket");
        assert_eq!(parsed.matches("raw/2026.csv"), Some(vec![("day".to_owned(), "2026".to_owned())]));
    }

    #[test]
    fn bad_templates_are_refused() {
        for text in ["a/{b", "a/}b", "a/{}/b", "../x.csv", "a/{b}{c}", "a/x**/b", ""] {
            let span = Span::new(FileId(0), 0, text.len() + 2);
            let mut diagnostics = Vec::new();
            assert!(
                PathTemplate::parse(&Text { value: text.to_owned(), span }, &[], &mut diagnostics).is_none(),
                "{text}"
            );
            assert_eq!(diagnostics.len(), 1, "{text}");
        }
    }
}
