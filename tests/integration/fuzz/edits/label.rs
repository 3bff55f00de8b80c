//! Edits of names and places that readers see: columns and slices renamed, reordered, dropped, moved in and out of
//! slices of their own. The rows stay what they were.

use super::super::project::{Place, Project, Slice, Style};
use super::super::query::{Cte, Expr, Group, Query, Relation, Select, SetOperation, Table};
use super::super::random::Random;
use super::super::shape::{Use, use_of};
use super::super::walk::{each_expr, each_table};
use super::Claim::{NothingButTies, Unproved};
use super::rewriting::reads_cte;
use super::{Edit, any_slice, slice_where};
use icepie::name::RelationName;
use std::collections::BTreeSet;

pub const EDITS: &[Edit] = &[
    ("a column renamed", NothingButTies, column_renamed),
    ("a column renamed", NothingButTies, column_renamed),
    ("columns reordered", NothingButTies, columns_reordered),
    ("an unread column dropped", NothingButTies, column_dropped),
    ("an unread column dropped", NothingButTies, column_dropped),
    ("a slice renamed", Unproved, slice_renamed),
    ("a CTE as a slice of its own", Unproved, cte_to_slice),
    ("a slice as a CTE of its reader", Unproved, slice_to_cte),
    ("virtual or stored", Unproved, virtual_or_stored),
];

fn has_items(query: &Query) -> bool {
    query.legs.iter().all(|select| !select.items.is_empty())
}

fn column_renamed(project: &mut Project, random: &mut Random) -> bool {
    let new = project.name("x");
    let Some(index) = slice_where(project, random, |slice| has_items(&slice.query)) else { return false };
    let name = project.slices[index].name.clone();
    let bare = |expr: &Expr| matches!(expr, Expr::Column { table: None, .. });
    for reader in project.readers(&name) {
        let query = &mut project.slices[reader].query;
        let mut captures = false;
        each_expr(query, &mut |expr: &mut Expr| captures |= bare(expr));
        if captures || use_of(query, &name) == Use::Whole {
            return false;
        }
    }
    let slice = &mut project.slices[index];
    let at = random.below(slice.query.legs[0].items.len());
    let old = slice.query.legs[0].items[at].name.clone();
    for select in &mut slice.query.legs {
        select.items[at].name.clone_from(&new);
    }
    let rename = |name: &mut String| {
        if *name == old {
            name.clone_from(&new);
        }
    };
    slice.key.iter_mut().chain(&mut slice.partition_by).for_each(rename);
    let outputs = slice.checks.iter_mut().map(|check| &mut check.predicate);
    for expr in outputs.chain(slice.query.order.iter_mut().map(|key| &mut key.expr)) {
        rename_output(expr, &old, &new);
    }
    for reader in project.readers(&name) {
        let query = &mut project.slices[reader].query;
        let aliases = aliases(query, &name);
        each_expr(query, &mut |expr: &mut Expr| {
            if let Expr::Column { table: Some(table), name: column } = expr
                && aliases.contains(table.as_str())
                && *column == old
            {
                column.clone_from(&new);
            }
        });
    }
    true
}

/// The aliases under which a query reads a relation.
fn aliases(query: &mut Query, of: &RelationName) -> BTreeSet<String> {
    let mut aliases = BTreeSet::new();
    each_table(query, &mut |table: &mut Table| {
        if table.relation == Relation::Declared(of.clone()) {
            aliases.insert(table.alias.clone());
        }
    });
    aliases
}

fn rename_output(expr: &mut Expr, old: &str, new: &str) {
    match expr {
        Expr::Output(name) if name == old => *name = new.to_owned(),
        Expr::Binary(_, left, right) => {
            rename_output(left, old, new);
            rename_output(right, old, new);
        }
        Expr::IsNull { of, .. } | Expr::Not(of) => rename_output(of, old, new),
        _ => {}
    }
}

fn columns_reordered(project: &mut Project, random: &mut Random) -> bool {
    let fits = |slice: &Slice| has_items(&slice.query) && slice.query.legs[0].items.len() > 1;
    let Some(index) = slice_where(project, random, fits) else { return false };
    let legs = &mut project.slices[index].query.legs;
    let by = 1 + random.below(legs[0].items.len() - 1);
    for select in legs {
        select.items.rotate_left(by);
    }
    true
}

fn column_dropped(project: &mut Project, random: &mut Random) -> bool {
    let index = any_slice(project, random);
    let slice = &project.slices[index];
    let droppable = |select: &Select| select.items.len() > 1 && !select.distinct;
    let rows_stay = slice.query.legs.len() == 1 || slice.query.set == SetOperation::UnionAll;
    if slice.query.limit.is_some() || !rows_stay || !slice.query.legs.iter().all(droppable) {
        return false;
    }
    let at = random.below(slice.query.legs[0].items.len());
    if project.is_used(&slice.name, &slice.query.legs[0].items[at].name) {
        return false;
    }
    for select in &mut project.slices[index].query.legs {
        let item = select.items.remove(at);
        match (select.group, item.expr.has_aggregate()) {
            (Group::None, _) | (Group::Keys | Group::All, true) => {}
            // What is grouped by stays what it was.
            (Group::Keys, false) => select.hidden_keys.push(item.expr),
            (Group::All, false) => return false,
        }
    }
    true
}

fn slice_renamed(project: &mut Project, random: &mut Random) -> bool {
    let index = any_slice(project, random);
    let new = in_domain_of(project, index);
    let old = std::mem::replace(&mut project.slices[index].name, new.clone());
    for slice in &mut project.slices {
        each_table(&mut slice.query, &mut |table: &mut Table| {
            if table.relation == Relation::Declared(old.clone()) {
                table.relation = Relation::Declared(new.clone());
            }
        });
    }
    true
}

fn cte_to_slice(project: &mut Project, random: &mut Random) -> bool {
    let free = |cte: &Cte| !reads_cte(&cte.query);
    let Some(index) = slice_where(project, random, |slice| slice.query.ctes.iter().any(free)) else { return false };
    let name = in_domain_of(project, index);
    let query = &mut project.slices[index].query;
    let Some(at) = query.ctes.iter().position(free) else { return false };
    let cte = query.ctes.remove(at);
    each_table(query, &mut |table: &mut Table| {
        if table.relation == Relation::Cte(cte.name.clone()) {
            table.relation = Relation::Declared(name.clone());
        }
    });
    let slice = Slice {
        name,
        is_virtual: random.chance(30),
        query: cte.query,
        key: Vec::new(),
        partition_by: Vec::new(),
        checks: Vec::new(),
        broken: None,
        documented: false,
        style: Style::default(),
        place: Place::default(),
    };
    project.slices.insert(index, slice);
    true
}

fn slice_to_cte(project: &mut Project, random: &mut Random) -> bool {
    let alone = |slice: &Slice| project.readers(&slice.name).len() == 1;
    let Some(index) = slice_where(project, random, alone) else { return false };
    if project.slices.len() < 3 {
        return false;
    }
    let Slice { name, query, .. } = project.slices[index].clone();
    let cte = project.name("q");
    for reader in project.readers(&name) {
        let reading = &mut project.slices[reader].query;
        each_table(reading, &mut |table: &mut Table| {
            if table.relation == Relation::Declared(name.clone()) {
                table.relation = Relation::Cte(cte.clone());
            }
        });
        reading.ctes.insert(0, Cte { name: cte.clone(), query: query.clone() });
    }
    project.slices.remove(index);
    true
}

fn virtual_or_stored(project: &mut Project, random: &mut Random) -> bool {
    let index = any_slice(project, random);
    let slice = &mut project.slices[index];
    slice.is_virtual ^= true;
    if slice.is_virtual {
        // Nothing of a virtual slice is built, so nothing would verify these.
        slice.key.clear();
        slice.partition_by.clear();
        slice.checks.clear();
    }
    true
}

/// A new name in the domain of a slice.
fn in_domain_of(project: &mut Project, index: usize) -> RelationName {
    let name = project.name("s");
    RelationName::new(project.slices[index].name.domain(), name)
}
