//! Runs `pie` inside the test process: no terminal, no colours, both streams in memory.

use serde_json::Value;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

/// What a command wrote and how it ended.
pub struct Output {
    pub out: String,
    pub err: String,
    pub code: u8,
}

/// Exit code that stands for a panic; `pie` itself never gives it.
const PANICKED: u8 = 101;

/// Runs `pie -C FOLDER ARGS…`. A panic is caught, so that a report can still say which page it belongs to.
pub fn run<S: AsRef<str>>(folder: &Path, args: &[S]) -> Output {
    let mut words = vec!["-C".to_owned(), folder.display().to_string()];
    words.extend(args.iter().map(|arg| arg.as_ref().to_owned()));
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let ended = catch_unwind(AssertUnwindSafe(|| icepie::cli::run(&words, &mut out, &mut err)));
    let code = ended.unwrap_or_else(|cause| {
        let text = cause.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| cause.downcast_ref::<&str>().copied()).unwrap_or("no message");
        err.extend_from_slice(format!("pie panicked: {text}\n").as_bytes());
        PANICKED
    });
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    Output { out: text(out), err: text(err), code }
}

impl Output {
    /// Both streams as a person reads them in the specification: stderr, stdout, then the exit code unless it is 0.
    pub fn transcript(&self) -> String {
        let mut text = self.err.clone();
        if !text.is_empty() && !text.ends_with('\n') {
            text.push('\n');
        }
        text.push_str(&self.out);
        let mut text = text.trim_end().to_owned();
        if self.code != 0 {
            text.push_str(if text.is_empty() { "" } else { "\n" });
            text.push_str(&format!("[exit {}]", self.code));
        }
        text
    }

    /// Stdout as JSON, if it is.
    pub fn json(&self) -> Option<Value> {
        serde_json::from_str(&self.out).ok()
    }
}

/// The folder of the package.
pub fn package() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Reads a text file of the package.
pub fn read(path: &str) -> String {
    let full = package().join(path);
    std::fs::read_to_string(&full).unwrap_or_else(|cause| panic!("can't read {}: {cause}", full.display()))
}
