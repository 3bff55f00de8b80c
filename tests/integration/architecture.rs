//! `ARCHITECTURE.md` is true: modules stand in the order of its table and import only what it allows, and a dependency
//! is named only behind its door.

use crate::code_text::{code_of, is_word};
use crate::pie;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Modules that every module below them may import.
const OPEN: [&str; 4] = ["parallel", "text", "name", "diagnostic"];

#[test]
fn modules_stand_in_the_order_of_the_table() {
    let in_table: Vec<String> = module_table().into_iter().map(|row| row.name).collect();
    let library = code_of(&pie::read("src/lib.rs"));
    let in_library: Vec<&str> = library
        .lines()
        .filter_map(|line| line.trim().trim_start_matches("pub ").strip_prefix("mod ")?.strip_suffix(';'))
        .collect();
    assert_eq!(in_library, in_table, "the modules of src/lib.rs (left) and of ARCHITECTURE.md (right)");
}

#[test]
fn modules_import_only_what_the_table_allows() {
    let allowed = allowed(&module_table());
    let mut wrong = Vec::new();
    for file in source_files() {
        let Some(open) = allowed.get(&file.module) else { continue };
        let to_root = "super::".repeat(file.depth);
        for (line, name) in heads(&file.code, "crate::").into_iter().chain(heads(&file.code, &to_root)) {
            if allowed.contains_key(&name) && name != file.module && !open.contains(&name) {
                wrong.push(format!("{}:{line}: `{}` may not import `{name}`", file.path, file.module));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn dependencies_are_named_only_behind_their_doors() {
    let doors = rows("crate");
    assert!(!doors.is_empty(), "ARCHITECTURE.md has no table of crates");
    let mut wrong = Vec::new();
    for file in source_files() {
        for door in &doors {
            let (crates, modules) = (names(&door[0]), names(&door[1]));
            for dependency in crates.iter().map(|name| name.replace('-', "_")) {
                if modules.contains(&file.module) {
                    continue;
                }
                for line in mentions(&file.code, &dependency) {
                    let doors = modules.join("`, `");
                    wrong.push(format!("{}:{line}: `{dependency}` is named only in `{doors}`", file.path));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

/// A row of the table of modules.
struct Row {
    name: String,
    /// `None` for "all above it".
    imports: Option<Vec<String>>,
}

fn module_table() -> Vec<Row> {
    let mut table = Vec::new();
    for cells in rows("module") {
        let imports = (!cells[2].starts_with("all above")).then(|| names(&cells[2]));
        table.extend(names(&cells[0]).into_iter().map(|name| Row { name, imports: imports.clone() }));
    }
    assert!(!table.is_empty(), "ARCHITECTURE.md has no table of modules");
    table
}

/// What each module may import: what its row lists, what those may import, and the open modules above it.
fn allowed(table: &[Row]) -> BTreeMap<String, BTreeSet<String>> {
    let mut allowed: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for row in table {
        let above: BTreeSet<String> = allowed.keys().cloned().collect();
        let listed = match &row.imports {
            Some(imports) => imports.iter().cloned().collect(),
            None => above.clone(),
        };
        let below: Vec<&String> = listed.difference(&above).collect();
        assert!(below.is_empty(), "the row of `{}` lists {below:?}, not in a row above it", row.name);
        let mut open: BTreeSet<String> =
            OPEN.iter().map(|name| name.to_string()).filter(|name| above.contains(name)).collect();
        open.extend(listed.iter().flat_map(|name| allowed[name].iter().cloned()));
        open.extend(listed);
        allowed.insert(row.name.clone(), open);
    }
    allowed
}

/// The rows of the table of `ARCHITECTURE.md` whose first column has this header.
fn rows(header: &str) -> Vec<Vec<String>> {
    let text = pie::read("ARCHITECTURE.md");
    let cells = |line: &str| line.trim().trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect();
    let lines = text.lines().skip_while(|line| !line.starts_with(&format!("| {header} |")));
    let rows = lines.skip(2).take_while(|line| line.starts_with('|'));
    rows.map(cells).collect()
}

/// The names of a cell: `` `a`, `b` ``; none for `–`.
fn names(cell: &str) -> Vec<String> {
    let names = cell.split(',').map(|name| name.trim().trim_matches('`')).filter(|name| !["", "–", "-"].contains(name));
    names.map(str::to_owned).collect()
}

/// A source file of the library.
struct SourceFile {
    /// The path below the package.
    path: String,
    /// Its module at the crate's root.
    module: String,
    /// How many `super::` lead from it to the crate's root.
    depth: usize,
    code: String,
}

fn source_files() -> Vec<SourceFile> {
    let mut paths = Vec::new();
    collect(&pie::package().join("src"), &mut paths);
    paths.sort_unstable();
    paths.iter().filter_map(|path| source_file(path)).collect()
}

fn source_file(path: &Path) -> Option<SourceFile> {
    let relative = path.strip_prefix(pie::package()).ok()?.to_string_lossy().replace('\\', "/");
    let mut modules: Vec<&str> = relative.strip_prefix("src/")?.strip_suffix(".rs")?.split('/').collect();
    if modules.contains(&"tests") {
        return None;
    }
    if modules.last() == Some(&"mod") {
        modules.pop();
    }
    let module = modules.first()?.to_string();
    Some(SourceFile { module, depth: modules.len(), code: code_of(&pie::read(&relative)), path: relative })
}

fn collect(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("the folder of the library is there").flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect(&path, into);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            into.push(path);
        }
    }
}

/// The names right behind a path's prefix: `a` and `b` in `crate::a::x` and `crate::{a, b::y}`, with their lines.
fn heads(code: &str, prefix: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (at, _) in code.match_indices(prefix) {
        if code[..at].ends_with(|before| is_word(before) || before == ':') {
            continue;
        }
        let line = line_of(code, at);
        let behind = &code[at + prefix.len()..];
        let names = match behind.strip_prefix('{') {
            Some(group) => group_heads(group),
            None => vec![first_word(behind)],
        };
        found.extend(names.into_iter().filter(|name| !name.is_empty()).map(|name| (line, name)));
    }
    found
}

/// The first name of each item of a braced group, given the text behind its brace.
fn group_heads(group: &str) -> Vec<String> {
    let mut heads = vec![first_word(group)];
    let mut depth = 0usize;
    for (at, character) in group.char_indices() {
        match character {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => heads.push(first_word(&group[at + 1..])),
            _ => {}
        }
    }
    heads
}

fn first_word(text: &str) -> String {
    text.trim_start().chars().take_while(|character| is_word(*character)).collect()
}

/// The lines that name a crate: `pest::…`, `use pest;`, `use pest as …`.
fn mentions(code: &str, dependency: &str) -> Vec<usize> {
    let mut lines = Vec::new();
    for (at, _) in code.match_indices(dependency) {
        let (before, behind) = (&code[..at], &code[at + dependency.len()..]);
        let whole = !before.ends_with(|before| is_word(before) || before == ':') && !behind.starts_with(is_word);
        let used = before.ends_with("use ") && (behind.starts_with(';') || behind.starts_with(" as "));
        if whole && (behind.starts_with("::") || used) {
            lines.push(line_of(code, at));
        }
    }
    lines
}

fn line_of(code: &str, at: usize) -> usize {
    code[..at].matches('\n').count() + 1
}

#[test]
fn paths_are_found_however_they_are_written() {
    let code = "use crate::a::x;\nuse crate::{b, c::{d, e}, f};\nlet y = crate::g();\nmycrate::h();";
    let found: Vec<(usize, String)> = heads(code, "crate::");
    let names: Vec<&str> = found.iter().map(|(_, name)| name.as_str()).collect();
    assert_eq!(names, ["a", "b", "c", "f", "g"]);
    assert_eq!(
        mentions("use pest::Parser;\nx(pest::a, crate::pest::b, pest_derive::C);\nuse pest;", "pest"),
        [1, 2, 3]
    );
}
