//! Working in an environment, beginning and removing one.

use super::Session;
use crate::diagnostic::{Code, Diagnostic, Failed, did_you_mean};
use crate::manifest::EnvironmentRecord;
use crate::store::{MAIN, Store, StoreError, wrong_name};
use std::sync::Arc;

impl Session {
    /// The same session in another environment.
    ///
    /// # Errors
    /// There is no such environment (E0609), or the store fails.
    pub async fn within(self, environment: &str) -> Result<Session, Failed> {
        if self.store.environment() == environment {
            return Ok(self);
        }
        match self.store.in_environment(environment).await.map_err(failed)? {
            Some(store) => Ok(self.on(store)),
            None => Err(missing(&self.store, environment).await),
        }
    }

    /// The same session in another environment, which begins as a copy of this one's if it isn't there. Says whether it does.
    ///
    /// # Errors
    /// The name can't be one (E0609), or the store fails.
    pub async fn within_or_begin(self, environment: &str) -> Result<(Session, bool), Failed> {
        if self.store.environment() == environment {
            return Ok((self, false));
        }
        if let Some(why) = wrong_name(environment) {
            let message = format!("no environment can be called `{environment}`: {why}");
            return Err(Box::new(Diagnostic::error(Code::NoEnvironment, message)));
        }
        let at = super::hold::rfc3339(self.stamp.now);
        let begun = self.store.begin_environment(environment, &self.stamp.by, &at).await;
        let (store, is_new) = begun.map_err(failed)?;
        Ok((self.on(store), is_new))
    }

    fn on(self, store: Store) -> Session {
        Session { store, listing: Arc::default(), ..self }
    }
}

/// Removes an environment.
///
/// # Errors
/// There is no such environment, or it is `main` (E0609); the store fails.
pub async fn remove_environment(session: &Session, name: &str) -> Result<(), Failed> {
    if name == MAIN {
        let message = "`main` can't be removed: the other environments begin with what it serves";
        return Err(Box::new(Diagnostic::error(Code::NoEnvironment, message.to_owned())));
    }
    let at = super::hold::rfc3339(session.stamp.now);
    match session.store.remove_environment(name, &session.stamp.by, &at).await.map_err(failed)? {
        true => Ok(()),
        false => Err(missing(&session.store, name).await),
    }
}

/// An environment that is there, and how many slices and sources have records of their own in it.
#[derive(Clone, Debug)]
pub struct EnvironmentReport {
    pub record: Arc<EnvironmentRecord>,
    pub slices: usize,
    pub sources: usize,
}

/// All environments but `main`, in the order of their names.
///
/// # Errors
/// Those of the store.
pub async fn environments(session: &Session) -> Result<Vec<EnvironmentReport>, Failed> {
    let mut reports = Vec::new();
    for record in session.store.environments().await.map_err(failed)? {
        let Some(store) = session.store.in_environment(&record.environment).await.map_err(failed)? else { continue };
        let (slices, sources) = store.own_logs().await.map_err(failed)?;
        reports.push(EnvironmentReport { record, slices, sources });
    }
    Ok(reports)
}

async fn missing(store: &Store, name: &str) -> Failed {
    let there = store.environments().await.unwrap_or_default();
    let names = there.iter().map(|record| record.environment.as_str());
    let near = if there.is_empty() { None } else { did_you_mean(name, names.chain([MAIN])) };
    let begin = || format!("`pie build --env {name}` begins it as a copy of `main`");
    let diagnostic = Diagnostic::error(Code::NoEnvironment, format!("there is no environment `{name}`"));
    Box::new(diagnostic.with_help(near.unwrap_or_else(begin)))
}

fn failed(error: StoreError) -> Failed {
    Box::new(error.diagnostic())
}
