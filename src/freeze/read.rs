//! One raw file → batches of the source's file columns, each row with its place in the file.

use super::error::Place;
use super::local::LocalFile;
use super::{FreezeError, read_csv, read_json, read_parquet};
use crate::semantic::{FileFormat, Source, schema_of};
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;

/// Rows that belong together and where they stand.
pub struct Rows {
    pub batch: RecordBatch,
    pub places: Places,
}

/// The places of a batch's rows.
pub enum Places {
    Lines(Vec<u64>),
    /// The row of the file at which the batch begins, and how many rows each row group has.
    File {
        first: u64,
        groups: std::sync::Arc<Vec<u64>>,
    },
}

impl Places {
    pub fn of(&self, row: usize) -> Place {
        match self {
            Places::Lines(lines) => lines.get(row).map_or(Place::Whole, |line| Place::Line(*line)),
            Places::File { first, groups } => {
                let mut rest = first + row as u64;
                for (group, rows) in groups.iter().enumerate() {
                    if rest < *rows {
                        return Place::RowGroup { group, row: rest };
                    }
                    rest -= rows;
                }
                Place::Whole
            }
        }
    }
}

/// What reads one file.
pub struct FileReader<'a> {
    pub name: &'a str,
    pub local: &'a LocalFile,
    pub source: &'a Source,
    /// The columns to read: those that aren't captured from the path. All nullable: nulls are found by verification.
    pub schema: SchemaRef,
}

impl<'a> FileReader<'a> {
    pub fn new(name: &'a str, local: &'a LocalFile, source: &'a Source, captured: &[&str]) -> FileReader<'a> {
        let columns: Vec<_> = source
            .columns
            .iter()
            .filter(|column| !captured.contains(&column.name.as_str()))
            .map(|column| crate::semantic::Column { nullable: true, ..column.clone() })
            .collect();
        FileReader { name, local, source, schema: schema_of(&columns) }
    }

    /// Calls `each` with the file's rows in order.
    pub fn read(
        &self,
        captured: &[(String, String)],
        each: &mut dyn FnMut(Rows) -> Result<(), FreezeError>,
    ) -> Result<(), FreezeError> {
        match &self.source.format {
            Some(FileFormat::Csv { delimiter, quote, header, null }) => {
                let options = read_csv::Options { delimiter: *delimiter, quote: *quote, header: *header, null };
                read_csv::read(self, &options, each)
            }
            Some(FileFormat::Json) => read_json::read(self, each),
            Some(FileFormat::Parquet) | None => read_parquet::read(self, captured, each),
        }
    }

    pub fn unreadable(&self, cause: impl ToString) -> FreezeError {
        FreezeError::Unreadable { file: self.name.to_owned(), cause: cause.to_string() }
    }

    pub fn declared(&self, column: &str) -> String {
        let found = self.source.columns.iter().find(|other| other.name == column);
        found.map_or_else(String::new, |column| crate::sql::types::display_type(&column.data_type))
    }
}
