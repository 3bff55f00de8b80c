//! Bounds on one query, so that no text can hang or abort the planner: recursion limits alone don't stop flat chains
//! (`1 + 1 + …`), which DataFusion plans recursively.

use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan};

/// Limits on one query; raised in `pie.toml`, never by a `.pie` file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct QueryLimits {
    /// Bytes of text.
    pub bytes: usize,
    pub tokens: usize,
    /// Operands on one level of an operator chain.
    pub operands: usize,
    /// Depth of parentheses, brackets and `case`.
    pub nesting: usize,
}

impl Default for QueryLimits {
    fn default() -> QueryLimits {
        QueryLimits { bytes: 256 * 1024, tokens: 50_000, operands: 1_000, nesting: 200 }
    }
}

/// The first token past a limit, with the sentence that says which.
pub fn exceeded(tokens: &[TokenWithSpan], limits: &QueryLimits) -> Option<(usize, String)> {
    if tokens.len() > limits.tokens {
        return Some((
            limits.tokens,
            format!("a query may have {} tokens, this one has {}", limits.tokens, tokens.len()),
        ));
    }
    // One counter of operators and one of set operators a level; a comma or a clause begins a new chain.
    let mut levels: Vec<(usize, usize)> = vec![(0, 0)];
    let mut comparisons = 0;
    for (index, token) in tokens.iter().enumerate() {
        let level = levels.last_mut().expect("the outermost level is never popped");
        match &token.token {
            Token::LParen | Token::LBracket | Token::LBrace => levels.push((0, 0)),
            Token::RParen | Token::RBracket | Token::RBrace => pop(&mut levels),
            // Comparisons chain too (`a = b = c …`), but each `and` or `or` begins another.
            Token::Eq | Token::Neq | Token::Lt | Token::Gt | Token::LtEq | Token::GtEq => comparisons += 1,
            Token::Comma => level.0 = 0,
            Token::Word(word) => match word.keyword {
                Keyword::CASE => levels.push((0, 0)),
                Keyword::END => pop(&mut levels),
                Keyword::AND | Keyword::OR | Keyword::NOT | Keyword::JOIN => {
                    level.0 += 1;
                    comparisons = 0;
                }
                Keyword::UNION | Keyword::INTERSECT | Keyword::EXCEPT => *level = (0, level.1 + 1),
                Keyword::SELECT | Keyword::WHERE | Keyword::HAVING => level.0 = 0,
                _ => {}
            },
            Token::Plus
            | Token::Minus
            | Token::Mul
            | Token::Div
            | Token::Mod
            | Token::StringConcat
            | Token::Ampersand
            | Token::Pipe
            | Token::Caret
            | Token::DoubleColon
            | Token::ExclamationMark
            | Token::Tilde
            | Token::Arrow
            | Token::LongArrow => level.0 += 1,
            _ => {}
        }
        if levels.len() > limits.nesting {
            return Some((index, format!("a query may nest {} deep, this one goes deeper here", limits.nesting)));
        }
        let (operators, set_operators) = levels.last().copied().unwrap_or_default();
        if operators.max(set_operators).max(comparisons) >= limits.operands {
            return Some((index, format!("one level may chain {} operands, this one has more", limits.operands)));
        }
    }
    None
}

fn pop(levels: &mut Vec<(usize, usize)>) {
    if levels.len() > 1 {
        levels.pop();
    }
}
