//! Raw files where they can be read: local ones as they are, those of an object store in a temporary copy.

use super::FreezeError;
use crate::manifest::{BlockHasher, Digested};
use crate::store::{Location, Objects, StoreError, open_objects};
use datafusion::object_store::path::Path as ObjectPath;
use datafusion::object_store::{ObjectStore, ObjectStoreExt};
use futures::TryStreamExt;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Where raw files lie: the sources' root for paths, object stores for URLs.
#[derive(Clone, Debug)]
pub struct RawStores {
    root: PathBuf,
}

/// The store of one source's raw files.
#[derive(Clone, Debug)]
pub struct RawStore {
    pub objects: Arc<dyn ObjectStore>,
    /// The URL under which plans read it.
    pub url: String,
    /// The folder on this machine, for a local store.
    folder: Option<PathBuf>,
}

/// A file that can be opened; a temporary copy is removed with it.
#[derive(Debug)]
pub struct LocalFile {
    pub path: PathBuf,
    temporary: bool,
}

impl RawStores {
    pub fn new(root: PathBuf) -> RawStores {
        RawStores { root }
    }

    /// Opens the store of a template's base (empty for paths). Absolute paths are read from the machine's root.
    pub fn open(&self, base: &str, absolute: bool) -> Result<RawStore, StoreError> {
        if !base.is_empty() {
            let Objects { store, .. } = open_objects(&Location::Url(base.to_owned()))?;
            return Ok(RawStore { objects: store, url: base.to_owned(), folder: None });
        }
        let folder = if absolute { PathBuf::from("/") } else { self.root.clone() };
        let url = if absolute { "pie://machine" } else { "pie://raw" };
        let Objects { store, .. } = open_objects(&Location::folder(folder.clone()))?;
        Ok(RawStore { objects: store, url: url.to_owned(), folder: Some(folder) })
    }
}

impl RawStore {
    /// Paths below a folder that the store passes over: files of a local one whose names end in `#` and a number.
    pub fn unlisted(&self, prefix: &str, absolute: bool) -> Vec<String> {
        let Some(folder) = &self.folder else { return Vec::new() };
        let walk = ignore::WalkBuilder::new(folder.join(prefix.trim_start_matches('/')))
            .standard_filters(false)
            .filter_entry(|entry| entry.depth() == 0 || !entry.file_name().to_string_lossy().starts_with('.'))
            .follow_links(true)
            .build();
        let passed_over = |name: &str| {
            name.rsplit_once('#').is_some_and(|(_, end)| !end.is_empty() && end.bytes().all(|b| b.is_ascii_digit()))
        };
        walk.filter_map(Result::ok)
            .filter(|entry| passed_over(&entry.file_name().to_string_lossy()) && entry.path().is_file())
            .filter_map(|entry| {
                let path = entry.path().strip_prefix(folder).ok()?.to_string_lossy().replace('\\', "/");
                Some(if absolute { format!("/{path}") } else { path })
            })
            .collect()
    }

    /// Makes a file readable on this machine.
    pub async fn fetch(&self, path: &ObjectPath) -> Result<LocalFile, FreezeError> {
        let unreadable = |cause: String| FreezeError::Unreadable { file: path.to_string(), cause };
        if let Some(folder) = &self.folder {
            return Ok(LocalFile { path: folder.join(path.to_string()), temporary: false });
        }
        let target = std::env::temp_dir().join(format!("pie-{}", crate::store::new_id()));
        let local = LocalFile { path: target, temporary: true };
        let mut file = std::fs::File::create(&local.path).map_err(|e| unreadable(e.to_string()))?;
        let result = self.objects.get(path).await.map_err(|e| unreadable(e.to_string()))?;
        let mut stream = result.into_stream();
        while let Some(bytes) = stream.try_next().await.map_err(|e| unreadable(e.to_string()))? {
            file.write_all(&bytes).map_err(|e| unreadable(e.to_string()))?;
        }
        Ok(local)
    }
}

impl LocalFile {
    /// The digests of the bytes.
    pub fn digest(&self) -> std::io::Result<Digested> {
        let mut file = std::fs::File::open(&self.path)?;
        let (mut hasher, mut buffer) = (BlockHasher::default(), vec![0; 1 << 16]);
        loop {
            match file.read(&mut buffer)? {
                0 => return Ok(hasher.finish()),
                read => hasher.update(&buffer[..read]),
            }
        }
    }

    /// The bytes as text, unpacked where the name ends in `.gz`.
    pub fn open_text(&self, name: &str) -> std::io::Result<Box<dyn Read + Send>> {
        let file = std::fs::File::open(&self.path)?;
        Ok(if name.to_lowercase().ends_with(".gz") {
            Box::new(flate2::read::MultiGzDecoder::new(std::io::BufReader::new(file)))
        } else {
            Box::new(file)
        })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for LocalFile {
    fn drop(&mut self) {
        if self.temporary {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}
