//! A recorded list of Parquet files as a DataFusion table. Nothing is listed or inferred: files, their order, their
//! partition values and the schema all come from records.

use crate::manifest::{BuildRecord, ColumnRecord, SourceVersion};
use async_trait::async_trait;
use chrono::DateTime;
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef};
use datafusion::catalog::Session;
use datafusion::common::stats::Precision;
use datafusion::common::{Result, ScalarValue, Statistics};
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfigBuilder, ParquetSource};
use datafusion::datasource::source::DataSourceExec;
use datafusion::datasource::table_schema::TableSchema;
use datafusion::datasource::{TableProvider, TableType};
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::logical_expr::Expr;
use datafusion::object_store::ObjectMeta;
use datafusion::object_store::path::Path;
use datafusion::physical_plan::ExecutionPlan;
use std::sync::Arc;

/// Files of one object store that make a table.
#[derive(Clone, Debug)]
pub struct FileSet {
    /// The store's registered URL: `pie://store`, `pie://raw` or a bucket's.
    pub store_url: String,
    /// Columns in their declared order.
    pub schema: SchemaRef,
    /// Columns whose values stand in the records instead of in the files.
    pub captured: Vec<String>,
    pub files: Vec<SetFile>,
    pub rows: u64,
}

#[derive(Clone, Debug)]
pub struct SetFile {
    pub path: String,
    pub size: u64,
    /// In the order of [`FileSet::captured`].
    pub captured: Vec<ScalarValue>,
}

/// The table of a build's files.
pub fn build_files(record: &BuildRecord) -> Result<FileSet, String> {
    let files = record.partitions.iter().flat_map(|partition| &partition.files);
    let files = files.map(|file| SetFile { path: file.path.clone(), size: file.size, captured: Vec::new() });
    Ok(FileSet {
        store_url: "pie://store".to_owned(),
        schema: schema(&record.columns)?,
        captured: Vec::new(),
        files: files.collect(),
        rows: record.rows,
    })
}

/// The table of a source version's files; converted ones lie in the store, others where they were frozen. `raw_url` is the
/// URL of the raw files' store.
pub fn source_files(version: &SourceVersion, raw_url: &str) -> Result<FileSet, String> {
    let schema = schema(&version.columns)?;
    let converted = version.files.iter().any(|file| file.converted.is_some());
    let captured: Vec<String> =
        version.files.first().map(|file| file.captured.keys().cloned().collect()).unwrap_or_default();
    let mut files = Vec::new();
    for file in &version.files {
        let mut values = Vec::new();
        for column in &captured {
            let field = schema.field_with_name(column).map_err(|e| e.to_string())?;
            let text = file.captured.get(column).cloned();
            let value = ScalarValue::try_new_null(&DataType::Utf8).map_err(|e| e.to_string())?;
            let value = text.map_or(value, |text| ScalarValue::Utf8(Some(text)));
            values.push(value.cast_to(field.data_type()).map_err(|e| e.to_string())?);
        }
        let (path, size) = match &file.converted {
            Some(data) => (data.path.clone(), data.size),
            None => (file.path.clone(), file.size),
        };
        files.push(SetFile { path, size, captured: values });
    }
    let store_url = if converted { "pie://store".to_owned() } else { raw_url.to_owned() };
    Ok(FileSet { store_url, schema, captured, files, rows: version.rows })
}

fn schema(columns: &[ColumnRecord]) -> Result<SchemaRef, String> {
    let field = |column: &ColumnRecord| {
        let data_type: DataType =
            column.data_type.parse().map_err(|_| format!("unknown type `{}`", column.data_type))?;
        Ok(Field::new(&column.name, data_type, column.nullable))
    };
    Ok(Arc::new(Schema::new(columns.iter().map(field).collect::<Result<Vec<_>, String>>()?)))
}

/// Makes a table that DataFusion can scan.
pub fn files_table(set: FileSet) -> Arc<dyn TableProvider> {
    Arc::new(FilesTable { set })
}

#[derive(Debug)]
struct FilesTable {
    set: FileSet,
}

#[async_trait]
impl TableProvider for FilesTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.set.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    async fn scan(
        &self,
        _state: &dyn Session,
        projection: Option<&Vec<usize>>,
        _filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let set = &self.set;
        let is_captured = |field: &FieldRef| set.captured.contains(field.name());
        let in_files: Vec<FieldRef> = set.schema.fields().iter().filter(|field| !is_captured(field)).cloned().collect();
        let from_records: Vec<FieldRef> = set
            .captured
            .iter()
            .map(|name| set.schema.field_with_name(name).map(|field| Arc::new(field.clone())))
            .collect::<Result<_, _>>()?;
        // A scan has the files' columns first; the declared order is restored by the projection.
        let scanned: Vec<String> = in_files.iter().chain(&from_records).map(|field| field.name().clone()).collect();
        let position = |declared: usize| {
            let name = set.schema.field(declared).name();
            scanned.iter().position(|other| other == name).expect("every declared column is scanned")
        };
        let all: Vec<usize> = (0..set.schema.fields().len()).collect();
        let indices: Vec<usize> = projection.unwrap_or(&all).iter().map(|index| position(*index)).collect();
        let table_schema =
            TableSchema::builder(Arc::new(Schema::new(in_files))).with_table_partition_cols(from_records).build();
        let statistics = Statistics::new_unknown(table_schema.table_schema())
            .with_num_rows(Precision::Inexact(usize::try_from(set.rows).unwrap_or(usize::MAX)));
        let files: Vec<PartitionedFile> = set.files.iter().map(partitioned_file).collect();
        let source = Arc::new(ParquetSource::new(table_schema));
        let config = FileScanConfigBuilder::new(ObjectStoreUrl::parse(&set.store_url)?, source)
            .with_file_groups(if files.is_empty() { Vec::new() } else { vec![FileGroup::new(files)] })
            .with_statistics(statistics)
            .with_projection_indices(Some(indices))?
            .with_limit(limit)
            .build();
        Ok(DataSourceExec::from_data_source(config))
    }
}

/// The path of a recorded object. Records hold paths as the store writes them, characters that it can't hold encoded, so
/// they must not be encoded again.
pub fn recorded_path(path: &str) -> Path {
    Path::parse(path).unwrap_or_else(|_| Path::from(path))
}

fn partitioned_file(file: &SetFile) -> PartitionedFile {
    let meta = ObjectMeta {
        location: recorded_path(&file.path),
        last_modified: DateTime::UNIX_EPOCH,
        size: file.size,
        e_tag: None,
        version: None,
    };
    PartitionedFile::new_from_meta(meta).with_partition_values(file.captured.clone())
}
