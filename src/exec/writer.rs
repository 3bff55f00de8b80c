//! Batches → one Parquet file in an object store, hashed while it is written.

use crate::manifest::{BlockHasher, DataFile};
use bytes::Bytes;
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::object_store::buffered::BufWriter;
use datafusion::object_store::path::Path;
use datafusion::object_store::{ObjectStore, ObjectStoreExt};
use datafusion::parquet::arrow::AsyncArrowWriter;
use datafusion::parquet::arrow::async_writer::AsyncFileWriter;
use datafusion::parquet::basic::{Compression, ZstdLevel};
use datafusion::parquet::errors::{ParquetError, Result};
use datafusion::parquet::file::properties::{WriterProperties, WriterVersion};
use futures::FutureExt;
use futures::future::BoxFuture;
use std::sync::{Arc, Mutex};
use tokio::io::AsyncWriteExt;

/// A Parquet file being written. Dropped before [`ParquetFile::finish`] it leaves nothing behind.
pub struct ParquetFile {
    writer: AsyncArrowWriter<HashingWriter>,
    state: Arc<Mutex<Written>>,
    store: Arc<dyn ObjectStore>,
    path: Path,
    rows: u64,
}

#[derive(Default)]
struct Written {
    hasher: BlockHasher,
    bytes: u64,
}

impl ParquetFile {
    pub fn create(store: Arc<dyn ObjectStore>, path: Path, schema: SchemaRef) -> Result<ParquetFile> {
        let state = Arc::new(Mutex::new(Written::default()));
        let buffer = BufWriter::new(Arc::clone(&store), path.clone());
        let inner = HashingWriter { inner: buffer, state: Arc::clone(&state) };
        let writer = AsyncArrowWriter::try_new(inner, schema, Some(properties()))?;
        Ok(ParquetFile { writer, state, store, path, rows: 0 })
    }

    pub async fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        self.rows += batch.num_rows() as u64;
        self.writer.write(batch).await
    }

    /// Bytes that have left for the store so far.
    pub fn bytes(&self) -> u64 {
        self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).bytes
    }

    /// Completes the file; from then on it exists. That all of it arrived is asked of the store, not taken from its answer.
    pub async fn finish(self) -> Result<DataFile> {
        self.writer.close().await?;
        let kept = self.store.head(&self.path).await.map_err(|e| ParquetError::External(Box::new(e)))?.size;
        let state = std::mem::take(&mut *self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner()));
        if kept != state.bytes {
            let message = format!("{kept} bytes of {} arrived, of {} that were sent", self.path, state.bytes);
            return Err(ParquetError::General(message));
        }
        let digested = state.hasher.finish();
        Ok(DataFile {
            path: self.path.to_string(),
            size: state.bytes,
            blake3: digested.blake3,
            blocks: digested.blocks,
            rows: self.rows,
        })
    }
}

/// Pinned, so that the same rows give the same bytes.
fn properties() -> WriterProperties {
    WriterProperties::builder()
        .set_created_by("icepie".to_owned())
        .set_writer_version(WriterVersion::PARQUET_1_0)
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(1).expect("level 1 exists")))
        .build()
}

struct HashingWriter {
    inner: BufWriter,
    state: Arc<Mutex<Written>>,
}

impl AsyncFileWriter for HashingWriter {
    fn write(&mut self, bytes: Bytes) -> BoxFuture<'_, Result<()>> {
        async move {
            {
                let mut state = self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
                state.hasher.update(&bytes);
                state.bytes += bytes.len() as u64;
            }
            self.inner.put(bytes).await.map_err(|e| ParquetError::External(Box::new(e)))
        }
        .boxed()
    }

    fn complete(&mut self) -> BoxFuture<'_, Result<()>> {
        async move { self.inner.shutdown().await.map_err(|e| ParquetError::External(Box::new(e))) }.boxed()
    }
}
