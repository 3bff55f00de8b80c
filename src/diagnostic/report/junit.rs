//! JUnit's XML, for systems that show test results: a test suite a file, a failure an error.

use super::Report;
use crate::diagnostic::{Diagnostic, Severity};
use crate::text::FileId;
use quick_junit::{NonSuccessKind, SerializeError, TestCase, TestCaseStatus, TestSuite};

/// A JUnit report. A file without errors is one test that passes; warnings and notes are what a passing test printed.
///
/// # Errors
/// None that a text in memory can have.
pub fn junit(report: &Report<'_>) -> Result<String, SerializeError> {
    let mut found = quick_junit::Report::new(format!("pie {}", report.verb));
    let of = |file: Option<FileId>| {
        let own = report.diagnostics.iter().filter(move |diagnostic| diagnostic.span.map(|span| span.file) == file);
        own.collect::<Vec<&Diagnostic>>()
    };
    let project = of(None);
    if !project.is_empty() {
        found.add_test_suite(suite(&format!("{}pie.toml", report.folder), &project, report));
    }
    // Findings may lie in files that weren't asked for.
    let mut files: Vec<FileId> = report.files.to_vec();
    files.extend(report.diagnostics.iter().filter_map(|diagnostic| Some(diagnostic.span?.file)));
    files.sort_unstable();
    files.dedup();
    for file in files {
        found.add_test_suite(suite(&report.path(file), &of(Some(file)), report));
    }
    found.to_string()
}

fn suite(path: &str, diagnostics: &[&Diagnostic], report: &Report<'_>) -> TestSuite {
    let mut suite = TestSuite::new(path);
    for diagnostic in diagnostics {
        let start = report.place_of(diagnostic).start;
        let text = format!("{path}:{}:{}: {}", start.line, start.column, report.text(diagnostic));
        let mut case = match diagnostic.severity {
            Severity::Error => {
                let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
                status.set_message(diagnostic.message.as_str()).set_type(diagnostic.code.as_str());
                status.set_description(text);
                TestCase::new(name(diagnostic), status)
            }
            Severity::Warning | Severity::Note => {
                let mut case = TestCase::new(name(diagnostic), TestCaseStatus::success());
                case.set_system_out(text);
                case
            }
        };
        case.set_classname(path);
        suite.add_test_case(case);
    }
    if !diagnostics.iter().any(|diagnostic| diagnostic.is_error()) {
        let mut case = TestCase::new(format!("pie {}", report.verb), TestCaseStatus::success());
        case.set_classname(path);
        suite.add_test_case(case);
    }
    suite
}

fn name(diagnostic: &Diagnostic) -> String {
    format!("{}: {}", diagnostic.code.as_str(), diagnostic.message)
}
