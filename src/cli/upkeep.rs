//! `pie fsck`

use super::args::{Cli, FsckArgs, ReportFormat};
use super::output::{DIM, GREEN, RED, Streams, count, paint};
use super::{Outcome, Stop, exit};
use crate::plan::bytes;
use crate::store::Fsck;
use serde_json::json;

pub async fn fsck(cli: &Cli, args: &FsckArgs, streams: &mut Streams<'_>) -> Outcome {
    let project = super::project(cli)?;
    let session = super::open(&project).await?;
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
