//! Texts in, texts out. Each case is formatted twice, and each of its comments must come through.

use super::format;
use super::tokens::{Lexis, tokens};
use crate::text::FileId;

/// Checks what a text becomes. Both begin with a line break, for the sake of the layout here.
#[track_caller]
fn check(input: &str, expected: &str) {
    check_exactly(input.trim_start_matches('\n'), expected.trim_start_matches('\n'));
}

/// Checks a text that the formatter leaves alone.
#[track_caller]
fn check_stays(text: &str) {
    check(text, text);
}

#[track_caller]
fn check_exactly(input: &str, expected: &str) {
    let formatted = formatted(input);
    assert_eq!(formatted, expected, "formatted:\n{formatted}");
    assert_eq!(self::formatted(&formatted), formatted, "formatted twice");
    let (before, after) = (comments(input), comments(&formatted));
    assert_eq!(before, after, "comments");
}

#[track_caller]
fn formatted(text: &str) -> String {
    let parse = super::super::parse(FileId(0), text);
    assert!(parse.diagnostics.is_empty(), "{:#?}\n{text}", parse.diagnostics);
    format(&parse.file, text)
}

/// The comments of a file, tables aside, with their blanks folded.
fn comments(text: &str) -> Vec<String> {
    let comments = tokens(text, 0..text.len(), Lexis::Pie).filter(|token| token.is_comment());
    comments.map(|token| text[token.range].split_whitespace().collect::<Vec<_>>().join(" ")).collect()
}

#[test]
fn a_file_in_good_order_stays() {
    check_stays(
        r"
-- The file.

domain payments   { owner 'payments-data@ledgerx.example' }
domain compliance { owner 'compliance@ledgerx.example' }

--- Settled transfers, one row a transfer.
--- As the chain indexers wrote them.
public source payments.transfers {
  from 'raw/transfers/chain={chain}/day={day}/*.parquet'
  partition by (chain, day)
  key (tx_hash)
  columns (
    tx_hash  text           not null,
    amount   decimal(38, 9) not null,   --- in the chain's native unit
    memo     text
  )
}

--- Settled volume a day and chain.
public slice payments.daily_volume {
  key (day, chain)
  check amounts_add_up (volume >= 0)
  stale for at most 20 minutes

  select day, chain, sum(amount) as volume
  from transfers                        -- same domain: the short name is enough
  group by day, chain
}

test payments.daily_volume 'a day sums its transfers' {
  given payments.transfers {
    tx_hash | chain | day        | amount
    a       | eth   | 2026-01-01 | 1.5
  }
  expect {
    day        | chain | volume
    2026-01-01 | eth   | 1.5
  }
}
",
    );
}

#[test]
fn files_of_nothing_and_of_comments() {
    check_exactly("", "");
    check_exactly(" \r\n\t\n", "");
    check_exactly("\u{feff}", "");
    check_exactly("-- alone", "-- alone\n");
    check_exactly("\n\n-- a  \n\n\n\n/* b */ /* c */\n--- d\n\n", "-- a\n\n/* b */ /* c */\n--- d\n");
}

#[test]
fn keywords_names_and_headers() {
    check(
        r#"
PUBLIC  VIRTUAL
  Slice A . "B" { KEY(X,"Y Z","x""y","plain",) select 1 }
public source a.ünder { from'x' FORMAT CSV(DELIMITER ';',Header TRUE,"skip"  1.5) columns("Select" int,) }
test a.b 'it''s' { EXPECT  Error e0201 }
"#,
        r#"
public virtual slice a."B" {
  key (x, "Y Z", "x""y", plain)

  select 1
}

public source a."ünder" {
  from 'x'
  format csv (delimiter ';', header true, skip 1.5)
  columns (
    "Select"  int
  )
}

test a.b 'it''s' {
  expect error E0201
}
"#,
    );
    check(
        "slice a.b { stale\nfor at most 20minutes select 1 }",
        "slice a.b {\n  stale for at most 20 minutes\n\n  select 1\n}\n",
    );
}

#[test]
fn domains_on_adjacent_lines_stay_together() {
    check(
        r"
domain a{owner'x'}
domain longer { owner 'y' }   /* y */
domain b {
}

domain cc { owner 'z' }
--- documented
domain d {}
domain e { -- why
  owner 'two
  lines }'
  -- end
}
domain f {}
",
        r"
domain a      { owner 'x' }
domain longer { owner 'y' }   /* y */
domain b      {}

domain cc { owner 'z' }

--- documented
domain d {}

domain e {   -- why
  owner 'two
  lines }'
  -- end
}

domain f {}
",
    );
}

#[test]
fn comments_stay_near_what_they_belonged_to() {
    check(
        r"
-- first
/* second */ slice a.b { -- header


  -- before key
  key /* of */ (a) /* behind */ -- key
  -- before sort

  sort by (a)

  /* two
       lines */ partition by (a)
  -- before the query
  select 1 -- in it
  -- at its end
} -- behind it
-- before c

--- c
slice a.c { /* all */ select 1 } --- of nothing
--- orphan

source a.d /* d */ { -- header
  from -- where
    'x' columns (a int) -- columns
  -- end

}
-- last
",
        r"
-- first
/* second */ slice a.b {   -- header
  -- before key
  key /* of */ (a)   /* behind */ -- key
  -- before sort

  sort by (a)

  /* two
       lines */
  partition by (a)

  -- before the query
  select 1 -- in it
  -- at its end
}   -- behind it

-- before c

--- c
slice a.c {   /* all */
  select 1
}   --- of nothing

--- orphan

source a.d /* d */ {   -- header
  from -- where
    'x'
  columns (
    a  int
  )   -- columns
  -- end
}

-- last
",
    );
}

#[test]
fn one_blank_line_before_the_query() {
    check(
        "
slice a.b { key (a)
  -- of the key

  -- of the query
  select 1 }
slice a.c {

  -- of the query

  select 1


}
slice a.d { key (a)


  -- of the query
  select 1 }
",
        "
slice a.b {
  key (a)
  -- of the key

  -- of the query
  select 1
}

slice a.c {
  -- of the query

  select 1
}

slice a.d {
  key (a)

  -- of the query
  select 1
}
",
    );
}

#[test]
fn columns_stand_under_each_other() {
    check(
        r"
slice a.b {
  columns (-- all
    a int not   null, --- doc of a
    -- own

    long_name decimal(38,
      9) /* b */ -- still b
    , /* of c */ c struct<x int, y text>[3] NOT NULL

    -- end
  ) -- behind
  select 1
}
slice a.c { columns (a timestamp with  time zone, b int, /* of b */
  c int) select 1 }
",
        r"
slice a.b {
  columns (   -- all
    a          int                      not null,   --- doc of a
    -- own

    long_name  decimal(38, 9),                      /* b */ -- still b
    /* of c */
    c          struct<x int, y text>[3] not null

    -- end
  )   -- behind

  select 1
}

slice a.c {
  columns (
    a  timestamp with  time zone,
    b  int,   /* of b */
    c  int
  )

  select 1
}
",
    );
}

#[test]
fn a_comment_without_a_place_keeps_its_clause_as_it_is() {
    check(
        r"
slice a.b {
      columns (
        a -- the name
          int,
        b  int
      )
 partition /* by what */ by (a,b)
    check /* c */ n ( x )
    select 1
}
",
        r"
slice a.b {
  columns (
    a -- the name
      int,
    b  int
  )
  partition /* by what */ by (a,b)
  check /* c */ n ( x )

  select 1
}
",
    );
}

#[test]
fn queries_are_moved_as_a_whole() {
    check(
        "
slice a.b {
        with t as (
          select '{' as brace, 'a -- b' as dashes   \n
            , \"quoted
  } name\" as q, 'two   \n   lines'  \n            /* a }
               b */
        )
\t
        select * from t -- }
}
slice a.c { select x
      from t
        where y }
slice a.d {
\tselect x
\t\t, y
}
",
        "
slice a.b {
  with t as (
    select '{' as brace, 'a -- b' as dashes

      , \"quoted
  } name\" as q, 'two   \n   lines'
      /* a }
         b */
  )

  select * from t -- }
}

slice a.c {
  select x
  from t
    where y
}

slice a.d {
  select x
  \t, y
}
",
    );
}

#[test]
fn content_is_kept_in_the_quotes_that_only_sql_knows() {
    check_stays(
        r"
slice a.b {
  select $$ two
lines $$, $tag$ $$
 more $tag$, e'it\'
s', `odd
name` from t
}
",
    );
}

#[test]
fn predicates() {
    check(
        "
slice a.b {
  check one_line(
    x > (0)
  )
  check commented (x > 0 -- why
  )
  check more (x in (
      select ')' from t  -- )
    )
    and y)
  select 1
}
",
        "
slice a.b {
  check one_line (x > (0))
  check commented (
    x > 0 -- why
  )
  check more (
    x in (
      select ')' from t  -- )
    )
    and y
  )

  select 1
}
",
    );
}

#[test]
fn tables() {
    check(
        "
test a.b 't' { given x.y { -- the input
 a|Bcd  | c

 -- about the row
 1 | 'x | }' |it's


 | |
 日本|null|''
 } -- behind
 given /* z */ x.z {a
 1}
  given x.empty { }

  -- the output
  expect{a
1 }}
",
        "
test a.b 't' {
  given x.y {   -- the input
    a    | Bcd     | c

    -- about the row
    1    | 'x | }' | it's

         |         |
    日本 | null    | ''
  }   -- behind
  given /* z */ x.z {
    a
    1
  }
  given x.empty {}

  -- the output
  expect {
    a
    1
  }
}
",
    );
}

#[test]
fn carriage_returns_stay_only_in_quotes() {
    check_exactly(
        "-- a\r\ndomain a { owner 'x\r\ny' }\r\n\r\nslice a.b {\r\n  key (a)\r\n  select 'x\r\n  y' as z\r\n\r\n  /* b\r\n  c */ from t\r\n}\r\n",
        "-- a\ndomain a {\n  owner 'x\r\ny'\n}\n\nslice a.b {\n  key (a)\n\n  select 'x\r\n  y' as z\n\n  /* b\n  c */ from t\n}\n",
    );
}
