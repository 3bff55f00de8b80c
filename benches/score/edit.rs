//! Edits as data: `edits/*.edits` → [`Edit`]s. The format is described in `README.md` beside this file; whatever isn't
//! in it is an error with its file and line.

use crate::action::{Action, Change, Row};
use icepie::name::RelationName;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// What an edit is an example of.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Family {
    Cosmetic,
    NearMiss,
    Column,
    Chain,
    Data,
    Schema,
    Revert,
}

impl Family {
    pub const ALL: [Family; 7] = [
        Family::Cosmetic,
        Family::NearMiss,
        Family::Column,
        Family::Chain,
        Family::Data,
        Family::Schema,
        Family::Revert,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Family::Cosmetic => "cosmetic",
            Family::NearMiss => "near-miss",
            Family::Column => "column",
            Family::Chain => "chain",
            Family::Data => "data",
            Family::Schema => "schema",
            Family::Revert => "revert",
        }
    }

    pub fn parse(text: &str) -> Option<Family> {
        Family::ALL.into_iter().find(|family| family.as_str() == text)
    }
}

/// One edit: what is done to a project that was built.
#[derive(Debug)]
pub struct Edit {
    pub name: String,
    pub family: Family,
    pub project: String,
    /// Slices that a perfect prover runs even where their rows happen to stay.
    pub must: BTreeSet<RelationName>,
    /// Slices whose rows brute force must find changed by the last step: what tells that the edit does what it is for.
    pub differs: BTreeSet<RelationName>,
    /// Each is built; the last one is measured.
    pub steps: Vec<Vec<Action>>,
}

/// Reads all edits of a folder, in the order of file names and text.
pub fn read(folder: &Path) -> Result<Vec<Edit>, String> {
    let failed = |e: std::io::Error| format!("{}: {e}", folder.display());
    let entries = std::fs::read_dir(folder).map_err(failed)?;
    let mut paths: Vec<PathBuf> =
        entries.map(|entry| entry.map(|entry| entry.path())).collect::<Result<_, _>>().map_err(failed)?;
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "edits"));
    paths.sort();
    let mut edits = Vec::new();
    let mut places: BTreeMap<String, String> = BTreeMap::new();
    for path in paths {
        let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let text = std::fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))?;
        for draft in drafts(&file, &text)? {
            let place = format!("{file}:{}", draft.line);
            let edit = draft.finish(&file)?;
            if let Some(first) = places.insert(edit.name.clone(), place.clone()) {
                return Err(format!("{place}: the name `{}` is taken by {first}", edit.name));
            }
            edits.push(edit);
        }
    }
    Ok(edits)
}

/// An edit as it is being read.
struct Draft {
    name: String,
    line: usize,
    family: Option<String>,
    project: Option<String>,
    must: BTreeSet<RelationName>,
    differs: BTreeSet<RelationName>,
    steps: Vec<Vec<RawAction>>,
}

/// An action's line and the `-` and `+` lines below it.
struct RawAction {
    line: usize,
    word: String,
    argument: String,
    minus: Vec<String>,
    plus: Vec<String>,
}

const ACTIONS: [&str; 10] =
    ["replace", "rows", "create", "append", "remove", "rename", "set", "reverse", "rewrite", "revert"];

fn drafts(file: &str, text: &str) -> Result<Vec<Draft>, String> {
    let mut drafts: Vec<Draft> = Vec::new();
    // Whether `-` and `+` lines may follow: a blank line ends an action's text.
    let mut open = false;
    for (index, line) in text.lines().enumerate() {
        let number = index + 1;
        let wrong = |message: &str| Err(format!("{file}:{number}: {message}: `{line}`"));
        if let Some(name) = line.strip_prefix("## ") {
            drafts.push(Draft::new(name, number));
            open = false;
            continue;
        }
        if line.is_empty() || line.starts_with('#') {
            open = false;
            continue;
        }
        let Some(draft) = drafts.last_mut() else { return wrong("an edit begins with `## NAME`") };
        let step = draft.steps.last_mut().expect("a draft has a step from the start");
        let marked = ["-", "+"].into_iter().find(|mark| line == *mark || line.starts_with(&format!("{mark} ")));
        if let Some(mark) = marked {
            let Some(action) = step.last_mut().filter(|_| open) else { return wrong("no action is open here") };
            let content = line.get(2..).unwrap_or_default().to_owned();
            match mark {
                "-" if !action.plus.is_empty() => return wrong("what is looked for comes before what it becomes"),
                "-" => action.minus.push(content),
                _ => action.plus.push(content),
            }
            continue;
        }
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        let begun = draft.steps.len() > 1 || draft.steps.iter().any(|step| !step.is_empty());
        match word {
            "family" | "project" | "must" | "differs" | "why" if begun => {
                return wrong("this comes before the actions");
            }
            "family" => draft.family = Some(rest.to_owned()),
            "project" => draft.project = Some(rest.to_owned()),
            "must" | "differs" => {
                let names = if word == "must" { &mut draft.must } else { &mut draft.differs };
                for name in rest.split_whitespace() {
                    let Some(name) = RelationName::parse(name) else { return wrong("no name of a slice") };
                    names.insert(name);
                }
            }
            "why" => {}
            "then" if rest.is_empty() => draft.steps.push(Vec::new()),
            word if ACTIONS.contains(&word) => {
                let (word, argument) = (word.to_owned(), rest.to_owned());
                let action = RawAction { line: number, word, argument, minus: Vec::new(), plus: Vec::new() };
                draft.steps.last_mut().expect("a draft has a step from the start").push(action);
                open = true;
                continue;
            }
            _ => return wrong("unknown word"),
        }
        open = false;
    }
    Ok(drafts)
}

impl Draft {
    fn new(name: &str, line: usize) -> Draft {
        Draft {
            name: name.trim().to_owned(),
            line,
            family: None,
            project: None,
            must: BTreeSet::new(),
            differs: BTreeSet::new(),
            steps: vec![Vec::new()],
        }
    }

    fn finish(self, file: &str) -> Result<Edit, String> {
        let place = format!("{file}:{}", self.line);
        let wrong = |message: &str| format!("{place}: {message}");
        let family =
            self.family.as_deref().and_then(Family::parse).ok_or_else(|| wrong("no `family` that is known"))?;
        let project = self.project.ok_or_else(|| wrong("no `project`"))?;
        let mut steps = Vec::new();
        for step in self.steps {
            if step.is_empty() {
                return Err(wrong("a step without an action"));
            }
            steps.push(step.into_iter().map(|action| action.finish(file)).collect::<Result<Vec<_>, _>>()?);
        }
        Ok(Edit { name: self.name, family, project, must: self.must, differs: self.differs, steps })
    }
}

impl RawAction {
    fn finish(self, file: &str) -> Result<Action, String> {
        let place = format!("{file}:{}", self.line);
        let wrong = |message: &str| Err(format!("{place}: {message}"));
        let (minus, plus) = (!self.minus.is_empty(), !self.plus.is_empty());
        let fits = match self.word.as_str() {
            "replace" | "rows" => minus,
            "create" | "append" => plus && !minus,
            _ => !plus && !minus,
        };
        if !fits {
            return wrong(
                "`replace` and `rows` take `-` and `+` lines, `create` and `append` take `+` lines, others none",
            );
        }
        let files: Vec<&str> = self.argument.split(' ').collect();
        let one = || match files.as_slice() {
            [file] => inside(file).ok_or_else(|| format!("{place}: no path inside the project")),
            _ => Err(format!("{place}: one file, please")),
        };
        let change = match self.word.as_str() {
            "replace" => Change::Replace { file: one()?, find: self.minus.join("\n"), with: self.plus.join("\n") },
            "rows" => Change::Rows { file: one()?, find: self.minus, with: self.plus },
            "create" => Change::Create { file: one()?, lines: self.plus },
            "append" => Change::Append { file: one()?, lines: self.plus },
            "remove" => Change::Remove { file: one()? },
            "reverse" => Change::Reverse { file: one()? },
            "rewrite" => Change::Rewrite { file: one()? },
            "rename" => match files.as_slice() {
                [from, "to", to] => match (inside(from), inside(to)) {
                    (Some(from), Some(to)) => Change::Rename { from, to },
                    _ => return wrong("no path inside the project"),
                },
                _ => return wrong("write `rename FILE to FILE`"),
            },
            "set" => match set(&self.argument) {
                Some((file, row)) => Change::Set { file, row },
                None => return wrong("write `set FILE row NUMBER COLUMN = VALUE`"),
            },
            "revert" if self.argument.is_empty() => Change::Revert,
            _ => return wrong("`revert` stands alone"),
        };
        Ok(Action { place, change })
    }
}

/// `FILE row 3 COLUMN = VALUE`
fn set(argument: &str) -> Option<(String, Row)> {
    let (head, value) = argument.split_once(" = ")?;
    let [file, "row", number, column] = head.split(' ').collect::<Vec<_>>()[..] else { return None };
    let number = number.parse::<usize>().ok().filter(|number| *number > 0)?;
    Some((inside(file)?, Row { number, column: column.to_owned(), value: value.to_owned() }))
}

/// A path that stays below the folder that it is joined to.
fn inside(path: &str) -> Option<String> {
    let whole = !path.is_empty() && path.split('/').all(|part| !part.is_empty() && !part.starts_with('.'));
    whole.then(|| path.to_owned())
}
