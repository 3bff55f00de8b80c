//! Published versions → answers: queries over sources and slices as their readers see them, and rows in the formats that
//! people and programs read.

mod json;
mod query;
mod table;

pub use json::rows as json_rows;
pub use query::{Answer, QueryError, query};
pub use table::{Format, cell, write};
