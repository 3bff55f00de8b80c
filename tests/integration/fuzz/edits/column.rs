//! Edits of one column of a slice's result: added, also where that changes which rows there are, or computed otherwise.

use super::super::generate::Maker;
use super::super::project::{Kind, Project, Shape};
use super::super::query::{Expr, Group, Item, Select};
use super::super::random::Random;
use super::super::shape::Scope;
use super::Claim::Changes;
use super::Edit;

pub const EDITS: &[Edit] = &[
    ("one more column", Changes, plain),
    ("one more column", Changes, plain),
    ("one more aggregate", Changes, aggregate),
    ("one more column under distinct", Changes, under_distinct),
    ("one more key of a group", Changes, group_key),
    ("one more column in every leg", Changes, in_legs),
    ("one more window", Changes, window),
    ("one more scalar subquery", Changes, scalar),
    ("the expression of a column", Changes, expression),
    ("the expression of a column", Changes, expression),
];

/// A random `select` of a slice's own that fits: the slice and which of its legs.
pub fn leg(project: &Project, random: &mut Random, fits: impl Fn(&Select) -> bool) -> Option<(usize, usize)> {
    let mut places = Vec::new();
    for (index, slice) in project.slices.iter().enumerate() {
        let legs = slice.query.legs.iter().enumerate().filter(|(_, select)| fits(select));
        places.extend(legs.map(|(leg, _)| (index, leg)));
    }
    random.pick(&places)
}

/// Changes one `select` with what a maker makes over its tables.
pub fn with_maker(
    project: &mut Project,
    (index, leg): (usize, usize),
    random: &mut Random,
    change: impl FnOnce(&mut Maker<'_>, &mut Select, &Scope) -> bool,
) -> bool {
    let scope = project.scope(&project.slices[index].query, leg);
    let mut maker = project.maker(index, random);
    let mut select = project.slices[index].query.legs[leg].clone();
    let changed = change(&mut maker, &mut select, &scope);
    project.fresh = maker.fresh;
    project.slices[index].query.legs[leg] = select;
    changed
}

/// A column of the scope, or an expression over it.
fn any_expr(maker: &mut Maker<'_>, scope: &Scope) -> (Expr, Kind) {
    let column = maker.random.pick(&scope.items()).filter(|_| maker.random.chance(60));
    match column {
        Some(item) => (item.expr, item.kind),
        None => (maker.expr(Kind::Int, scope, 2), Kind::Int),
    }
}

/// Adds a column to a slice whose query is one `select` that fits.
fn added(
    project: &mut Project,
    random: &mut Random,
    fits: impl Fn(&Select) -> bool,
    make: impl FnOnce(&mut Maker<'_>, &Scope) -> (Expr, Kind),
) -> bool {
    let Some(place) = leg(project, random, |select| !select.items.is_empty() && fits(select)) else { return false };
    if project.slices[place.0].query.legs.len() > 1 {
        return false;
    }
    with_maker(project, place, random, |maker, select, scope| {
        let (expr, kind) = make(maker, scope);
        let known = select.items.iter().any(|item| item.expr == expr);
        maker.add_item(select, expr, kind);
        !known
    })
}

fn simple(select: &Select) -> bool {
    !select.distinct && select.group == Group::None
}

fn plain(project: &mut Project, random: &mut Random) -> bool {
    added(project, random, simple, any_expr)
}

fn aggregate(project: &mut Project, random: &mut Random) -> bool {
    added(project, random, |select| select.group != Group::None, |maker, scope| maker.aggregate(scope))
}

fn under_distinct(project: &mut Project, random: &mut Random) -> bool {
    added(project, random, |select| select.distinct, any_expr)
}

fn group_key(project: &mut Project, random: &mut Random) -> bool {
    added(
        project,
        random,
        |select| select.group != Group::None,
        |maker, scope| {
            let item = maker.random.pick(&scope.items());
            item.map_or((Expr::Int(1), Kind::Int), |item| (item.expr, item.kind))
        },
    )
}

fn window(project: &mut Project, random: &mut Random) -> bool {
    // Two windows that see ties could pair their numbers in more than one way.
    let no_window = |select: &Select| {
        !select.items.iter().any(|item| item.expr.any(&|expr: &Expr| matches!(expr, Expr::Window(_))))
    };
    added(project, random, |select| simple(select) && no_window(select), |maker, scope| maker.window(scope))
}

fn scalar(project: &mut Project, random: &mut Random) -> bool {
    added(project, random, simple, |maker, scope| (maker.scalar(scope), Kind::Int))
}

fn in_legs(project: &mut Project, random: &mut Random) -> bool {
    let several: Vec<usize> = (0..project.slices.len()).filter(|at| project.slices[*at].query.legs.len() > 1).collect();
    let Some(index) = random.pick(&several) else { return false };
    let name = project.name("x");
    for leg in 0..project.slices[index].query.legs.len() {
        let ungrouped = with_maker(project, (index, leg), random, |maker, select, scope| {
            let expr = maker.column_or_literal(Kind::Int, scope);
            select.items.push(Item { name: name.clone(), kind: Kind::Int, expr });
            select.group == Group::None
        });
        if !ungrouped {
            return false;
        }
    }
    true
}

fn expression(project: &mut Project, random: &mut Random) -> bool {
    let Some(place) = leg(project, random, |select| !select.items.is_empty()) else { return false };
    let shape: Shape = project.shape_of(&project.slices[place.0].query, &Default::default());
    with_maker(project, place, random, |maker, select, scope| {
        let at = maker.random.below(select.items.len());
        let kind = shape[at].1;
        let old = select.items[at].expr.clone();
        let new = match (select.group, old.has_aggregate()) {
            (Group::None, _) => maker.expr(kind, scope, 2),
            (Group::Keys | Group::All, true) => {
                let (aggregate, other) = maker.aggregate(scope);
                if other == kind { aggregate } else { old.clone() }
            }
            (Group::Keys | Group::All, false) => maker.random.pick(&scope.columns(kind)).unwrap_or_else(|| old.clone()),
        };
        let known = select.items.iter().any(|item| item.expr == new);
        select.items[at].expr = new;
        !known
    })
}
