//! A store that takes its time, and counts what it is asked.

use async_trait::async_trait;
use datafusion::object_store::path::Path;
use datafusion::object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, PutMultipartOptions,
    PutOptions, PutPayload, PutResult, Result,
};
use futures::StreamExt;
use futures::stream::BoxStream;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Operations by kind and by what they are about: the first part of the path.
#[derive(Debug, Default)]
pub struct Counts(Mutex<BTreeMap<(&'static str, String), usize>>);

impl std::fmt::Display for Counts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let counts = self.0.lock().expect("nobody panicked");
        let part = |((what, of), number): (&(&str, String), &usize)| format!("{number} {what} {of}");
        let parts: Vec<String> = counts.iter().map(part).collect();
        write!(f, "{} ({})", counts.values().sum::<usize>(), parts.join(", "))
    }
}

#[derive(Clone, Debug)]
pub struct Slow {
    pub inner: Arc<dyn ObjectStore>,
    pub takes: Duration,
    pub counts: Arc<Counts>,
}

impl Slow {
    async fn pass(&self, what: &'static str, path: &Path) {
        let of = path.parts().next().map(|first| first.as_ref().to_owned()).unwrap_or_default();
        *self.counts.0.lock().expect("nobody panicked").entry((what, of)).or_default() += 1;
        if !self.takes.is_zero() {
            tokio::time::sleep(self.takes).await;
        }
    }
}

impl std::fmt::Display for Slow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Slow")
    }
}

#[async_trait]
impl ObjectStore for Slow {
    async fn put_opts(&self, location: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        self.pass("put", location).await;
        self.inner.put_opts(location, payload, options).await
    }
    async fn put_multipart_opts(&self, location: &Path, o: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        self.pass("put", location).await;
        self.inner.put_multipart_opts(location, o).await
    }
    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.pass(if options.head { "head" } else { "get" }, location).await;
        self.inner.get_opts(location, options).await
    }
    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        self.inner.delete_stream(locations)
    }
    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        let (this, prefix) = (self.clone(), prefix.cloned());
        let listed = async move {
            this.pass("list", prefix.as_ref().unwrap_or(&Path::default())).await;
            this.inner.list(prefix.as_ref())
        };
        futures::stream::once(listed).flatten().boxed()
    }
    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.pass("list", prefix.unwrap_or(&Path::default())).await;
        self.inner.list_with_delimiter(prefix).await
    }
    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await
    }
}
