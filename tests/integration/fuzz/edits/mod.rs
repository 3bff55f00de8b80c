//! Edits of a project, by name. Each says what it claims: that nothing changes whatever the data, or nothing at all.

mod spelling;
mod rewriting;
mod conditions;
mod label;
mod meaning;
mod column;
mod schema;
mod data;

use super::project::{Break, Project, Slice};
use super::query::{Expr, Query, Select, Table};
use super::random::Random;
use super::walk::{each_expr, each_select, each_table};

/// What an edit says of the rows of all slices, on any data.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Claim {
    /// They stay, and nothing may run.
    Nothing,
    /// They stay; only slices where the engine's choice among ties could be seen may run, since pie breaks ties by the
    /// remaining columns in their order, and that order may have changed.
    NothingButTies,
    /// They stay, but the proof isn't asked for: what runs all the same is counted as excess.
    Unproved,
    /// They may change.
    Changes,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Family {
    Spelling,
    Rewriting,
    Label,
    Meaning,
    Column,
    Schema,
    Data,
    Revert,
    Several,
    /// A slice is broken on purpose, beside an edit perhaps.
    Break,
    /// What was broken no longer is, beside an edit perhaps.
    Mend,
}

/// Changes a project where it finds a place for it; `false` leaves the project as it was, or half changed: it is thrown
/// away then.
pub type Apply = fn(&mut Project, &mut Random) -> bool;

/// A name, a claim, and the change.
pub type Edit = (&'static str, Claim, Apply);

const FAMILIES: [(Family, &[Edit], usize); 7] = [
    (Family::Spelling, spelling::EDITS, 12),
    (Family::Rewriting, rewriting::EDITS, 24),
    (Family::Label, label::EDITS, 12),
    (Family::Meaning, meaning::EDITS, 22),
    (Family::Column, column::EDITS, 10),
    (Family::Schema, schema::EDITS, 10),
    (Family::Data, data::EDITS, 16),
];

/// An edit that was made.
#[derive(Clone, Debug)]
pub struct Made {
    pub name: String,
    pub family: Family,
    pub claim: Claim,
    pub project: Project,
}

/// Makes one random edit, now and then two or three at once; `None` where no place was found for any.
pub fn random_edit(project: &Project, random: &mut Random) -> Option<Made> {
    let mut made = one(project, random)?;
    if random.chance(12) {
        for _ in 0..1 + random.below(2) {
            let Some(next) = one(&made.project, random) else { continue };
            made = Made {
                name: format!("{} + {}", made.name, next.name),
                family: Family::Several,
                claim: made.claim.max(next.claim),
                project: next.project,
            };
        }
    }
    Some(made)
}

/// Breaks a slice or two, where something else was edited perhaps.
pub fn breaking(project: &Project, random: &mut Random) -> Option<Made> {
    let edited = if random.chance(70) { random_edit(project, random) } else { None };
    let (name, mut project) = match edited {
        Some(made) => (format!("{} + a slice broken", made.name), made.project),
        None => ("a slice broken".to_owned(), project.clone()),
    };
    for _ in 0..1 + random.below(2) {
        let index = slice_where(&project, random, |slice| !slice.is_virtual)?;
        let broken = if random.chance(60) { Break::Check } else { Break::Query };
        project.slices[index].broken = Some(broken);
    }
    Some(Made { name, family: Family::Break, claim: Claim::Changes, project })
}

/// Mends all slices, or only edits something more.
pub fn mending(project: &Project, random: &mut Random) -> Option<Made> {
    let edited = if random.chance(40) { random_edit(project, random) } else { None };
    let (name, edited) = match edited {
        Some(made) => (format!("{}, mended", made.name), made.project),
        None => ("mended".to_owned(), project.clone()),
    };
    if random.chance(15) {
        let name = format!("not {name} yet");
        return Some(Made { name, family: Family::Break, claim: Claim::Changes, project: edited });
    }
    Some(Made { name, family: Family::Mend, claim: Claim::Changes, project: edited.mended() })
}

fn one(project: &Project, random: &mut Random) -> Option<Made> {
    let total: usize = FAMILIES.iter().map(|(_, _, weight)| weight).sum();
    for _ in 0..20 {
        let mut roll = random.below(total);
        for (family, edits, weight) in FAMILIES {
            if roll >= weight {
                roll -= weight;
                continue;
            }
            let (name, claim, apply) = edits[random.below(edits.len())];
            let mut changed = project.clone();
            if apply(&mut changed, random) {
                changed.repair();
                if &changed != project && changed.sources_keep_promises() {
                    return Some(Made { name: name.to_owned(), family, claim, project: changed });
                }
            }
            break;
        }
    }
    None
}

/// The names of all edits, each once.
pub fn names() -> Vec<&'static str> {
    FAMILIES.iter().flat_map(|(_, edits, _)| edits.iter().map(|(name, _, _)| *name)).collect()
}

/// A random slice, by its index.
fn any_slice(project: &Project, random: &mut Random) -> usize {
    random.below(project.slices.len())
}

/// A random slice that passes a test.
fn slice_where(project: &Project, random: &mut Random, fits: impl Fn(&Slice) -> bool) -> Option<usize> {
    let fitting = project.slices.iter().enumerate().filter(|(_, slice)| fits(slice));
    random.pick(&fitting.map(|(index, _)| index).collect::<Vec<_>>())
}

/// Changes one expression, chosen among all that fit.
fn one_expr(
    project: &mut Project,
    random: &mut Random,
    fits: impl Fn(&Expr) -> bool,
    mut change: impl FnMut(&mut Expr, &mut Random),
) -> bool {
    let mut count = 0;
    all_exprs(project, &mut |expr: &mut Expr| count += usize::from(fits(expr)));
    let chosen = random.below(count);
    let mut at = 0;
    all_exprs(project, &mut |expr: &mut Expr| {
        if fits(expr) {
            if at == chosen {
                change(expr, random);
            }
            at += 1;
        }
    });
    count > 0
}

fn all_exprs(project: &mut Project, each: &mut dyn FnMut(&mut Expr)) {
    for slice in &mut project.slices {
        each_expr(&mut slice.query, each);
    }
}

/// Changes one `select`, chosen among all that fit.
fn one_select(
    project: &mut Project,
    random: &mut Random,
    fits: impl Fn(&Select) -> bool,
    mut change: impl FnMut(&mut Select, &mut Random),
) -> bool {
    let mut count = 0;
    all_selects(project, &mut |select: &mut Select| count += usize::from(fits(select)));
    let chosen = random.below(count);
    let mut at = 0;
    all_selects(project, &mut |select: &mut Select| {
        if fits(select) {
            if at == chosen {
                change(select, random);
            }
            at += 1;
        }
    });
    count > 0
}

fn all_selects(project: &mut Project, each: &mut dyn FnMut(&mut Select)) {
    for slice in &mut project.slices {
        each_select(&mut slice.query, each);
    }
}

/// Changes one table of a `from` clause, chosen among all that fit.
fn one_table(
    project: &mut Project,
    random: &mut Random,
    fits: impl Fn(&Table) -> bool,
    mut change: impl FnMut(&mut Table),
) -> bool {
    let mut count = 0;
    for slice in &mut project.slices {
        each_table(&mut slice.query, &mut |table: &mut Table| count += usize::from(fits(table)));
    }
    let chosen = random.below(count);
    let mut at = 0;
    for slice in &mut project.slices {
        each_table(&mut slice.query, &mut |table: &mut Table| {
            if fits(table) {
                if at == chosen {
                    change(table);
                }
                at += 1;
            }
        });
    }
    count > 0
}

/// Changes the query of one slice, chosen among all that fit.
fn one_query(
    project: &mut Project,
    random: &mut Random,
    fits: impl Fn(&Query) -> bool,
    mut change: impl FnMut(&mut Query, &mut Random),
) -> bool {
    let Some(index) = slice_where(project, random, |slice| fits(&slice.query)) else { return false };
    change(&mut project.slices[index].query, random);
    true
}
