//! A diagnostic a line, each in the shape of `spec/schema/diagnostic.schema.json`.

use super::Report;
use crate::diagnostic::json::to_json;

/// JSON lines.
pub fn jsonl(report: &Report<'_>) -> String {
    report.diagnostics.iter().map(|diagnostic| format!("{}\n", to_json(diagnostic, report.sources))).collect()
}
