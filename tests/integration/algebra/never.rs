//! What must never be equated, whatever rules there will be: differences that are easily taken for none.

use super::pairs::{About, Pair, different, only_z};

const NEVER: About = About::Never;

pub const PAIRS: &[Pair] = &[
    only_z(
        NEVER,
        "sums of floats have an order",
        "select (f + 0.1) + 0.2 as z from t",
        "select f + (0.1 + 0.2) as z from t",
    ),
    only_z(NEVER, "adding zero takes its sign", "select f + 0.0 as z from t", "select f as z from t"),
    only_z(
        NEVER,
        "decimals are rounded on the way",
        "select cast(cast((x / 3) * 3 as double) as text) as z from t",
        "select cast(cast((x * 3) / 3 as double) as text) as z from t",
    ),
    only_z(
        NEVER,
        "a month and a day are no day and a month",
        "select d + interval '1 month' + interval '1 day' as z from t",
        "select d + interval '1 day' + interval '1 month' as z from t",
    ),
    only_z(
        NEVER,
        "the first that isn't null",
        "select coalesce(a, b) as z from w",
        "select coalesce(b, a) as z from w",
    ),
    only_z(
        NEVER,
        "a part of a time",
        "select date_trunc('day', ts) as z from t",
        "select date_trunc('month', ts) as z from t",
    ),
    only_z(
        NEVER,
        "a time in another zone",
        "select cast(ts at time zone '+02:00' as text) as z from t",
        "select cast(ts at time zone '+00:00' as text) as z from t",
    ),
    different(
        NEVER,
        "operands of a left join",
        "select w.a, w2.b from w left join w2 on w.a = w2.a",
        "select w.a, w2.b from w2 left join w on w.a = w2.a",
    ),
    different(
        NEVER,
        "a condition on a join or behind it",
        "select w.a from w left join w2 on w.a = w2.a and w2.b > 0",
        "select w.a from w left join w2 on w.a = w2.a where w2.b > 0",
    ),
    different(
        NEVER,
        "a left join is no join",
        "select w.a from w left join w2 on w.a = w2.a",
        "select w.a from w join w2 on w.a = w2.a",
    ),
    different(NEVER, "no rows or one", "select count(*) as z from w", "select count(*) as z from w group by 'x'"),
    different(NEVER, "equal to null", "select a from w where a = null", "select a from w where a is null"),
    only_z(
        NEVER,
        "the frame that an order brings",
        "select a, sum(b) over (order by a) as z from w",
        "select a, sum(b) over (order by a rows between unbounded preceding and current row) as z from w",
    ),
    only_z(
        NEVER,
        "the frame without an order",
        "select k, sum(a) over () as z from t",
        "select k, sum(a) over (order by k) as z from t",
    ),
    only_z(
        NEVER,
        "a range isn't a number of rows",
        "select k, sum(a) over (order by k range between 1 preceding and current row) as z from t",
        "select k, sum(a) over (order by k rows between 1 preceding and current row) as z from t",
    ),
    only_z(
        NEVER,
        "the place of nulls in a window",
        "select k, row_number() over (order by a nulls first, k) as z from t",
        "select k, row_number() over (order by a nulls last, k) as z from t",
    ),
    only_z(
        NEVER,
        "rank and its kin",
        "select a, rank() over (order by a) as z from w",
        "select a, dense_rank() over (order by a) as z from w",
    ),
    only_z(
        NEVER,
        "the row before and the one before that",
        "select k, lag(a, 1) over (order by k) as z from t",
        "select k, lag(a, 2) over (order by k) as z from t",
    ),
    only_z(
        NEVER,
        "the first by another order",
        "select first_value(a order by k) as z from t",
        "select first_value(a order by k desc nulls last) as z from t",
    ),
    different(
        NEVER,
        "the first rows by another order",
        "select distinct on (a) s as z from t order by a, k",
        "select distinct on (a) s as z from t order by a, k desc nulls last",
    ),
    different(
        NEVER,
        "before or behind grouping",
        "select a, count(*) as z from w where b > 0 group by a",
        "select a, count(*) as z from w group by a having min(b) > 0",
    ),
    different(
        NEVER,
        "union and union all",
        "select a from w union select a from w2",
        "select a from w union all select a from w2",
    ),
    different(
        NEVER,
        "except the other way",
        "select a from w except select a from w2",
        "select a from w2 except select a from w",
    ),
    different(
        NEVER,
        "each column alone stays, both together don't",
        "select t.a as p, u.v as q from t join u on t.a = u.id",
        "select t.a as p, u.v as q from t join u on t.b = u.id",
    ),
    // What is null because no row was found must have been computed before the join.
    only_z(
        NEVER,
        "a constant of the side that may be missing",
        "select w.a, y.one as z from w left join (select a, 1 as one from w2) y on y.a = w.a",
        "select w.a, 1 as z from w left join (select a, 1 as one from w2) y on y.a = w.a",
    ),
    only_z(
        NEVER,
        "an expression of the side that may be missing",
        "select w.a, y.c as z from w left join (select a, coalesce(b, 0) as c from w2) y on y.a = w.a",
        "select w.a, coalesce(y.b, 0) as z from w left join (select a, b from w2) y on y.a = w.a",
    ),
    only_z(
        NEVER,
        "an expression of either side of a full join",
        "select y.a, x.c as z from (select a, coalesce(b, 0) as c from w) x full join w2 y on y.a = x.a",
        "select y.a, coalesce(x.b, 0) as z from (select a, b from w) x full join w2 y on y.a = x.a",
    ),
    // A window looks at the rows that are there when it is computed.
    only_z(
        NEVER,
        "a window before or behind a limit",
        "select k, sum(a) over () as z from t order by k limit 2",
        "select k, sum(a) over () as z from (select k, a from t order by k limit 2) x",
    ),
    only_z(
        NEVER,
        "a window before or behind distinct on",
        "select distinct on (a) a, count(*) over () as z from t order by a, k",
        "select a, count(*) over () as z from (select distinct on (a) a, b from t order by a, k) x",
    ),
    only_z(
        NEVER,
        "a window before or behind a join",
        "select x.k, x.z from (select k, a, count(*) over () as z from t) x join u on u.id = x.a",
        "select t.k, count(*) over () as z from t join u on u.id = t.a",
    ),
    // The engine's own rewrites move filters down; not all of these moves are right for a plan as it is written.
    different(
        NEVER,
        "a filter before or behind distinct on",
        "select distinct on (a) a, b from t where b > 0 order by a, k",
        "select x.a, x.b from (select distinct on (a) a, b from t order by a, k) x where x.b > 0",
    ),
    different(
        NEVER,
        "a filter before or behind counting all rows",
        "select count(*) as z from w where 1 = 0",
        "select count(*) as z from w having 1 = 0",
    ),
    different(
        NEVER,
        "what exists before or behind counting all rows",
        "select count(*) as z from w where exists (select 1 from u)",
        "select count(*) as z from w having exists (select 1 from u)",
    ),
    different(
        NEVER,
        "what exists before or behind a window",
        "select k, count(*) over () as z from t where exists (select 1 from u where u.v = t.a)
           qualify count(*) over () > 0",
        "select k, count(*) over () as z from t
           qualify count(*) over () > 0 and exists (select 1 from u where u.v = t.a)",
    )
    .hidden("the engine may not run it"),
    // Two grouping columns of one term are null in different sets.
    only_z(
        NEVER,
        "which of two equal columns a set leaves out",
        "select x.a as z from (select a, a as c from w) x group by grouping sets ((x.a, x.c), (x.a))",
        "select x.c as z from (select a, a as c from w) x group by grouping sets ((x.a, x.c), (x.a))",
    ),
    only_z(
        NEVER,
        "which of two equal lists is unnested deeper",
        "select y.p is null as z from (select unnest(unnest(x.v)) as p, unnest(x.w) as q
           from (select ll as v, ll as w from nest) x) y",
        "select y.q is null as z from (select unnest(unnest(x.v)) as p, unnest(x.w) as q
           from (select ll as v, ll as w from nest) x) y",
    )
    .hidden("the engine mixes depths in its own way"),
    // Groups take zeros of both signs for one value, an order doesn't.
    different(
        NEVER,
        "the order of zeros within a group",
        "select distinct on (f) k as z from t order by f, k",
        "select distinct on (f) k as z from t order by f desc nulls last, k",
    ),
    // A name of a subquery within a subquery means the nearest query that has it.
    different(
        NEVER,
        "a lateral subquery in a subquery",
        "select id from u
           where exists (select 1 from u, lateral (select t.a from t where t.k = u.v) x where x.a = 1)",
        "select id from u
           where exists (select 1 from u y, lateral (select t.a from t where t.k = u.v) x where x.a = 1)",
    )
    .hidden("the engine may not run it"),
    different(
        NEVER,
        "what a looked-up row depends on",
        "select id from u o where exists (select 1 from t left join u z on z.id = t.a and z.v = o.v
           where exists (select 1 from w where w.a = z.k))",
        "select id from u o where exists (select 1 from t left join u z on z.id = t.a and z.v = o.k
           where exists (select 1 from w where w.a = z.k))",
    )
    .hidden("the engine may not run it"),
    different(
        NEVER,
        "a column outside of a semi join in a subquery",
        "select id from u where exists (select 1 from t left semi join w on t.a = w.a and w.b = u.v)",
        "select id from u where exists (select 1 from t left semi join w on t.a = w.a and w.b = t.k)",
    )
    .hidden("the engine may not run it"),
];
