use super::choice::ChoiceKind;
use super::functions::{Dependence, ORDER_BITS, dependence};
use super::unique::{Columns, Facts};
use super::{Completed, complete, locate};
use crate::name::RelationName;
use crate::sql::engine::{engine, options};
use crate::sql::plan::parser_options;
use crate::sql::{Catalog, LogicalPlan, ParsedQuery, QueryLimits, Relation, parse_query};
use crate::text::{SourceMap, Span};
use datafusion::arrow::datatypes::{DataType, Field, Schema};
use datafusion::sql::planner::SqlToRel;
use datafusion::sql::sqlparser::ast::{Query, Statement};
use std::sync::Arc;

/// `lines (id, day, amount, tags)` with the key `id`, and `days (day, name)` with the key `day`.
fn catalog() -> Catalog {
    let id = || Field::new("id", DataType::Int64, false);
    let day = |nullable| Field::new("day", DataType::Date32, nullable);
    let amount = || Field::new("amount", DataType::Int64, true);
    let price = || Field::new("price", DataType::Float64, true);
    let name = || Field::new("name", DataType::Utf8, true);
    let mut catalog = Catalog::default();
    for (table, fields) in
        [("lines", vec![id(), day(true), amount(), price(), name()]), ("days", vec![day(false), name()])]
    {
        let relation = Relation {
            name: RelationName::new("t", table),
            schema: Arc::new(Schema::new(fields)),
            key: Vec::new(),
            view: None,
        };
        catalog.insert(table.to_owned(), relation);
    }
    catalog
}

fn keys(name: &RelationName) -> Vec<String> {
    match name.name() {
        "lines" => vec!["id".to_owned()],
        "days" => vec!["day".to_owned()],
        _ => Vec::new(),
    }
}

fn parse(sources: &mut SourceMap, sql: &str) -> ParsedQuery {
    let file = sources.add("<test>", sql);
    let span = Span::new(file, 0, sql.len());
    parse_query(sources.get(file), span, &QueryLimits::default()).unwrap_or_else(|found| panic!("{sql}: {found:?}"))
}

fn analysed(parsed: &ParsedQuery, sources: &SourceMap) -> LogicalPlan {
    let tree = parsed.tree(sources.get(parsed.span.file)).expect("the query was parsed");
    let catalog = catalog();
    let planner = SqlToRel::new_with_options(&catalog, parser_options());
    let plan = planner.sql_statement_to_plan(Statement::Query(Box::new(Query::clone(&tree))));
    let plan = plan.unwrap_or_else(|error| panic!("{tree}: {error}"));
    engine().analyzer().execute_and_check(plan, options(), |_, _| {}).expect("the query is valid")
}

/// Completes a query, and holds the completion to what every completion must hold.
fn completed(sql: &str) -> Completed {
    let mut sources = SourceMap::default();
    let parsed = parse(&mut sources, sql);
    let plan = analysed(&parsed, &sources);
    let completed = complete(plan.clone(), &keys).unwrap_or_else(|error| panic!("{sql}: {error}"));
    assert_eq!(plan.schema().as_arrow(), completed.plan.schema().as_arrow(), "{sql}");
    let names = |plan: &LogicalPlan| plan.schema().columns();
    assert_eq!(names(&plan), names(&completed.plan), "{sql}");

    let again = complete(completed.plan.clone(), &keys).unwrap_or_else(|error| panic!("{sql}: {error}"));
    let left: Vec<ChoiceKind> = completed.choices.iter().map(|choice| choice.kind).collect();
    let errors: Vec<ChoiceKind> = left.into_iter().filter(|kind| *kind == ChoiceKind::Frame).collect();
    assert_eq!(again.choices.iter().map(|choice| choice.kind).collect::<Vec<_>>(), errors, "{sql}: completed again");
    assert_eq!(again.plan.to_string(), completed.plan.to_string(), "{sql}: completed again");

    let checked = engine().analyzer().execute_and_check(completed.plan.clone(), options(), |_, _| {});
    checked.unwrap_or_else(|error| panic!("{sql}: {error}"));
    let optimized = engine().optimize(&completed.plan).unwrap_or_else(|error| panic!("{sql}: {error}"));
    assert_eq!(optimized.schema().as_arrow().fields().len(), plan.schema().fields().len(), "{sql}");
    completed
}

/// The plan of a completed query holds `expected`, and something was open.
fn check(sql: &str, expected: &str) {
    let completed = completed(sql);
    let plan = completed.plan.to_string();
    assert!(!completed.choices.is_empty(), "{sql}: nothing is open in\n{plan}");
    assert!(plan.contains(expected), "{sql}: no `{expected}` in\n{plan}");
}

/// Nothing is open.
fn closed(sql: &str) {
    let completed = completed(sql);
    assert!(completed.choices.is_empty(), "{sql}: {:?} in\n{}", completed.choices, completed.plan);
}

/// The texts at the places of a query's findings, each with its code.
fn found(sql: &str) -> Vec<String> {
    let mut sources = SourceMap::default();
    let parsed = parse(&mut sources, sql);
    let completed = complete(analysed(&parsed, &sources), &keys).unwrap_or_else(|error| panic!("{sql}: {error}"));
    let source = sources.get(parsed.span.file);
    let mut found =
        locate(&completed.choices, &parsed.tree(source).expect("the query was parsed"), source, parsed.span);
    crate::diagnostic::sort(&mut found);
    let shown = |span: Option<Span>| span.map_or("", |span| sources.slice(span)).to_owned();
    found.iter().map(|one| format!("{} {}", one.code.as_str(), shown(one.span))).collect()
}

#[test]
fn ties_under_a_limit_are_broken_by_the_remaining_columns() {
    check(
        "select day, amount from lines order by day limit 2",
        "Sort: lines.day ASC NULLS LAST, lines.amount ASC NULLS LAST\n",
    );
    check(
        "select amount from lines order by day desc limit 2 offset 1",
        "Sort: lines.day DESC NULLS FIRST, lines.amount ASC NULLS LAST\n",
    );
    // The key comes first among the remaining columns, and nothing is left to be told apart.
    check("select * from lines order by day limit 2", "Sort: lines.day ASC NULLS LAST, lines.id ASC NULLS LAST\n");
    check("select * from lines limit 2", "Sort: lines.id ASC NULLS LAST\n");
    check(
        "select day from lines where amount = (select amount from lines order by name limit 1)",
        "Sort: lines.name ASC NULLS LAST, lines.amount ASC NULLS LAST",
    );
    check("select name from lines where day is null offset 3", "Sort: lines.name ASC NULLS LAST\n");
}

#[test]
fn an_order_that_leaves_nothing_open_is_kept() {
    closed("select * from lines order by day, id limit 2");
    closed("select day from lines order by day limit 2");
    closed("select * from lines order by day");
    closed("select * from lines limit 0");
    closed("select count(*) as n from lines limit 1");
    closed("select day, sum(amount) as n from lines group by day order by day limit 2");
    closed("select amount * 2 as twice from lines order by amount limit 2");
    closed("select * from lines where id = 4 limit 1");
    closed("select 1 as one limit 1");
    closed("select * from (select * from lines order by id limit 9) as nine limit 3");
    closed("select id, name from lines union all select id, name from lines");
}

#[test]
fn joins_keep_what_tells_rows_apart() {
    let days = "from lines as l join days as d on l.day = d.day";
    closed(&format!("select l.id, d.name {days} order by l.id limit 2"));
    closed("select l.id, d.name from lines as l left join days as d on l.day = d.day order by l.id limit 2");
    closed("select l.id, d.name from lines as l, days as d where l.day = d.day order by l.id limit 2");
    closed("select l.id, d.name from days as d right join lines as l on l.day = d.day order by l.id limit 2");
    closed("select l.id, d.day from lines as l cross join days as d order by l.id, d.day limit 2");
    closed("select * from lines where day in (select day from days) order by id limit 2");
    check("select l.id, d.name from lines as l cross join days as d order by l.id limit 2", "d.name ASC NULLS LAST");
    check(
        "select l.id, m.id as other from lines as l left join lines as m on l.day = m.day order by l.id limit 2",
        "l.id ASC NULLS LAST, other ASC NULLS LAST",
    );
    check(
        "select l.id, d.name from lines as l full join days as d on l.day = d.day order by l.id limit 2",
        "l.id ASC NULLS LAST, d.name ASC NULLS LAST",
    );
    // The rows of a day are told apart by nothing but their place.
    check("select d.day, l.name from days as d join lines as l on l.day = d.day order by d.day limit 2", "l.name ASC");
}

#[test]
fn numbers_of_rows_tell_them_apart() {
    closed(
        "select * from (select day, row_number() over (partition by day order by id) as n from lines) as numbered \
         order by day, n limit 5",
    );
}

#[test]
fn windows_are_ordered_to_the_end() {
    check(
        "select id, row_number() over (order by day) as n from lines",
        "row_number() ORDER BY [lines.day ASC NULLS LAST, lines.id ASC NULLS LAST]",
    );
    check("select day, row_number() over () as n from lines", "row_number() ORDER BY [lines.id ASC NULLS LAST]");
    check("select day, lag(amount) over (partition by day order by amount desc) as n from lines", "lines.id ASC");
    check("select day, ntile(3) over (order by name) as n from lines", "lines.name ASC NULLS LAST, lines.id ASC");
    check(
        "select day, sum(amount) over (order by day rows between 6 preceding and current row) as n from lines",
        "[lines.day ASC NULLS LAST, lines.id ASC NULLS LAST] ROWS BETWEEN",
    );
    check("select day, first_value(name) over (order by day) as n from lines", "lines.id ASC NULLS LAST");
    check("select day, array_agg(name) over (partition by day) as n from lines", "lines.id ASC NULLS LAST");
    check("select day, any_value(name) over (partition by day) as n from lines", "min(lines.name)");
    closed("select id, row_number() over (order by day, id) as n from lines");
    closed("select id, rank() over (order by day) as n, dense_rank() over (order by day) as m from lines");
    closed("select id, sum(amount) over (order by day) as n, count(*) over () as m from lines");
    closed("select id, max(amount) over (order by amount range between 1 preceding and 1 following) as n from lines");
    closed("select id, first_value(day) over (order by day) as n from lines");
    closed("select id, last_value(name) over (order by id) as n from lines");
}

#[test]
fn windows_of_one_order_may_come_to_have_two() {
    let sql = "select id, rank() over (order by day) as r, row_number() over (order by day) as n, \
               cume_dist() over (order by day) as c from lines";
    let completed = completed(sql);
    assert_eq!(completed.choices.len(), 1);
    let plan = completed.plan.to_string();
    assert!(plan.matches("WindowAggr").count() >= 2, "{plan}");
    assert!(plan.contains("rank() ORDER BY [lines.day ASC NULLS LAST] "), "{plan}");
}

#[test]
fn frames_that_take_equal_rows_together_are_errors() {
    for sql in [
        "select id, last_value(name) over (order by day) as n from lines",
        "select id, nth_value(name, 2) over (order by day) as n from lines",
        "select id, array_agg(name) over (order by day) as n from lines",
        "select id, first_value(name) ignore nulls over (order by day) as n from lines",
    ] {
        let completed = completed(sql);
        let kinds: Vec<ChoiceKind> = completed.choices.iter().map(|choice| choice.kind).collect();
        assert_eq!(kinds, [ChoiceKind::Frame], "{sql}");
    }
    check(
        "select id, last_value(name) over (order by day rows between unbounded preceding and unbounded following) as n \
         from lines",
        "lines.id ASC NULLS LAST",
    );
    check(
        "select id, last_value(name) over (order by day range between current row and unbounded following) as n \
         from lines",
        "lines.id ASC NULLS LAST",
    );
}

#[test]
fn distinct_on_is_ordered_to_the_end() {
    check(
        "select distinct on (day) day, name from lines order by day",
        "sort_expr=[[lines.day ASC NULLS LAST, lines.id ASC NULLS LAST]]",
    );
    check(
        "select distinct on (day) day, name from lines",
        "sort_expr=[[lines.day ASC NULLS LAST, lines.id ASC NULLS LAST]]",
    );
    closed("select distinct on (day) day, name from lines order by day, id");
    closed("select distinct on (day) day from lines order by day");
    closed("select distinct on (day) day, name from lines order by day desc, id limit 3");
}

#[test]
fn aggregates_are_ordered_to_the_end() {
    check("select day, any_value(name) as n from lines group by day", "min(lines.name)");
    check(
        "select day, any_value(price) as n from lines group by day",
        "first_value(lines.price) IGNORE NULLS ORDER BY [lines.price ASC NULLS LAST]",
    );
    check(
        "select day, any_value(price + amount) as n from lines group by day",
        "first_value(lines.price + CAST(lines.amount AS Float64)) IGNORE NULLS ORDER BY",
    );
    check(
        "select day, array_agg(name) as n from lines group by day",
        "array_agg(lines.name) ORDER BY [lines.name ASC NULLS LAST]",
    );
    check(
        "select day, array_agg(name order by amount) as n from lines group by day",
        "ORDER BY [lines.amount ASC NULLS LAST, lines.name ASC NULLS LAST]",
    );
    check(
        "select array_agg(distinct name) as n from lines",
        "array_agg(DISTINCT lines.name) ORDER BY [lines.name ASC NULLS LAST]",
    );
    check(
        "select string_agg(name, ', ') as n, string_agg(cast(day as text), ', ') as m from lines",
        "ORDER BY [lines.name ASC NULLS LAST]",
    );
    check(
        "select day, first_value(name order by amount) as n from lines group by day",
        "ORDER BY [lines.amount ASC NULLS LAST, lines.id ASC NULLS LAST]",
    );
    check("select nth_value(name, 2 order by amount) as n from lines", "lines.id ASC NULLS LAST");
    check("select last_value(name) as n from lines", "ORDER BY [lines.id ASC NULLS LAST]");
    closed("select day, first_value(name order by id) as n, array_agg(name order by id) as m from lines group by day");
    closed("select day, array_agg(name order by name desc) as n from lines group by day");
    closed("select day, any_value(day) as n, count(*) as m, avg(price) as p from lines group by day");
    closed("select id, any_value(name) as n from lines group by id");
    closed("select median(price) as m, stddev(price) as s from lines");
    // In the total of a grouping set, days differ.
    check("select day, any_value(day) as n from lines group by rollup (day)", "min(");
}

#[test]
fn every_function_of_the_engine_is_known() {
    let aggregates = engine().aggregate_functions().values().map(|function| function.name().to_owned());
    let windows = engine().window_functions().values().map(|function| function.name().to_owned());
    let mut unknown: Vec<String> =
        aggregates.chain(windows).filter(|name| dependence(name) == Dependence::Unknown).collect();
    unknown.sort_unstable();
    assert!(unknown.is_empty(), "{unknown:?}");
    for name in ORDER_BITS {
        assert!(engine().aggregate_functions().contains_key(name), "there is no `{name}`");
    }
}

#[test]
fn facts_follow_expressions() {
    let mut sources = SourceMap::default();
    let mut determined = |sql: &str, columns: &[usize]| -> Vec<usize> {
        let parsed = parse(&mut sources, sql);
        let plan = analysed(&parsed, &sources);
        let columns: Columns = columns.iter().copied().collect();
        Facts::of(&plan, &keys).determined(&columns).into_iter().collect()
    };
    assert_eq!(determined("select id, day, amount from lines", &[0]), [0, 1, 2]);
    assert_eq!(determined("select id, day, amount from lines", &[1]), [1]);
    assert_eq!(determined("select day, amount, amount + 1 as more from lines", &[1]), [1, 2]);
    assert_eq!(determined("select day, amount from lines where amount = 3", &[0]), [0, 1]);
    assert_eq!(determined("select day, amount from lines where price = 3.0", &[0]), [0]);
    assert_eq!(determined("select distinct day, amount from lines", &[0, 1]), [0, 1]);
    assert_eq!(determined("select id, name, count(*) as n from lines group by id, name", &[0]), [0, 1, 2]);
    assert_eq!(determined("select day, count(*) as n from lines group by rollup (day)", &[0]), [0]);
}

#[test]
fn choices_are_found_in_the_text() {
    assert_eq!(found("select day, name from lines order by day limit 10"), ["W0105 limit 10"]);
    assert_eq!(found("select day, name from lines offset 2"), ["W0105 offset 2"]);
    assert_eq!(
        found("select day, row_number() over (order by day) as n, rank() over (order by day) as r from lines"),
        ["W0105 row_number()"]
    );
    assert_eq!(
        found("select array_agg(name order by day) as a, array_agg(name order by id) as b from lines"),
        ["W0105 array_agg(name order by day)"]
    );
    assert_eq!(found("select distinct on (day) day, name from lines"), ["W0105 distinct on (day)"]);
    assert_eq!(
        found("select id, last_value(name) over w as n from lines window w as (order by day)"),
        ["E0314 last_value(name)"]
    );
    assert_eq!(
        found(
            "with c as (select day, name from lines order by name limit 3) \
             select * from c union all select * from (select day, name from lines order by day, id limit 3) as d"
        ),
        ["W0105 limit 3"]
    );
}
