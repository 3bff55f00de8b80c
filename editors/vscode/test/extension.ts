// Runs the bundle that is shipped, `dist/extension.js`, as VS Code does.
import './hook';
import * as path from 'node:path';
import { stub } from './stub/state';
import { Uri } from './stub/types';

const main = require(path.join(__dirname, '..', 'extension.js')) as {
  activate(context: { subscriptions: { dispose(): unknown }[] }): Promise<void>;
  deactivate(): Promise<void> | undefined;
};

export async function startExtension(folder: string, settings: Record<string, unknown>): Promise<() => Promise<void>> {
  stub.folders.splice(0, 1, { uri: Uri.file(folder), name: path.basename(folder), index: 0 });
  stub.settings = settings;
  const context = { subscriptions: [] as { dispose(): unknown }[] };
  await main.activate(context);
  return async () => {
    await main.deactivate();
    for (const part of context.subscriptions.reverse()) part.dispose();
  };
}
