//! `pie hold`, `pie release`, `pie rollback`

use super::args::{Cli, HoldArgs, ReleaseArgs, ReportFormat, RollbackArgs};
use super::output::{GREEN, Streams, YELLOW, paint};
use super::{Outcome, Stop, exit};
use crate::driver;
use crate::manifest::CommitRecord;
use crate::store::MAIN;
use chrono::{DateTime, NaiveDate, NaiveDateTime, TimeDelta, Utc};
use serde_json::{Value, json};

pub async fn hold(cli: &Cli, args: &HoldArgs, streams: &mut Streams<'_>) -> Outcome {
    let project = super::project(cli)?;
    let session = super::open_to_publish(cli, &project, None, streams).await?;
    if args.reason.trim().is_empty() {
        return Err(Stop::Usage("`--reason` is empty: whoever finds the slice held wants to know why".to_owned()));
    }
    let until = match &args.until {
        Some(text) => Some(time(text, session.stamp.now).ok_or_else(|| {
            let times = "2026-03-31, '2026-03-31 09:00' (UTC), 2026-03-31T09:00:00+02:00 or '3 days'";
            Stop::Usage(format!("`--until {text}` is no time; write {times}"))
        })?),
        None => None,
    };
    if let Some(until) = until.filter(|until| *until <= session.stamp.now) {
        return Err(Stop::Usage(format!("`--until` is over already: {}", until.format("%Y-%m-%d %H:%M UTC"))));
    }
    let mut records = Vec::new();
    for slice in super::data::selected(&project, &args.slices, "slice")?.unwrap_or_default() {
        let commit = driver::hold(&session, &slice, args.reason.trim(), until).await?;
        let end = match until {
            Some(until) => format!("until {}", until.format("%Y-%m-%d %H:%M UTC")),
            None => "until it is released".to_owned(),
        };
        tell(args.format, YELLOW, "held", &commit.record, &format!("serves what it serves now {end}"), streams)?;
        records.push(commit.record);
    }
    finish(args.format, "held", &records, streams)
}

pub async fn release(cli: &Cli, args: &ReleaseArgs, streams: &mut Streams<'_>) -> Outcome {
    let project = super::project(cli)?;
    let session = super::open_to_publish(cli, &project, None, streams).await?;
    let mut records = Vec::new();
    for slice in super::data::selected(&project, &args.slices, "slice")?.unwrap_or_default() {
        let commit = driver::release(&session, &slice, args.reason.as_deref()).await?;
        let next = format!("the next build publishes it again: pie build {slice}{}", in_environment(cli));
        tell(args.format, GREEN, "released", &commit.record, &next, streams)?;
        records.push(commit.record);
    }
    finish(args.format, "released", &records, streams)
}

pub async fn rollback(cli: &Cli, args: &RollbackArgs, streams: &mut Streams<'_>) -> Outcome {
    let project = super::project(cli)?;
    let session = super::open_to_publish(cli, &project, None, streams).await?;
    let names = std::slice::from_ref(&args.slice);
    let slice = super::data::selected(&project, names, "slice")?.unwrap_or_default().into_iter().next();
    let Some(slice) = slice else { return Err(Stop::Usage("a slice is missing".to_owned())) };
    let (to, commit) = driver::rollback(&session, &slice, args.to, args.reason.as_deref()).await?;
    let end = format!("pie release {slice}{}", in_environment(cli));
    let now = format!("serves what version {to} served, until it is released: {end}");
    tell(args.format, YELLOW, "rolled back", &commit.record, &now, streams)?;
    finish(args.format, "rolled_back", &[commit.record], streams)
}

/// What a command that is to go on there needs.
fn in_environment(cli: &Cli) -> String {
    if cli.environment == MAIN { String::new() } else { format!(" --env {}", cli.environment) }
}

fn tell(
    format: ReportFormat,
    style: &str,
    word: &str,
    record: &CommitRecord,
    what: &str,
    streams: &mut Streams<'_>,
) -> std::io::Result<()> {
    if format == ReportFormat::Json {
        return Ok(());
    }
    let word = paint(streams.color, style, word);
    writeln!(streams.err, "{word}  {}  version {}: {what}", record.slice, record.version)
}

fn finish(
    format: ReportFormat,
    outcome: &str,
    records: &[std::sync::Arc<CommitRecord>],
    streams: &mut Streams<'_>,
) -> Outcome {
    if format == ReportFormat::Json {
        let slice = |record: &std::sync::Arc<CommitRecord>| -> Value {
            json!({
                "name": record.slice,
                "outcome": outcome,
                "version": record.version,
                "reason": record.reason,
                "until": record.until,
                "by": record.by,
                "rows": record.rows,
            })
        };
        let slices: Vec<Value> = records.iter().map(slice).collect();
        writeln!(streams.out, "{:#}", json!({ "version": 1, "slices": slices }))?;
    }
    Ok(exit::CLEAN)
}

/// A time as people write it: a date or a date and time (UTC), RFC 3339, or how long from now.
fn time(text: &str, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let text = text.trim();
    if let Ok(time) = DateTime::parse_from_rfc3339(text) {
        return Some(time.with_timezone(&Utc));
    }
    for form in ["%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S"] {
        if let Ok(time) = NaiveDateTime::parse_from_str(text, form) {
            return Some(time.and_utc());
        }
    }
    if let Ok(date) = NaiveDate::parse_from_str(text, "%Y-%m-%d") {
        return Some(date.and_hms_opt(0, 0, 0)?.and_utc());
    }
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let number: i64 = text[..digits].parse().ok()?;
    let seconds = match text[digits..].trim() {
        "minute" | "minutes" | "min" | "m" => 60,
        "hour" | "hours" | "h" => 3_600,
        "day" | "days" | "d" => 86_400,
        "week" | "weeks" | "w" => 7 * 86_400,
        _ => return None,
    };
    now.checked_add_signed(TimeDelta::try_seconds(number.checked_mul(seconds)?)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_as_people_write_them() {
        let now = DateTime::parse_from_rfc3339("2026-03-01T12:00:00Z").expect("a time").with_timezone(&Utc);
        let read = |text: &str| time(text, now).map(|time| time.to_rfc3339());
        assert_eq!(read("2026-03-31").as_deref(), Some("2026-03-31T00:00:00+00:00"));
        assert_eq!(read("2026-03-31 09:30").as_deref(), Some("2026-03-31T09:30:00+00:00"));
        assert_eq!(read("2026-03-31T09:00:00+02:00").as_deref(), Some("2026-03-31T07:00:00+00:00"));
        assert_eq!(read("3 days").as_deref(), Some("2026-03-04T12:00:00+00:00"));
        assert_eq!(read("90m").as_deref(), Some("2026-03-01T13:30:00+00:00"));
        for bad in ["", "tomorrow", "3", "3 moons", "2026-13-01", "99999999999999999999 days"] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }
}
