//! One case: a project built and edited step by step, and after each step everything that must hold.

use super::content::Content;
use super::drive::{self, Bench, Built, Folder};
use super::edits::{Claim, Family};
use super::oracle::{Answers, Oracle, Refusal};
use super::print::query_text;
use super::project::{Break, Project};
use super::query::Query;
use super::shape::{Use, reads, sees_ties, use_of};
use icepie::build::Outcome;
use icepie::incremental::Action;
use icepie::name::RelationName;
use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};

pub const STALE: &str = "I1: every published slice holds what its query gives on the present data";
pub const COSMETIC: &str = "I2: an edit that means nothing runs nothing";
pub const COLD: &str = "I6: a sequence of edits ends where a build from nothing does";
pub const REVERT: &str = "I7: going back runs nothing";
pub const PLANNED: &str = "I8: what the plan reuses or relabels doesn't run";
pub const IDLE: &str = "I10: a second build finds everything fresh";
pub const STAYS: &str = "a broken slice stays at its last good version";
pub const FAILS: &str = "no slice fails, since no query here can";
pub const PANICS: &str = "nothing panics";
/// A fault of the fuzzer, not of pie.
pub const CLAIMS: &str = "an edit that claims to mean nothing changes no rows";

/// A state of a project and how it came about.
#[derive(Clone, PartialEq, Debug)]
pub struct Step {
    pub name: String,
    pub family: Family,
    pub claim: Claim,
    pub project: Project,
}

/// Why a step didn't end well.
#[derive(Clone, Debug)]
pub enum Stop {
    /// pie or DataFusion finds the project in error: nothing is learned.
    Refused(String),
    /// The brute force would take too long.
    TooLarge,
    /// The slice's rows break the key that it promises.
    Promise(RelationName),
    Broken {
        invariant: &'static str,
        detail: String,
    },
}

/// What ran, and what at least had to.
#[derive(Clone, Default, Debug)]
pub struct Ran {
    pub slices: usize,
    pub run: BTreeSet<RelationName>,
    pub least: BTreeSet<RelationName>,
    /// How many slices failed, were skipped or held, since they or what they read is broken.
    pub kept_back: usize,
    /// What ran without need, where that is only noted.
    pub imprecise: Option<String>,
}

/// A project's life in one folder.
pub struct Run<'b> {
    bench: &'b Bench,
    folder: Folder,
    oracle: Oracle,
    last: Option<State>,
    /// Edits don't reach the folder, as if pie overlooked them: the checks must notice.
    pub forgetful: bool,
    /// What runs without need is only noted.
    pub gather: bool,
}

struct State {
    project: Project,
    answers: Answers,
    published: BTreeMap<RelationName, Content>,
}

fn broken<T>(invariant: &'static str, detail: impl Into<String>) -> Result<T, Stop> {
    Err(Stop::Broken { invariant, detail: detail.into() })
}

impl<'b> Run<'b> {
    pub fn new(bench: &'b Bench) -> Run<'b> {
        Run { bench, folder: Folder::new(), oracle: Oracle::default(), last: None, forgetful: false, gather: false }
    }

    /// Takes the project into its next state and checks everything.
    pub fn step(&mut self, step: &Step) -> Result<Ran, Stop> {
        let bench = self.bench;
        catch_unwind(AssertUnwindSafe(|| bench.run(self.take(step)))).unwrap_or_else(panicked)
    }

    async fn take(&mut self, step: &Step) -> Result<Ran, Stop> {
        let answers = self.oracle.answers(&step.project).await.map_err(Stop::from)?;
        let forgotten = self.forgetful && self.last.is_some();
        if !forgotten {
            self.folder.write(&step.project);
        }
        let project = self.folder.load();
        let refused = match step.project.slices.iter().any(|slice| slice.broken == Some(Break::Query)) {
            true => drive::is_refused(&step.project.mended()),
            false => project.has_errors(),
        };
        if refused {
            if let Some(last) = &self.last {
                self.folder.write(&last.project);
            }
            return Err(Stop::Refused(drive::errors(&project)));
        }
        if let Some(last) = &self.last {
            keeps_claim(last, step, &answers)?;
        }
        let built = drive::build(&project, true).await.or_else(|text| broken(FAILS, text))?;
        let astray = step.project.astray();
        let mut unwell = built.with(&[Outcome::Failed, Outcome::Skipped, Outcome::Held]);
        let kept_back = unwell.len();
        unwell.retain(|name| !astray.contains(name));
        if !unwell.is_empty() {
            return broken(FAILS, format!("{}\n{}", listed(&unwell), built.diagnostics));
        }
        is_fresh(&step.project, &answers, &built)?;
        stays_back(self.last.as_ref(), &step.project, &answers, &built)?;
        let mut ran = built.with(&[Outcome::Built]);
        ran.retain(|name| !astray.contains(name));
        is_as_planned(&built, &ran)?;
        let mut imprecise = None;
        if let Some(last) = &self.last {
            match runs_nothing_claimed(last, step, &ran) {
                Err(Stop::Broken { detail, .. }) if self.gather => imprecise = Some(detail),
                other => other?,
            }
        }
        let again = drive::build(&project, false).await.or_else(|text| broken(IDLE, text))?;
        let idle = |(name, outcome): (&RelationName, &Outcome)| astray.contains(name) || *outcome == Outcome::Reused;
        if !again.outcomes.iter().all(idle) {
            return broken(IDLE, format!("{:?}", again.outcomes));
        }
        let stored = step.project.stored();
        let least = match &self.last {
            // What was built in the meantime, and what wasn't, isn't worked out here.
            Some(last) if !last.project.astray().is_empty() || !astray.is_empty() => ran.iter().cloned().collect(),
            Some(last) => stored.iter().filter(|name| must_run(last, step, &answers, name)).cloned().collect(),
            None => stored.clone(),
        };
        self.last = Some(State { project: step.project.clone(), answers, published: built.published });
        Ok(Ran { slices: stored.len(), run: ran.into_iter().collect(), least, kept_back, imprecise })
    }

    /// Builds the present state from nothing in another folder.
    pub fn cold(&self) -> Result<(), Stop> {
        let Some(last) = &self.last else { return Ok(()) };
        if !last.project.astray().is_empty() {
            return Ok(());
        }
        let mut folder = Folder::new();
        folder.write(&last.project);
        let fresh = || self.bench.run(drive::build(&folder.load(), true));
        let built = match catch_unwind(AssertUnwindSafe(fresh)) {
            Ok(built) => built.or_else(|text| broken(COLD, text))?,
            Err(cause) => panicked(cause)?,
        };
        for (name, warm) in &last.published {
            match built.published.get(name).map(|cold| warm.difference(cold)) {
                None => return broken(COLD, format!("`{name}` isn't published by a build from nothing")),
                Some(Some(difference)) => return broken(COLD, format!("`{name}` has {difference}")),
                Some(None) => {}
            }
        }
        Ok(())
    }
}

fn panicked<T>(cause: Box<dyn std::any::Any + Send>) -> Result<T, Stop> {
    let text = cause.downcast_ref::<String>().cloned();
    let text = text.or_else(|| cause.downcast_ref::<&str>().map(|text| (*text).to_owned()));
    broken(PANICS, text.unwrap_or_else(|| "a panic without a message".to_owned()))
}

impl From<Refusal> for Stop {
    fn from(refusal: Refusal) -> Stop {
        match refusal {
            Refusal::Failed(text) => Stop::Refused(format!("DataFusion: {text}")),
            Refusal::TooLarge => Stop::TooLarge,
            Refusal::Promise(name) => Stop::Promise(name),
        }
    }
}

/// The brute force agrees that an edit means nothing: the columns that stay hold the same rows.
fn keeps_claim(last: &State, step: &Step, answers: &Answers) -> Result<(), Stop> {
    if step.claim == Claim::Changes {
        return Ok(());
    }
    for slice in &step.project.slices {
        let (Some(before), Some(now)) = (last.answers.get(&slice.name), answers.get(&slice.name)) else { continue };
        let names: BTreeSet<String> = before.content.names().intersection(&now.content.names()).cloned().collect();
        if before.content.of_columns(&names) != now.content.of_columns(&names) {
            return broken(CLAIMS, format!("`{}` changes", slice.name));
        }
    }
    Ok(())
}

fn is_fresh(project: &Project, answers: &Answers, built: &Built) -> Result<(), Stop> {
    for name in project.stored().difference(&project.astray()) {
        let Some(expected) = answers.get(name) else { continue };
        match built.published.get(name) {
            None => return broken(STALE, format!("`{name}` isn't published")),
            Some(published) => {
                if let Some(difference) = published.difference(&expected.content) {
                    let outcome = built.outcomes.get(name);
                    return broken(STALE, format!("`{name}` ({outcome:?}) has {difference}"));
                }
            }
        }
    }
    Ok(())
}

/// Broken slices serve what they served before.
fn stays_back(last: Option<&State>, project: &Project, answers: &Answers, built: &Built) -> Result<(), Stop> {
    let Some(last) = last else { return Ok(()) };
    for slice in project.slices.iter().filter(|slice| !slice.is_virtual) {
        let name = &slice.name;
        let (before, now) = (last.published.get(name), built.published.get(name));
        let no_rows = answers.get(name).is_some_and(|answer| answer.content.rows.is_empty());
        let fails = match slice.broken {
            None => false,
            // No rows break no check.
            Some(Break::Check) => !no_rows,
            Some(Break::Query) => true,
        };
        let stayed = match (before, now) {
            (Some(before), Some(now)) => now.difference(before).is_none(),
            (None, None) => true,
            _ => false,
        };
        if fails && !stayed {
            return broken(STAYS, format!("`{name}` ({:?}) isn't as it was", built.outcomes.get(name)));
        }
    }
    Ok(())
}

fn is_as_planned(built: &Built, ran: &[RelationName]) -> Result<(), Stop> {
    for name in ran {
        let action = built.actions.get(name);
        if !matches!(action, Some(Action::Build | Action::Maybe)) {
            return broken(PLANNED, format!("`{name}` was planned as {action:?}, and it ran"));
        }
    }
    Ok(())
}

fn runs_nothing_claimed(last: &State, step: &Step, ran: &[RelationName]) -> Result<(), Stop> {
    let before = last.project.stored();
    if step.family == Family::Revert && !ran.is_empty() {
        return broken(REVERT, format!("{} ran", listed(ran)));
    }
    let excess: Vec<RelationName> = ran
        .iter()
        .filter(|name| before.contains(*name))
        .filter(|name| match step.claim {
            Claim::Nothing => true,
            Claim::NothingButTies => !whole_query(&step.project, name).iter().any(|query| sees_ties(query)),
            Claim::Unproved | Claim::Changes => false,
        })
        .cloned()
        .collect();
    if excess.is_empty() { Ok(()) } else { broken(COSMETIC, format!("{} ran", listed(&excess))) }
}

/// A slice's query and those of the virtual slices that it takes in.
fn whole_query<'p>(project: &'p Project, name: &RelationName) -> Vec<&'p Query> {
    let Some(slice) = project.slice(name) else { return Vec::new() };
    let mut queries = vec![&slice.query];
    for read in reads(&slice.query) {
        if project.slice(&read).is_some_and(|slice| slice.is_virtual) {
            queries.extend(whole_query(project, &read));
        }
    }
    queries
}

/// Whether a slice had to run: it is new, its rows or its text changed, or something that it reads did. An edit that
/// means nothing needs nothing, whatever its text.
fn must_run(last: &State, step: &Step, answers: &Answers, name: &RelationName) -> bool {
    if !last.project.stored().contains(name) {
        return true;
    }
    if step.claim != Claim::Changes || step.family == Family::Revert {
        return false;
    }
    let texts = |project: &Project| -> Vec<String> {
        whole_query(project, name).iter().map(|query| query_text(query, name.domain())).collect()
    };
    if content(&last.answers, name) != content(answers, name) || texts(&last.project) != texts(&step.project) {
        return true;
    }
    whole_query(&step.project, name).into_iter().any(|query| {
        let stored = |input: &RelationName| !step.project.slice(input).is_some_and(|slice| slice.is_virtual);
        reads(query).into_iter().filter(stored).any(|input| {
            let (Some(before), Some(now)) = (content(&last.answers, &input), content(answers, &input)) else {
                return true;
            };
            match use_of(query, &input) {
                Use::Nothing => false,
                Use::Columns(columns) => before.of_columns(&columns) != now.of_columns(&columns),
                Use::Whole => before != now,
            }
        })
    })
}

fn content<'a>(answers: &'a Answers, name: &RelationName) -> Option<&'a Content> {
    answers.get(name).map(|answer| &answer.content)
}

fn listed(names: &[RelationName]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}
