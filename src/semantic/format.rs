//! How a source's files are read: by their extension, or as `format` says.

use crate::diagnostic::{Code, Diagnostic, nearest};
use crate::syntax::ast::{self, FormatOption, OptionValue};

/// A file format with its options.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum FileFormat {
    Parquet,
    /// Newline-delimited JSON.
    Json,
    Csv {
        delimiter: u8,
        quote: u8,
        header: bool,
        null: String,
    },
}

impl FileFormat {
    pub fn csv() -> FileFormat {
        FileFormat::Csv { delimiter: b',', quote: b'"', header: true, null: String::new() }
    }

    /// The format in one line; part of a source version's identity, since it decides what the files say.
    pub fn describe(&self) -> String {
        match self {
            FileFormat::Parquet => "parquet".to_owned(),
            FileFormat::Json => "ndjson".to_owned(),
            FileFormat::Csv { delimiter, quote, header, null } => {
                let (delimiter, quote) = (*delimiter as char, *quote as char);
                format!("csv (delimiter {delimiter:?}, quote {quote:?}, header {header}, null {null:?})")
            }
        }
    }

    /// Text formats are converted to Parquet in the store when they are frozen.
    pub fn is_text(&self) -> bool {
        !matches!(self, FileFormat::Parquet)
    }

    /// The format that a path's extension says; `.gz` behind it means compressed text.
    pub fn of_path(path: &str) -> Option<FileFormat> {
        let path = path.to_lowercase();
        let path = path.strip_suffix(".gz").unwrap_or(&path);
        match path.rsplit_once('.')?.1 {
            "parquet" => Some(FileFormat::Parquet),
            "csv" => Some(FileFormat::csv()),
            "tsv" => Some(FileFormat::Csv { delimiter: b'\t', quote: b'"', header: true, null: String::new() }),
            "json" | "ndjson" | "jsonl" => Some(FileFormat::Json),
            _ => None,
        }
    }
}

pub(super) fn read(source: &ast::Source, diagnostics: &mut Vec<Diagnostic>) -> Option<FileFormat> {
    let Some(declared) = &source.format else {
        let from = source.from.as_ref()?;
        let format = FileFormat::of_path(&from.value);
        if format.is_none() {
            diagnostics.push(
                Diagnostic::error(Code::BadOption, "the format of these files can't be told from their extension")
                    .at(from.span, "neither .parquet, .csv, .tsv, .json, .ndjson nor .jsonl")
                    .with_help("say it: `format csv`, `format ndjson` or `format parquet`"),
            );
        }
        return format;
    };
    let names = ["parquet", "csv", "tsv", "ndjson", "json"];
    let mut format = match declared.name.text.as_str() {
        "parquet" => FileFormat::Parquet,
        "ndjson" | "json" | "jsonl" => FileFormat::Json,
        "csv" => FileFormat::csv(),
        "tsv" => FileFormat::Csv { delimiter: b'\t', quote: b'"', header: true, null: String::new() },
        other => {
            let diagnostic = Diagnostic::error(Code::BadOption, format!("there is no format `{other}`"))
                .at(declared.name.span, "unknown format");
            diagnostics.push(match nearest(other, names).as_slice() {
                [near, ..] => diagnostic.with_help(format!("did you mean `{near}`?")).with_replacement(
                    format!("write `{near}`"),
                    declared.name.span,
                    *near,
                ),
                [] => diagnostic.with_help("there are `parquet`, `csv` and `ndjson`"),
            });
            return None;
        }
    };
    for option in &declared.options {
        if let Some(diagnostic) = apply(&mut format, option, &declared.name.text) {
            diagnostics.push(diagnostic);
        }
    }
    Some(format)
}

fn apply(format: &mut FileFormat, option: &FormatOption, name: &str) -> Option<Diagnostic> {
    let FileFormat::Csv { delimiter, quote, header, null } = format else {
        let message = format!("the format `{name}` has no option `{}`", option.name.text);
        return Some(
            Diagnostic::error(Code::BadOption, message).at(option.span, "no such option").with_help("leave it out"),
        );
    };
    let one_byte = |text: &str| match text.as_bytes() {
        [byte] => Some(*byte),
        _ if text == "\\t" => Some(b'\t'),
        _ => None,
    };
    let wrong = |wanted: &str| {
        let message = format!("the option `{}` must be {wanted}", option.name.text);
        Some(Diagnostic::error(Code::BadOption, message).at(option.value_span, format!("not {wanted}")))
    };
    match (option.name.text.as_str(), &option.value) {
        ("delimiter", OptionValue::Text(text)) if one_byte(text).is_some() => *delimiter = one_byte(text)?,
        ("delimiter", _) => return wrong("one character in quotes, such as ';'"),
        ("quote", OptionValue::Text(text)) if one_byte(text).is_some() => *quote = one_byte(text)?,
        ("quote", _) => return wrong("one character in quotes, such as '\"'"),
        ("header", OptionValue::Boolean(value)) => *header = *value,
        ("header", _) => return wrong("true or false"),
        ("null", OptionValue::Text(text)) => *null = text.clone(),
        ("null", _) => return wrong("a text in quotes, such as 'NA'"),
        (other, _) => {
            let message = format!("the format `{name}` has no option `{other}`");
            let diagnostic = Diagnostic::error(Code::BadOption, message).at(option.name.span, "no such option");
            return Some(match nearest(other, ["delimiter", "quote", "header", "null"]).as_slice() {
                [near, ..] => diagnostic.with_help(format!("did you mean `{near}`?")).with_replacement(
                    format!("write `{near}`"),
                    option.name.span,
                    *near,
                ),
                [] => diagnostic.with_help("there are `delimiter`, `quote`, `header` and `null`"),
            });
        }
    }
    None
}
