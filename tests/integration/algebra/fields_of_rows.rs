//! For each field that row spaces write into their digests pairs that differ in nothing else.

use super::pairs::{About, Pair, different, everything, only_z};
use icepie::algebra::Field;

const fn of(field: Field) -> About {
    About::Field(field)
}

pub const PAIRS: &[Pair] = &[
    different(of(Field::RelationName), "another table", "select a from w", "select a from w2"),
    // Constant columns leave only the rows to differ.
    different(
        of(Field::Leaves),
        "another table in a product",
        "select 1 as z from w cross join w2",
        "select 1 as z from w cross join u",
    ),
    different(
        of(Field::Leaves),
        "one table more in a product",
        "select 1 as z from w x cross join w y",
        "select 1 as z from w x cross join w y cross join w v",
    ),
    different(
        of(Field::Conditions),
        "another condition",
        "select a as z from w where b = 1",
        "select a as z from w where b = 0",
    ),
    different(
        of(Field::Conditions),
        "one condition more",
        "select a as z from w where b >= 0",
        "select a as z from w where b >= 0 and a > 0",
    ),
    different(
        of(Field::JoinSides),
        "another table at the right",
        "select 1 as z from w left join w2 on true",
        "select 1 as z from w left join u on true",
    ),
    different(
        of(Field::JoinSides),
        "another table at the left",
        "select 1 as z from w left join u on true",
        "select 1 as z from w2 left join u on true",
    ),
    different(
        of(Field::JoinOn),
        "another column to join on",
        "select w.a as z from w left join w2 on w.a = w2.a",
        "select w.a as z from w left join w2 on w.a = w2.b",
    ),
    different(
        of(Field::JoinKind),
        "a full join",
        "select w.a as z from w left join w2 on w.a = w2.a",
        "select w.a as z from w full join w2 on w.a = w2.a",
    ),
    different(
        of(Field::GroupInput),
        "groups of another table",
        "select count(*) as z from w",
        "select count(*) as z from w2",
    ),
    different(
        of(Field::GroupKeys),
        "another key",
        "select count(*) as z from w group by a",
        "select count(*) as z from w group by b",
    ),
    different(
        of(Field::GroupingSets),
        "other sets of the same keys",
        "select count(*) as z from w group by grouping sets ((a), (b))",
        "select count(*) as z from w group by grouping sets ((a, b), ())",
    ),
    different(
        of(Field::Legs),
        "another table in a union",
        "select 1 as z from w union all select 1 as z from w2",
        "select 1 as z from w union all select 1 as z from u",
    ),
    different(
        of(Field::LimitInput),
        "a limit of other rows",
        "select a as z from w where a > 0 order by a limit 2",
        "select a as z from w where a > 1 order by a limit 2",
    ),
    different(
        of(Field::LimitInput),
        "the first rows of others",
        "select distinct on (a) k as z from t where b > 0 order by a, k",
        "select distinct on (a) k as z from t where b > 1 order by a, k",
    ),
    different(
        of(Field::LimitInput),
        "lists of other rows",
        "select 1 as z from (select unnest(l) as e from nest where i > 0) x",
        "select 1 as z from (select unnest(l) as e from nest where i > 1) x",
    ),
    different(
        of(Field::LimitSkip),
        "another offset",
        "select a as z from w order by a limit 1 offset 1",
        "select a as z from w order by a limit 1 offset 2",
    ),
    different(
        of(Field::LimitFetch),
        "another limit",
        "select a as z from w order by a limit 1",
        "select a as z from w order by a limit 2",
    ),
    different(
        of(Field::FirstKeys),
        "distinct on another column",
        "select distinct on (a) s as z from t order by a, k",
        "select distinct on (b) s as z from t order by b, k",
    ),
    different(
        of(Field::SortTerm),
        "another order",
        "select s as z from t order by a, k limit 1",
        "select s as z from t order by b, k limit 1",
    ),
    different(
        of(Field::SortDirection),
        "the other direction",
        "select k as z from t order by k nulls last limit 1",
        "select k as z from t order by k desc nulls last limit 1",
    ),
    different(
        of(Field::SortNulls),
        "nulls at the other end",
        "select a as z from w order by a nulls last limit 1",
        "select a as z from w order by a nulls first limit 1",
    ),
    different(
        of(Field::UnnestLists),
        "another list",
        "select 1 as z from (select unnest(l) as e from nest) x",
        "select 1 as z from (select unnest(m) as e from nest) x",
    ),
    different(
        of(Field::UnnestLists),
        "rows without a list stay",
        "select 1 as z from (select unnest(l) as e from nest) x",
        "select 1 as z from (select unnest_outer(l) as e from nest) x",
    ),
    different(
        of(Field::RecursiveParts),
        "another step",
        "with recursive r as (select 1 as n union all select n + 1 from r where n < 3) select n as z from r",
        "with recursive r as (select 1 as n union all select n + 1 from r where n < 4) select n as z from r",
    ),
    different(
        of(Field::RecursiveParts),
        "another start",
        "with recursive r as (select 1 as n union all select n + 1 from r where n < 3) select n as z from r",
        "with recursive r as (select 0 as n union all select n + 1 from r where n < 3) select n as z from r",
    ),
    different(
        of(Field::RecursiveDistinct),
        "each row once",
        "with recursive r as (select a, 0 as n from w union all select a, n + 1 from r where n < 1)
           select a as z from r",
        "with recursive r as (select a, 0 as n from w union select a, n + 1 from r where n < 1)
           select a as z from r",
    ),
    different(
        of(Field::FunctionName),
        "another function",
        "select value as z from generate_series(1, 3)",
        "select value as z from range(1, 3)",
    ),
    different(
        of(Field::FunctionArguments),
        "another argument",
        "select value as z from generate_series(1, 3)",
        "select value as z from generate_series(1, 4)",
    ),
    // Whatever decides the rows is a part of each column.
    everything(
        of(Field::ColumnRow),
        "the same column of other rows",
        "select a from w where b > 0",
        "select a from w where b > 1",
    ),
    different(
        of(Field::OpaqueText),
        "another text without a model",
        "select w.a, x.v from w, lateral (select u.v from u where u.k = w.a) x",
        "select w.a, x.v from w, lateral (select u.v from u where u.k = w.b) x",
    )
    .hidden("any change of an opaque text counts"),
    only_z(
        of(Field::SlotNumber),
        "another column of a fixpoint",
        "with recursive r as (select a, b from w union all select cast(a + 1 as int), b from r where a < 2)
           select a as z from r",
        "with recursive r as (select a, b from w union all select cast(a + 1 as int), b from r where a < 2)
           select b as z from r",
    ),
];
