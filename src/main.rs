//! `pie`: see [`icepie::cli`].

fn main() -> std::process::ExitCode {
    icepie::cli::main()
}
