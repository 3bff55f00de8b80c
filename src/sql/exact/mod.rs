//! `sum` and `avg` of floats that depend on the values alone: not on the order of rows, the size of batches, the number
//! of threads, or whether memory was short.
//!
//! ```text
//!   0.1 + 0.2 + 0.3 = 0.6000000000000001        sum of the rows 0.1, 0.2, 0.3 = 0.6
//!   0.3 + 0.2 + 0.1 = 0.6                       in every order
//! ```
//!
//! `sum` says what an exact sum is and knows nothing of SQL; `aggregate` makes functions of it.

mod sum;
mod aggregate;

use datafusion::logical_expr::AggregateUDF;
use std::sync::Arc;

/// The functions, under the names `sum` and `avg` (and its alias `mean`), to be registered over DataFusion's own:
///
/// ```text
///   let mut builder = SessionStateBuilder::new().with_config(config).with_default_features();
///   builder.aggregate_functions().get_or_insert_default().extend(exact::aggregates());
/// ```
///
/// Of two functions of one name the later one counts, so they come after the default features.
pub fn aggregates() -> Vec<Arc<AggregateUDF>> {
    vec![Arc::new(aggregate::sum()), Arc::new(aggregate::avg())]
}
