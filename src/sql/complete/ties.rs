//! The columns that tell apart what an order leaves equal.

use super::unique::{Columns, Facts};
use crate::sql::LogicalPlan;
use crate::sql::types::is_sortable;
use datafusion::common::Column;
use datafusion::logical_expr::{Expr, SortExpr};

/// What is to be appended to an order.
#[derive(Debug)]
pub(super) struct Ties {
    /// The further keys, ascending with nulls last.
    pub added: Vec<SortExpr>,
    /// Their columns.
    pub names: Vec<String>,
    /// Columns that rows may still differ in, because their values have no order.
    pub undecided: Vec<String>,
}

impl Ties {
    /// Whether nothing is open.
    pub fn is_empty(&self) -> bool {
        self.added.is_empty() && self.undecided.is_empty()
    }
}

/// The columns of `input` in their order, until rows that are equal in them and in `given` are equal in `wanted`.
/// Columns that follow from those before them are left out.
pub(super) fn ties(input: &LogicalPlan, facts: &Facts, given: &Columns, wanted: &Columns) -> Ties {
    let schema = input.schema();
    let mut known = facts.determined(given);
    let mut ties = Ties { added: Vec::new(), names: Vec::new(), undecided: Vec::new() };
    for (index, (qualifier, field)) in schema.iter().enumerate() {
        if wanted.is_subset(&known) {
            break;
        }
        if known.contains(&index) || !is_sortable(field.data_type()) {
            continue;
        }
        ties.added.push(SortExpr::new(Expr::Column(Column::from((qualifier, field))), true, false));
        ties.names.push(field.name().clone());
        known.insert(index);
        known = facts.determined(&known);
    }
    let fields = schema.fields();
    ties.undecided = wanted.difference(&known).filter_map(|index| Some(fields.get(*index)?.name().clone())).collect();
    ties
}

/// A sentence, with the columns that stay undecided.
pub(super) fn told(sentence: String, undecided: &[String]) -> String {
    match undecided {
        [] => sentence,
        names => {
            format!("{sentence}; rows that differ only in {} can't be told apart", super::choice::listed(names))
        }
    }
}
