//! What `--format json` writes is what `spec/schema/` promises.

use crate::pie::{self, Output};
use jsonschema::{Registry, Validator};
use serde_json::Value;
use std::path::Path;
use std::time::{Duration, SystemTime};
use tempfile::TempDir;

const SETTINGS: &str = "[project]\nname = \"schemas\"\n";

/// Two sources; three slices with a key, a check and a staleness limit between them.
const DECLARATIONS: &str = "
domain orders { owner 'orders@shop.example' }

--- One row an order.
public source orders.lines {
  from 'raw/lines-*.csv'
  key (order_id)
  columns (order_id bigint not null, day date not null, shop text not null, amount decimal(10, 2))
}

public source orders.shops {
  from 'raw/shops.csv'
  key (shop)
  columns (shop text not null, city text)
}

public slice orders.daily {
  key (day, shop)
  partition by (day)
  check not_negative (revenue >= 0)
  stale for at most 1 hour
  select day, shop, sum(amount) as revenue, count(*) as orders from lines group by day, shop
}

public slice orders.by_city {
  select s.city, sum(d.revenue) as revenue from daily d join shops s on s.shop = d.shop group by s.city
}

public slice orders.best_day {
  select day, sum(revenue) as revenue from daily group by day order by 2 desc limit 1
}
";

/// Misspells a column, reads an unknown table, and stops in the middle of a clause.
const BROKEN: &str = "
public slice orders.broken { select day, sum(amuont) as revenue from lines group by day }
public slice orders.reader { select revenue from orders.brokn }
public slice orders.open { key (day
";

const LINES: &str =
    "order_id,day,shop,amount\n1,2026-03-01,north,20.00\n2,2026-03-01,south,5.00\n3,2026-03-02,north,\n";
const MORE_LINES: &str = "order_id,day,shop,amount\n4,2026-03-02,south,7.50\n";
const SHOPS: &str = "shop,city\nnorth,Oslo\nsouth,Rome\n";

#[test]
fn schemas_are_schemas() {
    let of_projects = ["diagnostic", "check", "diff", "plan", "build", "verify", "query", "status"];
    let of_stores = ["held", "fsck", "gc", "environments", "promote"];
    for name in of_projects.into_iter().chain(of_stores) {
        let schema = schema(name);
        assert!(jsonschema::meta::is_valid(&schema), "{name}: {:?}", jsonschema::meta::validate(&schema));
        assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema", "{name}");
    }
}

#[test]
fn a_sound_project_follows_the_schemas() {
    let shop = shop();
    let run = |args: &[&str]| pie::run(shop.path(), args);
    valid("check", &run(&["check", "--format", "json"]));
    valid("status", &run(&["status", "--format", "json"]));
    succeeds(run(&["freeze"]));
    valid("plan", &run(&["plan", "--explain", "--format", "json"]));
    valid("plan", &run(&["plan", "--format", "json"]));
    valid("build", &run(&["build", "--format", "json"]));
    valid("verify", &run(&["verify", "--format", "json"]));
    let rows = valid("query", &run(&["query", "--format", "json", "select * from orders.daily order by day, shop"]));
    assert_eq!(rows[0]["revenue"], "20.00", "decimals are strings");
    assert_eq!((&rows[0]["day"], &rows[2]["revenue"]), (&"2026-03-01".into(), &Value::Null));

    write(&shop, "raw/lines-2.csv", MORE_LINES);
    succeeds(run(&["freeze"]));
    let plan = valid("plan", &run(&["plan", "--format", "json"]));
    assert_ne!(plan["summary"]["build"], 0, "new rows make work: {plan}");
    let status = valid("status", &run(&["status", "--format", "json"]));
    assert_eq!(status["summary"]["stale"], 3, "{status}");
    let daily = named(&status["slices"], "orders.daily");
    assert!(daily["stale_since"].is_string() && daily["overdue"] == false, "{daily}");
    valid("build", &run(&["build", "--format", "json"]));
    valid("plan", &run(&["plan", "--format", "json"]));
    let status = valid("status", &run(&["status", "--format", "json"]));
    assert_eq!(status["summary"]["fresh"], 3, "{status}");
}

#[test]
fn a_held_slice_follows_the_schemas() {
    let shop = shop();
    let run = |args: &[&str]| pie::run(shop.path(), args);
    succeeds(run(&["build", "--freeze"]));
    succeeds(run(&["hold", "daily", "--reason", "a look", "--until", "3 days"]));
    write(&shop, "raw/lines-2.csv", MORE_LINES);
    succeeds(run(&["freeze"]));
    let plan = valid("plan", &run(&["plan", "--format", "json"]));
    assert_eq!(plan["summary"]["held"], 1, "{plan}");
    let build = valid("build", &run(&["build", "--format", "json"]));
    assert_eq!(build["summary"]["held"], 1, "{build}");
    let status = valid("status", &run(&["status", "--format", "json"]));
    assert_eq!(status["summary"], serde_json::json!({ "fresh": 0, "stale": 2, "missing": 0, "held": 1 }), "{status}");
    let daily = named(&status["slices"], "orders.daily");
    assert_eq!(daily["held"]["reason"], "a look", "{daily}");
    assert!(daily["held"]["until"].is_string(), "{daily}");
    let reader = named(&status["slices"], "orders.by_city");
    assert_eq!(reader["stale_inputs"][0]["name"], "orders.daily", "{reader}");
    assert!(reader["stale_inputs"][0]["age_seconds"].is_number(), "{reader}");
}

#[test]
fn holds_releases_and_rollbacks_follow_their_schema() {
    let shop = shop();
    let run = |args: &[&str]| pie::run(shop.path(), args);
    let done = |args: &[&str]| {
        let output = pie::run(shop.path(), &[args, &["--format", "json"]].concat());
        assert_eq!(output.code, 0, "{}", output.transcript());
        valid("held", &output)
    };
    succeeds(run(&["build", "--freeze"]));
    let held = done(&["hold", "daily", "best_day", "--reason", "a look", "--until", "3 days"]);
    let daily = named(&held["slices"], "orders.daily");
    assert_eq!((&daily["outcome"], &daily["version"]), (&"held".into(), &2.into()), "{held}");
    assert!(daily["until"].is_string(), "{held}");
    let held = done(&["hold", "daily", "--reason", "a longer look"]);
    assert!(held["slices"][0]["until"].is_null(), "{held}");
    assert_eq!(held["slices"][0]["version"], 3, "{held}");
    let released = done(&["release", "daily", "best_day"]);
    assert_eq!(released["slices"].as_array().map(Vec::len), Some(2), "{released}");
    assert_eq!(released["slices"][0]["outcome"], "released", "{released}");

    write(&shop, "raw/lines-2.csv", MORE_LINES);
    succeeds(run(&["build", "--freeze"]));
    let rolled_back = done(&["rollback", "daily"]);
    assert_eq!(rolled_back["slices"][0]["outcome"], "rolled_back", "{rolled_back}");
    assert!(rolled_back["slices"][0]["reason"].is_null(), "{rolled_back}");
    assert_eq!(rolled_back["slices"][0]["rows"], 3, "{rolled_back}");
    let status = valid("status", &run(&["status", "--format", "json"]));
    assert_eq!(named(&status["slices"], "orders.daily")["state"], "held", "{status}");
    let rolled_back = done(&["rollback", "daily", "--to", "1", "--reason", "the first day"]);
    assert_eq!(rolled_back["slices"][0]["reason"], "the first day", "{rolled_back}");
    let released = done(&["release", "daily", "--reason", "it was right"]);
    assert_eq!(released["slices"][0]["reason"], "it was right", "{released}");
}

#[test]
fn what_is_found_and_collected_in_a_store_follows_the_schemas() {
    let shop = shop();
    let run = |args: &[&str]| pie::run(shop.path(), args);
    succeeds(run(&["build", "--freeze"]));
    let found = valid("fsck", &run(&["fsck", "--deep", "--format", "json"]));
    assert_eq!((&found["deep"], &found["summary"]["damaged"]), (&true.into(), &0.into()), "{found}");
    assert_eq!((&found["summary"]["records"], &found["summary"]["builds"]), (&5.into(), &3.into()), "{found}");
    let collected = valid("gc", &run(&["gc", "--dry-run", "--format", "json"]));
    assert_eq!(collected["dry_run"], true, "{collected}");
    let collected = valid("gc", &run(&["gc", "--format", "json"]));
    assert_eq!(collected["dry_run"], false, "{collected}");
    assert_eq!(collected["marked"], serde_json::json!({ "builds": [], "files": [], "bytes": 0 }), "{collected}");

    // What interrupted writers left, long ago.
    let build = "slices/orders/daily/builds/1";
    let file = "sources/orders/lines/data/left.parquet";
    let staged = "slices/orders/daily/builds/2/part-00000.parquet#17";
    for path in [format!("{build}/part-00000.parquet"), file.to_owned(), staged.to_owned()] {
        let path = format!(".pie/store/{path}");
        write(&shop, &path, "half of it");
        age(&shop.path().join(path));
    }
    let found = valid("fsck", &run(&["fsck", "--format", "json"]));
    assert_eq!(found["leftovers"].as_array().map(Vec::len), Some(3), "{found}");
    let garbage = serde_json::json!({ "builds": [build], "files": [file], "bytes": 20 });
    for args in [["gc", "--dry-run", "--format", "json"].as_slice(), &["gc", "--format", "json"]] {
        let marked = valid("gc", &run(args));
        assert_eq!((&marked["marked"], &marked["staged"]), (&garbage, &1.into()), "{marked}");
    }
    let waiting = valid("gc", &run(&["gc", "--format", "json"]));
    assert_eq!(waiting["waiting"], garbage, "{waiting}");
    for mark in std::fs::read_dir(shop.path().join(".pie/store/gc")).expect("marks can be listed") {
        age(&mark.expect("marks can be listed").path());
    }
    let collected = valid("gc", &run(&["gc", "--format", "json"]));
    assert_eq!(collected["collected"], garbage, "{collected}");

    write(&shop, &format!(".pie/store/heads/main/orders/daily/{:020}.json", 1), "{");
    let output = run(&["fsck", "--deep", "--format", "json"]);
    assert_eq!(output.code, 1, "{}", output.transcript());
    let found = valid("fsck", &output);
    assert_eq!((&found["summary"]["damaged"], &found["leftovers"]), (&1.into(), &Value::Array(Vec::new())), "{found}");
}

#[test]
fn environments_follow_the_schemas() {
    let shop = shop();
    let run = |args: &[&str]| pie::run(shop.path(), args);
    let promote = |code: u8, args: &[&str]| {
        let words = [["promote", "trial", "main"].as_slice(), args, &["--format", "json"]].concat();
        let output = pie::run(shop.path(), &words);
        assert_eq!(output.code, code, "{}", output.transcript());
        valid("promote", &output)
    };
    succeeds(run(&["build", "--freeze"]));
    let main = valid("environments", &run(&["env", "--format", "json"]));
    assert_eq!(main["environments"].as_array().map(Vec::len), Some(1), "{main}");

    let edited = DECLARATIONS.replace("limit 1", "limit 2");
    write(&shop, "main.pie", &edited);
    succeeds(run(&["build", "--env", "trial"]));
    let both = valid("environments", &run(&["env", "--format", "json"]));
    let trial = named(&both["environments"], "trial");
    assert_eq!((&trial["base"], &trial["slices"]), (&"main".into(), &1.into()), "{both}");
    let compared = promote(0, &["--dry-run"]);
    assert_eq!(compared["items"].as_array().map(Vec::len), Some(1), "what it reads is the same: {compared}");
    let best_day = named(&compared["items"], "orders.best_day");
    assert_eq!((&best_day["difference"], &best_day["published"]), (&"changed".into(), &Value::Null), "{compared}");
    let promoted = promote(0, &[]);
    assert_eq!(named(&promoted["items"], "orders.best_day")["published"], 2, "{promoted}");

    // Frozen and renamed in `trial` alone.
    write(&shop, "raw/lines-2.csv", MORE_LINES);
    let renamed = edited.replace("orders.by_city", "orders.by_town");
    write(&shop, "main.pie", &renamed);
    succeeds(run(&["build", "--freeze", "--env", "trial"]));
    let refused = promote(1, &["best_day"]);
    let best_day = named(&refused["items"], "orders.best_day");
    assert_eq!((&best_day["refused"]["code"], &best_day["published"]), (&"E0610".into(), &Value::Null), "{refused}");
    let promoted = promote(0, &["--reason", "it was looked at"]);
    for (name, kind, difference) in [
        ("orders.lines", "source", "changed"),
        ("orders.daily", "slice", "changed"),
        ("orders.by_city", "slice", "dropped"),
        ("orders.by_town", "slice", "new"),
    ] {
        let item = named(&promoted["items"], name);
        assert_eq!((&item["kind"], &item["difference"]), (&kind.into(), &difference.into()), "{item}");
        assert!(item["published"].is_number(), "{item}");
    }

    // Changed in `main`, then in `trial` too.
    write(&shop, "main.pie", &renamed.replace("limit 2", "limit 3"));
    succeeds(run(&["build"]));
    let behind = promote(0, &[]);
    assert_eq!(named(&behind["items"], "orders.best_day")["difference"], "behind", "{behind}");
    write(&shop, "main.pie", &renamed.replace("limit 2", "limit 4"));
    succeeds(run(&["build", "--env", "trial"]));
    let diverged = promote(1, &[]);
    let best_day = named(&diverged["items"], "orders.best_day");
    assert_eq!(best_day["difference"], "diverged", "{diverged}");
    assert!(best_day["refused"].is_object() && best_day["from"].is_object(), "{diverged}");
    valid("status", &run(&["status", "--env", "trial", "--format", "json"]));
}

#[test]
fn a_project_in_error_follows_the_schemas() {
    let shop = shop();
    write(&shop, "broken.pie", BROKEN);
    let output = pie::run(shop.path(), &["check", "--format", "json"]);
    assert_eq!(output.code, 1);
    let check = valid("check", &output);
    assert_eq!(check["summary"]["errors"], 3, "{check}");
}

#[test]
fn a_failing_build_follows_the_schemas() {
    let shop = shop();
    write(&shop, "raw/lines-1.csv", &LINES.replace("5.00", "-5.00"));
    let output = pie::run(shop.path(), &["build", "--freeze", "--format", "json"]);
    assert_eq!(output.code, 1);
    let build = valid("build", &output);
    assert_eq!((&build["summary"]["failed"], &build["summary"]["skipped"]), (&1.into(), &2.into()), "{build}");
    valid("status", &pie::run(shop.path(), &["status", "--format", "json"]));
}

fn shop() -> TempDir {
    let folder = tempfile::Builder::new().prefix("pie-schemas-").tempdir().expect("a temporary folder can be made");
    for (path, text) in
        [("pie.toml", SETTINGS), ("main.pie", DECLARATIONS), ("raw/lines-1.csv", LINES), ("raw/shops.csv", SHOPS)]
    {
        write(&folder, path, text);
    }
    folder
}

fn write(folder: &TempDir, path: &str, text: &str) {
    let path = folder.path().join(path);
    let parent = path.parent().expect("the path lies in the folder");
    std::fs::create_dir_all(parent)
        .and_then(|()| std::fs::write(&path, text))
        .expect("a temporary folder can be written");
}

/// Makes a file old.
fn age(path: &Path) {
    let long_ago = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    let file = std::fs::File::options().write(true).open(path).expect("the file can be opened");
    file.set_modified(long_ago).expect("a time can be set");
}

/// The entry of a list that has this name.
fn named<'a>(list: &'a Value, name: &str) -> &'a Value {
    let entry = list.as_array().and_then(|all| all.iter().find(|entry| entry["name"] == name));
    entry.unwrap_or_else(|| panic!("no {name} in {list:#}"))
}

fn succeeds(output: Output) {
    assert_eq!(output.code, 0, "{}", output.transcript());
}

/// Stdout as JSON, which must follow the schema of this name.
pub fn valid(name: &str, output: &Output) -> Value {
    let json = output.json().unwrap_or_else(|| panic!("{name}: no JSON:\n{}", output.transcript()));
    let errors: Vec<String> =
        validator(name).iter_errors(&json).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert!(errors.is_empty(), "{name}:\n{}\nin {json:#}", errors.join("\n"));
    json
}

fn schema(name: &str) -> Value {
    let path = format!("spec/schema/{name}.schema.json");
    serde_json::from_str(&pie::read(&path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The schemas refer to each other by file name.
fn validator(name: &str) -> Validator {
    let address = |name: &str| format!("json-schema:///{name}.schema.json");
    let registry = Registry::new()
        .add(address("diagnostic"), schema("diagnostic"))
        .and_then(|registry| registry.prepare())
        .expect("the schema of diagnostics has no further references");
    let options = jsonschema::options().with_registry(&registry).with_base_uri(address(name));
    options.build(&schema(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}
