//! The one integration binary (each further one would link DataFusion again): the specification run as tests, and tests
//! that keep pages, schemas and module boundaries true.

mod algebra;
mod architecture;
mod code_text;
mod damage;
mod determinism;
mod differential;
mod errors;
mod examples;
mod fixes;
mod formats;
mod fuzz;
mod hostile;
mod lsp;
mod memo;
mod pie;
mod properties;
mod schemas;
mod spec;
mod store;
mod syntax_fuzz;
mod upkeep;
mod watch;
