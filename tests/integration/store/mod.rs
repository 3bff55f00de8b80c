//! The store under faults. Each suite also shows that it can fail: it finds a fault that is planted on purpose.
//!
//! ```sh
//! cargo test --test integration -- store::                                     a slice of each, as in every test run
//! STORE_LONG=1 cargo test --release --test integration -- store:: --nocapture  the long numbers
//! ```

mod every_operation;
mod fault;
mod world;

/// Whether the long numbers are asked for.
fn long() -> bool {
    std::env::var_os("STORE_LONG").is_some()
}

/// What asynchronous work runs on; everything that still runs ends with it.
fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_stack_size(64 << 20)
        .enable_all()
        .build()
        .unwrap()
}
