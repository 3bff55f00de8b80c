//! An object store whose clock tests set.

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use datafusion::object_store::memory::InMemory;
use datafusion::object_store::path::Path;
use datafusion::object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, PutMultipartOptions,
    PutOptions, PutPayload, PutResult, Result, UploadPart,
};
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use tokio::time::Instant;

/// What time it is for a store: some day, and what passes of tokio's time, which tests may stop.
#[derive(Debug)]
pub struct Clock {
    began: Instant,
    offset: Mutex<TimeDelta>,
}

impl Clock {
    pub fn now(&self) -> DateTime<Utc> {
        let day = DateTime::from_timestamp(1_770_000_000, 0).expect("a time");
        day + self.began.elapsed() + *self.offset.lock().expect("nobody panicked")
    }

    pub fn advance(&self, by: TimeDelta) {
        let mut offset = self.offset.lock().expect("nobody panicked");
        *offset += by;
    }
}

/// Objects in memory with times of this clock. Clones are the same store.
#[derive(Clone, Debug)]
pub struct Clocked {
    pub inner: InMemory,
    pub clock: Arc<Clock>,
    born: Arc<Mutex<HashMap<Path, DateTime<Utc>>>>,
}

impl Clocked {
    /// To be called where tokio's time is known.
    pub fn new() -> Clocked {
        let clock = Arc::new(Clock { began: Instant::now(), offset: Mutex::default() });
        Clocked { inner: InMemory::new(), clock, born: Arc::default() }
    }

    /// Another store with the same objects and times.
    pub fn copy(&self) -> Clocked {
        let born = self.born.lock().expect("nobody panicked").clone();
        let offset = *self.clock.offset.lock().expect("nobody panicked");
        let clock = Arc::new(Clock { began: self.clock.began, offset: Mutex::new(offset) });
        Clocked { inner: self.inner.fork(), clock, born: Arc::new(Mutex::new(born)) }
    }

    fn bear(&self, location: &Path) {
        self.born.lock().expect("nobody panicked").insert(location.clone(), self.clock.now());
    }

    fn dated(&self, meta: ObjectMeta) -> ObjectMeta {
        let born = self.born.lock().expect("nobody panicked").get(&meta.location).copied();
        ObjectMeta { last_modified: born.unwrap_or(meta.last_modified), ..meta }
    }

    /// The paths of all objects.
    pub async fn paths(&self) -> Vec<String> {
        let metas = self.inner.list(None).try_collect::<Vec<_>>().await.expect("memory can be listed");
        let mut paths: Vec<String> = metas.into_iter().map(|meta| meta.location.to_string()).collect();
        paths.sort();
        paths
    }
}

impl std::fmt::Display for Clocked {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Clocked")
    }
}

#[derive(Debug)]
struct Parts {
    upload: Box<dyn MultipartUpload>,
    location: Path,
    store: Clocked,
}

#[async_trait]
impl MultipartUpload for Parts {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        self.upload.put_part(data)
    }
    async fn complete(&mut self) -> Result<PutResult> {
        let done = self.upload.complete().await;
        self.store.bear(&self.location);
        done
    }
    async fn abort(&mut self) -> Result<()> {
        self.upload.abort().await
    }
}

#[async_trait]
impl ObjectStore for Clocked {
    async fn put_opts(&self, location: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        let done = self.inner.put_opts(location, payload, options).await?;
        self.bear(location);
        Ok(done)
    }
    async fn put_multipart_opts(&self, location: &Path, o: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        let upload = self.inner.put_multipart_opts(location, o).await?;
        Ok(Box::new(Parts { upload, location: location.clone(), store: self.clone() }))
    }
    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        let mut result = self.inner.get_opts(location, options).await?;
        result.meta = self.dated(result.meta);
        Ok(result)
    }
    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        self.inner.delete_stream(locations)
    }
    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        let this = self.clone();
        self.inner.list(prefix).map_ok(move |meta| this.dated(meta)).boxed()
    }
    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        let mut result = self.inner.list_with_delimiter(prefix).await?;
        result.objects = result.objects.into_iter().map(|meta| self.dated(meta)).collect();
        Ok(result)
    }
    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await?;
        self.bear(to);
        Ok(())
    }
}
