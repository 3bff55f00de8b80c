//! icepie: a declarative dataflow compiler. `.pie` files describe frozen sources and slices derived from them in SQL; the
//! compiler works out the least that a change invalidates, builds just that, and publishes each slice by itself.
//!
//! The modules stand in the order of the data flow; each imports only from those above it (`ARCHITECTURE.md` has the
//! table, a test enforces it).

pub mod parallel;
pub mod text;
pub mod name;
pub mod diagnostic;
pub mod memo;
pub mod syntax;
pub mod sql;
pub mod resolve;
pub mod graph;
pub mod semantic;
pub mod algebra;
pub mod manifest;
pub mod content;
pub mod store;
pub mod exec;
pub mod freeze;
pub mod incremental;
pub mod diff;
pub mod plan;
pub mod build;
pub mod serve;
pub mod suite;
pub mod workspace;
pub mod driver;
pub mod init;
pub mod ide;
pub mod lsp;
pub mod cli;
