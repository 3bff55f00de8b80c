//! The examples, each checked, formatted, frozen, built, built again and tested; TPC-H's answers against another engine's.

use crate::pie;
use std::path::{Path, PathBuf};

#[path = "../../examples/tpch/generate.rs"]
mod tpch;

fn example(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples").join(name)
}

/// Copies an example's own files, without data and store, to a fresh folder.
fn copy(name: &str) -> tempfile::TempDir {
    let target = tempfile::tempdir().expect("a temporary folder can be made");
    for entry in std::fs::read_dir(example(name)).expect("the example's folder can be read") {
        let path = entry.expect("the example's folder can be read").path();
        let wanted = path.extension().is_some_and(|extension| extension == "pie" || extension == "toml");
        if wanted {
            let name = path.file_name().expect("a listed file has a name");
            std::fs::copy(&path, target.path().join(name)).expect("a file can be copied");
        }
    }
    target
}

/// Runs a command that must succeed; gives stdout.
fn ok(dir: &Path, command: &[&str]) -> String {
    let output = pie::run(dir, command);
    assert_eq!(output.code, 0, "pie {}\n{}{}", command.join(" "), output.err, output.out);
    output.out
}

fn summary(json: &str) -> serde_json::Value {
    let report: serde_json::Value = serde_json::from_str(json).expect("the output is JSON");
    report["summary"].clone()
}

#[test]
fn ledgerx_is_built_once_and_its_tests_pass() {
    let dir = copy("ledgerx");
    let dir = dir.path();
    icepie::init::ledgerx::generate(dir, 1_000_000).expect("the raw data can be written");
    ok(dir, &["check"]);
    ok(dir, &["fmt", "--check", "--diff"]);
    let built = summary(&ok(dir, &["build", "--freeze", "--format", "json"]));
    assert_eq!(built["built"], 17, "{built}");
    let again = summary(&ok(dir, &["build", "--freeze", "--format", "json"]));
    assert_eq!(again["reused"], 17, "the second build must do nothing: {again}");
    let status = summary(&ok(dir, &["status", "--format", "json"]));
    assert_eq!(status["fresh"], 17, "{status}");
    ok(dir, &["test"]);
}

#[test]
fn ledgerx_rebuilds_only_what_reads_a_changed_file() {
    let dir = copy("ledgerx");
    let dir = dir.path();
    icepie::init::ledgerx::generate(dir, 1_000_000).expect("the raw data can be written");
    ok(dir, &["build", "--freeze"]);
    // One more signup: a new file, which freezing takes without being asked twice.
    let line = "{\"signup_id\":\"late-1\",\"signed_up_at\":\"2026-01-05T10:00:00\",\"wallet\":\"0xnew\",\"channel\":\"search\",\"marketing\":true}\n";
    std::fs::write(dir.join("raw/signups/zz-late.ndjson"), line).expect("a file can be written");
    let report = ok(dir, &["build", "--freeze", "--format", "json"]);
    let report: serde_json::Value = serde_json::from_str(&report).expect("the output is JSON");
    let slices = report["slices"].as_array().expect("a list of slices");
    let ran: Vec<&str> =
        slices.iter().filter(|slice| slice["outcome"] == "built").filter_map(|slice| slice["name"].as_str()).collect();
    let not_growth: Vec<&&str> = ran.iter().filter(|name| !name.starts_with("growth.")).collect();
    assert!(!ran.is_empty() && not_growth.is_empty(), "only the growth domain reads signups, but these ran: {ran:?}");
}

#[test]
fn tpch_answers_are_right() {
    let dir = copy("tpch");
    let dir = dir.path();
    tpch::generate(dir, 0.01).expect("the raw data can be written");
    ok(dir, &["check"]);
    let built = summary(&ok(dir, &["build", "--freeze", "--format", "json"]));
    assert_eq!(built["built"], 22, "{built}");
    let mut wrong = Vec::new();
    for number in 1..=22 {
        let name = format!("q{number:02}");
        let got = ok(dir, &["show", &format!("tpch.{name}"), "--format", "csv"]);
        let wanted = std::fs::read_to_string(example("tpch").join("answers").join(format!("{name}.csv")))
            .expect("each query has its answer");
        if let Err(difference) = same_rows(&got, &wanted) {
            wrong.push(format!("{name}: {difference}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Compares two CSV texts as bags of rows; numbers may differ by a millionth, since engines round divisions differently.
fn same_rows(got: &str, wanted: &str) -> Result<(), String> {
    let read = |text: &str| -> (Vec<String>, Vec<Vec<String>>) {
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        let header = reader.headers().expect("CSV has a header").iter().map(str::to_owned).collect();
        let rows = reader.records().map(|row| row.expect("CSV rows are whole").iter().map(str::to_owned).collect());
        let mut rows: Vec<Vec<String>> = rows.collect();
        rows.sort_by_key(|row: &Vec<String>| row.iter().map(|cell| rounded(cell)).collect::<Vec<_>>());
        (header, rows)
    };
    let ((got_header, got), (wanted_header, wanted)) = (read(got), read(wanted));
    if got_header != wanted_header {
        return Err(format!("columns {got_header:?}, wanted {wanted_header:?}"));
    }
    if got.len() != wanted.len() {
        return Err(format!("{} rows, wanted {}", got.len(), wanted.len()));
    }
    for (got, wanted) in got.iter().zip(&wanted) {
        let same = got.iter().zip(wanted).all(|(a, b)| match (a.parse::<f64>(), b.parse::<f64>()) {
            (Ok(a), Ok(b)) => (a - b).abs() <= 1e-6 * b.abs().max(1.0),
            _ => a == b,
        });
        if !same {
            return Err(format!("row {got:?}, wanted {wanted:?}"));
        }
    }
    Ok(())
}

/// A cell as a sorting key that doesn't tell `1.50` from `1.5`.
fn rounded(cell: &str) -> String {
    cell.parse::<f64>().map_or_else(|_| cell.to_owned(), |number| format!("{number:.2}"))
}

#[test]
fn the_picture_in_readme_is_what_pie_draws() {
    let drawn = ok(copy("ledgerx").path(), &["graph", "--format", "svg"]);
    let kept = pie::read("examples/ledgerx/graph.svg");
    assert_eq!(drawn, kept, "draw it again: pie -C examples/ledgerx graph --format svg > examples/ledgerx/graph.svg");
}
