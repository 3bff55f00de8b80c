//! Diagnostics as JSON, in the shape of `spec/schema/diagnostic.schema.json`.

use super::Diagnostic;
use crate::text::{SourceMap, Span};
use serde_json::{Value, json};

/// One diagnostic as a JSON object. Lines and columns are 1-based, columns in Unicode scalar values.
pub fn to_json(diagnostic: &Diagnostic, sources: &SourceMap) -> Value {
    json!({
        "code": diagnostic.code.as_str(),
        "severity": diagnostic.severity.as_str(),
        "message": diagnostic.message,
        "file": diagnostic.span.map(|span| sources.get(span.file).path()),
        "span": diagnostic.span.map(|span| span_to_json(span, sources)),
        "label": diagnostic.label,
        "labels": diagnostic.labels.iter().map(|label| json!({
            "file": sources.get(label.span.file).path(),
            "span": span_to_json(label.span, sources),
            "message": label.message,
        })).collect::<Vec<_>>(),
        "notes": diagnostic.notes,
        "help": diagnostic.help,
        "fixes": diagnostic.fixes.iter().map(|fix| json!({
            "title": fix.title,
            "edits": fix.edits.iter().map(|(span, text)| json!({
                "file": sources.get(span.file).path(),
                "span": span_to_json(*span, sources),
                "text": text,
            })).collect::<Vec<_>>(),
        })).collect::<Vec<_>>(),
    })
}

/// A span as start and end positions and as byte offsets.
pub fn span_to_json(span: Span, sources: &SourceMap) -> Value {
    let text = sources.get(span.file);
    let (start, end) = (text.position(span.start), text.position(span.end));
    json!({
        "start": { "line": start.line, "column": start.column },
        "end": { "line": end.line, "column": end.column },
        "bytes": [span.start, span.end],
    })
}
