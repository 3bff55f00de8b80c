//! Makes realistic projects of any size: sources, and layers of slices above them, in several domains.
//!
//! ```text
//!   layer 0          1                  2 …                                    depth
//!   sources ─▶ staging slices ─▶ joins, unions, aggregates, windows ─▶ … ─▶ slices that nothing reads
//! ```
//!
//! Every slice has the columns `id, day, amount, label, n`, so that any slice can read any other, and an input of the
//! layer right before, so that the depth is real. A project can also be built, however deep it is, because three
//! things hold in every slice: `id` is unique, so that joins on it never multiply rows; amounts are averaged, chosen or
//! cut and cast back, so that they don't grow; `n` is taken modulo a number before something is added.
//!
//! The same shape always gives the same bytes: what looks like chance is a hash of a slice's number.

use std::collections::BTreeSet;
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

/// Makes a project that checks without findings and can be built. It needs two layers, so that there is a slice with
/// readers, and a slice for each layer.
pub fn generate(shape: Shape) -> Generated {
    assert!(shape.depth >= 2 && shape.slices >= shape.depth, "there is no such project: {shape:?}");
    let layout = Layout::new(shape);
    let mut relations: Vec<Relation> = layout.layer(0).map(|number| layout.source(number)).collect();
    for layer in 1..=shape.depth {
        for index in layout.layer(layer) {
            let (slice, reads) = layout.slice(layer, index, &relations);
            for read in reads {
                relations[read].readers.insert(layout.domain(index));
            }
            relations.push(slice);
        }
    }

    let mut files =
        vec![("pie.toml".to_owned(), "[project]\nname = \"generated\"\n\n[store]\nsync = false\n".to_owned())];
    for domain in 0..layout.domains {
        let owned = |range: Range<usize>| range.filter(|index| layout.domain(*index) == domain).collect::<Vec<_>>();
        let write = |indices: &[usize]| indices.iter().map(|index| relations[*index].text()).collect::<Vec<_>>();
        let name = domain_name(domain);
        let mut first = vec![format!("domain {name} {{ owner '{name}@generated.example' }}\n")];
        first.extend(write(&owned(layout.layer(0))));
        files.push((format!("{name}/sources.pie"), first.join("\n")));
        for slices in owned(layout.sources..relations.len()).chunks(SLICES_PER_FILE) {
            files.push((layout.path(slices[0]), write(slices).join("\n")));
        }
    }
    files.extend(layout.layer(0).map(|number| (raw_path(number), rows(number))));

    let edit = |layer: usize, read: bool| {
        let found = layout.layer(layer).find(|index| relations[*index].readers.is_empty() != read);
        let index = found.expect("the last layer has no readers, and each before it is read by the next one");
        let number = index - layout.sources + 1;
        Edit {
            path: layout.path(index),
            before: format!("+ {number} as n"),
            // No other slice adds this number, so what the slice becomes isn't another one's query.
            after: format!("+ {} as n", number + shape.slices),
            slice: relations[index].full_name(),
        }
    };
    let (middle, leaf) = (edit(shape.depth / 2, true), edit(shape.depth, false));
    Generated { files, middle, leaf }
}

const SLICES_PER_FILE: usize = 40;

/// Teams; where more are needed, they are numbered.
const DOMAINS: [&str; 8] = ["sales", "payments", "risk", "finance", "growth", "logistics", "support", "catalogue"];

/// Queries, each behind its name. `$a`, `$b` and `$c` are slices, `$s` and `$t` sources; `$number` is a slice's own,
/// which an edit changes. Those that read no slice make the first layer. What gathers rows outweighs what drops some,
/// or the last layers would be empty.
const QUERIES: &str = "
-- cleaned
  select
    key as id, day, cast(coalesce(price, 0) as decimal(12, 2)) as amount,
    upper(trim(coalesce(name, 'none'))) as label, coalesce(units, 0) % 997 + $number as n
  from $s
-- priced
  select key as id, day, price as amount, lower(name) as label, units % 997 + $number as n
  from $s
  where price is not null and day >= date '2026-01-02'
-- typed
  select
    key as id, cast(cast(day as text) as date) as day, cast(coalesce(price, 1.5) as decimal(12, 2)) as amount,
    case when units is null then 'unknown' when units > 50 then 'bulk' else coalesce(name, 'none') end as label,
    coalesce(units * 2, 1) % 997 + $number as n
  from $s
-- listed
  select
    s.key as id, s.day, cast(coalesce(s.price, t.price, 0) as decimal(12, 2)) as amount,
    coalesce(s.name, t.name, 'none') as label, (coalesce(s.units, 0) + coalesce(t.units, 0)) % 997 + $number as n
  from $s s left join $t t on t.key = s.key
-- gathered
  select
    coalesce(s.key, t.key) as id, coalesce(s.day, t.day) as day,
    cast(coalesce(s.price, 0) + coalesce(t.price, 0) as decimal(12, 2)) as amount,
    case when s.key is null then 'second' else coalesce(s.name, 'first') end as label,
    coalesce(s.units, t.units, 0) % 997 + $number as n
  from $s s full join $t t on t.key = s.key
-- repriced
  select
    a.id, a.day, cast(coalesce(s.price, a.amount) as decimal(12, 2)) as amount,
    coalesce(s.name, a.label) as label, (a.n + coalesce(s.units, 0)) % 997 + $number as n
  from $a a left join $s s on s.key = a.id
-- adjusted
  select
    id, day, cast(case when amount >= 500 then amount * 0.9 else amount + 1 end as decimal(12, 2)) as amount,
    case when amount >= 250 then upper(label) else label end as label, n % 997 + $number as n
  from $a
-- ranked
  select
    id, day, amount, label,
    cast(row_number() over (partition by label order by amount desc, id) as bigint) + $number as n
  from $a
-- running
  select
    id, day, cast(sum(amount) over (partition by day order by id) % 1000 as decimal(12, 2)) as amount,
    label, coalesce(lag(n) over (order by day, id), 0) % 997 + $number as n
  from $a
-- ranged
  with labels as (select label, min(amount) as least, max(amount) as most, count(*) as lines from $a group by label)
  select
    a.id, a.day, cast(coalesce((labels.least + labels.most) / 2, a.amount) as decimal(12, 2)) as amount,
    a.label, (a.n + coalesce(labels.lines, 0)) % 997 + $number as n
  from $a a left join labels on labels.label = a.label
-- enriched
  select
    a.id, a.day, cast((a.amount + coalesce(b.amount, 0)) / 2 as decimal(12, 2)) as amount,
    coalesce(b.label, a.label) as label, (a.n + coalesce(b.n, 0)) % 997 + $number as n
  from $a a left join $b b on b.id = a.id
-- totals
  with lines as (
    select id, day, amount, label, n from $a
    union all
    select id, day, amount, label, n from $b where amount > 0
  )
  select
    id, min(day) as day, cast(sum(amount) / count(*) as decimal(12, 2)) as amount,
    max(label) as label, sum(n) % 997 + $number as n
  from lines
  group by id
-- merged
  select id, day, amount, label, n % 997 + $number as n from $a where id % 2 = 0
  union all
  select id, day, amount, label, n from $b where id % 2 = 1
-- known
  select id, day, amount, label, n % 997 + $number as n
  from $a a
  where amount < 100 or exists (select 1 from $b b where b.id = a.id and b.day <= a.day)
-- active
  select distinct a.id, a.day, a.amount, a.label, a.n % 997 + $number as n
  from $a a join (select distinct id from $b) as seen on seen.id = a.id
-- daily
  with days as (select day, sum(amount) as amount, count(*) as lines from $b group by day)
  select
    a.id, a.day, cast(coalesce(days.amount / days.lines, a.amount) as decimal(12, 2)) as amount,
    a.label, (a.n + coalesce(days.lines, 0)) % 997 + $number as n
  from $a a left join days on days.day = a.day
-- complete
  select
    coalesce(a.id, b.id) as id, coalesce(a.day, b.day) as day, coalesce(a.amount, b.amount) as amount,
    case when a.id is null then b.label else a.label end as label, coalesce(a.n, b.n) % 997 + $number as n
  from $a a full join $b b on b.id = a.id
-- scored
  with large as (select id, amount, n from $b where amount >= 10)
  select
    a.id, coalesce(c.day, a.day) as day,
    cast(case when large.id is null then a.amount else (a.amount + large.amount) / 2 end as decimal(12, 2)) as amount,
    coalesce(c.label, a.label) as label, (a.n + coalesce(large.n, 0) + coalesce(c.n, 0)) % 997 + $number as n
  from $a a left join large on large.id = a.id left join $c c on c.id = a.id
-- combined
  with lines as (select * from $a union all select * from $b union all select * from $c)
  select
    id, max(day) as day, min(amount) as amount, min(label) as label,
    (sum(n) + count(distinct day)) % 997 + $number as n
  from lines
  group by id
";

/// A source or a slice.
struct Relation {
    kind: &'static str,
    domain: usize,
    name: String,
    /// What stands between the braces.
    body: String,
    /// The domains of what reads it.
    readers: BTreeSet<usize>,
}

impl Relation {
    fn full_name(&self) -> String {
        format!("{}.{}", domain_name(self.domain), self.name)
    }

    /// The declaration. Private is what its own domain alone reads; what nothing reads would be warned about.
    fn text(&self) -> String {
        let is_private = self.readers.len() == 1 && self.readers.contains(&self.domain);
        let visibility = if is_private { "" } else { "public " };
        format!("{visibility}{} {} {{\n{}\n}}\n", self.kind, self.full_name(), self.body)
    }
}

/// Where everything stands. A relation is known by its number, sources first, which are layer 0.
struct Layout {
    shape: Shape,
    sources: usize,
    domains: usize,
    /// Names and texts of the queries of the first layer, and of the deeper ones.
    queries: [Vec<(&'static str, &'static str)>; 2],
}

impl Layout {
    fn new(shape: Shape) -> Layout {
        let named = QUERIES.split("\n-- ").filter_map(|query| query.split_once('\n'));
        let queries = named.partition::<Vec<_>, _>(|(_, query)| !query.contains("$a")).into();
        Layout { shape, sources: (shape.slices / 50).max(3), domains: (shape.slices / 500 + 1).max(2), queries }
    }

    fn layer(&self, layer: usize) -> Range<usize> {
        let end = |layer: usize| self.sources + (layer * self.shape.slices).div_ceil(self.shape.depth);
        if layer == 0 { 0..self.sources } else { end(layer - 1)..end(layer) }
    }

    fn domain(&self, index: usize) -> usize {
        index % self.domains
    }

    /// The file of a slice.
    fn path(&self, index: usize) -> String {
        // Slices of one domain stand `domains` apart.
        let before = (index - self.sources) / self.domains;
        format!("{}/slices_{:02}.pie", domain_name(self.domain(index)), before / SLICES_PER_FILE)
    }

    fn source(&self, number: usize) -> Relation {
        let columns = "key bigint not null, day date not null, units bigint, name text, price decimal(12, 2)";
        let body = format!("  from '{}'\n  key (key)\n  columns ({columns})", raw_path(number));
        let (domain, name) = (self.domain(number), format!("feed_{number}"));
        Relation { kind: "source", domain, name, body, readers: BTreeSet::new() }
    }

    /// A slice of a layer, and what it reads.
    fn slice(&self, layer: usize, index: usize, relations: &[Relation]) -> (Relation, Vec<usize>) {
        let (domain, number) = (self.domain(index), index - self.sources + 1);
        let queries = &self.queries[usize::from(layer > 1)];
        let (name, query) = queries[chance(index, "query", queries.len())];
        let mut body = "  key (id)\n".to_owned();
        let clauses = [
            "  columns (id bigint not null, day date, amount decimal(12, 2), label text, n bigint)\n",
            "  check not_negative (amount >= 0)\n",
            "  sort by (day, id)\n",
            "  stale for at most 2 hours\n",
        ];
        clauses.iter().filter(|clause| chance(index, clause, 5) == 0).for_each(|clause| body.push_str(clause));
        body.push_str(&format!("\n{}", query.trim_end()).replace("$number", &number.to_string()));

        let mut reads = Vec::new();
        for input in ["$a", "$b", "$c", "$s", "$t"].into_iter().filter(|input| query.contains(input)) {
            let last = self.layer(layer - 1);
            let range = match input {
                "$s" | "$t" => self.layer(0),
                // The first input makes the depth, the others are from any layer now and then.
                "$b" | "$c" if chance(index, input, 3) == 0 => self.sources..last.end,
                _ => last,
            };
            let read = self.pick(index, input, range, &reads);
            let of = &relations[read];
            let name = if of.domain == domain { of.name.clone() } else { of.full_name() };
            body = body.replace(input, &name);
            reads.push(read);
        }
        let name = format!("{name}_{number}");
        (Relation { kind: "slice", domain, name, body, readers: BTreeSet::new() }, reads)
    }

    /// Something to read, most often of the reader's own domain, and not twice the same where there is another.
    fn pick(&self, reader: usize, input: &str, range: Range<usize>, taken: &[usize]) -> usize {
        let start = range.start + chance(reader, &format!("{input} of"), range.len());
        let abroad = chance(reader, &format!("{input} abroad"), 5) == 0;
        let mut others = (start..range.end).chain(range.start..start).filter(|index| !taken.contains(index));
        let wanted = others.clone().find(|index| abroad || self.domain(*index) == self.domain(reader));
        wanted.or_else(|| others.next()).unwrap_or(start)
    }
}

fn domain_name(domain: usize) -> String {
    match (DOMAINS[domain % DOMAINS.len()], domain / DOMAINS.len()) {
        (name, 0) => name.to_owned(),
        (name, round) => format!("{name}_{}", round + 1),
    }
}

fn raw_path(number: usize) -> String {
    format!("raw/feed_{number}.csv")
}

/// The rows of a source as CSV. Keys of different sources overlap without being the same; some values are missing.
fn rows(number: usize) -> String {
    let mut text = "key,day,units,name,price\n".to_owned();
    for row in 0..5 + chance(number, "rows", 16) {
        let seed = number * 32 + row;
        let known = |column: &str, value: String| if chance(seed, column, 8) == 0 { String::new() } else { value };
        let units = known("no units", chance(seed, "units", 100).to_string());
        let name = known("no name", ["apple", "Pear", " plum", "quince"][chance(seed, "name", 4)].to_owned());
        let price = known("no price", format!("{}.{:02}", chance(seed, "price", 900), chance(seed, "cents", 100)));
        let day = 1 + chance(seed, "day", 9);
        text += &format!("{},2026-01-{day:02},{units},{name},{price}\n", 1 + row + number % 4);
    }
    text
}

/// A number below `below` that is the same whenever the same is asked.
fn chance(seed: usize, what: &str, below: usize) -> usize {
    // FNV-1a, whose low bits are weak: they are mixed with the high ones.
    let bytes = (seed as u64).to_le_bytes().into_iter().chain(what.bytes());
    let step = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3);
    let hash = bytes.fold(0xcbf2_9ce4_8422_2325, step);
    let mixed = (hash ^ (hash >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    ((mixed ^ (mixed >> 32)) % below as u64) as usize
}
