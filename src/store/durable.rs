//! A local folder as an object store that keeps what it acknowledged through a power loss.
//!
//! object_store's own local store neither syncs files nor the folders they stand in. Here an object is staged beside its
//! place (`name#<digits>`, which listings leave out), synced, linked or moved to its name in one step, and acknowledged when
//! the folder is synced, as are all folders above it. A name is seen by others between these last two steps: what it leads to
//! is whole and synced by then, and whoever builds on it syncs a record of its own behind it in the same way.

use super::disk::{Disk, DiskFile, RealDisk};
use async_trait::async_trait;
use bytes::Bytes;
use datafusion::object_store::local::LocalFileSystem;
use datafusion::object_store::path::Path;
use datafusion::object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, ObjectStoreExt,
    PutMode, PutMultipartOptions, PutOptions, PutPayload, PutResult, RenameOptions, Result, UploadPart,
};
use futures::FutureExt;
use futures::stream::BoxStream;
use std::collections::HashSet;
use std::io;
use std::ops::Range;
use std::path::{Path as FilePath, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

const NAME: &str = "DurableLocal";

/// An object store in a folder. Cheap to clone.
#[derive(Clone, Debug)]
pub struct DurableLocal {
    inner: Arc<LocalFileSystem>,
    writer: Arc<Writer>,
}

#[derive(Debug)]
struct Writer {
    root: PathBuf,
    disk: Arc<dyn Disk>,
    /// Folders whose names this process has synced, all the way up to the root.
    kept: Mutex<HashSet<PathBuf>>,
}

impl DurableLocal {
    /// Opens a folder, making it where there is none. Without `syncs` nothing is waited for: a power loss may then undo or
    /// damage the last writes.
    pub fn open(root: &FilePath, syncs: bool) -> Result<DurableLocal> {
        std::fs::create_dir_all(root).map_err(failed)?;
        DurableLocal::with_disk(root, Arc::new(RealDisk { syncs }))
    }

    /// Opens an existing folder that is written through `disk`.
    pub fn with_disk(root: &FilePath, disk: Arc<dyn Disk>) -> Result<DurableLocal> {
        let inner = Arc::new(LocalFileSystem::new_with_prefix(root)?);
        let root = std::fs::canonicalize(root).map_err(failed)?;
        Ok(DurableLocal { inner, writer: Arc::new(Writer { root, disk, kept: Mutex::default() }) })
    }

    /// Where an object lies.
    pub fn file(&self, path: &Path) -> Result<PathBuf> {
        self.inner.path_to_filesystem(path)
    }

    pub fn root(&self) -> &FilePath {
        &self.writer.root
    }

    /// Syncs the name of an object that is there, where it isn't known whether that was done.
    pub async fn keep(&self, path: &Path) -> Result<()> {
        let (file, writer) = (self.file(path)?, Arc::clone(&self.writer));
        blocking(move || writer.keep(&file).map_err(failed)).await
    }
}

/// A file that a writer staged and, being interrupted, left.
#[derive(Clone, Debug)]
pub struct Staged {
    pub path: PathBuf,
    pub size: u64,
    pub modified: SystemTime,
}

impl DurableLocal {
    /// Everything that is staged now, by writers that are at work or were interrupted. Listings leave it out.
    pub fn staged(&self) -> Vec<Staged> {
        let (mut staged, mut open) = (Vec::new(), vec![self.writer.root.clone()]);
        while let Some(folder) = open.pop() {
            let Ok(entries) = std::fs::read_dir(&folder) else { continue };
            for entry in entries.flatten() {
                match entry.metadata() {
                    Ok(meta) if meta.is_dir() => open.push(entry.path()),
                    Ok(meta) if is_staged(&entry.file_name()) => {
                        let staged_at = |modified| Staged { path: entry.path(), size: meta.len(), modified };
                        staged.extend(meta.modified().map(staged_at));
                    }
                    _ => {}
                }
            }
        }
        staged.sort_by(|a, b| a.path.cmp(&b.path));
        staged
    }

    /// Removes a staged file. One that is gone is no error.
    pub fn remove_staged(&self, staged: &Staged) -> Result<()> {
        match self.writer.disk.remove(&staged.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed(error)),
            _ => Ok(()),
        }
    }

    /// Removes the folder of objects that are gone. One that isn't empty stays; a writer that comes to it makes it again.
    pub fn remove_empty(&self, folder: &Path) {
        if let Ok(folder) = self.file(folder) {
            let _ = std::fs::remove_dir(folder);
        }
    }
}

/// Whether a file has a name as `Writer::stage` gives it.
fn is_staged(name: &std::ffi::OsStr) -> bool {
    let number = name.to_str().and_then(|name| name.rsplit_once('#')).map(|(_, number)| number);
    number.is_some_and(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
}

impl Writer {
    /// A new file beside `target`, to become it.
    fn stage(&self, target: &FilePath) -> io::Result<(PathBuf, Box<dyn DiskFile>)> {
        let folder = target.parent().unwrap_or(&self.root);
        self.folder(folder)?;
        loop {
            let mut name = target.as_os_str().to_owned();
            name.push(format!("#{}", uuid::Uuid::now_v7().as_u128()));
            let staged = PathBuf::from(name);
            match self.disk.create(&staged) {
                Ok(file) => return Ok((staged, file)),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                // Somebody removed the folder, which was empty.
                Err(error) if error.kind() == io::ErrorKind::NotFound && !folder.exists() => {
                    self.forget(folder);
                    self.folder(folder)?;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Makes a folder be there, and stay. One that another process made a moment ago may not be synced yet, so each is synced
    /// once by each process.
    fn folder(&self, folder: &FilePath) -> io::Result<()> {
        let known = |kept: &Mutex<HashSet<PathBuf>>| lock(kept).contains(folder);
        if folder == self.root || !folder.starts_with(&self.root) || known(&self.kept) {
            return Ok(());
        }
        let above = folder.parent().unwrap_or(&self.root);
        self.folder(above)?;
        match self.disk.create_folder(folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.forget(above);
                self.folder(above)?;
                self.disk.create_folder(folder)?;
            }
            other => other?,
        }
        self.disk.sync_folder(above)?;
        lock(&self.kept).insert(folder.to_owned());
        Ok(())
    }

    /// What is known of a folder and those above it is known no longer.
    fn forget(&self, folder: &FilePath) {
        lock(&self.kept).retain(|kept| !folder.starts_with(kept) && !kept.starts_with(folder));
    }

    /// Gives a staged file its name. Its bytes are synced before anybody can see it.
    fn publish(&self, mut file: Box<dyn DiskFile>, staged: &FilePath, target: &FilePath, create: bool) -> Result<()> {
        let named = file.sync().and_then(|()| {
            // Some file systems that are mounted from afar write on closing.
            drop(file);
            if create { self.disk.link(staged, target) } else { self.disk.rename(staged, target) }
        });
        if create || named.is_err() {
            let _ = self.disk.remove(staged);
        }
        named.map_err(|e| match e.kind() {
            io::ErrorKind::AlreadyExists if create => {
                Error::AlreadyExists { path: target.display().to_string(), source: e.into() }
            }
            _ => failed(e),
        })?;
        self.keep(target).map_err(failed)
    }

    fn keep(&self, target: &FilePath) -> io::Result<()> {
        let folder = target.parent().unwrap_or(&self.root);
        self.folder(folder)?;
        self.disk.sync_folder(folder)
    }
}

impl std::fmt::Display for DurableLocal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{NAME}({})", self.writer.root.display())
    }
}

#[async_trait]
impl ObjectStore for DurableLocal {
    async fn put_opts(&self, location: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        let create = match options.mode {
            PutMode::Overwrite => false,
            PutMode::Create => true,
            PutMode::Update(_) => return Err(unsupported("put_opts with PutMode::Update")),
        };
        if !options.attributes.is_empty() {
            return Err(unsupported("put_opts with attributes"));
        }
        let (target, writer) = (self.file(location)?, Arc::clone(&self.writer));
        blocking(move || {
            let (staged, mut file) = writer.stage(&target).map_err(failed)?;
            let mut offset = 0;
            for bytes in payload.iter() {
                if let Err(error) = file.write_at(offset, bytes) {
                    drop(file);
                    let _ = writer.disk.remove(&staged);
                    return Err(failed(error));
                }
                offset += bytes.len() as u64;
            }
            writer.publish(file, &staged, &target, create)
        })
        .await?;
        let e_tag = self.inner.head(location).await?.e_tag;
        Ok(PutResult { e_tag, version: None })
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        if !options.attributes.is_empty() {
            return Err(unsupported("put_multipart_opts with attributes"));
        }
        let (target, writer) = (self.file(location)?, Arc::clone(&self.writer));
        let upload = blocking(move || {
            let (staged, file) = writer.stage(&target).map_err(failed)?;
            Ok(Upload { writer, target, staged, file: Arc::new(Mutex::new(Some(file))), offset: 0, ended: false })
        });
        let (upload, inner) = (upload.await?, Arc::clone(&self.inner));
        Ok(Box::new(Parts { upload, inner, location: location.clone() }))
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.inner.get_opts(location, options).await
    }

    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        self.inner.get_ranges(location, ranges).await
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        self.inner.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list(prefix)
    }

    fn list_with_offset(&self, prefix: Option<&Path>, offset: &Path) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list_with_offset(prefix, offset)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await?;
        self.keep(to).await
    }

    async fn rename_opts(&self, from: &Path, to: &Path, options: RenameOptions) -> Result<()> {
        self.inner.rename_opts(from, to, options).await?;
        self.keep(to).await
    }
}

/// A large object on its way.
#[derive(Debug)]
struct Parts {
    upload: Upload,
    inner: Arc<LocalFileSystem>,
    location: Path,
}

/// The staged file of a large object; removed where it is dropped before it is complete.
#[derive(Debug)]
struct Upload {
    writer: Arc<Writer>,
    target: PathBuf,
    staged: PathBuf,
    /// Taken when it is completed.
    file: Arc<Mutex<Option<Box<dyn DiskFile>>>>,
    offset: u64,
    ended: bool,
}

#[async_trait]
impl MultipartUpload for Parts {
    fn put_part(&mut self, payload: PutPayload) -> UploadPart {
        let file = Arc::clone(&self.upload.file);
        let mut offset = self.upload.offset;
        self.upload.offset += payload.content_length() as u64;
        blocking(move || {
            let mut file = lock(&file);
            let file = file.as_mut().ok_or_else(|| failed(io::Error::other("the upload has ended")))?;
            for bytes in payload.iter() {
                file.write_at(offset, bytes).map_err(failed)?;
                offset += bytes.len() as u64;
            }
            Ok(())
        })
        .boxed()
    }

    async fn complete(&mut self) -> Result<PutResult> {
        let Upload { writer, target, staged, file, .. } = &self.upload;
        let (writer, target, staged) = (Arc::clone(writer), target.clone(), staged.clone());
        let file = lock(file).take().ok_or_else(|| failed(io::Error::other("the upload has ended")))?;
        self.upload.ended = true;
        blocking(move || writer.publish(file, &staged, &target, false)).await?;
        let e_tag = self.inner.head(&self.location).await?.e_tag;
        Ok(PutResult { e_tag, version: None })
    }

    async fn abort(&mut self) -> Result<()> {
        let (writer, staged) = (Arc::clone(&self.upload.writer), self.upload.staged.clone());
        lock(&self.upload.file).take();
        self.upload.ended = true;
        blocking(move || writer.disk.remove(&staged).map_err(failed)).await
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        if !self.ended {
            lock(&self.file).take();
            let _ = self.writer.disk.remove(&self.staged);
        }
    }
}

/// Does what may wait for the disk, on a thread for that where a runtime is around.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    match tokio::runtime::Handle::try_current() {
        Ok(runtime) => match runtime.spawn_blocking(work).await {
            Ok(result) => result,
            Err(ended) if ended.is_panic() => std::panic::resume_unwind(ended.into_panic()),
            Err(ended) => Err(Error::JoinError { source: ended }),
        },
        Err(_) => work(),
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The cause alone: messages name the place.
fn failed(error: io::Error) -> Error {
    Error::Generic { store: NAME, source: error.into() }
}

fn unsupported(operation: &str) -> Error {
    Error::NotImplemented { operation: operation.to_owned(), implementer: NAME.to_owned() }
}
