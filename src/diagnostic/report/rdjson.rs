//! The Reviewdog Diagnostic Format as JSON: <https://github.com/reviewdog/reviewdog/tree/master/proto/rdf>.

use super::Report;
use crate::diagnostic::{Diagnostic, Severity};
use crate::text::Span;
use serde_json::{Map, Value, json};

/// A `DiagnosticResult`. Columns are bytes of UTF-8, as that format counts them.
pub fn rdjson(report: &Report<'_>) -> Value {
    json!({
        "source": { "name": "pie" },
        "diagnostics": report.diagnostics.iter().map(|diagnostic| to_json(diagnostic, report)).collect::<Vec<_>>(),
    })
}

fn to_json(diagnostic: &Diagnostic, report: &Report<'_>) -> Value {
    let mut json = Map::new();
    let severity = match diagnostic.severity {
        Severity::Error => "ERROR",
        Severity::Warning => "WARNING",
        Severity::Note => "INFO",
    };
    json.insert("message".to_owned(), report.text(diagnostic).into());
    let place = match diagnostic.span {
        Some(span) => location(span, report),
        None => json!({ "path": report.place_of(diagnostic).path }),
    };
    json.insert("location".to_owned(), place);
    json.insert("severity".to_owned(), severity.into());
    json.insert("code".to_owned(), json!({ "value": diagnostic.code.as_str() }));
    // A suggestion is applied by itself: only fixes of one edit in the diagnostic's own file are.
    let own = |span: &Span| diagnostic.span.is_some_and(|place| place.file == span.file);
    let suggestions: Vec<Value> = diagnostic
        .fixes
        .iter()
        .filter_map(|fix| match fix.edits.as_slice() {
            [(span, text)] if own(span) => Some(json!({ "range": range(*span, report), "text": text })),
            _ => None,
        })
        .collect();
    if !suggestions.is_empty() {
        json.insert("suggestions".to_owned(), suggestions.into());
    }
    let related = |label: &crate::diagnostic::Label| json!({ "message": label.message, "location": location(label.span, report) });
    if !diagnostic.labels.is_empty() {
        json.insert("relatedLocations".to_owned(), diagnostic.labels.iter().map(related).collect());
    }
    Value::Object(json)
}

fn location(span: Span, report: &Report<'_>) -> Value {
    json!({ "path": report.path(span.file), "range": range(span, report) })
}

fn range(span: Span, report: &Report<'_>) -> Value {
    let text = report.sources.get(span.file);
    let position = |offset: u32| {
        let line = text.position(offset).line;
        let start = text.line_starts()[line as usize - 1];
        json!({ "line": line, "column": offset - start + 1 })
    };
    json!({ "start": position(span.start), "end": position(span.end) })
}
