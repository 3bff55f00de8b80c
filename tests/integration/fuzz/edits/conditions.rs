//! The same condition in other words. Each holds for nulls too, as a value and not only as a filter.

use super::super::project::{Kind, Project};
use super::super::query::{Expr, Group, Operator, Select};
use super::super::random::Random;
use super::{one_expr, one_select};

/// Takes an expression out to put another in its place.
fn take(expr: &mut Expr) -> Expr {
    std::mem::replace(expr, Expr::Int(0))
}

/// The comparison that holds with the operands swapped.
fn swapped(operator: Operator) -> Option<Operator> {
    Some(match operator {
        Operator::Equal | Operator::NotEqual | Operator::IsDistinct => operator,
        Operator::Less => Operator::Greater,
        Operator::LessEqual => Operator::GreaterEqual,
        Operator::Greater => Operator::Less,
        Operator::GreaterEqual => Operator::LessEqual,
        Operator::Add | Operator::Subtract | Operator::Multiply | Operator::Concat => return None,
        Operator::And | Operator::Or => return None,
    })
}

/// The comparison that holds where this one fails.
fn negated(operator: Operator) -> Option<Operator> {
    Some(match operator {
        Operator::Equal => Operator::NotEqual,
        Operator::NotEqual => Operator::Equal,
        Operator::Less => Operator::GreaterEqual,
        Operator::LessEqual => Operator::Greater,
        Operator::Greater => Operator::LessEqual,
        Operator::GreaterEqual => Operator::Less,
        Operator::Add | Operator::Subtract | Operator::Multiply | Operator::Concat => return None,
        Operator::And | Operator::Or | Operator::IsDistinct => return None,
    })
}

pub fn mirrored(project: &mut Project, random: &mut Random) -> bool {
    let fits = |expr: &Expr| matches!(expr, Expr::Binary(operator, ..) if swapped(*operator).is_some());
    one_expr(project, random, fits, |expr, _| {
        if let Expr::Binary(operator, left, right) = expr
            && let Some(other) = swapped(*operator)
        {
            *operator = other;
            std::mem::swap(left, right);
        }
    })
}

pub fn between_split(project: &mut Project, random: &mut Random) -> bool {
    one_expr(
        project,
        random,
        |expr| matches!(expr, Expr::Between(..)),
        |expr, _| {
            let Expr::Between(of, low, high) = take(expr) else { return };
            let least = Expr::Binary(Operator::GreaterEqual, of.clone(), low);
            *expr = Expr::binary(Operator::And, least, Expr::Binary(Operator::LessEqual, of, high));
        },
    )
}

pub fn between_joined(project: &mut Project, random: &mut Random) -> bool {
    one_expr(
        project,
        random,
        |expr| as_between(expr).is_some(),
        |expr, _| {
            if let Some(between) = as_between(expr) {
                *expr = between;
            }
        },
    )
}

/// `a >= x and a <= y` as `a between x and y`.
fn as_between(expr: &Expr) -> Option<Expr> {
    let Expr::Binary(Operator::And, left, right) = expr else { return None };
    let Expr::Binary(Operator::GreaterEqual, of, low) = &**left else { return None };
    let Expr::Binary(Operator::LessEqual, other, high) = &**right else { return None };
    (of == other).then(|| Expr::Between(of.clone(), low.clone(), high.clone()))
}

pub fn not_pushed(project: &mut Project, random: &mut Random) -> bool {
    let fits = |expr: &Expr| matches!(expr, Expr::Not(of) if without_not(of).is_some());
    one_expr(project, random, fits, |expr, _| {
        if let Expr::Not(of) = expr
            && let Some(other) = without_not(of)
        {
            *expr = other;
        }
    })
}

/// What `not` of an expression is, where there is a way to say it without.
fn without_not(of: &Expr) -> Option<Expr> {
    let not = |expr: &Expr| Box::new(Expr::Not(Box::new(expr.clone())));
    Some(match of {
        Expr::Binary(Operator::And, left, right) => Expr::Binary(Operator::Or, not(left), not(right)),
        Expr::Binary(Operator::Or, left, right) => Expr::Binary(Operator::And, not(left), not(right)),
        Expr::Binary(operator, left, right) => Expr::Binary(negated(*operator)?, left.clone(), right.clone()),
        Expr::IsNull { of, negated } => Expr::IsNull { of: of.clone(), negated: !negated },
        Expr::InList { of, list, negated } => Expr::InList { of: of.clone(), list: list.clone(), negated: !negated },
        Expr::Not(of) => (**of).clone(),
        _ => return None,
    })
}

pub fn not_pulled(project: &mut Project, random: &mut Random) -> bool {
    let fits = |expr: &Expr| matches!(expr, Expr::Binary(operator, ..) if negated(*operator).is_some());
    one_expr(project, random, fits, |expr, _| {
        if let Expr::Binary(operator, ..) = expr
            && let Some(other) = negated(*operator)
        {
            *operator = other;
            *expr = Expr::Not(Box::new(take(expr)));
        }
    })
}

pub fn in_one(project: &mut Project, random: &mut Random) -> bool {
    let fits = |expr: &Expr| matches!(expr, Expr::InList { list, .. } if list.len() == 1);
    one_expr(project, random, fits, |expr, _| {
        let Expr::InList { of, mut list, negated } = take(expr) else { return };
        let operator = if negated { Operator::NotEqual } else { Operator::Equal };
        *expr = Expr::binary(operator, *of, list.remove(0));
    })
}

pub fn as_in(project: &mut Project, random: &mut Random) -> bool {
    let literal = |expr: &Expr| matches!(expr, Expr::Int(_) | Expr::Text(_) | Expr::Day(_));
    let fits = |expr: &Expr| match expr {
        Expr::Binary(Operator::Equal | Operator::NotEqual, left, right) => literal(right) && left.has_column(),
        _ => false,
    };
    one_expr(project, random, fits, |expr, _| {
        let Expr::Binary(operator, of, right) = take(expr) else { return };
        *expr = Expr::InList { of, list: vec![*right], negated: operator == Operator::NotEqual };
    })
}

/// Operands of floats stay: which of two not-a-numbers comes out depends on their order.
pub fn commuted(project: &mut Project, random: &mut Random) -> bool {
    let float = |expr: &Expr| matches!(expr, Expr::Eighths(_) | Expr::Cast(_, Kind::Float));
    let commutes = |operator: Operator, whole: &Expr| match operator {
        Operator::Add | Operator::Multiply => !whole.any(&float),
        Operator::And | Operator::Or => true,
        Operator::Equal | Operator::NotEqual | Operator::IsDistinct => true,
        Operator::Subtract | Operator::Concat => false,
        Operator::Less | Operator::LessEqual | Operator::Greater | Operator::GreaterEqual => false,
    };
    let fits = |expr: &Expr| matches!(expr, Expr::Binary(operator, ..) if commutes(*operator, expr));
    one_expr(project, random, fits, |expr, _| {
        if let Expr::Binary(_, left, right) = expr {
            std::mem::swap(left, right);
        }
    })
}

pub fn number_as_sum(project: &mut Project, random: &mut Random) -> bool {
    one_expr(
        project,
        random,
        |expr| matches!(expr, Expr::Int(_)),
        |expr, _| {
            if let Expr::Int(number) = *expr {
                *expr = Expr::binary(Operator::Add, Expr::Int(number - 1), Expr::Int(1));
            }
        },
    )
}

/// As a conjunct of `where` only, where null is as good as false.
pub fn in_as_exists(project: &mut Project, random: &mut Random) -> bool {
    let fits = |select: &Select| select.filter.iter().any(is_simple_in);
    one_select(project, random, fits, |select, _| {
        let Some(conjunct) = select.filter.iter_mut().find(|conjunct| is_simple_in(conjunct)) else { return };
        let Expr::InQuery { of, mut query, .. } = take(conjunct) else { return };
        let inner = &mut query.legs[0];
        let equal = Expr::binary(Operator::Equal, inner.items[0].expr.clone(), *of);
        inner.filter.push(equal);
        *conjunct = Expr::Exists { query, negated: false };
    })
}

fn is_simple_in(expr: &Expr) -> bool {
    let Expr::InQuery { query, negated: false, .. } = expr else { return false };
    let whole = query.ctes.is_empty() && query.limit.is_none();
    match query.legs.as_slice() {
        [select] => whole && select.items.len() == 1 && select.group == Group::None && !select.distinct,
        _ => false,
    }
}
