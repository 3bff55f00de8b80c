//! Valid files: every declaration and clause of `grammar/pie.pest`, spaced oddly, with comments in every gap.

use super::tokens::{Kind, tokens};
use super::{Pieces, one};
use crate::fuzz::random::Random;

const NAMES: &[&str] = &[
    "a",
    "b",
    "id",
    "key",
    "day",
    "from",
    "select",
    "slice",
    "not",
    "null",
    "owner",
    "check",
    "Ab",
    "_u",
    "v1",
    "x$y",
    "é",
    "名前",
    "straße",
    "ÜBER",
    "\"a\"",
    "\"B c\"",
    "\"x\"\"y\"",
    "\"it's\"",
    "\"-- no\"",
    "\"{\"",
    "\"}\"",
    "\"(\"",
    "\"/*\"",
    "\"名\n前\"",
    "\"a\r\nb\"",
    "\"é😀\"",
    "\"|\"",
    "\"\t\"",
];

const STRINGS: &[&str] = &[
    "''",
    "'x'",
    "'it''s'",
    "'-- not'",
    "'/* x'",
    "'{'",
    "'}'",
    "'('",
    "'a\nb'",
    "'a \t\n  }b'",
    "'a\r\nb'",
    "'\"'",
    "'é😀\u{301}'",
    "'day={day}/*.csv'",
    "'\\'",
    "'--- d'",
    "'\n--- d\n'",
    "'\u{feff}'",
    "'x\u{3000}\n'",
];

const TYPES: &[&str] = &[
    "int",
    "BIGINT",
    "double precision",
    "decimal(38, 9)",
    "decimal ( 38,9 )",
    "numeric(5, -2)",
    "timestamp with time zone",
    "timestamp (3) without  time zone",
    "struct<a int, b text>",
    "struct < a struct<b int> >[3]",
    "int[]",
    "text [ 2 ]",
    "map(text, int)",
    "character varying(3)",
    "int unsigned",
    "enum('a', 'b')",
    "\"odd\"",
    "int\nunsigned",
    "decimal(\n38,\r\n9)",
    "double\r\nprecision",
];

/// What stands in a comment; nothing here closes one.
const REMARKS: &[&str] = &[
    "c",
    "",
    "é 😀",
    "it's",
    "\"q",
    "{",
    "}",
    "(",
    ")",
    "a  b\t",
    "|",
    "- x",
    "'a'",
    "$$",
    "`",
    "trailing  ",
    "x\u{a0}",
    "a\rb",
    "\u{2028}",
];

const CELLS: &[&str] = &[
    "1",
    "a b",
    "2026-01-01",
    "null",
    "NULL",
    "",
    "'x'",
    "'a | b'",
    "'}'",
    "''",
    "it's",
    "é😀",
    "日本",
    "'it''s'",
    "a-b",
    "-1",
    "/* x */",
    "' '",
    "\u{3000}",
    "a\u{a0}",
];

/// Queries and parts of them whose lexis is the point.
const OPERANDS: &[&str] = &[
    "a",
    "1",
    "1.5",
    "'x'",
    "'it''s'",
    "'{'",
    "'}'",
    "'-- '",
    "'a\n  b'",
    "\"C d\"",
    "null",
    "true",
    "'/*'",
    "x.y",
    "'é'",
    "\"}\"",
    "'\"'",
    "e'a\\n  b'",
    "$$a\n   b$$",
    "{'a': 1}",
    "cast(a as decimal(10, 2))",
    "row_number() over (partition by a order by b)",
    "count(*) filter (where a > 1)",
    "interval '1' day",
];

/// A file, each declaration a piece.
pub fn file(random: &mut Random) -> Pieces {
    let mut writer = Writer {
        commented: random.pick(&[0, 2, 10, 30]).expect("there is one"),
        plain: random.pick(&[0, 30, 90]).expect("there is one"),
        random,
        out: String::new(),
    };
    let mut pieces = Vec::new();
    if writer.random.chance(5) {
        writer.out.push('\u{feff}');
    }
    for _ in 0..=writer.random.below(4) {
        writer.declaration();
        let gap = one(writer.random, &["\n", "\n\n", "\r\n", " \n\t"]);
        writer.out.push_str(gap);
        pieces.push(std::mem::take(&mut writer.out));
    }
    if writer.random.chance(10) {
        pieces.push("-- the end".to_owned());
    }
    pieces
}

struct Writer<'r> {
    random: &'r mut Random,
    out: String,
    /// Of a hundred gaps, how many have a comment.
    commented: usize,
    /// Of a hundred gaps, how many are one space.
    plain: usize,
}

impl Writer<'_> {
    /// Writes tokens with a gap before each.
    fn put(&mut self, text: &str) {
        let is_word = |c: char| c.is_alphanumeric() || c == '_' || c == '$';
        let (last, first) = (self.out.chars().next_back(), text.chars().next());
        // Two words, two quoted texts, and what would open a comment must not touch.
        let must_part = match (last, first) {
            (Some(last), Some(first)) => {
                is_word(last) && is_word(first) || last == first || (last, first) == ('/', '*') || last == 'e'
            }
            _ => false,
        };
        self.gap(must_part);
        self.out.push_str(text);
    }

    fn one(&mut self, of: &[&str]) -> String {
        one(self.random, of).to_owned()
    }

    fn put_one(&mut self, of: &[&str]) {
        let text = self.one(of);
        self.put(&text);
    }

    fn gap(&mut self, must_part: bool) {
        if self.random.chance(self.plain) {
            self.out.push(' ');
            return;
        }
        if must_part || self.random.chance(80) {
            self.blank();
        }
        while self.random.chance(self.commented) {
            self.comment();
            self.blank();
        }
    }

    fn blank(&mut self) {
        let blank = self.one(&[
            " ",
            " ",
            " ",
            "\n",
            "\n",
            "\r\n",
            "\n  ",
            "\n\t",
            "\n\n",
            "\n\n\n    ",
            "\t",
            " \n \n ",
            "\r",
            "\u{feff}",
        ]);
        self.out.push_str(&blank);
    }

    fn comment(&mut self) {
        let remark = self.one(REMARKS);
        let end = self.one(&["\n", "\n", "\r\n"]);
        let comment = match self.random.below(6) {
            0 => format!("/* {remark} */"),
            1 => format!("/* {remark} /* {remark} */{end}   more{end} */"),
            // A line of a block comment that looks like documentation.
            2 if self.random.chance(20) => format!("/* {remark}{end}--- no doc */"),
            2 | 3 => format!("-- {remark}{end}"),
            4 => format!("---{remark}{end}"),
            _ => format!("------ {remark}{end}"),
        };
        // `*` and `/` before it, or `-`, would be read as a part of it.
        self.out.push(' ');
        self.out.push_str(&comment);
    }

    fn keywords(&mut self, words: &str) {
        for word in words.split(' ') {
            let word = if self.random.chance(20) { word.to_uppercase() } else { word.to_owned() };
            self.put(&word);
        }
    }

    fn name(&mut self) {
        self.put_one(NAMES);
    }

    fn qualified_name(&mut self) {
        self.name();
        self.put(".");
        self.name();
    }

    fn names(&mut self) {
        self.put("(");
        let count = self.random.below(3);
        for index in 0..=count {
            self.name();
            if index < count || self.random.chance(10) {
                self.put(",");
            }
        }
        self.put(")");
    }

    fn columns(&mut self) {
        self.keywords("columns");
        self.put("(");
        let count = self.random.below(4);
        for index in 0..=count {
            self.name();
            self.put_one(TYPES);
            if self.random.chance(30) {
                self.keywords("not null");
            }
            if index < count || self.random.chance(20) {
                self.put(",");
            }
        }
        self.put(")");
    }

    fn format(&mut self) {
        self.keywords("format");
        self.name();
        if self.random.chance(60) {
            self.put("(");
            for index in 0..=self.random.below(3) {
                if index > 0 {
                    self.put(",");
                }
                self.name();
                if self.random.chance(50) {
                    self.put_one(STRINGS);
                } else {
                    self.put_one(&["0", "20", "1.5", "true", "FALSE"]);
                }
            }
            self.put(")");
        }
    }

    /// Some of these clauses, in any order.
    fn clauses(&mut self, always: &[&str], perhaps: &[&str]) {
        let mut clauses: Vec<&str> = always.to_vec();
        clauses.extend(perhaps.iter().copied().filter(|_| self.random.chance(40)));
        self.random.shuffle(&mut clauses);
        for clause in clauses {
            match clause {
                "from" | "owner" => {
                    self.keywords(clause);
                    self.put_one(STRINGS);
                }
                "columns" => self.columns(),
                "format" => self.format(),
                "stale for at most" => {
                    self.keywords(clause);
                    self.put_one(&["1", "20", "007"]);
                    self.put_one(&["minutes", "HOUR", "days"]);
                }
                "check n1" | "check N2" => {
                    self.put("check");
                    self.put(&clause["check ".len()..]);
                    self.put("(");
                    self.expression(0);
                    self.put(")");
                }
                "given" => {
                    self.keywords(clause);
                    self.qualified_name();
                    self.table();
                }
                "expect" => {
                    self.keywords(clause);
                    self.table();
                }
                "expect error" => {
                    self.keywords(clause);
                    self.put_one(&["e0201", "E0301", "\"Odd\""]);
                }
                _ => {
                    self.keywords(clause);
                    self.names();
                }
            }
        }
    }

    fn declaration(&mut self) {
        match self.random.below(4) {
            0 => {
                self.keywords("domain");
                self.name();
                self.put("{");
                self.clauses(&[], &["owner"]);
            }
            1 => {
                self.put_one(&["source", "public source", "PUBLIC\nSource"]);
                self.qualified_name();
                self.put("{");
                self.clauses(&["from", "columns"], &["format", "key", "partition by"]);
            }
            2 => {
                self.put_one(&["slice", "public slice", "virtual slice", "virtual public slice"]);
                self.qualified_name();
                self.put("{");
                let perhaps =
                    ["key", "partition by", "sort by", "columns", "check n1", "check N2", "stale for at most"];
                self.clauses(&[], &perhaps);
                self.query(0);
            }
            _ => {
                self.keywords("test");
                self.qualified_name();
                self.put_one(STRINGS);
                self.put("{");
                let expect = self.one(&["expect", "expect error"]);
                self.clauses(&[expect.as_str()], &["given", "given"]);
            }
        }
        self.put("}");
    }

    fn table(&mut self) {
        self.put("{");
        let mut header = ["a", "B", "c d", "\"e\"", "名"];
        self.random.shuffle(&mut header);
        let width = 1 + self.random.below(3);
        let open = self.one(&["", "\n", " \n", "   -- c\n", " --c }\n"]);
        self.out.push_str(&open);
        for row in 0..=self.random.below(4) {
            if self.random.chance(20) {
                let comment = self.one(&["-- c\n", "  --- d } |\r\n", "-- 'x\n\n"]);
                self.out.push_str(&comment);
            }
            for (column, name) in header[..width].iter().enumerate() {
                if column > 0 {
                    self.out.push('|');
                }
                let cell = if row == 0 { (*name).to_owned() } else { self.one(CELLS) };
                let (before, behind) = (self.one(&["", " ", "  ", "\t"]), self.one(&["", " ", "  "]));
                self.out.push_str(&format!("{before}{cell}{behind}"));
            }
            let end = self.one(&["\n", "\n", "\r\n", "\n\n", " -- c\n", "-- 'q\r\n", "--}\n"]);
            self.out.push_str(&end);
        }
        self.out.push_str("  }");
    }

    fn query(&mut self, depth: usize) {
        match self.random.below(12) {
            0 if depth < 2 => {
                self.sql("with t as (");
                self.query(depth + 1);
                self.put(")");
                self.query(depth + 1);
            }
            1 if depth < 2 => {
                self.put("(");
                self.query(depth + 1);
                self.sql(") union all (");
                self.query(depth + 1);
                self.put(")");
            }
            2 => self.sql("values (1, '}')"),
            _ => {
                self.sql("select");
                self.expression(0);
                self.sql("as x");
                if self.random.chance(30) {
                    self.put(",");
                    self.expression(0);
                }
                if self.random.chance(80) {
                    self.put("from");
                    self.put_one(&["t", "a.b", "\"Q\"", "transfers u join a.b v on u.x = v.x"]);
                }
                if self.random.chance(40) {
                    self.put("where");
                    self.expression(0);
                }
                if self.random.chance(30) {
                    self.sql("group by a order by 1 limit 3");
                }
            }
        }
    }

    fn expression(&mut self, depth: usize) {
        match self.random.below(9) {
            0 if depth < 3 => {
                self.expression(depth + 1);
                self.put_one(&["+", "- ", "/ ", "<>", "and", "or", "||", ">=", "in"]);
                self.put("(");
                self.expression(depth + 1);
                self.put(")");
            }
            1 if depth < 3 => {
                self.sql("case when");
                self.expression(depth + 1);
                self.put("then");
                self.expression(depth + 1);
                self.sql("else null end");
            }
            2 if depth < 2 => {
                self.sql("a in (");
                self.query(depth + 1);
                self.put(")");
            }
            _ => self.put_one(OPERANDS),
        }
    }

    /// Puts each token of some SQL by itself.
    fn sql(&mut self, text: &str) {
        for token in tokens(text) {
            if token.kind != Kind::Blank {
                self.put(token.text);
            }
        }
    }
}
