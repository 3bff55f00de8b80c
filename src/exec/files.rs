//! A recorded list of Parquet files as a DataFusion table. Nothing is listed or inferred: files, their order, their
//! partition values and the schema all come from records.

use super::verified::Verified;
use crate::manifest::{Blocks, BuildRecord, ColumnRecord, DataFile, LabelRecord, SourceVersion};
use async_trait::async_trait;
use chrono::DateTime;
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef};
use datafusion::catalog::Session;
use datafusion::common::stats::Precision;
use datafusion::common::{Result, ScalarValue, Statistics};
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::parquet::DefaultParquetFileReaderFactory;
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfigBuilder, ParquetSource};
use datafusion::datasource::source::DataSourceExec;
use datafusion::datasource::table_schema::TableSchema;
use datafusion::datasource::{TableProvider, TableType};
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::logical_expr::Expr;
use datafusion::object_store::ObjectMeta;
use datafusion::object_store::path::Path;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::projection::ProjectionExec;
use std::sync::Arc;

/// Files of one object store that make a table.
#[derive(Clone, Debug)]
pub struct FileSet {
    /// The store's registered URL: `pie://store`, `pie://raw` or a bucket's.
    pub store_url: String,
    /// Columns in their declared order.
    pub schema: SchemaRef,
    /// What each column is called in the files.
    pub stored: Vec<String>,
    /// Columns whose values stand in the records instead of in the files.
    pub captured: Vec<String>,
    pub files: Vec<SetFile>,
    pub rows: u64,
}

#[derive(Clone, Debug)]
pub struct SetFile {
    pub path: String,
    /// Its size, and what its bytes must be.
    pub blocks: Arc<Blocks>,
    /// In the order of [`FileSet::captured`].
    pub captured: Vec<ScalarValue>,
}

impl SetFile {
    /// A file of the store, all of whose columns stand in it.
    pub fn of(file: &DataFile) -> SetFile {
        SetFile { path: file.path.clone(), blocks: Arc::new(file.blocks()), captured: Vec::new() }
    }
}

/// The table of a build's files, with the columns that readers see.
pub fn build_files(record: &BuildRecord, labels: &[LabelRecord]) -> Result<FileSet, String> {
    let files = record.partitions.iter().flat_map(|partition| &partition.files);
    let files = files.map(SetFile::of);
    let column = |label: &LabelRecord| ColumnRecord {
        name: label.name.clone(),
        data_type: label.data_type.clone(),
        nullable: label.nullable,
    };
    Ok(FileSet {
        store_url: "pie://store".to_owned(),
        schema: schema(&labels.iter().map(column).collect::<Vec<_>>())?,
        stored: labels.iter().map(|label| label.stored.clone()).collect(),
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
        let (path, blocks) = match &file.converted {
            Some(data) => (data.path.clone(), data.blocks()),
            None => (file.path.clone(), file.blocks()),
        };
        files.push(SetFile { path, blocks: Arc::new(blocks), captured: values });
    }
    let store_url = if converted { "pie://store".to_owned() } else { raw_url.to_owned() };
    let stored = schema.fields().iter().map(|field| field.name().clone()).collect();
    Ok(FileSet { store_url, schema, stored, captured, files, rows: version.rows })
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
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        _filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let set = &self.set;
        let is_captured = |field: &FieldRef| set.captured.contains(field.name());
        // Files are read by the names they use; a column may be shown twice under other names.
        let mut in_files: Vec<FieldRef> = Vec::new();
        for (field, stored) in set.schema.fields().iter().zip(&set.stored) {
            if is_captured(field) {
                continue;
            }
            match in_files.iter_mut().find(|other| other.name() == stored) {
                None => in_files.push(Arc::new(field.as_ref().clone().with_name(stored))),
                Some(known) if !field.is_nullable() => {
                    *known = Arc::new(known.as_ref().clone().with_nullable(false));
                }
                Some(_) => {}
            }
        }
        let from_records: Vec<FieldRef> = set
            .captured
            .iter()
            .map(|name| set.schema.field_with_name(name).map(|field| Arc::new(field.clone())))
            .collect::<Result<_, _>>()?;
        // A scan has the files' columns first; the declared order is restored by the projection.
        let scanned: Vec<String> = in_files.iter().chain(&from_records).map(|field| field.name().clone()).collect();
        let position = |declared: usize| {
            let name = &set.stored[declared];
            scanned.iter().position(|other| other == name).expect("every declared column is scanned")
        };
        let all: Vec<usize> = (0..set.schema.fields().len()).collect();
        let wanted: &[usize] = projection.map_or(&all, Vec::as_slice);
        let mut indices: Vec<usize> = Vec::new();
        for index in wanted.iter().map(|index| position(*index)) {
            if !indices.contains(&index) {
                indices.push(index);
            }
        }
        let renamed = indices.len() < wanted.len()
            || wanted.iter().any(|index| set.schema.field(*index).name() != &set.stored[*index]);
        let places: Vec<usize> = wanted
            .iter()
            .map(|wanted| indices.iter().position(|index| *index == position(*wanted)).unwrap_or_default())
            .collect();
        let table_schema =
            TableSchema::builder(Arc::new(Schema::new(in_files))).with_table_partition_cols(from_records).build();
        let statistics = Statistics::new_unknown(table_schema.table_schema())
            .with_num_rows(Precision::Inexact(usize::try_from(set.rows).unwrap_or(usize::MAX)));
        let files: Vec<PartitionedFile> = set.files.iter().map(partitioned_file).collect();
        let url = ObjectStoreUrl::parse(&set.store_url)?;
        let blocks = set.files.iter().map(|file| (recorded_path(&file.path), Arc::clone(&file.blocks)));
        let verified = Verified::new(state.runtime_env().object_store(&url)?, blocks.collect());
        let reader = Arc::new(DefaultParquetFileReaderFactory::new(Arc::new(verified)));
        let source = Arc::new(ParquetSource::new(table_schema).with_parquet_file_reader_factory(reader));
        let config = FileScanConfigBuilder::new(url, source)
            .with_file_groups(if files.is_empty() { Vec::new() } else { vec![FileGroup::new(files)] })
            .with_statistics(statistics)
            .with_projection_indices(Some(indices))?
            .with_limit(limit)
            .build();
        let scan: Arc<dyn ExecutionPlan> = DataSourceExec::from_data_source(config);
        if !renamed {
            return Ok(scan);
        }
        let column = |(place, index): (&usize, &usize)| {
            let column: Arc<dyn PhysicalExpr> = Arc::new(Column::new(&set.stored[*index], *place));
            (column, set.schema.field(*index).name().clone())
        };
        let columns: Vec<_> = places.iter().zip(wanted).map(column).collect();
        Ok(Arc::new(ProjectionExec::try_new(columns, scan)?))
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
        size: file.blocks.size(),
        e_tag: None,
        version: None,
    };
    PartitionedFile::new_from_meta(meta).with_partition_values(file.captured.clone())
}
