//! What was worked out before isn't worked out again: after an edit only the slice itself and those that read it directly
//! are planned, however many there are, and the plan says what it says without a memo.

use crate::pie;
use icepie::driver::{self, Planned, Project, Session};
use icepie::workspace;
use std::fmt::Write as _;
use std::path::Path;

/// Slices in a chain, each read by the next and by one more.
const DEPTH: usize = 12;

fn chain(middle: &str) -> String {
    let mut text = String::from(
        "domain d { owner 'data@shop.example' }\n\
         public source d.lines { from 'lines.csv' columns (id bigint not null, a bigint, b bigint) }\n\
         public slice d.s0 { select id, a, b from lines }\n",
    );
    for number in 1..=DEPTH {
        let query = if number == DEPTH / 2 { middle } else { "select id, a + 1 as a, b from" };
        let before = number - 1;
        let _ = writeln!(text, "public slice d.s{number} {{ {query} s{before} }}");
        let _ = writeln!(text, "public slice d.side{number} {{ select count(b) as n from s{number} }}");
    }
    text
}

/// Checks and plans as a new process would.
fn planned(folder: &Path) -> (Project, Planned) {
    let workspace = workspace::load(folder);
    let memo = driver::memo_of(&workspace);
    let project = driver::check_with(workspace, memo);
    let planned = plan(&project);
    (project, planned)
}

fn plan(project: &Project) -> Planned {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime can be made");
    runtime.block_on(async {
        let session = Session::open(project).await.expect("the store opens");
        driver::plan(project, &session, None).await.expect("the project can be planned")
    })
}

#[test]
fn only_an_edited_slice_and_its_readers_are_planned_again() {
    let dir = tempfile::tempdir().expect("a folder");
    let write = |path: &str, text: &str| std::fs::write(dir.path().join(path), text).expect("a file can be written");
    write("pie.toml", "[project]\nname = \"chain\"\n");
    write("lines.csv", "id,a,b\n1,1,1\n2,5,\n");
    write("main.pie", &chain("select id, a + 1 as a, b from"));
    assert_eq!(pie::run(dir.path(), &["build", "--freeze"]).code, 0);
    let (project, before) = planned(dir.path());
    assert_eq!(project.memo.planned(), 0, "nothing changed");
    assert!(before.plan.slices.iter().all(|slice| !slice.action().may_run()));

    write("main.pie", &chain("select id, a + 2 as a, b from"));
    let (project, edited) = planned(dir.path());
    assert_eq!(project.memo.planned(), 1, "its readers read the same columns of the same types");
    same_without_a_memo(dir.path(), &edited);
    let (project, _) = planned(dir.path());
    assert_eq!(project.memo.planned(), 0, "and that is known now");

    write("main.pie", &chain("select id, a + 2 as a, b, 1 as c from"));
    let (project, edited) = planned(dir.path());
    assert_eq!(project.memo.planned(), 3, "a changed schema: itself and two readers");
    same_without_a_memo(dir.path(), &edited);

    write("main.pie", &format!("-- moved\n\n{}", chain("select id, a + 1 as a, b from")));
    let (project, back) = planned(dir.path());
    assert_eq!(project.memo.planned(), 0, "what it meant before is known, wherever it stands");
    assert!(back.plan.slices.iter().all(|slice| !slice.action().may_run()));
}

/// Actions and reasons with their places are those of a check and a plan that know nothing.
fn same_without_a_memo(folder: &Path, planned: &Planned) {
    let anew = plan(&driver::check(workspace::load(folder)));
    let said = |planned: &Planned| {
        let slices = planned.plan.slices.iter();
        slices.map(|slice| (slice.name().clone(), slice.action(), slice.change.reasons.clone())).collect::<Vec<_>>()
    };
    assert_eq!(said(planned), said(&anew));
}

/// What a query means over sources may rest on a key far below it: without the key the meaning is another one, though no
/// text and no schema in between changed.
#[test]
fn a_key_that_is_lost_below_is_noticed() {
    let dir = tempfile::tempdir().expect("a folder");
    let write = |path: &str, text: &str| std::fs::write(dir.path().join(path), text).expect("a file can be written");
    let project = |key: &str| {
        format!(
            "domain d {{ owner 'data@shop.example' }}\n\
             public source d.lines {{ from 'lines.csv' columns (id bigint not null) }}\n\
             public source d.names {{ from 'names.csv' {key} columns (id bigint not null, name text) }}\n\
             public slice d.known {{ select id, name from names }}\n\
             public slice d.named {{ select l.id from lines l left join known k on k.id = l.id }}\n"
        )
    };
    write("pie.toml", "[project]\nname = \"keys\"\n");
    write("lines.csv", "id\n1\n2\n");
    write("names.csv", "id,name\n1,one\n");
    write("main.pie", &project("key (id)"));
    assert_eq!(pie::run(dir.path(), &["build", "--freeze"]).code, 0);
    write("names.csv", "id,name\n1,one\n1,uno\n");
    write("main.pie", &project(""));
    assert_eq!(pie::run(dir.path(), &["freeze", "--replace", "--reason", "doubles"]).code, 0);
    let built = pie::run(dir.path(), &["build"]);
    assert_eq!(built.code, 0, "{}", built.err);
    assert_eq!(pie::run(dir.path(), &["show", "named", "--format", "csv"]).out, "id\n1\n1\n2\n");
    assert_eq!(pie::run(dir.path(), &["verify"]).code, 0);
}

/// A build that is right over the sources says nothing of an input that failed and isn't what the sources give.
#[test]
fn a_build_over_sources_is_no_build_over_inputs_that_are_behind() {
    let dir = tempfile::tempdir().expect("a folder");
    let write = |path: &str, text: &str| std::fs::write(dir.path().join(path), text).expect("a file can be written");
    let state = |edge: &str, check: &str, between: bool| {
        let (middle, read) = match between {
            true => ("public slice d.middle { select id from edge }\n", "middle"),
            false => ("", "edge"),
        };
        let text = format!(
            "domain d {{ owner 'data@shop.example' }}\n\
             public source d.lines {{ from 'lines.csv' columns (id bigint not null, v bigint) }}\n\
             public slice d.edge {{ {check} select id, v from lines where v > {edge} }}\n\
             {middle}public slice d.report {{ select id from {read} }}\n"
        );
        write("main.pie", &text);
    };
    let shown = || pie::run(dir.path(), &["show", "report", "--format", "csv"]).out;
    write("pie.toml", "[project]\nname = \"edges\"\n");
    write("lines.csv", "id,v\n1,1\n2,2\n");
    state("0", "", false);
    assert_eq!(pie::run(dir.path(), &["build", "--freeze"]).code, 0);
    state("1", "", false);
    assert_eq!(pie::run(dir.path(), &["build"]).code, 0);
    assert_eq!(shown(), "id\n2\n");
    // As at first, but `edge` fails and stays as it was.
    state("0", "check small (v < 2)", true);
    let failed = pie::run(dir.path(), &["build"]);
    assert_eq!(failed.code, 1, "{}", failed.err);
    state("1", "", true);
    let built = pie::run(dir.path(), &["build"]);
    assert_eq!(built.code, 0, "{}", built.err);
    assert_eq!(shown(), "id\n2\n", "{}", built.out);
    assert_eq!(pie::run(dir.path(), &["verify"]).code, 0);
}

/// Of slices that were found fresh before, only heads are read. Whatever they were found fresh by, its change is noticed.
#[test]
fn what_was_fresh_is_looked_at_again_when_anything_before_it_changed() {
    let dir = tempfile::tempdir().expect("a folder");
    let write = |path: &str, text: &str| std::fs::write(dir.path().join(path), text).expect("a file can be written");
    let known = "select id, v as worth from lines";
    let declare = |known: &str, report: &str| {
        let text = format!(
            "domain d {{ owner 'data@shop.example' }}\n\
             public source d.lines {{ from 'lines.csv' columns (id bigint not null, v bigint) }}\n\
             public source d.limits {{ from 'limits.csv' columns (most bigint not null) }}\n\
             public slice d.known {{ {known} }}\n\
             public virtual slice d.view {{ select id, worth from known }}\n\
             public slice d.report {{ {report} select sum(worth) as worth from view }}\n\
             public slice d.apart {{ select count(*) as n from lines }}\n"
        );
        write("main.pie", &text);
    };
    let check = "check within (worth <= (select max(most) from limits))";
    let run = |args: &[&str]| {
        let ran = pie::run(dir.path(), args);
        assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    };
    // What is to be done for each slice, the second time with what the first plan kept; both say what one without a memo says.
    let actions = |expected: [&str; 3]| {
        for time in ["first", "second"] {
            let (_, planned) = planned(dir.path());
            let slices = planned.plan.slices.iter();
            let found: Vec<String> =
                slices.map(|slice| format!("{} {}", slice.action().as_str(), slice.name().name())).collect();
            let mut found_sorted = found.clone();
            found_sorted.sort_by_key(|text| text.split(' ').nth(1).map(str::to_owned));
            assert_eq!(found_sorted, expected, "the {time} plan");
            same_without_a_memo(dir.path(), &planned);
        }
    };
    let fresh = || {
        actions(["reuse apart", "reuse known", "reuse report"]);
        let (_, planned) = planned(dir.path());
        assert_eq!(planned.fresh.len(), 3, "nothing changed, and that is known");
        assert!(planned.heads.is_empty(), "no record was read");
    };
    write("pie.toml", "[project]\nname = \"fresh\"\n");
    write("lines.csv", "id,v\n1,1\n2,2\n");
    write("limits.csv", "most\n9\n");
    declare(known, check);
    run(&["build", "--freeze"]);
    fresh();

    // Data that only a check reads.
    write("limits.csv", "most\n8\n");
    run(&["freeze", "--replace", "--reason", "less"]);
    actions(["reuse apart", "reuse known", "relabel report"]);
    run(&["build"]);
    fresh();

    // A promise.
    declare(known, "");
    actions(["reuse apart", "reuse known", "relabel report"]);
    run(&["build"]);
    fresh();

    // The query of what is read through a virtual slice.
    declare("select id, v + 1 as worth from lines", "");
    actions(["reuse apart", "build known", "maybe report"]);
    let (_, edited) = planned(dir.path());
    assert_eq!(edited.fresh.len(), 1, "what reads neither is known to be fresh still");
    run(&["build"]);
    fresh();

    // A build that somebody else made of an input.
    let (_, before) = planned(dir.path());
    declare(known, "");
    run(&["build", "known"]);
    declare("select id, v + 1 as worth from lines", "");
    assert!(!before.fresh.is_empty());
    actions(["reuse apart", "relabel known", "reuse report"]);
    run(&["build"]);
    fresh();

    // A build that was lost.
    let builds = dir.path().join(".pie/store/slices/d/known/builds");
    std::fs::remove_dir_all(builds).expect("the builds can be removed");
    actions(["reuse apart", "build known", "maybe report"]);
    run(&["build"]);
    fresh();
    assert_eq!(pie::run(dir.path(), &["show", "report", "--format", "csv"]).out, "worth\n5\n");
    run(&["verify"]);
}

/// What a plan found for a slice over inputs to come isn't published over an input that failed, and stands where it stood.
#[test]
fn a_planned_relabel_is_given_up_where_an_input_fails() {
    let dir = tempfile::tempdir().expect("a folder");
    let write = |path: &str, text: &str| std::fs::write(dir.path().join(path), text).expect("a file can be written");
    let state = |check: &str, least: u32| {
        let text = format!(
            "domain d {{ owner 'data@shop.example' }}\n\
             public source d.lines {{ from 'lines.csv' columns (amount bigint not null) }}\n\
             public slice d.kept {{ {check} select amount from lines where amount >= {least} }}\n\
             public slice d.total {{ select sum(amount) as s, count(*) as n from kept }}\n"
        );
        write("main.pie", &text);
    };
    let total = || pie::run(dir.path(), &["show", "total", "--format", "csv"]).out;
    write("pie.toml", "[project]\nname = \"relabels\"\n");
    write("lines.csv", "amount\n20\n5\n7\n");
    state("", 0);
    assert_eq!(pie::run(dir.path(), &["build", "--freeze"]).code, 0);
    state("", 10);
    assert_eq!(pie::run(dir.path(), &["build"]).code, 0);
    assert_eq!(total(), "s,n\n20,1\n");
    // The first rows again, which were built before, with a check that they fail.
    state("check large (amount >= 10)", 0);
    assert_eq!(pie::run(dir.path(), &["build"]).code, 1);
    assert_eq!(total(), "s,n\n20,1\n", "of the last good version");
    state("", 10);
    assert_eq!(pie::run(dir.path(), &["build"]).code, 0);
    assert_eq!(total(), "s,n\n20,1\n");
    assert_eq!(pie::run(dir.path(), &["verify"]).code, 0);
}

/// One input can't be built and another one is about to be: the slice is behind, though what it reads of the second stays.
#[test]
fn a_slice_behind_one_input_is_behind_whatever_becomes_of_another() {
    let dir = tempfile::tempdir().expect("a folder");
    let write = |path: &str, text: &str| std::fs::write(dir.path().join(path), text).expect("a file can be written");
    let sources = "domain d { owner 'data@shop.example' }\n\
         public source d.s { from 's.csv' columns (k bigint not null, amount bigint not null) }\n\
         public source d.t { from 't.csv' columns (k bigint not null, amount bigint not null) }\n\
         public slice d.b { select x.k, x.amount from x join a on a.k = x.k }\n";
    write("pie.toml", "[project]\nname = \"behind\"\n");
    write("s.csv", "k,amount\n1,20\n2,5\n3,7\n");
    write("t.csv", "k,amount\n1,1\n2,2\n3,3\n");
    write("l.csv", "most\n100\n");
    let first = "public slice d.x { select k, amount from s where amount > 0 }\n\
         public slice d.a { select k, amount from t }\n";
    write("main.pie", &format!("{sources}{first}"));
    assert_eq!(pie::run(dir.path(), &["build", "--freeze"]).code, 0);
    let second = "public source d.l { from 'l.csv' columns (most bigint not null) }\n\
         public slice d.x {\n\
           check within (amount <= (select max(most) from l))\n\
           select k, amount from s where amount > 6\n\
         }\n\
         public slice d.a { select k, amount + 1 as amount from t }\n\
         public slice d.c { select sum(amount) as s from b }\n";
    write("main.pie", &format!("{sources}{second}"));
    assert_eq!(pie::run(dir.path(), &["build"]).code, 1, "`l` was never frozen");
    assert_eq!(pie::run(dir.path(), &["freeze"]).code, 0);
    let built = pie::run(dir.path(), &["build"]);
    assert_eq!(built.code, 0, "{}", built.err);
    assert_eq!(pie::run(dir.path(), &["show", "c", "--format", "csv"]).out, "s\n27\n");
    assert_eq!(pie::run(dir.path(), &["verify"]).code, 0);
}
