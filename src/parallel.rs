//! A function of many values, on all cores.

use std::sync::{Mutex, PoisonError};

/// Fewer values aren't worth a thread.
const WORTH_IT: usize = 16;

/// Declarations and queries nest as deep as the limits allow, and parsing and planning recurse.
const STACK: usize = 256 << 20;

/// `of` of each item, in the order of the items. It must say the same on any thread; a panic in it comes out of here.
pub fn map<T: Send, R: Send>(items: Vec<T>, of: impl Fn(T) -> R + Sync) -> Vec<R> {
    if cores() == 1 || items.len() < WORTH_IT {
        return items.into_iter().map(of).collect();
    }
    map_apart(items, of)
}

/// How many threads do something at once.
pub fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// As [`map`], never on the thread that asks, nor in what it belongs to.
pub fn map_apart<T: Send, R: Send>(items: Vec<T>, of: impl Fn(T) -> R + Sync) -> Vec<R> {
    let cores = cores().min(items.len()).max(1);
    // Items take unlike time: small batches are handed out as threads become free.
    let batch = (items.len() / (cores * 16)).clamp(1, 64);
    let rest = Mutex::new((0, items.into_iter()));
    let take = || {
        let (number, rest) = &mut *rest.lock().unwrap_or_else(PoisonError::into_inner);
        *number += 1;
        let taken: Vec<T> = rest.take(batch).collect();
        (!taken.is_empty()).then_some((*number, taken))
    };
    let work = || {
        let mut done: Vec<(usize, Vec<R>)> = Vec::new();
        while let Some((number, taken)) = take() {
            done.push((number, taken.into_iter().map(&of).collect()));
        }
        done
    };
    let mut batches = std::thread::scope(|scope| {
        let spawn = |_| std::thread::Builder::new().stack_size(STACK).spawn_scoped(scope, work).ok();
        let running: Vec<_> = (0..cores).filter_map(spawn).collect();
        let mut done = if running.is_empty() { work() } else { Vec::new() };
        for thread in running {
            // A thread ends in a panic only through a bug; it must not be lost.
            done.extend(thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        }
        done
    });
    batches.sort_by_key(|(number, _)| *number);
    batches.into_iter().flat_map(|(_, results)| results).collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn results_stand_in_the_order_of_the_items() {
        for count in [0, 1, 15, 16, 17, 1_000, 4_097] {
            let items: Vec<usize> = (0..count).collect();
            let expected: Vec<usize> = items.iter().map(|item| item * 2).collect();
            assert_eq!(super::map(items.clone(), |item| item * 2), expected, "{count}");
            assert_eq!(super::map_apart(items, |item| item * 2), expected, "{count}");
        }
    }

    #[test]
    fn a_panic_is_not_lost() {
        let items: Vec<usize> = (0..100).collect();
        let caught = std::panic::catch_unwind(|| super::map(items, |item| assert_ne!(item, 77)));
        assert!(caught.is_err());
    }
}
