//! `string_agg` and `nth_value` as aggregates that sort what they gather by themselves.
//!
//! DataFusion's own ask for sorted rows, so that two of them with different orders in one query are refused. An order
//! that pie appends must not bring that about. `string_agg` sorts anyway and only has to say so; `nth_value` is taken
//! from what `array_agg` gathers. Names, arguments and results are DataFusion's.

use datafusion::arrow::array::{Array, ArrayRef};
use datafusion::arrow::datatypes::{DataType, FieldRef};
use datafusion::common::{DataFusionError, Result, ScalarValue};
use datafusion::functions_aggregate::array_agg::array_agg_udaf;
use datafusion::functions_aggregate::nth_value::nth_value_udaf;
use datafusion::functions_aggregate::string_agg::string_agg_udaf;
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::AggregateOrderSensitivity;
use datafusion::logical_expr::{Accumulator, AggregateUDF, AggregateUDFImpl, Documentation, Signature};
use datafusion::physical_expr::expressions::Literal;
use std::sync::{Arc, LazyLock};

/// `string_agg(x, delimiter order by …)`.
pub(super) fn string_agg() -> Arc<AggregateUDF> {
    static FUNCTION: LazyLock<Arc<AggregateUDF>> = LazyLock::new(|| {
        Arc::new(AggregateUDF::new_from_impl(Sorting { stock: string_agg_udaf(), gathers: Gathers::Text }))
    });
    Arc::clone(&FUNCTION)
}

/// `nth_value(x, n order by …)`.
pub(super) fn nth_value() -> Arc<AggregateUDF> {
    static FUNCTION: LazyLock<Arc<AggregateUDF>> = LazyLock::new(|| {
        Arc::new(AggregateUDF::new_from_impl(Sorting { stock: nth_value_udaf(), gathers: Gathers::Values }))
    });
    Arc::clone(&FUNCTION)
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Gathers {
    Text,
    Values,
}

#[derive(PartialEq, Eq, Hash, Debug)]
struct Sorting {
    /// DataFusion's function of the same name.
    stock: Arc<AggregateUDF>,
    gathers: Gathers,
}

/// What DataFusion's own functions leave at its default is left there. Their `reverse_expr` is left out: it is about an
/// order of the rows, which isn't asked for here.
impl AggregateUDFImpl for Sorting {
    fn name(&self) -> &str {
        self.stock.name()
    }

    fn aliases(&self) -> &[String] {
        self.stock.aliases()
    }

    fn signature(&self) -> &Signature {
        self.stock.signature()
    }

    fn return_type(&self, arg_types: &[DataType]) -> Result<DataType> {
        self.stock.return_type(arg_types)
    }

    fn accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        match self.gathers {
            Gathers::Text => self.stock.accumulator(args),
            Gathers::Values => nth_accumulator(args),
        }
    }

    fn state_fields(&self, args: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        match self.gathers {
            Gathers::Text => self.stock.state_fields(args),
            Gathers::Values => array_agg_udaf().state_fields(StateFieldsArgs { is_distinct: false, ..args }),
        }
    }

    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        AggregateOrderSensitivity::Beneficial
    }

    fn with_beneficial_ordering(self: Arc<Self>, _ordered: bool) -> Result<Option<Arc<dyn AggregateUDFImpl>>> {
        let same: Arc<dyn AggregateUDFImpl> = self;
        Ok(Some(same))
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.stock.documentation()
    }
}

fn nth_accumulator(args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
    let ([_, place], [field, ..]) = (args.exprs, args.expr_fields) else {
        return Err(DataFusionError::Plan("nth_value takes a value and a number".to_owned()));
    };
    let n = match place.downcast_ref::<Literal>().map(Literal::value) {
        Some(ScalarValue::Int64(Some(n))) if *n != 0 => *n,
        _ => {
            let message = format!("nth_value not supported for n: {place}");
            return Err(DataFusionError::NotImplemented(message));
        }
    };
    let data_type = field.data_type().clone();
    let gathered = array_agg_udaf().accumulator(AccumulatorArgs {
        exprs: &args.exprs[..1],
        expr_fields: &args.expr_fields[..1],
        ignore_nulls: false,
        is_distinct: false,
        ..args
    })?;
    Ok(Box::new(Nth { gathered, n, data_type }))
}

/// The n-th value from the front, or from the back for a negative n.
#[derive(Debug)]
struct Nth {
    gathered: Box<dyn Accumulator>,
    n: i64,
    data_type: DataType,
}

impl Accumulator for Nth {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        // The value, n, then the columns of the order.
        let without_n: Vec<ArrayRef> = values.iter().take(1).chain(values.iter().skip(2)).cloned().collect();
        self.gathered.update_batch(&without_n)
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        self.gathered.merge_batch(states)
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        self.gathered.state()
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let ScalarValue::List(list) = self.gathered.evaluate()? else {
            return Err(DataFusionError::Internal("array_agg gives a list".to_owned()));
        };
        let values = list.values();
        let place = if self.n > 0 { self.n - 1 } else { (values.len() as i64).saturating_add(self.n) };
        match usize::try_from(place) {
            Ok(place) if place < values.len() => ScalarValue::try_from_array(values, place),
            Ok(_) | Err(_) => ScalarValue::try_from(&self.data_type),
        }
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.gathered.size()
    }
}
