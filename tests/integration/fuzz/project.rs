//! A random project as a value: sources with their rows, slices with their queries, and how the text is laid out.

use super::generate::Maker;
use super::query::{Expr, Query};
use super::random::Random;
use super::shape::reads;
use icepie::name::RelationName;
use std::collections::BTreeSet;

/// The types of columns and expressions, as far as the generator tells them apart.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Kind {
    Int,
    /// Multiples of 1/8: sums are exact in any order.
    Float,
    /// Any double, such as an average: never summed, since the last bit would depend on the order.
    Ratio,
    Text,
    Date,
    Bool,
}

/// A value as CSV has it; `None` is null.
pub type Cell = Option<String>;

/// Names and kinds of the columns of a table.
pub type Shape = Vec<(String, Kind)>;

#[derive(Clone, PartialEq, Debug)]
pub struct Project {
    pub domains: Vec<Domain>,
    pub sources: Vec<Source>,
    /// Each behind what it reads.
    pub slices: Vec<Slice>,
    /// The last number that a made-up name took.
    pub fresh: u32,
}

#[derive(Clone, PartialEq, Debug)]
pub struct Domain {
    pub name: String,
    pub owner: u32,
}

#[derive(Clone, PartialEq, Debug)]
pub struct Source {
    pub name: RelationName,
    pub columns: Vec<Column>,
    pub key: Vec<String>,
    pub rows: Vec<Vec<Cell>>,
    /// Counts up to have the file written again as it is.
    pub rewritten: u32,
    pub place: Place,
}

#[derive(Clone, PartialEq, Debug)]
pub struct Column {
    pub name: String,
    pub kind: Kind,
    pub not_null: bool,
    /// An integer of 64 bits instead of 32.
    pub wide: bool,
}

#[derive(Clone, PartialEq, Debug)]
pub struct Slice {
    pub name: RelationName,
    pub is_virtual: bool,
    pub query: Query,
    pub key: Vec<String>,
    pub partition_by: Vec<String>,
    pub checks: Vec<Check>,
    pub broken: Option<Break>,
    pub documented: bool,
    pub style: Style,
    pub place: Place,
}

/// What keeps a slice at its last good version.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Break {
    /// A check that no row keeps: it fails when it is built.
    Check,
    /// An error in its query: it can't be built.
    Query,
}

#[derive(Clone, PartialEq, Debug)]
pub struct Check {
    pub name: String,
    pub predicate: Expr,
}

/// How a query's text looks; no part of its meaning.
#[derive(Clone, PartialEq, Default, Debug)]
pub struct Style {
    pub upper: bool,
    pub wide: bool,
    /// The number in the query's comments; 0 for none.
    pub remark: u32,
}

/// Where a declaration stands: in which file, and in which order there.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Debug)]
pub struct Place {
    pub file: usize,
    pub rank: usize,
}

impl Source {
    /// Whether its rows keep key and not-null.
    pub fn keeps_promises(&self) -> bool {
        let promised = |column: &Column| column.not_null || self.key.contains(&column.name);
        let mut promising = self.columns.iter().enumerate().filter(|(_, column)| promised(column));
        let no_nulls = promising.all(|(at, _)| self.rows.iter().all(|row| row[at].is_some()));
        let positions: Vec<usize> = self.key.iter().filter_map(|name| self.position(name)).collect();
        let keys: BTreeSet<Vec<&Cell>> =
            self.rows.iter().map(|row| positions.iter().map(|at| &row[*at]).collect()).collect();
        no_nulls && (self.key.is_empty() || keys.len() == self.rows.len())
    }

    pub fn position(&self, column: &str) -> Option<usize> {
        self.columns.iter().position(|other| other.name == column)
    }

    /// Adds a column behind the others, or does nothing where there is one of that name.
    pub fn add_column(&mut self, name: &str, kind: Kind, random: &mut Random) -> bool {
        if self.position(name).is_some() {
            return false;
        }
        self.columns.push(Column { name: name.to_owned(), kind, not_null: false, wide: false });
        for row in &mut self.rows {
            row.push(cell(kind, random));
        }
        true
    }
}

/// A random value from a small domain, null now and then.
pub fn cell(kind: Kind, random: &mut Random) -> Cell {
    if random.chance(20) {
        return None;
    }
    Some(match kind {
        Kind::Int | Kind::Bool => random.below(3).to_string(),
        Kind::Float | Kind::Ratio => format!("{:?}", random.below(17) as f64 / 8.0),
        Kind::Text => ["a", "b"][random.below(2)].to_owned(),
        Kind::Date => format!("2026-01-0{}", 1 + random.below(3)),
    })
}

impl Project {
    pub fn source(&self, name: &RelationName) -> Option<&Source> {
        self.sources.iter().find(|source| &source.name == name)
    }

    pub fn source_mut(&mut self, name: &RelationName) -> Option<&mut Source> {
        self.sources.iter_mut().find(|source| &source.name == name)
    }

    pub fn slice(&self, name: &RelationName) -> Option<&Slice> {
        self.slices.iter().find(|slice| &slice.name == name)
    }

    /// The slices whose rows are stored.
    pub fn stored(&self) -> BTreeSet<RelationName> {
        self.slices.iter().filter(|slice| !slice.is_virtual).map(|slice| slice.name.clone()).collect()
    }

    /// The same without what breaks slices.
    pub fn mended(&self) -> Project {
        let mut project = self.clone();
        project.slices.iter_mut().for_each(|slice| slice.broken = None);
        project
    }

    /// The slices that are broken, and all that comes after them.
    pub fn astray(&self) -> BTreeSet<RelationName> {
        let mut astray = BTreeSet::new();
        for slice in &self.slices {
            if slice.broken.is_some() || !reads(&slice.query).is_disjoint(&astray) {
                astray.insert(slice.name.clone());
            }
        }
        astray
    }

    /// A name that is new in the project.
    pub fn name(&mut self, prefix: &str) -> String {
        self.fresh += 1;
        format!("{prefix}{}", self.fresh)
    }

    /// Makes queries over the sources and the first `before` slices. Its `fresh` goes back into the project.
    pub fn maker<'a>(&self, before: usize, random: &'a mut Random) -> Maker<'a> {
        let sources = self.sources.iter().map(|source| &source.name);
        let names = sources.chain(self.slices.iter().take(before).map(|slice| &slice.name));
        let relations = names.map(|name| (name.clone(), self.shape(name))).collect();
        Maker { random, relations, fresh: self.fresh }
    }

    /// Whether the rows of all sources keep their promises.
    pub fn sources_keep_promises(&self) -> bool {
        self.sources.iter().all(Source::keeps_promises)
    }
}
