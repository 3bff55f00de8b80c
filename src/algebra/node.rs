//! The nodes: row spaces and terms, hash-consed in an arena that knows each one's digest.

use super::{Reads, encode};
use crate::name::RelationName;
use crate::sql::DataType;
use std::collections::HashMap;

/// BLAKE3.
pub type Digest = [u8; 32];

/// A row space in an [`Arena`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct RowId(u32);

/// A term in an [`Arena`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct TermId(u32);

/// A row space: which rows there are, as a bag of abstract rows. It says nothing of names or of what columns hold.
#[derive(Clone, PartialEq, Debug)]
pub enum Row {
    /// One row.
    Unit,
    /// No row.
    Empty,
    /// The rows of a source or slice.
    Scan(RelationName),
    /// Combinations of one row of each leaf for which all conditions are true: scans, inner joins and filters, flattened.
    /// Leaves stand in an order that depends on leaves and conditions only, conditions in the order of their digests.
    Select { leaves: Vec<RowId>, conditions: Vec<TermId> },
    /// Pairs that meet the conditions, and left rows without a partner. Terms see the left as leaf 0, the right as 1.
    LeftJoin { left: RowId, right: RowId, on: Vec<TermId> },
    /// As [`Row::LeftJoin`], with right rows without a partner too.
    FullJoin { left: RowId, right: RowId, on: Vec<TermId> },
    /// One row a group; without keys exactly one. `sets` are the grouping sets, where there are several.
    Group { input: RowId, keys: Vec<TermId>, sets: Vec<Vec<TermId>> },
    /// The rows of all legs.
    Union(Vec<RowId>),
    /// Some of the first rows in an order.
    Limit { input: RowId, order: Vec<SortTerm>, skip: Option<TermId>, fetch: Option<TermId> },
    /// The first row of each group in an order.
    First { input: RowId, keys: Vec<TermId>, order: Vec<SortTerm> },
    /// A row for each element of lists. `lists` are terms of the input with the depth to unnest.
    Unnest { input: RowId, lists: Vec<(TermId, usize)>, options: String },
    /// The fixpoint of a recursive query. Its columns are [`Term::Slot`]s.
    Recursive { start: RowId, first: Vec<TermId>, step: RowId, next: Vec<TermId>, distinct: bool },
    /// Within the step of a recursive query: the rows of the step before, `level` recursions further out.
    Work { level: usize },
    /// The rows of a table function.
    Function { name: String, arguments: Vec<TermId> },
    /// The rows of a slice whose parts would be too many to look at: what they are by its digest, and what decides them.
    Cut { of: Digest, reads: Box<Reads> },
    /// A query that isn't modelled: its text, and all columns of all that it reads.
    Opaque { text: String, inputs: Vec<(RowId, Vec<TermId>)> },
}

/// What value a row of a row space has: a function of the row.
///
/// *Atoms* look at the row ([`Term::is_atom`]); all others are built of them.
#[derive(Clone, PartialEq, Debug)]
pub enum Term {
    /// A column of a scan.
    Input {
        relation: RelationName,
        column: String,
        data_type: DataType,
    },
    /// A term of one leaf of a select or join.
    Leaf {
        leaf: usize,
        of: TermId,
    },
    /// The value of a grouping key, which is a term of the group's input.
    Key(TermId),
    /// Which grouping set a row belongs to.
    GroupingId,
    /// An aggregate over the rows of a group.
    Aggregate(Box<Aggregate>),
    /// One term for each leg of a union.
    Branch(Vec<TermId>),
    /// Output `nth` of an unnested list or struct.
    Element {
        of: TermId,
        nth: usize,
    },
    /// A column of a [`Row::Cut`].
    Cut {
        of: Digest,
        reads: Box<Reads>,
    },
    /// Column `index` of a recursive query, of its work table, or of a table function.
    Slot {
        index: usize,
        data_type: DataType,
    },
    /// A window function over the rows of the row space that the term belongs to.
    Window(Box<Window>),
    /// A term of another row space, of which each row here holds one: the leaves given are its leaves.
    Over {
        row: RowId,
        term: TermId,
        leaves: Vec<usize>,
    },
    /// What a subquery gets from outside.
    Parameter {
        index: usize,
        /// Its width, where it is known to be a signed integer.
        bits: Option<u32>,
    },
    Literal {
        data_type: DataType,
        value: Vec<u8>,
        text: String,
    },
    Binary {
        operator: &'static str,
        left: TermId,
        right: TermId,
    },
    /// An operator whose operands have no order: sorted by digest.
    Sequence {
        operator: &'static str,
        operands: Vec<TermId>,
    },
    Unary {
        operator: &'static str,
        operand: TermId,
    },
    Like {
        case_insensitive: bool,
        regex: bool,
        escape: Option<char>,
        value: TermId,
        pattern: TermId,
    },
    Case {
        branches: Vec<(TermId, TermId)>,
        otherwise: Option<TermId>,
    },
    /// `safe`: null instead of an error.
    Cast {
        to: DataType,
        safe: bool,
        value: TermId,
    },
    Call {
        function: String,
        arguments: Vec<TermId>,
    },
    /// Whether a subquery has rows. `parameters` are terms of the row space around it.
    Exists {
        row: RowId,
        parameters: Vec<TermId>,
    },
    /// `value = any (subquery)`, with nulls as SQL has them. `operator` is the comparison; `all` for `all`.
    Quantified {
        operator: &'static str,
        all: bool,
        value: TermId,
        row: RowId,
        of: TermId,
        parameters: Vec<TermId>,
    },
    /// The only value of a subquery; null without rows, an error with several.
    Scalar {
        row: RowId,
        of: TermId,
        parameters: Vec<TermId>,
    },
    /// The value `of` the row that has the given values, of which there is at most one; null without. Pairs of an outer
    /// term and one of `row`; null finds null where `nulls` says so.
    Lookup {
        row: RowId,
        on: Vec<(TermId, TermId)>,
        nulls: bool,
        of: TermId,
    },
}

#[derive(Clone, PartialEq, Debug)]
pub struct Aggregate {
    pub function: String,
    pub arguments: Vec<TermId>,
    pub distinct: bool,
    pub filter: Option<TermId>,
    pub order: Vec<SortTerm>,
    pub ignore_nulls: Option<bool>,
}

#[derive(Clone, PartialEq, Debug)]
pub struct Window {
    pub call: Aggregate,
    pub partition: Vec<TermId>,
    /// Units and bounds, `None` where the frame has none of its own.
    pub units: &'static str,
    pub start: Bound,
    pub end: Bound,
}

/// A bound of a window's frame; the distance is a literal, null for unbounded.
#[derive(Clone, PartialEq, Debug)]
pub enum Bound {
    Preceding(TermId),
    Current,
    Following(TermId),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SortTerm {
    pub term: TermId,
    pub ascending: bool,
    pub nulls_first: bool,
}

impl Term {
    /// Looks at the row itself, so that it means something else in another row space.
    pub fn is_atom(&self) -> bool {
        match self {
            Term::Input { .. }
            | Term::Leaf { .. }
            | Term::Key(_)
            | Term::GroupingId
            | Term::Aggregate(_)
            | Term::Branch(_)
            | Term::Element { .. }
            | Term::Slot { .. }
            | Term::Cut { .. }
            | Term::Window(_)
            | Term::Over { .. } => true,
            Term::Parameter { .. }
            | Term::Literal { .. }
            | Term::Binary { .. }
            | Term::Sequence { .. }
            | Term::Unary { .. }
            | Term::Like { .. }
            | Term::Case { .. }
            | Term::Cast { .. }
            | Term::Call { .. }
            | Term::Exists { .. }
            | Term::Quantified { .. }
            | Term::Scalar { .. }
            | Term::Lookup { .. } => false,
        }
    }
}

/// Holds each node once. Two nodes are the same if their digests are.
#[derive(Default, Debug)]
pub struct Arena {
    rows: Vec<(Row, Digest)>,
    terms: Vec<(Term, Digest)>,
    row_ids: HashMap<Digest, RowId>,
    term_ids: HashMap<Digest, TermId>,
}

impl Arena {
    pub fn row(&self, id: RowId) -> &Row {
        &self.rows[id.0 as usize].0
    }

    pub fn term(&self, id: TermId) -> &Term {
        &self.terms[id.0 as usize].0
    }

    pub fn row_digest(&self, id: RowId) -> Digest {
        self.rows[id.0 as usize].1
    }

    pub fn term_digest(&self, id: TermId) -> Digest {
        self.terms[id.0 as usize].1
    }

    /// Keeps a row space as it is given.
    pub fn add_row(&mut self, row: Row) -> RowId {
        let digest = encode::row(self, &row);
        if let Some(id) = self.row_ids.get(&digest) {
            return *id;
        }
        let id = RowId(u32::try_from(self.rows.len()).expect("fewer than 2^32 nodes"));
        self.rows.push((row, digest));
        self.row_ids.insert(digest, id);
        id
    }

    /// Keeps a term as it is given; [`super::rules`] bring it into its normal form first.
    pub fn add_term(&mut self, term: Term) -> TermId {
        let digest = encode::term(self, &term);
        if let Some(id) = self.term_ids.get(&digest) {
            return *id;
        }
        let id = TermId(u32::try_from(self.terms.len()).expect("fewer than 2^32 nodes"));
        self.terms.push((term, digest));
        self.term_ids.insert(digest, id);
        id
    }

    /// How many nodes there are.
    pub fn len(&self) -> usize {
        self.rows.len() + self.terms.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
