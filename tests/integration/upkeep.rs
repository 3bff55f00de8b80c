//! A project that is edited says what a check from nothing says of it, after every single edit.
//!
//! ```text
//! UPKEEP_STEPS=20000 UPKEEP_SEED=7 cargo test --test integration -- upkeep::random --nocapture
//! ```

use icepie::driver::{self, Project};
use icepie::memo::Memo;
use icepie::text::FileId;
use icepie::workspace::Workspace;
use std::collections::{BTreeMap, BTreeSet};

const SHOP: &str = "domain shop { owner 'data@shop.example' }

--- What was sold.
public source shop.lines {
  from 'raw/lines.csv'
  key (id)
  columns (id bigint not null, amount int, state text, day date)
}

source shop.names { from 'raw/names.csv' columns (id bigint not null, name text) }

public slice shop.large {
  key (id)
  check positive (amount > 0)
  check known (id in (select id from names))
  select id, amount, day from lines where amount > 10
}

virtual slice shop.open { select id, amount, state from lines where state = 'open' }

slice shop.both { select l.id, n.name from lines l join names n on n.id = l.id }

public slice shop.named { select b.id, b.name, o.amount from both b join open o on o.id = b.id }
";

const FINANCE: &str = "domain finance { owner 'money@shop.example' }

public slice finance.total {
  columns (day date, total bigint)
  select day, sum(amount) as total from shop.large group by day
}

slice finance.daily { select day, total + 1 as total from total }

public slice finance.best { select max(total) as best from daily }
";

const GROWTH: &str = "domain growth { owner 'growth@shop.example' }

public slice growth.names { select name, count(*) as times from shop.named group by name }

public slice growth.share {
  select n.name, n.times * 100 / b.best as share from names n cross join finance.best b
}

public slice growth.state { select upper(state) as state, amount + 1 from shop.lines where state = null }
";

const TESTS: &str = "test shop.large 'only large ones' {
  given lines {
    id | amount | day
    1  | 5      | 2026-01-01
  }
  expect {
    id | amount | day
  }
}

test finance.best 'the best' {
  given shop.large {
    id | amount | day
    1  | 20     | 2026-01-01
  }
  expect {
    best
    21
  }
}
";

/// What may stand in the place of a word.
const WORDS: [&str; 44] = [
    "shop.lines",
    "lines",
    "names",
    "shop.named",
    "named",
    "large",
    "shop.large",
    "open",
    "both",
    "total",
    "daily",
    "best",
    "finance.best",
    "growth.names",
    "state",
    "amount",
    "id",
    "day",
    "name",
    "share",
    "public",
    "virtual",
    "slice",
    "source",
    "key",
    "check",
    "select",
    "from",
    "where",
    "bigint",
    "text",
    "null",
    "not",
    "and",
    "sum",
    "(",
    ")",
    "{",
    "}",
    "'",
    "1",
    "as",
    "shop",
    "-- note\n",
];

/// Numbers that follow from a seed (SplitMix64).
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((bits ^ (bits >> 31)) % bound.max(1) as u64) as usize
    }
}

/// Where words and signs stand in a text.
fn words(text: &str) -> Vec<std::ops::Range<usize>> {
    let mut found = Vec::new();
    let mut start = None;
    for (at, character) in text.char_indices() {
        let is_word = character.is_alphanumeric() || "_.@".contains(character);
        if let Some(begun) = start.filter(|_| !is_word) {
            found.push(begun..at);
            start = None;
        }
        match is_word {
            true => start = start.or(Some(at)),
            false if !character.is_whitespace() => found.push(at..at + character.len_utf8()),
            false => {}
        }
    }
    found.extend(start.map(|begun| begun..text.len()));
    found
}

/// A text after one edit that somebody might make on the way to something else.
fn edited(text: &str, random: &mut Random) -> String {
    let words = words(text);
    let mut new = text.to_owned();
    let Some(word) = words.get(random.below(words.len())).cloned() else { return WORDS[random.below(44)].to_owned() };
    let other = || words.first().cloned().unwrap_or(0..0);
    match random.below(10) {
        0 => new.replace_range(word, ""),
        1 => new.insert_str(word.end, &format!(" {}", WORDS[random.below(WORDS.len())])),
        2 => new.insert(word.start, '\n'),
        3 => new.insert(word.end, 'x'),
        4 if word.len() > 1 && text.is_char_boundary(word.end - 1) => new.replace_range(word.end - 1..word.end, ""),
        5 => {
            let with = text[words.get(random.below(words.len())).cloned().unwrap_or_else(other)].to_owned();
            new.replace_range(word, &with);
        }
        _ => new.replace_range(word, WORDS[random.below(WORDS.len())]),
    }
    new
}

/// Everything that a checked project says, but for plans, which follow from it.
fn said(project: &Project) -> Vec<String> {
    let model = &project.model;
    let mut said: Vec<String> = project.diagnostics.iter().map(|found| format!("{found:?}")).collect();
    said.push(format!("complete: {}", model.complete));
    said.push(format!("order: {:?}", model.graph.order()));
    said.push(format!("edges: {:?}", model.graph.edges().collect::<Vec<_>>()));
    said.extend(model.domains.values().map(|domain| format!("{domain:?}")));
    said.extend(model.sources.values().map(|source| format!("{source:?}")));
    for slice in model.slices.values() {
        let checks: Vec<_> = slice.checks.iter().map(|check| (&check.name, check.span, &check.reads)).collect();
        said.push(format!(
            "{} {:?} {:?} {:?} {:?} {:?} {checks:?} {:?} {:?} {} {} {}",
            slice.name,
            slice.name_span,
            slice.query_span,
            slice.columns,
            slice.key,
            slice.reads,
            slice.normalized,
            slice.identity,
            slice.valid,
            slice.plan.exists(),
            slice.public,
        ));
    }
    said.extend(model.tests.iter().map(|test| format!("{:?} {:?} {:?}", test.file, test.slice, test.givens)));
    said
}

fn texts() -> BTreeMap<&'static str, String> {
    let files = [("shop.pie", SHOP), ("finance.pie", FINANCE), ("growth.pie", GROWTH), ("tests.pie", TESTS)];
    files.into_iter().map(|(path, text)| (path, text.to_owned())).collect()
}

fn workspace(texts: &BTreeMap<&'static str, String>) -> Workspace {
    Workspace::in_memory(texts.iter().map(|(path, text)| (*path, text.as_str())))
}

/// A project under edit, and one folder of facts for it and one for the checks from nothing.
struct Bench {
    project: Project,
    upkeep: driver::Upkeep,
    texts: BTreeMap<&'static str, String>,
    known: Memo,
    _folder: tempfile::TempDir,
}

impl Bench {
    fn new() -> Bench {
        let folder = tempfile::tempdir().expect("a folder");
        let memo = |name: &str| Memo::open(&folder.path().join(name), "the same program");
        let texts = texts();
        let workspace = workspace(&texts);
        let parses = driver::parse(&workspace, &memo("edited"));
        let (project, upkeep) = driver::check_and_keep(workspace, parses, memo("edited"));
        let bench = Bench { project, upkeep, texts, known: memo("anew"), _folder: folder };
        let errors: Vec<_> = bench.project.diagnostics.iter().filter(|found| found.is_error()).collect();
        assert!(errors.is_empty(), "{errors:#?}");
        bench
    }

    /// Puts a text in the place of a file's, and gives the files of which something new may be said.
    fn edit(&mut self, path: &'static str, text: String) -> BTreeSet<FileId> {
        let file = self.project.workspace.file(path).expect("it is a file of the project");
        self.texts.insert(path, text.clone());
        self.upkeep.edit(&mut self.project, file, text);
        let mut touched = self.upkeep.take_touched(&mut self.project);
        self.upkeep.settle(&mut self.project, &mut || false);
        touched.extend(self.upkeep.take_touched(&mut self.project));
        self.upkeep.refresh_graph(&mut self.project);
        touched
    }

    /// What earlier checks of other states of the project left behind changes no answer.
    #[track_caller]
    fn facts_change_nothing(&self) {
        let known = driver::check_with(workspace(&self.texts), self.known.clone());
        assert_eq!(said(&known), said(&driver::check(workspace(&self.texts))));
    }

    #[track_caller]
    fn is_as_fresh(&self, after: &str) {
        let anew = driver::check_with(workspace(&self.texts), self.known.clone());
        let (kept, anew) = (said(&self.project), said(&anew));
        let differs: Vec<_> = kept.iter().filter(|line| !anew.contains(line)).collect();
        let missing: Vec<_> = anew.iter().filter(|line| !kept.contains(line)).collect();
        assert!(kept == anew, "{after}: kept says\n{differs:#?}\nfrom nothing\n{missing:#?}\n{:#?}", self.texts);
    }
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|text| text.parse().ok())
}

#[test]
fn random_edits_say_what_a_check_from_nothing_says() {
    let mut random = Random(number("UPKEEP_SEED").unwrap_or(1));
    let steps = number("UPKEEP_STEPS").unwrap_or(250);
    let original = texts();
    let paths: Vec<&'static str> = original.keys().copied().collect();
    let mut bench = Bench::new();
    for step in 0..steps {
        // As a person does it: most edits mend what an earlier one broke.
        let broken: Vec<&'static str> =
            paths.iter().copied().filter(|path| bench.texts[path] != original[path]).collect();
        let mends = broken.len() > 1 || (!broken.is_empty() && random.below(3) == 0);
        let path = if mends { broken[random.below(broken.len())] } else { paths[random.below(paths.len())] };
        let text = if mends { original[path].clone() } else { edited(&bench.texts[path], &mut random) };
        let before = bench.project.diagnostics.clone();
        let touched = bench.edit(path, text);
        bench.is_as_fresh(&format!("step {step}, {path}"));
        if step % 10 == 0 {
            bench.facts_change_nothing();
        }
        // Whoever tells only of the files that were touched tells everything.
        let here =
            |found: &&icepie::diagnostic::Diagnostic| found.span.is_some_and(|span| !touched.contains(&span.file));
        let elsewhere =
            |found: &[icepie::diagnostic::Diagnostic]| found.iter().filter(here).cloned().collect::<Vec<_>>();
        assert_eq!(elsewhere(&before), elsewhere(&bench.project.diagnostics), "step {step}: told of too few files");
    }
    let (edits, wholes) = bench.upkeep.counts();
    eprintln!("{edits} edits, {wholes} of them checked everything");
    assert!(wholes * 3 < edits, "{wholes} of {edits} edits checked everything");
}

/// Only what an edit concerns is typed again.
#[test]
fn an_edit_types_its_file_and_those_that_see_something_new() {
    let mut bench = Bench::new();
    let mut typed = |path: &'static str, from: &str, to: &str| {
        let text = bench.texts[path].replacen(from, to, 1);
        assert_ne!(text, bench.texts[path], "{from} stands in {path}");
        let before = bench.upkeep.typed();
        bench.edit(path, text);
        bench.is_as_fresh(to);
        bench.upkeep.typed() - before
    };
    assert_eq!(typed("growth.pie", "* 100", "* 200"), 3, "the slices of its file, which nothing reads");
    assert_eq!(typed("shop.pie", "amount > 10", "amount > 20"), 6, "the same columns: no reader sees anything new");
    let wrong = "amount > 20 and colour = 1";
    assert_eq!(typed("shop.pie", "amount > 20", wrong), 6, "an error, and columns that are known all the same");
    assert_eq!(typed("shop.pie", " and colour = 1", ""), 6);
    assert_eq!(typed("finance.pie", "day, total + 1 as total", "day, total * 1.5 as total"), 3 + 1, "another type");
    assert_eq!(typed("finance.pie", "day, total * 1.5 as total", "day, as total"), 3 + 1, "no columns any more");
    assert_eq!(typed("tests.pie", "only large", "just large"), 0, "a test has no type");
    let (_, wholes) = bench.upkeep.counts();
    assert_eq!(wholes, 0);
}

/// Edits that come while others are being followed lose nothing.
#[test]
fn what_was_interrupted_is_gone_on_with() {
    let mut bench = Bench::new();
    let edit = |bench: &mut Bench, path: &'static str, from: &str, to: &str| {
        let file = bench.project.workspace.file(path).expect("it is a file of the project");
        let text = bench.texts[path].replacen(from, to, 1);
        bench.texts.insert(path, text.clone());
        bench.upkeep.edit(&mut bench.project, file, text);
        assert!(!bench.upkeep.settle(&mut bench.project, &mut || true), "readers are left");
        assert!(!bench.upkeep.is_settled());
    };
    edit(&mut bench, "shop.pie", "id bigint not null, amount int,", "id bigint not null, amount double,");
    edit(&mut bench, "shop.pie", "amount double,", "amount text,");
    edit(&mut bench, "shop.pie", "public slice shop.named", "public slice shop.renamed");
    assert!(bench.upkeep.settle(&mut bench.project, &mut || false));
    bench.upkeep.take_touched(&mut bench.project);
    bench.upkeep.refresh_graph(&mut bench.project);
    bench.is_as_fresh("three edits at once");
}
