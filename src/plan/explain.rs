//! A build plan for people and as JSON (`spec/schema/plan.schema.json`).

use super::{BuildPlan, SlicePlan};
use crate::incremental::{Action, Reason};
use serde_json::{Value, json};

/// One line a slice with what and why, then a summary. `style` wraps an action's word in colours, or leaves it.
pub fn to_text(plan: &BuildPlan, style: &dyn Fn(Action, &str) -> String) -> String {
    let mut text = String::new();
    let shown: Vec<&SlicePlan> = plan.slices.iter().filter(|slice| slice.action() != Action::Reuse).collect();
    let width = shown.iter().map(|slice| slice.name().to_string().chars().count()).max().unwrap_or(0);
    for slice in &shown {
        let name = slice.name().to_string();
        let word = style(slice.action(), &format!("{:<7}", slice.action().as_str()));
        let mut reasons = slice.change.reasons.iter().map(|reason| reason.message.as_str());
        let first = reasons.next().unwrap_or("");
        text.push_str(format!("{word} {name:<width$}  {first}").trim_end());
        text.push('\n');
        for more in reasons {
            text.push_str(&format!("{:7} {:width$}  {more}\n", "", ""));
        }
    }
    if !shown.is_empty() {
        text.push('\n');
    }
    text.push_str(&summary(plan));
    text.push('\n');
    text
}

fn summary(plan: &BuildPlan) -> String {
    let counts = plan.counts();
    let count = |action: Action| counts.get(&action).copied().unwrap_or(0);
    if plan.slices.is_empty() {
        return "There are no slices to build.".to_owned();
    }
    let slices = |n: usize| format!("{n} slice{}", if n == 1 { "" } else { "s" });
    if plan.is_clean() && count(Action::Held) == 0 {
        return format!(
            "Nothing to do: {} {} fresh.",
            slices(plan.slices.len()),
            if plan.slices.len() == 1 { "is" } else { "are all" }
        );
    }
    let parts: Vec<String> = [
        (Action::Build, "to build"),
        (Action::Maybe, "to build only if an input turns out to differ"),
        (Action::Relabel, "to publish again without running"),
        (Action::Drop, "to drop"),
        (Action::Held, "held"),
        (Action::Reuse, "fresh"),
    ]
    .into_iter()
    .filter(|(action, _)| count(*action) > 0)
    .map(|(action, words)| format!("{} {words}", count(action)))
    .collect();
    let read: u64 = plan.slices.iter().map(|slice| slice.bytes_read).sum();
    let avoided: u64 = plan.slices.iter().map(|slice| slice.bytes_avoided).sum();
    format!(
        "{}: {}. Reads at most {} of inputs, spares reading {}.",
        slices(plan.slices.len()),
        parts.join(", "),
        bytes(read),
        bytes(avoided)
    )
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

pub fn to_json(plan: &BuildPlan) -> Value {
    let counts = plan.counts();
    let count = |action: Action| counts.get(&action).copied().unwrap_or(0);
    json!({
        "version": 1,
        "slices": plan.slices.iter().map(|slice| json!({
            "name": slice.name().to_string(),
            "action": slice.action().as_str(),
            "partitions": partitions_json(slice),
            "columns": columns_json(slice),
            "reasons": slice.change.reasons.iter().map(reason_json).collect::<Vec<_>>(),
            "rows": Value::Null,
            "bytes": { "read": slice.bytes_read, "avoided": slice.bytes_avoided },
        })).collect::<Vec<_>>(),
        "summary": {
            "build": count(Action::Build),
            "maybe": count(Action::Maybe),
            "relabel": count(Action::Relabel),
            "reuse": count(Action::Reuse),
            "drop": count(Action::Drop),
            "held": count(Action::Held),
        },
    })
}

/// A slice is one partition for now.
fn partitions_json(slice: &SlicePlan) -> Value {
    let runs = u64::from(matches!(slice.action(), Action::Build | Action::Maybe));
    json!({ "total": 1, "build": runs, "keys": [] })
}

pub fn columns_json(slice: &SlicePlan) -> Value {
    json!({ "changed": slice.changed_columns, "unchanged": slice.unchanged_columns })
}

pub fn reason_json(reason: &Reason) -> Value {
    json!({
        "kind": reason.kind.as_str(),
        "of": reason.of.as_ref().map(ToString::to_string),
        "columns": reason.columns,
        "partitions": reason.partitions,
        "message": reason.message,
    })
}
