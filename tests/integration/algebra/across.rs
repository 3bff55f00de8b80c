//! What only two projects can show: the same text over sources that are declared otherwise.

use super::project::{Checked, check};
use icepie::algebra::plant::{self, Fault};
use icepie::algebra::{self, Field, Meaning};
use icepie::name::RelationName;

/// Fields that differ between projects only: within one, a column has one type, and a text without a model has one
/// meaning.
pub const FIELDS: [Field; 2] = [Field::ColumnType, Field::OpaqueInputs];

const NARROW: &str = "
domain d { owner 'tests' }
public source d.e { from 'raw/e.parquet' columns (a int, b int) }
public source d.v { from 'raw/v.parquet' columns (k int, v int) }
";

/// The type of one column is another.
const WIDE: &str = "
domain d { owner 'tests' }
public source d.e { from 'raw/e.parquet' columns (a int, b bigint) }
public source d.v { from 'raw/v.parquet' columns (k int, v int) }
";

/// One column more.
const LONGER: &str = "
domain d { owner 'tests' }
public source d.e { from 'raw/e.parquet' columns (a int, b int) }
public source d.v { from 'raw/v.parquet' columns (k int, v int, b int) }
";

/// A query that needs a model, and one that has none.
const COLUMN: &str = "select b as z from e";
const OPAQUE: &str = "select e.a, x.v from e, lateral (select v.v from v where v.k = e.a) x";

fn checked(sources: &str, query: &str) -> Checked {
    let checked = check(sources, &[("s".to_owned(), query.to_owned())]);
    assert!(checked.errors.is_empty(), "\n{}", checked.errors);
    checked
}

fn meaning(checked: &Checked) -> Meaning {
    let meanings = algebra::meanings(&checked.model);
    meanings.inputs.get(&RelationName::new("d", "s")).cloned().expect("the slice has a plan")
}

/// The fingerprints alone.
fn prints(meaning: &Meaning) -> Vec<&str> {
    let columns = meaning.columns.iter().map(|column| column.fingerprint.as_str());
    [meaning.row.as_str()].into_iter().chain(columns).collect()
}

#[test]
fn types_of_columns_count_and_are_noticed_when_left_out() {
    for (field, query) in [(Field::ColumnType, COLUMN), (Field::OpaqueInputs, OPAQUE)] {
        let (narrow, wide) = (checked(NARROW, query), checked(WIDE, query));
        let (left, right) = (meaning(&narrow), meaning(&wide));
        assert_eq!(left.opaque.is_some(), field == Field::OpaqueInputs, "{:?}", left.opaque);
        assert_ne!(prints(&left), prints(&right), "{field:?}");
        let fault = Fault::LeaveOut(field);
        let (left, right) = plant::with(fault, || (meaning(&narrow), meaning(&wide)));
        assert_eq!(prints(&left), prints(&right), "{fault:?} isn't noticed");
    }
}

/// `b` is a column of the query around until the inner table gets one of its own.
#[test]
fn a_column_that_captures_a_name_changes_the_rows() {
    let query = "select a from e where exists (select 1 from v where k = b)";
    let (before, after) = (meaning(&checked(NARROW, query)), meaning(&checked(LONGER, query)));
    assert_ne!(before.row, after.row);
}

/// A wildcard stands for the columns that there are.
#[test]
fn a_new_column_counts_for_a_wildcard_only_where_it_decides_rows() {
    let plain = "select * from v";
    let (before, after) = (meaning(&checked(NARROW, plain)), meaning(&checked(LONGER, plain)));
    assert_eq!(before.row, after.row);
    assert_eq!(prints(&before), prints(&after)[..3]);
    let distinct = "select distinct * from v";
    let (before, after) = (meaning(&checked(NARROW, distinct)), meaning(&checked(LONGER, distinct)));
    assert_ne!(before.row, after.row);
    for (before, after) in before.columns.iter().zip(&after.columns) {
        assert_ne!(before.fingerprint, after.fingerprint);
    }
    let natural = "select e.a from e natural join (select v as a, k as c, * from v) x";
    let (before, after) = (meaning(&checked(NARROW, natural)), meaning(&checked(LONGER, natural)));
    assert_ne!(before.row, after.row);
}
