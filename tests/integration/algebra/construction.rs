//! Spellings of one query that no rule is needed for: names, nesting, and sugar of SQL leave no trace in the nodes.

use super::pairs::{About, Pair, Verdict, equal};

const BY: About = About::Construction;

pub const PAIRS: &[Pair] = &[
    equal(BY, "aliases", "select x.a as p, x.b as q from w as x", "select w.a as p, w.b as q from w"),
    equal(BY, "blanks, comments and case", "SELECT  a , B\n  from /* both */ W -- all rows", "select a, b from w"),
    equal(BY, "quotes", "select \"a\", \"w\".\"b\" from \"w\"", "select a, b from w"),
    equal(BY, "full names", "select a from d.w", "select a from w"),
    equal(BY, "a wildcard", "select * from w", "select a, b from w"),
    equal(BY, "a qualified wildcard", "select x.* from w x", "select a, b from w"),
    equal(BY, "a derived table", "select x.a from (select a, b from w) x", "select a from w"),
    equal(
        BY,
        "a cte is a derived table",
        "with x as (select a, b from w where a > 0) select a from x where b > 0",
        "select a from (select a, b from w where a > 0) y where b > 0",
    ),
    equal(
        BY,
        "filters of several levels",
        "with x as (select a, b from w where a > 0) select a from x where b > 0",
        "select a from w where a > 0 and b > 0",
    ),
    equal(
        BY,
        "columns renamed on the way",
        "select q.v as a from (select p.u + 1 as v from (select a as u from w) p) q",
        "select a + 1 as a from w",
    ),
    equal(
        BY,
        "a cte that is read twice",
        "with g as (select a, count(*) as n from w group by a) select x.a, y.n from g x join g y on x.n = y.n",
        "select x.a, y.n from (select a, count(*) as n from w group by a) x
           join (select a, count(*) as n from w group by a) y on x.n = y.n",
    ),
    equal(BY, "a virtual slice", "select k, b from seen where b > 0", "select k, b from t where a > 0 and b > 0"),
    equal(
        BY,
        "a stored slice, written out",
        "select k, b from positive where b > 0",
        "select k, b from t where a > 0 and b > 0",
    )
    .with(Verdict::EqualOverSources),
    equal(
        BY,
        "a stored slice that counts, written out",
        "select p.a, p.n from counted p join w on w.a = p.a",
        "select p.a, p.n from (select a, count(*) as n from w group by a) p join w on w.a = p.a",
    )
    .with(Verdict::EqualOverSources),
    equal(BY, "columns in another order", "select a, b from w", "select b, a from w").with(Verdict::Reordered),
    equal(
        BY,
        "columns of groups in another order",
        "select a, count(*) as n, max(b) as m from w group by a",
        "select max(b) as m, a, count(*) as n from w group by a",
    )
    .with(Verdict::Reordered),
    equal(BY, "an order without a limit", "select a, b from w order by b desc", "select a, b from w"),
    equal(BY, "an order below", "select x.a from (select a, b from w order by b) x", "select a from w"),
    equal(
        BY,
        "a join by commas",
        "select w.a, w2.b from w, w2 where w.a = w2.a",
        "select w.a, w2.b from w join w2 on w.a = w2.a",
    ),
    equal(
        BY,
        "a cross join and a filter",
        "select w.a, w2.b from w cross join w2 where w.a = w2.a and w.b > 0",
        "select w.a, w2.b from w join w2 on w.a = w2.a and w.b > 0",
    ),
    equal(BY, "using", "select t.k, u.v from t join u using (k)", "select t.k, u.v from t join u on t.k = u.k"),
    equal(
        BY,
        "a natural join",
        "select * from w natural join w2",
        "select w.a, w.b from w join w2 on w.a = w2.a and w.b = w2.b",
    ),
    equal(
        BY,
        "a right join",
        "select w.a, w2.b from w left join w2 on w.a = w2.a",
        "select w.a, w2.b from w2 right join w on w.a = w2.a",
    ),
    equal(
        BY,
        "a right join on a key",
        "select t.k, u.v from u right join t on u.id = t.a",
        "select t.k, u.v from t left join u on u.id = t.a",
    ),
    equal(
        BY,
        "having",
        "select a, count(*) as n from w group by a having count(*) > 1",
        "select x.a, x.n from (select a, count(*) as n from w group by a) x where x.n > 1",
    ),
    equal(
        BY,
        "qualify",
        "select k, row_number() over (order by k) as r from t qualify row_number() over (order by k) = 1",
        "select x.k, x.r from (select k, row_number() over (order by k) as r from t) x where x.r = 1",
    ),
    equal(
        BY,
        "intersect",
        "select a from w intersect select a from w2",
        "select x.a from (select distinct a from w) x
           where exists (select 1 from w2 where w2.a is not distinct from x.a)",
    ),
    equal(
        BY,
        "except",
        "select a from w except select a from w2",
        "select x.a from (select distinct a from w) x
           where not exists (select 1 from w2 where w2.a is not distinct from x.a)",
    ),
    equal(
        BY,
        "union",
        "select a from w union select a from w2",
        "select distinct x.a from (select a from w union all select a from w2) x",
    ),
    equal(
        BY,
        "unions within unions",
        "select a from w union all (select a from w2 union all select k from t)",
        "(select a from w union all select a from w2) union all select k from t",
    ),
    equal(
        BY,
        "rollup",
        "select a, b, count(*) as n from w group by rollup (a, b)",
        "select a, b, count(*) as n from w group by grouping sets ((), (a), (a, b))",
    ),
    equal(
        BY,
        "cube",
        "select a, b, count(*) as n from w group by cube (a, b)",
        "select a, b, count(*) as n from w group by grouping sets ((), (a), (b), (a, b))",
    ),
    equal(
        BY,
        "group by all",
        "select a, b, count(*) as n from w group by all",
        "select a, b, count(*) as n from w group by a, b",
    ),
    equal(
        BY,
        "group by a position",
        "select a + 1 as p, count(*) as n from w group by 1",
        "select a + 1 as p, count(*) as n from w group by a + 1",
    ),
    equal(
        BY,
        "rows that are written down",
        "select v.a from (values (1), (2)) as v(a)",
        "select 1 as a union all select 2",
    ),
    equal(
        BY,
        "what exists selects",
        "select a from w where exists (select * from u where u.v = w.a)",
        "select a from w where exists (select 1 from u where u.v = w.a)",
    ),
    equal(
        BY,
        "equal to any",
        "select a from w where a = any (select v from u)",
        "select a from w where a in (select v from u)",
    ),
    equal(
        BY,
        "not equal to any",
        "select a from w where not (a = any (select v from u))",
        "select a from w where a not in (select v from u)",
    ),
    equal(BY, "casts", "select a::bigint as z from w", "select cast(a as bigint) as z from w"),
    equal(BY, "is not null", "select a from w where not (b is null)", "select a from w where b is not null"),
];
