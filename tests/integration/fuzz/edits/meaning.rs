//! Near-misses: small changes of a query that mean something else, on some data at least.

use super::super::project::Project;
use super::super::query::{Aggregate, Expr, Group, JoinKind, JoinOn, Operator, Query, Select, SetOperation};
use super::super::random::Random;
use super::Claim::Changes;
use super::column::{leg, with_maker};
use super::{Edit, one_expr, one_query, one_select};

pub const EDITS: &[Edit] = &[
    ("a comparison flipped", Changes, comparison),
    ("a literal changed by one", Changes, literal),
    ("the type of a join", Changes, join_type),
    ("the key of a join", Changes, join_key),
    ("an aggregate swapped", Changes, aggregate),
    ("an aggregate of distinct values", Changes, aggregate_distinct),
    ("count of a column", Changes, count_of_column),
    ("distinct or not", Changes, distinct),
    ("the frame of a window", Changes, frame),
    ("the partition of a window", Changes, partition),
    ("nulls first or last", Changes, nulls),
    ("ascending or descending", Changes, direction),
    ("a limit changed by one", Changes, limit),
    ("the set operation", Changes, set_operation),
    ("a leg less", Changes, leg_dropped),
    ("a conjunct dropped", Changes, conjunct_dropped),
    ("a conjunct added", Changes, conjunct_added),
    ("a semi join as an anti join", Changes, negated),
    ("a key of a group dropped", Changes, key_dropped),
    ("operands of coalesce swapped", Changes, coalesce),
    ("arms of case swapped", Changes, case),
    ("and as or", Changes, and_or),
];

const COMPARISONS: [Operator; 6] = [
    Operator::Equal,
    Operator::NotEqual,
    Operator::Less,
    Operator::LessEqual,
    Operator::Greater,
    Operator::GreaterEqual,
];

fn comparison(project: &mut Project, random: &mut Random) -> bool {
    let fits = |expr: &Expr| matches!(expr, Expr::Binary(operator, ..) if COMPARISONS.contains(operator));
    one_expr(project, random, fits, |expr, random| {
        if let Expr::Binary(operator, ..) = expr {
            *operator = COMPARISONS[random.below(6)];
        }
    })
}

fn literal(project: &mut Project, random: &mut Random) -> bool {
    let fits = |expr: &Expr| matches!(expr, Expr::Int(_) | Expr::Eighths(_) | Expr::Text(_) | Expr::Day(_));
    one_expr(project, random, fits, |expr, random| match expr {
        Expr::Int(number) => *number += if random.chance(50) { 1 } else { -1 },
        Expr::Eighths(number) => *number += 1,
        Expr::Day(day) => *day = 1 + *day % 3,
        Expr::Text(text) => {
            let other = if text.as_str() == "a" { "b" } else { "a" };
            *text = other.to_owned();
        }
        _ => {}
    })
}

fn join_type(project: &mut Project, random: &mut Random) -> bool {
    let fits = |select: &Select| select.joins.iter().any(|join| join.kind != JoinKind::Cross);
    one_select(project, random, fits, |select, random| {
        let merges = select.merges_names();
        let kinds = [JoinKind::Inner, JoinKind::Left, JoinKind::Right, JoinKind::Full];
        let kind = kinds[random.below(if merges { 2 } else { 4 })];
        if let Some(join) = select.joins.iter_mut().find(|join| join.kind != JoinKind::Cross) {
            join.kind = kind;
        }
    })
}

/// `on a.k = b.k` becomes `on a.k = b.g`.
fn join_key(project: &mut Project, random: &mut Random) -> bool {
    let condition = |select: &Select| select.joins.iter().any(|join| matches!(join.on, JoinOn::Condition(_)));
    let Some(place) = leg(project, random, condition) else { return false };
    with_maker(project, place, random, |maker, select, scope| {
        let items = scope.items();
        for join in &mut select.joins {
            let JoinOn::Condition(conjuncts) = &mut join.on else { continue };
            let Some(Expr::Binary(_, _, right)) = conjuncts.first_mut() else { continue };
            let Expr::Column { table: Some(table), .. } = &**right else { continue };
            let Some(kind) = items.iter().find(|item| item.expr == **right).map(|item| item.kind) else { continue };
            let Some((_, shape)) = scope.0.iter().find(|(alias, _)| alias == table) else { continue };
            let others: Vec<Expr> =
                shape.iter().filter(|(_, other)| *other == kind).map(|(name, _)| Expr::column(table, name)).collect();
            let Some(other) = maker.random.pick(&others) else { continue };
            **right = other;
            return true;
        }
        false
    })
}

fn aggregate(project: &mut Project, random: &mut Random) -> bool {
    let fits = |expr: &Expr| match expr {
        Expr::Aggregate { function, .. } => matches!(function, Aggregate::Sum | Aggregate::Min | Aggregate::Max),
        _ => false,
    };
    one_expr(project, random, fits, |expr, random| {
        if let Expr::Aggregate { function, .. } = expr {
            *function = match function {
                Aggregate::Sum if random.chance(50) => Aggregate::Max,
                Aggregate::Max => Aggregate::Min,
                _ => Aggregate::Max,
            };
        }
    })
}

fn aggregate_distinct(project: &mut Project, random: &mut Random) -> bool {
    let fits = |expr: &Expr| match expr {
        Expr::Aggregate { function, of: Some(_), .. } => matches!(function, Aggregate::Sum | Aggregate::Count),
        _ => false,
    };
    one_expr(project, random, fits, |expr, _| {
        if let Expr::Aggregate { distinct, .. } = expr {
            *distinct ^= true;
        }
    })
}

/// `count(*)` becomes `count(x)`, which leaves nulls out.
fn count_of_column(project: &mut Project, random: &mut Random) -> bool {
    let counts = |expr: &Expr| matches!(expr, Expr::Aggregate { function: Aggregate::Count, .. });
    let fits = |select: &Select| select.items.iter().any(|item| counts(&item.expr));
    let Some(place) = leg(project, random, fits) else { return false };
    with_maker(project, place, random, |maker, select, scope| {
        let column = maker.random.pick(&scope.items()).map(|item| Box::new(item.expr));
        let found = select.items.iter_mut().find(|item| counts(&item.expr));
        if let Some(Expr::Aggregate { distinct, of, .. }) = found.map(|item| &mut item.expr) {
            *distinct = false;
            *of = if of.is_none() { column } else { None };
        }
        true
    })
}

fn distinct(project: &mut Project, random: &mut Random) -> bool {
    let fits = |select: &Select| select.group == Group::None && !select.items.is_empty();
    one_select(project, random, fits, |select, _| select.distinct ^= true)
}

fn frame(project: &mut Project, random: &mut Random) -> bool {
    let framed = |expr: &Expr| matches!(expr, Expr::Window(window) if window.frame.is_some());
    one_expr(project, random, framed, |expr, random| {
        let Expr::Window(window) = expr else { return };
        let Some(frame) = &mut window.frame else { return };
        if frame.rows && random.chance(50) {
            frame.preceding = if frame.preceding == Some(1) { None } else { Some(1) };
        } else {
            frame.rows ^= true;
        }
    })
}

fn partition(project: &mut Project, random: &mut Random) -> bool {
    let fits = |expr: &Expr| matches!(expr, Expr::Window(window) if window.partition.len() + window.order.len() > 1);
    one_expr(project, random, fits, |expr, _| {
        let Expr::Window(window) = expr else { return };
        if window.partition.pop().is_none() && window.order.len() > 1 {
            let key = window.order.remove(0);
            window.partition.push(key.expr);
        }
    })
}

fn is_ordered(expr: &Expr) -> bool {
    matches!(expr, Expr::Window(window) if !window.order.is_empty())
}

fn nulls(project: &mut Project, random: &mut Random) -> bool {
    let turned = |now: Option<bool>, descending: bool| Some(!now.unwrap_or(descending));
    let limited = |query: &Query| query.limit.is_some() && !query.order.is_empty();
    if random.chance(50) {
        return one_query(project, random, limited, |query, random| {
            let at = random.below(query.order.len());
            let key = &mut query.order[at];
            key.nulls_first = turned(key.nulls_first, key.descending);
        });
    }
    one_expr(project, random, is_ordered, |expr, _| {
        let Expr::Window(window) = expr else { return };
        let key = &mut window.order[0];
        key.nulls_first = turned(key.nulls_first, key.descending);
    })
}

fn direction(project: &mut Project, random: &mut Random) -> bool {
    let limited = |query: &Query| query.limit.is_some() && !query.order.is_empty();
    if random.chance(50) {
        return one_query(project, random, limited, |query, random| {
            let at = random.below(query.order.len());
            query.order[at].descending ^= true;
        });
    }
    one_expr(project, random, is_ordered, |expr, _| {
        if let Expr::Window(window) = expr {
            window.order[0].descending ^= true;
        }
    })
}

fn limit(project: &mut Project, random: &mut Random) -> bool {
    one_query(
        project,
        random,
        |query| query.limit.is_some(),
        |query, random| {
            let more = random.chance(50);
            query.limit = query.limit.map(|limit| if more { limit + 1 } else { limit.saturating_sub(1).max(1) });
        },
    )
}

fn set_operation(project: &mut Project, random: &mut Random) -> bool {
    one_query(
        project,
        random,
        |query| query.legs.len() > 1,
        |query, _| {
            query.set = match query.set {
                SetOperation::UnionAll => SetOperation::Union,
                SetOperation::Union => SetOperation::UnionAll,
                SetOperation::Intersect => SetOperation::Except,
                SetOperation::Except => SetOperation::Intersect,
            };
        },
    )
}

fn leg_dropped(project: &mut Project, random: &mut Random) -> bool {
    one_query(
        project,
        random,
        |query| query.legs.len() > 1,
        |query, _| {
            query.legs.pop();
        },
    )
}

fn conjunct_dropped(project: &mut Project, random: &mut Random) -> bool {
    let fits = |select: &Select| !select.filter.is_empty() || !select.having.is_empty();
    one_select(project, random, fits, |select, random| {
        let conjuncts = if select.filter.is_empty() { &mut select.having } else { &mut select.filter };
        let at = random.below(conjuncts.len());
        conjuncts.remove(at);
    })
}

fn conjunct_added(project: &mut Project, random: &mut Random) -> bool {
    let Some(place) = leg(project, random, |_| true) else { return false };
    with_maker(project, place, random, |maker, select, scope| {
        let conjunct =
            if maker.random.chance(35) { maker.subquery_predicate(scope) } else { maker.predicate(scope, 1) };
        select.filter.push(conjunct);
        true
    })
}

fn negated(project: &mut Project, random: &mut Random) -> bool {
    let fits = |expr: &Expr| {
        let list = matches!(expr, Expr::InList { .. } | Expr::IsNull { .. });
        list || matches!(expr, Expr::Exists { .. } | Expr::InQuery { .. })
    };
    one_expr(project, random, fits, |expr, _| match expr {
        Expr::Exists { negated, .. } | Expr::InQuery { negated, .. } => *negated ^= true,
        Expr::InList { negated, .. } | Expr::IsNull { negated, .. } => *negated ^= true,
        _ => {}
    })
}

/// What was grouped by isn't any more: fewer, larger groups, and at last one group of all rows.
fn key_dropped(project: &mut Project, random: &mut Random) -> bool {
    let grouped = |select: &Select| select.group != Group::None && select.items.len() > 1;
    let Some((index, leg)) = leg(project, random, grouped) else { return false };
    let slice = &project.slices[index];
    let items = slice.query.legs[leg].items.iter();
    let free = |name: &String| slice.query.legs.len() == 1 && !project.is_used(&slice.name, name);
    let keys = items.filter(|item| !item.expr.has_aggregate()).map(|item| item.name.clone());
    let names: Vec<String> = keys.filter(free).collect();
    let Some(name) = random.pick(&names) else { return false };
    project.slices[index].query.legs[leg].items.retain(|item| item.name != name);
    true
}

fn coalesce(project: &mut Project, random: &mut Random) -> bool {
    let fits = |expr: &Expr| matches!(expr, Expr::Coalesce(list) if list.len() > 1);
    one_expr(project, random, fits, |expr, _| {
        if let Expr::Coalesce(list) = expr {
            list.rotate_left(1);
        }
    })
}

fn case(project: &mut Project, random: &mut Random) -> bool {
    let fits = |expr: &Expr| matches!(expr, Expr::Case { arms, .. } if arms.len() > 1);
    one_expr(project, random, fits, |expr, _| {
        if let Expr::Case { arms, .. } = expr {
            arms.rotate_left(1);
        }
    })
}

fn and_or(project: &mut Project, random: &mut Random) -> bool {
    let fits = |expr: &Expr| matches!(expr, Expr::Binary(Operator::And | Operator::Or, ..));
    one_expr(project, random, fits, |expr, _| {
        if let Expr::Binary(operator, ..) = expr {
            *operator = if *operator == Operator::And { Operator::Or } else { Operator::And };
        }
    })
}
