// The parts of the extension that need no editor.
import './hook';
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { describe, test } from 'node:test';
import { makeProject } from './project';

const source = (name: string) => path.join(__dirname, '..', 'src', `${name}.js`);
const { findBinary } = require(source('binary')) as typeof import('../src/binary');
const { projectAbove } = require(source('project')) as typeof import('../src/project');
const { quoted } = require(source('terminal')) as typeof import('../src/terminal');

describe('where `pie` is looked for', { skip: process.platform === 'win32' ? 'made for a Unix' : false }, () => {
  const folder = makeProject({ 'one/pie': '', 'two/pie': '', 'two/other': '', 'three/pie/x': '', 'target/debug/pie': '' });
  for (const name of ['two/pie', 'two/other', 'target/debug/pie']) fs.chmodSync(path.join(folder, name), 0o755);
  const at = (name: string) => path.join(folder, name);
  const searchPath = ['', at('three'), at('one'), at('two')].join(path.delimiter);

  test('on the PATH: the first that is a program', () => assert.equal(findBinary('', folder, searchPath), at('two/pie')));
  test('nowhere else', () => assert.equal(findBinary('', folder, at('one')), undefined));
  test('an absolute path', () => assert.equal(findBinary(` ${at('two/other')} `, undefined, ''), at('two/other')));
  test('a path from the folder on', () => assert.equal(findBinary('./target/debug/pie', folder, ''), at('target/debug/pie')));
  test('a name', () => assert.equal(findBinary('other', folder, searchPath), at('two/other')));
  test('a path to no program', () => assert.equal(findBinary(at('one/pie'), folder, searchPath), undefined));
  test('a folder is no program', () => assert.equal(findBinary(at('three/pie'), folder, searchPath), undefined));
  test('`~`', () => {
    const relative = path.relative(os.homedir(), at('two/pie'));
    assert.equal(findBinary(`~/${relative}`, undefined, ''), at('two/pie'));
  });
});

describe('the nearest project', () => {
  const folder = makeProject({ 'a/pie.toml': '', 'a/b/c/x.pie': '', 'd/x.pie': '' });
  test('above', () => assert.equal(projectAbove(path.join(folder, 'a/b/c')), path.join(folder, 'a')));
  test('here', () => assert.equal(projectAbove(path.join(folder, 'a')), path.join(folder, 'a')));
  test('none', () => assert.equal(projectAbove(path.join(folder, 'd')), undefined));
});

test('a command is quoted for the shell', () => {
  assert.equal(quoted('/usr/bin/pie', '/bin/bash'), '/usr/bin/pie');
  assert.equal(quoted("/opt/it's here/pie", '/usr/bin/zsh'), `'/opt/it'\\''s here/pie'`);
  assert.equal(quoted('/opt/a b/pie', '/usr/bin/pwsh'), "& '/opt/a b/pie'");
  assert.equal(quoted('/opt/a b/pie', 'cmd.exe'), '"/opt/a b/pie"');
});

test('package.json names every command of the extension, and no other', () => {
  const manifest = JSON.parse(fs.readFileSync(path.join(__dirname, '..', '..', 'package.json'), 'utf8'));
  const named: string[] = manifest.contributes.commands.map(({ command }: { command: string }) => command);
  const text = fs.readFileSync(path.join(__dirname, '..', '..', 'src', 'extension.ts'), 'utf8');
  const registered = [...text.matchAll(/registerCommand\('([^']+)'/g)].map(([, name]) => name);
  assert.deepEqual(named.sort(), registered.sort());
});
