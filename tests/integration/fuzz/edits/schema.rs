//! Edits of the columns, types and keys of sources, with their files.

use super::super::generate::COLUMNS;
use super::super::project::{Kind, Project, Source};
use super::super::query::{Expr, JoinOn, Relation, Select};
use super::super::random::Random;
use super::super::shape::{Use, use_of};
use super::super::walk::each_select;
use super::Claim::{Changes, NothingButTies, Unproved};
use super::Edit;
use icepie::name::RelationName;

pub const EDITS: &[Edit] = &[
    ("one more column of a source", Changes, column_added),
    ("one more column of a source, unread", NothingButTies, unread_added),
    ("an unread column of a source dropped", NothingButTies, unread_dropped),
    ("columns of a source reordered", NothingButTies, reordered),
    ("a name captured in a subquery", Changes, captured),
    ("a name captured in a subquery", Changes, captured),
    ("the key of a natural join grown", Changes, natural_key),
    ("an integer column widened", Changes, widened),
    ("the key of a source", Unproved, key),
    ("not null promised or not", Unproved, not_null),
];

/// A source that no query takes whole, so that a new column or another order changes nobody.
fn source_by_names(project: &Project, random: &mut Random) -> Option<usize> {
    let whole = |source: &Source| project.slices.iter().any(|slice| use_of(&slice.query, &source.name) == Use::Whole);
    let free: Vec<usize> = (0..project.sources.len()).filter(|at| !whole(&project.sources[*at])).collect();
    random.pick(&free)
}

fn column_added(project: &mut Project, random: &mut Random) -> bool {
    let index = random.below(project.sources.len());
    let Some((name, kind)) = random.pick(&COLUMNS) else { return false };
    project.sources[index].add_column(name, kind, random)
}

fn unread_added(project: &mut Project, random: &mut Random) -> bool {
    let Some(index) = source_by_names(project, random) else { return false };
    let name = project.name("z");
    let kind = [Kind::Int, Kind::Text, Kind::Float, Kind::Date][random.below(4)];
    project.sources[index].add_column(&name, kind, random)
}

fn unread_dropped(project: &mut Project, random: &mut Random) -> bool {
    let mut unread = Vec::new();
    for (index, source) in project.sources.iter().enumerate() {
        for (at, column) in source.columns.iter().enumerate() {
            if source.columns.len() > 2 && !project.is_used(&source.name, &column.name) {
                unread.push((index, at));
            }
        }
    }
    let Some((index, at)) = random.pick(&unread) else { return false };
    let source = &mut project.sources[index];
    source.columns.remove(at);
    for row in &mut source.rows {
        row.remove(at);
    }
    true
}

fn reordered(project: &mut Project, random: &mut Random) -> bool {
    let Some(index) = source_by_names(project, random) else { return false };
    let source = &mut project.sources[index];
    let by = 1 + random.below(source.columns.len() - 1);
    source.columns.rotate_left(by);
    for row in &mut source.rows {
        row.rotate_left(by);
    }
    true
}

/// `exists (select 1 from r where … and v <> 1)` reads the outer `v`, until `r` has a `v` of its own.
fn captured(project: &mut Project, random: &mut Random) -> bool {
    let mut found: Vec<(RelationName, String)> = Vec::new();
    for slice in &project.slices {
        each_select(&mut slice.query.clone(), &mut |select: &mut Select| {
            let Relation::Declared(name) = &select.from.relation else { return };
            for conjunct in &select.filter {
                let Expr::Binary(_, left, right) = conjunct else { continue };
                for side in [left, right] {
                    if let Expr::Column { table: None, name: column } = &**side {
                        found.push((name.clone(), column.clone()));
                    }
                }
            }
        });
    }
    found.retain(|(name, _)| project.source(name).is_some());
    let Some((name, column)) = random.pick(&found) else { return false };
    project.source_mut(&name).is_some_and(|source| source.add_column(&column, Kind::Int, random))
}

/// A column of one side of a natural join is added to the other.
fn natural_key(project: &mut Project, random: &mut Random) -> bool {
    let mut found: Vec<(RelationName, RelationName)> = Vec::new();
    for slice in &project.slices {
        each_select(&mut slice.query.clone(), &mut |select: &mut Select| {
            for join in &select.joins {
                if let (JoinOn::Natural, Relation::Declared(left), Relation::Declared(right)) =
                    (&join.on, &select.from.relation, &join.table.relation)
                {
                    found.push((left.clone(), right.clone()));
                    found.push((right.clone(), left.clone()));
                }
            }
        });
    }
    found.retain(|(_, to)| project.source(to).is_some());
    let Some((from, to)) = random.pick(&found) else { return false };
    let mut shape = project.shape(&from);
    shape.retain(|(_, kind)| !matches!(kind, Kind::Bool | Kind::Ratio));
    let Some((name, kind)) = random.pick(&shape) else { return false };
    project.source_mut(&to).is_some_and(|source| source.add_column(&name, kind, random))
}

fn widened(project: &mut Project, random: &mut Random) -> bool {
    let index = random.below(project.sources.len());
    let columns = &mut project.sources[index].columns;
    let ints: Vec<usize> = (0..columns.len()).filter(|at| columns[*at].kind == Kind::Int).collect();
    let Some(at) = random.pick(&ints) else { return false };
    columns[at].wide ^= true;
    true
}

fn key(project: &mut Project, random: &mut Random) -> bool {
    let index = random.below(project.sources.len());
    let source = &mut project.sources[index];
    if source.key.is_empty() {
        // Whether the rows keep it is looked at behind every edit.
        let names: Vec<String> = source.columns.iter().map(|column| column.name.clone()).collect();
        source.key = random.pick(&names).into_iter().collect();
    } else {
        source.key.clear();
    }
    true
}

fn not_null(project: &mut Project, random: &mut Random) -> bool {
    let index = random.below(project.sources.len());
    let columns = &mut project.sources[index].columns;
    let at = random.below(columns.len());
    columns[at].not_null ^= true;
    true
}
