//! Random queries as SQL, in several spellings that mean the same.

use super::query::{Aggregate, Column, Expr, Join, Limit, Pipeline, Semi, Step, Window, table_columns};

/// How a query is spelled.
#[derive(Clone, Copy, Debug)]
pub struct Style {
    /// Filters of several steps stand in one `where`.
    pub merge: bool,
    /// Steps are common table expressions instead of derived tables.
    pub cte: bool,
    /// What names of steps begin with.
    pub prefix: &'static str,
}

pub const STYLES: [Style; 3] = [
    Style { merge: false, cte: false, prefix: "q" },
    Style { merge: true, cte: false, prefix: "step_" },
    Style { merge: true, cte: true, prefix: "c" },
];

/// The text of a query.
pub fn write(pipeline: &Pipeline, style: Style) -> String {
    let mut writer = Writer { style, ctes: Vec::new(), steps: 0 };
    let query = writer.pipeline(pipeline);
    if writer.ctes.is_empty() {
        return query;
    }
    let ctes: Vec<String> = writer.ctes.iter().map(|(name, query)| format!("{name} as ({query})")).collect();
    format!("with {} {query}", ctes.join(", "))
}

struct Writer {
    style: Style,
    ctes: Vec<(String, String)>,
    steps: usize,
}

/// A query to which a filter can be put, or any.
enum Open {
    Star { from: String, conditions: Vec<String> },
    Query(String),
}

impl Open {
    fn text(self) -> String {
        match self {
            Open::Star { from, conditions } if conditions.is_empty() => format!("select * from {from}"),
            Open::Star { from, conditions } => format!("select * from {from} where {}", conditions.join(" and ")),
            Open::Query(text) => text,
        }
    }
}

impl Writer {
    fn pipeline(&mut self, pipeline: &Pipeline) -> String {
        let mut open = Open::Query(instance(pipeline.table, pipeline.instance, None));
        for (number, step) in pipeline.steps.iter().enumerate() {
            let columns = pipeline.columns_before(number).unwrap_or_default();
            open = self.step(open, step, &columns);
        }
        open.text()
    }

    /// A query as what stands behind `from`.
    fn from(&mut self, open: Open) -> String {
        self.steps += 1;
        let name = format!("{}{}", self.style.prefix, self.steps);
        let text = open.text();
        if self.style.cte {
            self.ctes.push((name.clone(), text));
            name
        } else {
            format!("({text}) {name}")
        }
    }

    fn step(&mut self, open: Open, step: &Step, columns: &[Column]) -> Open {
        match (step, open) {
            (Step::Where(more), Open::Star { from, mut conditions }) if self.style.merge => {
                conditions.extend(more.iter().map(text));
                Open::Star { from, conditions }
            }
            (Step::Where(conditions), open) => {
                Open::Star { from: self.from(open), conditions: conditions.iter().map(text).collect() }
            }
            (Step::Semi(semi), open) => Open::Star { from: self.from(open), conditions: vec![semi_text(semi)] },
            (Step::Join(join), open) => {
                let left = self.from(open);
                Open::Star { from: join_text(join, &left), conditions: Vec::new() }
            }
            (Step::Extend(name, expr), open) => {
                Open::Query(format!("select *, {} as {name} from {}", text(expr), self.from(open)))
            }
            (Step::Window(name, window), open) => {
                let window = window_text(window, columns);
                Open::Query(format!("select *, {window} as {name} from {}", self.from(open)))
            }
            (Step::Group(keys, aggregates), open) => {
                let items = keys.iter().cloned().chain(aggregates.iter().map(aggregate_text));
                let items: Vec<String> = items.collect();
                let by = if keys.is_empty() { String::new() } else { format!(" group by {}", keys.join(", ")) };
                Open::Query(format!("select {} from {}{by}", items.join(", "), self.from(open)))
            }
            (Step::Distinct, open) => Open::Query(format!("select distinct * from {}", self.from(open))),
            (Step::Keep(names), open) => Open::Query(format!("select {} from {}", names.join(", "), self.from(open))),
            (Step::Limit(limit), open) => {
                let limit = limit_text(limit, columns);
                Open::Query(format!("select * from {}{limit}", self.from(open)))
            }
            (Step::Union(all, other), open) => {
                let names: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
                let others = other.columns().unwrap_or_default();
                let others: Vec<&str> = others.iter().map(|column| column.name.as_str()).collect();
                let left = self.from(open);
                let other = Open::Query(self.pipeline(other));
                let right = self.from(other);
                let all = if *all { " all" } else { "" };
                let (names, others) = (names.join(", "), others.join(", "));
                Open::Query(format!("select {names} from {left} union{all} select {others} from {right}"))
            }
        }
    }
}

/// A table with its columns under names of their own.
fn instance(table: &str, instance: usize, above: Option<(&str, i64)>) -> String {
    let items: Vec<String> =
        table_columns(table).iter().map(|(name, _)| format!("{name} as {name}_{instance}")).collect();
    let filter = above.map(|(column, least)| format!(" where {column} > {least}")).unwrap_or_default();
    format!("select {} from {table}{filter}", items.join(", "))
}

fn join_text(join: &Join, left: &str) -> String {
    let right = instance(join.table, join.instance, join.above);
    let on: Vec<String> =
        join.on.iter().map(|(column, other)| format!("{column} = {other}_{}", join.instance)).collect();
    format!("{left} {} ({right}) j{} on {}", join.kind, join.instance, on.join(" and "))
}

fn semi_text(semi: &Semi) -> String {
    let not = if semi.negated { "not " } else { "" };
    let above = semi.above.map(|(column, least)| format!("e.{column} > {least}"));
    let (outer, table, inner) = (&semi.outer, semi.table, semi.inner);
    if semi.listed {
        let filter = above.map(|above| format!(" where {above}")).unwrap_or_default();
        return format!("{outer} {not}in (select e.{inner} from {table} e{filter})");
    }
    let filter = above.map(|above| format!(" and {above}")).unwrap_or_default();
    format!("{not}exists (select 1 from {table} e where e.{inner} = {outer}{filter})")
}

fn window_text(window: &Window, columns: &[Column]) -> String {
    let mut over = Vec::new();
    if !window.partition.is_empty() {
        over.push(format!("partition by {}", window.partition.join(", ")));
    }
    let by_place = matches!(window.function, "row_number" | "lag");
    let first = window.order.as_ref().map(|(column, down)| direction(column, *down, false));
    let rest = columns.iter().filter(|_| by_place).map(|column| direction(&column.name, false, false));
    let order: Vec<String> = first.into_iter().chain(rest).collect();
    if !order.is_empty() {
        over.push(format!("order by {}", order.join(", ")));
    }
    let argument = if window.function == "row_number" { "" } else { window.argument.as_str() };
    format!("{}({argument}) over ({})", window.function, over.join(" "))
}

fn aggregate_text((name, aggregate): &(String, Aggregate)) -> String {
    let distinct = if aggregate.distinct && aggregate.argument.is_some() { "distinct " } else { "" };
    let argument = aggregate.argument.as_deref().unwrap_or("*");
    let filter = aggregate.filter.as_ref().map(|filter| format!(" filter (where {})", text(filter)));
    format!("{}({distinct}{argument}){} as {name}", aggregate.function, filter.unwrap_or_default())
}

fn limit_text(limit: &Limit, columns: &[Column]) -> String {
    let (column, down, nulls_first) = &limit.order;
    let rest = columns.iter().filter(|other| other.name != *column);
    let rest = rest.map(|column| direction(&column.name, false, false));
    let order: Vec<String> = [direction(column, *down, *nulls_first)].into_iter().chain(rest).collect();
    let skip = if limit.skip > 0 { format!(" offset {}", limit.skip) } else { String::new() };
    format!(" order by {} limit {}{skip}", order.join(", "), limit.fetch)
}

fn direction(column: &str, down: bool, nulls_first: bool) -> String {
    let down = if down { " desc" } else { "" };
    let nulls = if nulls_first { "first" } else { "last" };
    format!("{column}{down} nulls {nulls}")
}

fn text(expr: &Expr) -> String {
    let branches = |branches: &[(Expr, Expr)]| -> String {
        branches.iter().map(|(when, then)| format!(" when {} then {}", text(when), text(then))).collect()
    };
    match expr {
        Expr::Column(name) => name.clone(),
        Expr::Int(number) if *number < 0 => format!("({number})"),
        Expr::Int(number) => number.to_string(),
        Expr::Text(value) => format!("'{value}'"),
        Expr::Math(operator, left, right)
        | Expr::Compare(operator, left, right)
        | Expr::Both(operator, left, right) => format!("({} {operator} {})", text(left), text(right)),
        Expr::Not(of) => format!("(not {})", text(of)),
        Expr::IsNull(of) => format!("({} is null)", text(of)),
        Expr::Between(of, low, high) => format!("({} between {low} and {high})", text(of)),
        Expr::In(of, items) => {
            let items: Vec<String> = items.iter().map(text).collect();
            format!("({} in ({}))", text(of), items.join(", "))
        }
        Expr::Like(of, pattern) => format!("({} like '{pattern}')", text(of)),
        Expr::Case(cases, otherwise) => format!("(case{} else {} end)", branches(cases), text(otherwise)),
        Expr::Choice(value, cases, otherwise) => {
            format!("(case {}{} else {} end)", text(value), branches(cases), text(otherwise))
        }
        Expr::Coalesce(left, right) => format!("coalesce({}, {})", text(left), text(right)),
    }
}
