//! Hostile `.pie` files: whatever is written, `pie` ends by itself, soon, in little memory, and with a coded finding; or with an
//! answer, where the text is legal after all.
//!
//! Each case runs the binary as a process, since an abort would take the tests along. What is measured doesn't depend on what
//! else the machine does: the shell limits CPU seconds (`ulimit -t`), and `/proc`, where there is one, tells the peak of
//! resident memory. (Memory can't be limited: the compiler's thread reserves a large stack, of which it touches little.)
//! Nothing waits for the clock, but for pauses between two looks at a process.

use lsp_server::{Message, Notification, Request};
use serde_json::{Value, json};
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;
use tempfile::TempDir;

/// A case may take 2 s on a machine of its own; our own code is about ten times slower where it isn't optimised.
const CPU_SECONDS: &str = "20";

/// Bytes of memory that a process may have touched at once.
const PEAK: u64 = 512 << 20;

const HEAD: &str = "domain d { owner 'd@shop.example' }\n";
const TABLE: &str = "public source d.a { from 'a.csv' columns (id bigint, v bigint, s text) }\n";
const ROWS: &str = "id,v,s\n1,2,x\n2,3,y\n";

/// How many of everything that nests.
const MANY: usize = 100_000;

/// A folder with a project: one domain, one source with two rows, and what the case is about.
struct Project(TempDir);

impl Project {
    fn new(text: impl AsRef<[u8]>) -> Project {
        let project = Project(temporary());
        project.write("pie.toml", "[project]\nname = \"hostile\"\n\n[build]\njobs = 2\n");
        project.write("main.pie", text);
        project.write("a.csv", ROWS);
        project
    }

    /// A project with one slice, on line 3, of the source `a`.
    fn of_query(query: &str) -> Project {
        Project::new(slice(query))
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn write(&self, path: &str, bytes: impl AsRef<[u8]>) {
        let path = self.path().join(path);
        std::fs::create_dir_all(path.parent().expect("it is below the folder")).expect("a folder can be made");
        std::fs::write(path, bytes).expect("a file can be written");
    }

    fn command(&self, args: &[&str]) -> Command {
        self.command_within(CPU_SECONDS, args)
    }

    fn command_within(&self, seconds: &str, args: &[&str]) -> Command {
        let mut shell = Command::new("/bin/sh");
        shell.args(["-c", "ulimit -c 0; ulimit -t \"$0\"; exec \"$@\"", seconds, env!("CARGO_BIN_EXE_pie")]);
        shell.arg("-C").arg(self.path()).args(args).env_remove("RUST_BACKTRACE");
        shell
    }

    fn run(&self, args: &[&str]) -> Ended {
        self.run_with(args, &[])
    }

    /// Runs pie with more in its environment. Both streams are files: nothing waits for a reader.
    fn run_with(&self, args: &[&str], environment: &[(&str, &str)]) -> Ended {
        let streams = temporary();
        let stream = |name: &str| File::create(streams.path().join(name)).expect("a file can be made");
        let mut command = self.command(args);
        command.envs(environment.iter().copied()).stdin(Stdio::null()).stdout(stream("out")).stderr(stream("err"));
        let (status, used) = end(&mut command.spawn().expect("there is a shell"));
        let read = |name: &str| std::fs::read(streams.path().join(name)).expect("a file can be read");
        let text = |name: &str| String::from_utf8_lossy(&read(name)).into_owned();
        Ended { label: args.join(" "), status, used, out: text("out"), err: text("err") }.assert_sound()
    }

    /// The codes that `pie check` tells, in their order, with their lines in `main.pie`.
    fn told(&self) -> Vec<(String, u64)> {
        let ended = self.run(&["check", "--format", "json"]);
        let report: Value = serde_json::from_str(&ended.out).unwrap_or_else(|_| panic!("no JSON:\n{}", ended.shown()));
        let found = report["diagnostics"].as_array().cloned().unwrap_or_default();
        let line = |one: &Value| one["span"]["start"]["line"].as_u64().unwrap_or_default();
        found.iter().map(|one| (one["code"].as_str().unwrap_or_default().to_owned(), line(one))).collect()
    }

    /// The codes without their lines, each once.
    fn codes(&self) -> Vec<String> {
        let mut codes: Vec<String> = self.told().into_iter().map(|(code, _)| code).collect();
        codes.sort_unstable();
        codes.dedup();
        codes
    }
}

/// A folder that isn't hidden: hidden ones hold no data.
fn temporary() -> TempDir {
    tempfile::Builder::new().prefix("pie-hostile-").tempdir().expect("a temporary folder can be made")
}

fn slice(query: &str) -> String {
    format!("{HEAD}{TABLE}public slice d.x {{ {query} }}\n")
}

/// What a process took, as far as the machine tells.
#[derive(Default, Debug)]
struct Used {
    cpu: Option<Duration>,
    peak: Option<u64>,
}

struct Ended {
    label: String,
    status: ExitStatus,
    used: Used,
    out: String,
    err: String,
}

impl Ended {
    fn assert_sound(self) -> Ended {
        let code = self.status.code();
        assert!(code.is_some(), "killed: {}, {}, {:?}", self.label, self.status, self.used);
        for word in ["panicked at", "overflowed its stack", "This is a bug in pie"] {
            assert!(!self.err.contains(word), "{}", self.shown());
        }
        assert!(matches!(code, Some(0 | 1)), "{}", self.shown());
        let is_coded = self.err.contains("error[E") || self.out.contains("\"E0") || self.out.contains("title=E0");
        assert!(code == Some(0) || is_coded, "no code: {}", self.shown());
        assert!(self.used.peak.unwrap_or_default() <= PEAK, "{:?}: {}", self.used, self.shown());
        self
    }

    fn is_clean(&self) -> bool {
        self.status.success()
    }

    fn shown(&self) -> String {
        let head = |text: &str| text.chars().take(1500).collect::<String>();
        format!("pie {}: {}\n{}{}", self.label, self.status, head(&self.err), head(&self.out))
    }

    #[track_caller]
    fn assert_tells(&self, text: &str) {
        assert!(!self.is_clean() && self.err.contains(text), "no {text}: {}", self.shown());
    }
}

/// Waits for a process. One that has ended keeps its times until somebody takes its status, but not its peak, which is looked
/// at all the while: what is seen of it is never too much.
fn end(child: &mut Child) -> (ExitStatus, Used) {
    let mut used = Used::default();
    while look(child.id(), &mut used).is_some_and(|state| state != 'Z') {
        std::thread::sleep(Duration::from_millis(3));
    }
    (child.wait().expect("it was started here"), used)
}

/// What Linux tells of a process: its state, if it is there.
fn look(process: u32, used: &mut Used) -> Option<char> {
    let read = |name: &str| std::fs::read_to_string(format!("/proc/{process}/{name}")).ok();
    let peak = read("status").and_then(|text| {
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"))?.trim();
        Some(line.strip_suffix("kB")?.trim().parse::<u64>().ok()? * 1024)
    });
    used.peak = peak.max(used.peak);
    // Behind the name, which is in parentheses: the state, ten numbers, and the time in ticks for itself and in the kernel.
    let stat = read("stat")?;
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks = |index: usize| fields.get(index).and_then(|text| text.parse::<u64>().ok());
    used.cpu = Some(Duration::from_millis(10 * (ticks(11)? + ticks(12)?)));
    fields.first()?.chars().next()
}

/// Checks one file: `wanted` are the codes that must be told and their lines, in their order, and no others.
#[track_caller]
fn check(label: &str, text: impl AsRef<[u8]>, wanted: &[(&str, u64)]) {
    let told = Project::new(text).told();
    let told: Vec<(&str, u64)> = told.iter().map(|(code, line)| (code.as_str(), *line)).collect();
    assert_eq!(told, wanted, "{label}");
}

/// Checks one file: one of the codes must be told, whatever else is.
#[track_caller]
fn check_tells(label: &str, text: impl AsRef<[u8]>, code: &str) {
    let codes = Project::new(text).codes();
    assert!(codes.iter().any(|told| told == code), "{label}: {codes:?}");
}

// ── Text ────────────────────────────────────────────────────────────────────────────────────────────────────────────

#[test]
fn brackets_nest_a_hundred_thousand_deep() {
    for (open, close) in [("(", ")"), ("[", "]"), ("{", "}"), ("<", ">")] {
        let (opened, closed) = (open.repeat(MANY), close.repeat(MANY));
        let both = format!("{opened}{closed}");
        let of = |place: &str| format!("{open} {place}");
        check_tells(&of("outside"), &opened, "E0101");
        check_tells(&of("outside, closed"), &both, "E0101");
        check_tells(&of("in a query"), slice(&format!("select {opened}")), "E0004");
        check_tells(&of("in a query, closed"), slice(&format!("select {opened}1{closed} as x from a")), "E0004");
        let predicate = format!("check c ({opened}id > 1{closed}) select id from a");
        check_tells(&of("in a check"), slice(&predicate), "E0004");
        check_tells(&of("among names"), slice(&format!("key ({opened}id{closed}) select id from a")), "E0101");
        let column = format!("{HEAD}public source d.a {{ from 'a.csv' columns (id bigint{both}) }}\n");
        check_tells(&of("in a type"), column, "E0101");
        let option = format!("{HEAD}public source d.a {{ from 'a.csv' format csv ({both}a 1) columns (id bigint) }}\n");
        check_tells(&of("among options"), option, "E0101");
        let path = format!("{HEAD}public source d.a {{ from '{both}.csv' columns (id bigint) }}\n");
        let cells =
            format!("{}test d.x 'x' {{ given a {{ {both} }} expect {{ id\n1\n }} }}\n", slice("select id from a"));
        if open == "{" {
            check_tells(&of("in a path"), path, "E0402");
            check_tells(&of("in a table"), cells, "E0101");
        } else {
            // A file may be called so. A column too: that the source has none is told when the test is run.
            check(&of("in a path"), path, &[]);
            Project::new(cells).run(&["test"]).assert_tells("error[E0201]");
        }
    }
}

#[test]
fn comments_nest_a_hundred_thousand_deep() {
    let (opened, closed) = ("/*".repeat(MANY), "*/".repeat(MANY));
    check("closed", format!("{HEAD}{TABLE}{opened}{closed}"), &[]);
    check("open", format!("{HEAD}{TABLE}{opened}"), &[("E0101", 3)]);
    check("closed, in a query", slice(&format!("select 1 as x {opened}{closed}")), &[("E0004", 3)]);
    check("open, in a query", slice(&format!("select 1 as x {opened}")), &[("E0103", 3)]);
}

/// A text of about so many bytes.
type Text = fn(usize) -> String;

/// Text that makes a parser try one way after another, `n` bytes of it.
const FAMILIES: [(&str, Text); 26] = [
    ("words", |n| format!("{HEAD}{}", "foo\n".repeat(n / 4))),
    ("`public`", |n| format!("{HEAD}{}", "public virtual\n".repeat(n / 15))),
    ("heads of slices", |n| format!("{HEAD}{}", "slice d.x {\n".repeat(n / 12))),
    ("comments in heads", |n| format!("{HEAD}{}", "slice d.x { /*\n".repeat(n / 15))),
    ("quotes in heads", |n| format!("{HEAD}{}", "slice d.x { select \"'\n".repeat(n / 21))),
    ("quotes", |n| format!("{HEAD}{}", "'".repeat(n))),
    ("comments", |n| format!("{HEAD}{TABLE}{}", "/* ".repeat(n / 3))),
    ("documentation", |n| format!("{HEAD}{}x", "--- a\n".repeat(n / 6))),
    ("blanks", |n| format!("{HEAD}{}x", " ".repeat(n))),
    ("parts of a name", |n| format!("{HEAD}slice {}{{ select 1 as x }}\n", "a.".repeat(n / 2))),
    ("clauses", |n| format!("{HEAD}{TABLE}public slice d.x {{ {} }}\n", "\n foo ".repeat(n / 6))),
    ("keys", |n| format!("{HEAD}{TABLE}public slice d.x {{ {}", "key (\n".repeat(n / 6))),
    ("parentheses of a check", |n| format!("{HEAD}{TABLE}public slice d.x {{ check c ({}", "(' ".repeat(n / 3))),
    ("checks", |n| slice(&format!("{}select id from a", "check c (id > 1 ".repeat(n / 16)))),
    ("quotes of a check", |n| format!("{HEAD}{TABLE}public slice d.x {{ check c ({}", "(\"\"a".repeat(n / 4))),
    ("columns without commas", |n| {
        format!("{HEAD}public source d.a {{ from 'a.csv' columns ({}) }}\n", "a int ".repeat(n / 6))
    }),
    ("types of two words", |n| {
        format!("{HEAD}public source d.a {{ from 'a.csv' columns (a {}) }}\n", "double precision(".repeat(n / 17))
    }),
    ("types in types", |n| {
        format!("{HEAD}public source d.a {{ from 'a.csv' columns (a {}) }}\n", "array<".repeat(n / 6))
    }),
    ("types of time", |n| {
        format!("{HEAD}public source d.a {{ from 'a.csv' columns (a timestamp{}x) }}\n", " ".repeat(n))
    }),
    ("captures", |n| format!("{HEAD}public source d.a {{ from '{}.csv' columns (id int) }}\n", "{id}x".repeat(n / 5))),
    ("stars", |n| format!("{HEAD}public source d.a {{ from '{}a.csv' columns (id int) }}\n", "**/".repeat(n / 3))),
    ("cells", |n| {
        let test = format!("test d.x 'x' {{ given a {{ id\n{} }} expect {{ id\n1\n }} }}\n", "'a\n".repeat(n / 3));
        slice("select id from a") + &test
    }),
    ("quotes of a query", |n| slice(&format!("select 1 as x {}", "\"'".repeat(n / 2)))),
    ("doubled quotes of a query", |n| slice(&format!("select 1 as x \"{}", "\"\"a".repeat(n / 3)))),
    ("comments of a query", |n| slice(&format!("select 1 as x {}", "/* ".repeat(n / 3)))),
    ("braces of a query", |n| slice(&format!("select 1 as x {}", "{ '".repeat(n / 3)))),
];

/// What twice the text may take at most: a time that grows with the square of the text would be four times as long.
fn doubled(once: Duration) -> Duration {
    once.mul_f64(2.5) + Duration::from_millis(300)
}

#[test]
fn text_that_invites_backtracking_is_read_in_linear_time() {
    for (family, text) in FAMILIES {
        let time = |bytes: usize| Project::new(text(bytes)).run(&["check"]).used.cpu;
        let (once, twice) = (time(32 << 10), time(64 << 10));
        if let (Some(once), Some(twice)) = (once, twice) {
            assert!(twice <= doubled(once), "{family}: {once:?}, then {twice:?}");
        }
    }
}

/// Columns, declarations and values may all stand on one line: none is looked for along the whole of it.
#[test]
fn long_lines_are_read_in_linear_time() {
    fn numbered(count: usize, item: fn(usize) -> String) -> Vec<String> {
        (0..count).map(item).collect()
    }
    let columns = |n: usize| {
        let columns = numbered(n / 13, |i| format!("c{i:05} int")).join(", ");
        format!("{HEAD}public source d.a {{ from 'a.csv' columns ({columns}) }}\n")
    };
    let domains = |n: usize| numbered(n / 16, |i| format!("domain d{i:05} {{}} ")).concat();
    let values = |n: usize| {
        let values = numbered(n / 12, |i| format!("{}", 1_000_000_000 + i)).join(",");
        slice(&format!("select id from a where id in ({values})"))
    };
    let cases: [(&str, usize, Text); 3] =
        [("columns", 1 << 20, columns), ("declarations", 1 << 20, domains), ("values", 1 << 18, values)];
    for (label, most, text) in cases {
        let time = |bytes: usize| Project::new(text(bytes)).run(&["check"]).used.cpu;
        let bytes = most - 1000;
        let (once, twice) = (time(bytes / 2), time(bytes));
        if let (Some(once), Some(twice)) = (once, twice) {
            assert!(twice <= doubled(once), "{label}: {once:?}, then {twice:?}");
        }
    }
}

#[test]
fn a_file_of_a_hundred_megabytes_is_refused_unread() {
    let project = Project::new(slice("select id from a"));
    for number in 0..10 {
        // Without blocks of their own, such files are as long as any other.
        let file = File::create(project.path().join(format!("large{number}.pie"))).expect("a file can be made");
        file.set_len(100 << 20).expect("a file can be long");
    }
    assert_eq!(project.told(), vec![("E0004".to_owned(), 0); 10]);
    project.run(&["fmt"]).assert_tells("error[E0004]");
    let project = Project::new(format!("{HEAD}-- {}\n", "x".repeat(100 << 20)));
    assert_eq!(project.told(), [("E0004".to_owned(), 0)]);
}

#[test]
fn a_million_identifiers_are_read() {
    let raised = "[limits]\nfile_bytes = 100000000\n";
    let project = Project::new("a ".repeat(1_000_000));
    project.write("pie.toml", raised);
    assert_eq!(project.codes(), ["E0101"]);
    let names: Vec<String> = (0..1_000_000).map(|i| format!("c{i}")).collect();
    let project = Project::of_query(&format!("select {} from a", names.join(",")));
    project.write("pie.toml", raised);
    assert_eq!(project.told(), [("E0004".to_owned(), 3)]);
    // As many as fit into files that aren't too large.
    let project = Project::new(HEAD);
    for (file, names) in names[..200_000].chunks(70_000).enumerate() {
        let columns = format!("{} int", names.join(" int,\n"));
        let source = format!("public source d.a{file} {{ from 'a{file}.csv' columns ({columns}) }}\n");
        project.write(&format!("f{file}.pie"), source);
    }
    assert_eq!(project.told(), []);
}

#[test]
fn ten_thousand_files_are_read() {
    let project = Project::new(format!("{HEAD}{TABLE}"));
    let all = |text: &dyn Fn(usize) -> String| {
        for number in 0..10_000 {
            project.write(&format!("files/{number}.pie"), text(number));
        }
    };
    all(&|number| format!("public slice d.s{number} {{ select id from a }}\n"));
    assert_eq!(project.told(), []);
    all(&|number| format!("public slice d.s{number} {{ select id from a\n"));
    assert_eq!(project.codes(), ["E0102"]);
    project.run(&["fmt"]).assert_tells("error[E0102]");
}

#[test]
fn a_project_of_too_many_files_is_refused() {
    let project = Project::new(HEAD);
    for number in 0..20_001 {
        project.write(&format!("files/{number}.pie"), "");
    }
    assert_eq!(project.codes(), ["E0004"]);
}

#[test]
fn bytes_that_are_no_text_have_a_place() {
    let good = slice("select id from a");
    let with = |bytes: &[u8]| [good.as_bytes(), b"-- ", bytes, b"\n"].concat();
    let utf16: Vec<u8> = good.encode_utf16().flat_map(u16::to_le_bytes).collect();
    for (label, bytes) in [
        ("no byte of UTF-8", with(b"\xff")),
        ("Latin 1", with(b"\xfc")),
        ("a surrogate", with(b"\xed\xa0\x80")),
        ("a longer form", with(b"\xc0\xaf")),
        ("half a character", with(b"\xe2\x82")),
        ("UTF-16", [b"\xff\xfe".as_slice(), &utf16].concat()),
    ] {
        let project = Project::new(bytes);
        assert_eq!(project.told(), [("E0003".to_owned(), 0)], "{label}");
        let line = if label == "UTF-16" { 1 } else { 4 };
        project.run(&["check"]).assert_tells(&format!("line {line} isn't UTF-8 text"));
    }
}

#[test]
fn characters_of_all_kinds_are_read() {
    let good = slice("select id from a");
    for (label, text) in [
        ("a byte order mark", format!("\u{feff}{good}")),
        ("lines that end as on Windows", good.replace('\n', "\r\n")),
        ("no line", String::new()),
        ("a mark alone", "\u{feff}".to_owned()),
        ("a text that only looks like an escape", slice("select '\\uD800' as x")),
    ] {
        check(label, &text, &[]);
    }
    // Legal, though nobody sees what stands there.
    for (label, text) in [
        ("lines that end as on old machines", good.replace('\n', "\r")),
        ("NUL in a comment", format!("{good}-- \0\n")),
        ("NUL in a text", slice("select 'a\0b' as x")),
        ("NUL in a name", slice("select 1 as \"a\0b\"")),
    ] {
        let codes = Project::new(&text).codes();
        assert!(codes.iter().all(|code| code.starts_with('W')), "{label}: {codes:?}");
    }
    check_tells("NUL", format!("{good}\0"), "E0101");
    check_tells("NUL in a query", slice("select \0 1 as x"), "E0301");
    check_tells("a mark in a query", slice("select\u{feff} 1 as x"), "E0301");
    let error = "domain d { owner 'x' }\r\npublic slice d.x {\r\n  select 1 as a,\r\n    foo\r\n}\r\n";
    check("an error between lines of Windows", error, &[("E0201", 4)]);
    for escape in ["U&'\\D800'", "U&'\\+00D800'", "E'\\uD800'", "E'\\uD800\\uDC00'", "E'\\U0000D800'", "E'\\U00110000'"]
    {
        check(escape, slice(&format!("select {escape} as x")), &[("E0301", 3)]);
        // The text is closed: what is wrong is inside.
        let ended = Project::of_query(&format!("select {escape} as x")).run(&["check"]);
        assert!(!ended.err.contains("unterminated"), "{}", ended.shown());
    }
}

/// Text that a person reads otherwise than the compiler: [Trojan Source](https://trojansource.codes).
#[test]
fn what_people_would_misread_is_told() {
    for control in ['\u{202a}', '\u{202b}', '\u{202d}', '\u{202e}', '\u{2066}', '\u{2067}', '\u{2068}'] {
        let of = |place: &str| format!("U+{:04X} {place}", u32::from(control));
        for (place, text) in [
            ("in a comment", format!("{HEAD}{TABLE}-- {control}\n")),
            ("in a comment of a query", slice(&format!("select id from a /* {control} }} */"))),
            ("in a text", slice(&format!("select 'a{control}b' as x"))),
            ("in a name", slice(&format!("select 1 as \"a{control}b\""))),
        ] {
            let told = Project::new(text).told();
            assert!(told.iter().any(|(_, line)| *line == 3), "{}: {told:?}", of(place));
        }
    }
    // Latin, and Latin with one Cyrillic letter.
    let text = format!("{HEAD}public slice d.pay {{ select 1 as x }}\npublic slice d.p\u{430}y {{ select 1 as x }}\n");
    let told = Project::new(text).told();
    assert!(!told.is_empty(), "a name like another");
    // What folds to the same name is the same name.
    let kelvin = format!("{HEAD}public slice d.k {{ select 1 as x }}\npublic slice d.\u{212a} {{ select 1 as x }}\n");
    check("K of Kelvin", kelvin, &[("E0204", 3)]);
}

/// Names and texts of a file are shown on terminals, which take some characters as commands.
#[test]
fn no_control_character_reaches_a_terminal() {
    let project = Project::new(slice("select \"\u{1b}]0;title\u{7}\" from a -- \u{1b}[2J\u{9b}2J"));
    project.write("b\u{1b}[31m.pie", "foo\n");
    project.write("c\nerror[E0999]: made up.pie", "foo\n");
    for args in [["check"].as_slice(), &["check", "--format", "github"], &["fmt", "--diff"]] {
        let ended = project.run(args);
        let told = format!("{}{}", ended.out, ended.err);
        let control = told.chars().find(|c| c.is_control() && *c != '\n');
        assert_eq!(control, None, "{}", ended.shown());
        assert!(!told.lines().any(|line| line.starts_with("error[E0999]")), "{}", ended.shown());
    }
}

#[test]
fn what_is_never_closed_is_told_where_it_opens() {
    let good = slice("select id from a");
    let source = |text: &str| format!("{HEAD}public source d.a {{ {text} }}\n");
    for (label, text, code, line) in [
        ("a domain", "domain d {".to_owned(), "E0102", 1),
        ("a domain's owner", "domain d { owner 'x".to_owned(), "E0103", 1),
        ("a slice", format!("{HEAD}{TABLE}public slice d.x {{ select id from a"), "E0102", 3),
        ("a key", slice("key (id select id from a"), "E0102", 3),
        ("a check", slice("check c (id > 1 select id from a"), "E0102", 3),
        ("a path", source("from 'a.csv columns (id int)"), "E0103", 2),
        ("columns", source("from 'a.csv' columns (id int"), "E0102", 2),
        ("a type's size", source("from 'a.csv' columns (id decimal(3 )"), "E0102", 2),
        ("a type's type", source("from 'a.csv' columns (id array<int )"), "E0101", 2),
        ("options", source("from 'a.csv' format csv (delimiter ';' columns (id int)"), "E0102", 2),
        ("a capture", source("from 'a{id.csv' columns (id int)"), "E0402", 2),
        ("a name", slice("select 1 as x").replace("d.x", "d.\"x"), "E0103", 3),
        ("a comment", format!("{HEAD}/* more\npublic slice d.x {{ select 1 as x }}\n"), "E0101", 2),
        ("a test", format!("{good}test d.x 'x' {{ given a {{ id\n1"), "E0102", 4),
        ("a test's name", format!("{good}test d.x 'x {{ expect {{ id\n1\n }} }}\n"), "E0103", 4),
        ("a word", "public slic".to_owned(), "E0101", 1),
        ("text of a query", slice("select 'abc from a"), "E0301", 3),
        ("escaped text of a query", slice("select E'abc\\' from a"), "E0301", 3),
        ("text in dollars", slice("select $$abc as x from a"), "E0301", 3),
        ("a name of a query", slice("select \"abc from a"), "E0301", 3),
        ("a name in backticks", slice("select `abc from a"), "E0301", 3),
        ("parentheses of a query", slice("select (id from a"), "E0301", 3),
        ("brackets of a query", slice("select [id from a"), "E0301", 3),
        ("braces of a query", slice("select {id from a"), "E0102", 3),
        ("a case", slice("select case when id > 1 then 2 as x from a"), "E0301", 3),
        ("a comment of a query", slice("select id\n/* abc\n from a"), "E0103", 4),
    ] {
        let project = Project::new(&text);
        let told = project.told();
        assert!(told.contains(&(code.to_owned(), line)), "{label}: {told:?}");
        // What isn't understood isn't touched.
        assert!(!project.run(&["fmt"]).is_clean() || code == "E0301" || code == "E0402", "{label}");
        let kept = std::fs::read_to_string(project.path().join("main.pie")).expect("a file can be read");
        let blanks = |text: &str| text.split_whitespace().collect::<String>();
        assert_eq!(blanks(&kept), blanks(&text), "{label}");
    }
    let cell = format!("{good}test d.x 'x' {{ given a {{ id\n'1\n }} expect {{ id\n1\n }} }}\n");
    Project::new(cell).run(&["test"]).assert_tells("error[E0702]");
    // Documentation of nothing, and a comment that the file's end closes.
    check("documentation", format!("{good}--- of nothing"), &[]);
    check("a comment", format!("{good}-- the last"), &[]);
}

#[test]
fn circles_of_any_length_are_found_once() {
    for length in [1, 2, 10_000] {
        let circle = (0..length).map(|i| format!("public slice d.x{i} {{ select id from x{} }}\n", (i + 1) % length));
        check(&format!("{length}"), format!("{HEAD}{}", circle.collect::<String>()), &[("E0206", 2)]);
    }
    let chain = (1..10_000).map(|i| format!("public slice d.x{i} {{ select id from x{} }}\n", i - 1));
    let chain = format!("{HEAD}{TABLE}public slice d.x0 {{ select id from a }}\n{}", chain.collect::<String>());
    check("a chain", chain, &[]);
}

#[test]
fn settings_can_be_hostile_too() {
    for (label, text, code) in [
        ("no text", b"\xff".as_slice(), "E0003"),
        ("a surrogate", b"[project]\nname = \"\\uD800\"\n", "E0002"),
        ("NUL", b"[project]\nname = \"a\0b\"\n", "E0002"),
        ("brackets", "[".repeat(MANY).as_bytes(), "E0002"),
        ("nested lists", format!("a = {}", "[".repeat(MANY)).as_bytes(), "E0002"),
        ("nested names", format!("{}b = 1\n", "a.".repeat(1000)).as_bytes(), "E0002"),
        ("a number too large", b"[limits]\nfile_bytes = 99999999999999999999\n", "E0002"),
        ("a limit below its default", b"[limits]\nnesting = 1\n", "E0002"),
        ("no memory", b"[build]\nmemory = \"99999999999999999999 GB\"\n", "E0002"),
    ] {
        let project = Project::of_query("select id from a");
        project.write("pie.toml", text);
        assert_eq!(project.codes(), [code], "{label}");
    }
}

// ── Queries ─────────────────────────────────────────────────────────────────────────────────────────────────────────

/// What is refused in a slice, and in a question, where that is something else.
const REFUSED: [(&str, &str, Option<&str>); 38] = [
    ("copy a to '/tmp/pie-hostile.csv'", "E0302", Some("E0302")),
    ("copy (select 1) to '/tmp/pie-hostile.csv'", "E0302", Some("E0302")),
    ("create external table t stored as csv location '/etc/passwd'", "E0302", Some("E0302")),
    ("create table t as select 1", "E0302", Some("E0302")),
    ("set datafusion.execution.batch_size = 1", "E0302", Some("E0302")),
    ("show all", "E0302", Some("E0302")),
    ("show tables", "E0302", Some("E0302")),
    ("insert into a values (1)", "E0302", Some("E0302")),
    ("delete from a", "E0302", Some("E0302")),
    ("update a set id = 1", "E0302", Some("E0302")),
    ("drop table a", "E0302", Some("E0302")),
    ("explain select 1", "E0302", Some("E0302")),
    ("explain analyze copy a to '/tmp/pie-hostile.csv'", "E0302", Some("E0302")),
    ("with q as (insert into a values (1) returning id) select * from q", "E0302", Some("E0302")),
    ("select id from a; drop table a", "E0302", Some("E0302")),
    ("select id into t from d.a", "E0302", Some("E0302")),
    ("select id from d.a for update", "E0302", Some("E0302")),
    ("select * from '/etc/passwd'", "E0313", Some("E0313")),
    ("select * from \"/etc/passwd\"", "E0313", Some("E0313")),
    ("select * from `/etc/passwd`", "E0313", Some("E0313")),
    ("select * from \"file:///etc/passwd\"", "E0313", Some("E0313")),
    ("select * from '..\\..\\secret.csv'", "E0313", Some("E0313")),
    ("select * from read_csv('/etc/passwd')", "E0313", Some("E0313")),
    ("select * from parquet_scan('/etc/passwd')", "E0313", Some("E0313")),
    ("select * from glob('/*')", "E0208", Some("E0208")),
    ("select * from information_schema.df_settings", "E0203", Some("E0605")),
    ("select * from information_schema.tables", "E0203", Some("E0605")),
    ("select * from datafusion.information_schema.tables", "E0202", None),
    ("select now() as x", "E0303", None),
    ("select current_timestamp as x", "E0303", None),
    ("select current_date as x", "E0303", None),
    ("select localtimestamp as x", "E0303", None),
    ("select id from a where v > (select max(id) from a where now() is null)", "E0303", None),
    ("select random() as x", "E0304", None),
    ("select uuid() as x", "E0304", None),
    ("select id from a order by random()", "E0304", None),
    ("select id from a tablesample bernoulli (10)", "E0304", None),
    ("select version() as x", "E0304", None),
];

#[test]
fn queries_that_do_more_than_read_are_refused() {
    let slices = REFUSED.iter().enumerate().map(|(at, (sql, ..))| format!("public slice d.x{at} {{ {sql} }}\n"));
    let project = Project::new(format!("{HEAD}{TABLE}{}", slices.collect::<String>()));
    let wanted: Vec<(String, u64)> =
        REFUSED.iter().zip(3..).map(|((_, code, _), line)| ((*code).to_owned(), line)).collect();
    assert_eq!(project.told(), wanted);
    let project = Project::new(format!("{HEAD}{TABLE}"));
    assert!(project.run(&["freeze"]).is_clean());
    for (sql, _, code) in REFUSED {
        if let Some(code) = code {
            project.run(&["query", sql]).assert_tells(&format!("error[{code}]"));
        }
    }
    assert!(!Path::new("/tmp/pie-hostile.csv").exists());
    // Who asks may look at the clock: nothing is kept of the answer.
    assert!(project.run(&["query", "select now() is null as x, random() < 2 as y"]).is_clean());
}

#[test]
fn queries_that_are_too_large_are_refused() {
    let list =
        |count: usize, item: fn(usize) -> String, between: &str| (0..count).map(item).collect::<Vec<_>>().join(between);
    let nested = |count: usize, open: &str, inside: &str, close: &str| {
        format!("{}{inside}{}", open.repeat(count), close.repeat(count))
    };
    for (label, query) in [
        ("20,000 or", format!("select id from a where {}", list(20_000, |i| format!("id = {i}"), " or "))),
        ("20,000 or, short", format!("select id from a where {}", list(20_000, |_| "true".to_owned(), " or "))),
        ("2,000 +", format!("select {} as x from a", list(2000, |_| "id".to_owned(), " + "))),
        ("3,000 union all", list(3000, |_| "select id from a".to_owned(), " union all ")),
        ("500 subqueries", format!("select id from {}", nested(500, "(select id from ", "a", ") z"))),
        ("500 scalar subqueries", format!("select {} as x from a", nested(500, "(select ", "1", ")"))),
        ("10,000 columns", format!("select {} from a", list(10_000, |i| format!("id as c{i}"), ", "))),
        ("50,000 values", format!("select id from a where id in ({})", list(50_000, |i| i.to_string(), ","))),
        ("a text", format!("select '{}' as x", "x".repeat(300 << 10))),
    ] {
        check(label, slice(&query), &[("E0004", 3)]);
    }
    // Just below the limits.
    for (label, query) in [
        ("900 or", format!("select id from a where {}", list(900, |i| format!("id = {i}"), " or "))),
        ("900 +", format!("select {} as x from a", list(900, |_| "id".to_owned(), " + "))),
        ("900 union all", list(900, |_| "select id from a".to_owned(), " union all ")),
        ("190 subqueries", format!("select id from {}", nested(190, "(select id from ", "a", ") z"))),
        ("5,000 columns", format!("select {} from a", list(5000, |i| format!("id as c{i}"), ", "))),
        ("20,000 values", format!("select id from a where id in ({})", list(20_000, |i| i.to_string(), ","))),
    ] {
        check(label, slice(&query), &[]);
    }
}

/// Subqueries in subqueries, in one query or through virtual slices, are planned or refused: their time doesn't double with each.
#[test]
fn subqueries_in_expressions_nest_in_bounded_time() {
    type Form = fn(usize) -> String;
    let nested: [(&str, Form); 5] = [
        ("values", |n| slice(&format!("select {}1{} as x", "(select ".repeat(n), ")".repeat(n)))),
        ("aggregates", |n| {
            slice(&format!("select {}1{} as x from a", "(select max(id) + ".repeat(n), " from a)".repeat(n)))
        }),
        ("exists", |n| {
            let open = "exists (select 1 from a where ".repeat(n);
            slice(&format!("select id from a where {open}true{}", ")".repeat(n)))
        }),
        ("in", |n| {
            let open = "id in (select id from a where ".repeat(n);
            slice(&format!("select id from a where {open}true{}", ")".repeat(n)))
        }),
        ("virtual slices", |n| {
            let next = |i: usize| format!("virtual slice d.v{i} {{ select (select max(id) from v{}) as id }}\n", i - 1);
            let chain: String = (1..n).map(next).collect();
            let last = format!("public slice d.x {{ select id from v{} }}\n", n - 1);
            format!("{HEAD}{TABLE}virtual slice d.v0 {{ select id from a }}\n{chain}{last}")
        }),
    ];
    for (label, text) in nested {
        check(&format!("6 {label}"), text(6), &[]);
        for depth in [16, 24, 40, 150] {
            let codes = Project::new(text(depth)).codes();
            assert!(codes.iter().all(|code| code == "E0004"), "{depth} {label}: {codes:?}");
        }
    }
}

/// What can't be known before a query runs is told then, and nothing is published.
#[test]
fn queries_that_explode_fail_when_they_run() {
    for query in [
        "select repeat('x', 1000000000000) as x",
        "select repeat(s, 1000000000000) as x from a",
        "select repeat(repeat(s, 50000), 50000) as x from a",
        "select lpad(s, 9223372036854775807, 'b') as x from a",
        "select regexp_like(s, '((a{100}){100}){100}') as x from a",
        "select regexp_like('a', '((a{100}){100}){100}') as x from a",
        "select regexp_replace(s, '(', 'x') as x from a",
        "select array_repeat(id, 1000000000000) as x from a",
        "select generate_series(id, 9000000000000000000) as x from a",
    ] {
        let project = Project::of_query(query);
        assert_eq!(project.told(), [], "{query}");
        let ended = project.run(&["build", "--freeze"]);
        assert!(ended.err.contains("error[E0501]") || ended.err.contains("error[E0506]"), "{query}: {}", ended.shown());
        for word in ["Internal error", "DataFusion", "issue tracker"] {
            assert!(!ended.err.contains(word), "{query}: {}", ended.shown());
        }
        assert!(!project.path().join(".pie/store/heads/main/d/x").exists(), "{query}");
        let asked = project.run(&["query", &query.replace("from a", "from d.a")]);
        assert!(asked.err.contains("error[E0501]") || asked.err.contains("error[E0506]"), "{query}: {}", asked.shown());
        assert!(!asked.err.contains("Internal error"), "{query}: {}", asked.shown());
    }
    // Engines that try every way would take longer than the universe has.
    let project = Project::of_query("select regexp_like(repeat(s, 100000), '(x+x+)+y') as x from a");
    assert!(project.run(&["build", "--freeze"]).is_clean());
    // Whoever asks for little gets it at once.
    for query in [
        "select value from generate_series(1, 9000000000000000000) limit 3",
        "with recursive r as (select 1 as n union all select n + 1 from r) select n from r limit 3",
    ] {
        assert!(project.run(&["query", query]).is_clean(), "{query}");
    }
}

/// Queries that never end, or not in our time. That is legal: nothing limits how long a slice may take.
const ENDLESS: [(&str, &str); 5] = [
    ("recursion", "with recursive r as (select 1 as n union all select n + 1 from r) select count(*) as n from r"),
    ("recursion over one row", "with recursive r as (select 1 as n union all select n from r) select n from r"),
    ("numbers", "select sum(value) as n from generate_series(1, 9000000000000000000)"),
    ("rows", "select value from generate_series(1, 9000000000000000000)"),
    (
        "pairs",
        "select count(*) as n from generate_series(1, 1000000) x, generate_series(1, 1000000) y, generate_series(1, 1000000) z",
    ),
];

#[test]
fn queries_that_never_end_are_sound() {
    for (label, query) in ENDLESS {
        check(label, slice(query), &[]);
    }
}

#[test]
fn a_build_that_never_ends_can_be_interrupted() {
    for (label, query) in ENDLESS {
        interrupt(label, query, "-INT");
    }
}

#[test]
fn a_build_that_never_ends_can_be_terminated() {
    for (label, query) in &ENDLESS[..1] {
        interrupt(label, query, "-TERM");
    }
}

/// Sends a signal to a build once it has published one slice and works on the other. One that went on would meet its limit of CPU
/// seconds, and be killed.
fn interrupt(label: &str, query: &str, signal: &str) {
    let project = Project::new(format!("{}public slice d.whole {{ select id from a }}\n", slice(query)));
    let mut build = project.command(&["build", "--freeze"]);
    build.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut build = build.spawn().expect("there is a shell");
    let mut lines = BufReader::new(build.stderr.take().expect("it was piped")).lines().map_while(Result::ok);
    let mut told: Vec<String> = Vec::new();
    for line in lines.by_ref() {
        told.push(line);
        if told.last().is_some_and(|line| line.starts_with("built") && line.contains("d.whole")) {
            break;
        }
    }
    // The other one is under way when it has taken time of its own.
    let mut used = Used::default();
    while look(build.id(), &mut used).is_some_and(|state| state != 'Z') && used.cpu < Some(Duration::from_secs(2)) {
        std::thread::sleep(Duration::from_millis(20));
    }
    let sent = Command::new("/bin/sh").args(["-c", "kill \"$0\" \"$1\"", signal, &build.id().to_string()]).status();
    assert!(sent.expect("there is a shell").success(), "{label} ended by itself: {told:?}");
    told.extend(lines);
    let (status, used) = end(&mut build);
    assert_eq!(status.code(), Some(1), "{label}: {status}, {used:?}, {told:?}");
    assert!(told.iter().any(|line| line.contains("Interrupted")), "{label}: {told:?}");
    assert!(used.peak.unwrap_or_default() <= 2 * PEAK, "{label}: {used:?}");
    // Nothing of it is left, and what was published stays.
    assert!(!project.path().join(".pie/store/heads/main/d/x").exists(), "{label}");
    assert!(project.run(&["query", "select * from d.whole"]).is_clean());
    let fsck = project.run(&["fsck", "--deep"]);
    assert!(fsck.is_clean() && !format!("{}{}", fsck.out, fsck.err).contains("left over"), "{label}: {}", fsck.shown());
}

// ── Paths ───────────────────────────────────────────────────────────────────────────────────────────────────────────

fn reader(path: &str, columns: &str) -> String {
    format!(
        "{HEAD}public source d.s {{ from '{path}' format csv columns ({columns}) }}\npublic slice d.x {{ select 1 as one from s }}\n"
    )
}

#[test]
fn a_path_that_leaves_its_root_is_refused() {
    for path in [
        "../secret.csv",
        "raw/../../secret.csv",
        "raw/*/../../../secret.csv",
        "**/../../secret.csv",
        "file:///etc/passwd",
        "FILE:///etc/passwd",
        "file://localhost/etc/passwd",
        "memory:///a.csv",
        "http://127.0.0.1:1/a.csv",
        "ftp://127.0.0.1/a.csv",
        "gopher://127.0.0.1/a.csv",
        "://a.csv",
    ] {
        check(path, reader(path, "id text"), &[("E0402", 2)]);
    }
}

/// Names that mean something elsewhere mean nothing here: there is no such file.
#[test]
fn a_path_that_only_seems_to_leave_finds_nothing() {
    let outside = temporary();
    std::fs::write(outside.path().join("secret.csv"), "id\ncanary\n").expect("a file can be written");
    let above = outside.path().file_name().expect("it has a name").to_string_lossy().into_owned();
    for path in [
        format!("%2e%2e/{above}/secret.csv"),
        format!("raw/%2e%2e/%2e%2e/{above}/secret.csv"),
        format!("..%2f{above}%2fsecret.csv"),
        format!("..\\\\{above}\\\\secret.csv"),
        "\\\\\\\\server\\\\share\\\\a.csv".to_owned(),
        "//server/share/a.csv".to_owned(),
        "C:\\\\a.csv".to_owned(),
        "c:/a.csv".to_owned(),
        "file:/etc/passwd".to_owned(),
        "~/a.csv".to_owned(),
        "$HOME/a.csv".to_owned(),
        ".pie/store/**".to_owned(),
        "raw/A.csv".to_owned(),
        "a\0.csv".to_owned(),
    ] {
        let project = Project::new(reader(&path, "id text"));
        project.write("raw/a.csv", "id\n1\n");
        let ended = project.run(&["build", "--freeze"]);
        assert!(ended.err.contains("error[E0401]") || ended.err.contains("error[E0402]"), "{path}: {}", ended.shown());
        assert!(!ended.err.contains("canary"), "{path}: {}", ended.shown());
    }
}

/// The machine's own files may be named whole: data lies where it lies. What isn't the data that was declared is told without
/// telling what it is.
#[test]
fn other_files_of_the_machine_stay_unseen() {
    let outside = temporary();
    let secret = outside.path().join("secret.csv");
    std::fs::write(&secret, "canary1,canary2\ncanary3,canary4\n").expect("a file can be written");
    for columns in ["id text", "canary bigint", "id bigint, v bigint"] {
        let ended = Project::new(reader(&secret.display().to_string(), columns)).run(&["build", "--freeze"]);
        ended.assert_tells("error[E0403]");
        assert!(!ended.err.contains("canary3") && !ended.err.contains("canary4"), "{}", ended.shown());
    }
}

#[test]
fn another_bucket_is_no_way_out() {
    let project = Project::new(reader("s3://another-bucket/a.csv", "id int"));
    let environment = [
        ("AWS_ENDPOINT", "http://127.0.0.1:1"),
        ("AWS_ALLOW_HTTP", "true"),
        ("AWS_ACCESS_KEY_ID", "canary1"),
        ("AWS_SECRET_ACCESS_KEY", "canary2"),
    ];
    let ended = project.run_with(&["build", "--freeze"], &environment);
    ended.assert_tells("error[E0410]");
    assert!(!ended.err.contains("canary"), "{}", ended.shown());
}

#[cfg(unix)]
#[test]
fn links_are_followed_for_data_and_not_for_programs() {
    use std::os::unix::fs::symlink;
    let outside = temporary();
    std::fs::write(outside.path().join("a.csv"), "id\n1\n").expect("a file can be written");
    std::fs::write(outside.path().join("other.pie"), "canary canary\n").expect("a file can be written");
    let link = |from: &Path, to: &Path| symlink(from, to).expect("a link can be made");
    // A file, a folder, and a file of settings of another format.
    let project = Project::new(format!("{HEAD}{TABLE}"));
    link(&outside.path().join("other.pie"), &project.path().join("other.pie"));
    link(outside.path(), &project.path().join("more"));
    link(&outside.path().join("other.pie"), &project.path().join(".pieignore"));
    assert_eq!(project.told(), []);
    project.run(&["check", "other.pie"]).assert_tells("error[E0003]");
    project.run(&["fmt", "other.pie"]).assert_tells("error[E0003]");
    project.run(&["fmt"]);
    let kept = std::fs::read_to_string(outside.path().join("other.pie")).expect("a file can be read");
    assert_eq!(kept, "canary canary\n");
    // Folders in themselves, and files without an end.
    let project = Project::new(reader("raw/**/*.csv", "id int"));
    project.write("raw/a.csv", "id\n1\n");
    link(Path::new(".."), &project.path().join("raw/circle"));
    project.run(&["build", "--freeze"]);
    let project = Project::new(reader("raw/*.csv", "id int"));
    project.write("raw/b.txt", "");
    link(Path::new("/dev/zero"), &project.path().join("raw/a.csv"));
    project.run(&["build", "--freeze"]).assert_tells("error[E0401]");
    let project = Project::new(reader("raw/a.csv", "id int"));
    project.write("raw/b.txt", "");
    link(Path::new("a.csv"), &project.path().join("raw/a.csv"));
    assert!(!project.run(&["build", "--freeze"]).is_clean());
    // Data may lie elsewhere.
    let project = Project::new(reader("raw/a.csv", "id int"));
    link(outside.path(), &project.path().join("raw"));
    assert!(project.run(&["build", "--freeze"]).is_clean());
}

/// Rows of a file that matches are either read or refused; `name#1` is how stores call files on their way.
#[test]
fn names_of_files_are_taken_as_they_are() {
    for (path, file) in
        [("raw/*", "raw/a#1"), ("raw/a#1", "raw/a#1"), ("raw/*.csv", "raw/a#1.csv"), ("raw/*", "raw/a%2e")]
    {
        let project = Project::new(reader(path, "id int"));
        project.write("raw/b.csv", "id\n1\n");
        project.write(file, "id\n7\n");
        let ended = project.run(&["build", "--freeze"]);
        let rows = project.run(&["query", "select count(*) as n from d.s where id = 7", "--format", "csv"]);
        assert!(!ended.is_clean() || rows.out.trim_end().ends_with('1'), "{file} is left out: {}", ended.shown());
    }
    // Where names differ in their case alone there may be one file or two.
    let project = Project::new(reader("raw/*.csv", "id int"));
    project.write("raw/a.csv", "id\n1\n");
    project.write("raw/A.csv", "id\n2\n");
    assert!(project.run(&["build", "--freeze"]).is_clean());
    project.write("Main.pie", "domain e { owner 'x' }\n");
    project.write("main#1.pie", "domain f { owner 'x' }\n");
    project.write("%2e%2e.pie", "domain g { owner 'x' }\n");
    assert!(project.run(&["check"]).is_clean());
}

#[test]
fn slices_stay_inside_the_store_whatever_they_are_called() {
    let names = ["..", ".", "a/b", "../../../x", "a\\b", "a#1", "A", "%2e%2e", "%2E%2E", "a:b", "*", " ", "-rf", "~"];
    let slices =
        names.iter().map(|name| format!("public slice d.\"{name}\" {{ select id, '{name}' as name from a }}\n"));
    let plain = "public slice d.a1 { select id, 'a' as name from a }\n";
    let project = Project::new(format!("{HEAD}{TABLE}{}{plain}", slices.collect::<String>()));
    let ended = project.run(&["build", "--freeze"]);
    assert!(ended.is_clean(), "{}", ended.shown());
    let mut beside: Vec<String> = std::fs::read_dir(project.path())
        .expect("a folder can be read")
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .collect();
    beside.sort_unstable();
    assert_eq!(beside, [".pie", "a.csv", "main.pie", "pie.toml"]);
    for name in names {
        // As messages write it.
        let full = if name.contains('.') { format!("d.\"{name}\"") } else { format!("d.{name}") };
        let shown = project.run(&["show", &full, "--format", "csv"]);
        assert!(shown.is_clean() && shown.out.contains(&format!("1,{name}")), "{name}: {}", shown.shown());
    }
    for environment in ["..", "a/b", "../../x", "%2e%2e", "A", ""] {
        project.run(&["build", "--env", environment]).assert_tells("error[E0609]");
    }
    // A name that no file system takes.
    let long = Project::new(format!("{HEAD}{TABLE}public slice d.{} {{ select id from a }}\n", "x".repeat(300)));
    let ended = long.run(&["build", "--freeze"]);
    assert!(!ended.err.contains("E0607"), "what happened is known: {}", ended.shown());
}

// ── Credentials ─────────────────────────────────────────────────────────────────────────────────────────────────────

/// Secrets of every store, told to every library that would tell them on.
const SECRETS: [(&str, &str); 14] = [
    ("AWS_ACCESS_KEY_ID", "canary-aws-1"),
    ("AWS_SECRET_ACCESS_KEY", "canary-aws-2"),
    ("AWS_SESSION_TOKEN", "canary-aws-3"),
    ("AZURE_STORAGE_ACCOUNT_NAME", "account"),
    ("AZURE_STORAGE_ACCOUNT_KEY", "Y2FuYXJ5LWF6dXJlLTE="),
    ("AZURE_STORAGE_SAS_KEY", "sv=1&sig=canary-azure-2"),
    ("AZURE_CLIENT_SECRET", "canary-azure-3"),
    ("GOOGLE_SERVICE_ACCOUNT_KEY", "{\"private_key\": \"canary-google\"}"),
    ("PIE_PASSWORD", "canary-other"),
    ("AWS_ENDPOINT", "http://127.0.0.1:1"),
    ("AWS_ALLOW_HTTP", "true"),
    ("AWS_REGION", "us-east-1"),
    ("RUST_LOG", "trace"),
    ("RUST_BACKTRACE", "1"),
];

fn assert_no_secret(text: &str, of: &str) {
    for secret in ["canary", "Y2FuYXJ5"] {
        let at = text.find(secret);
        let around =
            |at: usize| text.char_indices().filter(|(i, _)| i.abs_diff(at) < 200).map(|(_, c)| c).collect::<String>();
        assert!(at.is_none(), "{of} shows a secret: {}", at.map(around).unwrap_or_default());
    }
}

/// Every format in which anything is told.
const TELLING: [&[&str]; 24] = [
    &["check"],
    &["check", "--format", "json"],
    &["check", "--format", "jsonl"],
    &["check", "--format", "sarif"],
    &["check", "--format", "github"],
    &["check", "--format", "gitlab"],
    &["check", "--format", "junit"],
    &["check", "--format", "rdjson"],
    &["freeze", "--format", "json"],
    &["plan"],
    &["plan", "--format", "json"],
    &["build", "--freeze"],
    &["build", "--format", "json"],
    &["status"],
    &["status", "--format", "json"],
    &["log", "d.x", "--format", "json"],
    &["show", "d.x", "--format", "json"],
    &["query", "select * from d.x", "--format", "csv"],
    &["emit", "d.x"],
    &["debug", "model"],
    &["graph"],
    &["env", "--format", "json"],
    &["verify", "--format", "json"],
    &["fsck", "--deep"],
];

/// Runs every command; what they tell, and every file of the store.
fn assert_keeps_secrets(project: &Project, label: &str) {
    for args in TELLING {
        let ended = project.run_with(args, &SECRETS);
        assert_no_secret(&format!("{}{}", ended.out, ended.err), &format!("{label}: pie {}", ended.label));
    }
    let mut open = vec![project.path().join(".pie")];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            if entry.path().is_dir() {
                open.push(entry.path());
            } else {
                let bytes = std::fs::read(entry.path()).expect("a file can be read");
                assert_no_secret(&String::from_utf8_lossy(&bytes), &format!("{label}: {}", entry.path().display()));
            }
        }
    }
}

#[test]
fn secrets_of_the_environment_are_told_nowhere() {
    assert_keeps_secrets(&Project::of_query("select id, id = 1 from a"), "a store in a folder");
    let project = Project::of_query("select id from a");
    assert!(project.run_with(&["build", "--freeze"], &SECRETS).is_clean());
    assert_keeps_secrets(&project, "a store with something in it");
}

#[test]
fn secrets_in_the_address_of_a_store_are_told_nowhere() {
    for scheme in ["az", "azure", "abfss", "gs", "https", "nothing"] {
        let project = Project::of_query("select id from a");
        let url = format!("{scheme}://canary-user:canary-password@host/path?sv=1&sig=canary-signature");
        project.write("pie.toml", format!("[store]\nurl = \"{url}\"\n"));
        for args in [["check"], ["plan"], ["build"], ["status"]] {
            let ended = project.run_with(&args, &SECRETS);
            assert_no_secret(&format!("{}{}", ended.out, ended.err), &format!("{scheme}: pie {}", ended.label));
        }
    }
}

/// A setting that is misspelt is shown with its line: not where that holds an address with a secret.
#[test]
fn secrets_in_broken_settings_are_not_quoted() {
    let url = "s3://canary-user:canary-password@host/path?sig=canary-signature";
    for text in [format!("[store]\nurll = \"{url}\"\n"), format!("[store]\nurl = \"{url}\n")] {
        let project = Project::of_query("select id from a");
        project.write("pie.toml", text);
        for args in [["check"].as_slice(), &["check", "--format", "json"], &["check", "--format", "sarif"], &["plan"]] {
            let ended = project.run_with(args, &SECRETS);
            assert_no_secret(&format!("{}{}", ended.out, ended.err), &ended.label);
        }
    }
}

/// Sources are read with what the environment has: an address with a secret in it is refused, and not said again.
#[test]
fn secrets_in_the_address_of_a_source_are_refused() {
    for url in
        ["s3://user:canary-1@host/a.csv", "s3://host/a.csv?sig=canary-2", "az://user:canary-3@host/a.csv?sig=canary-4"]
    {
        let project = Project::new(reader(url, "id int"));
        assert_eq!(project.told(), [("E0402".to_owned(), 2)], "{url}");
        for args in [
            ["check", "--format", "json"].as_slice(),
            &["check", "--format", "github"],
            &["freeze", "--format", "json"],
        ] {
            let ended = project.run_with(args, &SECRETS);
            assert_no_secret(&format!("{}{}", ended.out, ended.err), &ended.label);
        }
    }
}

// ── Editors ─────────────────────────────────────────────────────────────────────────────────────────────────────────

/// Texts for what reads files without `pie check`.
fn sample() -> Vec<(&'static str, String)> {
    let good = slice("select id from a");
    let mut all: Vec<(&str, String)> = FAMILIES.iter().map(|(family, text)| (*family, text(4 << 10))).collect();
    all.extend([
        ("brackets", "(".repeat(MANY)),
        ("braces in a query", slice(&format!("select {}", "{".repeat(MANY)))),
        ("parentheses in a query", slice(&format!("select {}1{}", "(".repeat(MANY), ")".repeat(MANY)))),
        ("subqueries", slice(&format!("select id from {}a{}", "(select id from ".repeat(150), ") z".repeat(150)))),
        ("a mark", format!("\u{feff}{good}")),
        ("lines of Windows", good.replace('\n', "\r\n")),
        ("NUL", format!("{good}\0\0")),
        ("combining", slice(&format!("select 1 as \"e{}\"", "\u{301}".repeat(5000)))),
        ("large characters", slice(&format!("select '{}' as x, foo from a", "🥧".repeat(5000)))),
        (
            "a circle",
            format!("{HEAD}public slice d.x {{ select id from y }}\npublic slice d.y {{ select id from x }}\n"),
        ),
        ("open", format!("{HEAD}{TABLE}public slice d.x {{ select '")),
        ("nothing", String::new()),
        ("columns on one line", {
            let columns: Vec<String> = (0..5000).map(|i| format!("c{i} int")).collect();
            format!("{HEAD}public source d.a {{ from 'a.csv' columns ({}) }}\n", columns.join(", "))
        }),
    ]);
    all
}

#[test]
fn the_formatter_ends_and_leaves_what_it_does_not_understand() {
    for (label, text) in sample() {
        let project = Project::new(&text);
        let ended = project.run(&["fmt"]);
        let kept = std::fs::read_to_string(project.path().join("main.pie")).expect("it is text");
        if !ended.is_clean() {
            assert_eq!(kept, text, "{label}");
        }
        // What is formatted is formatted.
        project.run(&["fmt"]);
        let again = std::fs::read_to_string(project.path().join("main.pie")).expect("it is text");
        assert_eq!(again, kept, "{label}");
    }
}

/// One server for all texts, one after the other, which is asked everything about each.
#[test]
fn the_language_server_lives_on() {
    let project = Project::new(slice("select id from a"));
    // Dozens of texts, and as many requests about each.
    let mut server = project.command_within("300", &["lsp"]);
    let errors = temporary();
    let stderr = File::create(errors.path().join("err")).expect("a file can be made");
    server.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(stderr);
    let mut server = server.spawn().expect("there is a shell");
    let mut input = server.stdin.take().expect("it was piped");
    let mut output = BufReader::new(server.stdout.take().expect("it was piped"));
    let root = format!("file://{}", project.path().display());
    let uri = format!("{root}/main.pie");
    let mut next = 0;
    // Waits for the answer: neither side ever writes to one that doesn't read.
    let mut ask = |input: &mut std::process::ChildStdin, label: &str, method: &str, parameters: Value| {
        next += 1;
        let request = Request::new(next.into(), method.to_owned(), parameters);
        Message::Request(request).write(input).unwrap_or_else(|_| panic!("the server is gone: {label}, {method}"));
        loop {
            match Message::read(&mut output).expect("it follows the protocol") {
                Some(Message::Response(response)) if response.id == next.into() => break,
                Some(_) => {}
                None => panic!("the server is gone: {label}, {method}"),
            }
        }
    };
    let tell = |input: &mut std::process::ChildStdin, method: &str, parameters: Value| {
        let note = Notification::new(method.to_owned(), parameters);
        Message::Notification(note).write(input).expect("the server runs");
    };
    let folders = json!({ "capabilities": {}, "workspaceFolders": [{ "uri": root, "name": "x" }] });
    ask(&mut input, "", "initialize", folders);
    tell(&mut input, "initialized", json!({}));
    let document = json!({ "uri": uri, "languageId": "pie", "version": 1, "text": "" });
    tell(&mut input, "textDocument/didOpen", json!({ "textDocument": document }));
    for (version, (label, text)) in (2..).zip(sample()) {
        let changes = json!([{ "text": text }]);
        let document = json!({ "uri": uri, "version": version });
        tell(&mut input, "textDocument/didChange", json!({ "textDocument": document, "contentChanges": changes }));
        ask(&mut input, label, "workspace/symbol", json!({ "query": "" }));
        let document = json!({ "uri": uri });
        let whole = json!({ "start": { "line": 0, "character": 0 }, "end": { "line": 9999, "character": 0 } });
        for method in ["documentSymbol", "foldingRange", "semanticTokens/full", "codeLens", "inlayHint", "formatting"] {
            let options = json!({ "tabSize": 2, "insertSpaces": true });
            let parameters = json!({ "textDocument": document, "range": whole, "options": options });
            ask(&mut input, label, &format!("textDocument/{method}"), parameters);
        }
        // Places in the text, at its end, and outside of it.
        for (line, character) in [(0, 3), (1, 20), (2, 30), (2, 4_000_000), (4_000_000, 0)] {
            let position = json!({ "line": line, "character": character });
            for method in ["hover", "completion", "definition", "references", "documentHighlight", "prepareRename"] {
                let context = json!({ "includeDeclaration": true });
                let parameters = json!({ "textDocument": document, "position": position, "context": context });
                ask(&mut input, label, &format!("textDocument/{method}"), parameters);
            }
        }
    }
    ask(&mut input, "", "shutdown", Value::Null);
    tell(&mut input, "exit", Value::Null);
    drop(input);
    let (status, used) = end(&mut server);
    let err = std::fs::read_to_string(errors.path().join("err")).unwrap_or_default();
    assert!(status.success() && !err.contains("panicked"), "{status}, {used:?}: {err}");
    assert!(used.peak.unwrap_or_default() <= PEAK, "{used:?}");
}
