//! Constants that can't be what they are taken for: a text that is no date, a number that is compared with one. The engine would
//! only say so when it runs, or count the days since 1970.

use super::parse::byte_span;
use super::types::display_type;
use crate::diagnostic::{Code, Diagnostic};
use crate::text::{SourceText, Span};
use datafusion::arrow::compute::CastOptions;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::{Cast, Expr, LogicalPlan};
use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan, Tokenizer};

/// What is wrong with the constants of an analysed plan, at their places in the query.
pub(super) fn wrong(plan: &LogicalPlan, source: &SourceText, span: Span) -> Vec<Diagnostic> {
    let mut found: Vec<(String, DataType)> = Vec::new();
    let mut numbers: Vec<Expr> = Vec::new();
    // The walk itself can't fail.
    let _ = plan.apply_with_subqueries(|node| {
        node.apply_expressions(|expression| {
            expression.apply(|part| {
                if let Expr::Cast(Cast { expr, field }) = part {
                    match (expr.as_ref(), field.data_type()) {
                        (of, DataType::Date32) if is_number(of) => numbers.push(of.clone()),
                        (Expr::Literal(value, _), to) => text(value, to, &mut found),
                        _ => {}
                    }
                }
                Ok(TreeNodeRecursion::Continue)
            })
        })
    });
    if found.is_empty() && numbers.is_empty() {
        return Vec::new();
    }
    let tokens = tokens(source, span);
    let mut diagnostics = Vec::new();
    for (text, to) in found {
        for at in places(&tokens, &|token| matches!(token, Token::SingleQuotedString(found) if *found == text)) {
            diagnostics.push(unreadable(&text, &to).at(at, format!("isn't {}", article(&to))));
        }
    }
    for number in numbers {
        let first = first_number(&number);
        let at = places(&tokens, &|token| matches!(token, Token::Number(found, _) if Some(found) == first.as_ref()));
        // Those of virtual slices are told there.
        let Some(at) = at.first().copied() else { continue };
        let message = "a date is compared with a number: the days since 1970 would count";
        diagnostics.push(
            Diagnostic::error(Code::TypeMismatch, message)
                .at(at, "a number")
                .with_help("write a date in quotes: `date '2026-01-31'`"),
        );
    }
    crate::diagnostic::sort(&mut diagnostics);
    diagnostics
}

/// A text that can't be read as a value of a type.
fn text(value: &ScalarValue, to: &DataType, found: &mut Vec<(String, DataType)>) {
    let (ScalarValue::Utf8(Some(text)) | ScalarValue::LargeUtf8(Some(text)) | ScalarValue::Utf8View(Some(text))) =
        value
    else {
        return;
    };
    let reads = matches!(to, DataType::Date32 | DataType::Timestamp(..) | DataType::Time64(_) | DataType::Boolean)
        || to.is_numeric();
    let options = CastOptions { safe: false, ..CastOptions::default() };
    if reads && value.cast_to_with_options(to, &options).is_err() {
        found.push((text.clone(), to.clone()));
    }
}

/// Whether an expression is whole numbers and arithmetic alone.
fn is_number(expression: &Expr) -> bool {
    match expression {
        Expr::BinaryExpr(binary) => is_number(&binary.left) && is_number(&binary.right),
        Expr::Literal(value, _) => value.data_type().is_integer(),
        _ => false,
    }
}

fn first_number(expression: &Expr) -> Option<String> {
    match expression {
        Expr::BinaryExpr(binary) => first_number(&binary.left),
        Expr::Literal(value, _) => Some(value.to_string()),
        _ => None,
    }
}

fn article(to: &DataType) -> String {
    let name = display_type(to);
    match to {
        DataType::Timestamp(..) => "a timestamp".to_owned(),
        to if to.is_numeric() => "a number".to_owned(),
        _ => format!("a {name}"),
    }
}

fn unreadable(text: &str, to: &DataType) -> Diagnostic {
    let what = if matches!(to, DataType::Timestamp(..)) { "timestamp".to_owned() } else { display_type(to) };
    let diagnostic = Diagnostic::error(Code::TypeMismatch, format!("`'{text}'` can't be read as {what}"));
    match to {
        DataType::Date32 => diagnostic.with_help("a date is written year first: `'2026-01-31'`"),
        DataType::Timestamp(..) => diagnostic.with_help("a timestamp is written year first: `'2026-01-31 12:00:00'`"),
        DataType::Boolean => diagnostic.with_help("a boolean is `true` or `false`, without quotes"),
        _ => diagnostic
            .with_help("a number stands without quotes; to compare texts, cast the other side: `cast(… as text)`"),
    }
}

fn tokens(source: &SourceText, span: Span) -> Vec<(Token, Span)> {
    let body = &source.text()[span.range()];
    let origin = source.position(span.start);
    let mut found: Vec<TokenWithSpan> = Vec::new();
    let shifted = Tokenizer::new(&GenericDialect {}, body).tokenize_with_location_into_buf_with_mapper(
        &mut found,
        |mut token| {
            for place in [&mut token.span.start, &mut token.span.end] {
                if place.line == 1 {
                    place.column += u64::from(origin.column) - 1;
                }
                place.line += u64::from(origin.line) - 1;
            }
            token
        },
    );
    // The query was read before.
    if shifted.is_err() {
        return Vec::new();
    }
    found.into_iter().map(|token| (token.token, byte_span(source, span, token.span))).collect()
}

fn places(tokens: &[(Token, Span)], is_it: &dyn Fn(&Token) -> bool) -> Vec<Span> {
    tokens.iter().filter(|(token, _)| is_it(token)).map(|(_, place)| *place).collect()
}
