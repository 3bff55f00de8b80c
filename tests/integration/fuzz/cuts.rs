//! What can be taken away from a violation's states to make it smaller.

use super::project::{Cell, Project, Slice};
use super::query::{Expr, Group, JoinOn, Query, Relation, Select, Table};
use super::run::Step;
use super::walk::{each_expr, each_select, each_table};
use icepie::name::RelationName;

#[derive(Clone, PartialEq, Debug)]
pub enum Cut {
    /// A step between the first and the last, or the first.
    Step(usize),
    Slice(RelationName),
    Source(RelationName),
    Row(RelationName, Vec<Cell>),
    /// A column of the slice's result.
    Item(RelationName, String),
    /// A conjunct of `where`, `having` or `on`.
    Conjunct(RelationName, Expr),
    /// The table with this alias.
    Join(RelationName, String),
    Cte(RelationName, String),
    /// All legs but the first.
    Legs(RelationName),
    Limit(RelationName),
    Distinct(RelationName),
    HiddenKeys(RelationName),
    /// Key, checks and partitions.
    Clauses(RelationName),
    Virtual(RelationName),
}

/// All cuts that could be tried, large ones first.
pub fn cuts(steps: &[Step]) -> Vec<Cut> {
    let mut cuts: Vec<Cut> = (0..steps.len().saturating_sub(1)).rev().map(Cut::Step).collect();
    let mut add = |cut: Cut| {
        if !cuts.contains(&cut) {
            cuts.push(cut);
        }
    };
    for project in steps.iter().map(|step| &step.project) {
        for slice in project.slices.iter().rev() {
            add(Cut::Slice(slice.name.clone()));
        }
        for source in &project.sources {
            add(Cut::Source(source.name.clone()));
        }
    }
    for project in steps.iter().map(|step| &step.project) {
        for slice in project.slices.iter().rev() {
            for cut in cuts_of_slice(slice) {
                add(cut);
            }
        }
    }
    for project in steps.iter().map(|step| &step.project) {
        for source in &project.sources {
            for row in &source.rows {
                add(Cut::Row(source.name.clone(), row.clone()));
            }
        }
    }
    cuts
}

fn cuts_of_slice(slice: &Slice) -> Vec<Cut> {
    let name = || slice.name.clone();
    let mut query = slice.query.clone();
    let mut cuts = vec![Cut::Clauses(name()), Cut::Virtual(name()), Cut::Legs(name()), Cut::Limit(name())];
    cuts.extend([Cut::Distinct(name()), Cut::HiddenKeys(name())]);
    cuts.extend(query.ctes.iter().map(|cte| Cut::Cte(name(), cte.name.clone())));
    each_select(&mut query, &mut |select: &mut Select| {
        for join in &select.joins {
            cuts.push(Cut::Join(name(), join.table.alias.clone()));
            if let JoinOn::Condition(conjuncts) = &join.on {
                cuts.extend(conjuncts.iter().map(|conjunct| Cut::Conjunct(name(), conjunct.clone())));
            }
        }
        let conjuncts = select.filter.iter().chain(&select.having);
        cuts.extend(conjuncts.map(|conjunct| Cut::Conjunct(name(), conjunct.clone())));
    });
    let items = slice.query.legs.first().map(|select| select.items.as_slice()).unwrap_or_default();
    cuts.extend(items.iter().map(|item| Cut::Item(name(), item.name.clone())));
    cuts
}

/// The steps without a part; `None` where nothing would change, or with `strict` where it can't go from every state.
pub fn apply(steps: &[Step], cut: &Cut, strict: bool) -> Option<Vec<Step>> {
    let mut fewer = steps.to_vec();
    if let Cut::Step(at) = cut {
        if *at + 1 >= steps.len() {
            return None;
        }
        fewer.remove(*at);
        // What comes behind it now does the work of both.
        if *at > 0 {
            fewer[*at].claim = fewer[*at].claim.max(steps[*at].claim);
        }
        return Some(fewer);
    }
    if strict && coarse(cut).is_some_and(|name| !same_everywhere(steps, name)) {
        return None;
    }
    let mut changed = false;
    for step in &mut fewer {
        let mut smaller = step.project.clone();
        match take_away(&mut smaller, cut) {
            Taken::Gone => {
                smaller.repair();
                changed |= smaller != step.project;
                step.project = smaller;
            }
            Taken::Absent => {}
            Taken::Stuck if strict => return None,
            Taken::Stuck => {}
        }
    }
    changed.then_some(fewer)
}

/// The slice of a cut that could take different things from different states.
fn coarse(cut: &Cut) -> Option<&RelationName> {
    match cut {
        Cut::Legs(name) | Cut::Limit(name) | Cut::Distinct(name) | Cut::HiddenKeys(name) => Some(name),
        Cut::Clauses(name) | Cut::Virtual(name) => Some(name),
        Cut::Step(_) | Cut::Slice(_) | Cut::Source(_) | Cut::Row(..) => None,
        Cut::Item(..) | Cut::Conjunct(..) | Cut::Join(..) | Cut::Cte(..) => None,
    }
}

/// Whether a slice is the same in all states that have it, but for the look of its text.
fn same_everywhere(steps: &[Step], name: &RelationName) -> bool {
    let mut slices = steps.iter().filter_map(|step| step.project.slice(name));
    let Some(first) = slices.next() else { return false };
    let clauses = |slice: &Slice| (slice.key.clone(), slice.partition_by.clone(), slice.checks.clone());
    slices.all(|slice| {
        let same_query = slice.query == first.query && slice.is_virtual == first.is_virtual;
        same_query && clauses(slice) == clauses(first)
    })
}

enum Taken {
    Gone,
    /// The source or slice isn't in this state.
    Absent,
    /// It is, but the part isn't, or is needed.
    Stuck,
}

fn taken(done: bool) -> Taken {
    if done { Taken::Gone } else { Taken::Stuck }
}

fn take_away(project: &mut Project, cut: &Cut) -> Taken {
    match cut {
        Cut::Step(_) => Taken::Absent,
        Cut::Source(name) | Cut::Slice(name) => {
            if project.source(name).is_none() && project.slice(name).is_none() {
                return Taken::Absent;
            }
            let free = project.readers(name).is_empty();
            if free {
                project.slices.retain(|slice| &slice.name != name);
                project.sources.retain(|source| &source.name != name);
            }
            taken(free)
        }
        Cut::Row(name, row) => {
            let Some(source) = project.source_mut(name) else { return Taken::Absent };
            let at = source.rows.iter().position(|other| other == row);
            if let Some(at) = at {
                source.rows.remove(at);
            }
            taken(at.is_some())
        }
        Cut::Item(name, item) => {
            let used = project.is_used(name, item);
            in_slice(project, name, |slice| !used && without_item(&mut slice.query, item))
        }
        Cut::Conjunct(name, conjunct) => in_slice(project, name, |slice| without_conjunct(&mut slice.query, conjunct)),
        Cut::Join(name, alias) => in_slice(project, name, |slice| without_join(&mut slice.query, alias)),
        Cut::Cte(name, cte) => in_slice(project, name, |slice| without_cte(&mut slice.query, cte)),
        Cut::Legs(name) => in_slice(project, name, |slice| {
            slice.query.legs.truncate(1);
            true
        }),
        Cut::Limit(name) => in_slice(project, name, |slice| {
            slice.query.limit = None;
            slice.query.order.clear();
            true
        }),
        Cut::Distinct(name) => in_slice(project, name, |slice| {
            each_select(&mut slice.query, &mut |select: &mut Select| select.distinct = false);
            true
        }),
        Cut::HiddenKeys(name) => in_slice(project, name, |slice| {
            each_select(&mut slice.query, &mut |select: &mut Select| select.hidden_keys.clear());
            true
        }),
        Cut::Clauses(name) => in_slice(project, name, |slice| {
            slice.key.clear();
            slice.checks.clear();
            slice.partition_by.clear();
            true
        }),
        Cut::Virtual(name) => in_slice(project, name, |slice| {
            slice.is_virtual = false;
            true
        }),
    }
}

fn in_slice(project: &mut Project, name: &RelationName, change: impl FnOnce(&mut Slice) -> bool) -> Taken {
    match project.slices.iter_mut().find(|slice| &slice.name == name) {
        Some(slice) => taken(change(slice)),
        None => Taken::Absent,
    }
}

fn without_item(query: &mut Query, name: &str) -> bool {
    let all =
        query.legs.iter().all(|select| select.items.len() > 1 && select.items.iter().any(|item| item.name == name));
    if all {
        for select in &mut query.legs {
            select.items.retain(|item| item.name != name);
        }
    }
    all
}

fn without_conjunct(query: &mut Query, conjunct: &Expr) -> bool {
    let mut found = false;
    each_select(query, &mut |select: &mut Select| {
        for list in [&mut select.filter, &mut select.having] {
            let before = list.len();
            list.retain(|other| other != conjunct);
            found |= list.len() < before;
        }
        for join in &mut select.joins {
            if let JoinOn::Condition(list) = &mut join.on
                && list.len() > 1
            {
                let before = list.len();
                list.retain(|other| other != conjunct);
                found |= list.len() < before;
            }
        }
    });
    found
}

/// Takes a join away if nothing but its own condition reads its table.
fn without_join(query: &mut Query, alias: &str) -> bool {
    let mut smaller = query.clone();
    let mut found = false;
    each_select(&mut smaller, &mut |select: &mut Select| {
        let before = select.joins.len();
        select.joins.retain(|join| join.table.alias != alias);
        found |= select.joins.len() < before && select.group != Group::All;
    });
    each_expr(&mut smaller, &mut |expr: &mut Expr| {
        if let Expr::Column { table: Some(table), .. } = expr {
            found &= table.as_str() != alias;
        }
    });
    if found {
        *query = smaller;
    }
    found
}

fn without_cte(query: &mut Query, name: &str) -> bool {
    let mut read = false;
    each_table(query, &mut |table: &mut Table| read |= table.relation == Relation::Cte(name.to_owned()));
    let before = query.ctes.len();
    if !read {
        query.ctes.retain(|cte| cte.name != name);
    }
    query.ctes.len() < before
}
