//! Raw files → verified, hashed, immutable source versions.
//!
//! ```text
//!   discover ──▶ compare with the last version ──▶ read new files ──▶ verify ──▶ publish a version
//!   (template)   (unchanged files aren't read)     (types, nulls,      (keys)
//!                                                   partitions, digests)
//! ```
//!
//! A source is frozen whole or not at all: with any error nothing is published, and the version before stays.

mod discover;
mod error;
mod local;
mod read;
mod read_csv;
mod read_json;
mod read_parquet;
mod source;
pub mod values;
mod verify;

pub use error::{FreezeError, Place};
pub use local::RawStores;
pub use source::{Outcome, Replace, Stamp, column_records, freeze};
pub use verify::{Duplicate, duplicate_key};
