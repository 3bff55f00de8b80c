//! Changes random queries: into other spellings that mean the same, and into what is nearly the same.

use super::generate::{AGGREGATES, JOINS, Maker, PATTERNS, TEXTS, WINDOWS, names};
use super::query::{Column, Expr, Kind, Pipeline, Step};

/// A query that differs in one place; it may mean the same or not. `None` where the change doesn't fit.
pub fn change(maker: &mut Maker, pipeline: &Pipeline) -> Option<Pipeline> {
    let mut changed = pipeline.clone();
    let count = changed.steps.len();
    match maker.random.below(8) {
        // Most of what goes wrong goes wrong between two steps.
        0..=2 if count > 1 => {
            let at = maker.random.below(count - 1);
            changed.steps.swap(at, at + 1);
        }
        3 if count > 1 => {
            changed.steps.remove(maker.random.below(count));
        }
        4 => {
            let at = maker.random.below(count + 1);
            changed = maker.longer(pipeline, at)?;
        }
        5 if count > 0 => {
            let at = maker.random.below(count);
            let again = changed.steps[at].clone();
            changed.steps.insert(at, again);
        }
        _ if count > 0 => {
            let at = maker.random.below(count);
            let columns = pipeline.columns_before(at)?;
            tweak(maker, &mut changed.steps[at], &columns);
        }
        _ => return None,
    }
    (changed != *pipeline && changed.columns().is_some()).then_some(changed)
}

/// The same query with its conditions and expressions spelled otherwise.
pub fn respell(maker: &mut Maker, pipeline: &Pipeline) -> Pipeline {
    let mut spelled = pipeline.clone();
    for step in &mut spelled.steps {
        match step {
            Step::Where(conditions) => {
                for condition in conditions.iter_mut() {
                    *condition = other_words(maker, condition.clone());
                }
                maker.random.shuffle(conditions);
            }
            Step::Extend(_, expr) => *expr = other_words(maker, expr.clone()),
            Step::Window(_, window) => maker.random.shuffle(&mut window.partition),
            Step::Group(_, aggregates) => {
                for (_, aggregate) in aggregates.iter_mut() {
                    aggregate.filter = aggregate.filter.take().map(|filter| other_words(maker, filter));
                }
            }
            Step::Join(_) | Step::Semi(_) | Step::Distinct | Step::Keep(_) | Step::Limit(_) | Step::Union(..) => {}
        }
    }
    spelled
}

fn tweak(maker: &mut Maker, step: &mut Step, columns: &[Column]) {
    let integers = names(columns, &[Kind::Int]);
    match step {
        Step::Where(conditions) => {
            let at = maker.random.below(conditions.len());
            tweak_expr(maker, &mut conditions[at], columns);
        }
        Step::Extend(_, expr) => tweak_expr(maker, expr, columns),
        Step::Window(_, window) => match maker.random.below(4) {
            0 => window.function = maker.random.one(&WINDOWS),
            1 => window.partition = names(columns, &[Kind::Int, Kind::Text]).into_iter().take(1).collect(),
            2 => {
                if let Some((_, down)) = &mut window.order {
                    *down = !*down;
                }
            }
            _ => window.argument = maker.random.pick(&integers).unwrap_or_default(),
        },
        Step::Join(join) => match maker.random.below(3) {
            0 => join.kind = maker.random.one(&JOINS),
            1 => join.on[0].0 = maker.random.pick(&integers).unwrap_or_default(),
            _ => join.above = if join.above.is_some() { None } else { Some((join.on[0].1, 0)) },
        },
        Step::Semi(semi) => match maker.random.below(4) {
            0 => semi.negated = !semi.negated,
            1 | 2 => semi.listed = !semi.listed,
            _ => semi.outer = maker.random.pick(&integers).unwrap_or_default(),
        },
        Step::Group(keys, aggregates) => match maker.random.below(4) {
            0 if keys.len() > 1 => {
                keys.pop();
            }
            1 if !aggregates.is_empty() => aggregates[0].1.function = maker.random.one(&AGGREGATES),
            2 if !aggregates.is_empty() => aggregates[0].1.distinct = !aggregates[0].1.distinct,
            3 if !aggregates.is_empty() => {
                aggregates.pop();
            }
            _ => keys.reverse(),
        },
        Step::Distinct => *step = Step::Keep(columns.iter().map(|column| column.name.clone()).collect()),
        Step::Keep(names) => {
            if maker.random.chance(50) && names.len() > 1 {
                names.pop();
            } else {
                names.reverse();
            }
        }
        Step::Limit(limit) => match maker.random.below(4) {
            0 => limit.fetch += 1,
            1 => limit.order.1 = !limit.order.1,
            2 => limit.order.2 = !limit.order.2,
            _ => limit.skip += 1,
        },
        Step::Union(all, _) => *all = !*all,
    }
}

/// Changes an expression in one place.
fn tweak_expr(maker: &mut Maker, expr: &mut Expr, columns: &[Column]) {
    let deeper = maker.random.chance(60);
    match expr {
        Expr::Both(_, left, right) | Expr::Math(_, left, right) | Expr::Compare(_, left, right) if deeper => {
            let part = if maker.random.chance(50) { left } else { right };
            tweak_expr(maker, part, columns);
        }
        Expr::Not(of) | Expr::IsNull(of) | Expr::Between(of, _, _) | Expr::In(of, _) if deeper => {
            tweak_expr(maker, of, columns);
        }
        Expr::Case(branches, _) | Expr::Choice(_, branches, _) if deeper => {
            tweak_expr(maker, &mut branches[0].1, columns);
        }
        Expr::Column(name) => {
            let kind = columns.iter().find(|column| column.name == *name).map(|column| column.kind);
            let others = kind.map(|kind| names(columns, &[kind])).unwrap_or_default();
            *name = maker.random.pick(&others).unwrap_or_default();
        }
        Expr::Int(number) => *number += 1,
        Expr::Text(text) => *text = maker.random.one(&TEXTS),
        Expr::Math(operator, _, _) => *operator = maker.random.one(&["+", "-", "*"]),
        Expr::Compare(operator, _, _) => *operator = maker.random.one(&["<", "<=", ">", ">=", "=", "<>"]),
        Expr::Both(operator, _, _) => *operator = if *operator == "and" { "or" } else { "and" },
        Expr::Not(of) => *expr = (**of).clone(),
        Expr::IsNull(_) | Expr::Like(_, "_") => *expr = Expr::Not(Box::new(expr.clone())),
        Expr::Between(_, low, high) => std::mem::swap(low, high),
        Expr::In(_, items) => {
            if items.len() > 1 {
                items.pop();
            } else {
                *expr = Expr::Not(Box::new(expr.clone()));
            }
        }
        Expr::Like(_, pattern) => *pattern = maker.random.one(&PATTERNS),
        Expr::Case(branches, otherwise) | Expr::Choice(_, branches, otherwise) => {
            std::mem::swap(&mut branches[0].1, otherwise.as_mut());
        }
        Expr::Coalesce(left, right) => std::mem::swap(left, right),
    }
}

/// An expression with the same value, by the rules that the algebra knows.
fn other_words(maker: &mut Maker, expr: Expr) -> Expr {
    let again = maker.random.chance(70);
    let mut part = |expr: Box<Expr>| Box::new(other_words(maker, *expr));
    match expr {
        Expr::Math(operator @ ("+" | "*"), left, right) if again => Expr::Math(operator, part(right), part(left)),
        Expr::Both(operator, left, right) if again => Expr::Both(operator, part(right), part(left)),
        Expr::Compare(operator, left, right) if again => {
            let (left, right) = (part(left), part(right));
            match operator {
                "<" => Expr::Compare(">", right, left),
                "<=" => Expr::Compare(">=", right, left),
                ">" => Expr::Not(Box::new(Expr::Compare("<=", left, right))),
                ">=" => Expr::Compare("<=", right, left),
                "=" => Expr::Not(Box::new(Expr::Compare("<>", left, right))),
                other => Expr::Compare(other, right, left),
            }
        }
        Expr::Not(of) => match *of {
            Expr::Both(operator, left, right) if again => {
                let opposite = if operator == "and" { "or" } else { "and" };
                Expr::Both(opposite, Box::new(Expr::Not(part(left))), Box::new(Expr::Not(part(right))))
            }
            other => Expr::Not(part(Box::new(other))),
        },
        Expr::Between(of, low, high) if again => {
            let least = Expr::Compare(">=", of.clone(), Box::new(Expr::Int(low)));
            let most = Expr::Compare("<=", of, Box::new(Expr::Int(high)));
            Expr::Both("and", Box::new(most), Box::new(least))
        }
        Expr::In(of, items) if again => {
            let equal = items.into_iter().map(|item| Expr::Compare("=", of.clone(), Box::new(item)));
            let any = equal.reduce(|left, right| Expr::Both("or", Box::new(right), Box::new(left)));
            any.unwrap_or(Expr::Int(0))
        }
        Expr::Choice(value, branches, otherwise) if again => {
            let equal = |(when, then)| (Expr::Compare("=", Box::new(when), value.clone()), then);
            Expr::Case(branches.into_iter().map(equal).collect(), otherwise)
        }
        Expr::Column(_)
        | Expr::Int(_)
        | Expr::Text(_)
        | Expr::Math(..)
        | Expr::Both(..)
        | Expr::Compare(..)
        | Expr::IsNull(_)
        | Expr::Between(..)
        | Expr::In(..)
        | Expr::Like(..)
        | Expr::Case(..)
        | Expr::Choice(..)
        | Expr::Coalesce(..) => expr,
    }
}
