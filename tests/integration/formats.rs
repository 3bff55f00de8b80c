//! What `--format` writes for other programs is read here as those programs read it, or by libraries that do.

use crate::pie::{self, Output};
use crate::schemas;
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;
use tempfile::TempDir;

const SETTINGS: &str = "[project]\nname = \"formats\"\n";

/// A misspelt column behind a character that is two units of UTF-16 and four bytes, a warning, and a test that passes.
const BROKEN: &str = "domain orders { owner 'orders@shop.example' }

public source orders.lines {
  from 'raw/*.csv'
  columns (id bigint not null, amount int)
}

public slice orders.broken {
  select '🥧', amuont as \"50%, no: less\" from lines
}

public slice orders.whole { select id, id + 1 from lines }
";

/// A project in the folder `teams/my shop` of a repository.
fn repository(files: &[(&str, &str)]) -> (TempDir, std::path::PathBuf) {
    let dir = tempfile::tempdir().expect("a temporary folder can be made");
    let folder = dir.path().join("teams/my shop");
    std::fs::create_dir_all(&folder).expect("a folder can be made");
    write(&folder, "pie.toml", SETTINGS);
    for (path, text) in files {
        write(&folder, path, text);
    }
    git(dir.path(), &["init", "-q", "-b", "main"]);
    (dir, folder)
}

fn write(folder: &Path, path: &str, text: &str) {
    let path = folder.join(path);
    std::fs::create_dir_all(path.parent().expect("it is below the folder")).expect("a folder can be made");
    std::fs::write(path, text).expect("a file can be written");
}

fn git(folder: &Path, arguments: &[&str]) {
    let mut git = Command::new("git");
    git.arg("-C").arg(folder).args(["-c", "user.name=Ada", "-c", "user.email=ada@shop.example"]).args(arguments);
    git.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_SYSTEM", "/dev/null");
    let output = git.output().expect("git is installed");
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}

fn check(folder: &Path, format: &str) -> Output {
    let output = pie::run(folder, &["check", "--format", format]);
    assert_eq!(output.code, 1, "{}", output.transcript());
    assert_eq!(output.err, "", "nothing but the report is written");
    output
}

fn json(output: &Output) -> Value {
    output.json().unwrap_or_else(|| panic!("no JSON:\n{}", output.transcript()))
}

#[test]
fn sarif_is_read_by_a_library_of_its_types() {
    let (_dir, folder) = repository(&[("main.pie", BROKEN)]);
    let report = json(&check(&folder, "sarif"));
    let typed: serde_sarif::sarif::Sarif = serde_json::from_value(report.clone()).expect("it is SARIF");
    // What the library doesn't know it leaves out.
    assert_eq!(sorted(&serde_json::to_value(&typed).expect("it is JSON")), sorted(&report));
    let run = &typed.runs[0];
    let rules: Vec<&str> = run.tool.driver.rules.iter().flatten().map(|rule| rule.id.as_str()).collect();
    assert_eq!(rules, ["E0201", "W0102"]);
    let results = run.results.as_ref().expect("there are results");
    let levels: Vec<&str> = report["runs"][0]["results"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|result| result["level"].as_str())
        .collect();
    assert_eq!(levels, ["error", "warning"], "errors come first");
    let place = &report["runs"][0]["results"][0]["locations"][0]["physicalLocation"];
    assert_eq!(place["artifactLocation"]["uri"], "teams/my%20shop/main.pie");
    // In Unicode code points: `  select '🥧', ` has 15.
    let region = serde_json::json!({ "startLine": 9, "startColumn": 15, "endLine": 9, "endColumn": 21 });
    assert_eq!(place["region"], region);
    assert_eq!(results.len(), 2);
    let fix = &report["runs"][0]["results"][0]["fixes"][0]["artifactChanges"][0]["replacements"][0];
    assert_eq!(fix["insertedContent"]["text"], "amount");
}

/// JSON objects have no order.
fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let mut entries: Vec<_> = map.iter().map(|(key, value)| (key.clone(), sorted(value))).collect();
            entries.sort_by(|one, other| one.0.cmp(&other.0));
            Value::Object(entries.into_iter().collect())
        }
        Value::Array(items) => Value::Array(items.iter().map(sorted).collect()),
        other => other.clone(),
    }
}

#[test]
fn junit_is_read_by_a_library() {
    let (_dir, folder) = repository(&[("main.pie", BROKEN), ("sound.pie", "domain growth {}\n")]);
    let output = check(&folder, "junit");
    let report = quick_junit::Report::deserialize_from_str(&output.out).expect("it is a report");
    let suites: Vec<(&str, usize, usize)> =
        report.test_suites.iter().map(|suite| (suite.name.as_str(), suite.tests, suite.failures)).collect();
    assert_eq!(suites, [("teams/my shop/main.pie", 2, 1), ("teams/my shop/sound.pie", 1, 0)]);
    assert_eq!((report.tests, report.failures, report.errors), (3, 1, 0));
    assert!(output.out.contains("main.pie:9:15: there is no column `amuont` here"), "{}", output.out);
}

#[test]
fn gitlab_knows_a_finding_again_when_lines_move() {
    let (_dir, folder) = repository(&[("main.pie", BROKEN)]);
    let issues = json(&check(&folder, "gitlab"));
    let issues = issues.as_array().expect("it is a list");
    assert_eq!(issues.len(), 2);
    for issue in issues {
        let fields: BTreeSet<&str> = issue.as_object().expect("an object").keys().map(String::as_str).collect();
        // https://docs.gitlab.com/ci/testing/code_quality/#code-quality-report-format
        assert_eq!(fields, BTreeSet::from(["description", "check_name", "fingerprint", "severity", "location"]));
        assert!(["info", "minor", "major", "critical", "blocker"].contains(&issue["severity"].as_str().unwrap_or("")));
        assert_eq!(issue["location"]["path"], "teams/my shop/main.pie");
        assert!(issue["location"]["lines"]["begin"].is_u64());
    }
    let fingerprints =
        |issues: &[Value]| -> Vec<Value> { issues.iter().map(|issue| issue["fingerprint"].clone()).collect() };
    let before = fingerprints(issues);
    write(&folder, "main.pie", &format!("-- A line more.\n{BROKEN}"));
    let moved = json(&check(&folder, "gitlab"));
    assert_eq!(fingerprints(moved.as_array().expect("it is a list")), before);
    assert_eq!(moved[0]["location"]["lines"]["begin"], 10);
    // Two findings that say the same are two.
    write(
        &folder,
        "main.pie",
        &format!(
            "{BROKEN}public slice orders.again {{ select amuont from lines }} public slice orders.more {{ select id, id + 1 from lines }}\n"
        ),
    );
    let twice = json(&check(&folder, "gitlab"));
    let all: BTreeSet<String> =
        fingerprints(twice.as_array().expect("it is a list")).iter().map(Value::to_string).collect();
    assert_eq!(all.len(), 4, "{twice:#}");
}

/// <https://github.com/reviewdog/reviewdog/blob/master/proto/rdf/reviewdog.proto>, as its JSON mapping takes it: unknown fields are
/// errors there.
#[test]
fn rdjson_has_the_fields_of_its_protocol() {
    let (_dir, folder) = repository(&[("main.pie", BROKEN)]);
    let report = json(&check(&folder, "rdjson"));
    let position = serde_json::json!({
        "type": "object", "additionalProperties": false, "required": ["line", "column"],
        "properties": { "line": { "type": "integer", "minimum": 1 }, "column": { "type": "integer", "minimum": 1 } }
    });
    let range = serde_json::json!({
        "type": "object", "additionalProperties": false, "required": ["start", "end"],
        "properties": { "start": position, "end": position }
    });
    let location = serde_json::json!({
        "type": "object", "additionalProperties": false, "required": ["path"],
        "properties": { "path": { "type": "string" }, "range": range }
    });
    let schema = serde_json::json!({
        "type": "object", "additionalProperties": false, "required": ["source", "diagnostics"],
        "properties": {
            "source": {
                "type": "object", "additionalProperties": false,
                "properties": { "name": { "type": "string" }, "url": { "type": "string" } }
            },
            "diagnostics": { "type": "array", "items": {
                "type": "object", "additionalProperties": false, "required": ["message", "location"],
                "properties": {
                    "message": { "type": "string" },
                    "location": location,
                    "severity": { "enum": ["ERROR", "WARNING", "INFO"] },
                    "code": {
                        "type": "object", "additionalProperties": false,
                        "properties": { "value": { "type": "string" }, "url": { "type": "string" } }
                    },
                    "suggestions": { "type": "array", "items": {
                        "type": "object", "additionalProperties": false, "required": ["range", "text"],
                        "properties": { "range": range, "text": { "type": "string" } }
                    } },
                    "relatedLocations": { "type": "array", "items": {
                        "type": "object", "additionalProperties": false, "required": ["location"],
                        "properties": { "message": { "type": "string" }, "location": location }
                    } }
                }
            } }
        }
    });
    if let Err(error) = jsonschema::validate(&schema, &report) {
        panic!("{error} in {report:#}");
    }
    // Bytes: the pie is four.
    let start = &report["diagnostics"]
        .as_array()
        .into_iter()
        .flatten()
        .find(|d| d["code"]["value"] == "E0201")
        .expect("it is found")["location"]["range"]["start"];
    assert_eq!(*start, serde_json::json!({ "line": 9, "column": 18 }));
}

#[test]
fn a_line_of_jsonl_is_a_finding() {
    let (_dir, folder) = repository(&[("main.pie", BROKEN)]);
    let output = check(&folder, "jsonl");
    let lines: Vec<&str> = output.out.lines().collect();
    assert_eq!(lines.len(), 2);
    for line in lines {
        let output = Output { out: line.to_owned(), err: String::new(), code: 1 };
        schemas::valid("diagnostic", &output);
    }
}

/// A workflow command as the runner of GitHub Actions reads it (`ActionCommand.TryParseV2`).
struct Annotation {
    command: String,
    properties: Vec<(String, String)>,
    message: String,
}

fn annotation(line: &str) -> Option<Annotation> {
    let rest = line.trim_start().strip_prefix("::")?;
    let (head, message) = rest.split_once("::")?;
    let (command, properties) = head.split_once(' ').unwrap_or((head, ""));
    let plain = |text: &str| text.replace("%0D", "\r").replace("%0A", "\n");
    let property = |pair: &str| {
        let (name, value) = pair.split_once('=')?;
        Some((name.to_owned(), plain(value).replace("%3A", ":").replace("%2C", ",").replace("%25", "%")))
    };
    let properties = properties.split(',').filter_map(property).collect();
    Some(Annotation { command: command.to_owned(), properties, message: plain(message).replace("%25", "%") })
}

impl Annotation {
    fn get(&self, name: &str) -> &str {
        self.properties.iter().find(|(other, _)| other == name).map_or("", |(_, value)| value)
    }
}

#[test]
fn github_shows_annotations_at_their_places() {
    let (_dir, folder) = repository(&[("main.pie", BROKEN)]);
    let output = check(&folder, "github");
    let all: Vec<Annotation> =
        output.out.lines().map(|line| annotation(line).expect("each line is a command")).collect();
    let error = all.iter().find(|found| found.command == "error").expect("there is an error");
    assert_eq!((error.get("file"), error.get("line"), error.get("col")), ("teams/my shop/main.pie", "9", "15"));
    assert_eq!((error.get("endLine"), error.get("endColumn"), error.get("title")), ("9", "20", "E0201"));
    assert!(error.message.starts_with("there is no column `amuont` here\n"), "{}", error.message);
    assert!(error.message.ends_with("help: did you mean `amount`?"), "{}", error.message);
}

#[test]
fn github_drops_what_is_too_much_so_pie_says_how_much_that_is() {
    let many: String =
        (0..25).map(|number| format!("slice orders.s{number} {{ select missing from lines }}\n")).collect();
    let (dir, folder) = repository(&[("main.pie", &format!("{BROKEN}{many}"))]);
    let summary = dir.path().join("summary.md");
    let run = |summary: Option<&Path>| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pie"));
        command.arg("-C").arg(&folder).args(["check", "--format", "github"]).env_remove("GITHUB_STEP_SUMMARY");
        if let Some(summary) = summary {
            command.env("GITHUB_STEP_SUMMARY", summary);
        }
        let output = command.output().expect("pie runs");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (text(&output.stdout), text(&output.stderr))
    };
    let (out, err) = run(None);
    let errors = out.lines().filter(|line| line.starts_with("::error ")).count();
    let warnings = out.lines().filter(|line| line.starts_with("::warning ")).count();
    assert_eq!((errors, warnings), (10, 10));
    assert!(err.starts_with("32 more: GitHub shows 10 annotations of each level"), "{err}");
    run(Some(&summary));
    let text = std::fs::read_to_string(&summary).expect("the summary is written");
    assert!(text.contains("26 errors, 26 other findings"), "{text}");
    assert_eq!(text.lines().filter(|line| line.starts_with("| E0201 |")).count(), 26);
    // A summary that is larger isn't shown at all: what came before counts.
    std::fs::write(&summary, "x".repeat((1 << 20) - 2_000)).expect("a file can be written");
    run(Some(&summary));
    let text = std::fs::read_to_string(&summary).expect("the summary is written");
    assert!(text.len() <= 1 << 20 && text.contains("… and "), "{}", text.len());
}

/// A pull request on a copy of ledgerx removes a public column that another team reads.
#[test]
fn a_pull_request_shows_whom_it_breaks() {
    let dir = tempfile::tempdir().expect("a temporary folder can be made");
    let made = pie::run(dir.path(), &["init", ".", "--template", "ledgerx"]);
    assert_eq!(made.code, 0, "{}", made.transcript());
    git(dir.path(), &["init", "-q", "-b", "main"]);
    git(dir.path(), &["add", "--", "*.pie", "pie.toml"]);
    git(dir.path(), &["commit", "-qm", "as it is"]);
    let same = pie::run(dir.path(), &["diff", "main", "--format", "github"]);
    assert_eq!((same.code, same.out.as_str()), (0, ""), "{}", same.transcript());

    let path = dir.path().join("payments.pie");
    let text = std::fs::read_to_string(&path).expect("it is there");
    let line = "    name          text    not null,\n";
    assert!(text.contains(line), "payments.merchants has a column `name`");
    std::fs::write(&path, text.replace(line, "")).expect("it can be written");
    git(dir.path(), &["checkout", "-q", "-b", "no-names"]);
    git(dir.path(), &["commit", "-qam", "merchants have no names"]);

    let output = pie::run(dir.path(), &["diff", "--merge-base", "main", "HEAD", "--format", "github"]);
    assert_eq!(output.code, 1, "{}", output.transcript());
    let all: Vec<Annotation> = output.out.lines().filter_map(annotation).collect();
    let broken = all.iter().find(|found| found.get("title") == "E0901").expect("a promise is broken");
    assert_eq!((broken.command.as_str(), broken.get("file")), ("error", "payments.pie"));
    assert!(
        broken.message.contains("the public `payments.merchants` has no column `name` any more"),
        "{}",
        broken.message
    );
    let readers: Vec<&str> = broken.message.lines().filter(|line| line.contains("relies on it")).collect();
    assert!(!readers.is_empty(), "{}", broken.message);
    for reader in readers {
        let (place, rest) = reader.split_once(": `").expect("a place comes first");
        let (file, line) = place.split_once(':').expect("a line is named");
        let text = std::fs::read_to_string(dir.path().join(file)).expect("the file is there");
        let line = text.lines().nth(line.parse::<usize>().expect("a number") - 1).expect("the line is there");
        assert!(line.contains("name"), "{place}: {line}");
        assert!(rest.contains("owned by") && rest.contains("@ledgerx.example"), "{reader}");
    }
    schemas::valid("diff", &pie::run(dir.path(), &["diff", "main", "--format", "json"]));
}
