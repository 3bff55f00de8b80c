//! Sources → the text of their declarations, in the layout of `pie fmt`.

use super::columns::{Column, Described};
use super::names::quoted;
use crate::diagnostic::Diagnostic;
use crate::syntax;
use crate::text::FileId;

/// A source to declare.
pub(super) struct Source {
    pub name: String,
    /// The path template.
    pub from: String,
    pub described: Described,
}

/// Writes the file. `prefix` is the folder that was looked into, as `from` calls it.
pub(super) fn text(prefix: &str, domain: &str, sources: &[Source]) -> String {
    let below = if prefix.is_empty() { "of this folder".to_owned() } else { format!("below `{prefix}`") };
    let mut text = comment(&format!(
        "Written by `pie init` from the files {below}: a proposal. Are the types what you mean, and will `not null`"
    ));
    text.push_str("-- hold tomorrow? Whatever stands here, `pie freeze` verifies it against every row.\n\n");
    text.push_str(&format!("domain {domain} {{}}\n"));
    for Source { name, from, described } in sources {
        text.push_str(&format!("\n{}", comment(&reading(described))));
        text.extend(described.notes.iter().map(|note| comment(note)));
        text.push_str(&format!("public source {domain}.{name} {{\n  from '{}'\n", from.replace('\'', "''")));
        if let Some(format) = &described.format {
            text.push_str(&format!("  format {format}\n"));
        }
        if !described.partition_by.is_empty() {
            let columns: Vec<String> = described.partition_by.iter().map(|column| quoted(column)).collect();
            text.push_str(&format!("  partition by ({})\n", columns.join(", ")));
        }
        if let Some(column) = key(described) {
            let hint = "unique in the rows sampled; take the dashes away to have it verified";
            text.push_str(&format!("  -- key ({})   -- {hint}\n", quoted(&column.name)));
        }
        text.push_str("  columns (\n");
        for (index, column) in described.columns.iter().enumerate() {
            let not_null = if column.not_null { " not null" } else { "" };
            let comma = if index + 1 < described.columns.len() { "," } else { "" };
            let note = column.note.as_ref().map_or_else(|| "\n".to_owned(), |note| format!(" {}", comment(note)));
            text.push_str(&format!("    {} {}{not_null}{comma}{note}", quoted(&column.name), column.data_type));
        }
        text.push_str("  )\n}\n");
    }
    formatted(text)
}

/// What the declaration was inferred from.
fn reading(described: &Described) -> String {
    let Described { files, files_read, rows, is_whole, is_metadata, .. } = described;
    let count = |count: u64, what: &str| format!("{count} {what}{}", if count == 1 { "" } else { "s" });
    let (shown, rows) = (count(*files as u64, "file"), count(*rows, "row"));
    match (is_metadata, is_whole) {
        (true, _) => format!("{shown}, {rows}: types and nulls are those of the Parquet metadata"),
        (false, true) => format!("{shown}, {rows}, all of them read"),
        (false, false) if files == files_read => format!("{shown}, {rows} sampled"),
        (false, false) => format!("{shown}, {rows} of {files_read} of them sampled"),
    }
}

/// The column that may well be the key: of a sample, just the one that stands where keys do.
fn key(described: &Described) -> Option<&Column> {
    let mut columns = described.columns.iter().enumerate();
    columns.find(|(index, column)| column.is_unique && (described.is_whole || *index == 0)).map(|(_, column)| column)
}

/// A line of comment; whatever a file's name or value holds, it stays one.
fn comment(text: &str) -> String {
    let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    format!("-- {}\n", line.trim_end())
}

/// Lays the text out as `pie fmt` would.
fn formatted(text: String) -> String {
    let parse = syntax::parse(FileId(0), &text);
    if parse.diagnostics.iter().any(Diagnostic::is_error) { text } else { syntax::format::format(&parse.file, &text) }
}
