//! The corpus: pairs of queries, and what the fingerprints of each must say.
//!
//! All of them read the sources of [`super::project`]. A pair about a [`Field`] differs only in what that field writes
//! into a digest, so that leaving the field out makes it look equal; a near miss of a [`Rule`] is what that rule would
//! equate if it went too far.

use icepie::algebra::{Field, Rule};

/// Two queries.
#[derive(Clone, Copy, Debug)]
pub struct Pair {
    pub name: &'static str,
    pub about: About,
    pub left: &'static str,
    pub right: &'static str,
    pub verdict: Verdict,
    /// Why no random data shows the difference that there is.
    pub hidden: Option<&'static str>,
}

/// What a pair is there for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum About {
    /// Spelling that no rule is needed for.
    Construction,
    Rule(Rule),
    Field(Field),
    /// What must never be equated, whatever rules there will be.
    Never,
    /// Which columns a further column changes.
    Precision,
}

/// What must hold of the fingerprints.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// The same rows, and the same columns by position.
    Equal,
    /// The same rows, and the same columns by name.
    Reordered,
    /// As `Equal` with slices written out down to sources; not over what each reads itself.
    EqualOverSources,
    /// The rows or a column differ.
    Different,
    /// The same rows and columns, but for the column of this name, which differs or is on one side only.
    Only(&'static str),
    /// The rows differ, and with them every column.
    Everything,
}

pub const fn equal(about: About, name: &'static str, left: &'static str, right: &'static str) -> Pair {
    Pair { name, about, left, right, verdict: Verdict::Equal, hidden: None }
}

pub const fn different(about: About, name: &'static str, left: &'static str, right: &'static str) -> Pair {
    Pair { name, about, left, right, verdict: Verdict::Different, hidden: None }
}

/// Of a pair only the column `z` differs.
pub const fn only_z(about: About, name: &'static str, left: &'static str, right: &'static str) -> Pair {
    Pair { name, about, left, right, verdict: Verdict::Only("z"), hidden: None }
}

pub const fn everything(about: About, name: &'static str, left: &'static str, right: &'static str) -> Pair {
    Pair { name, about, left, right, verdict: Verdict::Everything, hidden: None }
}

impl Pair {
    pub const fn hidden(self, why: &'static str) -> Pair {
        Pair { hidden: Some(why), ..self }
    }

    pub const fn with(self, verdict: Verdict) -> Pair {
        Pair { verdict, ..self }
    }

    pub fn is_equal(&self) -> bool {
        matches!(self.verdict, Verdict::Equal | Verdict::Reordered | Verdict::EqualOverSources)
    }
}

/// Every pair.
pub fn all() -> Vec<Pair> {
    let parts = [
        super::construction::PAIRS,
        super::by_rule::EQUAL,
        super::near_misses::PAIRS,
        super::fields_of_rows::PAIRS,
        super::fields_of_terms::PAIRS,
        super::never::PAIRS,
        super::precision::PAIRS,
    ];
    parts.concat()
}
