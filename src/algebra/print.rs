//! Row spaces and terms as people read them.

use super::node::{Aggregate, Arena, Bound, Row, RowId, SortTerm, Term, TermId};
use super::space::Finished;
use crate::semantic::Slice;
use std::fmt::Write;

/// A slice's rows and columns.
pub fn relation(arena: &Arena, slice: &Slice, finished: &Finished) -> String {
    let printer = Printer { arena };
    let mut text = String::from("rows\n");
    printer.row(finished.row, 1, &mut text);
    text.push_str("columns\n");
    let width = slice.columns.iter().map(|column| column.name.chars().count()).max().unwrap_or(0);
    for (column, term) in slice.columns.iter().zip(&finished.columns) {
        let _ = writeln!(text, "  {:width$}  {}", column.name, printer.term(*term));
    }
    text
}

struct Printer<'a> {
    arena: &'a Arena,
}

impl Printer<'_> {
    fn row(&self, id: RowId, depth: usize, text: &mut String) {
        let pad = "  ".repeat(depth);
        let mut line = |line: String| {
            let _ = writeln!(text, "{pad}{line}");
        };
        let children: Vec<RowId> = match self.arena.row(id) {
            Row::Unit => {
                line("one row".to_owned());
                Vec::new()
            }
            Row::Empty => {
                line("no row".to_owned());
                Vec::new()
            }
            Row::Scan(relation) => {
                line(format!("scan {relation}"));
                Vec::new()
            }
            Row::Select { leaves, conditions } => {
                line("select".to_owned());
                for condition in conditions {
                    line(format!("  where {}", self.term(*condition)));
                }
                leaves.clone()
            }
            Row::LeftJoin { left, right, on } => {
                line(format!("left join on {}", self.terms(on, " and ")));
                vec![*left, *right]
            }
            Row::FullJoin { left, right, on } => {
                line(format!("full join on {}", self.terms(on, " and ")));
                vec![*left, *right]
            }
            Row::Group { input, keys, sets } => {
                let keys = if keys.is_empty() { "nothing".to_owned() } else { self.terms(keys, ", ") };
                line(format!("group by {keys}"));
                for set in sets {
                    line(format!("  set ({})", self.terms(set, ", ")));
                }
                vec![*input]
            }
            Row::Union(legs) => {
                line("union all".to_owned());
                legs.clone()
            }
            Row::Limit { input, order, skip, fetch } => {
                let order = if order.is_empty() { String::new() } else { format!(" by {}", self.order(order)) };
                let skip = skip.map(|skip| format!(" behind {}", self.term(skip))).unwrap_or_default();
                let fetch = fetch.map(|fetch| format!(" {}", self.term(fetch))).unwrap_or_default();
                line(format!("first{fetch}{skip}{order}"));
                vec![*input]
            }
            Row::First { input, keys, order } => {
                line(format!("first for each {} by {}", self.terms(keys, ", "), self.order(order)));
                vec![*input]
            }
            Row::Unnest { input, lists, options: _ } => {
                let lists: Vec<String> = lists.iter().map(|(list, _)| self.term(*list)).collect();
                line(format!("unnest {}", lists.join(", ")));
                vec![*input]
            }
            Row::Recursive { start, first, step, next, distinct } => {
                let kind = if *distinct { "distinct " } else { "" };
                line(format!("{kind}fixpoint from ({}) by ({})", self.terms(first, ", "), self.terms(next, ", ")));
                vec![*start, *step]
            }
            Row::Work { level } => {
                line(format!("rows of the step before, level {level}"));
                Vec::new()
            }
            Row::Function { name, arguments } => {
                line(format!("{name}({})", self.terms(arguments, ", ")));
                Vec::new()
            }
            Row::Cut { of: _, reads } => {
                line(format!(
                    "a large query over {}",
                    reads.keys().map(ToString::to_string).collect::<Vec<_>>().join(", ")
                ));
                Vec::new()
            }
            Row::Opaque { text: _, inputs } => {
                line("opaque".to_owned());
                inputs.iter().map(|(row, _)| *row).collect()
            }
        };
        for child in children {
            self.row(child, depth + 1, text);
        }
    }

    fn terms(&self, terms: &[TermId], separator: &str) -> String {
        terms.iter().map(|term| self.term(*term)).collect::<Vec<_>>().join(separator)
    }

    fn order(&self, order: &[SortTerm]) -> String {
        let sort = |sort: &SortTerm| {
            let direction = if sort.ascending { "" } else { " desc" };
            let nulls = if sort.nulls_first { " nulls first" } else { "" };
            format!("{}{direction}{nulls}", self.term(sort.term))
        };
        order.iter().map(sort).collect::<Vec<_>>().join(", ")
    }

    fn aggregate(&self, call: &Aggregate) -> String {
        let distinct = if call.distinct { "distinct " } else { "" };
        let order =
            if call.order.is_empty() { String::new() } else { format!(" order by {}", self.order(&call.order)) };
        let filter = call.filter.map(|filter| format!(" where {}", self.term(filter))).unwrap_or_default();
        format!("{}({distinct}{}{order}){filter}", call.function, self.terms(&call.arguments, ", "))
    }

    fn bound(&self, bound: &Bound) -> String {
        match bound {
            Bound::Preceding(distance) => format!("{} preceding", self.term(*distance)),
            Bound::Current => "current".to_owned(),
            Bound::Following(distance) => format!("{} following", self.term(*distance)),
        }
    }

    /// A term; leaves are numbered from 1 as they stand below their row space.
    fn term(&self, id: TermId) -> String {
        match self.arena.term(id) {
            Term::Input { relation, column, data_type: _ } => format!("{relation}.{column}"),
            Term::Leaf { leaf, of } => match self.arena.term(*of) {
                Term::Input { column, .. } => format!("#{}.{column}", leaf + 1),
                _ => format!("#{}.[{}]", leaf + 1, self.term(*of)),
            },
            Term::Key(of) => format!("key {}", self.term(*of)),
            Term::GroupingId => "grouping id".to_owned(),
            Term::Aggregate(call) => self.aggregate(call),
            Term::Branch(legs) => format!("either({})", self.terms(legs, " | ")),
            Term::Element { of, nth } => format!("element {nth} of {}", self.term(*of)),
            Term::Cut { of, reads: _ } => format!("column {}", &super::hex(of)[..8]),
            Term::Slot { index, data_type: _ } => format!("column {}", index + 1),
            Term::Window(window) => format!(
                "{} over (partition by {} {} {} to {})",
                self.aggregate(&window.call),
                self.terms(&window.partition, ", "),
                window.units,
                self.bound(&window.start),
                self.bound(&window.end)
            ),
            Term::Over { row: _, term, leaves: _ } => format!("[{}]", self.term(*term)),
            Term::Parameter { index, .. } => format!("?{}", index + 1),
            Term::Literal { data_type, text, value: _ } => match data_type {
                crate::sql::DataType::Utf8 => format!("'{text}'"),
                _ => text.clone(),
            },
            Term::Binary { operator, left, right } => {
                let operator = operator.strip_prefix("either ").unwrap_or(operator);
                format!("({} {operator} {})", self.term(*left), self.term(*right))
            }
            Term::Sequence { operator, operands } => format!("({})", self.terms(operands, &format!(" {operator} "))),
            Term::Unary { operator, operand } if operator.starts_with("is") => {
                format!("({} {operator})", self.term(*operand))
            }
            Term::Unary { operator, operand } => format!("({operator} {})", self.term(*operand)),
            Term::Like { case_insensitive, regex, escape: _, value, pattern } => {
                let word = match (regex, case_insensitive) {
                    (true, _) => "similar to",
                    (false, true) => "ilike",
                    (false, false) => "like",
                };
                format!("({} {word} {})", self.term(*value), self.term(*pattern))
            }
            Term::Case { branches, otherwise } => {
                let branch =
                    |(when, then): &(TermId, TermId)| format!(" when {} then {}", self.term(*when), self.term(*then));
                let branches: String = branches.iter().map(branch).collect();
                let otherwise = otherwise.map(|term| format!(" else {}", self.term(term))).unwrap_or_default();
                format!("case{branches}{otherwise} end")
            }
            Term::Cast { to, safe, value } => {
                let word = if *safe { "try_cast" } else { "cast" };
                format!("{word}({} as {})", self.term(*value), crate::sql::types::display_type(to))
            }
            Term::Call { function, arguments } => format!("{function}({})", self.terms(arguments, ", ")),
            Term::Exists { row, parameters } => {
                format!("exists({}{})", self.body(*row), self.parameters(parameters))
            }
            Term::Quantified { operator, all, value, row, of, parameters } => {
                let word = if *all { "all" } else { "any" };
                let body = format!("{} of {}{}", self.term(*of), self.body(*row), self.parameters(parameters));
                format!("({} {operator} {word}({body}))", self.term(*value))
            }
            Term::Scalar { row, of, parameters } => {
                format!("value({} of {}{})", self.term(*of), self.body(*row), self.parameters(parameters))
            }
            Term::Lookup { row, on, nulls, of } => {
                let equals = if *nulls { "is not distinct from" } else { "=" };
                let pair =
                    |(outer, inner): &(TermId, TermId)| format!("{} {equals} {}", self.term(*inner), self.term(*outer));
                let on: Vec<String> = on.iter().map(pair).collect();
                format!("lookup({} of {} where {})", self.term(*of), self.body(*row), on.join(" and "))
            }
        }
    }

    /// A row space in one line.
    fn body(&self, row: RowId) -> String {
        let mut text = String::new();
        self.row(row, 0, &mut text);
        text.lines().map(str::trim).collect::<Vec<_>>().join("; ")
    }

    fn parameters(&self, parameters: &[TermId]) -> String {
        if parameters.is_empty() { String::new() } else { format!(" with {}", self.terms(parameters, ", ")) }
    }
}
