//! What people write who know another tool, where the grammar takes something else.

use crate::diagnostic::{Code, Diagnostic};
use crate::text::Span;

/// `{{ … }}`, which other tools fill in before anybody reads the text.
pub fn template(at: Span) -> Diagnostic {
    Diagnostic::error(Code::Syntax, "templates aren't filled in: a `.pie` file is read as it is")
        .at(at, "a template")
        .with_help("name what is read, `from orders.lines`: pie sees by itself what a query reads")
}

/// The length of a template that a text begins with.
pub fn template_length(text: &str) -> Option<usize> {
    let close = match text.get(..2)? {
        "{{" => "}}",
        "{%" => "%}",
        _ => return None,
    };
    Some(text.find(close).map_or(2, |at| at + 2))
}

/// What a word behind a column's type says elsewhere: why it can't stand here, and what to write.
pub fn behind_column(word: &str) -> Option<(&'static str, &'static str)> {
    Some(match word {
        "null" => ("a column may be null unless it says `not null`", "leave `null` out"),
        "primary" | "unique" => {
            ("a key is a clause of its own", "write `key (…)` with the names of its columns behind `columns (…)`")
        }
        "default" => ("columns have no defaults", "write `coalesce(COLUMN, …)` in the query that reads it"),
        "references" | "foreign" => {
            ("columns don't refer to other tables", "leave it out; a `check` of a slice may look into others")
        }
        "check" => ("columns have no checks", "write it as a clause of a slice: `check NAME (…)`"),
        "comment" => ("a column is documented by a comment", "write `--- …` behind the column"),
        "generated" | "identity" | "auto_increment" | "autoincrement" | "serial" => {
            ("columns of files are there already", "compute it in the query of a slice")
        }
        _ => return None,
    })
}

/// What a word that begins no declaration is about elsewhere.
pub fn statement(word: &str) -> Option<&'static str> {
    Some(match word {
        "create" | "insert" | "merge" | "table" | "view" | "model" => {
            "a table is declared with its query: `slice DOMAIN.NAME { select … }`"
        }
        "select" | "with" | "values" => "a query stands in a slice: `slice DOMAIN.NAME { select … }`",
        _ => return None,
    })
}
