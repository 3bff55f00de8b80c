//! Makes random queries.

use super::query::{Aggregate, Column, Expr, Join, Kind, Limit, Pipeline, Semi, Step, Window, table_columns};
use super::random::Random;

pub const TABLES: [&str; 3] = ["t", "u", "w"];
pub const TEXTS: [&str; 4] = ["a", "b", "", "A"];
pub const PATTERNS: [&str; 3] = ["a%", "%a", "_"];
pub const WINDOWS: [&str; 6] = ["count", "sum", "min", "max", "row_number", "lag"];
pub const AGGREGATES: [&str; 4] = ["count", "sum", "min", "max"];
pub const JOINS: [&str; 5] = ["join", "join", "left join", "right join", "full join"];

/// Makes queries, and names for their columns that are never the same.
pub struct Maker {
    pub random: Random,
    names: usize,
}

impl Maker {
    pub fn new(seed: u64) -> Maker {
        Maker { random: Random::new(seed), names: 0 }
    }

    pub fn fresh(&mut self) -> usize {
        self.names += 1;
        self.names
    }

    fn name(&mut self) -> String {
        format!("n{}", self.fresh())
    }

    /// A table and a few steps.
    pub fn pipeline(&mut self, most: usize) -> Pipeline {
        let table = self.random.one(&TABLES);
        let mut pipeline = Pipeline { table, instance: self.fresh(), steps: Vec::new() };
        let wanted = 1 + self.random.below(most);
        for _ in 0..wanted * 3 {
            if pipeline.steps.len() == wanted {
                break;
            }
            let at = pipeline.steps.len();
            if let Some(longer) = self.longer(&pipeline, at) {
                pipeline = longer;
            }
        }
        pipeline
    }

    /// The query with one more step at a place, where that fits.
    pub fn longer(&mut self, pipeline: &Pipeline, at: usize) -> Option<Pipeline> {
        let columns = pipeline.columns_before(at)?;
        let step = self.step(&columns)?;
        let mut longer = pipeline.clone();
        longer.steps.insert(at, step);
        longer.columns().map(|_| longer)
    }

    fn step(&mut self, columns: &[Column]) -> Option<Step> {
        let integers = names(columns, &[Kind::Int]);
        let everything = names(columns, &[Kind::Int, Kind::Float, Kind::Text, Kind::Bool]);
        Some(match self.random.below(16) {
            0..=3 => {
                let count = 1 + self.random.below(2);
                Step::Where((0..count).map(|_| self.condition(columns, 2)).collect())
            }
            4 | 5 => {
                let expr = match self.random.below(3) {
                    0 => self.condition(columns, 1),
                    _ => self.number(columns, 2),
                };
                Step::Extend(self.name(), expr)
            }
            6 | 7 => {
                let window = self.window(columns)?;
                Step::Window(self.name(), window)
            }
            8 | 9 => {
                let table = self.random.one(&TABLES);
                let theirs = table_columns(table).iter().filter(|(_, kind)| *kind == Kind::Int);
                let theirs: Vec<&'static str> = theirs.map(|(name, _)| *name).collect();
                let on = vec![(self.random.pick(&integers)?, self.random.one(&theirs))];
                let above = self.random.chance(25).then(|| (theirs[theirs.len() - 1], 0));
                Step::Join(Join { kind: self.random.one(&JOINS), table, instance: self.fresh(), on, above })
            }
            10 => {
                let table = self.random.one(&TABLES);
                let theirs = table_columns(table).iter().filter(|(_, kind)| *kind == Kind::Int);
                let theirs: Vec<&'static str> = theirs.map(|(name, _)| *name).collect();
                Step::Semi(Semi {
                    negated: self.random.chance(40),
                    listed: self.random.chance(50),
                    outer: self.random.pick(&integers)?,
                    table,
                    inner: self.random.one(&theirs),
                    above: self.random.chance(30).then(|| (theirs[0], 0)),
                })
            }
            11 | 12 => {
                let keys = self.some(&everything, 2);
                let count = self.random.below(3);
                let mut aggregates = Vec::new();
                for _ in 0..count {
                    aggregates.push((self.name(), self.aggregate(columns)?));
                }
                Step::Group(keys, aggregates)
            }
            13 => Step::Distinct,
            14 if self.random.chance(50) => Step::Keep(self.some(&everything, 4)),
            14 => Step::Limit(Limit {
                order: (self.random.pick(&everything)?, self.random.chance(50), self.random.chance(50)),
                skip: self.random.below(2),
                fetch: 1 + self.random.below(3),
            }),
            _ => self.union(columns)?,
        })
    }

    /// A union with rows of a table, where the columns are integers.
    fn union(&mut self, columns: &[Column]) -> Option<Step> {
        if columns.iter().any(|column| column.kind != Kind::Int) {
            return None;
        }
        let table = self.random.one(&["t", "u"]);
        let instance = self.fresh();
        let theirs = table_columns(table).iter().filter(|(_, kind)| *kind == Kind::Int);
        let mut names: Vec<String> = theirs.map(|(name, _)| format!("{name}_{instance}")).collect();
        self.random.shuffle(&mut names);
        if names.len() < columns.len() {
            return None;
        }
        names.truncate(columns.len());
        let other = Pipeline { table, instance, steps: vec![Step::Keep(names)] };
        Some(Step::Union(self.random.chance(60), Box::new(other)))
    }

    pub fn window(&mut self, columns: &[Column]) -> Option<Window> {
        let integers = names(columns, &[Kind::Int]);
        let exact = names(columns, &[Kind::Int, Kind::Text]);
        let everything = names(columns, &[Kind::Int, Kind::Float, Kind::Text]);
        let partition = if self.random.chance(60) { self.some(&exact, 2) } else { Vec::new() };
        let order = if self.random.chance(50) { self.random.pick(&everything) } else { None };
        let down = self.random.chance(40);
        Some(Window {
            function: self.random.one(&WINDOWS),
            argument: self.random.pick(&integers)?,
            partition,
            order: order.map(|column| (column, down)),
        })
    }

    pub fn aggregate(&mut self, columns: &[Column]) -> Option<Aggregate> {
        let integers = names(columns, &[Kind::Int]);
        let function = self.random.one(&AGGREGATES);
        let argument = if function == "count" && self.random.chance(40) { None } else { self.random.pick(&integers) };
        if argument.is_none() && function != "count" {
            return None;
        }
        let distinct = self.random.chance(20);
        let filter = if self.random.chance(20) { Some(self.condition(columns, 1)) } else { None };
        Some(Aggregate { function, distinct, argument, filter })
    }

    /// A few of the items, at least one where there is one.
    pub fn some(&mut self, items: &[String], most: usize) -> Vec<String> {
        let mut items = items.to_vec();
        self.random.shuffle(&mut items);
        items.truncate(1 + self.random.below(most));
        items
    }

    pub fn condition(&mut self, columns: &[Column], depth: usize) -> Expr {
        let texts = names(columns, &[Kind::Text]);
        let floats = names(columns, &[Kind::Float]);
        let nested = depth > 0;
        match self.random.below(14) {
            0 | 1 if nested => {
                let operator = self.random.one(&["and", "or", "or"]);
                let (left, right) = (self.condition(columns, depth - 1), self.condition(columns, depth - 1));
                Expr::Both(operator, Box::new(left), Box::new(right))
            }
            2 | 3 if nested => Expr::Not(Box::new(self.condition(columns, depth - 1))),
            4 => Expr::IsNull(Box::new(self.number(columns, 0))),
            5 => {
                let low = self.random.below(3) as i64 - 1;
                Expr::Between(Box::new(self.varying(columns, depth)), low, low + self.random.below(2) as i64)
            }
            6 => {
                let items = (0..1 + self.random.below(4)).map(|_| Expr::Int(self.random.below(4) as i64 - 1));
                let items = items.collect();
                Expr::In(Box::new(self.varying(columns, depth)), items)
            }
            7 | 8 if !texts.is_empty() => {
                let column = Box::new(Expr::Column(texts[self.random.below(texts.len())].clone()));
                match self.random.below(3) {
                    0 => Expr::Like(column, self.random.one(&PATTERNS)),
                    1 => {
                        let items = (0..1 + self.random.below(3)).map(|_| Expr::Text(self.random.one(&TEXTS)));
                        let items = items.collect();
                        Expr::In(column, items)
                    }
                    _ => {
                        let operator = self.random.one(&["=", "<>", "<"]);
                        Expr::Compare(operator, column, Box::new(Expr::Text(self.random.one(&TEXTS))))
                    }
                }
            }
            9 if !floats.is_empty() => {
                let column = Expr::Column(floats[self.random.below(floats.len())].clone());
                let bound = Expr::Int(self.random.below(3) as i64 - 1);
                Expr::Compare(self.random.one(&["<", "<=", ">", ">="]), Box::new(column), Box::new(bound))
            }
            _ => {
                let operator = self.random.one(&["=", "<>", "<", "<=", ">", ">="]);
                let (left, right) = (self.number(columns, depth), self.number(columns, 0));
                Expr::Compare(operator, Box::new(left), Box::new(right))
            }
        }
    }

    /// A number that depends on the row, where there is one. (The value of a constant is worked out where it stands as
    /// such, not where a rule brings it about.)
    fn varying(&mut self, columns: &[Column], depth: usize) -> Expr {
        let number = self.number(columns, depth);
        if !number.is_constant() {
            return number;
        }
        self.random.pick(&names(columns, &[Kind::Int])).map_or(number, Expr::Column)
    }

    pub fn number(&mut self, columns: &[Column], depth: usize) -> Expr {
        let integers = names(columns, &[Kind::Int]);
        let nested = depth > 0;
        match self.random.below(10) {
            0 | 1 if nested => {
                let operator = self.random.one(&["+", "-", "*"]);
                let (left, right) = (self.number(columns, depth - 1), self.number(columns, depth - 1));
                Expr::Math(operator, Box::new(left), Box::new(right))
            }
            2 if nested => {
                let branch = (self.condition(columns, depth - 1), self.number(columns, depth - 1));
                Expr::Case(vec![branch], Box::new(self.number(columns, depth - 1)))
            }
            3 if nested => {
                let value = self.varying(columns, 0);
                let first = (Expr::Int(0), self.number(columns, depth - 1));
                let second = (Expr::Int(1), self.number(columns, depth - 1));
                Expr::Choice(Box::new(value), vec![first, second], Box::new(Expr::Int(2)))
            }
            4 if nested => {
                let (left, right) = (self.number(columns, depth - 1), self.number(columns, depth - 1));
                Expr::Coalesce(Box::new(left), Box::new(right))
            }
            5 => Expr::Int(self.random.below(4) as i64 - 1),
            _ => match self.random.pick(&integers) {
                Some(column) => Expr::Column(column),
                None => Expr::Int(1),
            },
        }
    }
}

/// The names of columns of some kinds.
pub fn names(columns: &[Column], kinds: &[Kind]) -> Vec<String> {
    columns.iter().filter(|column| kinds.contains(&column.kind)).map(|column| column.name.clone()).collect()
}
