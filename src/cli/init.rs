//! `pie init`

use super::args::{Cli, InitArgs, TemplateName};
use super::output::Streams;
use super::{Outcome, exit};
use crate::init::{self, Template};
use std::path::Path;

pub fn run(cli: &Cli, args: &InitArgs, streams: &mut Streams) -> Outcome {
    let dir = cli.directory.join(&args.dir);
    if let Some(from) = &args.from {
        return declare(&dir, &cli.directory.join(from), streams);
    }
    let Some(size) = parse_size(&args.size) else {
        writeln!(streams.err, "error: `{}` is no amount of data\nhelp: write it as 4MB or 1GB", args.size)?;
        return Ok(exit::USAGE);
    };
    let template = match args.template {
        TemplateName::Minimal => Template::Minimal,
        TemplateName::Ledgerx => Template::Ledgerx,
    };
    match init::write_template(template, &dir, size) {
        Ok(written) => {
            for path in written {
                writeln!(streams.err, "wrote {path}")?;
            }
            let place =
                if args.dir == Path::new(".") { String::new() } else { format!("cd {} && ", args.dir.display()) };
            writeln!(streams.err, "\nNext: {place}pie build --freeze")?;
            Ok(exit::CLEAN)
        }
        Err(cause) => {
            writeln!(streams.err, "error: {cause}")?;
            Ok(exit::FINDINGS)
        }
    }
}

/// Writes declarations of existing files.
fn declare(dir: &Path, from: &Path, streams: &mut Streams) -> Outcome {
    let (absolute_dir, absolute_from) = (std::path::absolute(dir)?, std::path::absolute(from)?);
    let prefix = match absolute_from.strip_prefix(&absolute_dir) {
        Ok(relative) => {
            relative.components().map(|part| part.as_os_str().to_string_lossy()).collect::<Vec<_>>().join("/")
        }
        Err(_) => absolute_from.display().to_string(),
    };
    let inferred = match init::infer(from, &prefix) {
        Ok(inferred) => inferred,
        Err(error) => {
            writeln!(streams.err, "error: {error}")?;
            return Ok(exit::FINDINGS);
        }
    };
    std::fs::create_dir_all(dir)?;
    let stem = from.file_name().map_or_else(|| "raw".to_owned(), |name| name.to_string_lossy().into_owned());
    let target = dir.join(format!("{stem}.pie"));
    if target.exists() {
        writeln!(streams.err, "error: {} exists already\nhelp: move it away, or name another folder", shown(&target))?;
        return Ok(exit::FINDINGS);
    }
    let config = dir.join(crate::workspace::CONFIG_FILE);
    if crate::workspace::find_root(dir).is_err() {
        let name =
            absolute_dir.file_name().map_or_else(|| "project".to_owned(), |name| name.to_string_lossy().into_owned());
        std::fs::write(&config, format!("[project]\nname = {name:?}\n"))?;
        writeln!(streams.err, "wrote {}", shown(&config))?;
    }
    std::fs::write(&target, &inferred.text)?;
    writeln!(streams.err, "wrote {} with {}", shown(&target), super::output::count(inferred.sources.len(), "source"))?;
    for (path, why) in &inferred.skipped {
        writeln!(streams.err, "left out {path}: {why}")?;
    }
    writeln!(streams.err, "\nNext: read it, then `pie freeze` verifies it against every row")?;
    Ok(exit::CLEAN)
}

/// A path without the `./` that joining leaves in it.
fn shown(path: &Path) -> String {
    let parts = path.components().filter(|part| !matches!(part, std::path::Component::CurDir));
    parts.collect::<std::path::PathBuf>().display().to_string()
}

fn parse_size(text: &str) -> Option<u64> {
    let text = text.trim().to_uppercase();
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let number: u64 = text[..digits].parse().ok()?;
    let factor = match text[digits..].trim() {
        "" | "B" => 1,
        "KB" | "K" => 1_000,
        "MB" | "M" => 1_000_000,
        "GB" | "G" => 1_000_000_000,
        _ => return None,
    };
    number.checked_mul(factor).filter(|size| *size > 0)
}
