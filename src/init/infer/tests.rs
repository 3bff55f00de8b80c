//! Small folders in, exact text out. Each text is parsed, formatted and analysed as `pie check` would.

use super::{InferError, Inferred, infer};
use crate::sql::QueryLimits;
use crate::text::SourceMap;
use datafusion::arrow::array::{
    Array, ArrayRef, Int32Array, Int64Array, StringArray, TimestampMicrosecondArray, new_null_array,
};
use datafusion::arrow::datatypes::{DataType, Field, Schema};
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::parquet::arrow::ArrowWriter;
use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

const HEADER: &str = "\
-- Written by `pie init` from the files below `raw/`: a proposal. Are the types what you mean, and will `not null`
-- hold tomorrow? Whatever stands here, `pie freeze` verifies it against every row.

domain raw {}
";

/// Checks what is inferred from a folder `raw` with the files given.
#[track_caller]
fn check(files: &[(&str, &str)], expected: &str) -> Inferred {
    let folder = tempfile::tempdir().unwrap();
    let raw = folder.path().join("raw");
    for (path, text) in files {
        write(&raw.join(path), text.as_bytes());
    }
    check_folder(&raw, expected)
}

#[track_caller]
fn check_folder(raw: &Path, expected: &str) -> Inferred {
    let inferred = infer(raw, "raw").unwrap();
    let text = inferred.text.strip_prefix(HEADER).unwrap_or(&inferred.text);
    assert_eq!(text, expected, "inferred:\n{text}");
    let mut sources = SourceMap::default();
    let id = sources.add("main.pie", inferred.text.as_str());
    let parse = crate::syntax::parse(id, &inferred.text);
    assert!(parse.diagnostics.is_empty(), "{:#?}", parse.diagnostics);
    assert_eq!(crate::syntax::format::format(&parse.file, &inferred.text), inferred.text, "formatted");
    let declared = crate::resolve::resolve(
        [&parse.file].into_iter(),
        &sources,
        &QueryLimits::default(),
        &crate::memo::Memo::none(),
    );
    assert!(declared.diagnostics().next().is_none(), "{declared:#?}");
    let analysis = crate::semantic::analyze(
        declared.declarations,
        &sources,
        &crate::memo::Memo::none(),
        crate::semantic::Plans::Kept,
    );
    let found: Vec<_> = analysis.diagnostics().collect();
    assert!(found.is_empty(), "{found:#?}");
    inferred
}

fn write(path: &Path, bytes: &[u8]) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}

fn write_parquet(path: &Path, columns: Vec<(&str, bool, ArrayRef)>) {
    let mut fields: Vec<Field> = Vec::new();
    let mut arrays: Vec<ArrayRef> = Vec::new();
    for (name, nullable, array) in columns {
        fields.push(Field::new(name, array.data_type().clone(), nullable));
        arrays.push(array);
    }
    let schema = Arc::new(Schema::new(fields));
    let batch = RecordBatch::try_new(Arc::clone(&schema), arrays).unwrap();
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let mut writer = ArrowWriter::try_new(File::create(path).unwrap(), schema, None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
}

fn array(array: impl Array + 'static) -> ArrayRef {
    Arc::new(array)
}

#[test]
fn a_csv_file_is_a_source() {
    let inferred = check(
        &[(
            "Orders.csv",
            "order_id,Order Day,amount,paid,code,note,empty\n\
             1,2026-01-01,20.00,true,007,,\n\
             2,2026-01-02,5.5,false,012,\"said \"\"x\"\", late\",\n",
        )],
        "
-- 1 file, 2 rows, all of them read
public source raw.orders {
  from 'raw/Orders.csv'
  -- key (order_id)   -- unique in the rows sampled; take the dashes away to have it verified
  columns (
    order_id     bigint         not null,
    \"Order Day\"  date           not null,
    amount       decimal(18, 2) not null,
    paid         boolean        not null,
    code         text           not null,
    note         text,
    empty        text
  )
}
",
    );
    let [source] = inferred.sources.as_slice() else { panic!("{:?}", inferred.sources) };
    assert_eq!((source.name.as_str(), source.files, source.rows_sampled, source.columns), ("raw.orders", 1, 2, 7));
    assert!(inferred.skipped.is_empty(), "{:?}", inferred.skipped);
}

#[test]
fn delimiters_and_partitions_and_what_is_in_not_all_files() {
    check(
        &[
            ("rates/day=2026-01-01/rates.csv", "asset;usd;old\nETH;3100,5;1\n"),
            ("rates/day=2026-01-02/rates.csv", "usd;asset;new\n;BNB;\n"),
        ],
        "
-- 2 files, 2 rows, all of them read
-- left out, since not all files have it: new, old
public source raw.rates {
  from 'raw/rates/day={day}/*.csv'
  format csv (delimiter ';')
  partition by (day)
  columns (
    asset  text not null,
    usd    text,
    day    date not null   -- from the path
  )
}
",
    );
}

#[test]
fn names_say_which_files_belong_together() {
    let inferred = check(
        &[
            ("merchants.csv", "merchant_id,name\nm1,A\nm1,B\n"),
            ("orders_2026-01-01.csv", "amount\n1\n"),
            ("orders_2026-01-02.csv", "amount\n2\n"),
            ("regions/eu.csv", "code\nDE\n"),
            ("regions/us.csv", "code\nCA\n"),
            (".hidden.csv", "x\n1\n"),
            ("_delta_log/0.json", "{}\n"),
            ("_delta_log/1.json", "{}\n"),
            ("empty.csv", ""),
            ("notes.txt", "x"),
        ],
        "
-- 1 file, 2 rows, all of them read
public source raw.merchants {
  from 'raw/merchants.csv'
  columns (
    merchant_id  text not null,
    name         text not null
  )
}

-- 2 files, 2 rows, all of them read
public source raw.orders {
  from 'raw/orders_*.csv'
  columns (
    amount  bigint not null
  )
}

-- 2 files, 2 rows, all of them read
-- one source, since they have the same columns: eu.csv, us.csv
public source raw.regions {
  from 'raw/regions/*.csv'
  columns (
    code  text not null
  )
}
",
    );
    let mut skipped: Vec<&str> = inferred.skipped.iter().map(|(path, _)| path.as_str()).collect();
    skipped.sort_unstable();
    assert_eq!(skipped, ["_delta_log/", "empty.csv", "notes.txt"]);
}

#[test]
fn json_has_types_of_its_own() {
    check(
        &[
            (
                "signups/2026-01-01.ndjson",
                r#"{"signup_id":"s1","at":"2026-01-01T10:00:00Z","score":1,"userId":7,"tags":["a"],"address":{"city":"Oslo","zip code":150}}
{"signup_id":"s2","at":"2026-01-01","score":2.5,"userId":8,"tags":[],"address":null,"age":"41"}
"#,
            ),
            (
                "signups/2026-01-08.ndjson",
                r#"{"signup_id":"s3","at":"2026-01-08","score":"n/a","userId":9,"tags":null,"address":{},"age":"007"}
"#,
            ),
        ],
        "
-- 2 files, 3 rows, all of them read
public source raw.signups {
  from 'raw/signups/*.ndjson'
  -- key (signup_id)   -- unique in the rows sampled; take the dashes away to have it verified
  columns (
    signup_id  text                                 not null,
    at         timestamp                            not null,
    score      double                               not null,   -- mixed: texts (1) among numbers (2) can't be read
    \"userId\"   bigint                               not null,
    tags       text[],
    address    struct<city text, \"zip code\" bigint>,
    age        text
  )
}
",
    );
}

#[test]
fn json_that_is_not_an_object_a_line_is_skipped() {
    let folder = tempfile::tempdir().unwrap();
    write(&folder.path().join("a.json"), b"[\n  {\"a\": 1}\n]\n");
    write(&folder.path().join("b.json"), b"{\n  \"a\": 1\n}\n");
    write(&folder.path().join("c.ndjson"), b"1\n");
    let error = infer(folder.path(), "raw").unwrap_err();
    let InferError::NoFiles { skipped, .. } = &error else { panic!("{error}") };
    let whys: Vec<&str> = skipped.iter().map(|(_, why)| why.as_str()).collect();
    assert!(whys[0].contains("array") && whys[1].contains("object a line"), "{whys:?}");
    assert_eq!(whys[2], "line 1 isn't a JSON object");
}

#[test]
fn parquet_says_itself_what_it_holds() {
    let folder = tempfile::tempdir().unwrap();
    let raw = folder.path().join("raw");
    write_parquet(
        &raw.join("transfers/chain=eth/day=2026-01-01/part-0.parquet"),
        vec![
            ("tx_hash", false, array(StringArray::from(vec!["a", "b"]))),
            ("block_at", false, array(TimestampMicrosecondArray::from(vec![0_i64, 1]))),
            ("amount", true, array(Int32Array::from(vec![1, 2]))),
            ("memo", true, array(StringArray::from(vec![None, Some("x")]))),
        ],
    );
    write_parquet(
        &raw.join("transfers/chain=bsc/day=2026-01-02/part-1.parquet"),
        vec![
            ("tx_hash", true, array(StringArray::from(vec!["c", "d"]))),
            ("block_at", false, array(TimestampMicrosecondArray::from(vec![2_i64, 3]))),
            ("amount", true, array(Int64Array::from(vec![3, 4]))),
            ("memo", true, array(StringArray::from(vec!["y", "z"]))),
        ],
    );
    let inferred = check_folder(
        &raw,
        "
-- 2 files, 4 rows: types and nulls are those of the Parquet metadata
public source raw.transfers {
  from 'raw/transfers/chain={chain}/day={day}/*.parquet'
  partition by (chain, day)
  -- key (tx_hash)   -- unique in the rows sampled; take the dashes away to have it verified
  columns (
    tx_hash   text         not null,
    block_at  timestamp(6) not null,
    amount    bigint       not null,
    memo      text,
    chain     text         not null,   -- from the path
    day       date         not null    -- from the path
  )
}
",
    );
    assert_eq!(inferred.sources[0].rows_sampled, 4);
}

#[test]
fn parquet_that_holds_its_partition_too_keeps_the_type() {
    let folder = tempfile::tempdir().unwrap();
    let raw = folder.path().join("raw");
    let list = Field::new_list("item", Field::new("item", DataType::Int32, true), true);
    write_parquet(
        &raw.join("year=2026/data.parquet"),
        vec![
            ("year", false, array(Int32Array::from(vec![2026]))),
            ("sizes", true, new_null_array(list.data_type(), 1)),
        ],
    );
    check_folder(
        &raw,
        "
-- 1 file, 1 row: types and nulls are those of the Parquet metadata
public source raw.raw {
  from 'raw/year={year}/*.parquet'
  partition by (year)
  columns (
    sizes  int[],
    year   int   not null   -- from the path
  )
}
",
    );
}

#[test]
fn packed_text_is_unpacked() {
    let folder = tempfile::tempdir().unwrap();
    let raw = folder.path().join("raw");
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(b"a\tb\n1\tx\n").unwrap();
    write(&raw.join("lines.tsv.gz"), &encoder.finish().unwrap());
    check_folder(
        &raw,
        "
-- 1 file, 1 row, all of them read
public source raw.lines {
  from 'raw/lines.tsv.gz'
  columns (
    a  bigint not null,
    b  text   not null
  )
}
",
    );
}

#[test]
fn bad_rows_and_columns_are_told() {
    check(
        &[("it's.csv", ",a,a,b\n1,2,3,x\n1,2\n")],
        "
-- 1 file, 1 row sampled
-- left out: column 1, since it has no proper name
-- left out: column 3, since there is another `a`
-- it's.csv: line 3: this row has 2 fields, the first one has 4
public source raw.it_s {
  from 'raw/it''s.csv'
  columns (
    a  bigint not null,
    b  text   not null
  )
}
",
    );
}

#[test]
fn folders_that_give_nothing_are_errors() {
    let folder = tempfile::tempdir().unwrap();
    let nowhere = folder.path().join("nowhere");
    assert!(matches!(infer(&nowhere, "x"), Err(InferError::NotAFolder { .. })));
    assert!(matches!(infer(folder.path(), "x"), Err(InferError::NoFiles { .. })));
    assert!(matches!(infer(folder.path(), "../x"), Err(InferError::BadPath { .. })));
    let error = infer(&nowhere, "x").unwrap_err().to_string();
    assert!(error.ends_with("nowhere` is no folder"), "{error}");
}
