//! An ice pie being frozen, built and queried: `cargo run --example ledgerx [-- --size 64MB]`.
//!
//! Makes the raw data of the payment processor `ledgerx` on first use, then runs the commands that a person would type.

use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let size = match size(std::env::args().skip(1)) {
        Ok(size) => size,
        Err(message) => {
            eprintln!("error: {message}\nusage: ledgerx [--size MEGABYTES]");
            return ExitCode::from(2);
        }
    };
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/ledgerx");
    if dir.join("raw").exists() {
        println!("The raw data is there already; remove examples/ledgerx/raw and .pie to make other data.");
    } else {
        match icepie::init::ledgerx::generate(&dir, size) {
            Ok(made) => println!("Made the raw data: {} files, {} rows, {} bytes.", made.files, made.rows, made.bytes),
            Err(error) => {
                eprintln!("error: can't write {}: {error}", dir.join("raw").display());
                return ExitCode::FAILURE;
            }
        }
    }
    let volume = "select chain, count(*) as days, sum(volume) as volume from payments.daily_volume group by chain order by chain";
    let commands: [&[&str]; 6] = [
        &["check"],
        &["build", "--freeze"],
        &["query", volume],
        &["show", "compliance.wallet_clusters", "--limit", "5"],
        &["build"],
        &["status"],
    ];
    for command in commands {
        let code = pie(&dir, command);
        if code != 0 {
            return ExitCode::from(code);
        }
    }
    println!("\nLook around with `cargo run -- -C examples/ledgerx plan`, or follow the tour in README.md.");
    ExitCode::SUCCESS
}

/// Prints a pie command and runs it in the example.
fn pie(dir: &Path, command: &[&str]) -> u8 {
    let shown: Vec<String> = command
        .iter()
        .map(|word| if word.contains(' ') { format!("\"{word}\"") } else { (*word).to_owned() })
        .collect();
    println!("\n$ pie {}", shown.join(" "));
    let dir = dir.display().to_string();
    let args: Vec<String> = ["-C", dir.as_str()].into_iter().chain(command.iter().copied()).map(String::from).collect();
    icepie::cli::run_in_terminal(&args)
}

/// Bytes of raw data: `--size 64MB`, 4 MB unless given.
fn size(args: impl Iterator<Item = String>) -> Result<u64, String> {
    let args: Vec<String> = args.collect();
    match args.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [] => Ok(4_000_000),
        ["--size", text] => {
            let number = text.trim_end_matches(['M', 'B', 'm', 'b', ' ']);
            let megabytes: u64 = number.parse().map_err(|_| format!("`{text}` is no number of megabytes"))?;
            Ok(megabytes.max(1).saturating_mul(1_000_000))
        }
        other => Err(format!("unknown arguments `{}`", other.join(" "))),
    }
}
