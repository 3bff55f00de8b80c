//! Orders, and how many rows of one are kept.

use super::{Converted, Converter, Result, unmodelled};
use crate::algebra::facts;
use crate::algebra::node::{Row, RowId, SortTerm, TermId};
use crate::algebra::rewrite;
use crate::algebra::space::{Finished, Relation};
use datafusion::common::DFSchema;
use datafusion::logical_expr::logical_plan::Limit;
use datafusion::logical_expr::{Expr, SortExpr};
use std::collections::HashMap;

impl Converter<'_> {
    pub(super) fn limit(&mut self, limit: &Limit) -> Result<Relation> {
        let Converted { relation, order } = self.plan(&limit.input)?;
        let none = DFSchema::empty();
        let mut count = |expression: &Option<Box<Expr>>| match expression {
            Some(expression) => Ok(Some(self.expression(expression, &none, &[])?)),
            None => Ok(None),
        };
        let (skip, fetch) = (count(&limit.skip)?, count(&limit.fetch)?);
        let zero = self.number(0)?;
        let skip = skip.filter(|skip| *skip != zero);
        if skip.is_none() && fetch.is_none() {
            return Ok(relation);
        }
        self.limited(relation, order.unwrap_or_default(), skip, fetch)
    }

    pub(super) fn limited(
        &mut self,
        relation: Relation,
        order: Vec<SortTerm>,
        skip: Option<TermId>,
        fetch: Option<TermId>,
    ) -> Result<Relation> {
        let terms = order.iter().map(|sort| sort.term).collect();
        let (input, terms) = relation.finish_with(self.arena, terms);
        let order: Vec<SortTerm> = order.iter().zip(terms).map(|(sort, term)| SortTerm { term, ..*sort }).collect();
        let unique = facts::unique(self.arena, self.facts, input.row);
        if order.is_empty() && !unique.iter().any(Vec::is_empty) {
            return unmodelled("`limit` without an order");
        }
        let order = self.total(input.row, &[], order);
        let row = self.arena.add_row(Row::Limit { input: input.row, order, skip, fetch });
        // What a window over the input sees isn't what one over the rows that are left would.
        let mut done = HashMap::new();
        let columns = input.columns.iter().map(|column| rewrite::lift(self.arena, *column, 0, &mut done)).collect();
        Ok(Finished { row, columns }.open())
    }

    /// An order without what comes behind a key: it decides nothing. `within` are terms that are equal among the rows that
    /// are put in order.
    pub(super) fn total(&mut self, row: RowId, within: &[TermId], order: Vec<SortTerm>) -> Vec<SortTerm> {
        let unique = facts::unique(self.arena, self.facts, row);
        let mut kept: Vec<SortTerm> = Vec::new();
        for sort in order {
            let known = |term: &TermId| within.contains(term) || kept.iter().any(|sort| sort.term == *term);
            if unique.iter().any(|key| key.iter().all(known)) {
                break;
            }
            if !known(&sort.term) && !rewrite::is_constant(self.arena, sort.term) {
                kept.push(sort);
            }
        }
        kept
    }

    /// Whether no two rows are equal in an order. `within` as for [`Self::total`].
    pub(super) fn is_total(&mut self, row: RowId, within: &[TermId], order: &[SortTerm]) -> bool {
        let known = |term: &TermId| within.contains(term) || order.iter().any(|sort| sort.term == *term);
        facts::unique(self.arena, self.facts, row).iter().any(|key| key.iter().all(known))
    }

    pub(super) fn order(&mut self, order: &[SortExpr], schema: &DFSchema, columns: &[TermId]) -> Result<Vec<SortTerm>> {
        let term = |sort: &SortExpr| {
            let term = self.expression(&sort.expr, schema, columns)?;
            Ok(SortTerm { term, ascending: sort.asc, nulls_first: sort.nulls_first })
        };
        order.iter().map(term).collect()
    }
}
