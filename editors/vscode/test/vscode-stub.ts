// A stand-in for VS Code's own `vscode` module, as far as vscode-languageclient and this extension use it: documents, edits,
// providers, diagnostics and watchers work; windows are lists that tests look into (`stub`). What VS Code really does with
// all this is tested by `npm run test:vscode`, with the same cases.
export * from './stub/types';
export * as commands from './stub/commands';
export * as languages from './stub/languages';
export * as window from './stub/window';
export * as workspace from './stub/workspace';
export { stub } from './stub/state';

/** The oldest version that the extension runs in. */
export const version = '1.91.0';

export const env = { language: 'en', appName: 'stand-in', shell: '/bin/sh', openExternal: async () => true };
