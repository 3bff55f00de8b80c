//! `sum` and `avg` as DataFusion functions: its own for all types but floats, and exact sums for these.
//!
//! Names, signatures, coercions and result types are DataFusion's: `Float16` and `Float32` arguments, and integers of
//! `avg`, are cast to `Float64`, which is the type of the result. The average is the exact sum, rounded to a float
//! once, divided by the count, and rounded again by the division; it is infinite if the rounded sum is. Without
//! a value, both are null.
//!
//! | what | state between phases and in spilled files |
//! |---|---|
//! | `sum(x)`, `avg(x)` | `count: UInt64`, `sum: LargeBinary` (the bytes of an [`ExactSum`]) |
//! | `sum(distinct x)`, `avg(distinct x)` | as DataFusion's, a list of the distinct values |
//!
//! Offsets of 64 bits, since the states of all groups are one array, which may pass 2 GiB before it is spilled.
//!
//! Distinct values are those of `group by`: zeros of both signs are one value. NaNs are one value as well, whatever
//! their bits; the result is NaN in any case.
//!
//! No rewrite of a sum of floats is allowed here that is right for real numbers only: `sum(x + 1)` isn't turned into
//! `sum(x) + 1 * count(x)`, and statistics don't answer for the rows. (The optimizer's rule
//! `single_distinct_aggregation_to_group_by` can't be refused by a function: beside one `distinct` aggregate it sums
//! rounded sums. An engine that uses this module does without that rule.)

use super::sum::{ExactSum, NAN};
use datafusion::arrow::array::{Array, ArrayRef, BooleanArray, Float64Array, LargeBinaryBuilder, UInt64Array};
use datafusion::arrow::buffer::NullBuffer;
use datafusion::arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::cast::{as_float64_array, as_large_binary_array, as_list_array, as_uint64_array};
use datafusion::common::hash_utils::RandomState;
use datafusion::common::utils::SingleRowListArrayBuilder;
use datafusion::common::{DataFusionError, HashMap, Result, ScalarValue};
use datafusion::functions_aggregate::average::avg_udaf;
use datafusion::functions_aggregate::sum::sum_udaf;
use datafusion::logical_expr::expr::AggregateFunction;
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::{AggregateOrderSensitivity, format_state_name};
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, Documentation, EmitTo, Expr, GroupsAccumulator, Operator,
    ReversedUDAF, SetMonotonicity, Signature, StatisticsArgs,
};
use std::sync::Arc;

/// `sum`, exact over floats.
pub fn sum() -> AggregateUDF {
    AggregateUDF::new_from_impl(Exact { function: Function::Sum, stock: sum_udaf() })
}

/// `avg`, also called `mean`, of an exact sum over floats.
pub fn avg() -> AggregateUDF {
    AggregateUDF::new_from_impl(Exact { function: Function::Avg, stock: avg_udaf() })
}

/// What is read from a sum and a count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Function {
    Sum,
    Avg,
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Exact {
    function: Function,
    /// DataFusion's function of the same name, which answers for all other types.
    stock: Arc<AggregateUDF>,
}

/// Methods that DataFusion's own `sum` and `avg` leave at their defaults are left there; so is `simplify`, which could
/// not tell floats from other types.
impl AggregateUDFImpl for Exact {
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

    fn is_nullable(&self) -> bool {
        self.stock.is_nullable()
    }

    fn accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        if sums_floats(args.expr_fields, args.return_type()) {
            Ok(self.float_accumulator(args.is_distinct))
        } else {
            self.stock.accumulator(args)
        }
    }

    fn create_sliding_accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        if sums_floats(args.expr_fields, args.return_type()) {
            Ok(self.float_accumulator(args.is_distinct))
        } else {
            self.stock.create_sliding_accumulator(args)
        }
    }

    fn groups_accumulator_supported(&self, args: AccumulatorArgs) -> bool {
        if sums_floats(args.expr_fields, args.return_type()) {
            !args.is_distinct
        } else {
            self.stock.groups_accumulator_supported(args)
        }
    }

    fn create_groups_accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn GroupsAccumulator>> {
        if !sums_floats(args.expr_fields, args.return_type()) {
            return self.stock.create_groups_accumulator(args);
        }
        if args.is_distinct {
            let message = format!("{} of distinct floats has no accumulator of groups", self.name());
            return Err(DataFusionError::NotImplemented(message));
        }
        Ok(Box::new(FloatGroups { function: self.function, totals: Vec::new(), heap: 0 }))
    }

    fn state_fields(&self, args: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        if args.is_distinct || !sums_floats(args.input_fields, args.return_type()) {
            return self.stock.state_fields(args);
        }
        Ok(vec![
            Arc::new(Field::new(format_state_name(args.name, "count"), DataType::UInt64, true)),
            Arc::new(Field::new(format_state_name(args.name, "sum"), DataType::LargeBinary, true)),
        ])
    }

    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        self.stock.order_sensitivity()
    }

    fn reverse_expr(&self) -> ReversedUDAF {
        self.stock.reverse_udf()
    }

    /// Both sides of an operator have one type when the optimizer asks, so that a float's literal tells a float's sum.
    fn simplify_expr_op_literal(
        &self,
        agg_function: &AggregateFunction,
        arg: &Expr,
        op: Operator,
        lit: &Expr,
        arg_is_left: bool,
    ) -> Result<Option<Expr>> {
        match lit {
            Expr::Literal(value, _) if value.data_type().is_floating() => Ok(None),
            _ => self.stock.simplify_expr_op_literal(agg_function, arg, op, lit, arg_is_left),
        }
    }

    /// A recorded sum of floats was rounded in some order.
    fn value_from_stats(&self, statistics_args: &StatisticsArgs) -> Option<ScalarValue> {
        if statistics_args.return_type.is_floating() { None } else { self.stock.value_from_stats(statistics_args) }
    }

    fn default_value(&self, data_type: &DataType) -> Result<ScalarValue> {
        self.stock.default_value(data_type)
    }

    fn set_monotonicity(&self, data_type: &DataType) -> SetMonotonicity {
        self.stock.inner().set_monotonicity(data_type)
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.stock.documentation()
    }
}

impl Exact {
    fn float_accumulator(&self, is_distinct: bool) -> Box<dyn Accumulator> {
        let (function, total) = (self.function, Total::default());
        if is_distinct {
            Box::new(DistinctFloats { function, counts: HashMap::default(), total })
        } else {
            Box::new(Floats { function, total })
        }
    }
}

/// Whether a call is over floats, after coercion.
fn sums_floats(arguments: &[FieldRef], return_type: &DataType) -> bool {
    let is_float = |field: &FieldRef| *field.data_type() == DataType::Float64;
    *return_type == DataType::Float64 && arguments.len() == 1 && arguments.iter().all(is_float)
}

/// The exact sum of floats, and how many they are.
#[derive(Clone, Debug, Default)]
struct Total {
    sum: ExactSum,
    count: u64,
}

impl Total {
    #[inline]
    fn add(&mut self, value: f64) {
        self.sum.add(value);
        self.count += 1;
    }

    /// Takes out a value that was added.
    fn retract(&mut self, value: f64) {
        self.sum.sub(value);
        self.count -= 1;
    }

    fn merge(&mut self, other: &Total) {
        self.sum.merge(&other.sum);
        self.count += other.count;
    }

    fn result(&self, function: Function) -> Option<f64> {
        if self.count == 0 {
            return None;
        }
        let sum = self.sum.value();
        Some(match function {
            Function::Sum => sum,
            // A division might choose other bits for its NaN.
            Function::Avg if sum.is_nan() => NAN,
            Function::Avg => sum / self.count as f64,
        })
    }
}

/// The accumulator of one group or window frame.
#[derive(Debug)]
struct Floats {
    function: Function,
    total: Total,
}

impl Accumulator for Floats {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let values = float_argument(values)?;
        for_each_kept(values, values.nulls(), |_, value| self.total.add(value));
        Ok(())
    }

    fn retract_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let values = float_argument(values)?;
        for_each_kept(values, values.nulls(), |_, value| self.total.retract(value));
        Ok(())
    }

    fn supports_retract_batch(&self) -> bool {
        true
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        Ok(ScalarValue::Float64(self.total.result(self.function)))
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let bytes = self.total.sum.to_bytes();
        Ok(vec![ScalarValue::UInt64(Some(self.total.count)), ScalarValue::LargeBinary(Some(bytes))])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        for_each_state(states, |_, total| self.total.merge(total))
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.total.sum.size()
    }
}

/// The accumulator of the distinct values of one group or window frame.
#[derive(Debug)]
struct DistinctFloats {
    function: Function,
    /// How often each value is there, by its bits.
    counts: HashMap<u64, u64, RandomState>,
    /// Of each value once.
    total: Total,
}

impl Accumulator for DistinctFloats {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.add_all(float_argument(values)?);
        Ok(())
    }

    fn retract_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let values = float_argument(values)?;
        for_each_kept(values, values.nulls(), |_, value| {
            let key = distinct_key(value);
            let Some(count) = self.counts.get_mut(&key) else { return };
            *count -= 1;
            if *count == 0 {
                self.counts.remove(&key);
                self.total.retract(value);
            }
        });
        Ok(())
    }

    fn supports_retract_batch(&self) -> bool {
        true
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        Ok(ScalarValue::Float64(self.total.result(self.function)))
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let values = Float64Array::from_iter_values(self.counts.keys().map(|key| f64::from_bits(*key)));
        Ok(vec![SingleRowListArrayBuilder::new(Arc::new(values)).build_list_scalar()])
    }

    /// Counts of merged values are too small, which is no matter: what is merged is never retracted.
    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        let [lists] = states else { return Err(unexpected("a state of distinct floats is one list")) };
        for values in as_list_array(lists)?.iter().flatten() {
            self.add_all(as_float64_array(&values)?);
        }
        Ok(())
    }

    fn size(&self) -> usize {
        let entry = size_of::<(u64, u64)>() + 1;
        size_of_val(self) + self.counts.capacity() * entry + self.total.sum.size()
    }
}

impl DistinctFloats {
    fn add_all(&mut self, values: &Float64Array) {
        for_each_kept(values, values.nulls(), |_, value| {
            let count = self.counts.entry(distinct_key(value)).or_insert(0);
            *count += 1;
            if *count == 1 {
                self.total.add(value);
            }
        });
    }
}

/// The same bits for values that are not distinct.
fn distinct_key(value: f64) -> u64 {
    if value.is_nan() {
        NAN.to_bits()
    } else if value == 0.0 {
        0
    } else {
        value.to_bits()
    }
}

/// The accumulator of all groups of an aggregation.
#[derive(Debug)]
struct FloatGroups {
    function: Function,
    /// By group.
    totals: Vec<Total>,
    /// The bytes that the totals hold on the heap.
    heap: usize,
}

impl GroupsAccumulator for FloatGroups {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        opt_filter: Option<&BooleanArray>,
        total_num_groups: usize,
    ) -> Result<()> {
        let values = float_argument(values)?;
        self.totals.resize_with(total_num_groups, Total::default);
        for_each_kept(values, kept(values, opt_filter).as_ref(), |row, value| {
            self.change(group_indices[row], |total| total.add(value));
        });
        Ok(())
    }

    fn merge_batch(&mut self, values: &[ArrayRef], group_indices: &[usize], total_num_groups: usize) -> Result<()> {
        self.totals.resize_with(total_num_groups, Total::default);
        for_each_state(values, |row, other| self.change(group_indices[row], |total| total.merge(other)))
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        let totals = self.take(emit_to);
        let results: Float64Array = totals.iter().map(|total| total.result(self.function)).collect();
        Ok(Arc::new(results))
    }

    fn state(&mut self, emit_to: EmitTo) -> Result<Vec<ArrayRef>> {
        Ok(state_arrays(&self.take(emit_to)))
    }

    fn convert_to_state(&self, values: &[ArrayRef], opt_filter: Option<&BooleanArray>) -> Result<Vec<ArrayRef>> {
        let values = float_argument(values)?;
        let mut totals = vec![Total::default(); values.len()];
        for_each_kept(values, kept(values, opt_filter).as_ref(), |row, value| totals[row].add(value));
        Ok(state_arrays(&totals))
    }

    fn size(&self) -> usize {
        self.totals.capacity() * size_of::<Total>() + self.heap
    }
}

impl FloatGroups {
    #[inline]
    fn change(&mut self, group: usize, change: impl FnOnce(&mut Total)) {
        let total = &mut self.totals[group];
        let before = total.sum.size();
        change(total);
        self.heap += total.sum.size() - before;
    }

    fn take(&mut self, emit_to: EmitTo) -> Vec<Total> {
        let totals = emit_to.take_needed(&mut self.totals);
        self.heap -= totals.iter().map(|total| total.sum.size()).sum::<usize>();
        totals
    }
}

/// Totals as the two columns of their state. A group without values has a count and a sum of zero.
fn state_arrays(totals: &[Total]) -> Vec<ArrayRef> {
    let counts = UInt64Array::from_iter_values(totals.iter().map(|total| total.count));
    let mut sums = LargeBinaryBuilder::with_capacity(totals.len(), totals.len() * 17);
    let mut bytes = Vec::new();
    for total in totals {
        bytes.clear();
        total.sum.write_bytes(&mut bytes);
        sums.append_value(&bytes);
    }
    vec![Arc::new(counts), Arc::new(sums.finish())]
}

/// Reads the rows of a state, each with its number.
fn for_each_state(states: &[ArrayRef], mut act: impl FnMut(usize, &Total)) -> Result<()> {
    let [counts, sums] = states else { return Err(unexpected("a state is a count and a sum")) };
    let (counts, sums) = (as_uint64_array(counts)?, as_large_binary_array(sums)?);
    for row in 0..counts.len() {
        if counts.is_null(row) || sums.is_null(row) {
            continue;
        }
        let sum = ExactSum::from_bytes(sums.value(row)).ok_or_else(|| unexpected("the bytes are not of a sum"))?;
        act(row, &Total { sum, count: counts.value(row) });
    }
    Ok(())
}

fn float_argument(values: &[ArrayRef]) -> Result<&Float64Array> {
    let [values] = values else { return Err(unexpected("there is one argument")) };
    as_float64_array(values)
}

/// The rows whose value isn't null and whose filter, if there is one, is true.
fn kept(values: &Float64Array, filter: Option<&BooleanArray>) -> Option<NullBuffer> {
    let passed = filter.map(|filter| match filter.nulls() {
        None => NullBuffer::new(filter.values().clone()),
        Some(nulls) => NullBuffer::new(filter.values() & nulls.inner()),
    });
    NullBuffer::union(passed.as_ref(), values.nulls())
}

/// Visits the values of the rows that are kept, each with its row's number.
#[inline]
fn for_each_kept(values: &Float64Array, kept: Option<&NullBuffer>, mut act: impl FnMut(usize, f64)) {
    match kept {
        Some(kept) if kept.null_count() > 0 => {
            for row in kept.valid_indices() {
                act(row, values.value(row));
            }
        }
        _ => {
            for (row, value) in values.values().iter().enumerate() {
                act(row, *value);
            }
        }
    }
}

/// What the engine never gives.
fn unexpected(fact: &str) -> DataFusionError {
    DataFusionError::Internal(format!("exact sums: {fact}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use datafusion::arrow::array::Int64Array;
    use datafusion::arrow::datatypes::Schema;

    /// Numbers whose sum is 1e17 and a quarter, and something else for a sum that rounds as it goes; with a null.
    const CANCELLING: [Option<f64>; 6] = [Some(1e17), Some(0.125), None, Some(1e300), Some(0.125), Some(-1e300)];

    fn floats(values: &[Option<f64>]) -> ArrayRef {
        Arc::new(values.iter().copied().collect::<Float64Array>())
    }

    /// Calls with the arguments of `function(x)` or `function(distinct x)` over a column of this type.
    fn with_arguments<R>(data_type: DataType, is_distinct: bool, call: impl FnOnce(AccumulatorArgs) -> R) -> R {
        let fields: [FieldRef; 1] = [Arc::new(Field::new("x", data_type.clone(), true))];
        let schema = Schema::empty();
        call(AccumulatorArgs {
            return_field: Arc::new(Field::new("result", data_type, true)),
            schema: &schema,
            ignore_nulls: false,
            order_bys: &[],
            is_reversed: false,
            name: "result",
            is_distinct,
            exprs: &[],
            expr_fields: &fields,
        })
    }

    fn accumulator(function: &AggregateUDF, is_distinct: bool) -> Box<dyn Accumulator> {
        with_arguments(DataType::Float64, is_distinct, |arguments| function.create_sliding_accumulator(arguments))
            .expect("floats have an accumulator")
    }

    fn groups(function: &AggregateUDF) -> Box<dyn GroupsAccumulator> {
        with_arguments(DataType::Float64, false, |arguments| {
            assert!(function.groups_accumulator_supported(arguments.clone()));
            function.create_groups_accumulator(arguments)
        })
        .expect("floats have an accumulator of groups")
    }

    fn state_types(function: &AggregateUDF, is_distinct: bool) -> Vec<DataType> {
        let fields: [FieldRef; 1] = [Arc::new(Field::new("x", DataType::Float64, true))];
        let arguments = StateFieldsArgs {
            name: "result",
            input_fields: &fields,
            return_field: Arc::clone(&fields[0]),
            ordering_fields: &[],
            is_distinct,
        };
        let state = function.state_fields(arguments).expect("floats have a state");
        state.iter().map(|field| field.data_type().clone()).collect()
    }

    fn result(accumulator: &mut dyn Accumulator) -> Option<f64> {
        match accumulator.evaluate().expect("a sum can be read") {
            ScalarValue::Float64(value) => value,
            other => panic!("{other:?} is no float"),
        }
    }

    fn results(array: &ArrayRef) -> Vec<Option<f64>> {
        as_float64_array(array).expect("results are floats").iter().collect()
    }

    /// The state of an accumulator as the columns that carry it to another one.
    fn state_of(accumulator: &mut dyn Accumulator) -> Vec<ArrayRef> {
        let state = accumulator.state().expect("an accumulator has a state");
        state.iter().map(|value| value.to_array().expect("a scalar is an array of one")).collect()
    }

    #[test]
    fn they_go_by_the_names_of_the_stock_functions() {
        assert_eq!((sum().name(), avg().name()), ("sum", "avg"));
        assert_eq!(avg().aliases(), ["mean"]);
        assert_eq!(sum(), sum());
        assert_ne!(sum(), avg());
        assert_ne!(sum(), *sum_udaf());
    }

    #[test]
    fn one_group_is_summed_exactly() -> Result<()> {
        let values = [&CANCELLING[..], &[Some(-1e17)]].concat();
        for (function, expected) in [(sum(), 0.25), (avg(), 0.25 / 6.0)] {
            let mut whole = accumulator(&function, false);
            assert_eq!(result(&mut *whole), None);
            whole.update_batch(&[floats(&values)])?;
            assert_eq!(result(&mut *whole), Some(expected));

            let mut merged = accumulator(&function, false);
            for part in values.chunks(2) {
                let mut partial = accumulator(&function, false);
                partial.update_batch(&[floats(part)])?;
                let state = state_of(&mut *partial);
                let types: Vec<DataType> = state.iter().map(|array| array.data_type().clone()).collect();
                assert_eq!(types, state_types(&function, false));
                merged.merge_batch(&state)?;
            }
            assert_eq!(result(&mut *merged), Some(expected));
        }
        Ok(())
    }

    #[test]
    fn a_window_slides_without_a_trace() -> Result<()> {
        let mut window = accumulator(&sum(), false);
        window.update_batch(&[floats(&CANCELLING)])?;
        window.update_batch(&[floats(&[Some(f64::NAN), Some(2.0)])])?;
        window.retract_batch(&[floats(&CANCELLING)])?;
        assert!(result(&mut *window).is_some_and(f64::is_nan));
        window.retract_batch(&[floats(&[Some(f64::NAN)])])?;
        assert_eq!(result(&mut *window), Some(2.0));
        window.retract_batch(&[floats(&[Some(2.0)])])?;
        assert_eq!(result(&mut *window), None);
        Ok(())
    }

    #[test]
    fn distinct_values_count_once() -> Result<()> {
        let values = [Some(1e17), Some(0.0), Some(1.0), None, Some(-0.0), Some(1.0), Some(-1e17)];
        for (function, expected) in [(sum(), 1.0), (avg(), 0.25)] {
            let mut whole = accumulator(&function, true);
            whole.update_batch(&[floats(&values)])?;
            assert_eq!(result(&mut *whole), Some(expected));

            let mut merged = accumulator(&function, true);
            for part in values.chunks(3) {
                let mut partial = accumulator(&function, true);
                partial.update_batch(&[floats(part)])?;
                let state = state_of(&mut *partial);
                assert_eq!([state[0].data_type().clone()].as_slice(), state_types(&function, true));
                merged.merge_batch(&state)?;
            }
            assert_eq!(result(&mut *merged), Some(expected));

            whole.retract_batch(&[floats(&[Some(1.0), Some(0.0), Some(1e17)])])?;
            whole.retract_batch(&[floats(&[Some(-1e17), Some(-0.0)])])?;
            assert_eq!(result(&mut *whole), Some(1.0));
            whole.retract_batch(&[floats(&[Some(1.0), None])])?;
            assert_eq!(result(&mut *whole), None);
        }
        Ok(())
    }

    #[test]
    fn groups_are_summed_apart() -> Result<()> {
        let values = [Some(1e308), Some(1.0), None, Some(1e308), Some(2.0), Some(-1e308), Some(4.0), Some(8.0)];
        let group_indices = [0, 1, 1, 0, 1, 0, 2, 2];
        let filter = BooleanArray::from(vec![
            Some(true),
            Some(true),
            Some(true),
            Some(true),
            Some(true),
            Some(true),
            Some(false),
            None,
        ]);
        for (function, expected) in
            [(sum(), [Some(1e308), Some(3.0), None]), (avg(), [Some(1e308 / 3.0), Some(1.5), None])]
        {
            let mut whole = groups(&function);
            whole.update_batch(&[floats(&values)], &group_indices, Some(&filter), 3)?;
            assert!(whole.size() > 3 * size_of::<Total>());
            assert_eq!(results(&whole.evaluate(EmitTo::First(1))?), expected[..1]);
            assert_eq!(results(&whole.evaluate(EmitTo::All)?), expected[1..]);
            assert_eq!(whole.size(), 0);

            let mut merged = groups(&function);
            let state = whole.convert_to_state(&[floats(&values)], Some(&filter))?;
            merged.merge_batch(&state, &group_indices, 3)?;
            let state = merged.state(EmitTo::All)?;
            let types: Vec<DataType> = state.iter().map(|array| array.data_type().clone()).collect();
            assert_eq!(types, state_types(&function, false));
            merged.merge_batch(&state, &[0, 1, 2], 3)?;
            assert_eq!(results(&merged.evaluate(EmitTo::All)?), expected);
        }
        Ok(())
    }

    #[test]
    fn other_types_are_left_to_the_stock_functions() -> Result<()> {
        let mut sums = with_arguments(DataType::Int64, false, |arguments| sum().accumulator(arguments))?;
        sums.update_batch(&[Arc::new(Int64Array::from(vec![1, 2]))])?;
        assert_eq!(sums.evaluate()?, ScalarValue::Int64(Some(3)));
        assert_eq!(sums.state()?, [ScalarValue::Int64(Some(3))]);
        assert_eq!(sum().return_type(&[DataType::Int64])?, DataType::Int64);
        assert_eq!(avg().return_type(&[DataType::Int64])?, DataType::Float64);
        Ok(())
    }

    #[test]
    fn a_state_of_something_else_is_an_error() -> Result<()> {
        let mut accumulator = accumulator(&sum(), false);
        let counts: ArrayRef = Arc::new(UInt64Array::from(vec![1]));
        let mut bytes = LargeBinaryBuilder::new();
        bytes.append_value([0x40_u8]);
        let sums: ArrayRef = Arc::new(bytes.finish());
        assert!(accumulator.merge_batch(&[Arc::clone(&counts), sums]).is_err());
        assert!(accumulator.merge_batch(&[Arc::clone(&counts)]).is_err());
        assert!(accumulator.update_batch(&[counts]).is_err());
        Ok(())
    }
}
