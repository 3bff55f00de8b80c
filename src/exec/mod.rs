//! Running DataFusion plans over recorded files: memory bounded, spilling, and blind to everything but the project's own
//! objects.
//!
//! `freeze`, `build` and `serve` all read through here, so that a slice is built, checked and queried by one way of reading.

mod barrier;
mod files;
mod forget;
mod runtime;
mod subqueries;
mod verified;
mod writer;

pub use files::{FileSet, SetFile, build_files, files_table, recorded_path, source_files};
pub use runtime::{Batches, Failure, Plain, Runtime, RuntimeOptions, Tables};
pub use writer::ParquetFile;
