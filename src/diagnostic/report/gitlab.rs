//! The Code Quality report of GitLab: <https://docs.gitlab.com/ci/testing/code_quality/#code-quality-report-format>.

use super::Report;
use crate::diagnostic::Severity;
use serde_json::{Value, json};

/// A Code Quality report. Fingerprints don't depend on lines, so a finding that moves isn't a new one.
pub fn gitlab(report: &Report<'_>) -> Value {
    let diagnostics: Vec<_> = report.diagnostics.iter().collect();
    let issue = |(diagnostic, fingerprint): (&&crate::diagnostic::Diagnostic, String)| {
        let place = report.place_of(diagnostic);
        let severity = match diagnostic.severity {
            Severity::Error => "major",
            Severity::Warning => "minor",
            Severity::Note => "info",
        };
        json!({
            "description": format!("{}: {}", diagnostic.code.as_str(), report.text(diagnostic).replace('\n', "; ")),
            "check_name": diagnostic.code.as_str(),
            "fingerprint": fingerprint,
            "severity": severity,
            "location": {
                "path": place.path,
                "lines": { "begin": place.start.line, "end": place.end.line },
            },
        })
    };
    Value::Array(diagnostics.iter().zip(report.fingerprints(&diagnostics)).map(issue).collect())
}
