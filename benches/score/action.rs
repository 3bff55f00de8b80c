//! What an edit does to the files of a project.

use crate::project;
use std::path::Path;

/// One change and where it is written.
#[derive(Debug)]
pub struct Action {
    /// `file:line`
    pub place: String,
    pub change: Change,
}

#[derive(Debug)]
pub enum Change {
    /// A text that the file has exactly once becomes another.
    Replace {
        file: String,
        find: String,
        with: String,
    },
    /// Whole lines that the file has exactly once become others.
    Rows {
        file: String,
        find: Vec<String>,
        with: Vec<String>,
    },
    /// A file that isn't there yet.
    Create {
        file: String,
        lines: Vec<String>,
    },
    Append {
        file: String,
        lines: Vec<String>,
    },
    Remove {
        file: String,
    },
    Rename {
        from: String,
        to: String,
    },
    /// One cell of a CSV file.
    Set {
        file: String,
        row: Row,
    },
    /// The rows in the opposite order; the header of a CSV file stays where it is.
    Reverse {
        file: String,
    },
    /// The same bytes, written again.
    Rewrite {
        file: String,
    },
    /// All files as the project began; the store stays.
    Revert,
}

/// A cell and what becomes of it.
#[derive(Debug)]
pub struct Row {
    /// From 1, the header not counted.
    pub number: usize,
    pub column: String,
    pub value: String,
}

impl Action {
    /// Changes the files of `folder`; `base` is the project as it began.
    pub fn apply(&self, folder: &Path, base: &Path) -> Result<(), String> {
        self.change.apply(folder, base).map_err(|message| format!("{}: {message}", self.place))
    }
}

impl Change {
    fn apply(&self, folder: &Path, base: &Path) -> Result<(), String> {
        let read = |file: &String| std::fs::read_to_string(folder.join(file)).map_err(|e| format!("{file}: {e}"));
        let write = |file: &String, text: &str| project::write(&folder.join(file), text.as_bytes());
        let absent = |file: &String| match folder.join(file).exists() {
            true => Err(format!("{file} is there already")),
            false => Ok(()),
        };
        match self {
            Change::Replace { file, find, with } => {
                let text = read(file)?;
                match text.matches(find.as_str()).count() {
                    1 => write(file, &text.replacen(find.as_str(), with, 1)),
                    count => Err(format!("{file} has this text {count} times instead of once:\n{find}")),
                }
            }
            Change::Rows { file, find, with } => {
                let text = read(file)?;
                let lines: Vec<&str> = text.split('\n').collect();
                let starts = lines.windows(find.len()).enumerate();
                let found: Vec<usize> = starts.filter(|(_, window)| *window == *find).map(|(at, _)| at).collect();
                let [at] = found[..] else {
                    return Err(format!("{file} has these rows {} times instead of once", found.len()));
                };
                let kept = lines[at + find.len()..].iter().copied();
                let new = lines[..at].iter().copied().chain(with.iter().map(String::as_str)).chain(kept);
                write(file, &new.collect::<Vec<_>>().join("\n"))
            }
            Change::Create { file, lines } => {
                absent(file)?;
                write(file, &(lines.join("\n") + "\n"))
            }
            Change::Append { file, lines } => {
                let text = read(file)?;
                write(file, &(text + &lines.join("\n") + "\n"))
            }
            Change::Remove { file } => std::fs::remove_file(folder.join(file)).map_err(|e| format!("{file}: {e}")),
            Change::Rename { from, to } => {
                absent(to)?;
                let bytes = std::fs::read(folder.join(from)).map_err(|e| format!("{from}: {e}"))?;
                project::write(&folder.join(to), &bytes)?;
                std::fs::remove_file(folder.join(from)).map_err(|e| format!("{from}: {e}"))
            }
            Change::Set { file, row } => write(file, &set(&read(file)?, row).map_err(|e| format!("{file}: {e}"))?),
            Change::Reverse { file } => {
                let text = read(file)?;
                let mut lines: Vec<&str> = text.lines().collect();
                let header = usize::from(file.ends_with(".csv")).min(lines.len());
                lines[header..].reverse();
                write(file, &(lines.join("\n") + "\n"))
            }
            Change::Rewrite { file } => {
                let text = read(file)?;
                std::fs::remove_file(folder.join(file)).map_err(|e| format!("{file}: {e}"))?;
                write(file, &text)
            }
            Change::Revert => project::restore(folder, base),
        }
    }
}

/// A CSV text with one cell changed.
fn set(text: &str, row: &Row) -> Result<String, String> {
    let failed = |e: csv::Error| e.to_string();
    let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(text.as_bytes());
    let mut records: Vec<Vec<String>> = Vec::new();
    for record in reader.records() {
        records.push(record.map_err(failed)?.iter().map(str::to_owned).collect());
    }
    let header = records.first().ok_or("there is no header")?;
    let column = header.iter().position(|name| *name == row.column).ok_or("there is no such column")?;
    let cell = records.get_mut(row.number).and_then(|record| record.get_mut(column)).ok_or("there is no such row")?;
    *cell = row.value.clone();
    let mut writer = csv::Writer::from_writer(Vec::new());
    for record in &records {
        writer.write_record(record).map_err(failed)?;
    }
    let bytes = writer.into_inner().map_err(|e| e.to_string())?;
    String::from_utf8(bytes).map_err(|e| e.to_string())
}
