//! Newline-delimited JSON: columns are the keys of a sample's rows, types are those of their values.
//!
//! A JSON file says more of its types than a CSV file does, and freezing takes it at its word: a text isn't read as a
//! number, nor a number as a text. So only texts are looked into, for dates and times.

use super::columns::{Column, Described, SAMPLED_ROWS, sampled};
use super::group::{DataFile, Shape};
use super::names::{Distinct, is_writable, quoted};
use super::scalar::TextValues;
use super::walk::open_text;
use serde_json::{Map, Value};
use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

/// Reads the keys of the first rows.
pub(super) fn shape(path: &Path) -> Result<Shape, String> {
    let mut fields = Fields::default();
    let mut rows = 0;
    read(path, SHAPE_ROWS, &mut |object| {
        rows += 1;
        fields.add(&object);
    })?;
    match rows {
        0 => Err("it is empty".to_owned()),
        _ => Ok(Shape { columns: fields.all.into_iter().map(|(name, _)| name).collect(), delimiter: 0 }),
    }
}

pub(super) fn describe(files: &[&DataFile]) -> Described {
    let mut fields = Fields::default();
    let mut distinct: HashMap<String, Distinct> = HashMap::new();
    let mut notes = Vec::new();
    let mut rows = 0;
    let picked = sampled(files.len());
    let mut is_whole = picked.len() == files.len();
    for file in picked.iter().filter_map(|index| files.get(*index)) {
        let result = read(&file.raw.path, SAMPLED_ROWS, &mut |object| {
            rows += 1;
            fields.add(&object);
            for (name, value) in &object {
                let distinct = distinct.entry(name.clone()).or_insert_with(|| Distinct::new(name));
                match value {
                    Value::String(text) => distinct.add(text),
                    Value::Number(number) => distinct.add(&number.to_string()),
                    Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => {}
                }
            }
        });
        match result {
            Ok(is_all) => is_whole &= is_all,
            Err(why) => {
                is_whole = false;
                notes.push(format!("{}: {why}", file.raw.shown()));
            }
        }
    }
    let mut columns = Vec::new();
    for (name, values) in &fields.all {
        let mut mixed = Vec::new();
        let data_type = match values.data_type(&mut mixed) {
            Ok(data_type) if is_writable(name) => data_type,
            Ok(_) => {
                notes.push(format!("left out: {name:?}, since it is no proper name"));
                continue;
            }
            Err(why) => {
                notes.push(format!("left out: {name}, since {why}"));
                continue;
            }
        };
        columns.push(Column {
            name: name.clone(),
            data_type,
            not_null: rows > 0 && values.count() == rows,
            note: (!mixed.is_empty()).then(|| mixed.join("; ")),
            is_unique: mixed.is_empty() && distinct.get(name).is_some_and(|distinct| distinct.holds(rows)),
        });
    }
    Described {
        columns,
        partition_by: Vec::new(),
        files: files.len(),
        files_read: picked.len(),
        rows,
        is_whole,
        is_metadata: false,
        format: None,
        notes,
    }
}

/// Rows that show what a file is about.
const SHAPE_ROWS: usize = 20;
/// Longer lines are no rows: somebody's whole data set on one line shouldn't fill the memory.
const LINE_BYTES: u64 = 16 << 20;
/// An object with more keys than this is a map, whose keys are data.
const STRUCT_FIELDS: usize = 100;

/// Calls `each` with up to `limit` rows and says whether those are all.
fn read(path: &Path, limit: usize, each: &mut dyn FnMut(Map<String, Value>)) -> Result<bool, String> {
    let mut reader = BufReader::new(open_text(path).map_err(|error| error.to_string())?);
    let (mut line, mut count) = (0_u64, 0);
    loop {
        let mut bytes = Vec::new();
        let read = reader.by_ref().take(LINE_BYTES).read_until(b'\n', &mut bytes).map_err(|error| error.to_string())?;
        line += 1;
        if read == 0 {
            return Ok(true);
        }
        let text = bytes.trim_ascii();
        if text.is_empty() {
            continue;
        }
        if count == limit {
            return Ok(false);
        }
        match serde_json::from_slice::<Value>(text) {
            Ok(Value::Object(object)) => each(object),
            _ if text.starts_with(b"[") && count == 0 => {
                return Err("it is an array, and pie reads an object a line: `jq -c '.[]'` writes them so".to_owned());
            }
            Ok(_) => return Err(format!("line {line} isn't a JSON object")),
            Err(error) if error.is_eof() && count == 0 => {
                return Err("it isn't an object a line, as pie reads them: `jq -c .` writes them so".to_owned());
            }
            Err(_) => return Err(format!("line {line} isn't one JSON object")),
        }
        count += 1;
    }
}

/// The keys of objects, in the order in which they came.
#[derive(Default)]
struct Fields {
    all: Vec<(String, Values)>,
    positions: HashMap<String, usize>,
}

impl Fields {
    fn add(&mut self, object: &Map<String, Value>) {
        for (name, value) in object {
            let position = match self.positions.get(name) {
                Some(position) => *position,
                None => {
                    self.positions.insert(name.clone(), self.all.len());
                    self.all.push((name.clone(), Values::default()));
                    self.all.len() - 1
                }
            };
            if let Some((_, values)) = self.all.get_mut(position) {
                values.add(value);
            }
        }
    }
}

/// What was seen of a key's values; null counts as nothing.
#[derive(Default)]
struct Values {
    booleans: u64,
    /// Whole numbers that fit a `bigint`.
    integers: u64,
    /// Whole numbers beyond.
    large: u64,
    fractions: u64,
    texts: u64,
    text: TextValues,
    lists: u64,
    items: Option<Box<Values>>,
    objects: u64,
    fields: Option<Box<Fields>>,
}

impl Values {
    fn add(&mut self, value: &Value) {
        match value {
            Value::Null => {}
            Value::Bool(_) => self.booleans += 1,
            Value::Number(number) if number.is_i64() => self.integers += 1,
            Value::Number(number) if number.is_u64() => self.large += 1,
            Value::Number(_) => self.fractions += 1,
            Value::String(text) => {
                self.texts += 1;
                self.text.add(text);
            }
            Value::Array(items) => {
                self.lists += 1;
                let values = self.items.get_or_insert_default();
                items.iter().for_each(|item| values.add(item));
            }
            Value::Object(object) => {
                self.objects += 1;
                self.fields.get_or_insert_default().add(object);
            }
        }
    }

    fn count(&self) -> u64 {
        self.families().iter().map(|(_, count)| count).sum()
    }

    fn families(&self) -> [(&'static str, u64); 5] {
        [
            ("texts", self.texts),
            ("numbers", self.integers + self.large + self.fractions),
            ("booleans", self.booleans),
            ("lists", self.lists),
            ("objects", self.objects),
        ]
    }

    /// The type of most of the values. The others can't be read as that, which `mixed` is told.
    fn data_type(&self, mixed: &mut Vec<String>) -> Result<String, String> {
        let families = self.families();
        let most = families.iter().map(|(_, count)| *count).max().unwrap_or(0);
        let Some((family, _)) = families.iter().find(|(_, count)| *count == most && most > 0) else {
            return Ok("text".to_owned());
        };
        let others = families.iter().filter(|(other, count)| other != family && *count > 0);
        let others: Vec<String> = others.map(|(other, count)| format!("{other} ({count})")).collect();
        if !others.is_empty() {
            mixed.push(format!("mixed: {} among {family} ({most}) can't be read", others.join(" and ")));
        }
        match *family {
            "texts" => Ok(self.text.date_or_text()),
            "booleans" => Ok("boolean".to_owned()),
            "numbers" => Ok(self.number_type().to_owned()),
            "lists" => {
                let items = self.items.as_ref().map_or_else(|| Ok("text".to_owned()), |items| items.data_type(mixed));
                items.map(|items| format!("{items}[]"))
            }
            _ => self.struct_type(mixed),
        }
    }

    fn number_type(&self) -> &'static str {
        match (self.fractions, self.large) {
            (0, 0) => "bigint",
            (0, _) => "decimal(38, 0)",
            _ => "double",
        }
    }

    fn struct_type(&self, mixed: &mut Vec<String>) -> Result<String, String> {
        let fields = self.fields.as_ref().map_or(&[][..], |fields| fields.all.as_slice());
        if fields.len() > STRUCT_FIELDS {
            return Err(format!("it is a map of {} keys rather than a struct", fields.len()));
        }
        let mut types = Vec::new();
        for (name, values) in fields {
            match values.data_type(mixed) {
                Ok(data_type) if is_writable(name) => types.push(format!("{} {data_type}", quoted(name))),
                Ok(_) => mixed.push(format!("without {name:?}")),
                Err(why) => mixed.push(format!("without {name}, since {why}")),
            }
        }
        if types.is_empty() {
            return Err("it is an object without fields".to_owned());
        }
        Ok(format!("struct<{}>", types.join(", ")))
    }
}
