//! Random projects: a few sources with few rows, and slices over them and over each other, so that chains and diamonds
//! come about.

mod expr;
mod query;

pub use query::plain;

use super::project::{Cell, Check, Column, Domain, Kind, Place, Project, Shape, Slice, Source, Style, cell};
use super::query::{Expr, Group, Operator};
use super::random::Random;
use icepie::name::RelationName;

/// Makes queries and expressions over given relations.
pub struct Maker<'a> {
    pub random: &'a mut Random,
    /// What may be read.
    pub relations: Vec<(RelationName, Shape)>,
    /// The last number that a made-up name took.
    pub fresh: u32,
}

impl Maker<'_> {
    /// A name that is new in the project.
    pub fn name(&mut self, prefix: &str) -> String {
        self.fresh += 1;
        format!("{prefix}{}", self.fresh)
    }
}

/// Columns that sources are made of; the first is in each.
pub const COLUMNS: [(&str, Kind); 8] = [
    ("k", Kind::Int),
    ("g", Kind::Int),
    ("v", Kind::Int),
    ("w", Kind::Int),
    ("t", Kind::Text),
    ("f", Kind::Float),
    ("d", Kind::Date),
    ("u", Kind::Text),
];

const MOST_ROWS: usize = 8;

pub fn project(random: &mut Random) -> Project {
    let mut project = Project { domains: Vec::new(), sources: Vec::new(), slices: Vec::new(), fresh: 0 };
    for _ in 0..1 + random.below(2) {
        let name = project.name("team");
        project.domains.push(Domain { name, owner: 0 });
    }
    for _ in 0..2 + random.below(3) {
        let source = source(&mut project, random);
        project.sources.push(source);
    }
    for _ in 0..3 + random.below(6) {
        let slice = slice(&mut project, random);
        project.slices.push(slice);
    }
    project.repair();
    project
}

fn place(random: &mut Random) -> Place {
    Place { file: random.below(2), rank: random.below(100) }
}

fn relation_name(project: &mut Project, prefix: &str, random: &mut Random) -> RelationName {
    let domain = project.domains[random.below(project.domains.len())].name.clone();
    RelationName::new(domain, project.name(prefix))
}

fn source(project: &mut Project, random: &mut Random) -> Source {
    let name = relation_name(project, "r", random);
    let mut chosen: Vec<(&str, Kind)> = COLUMNS[1..].to_vec();
    random.shuffle(&mut chosen);
    chosen.truncate(1 + random.below(5));
    chosen.insert(0, COLUMNS[0]);
    let mut columns: Vec<Column> = Vec::new();
    for (name, kind) in chosen {
        let wide = kind == Kind::Int && random.chance(20);
        columns.push(Column { name: name.to_owned(), kind, not_null: name == "k", wide });
    }
    let key = match random.below(3) {
        0 => vec!["k".to_owned()],
        1 if columns.iter().any(|column| column.name == "g") => vec!["k".to_owned(), "g".to_owned()],
        _ => Vec::new(),
    };
    for column in &mut columns {
        column.not_null |= key.contains(&column.name);
    }
    let mut source = Source { name, columns, key, rows: Vec::new(), rewritten: 0, place: place(random) };
    for _ in 0..random.below(MOST_ROWS + 1) {
        let row = row(&source, random);
        source.rows.push(row);
        if !source.keeps_promises() {
            source.rows.pop();
        }
    }
    source
}

/// A row that has no null where none may be; its key may be taken.
pub fn row(source: &Source, random: &mut Random) -> Vec<Cell> {
    let mut row = Vec::new();
    for column in &source.columns {
        let value = cell(column.kind, random);
        let least = if column.kind == Kind::Int { Some("0".to_owned()) } else { None };
        row.push(if column.not_null { value.or(least) } else { value });
    }
    // A key alone has more values than other columns, so that there are rows.
    if source.key.len() == 1
        && let Some(at) = source.position(&source.key[0])
    {
        row[at] = Some(random.below(9).to_string());
    }
    row
}

fn slice(project: &mut Project, random: &mut Random) -> Slice {
    let name = relation_name(project, "s", random);
    let mut maker = project.maker(project.slices.len(), random);
    let (query, shape) = maker.query(2);
    project.fresh = maker.fresh;
    let mut slice = Slice {
        name,
        is_virtual: random.chance(12),
        query,
        key: Vec::new(),
        partition_by: Vec::new(),
        checks: Vec::new(),
        broken: None,
        documented: random.chance(20),
        style: Style::default(),
        place: place(random),
    };
    if slice.is_virtual {
        return slice;
    }
    let grouped = slice.query.legs.len() == 1 && slice.query.legs[0].group != Group::None;
    if grouped && random.chance(50) {
        let keys = slice.query.legs[0].items.iter().filter(|item| !item.expr.has_aggregate());
        slice.key = keys.map(|item| item.name.clone()).collect();
    }
    if random.chance(15) {
        let name = project.name("check");
        slice.checks.extend(check(name, &shape, random));
    }
    if random.chance(8) {
        let plain = shape.iter().filter(|(_, kind)| matches!(kind, Kind::Int | Kind::Date | Kind::Text));
        slice.partition_by = plain.take(1).map(|(name, _)| name.clone()).collect();
    }
    slice
}

/// A check that holds for every row: what is tested is when it is looked at, not what it finds.
pub fn check(name: String, shape: &Shape, random: &mut Random) -> Option<Check> {
    let ints: Vec<&String> = shape.iter().filter(|(_, kind)| *kind == Kind::Int).map(|(name, _)| name).collect();
    let column = Expr::Output(random.pick(&ints)?.clone());
    let least = Expr::binary(Operator::GreaterEqual, column.clone(), Expr::Int(-1_000_000));
    let null = Expr::IsNull { of: Box::new(column), negated: false };
    Some(Check { name, predicate: Expr::binary(Operator::Or, null, least) })
}
