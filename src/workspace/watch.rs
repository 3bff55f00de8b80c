//! A project's folder → a sign whenever one of its texts changes.

use super::CONFIG_FILE;
use notify::{Event, RecommendedWatcher, RecursiveMode, Watcher};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

/// Editors write a file in several steps, and version control many files: what comes within this time is one change.
const TOGETHER: Duration = Duration::from_millis(60);

/// Changes of a project's texts, from when it was asked for.
pub struct Changes {
    signs: Receiver<()>,
    _watching: Watching,
}

/// A project's folder is watched as long as this is there.
pub struct Watching {
    _watcher: RecommendedWatcher,
}

/// Begins to watch a project's folder.
///
/// # Errors
/// The system can't watch it, or watches too much already.
pub fn watch(root: &Path) -> notify::Result<Changes> {
    let (sender, signs) = channel();
    let watching = watch_files(root, move |_| {
        let _ = sender.send(());
    })?;
    Ok(Changes { signs, _watching: watching })
}

/// As [`watch`], by telling which files may be others, or are new or gone; the folder itself, where that isn't known. `tell` is called
/// on a thread of its own.
///
/// # Errors
/// As [`watch`].
pub fn watch_files(root: &Path, tell: impl Fn(Vec<PathBuf>) + Send + 'static) -> notify::Result<Watching> {
    let below = root.to_owned();
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
        let paths = match event {
            Ok(event) if event.kind.is_access() => return,
            Ok(event) => event.paths.into_iter().filter(|path| matters(&below, path)).collect(),
            // What can't be told may be anything.
            Err(_) => vec![below.clone()],
        };
        if !paths.is_empty() {
            tell(paths);
        }
    })?;
    watcher.watch(root, RecursiveMode::Recursive)?;
    Ok(Watching { _watcher: watcher })
}

/// Whether a file says something of a project: nothing in a hidden folder does. A folder that is moved brings files with it.
fn matters(root: &Path, path: &Path) -> bool {
    const IGNORING: [&str; 2] = [".gitignore", ".pieignore"];
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let below = path.strip_prefix(root).unwrap_or(path);
    let is_hidden = below.parent().is_some_and(|folder| folder.components().any(|part| hides(part.as_os_str())));
    if is_hidden || hides(name.as_ref()) && !IGNORING.contains(&name) {
        return false;
    }
    let is_text = path.extension().is_some_and(|extension| extension == "pie");
    let is_folder = || path.is_dir() || path.extension().is_none() && !path.exists();
    is_text || name == CONFIG_FILE || IGNORING.contains(&name) || is_folder()
}

fn hides(name: &OsStr) -> bool {
    name.as_encoded_bytes().starts_with(b".")
}

impl Changes {
    /// Waits for a change, and for those that come right behind it. `false` when there can be none any more.
    pub fn wait(&self) -> bool {
        if self.signs.recv().is_err() {
            return false;
        }
        loop {
            match self.signs.recv_timeout(TOGETHER) {
                Ok(()) => {}
                Err(RecvTimeoutError::Timeout) => return true,
                Err(RecvTimeoutError::Disconnected) => return false,
            }
        }
    }
}
