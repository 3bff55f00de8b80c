//! A build plan and its explanation as JSON (`spec/schema/plan.schema.json`).

use super::{BuildPlan, Cause, Explanation, InputUse, SliceExplanation, SlicePlan};
use crate::diagnostic::json::span_to_json;
use crate::incremental::{Action, Reason};
use crate::text::{SourceMap, Span};
use serde_json::{Value, json};

pub fn to_json(plan: &BuildPlan, sources: &SourceMap) -> Value {
    let counts = plan.counts();
    let count = |action: Action| counts.get(&action).copied().unwrap_or(0);
    json!({
        "version": 1,
        "slices": plan.slices.iter().map(|slice| json!({
            "name": slice.name().to_string(),
            "action": slice.action().as_str(),
            "partitions": partitions_json(slice),
            "columns": columns_json(slice),
            "reasons": slice.change.reasons.iter().map(|reason| reason_json(reason, sources)).collect::<Vec<_>>(),
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

pub fn reason_json(reason: &Reason, sources: &SourceMap) -> Value {
    json!({
        "kind": reason.kind.as_str(),
        "of": reason.of.as_ref().map(ToString::to_string),
        "columns": reason.columns,
        "partitions": reason.partitions,
        "places": places_json(&reason.places, sources),
        "message": reason.message,
    })
}

fn places_json(places: &[Span], sources: &SourceMap) -> Vec<Value> {
    let place = |place: &Span| json!({ "file": sources.get(place.file).path(), "span": span_to_json(*place, sources) });
    places.iter().map(place).collect()
}

pub fn explanation_to_json(explanation: &Explanation, sources: &SourceMap) -> Value {
    let slices: Vec<Value> = explanation.slices.iter().map(|slice| slice_json(slice, sources)).collect();
    json!({ "version": 1, "slices": slices })
}

fn slice_json(slice: &SliceExplanation, sources: &SourceMap) -> Value {
    json!({
        "name": slice.name.to_string(),
        "action": slice.action.as_str(),
        "version": slice.version,
        "notes": slice.notes,
        "reads": slice.reads.iter().map(read_json).collect::<Vec<_>>(),
        "causes": slice.causes.iter().map(|cause| cause_json(cause, sources)).collect::<Vec<_>>(),
    })
}

fn read_json(read: &InputUse) -> Value {
    json!({ "name": read.name.to_string(), "version": read.version, "columns": read.columns })
}

fn cause_json(cause: &Cause, sources: &SourceMap) -> Value {
    let reason = &cause.reason;
    let causes = cause.input.iter().flat_map(|input| &input.causes);
    json!({
        "kind": reason.kind.as_str(),
        "message": reason.message,
        "notes": cause.notes,
        "places": places_json(&reason.places, sources),
        "of": reason.of.as_ref().map(ToString::to_string),
        "columns": reason.columns,
        "affects": cause.affects,
        "partitions": reason.partitions,
        "versions": cause.versions.map(|(read, now)| [read, now]),
        "files": cause.files.iter().map(|file| json!({
            "path": file.path,
            "change": file.kind.as_str(),
        })).collect::<Vec<_>>(),
        "action": cause.input.as_ref().map(|input| input.action.as_str()),
        "elsewhere": cause.input.as_ref().is_some_and(|input| input.elsewhere.is_some()),
        "causes": causes.map(|cause| cause_json(cause, sources)).collect::<Vec<_>>(),
    })
}
