//! Reading recorded files: every byte that a plan sees is one that was written. What is damaged is an error, not an answer.

use crate::manifest::Blocks;
use async_trait::async_trait;
use bytes::Bytes;
use datafusion::object_store::path::Path;
use datafusion::object_store::{
    CopyOptions, Error, GetOptions, GetRange, GetResult, GetResultPayload, ListResult, MultipartUpload, ObjectMeta,
    ObjectStore, ObjectStoreExt, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};
use futures::StreamExt;
use futures::stream::BoxStream;
use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

/// A file isn't what was recorded of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Damaged {
    pub path: String,
}

const BEFORE: &str = "the bytes of `";
const BEHIND: &str = "` aren't those that were recorded";

impl Damaged {
    /// The path of a damaged file that a message tells of.
    pub(super) fn path_in(text: &str) -> Option<String> {
        let (_, rest) = text.split_once(BEFORE)?;
        rest.split_once(BEHIND).map(|(path, _)| path.to_owned())
    }
}

impl std::fmt::Display for Damaged {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{BEFORE}{}{BEHIND}", self.path)
    }
}

impl std::error::Error for Damaged {}

/// A store of which only recorded files are read, and only as they were recorded.
#[derive(Debug)]
pub struct Verified {
    inner: Arc<dyn ObjectStore>,
    files: HashMap<Path, Arc<Blocks>>,
}

impl Verified {
    pub fn new(inner: Arc<dyn ObjectStore>, files: HashMap<Path, Arc<Blocks>>) -> Verified {
        Verified { inner, files }
    }

    fn blocks(&self, path: &Path) -> Result<&Arc<Blocks>> {
        self.files.get(path).ok_or_else(|| Error::NotFound {
            path: path.to_string(),
            source: "it isn't one of the recorded files".into(),
        })
    }

    /// The wanted bytes, out of whole blocks that are as they were written. Blocks that several ranges need are read once.
    async fn read(&self, path: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        let blocks = self.blocks(path)?;
        let damaged = || Error::Generic { store: "Verified", source: Damaged { path: path.to_string() }.into() };
        if ranges.iter().any(|range| range.end > blocks.size() || range.start > range.end) {
            return Err(damaged());
        }
        let mut spans: Vec<Range<u64>> = ranges.iter().map(|range| blocks.around(range)).collect();
        spans.sort_by_key(|span| span.start);
        let mut merged: Vec<Range<u64>> = Vec::new();
        for span in spans {
            match merged.last_mut() {
                Some(last) if span.start <= last.end => last.end = last.end.max(span.end),
                _ => merged.push(span),
            }
        }
        let read = match self.inner.get_ranges(path, &merged).await {
            Ok(read) => read,
            // A file that was cut can't be read where it should go on.
            Err(error) => {
                let cut = self.inner.head(path).await.is_ok_and(|meta| meta.size != blocks.size());
                return Err(if cut { damaged() } else { error });
            }
        };
        for (span, bytes) in merged.iter().zip(&read) {
            let whole = bytes.len() as u64 == span.end - span.start;
            if !whole || !blocks.hold(span.start, bytes) {
                return Err(damaged());
            }
        }
        let part = |range: &Range<u64>| {
            let (span, bytes) =
                merged.iter().zip(&read).find(|(span, _)| span.start <= range.start && range.end <= span.end)?;
            let at = |offset: u64| usize::try_from(offset - span.start).ok();
            Some(bytes.slice(at(range.start)?..at(range.end)?))
        };
        ranges.iter().map(|range| part(range).ok_or_else(damaged)).collect()
    }
}

impl std::fmt::Display for Verified {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Verified({})", self.inner)
    }
}

#[async_trait]
impl ObjectStore for Verified {
    async fn put_opts(&self, location: &Path, _: PutPayload, _: PutOptions) -> Result<PutResult> {
        Err(read_only(location))
    }

    async fn put_multipart_opts(&self, location: &Path, _: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        Err(read_only(location))
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        if options.head {
            return self.inner.get_opts(location, options).await;
        }
        let size = self.blocks(location)?.size();
        let range = match &options.range {
            None => 0..size,
            Some(GetRange::Bounded(range)) => range.start..range.end.min(size),
            Some(GetRange::Offset(offset)) => *offset..size,
            Some(GetRange::Suffix(length)) => size.saturating_sub(*length)..size,
        };
        let bytes = self.read(location, std::slice::from_ref(&range)).await?.pop().unwrap_or_default();
        let meta = ObjectMeta {
            location: location.clone(),
            last_modified: chrono::DateTime::UNIX_EPOCH,
            size,
            e_tag: None,
            version: None,
        };
        let payload = GetResultPayload::Stream(futures::stream::once(async move { Ok(bytes) }).boxed());
        Ok(GetResult { payload, meta, range, attributes: Default::default() })
    }

    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        self.read(location, ranges).await
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        locations.map(|location| Err(read_only(&location?))).boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, _: &Path, to: &Path, _: CopyOptions) -> Result<()> {
        Err(read_only(to))
    }
}

fn read_only(path: &Path) -> Error {
    Error::PermissionDenied { path: path.to_string(), source: "plans only read".into() }
}
