//! The full name of a source or slice.

use serde::{Deserialize, Serialize};
use std::fmt;

/// `domain.name`, both folded; orders by domain, then name.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
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

impl fmt::Display for RelationName {
    /// Parts that hold a dot or a quote stand in double quotes, so that no two names read alike.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let part = |text: &str| match text.contains(['.', '"']) || text.is_empty() {
            true => format!("\"{}\"", text.replace('"', "\"\"")),
            false => text.to_owned(),
        };
        write!(f, "{}.{}", part(&self.domain), part(&self.name))
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
