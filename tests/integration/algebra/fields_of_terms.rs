//! For each field that terms write into their digests pairs that differ in nothing else.

use super::pairs::{About, Pair, different, only_z};
use icepie::algebra::Field;

const fn of(field: Field) -> About {
    About::Field(field)
}

pub const PAIRS: &[Pair] = &[
    only_z(of(Field::ColumnName), "another column", "select a as z from w", "select b as z from w"),
    only_z(of(Field::LeafTerm), "another term", "select a as z from w", "select a + b as z from w"),
    only_z(
        of(Field::Leaf),
        "the other row of a pair",
        "select x.a as p, y.b as z from w x cross join w y",
        "select x.a as p, x.b as z from w x cross join w y",
    ),
    only_z(
        of(Field::Leaf),
        "the other side of a left join",
        "select x.a as z from w x left join w y on x.a = y.b",
        "select y.a as z from w x left join w y on x.a = y.b",
    ),
    only_z(of(Field::AggregateName), "another aggregate", "select min(a) as z from w", "select max(a) as z from w"),
    only_z(
        of(Field::AggregateArguments),
        "of another column",
        "select max(a) as z from w",
        "select max(b) as z from w",
    ),
    only_z(
        of(Field::AggregateDistinct),
        "of distinct values",
        "select count(a) as z from w",
        "select count(distinct a) as z from w",
    ),
    only_z(
        of(Field::AggregateFilter),
        "of other rows",
        "select count(*) filter (where a > 0) as z from w",
        "select count(*) filter (where a > 1) as z from w",
    ),
    only_z(
        of(Field::AggregateFilter),
        "of some rows",
        "select count(*) filter (where a > 0) as z from w",
        "select count(*) as z from w",
    ),
    only_z(
        of(Field::AggregateOrder),
        "in another order",
        "select array_agg(a order by a) as z from w",
        "select array_agg(a order by a desc nulls last) as z from w",
    ),
    only_z(
        of(Field::AggregateNulls),
        "without nulls",
        "select first_value(a order by k) as z from t",
        "select first_value(a order by k) ignore nulls as z from t",
    ),
    only_z(
        of(Field::BranchTerms),
        "another column in one leg",
        "select a as z from w union all select a as z from w2",
        "select a as z from w union all select b as z from w2",
    ),
    only_z(
        of(Field::ElementNumber),
        "another field of a struct",
        "select x.p as z from (select unnest(st) from nest) as x(p, q)",
        "select x.q as z from (select unnest(st) from nest) as x(p, q)",
    ),
    only_z(
        of(Field::WindowPartition),
        "another partition",
        "select a, count(*) over (partition by a) as z from w",
        "select a, count(*) over (partition by b) as z from w",
    ),
    // Where the order leaves no rows equal, rows and groups are the same; elsewhere the order of rows is completed.
    only_z(
        of(Field::FrameUnits),
        "groups instead of rows",
        "select k, sum(a) over (order by k rows between 1 preceding and current row) as z from t",
        "select k, sum(a) over (order by k groups between 1 preceding and current row) as z from t",
    )
    .hidden("a key leaves no rows equal"),
    only_z(
        of(Field::FrameStart),
        "an earlier start",
        "select k, sum(a) over (order by k rows between 1 preceding and current row) as z from t",
        "select k, sum(a) over (order by k rows between 2 preceding and current row) as z from t",
    ),
    only_z(
        of(Field::FrameEnd),
        "a later end",
        "select k, sum(a) over (order by k rows between current row and 1 following) as z from t",
        "select k, sum(a) over (order by k rows between current row and 2 following) as z from t",
    ),
    // The rows above are the same; those below, which the window looks at, aren't.
    only_z(
        of(Field::OverRow),
        "a window before or behind a filter",
        "select x.k, x.z from (select k, b, count(*) over () as z from t where a > 0) x where x.b > 0",
        "select x.k, x.z from (select k, a, count(*) over () as z from t where b > 0) x where x.a > 0",
    ),
    only_z(
        of(Field::OverTerm),
        "another window before a filter",
        "select x.k, x.z from (select k, b, min(a) over () as z from t where a >= 0) x where x.b > 0",
        "select x.k, x.z from (select k, b, max(a) over () as z from t where a >= 0) x where x.b > 0",
    ),
    only_z(
        of(Field::OverLeaves),
        "the window of the other row of a pair",
        "select x.b as p, x.n as z from (select b, sum(b) over (partition by a) as n from w where a >= 0) x
           cross join (select b, sum(b) over (partition by a) as n from w where a >= 0) y",
        "select x.b as p, y.n as z from (select b, sum(b) over (partition by a) as n from w where a >= 0) x
           cross join (select b, sum(b) over (partition by a) as n from w where a >= 0) y",
    ),
    different(
        of(Field::ParameterNumber),
        "what goes where in a subquery",
        "select k from t where exists (select 1 from u where u.v < t.a and u.k > t.b)",
        "select k from t where exists (select 1 from u where u.k > t.a and u.v < t.b)",
    ),
    only_z(
        of(Field::LiteralType),
        "null of another type",
        "select a, arrow_typeof(cast(null as int)) as z from w",
        "select a, arrow_typeof(cast(null as text)) as z from w",
    ),
    only_z(of(Field::LiteralValue), "another number", "select a, 1 as z from w", "select a, 2 as z from w"),
    only_z(of(Field::LiteralValue), "another text", "select a, 'x' as z from w", "select a, '' as z from w"),
    only_z(of(Field::LiteralValue), "zero has a sign", "select a, 0.0 as z from w", "select a, -0.0 as z from w"),
    only_z(of(Field::Operator), "another operator", "select f + 1 as z from t", "select f - 1 as z from t"),
    only_z(of(Field::Operator), "less or equal", "select a < b as z from w", "select a <= b as z from w"),
    only_z(of(Field::Operator), "and", "select a > 0 and b > 0 as z from w", "select a > 0 or b > 0 as z from w"),
    only_z(of(Field::Operator), "is true", "select (a > 0) is true as z from w", "select (a > 0) is false as z from w"),
    only_z(of(Field::Operands), "another operand", "select f + 1 as z from t", "select f + 2 as z from t"),
    only_z(of(Field::Operands), "the other way", "select f - a as z from t", "select a - f as z from t"),
    only_z(
        of(Field::LikeCase),
        "upper or lower case",
        "select s like 'a%' as z from t",
        "select s ilike 'a%' as z from t",
    ),
    only_z(
        of(Field::LikeKind),
        "a regular expression",
        "select s like 'a|b' as z from t",
        "select s similar to 'a|b' as z from t",
    ),
    only_z(
        of(Field::LikeEscape),
        "an escape",
        "select s like 'a!%' as z from t",
        "select s like 'a!%' escape '!' as z from t",
    )
    .hidden("the engine runs no escape but the backslash"),
    only_z(
        of(Field::CaseBranches),
        "another condition",
        "select case when a = 1 then 'x' else 'y' end as z from w",
        "select case when a = 0 then 'x' else 'y' end as z from w",
    ),
    only_z(
        of(Field::CaseBranches),
        "another value",
        "select case when a = 1 then 'x' else 'y' end as z from w",
        "select case when a = 1 then 'v' else 'y' end as z from w",
    ),
    only_z(
        of(Field::CaseOtherwise),
        "another value in the end",
        "select case when a = 1 then 'x' else 'y' end as z from w",
        "select case when a = 1 then 'x' else 'z' end as z from w",
    ),
    only_z(
        of(Field::CaseOtherwise),
        "no value in the end",
        "select case when a = 1 then 'x' else 'y' end as z from w",
        "select case when a = 1 then 'x' end as z from w",
    ),
    only_z(
        of(Field::CastType),
        "by way of another type",
        "select cast(cast(a as decimal(10, 2)) as text) as z from w",
        "select cast(cast(a as decimal(10, 1)) as text) as z from w",
    ),
    only_z(
        of(Field::CastSafe),
        "null instead of an error",
        "select cast(s as int) as z from t",
        "select try_cast(s as int) as z from t",
    )
    .hidden("one side ends in an error"),
    only_z(
        of(Field::CastValue),
        "of another column",
        "select cast(a as text) as z from w",
        "select cast(b as text) as z from w",
    ),
    only_z(of(Field::CallName), "another function", "select upper(s) as z from t", "select lower(s) as z from t"),
    only_z(
        of(Field::CallArguments),
        "another argument",
        "select replace(s, 'a', 'x') as z from t",
        "select replace(s, 'a', 'y') as z from t",
    ),
    different(
        of(Field::SubqueryRow),
        "other rows exist",
        "select a from w where exists (select 1 from u where v > 0)",
        "select a from w where exists (select 1 from u where v > 1)",
    ),
    only_z(
        of(Field::SubqueryTerm),
        "another value of a subquery",
        "select a, (select min(v) from u) as z from w",
        "select a, (select min(k) from u) as z from w",
    ),
    different(
        of(Field::SubqueryTerm),
        "another column that isn't in",
        "select a from w where a not in (select v from u)",
        "select a from w where a not in (select k from u)",
    ),
    different(
        of(Field::SubqueryParameters),
        "another column outside",
        "select k from t where exists (select 1 from u where u.v = t.a)",
        "select k from t where exists (select 1 from u where u.v = t.b)",
    ),
    different(
        of(Field::QuantifiedAll),
        "all instead of any",
        "select a from w where a < any (select v from u)",
        "select a from w where a < all (select v from u)",
    ),
    different(
        of(Field::QuantifiedOperator),
        "less or equal than any",
        "select a from w where a < any (select v from u)",
        "select a from w where a <= any (select v from u)",
    ),
    only_z(
        of(Field::LookupRow),
        "looked up in other rows",
        "select t.k, x.v as z from t left join (select id, v from u where v > 0) x on x.id = t.k",
        "select t.k, x.v as z from t left join (select id, v from u where v > 1) x on x.id = t.k",
    ),
    only_z(
        of(Field::LookupOn),
        "looked up by another column",
        "select t.k, u.v as z from t left join u on u.id = t.a",
        "select t.k, u.v as z from t left join u on u.id = t.b",
    ),
    only_z(
        of(Field::LookupTerm),
        "another column of what is found",
        "select t.k, u.v as z from t left join u on u.id = t.a",
        "select t.k, u.k as z from t left join u on u.id = t.a",
    ),
];
