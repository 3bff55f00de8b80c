//! How the results of the engine's functions depend on the order of rows.

/// What the order of rows does to a function's result.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Dependence {
    /// Nothing, or no more than the last bits of a float.
    None,
    /// It goes by the values in `order by`, the same for equal rows.
    Peers,
    /// It goes by the place of each row.
    Position,
    /// It picks one row of those that it sees.
    Pick,
    /// It keeps the values in the order in which it sees them.
    Gather,
    /// It may give any value of those that it sees.
    Any,
    /// No function that pie knows.
    Unknown,
}

/// The dependence of an aggregate or window function, by its first name.
pub(super) fn dependence(function: &str) -> Dependence {
    match function {
        "rank" | "dense_rank" | "percent_rank" | "cume_dist" => Dependence::Peers,
        "row_number" | "ntile" | "lag" | "lead" => Dependence::Position,
        "first_value" | "last_value" | "nth_value" => Dependence::Pick,
        "array_agg" | "string_agg" => Dependence::Gather,
        "any_value" => Dependence::Any,
        other if EXACT.contains(&other) || ORDER_BITS.contains(&other) => Dependence::None,
        _ => Dependence::Unknown,
    }
}

/// Whether a window function gives the same whatever its frame.
pub fn ignores_frame(function: &str) -> bool {
    matches!(dependence(function), Dependence::Peers | Dependence::Position)
}

/// Aggregates that give the same for every order of rows.
const EXACT: [&str; 15] = [
    "count",
    "sum",
    "avg",
    "min",
    "max",
    "median",
    "percentile_cont",
    "bool_and",
    "bool_or",
    "bit_and",
    "bit_or",
    "bit_xor",
    "approx_distinct",
    "regr_count",
    "grouping",
];

/// Aggregates that compute with floats in the order of rows, which can show in the last bits, or which estimate, so
/// that it can show in the estimate. They are left as they are: SQL has no words for an order of theirs.
pub(super) const ORDER_BITS: [&str; 18] = [
    "stddev",
    "stddev_pop",
    "var",
    "var_pop",
    "corr",
    "covar_samp",
    "covar_pop",
    "regr_slope",
    "regr_intercept",
    "regr_r2",
    "regr_avgx",
    "regr_avgy",
    "regr_sxx",
    "regr_syy",
    "regr_sxy",
    "approx_median",
    "approx_percentile_cont",
    "approx_percentile_cont_with_weight",
];
