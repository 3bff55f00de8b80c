//! Every quick fix that a page of `spec/` shows is applied: what it mends is gone, and nothing else is broken by it.

use crate::spec::page::Kind;
use icepie::diagnostic::{Diagnostic, Fix};
use icepie::driver::{self, Project};
use icepie::workspace::Workspace;
use std::collections::BTreeMap;

type Files = BTreeMap<String, String>;

fn checked(files: &Files) -> Project {
    driver::check(Workspace::in_memory(files.iter().map(|(path, text)| (path.as_str(), text.as_str()))))
}

/// The texts after a fix.
fn fixed(project: &Project, files: &Files, fix: &Fix) -> Files {
    let mut files = files.clone();
    let mut edits = fix.edits.clone();
    edits.sort_by_key(|(span, _)| std::cmp::Reverse((span.file, span.start)));
    for (span, text) in edits {
        let path = project.workspace.sources.get(span.file).path();
        files.get_mut(path).expect("a fix is about a file of the project").replace_range(span.range(), &text);
    }
    files
}

fn errors(project: &Project) -> Vec<&Diagnostic> {
    project.diagnostics.iter().filter(|found| found.is_error()).collect()
}

#[test]
fn quick_fixes_mend_what_they_are_for() {
    let mut applied = 0;
    let mut wrong = Vec::new();
    let folders = ["spec", "spec/broken", "spec/errors"];
    for page in folders.into_iter().flat_map(crate::spec::pages) {
        for section in &page.projects {
            let mut files = Files::new();
            for (number, fence) in section.fences.iter().enumerate() {
                match &fence.kind {
                    Kind::Write(path) => {
                        let is_text = path.ends_with(".pie") || path == "pie.toml";
                        is_text.then(|| files.insert(path.clone(), page.body(fence).to_owned()));
                    }
                    Kind::Delete(path) => drop(files.remove(path)),
                    _ => {}
                }
                // Files that stand one behind another are one edit.
                let next_writes =
                    section.fences.get(number + 1).is_some_and(|next| matches!(next.kind, Kind::Write(_)));
                if next_writes || !matches!(fence.kind, Kind::Write(_) | Kind::Delete(_)) {
                    continue;
                }
                let project = checked(&files);
                for found in &project.diagnostics {
                    for fix in &found.fixes {
                        applied += 1;
                        let after = checked(&fixed(&project, &files, fix));
                        let is_left = after.diagnostics.iter().any(|other| {
                            other.code == found.code && other.message == found.message && other.span == found.span
                        });
                        let more = errors(&after).len() > errors(&project).len();
                        if is_left || more {
                            let shown: Vec<_> = errors(&after).iter().map(|found| found.message.clone()).collect();
                            let place = format!("{}:{}", page.name, fence.line);
                            wrong.push(format!("{place}: {}\n  by `{}`: {shown:#?}", found.message, fix.title));
                        }
                    }
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {applied} fixes:\n{}", wrong.len(), wrong.join("\n"));
    eprintln!("{applied} fixes applied");
    assert!(applied > 50, "{applied}");
}
