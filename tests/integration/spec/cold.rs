//! The end of every project that was built: whatever edits and builds it went through, a build from nothing of the same
//! text and data must give the same rows. Rows have no order of their own: a build that is published again under other
//! column names keeps the order it was stored in.

use super::compare;
use super::project::Project;
use serde_json::Value;

/// Outcomes that leave a slice equal to its declaration and inputs.
const FRESH: [&str; 4] = ["built", "reused", "cut_off", "relabelled"];

/// Brings the project up to date with one more incremental build and compares it with a cold one. A project that is in
/// error, or can't be built, has nothing to compare.
pub fn check(staged: &Project) -> Result<(), String> {
    if staged.run(&["check"]).code != 0 {
        return Ok(());
    }
    let closing = staged.run(&["build", "--freeze", "--format", "json"]);
    let Some(built) = closing.json().filter(|_| closing.code == 0) else { return Ok(()) };
    let fresh = built["slices"].as_array().map_or(&[][..], Vec::as_slice).iter();
    let fresh = fresh.filter(|slice| slice["outcome"].as_str().is_some_and(|outcome| FRESH.contains(&outcome)));
    let names: Vec<&str> = fresh.filter_map(|slice: &Value| slice["name"].as_str()).collect();

    let cold = staged.copy().map_err(|cause| format!("the project can't be copied: {cause}"))?;
    let from_nothing = cold.run(&["build", "--freeze", "--format", "json"]);
    if from_nothing.code != 0 {
        return Err(format!("the build from nothing fails:\n{}", from_nothing.transcript()));
    }
    let mut differences = String::new();
    for name in names {
        let rows = |project: &Project| {
            let shown = project.run(&["show", "--format", "csv", name]).transcript();
            let (header, rows) = shown.split_once('\n').unwrap_or((shown.as_str(), ""));
            let mut rows: Vec<&str> = rows.lines().collect();
            rows.sort_unstable();
            format!("{header}\n{}", rows.join("\n"))
        };
        let (expected, actual) = (rows(&cold), rows(staged));
        if expected != actual {
            let (expected, actual): (Vec<&str>, Vec<&str>) = (expected.lines().collect(), actual.lines().collect());
            differences.push_str(&format!("{name} (- from nothing, + after the edits)\n"));
            differences.push_str(&compare::diff(&expected, &actual));
        }
    }
    if differences.is_empty() { Ok(()) } else { Err(differences) }
}
