//! The store under faults. Each suite also shows that it can fail: it finds a fault that is planted on purpose.
//!
//! ```sh
//! cargo test --test integration -- store::                                     a slice of each, as in every test run
//! STORE_LONG=1 cargo test --release --test integration -- store:: --nocapture  the long numbers
//! ```

mod ambiguous;
mod backends;
mod clock;
mod collecting;
mod every_operation;
mod fault;
mod flips;
mod full;
mod leases;
mod power;
mod processes;
mod puts;
mod simulation;
mod status;
mod world;
mod writers;

/// Whether the long numbers are asked for.
fn long() -> bool {
    std::env::var_os("STORE_LONG").is_some()
}

/// Numbers that follow from a seed (SplitMix64, Steele and others 2014).
#[derive(Debug)]
struct Random(u64);

impl Random {
    fn new(seed: u64) -> Random {
        Random(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound.max(1) as u64) as usize
    }
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

/// As [`runtime`], on one thread, with a clock that goes on by itself to what is waited for.
fn virtual_runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap()
}
