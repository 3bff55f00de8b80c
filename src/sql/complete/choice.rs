//! A choice that SQL leaves to the engine, and what is said of it.

use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::Expr;

/// Where a query leaves a choice.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ChoiceKind {
    /// Which rows a `limit` keeps.
    Limit,
    /// Which row a `distinct on` keeps.
    DistinctOn,
    /// The order in which a window function sees equal rows.
    Window,
    /// The order in which an aggregate sees rows.
    Aggregate,
    /// A window function whose frame takes equal rows together although their order matters. It can't be completed:
    /// this is an error.
    Frame,
}

/// A place where SQL allows more than one result.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OpenChoice {
    pub kind: ChoiceKind,
    /// The function that leaves the choice, by its first name; `None` for a clause.
    pub function: Option<String>,
    pub message: String,
    /// What pie does at the place.
    pub label: String,
    pub help: String,
    pub(super) signature: Signature,
}

/// What a place looks like in a plan and in the text of a query, to find the one from the other.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(super) struct Signature {
    /// The numbers of a `limit`, as text: how many rows are skipped, how many are kept.
    pub rows: Option<(String, String)>,
    /// Whether a `limit` stands behind an `order by`.
    pub ordered: bool,
    /// The columns that are mentioned, sorted.
    pub mentions: Vec<String>,
}

/// The names of the columns that expressions mention, sorted.
pub(super) fn mentions<'e>(exprs: impl IntoIterator<Item = &'e Expr>) -> Vec<String> {
    let mut names = Vec::new();
    for expr in exprs {
        let _ = expr.apply(|part| {
            if let Expr::Column(column) | Expr::OuterReferenceColumn(_, column) = part {
                names.extend(words(&column.name));
            }
            Ok(TreeNodeRecursion::Continue)
        });
    }
    names.sort_unstable();
    names
}

/// A column's name, or the columns in a name that the engine gave: `amount` in `sum(lines.amount)`.
fn words(name: &str) -> Vec<String> {
    if !name.contains('(') {
        return vec![name.to_owned()];
    }
    let mut words = Vec::new();
    let mut word = String::new();
    for next in name.chars().chain([' ']) {
        if next.is_alphanumeric() || next == '_' {
            word.push(next);
            continue;
        }
        let named = word.starts_with(|first: char| first.is_alphabetic() || first == '_');
        // What stands before a bracket is a function, before a dot a table.
        if named && next != '(' && next != '.' {
            words.push(std::mem::take(&mut word));
        }
        word.clear();
    }
    words
}

/// Names in backticks, the first three of them.
pub(super) fn listed(names: &[String]) -> String {
    let shown = names.iter().take(3).map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    match names.len() {
        0..=3 => shown,
        more => format!("{shown} and {} more", more - 3),
    }
}
