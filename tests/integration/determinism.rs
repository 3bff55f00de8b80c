//! The same inputs give the same rows and digests, however the work is shared out: tasks, batches and memory don't show.

use icepie::diagnostic::Code;
use icepie::driver::{self, Manner, Session};
use icepie::exec::RuntimeOptions;
use icepie::workspace;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

const ROWS: u32 = 20_000;

/// Queries whose result would depend on the order of rows if nothing were done about it.
const SLICES: [(&str, &str); 14] = [
    ("sums", "select g, sum(f) as sum, avg(f) as mean, sum(f * 3.7) as more from t group by g"),
    ("one_sum", "select sum(f) as sum, avg(f) as mean, count(distinct s) as texts from t"),
    ("distinct_sum", "select g, sum(distinct f) as sum, count(distinct k) as n from t group by g"),
    ("united", "select s, sum(f) as f from (select s, f from t union all select s, f * 1.1 from t) as both group by s"),
    ("joined", "select a.s, sum(a.f * b.f) as f from t a join t b on a.g = b.k group by a.s"),
    ("outer_joined", "select a.k, a.f, b.f as other from t a left join t b on a.g = b.k and b.f > 0"),
    ("top", "select s, g from t order by g limit 100"),
    ("some", "select s, g, f from t limit 50"),
    ("firsts", "select distinct on (g) g, s, f from t order by g, s"),
    ("numbered", "select k, row_number() over (partition by g order by s) as n, lag(f) over (order by s) as f from t"),
    (
        "moving",
        "select k, sum(f) over (partition by g order by k rows between 5 preceding and current row) as f from t",
    ),
    ("ranged", "select k, avg(f) over (partition by s order by g) as f from t"),
    (
        "gathered",
        "select g, array_agg(s) as s, string_agg(s, ',') as text, first_value(f order by s) as f from t group by g",
    ),
    ("values", "select g, any_value(s) as s, median(f) as middle, min(f) as least from t group by g"),
];

fn write(dir: &Path) {
    let mut rows = String::from("k,g,s,f\n");
    let mut state = 1u64;
    let mut random = move |limit: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % limit
    };
    for k in 0..ROWS {
        // Magnitudes far apart, so that another order of a sum gives other bits.
        let magnitude = 10f64.powi(random(30) as i32 - 15);
        let f = (random(2_000_001) as f64 - 1_000_000.0) * magnitude;
        let _ = writeln!(rows, "{k},{},s{},{f:e}", random(40), random(25));
    }
    let mut text = String::from(
        "domain d { owner 'x' }\n\
         public source d.t { from 't.csv' key (k) columns (k int, g int, s text, f double) }\n",
    );
    for (name, query) in SLICES {
        let _ = writeln!(text, "public slice d.{name} {{ {query} }}");
    }
    for (file, text) in [("pie.toml", "[project]\nname = \"determinism\"\n"), ("main.pie", &text), ("t.csv", &rows)] {
        std::fs::write(dir.join(file), text).expect("a file can be written");
    }
}

/// Builds everything from nothing and gives the content digest of each slice.
async fn digests(options: RuntimeOptions) -> BTreeMap<String, String> {
    let dir = tempfile::tempdir().expect("a temporary folder can be made");
    write(dir.path());
    let workspace = workspace::load(dir.path());
    let project = driver::check(workspace);
    assert!(!project.has_errors(), "{:?}", project.diagnostics);
    let session = Session::open_with(&project, options).await.expect("the store can be made");
    let cancelled = tokio_util::sync::CancellationToken::new();
    let frozen = driver::freeze(&project, &session, None, None, &cancelled, |_| {}).await;
    assert!(frozen.iter().all(|source| source.outcome.is_some()), "{frozen:?}");
    let built = driver::build(&project, &session, None, &Manner::quiet(2), |_| {}).await.expect("the store works");
    for slice in &built.report.slices {
        // Some aggregates can't spill: they may end for want of memory, never in other rows.
        let starved = slice.diagnostics.iter().any(|diagnostic| diagnostic.code == Code::OutOfMemory);
        let built = slice.outcome == icepie::build::Outcome::Built;
        assert!(built || starved, "{}: {:?}", slice.plan.name(), slice.diagnostics);
    }
    let heads = session.store.slice_heads().await.expect("the store works");
    let mut contents = BTreeMap::new();
    for (name, head) in heads {
        let head = session.store.whole_head(&head).await.expect("the store works").expect("the head is there");
        contents.insert(name.to_string(), head.record.content.clone());
    }
    contents
}

#[test]
fn tasks_batches_and_memory_do_not_show() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.expect("threads can be started");
    runtime.block_on(async {
        let usual = RuntimeOptions { memory: 1 << 30, partitions: None, batch_rows: None };
        let expected = digests(usual).await;
        assert_eq!(expected.len(), SLICES.len());
        let others = [
            RuntimeOptions { partitions: Some(4), ..usual },
            RuntimeOptions { partitions: Some(3), batch_rows: Some(61), ..usual },
            RuntimeOptions { batch_rows: Some(7), ..usual },
            // Sorts and groups spill.
            RuntimeOptions { memory: 24 << 20, batch_rows: Some(512), ..usual },
        ];
        for options in others {
            let found = digests(options).await;
            assert!(found.len() >= SLICES.len() - 3, "{options:?}: {:?}", found.keys());
            for (name, digest) in &found {
                assert_eq!(expected.get(name), Some(digest), "{name} under {options:?}");
            }
        }
    });
}
