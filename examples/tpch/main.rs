//! The 22 TPC-H queries as slices: `cargo run --release --example tpch [-- --scale N]`.
//!
//! Generates the raw data unless it is there, freezes it, builds every slice and shows the first one.

mod generate;

use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let scale = match scale(std::env::args().skip(1)) {
        Ok(scale) => scale,
        Err(message) => {
            eprintln!("error: {message}\nusage: tpch [--scale N]");
            return ExitCode::from(2);
        }
    };
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/tpch");

    // The last file that `generate` writes.
    if dir.join("raw/lineitem.csv").exists() {
        println!("raw/ is there already, at whatever scale it was generated; remove it to generate it again");
    } else {
        println!("generating raw/ at scale factor {scale}");
        if let Err(error) = generate::generate(&dir, scale) {
            eprintln!("error: can't write {}: {error}", dir.join("raw").display());
            return ExitCode::FAILURE;
        }
    }

    for command in [["build", "--freeze"], ["show", "tpch.q01"]] {
        let code = pie(&dir, &command);
        if code != 0 {
            return ExitCode::from(code);
        }
    }
    ExitCode::SUCCESS
}

/// Prints a pie command and runs it in a project.
fn pie(dir: &Path, command: &[&str]) -> u8 {
    println!("\n$ pie {}", command.join(" "));
    let dir = dir.display().to_string();
    let args: Vec<String> = ["-C", dir.as_str()].into_iter().chain(command.iter().copied()).map(String::from).collect();
    icepie::cli::run_in_terminal(&args)
}

/// The scale factor asked for on the command line, 0.01 unless given.
fn scale(mut args: impl Iterator<Item = String>) -> Result<f64, String> {
    let mut scale = 0.01;
    while let Some(arg) = args.next() {
        let value = match arg.split_once('=') {
            Some(("--scale", value)) => value.to_owned(),
            None if arg == "--scale" => args.next().ok_or("--scale needs a number")?,
            _ => return Err(format!("unknown argument `{arg}`")),
        };
        scale = value
            .parse::<f64>()
            .ok()
            .filter(|scale| scale.is_finite() && *scale > 0.0)
            .ok_or_else(|| format!("`{value}` is no scale factor: a number above 0 is one"))?;
    }
    Ok(scale)
}
