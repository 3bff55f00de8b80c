// The TextMate grammar. Samples mark a token by `⟦…⟧` and name the scope that it must have.
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { before, describe, test } from 'node:test';
import type { IGrammar } from 'vscode-textmate';
import { loadGrammar, tokenize, type Token } from './tokens';

const repository = path.join(__dirname, '..', '..', '..', '..');
let grammar: IGrammar;
before(async () => {
  grammar = await loadGrammar();
});

/** Checks that each `⟦text|scope⟧` in a sample is a token whose innermost scopes hold `scope`. */
function check(sample: string): void {
  const wanted: { text: string; scope: string; line: number; column: number }[] = [];
  const lines = sample.split('\n').map((line, number) => {
    let plain = '';
    let from = 0;
    for (const mark of line.matchAll(/⟦(.+?)¦(.+?)⟧/g)) {
      plain += line.slice(from, mark.index);
      wanted.push({ text: mark[1], scope: mark[2], line: number + 1, column: plain.length });
      plain += mark[1];
      from = mark.index + mark[0].length;
    }
    return plain + line.slice(from);
  });
  assert.notEqual(wanted.length, 0, 'the sample marks nothing');
  const tokens = tokenize(grammar, lines.join('\n'));
  for (const want of wanted) {
    const found = at(tokens, want.line, want.column);
    const where = `\`${want.text}\` in line ${want.line}: ${lines[want.line - 1]}`;
    assert.equal(found.text, want.text, `${where}\nhas other bounds`);
    assert.ok(
      found.scopes.some((scope) => scope === want.scope || scope.startsWith(`${want.scope}.`)),
      `${where}\nhas ${found.scopes.join(' ')}, not ${want.scope}`,
    );
  }
}

function at(tokens: Token[], line: number, column: number): Token {
  let reached = 0;
  for (const token of tokens.filter((token) => token.line === line)) {
    if (column < reached + token.text.length) return token;
    reached += token.text.length;
  }
  throw new Error(`line ${line} has no column ${column}`);
}

/** Tokens that have no scope of their own, or the one for what the language has no place for. */
function bare(tokens: Token[]): Token[] {
  return tokens.filter(({ text, scopes }) => {
    const innermost = scopes[scopes.length - 1];
    return text.trim() !== '' && (innermost === 'source.pie' || innermost.startsWith('meta.'));
  });
}

const show = ({ line, text, scopes }: Token) => `line ${line}: \`${text}\` ${scopes.join(' ')}`;

function filesBelow(folder: string): string[] {
  return fs
    .readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((name) => path.join(folder, name))
    // `.pie` alone is the folder of a project that was built.
    .filter((file) => file.endsWith('.pie') && fs.statSync(file).isFile())
    .sort();
}

describe('the projects of the repository', () => {
  const files = ['examples', 'src/init', 'benches'].flatMap((folder) => filesBelow(path.join(repository, folder)));
  test('there are some', () => assert.ok(files.length >= 10));

  for (const file of files) {
    test(path.relative(repository, file), () => {
      const tokens = tokenize(grammar, fs.readFileSync(file, 'utf8'));
      assert.deepEqual(bare(tokens).map(show), [], 'tokens without a scope');
      const invalid = tokens.filter(({ scopes }) => scopes.some((scope) => scope.startsWith('invalid.')));
      assert.deepEqual(invalid.map(show), [], 'tokens marked as wrong');
      // Nothing runs over a declaration's end: behind each `}` in the first column no rule is open.
      const ends = tokens.filter(({ text, scopes }) => text === '}' && !scopes.includes('meta.table.pie'));
      for (const token of ends.filter((token) => tokens.find(({ line }) => line === token.line) === token)) {
        assert.equal(token.depthBehind, 1, `line ${token.line}: a rule is still open`);
      }
      assert.equal(tokens[tokens.length - 1].depthBehind, 1, 'a rule is open at the end');
    });
  }
});

describe('declarations', () => {
  test('a domain', () => {
    check(`⟦domain¦storage.type.domain⟧ ⟦shop¦entity.name.namespace⟧ ⟦{¦punctuation.section.block⟧ ⟦owner¦keyword.other.clause⟧ '⟦a@b.example¦string.quoted.single⟧' ⟦}¦punctuation.section.block⟧`);
  });

  test('a source', () => {
    check(`⟦public¦storage.modifier⟧ ⟦source¦storage.type.source⟧ ⟦shop¦entity.name.namespace⟧⟦.¦punctuation.accessor⟧⟦lines¦entity.name.type⟧ {
  ⟦from¦keyword.other.clause⟧ '⟦raw/day=¦string.quoted.single.path⟧{⟦day¦constant.other.placeholder⟧}/⟦*¦constant.other.wildcard⟧.csv'
  ⟦partition¦keyword.other.clause⟧ ⟦by¦keyword.other.clause⟧ (⟦day¦variable.other.column⟧)
  ⟦key¦keyword.other.clause⟧ (⟦key¦variable.other.column⟧, ⟦"Unit Price"¦variable.other.column⟧)
  ⟦format¦keyword.other.clause⟧ ⟦csv¦support.constant.format⟧ (⟦delimiter¦variable.parameter.option⟧ '⟦;¦string⟧', ⟦header¦variable.parameter.option⟧ ⟦true¦constant.language.boolean⟧, ⟦skip¦variable.parameter.option⟧ ⟦2¦constant.numeric⟧)
  ⟦columns¦keyword.other.clause⟧ (
    ⟦key¦variable.other.column⟧ ⟦bigint¦support.type⟧ ⟦not¦storage.modifier⟧ ⟦null¦storage.modifier⟧,
    ⟦"Unit Price"¦variable.other.column⟧ ⟦decimal¦support.type⟧(⟦10¦constant.numeric⟧, ⟦2¦constant.numeric⟧)⟦,¦punctuation.separator.comma⟧
    ⟦rebate¦variable.other.column⟧ ⟦double precision¦support.type⟧,
    ⟦at¦variable.other.column⟧ ⟦timestamp¦support.type⟧(⟦3¦constant.numeric⟧) ⟦with time zone¦support.type⟧, ⟦---¦punctuation.definition.comment⟧⟦ in UTC, (or so)¦comment.line.documentation⟧
    ⟦tags¦variable.other.column⟧ ⟦text¦support.type⟧⟦[¦punctuation.section.brackets⟧], -- ⟦not documentation¦comment.line.double-dash⟧
    ⟦where¦variable.other.column⟧ ⟦struct¦support.type⟧<⟦street¦variable.other.field⟧ ⟦text¦support.type⟧, ⟦xy¦variable.other.field⟧ ⟦double precision¦support.type⟧, ⟦n¦variable.other.field⟧ ⟦int unsigned¦support.type⟧>
  )
}
⟦domain¦storage.type.domain⟧ b { owner 'x' }`.replace('-- ⟦not documentation¦', '--⟦ not documentation¦'));
  });

  test('words in any case, over several lines', () => {
    check(`⟦PUBLIC¦storage.modifier⟧
⟦Source¦storage.type.source⟧
⟦Orders¦entity.name.namespace⟧ . ⟦Lines¦entity.name.type⟧
{
  ⟦FROM¦keyword.other.clause⟧
    'raw/it⟦''¦constant.character.escape⟧s.csv' ⟦Columns¦keyword.other.clause⟧
    (
      ⟦a¦variable.other.column⟧ ⟦INT¦support.type⟧)
}`);
  });

  test('a slice and its clauses', () => {
    check(`⟦public¦storage.modifier⟧ ⟦virtual¦storage.modifier⟧ ⟦slice¦storage.type.slice⟧ ⟦shop¦entity.name.namespace⟧.⟦daily¦entity.name.type⟧ {
  ⟦key¦keyword.other.clause⟧ (⟦day¦variable.other.column⟧)
  ⟦sort¦keyword.other.clause⟧ ⟦by¦keyword.other.clause⟧ (⟦select¦variable.other.column⟧, ⟦"}"¦variable.other.column⟧)
  ⟦check¦keyword.other.clause⟧ ⟦from¦entity.name.function.check⟧ (⟦revenue¦variable.other⟧ ⟦>=¦keyword.operator⟧ ⟦0¦constant.numeric⟧ ⟦and¦keyword.other.operator⟧ (⟦select¦keyword.other⟧ ⟦max¦support.function⟧(d) ⟦from¦keyword.other⟧ ⟦a¦variable.other.object⟧.⟦key¦variable.other.member⟧) ⟦is¦keyword.other.operator⟧ ⟦null¦constant.language⟧)
  ⟦stale¦keyword.other.clause⟧ ⟦for¦keyword.other.clause⟧ ⟦at¦keyword.other.clause⟧ ⟦most¦keyword.other.clause⟧ ⟦20¦constant.numeric.duration⟧ ⟦minutes¦keyword.other.unit⟧
  ⟦columns¦keyword.other.clause⟧ (⟦day¦variable.other.column⟧ ⟦date¦support.type⟧)

  ⟦select¦keyword.other.sql⟧ ⟦key¦variable.other.sql⟧, ⟦check¦variable.other.sql⟧ ⟦from¦keyword.other.sql⟧ lines
⟦}¦punctuation.section.block⟧
⟦slice¦storage.type.slice⟧ a.b { ⟦values¦keyword.other⟧ (1) }`);
  });

  test('queries end at the brace of their slice, whatever they hold', () => {
    check(`slice a.b { select '}' as "}", {x: 1} as s /* } /* } */ } */ -- }
  from t ⟦}¦punctuation.section.block⟧
⟦slice¦storage.type⟧ a.c { (select 1 as one) ⟦union¦keyword.other.sql⟧ ⟦all¦keyword.other.sql⟧ (select 2) ⟦;¦punctuation.terminator⟧ }
⟦slice¦storage.type⟧ a.d { from ⟦t¦variable.other.sql⟧ }
⟦test¦storage.type⟧ a.d 'x' { }`);
  });

  test('statements that the language refuses', () => {
    check(`slice a.b { ⟦insert¦invalid.illegal.statement⟧ into lines values (1) }
slice a.c { select ⟦set¦variable.other⟧, ⟦show¦variable.other⟧ from ⟦update¦variable.other⟧ }
⟦let¦invalid.illegal.reserved⟧ rate = 1`);
  });

  test('documentation and comments', () => {
    check(`⟦---¦punctuation.definition.comment⟧⟦ One row a line.¦comment.line.documentation⟧
⟦--¦punctuation.definition.comment⟧⟦---------¦comment.line.double-dash⟧
⟦--¦punctuation.definition.comment⟧⟦ not it¦comment.line.double-dash⟧
domain a { -- ⟦x¦comment⟧
}`.replace('-- ⟦x¦', '--⟦ x¦'));
  });
});

describe('tests', () => {
  test('tables', () => {
    check(`⟦test¦storage.type.test⟧ ⟦shop¦entity.name.namespace⟧.⟦daily¦entity.name.type⟧ '⟦a day¦string.quoted.single⟧' {
  ⟦given¦keyword.other.clause⟧ ⟦shop¦entity.name.namespace⟧.⟦lines¦entity.name.type⟧ {
    -- rows
    ⟦order_id¦variable.other.column⟧ ⟦|¦punctuation.separator.cell⟧ ⟦"Unit Price"¦variable.other.column⟧ | ⟦note¦variable.other.column⟧ --⟦ c¦comment⟧
    ⟦1¦constant.numeric⟧        | ⟦-2.50¦constant.numeric⟧     | ⟦null¦constant.language.null⟧
    ⟦w1¦string.unquoted.cell⟧   | ⟦2026-03-01¦constant.numeric.date⟧ | ⟦it's here¦string.unquoted.cell⟧
    ⟦7 of 9¦string.unquoted⟧ | ⟦TRUE¦constant.language.boolean⟧ | '⟦a | b }¦string.quoted.single⟧'
    ⟦2026-03-01 10:00:00¦constant.numeric.date⟧ |  | '' --⟦ last¦comment⟧
  ⟦}¦punctuation.section.block⟧
  ⟦expect¦keyword.other.clause⟧ { ⟦day¦variable.other.column⟧ | n ⟦}¦punctuation.section.block⟧
  ⟦expect¦keyword.other.clause⟧ ⟦error¦keyword.other.clause⟧ ⟦not_negative¦constant.other.code⟧
⟦}¦punctuation.section.block⟧
⟦domain¦storage.type⟧ a {}`);
  });

  test('a name of one part', () => check(`test ⟦daily¦entity.name.type⟧ 'x' { ⟦given¦keyword⟧ ⟦lines¦entity.name.type⟧ { ⟦a¦variable.other.column⟧ } }`));
});

describe('SQL', () => {
  const sql = (text: string) => check(`slice a.b {\n  ${text}\n}\n⟦domain¦storage.type⟧ a {}`);

  test('joins, groups, order', () => {
    sql('⟦with¦keyword.other⟧ ⟦recursive¦keyword.other⟧ t ⟦as¦keyword.other⟧ (select ⟦distinct¦keyword.other⟧ a.⟦*¦keyword.operator.wildcard⟧ from a ⟦left outer join¦keyword.other⟧ b ⟦on¦keyword.other⟧ a.id ⟦=¦keyword.operator⟧ b.id) select 1 from t ⟦group by¦keyword.other⟧ x ⟦having¦keyword.other⟧ ⟦count¦support.function⟧(⟦*¦keyword.operator⟧) > 1 ⟦order by¦keyword.other⟧ x ⟦desc¦keyword.other⟧ ⟦nulls last¦keyword.other⟧ ⟦limit¦keyword.other⟧ 3');
  });

  test('windows', () => {
    sql("select sum(v) ⟦over¦keyword.other⟧ (⟦partition by¦keyword.other⟧ c order by d ⟦range¦keyword.other⟧ ⟦between¦keyword.other.operator⟧ ⟦interval¦keyword.other.interval⟧ ⟦'6 days'¦string⟧ ⟦preceding¦keyword.other⟧ and ⟦current row¦keyword.other⟧) as w, count(*) ⟦filter¦keyword.other⟧ (where ⟦a¦variable.other⟧) from t");
  });

  test('casts and literals', () => {
    sql("select ⟦cast¦support.function⟧(cast(a as ⟦decimal¦support.type⟧(⟦20¦constant.numeric⟧, 9)) * b ⟦as¦keyword.other⟧ ⟦double precision¦support.type⟧) as x, a⟦::¦keyword.operator.cast⟧⟦bigint¦support.type⟧, ⟦date¦support.type⟧ '⟦2026-01-01¦string⟧' - ⟦interval¦keyword⟧ '90' ⟦day¦keyword.other.unit⟧, ⟦extract¦support.function⟧(⟦year¦keyword.other.unit⟧ ⟦from¦keyword.other⟧ d), ⟦0.06¦constant.numeric⟧, ⟦1e6¦constant.numeric⟧, ⟦null¦constant.language⟧, 'it⟦''¦constant.character.escape⟧s', ⟦E¦storage.type.string⟧'x' from t");
  });

  test('case', () => {
    sql('select ⟦case¦keyword.control.case⟧ ⟦when¦keyword.control.case⟧ q ⟦is not distinct from¦keyword.other.operator⟧ 3 ⟦then¦keyword.control.case⟧ 1 ⟦else¦keyword.control.case⟧ 0 ⟦end¦keyword.control.case⟧ from t where n ⟦not¦keyword.other.operator⟧ ⟦like¦keyword.other.operator⟧ \'%\' and ⟦exists¦keyword.other.operator⟧ (select 1)');
  });

  test('words that are names here', () => {
    sql('select ⟦day¦variable.other⟧, ⟦second¦variable.other⟧, ⟦range¦variable.other⟧, ⟦filter¦variable.other⟧, ⟦key¦variable.other⟧, t.⟦from¦variable.other.member⟧, ⟦"select"¦variable.other.quoted⟧, ⟦left¦support.function⟧(name, 2), ⟦date¦variable.other⟧, ⟦first¦variable.other⟧, ⟦größe¦variable.other⟧ from t'.replace('⟦"select"¦variable.other.quoted⟧', '"⟦select¦variable.other.quoted⟧"'));
  });
});

describe('text that is being typed', () => {
  test('a brace is missing', () => {
    check(`slice a.b {
  select (1 from t

--- The next.
public ⟦slice¦storage.type.slice⟧ a.c { select ⟦case¦keyword.control.case⟧ }
source a.s {
  columns (a int
⟦}¦punctuation.section.block⟧
test a.c 'x' {
  given a.b {
    x
⟦test¦storage.type.test⟧ a.c 'y' {}`);
  });

  test('a clause has no parentheses yet', () => {
    check(`slice a.b {
  key
  check
  ⟦select¦keyword.other.sql⟧ ⟦key¦variable.other.sql⟧ from t
}
⟦domain¦storage.type⟧ a {}`.replace('  check\n', ''));
  });
});
