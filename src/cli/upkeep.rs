//! `pie fsck`, `pie gc`

use super::args::{Cli, FsckArgs, GcArgs, ReportFormat};
use super::output::{DIM, GREEN, RED, Streams, count, paint};
use super::{Outcome, Stop, exit};
use crate::plan::bytes;
use crate::store::{Fsck, Garbage, Retention};
use serde_json::json;

pub async fn fsck(cli: &Cli, args: &FsckArgs, streams: &mut Streams<'_>) -> Outcome {
    let project = super::project(cli)?;
    let session = super::open(cli, &project).await?;
    let found = session.store.fsck(args.deep).await.map_err(|e| Stop::from(e.diagnostic()))?;
    let mended = match args.mend {
        true => session.store.mend(&found).await.map_err(|e| Stop::from(e.diagnostic()))?,
        false => 0,
    };
    match args.format {
        ReportFormat::Json => writeln!(streams.out, "{:#}", to_json(&found, args.deep))?,
        ReportFormat::Human => tell(&found, args.deep, streams)?,
    }
    if args.mend && args.format == ReportFormat::Human {
        let next = if mended > 0 { ": `pie build` makes it again" } else { "" };
        writeln!(streams.err, "{} taken out{next}", count(mended, "damaged build"))?;
    }
    Ok(if found.damage.is_empty() { exit::CLEAN } else { exit::FINDINGS })
}

fn tell(found: &Fsck, deep: bool, streams: &mut Streams<'_>) -> std::io::Result<()> {
    let color = streams.color && streams.out_terminal;
    for damage in &found.damage {
        let of = damage.of.as_ref().map(|of| format!("  {of}")).unwrap_or_default();
        writeln!(streams.out, "{}{of}  {}", paint(color, RED, "damaged"), damage.path)?;
        writeln!(streams.out, "         {}", damage.what)?;
    }
    let looked = format!(
        "{}, {}, {} of {}{}",
        count(found.records, "record"),
        count(found.builds, "build"),
        count(found.data_files, "data file"),
        bytes(found.data_bytes),
        if deep { ", all read" } else { "" }
    );
    if !found.leftovers.is_empty() {
        let left = format!("{} of {}", count(found.leftovers.len(), "object"), bytes(found.leftover_bytes));
        let note =
            format!("left over: {left} that nothing refers to, of builds that were interrupted or found needless");
        writeln!(streams.out, "{}", paint(color, DIM, &note))?;
    }
    match found.damage.len() {
        0 => writeln!(streams.out, "{} {looked}", paint(color, GREEN, "ok")),
        number => writeln!(streams.out, "{} in {looked}", paint(color, RED, &format!("{number} damaged"))),
    }
}

fn to_json(found: &Fsck, deep: bool) -> serde_json::Value {
    json!({
        "version": 1,
        "deep": deep,
        "damage": found.damage.iter().map(|damage| json!({
            "path": damage.path,
            "of": damage.of,
            "message": damage.what,
        })).collect::<Vec<_>>(),
        "leftovers": found.leftovers,
        "summary": {
            "records": found.records,
            "builds": found.builds,
            "data_files": found.data_files,
            "data_bytes": found.data_bytes,
            "leftover_bytes": found.leftover_bytes,
            "damaged": found.damage.len(),
        },
    })
}

pub async fn gc(cli: &Cli, args: &GcArgs, streams: &mut Streams<'_>) -> Outcome {
    let project = super::project(cli)?;
    let session = super::open(cli, &project).await?;
    let config = &project.workspace.config;
    let retention = Retention {
        versions: config.keep_versions,
        keep: chrono::TimeDelta::days(i64::from(config.keep_days)),
        ..Retention::of(&session.store)
    };
    let collected = session.store.collect(&retention, &session.stamp.by, args.dry_run).await;
    let collected = collected.map_err(|e| Stop::from(e.diagnostic()))?;
    if args.format == ReportFormat::Json {
        let garbage =
            |garbage: &Garbage| json!({ "builds": garbage.builds, "files": garbage.files, "bytes": garbage.bytes });
        let report = json!({
            "version": 1,
            "dry_run": args.dry_run,
            "collected": garbage(&collected.collected),
            "marked": garbage(&collected.marked),
            "waiting": garbage(&collected.waiting),
            "kept": collected.kept,
            "staged": collected.staged,
        });
        writeln!(streams.out, "{report:#}")?;
        return Ok(exit::CLEAN);
    }
    let would = if args.dry_run { "would be " } else { "" };
    let what = |garbage: &Garbage, staged: usize| {
        let files = garbage.files.len() + staged;
        let (builds, bytes) = (count(garbage.builds.len(), "build"), bytes(garbage.bytes));
        match files {
            0 => format!("{builds}, {bytes}"),
            files => format!("{builds} and {}, {bytes}", count(files, "other object")),
        }
    };
    if args.dry_run {
        for entry in collected.collected.builds.iter().chain(&collected.collected.files) {
            writeln!(streams.out, "would be removed  {entry}")?;
        }
        for entry in collected.marked.builds.iter().chain(&collected.marked.files) {
            writeln!(streams.out, "would be marked   {entry}")?;
        }
    }
    if !collected.collected.is_empty() || collected.staged > 0 {
        writeln!(streams.err, "{would}removed: {}", what(&collected.collected, collected.staged))?;
    }
    if !collected.marked.is_empty() {
        let next = "a later `pie gc` removes that, if nothing refers to it an hour from now";
        writeln!(streams.err, "{would}marked: {}; {next}", what(&collected.marked, 0))?;
    }
    if !collected.waiting.is_empty() {
        writeln!(streams.err, "marked less than an hour ago: {}", what(&collected.waiting, 0))?;
    }
    if collected.kept > 0 {
        writeln!(streams.err, "kept, for something refers to it again: {}", count(collected.kept, "object"))?;
    }
    if collected.collected.is_empty()
        && collected.marked.is_empty()
        && collected.waiting.is_empty()
        && collected.staged == 0
    {
        let (versions, days) = (count(retention.versions, "version"), count(config.keep_days as usize, "day"));
        writeln!(
            streams.err,
            "Nothing to collect: kept is what anybody is served, the last {versions} of everything, and what is younger than {days}."
        )?;
    }
    Ok(exit::CLEAN)
}
