//! The projects that edits are made to: each is built once, and copied with its store for every edit.

use crate::score;
use crate::truth::{self, Truth};
use icepie::driver::{self, Project};
use icepie::init::{Template, write_template};
use icepie::workspace;
use std::collections::BTreeMap;
use std::path::Path;
use std::rc::Rc;
use tempfile::TempDir;

#[path = "../../examples/tpch/generate.rs"]
mod tpch;

/// The least at which the payment processor has clusters of wallets and two weeks of rates with gaps.
const LEDGERX_BYTES: u64 = 300_000;

/// The scale at which TPC-H's answers are checked.
const TPCH_SCALE: f64 = 0.01;

/// The folder of pie's own in a project.
const STORE: &str = ".pie";

/// A project as it began, built.
pub struct Base {
    folder: TempDir,
    pub truth: Truth,
}

impl Base {
    pub fn path(&self) -> &Path {
        self.folder.path()
    }
}

/// The projects that were needed so far.
#[derive(Default)]
pub struct Bases {
    made: BTreeMap<String, Rc<Base>>,
}

impl Bases {
    pub async fn get(&mut self, name: &str) -> Result<Rc<Base>, String> {
        if let Some(base) = self.made.get(name) {
            return Ok(Rc::clone(base));
        }
        let failed = |message: String| format!("the project `{name}`: {message}");
        let folder = tempfile::tempdir().map_err(|e| failed(e.to_string()))?;
        write_project(name, folder.path()).map_err(failed)?;
        let project = check(folder.path()).map_err(failed)?;
        score::build(&project).await.map_err(failed)?;
        let truth = truth::truth(&project).await.map_err(failed)?;
        let base = Rc::new(Base { folder, truth });
        self.made.insert(name.to_owned(), Rc::clone(&base));
        Ok(base)
    }
}

/// Writes a project and its raw data.
fn write_project(name: &str, folder: &Path) -> Result<(), String> {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    match name {
        "ledgerx" => write_template(Template::Ledgerx, folder, LEDGERX_BYTES).map(|_| ()),
        "tpch" => {
            for file in ["pie.toml", "sources.pie", "queries.pie"] {
                let from = examples.join("tpch").join(file);
                std::fs::copy(&from, folder.join(file)).map_err(|e| format!("{}: {e}", from.display()))?;
            }
            tpch::generate(folder, TPCH_SCALE).map_err(|e| e.to_string())
        }
        other => {
            let from = crate::folder().join("projects").join(other);
            if !from.join(workspace::CONFIG_FILE).is_file() {
                return Err("there is no such project".to_owned());
            }
            copy(&from, folder)
        }
    }
}

/// Checks a project that must be free of errors.
pub fn check(folder: &Path) -> Result<Project, String> {
    let project = driver::check(workspace::load(folder));
    if project.has_errors() {
        return Err(score::rendered(&project.diagnostics, &project));
    }
    Ok(project)
}

/// Copies a folder with all below it.
pub fn copy(from: &Path, to: &Path) -> Result<(), String> {
    let failed = |e: std::io::Error| format!("{}: {e}", from.display());
    std::fs::create_dir_all(to).map_err(failed)?;
    for entry in std::fs::read_dir(from).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        if source.is_dir() {
            copy(&source, &target)?;
        } else {
            std::fs::copy(&source, &target).map_err(failed)?;
        }
    }
    Ok(())
}

/// Writes a file and the folders above it.
pub fn write(path: &Path, bytes: &[u8]) -> Result<(), String> {
    let failed = |e: std::io::Error| format!("{}: {e}", path.display());
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(failed)?;
    }
    std::fs::write(path, bytes).map_err(failed)
}

/// Puts a project's files back as they began; its store stays.
pub fn restore(folder: &Path, base: &Path) -> Result<(), String> {
    let failed = |e: std::io::Error| format!("{}: {e}", folder.display());
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        match path.ends_with(STORE) {
            true => continue,
            false if path.is_dir() => std::fs::remove_dir_all(&path).map_err(failed)?,
            false => std::fs::remove_file(&path).map_err(failed)?,
        }
    }
    for entry in std::fs::read_dir(base).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let (source, target) = (entry.path(), folder.join(entry.file_name()));
        match source.ends_with(STORE) {
            true => continue,
            false if source.is_dir() => copy(&source, &target)?,
            false => std::fs::copy(&source, &target).map(|_| ()).map_err(failed)?,
        }
    }
    Ok(())
}
