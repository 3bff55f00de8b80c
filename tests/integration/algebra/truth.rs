//! The pairs run by plain DataFusion: what has one fingerprint must hold the same rows, and a difference between
//! fingerprints must be one that data can show, or the pair says why not.

use super::database::{Rows, on_databases};
use super::pairs::{Pair, Verdict};
use super::project::corpus;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

/// Databases on which equal pairs are run, and those on which only their other columns are the same.
const FOR_EQUAL: u64 = 50;
const FOR_OTHER_COLUMNS: u64 = 20;
/// Databases among which one must show a difference.
const FOR_DIFFERENT: u64 = 600;

/// The queries of some pairs: left and right of the first, left and right of the second, and so on.
fn queries(indexes: &[usize]) -> Vec<String> {
    let pairs = indexes.iter().map(|index| &corpus().pairs[*index]);
    pairs.flat_map(|pair| [pair.left.to_owned(), pair.right.to_owned()]).collect()
}

/// What one look at a pair gave.
enum Look {
    Ran(usize),
    Failed(usize, String),
    Differs(usize, String),
}

#[test]
fn equal_pairs_hold_the_same_rows() {
    let corpus = corpus();
    let indexes = corpus.indexes(|pair| pair.is_equal() || matches!(pair.verdict, Verdict::Only(_)));
    let looks = on_databases(&queries(&indexes), 0..FOR_EQUAL, &|seed, run| {
        let mut looks = Vec::new();
        for (place, index) in indexes.iter().enumerate() {
            let pair = &corpus.pairs[*index];
            if !pair.is_equal() && seed >= FOR_OTHER_COLUMNS {
                continue;
            }
            looks.push(match (run(2 * place), run(2 * place + 1)) {
                (Ok(left), Ok(right)) => match difference(pair, &left, &right) {
                    None => Look::Ran(*index),
                    Some(what) => Look::Differs(*index, format!("on database {seed} {what}")),
                },
                (Err(error), _) | (_, Err(error)) => Look::Failed(*index, error),
            });
        }
        looks
    });
    let mut ran: BTreeMap<usize, u64> = BTreeMap::new();
    let mut failed: BTreeMap<usize, String> = BTreeMap::new();
    let mut wrong = Vec::new();
    let mut told = BTreeSet::new();
    for look in looks {
        match look {
            Look::Ran(index) => *ran.entry(index).or_default() += 1,
            Look::Failed(index, error) => {
                failed.entry(index).or_insert(error);
            }
            Look::Differs(index, what) => {
                if told.insert(index) {
                    wrong.push(report(&corpus.pairs[index], &what));
                }
            }
        }
    }
    for index in &indexes {
        let pair = &corpus.pairs[*index];
        let few = ran.get(index).copied().unwrap_or_default() < FOR_OTHER_COLUMNS / 2;
        if let (true, false, None) = (few, told.contains(index), pair.hidden) {
            let error = failed.get(index).map_or("no error", String::as_str);
            wrong.push(report(pair, &format!("hardly ever ran: {error}")));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n\n"));
}

#[test]
fn different_pairs_differ_somewhere() {
    let corpus = corpus();
    let has = |query: &str, column: &str| query.contains(&format!(" as {column}")) || column != "z";
    let indexes = corpus.indexes(|pair| match pair.verdict {
        Verdict::Different => pair.hidden.is_none(),
        Verdict::Only(column) => pair.hidden.is_none() && has(pair.left, column) && has(pair.right, column),
        Verdict::Equal | Verdict::Reordered | Verdict::EqualOverSources | Verdict::Everything => false,
    });
    let open: Mutex<BTreeSet<usize>> = Mutex::new((0..indexes.len()).collect());
    let errors: Vec<(usize, String)> = on_databases(&queries(&indexes), 0..FOR_DIFFERENT, &|_, run| {
        let still: Vec<usize> = open.lock().expect("no thread panics").iter().copied().collect();
        let mut errors = Vec::new();
        for place in still {
            match (run(2 * place), run(2 * place + 1)) {
                (Ok(left), Ok(right)) => {
                    if left.whole() != right.whole() {
                        open.lock().expect("no thread panics").remove(&place);
                    }
                }
                (Err(error), _) | (_, Err(error)) => errors.push((place, error)),
            }
        }
        errors
    });
    let errors: BTreeMap<usize, String> = errors.into_iter().collect();
    let open = open.into_inner().expect("no thread panics");
    let wrong: Vec<String> = open
        .iter()
        .map(|place| {
            let error = errors.get(place).map_or("every time", String::as_str);
            report(&corpus.pairs[indexes[*place]], &format!("gave the same rows: {error}"))
        })
        .collect();
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n\n"));
}

/// How the results of two queries differ that must be the same, as far as the pair says so.
fn difference(pair: &Pair, left: &Rows, right: &Rows) -> Option<String> {
    let (a, b) = match pair.verdict {
        Verdict::Equal | Verdict::EqualOverSources => {
            if left.names.len() != right.names.len() {
                return Some("the numbers of columns differ".to_owned());
            }
            (left.whole(), right.whole())
        }
        Verdict::Reordered => common(left, right, ""),
        Verdict::Only(column) => common(left, right, column),
        Verdict::Different | Verdict::Everything => return None,
    };
    if a == b { None } else { Some(format!("the rows are\n  {a:?}\n  {b:?}")) }
}

type Bag<'r> = Vec<Vec<&'r str>>;

/// What both hold in the columns that both have, but for one.
fn common<'r>(left: &'r Rows, right: &'r Rows, but: &str) -> (Bag<'r>, Bag<'r>) {
    let (mut of_left, mut of_right) = (Vec::new(), Vec::new());
    for (position, name) in left.names.iter().enumerate().filter(|(_, name)| name.as_str() != but) {
        if let Some(other) = right.position(name) {
            of_left.push(position);
            of_right.push(other);
        }
    }
    (left.bag(&of_left), right.bag(&of_right))
}

fn report(pair: &Pair, what: &str) -> String {
    format!("{}: {what}\n  {}\n  {}", pair.name, pair.left, pair.right)
}
