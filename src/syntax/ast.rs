//! The syntax tree of a `.pie` file. Every node and every name has a span; SQL bodies are spans that `sql` parses.

use crate::text::{FileId, Span};
use serde::{Deserialize, Serialize};

/// One file's declarations, in the order of the text.
#[derive(Serialize, Deserialize, Clone, Debug)]
pub struct File {
    pub id: FileId,
    pub declarations: Vec<Declaration>,
}

#[derive(Serialize, Deserialize, Clone, Debug)]
pub enum Declaration {
    Domain(Domain),
    Source(Source),
    Slice(Slice),
    Test(Test),
}

impl Declaration {
    pub fn span(&self) -> Span {
        match self {
            Declaration::Domain(domain) => domain.span,
            Declaration::Source(source) => source.span,
            Declaration::Slice(slice) => slice.span,
            Declaration::Test(test) => test.span,
        }
    }
}

/// An identifier: folded to lower case, or taken as it is between double quotes.
#[derive(Serialize, Deserialize, Clone, PartialEq, Eq, Debug)]
pub struct Name {
    pub text: String,
    pub span: Span,
}

/// `domain.name`, or `name` alone where the domain is left out.
#[derive(Serialize, Deserialize, Clone, PartialEq, Eq, Debug)]
pub struct QualifiedName {
    pub domain: Option<Name>,
    pub name: Name,
    pub span: Span,
}

/// A string literal's value; the span includes the quotes.
#[derive(Serialize, Deserialize, Clone, PartialEq, Eq, Debug)]
pub struct Text {
    pub value: String,
    pub span: Span,
}

/// The `---` lines that document a declaration or a column, without their dashes.
#[derive(Serialize, Deserialize, Clone, PartialEq, Eq, Debug)]
pub struct Doc {
    pub text: String,
    pub span: Span,
}

/// A stretch of SQL in the file: a query, or the predicate of a check.
#[derive(Serialize, Deserialize, Clone, Copy, PartialEq, Eq, Debug)]
pub struct SqlText {
    pub span: Span,
}

#[derive(Serialize, Deserialize, Clone, Debug)]
pub struct Domain {
    pub span: Span,
    pub doc: Option<Doc>,
    pub name: Name,
    pub owner: Option<Text>,
}

#[derive(Serialize, Deserialize, Clone, Debug)]
pub struct Source {
    pub span: Span,
    pub doc: Option<Doc>,
    pub public: bool,
    pub name: QualifiedName,
    pub from: Option<Text>,
    pub format: Option<Format>,
    pub columns: Option<ColumnList>,
    pub key: Option<NameList>,
    pub partition_by: Option<NameList>,
    /// A syntax error was reported inside: what is here is a part, and errors that may follow from the rest stay silent.
    pub broken: bool,
}

#[derive(Serialize, Deserialize, Clone, Debug)]
pub struct Format {
    pub span: Span,
    pub name: Name,
    pub options: Vec<FormatOption>,
}

#[derive(Serialize, Deserialize, Clone, Debug)]
pub struct FormatOption {
    pub span: Span,
    pub name: Name,
    pub value: OptionValue,
    pub value_span: Span,
}

#[derive(Serialize, Deserialize, Clone, PartialEq, Debug)]
pub enum OptionValue {
    Text(String),
    Number(String),
    Boolean(bool),
}

#[derive(Serialize, Deserialize, Clone, Debug)]
pub struct ColumnList {
    pub span: Span,
    pub columns: Vec<Column>,
}

#[derive(Serialize, Deserialize, Clone, Debug)]
pub struct Column {
    pub span: Span,
    pub name: Name,
    /// The type as written; `sql` gives it its meaning.
    pub data_type: Text,
    /// The span of `not null`.
    pub not_null: Option<Span>,
    pub doc: Option<Doc>,
}

#[derive(Serialize, Deserialize, Clone, Debug)]
pub struct NameList {
    pub span: Span,
    pub names: Vec<Name>,
}

#[derive(Serialize, Deserialize, Clone, Debug)]
pub struct Slice {
    pub span: Span,
    pub doc: Option<Doc>,
    pub public: bool,
    pub is_virtual: bool,
    pub name: QualifiedName,
    pub key: Option<NameList>,
    pub partition_by: Option<NameList>,
    pub sort_by: Option<NameList>,
    /// The contract: columns, types and not-null that the query must meet.
    pub columns: Option<ColumnList>,
    pub checks: Vec<Check>,
    pub stale_limit: Option<StaleLimit>,
    pub query: Option<SqlText>,
    /// See [`Source::broken`].
    pub broken: bool,
}

#[derive(Serialize, Deserialize, Clone, Debug)]
pub struct Check {
    pub span: Span,
    pub name: Name,
    pub predicate: SqlText,
}

/// `stale for at most 20 minutes`.
#[derive(Serialize, Deserialize, Clone, Copy, Debug)]
pub struct StaleLimit {
    pub span: Span,
    pub seconds: u64,
}

#[derive(Serialize, Deserialize, Clone, Debug)]
pub struct Test {
    pub span: Span,
    pub slice: QualifiedName,
    pub title: Text,
    pub givens: Vec<Given>,
    pub expect: Option<Expect>,
    /// See [`Source::broken`].
    pub broken: bool,
}

#[derive(Serialize, Deserialize, Clone, Debug)]
pub struct Given {
    pub span: Span,
    pub name: QualifiedName,
    pub table: Table,
}

#[derive(Serialize, Deserialize, Clone, Debug)]
pub enum Expect {
    Rows { span: Span, table: Table },
    Error { span: Span, code: Name },
}

#[derive(Serialize, Deserialize, Clone, Debug)]
pub struct Table {
    pub span: Span,
    pub header: Vec<Name>,
    pub rows: Vec<Row>,
}

#[derive(Serialize, Deserialize, Clone, Debug)]
pub struct Row {
    pub span: Span,
    pub cells: Vec<Cell>,
}

/// One cell: `None` is null (an empty cell, or `null`); a quoted cell is never null.
#[derive(Serialize, Deserialize, Clone, PartialEq, Eq, Debug)]
pub struct Cell {
    pub span: Span,
    pub value: Option<String>,
}
