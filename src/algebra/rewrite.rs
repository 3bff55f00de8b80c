//! Terms moved from one row space into another.

use super::node::{Aggregate, Arena, Bound, Row, RowId, SortTerm, Term, TermId, Window};
use super::rules::{self, make};
use super::space::{Finished, Relation, Space};
use std::collections::HashMap;

/// Rebuilds a term with each atom replaced; everything else keeps its normal form. `done` remembers, so that shared parts
/// are visited once.
pub fn atoms(
    arena: &mut Arena,
    term: TermId,
    done: &mut HashMap<TermId, TermId>,
    replace: &mut dyn FnMut(&mut Arena, TermId) -> TermId,
) -> TermId {
    rebuild(arena, term, false, done, replace)
}

/// As [`atoms`]; parameters are replaced too where `parameters` says so.
fn rebuild(
    arena: &mut Arena,
    term: TermId,
    parameters_too: bool,
    done: &mut HashMap<TermId, TermId>,
    replace: &mut dyn FnMut(&mut Arena, TermId) -> TermId,
) -> TermId {
    if let Some(known) = done.get(&term) {
        return *known;
    }
    let node = arena.term(term).clone();
    let mut each = |arena: &mut Arena, part: TermId| rebuild(arena, part, parameters_too, done, replace);
    let result = match node {
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
        | Term::Over { .. } => replace(arena, term),
        // A lookup's own row space may hold parameters of the body that it stands in.
        Term::Parameter { .. } | Term::Lookup { .. } if parameters_too => replace(arena, term),
        Term::Parameter { .. } | Term::Literal { .. } => term,
        Term::Binary { operator, left, right } => {
            let (left, right) = (each(arena, left), each(arena, right));
            make(arena, Term::Binary { operator, left, right })
        }
        Term::Sequence { operator, operands } => {
            let operands = operands.into_iter().map(|operand| each(arena, operand)).collect();
            make(arena, Term::Sequence { operator, operands })
        }
        Term::Unary { operator, operand } => {
            let operand = each(arena, operand);
            make(arena, Term::Unary { operator, operand })
        }
        Term::Like { case_insensitive, regex, escape, value, pattern } => {
            let (value, pattern) = (each(arena, value), each(arena, pattern));
            make(arena, Term::Like { case_insensitive, regex, escape, value, pattern })
        }
        Term::Case { branches, otherwise } => {
            let branches = branches.into_iter().map(|(when, then)| (each(arena, when), each(arena, then))).collect();
            let otherwise = otherwise.map(|otherwise| each(arena, otherwise));
            make(arena, Term::Case { branches, otherwise })
        }
        Term::Cast { to, safe, value } => {
            let value = each(arena, value);
            make(arena, Term::Cast { to, safe, value })
        }
        Term::Call { function, arguments } => {
            let arguments = arguments.into_iter().map(|argument| each(arena, argument)).collect();
            make(arena, Term::Call { function, arguments })
        }
        Term::Exists { row, parameters } => {
            let parameters = parameters.into_iter().map(|parameter| each(arena, parameter)).collect();
            make(arena, Term::Exists { row, parameters })
        }
        Term::Quantified { operator, all, value, row, of, parameters } => {
            let value = each(arena, value);
            let parameters = parameters.into_iter().map(|parameter| each(arena, parameter)).collect();
            make(arena, Term::Quantified { operator, all, value, row, of, parameters })
        }
        Term::Scalar { row, of, parameters } => {
            let parameters = parameters.into_iter().map(|parameter| each(arena, parameter)).collect();
            make(arena, Term::Scalar { row, of, parameters })
        }
        Term::Lookup { row, on, nulls, of } => {
            let on = on.into_iter().map(|(outer, inner)| (each(arena, outer), inner)).collect();
            make(arena, Term::Lookup { row, on, nulls, of })
        }
    };
    done.insert(term, result);
    result
}

/// Gives a term of one leaf as a term of the select around it, as leaf number `leaf`.
pub fn lift(arena: &mut Arena, term: TermId, leaf: usize, done: &mut HashMap<TermId, TermId>) -> TermId {
    atoms(arena, term, done, &mut |arena, atom| arena.add_term(Term::Leaf { leaf, of: atom }))
}

/// The opposite of [`lift`], for a select of only one leaf.
pub fn lower(arena: &mut Arena, term: TermId, done: &mut HashMap<TermId, TermId>) -> TermId {
    atoms(arena, term, done, &mut |arena, atom| match arena.term(atom) {
        Term::Leaf { leaf: 0, of } => *of,
        _ => atom,
    })
}

/// Gives leaves other numbers.
pub fn renumber(
    arena: &mut Arena,
    term: TermId,
    number: &dyn Fn(usize) -> usize,
    done: &mut HashMap<TermId, TermId>,
) -> TermId {
    atoms(arena, term, done, &mut |arena, atom| match arena.term(atom).clone() {
        Term::Leaf { leaf, of } => arena.add_term(Term::Leaf { leaf: number(leaf), of }),
        Term::Over { row, term, leaves } => {
            let leaves = leaves.into_iter().map(number).collect();
            arena.add_term(Term::Over { row, term, leaves })
        }
        _ => atom,
    })
}

/// The leaves that a term of a select looks at.
pub fn leaves(arena: &mut Arena, term: TermId) -> Vec<usize> {
    let mut found = Vec::new();
    atoms(arena, term, &mut HashMap::new(), &mut |arena, atom| {
        match arena.term(atom) {
            Term::Leaf { leaf, .. } => found.push(*leaf),
            Term::Over { leaves, .. } => found.extend(leaves),
            _ => {}
        }
        atom
    });
    found.sort_unstable();
    found.dedup();
    found
}

/// Whether a term says something of one leaf and of nothing else: no window, whose value depends on other rows.
pub fn only_of_leaf(arena: &mut Arena, term: TermId, leaf: usize) -> bool {
    let (mut some, mut other) = (false, false);
    atoms(arena, term, &mut HashMap::new(), &mut |arena, atom| {
        match arena.term(atom) {
            Term::Leaf { leaf: found, .. } if *found == leaf => some = true,
            _ => other = true,
        }
        atom
    });
    some && !other
}

/// Whether a term looks at the row at all.
pub fn is_constant(arena: &mut Arena, term: TermId) -> bool {
    let mut constant = true;
    atoms(arena, term, &mut HashMap::new(), &mut |_, atom| {
        constant = false;
        atom
    });
    constant
}

/// Replaces the parameters of a subquery's body. Bodies of subqueries within have parameters of their own.
pub struct Parameters<'a> {
    replace: &'a dyn Fn(&mut Arena, usize) -> TermId,
    rows: HashMap<RowId, RowId>,
    terms: HashMap<TermId, TermId>,
}

impl Parameters<'_> {
    pub fn new(replace: &dyn Fn(&mut Arena, usize) -> TermId) -> Parameters<'_> {
        Parameters { replace, rows: HashMap::new(), terms: HashMap::new() }
    }

    pub fn row(&mut self, arena: &mut Arena, id: RowId) -> RowId {
        if let Some(known) = self.rows.get(&id) {
            return *known;
        }
        let row = match arena.row(id).clone() {
            row @ (Row::Unit | Row::Empty | Row::Scan(_) | Row::Work { .. } | Row::Cut { .. }) => row,
            Row::Select { leaves, conditions } => {
                let leaves = leaves.into_iter().map(|leaf| self.row(arena, leaf)).collect();
                let mut conditions = self.terms(arena, conditions);
                conditions.sort_by_key(|condition| arena.term_digest(*condition));
                Row::Select { leaves, conditions }
            }
            Row::LeftJoin { left, right, on } => {
                let (left, right) = (self.row(arena, left), self.row(arena, right));
                Row::LeftJoin { left, right, on: self.terms(arena, on) }
            }
            Row::FullJoin { left, right, on } => {
                let (left, right) = (self.row(arena, left), self.row(arena, right));
                Row::FullJoin { left, right, on: self.terms(arena, on) }
            }
            Row::Group { input, keys, sets } => {
                let input = self.row(arena, input);
                let sets = sets.into_iter().map(|set| self.terms(arena, set)).collect();
                Row::Group { input, keys: self.terms(arena, keys), sets }
            }
            Row::Union(legs) => Row::Union(legs.into_iter().map(|leg| self.row(arena, leg)).collect()),
            Row::Limit { input, order, skip, fetch } => {
                let input = self.row(arena, input);
                let skip = skip.map(|skip| self.term(arena, skip));
                let fetch = fetch.map(|fetch| self.term(arena, fetch));
                Row::Limit { input, order: self.order(arena, order), skip, fetch }
            }
            Row::First { input, keys, order } => {
                let input = self.row(arena, input);
                Row::First { input, keys: self.terms(arena, keys), order: self.order(arena, order) }
            }
            Row::Unnest { input, lists, options } => {
                let input = self.row(arena, input);
                let lists = lists.into_iter().map(|(list, depth)| (self.term(arena, list), depth)).collect();
                Row::Unnest { input, lists, options }
            }
            Row::Recursive { start, first, step, next, distinct } => {
                let (start, step) = (self.row(arena, start), self.row(arena, step));
                Row::Recursive { start, first: self.terms(arena, first), step, next: self.terms(arena, next), distinct }
            }
            Row::Function { name, arguments } => Row::Function { name, arguments: self.terms(arena, arguments) },
            Row::Opaque { text, inputs } => {
                let inputs = inputs.into_iter().map(|(row, columns)| {
                    let row = self.row(arena, row);
                    (row, self.terms(arena, columns))
                });
                Row::Opaque { text, inputs: inputs.collect() }
            }
        };
        let result = arena.add_row(row);
        self.rows.insert(id, result);
        result
    }

    pub fn term(&mut self, arena: &mut Arena, id: TermId) -> TermId {
        if let Some(known) = self.terms.get(&id) {
            return *known;
        }
        let result = match arena.term(id).clone() {
            Term::Parameter { index, .. } => (self.replace)(arena, index),
            Term::Input { .. } | Term::GroupingId | Term::Slot { .. } | Term::Cut { .. } | Term::Literal { .. } => id,
            Term::Leaf { leaf, of } => {
                let of = self.term(arena, of);
                arena.add_term(Term::Leaf { leaf, of })
            }
            Term::Key(of) => {
                let of = self.term(arena, of);
                arena.add_term(Term::Key(of))
            }
            Term::Aggregate(aggregate) => {
                let aggregate = Box::new(self.aggregate(arena, *aggregate));
                arena.add_term(Term::Aggregate(aggregate))
            }
            Term::Branch(legs) => {
                let legs = self.terms(arena, legs);
                arena.add_term(Term::Branch(legs))
            }
            Term::Element { of, nth } => {
                let of = self.term(arena, of);
                arena.add_term(Term::Element { of, nth })
            }
            Term::Window(window) => {
                let call = self.aggregate(arena, window.call);
                let partition = self.terms(arena, window.partition);
                let start = self.bound(arena, window.start);
                let end = self.bound(arena, window.end);
                arena.add_term(Term::Window(Box::new(Window { call, partition, units: window.units, start, end })))
            }
            Term::Over { row, term, leaves } => {
                let (row, term) = (self.row(arena, row), self.term(arena, term));
                arena.add_term(Term::Over { row, term, leaves })
            }
            Term::Binary { operator, left, right } => {
                let (left, right) = (self.term(arena, left), self.term(arena, right));
                make(arena, Term::Binary { operator, left, right })
            }
            Term::Sequence { operator, operands } => {
                let operands = self.terms(arena, operands);
                make(arena, Term::Sequence { operator, operands })
            }
            Term::Unary { operator, operand } => {
                let operand = self.term(arena, operand);
                make(arena, Term::Unary { operator, operand })
            }
            Term::Like { case_insensitive, regex, escape, value, pattern } => {
                let (value, pattern) = (self.term(arena, value), self.term(arena, pattern));
                make(arena, Term::Like { case_insensitive, regex, escape, value, pattern })
            }
            Term::Case { branches, otherwise } => {
                let branches =
                    branches.into_iter().map(|(when, then)| (self.term(arena, when), self.term(arena, then))).collect();
                let otherwise = otherwise.map(|otherwise| self.term(arena, otherwise));
                make(arena, Term::Case { branches, otherwise })
            }
            Term::Cast { to, safe, value } => {
                let value = self.term(arena, value);
                make(arena, Term::Cast { to, safe, value })
            }
            Term::Call { function, arguments } => {
                let arguments = self.terms(arena, arguments);
                make(arena, Term::Call { function, arguments })
            }
            // The bodies below have parameters of their own.
            Term::Exists { row, parameters } => {
                let parameters = self.terms(arena, parameters);
                make(arena, Term::Exists { row, parameters })
            }
            Term::Quantified { operator, all, value, row, of, parameters } => {
                let value = self.term(arena, value);
                let parameters = self.terms(arena, parameters);
                make(arena, Term::Quantified { operator, all, value, row, of, parameters })
            }
            Term::Scalar { row, of, parameters } => {
                let parameters = self.terms(arena, parameters);
                make(arena, Term::Scalar { row, of, parameters })
            }
            Term::Lookup { row, on, nulls, of } => {
                let row = self.row(arena, row);
                let on = on.into_iter().map(|(outer, inner)| (self.term(arena, outer), self.term(arena, inner)));
                let on = on.collect();
                let of = self.term(arena, of);
                make(arena, Term::Lookup { row, on, nulls, of })
            }
        };
        self.terms.insert(id, result);
        result
    }

    fn terms(&mut self, arena: &mut Arena, terms: Vec<TermId>) -> Vec<TermId> {
        terms.into_iter().map(|term| self.term(arena, term)).collect()
    }

    fn order(&mut self, arena: &mut Arena, order: Vec<SortTerm>) -> Vec<SortTerm> {
        order.into_iter().map(|sort| SortTerm { term: self.term(arena, sort.term), ..sort }).collect()
    }

    fn bound(&mut self, arena: &mut Arena, bound: Bound) -> Bound {
        match bound {
            Bound::Preceding(distance) => Bound::Preceding(self.term(arena, distance)),
            Bound::Current => Bound::Current,
            Bound::Following(distance) => Bound::Following(self.term(arena, distance)),
        }
    }

    fn aggregate(&mut self, arena: &mut Arena, aggregate: Aggregate) -> Aggregate {
        Aggregate {
            arguments: self.terms(arena, aggregate.arguments),
            filter: aggregate.filter.map(|filter| self.term(arena, filter)),
            order: self.order(arena, aggregate.order),
            ..aggregate
        }
    }
}

/// A subquery's body with only the parameters that it uses: atoms of the query around and its own parameters, each once,
/// in the order of their digests. What is computed from them is computed in the body.
pub fn close(
    arena: &mut Arena,
    row: RowId,
    of: Option<TermId>,
    parameters: Vec<TermId>,
) -> (RowId, Option<TermId>, Vec<TermId>) {
    if parameters.is_empty() {
        return (row, of, parameters);
    }
    let used = parameters_of(arena, row, of.as_slice());
    let mut kept: Vec<TermId> = Vec::new();
    for parameter in used.iter().filter_map(|index| parameters.get(*index)) {
        rebuild(arena, *parameter, true, &mut HashMap::new(), &mut |_, atom| {
            kept.push(atom);
            atom
        });
    }
    kept.sort_by_key(|atom| arena.term_digest(*atom));
    kept.dedup();
    let mut inner: HashMap<usize, TermId> = HashMap::new();
    for index in used {
        let Some(parameter) = parameters.get(index) else { continue };
        let within = rebuild(arena, *parameter, true, &mut HashMap::new(), &mut |arena, atom| {
            let index = kept.iter().position(|other| *other == atom).unwrap_or_default();
            let bits = rules::bits_of(arena, atom);
            arena.add_term(Term::Parameter { index, bits })
        });
        inner.insert(index, within);
    }
    let replace = |arena: &mut Arena, index: usize| {
        inner.get(&index).copied().unwrap_or_else(|| arena.add_term(Term::Parameter { index, bits: None }))
    };
    let mut visitor = Parameters::new(&replace);
    let row = visitor.row(arena, row);
    let columns = of.map(|of| visitor.term(arena, of)).into_iter().collect();
    // The leaves were put in order by conditions with the parameters' old numbers, which depend on the text.
    let (leaves, conditions, columns) = Finished { row, columns }.open().into_select(arena);
    let body = Relation { space: Space::Select { leaves, conditions }, columns }.finish(arena);
    (body.row, body.columns.first().copied(), kept)
}

/// The parameters that a body uses, in order.
pub fn parameters_of(arena: &mut Arena, row: RowId, terms: &[TermId]) -> Vec<usize> {
    let used = std::cell::RefCell::new(std::collections::BTreeSet::new());
    let note = |arena: &mut Arena, index: usize| {
        used.borrow_mut().insert(index);
        arena.add_term(Term::Parameter { index, bits: None })
    };
    let mut visitor = Parameters::new(&note);
    visitor.row(arena, row);
    for term in terms {
        visitor.term(arena, *term);
    }
    used.into_inner().into_iter().collect()
}
