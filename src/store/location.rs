//! Places of objects: a local folder, or an object store by URL with credentials from the environment.

use super::{DurableLocal, StoreError};
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
    /// A folder, made where it doesn't exist. Without `syncs` a write isn't waited for until it is on the disk.
    Folder { path: PathBuf, syncs: bool },
    /// `s3://bucket/prefix`, `gs://…`, `az://…`
    Url(String),
}

/// An opened place with the name that messages use.
#[derive(Clone, Debug)]
pub struct Objects {
    pub store: Arc<dyn ObjectStore>,
    pub shown: String,
    /// The same as `store`, where it is a local folder.
    pub local: Option<DurableLocal>,
}

impl Location {
    pub fn folder(path: PathBuf) -> Location {
        Location::Folder { path, syncs: true }
    }
}

/// Opens a place. Credentials are taken as object_store takes them from the environment, and appear in no message.
pub fn open_objects(location: &Location) -> Result<Objects, StoreError> {
    match location {
        Location::Folder { path, syncs } => {
            let shown = path.display().to_string();
            let failed = |e| StoreError::Location { location: shown.clone(), cause: super::error::cause(&e) };
            let local = DurableLocal::open(path, *syncs).map_err(failed)?;
            Ok(Objects { store: Arc::new(local.clone()), shown, local: Some(local) })
        }
        Location::Url(text) => {
            // The libraries' messages repeat the URL as it was given.
            let failed = |cause: String| {
                let shown = without_secrets(text);
                StoreError::Location { cause: cause.replace(text.as_str(), &shown), location: shown }
            };
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
            url.set_fragment(None);
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
