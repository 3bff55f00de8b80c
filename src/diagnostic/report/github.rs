//! Annotations on a pull request, by workflow commands of GitHub Actions, and the summary of a step:
//! <https://docs.github.com/actions/reference/workflow-commands-for-github-actions>.

use super::Report;
use crate::diagnostic::{Diagnostic, Severity};
use std::fmt::Write;

/// So many annotations of each level are shown of one step; GitHub drops further ones without a word.
pub const ANNOTATIONS: usize = 10;

/// A summary that is larger isn't shown at all.
pub const SUMMARY_BYTES: usize = 1 << 20;

/// A line for each annotation that GitHub shows, and how many findings get none.
pub fn annotations(report: &Report<'_>) -> (String, usize) {
    let mut text = String::new();
    let mut omitted = 0;
    for (severity, command) in [(Severity::Error, "error"), (Severity::Warning, "warning"), (Severity::Note, "notice")]
    {
        let of = report.diagnostics.iter().filter(|diagnostic| diagnostic.severity == severity);
        for (number, diagnostic) in of.enumerate() {
            if number < ANNOTATIONS {
                text.push_str(&annotation(command, diagnostic, report));
            } else {
                omitted += 1;
            }
        }
    }
    (text, omitted)
}

fn annotation(command: &str, diagnostic: &Diagnostic, report: &Report<'_>) -> String {
    let place = report.place_of(diagnostic);
    let mut line = format!("::{command} file={},line={}", property(&place.path), place.start.line);
    // Columns count only within one line.
    if place.end.line == place.start.line {
        let end = place.end.column.saturating_sub(1).max(place.start.column);
        let _ = write!(line, ",endLine={},col={},endColumn={end}", place.end.line, place.start.column);
    } else {
        let _ = write!(line, ",endLine={}", place.end.line);
    }
    let _ = writeln!(line, ",title={}::{}", property(diagnostic.code.as_str()), data(&report.text(diagnostic)));
    line
}

/// The value of a workflow command. Logs are shown as a terminal shows them: what it would obey is left out.
fn data(text: &str) -> String {
    let text = text.replace(|c: char| c.is_control() && !matches!(c, '\r' | '\n' | '\t'), "\u{fffd}");
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// A property of a workflow command.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

/// All findings as Markdown, as many as `room` bytes hold.
pub fn summary(report: &Report<'_>, room: usize) -> String {
    let errors = report.diagnostics.iter().filter(|diagnostic| diagnostic.is_error()).count();
    let others = report.diagnostics.len() - errors;
    let mut text = format!("### pie {}\n\n", report.verb);
    if report.diagnostics.is_empty() {
        text.push_str("No findings.\n");
        return text;
    }
    let _ = writeln!(text, "{errors} errors, {others} other findings\n\n| | place | finding |\n|---|---|---|");
    let all = report.by_severity();
    for (number, diagnostic) in all.iter().enumerate() {
        let place = report.place_of(diagnostic);
        let mut said = vec![format!("**{}**", cell(&diagnostic.message))];
        said.extend(report.details(diagnostic).iter().map(|line| cell(line)));
        let row = format!(
            "| {} | {}:{} | {} |\n",
            diagnostic.code.as_str(),
            cell(&place.path),
            place.start.line,
            said.join("<br>")
        );
        let rest = format!("\n… and {} more.\n", all.len() - number);
        if text.len() + row.len() + rest.len() > room {
            if text.len() + rest.len() <= room {
                text.push_str(&rest);
            }
            break;
        }
        text.push_str(&row);
    }
    text
}

/// A text inside of a cell of a table: names in backticks stay as they are, everything else is plain text.
fn cell(text: &str) -> String {
    let mut out = String::new();
    for (at, part) in text.split('`').enumerate() {
        if at > 0 {
            out.push('`');
        }
        for character in part.chars() {
            match character {
                '|' => out.push_str("\\|"),
                '\n' => out.push_str("<br>"),
                '\r' => {}
                '<' if at % 2 == 0 => out.push_str("&lt;"),
                '>' if at % 2 == 0 => out.push_str("&gt;"),
                '&' if at % 2 == 0 => out.push_str("&amp;"),
                '*' | '_' | '[' | ']' | '\\' if at % 2 == 0 => {
                    out.push('\\');
                    out.push(character);
                }
                _ => out.push(character),
            }
        }
    }
    out
}
