//! The promise itself, on queries that nobody wrote: **the same fingerprint means the same rows**.
//!
//! Each query comes in a few versions: spelled otherwise, or changed in one place, mostly where two steps meet.
//! Whenever two of all these have the same row space, the columns that they have in common must hold the same bag
//! together, on each of a few random databases.

use super::change::{change, respell};
use super::database::{Rows, on_databases};
use super::generate::Maker;
use super::project::{check, common};
use super::write::{STYLES, write};
use icepie::algebra::{self, Meaning};
use icepie::name::RelationName;
use std::collections::{BTreeMap, BTreeSet};

/// In each batch.
const QUERIES: usize = 40;
const VERSIONS: usize = 4;
const DATABASES: u64 = 20;

#[test]
fn the_same_fingerprint_means_the_same_rows() {
    // ALGEBRA=100 runs as many batches, for a long look.
    let batches: u64 = std::env::var("ALGEBRA").ok().and_then(|text| text.parse().ok()).unwrap_or(2);
    let mut compared = 0;
    let mut wrong = Vec::new();
    for batch in 0..batches {
        let queries = versions(batch);
        let (inputs, rewritten) = meanings(&queries);
        let mut claims = claims(&inputs);
        compared += claims.len();
        claims.extend(self::claims(&rewritten));
        wrong.extend(broken(&queries, &claims, batch));
        if wrong.len() > 5 {
            break;
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n\n"));
    assert!(compared as u64 >= batches * 20, "only {compared} pairs had anything in common");
}

/// Spelling that no meaning hangs on leaves every fingerprint as it is.
#[test]
fn spelling_changes_nothing() {
    let mut maker = Maker::new(77);
    let mut queries = Vec::new();
    for _ in 0..40 {
        let pipeline = maker.pipeline(5);
        queries.extend(STYLES.map(|style| write(&pipeline, style)));
        queries.push(write(&respell(&mut maker, &pipeline), STYLES[0]));
    }
    let (meanings, _) = meanings(&queries);
    let mut wrong = Vec::new();
    for (first, version) in (0..queries.len()).map(|index| (index / 4 * 4, index)) {
        let (Some(one), Some(other)) = (&meanings[first], &meanings[version]) else { continue };
        let modelled = one.opaque.is_none() && other.opaque.is_none();
        if modelled && prints(one) != prints(other) {
            wrong.push(format!("{}\n{}", queries[first], queries[version]));
        }
    }
    assert!(wrong.is_empty(), "\n{} of {}\n{}", wrong.len(), queries.len(), wrong.join("\n\n"));
}

/// Queries, each with its versions behind it.
fn versions(batch: u64) -> Vec<String> {
    let mut maker = Maker::new(batch.wrapping_mul(7919).wrapping_add(3));
    let mut queries = Vec::new();
    for _ in 0..QUERIES {
        let first = maker.pipeline(5);
        queries.push(write(&first, STYLES[0]));
        let mut current = first.clone();
        for version in 0..VERSIONS {
            // Some changes add up, so that steps wander.
            if maker.random.chance(50) {
                current = first.clone();
            }
            for _ in 0..4 {
                if let Some(changed) = change(&mut maker, &current) {
                    current = changed;
                    break;
                }
            }
            let spelled = if maker.random.chance(30) { respell(&mut maker, &current) } else { current.clone() };
            queries.push(write(&spelled, STYLES[version % STYLES.len()]));
        }
    }
    let mut seen = BTreeSet::new();
    queries.retain(|query| seen.insert(query.clone()));
    queries
}

/// What queries mean, each; `None` where there is no plan.
type Meant = Vec<Option<Meaning>>;

/// What each query means as it is written, and after the engine's own rewrites.
fn meanings(queries: &[String]) -> (Meant, Meant) {
    let slices: Vec<(String, String)> =
        queries.iter().enumerate().map(|(index, query)| (format!("s{index}"), query.clone())).collect();
    let checked = check(&common(), &slices);
    let mut meanings = algebra::meanings(&checked.model).inputs;
    let (mut written, mut rewritten) = (Vec::new(), Vec::new());
    for (name, _) in slices {
        let name = RelationName::new("d", name);
        let slice = checked.model.slices.get(&name);
        rewritten.push(slice.and_then(|slice| algebra::rewritten(&checked.model, slice)));
        written.push(meanings.remove(&name));
    }
    let modelled = written.iter().flatten().filter(|meaning| meaning.opaque.is_none()).count();
    let few = modelled * 10 < queries.len() * 9;
    assert!(!few, "only {modelled} of {} have a model\n{}", queries.len(), checked.errors);
    (written, rewritten)
}

fn prints(meaning: &Meaning) -> Vec<&str> {
    let columns = meaning.columns.iter().map(|column| column.fingerprint.as_str());
    [meaning.row.as_str()].into_iter().chain(columns).collect()
}

/// That two queries hold the same bag in some of their columns, given by position.
struct Claim {
    queries: [usize; 2],
    columns: [Vec<usize>; 2],
}

/// Everything that the fingerprints claim.
fn claims(meanings: &[Option<Meaning>]) -> Vec<Claim> {
    let mut by_row: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (index, meaning) in meanings.iter().enumerate() {
        if let Some(meaning) = meaning {
            by_row.entry(&meaning.row).or_default().push(index);
        }
    }
    let mut claims = Vec::new();
    for alike in by_row.values() {
        for (at, one) in alike.iter().enumerate() {
            for other in alike.iter().skip(at + 1).take(5) {
                let (Some(left), Some(right)) = (&meanings[*one], &meanings[*other]) else { continue };
                let mut columns = [Vec::new(), Vec::new()];
                for (position, column) in left.columns.iter().enumerate() {
                    let same = |other: &algebra::ColumnMeaning| other.fingerprint == column.fingerprint;
                    if let Some(found) = right.columns.iter().position(same) {
                        columns[0].push(position);
                        columns[1].push(found);
                    }
                }
                claims.push(Claim { queries: [*one, *other], columns });
            }
        }
    }
    claims
}

/// The claims that don't hold.
fn broken(queries: &[String], claims: &[Claim], batch: u64) -> Vec<String> {
    let seeds = batch * DATABASES..(batch + 1) * DATABASES;
    let found: Vec<(usize, u64, String)> = on_databases(queries, seeds, &|seed, run| {
        let mut known: BTreeMap<usize, Result<Rows, String>> = BTreeMap::new();
        let mut found = Vec::new();
        for (number, claim) in claims.iter().enumerate() {
            for query in claim.queries {
                known.entry(query).or_insert_with(|| run(query));
            }
            let [left, right] = claim.queries.map(|query| &known[&query]);
            let (Ok(left), Ok(right)) = (left, right) else { continue };
            let (left, right) = (left.bag(&claim.columns[0]), right.bag(&claim.columns[1]));
            if left != right {
                found.push((number, seed, format!("{left:?}\n  {right:?}")));
            }
        }
        found
    });
    let mut told = BTreeSet::new();
    let mut wrong = Vec::new();
    for (number, seed, rows) in found {
        if !told.insert(number) {
            continue;
        }
        let [left, right] = claims[number].queries.map(|query| &queries[query]);
        let columns = &claims[number].columns;
        wrong.push(format!(
            "batch {batch}, database {seed}: one fingerprint for columns {columns:?} of\n  {left}\n  {right}\n  {rows}"
        ));
    }
    wrong
}
