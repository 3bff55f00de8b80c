// Gives `require('vscode')` the stand-in. Import this before anything that needs `vscode`.
import Module from 'node:module';
import * as path from 'node:path';

type Resolve = (request: string, ...rest: unknown[]) => string;
const loader = Module as unknown as { _resolveFilename: Resolve };
const usual = loader._resolveFilename;
loader._resolveFilename = function (request, ...rest) {
  return request === 'vscode' ? path.join(__dirname, 'vscode-stub.js') : usual.call(this, request, ...rest);
};
