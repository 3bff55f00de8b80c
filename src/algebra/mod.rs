//! Analysed plans → row spaces and column terms → fingerprints.
//!
//! A query means a pair: one **row space**, which rows there are, and one **term** for each output column, what value a row
//! has. Both are hash-consed nodes without names, aliases, CTEs or subquery structure; [`Rule`]s bring them into a normal
//! form. The fingerprint of a column is the digest of its term over its row space.
//!
//! > If two queries have the same row space and the same terms for some columns, then these columns together hold the
//! > same bag of rows in both, on any data.
//!
//! By induction over the nodes: each denotes one bag of abstract rows, or one function of them, whatever the query it
//! stands in. Fingerprints of single columns without a common row space would not do: two joins can have the same columns
//! one by one and differ in how they are put together.
//!
//! | written so | row space | what another output column changes |
//! |---|---|---|
//! | `select`, `where`, inner join | [`Row::Select`] | only itself |
//! | `distinct`, `union`, `intersect`, `except`, `group by all` | [`Row::Group`] over all columns | everything |
//! | `group by` and an aggregate | [`Row::Group`] | only itself |
//! | a window function | as it was | only itself |
//! | left join on a verified key | as it was, columns are [`Term::Lookup`]s | only columns of that join |
//! | `limit` | [`Row::Limit`], its order a part of it | only itself, unless it breaks ties |
//! | `exists`, `in`, `intersect`, `except` | a condition with the subquery's row space | only itself |
//!
//! [`rewritten`] gives a query a second form, by some of the engine's own rewrites; it isn't needed for any of the above.
//!
//! Each query is modelled twice: over what it reads (**inputs**), and with the slices it reads written out down to frozen
//! **sources**. The first finds out that an input that was rebuilt to the same content changes nothing; the second that a
//! CTE was made a slice, a slice renamed, or a column added that nobody uses.

mod convert;
mod encode;
mod facts;
mod literal;
mod meanings;
mod node;
pub mod plant;
mod print;
mod rewrite;
mod rules;
mod space;

pub use encode::Field;
pub use meanings::{AllMeanings, Meanings, meanings};
pub use node::{Arena, Digest, Row, RowId, Term, TermId};
pub use rules::Rule;

use crate::name::RelationName;
use crate::resolve::Read;
use crate::semantic::{Check, SemanticModel, Slice};
use convert::{Converter, Input};
use facts::Facts;
use serde::{Deserialize, Serialize};
use space::Finished;
use std::collections::{BTreeMap, BTreeSet, HashSet};

/// Columns that are read of each relation; a relation without any is read for how many rows it has.
pub type Reads = BTreeMap<RelationName, BTreeSet<String>>;

/// What a query means, as fingerprints in hex.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Meaning {
    /// Of the row space.
    pub row: String,
    /// What decides which rows there are.
    pub row_reads: Reads,
    /// In the order of the query's columns.
    pub columns: Vec<ColumnMeaning>,
    /// Output columns that identify a row, by position: proved, not promised.
    pub unique: Vec<Vec<usize>>,
    /// Why the query is opaque, where it is: any change of its text or of what it reads then counts.
    pub opaque: Option<String>,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ColumnMeaning {
    pub fingerprint: String,
    /// What decides the value, besides what decides the rows.
    pub reads: Reads,
}

impl Meaning {
    /// Everything that rows and columns read.
    pub fn reads(&self) -> Reads {
        let mut all = self.row_reads.clone();
        self.columns.iter().for_each(|column| add_reads(&column.reads, &mut all));
        all
    }
}

/// What a check's violations are: rows of its own slice and of what its predicate reads.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct CheckMeaning {
    pub fingerprint: String,
    pub reads: Reads,
}

/// What a slice means over what it reads, after a pinned set of the engine's own rewrites: a filter moved below a join or a
/// group, an outer join that a filter makes an inner one. It may only show that two queries mean the same; `None` where it
/// can't be modelled.
pub fn rewritten(model: &SemanticModel, slice: &Slice) -> Option<Meaning> {
    let facts = facts_of(model);
    let plan = crate::sql::rewritten(slice.plan.get()?)?;
    let mut arena = Arena::default();
    let inputs = |arena: &mut Arena, name: &RelationName| scan(arena, model, name);
    let finished = Converter::new(&mut arena, &facts, &inputs).query(&plan).ok()?;
    Some(meaning(&mut arena, &facts, slice, &finished, None))
}

/// A check by the row space of the rows that break it; one that isn't modelled by its text and all that it reads.
fn check_meaning(model: &SemanticModel, facts: &Facts, check: &Check) -> CheckMeaning {
    let mut arena = Arena::default();
    let mut reads = Reads::new();
    let inputs = |arena: &mut Arena, name: &RelationName| scan(arena, model, name);
    let converted = check.violations.get().and_then(|plan| Converter::new(&mut arena, facts, &inputs).query(plan).ok());
    let row = match converted {
        Some(finished) => finished.row,
        None => written(&mut arena, model, &check.normalized, &check.reads, &inputs),
    };
    row_reads_of(&arena, row, &mut reads, &mut Seen::default());
    CheckMeaning { fingerprint: hex(&arena.row_digest(row)), reads }
}

/// The model of one slice over what it reads, for people.
pub fn show(model: &SemanticModel, slice: &Slice) -> Option<String> {
    let facts = facts_of(model);
    let mut arena = Arena::default();
    let inputs = |arena: &mut Arena, name: &RelationName| scan(arena, model, name);
    let finished = Converter::new(&mut arena, &facts, &inputs).query(slice.plan.get()?);
    Some(match finished {
        Ok(finished) => print::relation(&arena, slice, &finished),
        Err(cause) => format!("opaque: {} has no model, so any change of the text counts\n", cause.0),
    })
}

fn facts_of(model: &SemanticModel) -> Facts {
    let mut facts = Facts::default();
    for (name, source) in model.sources.iter().filter(|(_, source)| source.valid) {
        let data_type = |column: &String| {
            let found = source.columns.iter().find(|other| &other.name == column)?;
            Some((column.clone(), found.data_type.clone()))
        };
        let never_null = source.columns.iter().filter(|column| !column.nullable);
        facts.not_null.insert(name.clone(), never_null.map(|column| column.name.clone()).collect());
        if let Some(key) = source.key.iter().map(data_type).collect::<Option<Vec<_>>>() {
            facts.keys.insert(name.clone(), key);
        }
    }
    facts
}

/// A relation as it is stored.
fn scan(arena: &mut Arena, model: &SemanticModel, name: &RelationName) -> Option<Input> {
    let columns = model.columns(name)?;
    let columns = columns.iter().map(|column| {
        let term = Term::Input {
            relation: name.clone(),
            column: column.name.clone(),
            data_type: crate::sql::types::storage_type(&column.data_type),
        };
        (column.name.clone(), arena.add_term(term))
    });
    let columns = columns.collect();
    Some(Input { row: arena.add_row(Row::Scan(name.clone())), columns })
}

/// A query without a model: its text, and everything of all that it reads.
fn whole(
    arena: &mut Arena,
    model: &SemanticModel,
    slice: &Slice,
    input: &dyn Fn(&mut Arena, &RelationName) -> Option<Input>,
) -> Finished {
    let row = written(arena, model, &slice.normalized, &slice.reads, input);
    let slots = slice.columns.iter().enumerate();
    let slots = slots.map(|(index, column)| arena.add_term(Term::Slot { index, data_type: column.data_type.clone() }));
    let columns = slots.collect();
    Finished { row, columns }
}

/// The row space of a text that isn't modelled.
fn written(
    arena: &mut Arena,
    model: &SemanticModel,
    normalized: &str,
    reads: &[Read],
    input: &dyn Fn(&mut Arena, &RelationName) -> Option<Input>,
) -> RowId {
    let mut text = format!("{normalized}\n");
    let mut inputs = Vec::new();
    let mut seen = BTreeSet::new();
    let mut queue: Vec<_> = reads.iter().map(|read| (read.key.clone(), read.of.clone())).collect();
    queue.sort();
    while let Some((key, name)) = queue.pop() {
        if !seen.insert((key.clone(), name.clone())) {
            continue;
        }
        // A virtual slice is a part of the query's own text.
        if let Some(inner) = model.slices.get(&name).filter(|slice| slice.is_virtual) {
            text.push_str(&format!("{key} is {name}: {}\n", inner.normalized));
            queue.extend(inner.reads.iter().map(|read| (read.key.clone(), read.of.clone())));
            continue;
        }
        let Some(input) = input(arena, &name) else { continue };
        let columns: Vec<String> = input.columns.iter().map(|(name, _)| name.clone()).collect();
        text.push_str(&format!("{key}: {}\n", columns.join(", ")));
        inputs.push((input.row, input.columns.iter().map(|(_, term)| *term).collect()));
    }
    arena.add_row(Row::Opaque { text, inputs })
}

fn meaning(arena: &mut Arena, facts: &Facts, slice: &Slice, finished: &Finished, opaque: Option<String>) -> Meaning {
    let unique = facts::unique(arena, facts, finished.row);
    let position = |term: &TermId| finished.columns.iter().position(|column| column == term);
    let unique = unique.iter().filter_map(|key| key.iter().map(position).collect()).collect();
    let mut row_reads = Reads::new();
    row_reads_of(arena, finished.row, &mut row_reads, &mut Seen::default());
    let columns = slice.columns.iter().zip(&finished.columns).map(|(column, term)| {
        let mut reads = Reads::new();
        term_reads_of(arena, *term, &mut reads, &mut Seen::default());
        let fingerprint = encode::column(arena, finished.row, *term, &column.data_type);
        ColumnMeaning { fingerprint: hex(&fingerprint), reads }
    });
    Meaning { row: hex(&arena.row_digest(finished.row)), columns: columns.collect(), row_reads, unique, opaque }
}

fn add_reads(more: &Reads, reads: &mut Reads) {
    for (relation, columns) in more {
        reads.entry(relation.clone()).or_default().extend(columns.iter().cloned());
    }
}

fn hex(digest: &Digest) -> String {
    blake3::Hash::from_bytes(*digest).to_hex().to_string()
}

#[derive(Default)]
struct Seen {
    rows: HashSet<RowId>,
    terms: HashSet<TermId>,
}

fn row_reads_of(arena: &Arena, id: RowId, reads: &mut Reads, seen: &mut Seen) {
    if !seen.rows.insert(id) {
        return;
    }
    let mut rows: Vec<RowId> = Vec::new();
    let mut terms: Vec<TermId> = Vec::new();
    match arena.row(id) {
        Row::Unit | Row::Empty | Row::Work { .. } => {}
        Row::Scan(relation) => {
            reads.entry(relation.clone()).or_default();
        }
        Row::Select { leaves, conditions } => {
            rows.extend(leaves);
            terms.extend(conditions);
        }
        Row::LeftJoin { left, right, on } | Row::FullJoin { left, right, on } => {
            rows.extend([*left, *right]);
            terms.extend(on);
        }
        Row::Group { input, keys, sets } => {
            rows.push(*input);
            terms.extend(keys);
            terms.extend(sets.iter().flatten());
        }
        Row::Union(legs) => rows.extend(legs),
        Row::Limit { input, order, skip, fetch } => {
            rows.push(*input);
            terms.extend(order.iter().map(|sort| sort.term));
            terms.extend(skip.iter().chain(fetch));
        }
        Row::First { input, keys, order } => {
            rows.push(*input);
            terms.extend(keys);
            terms.extend(order.iter().map(|sort| sort.term));
        }
        Row::Unnest { input, lists, options: _ } => {
            rows.push(*input);
            terms.extend(lists.iter().map(|(list, _)| *list));
        }
        Row::Recursive { start, first, step, next, distinct: _ } => {
            rows.extend([*start, *step]);
            terms.extend(first.iter().chain(next));
        }
        Row::Function { name: _, arguments } => terms.extend(arguments),
        Row::Cut { of: _, reads: more } => add_reads(more, reads),
        Row::Opaque { text: _, inputs } => {
            for (row, columns) in inputs {
                rows.push(*row);
                terms.extend(columns);
            }
        }
    }
    for row in rows {
        row_reads_of(arena, row, reads, seen);
    }
    for term in terms {
        term_reads_of(arena, term, reads, seen);
    }
}

fn term_reads_of(arena: &Arena, id: TermId, reads: &mut Reads, seen: &mut Seen) {
    if !seen.terms.insert(id) {
        return;
    }
    let mut rows: Vec<RowId> = Vec::new();
    let mut terms: Vec<TermId> = Vec::new();
    let aggregate = |call: &node::Aggregate, terms: &mut Vec<TermId>| {
        terms.extend(&call.arguments);
        terms.extend(call.filter);
        terms.extend(call.order.iter().map(|sort| sort.term));
    };
    match arena.term(id) {
        Term::Input { relation, column, data_type: _ } => {
            reads.entry(relation.clone()).or_default().insert(column.clone());
        }
        Term::Leaf { leaf: _, of } | Term::Key(of) | Term::Element { of, nth: _ } => terms.push(*of),
        Term::GroupingId | Term::Slot { .. } | Term::Parameter { .. } | Term::Literal { .. } => {}
        Term::Cut { of: _, reads: more } => add_reads(more, reads),
        Term::Aggregate(call) => aggregate(call, &mut terms),
        Term::Branch(legs) => terms.extend(legs),
        Term::Window(window) => {
            aggregate(&window.call, &mut terms);
            terms.extend(&window.partition);
        }
        Term::Over { row, term, leaves: _ } => {
            rows.push(*row);
            terms.push(*term);
        }
        Term::Binary { operator: _, left, right } => terms.extend([left, right]),
        Term::Sequence { operator: _, operands } => terms.extend(operands),
        Term::Unary { operator: _, operand } => terms.push(*operand),
        Term::Like { value, pattern, .. } => terms.extend([value, pattern]),
        Term::Case { branches, otherwise } => {
            terms.extend(branches.iter().flat_map(|(when, then)| [when, then]));
            terms.extend(otherwise);
        }
        Term::Cast { to: _, safe: _, value } => terms.push(*value),
        Term::Call { function: _, arguments } => terms.extend(arguments),
        Term::Exists { row, parameters } => {
            rows.push(*row);
            terms.extend(parameters);
        }
        Term::Quantified { operator: _, all: _, value, row, of, parameters } => {
            rows.push(*row);
            terms.extend([value, of]);
            terms.extend(parameters);
        }
        Term::Scalar { row, of, parameters } => {
            rows.push(*row);
            terms.push(*of);
            terms.extend(parameters);
        }
        Term::Lookup { row, on, nulls: _, of } => {
            rows.push(*row);
            terms.extend(on.iter().flat_map(|(outer, inner)| [outer, inner]));
            terms.push(*of);
        }
    }
    for row in rows {
        row_reads_of(arena, row, reads, seen);
    }
    for term in terms {
        term_reads_of(arena, term, reads, seen);
    }
}
