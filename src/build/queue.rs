//! What may start: a slice once what it reads is done, and of several with the same rows one at a time.

use super::Build;
use crate::name::RelationName;
use crate::plan::SlicePlan;
use std::collections::{BTreeSet, HashMap};

/// Slices of a plan by how far they are: one is due once everything before it has a report. Each is looked at once and each
/// dependency once.
pub(super) struct Queue {
    /// For each slice how many others it still waits for.
    waits_for: Vec<usize>,
    /// For each slice those that wait for it.
    before: Vec<Vec<usize>>,
    pub(super) due: BTreeSet<usize>,
}

impl Queue {
    pub(super) fn new(order: &[&SlicePlan]) -> Queue {
        let places: HashMap<&RelationName, usize> =
            order.iter().enumerate().map(|(index, slice)| (slice.name(), index)).collect();
        let mut queue =
            Queue { waits_for: vec![0; order.len()], before: vec![Vec::new(); order.len()], due: BTreeSet::new() };
        for (index, slice) in order.iter().enumerate() {
            // What isn't in the plan is there already.
            let after: BTreeSet<usize> = slice.after.iter().filter_map(|name| places.get(name).copied()).collect();
            queue.waits_for[index] = after.len();
            after.into_iter().for_each(|other| queue.before[other].push(index));
        }
        queue.due = (0..order.len()).filter(|index| queue.waits_for[*index] == 0).collect();
        queue
    }

    /// A slice has its report.
    pub(super) fn done(&mut self, index: usize) {
        for reader in std::mem::take(&mut self.before[index]) {
            self.waits_for[reader] -= 1;
            if self.waits_for[reader] == 0 {
                self.due.insert(reader);
            }
        }
    }
}

/// Slices of one row space over sources, of which one at a time is started, in the order of the plan: the next one then
/// finds its build instead of making it once more.
#[derive(Default)]
pub(super) struct Twins<'a> {
    rows: HashMap<&'a str, Twin>,
}

/// The slices of one row space. Where some wait, one is running or free to start.
#[derive(Default)]
struct Twin {
    running: bool,
    waiting: BTreeSet<usize>,
}

impl<'a> Twins<'a> {
    fn row(build: &'a Build, slice: &SlicePlan) -> Option<&'a str> {
        let runs = slice.action().may_run() && slice.change.serve.is_none();
        runs.then(|| build.meanings.sources(slice.name())).flatten().map(|meaning| meaning.row.as_str())
    }

    /// Whether a slice may start; if not, it waits.
    pub(super) fn may_start(&mut self, build: &'a Build, slice: &SlicePlan, index: usize) -> bool {
        let Some(row) = Twins::row(build, slice) else { return true };
        let twin = self.rows.entry(row).or_default();
        let free = !twin.running;
        twin.running = true;
        if !free {
            twin.waiting.insert(index);
        }
        free
    }

    /// A slice has its report. Gives the next one that may start.
    pub(super) fn done(&mut self, build: &'a Build, slice: &SlicePlan) -> Option<usize> {
        let twin = self.rows.get_mut(Twins::row(build, slice)?)?;
        twin.running = false;
        twin.waiting.pop_first()
    }
}
