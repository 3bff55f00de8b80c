//! Records that keep a store tidy. Nothing that is served rests on them.

use serde::{Deserialize, Serialize};

/// What is to be collected, once everybody who had found it before has had time to come to the end.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct MarkRecord {
    pub format: u32,
    pub id: String,
    /// Folders of builds.
    pub builds: Vec<String>,
    /// Single objects.
    pub files: Vec<String>,
    pub created_at: String,
    pub by: String,
    pub pie: String,
}

/// Rows that somebody reads, whatever becomes of the versions that they belong to. Holds as long as it is renewed.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct PinRecord {
    pub format: u32,
    pub id: String,
    /// Ids of builds, and paths of sources' data files.
    pub read: Vec<String>,
    /// What for.
    pub what: String,
    pub by: String,
    pub pie: String,
}

/// That somebody builds a slice now. A note to others, no lock: it may be lost at any moment.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct LeaseRecord {
    pub format: u32,
    pub id: String,
    pub environment: String,
    pub slice: String,
    /// The key of the rows that will come of it.
    pub row: String,
    /// When the build began.
    pub created_at: String,
    pub by: String,
    pub pie: String,
}

/// That a build of a slice failed. What is served stays; this is for people who ask why.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct FailureRecord {
    pub format: u32,
    pub id: String,
    pub slice: String,
    /// Of the diagnostic, such as `E0504`.
    pub code: String,
    pub message: String,
    pub created_at: String,
    pub by: String,
    pub pie: String,
}
