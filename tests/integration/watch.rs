//! `pie check --watch`, as somebody has it beside an editor.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

/// A process that ends with the test.
struct Watching(Child);

impl Drop for Watching {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_change_is_checked_until_somebody_ends_it() {
    let dir = tempfile::tempdir().expect("a temporary folder can be made");
    let write = |path: &str, text: &str| std::fs::write(dir.path().join(path), text).expect("a file can be written");
    let sound = "domain shop {}\npublic slice shop.one { select 1 as a }\n";
    write("pie.toml", "[project]\nname = \"watched\"\n");
    write("main.pie", sound);
    let mut pie = Command::new(env!("CARGO_BIN_EXE_pie"));
    pie.arg("-C")
        .arg(dir.path())
        .args(["check", "--watch"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    let mut watching = Watching(pie.spawn().expect("pie runs"));
    let mut lines = BufReader::new(watching.0.stderr.take().expect("it was piped")).lines();
    // What is said until the next change is waited for.
    let mut said = || {
        let mut text = String::new();
        for line in lines.by_ref() {
            let line = line.expect("it is text");
            if line.starts_with("watching") {
                return text;
            }
            text.push_str(&line);
            text.push('\n');
        }
        panic!("it ended:\n{text}");
    };
    assert!(said().contains("1 slice, 0 tests: no findings"));
    write("main.pie", &sound.replace("1 as a", "b as a"));
    assert!(said().contains("error[E0201]: there is no column `b` here"));
    // A project that can't be read at all is waited for too.
    write("other.pie", "domain shop {}\n");
    assert!(said().contains("error[E0204]"));
    std::fs::remove_file(dir.path().join("other.pie")).expect("it is there");
    write("main.pie", sound);
    // Both changes may come together or one by one.
    let mut last = said();
    while !last.contains("no findings") {
        last = said();
    }
}
