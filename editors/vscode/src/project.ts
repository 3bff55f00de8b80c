import * as fs from 'node:fs';
import * as path from 'node:path';
import * as vscode from 'vscode';

const marker = 'pie.toml';

/** The nearest folder with a `pie.toml`, from `folder` upwards. */
export function projectAbove(folder: string): string | undefined {
  for (let here = folder; ; here = path.dirname(here)) {
    if (fs.existsSync(path.join(here, marker))) return here;
    if (path.dirname(here) === here) return undefined;
  }
}

/** The project of the file that is shown, or else one of the workspace's, which is asked for if there are several. */
export async function project(): Promise<string | undefined> {
  const shown = vscode.window.activeTextEditor?.document.uri;
  const above = shown?.scheme === 'file' ? projectAbove(path.dirname(shown.fsPath)) : undefined;
  if (above) return above;

  const found = await vscode.workspace.findFiles(`**/${marker}`, '**/{.*,target,node_modules}/**', 100);
  const folders = found.map((file) => path.dirname(file.fsPath)).sort();
  if (folders.length > 1) return vscode.window.showQuickPick(folders, { placeHolder: 'Which project?' });
  if (folders.length === 0) void vscode.window.showErrorMessage(`There is no ${marker} above this file or in this workspace.`);
  return folders[0];
}
