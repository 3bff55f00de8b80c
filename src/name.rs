//! The full name of a source or slice.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// `domain.name`, both folded; orders by domain, then name. Cheap to clone and to compare: names are looked up all the time.
#[derive(Clone)]
pub struct RelationName {
    /// Both with a separator that sorts before everything that a name may hold.
    both: Arc<str>,
    /// Where the separator stands.
    end: usize,
}

/// Before all other characters, so that both parts in one sort as the pair does.
const SEPARATOR: char = '\0';

impl RelationName {
    pub fn new(domain: impl AsRef<str>, name: impl AsRef<str>) -> RelationName {
        let (domain, name) = (domain.as_ref(), name.as_ref());
        let mut both = String::with_capacity(domain.len() + name.len() + 1);
        both.push_str(domain);
        both.push(SEPARATOR);
        both.push_str(name);
        RelationName { both: both.into(), end: domain.len() }
    }

    pub fn domain(&self) -> &str {
        &self.both[..self.end]
    }

    pub fn name(&self) -> &str {
        &self.both[self.end + 1..]
    }

    /// Reads `domain.name` as [`fmt::Display`] writes it.
    pub fn parse(text: &str) -> Option<RelationName> {
        let (domain, rest) = part(text)?;
        let (name, rest) = part(rest.strip_prefix('.')?)?;
        rest.is_empty().then(|| RelationName::new(domain, name))
    }
}

/// The first part of a name and what follows it.
fn part(text: &str) -> Option<(String, &str)> {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find('.').unwrap_or(text.len());
        return (end > 0).then(|| (text[..end].to_owned(), &text[end..]));
    };
    let mut part = String::new();
    let mut rest = quoted;
    loop {
        let end = rest.find('"')?;
        part.push_str(&rest[..end]);
        rest = &rest[end + 1..];
        match rest.strip_prefix('"') {
            Some(more) => {
                part.push('"');
                rest = more;
            }
            None => return Some((part, rest)),
        }
    }
}

impl PartialEq for RelationName {
    fn eq(&self, other: &RelationName) -> bool {
        // A name may hold the separator.
        Arc::ptr_eq(&self.both, &other.both) || self.end == other.end && self.both == other.both
    }
}

impl Eq for RelationName {}

impl PartialOrd for RelationName {
    fn partial_cmp(&self, other: &RelationName) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for RelationName {
    fn cmp(&self, other: &RelationName) -> Ordering {
        if Arc::ptr_eq(&self.both, &other.both) {
            return Ordering::Equal;
        }
        self.both.cmp(&other.both).then(self.end.cmp(&other.end))
    }
}

impl Hash for RelationName {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.both.hash(state);
    }
}

impl fmt::Debug for RelationName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RelationName({self})")
    }
}

impl Serialize for RelationName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (self.domain(), self.name()).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for RelationName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<RelationName, D::Error> {
        let (domain, name) = <(std::borrow::Cow<'_, str>, std::borrow::Cow<'_, str>)>::deserialize(deserializer)?;
        Ok(RelationName::new(domain, name))
    }
}

impl fmt::Display for RelationName {
    /// Parts that hold a dot or a quote stand in double quotes, so that no two names read alike.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let part = |text: &str| match text.contains(['.', '"']) || text.is_empty() {
            true => format!("\"{}\"", text.replace('"', "\"\"")),
            false => text.to_owned(),
        };
        write!(f, "{}.{}", part(self.domain()), part(self.name()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_survive_the_round_trip() {
        for (domain, name, shown) in
            [("a", "b", "a.b"), ("a.b", "c", "\"a.b\".c"), ("a", "b.c", "a.\"b.c\""), ("q\"q", "ü%", "\"q\"\"q\".ü%")]
        {
            let full = RelationName::new(domain, name);
            assert_eq!(full.to_string(), shown);
            assert_eq!(RelationName::parse(shown), Some(full));
        }
        for bad in ["", "a", "a.", ".b", "a.b.c", "\"a.b"] {
            assert_eq!(RelationName::parse(bad), None, "{bad}");
        }
    }
}
