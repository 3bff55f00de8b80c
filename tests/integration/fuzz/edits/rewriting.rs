//! Edits of queries that SQL means alike: orders, operands, forms of the same condition, CTEs and derived tables.

use super::super::generate::plain;
use super::super::project::Project;
use super::super::query::{
    Aggregate, Cte, Expr, Group, Item, JoinKind, JoinOn, Query, Relation, Select, SetOperation, Table,
};
use super::super::random::Random;
use super::super::shape::reads;
use super::super::walk::each_table;
use super::Claim::{Nothing, NothingButTies, Unproved};
use super::conditions;
use super::{Edit, any_slice, one_expr, one_query, one_select, one_table, slice_where};
use icepie::name::RelationName;
use std::collections::BTreeSet;

pub const EDITS: &[Edit] = &[
    ("the order of conjuncts", Nothing, conjunct_order),
    ("the order of an in-list", Nothing, list_order),
    ("the order of union legs", NothingButTies, leg_order),
    ("the order of union legs over one table", Unproved, like_leg_order),
    ("the order of inner joins", NothingButTies, join_order),
    ("the order of inner self-joins", Unproved, self_join_order),
    ("a right join mirrored", NothingButTies, mirrored_join),
    ("a comparison mirrored", Nothing, conditions::mirrored),
    ("between as two comparisons", Nothing, conditions::between_split),
    ("two comparisons as between", Nothing, conditions::between_joined),
    ("not taken into a condition", Nothing, conditions::not_pushed),
    ("not put before a condition", Nothing, conditions::not_pulled),
    ("in of one value as a comparison", Nothing, conditions::in_one),
    ("a comparison as in of one value", Nothing, conditions::as_in),
    ("operands commuted", Nothing, conditions::commuted),
    ("a number as a sum", Nothing, conditions::number_as_sum),
    ("in of a query as exists", Nothing, conditions::in_as_exists),
    ("distinct as group by", Nothing, distinct_as_group),
    ("group by as distinct", Nothing, group_as_distinct),
    ("group by all or spelled out", Nothing, group_all),
    ("count of one or of rows", Nothing, count_one),
    ("a CTE as a derived table", Nothing, cte_to_derived),
    ("a derived table as a CTE", Nothing, derived_to_cte),
    ("a CTE that nothing reads", Nothing, unread_cte),
    ("a table in a subquery of its own", Nothing, wrapped),
    ("a join condition to where", Nothing, condition_to_where),
    ("a conjunct of where to a join", Nothing, where_to_condition),
    ("a star spelled out", Nothing, star_spelled),
];

fn conjunct_order(project: &mut Project, random: &mut Random) -> bool {
    one_select(
        project,
        random,
        |select| select.filter.len() > 1,
        |select, random| {
            let by = 1 + random.below(select.filter.len() - 1);
            select.filter.rotate_left(by);
        },
    )
}

fn list_order(project: &mut Project, random: &mut Random) -> bool {
    let long = |expr: &Expr| matches!(expr, Expr::InList { list, .. } if list.len() > 1);
    one_expr(project, random, long, |expr, random| {
        if let Expr::InList { list, .. } = expr {
            let by = 1 + random.below(list.len() - 1);
            list.rotate_left(by);
        }
    })
}

/// What a `select` reads, if nothing of it is written out from elsewhere.
fn stored_reads(select: &Select, stored: &BTreeSet<RelationName>) -> Option<BTreeSet<RelationName>> {
    let mut names = BTreeSet::new();
    for table in select.tables() {
        let Relation::Declared(name) = &table.relation else { return None };
        names.insert(stored.get(name)?.clone());
    }
    Some(names)
}

fn stored_relations(project: &Project) -> BTreeSet<RelationName> {
    project.sources.iter().map(|source| source.name.clone()).chain(project.stored()).collect()
}

fn rotate_legs(project: &mut Project, random: &mut Random, told_apart: bool) -> bool {
    let stored = stored_relations(project);
    let fits = |query: &Query| {
        let reads: Vec<_> = query.legs.iter().map(|select| stored_reads(select, &stored)).collect();
        let first = |at: usize| reads[at].is_some() && !reads[..at].contains(&reads[at]);
        let symmetric = matches!(query.set, SetOperation::UnionAll | SetOperation::Union);
        symmetric && query.legs.len() > 1 && (0..reads.len()).all(first) == told_apart
    };
    one_query(project, random, fits, |query, random| {
        let by = 1 + random.below(query.legs.len() - 1);
        query.legs.rotate_left(by);
    })
}

fn leg_order(project: &mut Project, random: &mut Random) -> bool {
    rotate_legs(project, random, true)
}

/// Legs over the same rows are told apart by nothing but their columns, which mustn't decide an order of rows.
fn like_leg_order(project: &mut Project, random: &mut Random) -> bool {
    rotate_legs(project, random, false)
}

fn is_condition(on: &JoinOn) -> bool {
    matches!(on, JoinOn::Condition(_))
}

fn swap_joined(project: &mut Project, random: &mut Random, told_apart: bool) -> bool {
    let stored = stored_relations(project);
    let fits = |select: &Select| {
        let Some(first) = select.joins.first().filter(|_| !select.items.is_empty()) else { return false };
        let apart = select.from.relation != first.table.relation && stored_reads(select, &stored).is_some();
        let inner = matches!(first.kind, JoinKind::Inner | JoinKind::Cross) && is_condition(&first.on);
        inner && apart == told_apart
    };
    one_select(project, random, fits, |select, _| std::mem::swap(&mut select.from, &mut select.joins[0].table))
}

fn join_order(project: &mut Project, random: &mut Random) -> bool {
    swap_joined(project, random, true)
}

/// Two of the same table that nothing tells apart keep the order of the text.
fn self_join_order(project: &mut Project, random: &mut Random) -> bool {
    swap_joined(project, random, false)
}

fn mirrored_join(project: &mut Project, random: &mut Random) -> bool {
    let fits = |select: &Select| match select.joins.as_slice() {
        [join] => matches!(join.kind, JoinKind::Left | JoinKind::Right) && is_condition(&join.on),
        _ => false,
    };
    one_select(project, random, fits, |select, _| {
        let join = &mut select.joins[0];
        join.kind = if join.kind == JoinKind::Left { JoinKind::Right } else { JoinKind::Left };
        std::mem::swap(&mut select.from, &mut join.table);
    })
}

/// Whether every column of the result can be grouped by.
fn groupable(select: &Select) -> bool {
    let simple = |expr: &Expr| {
        let other = |expr: &Expr| {
            let subquery = matches!(expr, Expr::Scalar(_) | Expr::Exists { .. } | Expr::InQuery { .. });
            subquery || matches!(expr, Expr::Window(_) | Expr::Aggregate { .. })
        };
        expr.has_column() && !expr.any(&other)
    };
    let mut seen: Vec<&Expr> = Vec::new();
    for item in &select.items {
        if !simple(&item.expr) || seen.contains(&&item.expr) {
            return false;
        }
        seen.push(&item.expr);
    }
    !select.items.is_empty()
}

fn distinct_as_group(project: &mut Project, random: &mut Random) -> bool {
    let fits = |select: &Select| select.distinct && select.group == Group::None && groupable(select);
    one_select(project, random, fits, |select, _| {
        select.distinct = false;
        select.group = Group::Keys;
    })
}

fn group_as_distinct(project: &mut Project, random: &mut Random) -> bool {
    let fits = |select: &Select| {
        let only_keys = select.hidden_keys.is_empty() && select.having.is_empty();
        select.group != Group::None && only_keys && groupable(select)
    };
    one_select(project, random, fits, |select, _| {
        select.distinct = true;
        select.group = Group::None;
    })
}

fn group_all(project: &mut Project, random: &mut Random) -> bool {
    let fits = |select: &Select| select.group != Group::None && select.hidden_keys.is_empty();
    one_select(project, random, fits, |select, _| {
        select.group = if select.group == Group::All { Group::Keys } else { Group::All };
    })
}

fn count_one(project: &mut Project, random: &mut Random) -> bool {
    let counts = |expr: &Expr| match expr {
        Expr::Aggregate { function: Aggregate::Count, distinct: false, of: None } => true,
        Expr::Aggregate { function: Aggregate::Count, distinct: false, of: Some(of) } => **of == Expr::Int(1),
        _ => false,
    };
    one_expr(project, random, counts, |expr, _| {
        if let Expr::Aggregate { of, .. } = expr {
            *of = if of.is_none() { Some(Box::new(Expr::Int(1))) } else { None };
        }
    })
}

fn cte_to_derived(project: &mut Project, random: &mut Random) -> bool {
    let Some(index) = slice_where(project, random, |slice| !slice.query.ctes.is_empty()) else { return false };
    let query = &mut project.slices[index].query;
    let cte = query.ctes.remove(random.below(query.ctes.len()));
    let wanted = Relation::Cte(cte.name);
    let mut found = 0;
    each_table(query, &mut |table: &mut Table| {
        if table.relation == wanted {
            found += 1;
            table.relation = Relation::Derived(Box::new(cte.query.clone()));
        }
    });
    // Aliases are unique in a slice, so only one copy may be written; of a CTE that nothing reads none.
    found < 2
}

fn derived_to_cte(project: &mut Project, random: &mut Random) -> bool {
    let name = project.name("q");
    let mut moved = None;
    let movable = |table: &Table| match &table.relation {
        Relation::Derived(query) => !reads_cte(query),
        Relation::Declared(_) | Relation::Cte(_) => false,
    };
    let start = any_slice(project, random);
    for offset in 0..project.slices.len() {
        let index = (start + offset) % project.slices.len();
        each_table(&mut project.slices[index].query, &mut |table: &mut Table| {
            if moved.is_none() && movable(table) {
                let derived = std::mem::replace(&mut table.relation, Relation::Cte(name.clone()));
                if let Relation::Derived(query) = derived {
                    moved = Some((index, *query));
                }
            }
        });
    }
    let Some((index, query)) = moved else { return false };
    project.slices[index].query.ctes.insert(0, Cte { name, query });
    true
}

pub fn reads_cte(query: &Query) -> bool {
    let mut found = false;
    each_table(&mut query.clone(), &mut |table: &mut Table| found |= matches!(table.relation, Relation::Cte(_)));
    found
}

fn unread_cte(project: &mut Project, random: &mut Random) -> bool {
    let (cte, alias) = (project.name("q"), project.name("t"));
    let index = any_slice(project, random);
    let names: Vec<_> = reads(&project.slices[index].query).into_iter().collect();
    let Some(name) = random.pick(&names) else { return false };
    let Some((column, kind)) = project.shape(&name).first().cloned() else { return false };
    let mut select = plain(Table { relation: Relation::Declared(name), alias: alias.clone(), long: false });
    select.items.push(Item { name: column.clone(), kind, expr: Expr::column(&alias, &column) });
    project.slices[index].query.ctes.push(Cte { name: cte, query: Query::of(select) });
    true
}

fn wrapped(project: &mut Project, random: &mut Random) -> bool {
    let alias = project.name("t");
    let declared = |table: &Table| matches!(table.relation, Relation::Declared(_));
    one_table(project, random, declared, |table| {
        let inner = Table { relation: table.relation.clone(), alias: alias.clone(), long: table.long };
        table.relation = Relation::Derived(Box::new(Query::of(plain(inner))));
    })
}

fn all_inner(select: &Select) -> bool {
    let inner = |kind: JoinKind| matches!(kind, JoinKind::Inner | JoinKind::Cross);
    select.joins.iter().all(|join| inner(join.kind) && is_condition(&join.on))
}

fn condition_to_where(project: &mut Project, random: &mut Random) -> bool {
    let fits = |select: &Select| all_inner(select) && select.joins.iter().any(|join| join.kind == JoinKind::Inner);
    one_select(project, random, fits, |select, _| {
        for join in &mut select.joins {
            let JoinOn::Condition(conjuncts) = &mut join.on else { continue };
            if let Some(conjunct) = conjuncts.pop() {
                select.filter.push(conjunct);
                if conjuncts.is_empty() {
                    join.kind = JoinKind::Cross;
                }
                return;
            }
        }
    })
}

fn where_to_condition(project: &mut Project, random: &mut Random) -> bool {
    let subquery = |expr: &Expr| matches!(expr, Expr::Scalar(_) | Expr::Exists { .. } | Expr::InQuery { .. });
    let fits = |select: &Select| {
        let last = select.filter.last();
        !select.joins.is_empty() && all_inner(select) && last.is_some_and(|conjunct| !conjunct.any(&subquery))
    };
    one_select(project, random, fits, |select, _| {
        let (Some(join), Some(conjunct)) = (select.joins.last_mut(), select.filter.pop()) else { return };
        join.kind = JoinKind::Inner;
        if let JoinOn::Condition(conjuncts) = &mut join.on {
            conjuncts.push(conjunct);
        }
    })
}

fn star_spelled(project: &mut Project, random: &mut Random) -> bool {
    let star = |select: &Select| select.items.is_empty();
    let Some(index) = slice_where(project, random, |slice| slice.query.legs.iter().any(star)) else { return false };
    let query = &project.slices[index].query;
    let Some(leg) = query.legs.iter().position(star) else { return false };
    let items = project.scope(query, leg).items();
    project.slices[index].query.legs[leg].items = items;
    true
}
