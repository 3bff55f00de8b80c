//! Random edits, built step by step, against builds from nothing: never stale, and nothing runs twice.
//!
//! A small generator with a fixed seed makes projects of two CSV sources and four slices in a diamond, and edits them:
//! data, filters, columns, comments, virtual or not, promises, reverts. After each edit every slice must hold what a fresh
//! copy of the project builds, and a second build must find everything fresh.

use crate::pie;
use std::collections::BTreeMap;
use std::path::Path;

/// What the files of a project are made of.
#[derive(Clone, PartialEq, Debug)]
struct Recipe {
    /// Rows of the two sources, as (key, value).
    rows: [Vec<(u8, u8)>; 2],
    least: u8,
    join: &'static str,
    aggregate: &'static str,
    extra_column: bool,
    middle_virtual: bool,
    check: u8,
    comment: u8,
    spacing: bool,
}

impl Recipe {
    fn new(random: &mut Random) -> Recipe {
        Recipe {
            rows: [rows(random), rows(random)],
            least: random.below(4),
            join: "join",
            aggregate: "sum",
            extra_column: false,
            middle_virtual: false,
            check: 0,
            comment: 0,
            spacing: false,
        }
    }

    fn edit(&mut self, random: &mut Random) -> &'static str {
        match random.below(11) {
            0 => {
                self.rows[0] = rows(random);
                "data of a"
            }
            1 => {
                self.rows[1].push((random.below(4), random.below(6)));
                "one more row of b"
            }
            2 => {
                self.rows[0].reverse();
                "order of a's rows"
            }
            3 => {
                self.least = random.below(4);
                "filter"
            }
            4 => {
                self.join = if self.join == "join" { "left join" } else { "join" };
                "kind of join"
            }
            5 => {
                self.aggregate = ["sum", "max", "min", "count"][random.below(4) as usize];
                "aggregate"
            }
            6 => {
                self.extra_column = !self.extra_column;
                "extra column"
            }
            7 => {
                self.middle_virtual = !self.middle_virtual;
                "virtual or not"
            }
            8 => {
                self.check = random.below(3);
                "check"
            }
            9 => {
                self.comment = self.comment.wrapping_add(1);
                "comment"
            }
            _ => {
                self.spacing = !self.spacing;
                "spacing"
            }
        }
    }

    fn is_cosmetic(edit: &str) -> bool {
        edit == "comment" || edit == "spacing"
    }

    fn write(&self, dir: &Path) {
        let write = |path: &str, text: String| {
            let path = dir.join(path);
            std::fs::create_dir_all(path.parent().expect("a file has a folder")).expect("a folder can be made");
            std::fs::write(path, text).expect("a file can be written");
        };
        write("pie.toml", "[project]\nname = \"differential\"\n".to_owned());
        for (name, rows) in ["a", "b"].iter().zip(&self.rows) {
            let lines: String = rows.iter().map(|(key, value)| format!("{key},{}\n", cell(*value))).collect();
            write(&format!("raw/{name}.csv"), format!("k,v\n{lines}"));
        }
        let gap = if self.spacing { "\n     " } else { " " };
        let extra = if self.extra_column { ", f.k * 2 as twice" } else { "" };
        let is_virtual = if self.middle_virtual { "virtual " } else { "" };
        let check = match self.check {
            0 => String::new(),
            1 => "  check not_far (k < 100)\n".to_owned(),
            _ => "  check known (k in (select k from a))\n".to_owned(),
        };
        let source = |name: &str| {
            format!("public source d.{name} {{ from 'raw/{name}.csv' columns (k int not null, v int) }}\n")
        };
        let text = format!(
            "domain d {{ owner 'x' }}\n{}{}\
             -- remark {}\n\
             public {is_virtual}slice d.filtered {{ select k,{gap}v from a where k >= {} }}\n\
             public slice d.grouped {{ select k, {}(v) as total from b group by k }}\n\
             public slice d.joined {{\n{check}  select f.k, f.v, g.total{extra} from filtered f{gap}{} grouped g on f.k = g.k\n}}\n\
             public slice d.top {{ select count(*) as n, sum(total) as total, max(v) as v from joined }}\n",
            source("a"),
            source("b"),
            self.comment,
            self.least,
            self.aggregate,
            self.join,
        );
        write("main.pie", text);
    }
}

/// Values repeat, and some are null.
fn cell(value: u8) -> String {
    if value == 5 { String::new() } else { value.to_string() }
}

fn rows(random: &mut Random) -> Vec<(u8, u8)> {
    (0..random.below(7)).map(|_| (random.below(4), random.below(6))).collect()
}

/// A linear congruential generator (Knuth's MMIX constants): the same cases on every machine.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u8) -> u8 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) % u64::from(limit)) as u8
    }
}

/// Freezes, builds, and gives the outcome of each slice.
fn build(dir: &Path, what: &str) -> BTreeMap<String, String> {
    let frozen = pie::run(dir, &["freeze", "--replace", "--reason", "test"]);
    assert_eq!(frozen.code, 0, "{what}: {}", frozen.err);
    let output = pie::run(dir, &["build", "--format", "json"]);
    assert_eq!(output.code, 0, "{what}: {}{}", output.err, output.out);
    let report = output.json().expect("the report is JSON");
    let slices = report["slices"].as_array().expect("slices are a list");
    let text = |value: &serde_json::Value| value.as_str().expect("a text").to_owned();
    slices.iter().map(|slice| (text(&slice["name"]), text(&slice["outcome"]))).collect()
}

fn contents(dir: &Path, slices: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let show = |name: &String| pie::run(dir, &["show", name, "--format", "csv"]).out;
    let live = slices.iter().filter(|(_, outcome)| *outcome != "dropped");
    live.map(|(name, _)| (name.clone(), show(name))).collect()
}

#[test]
fn edits_step_by_step_equal_builds_from_nothing() {
    // DIFFERENTIAL=1000 runs as many projects, for a long look.
    let projects: u64 = std::env::var("DIFFERENTIAL").ok().and_then(|text| text.parse().ok()).unwrap_or(6);
    for seed in 0..projects {
        let mut random = Random(seed.wrapping_mul(7919).wrapping_add(1));
        let mut recipe = Recipe::new(&mut random);
        let dir = tempfile::tempdir().expect("a temporary folder can be made");
        let mut history = vec![recipe.clone()];
        recipe.write(dir.path());
        build(dir.path(), "first build");
        for step in 0..6 {
            let edit = if history.len() > 2 && random.below(5) == 0 {
                recipe = history[random.below(history.len() as u8) as usize].clone();
                "revert"
            } else {
                recipe.edit(&mut random)
            };
            history.push(recipe.clone());
            let what = format!("seed {seed}, step {step}: {edit}");
            recipe.write(dir.path());
            let outcomes = build(dir.path(), &what);
            if Recipe::is_cosmetic(edit) {
                assert!(outcomes.values().all(|outcome| outcome == "reused"), "{what}: {outcomes:?}");
            }
            if edit == "revert" {
                assert!(outcomes.values().all(|outcome| outcome != "built"), "{what}: built before: {outcomes:?}");
            }
            let cold = tempfile::tempdir().expect("a temporary folder can be made");
            recipe.write(cold.path());
            let fresh = build(cold.path(), &what);
            assert_eq!(contents(dir.path(), &fresh), contents(cold.path(), &fresh), "{what}: stale");
            let again = build(dir.path(), &what);
            let idle = again.values().all(|outcome| outcome == "reused" || outcome == "dropped");
            assert!(idle, "{what}: a second build must find everything fresh: {again:?}");
        }
    }
}
