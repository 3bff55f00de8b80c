//! Makes realistic projects of any size: sources, and layers of slices above them, in several domains.
//!
//! ```text
//!   layer 0          1                  2 …                                    depth
//!   sources ─▶ staging slices ─▶ joins, unions, aggregates, windows ─▶ … ─▶ slices that nothing reads
//! ```
//!
//! Every slice has the columns `id, day, amount, label, n`, so that any slice can read any other, and at least one input
//! of the layer right before, so that the depth is real. Three things hold however deep a project is, and with them it
//! can be built too: `id` is unique in every slice, so that joins on it never multiply rows; amounts are averaged or cut
//! and cast back, so that their type and size stay; `n` is taken modulo a number before something is added.
//!
//! The same shape always gives the same bytes: what looks like chance is a hash of a slice's number.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::ops::Range;

/// How large a project is made.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    pub slices: usize,
    /// How many slices stand above each other on the longest way from a source.
    pub depth: usize,
}

/// A project, and edits to measure it with.
pub struct Generated {
    /// Each file's path in the project's folder, and its text.
    pub files: Vec<(String, String)>,
    /// Changes a slice in the middle of the depth that others read.
    pub middle: Edit,
    /// Changes a slice that nothing reads.
    pub leaf: Edit,
}

/// A change of what one slice means, and of nothing else.
pub struct Edit {
    pub path: String,
    /// Stands exactly once in the file.
    pub before: String,
    pub after: String,
    /// The slice that changes, `domain.name`.
    pub slice: String,
}

/// Makes a project that checks without findings and can be built. There must be a layer before and one behind the
/// middle, and a slice for each layer.
pub fn generate(shape: Shape) -> Generated {
    assert!(shape.depth >= 2 && shape.slices >= shape.depth, "no such project: {shape:?}");
    let layout = Layout::new(shape);
    let mut relations: Vec<Relation> = (0..layout.sources).map(|number| source(&layout, number)).collect();
    for layer in 1..=shape.depth {
        for index in layout.layer(layer) {
            let slice = slice(&layout, layer, index);
            for read in &slice.reads {
                relations[*read].readers.insert(slice.domain);
            }
            relations.push(slice);
        }
    }

    let mut files = vec![("pie.toml".to_owned(), "[project]\nname = \"generated\"\n".to_owned())];
    for domain in 0..layout.domains {
        let name = domain_name(domain);
        let owned = |range: Range<usize>| range.filter(|index| layout.domain(*index) == domain).collect::<Vec<_>>();
        let header = format!("domain {name} {{ owner '{name}@generated.example' }}\n");
        let sources = owned(0..layout.sources);
        files.push((format!("{name}/sources.pie"), header + &declarations(&relations, &sources)));
        for (number, slices) in owned(layout.sources..relations.len()).chunks(SLICES_PER_FILE).enumerate() {
            files.push((slices_path(domain, number), declarations(&relations, slices).trim_start().to_owned()));
        }
    }
    files.extend((0..layout.sources).map(|number| (raw_path(number), rows(number))));

    let edit = |mut candidates: Range<usize>, read: bool| {
        let found = candidates.find(|index| relations[*index].readers.is_empty() != read);
        layout.edit(found.expect("each layer but the last is read, the last one isn't"))
    };
    let middle = edit(layout.layer(shape.depth / 2), true);
    let leaf = edit(layout.layer(shape.depth), false);
    Generated { files, middle, leaf }
}

const SLICES_PER_FILE: usize = 40;

/// Prime, so that it falls together with no number of slices that somebody would choose, and small enough for any depth.
const MODULUS: &str = "997";

/// Teams; where there are more, they are numbered.
const DOMAINS: [&str; 8] = ["sales", "payments", "risk", "finance", "growth", "logistics", "support", "catalogue"];

/// Slices of layer 1, which read sources. In all queries `$a`, `$b` and `$c` are inputs, `$add` is the slice's own number.
const STAGING: [&[(&str, &str)]; 2] = [
    &[
        (
            "cleaned",
            "
  select
    key as id,
    day,
    cast(coalesce(price, 0) as decimal(12, 2)) as amount,
    upper(trim(coalesce(name, 'none'))) as label,
    coalesce(units, 0) % $modulus + $add as n
  from $a",
        ),
        (
            "valid",
            "
  select key as id, day, price as amount, lower(name) as label, cast(units as bigint) % $modulus + $add as n
  from $a
  where price is not null and price < 900 and day >= date '2026-01-02'",
        ),
        (
            "typed",
            "
  select
    key as id,
    cast(cast(day as text) as date) as day,
    cast(coalesce(price, 1.5) as decimal(12, 2)) as amount,
    case when units is null then 'unknown' when units > 50 then 'bulk' else coalesce(name, 'none') end as label,
    coalesce(units, 1) * 2 % $modulus + $add as n
  from $a",
        ),
    ],
    &[
        (
            "listed",
            "
  select
    a.key as id,
    a.day,
    cast(coalesce(a.price, b.price, 0) as decimal(12, 2)) as amount,
    coalesce(a.name, b.name, 'none') as label,
    (coalesce(a.units, 0) + coalesce(b.units, 0)) % $modulus + $add as n
  from $a a
  left join $b b on b.key = a.key",
        ),
        (
            "gathered",
            "
  select
    coalesce(a.key, b.key) as id,
    coalesce(a.day, b.day) as day,
    cast(coalesce(a.price, 0) + coalesce(b.price, 0) as decimal(12, 2)) as amount,
    case when a.key is null then 'second' else coalesce(a.name, 'first') end as label,
    coalesce(a.units, b.units, 0) % $modulus + $add as n
  from $a a
  full join $b b on b.key = a.key",
        ),
    ],
];

/// Slices that look something up in a source; the second input is the source.
const LOOKUP: (&str, &str) = (
    "priced",
    "
  select
    a.id,
    a.day,
    cast(coalesce(listed.price, a.amount) as decimal(12, 2)) as amount,
    coalesce(listed.name, a.label) as label,
    (a.n + coalesce(listed.units, 0)) % $modulus + $add as n
  from $a a
  left join $b listed on listed.key = a.id",
);

/// Slices of deeper layers, by how many they read. What drops rows is outweighed by what gathers them, or the last layers
/// would be empty.
const DERIVED: [&[(&str, &str)]; 3] = [
    &[
        (
            "adjusted",
            "
  select
    id,
    day,
    cast(case when amount >= 500 then amount * 0.9 else amount + 1 end as decimal(12, 2)) as amount,
    case when amount >= 250 then upper(label) else label end as label,
    n % $modulus + $add as n
  from $a",
        ),
        (
            "ranked",
            "
  select
    id,
    day,
    amount,
    label,
    cast(row_number() over (partition by label order by amount desc, id) as bigint) + $add as n
  from $a",
        ),
        (
            "running",
            "
  select
    id,
    day,
    cast(sum(amount) over (partition by day order by id) % 1000 as decimal(12, 2)) as amount,
    label,
    coalesce(lag(n) over (order by day, id), 0) % $modulus + $add as n
  from $a",
        ),
        (
            "shared",
            "
  with labels as (
    select label, min(amount) as least, max(amount) as most, count(*) as lines from $a group by label
  )
  select
    a.id,
    a.day,
    cast((labels.least + labels.most) / 2 as decimal(12, 2)) as amount,
    a.label,
    (a.n + labels.lines) % $modulus + $add as n
  from $a a
  join labels on labels.label = a.label
  union all
  select id, day, amount, 'none' as label, n from $a where label is null",
        ),
    ],
    &[
        (
            "enriched",
            "
  select
    a.id,
    a.day,
    cast((a.amount + coalesce(b.amount, 0)) / 2 as decimal(12, 2)) as amount,
    coalesce(b.label, a.label) as label,
    (a.n + coalesce(b.n, 0)) % $modulus + $add as n
  from $a a
  left join $b b on b.id = a.id",
        ),
        (
            "totals",
            "
  with lines as (
    select id, day, amount, label, n from $a
    union all
    select id, day, amount, label, n from $b where amount > 0
  )
  select
    id,
    min(day) as day,
    cast(sum(amount) / count(*) as decimal(12, 2)) as amount,
    max(label) as label,
    sum(n) % $modulus + $add as n
  from lines
  group by id",
        ),
        (
            "merged",
            "
  select id, day, amount, label, n % $modulus + $add as n from $a where id % 2 = 0
  union all
  select id, day, amount, label, n from $b where id % 2 = 1",
        ),
        (
            "known",
            "
  select id, day, amount, label, n % $modulus + $add as n
  from $a a
  where amount < 100 or exists (select 1 from $b b where b.id = a.id and b.day <= a.day)",
        ),
        (
            "active",
            "
  select distinct a.id, a.day, a.amount, a.label, a.n % $modulus + $add as n
  from $a a
  join (select distinct id from $b) as seen on seen.id = a.id",
        ),
        (
            "daily",
            "
  with days as (
    select day, sum(amount) as amount, count(*) as lines from $b group by day
  )
  select
    a.id,
    a.day,
    cast(coalesce(days.amount / days.lines, a.amount) as decimal(12, 2)) as amount,
    a.label,
    (a.n + coalesce(days.lines, 0)) % $modulus + $add as n
  from $a a
  left join days on days.day = a.day",
        ),
        (
            "complete",
            "
  select
    coalesce(a.id, b.id) as id,
    coalesce(a.day, b.day) as day,
    cast(coalesce(a.amount, b.amount) as decimal(12, 2)) as amount,
    case when a.id is null then b.label else a.label end as label,
    coalesce(a.n, b.n) % $modulus + $add as n
  from $a a
  full join $b b on b.id = a.id",
        ),
    ],
    &[
        (
            "scored",
            "
  with large as (select id, amount, n from $b where amount >= 10)
  select
    a.id,
    coalesce(c.day, a.day) as day,
    cast(case when large.id is null then a.amount else (a.amount + large.amount) / 2 end as decimal(12, 2)) as amount,
    coalesce(c.label, a.label) as label,
    (a.n + coalesce(large.n, 0) + coalesce(c.n, 0)) % $modulus + $add as n
  from $a a
  left join large on large.id = a.id
  left join $c c on c.id = a.id",
        ),
        (
            "combined",
            "
  with lines as (
    select id, day, amount, label, n from $a
    union all
    select id, day, amount, label, n from $b
    union all
    select id, day, amount, label, n from $c
  )
  select
    id,
    max(day) as day,
    cast(min(amount) as decimal(12, 2)) as amount,
    min(label) as label,
    (sum(n) + count(distinct day)) % $modulus + $add as n
  from lines
  group by id",
        ),
    ],
];
