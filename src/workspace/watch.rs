//! A project's folder → a sign whenever one of its texts changes.

use super::CONFIG_FILE;
use notify::{Event, RecommendedWatcher, RecursiveMode, Watcher};
use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

/// Editors write a file in several steps, and version control many files: what comes within this time is one change.
const TOGETHER: Duration = Duration::from_millis(60);

/// Changes of a project's texts, from when it was asked for.
pub struct Changes {
    signs: Receiver<()>,
    _watcher: RecommendedWatcher,
}

/// Begins to watch a project's folder.
///
/// # Errors
/// The system can't watch it, or watches too much already.
pub fn watch(root: &Path) -> notify::Result<Changes> {
    let (sender, signs) = channel();
    let own = root.join(".pie");
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
        // What can't be told may be anything.
        let concerns = event.map_or(true, |event| {
            !event.kind.is_access() && event.paths.iter().any(|path| !path.starts_with(&own) && matters(path))
        });
        if concerns {
            let _ = sender.send(());
        }
    })?;
    watcher.watch(root, RecursiveMode::Recursive)?;
    Ok(Changes { signs, _watcher: watcher })
}

/// Whether a file says something of a project. A folder that is moved brings files with it.
fn matters(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let is_text = path.extension().is_some_and(|extension| extension == "pie");
    is_text || [CONFIG_FILE, ".gitignore", ".pieignore"].contains(&name) || path.extension().is_none()
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
