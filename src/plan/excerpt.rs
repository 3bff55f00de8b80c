//! Places as `file:line:column` and the lines that stand there.
//!
//! ```text
//! payments.pie:46:22
//! 46 │   select day, chain, sum(amount * 2) as volume, count(*) as transfers
//!    │                      ^^^^^^^^^^^^^^^
//! ```

use crate::text::{FileId, SourceMap, SourceText, Span};

/// Of a place that is longer, the first lines are shown.
const MAX_LINES: u32 = 12;

/// Longer lines are cut.
const MAX_WIDTH: usize = 96;

/// An excerpt for each place, as lines; places on one line share theirs.
pub fn excerpts(places: &[Span], sources: &SourceMap) -> Vec<Vec<String>> {
    let mut groups: Vec<(FileId, Lines, Vec<Span>)> = Vec::new();
    for place in places {
        let lines = Lines::of(*place, sources.get(place.file));
        match groups.last_mut() {
            Some((file, others, spans)) if *file == place.file && *others == lines && lines.first == lines.last => {
                spans.push(*place);
            }
            _ => groups.push((place.file, lines, vec![*place])),
        }
    }
    groups.iter().map(|(file, lines, spans)| excerpt(sources.get(*file), *lines, spans)).collect()
}

/// The lines that a place touches, from 1.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Lines {
    first: u32,
    last: u32,
}

impl Lines {
    fn of(place: Span, text: &SourceText) -> Lines {
        let first = text.position(place.start).line;
        // A place that ends with a newline doesn't touch the next line.
        let last = text.position(place.end.saturating_sub(1).max(place.start)).line;
        Lines { first, last: last.max(first) }
    }
}

fn excerpt(text: &SourceText, lines: Lines, places: &[Span]) -> Vec<String> {
    let start = places.first().map_or(0, |place| place.start);
    let mut excerpt = vec![format!("{}:{}:{}", text.path(), lines.first, text.position(start).column)];
    let shown = (lines.last - lines.first + 1).min(MAX_LINES);
    let gutter = (lines.first + shown - 1).to_string().len();
    if lines.first == lines.last {
        let (line, marks) = underlined(text, lines.first, places);
        excerpt.push(format!("{:>gutter$} │ {line}", lines.first));
        excerpt.push(format!("{:gutter$} │ {marks}", ""));
        return excerpt;
    }
    for number in lines.first..lines.first + shown {
        let line = window(&characters(text, number), 0);
        excerpt.push(format!("{number:>gutter$} │ {line}"));
    }
    let more = lines.last - lines.first + 1 - shown;
    if more > 0 {
        excerpt.push(format!("{:gutter$} … {more} more line{}", "", if more == 1 { "" } else { "s" }));
    }
    excerpt
}

/// A line and the marks below the places in it.
fn underlined(text: &SourceText, number: u32, places: &[Span]) -> (String, String) {
    let line = characters(text, number);
    let column = |offset: u32| text.position(offset).column as usize - 1;
    let marks: Vec<std::ops::Range<usize>> = places
        .iter()
        .map(|place| (column(place.start), column(place.end)))
        .map(|(start, end)| start..end.max(start + 1))
        .collect();
    let (start, end) = (marks.first().map_or(0, |mark| mark.start), marks.last().map_or(0, |mark| mark.end));
    let from = if end <= MAX_WIDTH { 0 } else { start.saturating_sub(8) };
    let end = end.min(from + MAX_WIDTH);
    let mark = |at: usize| if marks.iter().any(|mark| mark.contains(&at)) { '^' } else { ' ' };
    (window(&line, from), (from..end).map(mark).collect())
}

/// As much of a line as is shown, from a character on; `…` stands where it is cut.
fn window(line: &[char], from: usize) -> String {
    let mut shown: Vec<char> = line.iter().copied().skip(from).take(MAX_WIDTH).collect();
    if let (true, Some(first)) = (from > 0, shown.first_mut()) {
        *first = '…';
    }
    if line.len() > from + MAX_WIDTH {
        shown.push('…');
    }
    shown.into_iter().collect()
}

/// The characters of a line, from 1, with a blank for each tab and other control character.
fn characters(text: &SourceText, number: u32) -> Vec<char> {
    let starts = text.line_starts();
    let start = starts.get(number as usize - 1).map_or(text.text().len(), |start| *start as usize);
    let end = starts.get(number as usize).map_or(text.text().len(), |end| *end as usize);
    let line = text.text().get(start..end).unwrap_or_default().trim_end_matches(['\n', '\r']);
    line.chars().map(|character| if character.is_control() { ' ' } else { character }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, places: &[(usize, usize)], expected: &str) {
        let mut sources = SourceMap::default();
        let file = sources.add("main.pie", text);
        let places: Vec<Span> = places.iter().map(|(start, end)| Span::new(file, *start, *end)).collect();
        let found: Vec<String> = excerpts(&places, &sources).into_iter().flatten().collect();
        assert_eq!(found.join("\n"), expected);
    }

    #[test]
    fn places_on_one_line_share_it() {
        check("select\n  é, b\n", &[(9, 11), (13, 14)], "main.pie:2:3\n2 │   é, b\n  │   ^  ^");
    }

    #[test]
    fn longer_places_show_their_lines() {
        check("a\nb\nc\n", &[(0, 4)], "main.pie:1:1\n1 │ a\n2 │ b");
        let lines = (3..15).map(|number| format!("{number:>2} │ x\n"));
        let found = format!("main.pie:3:1\n{}   … 2 more lines", lines.collect::<String>());
        check(&"x\n".repeat(16), &[(4, 32)], &found);
    }

    #[test]
    fn odd_places_are_shown_too() {
        check("", &[(0, 0)], "main.pie:1:1\n1 │ \n  │ ^");
        let long = "x".repeat(300);
        let mut sources = SourceMap::default();
        let file = sources.add("main.pie", long.as_str());
        let found = excerpts(&[Span::new(file, 200, 299)], &sources).concat();
        assert!(found.iter().all(|line| line.chars().count() <= MAX_WIDTH + "300 │ ".len()), "{found:?}");
    }
}
