//! Which columns a further column changes: the promise of column precision, and its exceptions.

use super::pairs::{About, Pair, everything, only_z};

const ADDS: About = About::Precision;

pub const PAIRS: &[Pair] = &[
    only_z(ADDS, "select", "select a from w", "select a, b as z from w"),
    only_z(ADDS, "where", "select a from w where b > 0", "select a, a + b as z from w where b > 0"),
    only_z(
        ADDS,
        "a join",
        "select w.a, u.v from w join u on u.k = w.a",
        "select w.a, u.v, u.s as z from w join u on u.k = w.a",
    ),
    only_z(ADDS, "a count", "select count(*) as n from w", "select count(*) as n, sum(a) as z from w"),
    only_z(
        ADDS,
        "groups",
        "select a, count(*) as n from w group by a",
        "select a, count(*) as n, max(b) as z from w group by a",
    ),
    only_z(ADDS, "groups of one row each", "select k from t group by k", "select k, count(*) as z from t group by k"),
    only_z(
        ADDS,
        "an aggregate over a subquery without doubles",
        "select x.a from (select distinct a, b from w) x group by x.a",
        "select x.a, count(*) as z from (select distinct a, b from w) x group by x.a",
    ),
    only_z(
        ADDS,
        "an aggregate over a union",
        "select x.a from (select a from w union select b from w) x group by x.a",
        "select x.a, count(*) filter (where x.a > 0) as z from (select a from w union select b from w) x group by x.a",
    ),
    only_z(
        ADDS,
        "another aggregate over a group",
        "select x.a, count(*) as n from (select distinct a, b from w) x group by x.a",
        "select x.a, count(*) as n, max(x.b) as z from (select distinct a, b from w) x group by x.a",
    ),
    only_z(
        ADDS,
        "grouping sets",
        "select a, b, count(*) as n from w group by rollup (a, b)",
        "select a, b, count(*) as n, max(b) as z from w group by rollup (a, b)",
    ),
    only_z(ADDS, "a window", "select k, a from t", "select k, a, row_number() over (order by k) as z from t"),
    only_z(
        ADDS,
        "a window whose ties are completed",
        "select a from w",
        "select a, row_number() over (order by a) as z from w",
    ),
    only_z(
        ADDS,
        "another window",
        "select k, sum(a) over (order by k) as n from t",
        "select k, sum(a) over (order by k) as n, sum(b) over (partition by a order by k) as z from t",
    ),
    only_z(
        ADDS,
        "a left join on a key",
        "select k, a from t",
        "select t.k, t.a, u.v as z from t left join u on u.id = t.a",
    ),
    only_z(
        ADDS,
        "a left join with a group",
        "select k, a from t",
        "select t.k, t.a, g.n as z from t left join (select k, count(*) as n from u group by k) g on g.k = t.a",
    ),
    only_z(ADDS, "a value of a subquery", "select k from t", "select k, (select max(v) from u) as z from t"),
    only_z(
        ADDS,
        "a column of a full join",
        "select w.a from w full join w2 on w.a = w2.a",
        "select w.a, w2.b as z from w full join w2 on w.a = w2.a",
    ),
    only_z(
        ADDS,
        "union all",
        "select a from w union all select k from t",
        "select a, b as z from w union all select k, a from t",
    ),
    only_z(
        ADDS,
        "a limit by a key",
        "select k, s from t order by k limit 2",
        "select k, s, a as z from t order by k limit 2",
    ),
    only_z(
        ADDS,
        "distinct on",
        "select distinct on (a) a, s from t order by a, k",
        "select distinct on (a) a, s, b as z from t order by a, k",
    ),
    only_z(
        ADDS,
        "a column beside a list's elements",
        "select unnest(l) as e from nest",
        "select unnest(l) as e, i as z from nest",
    ),
    only_z(
        ADDS,
        "what a semi join reads",
        "select a from w where a in (select v from u)",
        "select a, b as z from w where a in (select v from u)",
    ),
    everything(ADDS, "distinct", "select distinct a from w", "select distinct a, b as z from w"),
    everything(
        ADDS,
        "union",
        "select a from w union select a from w2",
        "select a, b as z from w union select a, b from w2",
    ),
    everything(
        ADDS,
        "intersect",
        "select a from w intersect select a from w2",
        "select a, b as z from w intersect select a, b from w2",
    ),
    everything(
        ADDS,
        "except",
        "select a from w except select a from w2",
        "select a, b as z from w except select a, b from w2",
    ),
    everything(
        ADDS,
        "group by all",
        "select a, count(*) as n from w group by all",
        "select a, b as z, count(*) as n from w group by all",
    ),
    everything(ADDS, "a join", "select w.a from w", "select w.a, w2.b as z from w join w2 on w.a = w2.a"),
    everything(
        ADDS,
        "a left join without a key",
        "select w.a from w",
        "select w.a, w2.b as z from w left join w2 on w.a = w2.a",
    ),
    everything(ADDS, "a list", "select i from nest", "select i, unnest(l) as z from nest"),
    everything(
        ADDS,
        "a limit that the column completes",
        "select a from w order by a limit 1",
        "select a, b as z from w order by a limit 1",
    ),
    everything(
        ADDS,
        "a recursion",
        "with recursive r as (select a from w union all select cast(a + 1 as int) from r where a < 2) select a from r",
        "with recursive r as (select a, b as z from w union all select cast(a + 1 as int), z from r where a < 2)
           select a, z from r",
    ),
    everything(
        ADDS,
        "a filter by a window",
        "select k from t",
        "select k, row_number() over (order by k) as z from t qualify row_number() over (order by k) < 3",
    ),
];
