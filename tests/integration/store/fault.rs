//! An object store that fails on purpose: at one operation, in one way.

use async_trait::async_trait;
use bytes::Bytes;
use datafusion::object_store::path::Path;
use datafusion::object_store::{
    CopyOptions, Error, GetOptions, GetResult, GetResultPayload, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMode, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use tokio::sync::Notify;

/// How an operation goes wrong.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// Nothing is done.
    Before,
    /// It is done, and the answer is lost.
    After,
    /// Nothing is done, and no answer comes.
    Hang,
    /// It is done, and no answer comes.
    HangAfter,
    /// Half of a data file arrives, and is acknowledged. (Creations of names are whole or nothing on every store.)
    Short,
    /// One byte of what is read is another one.
    Flip,
    /// "Exists already" or "doesn't fit the condition", though nothing is there.
    Conflict,
    /// "Not found", though it is there.
    Missing,
    /// It is delivered twice; the answer is that of the second.
    Twice,
    /// Nothing is done, and it is acknowledged. No store may do this: suites must notice.
    Swallow,
}

pub const ALL: [Fault; 9] = [
    Fault::Before,
    Fault::After,
    Fault::Hang,
    Fault::HangAfter,
    Fault::Short,
    Fault::Flip,
    Fault::Conflict,
    Fault::Missing,
    Fault::Twice,
];

/// What the store does when, and what it has done.
#[derive(Debug, Default)]
pub struct Script {
    /// Faults by the number of the operation, from 0.
    faults: Mutex<Vec<(usize, Fault)>>,
    count: AtomicUsize,
    /// Creations of something that was there.
    conflicts: AtomicUsize,
    /// Operations by their number.
    pub done: Mutex<Vec<String>>,
    /// Told when an operation hangs.
    pub hung: Notify,
}

impl Script {
    pub fn of(faults: Vec<(usize, Fault)>) -> Arc<Script> {
        Arc::new(Script { faults: Mutex::new(faults), ..Script::default() })
    }

    /// How many operations there were.
    pub fn operations(&self) -> usize {
        self.count.load(Ordering::SeqCst)
    }

    /// How many creations found something there.
    pub fn conflicts(&self) -> usize {
        self.conflicts.load(Ordering::SeqCst)
    }

    fn next(&self, what: &str, path: &Path) -> Option<Fault> {
        let number = self.count.fetch_add(1, Ordering::SeqCst);
        self.done.lock().unwrap().push(format!("{what} {path}"));
        self.faults.lock().unwrap().iter().find(|(at, _)| *at == number).map(|(_, fault)| *fault)
    }

    async fn hang(&self) -> Error {
        self.hung.notify_one();
        std::future::pending().await
    }
}

/// A store with a script.
#[derive(Clone, Debug)]
pub struct FaultStore {
    pub inner: Arc<dyn ObjectStore>,
    pub script: Arc<Script>,
}

impl std::fmt::Display for FaultStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "FaultStore({})", self.inner)
    }
}

fn broken(what: &str) -> Error {
    Error::Generic { store: "FaultStore", source: format!("injected: {what}").into() }
}

#[async_trait]
impl ObjectStore for FaultStore {
    async fn put_opts(&self, location: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        let put = |payload: PutPayload| self.inner.put_opts(location, payload, options.clone());
        let exists = || Error::AlreadyExists { path: location.to_string(), source: "injected: a conflict".into() };
        match self.script.next("put", location) {
            None | Some(Fault::Flip) => {
                let result = put(payload).await;
                let probes = location.as_ref().starts_with("probes/");
                if !probes && matches!(result, Err(Error::AlreadyExists { .. })) {
                    self.script.conflicts.fetch_add(1, Ordering::SeqCst);
                }
                result
            }
            Some(Fault::Before) => Err(broken("nothing was done")),
            Some(Fault::Swallow) => Ok(PutResult { e_tag: None, version: None }),
            Some(Fault::After) => put(payload).await.and(Err(broken("the answer is lost"))),
            Some(Fault::Hang) => Err(self.script.hang().await),
            Some(Fault::HangAfter) => {
                let _ = put(payload).await;
                Err(self.script.hang().await)
            }
            Some(Fault::Short) if options.mode == PutMode::Overwrite => {
                let bytes: Vec<u8> = payload.iter().flat_map(|bytes| bytes.to_vec()).collect();
                put(PutPayload::from(bytes[..bytes.len() / 2].to_vec())).await
            }
            Some(Fault::Short | Fault::Missing) => Err(broken("nothing was done")),
            Some(Fault::Conflict) => Err(exists()),
            Some(Fault::Twice) => {
                let _ = put(payload.clone()).await;
                put(payload).await
            }
        }
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        match self.script.next("put_multipart", location) {
            None | Some(Fault::Flip | Fault::Twice) => self.inner.put_multipart_opts(location, options).await,
            Some(Fault::Hang | Fault::HangAfter) => Err(self.script.hang().await),
            Some(_) => Err(broken("nothing was done")),
        }
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        let what = if options.head { "head" } else { "get" };
        match self.script.next(what, location) {
            Some(Fault::Before | Fault::After | Fault::Short | Fault::Conflict) => Err(broken("no answer")),
            Some(Fault::Hang | Fault::HangAfter) => Err(self.script.hang().await),
            Some(Fault::Missing) => {
                Err(Error::NotFound { path: location.to_string(), source: "injected: it is there".into() })
            }
            Some(Fault::Flip) if !options.head => {
                let result = self.inner.get_opts(location, options).await?;
                let (meta, range, attributes) = (result.meta.clone(), result.range.clone(), result.attributes.clone());
                let bytes = flipped(result.bytes().await?);
                let stream = futures::stream::once(async move { Ok(bytes) }).boxed();
                Ok(GetResult { payload: GetResultPayload::Stream(stream), meta, range, attributes })
            }
            None | Some(_) => self.inner.get_opts(location, options).await,
        }
    }

    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        match self.script.next("get_ranges", location) {
            Some(Fault::Before | Fault::After | Fault::Short | Fault::Conflict) => Err(broken("no answer")),
            Some(Fault::Hang | Fault::HangAfter) => Err(self.script.hang().await),
            Some(Fault::Missing) => {
                Err(Error::NotFound { path: location.to_string(), source: "injected: it is there".into() })
            }
            Some(Fault::Flip) => {
                let read = self.inner.get_ranges(location, ranges).await?;
                Ok(read.into_iter().map(flipped).collect())
            }
            None | Some(_) => self.inner.get_ranges(location, ranges).await,
        }
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        let this = self.clone();
        let delete = move |location: Path| {
            let this = this.clone();
            async move {
                let delete = || {
                    let one = futures::stream::iter([Ok(location.clone())]).boxed();
                    this.inner.delete_stream(one).try_collect::<Vec<_>>()
                };
                match this.script.next("delete", &location) {
                    Some(Fault::Before | Fault::Short | Fault::Conflict) => Err(broken("nothing was done")),
                    Some(Fault::After) => delete().await.and(Err(broken("the answer is lost"))),
                    Some(Fault::Hang | Fault::HangAfter) => Err(this.script.hang().await),
                    Some(Fault::Missing) => {
                        Err(Error::NotFound { path: location.to_string(), source: "injected".into() })
                    }
                    Some(Fault::Twice) => {
                        delete().await?;
                        delete().await.map(|_| location.clone())
                    }
                    None | Some(_) => delete().await.map(|_| location.clone()),
                }
            }
        };
        locations.and_then(delete).boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        match self.script.next("list", prefix.unwrap_or(&Path::default())) {
            None | Some(Fault::Flip | Fault::Twice) => self.inner.list(prefix),
            Some(Fault::Hang | Fault::HangAfter) => {
                let script = Arc::clone(&self.script);
                futures::stream::once(async move { Err(script.hang().await) }).boxed()
            }
            Some(_) => futures::stream::iter([Err(broken("no answer"))]).boxed(),
        }
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        match self.script.next("list_with_delimiter", prefix.unwrap_or(&Path::default())) {
            None | Some(Fault::Flip | Fault::Twice) => self.inner.list_with_delimiter(prefix).await,
            Some(Fault::Hang | Fault::HangAfter) => Err(self.script.hang().await),
            Some(_) => Err(broken("no answer")),
        }
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        match self.script.next("copy", from) {
            None => self.inner.copy_opts(from, to, options).await,
            Some(_) => Err(broken("nothing was done")),
        }
    }
}

/// Another byte in the middle.
fn flipped(bytes: Bytes) -> Bytes {
    let mut bytes = bytes.to_vec();
    let middle = bytes.len() / 2;
    if let Some(byte) = bytes.get_mut(middle) {
        *byte ^= 1;
    }
    Bytes::from(bytes)
}
