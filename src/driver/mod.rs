//! Strings the phases together: check, freeze, plan, build, query, test. What the command line and the editor say, a test
//! can say through these functions.

mod build;
mod check;
mod diff;
mod environment;
mod freeze;
mod hold;
mod promote;
mod query;
mod session;
mod state;
mod status;
mod upkeep;
mod verify;

pub use build::{BuildOutcome, Manner, Planned, build, plan, plan_whole};
pub use check::{Project, check, check_and_keep, check_only, check_parsed, check_with, memo_of, parse};
pub use diff::{Compared, compare, compare_workspaces};
pub use environment::{EnvironmentReport, environments, remove_environment};
pub use freeze::{SourceReport, freeze};
pub use hold::{hold, is_held, release, rollback};
pub use promote::{Difference, Item, Promotion, Shown, promote};
pub use query::{Published, emit_physical, query, show, tables};
pub use session::{Early, Session, SliceHeads};
pub use status::{SliceState, SliceStatus, duration, overdue, served, stale_since, status};
pub use upkeep::Upkeep;
pub use verify::{SliceVerification, Surplus, VerifyReport, VerifyStatus, VerifyStep, verify};

use crate::diagnostic::{Diagnostic, Failed};
use crate::name::RelationName;
use crate::semantic::SemanticModel;
use crate::suite::{self, TestReport};
use std::collections::BTreeSet;

/// Runs the tests of the given slices, or all, in the order of the text.
pub async fn test(project: &Project, session: &Session, slices: Option<&BTreeSet<RelationName>>) -> Vec<TestReport> {
    let mut reports = Vec::new();
    for test in &project.model.tests {
        let wanted = slices.is_none_or(|slices| test.slice.as_ref().is_some_and(|slice| slices.contains(slice)));
        if wanted {
            reports.push(suite::run(&project.model, test, &session.runtime).await);
        }
    }
    reports
}

/// Finds the relations that people name: `domain.name`, or `name` alone where it is unique. `kind` is for the message.
pub fn find(model: &SemanticModel, names: &[String], kind: &str) -> Result<BTreeSet<RelationName>, Failed> {
    let all: Vec<&RelationName> = model.declarations.relations.keys().collect();
    let mut found = BTreeSet::new();
    for name in names {
        let folded = name.to_lowercase();
        // As it is written, which is how messages write it, or folded as a query folds it.
        let exact =
            all.iter().find(|other| other.to_string() == *name || RelationName::parse(name).as_ref() == Some(**other));
        let matching: Vec<&&RelationName> = match exact {
            Some(one) => vec![one],
            None => all.iter().filter(|other| other.to_string() == folded || other.name() == folded).collect(),
        };
        match matching.as_slice() {
            [one] => {
                found.insert((**one).clone());
            }
            [] => {
                let texts: Vec<String> = all.iter().map(ToString::to_string).collect();
                let diagnostic =
                    Diagnostic::error(crate::diagnostic::Code::UnknownRelation, format!("there is no {kind} `{name}`"));
                return Err(Box::new(
                    match crate::diagnostic::did_you_mean(&folded, texts.iter().map(String::as_str)) {
                        Some(help) => diagnostic.with_help(help),
                        None => diagnostic,
                    },
                ));
            }
            several => {
                let texts: Vec<String> = several.iter().map(|name| format!("`{name}`")).collect();
                let message = format!("`{name}` could be {}", texts.join(" or "));
                return Err(Box::new(Diagnostic::error(crate::diagnostic::Code::UnknownRelation, message)));
            }
        }
    }
    Ok(found)
}
