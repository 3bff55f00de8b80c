//! A store that isn't as pie left it, and builds that don't end: what was published stays served, and nothing is silent.

use crate::pie;
use icepie::manifest::{self, BuildRecord, BuildReference, CommitRecord};
use std::path::{Path, PathBuf};

/// A project of one source and two slices, built once.
fn built() -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("a temporary folder can be made");
    let write = |path: &str, text: &str| {
        let path = dir.path().join(path);
        std::fs::create_dir_all(path.parent().expect("a file has a folder")).expect("a folder can be made");
        std::fs::write(path, text).expect("a file can be written");
    };
    write("pie.toml", "[project]\nname = \"damage\"\n");
    write("raw/lines.csv", "id,amount\n1,10\n2,20\n");
    write(
        "main.pie",
        "domain shop { owner 'x' }\n\
         public source shop.lines {\n  from 'raw/lines.csv'\n  columns (id bigint not null, amount int)\n}\n\
         public slice shop.large { select id, amount from lines where amount > 10 }\n\
         public slice shop.total { select sum(amount) as total from large }\n",
    );
    let output = pie::run(dir.path(), &["build", "--freeze"]);
    assert_eq!(output.code, 0, "{}", output.err);
    dir
}

/// Files of the store whose path holds all of the words.
fn stored(dir: &Path, words: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![dir.join(".pie/store")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("the store can be listed") {
            let path = entry.expect("the store can be listed").path();
            if path.is_dir() {
                folders.push(path);
            } else if words.iter().all(|word| path.to_string_lossy().contains(word)) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

#[test]
fn what_is_damaged_is_named_and_mended_and_the_rest_goes_on() {
    let right = "total\n20\n";
    for (words, mends) in [
        (["heads", "large"], ["build"].as_slice()),
        (["build.json", "large"], &["build"]),
        (["sources", "log"], &["freeze", "build"]),
        (["part-00000.parquet", "large"], &["fsck --deep --mend", "build"]),
    ] {
        let dir = built();
        let run = |args: &str| pie::run(dir.path(), &args.split(' ').collect::<Vec<_>>());
        let record = &stored(dir.path(), &words)[0];
        let bytes = std::fs::read(record).expect("the record can be read");
        std::fs::write(record, &bytes[..bytes.len() / 2]).expect("the record can be cut");
        // It is found, under its name.
        let found = run("fsck --deep");
        let name =
            record.strip_prefix(dir.path().join(".pie/store")).expect("it lies in the store").display().to_string();
        assert!(found.code == 1 && found.out.contains(&name), "{words:?}: {}{}", found.out, found.err);
        // Others are served as before.
        assert_eq!(run("show total --format csv").out, right, "{words:?}");
        for mend in mends {
            let output = run(mend);
            assert!(output.code == 0 || mend.starts_with("fsck"), "{words:?}, {mend}: {}", output.err);
        }
        assert_eq!(run("show large --format csv").out, "id,amount\n2,20\n", "{words:?}");
        assert_eq!(run("show total --format csv").out, right, "{words:?}");
        let status = run("status --fail-on-stale");
        assert_eq!(status.code, 0, "{words:?}: {}{}", status.out, status.err);
        assert!(run("build").err.contains("Nothing to do"), "{words:?}: {}", run("build").err);
        // What was taken out is no damage any more; a damaged record stays one, since none is ever changed.
        let log = words[0] == "heads" || words[0] == "sources";
        let again = run("fsck --deep");
        assert_eq!(again.code, u8::from(log || words[0] == "build.json"), "{words:?}: {}", again.out);
    }
}

#[test]
fn a_store_whose_identity_is_damaged_is_not_touched() {
    let dir = built();
    let record = &stored(dir.path(), &["store.json"])[0];
    std::fs::write(record, "{").expect("the record can be cut");
    for verb in ["plan", "build", "fsck", "status"] {
        let output = pie::run(dir.path(), &[verb]);
        assert!(output.code == 1 && output.err.contains("E0602"), "{verb}: {}", output.err);
    }
}

#[test]
fn where_the_newest_version_is_damaged_the_one_before_is_shown() {
    for words in [["heads", "large", "2.json"], ["build.json", "large", ""], ["part-00000.parquet", "large", ""]] {
        let dir = built();
        let path = dir.path().join("main.pie");
        let text = std::fs::read_to_string(&path).expect("the project can be read");
        std::fs::write(&path, text.replace("amount > 10", "amount > 5")).expect("the project can be written");
        assert_eq!(pie::run(dir.path(), &["build"]).code, 0);
        // Ids of builds sort by time.
        let record = stored(dir.path(), &words).pop().expect("there is one");
        let bytes = std::fs::read(&record).expect("the record can be read");
        std::fs::write(&record, &bytes[..bytes.len() - 3]).expect("the record can be cut");
        for args in
            [&["show", "large", "--format", "csv"], &["query", "select id, amount from large", "--format", "csv"]]
        {
            let shown = pie::run(dir.path(), args);
            assert_eq!(shown.out, "id,amount\n2,20\n", "{words:?}: {}", shown.err);
            assert!(shown.err.contains("W0601") && shown.err.contains("version 2"), "{words:?}: {}", shown.err);
        }
    }
}

#[test]
fn records_of_a_newer_pie_are_refused() {
    let dir = built();
    let record = &stored(dir.path(), &["heads", "large"])[0];
    let text = std::fs::read_to_string(record).expect("the record can be read");
    std::fs::write(record, text.replace("\"format\": 3", "\"format\": 4")).expect("the record can be written");
    let output = pie::run(dir.path(), &["build"]);
    assert_eq!(output.code, 1, "{}", output.err);
    assert!(output.err.contains("E0603"), "{}", output.err);
}

#[test]
fn a_failing_build_leaves_nothing_behind_and_readers_are_served() {
    let dir = built();
    let before = stored(dir.path(), &[""]);
    let text = std::fs::read_to_string(dir.path().join("main.pie")).expect("the project can be read");
    // Fails at run time, after the plan was fine.
    let broken = text.replace("select id, amount from lines", "select id, 10 / (amount - 10) as amount from lines");
    std::fs::write(dir.path().join("main.pie"), broken.replace("where amount > 10", "where id > 0")).expect("written");
    let output = pie::run(dir.path(), &["build"]);
    assert_eq!(output.code, 1, "{}", output.err);
    assert!(output.err.contains("E0501") && output.err.contains("shop.large"), "{}", output.err);
    let after = stored(dir.path(), &["slices", "large", "builds"]);
    let kept: Vec<&PathBuf> = before.iter().filter(|path| path.to_string_lossy().contains("large/builds")).collect();
    assert_eq!(after.iter().collect::<Vec<_>>(), kept, "the failed build left files");
    let shown = pie::run(dir.path(), &["show", "large", "--format", "csv"]);
    assert_eq!(shown.out, "id,amount\n2,20\n", "the version before is still served");
}

#[test]
fn a_reader_of_something_that_failed_is_marked_until_it_is_mended() {
    let dir = built();
    let path = dir.path().join("main.pie");
    let good = std::fs::read_to_string(&path).expect("the project can be read");
    let state = |name: &str| {
        let status = pie::run(dir.path(), &["status", "--format", "json"]).json().expect("the status is JSON");
        let slices = status["slices"].as_array().expect("slices are a list").clone();
        let slice = slices.into_iter().find(|slice| slice["name"] == name).expect("the slice is listed");
        slice["state"].as_str().expect("a state is a text").to_owned()
    };
    std::fs::write(
        &path,
        good.replace("amount from lines where amount > 10", "cast(10 / (amount - 10) as int) as amount from lines"),
    )
    .expect("the project can be written");
    assert_eq!(pie::run(dir.path(), &["build"]).code, 1);
    assert_eq!((state("shop.large").as_str(), state("shop.total").as_str()), ("stale", "stale"));
    // Mended by going back: everything has the rows it should have, and nothing may go on saying otherwise.
    std::fs::write(&path, good).expect("the project can be written");
    assert_eq!(pie::run(dir.path(), &["build"]).code, 0);
    assert_eq!((state("shop.large").as_str(), state("shop.total").as_str()), ("fresh", "fresh"));
}

#[test]
fn a_raw_parquet_file_that_changes_after_freezing_is_noticed_by_the_build() {
    let dir = built();
    let parquet = pie::run(dir.path(), &["show", "large", "--format", "csv"]);
    assert_eq!(parquet.code, 0);
    // The built slice's own file serves as raw data of a second project.
    let other = tempfile::tempdir().expect("a temporary folder can be made");
    let file = &stored(dir.path(), &["large", "part-00000.parquet"])[0];
    std::fs::create_dir(other.path().join("raw")).expect("a folder can be made");
    std::fs::copy(file, other.path().join("raw/a.parquet")).expect("a file can be copied");
    std::fs::write(other.path().join("pie.toml"), "").expect("a file can be written");
    let text = "domain d { owner 'x' }\n\
                public source d.s { from 'raw/*.parquet' columns (id bigint not null, amount int) }\n\
                public slice d.x { select id from s }\n";
    std::fs::write(other.path().join("main.pie"), text).expect("a file can be written");
    assert_eq!(pie::run(other.path(), &["freeze"]).code, 0);
    let total = &stored(dir.path(), &["total", "part-00000.parquet"])[0];
    std::fs::copy(total, other.path().join("raw/a.parquet")).expect("a file can be copied");
    let output = pie::run(other.path(), &["build"]);
    assert_eq!(output.code, 1, "{}", output.err);
    assert!(output.err.contains("E0408"), "{}", output.err);
    std::fs::remove_file(other.path().join("raw/a.parquet")).expect("a file can be removed");
    let output = pie::run(other.path(), &["build"]);
    assert!(output.err.contains("E0409"), "{}", output.err);
}

#[test]
fn builds_are_the_same_under_little_memory_and_one_job() {
    let roomy = built();
    let tight = tempfile::tempdir().expect("a temporary folder can be made");
    for file in ["main.pie", "raw/lines.csv"] {
        let target = tight.path().join(file);
        std::fs::create_dir_all(target.parent().expect("a file has a folder")).expect("a folder can be made");
        std::fs::copy(roomy.path().join(file), target).expect("a file can be copied");
    }
    std::fs::write(tight.path().join("pie.toml"), "[build]\njobs = 1\nmemory = \"32 MB\"\n").expect("written");
    assert_eq!(pie::run(tight.path(), &["build", "--freeze"]).code, 0);
    let digest = |dir: &Path| {
        let record = &stored(dir, &["build.json", "large"])[0];
        let record: serde_json::Value =
            serde_json::from_slice(&std::fs::read(record).expect("a record can be read")).expect("a record is JSON");
        (record["content"].clone(), record["key"].clone())
    };
    assert_eq!(digest(roomy.path()), digest(tight.path()));
}

#[test]
fn two_builders_at_once_publish_one_version_each_number() {
    let dir = built();
    let text = std::fs::read_to_string(dir.path().join("main.pie")).expect("the project can be read");
    std::fs::write(dir.path().join("main.pie"), text.replace("amount > 10", "amount > 15")).expect("written");
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let output = pie::run(dir.path(), &["build"]);
                assert_eq!(output.code, 0, "{}", output.err);
            });
        }
    });
    let numbers: Vec<String> = stored(dir.path(), &["heads", "large"])
        .iter()
        .map(|path| path.file_stem().expect("a record has a name").to_string_lossy().into_owned())
        .collect();
    let expected: Vec<String> = (1..=numbers.len()).map(|number| format!("{number:020}")).collect();
    assert_eq!(numbers, expected, "numbers without gaps");
    assert_eq!(pie::run(dir.path(), &["show", "large", "--format", "csv"]).out, "id,amount\n2,20\n");
}

#[test]
fn verify_finds_published_rows_that_the_query_does_not_give() {
    let dir = built();
    let run = |args: &[&str]| pie::run(dir.path(), args);
    assert_eq!(run(&["verify"]).code, 0, "{}", run(&["verify"]).err);
    let path = dir.path().join("main.pie");
    let text = std::fs::read_to_string(&path).expect("the project can be read");
    std::fs::write(&path, text.replace("amount > 10", "amount > 5")).expect("the project can be written");
    assert_eq!(run(&["build"]).code, 0);
    // The first build's rows under the second one's keys: pie takes them for fresh.
    let records: Vec<PathBuf> = stored(dir.path(), &["large/builds", "build.json"]);
    let bytes = |path: &PathBuf| std::fs::read(path).expect("a record can be read");
    let read = |path: &PathBuf| manifest::read::<BuildRecord>(&bytes(path)).expect("a record");
    let (mut old, new) = (read(&records[0]), read(&records[1]));
    old.keys = new.keys;
    let forged = manifest::write(&old);
    std::fs::write(&records[0], &forged).expect("a record can be written");
    let head = &stored(dir.path(), &["heads", "large"])[1];
    let mut commit: CommitRecord = manifest::read(&bytes(head)).expect("a record");
    let build = BuildReference { slice: old.slice, id: old.id, blake3: manifest::digest(&forged) };
    commit.build = Some(build);
    std::fs::write(head, manifest::write(&commit)).expect("a record can be written");
    assert_eq!(run(&["plan", "large", "--detailed-exitcode"]).code, 0, "pie notices nothing");

    let output = run(&["verify", "--format", "json"]);
    assert_eq!(output.code, 1, "{}{}", output.err, output.out);
    let report = output.json().expect("the report is JSON");
    let large = &report["slices"][0];
    assert_eq!(large["status"], "differs", "{report:#}");
    assert_eq!(large["missing"], serde_json::json!({ "count": 1, "examples": [{ "id": 1, "amount": 10 }] }));
    assert_eq!((&large["extra"]["count"], &large["diagnostics"][0]["code"]), (&0.into(), &"E0801".into()));
}

#[test]
fn a_store_that_was_put_back_is_built_on_as_it_is() {
    let dir = built();
    let run = |args: &[&str]| pie::run(dir.path(), args);
    std::fs::write(dir.path().join("raw/lines.csv"), "id,amount\n1,10\n2,70\n").expect("a file can be written");
    assert_eq!(run(&["freeze", "--replace", "--reason", "corrected"]).code, 0);
    assert_eq!(run(&["build"]).code, 0);
    // The source's log comes from a backup of yesterday: it has one version less than slices were built from.
    let newest = stored(dir.path(), &["sources", "log"]).pop().expect("there are two");
    std::fs::remove_file(newest).expect("a record can be removed");
    let output = run(&["build"]);
    assert_eq!(output.code, 0, "{}", output.err);
    assert_eq!(run(&["show", "large", "--format", "csv"]).out, "id,amount\n2,20\n");
    assert_eq!(run(&["status", "--fail-on-stale"]).code, 0);
}

#[test]
fn a_hold_is_kept_where_what_is_held_is_gone() {
    let dir = built();
    let run = |args: &[&str]| pie::run(dir.path(), args);
    assert_eq!(run(&["hold", "large", "--reason", "a look"]).code, 0);
    let build = &stored(dir.path(), &["build.json", "large"])[0];
    std::fs::remove_file(build).expect("a record can be removed");
    let output = run(&["build"]);
    assert!(output.err.contains("held       shop.large"), "{}", output.err);
    assert!(run(&["plan"]).out.contains("damaged or gone"), "{}", run(&["plan"]).out);
    assert_eq!(run(&["release", "large"]).code, 0);
    assert_eq!(run(&["build"]).code, 0);
    assert_eq!(run(&["show", "large", "--format", "csv"]).out, "id,amount\n2,20\n");
}
