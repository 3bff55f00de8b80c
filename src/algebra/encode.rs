//! Nodes → digests, encoded by hand: a tag, then every field, each with its length. Plans are never hashed or printed.

use super::node::{Aggregate, Arena, Bound, Digest, Row, SortTerm, Term, TermId};
use super::plant;
use crate::sql::DataType;
use crate::sql::types::storage_type;

/// What is written into a digest. The tests leave out one after the other and must notice each.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Field {
    RelationName,
    ColumnName,
    ColumnType,
    Leaf,
    LeafTerm,
    Leaves,
    Conditions,
    JoinSides,
    JoinOn,
    JoinKind,
    GroupInput,
    GroupKeys,
    GroupingSets,
    Legs,
    LimitInput,
    LimitSkip,
    LimitFetch,
    FirstKeys,
    SortTerm,
    SortDirection,
    SortNulls,
    UnnestLists,
    RecursiveParts,
    RecursiveDistinct,
    FunctionName,
    FunctionArguments,
    AggregateName,
    AggregateArguments,
    AggregateDistinct,
    AggregateFilter,
    AggregateOrder,
    AggregateNulls,
    BranchTerms,
    ElementNumber,
    SlotNumber,
    WindowPartition,
    FrameUnits,
    FrameStart,
    FrameEnd,
    OverRow,
    OverTerm,
    OverLeaves,
    ParameterNumber,
    LiteralType,
    LiteralValue,
    Operator,
    Operands,
    LikeCase,
    LikeKind,
    LikeEscape,
    CaseBranches,
    CaseOtherwise,
    CastType,
    CastSafe,
    CastValue,
    CallName,
    CallArguments,
    SubqueryRow,
    SubqueryTerm,
    SubqueryParameters,
    QuantifiedAll,
    QuantifiedOperator,
    LookupRow,
    LookupOn,
    LookupTerm,
    ColumnRow,
    OpaqueText,
    OpaqueInputs,
}

impl Field {
    pub const ALL: [Field; 68] = [
        Field::RelationName,
        Field::ColumnName,
        Field::ColumnType,
        Field::Leaf,
        Field::LeafTerm,
        Field::Leaves,
        Field::Conditions,
        Field::JoinSides,
        Field::JoinOn,
        Field::JoinKind,
        Field::GroupInput,
        Field::GroupKeys,
        Field::GroupingSets,
        Field::Legs,
        Field::LimitInput,
        Field::LimitSkip,
        Field::LimitFetch,
        Field::FirstKeys,
        Field::SortTerm,
        Field::SortDirection,
        Field::SortNulls,
        Field::UnnestLists,
        Field::RecursiveParts,
        Field::RecursiveDistinct,
        Field::FunctionName,
        Field::FunctionArguments,
        Field::AggregateName,
        Field::AggregateArguments,
        Field::AggregateDistinct,
        Field::AggregateFilter,
        Field::AggregateOrder,
        Field::AggregateNulls,
        Field::BranchTerms,
        Field::ElementNumber,
        Field::SlotNumber,
        Field::WindowPartition,
        Field::FrameUnits,
        Field::FrameStart,
        Field::FrameEnd,
        Field::OverRow,
        Field::OverTerm,
        Field::OverLeaves,
        Field::ParameterNumber,
        Field::LiteralType,
        Field::LiteralValue,
        Field::Operator,
        Field::Operands,
        Field::LikeCase,
        Field::LikeKind,
        Field::LikeEscape,
        Field::CaseBranches,
        Field::CaseOtherwise,
        Field::CastType,
        Field::CastSafe,
        Field::CastValue,
        Field::CallName,
        Field::CallArguments,
        Field::SubqueryRow,
        Field::SubqueryTerm,
        Field::SubqueryParameters,
        Field::QuantifiedAll,
        Field::QuantifiedOperator,
        Field::LookupRow,
        Field::LookupOn,
        Field::LookupTerm,
        Field::ColumnRow,
        Field::OpaqueText,
        Field::OpaqueInputs,
    ];
}

/// A digest under way.
struct Encoder(blake3::Hasher);

impl Encoder {
    fn new(tag: u8) -> Encoder {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&[tag]);
        Encoder(hasher)
    }

    fn bytes(&mut self, field: Field, bytes: &[u8]) -> &mut Encoder {
        if !plant::leaves_out(field) {
            self.0.update(&(bytes.len() as u64).to_le_bytes());
            self.0.update(bytes);
        }
        self
    }

    fn text(&mut self, field: Field, text: &str) -> &mut Encoder {
        self.bytes(field, text.as_bytes())
    }

    fn number(&mut self, field: Field, number: usize) -> &mut Encoder {
        self.bytes(field, &(number as u64).to_le_bytes())
    }

    fn data_type(&mut self, field: Field, data_type: &DataType) -> &mut Encoder {
        match data_type {
            // The usual ones without formatting a text.
            DataType::Int64 => self.text(field, "Int64"),
            DataType::Int32 => self.text(field, "Int32"),
            DataType::Utf8 => self.text(field, "Utf8"),
            other => self.text(field, &storage_type(other).to_string()),
        }
    }

    fn term(&mut self, field: Field, arena: &Arena, term: TermId) -> &mut Encoder {
        self.bytes(field, &arena.term_digest(term))
    }

    fn terms(&mut self, field: Field, arena: &Arena, terms: &[TermId]) -> &mut Encoder {
        self.number(field, terms.len());
        for term in terms {
            self.term(field, arena, *term);
        }
        self
    }

    fn optional(&mut self, field: Field, arena: &Arena, term: Option<TermId>) -> &mut Encoder {
        match term {
            Some(term) => self.term(field, arena, term),
            None => self.bytes(field, &[]),
        }
    }

    fn order(&mut self, arena: &Arena, order: &[SortTerm]) -> &mut Encoder {
        self.number(Field::SortTerm, order.len());
        for sort in order {
            self.term(Field::SortTerm, arena, sort.term);
            self.bytes(Field::SortDirection, &[u8::from(sort.ascending)]);
            self.bytes(Field::SortNulls, &[u8::from(sort.nulls_first)]);
        }
        self
    }

    fn aggregate(&mut self, arena: &Arena, aggregate: &Aggregate) -> &mut Encoder {
        self.text(Field::AggregateName, &aggregate.function);
        self.terms(Field::AggregateArguments, arena, &aggregate.arguments);
        self.bytes(Field::AggregateDistinct, &[u8::from(aggregate.distinct)]);
        self.optional(Field::AggregateFilter, arena, aggregate.filter);
        if !plant::leaves_out(Field::AggregateOrder) {
            self.order(arena, &aggregate.order);
        }
        let nulls = match aggregate.ignore_nulls {
            None => 0,
            Some(false) => 1,
            Some(true) => 2,
        };
        self.bytes(Field::AggregateNulls, &[nulls])
    }

    /// A digest that stands for everything.
    fn digest(&mut self, digest: &Digest) -> &mut Encoder {
        self.0.update(digest);
        self
    }

    fn bound(&mut self, field: Field, arena: &Arena, bound: &Bound) -> &mut Encoder {
        match bound {
            Bound::Preceding(distance) => self.bytes(field, b"p").term(field, arena, *distance),
            Bound::Current => self.bytes(field, b"c"),
            Bound::Following(distance) => self.bytes(field, b"f").term(field, arena, *distance),
        }
    }

    fn finish(&mut self) -> Digest {
        *self.0.finalize().as_bytes()
    }
}

/// The digest of a row space.
pub fn row(arena: &Arena, row: &Row) -> Digest {
    use Field as F;
    match row {
        Row::Unit => Encoder::new(1).finish(),
        Row::Empty => Encoder::new(2).finish(),
        Row::Scan(relation) => Encoder::new(3).text(F::RelationName, &relation.to_string()).finish(),
        Row::Select { leaves, conditions } => {
            let mut encoder = Encoder::new(4);
            encoder.number(F::Leaves, leaves.len());
            for leaf in leaves {
                encoder.bytes(F::Leaves, &arena.row_digest(*leaf));
            }
            encoder.terms(F::Conditions, arena, conditions).finish()
        }
        Row::LeftJoin { left, right, on } | Row::FullJoin { left, right, on } => {
            let kind = if matches!(row, Row::LeftJoin { .. }) { b"left" } else { b"full" };
            let mut encoder = Encoder::new(5);
            encoder.bytes(F::JoinKind, kind);
            encoder.bytes(F::JoinSides, &arena.row_digest(*left)).bytes(F::JoinSides, &arena.row_digest(*right));
            encoder.terms(F::JoinOn, arena, on).finish()
        }
        Row::Group { input, keys, sets } => {
            let mut encoder = Encoder::new(6);
            encoder.bytes(F::GroupInput, &arena.row_digest(*input)).terms(F::GroupKeys, arena, keys);
            encoder.number(F::GroupingSets, sets.len());
            for set in sets {
                encoder.terms(F::GroupingSets, arena, set);
            }
            encoder.finish()
        }
        Row::Union(legs) => {
            let mut encoder = Encoder::new(7);
            encoder.number(F::Legs, legs.len());
            for leg in legs {
                encoder.bytes(F::Legs, &arena.row_digest(*leg));
            }
            encoder.finish()
        }
        Row::Limit { input, order, skip, fetch } => {
            let mut encoder = Encoder::new(8);
            encoder.bytes(F::LimitInput, &arena.row_digest(*input)).order(arena, order);
            encoder.optional(F::LimitSkip, arena, *skip).optional(F::LimitFetch, arena, *fetch).finish()
        }
        Row::First { input, keys, order } => {
            let mut encoder = Encoder::new(9);
            encoder.bytes(F::LimitInput, &arena.row_digest(*input)).terms(F::FirstKeys, arena, keys);
            encoder.order(arena, order).finish()
        }
        Row::Unnest { input, lists, options } => {
            let mut encoder = Encoder::new(10);
            encoder.bytes(F::LimitInput, &arena.row_digest(*input)).number(F::UnnestLists, lists.len());
            for (list, depth) in lists {
                encoder.term(F::UnnestLists, arena, *list).number(F::UnnestLists, *depth);
            }
            encoder.text(F::UnnestLists, options).finish()
        }
        Row::Recursive { start, first, step, next, distinct } => {
            let mut encoder = Encoder::new(11);
            encoder.bytes(F::RecursiveParts, &arena.row_digest(*start)).terms(F::RecursiveParts, arena, first);
            encoder.bytes(F::RecursiveParts, &arena.row_digest(*step)).terms(F::RecursiveParts, arena, next);
            encoder.bytes(F::RecursiveDistinct, &[u8::from(*distinct)]).finish()
        }
        Row::Work { level } => Encoder::new(12).number(F::SlotNumber, *level).finish(),
        Row::Function { name, arguments } => {
            Encoder::new(13).text(F::FunctionName, name).terms(F::FunctionArguments, arena, arguments).finish()
        }
        Row::Cut { of, reads: _ } => Encoder::new(15).digest(of).finish(),
        Row::Opaque { text, inputs } => {
            let mut encoder = Encoder::new(14);
            encoder.text(F::OpaqueText, text).number(F::OpaqueInputs, inputs.len());
            for (row, columns) in inputs {
                encoder.bytes(F::OpaqueInputs, &arena.row_digest(*row)).terms(F::OpaqueInputs, arena, columns);
            }
            encoder.finish()
        }
    }
}

/// The digest of a term.
pub fn term(arena: &Arena, term: &Term) -> Digest {
    use Field as F;
    match term {
        Term::Input { relation, column, data_type } => Encoder::new(32)
            .text(F::RelationName, &relation.to_string())
            .text(F::ColumnName, column)
            .data_type(F::ColumnType, data_type)
            .finish(),
        Term::Leaf { leaf, of } => Encoder::new(33).number(F::Leaf, *leaf).term(F::LeafTerm, arena, *of).finish(),
        Term::Key(of) => Encoder::new(34).term(F::LeafTerm, arena, *of).finish(),
        Term::GroupingId => Encoder::new(35).finish(),
        Term::Aggregate(aggregate) => Encoder::new(36).aggregate(arena, aggregate).finish(),
        Term::Branch(legs) => Encoder::new(37).terms(F::BranchTerms, arena, legs).finish(),
        Term::Element { of, nth } => {
            Encoder::new(38).term(F::LeafTerm, arena, *of).number(F::ElementNumber, *nth).finish()
        }
        Term::Cut { of, reads: _ } => Encoder::new(55).digest(of).finish(),
        Term::Slot { index, data_type } => {
            Encoder::new(39).number(F::SlotNumber, *index).data_type(F::ColumnType, data_type).finish()
        }
        Term::Window(window) => {
            let mut encoder = Encoder::new(40);
            encoder.aggregate(arena, &window.call).terms(F::WindowPartition, arena, &window.partition);
            encoder.text(F::FrameUnits, window.units);
            encoder.bound(F::FrameStart, arena, &window.start).bound(F::FrameEnd, arena, &window.end).finish()
        }
        Term::Over { row, term, leaves } => {
            let mut encoder = Encoder::new(41);
            encoder.bytes(F::OverRow, &arena.row_digest(*row)).term(F::OverTerm, arena, *term);
            encoder.number(F::OverLeaves, leaves.len());
            for leaf in leaves {
                encoder.number(F::OverLeaves, *leaf);
            }
            encoder.finish()
        }
        // Terms of one digest are one term: parameters of different widths have to stay apart.
        Term::Parameter { index, bits } => {
            let width = bits.map_or(0, |bits| bits as usize);
            Encoder::new(42).number(F::ParameterNumber, *index << 8 | width).finish()
        }
        // The text is for people.
        Term::Literal { data_type, value, text: _ } => {
            Encoder::new(43).data_type(F::LiteralType, data_type).bytes(F::LiteralValue, value).finish()
        }
        Term::Binary { operator, left, right } => Encoder::new(44)
            .text(F::Operator, operator)
            .term(F::Operands, arena, *left)
            .term(F::Operands, arena, *right)
            .finish(),
        Term::Sequence { operator, operands } => {
            Encoder::new(45).text(F::Operator, operator).terms(F::Operands, arena, operands).finish()
        }
        Term::Unary { operator, operand } => {
            Encoder::new(46).text(F::Operator, operator).term(F::Operands, arena, *operand).finish()
        }
        Term::Like { case_insensitive, regex, escape, value, pattern } => {
            let mut encoder = Encoder::new(47);
            encoder.bytes(F::LikeCase, &[u8::from(*case_insensitive)]).bytes(F::LikeKind, &[u8::from(*regex)]);
            encoder.number(F::LikeEscape, escape.map_or(0, |escape| escape as usize + 1));
            encoder.term(F::Operands, arena, *value).term(F::Operands, arena, *pattern).finish()
        }
        Term::Case { branches, otherwise } => {
            let mut encoder = Encoder::new(48);
            encoder.number(F::CaseBranches, branches.len());
            for (when, then) in branches {
                encoder.term(F::CaseBranches, arena, *when).term(F::CaseBranches, arena, *then);
            }
            encoder.optional(F::CaseOtherwise, arena, *otherwise).finish()
        }
        Term::Cast { to, safe, value } => Encoder::new(49)
            .data_type(F::CastType, to)
            .bytes(F::CastSafe, &[u8::from(*safe)])
            .term(F::CastValue, arena, *value)
            .finish(),
        Term::Call { function, arguments } => {
            Encoder::new(50).text(F::CallName, function).terms(F::CallArguments, arena, arguments).finish()
        }
        Term::Exists { row, parameters } => Encoder::new(51)
            .bytes(F::SubqueryRow, &arena.row_digest(*row))
            .terms(F::SubqueryParameters, arena, parameters)
            .finish(),
        Term::Quantified { operator, all, value, row, of, parameters } => Encoder::new(52)
            .text(F::QuantifiedOperator, operator)
            .bytes(F::QuantifiedAll, &[u8::from(*all)])
            .term(F::Operands, arena, *value)
            .bytes(F::SubqueryRow, &arena.row_digest(*row))
            .term(F::SubqueryTerm, arena, *of)
            .terms(F::SubqueryParameters, arena, parameters)
            .finish(),
        Term::Scalar { row, of, parameters } => Encoder::new(53)
            .bytes(F::SubqueryRow, &arena.row_digest(*row))
            .term(F::SubqueryTerm, arena, *of)
            .terms(F::SubqueryParameters, arena, parameters)
            .finish(),
        Term::Lookup { row, on, nulls, of } => {
            let mut encoder = Encoder::new(if *nulls { 55 } else { 54 });
            encoder.bytes(F::LookupRow, &arena.row_digest(*row)).number(F::LookupOn, on.len());
            for (outer, inner) in on {
                encoder.term(F::LookupOn, arena, *outer).term(F::LookupOn, arena, *inner);
            }
            encoder.term(F::LookupTerm, arena, *of).finish()
        }
    }
}

/// The fingerprint of an output column: its term over its row space, in the type that is stored.
pub fn column(arena: &Arena, row: super::RowId, term: TermId, data_type: &DataType) -> Digest {
    Encoder::new(64)
        .bytes(Field::ColumnRow, &arena.row_digest(row))
        .term(Field::LeafTerm, arena, term)
        .data_type(Field::ColumnType, data_type)
        .finish()
}
