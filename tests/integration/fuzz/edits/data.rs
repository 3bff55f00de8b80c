//! Edits of the rows of sources.

use super::super::generate::row;
use super::super::project::{Project, Source, cell};
use super::super::random::Random;
use super::Claim::{Changes, Nothing, NothingButTies};
use super::Edit;

pub const EDITS: &[Edit] = &[
    ("one value", Changes, value),
    ("one value becomes null", Changes, null),
    ("more rows", Changes, more_rows),
    ("fewer rows", Changes, fewer_rows),
    ("no rows", Changes, no_rows),
    ("a row twice", Changes, twice),
    ("the order of rows", Changes, order_of_rows),
    ("a file written again", Nothing, written_again),
    ("a value that nothing reads", NothingButTies, unread_value),
];

fn any_source<'a>(project: &'a mut Project, random: &mut Random) -> &'a mut Source {
    let index = random.below(project.sources.len());
    &mut project.sources[index]
}

/// A row and a column of a source that has both.
fn place(source: &Source, random: &mut Random) -> Option<(usize, usize)> {
    let place = (random.below(source.rows.len()), random.below(source.columns.len()));
    (!source.rows.is_empty()).then_some(place)
}

fn value(project: &mut Project, random: &mut Random) -> bool {
    let source = any_source(project, random);
    let Some((at, column)) = place(source, random) else { return false };
    let fresh = row(source, random);
    source.rows[at][column].clone_from(&fresh[column]);
    true
}

fn null(project: &mut Project, random: &mut Random) -> bool {
    let source = any_source(project, random);
    let Some((at, column)) = place(source, random) else { return false };
    source.rows[at][column] = None;
    !source.columns[column].not_null
}

fn more_rows(project: &mut Project, random: &mut Random) -> bool {
    let source = any_source(project, random);
    for _ in 0..1 + random.below(2) {
        let fresh = row(source, random);
        source.rows.push(fresh);
    }
    source.rows.len() <= 10
}

fn fewer_rows(project: &mut Project, random: &mut Random) -> bool {
    let source = any_source(project, random);
    let Some((at, _)) = place(source, random) else { return false };
    source.rows.remove(at);
    true
}

fn no_rows(project: &mut Project, random: &mut Random) -> bool {
    // Once empty, a project has little to show: not too often.
    let source = any_source(project, random);
    source.rows.clear();
    random.chance(30)
}

fn twice(project: &mut Project, random: &mut Random) -> bool {
    let source = any_source(project, random);
    let Some((at, _)) = place(source, random) else { return false };
    let copy = source.rows[at].clone();
    source.rows.push(copy);
    source.rows.len() <= 10
}

fn order_of_rows(project: &mut Project, random: &mut Random) -> bool {
    let index = random.below(project.sources.len());
    random.shuffle(&mut project.sources[index].rows);
    true
}

fn written_again(project: &mut Project, random: &mut Random) -> bool {
    any_source(project, random).rewritten += 1;
    true
}

fn unread_value(project: &mut Project, random: &mut Random) -> bool {
    let mut unread = Vec::new();
    for (index, source) in project.sources.iter().enumerate() {
        for (at, column) in source.columns.iter().enumerate() {
            if !project.is_used(&source.name, &column.name) {
                unread.push((index, at));
            }
        }
    }
    let Some((index, at)) = random.pick(&unread) else { return false };
    let source = &mut project.sources[index];
    let row = random.below(source.rows.len());
    let (kind, not_null) = (source.columns[at].kind, source.columns[at].not_null);
    let fresh = cell(kind, random);
    if source.rows.is_empty() || not_null && fresh.is_none() {
        return false;
    }
    source.rows[row][at] = fresh;
    true
}
