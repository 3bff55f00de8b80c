//! Names: of sources, from folders and files; of columns, as they must be written.

use std::collections::{BTreeMap, BTreeSet, HashSet};

/// A text as a name that needs no quotes anywhere: `[a-z0-9_]`, no digit first.
pub(super) fn identifier(text: &str, fallback: &str) -> String {
    let mut name = String::new();
    for character in text.chars() {
        match character {
            _ if character.is_ascii_alphanumeric() => name.push(character.to_ascii_lowercase()),
            _ if name.is_empty() || name.ends_with('_') => {}
            _ => name.push('_'),
        }
    }
    let name = name.trim_start_matches(|c: char| c.is_ascii_digit() || c == '_').trim_end_matches('_');
    match name {
        "" => fallback.to_owned(),
        // A query couldn't read `order` by its short name.
        _ if RESERVED.contains(&name) => format!("{name}_data"),
        _ => name.to_owned(),
    }
}

/// Words that SQL doesn't take for the name of a table.
const RESERVED: [&str; 20] = [
    "case", "cross", "distinct", "end", "from", "full", "group", "having", "inner", "join", "left", "limit", "natural",
    "on", "order", "right", "select", "union", "where", "with",
];

/// Gives each its own name: the first of its candidates that is no other's, or else a number behind the last.
pub(super) fn unique(candidates: &[Vec<String>]) -> Vec<String> {
    let mut levels = vec![0; candidates.len()];
    loop {
        let names = at_levels(candidates, &levels);
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        for name in &names {
            *counts.entry(*name).or_default() += 1;
        }
        let mut is_changed = false;
        for ((level, of), name) in levels.iter_mut().zip(candidates).zip(&names) {
            let is_taken = counts.get(name).is_some_and(|count| *count > 1);
            if is_taken && *level + 1 < of.len() {
                *level += 1;
                is_changed = true;
            }
        }
        if !is_changed {
            return numbered(&names);
        }
    }
}

fn at_levels<'c>(candidates: &'c [Vec<String>], levels: &[usize]) -> Vec<&'c str> {
    let name = |(of, level): (&'c Vec<String>, &usize)| of.get(*level).map_or("data", String::as_str);
    candidates.iter().zip(levels).map(name).collect()
}

fn numbered(names: &[&str]) -> Vec<String> {
    let mut taken = BTreeSet::new();
    let mut result = Vec::new();
    for name in names {
        let mut own = (*name).to_owned();
        let mut number = 2;
        while !taken.insert(own.clone()) {
            own = format!("{name}_{number}");
            number += 1;
        }
        result.push(own);
    }
    result
}

/// A name of a column as the grammar reads it back.
pub(super) fn quoted(name: &str) -> String {
    let begins = name.starts_with(|c: char| c.is_ascii_lowercase() || c == '_');
    let is_plain = begins && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    if is_plain { name.to_owned() } else { format!("\"{}\"", name.replace('"', "\"\"")) }
}

/// Whether a column can be declared by this name.
pub(super) fn is_writable(name: &str) -> bool {
    !name.is_empty() && !name.contains(char::is_control)
}

/// Watches a column for two equal values, if it is called like a key.
pub(super) struct Distinct {
    seen: Option<HashSet<String>>,
}

impl Distinct {
    pub fn new(column: &str) -> Distinct {
        let column = column.to_lowercase();
        let is_watched = column == "id" || ["_id", "_key", "_hash", "uuid"].iter().any(|end| column.ends_with(end));
        Distinct { seen: is_watched.then(HashSet::new) }
    }

    pub fn is_watched(&self) -> bool {
        self.seen.is_some()
    }

    pub fn add(&mut self, value: &str) {
        let is_repeated = self.seen.as_mut().is_some_and(|seen| !seen.insert(value.to_owned()));
        if is_repeated {
            self.seen = None;
        }
    }

    /// Whether all of `rows` rows had a value, each its own. One row proves nothing.
    pub fn holds(&self, rows: u64) -> bool {
        rows > 1 && self.seen.as_ref().is_some_and(|seen| seen.len() as u64 == rows)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_plain() {
        for (text, name) in [
            ("orders", "orders"),
            ("Order Lines (new)", "order_lines_new"),
            ("2026-01 sales", "sales"),
            ("__x__", "x"),
            ("日本", "data"),
            ("123", "data"),
            ("order", "order_data"),
        ] {
            assert_eq!(identifier(text, "data"), name);
        }
        assert_eq!(quoted("order_id2"), "order_id2");
        assert_eq!(quoted("Order \"id\""), "\"Order \"\"id\"\"\"");
        assert_eq!(quoted("2nd"), "\"2nd\"");
    }

    #[test]
    fn equal_names_are_told_apart_by_folders_then_by_numbers() {
        let candidates = |names: &[&[&str]]| -> Vec<Vec<String>> {
            names.iter().map(|of| of.iter().map(|name| (*name).to_owned()).collect()).collect()
        };
        let names = unique(&candidates(&[&["orders", "eu_orders"], &["orders", "us_orders"], &["items", "us_items"]]));
        assert_eq!(names, ["eu_orders", "us_orders", "items"]);
        assert_eq!(unique(&candidates(&[&["orders"], &["orders"]])), ["orders", "orders_2"]);
        assert_eq!(unique(&candidates(&[&["a"], &["a"], &["a_2"]])), ["a", "a_2", "a_2_2"]);
    }
}
