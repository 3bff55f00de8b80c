//! A difference as JSON, in the shape of `spec/schema/diff.schema.json`.

use super::{Difference, Reader, Run, What};
use crate::diagnostic::{Diagnostic, json};
use crate::text::{SourceMap, Span};
use serde_json::{Value, json};

/// What `pie diff --format json` writes. `sources` are the texts of the new side.
pub fn to_json(
    difference: &Difference,
    diagnostics: &[Diagnostic],
    revisions: [&str; 2],
    sources: &SourceMap,
) -> Value {
    let place =
        |span: &Span| json!({ "file": sources.get(span.file).path(), "span": json::span_to_json(*span, sources) });
    let changes = difference.changes.iter().map(|change| {
        json!({
            "name": change.name.to_string(),
            "kind": if change.is_source { "source" } else { "slice" },
            "owner": change.owner,
            "change": change.what.as_str(),
            "run": change.run.as_str(),
            "rows": change.rows,
            "columns": { "changed": change.columns, "added": change.added, "removed": change.removed },
            "messages": change.told,
            "places": if change.what == What::Removed { Vec::new() } else { change.places.iter().map(place).collect() },
        })
    });
    let reader = |reader: &Reader| {
        let mut json = place(&reader.place);
        json["name"] = reader.name.to_string().into();
        json["owner"] = reader.owner.clone().into();
        json
    };
    let broken = difference.broken.iter().map(|broken| {
        json!({
            "name": broken.name.to_string(),
            "owner": broken.owner,
            "kind": broken.kind.as_str(),
            "column": broken.column,
            "message": broken.message,
            "notes": broken.notes,
            "readers": broken.readers.iter().map(reader).collect::<Vec<_>>(),
        })
    });
    let number = |run: Run| difference.changes.iter().filter(|change| change.run == run).count();
    let of = |what: What| difference.changes.iter().filter(|change| change.what == what).count();
    json!({
        "version": 1,
        "base": revisions[0],
        "head": revisions[1],
        "changes": changes.collect::<Vec<_>>(),
        "broken": broken.collect::<Vec<_>>(),
        "diagnostics": diagnostics.iter().map(|diagnostic| json::to_json(diagnostic, sources)).collect::<Vec<_>>(),
        "summary": {
            "added": of(What::Added),
            "removed": of(What::Removed),
            "changed": of(What::Changed),
            "affected": of(What::Affected),
            "unknown": of(What::Unknown),
            "build": number(Run::Build),
            "maybe": number(Run::Maybe),
            "broken": difference.broken.len(),
        },
    })
}
