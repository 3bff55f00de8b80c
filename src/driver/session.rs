//! What a command that touches data works with.

use super::Project;
use crate::diagnostic::{Code, Diagnostic, Failed};
use crate::exec::{Runtime, RuntimeOptions};
use crate::freeze::{RawStores, Stamp};
use crate::memo::Memo;
use crate::name::RelationName;
use crate::semantic::Source;
use crate::store::{SliceHead, Store, StoreError};
use crate::workspace::Workspace;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::task::JoinHandle;

/// An open store, the engine, and the raw files' stores.
#[derive(Clone, Debug)]
pub struct Session {
    pub store: Store,
    pub runtime: Runtime,
    pub raw: RawStores,
    pub stamp: Stamp,
    pub(super) listing: Arc<Mutex<Option<Listing>>>,
}

/// The heads of a project's slices.
pub type SliceHeads = BTreeMap<RelationName, SliceHead>;

pub(super) type Listing = JoinHandle<Result<SliceHeads, StoreError>>;

/// A store whose heads are being listed while its project is still checked: the one waits, the other computes.
#[derive(Debug)]
pub struct Early {
    store: Store,
    listing: Listing,
}

impl Early {
    /// Begins to list. `None` where the store can't be opened, or has no such environment; that is told by who needs it.
    pub async fn begin(workspace: &Workspace, memo: &Memo, environment: &str) -> Option<Early> {
        if !workspace.config.readable {
            return None;
        }
        let store = Store::open(&workspace.config.store).await.ok()?.with_memo(memo.clone());
        let store = store.in_environment(environment).await.ok()??;
        let listed = store.clone();
        Some(Early { store, listing: tokio::spawn(async move { listed.slice_heads().await }) })
    }
}

impl Session {
    /// Opens the store of a project, making it where there is none.
    pub async fn open(project: &Project) -> Result<Session, Failed> {
        Session::open_with(project, options(project)).await
    }

    /// As [`Session::open`], with what was begun before the project was known.
    pub async fn open_early(project: &Project, early: Option<Early>) -> Result<Session, Failed> {
        let Some(Early { store, listing }) = early else { return Session::open(project).await };
        let session = Session::of_store(project, store, options(project))?;
        *session.listing.lock().unwrap_or_else(PoisonError::into_inner) = Some(listing);
        Ok(session)
    }

    /// The heads of all slices as they are, or, the first time, as they were when the session was begun.
    pub async fn slice_heads(&self) -> Result<SliceHeads, StoreError> {
        let listing = self.listing.lock().unwrap_or_else(PoisonError::into_inner).take();
        match listing {
            Some(listing) => match listing.await {
                Ok(heads) => heads,
                Err(_) => self.store.slice_heads().await,
            },
            None => self.store.slice_heads().await,
        }
    }

    /// As [`Session::open`], with other bounds than the project's own.
    pub async fn open_with(project: &Project, options: RuntimeOptions) -> Result<Session, Failed> {
        let config = &project.workspace.config;
        if !config.readable {
            // The default store may be another one.
            let message = "the store isn't opened while pie.toml can't be read: it says where the store is";
            let why = project.workspace.diagnostics.iter().find(|found| found.code == Code::BadConfig);
            let unopened = Diagnostic::error(Code::BadConfig, message).with_help("`pie check` shows the place");
            let note = why.map(|why| why.message.clone());
            return Err(Box::new(note.into_iter().fold(unopened, |unopened, note| unopened.with_note(note))));
        }
        let store = Store::open(&config.store).await.map_err(|e| Box::new(e.diagnostic()))?;
        Session::of_store(project, store.with_memo(project.memo.clone()), options)
    }

    /// A session over a store that is open already.
    pub fn over(project: &Project, store: Store) -> Result<Session, Failed> {
        Session::of_store(project, store.with_memo(project.memo.clone()), options(project))
    }

    fn of_store(project: &Project, store: Store, options: RuntimeOptions) -> Result<Session, Failed> {
        let session = Session::with_store(project, store, options)?;
        session.runtime.register("pie://store", session.store.objects());
        for source in project.model.sources.values() {
            session.register_raw(source).map_err(|e| Box::new(e.diagnostic()))?;
        }
        Ok(session)
    }

    /// An engine without a project's data, for tests in memory.
    pub async fn in_memory(project: &Project) -> Result<Session, Failed> {
        let location = crate::store::Location::Url("memory://".to_owned());
        let store = Store::open(&location).await.map_err(|e| Box::new(e.diagnostic()))?;
        Session::with_store(project, store, options(project))
    }

    fn with_store(project: &Project, store: Store, options: RuntimeOptions) -> Result<Session, Failed> {
        let config = &project.workspace.config;
        let runtime = Runtime::new(options).map_err(|failure| {
            Box::new(Diagnostic::error(Code::OutOfMemory, format!("the engine can't start: {failure}")))
        })?;
        let raw = RawStores::new(config.sources_root.clone());
        let by = std::env::var("USER").or_else(|_| std::env::var("USERNAME")).unwrap_or_else(|_| "unknown".to_owned());
        #[expect(clippy::disallowed_methods, reason = "the one place where the clock is read, for records only")]
        let stamp = Stamp { now: chrono::Utc::now(), by };
        Ok(Session { store, runtime, raw, stamp, listing: Arc::default() })
    }

    /// Lets plans read a source's raw files.
    fn register_raw(&self, source: &Source) -> Result<(), StoreError> {
        let Some(template) = &source.from else { return Ok(()) };
        let raw = self.raw.open(&template.base, template.base.is_empty() && template.text.starts_with('/'))?;
        self.runtime.register(&raw.url, raw.objects);
        Ok(())
    }

    /// The URL under which plans read a source's raw files.
    pub fn raw_url(source: &Source) -> String {
        match &source.from {
            Some(template) if !template.base.is_empty() => template.base.clone(),
            Some(template) if template.text.starts_with('/') => "pie://machine".to_owned(),
            _ => "pie://raw".to_owned(),
        }
    }
}

fn options(project: &Project) -> RuntimeOptions {
    RuntimeOptions { memory: project.workspace.config.memory, partitions: None, batch_rows: None }
}
