//! Places of objects: a local folder, or an object store by URL with credentials from the environment.

use super::StoreError;
use datafusion::object_store::local::LocalFileSystem;
use datafusion::object_store::memory::InMemory;
use datafusion::object_store::path::Path;
use datafusion::object_store::prefix::PrefixStore;
use datafusion::object_store::{ObjectStore, parse_url_opts};
use std::path::PathBuf;
use std::sync::Arc;
use url::Url;

/// Where objects lie.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Location {
    /// A folder, made where it doesn't exist.
    Folder(PathBuf),
    /// `s3://bucket/prefix`, `gs://…`, `az://…`
    Url(String),
}

/// An opened place with the name that messages use.
#[derive(Clone, Debug)]
pub struct Objects {
    pub store: Arc<dyn ObjectStore>,
    pub shown: String,
    /// The same as `store`, where it is a local folder.
    pub local: Option<Arc<LocalFileSystem>>,
}

/// Opens a place. Credentials are taken as object_store takes them from the environment, and appear in no message.
pub fn open_objects(location: &Location) -> Result<Objects, StoreError> {
    match location {
        Location::Folder(folder) => {
            let shown = folder.display().to_string();
            let failed = |cause: String| StoreError::Location { location: shown.clone(), cause };
            std::fs::create_dir_all(folder).map_err(|e| failed(e.to_string()))?;
            let store = LocalFileSystem::new_with_prefix(folder).map_err(|e| failed(super::error::cause(&e)))?;
            // Folders that a removed file leaves empty go with it.
            let local = Arc::new(store.with_automatic_cleanup(true));
            Ok(Objects { store: local.clone(), shown, local: Some(local) })
        }
        Location::Url(text) => {
            let failed = |cause: String| StoreError::Location { location: without_secrets(text), cause };
            let url = Url::parse(text).map_err(|e| failed(e.to_string()))?;
            if url.scheme() == "memory" {
                return Ok(Objects { store: Arc::new(InMemory::new()), shown: "memory".to_owned(), local: None });
            }
            let environment = std::env::vars().map(|(name, value)| (name.to_lowercase(), value));
            let (store, prefix) = parse_url_opts(&url, environment).map_err(|e| failed(super::error::cause(&e)))?;
            let store: Arc<dyn ObjectStore> = Arc::from(store);
            let shown = without_secrets(text);
            if prefix == Path::default() {
                return Ok(Objects { store, shown, local: None });
            }
            Ok(Objects { store: Arc::new(PrefixStore::new(store, prefix)), shown, local: None })
        }
    }
}

/// A URL without user, password and query, which may hold keys.
fn without_secrets(text: &str) -> String {
    match Url::parse(text) {
        Ok(mut url) => {
            let _ = url.set_username("");
            let _ = url.set_password(None);
            url.set_query(None);
            url.to_string()
        }
        Err(_) => "<url>".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_in_urls_are_not_shown() {
        let shown = without_secrets("az://user:hunter2@account/container?sig=topsecret");
        assert!(!shown.contains("hunter2") && !shown.contains("topsecret"), "{shown}");
    }
}
