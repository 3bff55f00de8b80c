import * as vscode from 'vscode';
import { findBinary } from './binary';

/** The `pie` to run. When there is none, says so with a way to the setting. */
export function binary(): string | undefined {
  const setting = vscode.workspace.getConfiguration('pie').get('path', '').trim();
  const folder = vscode.workspace.workspaceFolders?.find(({ uri }) => uri.scheme === 'file')?.uri.fsPath;
  const found = findBinary(setting, folder, process.env.PATH ?? '');
  if (!found) void sayMissing(setting);
  return found;
}

async function sayMissing(setting: string): Promise<void> {
  const why = setting
    ? `The setting \`pie.path\` is "${setting}", and there is no such program.`
    : 'There is no `pie` on your PATH, and the setting `pie.path` is empty.';
  const open = 'Open Setting';
  if ((await vscode.window.showErrorMessage(why, open)) === open) {
    await vscode.commands.executeCommand('workbench.action.openSettings', 'pie.path');
  }
}
