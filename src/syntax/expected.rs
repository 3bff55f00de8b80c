//! pest's rules as the symbols that people write: an error says "expected `,`", never "expected comma".

use super::Rule;
use pest::error::{Error, ErrorVariant, InputLocation};

/// What a failed rule wanted, and where (a byte offset in the parsed text).
pub struct Expectation {
    pub offset: usize,
    /// Symbols in the order of the grammar, without repeats; empty where pest can't say.
    pub symbols: Vec<&'static str>,
}

/// Reads a pest error.
pub fn expectation(error: &Error<Rule>) -> Expectation {
    let offset = match error.location {
        InputLocation::Pos(offset) => offset,
        InputLocation::Span((start, _)) => start,
    };
    let mut rules = match &error.variant {
        ErrorVariant::ParsingError { positives, .. } => positives.clone(),
        ErrorVariant::CustomError { .. } => Vec::new(),
    };
    rules.sort();
    let mut symbols = Vec::new();
    for symbol in rules.into_iter().filter_map(symbol) {
        if !symbols.contains(&symbol) {
            symbols.push(symbol);
        }
    }
    Expectation { offset, symbols }
}

/// "`,` or `)`", "one of `key`, `from`".
pub fn one_of(symbols: &[&str]) -> String {
    match symbols {
        [] => "something else".to_owned(),
        [one] => (*one).to_owned(),
        [first, second] => format!("{first} or {second}"),
        [init @ .., last] => format!("{} or {last}", init.join(", ")),
    }
}

/// The symbol of a rule; `None` for rules whose parts are reported instead.
fn symbol(rule: Rule) -> Option<&'static str> {
    Some(match rule {
        Rule::domain | Rule::domain_head | Rule::kw_domain => "`domain`",
        Rule::source | Rule::source_head | Rule::kw_source => "`source`",
        Rule::slice | Rule::slice_head | Rule::kw_slice => "`slice`",
        Rule::test | Rule::test_head | Rule::kw_test => "`test`",
        Rule::kw_public => "`public`",
        Rule::kw_virtual => "`virtual`",
        Rule::owner_clause | Rule::kw_owner => "`owner '…'`",
        Rule::from_clause | Rule::kw_from => "`from '…'`",
        Rule::format_clause | Rule::kw_format => "`format …`",
        Rule::columns_clause | Rule::kw_columns => "`columns (…)`",
        Rule::key_clause | Rule::kw_key => "`key (…)`",
        Rule::partition_clause | Rule::kw_partition => "`partition by (…)`",
        Rule::sort_clause | Rule::kw_sort => "`sort by (…)`",
        Rule::check_clause | Rule::kw_check => "`check NAME (…)`",
        Rule::stale_clause | Rule::kw_stale => "`stale for at most …`",
        Rule::given_clause | Rule::kw_given => "`given …`",
        Rule::expect_rows | Rule::expect_error | Rule::kw_expect => "`expect …`",
        Rule::kw_by => "`by`",
        Rule::kw_for => "`for`",
        Rule::kw_at => "`at`",
        Rule::kw_most => "`most`",
        Rule::kw_error => "`error`",
        Rule::kw_not => "`not null`",
        Rule::not_null => "`not null`",
        Rule::kw_null => "`null`",
        Rule::kw_true | Rule::kw_false => "`true` or `false`",
        Rule::query | Rule::query_word => "a query",
        Rule::predicate => "a predicate",
        Rule::qualified_name => "a name",
        Rule::identifier | Rule::plain_identifier | Rule::quoted_identifier => "a name",
        Rule::string => "a text in single quotes",
        Rule::number => "a number",
        Rule::duration => "a duration such as `20 minutes`",
        Rule::option_value => "a value",
        Rule::format_option => "an option",
        Rule::name_list => "`(`",
        Rule::column => "a column",
        Rule::data_type | Rule::type_words => "a type",
        Rule::type_argument | Rule::type_field => "a type",
        Rule::table => "a table",
        Rule::open_brace => "`{`",
        Rule::close_brace => "`}`",
        Rule::open_paren => "`(`",
        Rule::close_paren => "`)`",
        Rule::comma => "`,`",
        Rule::EOI => "the end of the file",
        Rule::type_arguments
        | Rule::type_parameters
        | Rule::type_brackets
        | Rule::type_name
        | Rule::type_suffix
        | Rule::file
        | Rule::declaration
        | Rule::single_declaration
        | Rule::declaration_head
        | Rule::domain_clause
        | Rule::source_clause
        | Rule::slice_clause
        | Rule::test_clause
        | Rule::format_options
        | Rule::query_text
        | Rule::braces
        | Rule::parens
        | Rule::predicate_char
        | Rule::table_cell
        | Rule::table_blank
        | Rule::table_char
        | Rule::table_quoted
        | Rule::table_comment
        | Rule::word_start
        | Rule::word_char
        | Rule::blank
        | Rule::gap
        | Rule::WHITESPACE
        | Rule::COMMENT
        | Rule::line_comment
        | Rule::block_comment
        | Rule::query_name => return None,
    })
}
