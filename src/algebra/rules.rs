//! The named rules that bring a term into its normal form. Each can be switched off, and is wrong on purpose in the tests
//! that show that they would notice.
//!
//! A rule equates two terms only if they have the same value on every row, nulls and float bits included, or one of them
//! ends in a run-time error. Names, aliases, CTEs and subqueries need no rule: the terms never hold them.

use super::node::{Aggregate, Arena, Term, TermId};
use super::plant;
use crate::sql::DataType;

/// A normalisation.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Rule {
    /// `a and b` = `b and a` = `a and b and a`; nested ones are flat; `true` in an `and` and `false` in an `or` go away.
    /// Beside a condition that never holds no other counts.
    Conjuncts,
    /// `x in (1, 2)` = `x = 1 or x = 2`; not for floats, which lists find by their bits.
    InLists,
    /// `x between a and b` = `x >= a and x <= b`.
    Between,
    /// `a > b` = `b < a`; operands of `=`, `<>`, `is [not] distinct from` in the order of their digests.
    Mirror,
    /// `not` moves inwards: `not a < b` = `b <= a`, De Morgan, `not not a` = `a`; `is not null` = `not is null`.
    Negation,
    /// Operators and casts of literals are evaluated, by the engine's own kernels.
    Folding,
    /// `a + b` = `b + a`, `a * b` = `b * a` for integers and decimals; `&`, `|` and `#` for integers. Not for floats:
    /// which of two not-a-numbers comes out depends on their order.
    Commute,
    /// `(a + b) + c` = `a + (b + c)` for integers, which wrap. Not for decimals, whose types differ by grouping.
    Associate,
    /// `count(1)` = `count('x')` = `count(*)`.
    CountRows,
    /// `case x when 1 then …` = `case when x = 1 then …`; not for floats, as above.
    SimpleCase,
    /// Casts between layouts of one type (views, dictionaries, large offsets) go away.
    Casts,
    /// Leaves of inner joins stand in an order of their own.
    JoinOrder,
    /// So do the legs of a union.
    UnionOrder,
    /// `distinct` is a `group by` of all columns.
    Distinct,
    /// `where x in (select y …)` = `where exists (select … and y = x)`; with `not` before both where neither `x` nor `y` is
    /// ever null.
    SemiJoins,
    /// A left join on a verified key adds no rows: its columns are looked up.
    Lookups,
    /// The order of `partition by` and `group by` says nothing.
    Keys,
    /// `group by k, a` = `group by k` where `k` tells all rows apart or `a` is a constant.
    DependentKeys,
    /// `a > 1` = `a >= 2` for integers.
    WholeNumbers,
    /// `a and b or a and c` = `a and (b or c)`, `a or a and b` = `a`.
    CommonFactors,
    /// `select distinct a from (select distinct a, b …)` = `select distinct a …`, below the legs of a `union` too.
    NestedDistinct,
    /// `cast(a as bigint) = b` = `a = b` where `a` is a smaller integer.
    WideningCasts,
    /// `rank` and its kin don't look at their frame; `range` to the current row is `rows` where no two rows are equal.
    Frames,
}

impl Rule {
    pub const ALL: [Rule; 23] = [
        Rule::Conjuncts,
        Rule::InLists,
        Rule::Between,
        Rule::Mirror,
        Rule::Negation,
        Rule::Folding,
        Rule::Commute,
        Rule::Associate,
        Rule::CountRows,
        Rule::SimpleCase,
        Rule::Casts,
        Rule::JoinOrder,
        Rule::UnionOrder,
        Rule::Distinct,
        Rule::SemiJoins,
        Rule::Lookups,
        Rule::Keys,
        Rule::DependentKeys,
        Rule::WholeNumbers,
        Rule::CommonFactors,
        Rule::NestedDistinct,
        Rule::WideningCasts,
        Rule::Frames,
    ];

    pub fn is_on(self) -> bool {
        !plant::is_off(self)
    }
}

/// Operators with names of their own in terms.
pub const AND: &str = "and";
pub const OR: &str = "or";
pub const NOT: &str = "not";
pub const IS_NULL: &str = "is null";
pub const EQUAL: &str = "=";
pub const NOT_EQUAL: &str = "<>";
pub const LESS: &str = "<";
pub const LESS_EQUAL: &str = "<=";
pub const GREATER: &str = ">";
pub const GREATER_EQUAL: &str = ">=";
pub const DISTINCT: &str = "is distinct from";
pub const NOT_DISTINCT: &str = "is not distinct from";

/// Keeps a term in its normal form. Its parts must be in theirs.
pub fn make(arena: &mut Arena, term: Term) -> TermId {
    match term {
        Term::Sequence { operator, operands } => sequence(arena, operator, operands),
        Term::Binary { operator, left, right } => binary(arena, operator, left, right),
        Term::Unary { operator: NOT, operand } => negation(arena, operand),
        other => arena.add_term(other),
    }
}

/// `and`, `or`, and integer sums and products.
fn sequence(arena: &mut Arena, operator: &'static str, operands: Vec<TermId>) -> TermId {
    let logical = operator == AND || operator == OR;
    let rule = if logical { Rule::Conjuncts } else { Rule::Associate };
    if !rule.is_on() {
        return arena.add_term(Term::Sequence { operator, operands });
    }
    let mut flat = Vec::with_capacity(operands.len());
    for operand in operands {
        match arena.term(operand) {
            Term::Sequence { operator: inner, operands } if *inner == operator => flat.extend(operands.iter().copied()),
            _ => flat.push(operand),
        }
    }
    if logical {
        let neutral = truth(arena, operator == AND);
        let strange = truth(arena, operator == OR);
        flat.retain(|operand| *operand != neutral);
        if flat.is_empty() {
            return neutral;
        }
        // `false and null` is false, `true or null` true.
        if flat.contains(&strange) {
            return strange;
        }
    }
    if !logical && Rule::Folding.is_on() {
        fold_integers(arena, operator, &mut flat);
    }
    flat.sort_by_key(|operand| arena.term_digest(*operand));
    if logical || plant::overreaches(Rule::Associate) {
        flat.dedup();
    }
    if logical && plant::overreaches(Rule::Conjuncts) {
        flat.truncate(2);
    }
    if let Some(factored) = common_factors(arena, operator, &flat) {
        return factored;
    }
    match flat.as_slice() {
        [one] => *one,
        _ => arena.add_term(Term::Sequence { operator, operands: flat }),
    }
}

/// Takes what all legs of an `or` have in common out of it. With three truth values too, `and` and `or` distribute over each
/// other, and a leg that has nothing else takes in all the others.
fn common_factors(arena: &mut Arena, operator: &'static str, legs: &[TermId]) -> Option<TermId> {
    if operator != OR || legs.len() < 2 || !Rule::CommonFactors.is_on() {
        return None;
    }
    let legs: Vec<Vec<TermId>> = legs.iter().map(|leg| factors(arena, *leg)).collect();
    let (first, others) = legs.split_first()?;
    let is_common = |factor: &TermId| others.iter().all(|leg| leg.contains(factor));
    let mut common: Vec<TermId> = first.iter().copied().filter(is_common).collect();
    if common.is_empty() {
        return None;
    }
    let mut rests = Vec::new();
    for leg in &legs {
        let rest: Vec<TermId> = leg.iter().copied().filter(|factor| !common.contains(factor)).collect();
        rests.push(sequence(arena, AND, rest));
    }
    if plant::overreaches(Rule::CommonFactors) {
        rests.truncate(1);
    }
    common.push(sequence(arena, OR, rests));
    Some(sequence(arena, AND, common))
}

fn factors(arena: &Arena, term: TermId) -> Vec<TermId> {
    match arena.term(term) {
        Term::Sequence { operator: AND, operands } => operands.clone(),
        _ => vec![term],
    }
}

/// Makes one literal of those of an integer sum or product, which wrap as the engine's do; none where it changes nothing.
fn fold_integers(arena: &mut Arena, operator: &'static str, operands: &mut Vec<TermId>) {
    let literal = |arena: &Arena, term: &TermId| match arena.term(*term) {
        Term::Literal { data_type: DataType::Int64, value, .. } => {
            Some((64, i64::from_le_bytes(value.as_slice().try_into().ok()?)))
        }
        Term::Literal { data_type: DataType::Int32, value, .. } => {
            Some((32, i64::from(i32::from_le_bytes(value.as_slice().try_into().ok()?))))
        }
        _ => None,
    };
    let found: Vec<(u32, i64)> = operands.iter().filter_map(|operand| literal(arena, operand)).collect();
    let Some((width, first)) = found.first().copied() else { return };
    if found.iter().any(|(other, _)| *other != width) {
        return;
    }
    let combine = |a: i64, b: i64| if operator == "+" { a.wrapping_add(b) } else { a.wrapping_mul(b) };
    let all = found[1..].iter().fold(first, |all, (_, value)| combine(all, *value));
    let all = if width == 32 { i64::from(all as i32) } else { all };
    operands.retain(|operand| literal(arena, operand).is_none());
    let neutral = if operator == "+" { 0 } else { 1 };
    if all == neutral && !operands.is_empty() {
        return;
    }
    let (data_type, value) = match width {
        32 => (DataType::Int32, (all as i32).to_le_bytes().to_vec()),
        _ => (DataType::Int64, all.to_le_bytes().to_vec()),
    };
    operands.push(arena.add_term(Term::Literal { data_type, value, text: all.to_string() }));
}

fn binary(arena: &mut Arena, operator: &'static str, left: TermId, right: TermId) -> TermId {
    let (left, right) = match operator {
        EQUAL | NOT_EQUAL | DISTINCT | NOT_DISTINCT | LESS | LESS_EQUAL | GREATER | GREATER_EQUAL => {
            (narrow(arena, left), narrow(arena, right))
        }
        _ => (left, right),
    };
    let (operator, left, right) = whole_numbers(arena, operator, left, right);
    if !Rule::Mirror.is_on() && !operator.starts_with("either ") {
        return arena.add_term(Term::Binary { operator, left, right });
    }
    let swapped = arena.term_digest(right) < arena.term_digest(left);
    let (operator, left, right) = match operator {
        GREATER => (LESS, right, left),
        GREATER_EQUAL => (LESS_EQUAL, right, left),
        EQUAL | NOT_EQUAL | DISTINCT | NOT_DISTINCT if swapped => (operator, right, left),
        commuting if swapped && commuting.starts_with("either ") => (operator, right, left),
        LESS if swapped && plant::overreaches(Rule::Mirror) => (operator, right, left),
        _ => (operator, left, right),
    };
    arena.add_term(Term::Binary { operator, left, right })
}

/// An operand of a comparison without casts that only make room: integers of all widths are compared as numbers.
pub fn narrow(arena: &Arena, term: TermId) -> TermId {
    if !Rule::WideningCasts.is_on() {
        return term;
    }
    match arena.term(term) {
        Term::Cast { to, safe: false, value } => match (signed_bits(to), bits_of(arena, *value)) {
            (Some(wide), Some(bits)) if bits < wide || plant::overreaches(Rule::WideningCasts) => narrow(arena, *value),
            _ => term,
        },
        _ => term,
    }
}

/// The width of a signed integer type.
pub fn signed_bits(data_type: &DataType) -> Option<u32> {
    match data_type {
        DataType::Int8 => Some(8),
        DataType::Int16 => Some(16),
        DataType::Int32 => Some(32),
        DataType::Int64 => Some(64),
        _ => None,
    }
}

/// The width of a term that is known to be a signed integer.
pub fn bits_of(arena: &Arena, term: TermId) -> Option<u32> {
    match arena.term(term) {
        Term::Input { data_type, .. } | Term::Literal { data_type, .. } | Term::Slot { data_type, .. } => {
            signed_bits(data_type)
        }
        Term::Leaf { of, .. } | Term::Key(of) => bits_of(arena, *of),
        Term::Cast { to, .. } => signed_bits(to),
        Term::Parameter { bits, .. } => *bits,
        Term::Aggregate(call) => bits_of_call(arena, call, &call.function),
        Term::Window(window) => {
            let (_, function) = window.call.function.split_once(' ')?;
            bits_of_call(arena, &window.call, function)
        }
        Term::Case { branches, otherwise } => {
            let mut results = branches.iter().map(|(_, then)| *then).chain(*otherwise).map(|then| bits_of(arena, then));
            let first = results.next()??;
            results.all(|bits| bits == Some(first)).then_some(first)
        }
        _ => None,
    }
}

/// The width of what an aggregate or window function gives.
fn bits_of_call(arena: &Arena, call: &Aggregate, function: &str) -> Option<u32> {
    let of = call.arguments.first().map(|argument| bits_of(arena, *argument));
    match (function, of) {
        ("count", _) => Some(64),
        ("sum", Some(Some(_))) => Some(64),
        ("min" | "max" | "first_value" | "last_value" | "nth_value", Some(bits)) => bits,
        // Behind the distance stands what is given where there is no such row.
        ("lag" | "lead", Some(bits)) if call.arguments.len() < 3 => bits,
        _ => None,
    }
}

/// An integer that is more than `n` is at least `n + 1`; so no comparison of integers with a literal leaves equality out.
fn whole_numbers(
    arena: &mut Arena,
    operator: &'static str,
    left: TermId,
    right: TermId,
) -> (&'static str, TermId, TermId) {
    if !Rule::WholeNumbers.is_on() {
        return (operator, left, right);
    }
    let step = |arena: &mut Arena, literal: TermId, up: bool| {
        let step = if plant::overreaches(Rule::WholeNumbers) { 0 } else { 1 };
        let step = if up { step } else { -step };
        let (data_type, value, text) = match arena.term(literal) {
            Term::Literal { data_type: DataType::Int64, value, .. } => {
                let value = i64::from_le_bytes(value.as_slice().try_into().ok()?).checked_add(step)?;
                (DataType::Int64, value.to_le_bytes().to_vec(), value.to_string())
            }
            Term::Literal { data_type: DataType::Int32, value, .. } => {
                let value = i32::from_le_bytes(value.as_slice().try_into().ok()?).checked_add(step as i32)?;
                (DataType::Int32, value.to_le_bytes().to_vec(), value.to_string())
            }
            _ => return None,
        };
        Some(arena.add_term(Term::Literal { data_type, value, text }))
    };
    let (with_equality, up) = match operator {
        LESS => (LESS_EQUAL, true),
        GREATER => (GREATER_EQUAL, false),
        _ => return (operator, left, right),
    };
    if let Some(left) = step(arena, left, up) {
        return (with_equality, left, right);
    }
    match step(arena, right, !up) {
        Some(right) => (with_equality, left, right),
        None => (operator, left, right),
    }
}

/// A comparison by order. Numbers, floats among them, texts and times are compared by a total order (zeros of both signs are
/// made one first, and a not-a-number is the greatest), so `not a < b` is `b <= a`. Comparisons of rows and lists have names
/// of their own: nothing is said of what a null within them does to their order.
pub fn compare(arena: &mut Arena, operator: &'static str, left: TermId, right: TermId, nested: bool) -> TermId {
    match operator {
        GREATER if nested && Rule::Mirror.is_on() => binary(arena, "< of nested", right, left),
        GREATER_EQUAL if nested && Rule::Mirror.is_on() => binary(arena, "<= of nested", right, left),
        GREATER if nested => binary(arena, "> of nested", left, right),
        GREATER_EQUAL if nested => binary(arena, ">= of nested", left, right),
        LESS if nested => binary(arena, "< of nested", left, right),
        LESS_EQUAL if nested => binary(arena, "<= of nested", left, right),
        _ => binary(arena, operator, left, right),
    }
}

fn negation(arena: &mut Arena, operand: TermId) -> TermId {
    let plain = |arena: &mut Arena| arena.add_term(Term::Unary { operator: NOT, operand });
    if !Rule::Negation.is_on() {
        return plain(arena);
    }
    match arena.term(operand).clone() {
        Term::Unary { operator: NOT, operand } => operand,
        Term::Binary { operator, left, right } => {
            let opposite = match operator {
                EQUAL => NOT_EQUAL,
                NOT_EQUAL => EQUAL,
                LESS if plant::overreaches(Rule::Negation) => GREATER,
                LESS => GREATER_EQUAL,
                LESS_EQUAL => GREATER,
                GREATER => LESS_EQUAL,
                GREATER_EQUAL => LESS,
                DISTINCT => NOT_DISTINCT,
                NOT_DISTINCT => DISTINCT,
                _ => return plain(arena),
            };
            binary(arena, opposite, left, right)
        }
        Term::Sequence { operator, operands } if operator == AND || operator == OR => {
            let opposite = if operator == AND { OR } else { AND };
            let operands = operands.into_iter().map(|operand| negation(arena, operand)).collect();
            sequence(arena, opposite, operands)
        }
        Term::Literal { data_type: DataType::Boolean, value, .. } => match value.as_slice() {
            [0] => truth(arena, true),
            [1] => truth(arena, false),
            _ => plain(arena),
        },
        _ => plain(arena),
    }
}

/// `x = any of the values`, or `x <> all` of them.
pub fn in_list(arena: &mut Arena, value: TermId, list: Vec<TermId>, negated: bool, exact: bool) -> TermId {
    if !exact || !Rule::InLists.is_on() {
        let list = arena.add_term(Term::Call { function: "in list".to_owned(), arguments: list });
        let within = arena.add_term(Term::Binary { operator: "in", left: value, right: list });
        return if negated { negation(arena, within) } else { within };
    }
    let list = if plant::overreaches(Rule::InLists) { list.into_iter().take(1).collect() } else { list };
    let equal = list.into_iter().map(|item| binary(arena, EQUAL, value, item)).collect();
    let any = sequence(arena, OR, equal);
    if negated { negation(arena, any) } else { any }
}

pub fn between(arena: &mut Arena, value: TermId, (low, high): (TermId, TermId), negated: bool, nested: bool) -> TermId {
    if !Rule::Between.is_on() {
        let bounds = arena.add_term(Term::Call { function: "bounds".to_owned(), arguments: vec![low, high] });
        let within = arena.add_term(Term::Binary { operator: "between", left: value, right: bounds });
        return if negated { negation(arena, within) } else { within };
    }
    let upper = if plant::overreaches(Rule::Between) { LESS } else { LESS_EQUAL };
    let low = compare(arena, GREATER_EQUAL, value, low, nested);
    let high = compare(arena, upper, value, high, nested);
    let both = sequence(arena, AND, vec![low, high]);
    if negated { negation(arena, both) } else { both }
}

/// An operator on numbers of one type, given the type of its result.
pub fn arithmetic(arena: &mut Arena, operator: &'static str, left: TermId, right: TermId, result: &DataType) -> TermId {
    let decimal = matches!(
        result,
        DataType::Decimal32(..) | DataType::Decimal64(..) | DataType::Decimal128(..) | DataType::Decimal256(..)
    );
    let float = matches!(result, DataType::Float16 | DataType::Float32 | DataType::Float64);
    let associative = matches!(operator, "+" | "*");
    let commutative = associative || matches!(operator, "&" | "|" | "#");
    if result.is_integer() && associative && Rule::Associate.is_on() {
        return sequence(arena, operator, vec![left, right]);
    }
    let reaches = plant::overreaches(Rule::Commute) && (operator == "-" || float);
    let commutes = commutative && (result.is_integer() || decimal) && Rule::Commute.is_on();
    let operator = if commutes || reaches { either(operator) } else { operator };
    binary(arena, operator, left, right)
}

/// The name of an operator whose two operands may change places.
fn either(operator: &'static str) -> &'static str {
    match operator {
        "+" => "either +",
        "*" => "either *",
        "&" => "either &",
        "|" => "either |",
        "#" => "either #",
        "-" => "either -",
        other => other,
    }
}

/// The literal `true` or `false`.
pub fn truth(arena: &mut Arena, value: bool) -> TermId {
    arena.add_term(Term::Literal {
        data_type: DataType::Boolean,
        value: vec![u8::from(value)],
        text: value.to_string(),
    })
}

/// The conditions that must all hold.
pub fn conjuncts(arena: &mut Arena, condition: TermId) -> Vec<TermId> {
    match arena.term(condition).clone() {
        Term::Sequence { operator, operands } if operator == AND => operands,
        _ if condition == truth(arena, true) => Vec::new(),
        _ => vec![condition],
    }
}

/// Conditions that must all hold, of which one never does: that one alone.
pub fn without_hope(arena: &mut Arena, conditions: Vec<TermId>) -> Vec<TermId> {
    let never = |condition: &TermId| match arena.term(*condition) {
        Term::Literal { data_type: DataType::Boolean, value, .. } => value.as_slice() != [1],
        Term::Literal { data_type, .. } => *data_type == DataType::Null,
        _ => false,
    };
    if Rule::Conjuncts.is_on() && conditions.iter().any(never) { vec![truth(arena, false)] } else { conditions }
}
