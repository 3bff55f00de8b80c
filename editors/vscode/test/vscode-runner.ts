// What a real VS Code runs in its extension host (`vscode-run.mjs` starts it): the cases, with a report in a file.
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import * as vscode from 'vscode';
import { cases, reset, until } from './cases';

const folder = () => vscode.workspace.workspaceFolders![0].uri;

const inEditor = [
  ...cases,
  {
    name: 'the language, its grammar and its settings are there',
    async run() {
      assert.ok((await vscode.languages.getLanguages()).includes('pie'));
      const document = await vscode.workspace.openTextDocument(vscode.Uri.joinPath(folder(), 'main.pie'));
      const editor = await vscode.window.showTextDocument(document);
      assert.equal(document.languageId, 'pie');
      assert.equal(editor.options.tabSize, 2);
    },
  },
  {
    name: 'documentation goes on with the next line',
    async run() {
      const document = await vscode.workspace.openTextDocument({ language: 'pie', content: '--- One' });
      const editor = await vscode.window.showTextDocument(document);
      editor.selection = new vscode.Selection(0, 7, 0, 7);
      await vscode.commands.executeCommand('type', { text: '\n' });
      assert.equal(document.getText().replace('\r', ''), '--- One\n--- ');
      await vscode.commands.executeCommand('workbench.action.revertAndCloseActiveEditor');
    },
  },
  {
    name: 'commands run in a terminal of the project',
    async run() {
      await vscode.commands.executeCommand('pie.check');
      const terminal = await until('a terminal', () => vscode.window.terminals.find(({ name }) => name.startsWith('pie: ')));
      assert.equal((terminal.creationOptions as vscode.TerminalOptions).cwd, folder().fsPath);
      assert.ok(await terminal.processId, 'it runs');
      terminal.dispose();
    },
  },
];

export async function run(): Promise<void> {
  const report: string[] = [];
  let failed = 0;
  const extension = vscode.extensions.getExtension('icepie.icepie');
  report.push(`VS Code ${vscode.version}, icepie ${extension?.packageJSON.version} at ${extension?.extensionPath}`);
  for (const { name, run } of inEditor) {
    try {
      await reset();
      await run();
      report.push(`ok      ${name}`);
    } catch (error) {
      failed++;
      report.push(`not ok  ${name}\n${(error as Error).stack}`);
    }
  }
  report.push(`${inEditor.length - failed} passed, ${failed} failed`);
  fs.writeFileSync(process.env.PIE_TEST_REPORT!, `${report.join('\n')}\n`);
}
