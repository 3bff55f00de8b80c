//! The folder of one project of a page.

use super::normalize::normalize;
use crate::pie::{self, Output};
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// The settings of a project whose page writes none.
const SETTINGS: &str = "[project]\nname = \"spec\"\n";

/// A project in a folder of its own, removed at the end.
pub struct Project {
    _folder: TempDir,
    path: PathBuf,
}

impl Project {
    pub fn new() -> Project {
        let project = Project::empty();
        project.write("pie.toml", SETTINGS.as_bytes()).expect("a temporary folder can be written");
        project
    }

    /// A folder that is no project yet.
    pub fn empty() -> Project {
        let folder = tempfile::Builder::new().prefix("pie-spec-").tempdir().expect("a temporary folder can be made");
        let path = folder.path().canonicalize().expect("the folder was just made");
        Project { _folder: folder, path }
    }

    /// Writes a file and the folders above it.
    pub fn write(&self, path: &str, bytes: &[u8]) -> std::io::Result<()> {
        let path = self.path.join(path);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent)?;
        }
        std::fs::write(path, bytes)
    }

    pub fn delete(&self, path: &str) -> std::io::Result<()> {
        std::fs::remove_file(self.path.join(path))
    }

    /// Runs `pie` in the project.
    pub fn run<S: AsRef<str>>(&self, args: &[S]) -> Output {
        pie::run(&self.path, args)
    }

    /// Runs `git` in the project, with settings and a clock of its own.
    pub fn git<S: AsRef<str>>(&self, args: &[S]) -> Output {
        let mut git = std::process::Command::new("git");
        git.arg("-C").arg(&self.path).args(args.iter().map(AsRef::as_ref)).env("LC_ALL", "C");
        git.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_SYSTEM", "/dev/null");
        for (kind, at) in [("AUTHOR", "2026-01-05T00:00:00Z"), ("COMMITTER", "2026-01-05T00:00:00Z")] {
            git.env(format!("GIT_{kind}_NAME"), "Ada").env(format!("GIT_{kind}_EMAIL"), "ada@shop.example");
            git.env(format!("GIT_{kind}_DATE"), at);
        }
        let output = git.output().expect("git is installed");
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        let code = output.status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(u8::MAX);
        Output { out: text(output.stdout), err: text(output.stderr), code }
    }

    /// A text without what differs from run to run.
    pub fn normalize(&self, text: &str) -> String {
        normalize(text, &self.path)
    }

    /// The same files in another folder, without anything that `pie` wrote.
    pub fn copy(&self) -> std::io::Result<Project> {
        let copy = Project::empty();
        let store = self.store();
        copy_folder(&self.path, &copy.path, &[self.path.join(".pie"), store])?;
        Ok(copy)
    }

    /// The store's folder where `pie.toml` names one below the project.
    fn store(&self) -> PathBuf {
        let settings = std::fs::read_to_string(self.path.join("pie.toml")).unwrap_or_default();
        let settings: toml::Table = settings.parse().unwrap_or_default();
        let url = settings.get("store").and_then(|store| store.get("url")?.as_str()).unwrap_or(".pie/store");
        self.path.join(url)
    }
}

fn copy_folder(from: &Path, to: &Path, except: &[PathBuf]) -> std::io::Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let (source, target) = entry.map(|entry| (entry.path(), to.join(entry.file_name())))?;
        if except.contains(&source) {
            continue;
        }
        if source.is_dir() {
            copy_folder(&source, &target, except)?;
        } else {
            std::fs::copy(&source, &target)?;
        }
    }
    Ok(())
}
