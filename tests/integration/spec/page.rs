//! A page of the specification: its projects, and the fences of each.
//!
//! | fence | does |
//! |---|---|
//! | `pie [PATH]`, `csv PATH`, `ndjson PATH`, `toml PATH`, `text PATH`, `sql PATH` | writes that file (`main.pie` where a `pie` fence names none) |
//! | `parquet PATH` | writes its table as a Parquet file |
//! | `delete PATH` | removes a file |
//! | `console` | runs the lines that begin with `$ `; the lines below each are its output |
//! | `diagnostics` | what `pie check` finds, a line each |
//! | `plan [SLICE…]` | what `pie plan` says, a line a slice |
//! | `build [ARG…]` | runs `pie build`; what became of each slice, a line each |
//! | `table SLICE`, `table SQL` | the rows of a slice or of a query |
//!
//! Other fences are illustration, and so are those with the word `ignore` and file fences without a path.

use std::ops::Range;

/// A parsed page.
pub struct Page {
    /// The path below the package, such as `spec/freezing.md`.
    pub name: String,
    pub text: String,
    pub projects: Vec<Section>,
    /// What is wrong with the page itself: a line and a sentence.
    pub errors: Vec<(usize, String)>,
}

/// The fences that share one project folder.
pub struct Section {
    pub fences: Vec<Fence>,
}

/// A runnable fence.
pub struct Fence {
    /// The line of the opening backticks, from 1.
    pub line: usize,
    /// The opening line without its backticks.
    pub info: String,
    pub kind: Kind,
    /// The bytes between the opening and the closing line.
    pub body: Range<usize>,
    /// How many backticks open it.
    pub ticks: usize,
}

/// What a fence does.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Kind {
    Write(String),
    Parquet(String),
    Delete(String),
    Console,
    Diagnostics,
    Plan(Vec<String>),
    Build(Vec<String>),
    /// A slice's name, or a query where it has a blank.
    Table(String),
}

impl Page {
    pub fn body(&self, fence: &Fence) -> &str {
        &self.text[fence.body.clone()]
    }

    /// All runnable fences in their order.
    pub fn fences(&self) -> impl Iterator<Item = &Fence> {
        self.projects.iter().flat_map(|section| &section.fences)
    }

    /// The page's text with some bodies replaced.
    pub fn with(&self, mut edits: Vec<(Range<usize>, String)>) -> String {
        edits.sort_by_key(|(range, _)| range.start);
        let mut text = self.text.clone();
        for (range, body) in edits.into_iter().rev() {
            text.replace_range(range, &body);
        }
        text
    }
}

/// Parses a page. Never fails: mistakes are listed in [`Page::errors`].
pub fn parse(name: &str, text: String) -> Page {
    let mut page = Page { name: name.to_owned(), text: String::new(), projects: Vec::new(), errors: Vec::new() };
    let mut open: Option<Fence> = None;
    let mut open_kind: Option<Kind> = None;
    let mut fresh = true;
    let mut offset = 0;
    for (index, raw) in text.split_inclusive('\n').enumerate() {
        let (line, start) = (raw.trim_end(), offset);
        offset += raw.len();
        if let Some(mut fence) = open.take() {
            if line.len() >= fence.ticks && line.bytes().all(|byte| byte == b'`') {
                fence.body.end = start;
                if let Some(kind) = open_kind.take() {
                    fence.kind = kind;
                    place(&mut page, fence, std::mem::take(&mut fresh));
                }
            } else {
                open = Some(fence);
            }
            continue;
        }
        if line.starts_with("## ") {
            fresh = true;
        }
        let ticks = line.bytes().take_while(|byte| *byte == b'`').count();
        if ticks >= 3 {
            let info = line[ticks..].trim().to_owned();
            match kind(&info) {
                Ok(found) => open_kind = found,
                Err(error) => page.errors.push((index + 1, error)),
            }
            open = Some(Fence { line: index + 1, info, kind: Kind::Console, body: offset..offset, ticks });
        }
    }
    if let Some(fence) = open {
        page.errors.push((fence.line, "this fence is never closed".to_owned()));
    }
    page.text = text;
    page
}

fn place(page: &mut Page, fence: Fence, fresh: bool) {
    match page.projects.last_mut().filter(|_| !fresh) {
        Some(section) => section.fences.push(fence),
        None => page.projects.push(Section { fences: vec![fence] }),
    }
}

/// What an info string asks for; `None` for an illustration.
fn kind(info: &str) -> Result<Option<Kind>, String> {
    let (language, rest) = info.split_once(' ').map_or((info, ""), |(language, rest)| (language, rest.trim()));
    let words = || rest.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    if rest.split_whitespace().any(|word| word == "ignore") {
        return Ok(None);
    }
    Ok(match language {
        "pie" if rest.is_empty() => Some(Kind::Write("main.pie".to_owned())),
        "csv" | "ndjson" | "toml" | "text" | "sql" if rest.is_empty() => None,
        "pie" | "csv" | "ndjson" | "toml" | "text" | "sql" => Some(Kind::Write(path(rest)?)),
        "parquet" => Some(Kind::Parquet(path(rest)?)),
        "delete" => Some(Kind::Delete(path(rest)?)),
        "console" => Some(Kind::Console),
        "diagnostics" => Some(Kind::Diagnostics),
        "plan" => Some(Kind::Plan(words())),
        "build" => Some(Kind::Build(words())),
        "table" if rest.is_empty() => return Err("`table` needs a slice or a query".to_owned()),
        "table" => Some(Kind::Table(rest.to_owned())),
        _ => None,
    })
}

fn path(text: &str) -> Result<String, String> {
    let inside = !text.is_empty() && !text.starts_with('/') && text.split('/').all(|part| part != "..");
    let one_word = !text.contains(char::is_whitespace);
    (inside && one_word).then(|| text.to_owned()).ok_or_else(|| format!("`{text}` is no path below the project"))
}

#[test]
fn projects_begin_at_headings_with_fences() {
    let text =
        "# A\n```pie\na\n```\n## B\n### C\n```csv x.csv\n1\n```\n```console\n$ pie check\n```\n## D\n```csv\n```\n";
    let page = parse("a.md", text.to_owned());
    let kinds: Vec<Vec<&Kind>> =
        page.projects.iter().map(|section| section.fences.iter().map(|fence| &fence.kind).collect()).collect();
    let (main, csv) = (Kind::Write("main.pie".to_owned()), Kind::Write("x.csv".to_owned()));
    assert_eq!(kinds, [vec![&main], vec![&csv, &Kind::Console]]);
    let console = page.fences().last().expect("there are three fences");
    assert_eq!((console.line, page.body(console)), (10, "$ pie check\n"));
}
