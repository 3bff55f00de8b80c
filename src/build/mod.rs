//! A build plan → Parquet, digests, verified publishes.
//!
//! ```text
//!   schedule: a slice starts when what it reads is done; independent ones run side by side
//!   one slice:  inputs pinned ─▶ keys ─▶ those of the head? ─────▶ reused / cut off
//!                                       built before? ─ verify ─▶ relabelled
//!                                       else run ─▶ write + hash ─▶ verify ─▶ record build ─▶ commit
//! ```
//!
//! Nothing of a slice can be seen before its commit. A failure leaves its head where it was; its readers go on with its
//! last good version, and say so.

mod error;
mod inputs;
mod queue;
mod run;
mod schedule;
mod slice;
mod verify;

pub use error::BuildError;
pub use inputs::{Input, Inputs};
pub use run::{run_to_batches, to_schema, under_schema};
pub use schedule::{Build, Outcome, Progress, Quiet, Report, SliceReport, execute};
pub use verify::{null_violation, verify_checks};
