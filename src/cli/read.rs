//! `pie query`, `pie show`, `pie status`, `pie log`

use super::args::{Cli, LogArgs, QueryArgs, ReportFormat, RowFormat, ShowArgs, StatusArgs};
use super::output::{BOLD, DIM, GREEN, RED, Streams, YELLOW, paint, within};
use super::{Outcome, Stop, exit};
use crate::diagnostic::{Code, Diagnostic};
use crate::driver::{self, Project, SliceState, SliceStatus, duration};
use crate::manifest::Promoted;
use crate::name::RelationName;
use crate::plan::bytes;
use crate::serve::{self, Format};
use crate::text::SourceMap;
use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use std::collections::BTreeMap;

pub async fn query(cli: &Cli, args: &QueryArgs, streams: &mut Streams<'_>) -> Outcome {
    let project = super::project(cli)?;
    let session = super::open(cli, &project).await?;
    let mut at = BTreeMap::new();
    for text in &args.at {
        let parsed = text.split_once('=').and_then(|(name, version)| Some((name, version.trim().parse::<u64>().ok()?)));
        let Some((name, version)) = parsed else {
            return Err(usage(&format!("`--at {text}` isn't NAME=VERSION, such as payments.daily_volume=3")));
        };
        at.insert(find_one(&project, name)?, version);
    }
    let mut published = driver::tables(&project, &session, &at).await?;
    let pin = published.pin(&session, "query", !at.is_empty()).await;
    if !at.is_empty() {
        // Whoever collects sees the pin, or this sees that they were faster.
        published = driver::tables(&project, &session, &at).await?;
    }
    let answer = driver::query(&args.sql, &mut published, &session).await;
    pin.end().await;
    tell_older(&published, streams)?;
    let answer = answer.map_err(|error| Stop::Diagnostics(error.diagnostics, error.sources))?;
    serve::write(&answer, format(args.format), args.limit, streams.out)?;
    Ok(exit::CLEAN)
}

pub async fn show(cli: &Cli, args: &ShowArgs, streams: &mut Streams<'_>) -> Outcome {
    let project = super::project(cli)?;
    let session = super::open(cli, &project).await?;
    let name = find_one(&project, &args.slice)?;
    let at = args.at.map(|version| BTreeMap::from([(name.clone(), version)])).unwrap_or_default();
    let mut published = driver::tables(&project, &session, &at).await?;
    let pin = published.pin(&session, "show", !at.is_empty()).await;
    if !at.is_empty() {
        published = driver::tables(&project, &session, &at).await?;
    }
    let answer = driver::show(&project, &name, &mut published, &session).await;
    pin.end().await;
    tell_older(&published, streams)?;
    let answer = answer?;
    serve::write(&answer, format(args.format), args.limit, streams.out)?;
    Ok(exit::CLEAN)
}

/// That something older is shown is said before it is shown.
fn tell_older(published: &driver::Published, streams: &mut Streams<'_>) -> std::io::Result<()> {
    streams.tell(&published.older, &SourceMap::default())
}

pub async fn status(cli: &Cli, args: &StatusArgs, streams: &mut Streams<'_>) -> Outcome {
    let project = super::project_with_plans(cli)?;
    let broken = super::show_errors(&project, streams)?;
    let session = super::open(cli, &project).await?;
    let wanted = super::data::selected(&project, &args.slices, "slice")?;
    let planned =
        driver::plan_whole(&project, &session, wanted.as_ref()).await.map_err(|e| Stop::from(e.diagnostic()))?;
    let now = session.stamp.now;
    let mut statuses = driver::status(&project, &session, &planned).await.map_err(|e| Stop::from(e.diagnostic()))?;
    if let Some(wanted) = &wanted {
        statuses.retain(|status| wanted.contains(&status.name));
    }
    match args.format {
        ReportFormat::Json => {
            let number = |state: SliceState| statuses.iter().filter(|status| status.state == state).count();
            let report = json!({
                "version": 1,
                "slices": statuses.iter().map(|status| status_json(status, now)).collect::<Vec<_>>(),
                "summary": {
                    "fresh": number(SliceState::Fresh),
                    "stale": number(SliceState::Stale),
                    "missing": number(SliceState::Missing),
                    "held": number(SliceState::Held),
                },
            });
            writeln!(streams.out, "{report:#}")?;
        }
        ReportFormat::Human => status_text(&project, &statuses, now, streams)?,
    }
    let stale = statuses.iter().any(|status| matches!(status.state, SliceState::Stale | SliceState::Held));
    Ok(match () {
        () if args.fail_on_stale && stale => exit::STALE,
        () if broken => exit::FINDINGS,
        () => exit::CLEAN,
    })
}

fn status_text(
    project: &Project,
    statuses: &[SliceStatus],
    now: DateTime<Utc>,
    streams: &mut Streams<'_>,
) -> std::io::Result<()> {
    let color = streams.color && streams.out_terminal;
    let width = statuses.iter().map(|status| status.name.name().chars().count()).max().unwrap_or(0);
    let mut domain = "";
    for status in statuses {
        if status.name.domain() != domain {
            if !domain.is_empty() {
                writeln!(streams.out)?;
            }
            domain = status.name.domain();
            let owner = project.model.domains.get(domain).and_then(|domain| domain.owner.clone());
            let owner = owner.map(|owner| paint(color, DIM, &format!("  {owner}"))).unwrap_or_default();
            writeln!(streams.out, "{}{owner}", paint(color, BOLD, domain))?;
        }
        let style = match status.state {
            SliceState::Fresh => GREEN,
            SliceState::Stale | SliceState::Held => YELLOW,
            SliceState::Missing => DIM,
        };
        let state = paint(color, style, &format!("{:<7}", status.state.as_str()));
        let served = match (&status.head, status.age_seconds) {
            (Some(head), Some(age)) => {
                format!(
                    "version {}, {}, {}, published {} ago",
                    head.version,
                    rows(head.rows),
                    bytes(head.bytes),
                    duration(age)
                )
            }
            _ => "never built".to_owned(),
        };
        let since = status.stale_since.as_deref().and_then(|since| DateTime::parse_from_rfc3339(since).ok());
        let late = match (since, status.stale_after_seconds) {
            (None, _) => String::new(),
            (Some(since), limit) => {
                let stale = format!(", stale for {}", duration((now - since.with_timezone(&Utc)).num_seconds().max(0)));
                let limit = limit.map(|limit| duration(i64::try_from(limit).unwrap_or(i64::MAX)));
                match limit.filter(|_| status.overdue(now)) {
                    Some(limit) => paint(color, RED, &format!("{stale}, and may be for {limit}")),
                    None => stale,
                }
            }
        };
        let line = format!("  {:<width$}  {state}  {served}{late}", status.name.name());
        writeln!(streams.out, "{}", line.trim_end())?;
        let mut told: Vec<String> = Vec::new();
        let ago = |time: &str| {
            let time = DateTime::parse_from_rfc3339(time).ok()?.with_timezone(&Utc);
            Some(format!("{} ago", duration((now - time).num_seconds().max(0))))
        };
        if let Some(building) = &status.building {
            let since = ago(&building.created_at).unwrap_or_default();
            told.push(format!("being built by {}, begun {since}", building.by));
        }
        if let Some(failed) = &status.failed {
            let since = ago(&failed.created_at).unwrap_or_default();
            told.push(format!("the last build failed {since}, by {}: {} ({})", failed.by, failed.message, failed.code));
        }
        for text in told {
            writeln!(streams.out, "  {:<width$}           {}", "", paint(color, DIM, &text))?;
        }
        if matches!(status.state, SliceState::Stale | SliceState::Held) {
            for reason in &status.reasons {
                writeln!(
                    streams.out,
                    "  {:<width$}           {}",
                    "",
                    paint(color, DIM, &within(&reason.message, &streams.environment))
                )?;
            }
            let stale_inputs = status.head.iter().flat_map(|head| &head.stale_inputs);
            for input in stale_inputs {
                let age = status.input_ages.get(&input.name).map(|age| format!(", published {} ago", duration(*age)));
                let (version, name, age) = (input.version, &input.name, age.unwrap_or_default());
                let text = format!("built on version {version} of `{name}`, the last good one{age}");
                writeln!(streams.out, "  {:<width$}           {}", "", paint(color, DIM, &text))?;
            }
        }
    }
    if statuses.is_empty() {
        writeln!(streams.out, "There are no slices.")?;
    }
    Ok(())
}

fn status_json(status: &SliceStatus, now: DateTime<Utc>) -> Value {
    let head = status.head.as_ref();
    json!({
        "name": status.name.to_string(),
        "domain": status.name.domain(),
        "owner": status.owner,
        "public": status.public,
        "state": status.state.as_str(),
        "version": head.map(|head| head.version),
        "published_at": head.map(|head| head.published_at().to_owned()),
        "age_seconds": status.age_seconds,
        "stale_after_seconds": status.stale_after_seconds,
        "stale_since": status.stale_since,
        "overdue": status.overdue(now),
        "failed": status.failed.as_ref().map(|failed| json!({
            "code": failed.code, "message": failed.message, "at": failed.created_at, "by": failed.by,
        })),
        "building": status.building.as_ref().map(|building| json!({ "since": building.created_at, "by": building.by })),
        "stale_inputs": head.map(|head| head.stale_inputs.iter().map(|input| json!({
            "name": input.name,
            "version": input.version,
            "age_seconds": status.input_ages.get(&input.name),
        })).collect::<Vec<_>>()).unwrap_or_default(),
        "held": head.filter(|_| status.state == SliceState::Held).map(|head| json!({
            "reason": head.reason.clone().unwrap_or_default(),
            "until": head.until,
            "by": head.by,
        })),
        "rows": head.map(|head| head.rows),
        "bytes": head.map(|head| head.bytes),
        "reasons": status.reasons.iter().map(|reason| json!({
            "kind": reason.kind.as_str(),
            "of": reason.of.as_ref().map(ToString::to_string),
            "message": reason.message,
        })).collect::<Vec<_>>(),
    })
}

pub async fn log(cli: &Cli, args: &LogArgs, streams: &mut Streams<'_>) -> Outcome {
    let project = super::project(cli)?;
    let session = super::open(cli, &project).await?;
    let name = find_one(&project, &args.slice)?;
    let failed = |e: crate::store::StoreError| Stop::from(e.diagnostic());
    if project.model.sources.contains_key(&name) {
        let Some(head) = session.store.source_head(&name).await.map_err(failed)? else {
            return Err(unpublished(&name, "frozen"));
        };
        for number in (1..=head.number).rev() {
            let Some(version) = session.store.source_version(&name, number).await.map_err(failed)? else { continue };
            let record = &version.record;
            if args.format == ReportFormat::Json {
                writeln!(streams.out, "{}", serde_json::to_string(record).map_err(std::io::Error::other)?)?;
                continue;
            }
            let word = if record.promoted.is_some() { "" } else { "replaced: " };
            let why = record.reason.as_ref().map(|reason| format!("  {word}{reason}")).unwrap_or_default();
            let why = format!("{}{why}", promoted(record.promoted.as_ref()));
            let (files, rows) = (record.files.len(), rows(record.rows));
            writeln!(
                streams.out,
                "{number:>4}  freeze    {}  {:<12}  {}, {rows}{why}",
                record.created_at,
                record.by,
                super::output::count(files, "file")
            )?;
        }
        return Ok(exit::CLEAN);
    }
    let commits = session.store.slice_log(&name).await.map_err(failed)?;
    if commits.is_empty() {
        return Err(unpublished(&name, "published"));
    }
    for commit in commits.iter().rev() {
        let record = &commit.record;
        if args.format == ReportFormat::Json {
            writeln!(streams.out, "{}", serde_json::to_string(record).map_err(std::io::Error::other)?)?;
            continue;
        }
        let inputs: Vec<String> =
            record.inputs.iter().map(|input| format!("{}@{}", input.name, input.version)).collect();
        let from = if inputs.is_empty() { String::new() } else { format!("  from {}", inputs.join(", ")) };
        let why = record.reason.as_ref().map(|reason| format!("  {reason}")).unwrap_or_default();
        let why = format!("{}{why}", promoted(record.promoted.as_ref()));
        let (kind, rows) = (record.kind.as_str(), rows(record.rows));
        writeln!(
            streams.out,
            "{:>4}  {kind:<8}  {}  {:<12}  {rows}{from}{why}",
            commit.number, record.created_at, record.by
        )?;
    }
    Ok(exit::CLEAN)
}

fn promoted(promoted: Option<&Promoted>) -> String {
    promoted.map(|from| format!("  promoted from version {} of {}", from.version, from.environment)).unwrap_or_default()
}

fn unpublished(name: &RelationName, what: &str) -> Stop {
    Diagnostic::error(Code::NotPublished, format!("`{name}` was never {what}"))
        .with_help("run `pie build --freeze`")
        .into()
}

fn find_one(project: &Project, name: &str) -> Result<RelationName, Stop> {
    let found = driver::find(&project.model, &[name.to_owned()], "source or slice")?;
    found.into_iter().next().ok_or_else(|| usage("a name is missing"))
}

fn usage(message: &str) -> Stop {
    Stop::Usage(message.to_owned())
}

fn format(format: RowFormat) -> Format {
    match format {
        RowFormat::Table => Format::Table,
        RowFormat::Json => Format::Json,
        RowFormat::Csv => Format::Csv,
        RowFormat::Parquet => Format::Parquet,
    }
}

fn rows(number: u64) -> String {
    super::output::count(usize::try_from(number).unwrap_or(usize::MAX), "row")
}
