import * as vscode from 'vscode';
import { explainCode, ExplanationProvider, scheme } from './explain';
import { runInTerminal } from './terminal';
import { Server } from './server';

let server: Server | undefined;

export async function activate(context: vscode.ExtensionContext): Promise<void> {
  const output = vscode.window.createOutputChannel('pie', { log: true });
  const running = (server = new Server(output));

  context.subscriptions.push(
    output,
    running,
    vscode.workspace.registerTextDocumentContentProvider(scheme, new ExplanationProvider()),
    vscode.commands.registerCommand('pie.restartServer', () => running.restart()),
    vscode.commands.registerCommand('pie.showOutput', () => output.show()),
    vscode.commands.registerCommand('pie.check', () => runInTerminal('check')),
    vscode.commands.registerCommand('pie.plan', () => runInTerminal('plan')),
    vscode.commands.registerCommand('pie.build', () => runInTerminal('build')),
    vscode.commands.registerCommand('pie.explainCode', explainCode),
    vscode.workspace.onDidChangeConfiguration((change) => {
      if (change.affectsConfiguration('pie.path')) void running.restart();
    }),
  );

  await running.restart();
}

/** VS Code waits for this, so no server outlives its window. */
export function deactivate(): Promise<void> | undefined {
  return server?.stop();
}
