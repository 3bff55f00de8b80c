//! What `--format json` writes is what `spec/schema/` promises.

use crate::pie::{self, Output};
use jsonschema::{Registry, Validator};
use serde_json::Value;
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
    for name in ["diagnostic", "check", "plan", "build", "verify", "query", "status"] {
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
    let slice = |name: &str| status["slices"].as_array().and_then(|all| all.iter().find(|slice| slice["name"] == name));
    let daily = slice("orders.daily").expect("it is listed");
    assert_eq!(daily["held"]["reason"], "a look", "{daily}");
    assert!(daily["held"]["until"].is_string(), "{daily}");
    let reader = slice("orders.by_city").expect("it is listed");
    assert_eq!(reader["stale_inputs"][0]["name"], "orders.daily", "{reader}");
    assert!(reader["stale_inputs"][0]["age_seconds"].is_number(), "{reader}");
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

fn succeeds(output: Output) {
    assert_eq!(output.code, 0, "{}", output.transcript());
}

/// Stdout as JSON, which must follow the schema of this name.
fn valid(name: &str, output: &Output) -> Value {
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
