import { execFile } from 'node:child_process';
import * as vscode from 'vscode';
import { binary } from './settings';

/** Documents `pie-explain:E0201.md`: what `pie explain E0201` prints. They can't be edited, and Markdown's preview works. */
export const scheme = 'pie-explain';

const code = /^[A-Z]\d{4}$/;

const address = (text: string) => vscode.Uri.from({ scheme, path: `${text}.md` });

export class ExplanationProvider implements vscode.TextDocumentContentProvider {
  async provideTextDocumentContent(uri: vscode.Uri): Promise<string> {
    const text = uri.path.replace(/\.md$/, '');
    // A link may hold anything; only a code becomes an argument.
    if (!code.test(text)) return `\`${text}\` isn't a code such as E0201.\n`;
    const command = binary();
    if (!command) return '`pie` wasn\'t found.\n';
    return new Promise((resolve) => {
      execFile(command, ['explain', text], { timeout: 10_000 }, (error, stdout, stderr) =>
        resolve(error ? stderr || `${error.message}\n` : stdout),
      );
    });
  }
}

/** Opens the page of a code, which is asked for if it isn't given; the one at the cursor is proposed. */
export async function explainCode(given?: string): Promise<void> {
  const text = typeof given === 'string' ? given : await ask();
  if (!text) return;
  const page = await vscode.workspace.openTextDocument(address(text.trim().toUpperCase()));
  await vscode.window.showTextDocument(page, { preview: true, viewColumn: vscode.ViewColumn.Beside });
}

function ask(): Thenable<string | undefined> {
  return vscode.window.showInputBox({
    prompt: 'The code of an error or a warning, such as E0201',
    value: codeAtCursor(),
    validateInput: (text) => (code.test(text.trim().toUpperCase()) ? undefined : 'A letter and four digits'),
  });
}

function codeAtCursor(): string | undefined {
  const editor = vscode.window.activeTextEditor;
  if (!editor) return undefined;
  const found = vscode.languages
    .getDiagnostics(editor.document.uri)
    .find(({ source, range }) => source === 'pie' && range.contains(editor.selection.active));
  return found && codeOf(found);
}

function codeOf({ code }: vscode.Diagnostic): string {
  return String(typeof code === 'object' ? code.value : (code ?? ''));
}

/** Makes the code of each diagnostic a link to its page, unless the server gives it a link itself. */
export function linkCodes(diagnostics: vscode.Diagnostic[]): vscode.Diagnostic[] {
  for (const diagnostic of diagnostics) {
    const value = diagnostic.code;
    if (typeof value === 'string' && code.test(value)) diagnostic.code = { value, target: address(value) };
  }
  return diagnostics;
}
