//! `pie`: see [`icepie::cli`].

/// Checking and planning make and drop many small values on several threads, at which the system's allocators are slow.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    icepie::cli::main()
}
