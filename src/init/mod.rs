//! New projects, behind `pie init`: from a template, or from the data files that somebody has already.

pub mod ledgerx;
mod infer;
mod template;

pub use infer::{InferError, Inferred, InferredSource, infer};
pub use template::{Template, write_template};
