//! Syntax tree → formatted text, behind `pie fmt`.
//!
//! The shell around the SQL is printed anew from the tree. SQL is only moved: as a whole, to its place, with the layout
//! that its author gave it. Comments are in neither, so they are read from the text between two nodes ([`gap`]) and
//! printed where they stood. A clause with a comment inside, where no layout has a place for it, is moved like SQL.
//!
//! ```text
//!   slice a.b {   -- why        ◀ a comment stays behind what stood before it on its line,
//!     -- the key                ◀ or on lines of its own
//!     key (x)
//!
//!     select x                  ◀ moved, not printed
//!       from t
//!   }
//! ```
//!
//! Formatting never changes what a file means, loses no comment, and leaves formatted text as it is.

mod clauses;
mod columns;
mod declarations;
mod gap;
mod moved;
mod printer;
mod tables;
#[cfg(test)]
mod tests;
mod tokens;

use super::ast;

/// Formats a file that parsed without errors; `text` is what it was parsed from. The result ends with one newline, or is
/// empty where the file has neither declarations nor comments.
pub fn format(file: &ast::File, text: &str) -> String {
    let mut printer = printer::Printer::new(text);
    printer.file(&file.declarations);
    printer.finish()
}
