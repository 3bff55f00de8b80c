// The extension in the stand-in for VS Code, with the real vscode-languageclient. Its plumbing is tested with a fake server;
// the cases of `cases.ts` need the real one: PIE=/path/to/pie npm test.
import { startExtension } from './extension';
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { after, before, beforeEach, describe, test } from 'node:test';
import * as vscode from 'vscode';
import { cases, files, reset, until } from './cases';
import { makeProject } from './project';
import { stub } from './stub/state';

const fake = path.join(__dirname, '..', '..', 'test', 'fake-server.mjs');
const real = process.env.PIE;

async function openFile(folder: string, name: string) {
  return vscode.workspace.openTextDocument(vscode.Uri.file(path.join(folder, name)));
}

/** What the fake server says about itself. */
async function server(uri: vscode.Uri): Promise<{ pid: number; changedFiles: string[] } | undefined> {
  const command = 'vscode.executeHoverProvider';
  const [hover] = await vscode.commands.executeCommand<vscode.Hover[]>(command, uri, new vscode.Position(0, 0));
  const content = hover?.contents[0] as vscode.MarkdownString | undefined;
  return content && JSON.parse(content.value);
}

const alive = (pid: number) => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

describe('the client, with a fake server', () => {
  const folder = makeProject({
    'pie.toml': '',
    'a.pie': 'right\nwrong\n',
    'inner/pie.toml': '',
    'inner/deep/b.pie': '',
    'broken/pie': '#!/bin/sh\necho "error: no such command: $1" >&2\nexit 2\n',
    'bin with blank/empty': '',
  });
  const broken = path.join(folder, 'broken', 'pie');
  fs.chmodSync(broken, 0o755);
  const named = path.join(folder, 'bin with blank', 'pie');
  fs.symlinkSync(fake, named);
  let stop: () => Promise<void>;
  let uri: vscode.Uri;
  let stopped = false;

  before(async () => {
    stop = await startExtension(folder, { 'pie.path': fake });
    ({ uri } = await openFile(folder, 'a.pie'));
  });
  beforeEach(() => stub.messages.splice(0));
  after(() => (stopped ? undefined : stop()));

  test('starts `pie lsp` and shows what it finds', async () => {
    const [found] = await until('a finding', () => {
      const all = vscode.languages.getDiagnostics(uri);
      return all.length > 0 ? all : undefined;
    });
    assert.equal(found.source, 'pie');
    assert.deepEqual([found.range.start.line, found.range.start.character, found.range.end.character], [1, 0, 5]);
    assert.ok(stub.log.some((line) => line.includes('initialized in')), 'what the server writes is in the output');
    assert.deepEqual(stub.messages, []);
  });

  test('a code is a link to its page', async () => {
    const { code } = vscode.languages.getDiagnostics(uri)[0];
    assert.ok(typeof code === 'object');
    assert.equal(code.value, 'E0201');
    const page = await vscode.workspace.openTextDocument(code.target);
    assert.equal(page.getText(), '# E0201\n');
    assert.equal(page.languageId, 'markdown');
  });

  test('`pie.explainCode` opens the page of a code', async () => {
    stub.input = 'w0102';
    await vscode.commands.executeCommand('pie.explainCode');
    assert.equal(vscode.window.activeTextEditor?.document.getText(), '# W0102\n');
    await vscode.commands.executeCommand('pie.explainCode', 'E0302');
    assert.equal(vscode.window.activeTextEditor?.document.getText(), '# E0302\n');
  });

  test('only a code becomes an argument of `pie explain`', async () => {
    const page = await vscode.workspace.openTextDocument(vscode.Uri.parse('pie-explain:--help.md'));
    assert.match(page.getText(), /isn't a code/);
  });

  test('tells the server which files change', async () => {
    await vscode.workspace.fs.writeFile(vscode.Uri.file(path.join(folder, 'new.pie')), Buffer.from(''));
    await vscode.workspace.fs.writeFile(vscode.Uri.file(path.join(folder, 'pie.toml')), Buffer.from(''));
    await vscode.workspace.fs.writeFile(vscode.Uri.file(path.join(folder, 'new.txt')), Buffer.from(''));
    const changed = await until('two changes', async () => {
      const all = (await server(uri))?.changedFiles;
      return all && all.length >= 2 ? all : undefined;
    });
    assert.deepEqual(changed.map((one) => one.replace(/ .*\//, ' ')).sort(), ['1 new.pie', '2 pie.toml']);
  });

  test('`pie.restartServer` starts another process and ends the old one', async () => {
    const first = (await server(uri))!.pid;
    await vscode.commands.executeCommand('pie.restartServer');
    const second = (await server(uri))!.pid;
    assert.notEqual(second, first);
    await until('the end of the first', () => !alive(first) || undefined);
    await until('the finding', () => vscode.languages.getDiagnostics(uri).length === 1 || undefined);
  });

  test('many restarts at once leave one server', async () => {
    await Promise.all([1, 2, 3].map(() => vscode.commands.executeCommand('pie.restartServer')));
    assert.ok(alive((await server(uri))!.pid));
    assert.deepEqual(stub.messages, []);
    const hovers = await vscode.commands.executeCommand<unknown[]>('vscode.executeHoverProvider', uri, new vscode.Position(0, 0));
    assert.equal(hovers.length, 1, 'the earlier ones are gone with their providers');
  });

  test('a server that crashes is started again', async () => {
    const first = (await server(uri))!.pid;
    const edit = new vscode.WorkspaceEdit();
    edit.replace(uri, new vscode.Range(0, 0, 0, 0), 'crash ');
    await vscode.workspace.applyEdit(edit);
    await until('the end of the first', () => !alive(first) || undefined);
    const back = new vscode.WorkspaceEdit();
    back.replace(uri, new vscode.Range(0, 0, 0, 6), '');
    await vscode.workspace.applyEdit(back);
    const second = await until('another server', () => server(uri).catch(() => undefined));
    assert.notEqual(second.pid, first);
  });

  test('a setting that names no program is said, with a way to it', async () => {
    stub.press = 'Open Setting';
    stub.set('pie.path', path.join(folder, 'nowhere', 'pie'));
    const message = await until('a message', () => stub.messages[0]);
    assert.match(message.text, /`pie.path` is ".*nowhere.pie", and there is no such program/);
    assert.deepEqual(message.buttons, ['Open Setting']);
    await until('the setting', () => stub.executed.find(([name]) => name === 'workbench.action.openSettings'));
    assert.deepEqual(stub.executed.at(-1), ['workbench.action.openSettings', 'pie.path']);
    assert.equal(vscode.languages.getDiagnostics(uri).length, 0, 'no findings of a server that is gone');
  });

  test('so is one that names a program without `lsp`, once', async () => {
    stub.set('pie.path', broken);
    const message = await until('a message', () => stub.messages[0]);
    assert.match(message.text, /`.*broken.pie lsp` didn't start/);
    assert.deepEqual(message.buttons, ['Show Output']);
    await until('its words in the output', () => stub.log.some((line) => line.includes('no such command: lsp')) || undefined);
    await new Promise((resolve) => setTimeout(resolve, 300));
    assert.equal(stub.messages.length, 1, stub.messages.map(({ text }) => text).join('\n'));
  });

  test('so is a PATH without `pie`', async () => {
    const usual = process.env.PATH;
    process.env.PATH = path.join(folder, 'nowhere');
    stub.set('pie.path', '');
    const message = await until('a message', () => stub.messages[0]);
    process.env.PATH = usual;
    assert.match(message.text, /no `pie` on your PATH/);
  });

  test('mending the setting starts the server; one on the PATH is found', async () => {
    const usual = process.env.PATH;
    process.env.PATH = `${path.dirname(named)}${path.delimiter}${usual}`;
    stub.set('pie.path', '');
    await until('a server', () => server(uri));
    await until('the finding', () => vscode.languages.getDiagnostics(uri).length === 1 || undefined);
    process.env.PATH = usual;
    assert.deepEqual(stub.messages, []);
  });

  test('`pie.check` and the others type into a terminal of the nearest project', async () => {
    stub.set('pie.path', './bin with blank/pie');
    await until('a server', () => server(uri));
    await vscode.window.showTextDocument(await openFile(folder, 'inner/deep/b.pie'));
    await vscode.commands.executeCommand('pie.check');
    await vscode.commands.executeCommand('pie.plan');
    await vscode.window.showTextDocument(await openFile(folder, 'a.pie'));
    await vscode.commands.executeCommand('pie.build');
    const [inner, outer] = stub.terminals;
    assert.equal(stub.terminals.length, 2, 'one each project');
    assert.equal(inner.cwd, path.join(folder, 'inner'));
    assert.deepEqual(inner.sent, [`'${named}' check`, `'${named}' plan`]);
    assert.equal(outer.cwd, folder);
    assert.deepEqual(outer.sent, [`'${named}' build`]);
  });

  test('`pie.showOutput`', async () => {
    await vscode.commands.executeCommand('pie.showOutput');
    assert.deepEqual(stub.executed.at(-1), ['show output']);
  });

  test('the server ends with the window', async () => {
    const { pid } = (await server(uri))!;
    await stop();
    stopped = true;
    await until('its end', () => !alive(pid) || undefined);
  });
});

describe('the real `pie lsp`', { skip: real ? false : 'set PIE=/path/to/pie to test with the real program' }, () => {
  let stop: () => Promise<void>;
  before(async () => {
    stub.documents.splice(0);
    stop = await startExtension(makeProject(files), { 'pie.path': path.resolve(real!) });
  });
  beforeEach(reset);
  after(() => stop());
  for (const { name, run } of cases) test(name, run);
});
