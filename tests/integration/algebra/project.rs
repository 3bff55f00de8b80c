//! The corpus as one project, checked in memory once, and what must hold of its fingerprints.

use super::pairs::{self, Pair, Verdict};
use icepie::algebra::{self, AllMeanings, Meaning};
use icepie::diagnostic::{Diagnostic, human};
use icepie::driver;
use icepie::name::RelationName;
use icepie::semantic::SemanticModel;
use icepie::workspace::Workspace;
use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

/// What all queries of these tests read. `t` and `u` have verified keys.
pub const SOURCES: &str = "
domain d { owner 'tests' }

public source d.t {
  from 'raw/t.parquet'
  key (k)
  columns (k int not null, a int, b int, f double, x decimal(10, 2), s text, d date, ts timestamp)
}
public source d.u { from 'raw/u.parquet' key (id) columns (id int not null, k int, v int, s text) }
public source d.w { from 'raw/w.parquet' columns (a int, b int) }
public source d.w2 { from 'raw/w2.parquet' columns (a int, b int) }
public source d.nest {
  from 'raw/nest.parquet'
  columns (i int, l int[], m int[], ll int[][], st struct<p int, q int>)
}
";

/// Slices that queries may read: the name, whether it is virtual, the query.
pub const SLICES: [(&str, bool, &str); 3] = [
    ("positive", false, "select k, a, b from t where a > 0"),
    ("counted", false, "select a, count(*) as n from w group by a"),
    ("seen", true, "select k, a, b from t where a > 0"),
];

/// A checked project, and what is wrong with it.
pub struct Checked {
    pub model: Arc<SemanticModel>,
    pub errors: String,
}

/// Checks sources and slices, given by name and query.
pub fn check(sources: &str, slices: &[(String, String)]) -> Checked {
    let mut text = sources.to_owned();
    for (name, query) in slices {
        text.push_str(&format!("public slice d.{name} {{\n  {query}\n}}\n"));
    }
    let project = driver::check(Workspace::in_memory([("main.pie", text.as_str())]));
    let errors: Vec<Diagnostic> = project.diagnostics.iter().filter(|found| found.is_error()).cloned().collect();
    Checked { errors: human::render(&errors, &project.workspace.sources, false), model: project.model }
}

/// The sources and the slices that every project here has.
pub fn common() -> String {
    let mut text = SOURCES.to_owned();
    for (name, is_virtual, query) in SLICES {
        let is_virtual = if is_virtual { "virtual " } else { "" };
        text.push_str(&format!("public {is_virtual}slice d.{name} {{ {query} }}\n"));
    }
    text
}

pub struct Corpus {
    pub pairs: Vec<Pair>,
    pub checked: Checked,
}

/// All pairs, checked.
pub fn corpus() -> &'static Corpus {
    static CORPUS: LazyLock<Corpus> = LazyLock::new(|| {
        let pairs = pairs::all();
        let mut slices = Vec::new();
        for (index, pair) in pairs.iter().enumerate() {
            for (side, query) in [("left", pair.left), ("right", pair.right)] {
                slices.push((slice_name(index, side), query.to_owned()));
            }
        }
        let checked = check(&common(), &slices);
        Corpus { pairs, checked }
    });
    &CORPUS
}

fn slice_name(index: usize, side: &str) -> String {
    format!("p{index}_{side}")
}

impl Corpus {
    pub fn indexes(&self, of: impl Fn(&Pair) -> bool) -> Vec<usize> {
        (0..self.pairs.len()).filter(|index| of(&self.pairs[*index])).collect()
    }

    /// Leaves only the slices of some pairs, and those that queries may read, in a copy of the model.
    pub fn restrict(&self, model: &mut SemanticModel, indexes: &[usize]) {
        let mut names: Vec<RelationName> = SLICES.iter().map(|(name, _, _)| RelationName::new("d", *name)).collect();
        for index in indexes {
            names.extend(["left", "right"].map(|side| RelationName::new("d", slice_name(*index, side))));
        }
        let slice = |name: RelationName| {
            let slice = self.checked.model.slices.get(&name)?.clone();
            Some((name, slice))
        };
        model.slices = names.into_iter().filter_map(slice).collect();
    }

    /// What is wrong with the fingerprints of a pair, over what it reads and over sources.
    pub fn judge(&self, index: usize, meanings: &AllMeanings) -> Findings {
        let mut findings = Findings::default();
        for (witness, all) in [("inputs", &meanings.inputs), ("sources", &meanings.sources)] {
            let found = self.compare(index, witness, all);
            findings.too_equal.extend(found.too_equal);
            findings.too_different.extend(found.too_different);
        }
        findings
    }

    /// What is equal and mustn't be after the engine's own rewrites, which may only show that queries mean the same.
    pub fn judge_rewritten(&self, index: usize) -> Vec<String> {
        let model = &self.checked.model;
        let names = ["left", "right"].map(|side| RelationName::new("d", slice_name(index, side)));
        let mut rewritten = BTreeMap::new();
        for name in names {
            let slice = model.slices.get(&name);
            let Some(meaning) = slice.and_then(|slice| algebra::rewritten(model, slice)) else { return Vec::new() };
            rewritten.insert(name, meaning);
        }
        self.compare(index, "rewritten", &rewritten).too_equal
    }

    fn compare(&self, index: usize, witness: &str, all: &BTreeMap<RelationName, Meaning>) -> Findings {
        let side = |side: &str| {
            let name = RelationName::new("d", slice_name(index, side));
            let columns = &self.checked.model.slices.get(&name)?.columns;
            let names = columns.iter().map(|column| column.name.as_str()).collect();
            Some(Side { meaning: all.get(&name)?, names })
        };
        let mut findings = Findings::default();
        let (Some(left), Some(right)) = (side("left"), side("right")) else {
            findings.too_different.push(format!("over {witness} a side has no meaning"));
            return findings;
        };
        let verdict = match self.pairs[index].verdict {
            Verdict::EqualOverSources if witness != "sources" => Verdict::Different,
            other => other,
        };
        compare(verdict, &left, &right, &mut findings);
        for what in findings.too_equal.iter_mut().chain(&mut findings.too_different) {
            *what = format!("over {witness} {what}");
        }
        findings
    }
}

/// What is wrong with the fingerprints of a pair.
#[derive(Default, Debug)]
pub struct Findings {
    /// What has one fingerprint and mustn't.
    pub too_equal: Vec<String>,
    /// What has several and mustn't.
    pub too_different: Vec<String>,
}

impl Findings {
    pub fn is_empty(&self) -> bool {
        self.too_equal.is_empty() && self.too_different.is_empty()
    }

    pub fn text(&self) -> String {
        let equal = self.too_equal.iter().map(|what| format!("UNSOUND {what}"));
        let different = self.too_different.iter().map(|what| format!("missed {what}"));
        equal.chain(different).collect::<Vec<_>>().join("; ")
    }
}

/// One query's fingerprints with the names of its columns.
struct Side<'m> {
    meaning: &'m Meaning,
    names: Vec<&'m str>,
}

impl Side<'_> {
    fn column(&self, name: &str) -> Option<&str> {
        let at = self.names.iter().position(|other| *other == name)?;
        Some(self.meaning.columns.get(at)?.fingerprint.as_str())
    }

    fn columns(&self) -> Vec<&str> {
        self.meaning.columns.iter().map(|column| column.fingerprint.as_str()).collect()
    }
}

fn compare(verdict: Verdict, left: &Side, right: &Side, findings: &mut Findings) {
    let same_rows = left.meaning.row == right.meaning.row;
    let only_left = |name: &&&str| right.column(name).is_none();
    match verdict {
        Verdict::Equal | Verdict::EqualOverSources => {
            if !same_rows {
                findings.too_different.push("the rows differ".to_owned());
            } else if left.columns() != right.columns() {
                findings.too_different.push("columns differ".to_owned());
            }
        }
        Verdict::Reordered => {
            if !same_rows {
                findings.too_different.push("the rows differ".to_owned());
            }
            for name in left.names.iter().filter(|name| left.column(name) != right.column(name)) {
                findings.too_different.push(format!("the column {name} differs"));
            }
        }
        Verdict::Different => {
            if same_rows && left.columns() == right.columns() {
                findings.too_equal.push("nothing differs".to_owned());
            }
        }
        Verdict::Only(one) => {
            if !same_rows {
                findings.too_different.push("the rows differ".to_owned());
            }
            let others = left.names.iter().filter(|name| **name != one);
            for name in others.filter(|name| left.column(name) != right.column(name)) {
                findings.too_different.push(format!("the column {name} differs"));
            }
            if left.column(one).is_some() && left.column(one) == right.column(one) {
                findings.too_equal.push(format!("the column {one} is the same"));
            }
        }
        Verdict::Everything => {
            if same_rows {
                findings.too_equal.push("the rows are the same".to_owned());
            }
            let common = left.names.iter().filter(|name| !only_left(name));
            for name in common.filter(|name| left.column(name) == right.column(name)) {
                findings.too_equal.push(format!("the column {name} is the same"));
            }
        }
    }
}
