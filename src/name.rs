//! The full name of a source or slice.

use std::fmt;

/// `domain.name`, both folded; orders by domain, then name.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct RelationName {
    pub domain: String,
    pub name: String,
}

impl RelationName {
    pub fn new(domain: impl Into<String>, name: impl Into<String>) -> RelationName {
        RelationName { domain: domain.into(), name: name.into() }
    }

    /// Reads `domain.name` as [`fmt::Display`] writes it.
    pub fn parse(text: &str) -> Option<RelationName> {
        let (domain, name) = text.split_once('.')?;
        (!domain.is_empty() && !name.is_empty()).then(|| RelationName::new(domain, name))
    }
}

impl fmt::Display for RelationName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.domain, self.name)
    }
}
