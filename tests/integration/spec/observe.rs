//! The machine output of `pie`, reduced to the lines that a page shows.

use crate::pie::Output;
use serde_json::Value;

/// `main.pie:3:10-3:16 error[E0201] there is no column …`, a line a finding, in the order of `pie check`.
pub fn diagnostics(output: &Output) -> Vec<String> {
    match output.json().as_ref().and_then(|json| json["diagnostics"].as_array()) {
        Some(found) => found.iter().map(diagnostic).collect(),
        None => transcript(output),
    }
}

/// `build orders.daily because query_changed`, a line a slice, in the order of the plan.
pub fn plan(output: &Output) -> Vec<String> {
    slices(output, |slice| {
        let mut kinds: Vec<&str> = Vec::new();
        for kind in list(&slice["reasons"]).iter().map(|reason| text(&reason["kind"])) {
            if !kinds.contains(&kind) {
                kinds.push(kind);
            }
        }
        let because = if kinds.is_empty() { String::new() } else { format!(" because {}", kinds.join(", ")) };
        format!("{} {}{because}", text(&slice["action"]), text(&slice["name"]))
    })
}

/// `built orders.daily rows 2` or `reused orders.daily`, a line a slice, in the order of the plan.
pub fn build(output: &Output) -> Vec<String> {
    slices(output, |slice| {
        let outcome = text(&slice["outcome"]);
        let rows = slice["rows"].as_u64().filter(|_| outcome == "built");
        let rows = rows.map_or(String::new(), |rows| format!(" rows {rows}"));
        format!("{outcome} {}{rows}", text(&slice["name"]))
    })
}

/// The rows of CSV as aligned cells between `|`, null and the empty text both being empty.
pub fn table(output: &Output) -> Vec<String> {
    if output.code != 0 {
        return transcript(output);
    }
    let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(output.out.as_bytes());
    let rows: Result<Vec<Vec<String>>, csv::Error> =
        reader.records().map(|record| Ok(record?.iter().map(str::to_owned).collect())).collect();
    rows.map_or_else(|_| transcript(output), |rows| aligned(&rows))
}

/// A line of a table however its cells are aligned.
pub fn cells(line: &str) -> String {
    line.split('|').map(str::trim).collect::<Vec<_>>().join(" | ").trim_end().to_owned()
}

fn aligned(rows: &[Vec<String>]) -> Vec<String> {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| rows.iter().filter_map(|row| Some(row.get(column)?.chars().count())).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let line = |row: &Vec<String>| {
        let padded: Vec<String> = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        padded.join(" | ").trim_end().to_owned()
    };
    rows.iter().map(line).collect()
}

/// Findings about the project as a whole, then a line for each slice.
fn slices(output: &Output, line: impl Fn(&Value) -> String) -> Vec<String> {
    let Some(json) = output.json().filter(|json| json["slices"].is_array()) else { return diagnostics(output) };
    let found = list(&json["diagnostics"]).iter().map(diagnostic);
    found.chain(list(&json["slices"]).iter().map(line)).collect()
}

fn diagnostic(found: &Value) -> String {
    let position = |of: &Value| format!("{}:{}", of["line"], of["column"]);
    let span = &found["span"];
    let place = match found["file"].as_str() {
        Some(file) if span.is_object() => format!("{file}:{}-{} ", position(&span["start"]), position(&span["end"])),
        Some(file) => format!("{file} "),
        None => String::new(),
    };
    let message = text(&found["message"]).replace('\n', " ");
    format!("{place}{}[{}] {message}", text(&found["severity"]), text(&found["code"]))
}

/// What `pie` wrote, where it isn't the JSON that was asked for.
fn transcript(output: &Output) -> Vec<String> {
    output.transcript().lines().map(str::to_owned).collect()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or("?")
}

#[test]
fn cells_are_aligned_by_their_widest() {
    let output = Output { out: "day,n\n2026-01-01,1\n,22\n".to_owned(), err: String::new(), code: 0 };
    assert_eq!(table(&output), ["day        | n", "2026-01-01 | 1", "           | 22"]);
    assert_eq!(cells("day|  n "), cells("day        | n"));
}
