//! For each rule pairs that it makes equal; with the rule switched off at least one of them isn't.

use super::pairs::{About, Pair, Verdict, equal};
use icepie::algebra::Rule;

const CONJUNCTS: About = About::Rule(Rule::Conjuncts);
const IN_LISTS: About = About::Rule(Rule::InLists);
const BETWEEN: About = About::Rule(Rule::Between);
const MIRROR: About = About::Rule(Rule::Mirror);
const NEGATION: About = About::Rule(Rule::Negation);
const FOLDING: About = About::Rule(Rule::Folding);
const COMMUTE: About = About::Rule(Rule::Commute);
const ASSOCIATE: About = About::Rule(Rule::Associate);
const COUNT_ROWS: About = About::Rule(Rule::CountRows);
const SIMPLE_CASE: About = About::Rule(Rule::SimpleCase);
const CASTS: About = About::Rule(Rule::Casts);
const JOIN_ORDER: About = About::Rule(Rule::JoinOrder);
const UNION_ORDER: About = About::Rule(Rule::UnionOrder);
const DISTINCT: About = About::Rule(Rule::Distinct);
const SEMI_JOINS: About = About::Rule(Rule::SemiJoins);
const LOOKUPS: About = About::Rule(Rule::Lookups);
const KEYS: About = About::Rule(Rule::Keys);
const DEPENDENT_KEYS: About = About::Rule(Rule::DependentKeys);

const WHOLE_NUMBERS: About = About::Rule(Rule::WholeNumbers);
const NESTED_DISTINCT: About = About::Rule(Rule::NestedDistinct);
const WIDENING_CASTS: About = About::Rule(Rule::WideningCasts);
const FRAMES: About = About::Rule(Rule::Frames);
const COMMON_FACTORS: About = About::Rule(Rule::CommonFactors);

pub const EQUAL: &[Pair] = &[
    equal(
        WIDENING_CASTS,
        "room for a maximum",
        "select q.m from (select max(a) as m from w group by b) q
         where q.m in (select c.n from (select count(*) as n from w2 group by a) c)",
        "select q.m from (select max(a) as m from w group by b) q
         where exists (select 1 as z from (select count(*) as n from w2 group by a) c where c.n = q.m)",
    ),
    equal(
        WIDENING_CASTS,
        "room for the row before",
        "select q.m from (select lag(a) over (order by a, b) as m from w) q
         where q.m in (select c.n from (select count(*) as n from w2 group by a) c)",
        "select q.m from (select lag(a) over (order by a, b) as m from w) q
         where exists (select 1 as z from (select count(*) as n from w2 group by a) c where c.n = q.m)",
    ),
    equal(DEPENDENT_KEYS, "floats beside a key", "select q.k from (select distinct k, f from t) q", "select k from t"),
    equal(
        DEPENDENT_KEYS,
        "an average that the engine groups by too",
        "select q.a from (select a, avg(f) as m from t group by a) q group by q.a",
        "select distinct q.a from (select a, avg(f) as m from t group by a) q",
    ),
    equal(
        FRAMES,
        "a rank has no frame",
        "select rank() over (order by a rows between 1 preceding and current row) as z from w",
        "select rank() over (order by a) as z from w",
    ),
    equal(
        FRAMES,
        "nor has a rank over groups that the engine knows to differ",
        "select rank() over (order by a) as z from (select distinct a from w) q",
        "select rank() over (order by a) as z from (select a from w group by a) q",
    ),
    equal(
        FRAMES,
        "no rows are equal in a key",
        "select sum(a) over (order by k range between unbounded preceding and current row) as z from t",
        "select sum(a) over (order by k rows between unbounded preceding and current row) as z from t",
    ),
    equal(
        FRAMES,
        "nor within a partition",
        "select sum(n) over (partition by a order by b) as z from (select a, b, count(*) as n from w group by a, b) q",
        "select sum(n) over (partition by a order by b rows unbounded preceding) as z
         from (select a, b, count(*) as n from w group by a, b) q",
    ),
    equal(
        FRAMES,
        "all rows are all rows",
        "select sum(a) over (order by b rows between unbounded preceding and unbounded following) as z from w",
        "select sum(a) over (order by b range between unbounded preceding and unbounded following) as z from w",
    ),
    equal(WHOLE_NUMBERS, "more than", "select a from w where a > 1", "select a from w where a >= 2"),
    equal(WHOLE_NUMBERS, "less than", "select a < 1 as z from w", "select 0 >= a as z from w"),
    equal(
        WHOLE_NUMBERS,
        "not below",
        "select a, count(*) as n from w group by a having not (count(*) < 2)",
        "select a, count(*) as n from w group by a having count(*) > 1",
    ),
    equal(
        COMMON_FACTORS,
        "a condition of both legs",
        "select a from w where a > 0 and b > 0 or b > 0 and a is null",
        "select a from w where b > 0 and (a > 0 or a is null)",
    ),
    equal(
        COMMON_FACTORS,
        "nothing else in one leg",
        "select (a > 0 and b > 0) or b > 0 as z from w",
        "select b > 0 as z from w",
    ),
    equal(
        COMMON_FACTORS,
        "what is joined by",
        "select w.a from w, w2 where (w.a = w2.a and w.b = 1) or (w2.a = w.a and w2.b = 2)",
        "select w.a from w join w2 on w.a = w2.a where w.b = 1 or w2.b = 2",
    ),
    equal(
        CONJUNCTS,
        "conjuncts have no order",
        "select k from t where a > 0 and b > 0",
        "select k from t where b > 0 and a > 0",
    ),
    equal(
        CONJUNCTS,
        "conjuncts have no nesting and count once",
        "select k from t where a > 0 and (b > 0 and s = 'a')",
        "select k from t where (a > 0 and b > 0) and s = 'a' and a > 0",
    ),
    equal(
        CONJUNCTS,
        "so do disjuncts",
        "select a > 0 or b > 0 or a is null as z from w",
        "select a is null or (b > 0 or a > 0) or b > 0 as z from w",
    ),
    equal(
        CONJUNCTS,
        "beside what never holds nothing counts",
        "select w.a from w join u on w.b = u.k where a > 0 and 1 = 0",
        "select w.a from w join u on w.b = u.k and 1 = 0",
    ),
    equal(CONJUNCTS, "true says nothing", "select a from w where a > 0 and true", "select a from w where a > 0"),
    equal(
        IN_LISTS,
        "a list is a disjunction",
        "select a from w where a in (1, 2)",
        "select a from w where a = 2 or a = 1",
    ),
    equal(
        IN_LISTS,
        "not in a list",
        "select a from w where a not in (1, 2)",
        "select a from w where a <> 1 and a <> 2",
    ),
    equal(IN_LISTS, "a list of one", "select a in (1, 1) as z from w", "select a = 1 as z from w"),
    equal(IN_LISTS, "a list of texts", "select s in ('a', 'b') as z from t", "select s = 'b' or s = 'a' as z from t"),
    equal(
        BETWEEN,
        "between is two comparisons",
        "select a from w where a between 0 and 1",
        "select a from w where a >= 0 and a <= 1",
    ),
    equal(BETWEEN, "not between", "select a not between 0 and 1 as z from w", "select a < 0 or a > 1 as z from w"),
    equal(MIRROR, "less is greater", "select a < b as z from w", "select b > a as z from w"),
    equal(
        MIRROR,
        "an equality in a join",
        "select w.a from w join w2 on w.a = w2.b",
        "select w.a from w join w2 on w2.b = w.a",
    ),
    equal(
        MIRROR,
        "distinct from",
        "select a is distinct from b as z from w",
        "select b is distinct from a as z from w",
    ),
    equal(NEGATION, "not less", "select not (a < b) as z from w", "select a >= b as z from w"),
    equal(
        NEGATION,
        "floats have a total order",
        "select x.k, not (x.f < y.f) as a, not (x.f <= y.f) as b from t x cross join t y",
        "select x.k, y.f <= x.f as a, x.f > y.f as b from t x cross join t y",
    ),
    equal(
        NEGATION,
        "floats outside of an interval",
        "select k from t where f not between 0.0 and 1.0",
        "select k from t where f < 0.0 or 1.0 < f",
    ),
    equal(
        NEGATION,
        "de morgan",
        "select a from w where not (a > 0 or b is null)",
        "select a from w where a <= 0 and b is not null",
    ),
    equal(NEGATION, "not not", "select not (not (s like 'a%')) as z from t", "select s like 'a%' as z from t"),
    equal(FOLDING, "a sum", "select a from w where a = 1 + 1", "select a from w where a = 2"),
    equal(FOLDING, "a text", "select k from t where s = 'a' || 'b'", "select k from t where s = 'ab'"),
    equal(FOLDING, "a cast", "select cast('1' as int) as z from w", "select cast(1 as int) as z from w"),
    equal(COMMUTE, "bits", "select a & b as z from w", "select b & a as z from w"),
    equal(
        COMMUTE,
        "decimals",
        "select x + cast(a as decimal(10, 2)) as z from t",
        "select cast(a as decimal(10, 2)) + x as z from t",
    ),
    equal(ASSOCIATE, "sums of integers", "select (k + a) + b as z from t", "select a + (b + k) as z from t"),
    equal(ASSOCIATE, "products of integers", "select (k * a) * b as z from t", "select b * (a * k) as z from t"),
    equal(COUNT_ROWS, "any number", "select count(*) as n from w", "select count(2) as n from w"),
    equal(
        COUNT_ROWS,
        "any value",
        "select a, count(*) filter (where b > 0) as n from w group by a",
        "select a, count('x') filter (where b > 0) as n from w group by a",
    ),
    equal(
        COUNT_ROWS,
        "in a window",
        "select a, count(*) over () as n from w",
        "select a, count(7) over () as n from w",
    ),
    equal(
        SIMPLE_CASE,
        "a value's case",
        "select case a when 1 then 'x' when 2 then 'y' else 'z' end as z from w",
        "select case when a = 1 then 'x' when a = 2 then 'y' else 'z' end as z from w",
    ),
    equal(
        SIMPLE_CASE,
        "of columns",
        "select case a when b then 1 else 0 end as z from w",
        "select case when b = a then 1 else 0 end as z from w",
    ),
    equal(CASTS, "a text as text", "select cast(s as text) as z from t", "select s as z from t"),
    equal(CASTS, "an integer as itself", "select cast(a as int) + b as z from w", "select a + b as z from w"),
    equal(CASTS, "perhaps a text", "select try_cast(s as varchar) as z from t", "select s as z from t"),
    equal(
        DEPENDENT_KEYS,
        "a constant is no key",
        "select distinct a, 1 as z from w",
        "select a, 1 as z from w group by a",
    ),
    equal(
        DEPENDENT_KEYS,
        "not even alone",
        "select 1 as z from w group by 'x', 2 + 3",
        "select distinct 1 as z from w",
    ),
    equal(
        DEPENDENT_KEYS,
        "nor is what a group of one row says of it",
        "select distinct q.k as z from (select k, count(k) as n from t group by k order by k limit 2) q cross join w",
        "select q.k as z from (select k, count(k) as n from t group by k order by k limit 2) q cross join w group by q.k",
    ),
    equal(
        JOIN_ORDER,
        "two tables",
        "select w.a, u.v from w join u on w.a = u.k",
        "select w.a, u.v from u join w on w.a = u.k",
    ),
    equal(
        JOIN_ORDER,
        "three tables",
        "select x.a, y.v, z.b from w x join u y on x.a = y.k join w2 z on y.v = z.a",
        "select x.a, y.v, z.b from w2 z join u y on z.a = y.v join w x on y.k = x.a",
    ),
    equal(
        JOIN_ORDER,
        "a table twice",
        "select x.a, y.b from w x join w y on x.a < y.b",
        "select x.a, y.b from w y join w x on x.a < y.b",
    ),
    equal(
        UNION_ORDER,
        "two legs",
        "select a as z from w union all select k as z from t",
        "select k as z from t union all select a as z from w",
    ),
    equal(
        UNION_ORDER,
        "three legs",
        "select a as z from w union all select k as z from t union all select v as z from u",
        "select v as z from u union all select a as z from w union all select k as z from t",
    ),
    equal(
        UNION_ORDER,
        "two columns",
        "select a as p, b as q from w where a > 0 union all select k as p, v as q from u",
        "select k as p, v as q from u union all select a as p, b as q from w where a > 0",
    ),
    equal(DISTINCT, "distinct is a group by", "select distinct a, b from w", "select a, b from w group by a, b"),
    equal(DISTINCT, "of an expression", "select distinct a + b as z from w", "select a + b as z from w group by a + b"),
    equal(
        SEMI_JOINS,
        "in is exists",
        "select k from t where a in (select v from u)",
        "select k from t where exists (select 1 from u where u.v = t.a)",
    ),
    equal(
        SEMI_JOINS,
        "with a condition of its own",
        "select k from t where a in (select v from u where u.k = t.b)",
        "select k from t where exists (select 1 from u where u.k = t.b and u.v = t.a)",
    ),
    equal(
        SEMI_JOINS,
        "a semi join is in",
        "select t.k from t left semi join u on u.v = t.a",
        "select k from t where a in (select v from u)",
    ),
    equal(
        SEMI_JOINS,
        "not in is not exists, where nothing is null",
        "select k from t where k not in (select id from u)",
        "select k from t where not exists (select 1 from u where u.id = t.k)",
    ),
    equal(LOOKUPS, "a key adds no row", "select t.k, t.a from t left join u on u.id = t.a", "select k, a from t"),
    equal(
        LOOKUPS,
        "neither does a group's",
        "select t.k, t.a from t left join (select k, max(v) as m from u group by k) g on g.k = t.k",
        "select k, a from t",
    ),
    equal(
        LOOKUPS,
        "nor the only row",
        "select t.k from t left join (select max(v) as m from u) g on true",
        "select k from t",
    ),
    equal(
        KEYS,
        "groups have no order of keys",
        "select count(*) as n from w group by a, b",
        "select count(*) as n from w group by b, a",
    ),
    equal(
        KEYS,
        "neither have partitions",
        "select a, b, sum(k) over (partition by a, b) as z from t",
        "select a, b, sum(k) over (partition by b, a) as z from t",
    ),
    equal(
        KEYS,
        "nor what is distinct",
        "select distinct on (a, b) s as z from t order by a, b, k",
        "select distinct on (b, a) s as z from t order by b, a, k",
    ),
    equal(
        DEPENDENT_KEYS,
        "what follows from a key is no further key",
        "select k, count(*) as n from t group by k, a",
        "select k, count(*) as n from t group by k",
    ),
    equal(
        DEPENDENT_KEYS,
        "wherever it stands",
        "select count(*) as n, max(s) as m from t group by b, k, a",
        "select count(*) as n, max(s) as m from t group by k",
    ),
    equal(
        DEPENDENT_KEYS,
        "nor is what follows from a group's",
        "select x.a, sum(x.n) as z from (select a, count(*) as n from w group by a) x group by x.a, x.n",
        "select x.a, sum(x.n) as z from (select a, count(*) as n from w group by a) x group by x.a",
    ),
    equal(
        DEPENDENT_KEYS,
        "a key of one of the joined tables",
        "select id, sum(a) as s from u join w on w.b = u.k group by id, v, v + 1",
        "select id, sum(a) as s from u join w on w.b = u.k group by id",
    ),
    equal(
        JOIN_ORDER,
        "in a subquery with two columns of the query around",
        "select a from w where exists (select 1 from w x join w y on x.a = y.b where x.b = w.a and y.a = w.b)",
        "select a from w where exists (select 1 from w x join w y on x.a = y.b where y.a = w.b and x.b = w.a)",
    ),
    equal(
        JOIN_ORDER,
        "and written from the other side",
        "select a from w where exists (select 1 from w x join w y on x.a = y.b where x.b = w.b and y.a = w.a)",
        "select a from w where exists (select 1 from w y join w x on x.a = y.b where y.a = w.a and x.b = w.b)",
    ),
    equal(
        JOIN_ORDER,
        "in the second part of except",
        "select a, b from w except select x.b as a, u.v as b from w x join u on u.k = x.a join w y on y.a = x.b",
        "select a, b from (select b, a from w except select u.v, x.b from w x join u on u.k = x.a join w y on y.a = x.b) z",
    ),
    equal(
        JOIN_ORDER,
        "and the other column",
        "select a, b from w except select u.v as a, x.b as b from w x join u on u.k = x.a join w y on y.a = x.b",
        "select a, b from (select b, a from w except select x.b, u.v from w x join u on u.k = x.a join w y on y.a = x.b) z",
    ),
    equal(
        UNION_ORDER,
        "legs over the same rows",
        "select a as x, b as y from w union all select b as x, a as y from w",
        "select b as x, a as y from w union all select a as x, b as y from w",
    ),
    equal(
        UNION_ORDER,
        "whatever the order of columns",
        "select a as x, b as y, 1 as z from w union all select b as x, a as y, 2 as z from w",
        "select 2 as z, b as x, a as y from w union all select 1 as z, a as x, b as y from w",
    )
    .with(Verdict::Reordered),
    equal(
        NESTED_DISTINCT,
        "a union of three has no order",
        "select a from w union select b from w union select a from w2",
        "select a from w2 union (select a from w union select b from w)",
    ),
    equal(
        NESTED_DISTINCT,
        "nor doubles to be taken out below",
        "select distinct a from (select distinct a, b from w)",
        "select distinct a from w",
    ),
    equal(
        NESTED_DISTINCT,
        "a leg twice",
        "select a from w union select b from w union select a from w",
        "select a from w union select b from w",
    ),
    equal(
        WIDENING_CASTS,
        "wider integers are the same numbers",
        "select a from w where cast(a as bigint) = b",
        "select a from w where a = b",
    ),
    equal(
        WIDENING_CASTS,
        "in is exists, whatever is cast",
        "select k from t where cast(a as bigint) in (select v from u)",
        "select k from t where exists (select 1 from u where u.v = t.a)",
    ),
    equal(
        WIDENING_CASTS,
        "whatever was cast outside",
        "select k from (select k, cast(a as bigint) as x from t) w where exists (select 1 from u where u.v = w.x)",
        "select k from t where exists (select 1 from u where u.v = t.a)",
    ),
    equal(
        WIDENING_CASTS,
        "of what comes from outside too",
        "select a from w where exists (select 1 from counted c where c.n = w.a)",
        "select a from w where a in (select n from counted)",
    ),
];
