//! A project as files: `.pie` text, CSV, `pie.toml`. Builds, the brute force and reports all read the text of this one
//! printer.

use super::project::{Break, Kind, Place, Project, Slice, Source, Style};
use super::query::{
    Aggregate, Expr, Group, Join, JoinKind, JoinOn, Operator, OrderKey, Query, Relation, Select, SetOperation, Table,
    Window, WindowFunction,
};
use std::collections::BTreeMap;

/// The files of a project, by path.
pub fn files(project: &Project) -> BTreeMap<String, String> {
    let mut declarations: Vec<(Place, String, String)> = Vec::new();
    for source in &project.sources {
        declarations.push((source.place, source.name.to_string(), source_text(source)));
    }
    for slice in &project.slices {
        declarations.push((slice.place, slice.name.to_string(), slice_text(slice)));
    }
    declarations.sort();
    let mut files =
        BTreeMap::from([("pie.toml".to_owned(), "[project]\nname = \"fuzz\"\n\n[store]\nsync = false\n".to_owned())]);
    let domains =
        project.domains.iter().map(|domain| format!("domain {} {{ owner 'team {}' }}\n", domain.name, domain.owner));
    files.insert("main.pie".to_owned(), domains.collect::<String>());
    for (place, _, text) in declarations {
        let path = ["main.pie", "more.pie", "teams/own.pie"][place.file % 3];
        files.entry(path.to_owned()).or_default().push_str(&text);
    }
    for source in &project.sources {
        files.insert(data_path(source), csv(source));
    }
    files
}

/// Where a source's rows are.
pub fn data_path(source: &Source) -> String {
    format!("raw/{}.csv", source.name.name())
}

fn csv(source: &Source) -> String {
    let names: Vec<&str> = source.columns.iter().map(|column| column.name.as_str()).collect();
    let mut text = names.join(",") + "\n";
    for row in &source.rows {
        let cells: Vec<&str> = row.iter().map(|cell| cell.as_deref().unwrap_or_default()).collect();
        text.push_str(&cells.join(","));
        text.push('\n');
    }
    text
}

fn source_text(source: &Source) -> String {
    let key = if source.key.is_empty() { String::new() } else { format!("  key ({})\n", source.key.join(", ")) };
    let columns: Vec<String> = source
        .columns
        .iter()
        .map(|column| {
            let not_null = if column.not_null { " not null" } else { "" };
            let kind = if column.kind == Kind::Int && !column.wide { "int" } else { kind_text(column.kind) };
            format!("    {} {kind}{not_null}", column.name)
        })
        .collect();
    format!(
        "public source {} {{\n  from '{}'\n{key}  columns (\n{}\n  )\n}}\n\n",
        source.name,
        data_path(source),
        columns.join(",\n")
    )
}

fn slice_text(slice: &Slice) -> String {
    let doc = if slice.documented { "--- Made up.\n" } else { "" };
    let is_virtual = if slice.is_virtual { "virtual " } else { "" };
    let mut clauses = String::new();
    for (clause, names) in [("key", &slice.key), ("partition by", &slice.partition_by)] {
        if !names.is_empty() {
            clauses.push_str(&format!("  {clause} ({})\n", names.join(", ")));
        }
    }
    for check in &slice.checks {
        clauses.push_str(&format!("  check {} ({})\n", check.name, expr_text(&check.predicate, "")));
    }
    if slice.broken == Some(Break::Check) {
        clauses.push_str("  check broken_on_purpose (1 = 0)\n");
    }
    let mut query = dressed(&query_text(&slice.query, slice.name.domain()), &slice.style);
    if slice.broken == Some(Break::Query) {
        query = format!("select broken.on_purpose from (\n  {query}\n  ) broken");
    }
    format!("{doc}public {is_virtual}slice {} {{\n{clauses}  {query}\n}}\n\n", slice.name)
}

/// The same query in another spelling.
fn dressed(text: &str, style: &Style) -> String {
    let mut dressed = String::new();
    let (mut quoted, mut gaps) = (false, 0);
    for character in text.chars() {
        match character {
            '\'' => {
                quoted = !quoted;
                dressed.push(character);
            }
            ' ' if !quoted => {
                gaps += 1;
                if gaps == 1 && style.remark > 0 {
                    dressed.push_str(&format!(" /* remark {} */ ", style.remark));
                } else if style.wide && gaps % 4 == 0 {
                    dressed.push_str("\n      ");
                } else {
                    dressed.push(' ');
                }
            }
            _ if style.upper && !quoted => dressed.extend(character.to_uppercase()),
            _ => dressed.push(character),
        }
    }
    if style.remark % 2 == 1 {
        dressed.push_str(" -- so far");
    }
    dressed
}

/// A query as SQL; relations of `domain` are named without it.
pub fn query_text(query: &Query, domain: &str) -> String {
    let mut text = String::new();
    let ctes: Vec<String> =
        query.ctes.iter().map(|cte| format!("{} as ({})", cte.name, query_text(&cte.query, domain))).collect();
    if !ctes.is_empty() {
        text.push_str(&format!("with {} ", ctes.join(", ")));
    }
    let legs: Vec<String> = query.legs.iter().map(|select| select_text(select, domain)).collect();
    text.push_str(&legs.join(match query.set {
        SetOperation::UnionAll => " union all ",
        SetOperation::Union => " union ",
        SetOperation::Intersect => " intersect ",
        SetOperation::Except => " except ",
    }));
    if !query.order.is_empty() {
        text.push_str(&format!(" order by {}", order_text(&query.order, domain)));
    }
    if let Some(limit) = query.limit {
        text.push_str(&format!(" limit {limit}"));
    }
    text
}

fn select_text(select: &Select, domain: &str) -> String {
    let distinct = if select.distinct { "distinct " } else { "" };
    let items: Vec<String> =
        select.items.iter().map(|item| format!("{} as {}", expr_text(&item.expr, domain), item.name)).collect();
    let items = if items.is_empty() { "*".to_owned() } else { items.join(", ") };
    let mut text = format!("select {distinct}{items} from {}", table_text(&select.from, domain));
    for join in &select.joins {
        text.push_str(&join_text(join, domain));
    }
    let conjuncts = |keyword: &str, conjuncts: &[Expr]| match conjuncts.is_empty() {
        true => String::new(),
        false => format!(" {keyword} {}", list_text(conjuncts, " and ", domain)),
    };
    text.push_str(&conjuncts("where", &select.filter));
    match select.group {
        Group::None => {}
        Group::All => text.push_str(" group by all"),
        Group::Keys => {
            let items = select.items.iter().map(|item| &item.expr).filter(|expr| !expr.has_aggregate());
            let keys: Vec<String> = items.chain(&select.hidden_keys).map(|expr| expr_text(expr, domain)).collect();
            if !keys.is_empty() {
                text.push_str(&format!(" group by {}", keys.join(", ")));
            }
        }
    }
    text.push_str(&conjuncts("having", &select.having));
    text
}

fn join_text(join: &Join, domain: &str) -> String {
    let table = table_text(&join.table, domain);
    let kind = match join.kind {
        JoinKind::Inner => "join",
        JoinKind::Left => "left join",
        JoinKind::Right => "right join",
        JoinKind::Full => "full join",
        JoinKind::Cross => return format!(" cross join {table}"),
    };
    match &join.on {
        JoinOn::Condition(conjuncts) if conjuncts.is_empty() => format!(" {kind} {table} on true"),
        JoinOn::Condition(conjuncts) => format!(" {kind} {table} on {}", list_text(conjuncts, " and ", domain)),
        JoinOn::Using(columns) => format!(" {kind} {table} using ({})", columns.join(", ")),
        JoinOn::Natural => format!(" natural {kind} {table}"),
    }
}

fn table_text(table: &Table, domain: &str) -> String {
    let relation = match &table.relation {
        Relation::Declared(name) if name.domain() == domain && !table.long => name.name().to_owned(),
        Relation::Declared(name) => name.to_string(),
        Relation::Cte(name) => name.clone(),
        Relation::Derived(query) => format!("({})", query_text(query, domain)),
    };
    format!("{relation} {}", table.alias)
}

fn order_text(order: &[OrderKey], domain: &str) -> String {
    let keys = order.iter().map(|key| {
        let direction = if key.descending { " desc" } else { "" };
        let nulls = match key.nulls_first {
            None => "",
            Some(true) => " nulls first",
            Some(false) => " nulls last",
        };
        format!("{}{direction}{nulls}", expr_text(&key.expr, domain))
    });
    keys.collect::<Vec<_>>().join(", ")
}

fn list_text(exprs: &[Expr], between: &str, domain: &str) -> String {
    exprs.iter().map(|expr| expr_text(expr, domain)).collect::<Vec<_>>().join(between)
}

/// An expression as SQL, in parentheses wherever that could matter.
pub fn expr_text(expr: &Expr, domain: &str) -> String {
    let text = |expr: &Expr| expr_text(expr, domain);
    let not = |negated: bool| if negated { "not " } else { "" };
    match expr {
        Expr::Column { table: Some(table), name } => format!("{table}.{name}"),
        Expr::Column { table: None, name } | Expr::Output(name) => name.clone(),
        Expr::Int(number) if *number < 0 => format!("({number})"),
        Expr::Int(number) => number.to_string(),
        Expr::Eighths(eighths) => format!("{:?}", *eighths as f64 / 8.0),
        Expr::Text(text) => format!("'{text}'"),
        Expr::Day(day) => format!("date '2026-01-{day:02}'"),
        Expr::Null(kind) => format!("cast(null as {})", kind_text(*kind)),
        Expr::Binary(operator, left, right) => format!("({} {} {})", text(left), operator_text(*operator), text(right)),
        Expr::Not(of) => format!("(not {})", text(of)),
        Expr::Between(of, low, high) => format!("({} between {} and {})", text(of), text(low), text(high)),
        Expr::InList { of, list, negated } => {
            format!("({} {}in ({}))", text(of), not(*negated), list_text(list, ", ", domain))
        }
        Expr::IsNull { of, negated } => format!("({} is {}null)", text(of), not(*negated)),
        Expr::Case { arms, otherwise } => {
            let arms: Vec<String> = arms
                .iter()
                .map(|(condition, value)| format!("when {} then {}", text(condition), text(value)))
                .collect();
            format!("case {} else {} end", arms.join(" "), text(otherwise))
        }
        Expr::Coalesce(list) => format!("coalesce({})", list_text(list, ", ", domain)),
        Expr::Cast(of, kind) => format!("cast({} as {})", text(of), kind_text(*kind)),
        Expr::Upper(of) => format!("upper({})", text(of)),
        Expr::Aggregate { function, distinct, of } => {
            let distinct = if *distinct { "distinct " } else { "" };
            let of = of.as_ref().map_or_else(|| "*".to_owned(), |of| text(of));
            format!("{}({distinct}{of})", aggregate_text(*function))
        }
        Expr::Window(window) => window_text(window, domain),
        Expr::Scalar(query) => format!("({})", query_text(query, domain)),
        Expr::Exists { query, negated } => format!("({}exists ({}))", not(*negated), query_text(query, domain)),
        Expr::InQuery { of, query, negated } => {
            format!("({} {}in ({}))", text(of), not(*negated), query_text(query, domain))
        }
    }
}

fn window_text(window: &Window, domain: &str) -> String {
    let of = window.of.as_ref().map(|of| expr_text(of, domain)).unwrap_or_default();
    let function = match window.function {
        WindowFunction::RowNumber => "row_number",
        WindowFunction::Rank => "rank",
        WindowFunction::Sum => "sum",
        WindowFunction::Lag => "lag",
    };
    let mut over = Vec::new();
    if !window.partition.is_empty() {
        over.push(format!("partition by {}", list_text(&window.partition, ", ", domain)));
    }
    if !window.order.is_empty() {
        over.push(format!("order by {}", order_text(&window.order, domain)));
    }
    if let Some(frame) = window.frame {
        let unit = if frame.rows { "rows" } else { "range" };
        let start = match frame.preceding.filter(|_| frame.rows) {
            Some(number) => number.to_string(),
            None => "unbounded".to_owned(),
        };
        over.push(format!("{unit} between {start} preceding and current row"));
    }
    format!("{function}({of}) over ({})", over.join(" "))
}

fn operator_text(operator: Operator) -> &'static str {
    match operator {
        Operator::Add => "+",
        Operator::Subtract => "-",
        Operator::Multiply => "*",
        Operator::Concat => "||",
        Operator::Equal => "=",
        Operator::NotEqual => "<>",
        Operator::Less => "<",
        Operator::LessEqual => "<=",
        Operator::Greater => ">",
        Operator::GreaterEqual => ">=",
        Operator::IsDistinct => "is distinct from",
        Operator::And => "and",
        Operator::Or => "or",
    }
}

fn aggregate_text(aggregate: Aggregate) -> &'static str {
    match aggregate {
        Aggregate::Count => "count",
        Aggregate::Sum => "sum",
        Aggregate::Min => "min",
        Aggregate::Max => "max",
        Aggregate::Avg => "avg",
    }
}

fn kind_text(kind: Kind) -> &'static str {
    match kind {
        Kind::Int => "bigint",
        Kind::Float | Kind::Ratio => "double",
        Kind::Text => "text",
        Kind::Date => "date",
        Kind::Bool => "boolean",
    }
}
