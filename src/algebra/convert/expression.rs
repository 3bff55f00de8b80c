//! An analysed expression → a term. Every variant of the engine's expressions and operators is named here.

use super::{Converter, Unmodelled, is_exact, is_nested, unmodelled};
use crate::algebra::facts;
use crate::algebra::literal;
use crate::algebra::node::{Aggregate, Bound, RowId, Term, TermId, Window};
use crate::algebra::plant;
use crate::algebra::rewrite;
use crate::algebra::rules::{self, Rule, make};
use crate::sql::types::storage_type;
use crate::sql::{DataType, ignores_frame};
use datafusion::common::{DFSchema, ScalarValue};
use datafusion::logical_expr::expr::{AggregateFunctionParams, Like, NullTreatment, SetQuantifier};
use datafusion::logical_expr::{
    Expr, ExprSchemable, LogicalPlan, Operator, Subquery, WindowFrame, WindowFrameBound, WindowFrameUnits,
    WindowFunctionDefinition,
};

type Result<T> = std::result::Result<T, Unmodelled>;

/// Deeper expressions end as opaque: the conversion recurses.
const MAX_DEPTH: usize = 1_200;

impl Converter<'_> {
    /// Terms of expressions over a relation's columns.
    pub(super) fn expressions(
        &mut self,
        expressions: &[Expr],
        schema: &DFSchema,
        columns: &[TermId],
    ) -> Result<Vec<TermId>> {
        expressions.iter().map(|expression| self.expression(expression, schema, columns)).collect()
    }

    /// The term of an expression over a relation whose columns are `columns`, in the order of `schema`.
    pub(super) fn expression(&mut self, expression: &Expr, schema: &DFSchema, columns: &[TermId]) -> Result<TermId> {
        self.nesting += 1;
        if self.nesting > MAX_DEPTH {
            return unmodelled("an expression this deep");
        }
        let term = self.term(expression, schema, columns);
        self.nesting -= 1;
        term
    }

    fn term(&mut self, expression: &Expr, schema: &DFSchema, columns: &[TermId]) -> Result<TermId> {
        if Rule::Folding.is_on()
            && let Some(value) = literal::fold(expression)
        {
            return self.literal(&value);
        }
        let mut each = |expression: &Expr| self.expression(expression, schema, columns);
        match expression {
            Expr::Alias(alias) => each(&alias.expr),
            Expr::Column(column) => match schema.maybe_index_of_column(column) {
                Some(index) => Ok(columns[index]),
                None => unmodelled("a column that isn't there"),
            },
            Expr::OuterReferenceColumn(_, column) => self.outer(column),
            Expr::Literal(value, _) => self.literal(value),
            Expr::BinaryExpr(binary) => {
                let (mut left, mut right) = (each(&binary.left)?, each(&binary.right)?);
                let compares = matches!(
                    binary.op,
                    Operator::Eq
                        | Operator::NotEq
                        | Operator::Lt
                        | Operator::LtEq
                        | Operator::Gt
                        | Operator::GtEq
                        | Operator::IsDistinctFrom
                        | Operator::IsNotDistinctFrom
                );
                if compares {
                    left = self.without_room(&binary.left, left, schema);
                    right = self.without_room(&binary.right, right, schema);
                }
                let nested = is_nested(&binary.left, schema);
                self.operator(expression, binary.op, (left, right), nested, schema)
            }
            Expr::Like(like) => self.like(like, false, schema, columns),
            Expr::SimilarTo(like) => self.like(like, true, schema, columns),
            Expr::Not(operand) => {
                let operand = each(operand)?;
                Ok(self.not(operand))
            }
            Expr::IsNull(operand) => {
                let operand = each(operand)?;
                Ok(self.unary(rules::IS_NULL, operand))
            }
            Expr::IsNotNull(operand) => {
                let operand = each(operand)?;
                let null = self.unary(rules::IS_NULL, operand);
                Ok(self.not(null))
            }
            Expr::IsTrue(operand) => {
                let operand = each(operand)?;
                Ok(self.unary("is true", operand))
            }
            Expr::IsFalse(operand) => {
                let operand = each(operand)?;
                Ok(self.unary("is false", operand))
            }
            Expr::IsUnknown(operand) => {
                let operand = each(operand)?;
                Ok(self.unary(rules::IS_NULL, operand))
            }
            Expr::IsNotTrue(operand) => {
                let operand = each(operand)?;
                let is = self.unary("is true", operand);
                Ok(self.not(is))
            }
            Expr::IsNotFalse(operand) => {
                let operand = each(operand)?;
                let is = self.unary("is false", operand);
                Ok(self.not(is))
            }
            Expr::IsNotUnknown(operand) => {
                let operand = each(operand)?;
                let null = self.unary(rules::IS_NULL, operand);
                Ok(self.not(null))
            }
            Expr::Negative(operand) => {
                let operand = each(operand)?;
                Ok(self.unary("-", operand))
            }
            Expr::Between(between) => {
                let (value, low, high) = (each(&between.expr)?, each(&between.low)?, each(&between.high)?);
                let value = self.without_room(&between.expr, value, schema);
                let low = self.without_room(&between.low, low, schema);
                let high = self.without_room(&between.high, high, schema);
                let nested = is_nested(&between.expr, schema);
                Ok(rules::between(self.arena, value, (low, high), between.negated, nested))
            }
            Expr::Case(case) => {
                let mut value = case.expr.as_ref().map(|value| each(value)).transpose()?;
                let mut branches = Vec::new();
                for (when, then) in &case.when_then_expr {
                    branches.push((each(when)?, each(then)?));
                }
                let otherwise = case.else_expr.as_ref().map(|otherwise| each(otherwise)).transpose()?;
                if let (Some(value), Some(expression)) = (&mut value, &case.expr) {
                    *value = self.without_room(expression, *value, schema);
                    for ((when, _), (expression, _)) in branches.iter_mut().zip(&case.when_then_expr) {
                        *when = self.without_room(expression, *when, schema);
                    }
                }
                let exact = case.expr.as_ref().is_none_or(|value| is_exact(value, schema));
                self.case(value, branches, otherwise, exact)
            }
            Expr::Cast(cast) => {
                let value = each(&cast.expr)?;
                self.cast(&cast.expr, value, cast.field.data_type(), false, schema)
            }
            Expr::TryCast(cast) => {
                let value = each(&cast.expr)?;
                self.cast(&cast.expr, value, cast.field.data_type(), true, schema)
            }
            Expr::ScalarFunction(call) => {
                let arguments = call.args.iter().map(each).collect::<Result<Vec<_>>>()?;
                Ok(make(self.arena, Term::Call { function: call.func.name().to_owned(), arguments }))
            }
            Expr::InList(list) => {
                let value = each(&list.expr)?;
                let mut items = list.list.iter().map(each).collect::<Result<Vec<_>>>()?;
                let value = self.without_room(&list.expr, value, schema);
                for (item, expression) in items.iter_mut().zip(&list.list) {
                    *item = self.without_room(expression, *item, schema);
                }
                // The engine looks floats up by their bits, and compares them by value.
                let exact = is_exact(&list.expr, schema);
                Ok(rules::in_list(self.arena, value, items, list.negated, exact))
            }
            Expr::Exists(exists) => {
                let (body, parameters) = self.body(&exists.subquery, schema, columns)?;
                let (row, _, parameters) = rewrite::close(self.arena, body.row, None, parameters);
                let term = make(self.arena, Term::Exists { row, parameters });
                Ok(if exists.negated { self.not(term) } else { term })
            }
            Expr::InSubquery(within) => {
                let value = each(&within.expr)?;
                let value = self.without_room(&within.expr, value, schema);
                let term = self.quantified(rules::EQUAL, false, value, &within.subquery, schema, columns)?;
                Ok(if within.negated { self.not(term) } else { term })
            }
            Expr::SetComparison(comparison) => {
                let value = each(&comparison.expr)?;
                let value = self.without_room(&comparison.expr, value, schema);
                let all = match comparison.quantifier {
                    SetQuantifier::Any => false,
                    SetQuantifier::All => true,
                };
                let operator = operator_name(comparison.op);
                self.quantified(operator, all, value, &comparison.subquery, schema, columns)
            }
            Expr::ScalarSubquery(subquery) => {
                let (body, parameters) = self.body(subquery, schema, columns)?;
                let [of] = body.columns.as_slice() else { return unmodelled("a subquery of several columns") };
                let (row, of, parameters) = rewrite::close(self.arena, body.row, Some(*of), parameters);
                let Some(of) = of else { return unmodelled("a subquery without a column") };
                Ok(make(self.arena, Term::Scalar { row, of, parameters }))
            }
            Expr::AggregateFunction(_) => unmodelled("an aggregate outside of an aggregation"),
            Expr::WindowFunction(_) => unmodelled("a window function outside of a window"),
            Expr::GroupingSet(_) => unmodelled("a grouping set outside of `group by`"),
            Expr::ScalarVariable(..) => unmodelled("a variable"),
            #[expect(deprecated, reason = "every variant is named")]
            Expr::Wildcard { .. } => unmodelled("a wildcard"),
            Expr::Placeholder(_) => unmodelled("a placeholder"),
            Expr::Unnest(_) => unmodelled("an unnest in an expression"),
            Expr::HigherOrderFunction(_) => unmodelled("a function of functions"),
            Expr::Lambda(_) => unmodelled("a lambda"),
            Expr::LambdaVariable(_) => unmodelled("a lambda's variable"),
        }
    }

    /// The aggregate that an output column of an aggregation is.
    pub(super) fn aggregate_call(
        &mut self,
        row: RowId,
        expression: &Expr,
        schema: &DFSchema,
        columns: &[TermId],
    ) -> Result<Aggregate> {
        match expression {
            Expr::Alias(alias) => self.aggregate_call(row, &alias.expr, schema, columns),
            Expr::AggregateFunction(call) => self.call(row, call.func.name(), &call.params, schema, columns),
            _ => unmodelled("an aggregation of something else than an aggregate"),
        }
    }

    fn call(
        &mut self,
        row: RowId,
        function: &str,
        params: &AggregateFunctionParams,
        schema: &DFSchema,
        columns: &[TermId],
    ) -> Result<Aggregate> {
        let mut arguments = self.expressions(&params.args, schema, columns)?;
        if function == "count" && Rule::CountRows.is_on() && !params.distinct {
            let reaches = crate::algebra::plant::overreaches(Rule::CountRows);
            let not_null = |term: &TermId| reaches || facts::not_null(self.arena, self.facts, row, *term);
            if arguments.iter().all(not_null) {
                arguments = vec![self.number(1)?];
            }
        }
        let filter = params.filter.as_ref().map(|filter| self.expression(filter, schema, columns)).transpose()?;
        Ok(Aggregate {
            function: function.to_owned(),
            arguments,
            distinct: params.distinct,
            filter,
            order: self.order(&params.order_by, schema, columns)?,
            ignore_nulls: params.null_treatment.map(|treatment| treatment == NullTreatment::IgnoreNulls),
        })
    }

    /// The window function that an output column of a window is. `row` is the row space it looks at.
    pub(super) fn window(
        &mut self,
        row: RowId,
        expression: &Expr,
        schema: &DFSchema,
        columns: &[TermId],
    ) -> Result<TermId> {
        let call = match expression {
            Expr::Alias(alias) => return self.window(row, &alias.expr, schema, columns),
            Expr::WindowFunction(call) => call,
            _ => return unmodelled("a window of something else than a window function"),
        };
        let params = AggregateFunctionParams {
            args: call.params.args.clone(),
            distinct: call.params.distinct,
            filter: call.params.filter.clone(),
            order_by: call.params.order_by.clone(),
            null_treatment: call.params.null_treatment,
        };
        let (kind, name) = match &call.fun {
            WindowFunctionDefinition::AggregateUDF(function) => ("aggregate", function.name()),
            WindowFunctionDefinition::WindowUDF(function) => ("window", function.name()),
        };
        let mut aggregate = self.call(row, name, &params, schema, columns)?;
        aggregate.function = format!("{kind} {name}");
        let partition = self.expressions(&call.params.partition_by, schema, columns)?;
        let partition = self.sorted_set(partition);
        let exact = call.params.partition_by.iter().all(|expression| is_exact(expression, schema));
        aggregate.order = self.total(row, if exact { &partition } else { &[] }, aggregate.order);
        // Peers are told by values; keys of floats may be told by their bits.
        let exact_order = exact && call.params.order_by.iter().all(|key| is_exact(&key.expr, schema));
        let distinct = exact_order && self.is_total(row, &partition, &aggregate.order);
        let (units, start, end) = self.frame(&call.fun, &call.params.window_frame, distinct)?;
        let window = Window { call: aggregate, partition, units, start, end };
        Ok(self.arena.add_term(Term::Window(Box::new(window))))
    }

    /// The frame of a window function. `distinct` says that no two rows of a partition are equal in its order.
    fn frame(
        &mut self,
        function: &WindowFunctionDefinition,
        frame: &WindowFrame,
        distinct: bool,
    ) -> Result<(&'static str, Bound, Bound)> {
        let unbounded = self.literal(&ScalarValue::UInt64(None))?;
        let normal = Rule::Frames.is_on();
        let mut bound = |bound: &WindowFrameBound| {
            let mut distance = |distance: &ScalarValue| match normal && distance.is_null() {
                true => Ok(unbounded),
                false => self.literal(distance),
            };
            Ok(match bound {
                WindowFrameBound::Preceding(preceding) => Bound::Preceding(distance(preceding)?),
                WindowFrameBound::CurrentRow => Bound::Current,
                WindowFrameBound::Following(following) => Bound::Following(distance(following)?),
            })
        };
        let (start, end) = (bound(&frame.start_bound)?, bound(&frame.end_bound)?);
        let units = match frame.units {
            WindowFrameUnits::Rows => "rows",
            WindowFrameUnits::Range => "range",
            WindowFrameUnits::Groups => "groups",
        };
        if !normal {
            return Ok((units, start, end));
        }
        if matches!(function, WindowFunctionDefinition::WindowUDF(function) if ignores_frame(function.name())) {
            return Ok(("rows", Bound::Preceding(unbounded), Bound::Following(unbounded)));
        }
        let named = |bound: &WindowFrameBound| bound.is_unbounded() || *bound == WindowFrameBound::CurrentRow;
        let whole = frame.start_bound.is_unbounded() && frame.end_bound.is_unbounded();
        let same = distinct && named(&frame.start_bound) && named(&frame.end_bound);
        let units = if whole || same || plant::overreaches(Rule::Frames) { "rows" } else { units };
        Ok((units, start, end))
    }

    pub(super) fn number(&mut self, number: i64) -> Result<TermId> {
        self.literal(&ScalarValue::Int64(Some(number)))
    }

    fn literal(&mut self, value: &ScalarValue) -> Result<TermId> {
        match literal::term(value) {
            Ok(term) => Ok(self.arena.add_term(term)),
            Err(cause) => Err(Unmodelled(cause)),
        }
    }

    fn not(&mut self, operand: TermId) -> TermId {
        make(self.arena, Term::Unary { operator: rules::NOT, operand })
    }

    fn unary(&mut self, operator: &'static str, operand: TermId) -> TermId {
        make(self.arena, Term::Unary { operator, operand })
    }

    fn body(
        &mut self,
        subquery: &Subquery,
        schema: &DFSchema,
        columns: &[TermId],
    ) -> Result<(crate::algebra::space::Finished, Vec<TermId>)> {
        let plan: &LogicalPlan = &subquery.subquery;
        self.subquery(plan, schema, columns)
    }

    fn quantified(
        &mut self,
        operator: &'static str,
        all: bool,
        value: TermId,
        subquery: &Subquery,
        schema: &DFSchema,
        columns: &[TermId],
    ) -> Result<TermId> {
        let (body, parameters) = self.body(subquery, schema, columns)?;
        let [of] = body.columns.as_slice() else { return unmodelled("a subquery of several columns") };
        let (row, of, parameters) = rewrite::close(self.arena, body.row, Some(*of), parameters);
        let Some(of) = of else { return unmodelled("a subquery without a column") };
        Ok(make(self.arena, Term::Quantified { operator, all, value, row, of, parameters }))
    }

    fn like(&mut self, like: &Like, regex: bool, schema: &DFSchema, columns: &[TermId]) -> Result<TermId> {
        let value = self.expression(&like.expr, schema, columns)?;
        let pattern = self.expression(&like.pattern, schema, columns)?;
        let (case_insensitive, escape) = (like.case_insensitive, like.escape_char);
        let term = make(self.arena, Term::Like { case_insensitive, regex, escape, value, pattern });
        Ok(if like.negated { self.not(term) } else { term })
    }

    fn case(
        &mut self,
        value: Option<TermId>,
        mut branches: Vec<(TermId, TermId)>,
        otherwise: Option<TermId>,
        exact: bool,
    ) -> Result<TermId> {
        if let Some(value) = value {
            if exact && Rule::SimpleCase.is_on() {
                for (when, _) in &mut branches {
                    *when = make(self.arena, Term::Binary { operator: rules::EQUAL, left: value, right: *when });
                }
            } else {
                branches.insert(0, (value, value));
            }
        }
        if crate::algebra::plant::overreaches(Rule::SimpleCase) {
            branches.sort();
        }
        // Without `else` it is null anyway.
        let is_null = |term: &TermId| matches!(self.arena.term(*term), Term::Literal { value, .. } if value.is_empty());
        let otherwise = otherwise.filter(|term| !is_null(term));
        Ok(make(self.arena, Term::Case { branches, otherwise }))
    }

    fn cast(&mut self, from: &Expr, value: TermId, to: &DataType, safe: bool, schema: &DFSchema) -> Result<TermId> {
        let to = storage_type(to);
        let from = from.get_type(schema).map_err(|e| Unmodelled(e.to_string()))?;
        let same = storage_type(&from) == to || crate::algebra::plant::overreaches(Rule::Casts);
        if same && Rule::Casts.is_on() {
            return Ok(value);
        }
        Ok(make(self.arena, Term::Cast { to, safe, value }))
    }

    /// An operand of a comparison without a cast that only makes room, where the expression says so: of what comes from
    /// outside of a subquery the term doesn't know the type.
    fn without_room(&self, expression: &Expr, term: TermId, schema: &DFSchema) -> TermId {
        let (Expr::Cast(cast), Term::Cast { to, safe: false, value }) = (expression, self.arena.term(term)) else {
            return term;
        };
        let room = cast.expr.get_type(schema).ok().zip(rules::signed_bits(to));
        let narrower = room.is_some_and(|(from, wide)| rules::signed_bits(&from).is_some_and(|bits| bits < wide));
        if narrower && Rule::WideningCasts.is_on() { *value } else { term }
    }

    fn operator(
        &mut self,
        expression: &Expr,
        operator: Operator,
        (left, right): (TermId, TermId),
        nested: bool,
        schema: &DFSchema,
    ) -> Result<TermId> {
        let name = operator_name(operator);
        match operator {
            Operator::And | Operator::Or => {
                Ok(make(self.arena, Term::Sequence { operator: name, operands: vec![left, right] }))
            }
            Operator::Plus
            | Operator::Minus
            | Operator::Multiply
            | Operator::BitwiseAnd
            | Operator::BitwiseOr
            | Operator::BitwiseXor => {
                let result = expression.get_type(schema).map_err(|e| Unmodelled(e.to_string()))?;
                Ok(rules::arithmetic(self.arena, name, left, right, &result))
            }
            Operator::Lt | Operator::LtEq | Operator::Gt | Operator::GtEq => {
                Ok(rules::compare(self.arena, name, left, right, nested))
            }
            Operator::Eq
            | Operator::NotEq
            | Operator::Divide
            | Operator::Modulo
            | Operator::IsDistinctFrom
            | Operator::IsNotDistinctFrom
            | Operator::RegexMatch
            | Operator::RegexIMatch
            | Operator::RegexNotMatch
            | Operator::RegexNotIMatch
            | Operator::LikeMatch
            | Operator::ILikeMatch
            | Operator::NotLikeMatch
            | Operator::NotILikeMatch
            | Operator::BitwiseShiftRight
            | Operator::BitwiseShiftLeft
            | Operator::StringConcat
            | Operator::AtArrow
            | Operator::ArrowAt
            | Operator::Arrow
            | Operator::LongArrow
            | Operator::HashArrow
            | Operator::HashLongArrow
            | Operator::AtAt
            | Operator::IntegerDivide
            | Operator::HashMinus
            | Operator::AtQuestion
            | Operator::Question
            | Operator::QuestionAnd
            | Operator::QuestionPipe
            | Operator::Colon => Ok(make(self.arena, Term::Binary { operator: name, left, right })),
        }
    }
}

/// The name of an operator in terms. No two share one.
fn operator_name(operator: Operator) -> &'static str {
    match operator {
        Operator::Eq => rules::EQUAL,
        Operator::NotEq => rules::NOT_EQUAL,
        Operator::Lt => rules::LESS,
        Operator::LtEq => rules::LESS_EQUAL,
        Operator::Gt => rules::GREATER,
        Operator::GtEq => rules::GREATER_EQUAL,
        Operator::Plus => "+",
        Operator::Minus => "-",
        Operator::Multiply => "*",
        Operator::Divide => "/",
        Operator::Modulo => "%",
        Operator::And => rules::AND,
        Operator::Or => rules::OR,
        Operator::IsDistinctFrom => rules::DISTINCT,
        Operator::IsNotDistinctFrom => rules::NOT_DISTINCT,
        Operator::RegexMatch => "~",
        Operator::RegexIMatch => "~*",
        Operator::RegexNotMatch => "!~",
        Operator::RegexNotIMatch => "!~*",
        Operator::LikeMatch => "~~",
        Operator::ILikeMatch => "~~*",
        Operator::NotLikeMatch => "!~~",
        Operator::NotILikeMatch => "!~~*",
        Operator::BitwiseAnd => "&",
        Operator::BitwiseOr => "|",
        Operator::BitwiseXor => "#",
        Operator::BitwiseShiftRight => ">>",
        Operator::BitwiseShiftLeft => "<<",
        Operator::StringConcat => "||",
        Operator::AtArrow => "@>",
        Operator::ArrowAt => "<@",
        Operator::Arrow => "->",
        Operator::LongArrow => "->>",
        Operator::HashArrow => "#>",
        Operator::HashLongArrow => "#>>",
        Operator::AtAt => "@@",
        Operator::IntegerDivide => "div",
        Operator::HashMinus => "#-",
        Operator::AtQuestion => "@?",
        Operator::Question => "?",
        Operator::QuestionAnd => "?&",
        Operator::QuestionPipe => "?|",
        Operator::Colon => ":",
    }
}
