//! A git revision of a project → its configuration and texts, without checking it out.
//!
//! Asks the `git` program, which knows the repository's own settings, worktrees and objects that are fetched late.

use super::{CONFIG_FILE, Workspace, assemble};
use crate::diagnostic::{Code, Diagnostic, Failed};
use ignore::gitignore::{Gitignore, GitignoreBuilder};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};

/// A commit, and the name by which it was asked for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Revision {
    pub name: String,
    /// Its id in hex.
    pub commit: String,
}

/// The commit that two revisions have in common.
///
/// # Errors
/// E0005 where there is no repository, no such revision, or none in common.
pub fn merge_base(root: &Path, one: &str, other: &str) -> Result<Revision, Failed> {
    let (left, right) = (resolve(root, one)?, resolve(root, other)?);
    match git(root, &["merge-base", &left.commit, &right.commit])? {
        Ok(commit) => Ok(Revision { name: one.to_owned(), commit: commit.trim().to_owned() }),
        Err(_) => {
            let message = format!("`{one}` and `{other}` have no commit in common");
            Err(failed(message, "a shallow clone has no history: fetch with depth 0"))
        }
    }
}

/// Reads the project in `root` as it is in a revision. The files that `.gitignore` and `.pieignore` name there don't belong to it.
///
/// # Errors
/// E0005 where there is no repository or no such revision, or the project isn't in it.
pub fn load_revision(root: &Path, name: &str) -> Result<(Workspace, Revision), Failed> {
    let revision = resolve(root, name)?;
    let workspace = load_commit(root, &revision)?;
    Ok((workspace, revision))
}

impl Revision {
    /// Reads the project in `root` as it is in this commit.
    ///
    /// # Errors
    /// As [`load_revision`].
    pub fn load(&self, root: &Path) -> Result<Workspace, Failed> {
        load_commit(root, self)
    }
}

fn load_commit(root: &Path, revision: &Revision) -> Result<Workspace, Failed> {
    let prefix = told(root, git(root, &["rev-parse", "--show-prefix"])?)?.trim_end_matches('\n').to_owned();
    let listed =
        git_bytes(root, &["ls-tree", "-r", "-z", "--full-tree", &revision.commit, "--", &prefix_path(&prefix)])?;
    let listed = listed.map_err(|error| failed(error, "is the commit complete?"))?;
    let mut objects: BTreeMap<String, String> = BTreeMap::new();
    for entry in listed.split(|byte| *byte == 0) {
        let Some((path, object)) = parse_entry(entry) else { continue };
        if let Some(path) = path.strip_prefix(&prefix) {
            objects.insert(path.to_owned(), object);
        }
    }
    let is_ignore = |path: &str| matches!(file_name(path), ".gitignore" | ".pieignore");
    let is_wanted = |path: &str| {
        let hidden = path.split('/').any(|part| part.starts_with('.'));
        path == CONFIG_FILE || is_ignore(path) || (path.ends_with(".pie") && !hidden)
    };
    objects.retain(|path, _| is_wanted(path));
    let mut texts = contents(root, &objects)?;
    let ignores: Vec<Gitignore> =
        objects.keys().filter(|path| is_ignore(path)).map(|path| ignore(path, &texts)).collect();
    let config = texts.remove(CONFIG_FILE).ok_or_else(|| {
        let message = format!("there is no project in `{}`: no `{prefix}{CONFIG_FILE}`", revision.name);
        failed(message, "compare with a revision that has it")
    })?;
    texts.retain(|path, _| path.ends_with(".pie"));
    texts.retain(|path, _| {
        !ignores.iter().any(|ignore| {
            let path = Path::new("/").join(path);
            path.starts_with(ignore.path()) && ignore.matched_path_or_any_parents(&path, false).is_ignore()
        })
    });
    let texts = texts.into_iter().map(|(path, bytes)| (path, Ok(bytes))).collect();
    Ok(assemble(root, Ok(config), texts))
}

/// A pathspec without magic: everything below a folder, or all.
fn prefix_path(prefix: &str) -> String {
    if prefix.is_empty() { ".".to_owned() } else { format!(":(top,literal){prefix}") }
}

/// `100644 blob ID<tab>PATH` of a regular file.
fn parse_entry(entry: &[u8]) -> Option<(String, String)> {
    let entry = std::str::from_utf8(entry).ok()?;
    let (kind, path) = entry.split_once('\t')?;
    let mut words = kind.split(' ');
    let (mode, _, object) = (words.next()?, words.next()?, words.next()?);
    // Links aren't followed on disk either.
    mode.starts_with("100").then(|| (path.to_owned(), object.to_owned()))
}

fn file_name(path: &str) -> &str {
    path.rsplit_once('/').map_or(path, |(_, name)| name)
}

/// The rules of an ignore file, for paths below a root `/`.
fn ignore(path: &str, texts: &BTreeMap<String, Vec<u8>>) -> Gitignore {
    let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut rules = GitignoreBuilder::new(Path::new("/").join(folder));
    let text = String::from_utf8_lossy(texts.get(path).map(Vec::as_slice).unwrap_or_default());
    for line in text.lines() {
        // A line that isn't a pattern is no rule on disk either.
        let _ = rules.add_line(None, line);
    }
    rules.build().unwrap_or_else(|_| Gitignore::empty())
}

/// The bytes of each object, all from one process.
fn contents(root: &Path, objects: &BTreeMap<String, String>) -> Result<BTreeMap<String, Vec<u8>>, Failed> {
    let broken = |error: std::io::Error| failed(format!("git can't be asked for files: {error}"), "is git installed?");
    let mut child = command(root, &["cat-file", "--batch"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(broken)?;
    let (Some(mut input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
        return Err(failed("git can't be asked for files".to_owned(), "is git installed?"));
    };
    let asked: String = objects.values().map(|object| format!("{object}\n")).collect();
    // Git answers while it is still being asked: two threads, or both sides wait.
    let asking = std::thread::spawn(move || input.write_all(asked.as_bytes()));
    let mut output = BufReader::new(output);
    let mut texts = BTreeMap::new();
    for path in objects.keys() {
        let mut header = String::new();
        output.read_line(&mut header).map_err(broken)?;
        let size = header.trim_end().rsplit_once(' ').and_then(|(_, size)| size.parse::<usize>().ok());
        let Some(size) = size else {
            let message = format!("git doesn't have `{path}`: {}", header.trim_end());
            return Err(failed(message, "fetch the commit whole"));
        };
        let mut bytes = vec![0; size + 1];
        output.read_exact(&mut bytes).map_err(broken)?;
        bytes.pop();
        texts.insert(path.clone(), bytes);
    }
    let _ = asking.join();
    let _ = child.wait();
    Ok(texts)
}

fn resolve(root: &Path, name: &str) -> Result<Revision, Failed> {
    told(root, git(root, &["rev-parse", "--show-prefix"])?)?;
    let commit = format!("{name}^{{commit}}");
    match git(root, &["rev-parse", "--verify", "--quiet", "--end-of-options", &commit])? {
        Ok(commit) => Ok(Revision { name: name.to_owned(), commit: commit.trim().to_owned() }),
        Err(_) => Err(failed(
            format!("`{name}` is no revision of this repository"),
            "name a branch, a tag or a commit; `git fetch` brings branches of others",
        )),
    }
}

fn told(root: &Path, answer: Result<String, String>) -> Result<String, Failed> {
    answer.map_err(|error| {
        let message = format!("{} isn't in a git repository", root.display());
        Box::new(
            Diagnostic::error(Code::NoRevision, message)
                .with_note(error.trim().to_owned())
                .with_help("revisions are compared: `git init` and commit the project first"),
        )
    })
}

fn failed(message: String, help: &str) -> Failed {
    Box::new(Diagnostic::error(Code::NoRevision, message).with_help(help))
}

fn command(root: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new("git");
    // Answers are read by a program, and nothing is asked of whoever runs it.
    command.arg("-C").arg(root).args(arguments).env("LC_ALL", "C").env("GIT_TERMINAL_PROMPT", "0");
    command
}

fn git(root: &Path, arguments: &[&str]) -> Result<Result<String, String>, Failed> {
    Ok(git_bytes(root, arguments)?.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
}

/// What git answers, or what it says where it fails.
fn git_bytes(root: &Path, arguments: &[&str]) -> Result<Result<Vec<u8>, String>, Failed> {
    let output = command(root, arguments).stdin(Stdio::null()).output();
    let output =
        output.map_err(|error| failed(format!("git can't be run: {error}"), "install git; it reads the revisions"))?;
    match output.status.success() {
        true => Ok(Ok(output.stdout)),
        false => Ok(Err(String::from_utf8_lossy(&output.stderr).into_owned())),
    }
}
