import * as path from 'node:path';
import * as vscode from 'vscode';
import { project } from './project';
import { binary } from './settings';

/** Types `pie VERB` into the terminal of the project, where one can go on typing. */
export async function runInTerminal(verb: 'check' | 'plan' | 'build'): Promise<void> {
  const command = binary();
  const cwd = command && (await project());
  if (!cwd) return;
  // `pie` reads what is on disk.
  await vscode.workspace.saveAll(false);

  const name = `pie: ${path.basename(cwd)}`;
  const open = vscode.window.terminals.find((terminal) => terminal.name === name && terminal.exitStatus === undefined);
  const terminal = open ?? vscode.window.createTerminal({ name, cwd });
  terminal.show(true);
  terminal.sendText(`${quoted(command, vscode.env.shell)} ${verb}`);
}

/** A program's path as the first word of a command, for the user's shell. */
export function quoted(command: string, shell: string): string {
  if (/^[\w./:-]+$/.test(command)) return command;
  const kind = path.basename(shell).toLowerCase();
  if (/^(pwsh|powershell)/.test(kind)) return `& '${command.replaceAll("'", "''")}'`;
  if (/^cmd/.test(kind)) return `"${command}"`;
  return `'${command.replaceAll("'", `'\\''`)}'`;
}
