//! The files that a source's path template matches, and what its paths say of partitions.

use super::FreezeError;
use super::local::{RawStore, RawStores};
use crate::semantic::Source;
use chrono::{DateTime, Utc};
use datafusion::object_store::path::Path;
use futures::TryStreamExt;
use std::collections::BTreeMap;

/// A file found by listing.
#[derive(Clone, Debug)]
pub struct Found {
    pub object: Path,
    /// Relative to the sources' root, or the whole URL's path.
    pub path: String,
    pub size: u64,
    pub tag: String,
    pub modified: DateTime<Utc>,
    pub captured: BTreeMap<String, String>,
}

/// Lists the store below the template's fixed folder; files come in the order of their paths.
pub async fn discover(source: &Source, stores: &RawStores) -> Result<(RawStore, Vec<Found>), FreezeError> {
    let Some(template) = &source.from else { return Err(FreezeError::NoFiles { looked_in: "no path".to_owned() }) };
    let absolute = template.base.is_empty() && template.text.starts_with('/');
    let store = stores.open(&template.base, absolute)?;
    let prefix = template.fixed_prefix();
    let shown = |prefix: &str| match (template.base.as_str(), prefix) {
        ("", "") => "the sources' root".to_owned(),
        ("", prefix) => format!("`{prefix}/`"),
        (base, prefix) => format!("`{base}/{prefix}`"),
    };
    let folder = Path::from(prefix.trim_start_matches('/'));
    let listing: Vec<_> = store
        .objects
        .list(Some(&folder))
        .try_collect()
        .await
        .map_err(|e| FreezeError::Unreadable { file: shown(&prefix), cause: e.to_string() })?;
    let mut files = Vec::new();
    for meta in listing {
        let relative = meta.location.to_string();
        let path = if absolute { format!("/{relative}") } else { relative };
        // Folders of pie's own and other hidden files are never data.
        let hidden = path.split('/').any(|piece| piece.starts_with('.') && piece.len() > 1);
        if hidden {
            continue;
        }
        let Some(captured) = template.matches(&path) else { continue };
        let captured = captured.into_iter().map(|(name, value)| (name, decode(&value))).collect();
        let modified = meta.last_modified;
        let tag = format!("{}/{}", meta.e_tag.unwrap_or_default(), modified.timestamp_nanos_opt().unwrap_or_default());
        files.push(Found { object: meta.location, path, size: meta.size, tag, modified, captured });
    }
    // Stores in folders take a name that ends so for a file on its way, and don't list it.
    if let Some(path) = store.unlisted(&prefix, absolute).into_iter().find(|path| template.matches(path).is_some()) {
        let cause = "names that end in `#` and a number can't be read; rename the file".to_owned();
        return Err(FreezeError::Unreadable { file: path, cause });
    }
    if files.is_empty() {
        return Err(FreezeError::NoFiles { looked_in: shown(&prefix) });
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok((store, files))
}

/// Values in paths are percent-encoded where they hold characters that a path can't.
fn decode(value: &str) -> String {
    let bytes = value.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let hex = bytes.get(at + 1..at + 3).and_then(|hex| std::str::from_utf8(hex).ok());
        match hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) if bytes[at] == b'%' => {
                decoded.push(byte);
                at += 3;
            }
            _ => {
                decoded.push(bytes[at]);
                at += 1;
            }
        }
    }
    String::from_utf8(decoded).unwrap_or_else(|_| value.to_owned())
}
