//! Faults put in on purpose, so that the tests can show that they would notice them. Nothing but tests puts any in.

use super::encode::Field;
use super::rules::Rule;
use std::cell::Cell;

/// A fault in the trusted core.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// A field is left out of every digest.
    LeaveOut(Field),
    /// A rule rewrites what it mustn't.
    Overreach(Rule),
    /// A rule does nothing.
    SwitchOff(Rule),
}

thread_local! {
    static FAULT: Cell<Option<Fault>> = const { Cell::new(None) };
}

/// Runs `work` on this thread with a fault put in.
pub fn with<T>(fault: Fault, work: impl FnOnce() -> T) -> T {
    under(Some(fault), work)
}

/// The fault on this thread, for those that it starts.
pub(super) fn current() -> Option<Fault> {
    FAULT.with(Cell::get)
}

/// Runs `work` on this thread with the fault of another one, if it has one.
pub(super) fn under<T>(fault: Option<Fault>, work: impl FnOnce() -> T) -> T {
    struct Reset(Option<Fault>);
    impl Drop for Reset {
        fn drop(&mut self) {
            FAULT.with(|cell| cell.set(self.0));
        }
    }
    let _reset = Reset(FAULT.with(|cell| cell.replace(fault)));
    work()
}

pub(super) fn leaves_out(field: Field) -> bool {
    FAULT.with(Cell::get) == Some(Fault::LeaveOut(field))
}

pub(super) fn overreaches(rule: Rule) -> bool {
    FAULT.with(Cell::get) == Some(Fault::Overreach(rule))
}

pub(super) fn is_off(rule: Rule) -> bool {
    FAULT.with(Cell::get) == Some(Fault::SwitchOff(rule))
}
