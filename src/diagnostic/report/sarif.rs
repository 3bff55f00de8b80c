//! SARIF 2.1.0 (OASIS Standard, 2020), for code scanning: <https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html>.

use super::{Place, Report};
use crate::diagnostic::{Code, Diagnostic, Severity};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

/// GitHub refuses a run with more results.
pub const RESULTS: usize = 25_000;

/// What a relative reference may not contain (RFC 3986), but for `/`.
const PATH: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'%')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'[')
    .add(b']')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}')
    .add(b'\\')
    .add(b':');

/// A log with one run. Where there is more than code scanning takes, the first [`RESULTS`] are told, errors first.
pub fn sarif(report: &Report<'_>) -> Value {
    let mut told = report.by_severity();
    told.truncate(RESULTS);
    let codes: BTreeSet<Code> = told.iter().map(|diagnostic| diagnostic.code).collect();
    let codes: Vec<Code> = codes.into_iter().collect();
    let results = told.iter().zip(report.fingerprints(&told));
    let results: Vec<Value> =
        results.map(|(diagnostic, fingerprint)| result(diagnostic, &fingerprint, &codes, report)).collect();
    json!({
        "$schema": "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {
                "driver": {
                    "name": "pie",
                    "semanticVersion": env!("CARGO_PKG_VERSION"),
                    "rules": codes.iter().map(|code| rule(*code)).collect::<Vec<_>>(),
                },
            },
            "columnKind": "unicodeCodePoints",
            "originalUriBaseIds": { "%SRCROOT%": { "description": { "text": "The root of the repository." } } },
            "results": results,
        }],
    })
}

/// A code with its page.
fn rule(code: Code) -> Value {
    let page = code.page();
    let title = page.lines().next().unwrap_or_default().trim_start_matches(['#', ' ']);
    let title = title.strip_prefix(code.as_str()).unwrap_or(title).trim_start_matches([':', ' ']);
    let level = match code.as_str().as_bytes().first() {
        Some(b'W') => "warning",
        Some(b'N') => "note",
        _ => "error",
    };
    json!({
        "id": code.as_str(),
        "shortDescription": { "text": title },
        "help": { "text": page, "markdown": page },
        "defaultConfiguration": { "level": level },
    })
}

fn result(diagnostic: &Diagnostic, fingerprint: &str, codes: &[Code], report: &Report<'_>) -> Value {
    let level = match diagnostic.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Note => "note",
    };
    let mut result = Map::new();
    result.insert("ruleId".to_owned(), diagnostic.code.as_str().into());
    result.insert("ruleIndex".to_owned(), codes.binary_search(&diagnostic.code).unwrap_or_default().into());
    result.insert("level".to_owned(), level.into());
    result.insert("message".to_owned(), json!({ "text": report.text(diagnostic) }));
    result.insert("locations".to_owned(), json!([{ "physicalLocation": physical(&report.place_of(diagnostic)) }]));
    if !diagnostic.labels.is_empty() {
        let related = diagnostic.labels.iter().enumerate().map(|(id, label)| {
            json!({
                "id": id,
                "physicalLocation": physical(&report.place(label.span)),
                "message": { "text": label.message },
            })
        });
        result.insert("relatedLocations".to_owned(), related.collect());
    }
    result.insert("partialFingerprints".to_owned(), json!({ "pie/v1": fingerprint }));
    if !diagnostic.fixes.is_empty() {
        let fixes = diagnostic.fixes.iter().map(|fix| {
            let change = |(span, text): &(crate::text::Span, String)| {
                let place = report.place(*span);
                json!({
                    "artifactLocation": artifact(&place.path),
                    "replacements": [{ "deletedRegion": region(&place), "insertedContent": { "text": text } }],
                })
            };
            let changes: Vec<Value> = fix.edits.iter().map(change).collect();
            json!({ "description": { "text": fix.title }, "artifactChanges": changes })
        });
        result.insert("fixes".to_owned(), fixes.collect());
    }
    Value::Object(result)
}

fn physical(place: &Place) -> Value {
    json!({ "artifactLocation": artifact(&place.path), "region": region(place) })
}

fn artifact(path: &str) -> Value {
    json!({ "uri": utf8_percent_encode(path, PATH).to_string(), "uriBaseId": "%SRCROOT%" })
}

fn region(place: &Place) -> Value {
    json!({
        "startLine": place.start.line,
        "startColumn": place.start.column,
        "endLine": place.end.line,
        "endColumn": place.end.column,
    })
}
