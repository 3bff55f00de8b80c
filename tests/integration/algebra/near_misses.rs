//! For each rule pairs that it would make equal if it went too far.

use super::pairs::{About, Pair, different, only_z};
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

pub const PAIRS: &[Pair] = &[
    different(
        DEPENDENT_KEYS,
        "a float is no key",
        "select q.f from (select f, count(*) as n from t group by f) q group by q.f, q.n",
        "select f from t",
    ),
    different(
        FRAMES,
        "equal rows end a frame together",
        "select a, sum(a) over (order by a, b rows between unbounded preceding and current row) as z from w",
        "select a, sum(a) over (order by a, b range between unbounded preceding and current row) as z from w",
    ),
    different(
        FRAMES,
        "a distance isn't a place",
        "select k, sum(a) over (order by k rows between 1 preceding and current row) as z from t",
        "select k, sum(a) over (order by k range between 1 preceding and current row) as z from t",
    ),
    different(
        FRAMES,
        "a sum has a frame",
        "select k, sum(a) over (order by k rows between 1 preceding and current row) as z from t",
        "select k, sum(a) over (order by k rows between unbounded preceding and current row) as z from t",
    ),
    different(WHOLE_NUMBERS, "more is not at least", "select a from w where a > 1", "select a from w where a >= 1"),
    different(WHOLE_NUMBERS, "less is not at most", "select a from w where a < 1", "select a from w where a <= 1"),
    different(WHOLE_NUMBERS, "nor two less", "select a from w where a > 1", "select a from w where a >= 3"),
    different(
        WHOLE_NUMBERS,
        "there are numbers between",
        "select k from t where f > 0.0",
        "select k from t where f >= 1.0",
    ),
    different(
        WHOLE_NUMBERS,
        "nothing is more than the greatest",
        "select a from w where a > 9223372036854775807",
        "select a from w where a >= -9223372036854775808",
    ),
    different(
        COMMON_FACTORS,
        "the rest of a leg counts",
        "select a from w where a > 0 and b > 0 or b > 0 and a is null",
        "select a from w where b > 0 and a > 0",
    ),
    different(
        COMMON_FACTORS,
        "the rest of the other leg",
        "select a from w where a > 0 and b > 0 or b > 0 and a is null",
        "select a from w where b > 0 and a is null",
    ),
    different(
        COMMON_FACTORS,
        "only what is common",
        "select a from w where a > 0 and b > 0 or b > 0 and a is null",
        "select a from w where a > 0 and b > 0 or a is null",
    ),
    // Which operands go missing depends on digests, so several pairs try.
    different(
        CONJUNCTS,
        "one disjunct more: 1",
        "select a from w where a = 3 or a = 4 or a = 5 or a = 6 or a = 7 or a = 8 or a = 9",
        "select a from w where a = 3 or a = 4 or a = 5 or a = 6 or a = 7 or a = 8 or a = 9 or a = 1",
    ),
    different(
        CONJUNCTS,
        "one disjunct more: 0",
        "select a from w where a = 3 or a = 4 or a = 5 or a = 6 or a = 7 or a = 8 or a = 9",
        "select a from w where a = 3 or a = 4 or a = 5 or a = 6 or a = 7 or a = 8 or a = 9 or a = 0",
    ),
    different(
        CONJUNCTS,
        "one disjunct more: null",
        "select b from w where b = 3 or b = 4 or b = 5 or b = 6 or b = 7 or b = 8 or b = 9",
        "select b from w where b = 3 or b = 4 or b = 5 or b = 6 or b = 7 or b = 8 or b = 9 or b is null",
    ),
    different(
        CONJUNCTS,
        "one disjunct more: another column",
        "select b from w where b = 3 or b = 4 or b = 5 or b = 6 or b = 7 or b = 8 or b = 9",
        "select b from w where b = 3 or b = 4 or b = 5 or b = 6 or b = 7 or b = 8 or b = 9 or a = 1",
    ),
    different(
        CONJUNCTS,
        "and is not or",
        "select a from w where a > 0 and b > 0",
        "select a from w where a > 0 or b > 0",
    ),
    different(
        CONJUNCTS,
        "false is not true",
        "select a from w where a > 0 or 1 = 1",
        "select a from w where a > 0 or 1 = 2",
    ),
    different(IN_LISTS, "another item", "select a from w where a in (1, 2)", "select a from w where a in (1, 0)"),
    different(
        IN_LISTS,
        "null in a list",
        "select a from w where a not in (1, null)",
        "select a from w where a not in (1)",
    ),
    only_z(
        IN_LISTS,
        "a list of floats is compared by bits",
        "select f + f in (0, 1) as z from t",
        "select f + f = 0 or f + f = 1 as z from t",
    ),
    different(
        BETWEEN,
        "an open interval",
        "select a from w where a between 0 and 1",
        "select a from w where a >= 0 and a < 1",
    ),
    different(
        BETWEEN,
        "bounds the other way",
        "select a from w where a between 0 and 1",
        "select a from w where a between 1 and 0",
    ),
    different(MIRROR, "less is not greater", "select a from w where a < b", "select a from w where b < a"),
    different(MIRROR, "nor is it less or equal", "select a from w where a < b", "select a from w where b >= a"),
    different(NEGATION, "not less isn't greater", "select a from w where not (a < b)", "select a from w where a > b"),
    different(
        NEGATION,
        "not equal isn't distinct",
        "select a from w where not (a = b)",
        "select a from w where a is distinct from b",
    ),
    different(
        NEGATION,
        "not true isn't false",
        "select k from t where (a > 0) is not true",
        "select k from t where not (a > 0)",
    ),
    different(FOLDING, "another sum", "select a from w where a = 1 + 1", "select a from w where a = 1 + 0"),
    only_z(FOLDING, "sums of floats are rounded", "select 0.1 + 0.2 as z", "select 0.3 as z"),
    only_z(
        FOLDING,
        "integers are divided without a rest",
        "select cast(7 / 2 as double) as z",
        "select cast(3.5 as double) as z",
    ),
    only_z(FOLDING, "a cast rounds", "select cast(cast(1.5 as int) as double) as z", "select cast(1.5 as double) as z"),
    only_z(COMMUTE, "a difference", "select a - b as z from w", "select b - a as z from w"),
    only_z(COMMUTE, "texts", "select s || 'x' as z from t", "select 'x' || s as z from t"),
    only_z(ASSOCIATE, "each operand counts", "select a + a + b as z from w", "select a + b as z from w"),
    only_z(ASSOCIATE, "differences", "select (k - a) - b as z from t", "select k - (a - b) as z from t"),
    only_z(COUNT_ROWS, "nulls aren't counted", "select count(a) as z from w", "select count(*) as z from w"),
    only_z(
        COUNT_ROWS,
        "a distinct constant is one",
        "select count(distinct 1) as z from w",
        "select count(*) as z from w",
    ),
    // The first two columns bring the conditions into one order of creation.
    only_z(
        SIMPLE_CASE,
        "the first branch counts",
        "select a = 1 as p, b = 1 as q, case when a = 1 then 'x' when b = 1 then 'y' else '' end as z from w",
        "select a = 1 as p, b = 1 as q, case when b = 1 then 'y' when a = 1 then 'x' else '' end as z from w",
    ),
    only_z(
        SIMPLE_CASE,
        "null is no case",
        "select case a when null then 'x' else 'y' end as z from w",
        "select case when a is null then 'x' else 'y' end as z from w",
    ),
    only_z(
        SIMPLE_CASE,
        "the cases of a float are compared by bits",
        "select case f when 0 then 'x' when 1 then 'y' else 'z' end as z from t",
        "select case when f = 0 then 'x' when f = 1 then 'y' else 'z' end as z from t",
    ),
    only_z(
        CASTS,
        "types are shown differently",
        "select cast(cast(a as decimal(10, 2)) as text) as z from w",
        "select cast(cast(a as double) as text) as z from w",
    ),
    different(
        JOIN_ORDER,
        "leaves with columns of the same terms",
        "select x.a as z from (select a from w group by a) x cross join (select a, b from w group by a, b) y",
        "select y.a as z from (select a, b from w group by a, b) y cross join (select a from w group by a) x",
    ),
    different(
        JOIN_ORDER,
        "the other one of a table twice",
        "select x.a as z from w x join w y on x.a < y.a",
        "select y.a as z from w x join w y on x.a < y.a",
    ),
    different(
        UNION_ORDER,
        "columns go with their legs",
        "select 1 as z from w union all select 2 as z from w2",
        "select 1 as z from w2 union all select 2 as z from w",
    ),
    different(DISTINCT, "distinct or not", "select distinct a from w", "select a from w"),
    different(
        DISTINCT,
        "distinct in what",
        "select count(*) as n from (select distinct a, b from w) x",
        "select count(*) as n from (select distinct a from w) x",
    ),
    different(
        SEMI_JOINS,
        "null in what isn't in",
        "select k from t where a not in (select v from u)",
        "select k from t where not exists (select 1 from u where u.v = t.a)",
    ),
    different(
        SEMI_JOINS,
        "null that isn't in",
        "select k from t where a not in (select id from u)",
        "select k from t where not exists (select 1 from u where u.id = t.a)",
    ),
    different(
        SEMI_JOINS,
        "a join repeats rows",
        "select w.a from w where a in (select v from u)",
        "select w.a from w join u on u.v = w.a",
    ),
    different(
        DEPENDENT_KEYS,
        "no keys have a row of nothing",
        "select count(*) as z from w where a > 100 group by 1 = 1",
        "select count(*) as z from w where a > 100",
    ),
    different(
        CONJUNCTS,
        "what never holds in an outer join leaves its rows",
        "select w.a from w left join u on w.b = u.k and 1 = 0",
        "select w.a from w join u on w.b = u.k and 1 = 0",
    ),
    different(LOOKUPS, "no key adds rows", "select t.k, t.a from t left join u on u.k = t.k", "select k, a from t"),
    different(
        LOOKUPS,
        "a part of a key adds rows",
        "select w.a from w left join (select a, b from w2 group by a, b) g on g.a = w.a",
        "select a from w",
    ),
    only_z(
        LOOKUPS,
        "a constant is null where no row is found",
        "select t.k, g.one as z from t left join (select id, 1 as one from u) g on g.id = t.a",
        "select t.k, 1 as z from t left join (select id, 1 as one from u) g on g.id = t.a",
    ),
    different(
        KEYS,
        "one key less: b",
        "select count(*) as n from w group by a, b",
        "select count(*) as n from w group by a",
    ),
    different(
        KEYS,
        "one key less: a",
        "select count(*) as n from w group by a, b",
        "select count(*) as n from w group by b",
    ),
    only_z(
        KEYS,
        "one partition column less: b",
        "select a, count(*) over (partition by a, b) as z from w",
        "select a, count(*) over (partition by a) as z from w",
    ),
    only_z(
        KEYS,
        "one partition column less: a",
        "select a, count(*) over (partition by a, b) as z from w",
        "select a, count(*) over (partition by b) as z from w",
    ),
    different(
        DEPENDENT_KEYS,
        "a key that follows from nothing: b",
        "select count(*) as z from w group by a, b",
        "select count(*) as z from w group by a",
    ),
    only_z(
        DEPENDENT_KEYS,
        "another aggregate of one row",
        "select k, sum(a) as z from t group by k",
        "select k, sum(b) as z from t group by k",
    ),
    only_z(
        DEPENDENT_KEYS,
        "an aggregate of one row with a filter",
        "select k, max(a) as z from t group by k",
        "select k, max(a) filter (where b > 0) as z from t group by k",
    ),
    only_z(
        DEPENDENT_KEYS,
        "an argument is no filter",
        "select k, count(a) as z from t group by k",
        "select k, count(*) filter (where a is not null and s is not null) as z from t group by k",
    ),
    only_z(
        NESTED_DISTINCT,
        "an aggregate counts the rows without doubles",
        "select x.a, count(*) as z from (select distinct a, b from w) x group by x.a",
        "select a, count(*) as z from w group by a",
    ),
    only_z(
        NESTED_DISTINCT,
        "and those of the right columns",
        "select x.a, count(*) as z from (select distinct a, b from w) x group by x.a",
        "select x.a, count(*) as z from (select distinct a, b % 2 as b from w) x group by x.a",
    ),
    different(
        DEPENDENT_KEYS,
        "a key that follows from nothing: a",
        "select count(*) as z from w group by a, b",
        "select count(*) as z from w group by b",
    ),
    different(
        DEPENDENT_KEYS,
        "a key of one side of a join",
        "select t.k, count(*) as z from t join u on u.k = t.a group by t.k, u.v",
        "select t.k, count(*) as z from t join u on u.k = t.a group by t.k",
    ),
    different(
        DEPENDENT_KEYS,
        "a key of the side that a left join repeats",
        "select t.k, count(*) as z from t left join w on w.a = t.a group by t.k, w.b",
        "select t.k, count(*) as z from t left join w on w.a = t.a group by t.k",
    ),
    different(
        DEPENDENT_KEYS,
        "of a joined table what is said of the other too",
        "select u.id, count(*) as z from u join w on w.b = u.k group by u.id, u.v + w.a",
        "select u.id, count(*) as z from u join w on w.b = u.k group by u.id",
    ),
    different(
        About::Rule(Rule::UnionOrder),
        "columns of a leg belong together",
        "select a as x, b as y from w union all select b as x, a as y from w",
        "select a as x, a as y from w union all select b as x, b as y from w",
    ),
    different(
        NESTED_DISTINCT,
        "legs over the same rows that say something else",
        "select a from w union select b from w",
        "select a from w union select a from w",
    ),
    different(
        NESTED_DISTINCT,
        "whichever comes first",
        "select a from w union select b from w",
        "select b from w union select b from w",
    ),
    different(
        NESTED_DISTINCT,
        "doubles below a count",
        "select a, count(*) as n from (select distinct a, b from w) group by a",
        "select a, count(*) as n from w group by a",
    ),
    different(
        NESTED_DISTINCT,
        "doubles below `union all`",
        "select a from (select distinct a from w) union all select b from w",
        "select a from w union all select b from w",
    ),
    different(
        NESTED_DISTINCT,
        "a count is no key",
        "select distinct n from (select a, count(*) as n from w group by a)",
        "select distinct n from (select b, count(*) as n from w group by b)",
    ),
    different(
        NESTED_DISTINCT,
        "a total of all groups",
        "select distinct a from (select a from w group by rollup (a))",
        "select distinct a from (select a from w group by a)",
    ),
    different(
        WIDENING_CASTS,
        "smaller integers may not hold the number",
        "select a from w where cast(a as smallint) = b",
        "select a from w where a = b",
    )
    .hidden("the numbers are small; with others the first ends in an error"),
    different(
        WIDENING_CASTS,
        "what comes from outside into one subquery is no integer because what comes into another is",
        "select k from t where exists (select 1 from u where u.v = t.a) and exists (select 1 from u where u.v = cast(t.f as bigint))",
        "select k from t where exists (select 1 from u where u.v = t.a) and exists (select 1 from u where u.v = t.f)",
    ),
];
