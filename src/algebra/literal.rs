//! Values in queries, encoded by hand, and expressions of values alone, evaluated by the engine's own kernels.

use super::node::Term;
use crate::sql::DataType;
use crate::sql::types::storage_type;
use datafusion::arrow::array::{RecordBatch, RecordBatchOptions};
use datafusion::arrow::datatypes::Schema;
use datafusion::arrow::row::{RowConverter, SortField};
use datafusion::common::{DFSchema, ScalarValue};
use datafusion::execution::context::ExecutionProps;
use datafusion::logical_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion::logical_expr::{Expr, Operator};
use datafusion::physical_expr::create_physical_expr;
use datafusion::physical_plan::ColumnarValue;
use std::sync::Arc;

/// A value as a term: its stored type and its bytes, none for null. Fails for a type that has no encoding.
pub fn term(value: &ScalarValue) -> Result<Term, String> {
    let data_type = storage_type(&value.data_type());
    let text = value.to_string();
    if value.is_null() {
        return Ok(Term::Literal { data_type, value: Vec::new(), text: "null".to_owned() });
    }
    let bytes = match value {
        ScalarValue::Boolean(Some(value)) => vec![u8::from(*value)],
        ScalarValue::Int64(Some(value)) => value.to_le_bytes().to_vec(),
        ScalarValue::Int32(Some(value)) => value.to_le_bytes().to_vec(),
        ScalarValue::Float64(Some(value)) => value.to_bits().to_le_bytes().to_vec(),
        ScalarValue::Utf8(Some(value)) | ScalarValue::Utf8View(Some(value)) | ScalarValue::LargeUtf8(Some(value)) => {
            // The empty text isn't null.
            let mut bytes = vec![1];
            bytes.extend_from_slice(value.as_bytes());
            bytes
        }
        other => {
            let stored = other.cast_to(&data_type).map_err(|e| e.to_string())?;
            let array = stored.to_array().map_err(|e| e.to_string())?;
            let converter = RowConverter::new(vec![SortField::new(data_type.clone())]).map_err(|e| e.to_string())?;
            let rows = converter.convert_columns(&[array]).map_err(|e| e.to_string())?;
            rows.row(0).as_ref().to_vec()
        }
    };
    Ok(Term::Literal { data_type, value: bytes, text })
}

/// The value of an operator or cast over values; `None` for anything else and for what fails.
pub fn fold(expression: &Expr) -> Option<ScalarValue> {
    if matches!(expression, Expr::Literal(..)) || !is_constant(expression) {
        return None;
    }
    let schema = DFSchema::empty();
    let physical =
        create_physical_expr(expression, &schema, &ExecutionProps::new(), &PhysicalPlanningContext::default()).ok()?;
    let options = RecordBatchOptions::new().with_row_count(Some(1));
    let batch = RecordBatch::try_new_with_options(Arc::new(Schema::empty()), Vec::new(), &options).ok()?;
    match physical.evaluate(&batch).ok()? {
        ColumnarValue::Scalar(value) => Some(value),
        ColumnarValue::Array(array) => ScalarValue::try_from_array(&array, 0).ok(),
    }
}

/// Only operators and casts over values, which no setting and no clock can reach.
fn is_constant(expression: &Expr) -> bool {
    match expression {
        Expr::Literal(..) => true,
        Expr::BinaryExpr(binary) => folds(binary.op) && is_constant(&binary.left) && is_constant(&binary.right),
        Expr::Cast(cast) => !reads_clock(cast.field.data_type()) && is_constant(&cast.expr),
        Expr::TryCast(cast) => !reads_clock(cast.field.data_type()) && is_constant(&cast.expr),
        Expr::Negative(operand) | Expr::Not(operand) => is_constant(operand),
        _ => false,
    }
}

/// Text such as `today` or `now` is a time of the clock where a time with its zone is read.
fn reads_clock(to: &DataType) -> bool {
    matches!(to, DataType::Timestamp(_, Some(_)))
}

fn folds(operator: Operator) -> bool {
    matches!(
        operator,
        Operator::Eq
            | Operator::NotEq
            | Operator::Lt
            | Operator::LtEq
            | Operator::Gt
            | Operator::GtEq
            | Operator::Plus
            | Operator::Minus
            | Operator::Multiply
            | Operator::Divide
            | Operator::Modulo
            | Operator::And
            | Operator::Or
            | Operator::StringConcat
    )
}
