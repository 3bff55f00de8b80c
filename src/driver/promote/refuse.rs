//! Why something isn't published: it would be an older state over a newer one, or stand beside other inputs than its own.

use super::compare::{All, Compared, Head};
use super::{Difference, Pair, Promotion, is_held};
use crate::diagnostic::{Code, Diagnostic};
use crate::manifest::InputRecord;
use crate::name::RelationName;
use crate::store::MAIN;

impl Pair {
    /// Why something can't be published.
    pub(super) fn refuse(&self, all: &All, index: usize, promotion: &Promotion) -> Option<Diagnostic> {
        let compared = &all.list[index];
        let Compared { item, from, to, .. } = compared;
        let (name, from_name, to_name) = (&item.name, self.from.environment(), self.to.environment());
        let refused = |message: String| Diagnostic::error(Code::NotPromoted, message);
        if !item.difference.is_ahead() {
            return None;
        }
        if item.difference == Difference::Diverged && !promotion.replace {
            let message = format!("`{to_name}` has changed `{name}` too since `{from_name}` went on by itself");
            let help = match to_name {
                MAIN => format!(
                    "`pie promote {to_name} {from_name} --replace` and `pie build --env {from_name}` bring `{from_name}` up \
                     to date; `--replace` promotes it as it is"
                ),
                _ => format!(
                    "`--replace` publishes what `{from_name}` has; `pie build --env {to_name}` then makes again what its \
                     text says"
                ),
            };
            return Some(refused(message).with_help(help));
        }
        let held = match to {
            Some(Head::Slice(head)) => is_held(&head.record, self.stamp.now),
            _ => false,
        };
        if held {
            let message = format!("`{name}` is held in `{to_name}`");
            let release = if to_name == MAIN { String::new() } else { format!(" --env {to_name}") };
            return Some(refused(message).with_help(format!("`pie release {name}{release}` ends that")));
        }
        let Some(Head::Slice(head)) = from else { return None };
        if compared.is_damaged {
            let message = format!("what `{from_name}` has of `{name}` is damaged or gone");
            return Some(refused(message).with_help(format!("`pie build --env {from_name}` makes it again")));
        }
        if let Some(stale) = head.record.stale_inputs.first() {
            let message = format!(
                "`{name}` in `{from_name}` was built on version {} of `{}`, the last good one",
                stale.version, stale.name
            );
            return Some(refused(message).with_help(format!("mend that, then `pie build --env {from_name}`")));
        }
        head.record.build.as_ref()?;
        let others: Vec<&InputRecord> =
            head.record.inputs.iter().filter(|input| self.input(all, index, input).is_none()).collect();
        if others.is_empty() {
            // What its checks looked at must be what `to` will show beside it.
            let shown = |other: &RelationName| {
                let found = [true, false].map(|is_source| all.places.get(&(other.clone(), is_source)));
                found.into_iter().flatten().all(|place| {
                    let other = &all.list[*place];
                    other.is_same || (other.item.difference.is_ahead() && *place < index)
                })
            };
            let other = compared.checked().into_iter().find(|other| !shown(other))?;
            let message = format!("a check of `{name}` reads `{other}`, of which `{to_name}` has another state");
            return Some(refused(message).with_help(format!("promote {other} too, or bring `{from_name}` up to date")));
        }
        let first = others.first()?;
        let read = format!("`{name}` was built from another state of `{}` than `{to_name}` has", first.name);
        let help = match all.find(first).map(|(_, other)| other.item.difference) {
            Some(Difference::Behind) => format!(
                "`pie promote {to_name} {from_name}` and `pie build --env {from_name}` bring `{from_name}` up to date"
            ),
            _ if promotion.names.is_some() => {
                let names: Vec<&str> = others.iter().map(|input| input.name.as_str()).collect();
                format!("promote {} too, or everything: `pie promote {from_name} {to_name}`", names.join(", "))
            }
            _ => format!("build it again first: `pie build --env {from_name}`"),
        };
        Some(refused(read).with_help(help))
    }

    /// The input of a slice as `to` will have it; `None` where that isn't what the slice was built from.
    pub(super) fn input(&self, all: &All, index: usize, input: &InputRecord) -> Option<InputRecord> {
        let (place, Compared { item, .. }) = all.find(input)?;
        let labels = all.list[index].labels.get(&input.name);
        let comes = item.difference.is_ahead();
        let shown = if comes { item.from.as_ref().filter(|_| place < index) } else { item.to.as_ref() }?;
        let version = item.published.unwrap_or(shown.version);
        // The same columns under other names are another input.
        let same = shown.content == input.content && (input.kind == "source" || labels == Some(&shown.labels));
        same.then(|| InputRecord { version, ..input.clone() })
    }
}
