//! A stretch of SQL in a `.pie` file → a parsed query, the relations it reads, its analysed plan, its columns; errors at
//! exact spans of the file.
//!
//! ```text
//!   Span ──parse──▶ ParsedQuery ──(relations resolved by the caller)──plan──▶ PlannedQuery
//! ```
//!
//! Tokens are shifted to the file's own lines and columns before they are parsed, so every span that sqlparser or
//! DataFusion reports is already a place in the `.pie` file. Nothing here reads data: relations are schemas, or plans of
//! virtual slices.

mod around;
mod catalog;
mod complete;
mod constants;
mod duplicate;
mod engine;
mod error;
mod exact;
mod gate;
mod ignored;
mod lazy;
mod limits;
mod localize;
mod mistake;
mod names;
mod nesting;
mod optimizer;
mod parse;
mod plan;
mod refuse;
mod rewrite;
mod subquery;
pub mod types;

pub use catalog::{Catalog, CatalogSource, Relation, relation_of, table_function_of, table_function_rows};
pub use complete::ignores_frame;
pub use engine::{ENGINE_VERSION, engine, session_config, with_functions};
pub use error::{plain as error_text, types_sentence};
pub use lazy::LazyPlan;
pub use limits::QueryLimits;
pub use names::{ColumnMention, Names, Qualifier, names};
pub use optimizer::{needed_physical_rules, needed_rules, physical_rules};
pub use parse::{
    ParsedExpression, ParsedQuery, QueryFacts, RelationReference, known_predicate, known_query, mentions,
    normalized_tokens, parse_predicate, parse_query, parse_question,
};
pub use plan::{OutputColumn, PlannedQuery, plan_predicate, plan_query, plan_question, unnamed_columns};
pub use rewrite::rewritten;
pub use subquery::{gives_a_row_of_none, is_lateral, one_row, reads_around};

/// A plan as SQL again, as far as DataFusion's unparser goes.
pub fn to_sql(plan: &LogicalPlan) -> Result<String, String> {
    datafusion::sql::unparser::plan_to_sql(plan).map(|statement| format!("{statement:#}")).map_err(|e| error::plain(&e))
}

pub use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
pub use datafusion::logical_expr::LogicalPlan;
