//! A build plan for people: a line a slice with what and why, then a summary.

use super::{BuildPlan, SlicePlan};
use crate::incremental::{Action, Reason, ReasonKind};

/// Reasons of one slice that are shown; the others are counted.
const REASONS: usize = 3;

/// First reasons longer than this don't push what is read further to the right.
const REASON_WIDTH: usize = 56;

/// ```text
/// build    payments.daily_volume  `volume` is computed differently    reads 1.2 MB
/// maybe    payments.volume_trend  only if the rows of `payments.daily_volume` turn out to differ
/// relabel  risk.scores            `score` is called `worst_score` now; nothing runs
/// ```
///
/// Fresh slices are only counted. `style` wraps the word of an action in colours, or leaves it.
pub fn to_text(plan: &BuildPlan, style: &dyn Fn(Action, &str) -> String) -> String {
    let mut text = String::new();
    let shown: Vec<&SlicePlan> = plan.slices.iter().filter(|slice| slice.action() != Action::Reuse).collect();
    let rows: Vec<(&SlicePlan, Vec<String>)> = shown.into_iter().map(|slice| (slice, reasons(slice))).collect();
    let names = rows.iter().map(|(slice, _)| slice.name().to_string().chars().count()).max().unwrap_or(0);
    let widths = rows.iter().filter(|(slice, _)| reads(slice)).filter_map(|(_, reasons)| reasons.first());
    let widest = widths.map(|reason| reason.chars().count()).max().unwrap_or(0).min(REASON_WIDTH);
    for (slice, reasons) in &rows {
        let name = slice.name().to_string();
        let word = styled(slice.action(), slice.is_blocked(), style);
        let first = reasons.first().map(String::as_str).unwrap_or_default();
        let line = match reads(slice) {
            true => format!("{word}  {name:<names$}  {first:<widest$}  reads {}", bytes(slice.bytes_read)),
            false => format!("{word}  {name:<names$}  {first}"),
        };
        push_line(&mut text, &line);
        for more in reasons.iter().take(REASONS).skip(1) {
            push_line(&mut text, &format!("{:7}  {:names$}  {more}", "", ""));
        }
        if reasons.len() > REASONS {
            let rest = reasons.len() - REASONS;
            push_line(&mut text, &format!("{:7}  {:names$}  … and {rest} more: pie plan {name} --explain", "", ""));
        }
    }
    if !rows.is_empty() {
        text.push('\n');
    }
    text.push_str(&summary(plan));
    text.push('\n');
    text
}

/// The word for what is planned, seven characters wide. A slice that can't be built now is painted as a held one: both
/// go on serving their last good version.
pub(super) fn styled(action: Action, blocked: bool, style: &dyn Fn(Action, &str) -> String) -> String {
    let painted = if blocked { Action::Held } else { action };
    style(painted, &format!("{:<7}", word(action, blocked)))
}

pub(super) fn word(action: Action, blocked: bool) -> &'static str {
    match action {
        _ if blocked => "blocked",
        Action::Reuse => "fresh",
        Action::Build | Action::Maybe | Action::Relabel | Action::Drop | Action::Held => action.as_str(),
    }
}

/// Whether what it reads is told: it will be read, for certain.
fn reads(slice: &SlicePlan) -> bool {
    slice.action() == Action::Build && slice.bytes_read > 0
}

/// Why, a line each.
fn reasons(slice: &SlicePlan) -> Vec<String> {
    let mut conditions = 0;
    let line = |reason: &Reason| match &reason.of {
        Some(input) if slice.action() == Action::Maybe && reason.kind == ReasonKind::InputPending => {
            conditions += 1;
            match conditions {
                1 => format!("only if the rows of `{input}` turn out to differ"),
                _ => format!("or those of `{input}`"),
            }
        }
        Some(_) | None => reason.message.clone(),
    };
    slice.change.reasons.iter().map(line).collect()
}

pub(super) fn push_line(text: &mut String, line: &str) {
    text.push_str(line.trim_end());
    text.push('\n');
}

fn summary(plan: &BuildPlan) -> String {
    let slices = |n: usize| format!("{n} slice{}", if n == 1 { "" } else { "s" });
    let total = plan.slices.len();
    let number = |action: Action, blocked: bool| {
        plan.slices.iter().filter(|slice| slice.action() == action && slice.is_blocked() == blocked).count()
    };
    if total == 0 {
        return "There are no slices to build.".to_owned();
    }
    if plan.is_clean() && number(Action::Held, false) == 0 {
        return format!("Nothing to do: {} {} fresh.", slices(total), if total == 1 { "is" } else { "are all" });
    }
    let behind = plan.slices.iter().filter(|slice| slice.action() == Action::Reuse && slice.change.behind).count();
    let fresh = number(Action::Reuse, false) - behind;
    let parts: Vec<String> = [
        (Action::Build, false, "to build"),
        (Action::Maybe, false, "maybe"),
        (Action::Relabel, false, "to relabel"),
        (Action::Drop, false, "to drop"),
        (Action::Build, true, "blocked"),
        (Action::Held, false, "held"),
    ]
    .into_iter()
    .map(|(action, blocked, words)| (number(action, blocked), words))
    .chain([(behind, "behind that"), (fresh, "fresh")])
    .filter(|(number, _)| *number > 0)
    .map(|(number, words)| format!("{number} {words}"))
    .collect();
    let read: u64 = plan.slices.iter().map(|slice| slice.bytes_read).sum();
    let avoided: u64 = plan.slices.iter().map(|slice| slice.bytes_avoided).sum();
    let read = if read == 0 { "Reads nothing".to_owned() } else { format!("Reads at most {}", bytes(read)) };
    let avoided = if avoided == 0 { String::new() } else { format!(", avoids {}", bytes(avoided)) };
    format!("{}: {}. {read}{avoided}.", slices(total), parts.join(", "))
}

/// A number of bytes as people read it.
pub fn bytes(count: u64) -> String {
    let units = ["B", "kB", "MB", "GB", "TB"];
    let mut value = count as f64;
    let mut unit = 0;
    while value >= 1000.0 && unit + 1 < units.len() {
        value /= 1000.0;
        unit += 1;
    }
    if unit == 0 { format!("{count} B") } else { format!("{value:.1} {}", units[unit]) }
}
