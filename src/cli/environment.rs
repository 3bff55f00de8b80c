//! `pie env`, `pie promote`

use super::args::{Cli, EnvAction, EnvArgs, PromoteArgs, ReportFormat};
use super::output::{DIM, GREEN, RED, Streams, YELLOW, count, paint};
use super::{Outcome, Stop, exit};
use crate::diagnostic::Diagnostic;
use crate::driver::{self, Difference, Item, Promotion, Session, Shown};
use crate::store::MAIN;
use crate::text::SourceMap;
use serde_json::{Value, json};

pub async fn environments(cli: &Cli, args: &EnvArgs, streams: &mut Streams<'_>) -> Outcome {
    let project = super::project(cli)?;
    let session = Session::open(&project).await?;
    match &args.action {
        None => {}
        Some(EnvAction::Begin { name, from }) => {
            let (session, is_new) = session.within(from).await?.within_or_begin(name).await?;
            let is_new = is_new && session.store.environment() != MAIN;
            match is_new {
                true => writeln!(streams.err, "Environment `{name}` begins as a copy of `{from}`.")?,
                false => writeln!(streams.err, "Environment `{name}` is there already; it stays as it is.")?,
            }
            return Ok(exit::CLEAN);
        }
        Some(EnvAction::Remove { name }) => {
            driver::remove_environment(&session, name).await?;
            writeln!(streams.err, "Environment `{name}` is removed.")?;
            return Ok(exit::CLEAN);
        }
    }
    let found = driver::environments(&session).await?;
    if args.format == ReportFormat::Json {
        let environment = |report: &driver::EnvironmentReport| {
            json!({
                "name": report.record.environment,
                "base": report.record.base,
                "begun_at": report.record.created_at,
                "by": report.record.by,
                "slices": report.slices,
                "sources": report.sources,
            })
        };
        let main = json!({ "name": MAIN, "base": null, "begun_at": null, "by": null, "slices": null, "sources": null });
        let all: Vec<Value> = std::iter::once(main).chain(found.iter().map(environment)).collect();
        writeln!(streams.out, "{:#}", json!({ "version": 1, "environments": all }))?;
        return Ok(exit::CLEAN);
    }
    let width = found.iter().map(|report| report.record.environment.len()).max().unwrap_or(0).max(MAIN.len());
    writeln!(streams.out, "{MAIN}")?;
    for report in &found {
        let record = &report.record;
        let own = match (report.slices, report.sources) {
            (0, 0) => "nothing of its own yet".to_owned(),
            (slices, 0) => format!("{} of its own", count(slices, "slice")),
            (0, sources) => format!("{} of its own", count(sources, "source")),
            (slices, sources) => format!("{} and {} of its own", count(slices, "slice"), count(sources, "source")),
        };
        let base = record.base.as_deref().unwrap_or(MAIN);
        writeln!(
            streams.out,
            "{:<width$}  {own}; begun as a copy of {base}, {} by {}",
            record.environment, record.created_at, record.by
        )?;
    }
    Ok(exit::CLEAN)
}

pub async fn promote(cli: &Cli, args: &PromoteArgs, streams: &mut Streams<'_>) -> Outcome {
    if args.from == args.to {
        return Err(Stop::Usage(format!("`{}` can't be promoted to itself", args.from)));
    }
    let project = super::project_with_plans(cli)?;
    let names = match args.names.is_empty() {
        true => None,
        false => Some(driver::find(&project.model, &args.names, "source or slice")?),
    };
    let from = Session::open(&project).await?.within(&args.from).await?;
    let to = from.clone().within(&args.to).await?;
    let (replace, reason, dry_run) = (args.replace, args.reason.clone(), args.dry_run);
    let items = driver::promote(&from, &to, &Promotion { names, replace, reason, dry_run }).await?;
    let refused: Vec<Diagnostic> = items.iter().filter_map(|item| item.refused.clone()).collect();
    match args.format {
        ReportFormat::Json => {
            let items: Vec<Value> =
                items.iter().filter(|item| item.difference != Difference::Same).map(to_json).collect();
            let report = json!({ "version": 1, "from": args.from, "to": args.to, "items": items });
            writeln!(streams.out, "{report:#}")?;
        }
        ReportFormat::Human => tell(args, &items, streams)?,
    }
    streams.tell(&refused, &SourceMap::default())?;
    if !refused.is_empty() {
        writeln!(streams.err, "Nothing is promoted.")?;
        return Ok(exit::FINDINGS);
    }
    Ok(exit::CLEAN)
}

fn tell(args: &PromoteArgs, items: &[Item], streams: &mut Streams<'_>) -> std::io::Result<()> {
    let color = streams.color && streams.out_terminal;
    let ahead: Vec<&Item> = items.iter().filter(|item| item.difference.is_ahead()).collect();
    let width = ahead.iter().map(|item| item.name.to_string().chars().count()).max().unwrap_or(0);
    for item in &ahead {
        let style = match item.difference {
            _ if item.refused.is_some() => RED,
            Difference::New => GREEN,
            Difference::Dropped => RED,
            _ => YELLOW,
        };
        let word = paint(color, style, &format!("{:<8}", item.difference.as_str()));
        let line = format!("{word}  {:<width$}  {}", item.name.to_string(), changes(item));
        writeln!(streams.out, "{}", line.trim_end())?;
    }
    let behind: Vec<String> =
        items.iter().filter(|item| item.difference == Difference::Behind).map(|item| item.name.to_string()).collect();
    if !behind.is_empty() {
        let names = match behind.len() {
            1..=5 => behind.join(", "),
            number => format!("{} and {} more", behind[..4].join(", "), number - 4),
        };
        writeln!(
            streams.err,
            "{}",
            paint(streams.color, DIM, &format!("`{}` has gone on by itself: {names}", args.to))
        )?;
    }
    if items.iter().any(|item| item.refused.is_some()) {
        return Ok(());
    }
    let published = items.iter().filter(|item| item.published.is_some()).count();
    match (ahead.len(), published) {
        (0, _) => writeln!(streams.err, "Nothing to promote: `{}` has all that `{}` has.", args.to, args.from),
        (_, 0) => writeln!(streams.err, "Nothing is published: this is a dry run."),
        (_, number) => writeln!(
            streams.err,
            "{} published in `{}` as in `{}`; nothing ran.",
            count(number, "record"),
            args.to,
            args.from
        ),
    }
}

/// What readers of `to` will see of it.
fn changes(item: &Item) -> String {
    let kind = if item.is_source { "source, " } else { "" };
    let rows = |shown: &Shown| count(usize::try_from(shown.rows).unwrap_or(usize::MAX), "row");
    let mut parts = Vec::new();
    match (&item.from, &item.to) {
        (Some(from), Some(to)) => {
            let both = if from.rows == to.rows { rows(from) } else { format!("{} → {}", rows(to), rows(from)) };
            parts.push(both);
            let new: Vec<&str> =
                from.columns.iter().filter(|name| !to.columns.contains(name)).map(String::as_str).collect();
            let gone: Vec<&str> =
                to.columns.iter().filter(|name| !from.columns.contains(name)).map(String::as_str).collect();
            parts.extend((!new.is_empty()).then(|| format!("new columns: {}", new.join(", "))));
            parts.extend((!gone.is_empty()).then(|| format!("columns gone: {}", gone.join(", "))));
        }
        (Some(shown), None) => parts.push(rows(shown)),
        (None, Some(shown)) => parts.push(format!("{}, gone", rows(shown))),
        (None, None) => {}
    }
    parts.extend(item.published.map(|version| format!("now version {version}")));
    format!("{kind}{}", parts.join("; "))
}

fn to_json(item: &Item) -> Value {
    let shown = |shown: &Option<Shown>| {
        shown.as_ref().map(|shown| json!({ "version": shown.version, "rows": shown.rows, "columns": shown.columns }))
    };
    json!({
        "name": item.name.to_string(),
        "kind": if item.is_source { "source" } else { "slice" },
        "difference": item.difference.as_str(),
        "from": shown(&item.from),
        "to": shown(&item.to),
        "refused": item.refused.as_ref().map(|refused| json!({
            "code": refused.code.as_str(), "message": refused.message, "help": refused.help,
        })),
        "published": item.published,
    })
}
