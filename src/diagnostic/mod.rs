//! What is wrong with a project, as data.
//!
//! One [`Diagnostic`] value feeds the terminal, JSON and the editor; [`human`] and [`json`] are its converters. Codes are
//! registered in [`codes`], each with its page in `spec/errors/`.

mod codes;
pub mod human;
pub mod json;
pub mod report;
mod suggest;
mod unseen;

pub use codes::{Code, Page, explain};
pub use suggest::{did_you_mean, nearest};
pub use unseen::{Trick, Unseen, unseen};

use crate::text::Span;

/// How bad a [`Diagnostic`] is. Errors make a run fail (exit code 1); warnings and notes don't.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Severity {
    Error,
    Warning,
    Note,
}

impl Severity {
    pub fn as_str(self) -> &'static str {
        match self {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Note => "note",
        }
    }
}

/// A place and what is there.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Label {
    pub span: Span,
    pub message: String,
}

/// An edit that mends the cause: replace the text under each span.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fix {
    pub title: String,
    pub edits: Vec<(Span, String)>,
}

/// A diagnostic as an error: boxed, so that results stay small.
pub type Failed = Box<Diagnostic>;

/// One finding. The message stands alone on a narrow terminal; labels say what is at a place, notes why, help what to type.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Diagnostic {
    pub code: Code,
    pub severity: Severity,
    pub message: String,
    /// The place to look at. None for what has no place in a text, such as a missing file.
    pub span: Option<Span>,
    /// What is at `span`; may be empty.
    pub label: String,
    pub labels: Vec<Label>,
    pub notes: Vec<String>,
    pub help: Option<String>,
    pub fixes: Vec<Fix>,
}

impl Diagnostic {
    pub fn error(code: Code, message: impl Into<String>) -> Diagnostic {
        Diagnostic::new(code, Severity::Error, message)
    }

    pub fn warning(code: Code, message: impl Into<String>) -> Diagnostic {
        Diagnostic::new(code, Severity::Warning, message)
    }

    pub fn note(code: Code, message: impl Into<String>) -> Diagnostic {
        Diagnostic::new(code, Severity::Note, message)
    }

    fn new(code: Code, severity: Severity, message: impl Into<String>) -> Diagnostic {
        Diagnostic {
            code,
            severity,
            message: message.into(),
            span: None,
            label: String::new(),
            labels: Vec::new(),
            notes: Vec::new(),
            help: None,
            fixes: Vec::new(),
        }
    }

    /// Sets the place to look at and what is there.
    pub fn at(mut self, span: Span, label: impl Into<String>) -> Diagnostic {
        self.span = Some(span);
        self.label = label.into();
        self
    }

    /// Adds a further place.
    pub fn with_label(mut self, span: Span, message: impl Into<String>) -> Diagnostic {
        self.labels.push(Label { span, message: message.into() });
        self
    }

    pub fn with_note(mut self, note: impl Into<String>) -> Diagnostic {
        self.notes.push(note.into());
        self
    }

    pub fn with_help(mut self, help: impl Into<String>) -> Diagnostic {
        self.help = Some(help.into());
        self
    }

    /// Adds the fix that replaces the text at `span`.
    pub fn with_replacement(mut self, title: impl Into<String>, span: Span, text: impl Into<String>) -> Diagnostic {
        self.fixes.push(Fix { title: title.into(), edits: vec![(span, text.into())] });
        self
    }

    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

/// Sorts into the order in which people read: by place, errors before warnings, then by code. Equal findings fold into one.
pub fn sort(diagnostics: &mut Vec<Diagnostic>) {
    diagnostics.sort_by(|a, b| {
        let place = |d: &Diagnostic| d.span.map(|span| (span.file, span.start, span.end));
        (place(a), a.severity, a.code, &a.message).cmp(&(place(b), b.severity, b.code, &b.message))
    });
    diagnostics.dedup();
}
