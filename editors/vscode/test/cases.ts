// What the editor must get from the real `pie lsp`, asked for by VS Code's own commands only: so the same cases run in the
// stand-in (`client.test.ts`) and in a real VS Code (`vscode-runner.ts`).
import assert from 'node:assert/strict';
import * as vscode from 'vscode';

export const files: Record<string, string> = {
  'pie.toml': '[project]\nname = "shop"\n',
  'main.pie': `domain shop { owner 'shop@shop.example' }

--- What was ordered.
public source shop.orders {
  from 'raw/orders.csv'
  columns (
    id      bigint not null,   --- counts up
    amount  int
  )
}

--- The orders that matter.
public slice shop.large {
  select id, amount
  from orders
  where amount > 10
}
`,
  'readers.pie': `public slice shop.total {
  select sum(amount) as total from large
}

public slice shop.listed {
  select l.id from shop.large l
}
`,
};

interface Case {
  name: string;
  run(): Promise<void>;
}
export const cases: Case[] = [];
const test = (name: string, run: () => Promise<void>) => cases.push({ name, run });

// ---- Helpers ---------------------------------------------------------------------------------------------------------

const folder = () => vscode.workspace.workspaceFolders![0].uri;
const uriOf = (name: string) => vscode.Uri.joinPath(folder(), name);
const open = (name: string) => vscode.workspace.openTextDocument(uriOf(name));
const ask = <T>(command: string, ...given: unknown[]) => vscode.commands.executeCommand<T>(`vscode.${command}`, ...given);

/** Gives a document a new text, as an edit that isn't saved. */
async function write(name: string, text: string): Promise<vscode.TextDocument> {
  const document = await open(name);
  const edit = new vscode.WorkspaceEdit();
  edit.replace(document.uri, new vscode.Range(document.positionAt(0), document.positionAt(document.getText().length)), text);
  assert.ok(await vscode.workspace.applyEdit(edit));
  return document;
}

const change = (name: string, from: string, to: string) => {
  assert.ok(files[name].includes(from), `${name} holds no ${from}`);
  return write(name, files[name].replace(from, to));
};

/** Where `word` stands in a document, for the `nth` time. */
function find(document: vscode.TextDocument, word: string, nth = 1): vscode.Range {
  let start = -1;
  for (let time = 0; time < nth; time++) start = document.getText().indexOf(word, start + 1);
  assert.ok(start >= 0, `no ${word} for the ${nth}. time`);
  return new vscode.Range(document.positionAt(start), document.positionAt(start + word.length));
}

/** Waits until `look` gives something: what a server pushes, and what it has yet to load, comes when it comes. */
export async function until<T>(what: string, look: () => T | undefined | Promise<T | undefined>): Promise<T> {
  const end = Date.now() + 15_000;
  for (;;) {
    const found = await look();
    if (found !== undefined && found !== false) return found;
    if (Date.now() > end) throw new Error(`waited in vain for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}

const clean = (name: string) =>
  until(`${name} to be without findings`, () => vscode.languages.getDiagnostics(uriOf(name)).length === 0 || undefined);

const finding = (name: string, code: string) =>
  until(`${code} in ${name}`, () => vscode.languages.getDiagnostics(uriOf(name)).find((one) => codeOf(one) === code));

function codeOf({ code }: vscode.Diagnostic): string {
  return String(typeof code === 'object' ? code.value : code);
}

const same = (found: vscode.Range, wanted: vscode.Range) => assert.deepEqual(plain(found), plain(wanted));
const plain = ({ start, end }: vscode.Range) => [start.line, start.character, end.line, end.character];
const labelOf = ({ label }: vscode.CompletionItem) => (typeof label === 'string' ? label : label.label);
const within = (place: vscode.Location | vscode.LocationLink) =>
  'targetUri' in place ? { uri: place.targetUri, range: place.targetSelectionRange ?? place.targetRange } : place;

/** The project as it was, before each case. */
export async function reset(): Promise<void> {
  for (const name of ['main.pie', 'readers.pie']) {
    await write(name, files[name]);
    await clean(name);
  }
}

// ---- Cases -----------------------------------------------------------------------------------------------------------

test('a misspelt column is marked, exactly', async () => {
  const document = await change('main.pie', 'where amount', 'where amuont');
  const found = await finding('main.pie', 'E0201');
  assert.equal(found.source, 'pie');
  assert.equal(found.severity, vscode.DiagnosticSeverity.Error);
  same(found.range, find(document, 'amuont'));
});

test('positions count as VS Code does, behind letters of two units', async () => {
  const document = await change('main.pie', 'select id, amount', "select '🥧🥧 ä' as pie, id, amuont");
  same((await finding('main.pie', 'E0201')).range, find(document, 'amuont'));
});

test('a quick fix mends it', async () => {
  const document = await change('main.pie', 'where amount', 'where amuont');
  const { range } = await finding('main.pie', 'E0201');
  const fixes = await ask<vscode.CodeAction[]>('executeCodeActionProvider', document.uri, range);
  const fix = fixes.find(({ title, edit }) => edit && title.includes('amount'));
  assert.ok(fix, `only ${fixes.map(({ title }) => title).join('; ') || 'nothing'}`);
  assert.ok(vscode.CodeActionKind.QuickFix.value === fix.kind?.value.split('.')[0], 'a quick fix by kind');
  assert.ok(await vscode.workspace.applyEdit(fix.edit!));
  assert.equal(document.getText(), files['main.pie']);
  await clean('main.pie');
});

test('hover tells the columns of a slice', async () => {
  const document = await open('readers.pie');
  const [hover] = await ask<vscode.Hover[]>('executeHoverProvider', document.uri, find(document, 'large').start);
  assert.ok(hover, 'there is a hover');
  const text = hover.contents.map((part) => (typeof part === 'string' ? part : part.value)).join('\n');
  for (const part of ['id', 'bigint', 'amount', 'int', 'The orders that matter.']) assert.ok(text.includes(part), `no ${part} in ${text}`);
});

test('completion knows the columns in scope', async () => {
  const document = await change('main.pie', 'select id, amount\n', 'select \n');
  const cursor = find(document, 'select ').end;
  const labels = await until('amount among the proposals', async () => {
    const { items } = await ask<vscode.CompletionList>('executeCompletionItemProvider', document.uri, cursor);
    return items.map(labelOf).includes('amount') ? items.map(labelOf) : undefined;
  });
  assert.ok(labels.includes('id'), labels.join(' '));
});

test('completion knows the tables behind `from`', async () => {
  const document = await change('readers.pie', 'from large', 'from ');
  const cursor = find(document, 'as total from ').end;
  await until('large among the proposals', async () => {
    const { items } = await ask<vscode.CompletionList>('executeCompletionItemProvider', document.uri, cursor);
    return items.map(labelOf).some((label) => /\blarge$/.test(label)) || undefined;
  });
});

test('renaming a slice renames it in its readers', async () => {
  const [main, readers] = [await open('main.pie'), await open('readers.pie')];
  const at = find(main, 'large').start;
  const prepared = await ask<{ range: vscode.Range; placeholder: string }>('prepareRename', main.uri, at);
  assert.equal(prepared.placeholder, 'large');
  const edit = await ask<vscode.WorkspaceEdit>('executeDocumentRenameProvider', main.uri, at, 'great');
  assert.ok(await vscode.workspace.applyEdit(edit));
  assert.equal(main.getText(), files['main.pie'].replace('shop.large', 'shop.great'));
  assert.equal(readers.getText(), files['readers.pie'].replace('from large', 'from great').replace('shop.large', 'shop.great'));
  await clean('main.pie');
  await clean('readers.pie');
});

test('renaming a column of a slice keeps what it is, and renames it where it is read', async () => {
  const [main, readers] = [await open('main.pie'), await open('readers.pie')];
  const edit = await ask<vscode.WorkspaceEdit>('executeDocumentRenameProvider', readers.uri, find(readers, 'amount').start, 'price');
  assert.ok(await vscode.workspace.applyEdit(edit));
  assert.match(main.getText(), /select id, amount as price\n/);
  assert.match(main.getText(), /where amount > 10/, 'that is the column of the source');
  assert.match(readers.getText(), /sum\(price\)/);
  await clean('main.pie');
  await clean('readers.pie');
});

test('a column of files keeps their name', async () => {
  const main = await open('main.pie');
  await assert.rejects(
    async () => ask<vscode.WorkspaceEdit>('executeDocumentRenameProvider', main.uri, find(main, 'amount').start, 'price'),
    /the files of `shop\.orders` call it `amount`/,
  );
});

test('definition and references', async () => {
  const [main, readers] = [await open('main.pie'), await open('readers.pie')];
  const [definition] = await ask<(vscode.Location | vscode.LocationLink)[]>('executeDefinitionProvider', readers.uri, find(readers, 'large').start);
  assert.equal(within(definition).uri.toString(), main.uri.toString());
  assert.ok(find(main, 'shop.large').contains(within(definition).range.start), 'at its name');
  const references = await ask<vscode.Location[]>('executeReferenceProvider', main.uri, find(main, 'large').start);
  const inReaders = references.filter(({ uri }) => uri.toString() === readers.uri.toString());
  assert.deepEqual(inReaders.map(({ range }) => range.start.line).sort(), [1, 5]);
});

test('symbols of the document and of the workspace', async () => {
  const document = await open('main.pie');
  const names: string[] = [];
  const walk = (symbols: vscode.DocumentSymbol[]) => symbols.forEach(({ name, children }) => (names.push(name), walk(children ?? [])));
  walk(await ask<vscode.DocumentSymbol[]>('executeDocumentSymbolProvider', document.uri));
  for (const name of [/\bshop$/, /\borders$/, /\blarge$/]) assert.ok(names.some((one) => name.test(one)), `${name} in ${names.join(' ')}`);
  const found = await ask<vscode.SymbolInformation[]>('executeWorkspaceSymbolProvider', 'listed');
  assert.ok(found.some(({ name, location }) => /\blisted$/.test(name) && location.uri.path.endsWith('readers.pie')));
});

test('formatting', async () => {
  const document = await change('main.pie', '    amount  int', '  amount    INT');
  const edits = await ask<vscode.TextEdit[]>('executeFormatDocumentProvider', document.uri, { tabSize: 2, insertSpaces: true });
  assert.ok(edits.length > 0, 'there are edits');
  const edit = new vscode.WorkspaceEdit();
  edit.set(document.uri, edits);
  assert.ok(await vscode.workspace.applyEdit(edit));
  assert.equal(find(document, 'amount').start.character, find(document, 'id ').start.character, 'columns stand below each other');
  const again = await ask<vscode.TextEdit[]>('executeFormatDocumentProvider', document.uri, { tabSize: 2, insertSpaces: true });
  assert.equal(again?.length ?? 0, 0, 'what is formatted stays');
});

test('folding, semantic tokens, inlay hints, code lenses', async () => {
  const document = await open('main.pie');
  const folds = await ask<vscode.FoldingRange[]>('executeFoldingRangeProvider', document.uri);
  const slice = find(document, 'public slice').start.line;
  assert.ok(folds.some(({ start }) => start === slice), `a fold from line ${slice}`);

  const legend = await ask<vscode.SemanticTokensLegend>('provideDocumentSemanticTokensLegend', document.uri);
  const { data } = await ask<vscode.SemanticTokens>('provideDocumentSemanticTokens', document.uri);
  assert.ok(data.length >= 5 && data.length % 5 === 0, `${data.length} numbers`);
  let [line, character] = [0, 0];
  for (let at = 0; at < data.length; at += 5) {
    character = data[at] ? data[at + 1] : character + data[at + 1];
    line += data[at];
    assert.ok(character + data[at + 2] <= document.lineAt(line).text.length, `a token ends in its line, ${line}`);
    assert.ok(legend.tokenTypes[data[at + 3]], 'its type is in the legend');
  }

  const all = new vscode.Range(0, 0, document.lineCount, 0);
  const hints = await ask<vscode.InlayHint[]>('executeInlayHintProvider', document.uri, all);
  assert.ok(Array.isArray(hints));
  const lenses = await ask<vscode.CodeLens[]>('executeCodeLensProvider', document.uri, 100);
  const known = new Set(['', ...(await vscode.commands.getCommands())]);
  for (const { command } of lenses) {
    assert.ok(command?.title, 'a lens says something');
    assert.ok(known.has(command.command), `the editor has no command ${command.command}`);
  }
});

test('the call hierarchy is the lineage', async () => {
  const document = await open('main.pie');
  const [item] = await ask<vscode.CallHierarchyItem[]>('prepareCallHierarchy', document.uri, find(document, 'large').start);
  assert.match(item.name, /\blarge$/);
  const from = await ask<vscode.CallHierarchyIncomingCall[]>('provideIncomingCalls', item);
  const to = await ask<vscode.CallHierarchyOutgoingCall[]>('provideOutgoingCalls', item);
  const names = [...from.map((call) => call.from.name), ...to.map((call) => call.to.name)].map((name) => name.split('.').pop());
  assert.deepEqual(names.sort(), ['listed', 'orders', 'total']);
});

test('an error shows in the readers too, and goes away in all files', async () => {
  await change('main.pie', 'select id, amount', 'select id');
  await finding('readers.pie', 'E0201');
  await write('main.pie', files['main.pie']);
  await clean('readers.pie');
});

test('emptying a file clears its findings', async () => {
  await change('readers.pie', 'l.id', 'l.ident');
  await finding('readers.pie', 'E0201');
  await write('readers.pie', '');
  await clean('readers.pie');
});

test('a file that is written and deleted behind the editor', async () => {
  const uri = uriOf('other.pie');
  await vscode.workspace.fs.writeFile(uri, Buffer.from('public slice shop.other { select nothing from large }\n'));
  await finding('other.pie', 'E0201');
  await vscode.workspace.fs.delete(uri);
  await clean('other.pie');
});

test('each code links to its page', async () => {
  await change('main.pie', 'where amount', 'where amuont');
  const { code } = await finding('main.pie', 'E0201');
  assert.ok(typeof code === 'object');
  const page = await vscode.workspace.openTextDocument(code.target);
  assert.ok(page.getText().includes('E0201'), page.getText());
});

test('restarting the server', async () => {
  await change('main.pie', 'where amount', 'where amuont');
  await finding('main.pie', 'E0201');
  await vscode.commands.executeCommand('pie.restartServer');
  await finding('main.pie', 'E0201');
});
