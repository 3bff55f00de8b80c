//! `pie.toml`: what belongs to a machine or an environment, never to the meaning of a slice.
//!
//! ```toml
//! [project]
//! name = "ledgerx"
//!
//! [sources]
//! root = "."                  # where relative paths of sources start
//!
//! [store]
//! url = ".pie/store"          # a folder, or s3://…, gs://…, az://…
//! sync = true                 # of a folder: what is published outlasts a power loss
//! keep_versions = 10          # `pie gc` keeps so many versions of each slice and source,
//! keep_days = 7               # and what is younger
//!
//! [build]
//! jobs = 2                    # slices at once; the number of cores by default
//! memory = "4 GB"             # for all running queries together, before they spill
//!
//! [limits]
//! file_bytes = 1048576
//! ```

use crate::diagnostic::{Code, Diagnostic};
use crate::sql::QueryLimits;
use crate::store::Location;
use crate::text::{FileId, Span};
use serde::Deserialize;
use std::path::{Path, PathBuf};

/// A project's settings, with defaults filled in.
#[derive(Clone, Debug)]
pub struct Config {
    pub name: String,
    /// Where relative paths of sources start.
    pub sources_root: PathBuf,
    pub store: Location,
    pub limits: Limits,
    /// Versions of each slice and source that are never collected.
    pub keep_versions: usize,
    /// Days for which nothing is collected.
    pub keep_days: u32,
    /// Slices built at once.
    pub jobs: usize,
    /// Bytes for all running queries together.
    pub memory: u64,
    /// `pie.toml` could be read: else these are the defaults, which may name another store than the project's.
    pub readable: bool,
}

/// Bounds on what is read, so that no input can hang the compiler.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    pub file_bytes: usize,
    pub project_files: usize,
    pub diagnostics_per_file: usize,
    pub query: QueryLimits,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { file_bytes: 1 << 20, project_files: 20_000, diagnostics_per_file: 100, query: QueryLimits::default() }
    }
}

impl Config {
    pub fn new(root: &Path) -> Config {
        Config {
            name: root.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default(),
            sources_root: root.to_owned(),
            store: Location::folder(root.join(".pie").join("store")),
            limits: Limits::default(),
            keep_versions: 10,
            keep_days: 7,
            jobs: std::thread::available_parallelism().map_or(2, std::num::NonZeroUsize::get),
            memory: default_memory(),
            readable: true,
        }
    }
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct File {
    project: Project,
    sources: Sources,
    store: Store,
    build: Build,
    limits: LimitsTable,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct Project {
    name: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct Sources {
    root: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct Store {
    url: Option<String>,
    sync: Option<toml::Spanned<bool>>,
    keep_versions: Option<toml::Spanned<usize>>,
    keep_days: Option<toml::Spanned<u32>>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct Build {
    jobs: Option<toml::Spanned<usize>>,
    memory: Option<toml::Spanned<String>>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct LimitsTable {
    file_bytes: Option<toml::Spanned<usize>>,
    project_files: Option<toml::Spanned<usize>>,
    query_bytes: Option<toml::Spanned<usize>>,
    query_tokens: Option<toml::Spanned<usize>>,
    operands: Option<toml::Spanned<usize>>,
    nesting: Option<toml::Spanned<usize>>,
    diagnostics_per_file: Option<toml::Spanned<usize>>,
}

/// Reads `pie.toml`; with an error the defaults stand.
pub(super) fn parse(id: FileId, text: &str, root: &Path, diagnostics: &mut Vec<Diagnostic>) -> Config {
    let mut config = Config::new(root);
    let file: File = match toml::from_str(text) {
        Ok(file) => file,
        Err(error) => {
            let range = error.span().unwrap_or(0..0);
            let message = error.message().lines().next().unwrap_or("can't be read").to_owned();
            diagnostics.push(
                Diagnostic::error(Code::BadConfig, format!("pie.toml: {message}"))
                    .at(Span::new(id, range.start.min(text.len()), range.end.min(text.len())), "here")
                    .with_help(
                        "the tables are [project] name; [sources] root; [store] url, sync, keep_versions, keep_days; [build] jobs, memory; [limits] file_bytes, \
                         project_files, query_bytes, query_tokens, operands, nesting, diagnostics_per_file",
                    ),
            );
            return Config { readable: false, ..config };
        }
    };
    if let Some(name) = file.project.name {
        config.name = name;
    }
    if let Some(folder) = file.sources.root {
        config.sources_root = root.join(folder);
    }
    if let Some(url) = file.store.url {
        config.store = if url.contains("://") { Location::Url(url) } else { Location::folder(root.join(url)) };
    }
    let mut bad = |span: std::ops::Range<usize>, message: &str, help: &str| {
        let at = Span::new(id, span.start, span.end);
        diagnostics
            .push(Diagnostic::error(Code::BadConfig, format!("pie.toml: {message}")).at(at, "here").with_help(help));
    };
    if let Some(sync) = file.store.sync {
        match &mut config.store {
            Location::Folder { syncs, .. } => *syncs = *sync.get_ref(),
            Location::Url(_) => bad(sync.span(), "`sync` is for stores in a folder", "leave it out"),
        }
    }
    if let Some(versions) = file.store.keep_versions {
        match *versions.get_ref() {
            0 => bad(versions.span(), "`keep_versions` must be at least 1", "what is served is kept in any case"),
            number => config.keep_versions = number,
        }
    }
    if let Some(days) = file.store.keep_days {
        match *days.get_ref() {
            0 => bad(days.span(), "`keep_days` must be at least 1", "builds that are under way need some time"),
            number => config.keep_days = number,
        }
    }
    if let Some(jobs) = file.build.jobs {
        if *jobs.get_ref() == 0 {
            bad(jobs.span(), "`jobs` must be at least 1", "leave it out to use every core");
        } else {
            config.jobs = *jobs.get_ref();
        }
    }
    if let Some(memory) = file.build.memory {
        match parse_bytes(memory.get_ref()) {
            Some(bytes) => config.memory = bytes,
            None => bad(memory.span(), "`memory` is no amount of memory", "write it as '512 MB' or '4 GB'"),
        }
    }
    let mut raise = |wanted: Option<toml::Spanned<usize>>, limit: &mut usize| {
        if let Some(wanted) = wanted {
            if *wanted.get_ref() < *limit {
                bad(
                    wanted.span(),
                    &format!("this limit can only be raised, it is {limit} without pie.toml"),
                    "leave it out, or write a larger number",
                );
            } else {
                *limit = *wanted.get_ref();
            }
        }
    };
    let limits = &mut config.limits;
    raise(file.limits.file_bytes, &mut limits.file_bytes);
    raise(file.limits.project_files, &mut limits.project_files);
    raise(file.limits.query_bytes, &mut limits.query.bytes);
    raise(file.limits.query_tokens, &mut limits.query.tokens);
    raise(file.limits.operands, &mut limits.query.operands);
    raise(file.limits.nesting, &mut limits.query.nesting);
    raise(file.limits.diagnostics_per_file, &mut limits.diagnostics_per_file);
    config
}

/// `512 MB`, `4GB`, `1000000`.
fn parse_bytes(text: &str) -> Option<u64> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let number: u64 = text[..digits].parse().ok()?;
    let factor = match text[digits..].trim().to_uppercase().as_str() {
        "" | "B" => 1,
        "KB" | "K" => 1_000,
        "MB" | "M" => 1_000_000,
        "GB" | "G" => 1_000_000_000,
        "KIB" => 1 << 10,
        "MIB" => 1 << 20,
        "GIB" => 1 << 30,
        _ => return None,
    };
    number.checked_mul(factor).filter(|bytes| *bytes > 0)
}

/// Half of the machine's memory where it can be told, else 4 GiB.
fn default_memory() -> u64 {
    let info = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let total =
        info.lines().find_map(|line| line.strip_prefix("MemTotal:")).and_then(|rest| rest.trim().strip_suffix(" kB"));
    total.and_then(|kilobytes| kilobytes.trim().parse::<u64>().ok()).map_or(4 << 30, |kilobytes| kilobytes * 1024 / 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_of_memory() {
        assert_eq!(parse_bytes("512 MB"), Some(512_000_000));
        assert_eq!(parse_bytes("4GiB"), Some(4 << 30));
        assert_eq!(parse_bytes("0"), None);
        assert_eq!(parse_bytes("lots"), None);
    }
}
