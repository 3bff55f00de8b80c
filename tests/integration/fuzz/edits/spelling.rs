//! Edits of text that mean nothing: blanks, comments, names that nobody else sees, places, documentation, checks.

use super::super::generate;
use super::super::project::Project;
use super::super::query::{Expr, Relation, Table};
use super::super::random::Random;
use super::super::walk::{each_expr, each_table};
use super::Claim::Nothing;
use super::{Edit, any_slice, one_table, slice_where};

pub const EDITS: &[Edit] = &[
    ("blanks", Nothing, blanks),
    ("a comment", Nothing, comment),
    ("letter case", Nothing, letter_case),
    ("an alias of a table", Nothing, alias),
    ("the name of a CTE", Nothing, cte_name),
    ("a table with its domain or without", Nothing, domain_of_table),
    ("a declaration in another file", Nothing, file),
    ("the order of declarations", Nothing, declaration_order),
    ("an owner", Nothing, owner),
    ("documentation", Nothing, documentation),
    ("one more check", Nothing, check_added),
    ("one check less", Nothing, check_dropped),
];

fn blanks(project: &mut Project, random: &mut Random) -> bool {
    let index = any_slice(project, random);
    project.slices[index].style.wide ^= true;
    true
}

fn comment(project: &mut Project, random: &mut Random) -> bool {
    let index = any_slice(project, random);
    project.slices[index].style.remark += 1;
    true
}

fn letter_case(project: &mut Project, random: &mut Random) -> bool {
    let index = any_slice(project, random);
    project.slices[index].style.upper ^= true;
    true
}

fn alias(project: &mut Project, random: &mut Random) -> bool {
    let new = project.name("t");
    let index = any_slice(project, random);
    let query = &mut project.slices[index].query;
    let mut aliases = Vec::new();
    each_table(query, &mut |table: &mut Table| aliases.push(table.alias.clone()));
    let Some(old) = random.pick(&aliases) else { return false };
    each_table(query, &mut |table: &mut Table| {
        if table.alias == old {
            table.alias.clone_from(&new);
        }
    });
    each_expr(query, &mut |expr: &mut Expr| {
        if let Expr::Column { table: Some(table), .. } = expr
            && *table == old
        {
            table.clone_from(&new);
        }
    });
    true
}

fn cte_name(project: &mut Project, random: &mut Random) -> bool {
    let new = project.name("q");
    let Some(index) = slice_where(project, random, |slice| !slice.query.ctes.is_empty()) else { return false };
    let query = &mut project.slices[index].query;
    let at = random.below(query.ctes.len());
    let old = std::mem::replace(&mut query.ctes[at].name, new.clone());
    each_table(query, &mut |table: &mut Table| {
        if table.relation == Relation::Cte(old.clone()) {
            table.relation = Relation::Cte(new.clone());
        }
    });
    true
}

fn domain_of_table(project: &mut Project, random: &mut Random) -> bool {
    let declared = |table: &Table| matches!(table.relation, Relation::Declared(_));
    one_table(project, random, declared, |table| table.long ^= true)
}

fn file(project: &mut Project, random: &mut Random) -> bool {
    let to = random.below(3);
    let index = random.below(project.slices.len() + project.sources.len());
    match index.checked_sub(project.slices.len()) {
        None => project.slices[index].place.file = to,
        Some(index) => project.sources[index].place.file = to,
    }
    true
}

fn declaration_order(project: &mut Project, random: &mut Random) -> bool {
    for slice in &mut project.slices {
        slice.place.rank = random.below(100);
    }
    for source in &mut project.sources {
        source.place.rank = random.below(100);
    }
    true
}

fn owner(project: &mut Project, random: &mut Random) -> bool {
    let index = random.below(project.domains.len());
    project.domains[index].owner += 1;
    true
}

fn documentation(project: &mut Project, random: &mut Random) -> bool {
    let index = any_slice(project, random);
    project.slices[index].documented ^= true;
    true
}

/// A check is verified over the rows that are there.
fn check_added(project: &mut Project, random: &mut Random) -> bool {
    let Some(index) = slice_where(project, random, |slice| !slice.is_virtual) else { return false };
    let shape = project.shape(&project.slices[index].name);
    let name = project.name("check");
    let Some(check) = generate::check(name, &shape, random) else { return false };
    project.slices[index].checks.push(check);
    true
}

fn check_dropped(project: &mut Project, random: &mut Random) -> bool {
    let Some(index) = slice_where(project, random, |slice| !slice.checks.is_empty()) else { return false };
    project.slices[index].checks.pop();
    true
}
