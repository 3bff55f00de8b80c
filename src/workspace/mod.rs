//! A project's folder → its configuration and texts.
//!
//! The folder is found by its `pie.toml`; `.pie` files anywhere below it belong to it, except those in hidden folders and
//! those that `.gitignore` or `.pieignore` name. This and [`revision`] are the only places that walk folders; tests use
//! [`Workspace::in_memory`].

mod config;
mod revision;
mod watch;

pub use config::{Config, Limits};
pub use revision::{Revision, load_revision, merge_base};
pub use watch::{Changes, Watching, watch, watch_files};

use crate::diagnostic::{Code, Diagnostic, Failed};
use crate::text::{FileId, SourceMap};
use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};

/// The name of the file that makes a folder a project.
pub const CONFIG_FILE: &str = "pie.toml";

/// A project as it lies on disk: read, not yet parsed.
#[derive(Clone, Debug)]
pub struct Workspace {
    pub root: PathBuf,
    pub config: Config,
    pub sources: SourceMap,
    /// The `.pie` files, in the order of their paths.
    pub files: Vec<FileId>,
    /// What kept files or the configuration from being read.
    pub diagnostics: Vec<Diagnostic>,
}

/// The nearest folder upward from `start` with a `pie.toml`.
pub fn find_root(start: &Path) -> Result<PathBuf, Failed> {
    let start = std::path::absolute(start).unwrap_or_else(|_| start.to_owned());
    let found = start.ancestors().find(|folder| folder.join(CONFIG_FILE).is_file());
    found.map(Path::to_owned).ok_or_else(|| {
        let diagnostic =
            Diagnostic::error(Code::NoProject, "there is no project here: no `pie.toml` in this folder or above it")
                .with_help("go to a project's folder, name it with `-C DIR`, or make one: `pie init DIR`");
        Box::new(diagnostic)
    })
}

/// Where a project lies below the root of its git repository: with `/` between and behind, empty at the root or where there is no
/// repository. CI systems name files from the repository's root.
pub fn folder_in_repository(root: &Path) -> String {
    let root = root.canonicalize().unwrap_or_else(|_| root.to_owned());
    let repository = root.ancestors().find(|folder| folder.join(".git").exists());
    let folder = repository.map(|repository| relative(repository, &root)).unwrap_or_default();
    if folder.is_empty() { folder } else { format!("{folder}/") }
}

/// Reads a project.
pub fn load(root: &Path) -> Workspace {
    load_with(root, &BTreeMap::new())
}

/// How large a file may be by the project's settings.
fn file_limit(root: &Path, config: Option<&[u8]>) -> usize {
    let text = config.and_then(|bytes| std::str::from_utf8(bytes).ok()).unwrap_or_default();
    let id = SourceMap::default().add(CONFIG_FILE, text.to_owned());
    config::parse(id, text, root, &mut Vec::new()).limits.file_bytes
}

/// Reads a file, and of one that is larger than `limit` just enough to see that.
fn read_up_to(path: &Path, limit: usize) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    std::fs::File::open(path)?.take(limit as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Reads a project, with texts of an editor in the place of files, by path below the root. A file may be in the editor alone.
pub fn load_with(root: &Path, edited: &BTreeMap<String, String>) -> Workspace {
    let mut texts: BTreeMap<String, Result<Vec<u8>, String>> = BTreeMap::new();
    let mut config = std::fs::read(root.join(CONFIG_FILE)).map_err(|e| e.to_string());
    let limit = file_limit(root, edited.get(CONFIG_FILE).map(String::as_bytes).or(config.as_deref().ok()));
    let mut walk = ignore::WalkBuilder::new(root);
    walk.add_custom_ignore_filename(".pieignore").require_git(false).git_global(false).parents(false);
    for entry in walk.build() {
        let entry = match entry {
            Ok(entry) => entry,
            Err(error) => {
                texts.insert("?".to_owned(), Err(error.to_string()));
                continue;
            }
        };
        let is_pie = entry.path().extension().is_some_and(|extension| extension == "pie");
        if !is_pie || !entry.file_type().is_some_and(|kind| kind.is_file()) {
            continue;
        }
        texts.insert(relative(root, entry.path()), read_up_to(entry.path(), limit).map_err(|e| e.to_string()));
    }
    for (path, text) in edited {
        let text = Ok(text.as_bytes().to_vec());
        if path == CONFIG_FILE {
            config = text;
        } else {
            texts.insert(path.clone(), text);
        }
    }
    assemble(root, config, texts)
}

impl Workspace {
    /// The file of a path below the root.
    pub fn file(&self, path: &str) -> Option<FileId> {
        self.files.iter().copied().find(|id| self.sources.get(*id).path() == path)
    }

    /// A project of texts that lie nowhere, by path; `pie.toml` among them or not.
    pub fn in_memory<'a>(files: impl IntoIterator<Item = (&'a str, &'a str)>) -> Workspace {
        let mut texts: BTreeMap<String, Result<Vec<u8>, String>> =
            files.into_iter().map(|(path, text)| (path.to_owned(), Ok(text.as_bytes().to_vec()))).collect();
        let config = texts.remove(CONFIG_FILE).unwrap_or_else(|| Ok(Vec::new()));
        assemble(Path::new("/"), config, texts)
    }
}

fn assemble(
    root: &Path,
    config: Result<Vec<u8>, String>,
    texts: BTreeMap<String, Result<Vec<u8>, String>>,
) -> Workspace {
    let mut sources = SourceMap::default();
    let mut diagnostics = Vec::new();
    let config = match read_text(CONFIG_FILE, config, &mut diagnostics) {
        Some(text) => {
            let id = sources.add(CONFIG_FILE, text);
            config::parse(id, sources.get(id).text(), root, &mut diagnostics)
        }
        None => Config { readable: false, ..Config::new(root) },
    };
    let mut files = Vec::new();
    if texts.len() > config.limits.project_files {
        diagnostics.push(
            Diagnostic::error(
                Code::LimitExceeded,
                format!("a project may have {} .pie files, this one has {}", config.limits.project_files, texts.len()),
            )
            .with_help("split the project, or raise `[limits] project_files` in pie.toml"),
        );
    }
    for (path, bytes) in texts.into_iter().take(config.limits.project_files) {
        let too_big = bytes.as_ref().is_ok_and(|bytes| bytes.len() > config.limits.file_bytes);
        if too_big {
            diagnostics.push(
                Diagnostic::error(
                    Code::LimitExceeded,
                    format!("{path} is larger than {} bytes", config.limits.file_bytes),
                )
                .with_help("split the file, or raise `[limits] file_bytes` in pie.toml"),
            );
            continue;
        }
        if let Some(text) = read_text(&path, bytes, &mut diagnostics) {
            files.push(sources.add(path, text));
        }
    }
    Workspace { root: root.to_owned(), config, sources, files, diagnostics }
}

fn read_text(path: &str, bytes: Result<Vec<u8>, String>, diagnostics: &mut Vec<Diagnostic>) -> Option<String> {
    let unreadable =
        |cause: String| Diagnostic::error(Code::UnreadableFile, format!("{path} can't be read")).with_note(cause);
    match bytes {
        Ok(bytes) => match String::from_utf8(bytes) {
            Ok(text) => Some(text),
            Err(error) => {
                let at = error.utf8_error().valid_up_to();
                let line = error.as_bytes()[..at].iter().filter(|byte| **byte == b'\n').count() + 1;
                diagnostics
                    .push(unreadable(format!("line {line} isn't UTF-8 text")).with_help("save the file as UTF-8"));
                None
            }
        },
        Err(cause) => {
            diagnostics.push(unreadable(cause));
            None
        }
    }
}

/// A path below the root with `/` between its parts.
fn relative(root: &Path, path: &Path) -> String {
    let path = path.strip_prefix(root).unwrap_or(path);
    path.components().map(|part| part.as_os_str().to_string_lossy().into_owned()).collect::<Vec<_>>().join("/")
}
