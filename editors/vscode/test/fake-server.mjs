#!/usr/bin/env node
// Stands for `pie` where only the client's own plumbing is tested: `lsp` speaks the protocol and finds the word `wrong`,
// `explain CODE` prints a line. What the language means is tested with the real program only.
import { createConnection, ProposedFeatures, TextDocuments } from 'vscode-languageserver/node';
import { TextDocument } from 'vscode-languageserver-textdocument';

const [verb, argument] = process.argv.slice(2);
if (verb === 'explain') console.log(`# ${argument}`);
else if (verb !== 'lsp' || process.argv.length !== 3) {
  console.error(`error: unrecognized arguments ${process.argv.slice(2).join(' ')}`);
  process.exitCode = 2;
} else serve();

function serve() {
  const connection = createConnection(ProposedFeatures.all, process.stdin, process.stdout);
  const documents = new TextDocuments(TextDocument);
  const changedFiles = [];

  connection.onInitialize(({ workspaceFolders }) => {
    console.error(`initialized in ${workspaceFolders?.[0]?.name}`);
    return { capabilities: { textDocumentSync: 2, hoverProvider: true }, serverInfo: { name: 'fake' } };
  });
  documents.onDidChangeContent(({ document }) => {
    const start = document.getText().indexOf('wrong');
    const range = { start: document.positionAt(start), end: document.positionAt(start + 5) };
    const found = [{ range, message: 'this is wrong', severity: 1, source: 'pie', code: 'E0201' }];
    connection.sendDiagnostics({ uri: document.uri, diagnostics: start < 0 ? [] : found });
    if (document.getText().includes('crash')) process.exit(3);
  });
  connection.onDidChangeWatchedFiles(({ changes }) => changedFiles.push(...changes.map(({ uri, type }) => `${type} ${uri}`)));
  // What a test wants to know of the server: which process it is, and what it was told.
  connection.onHover(() => ({ contents: { kind: 'markdown', value: JSON.stringify({ pid: process.pid, changedFiles }) } }));
  documents.listen(connection);
  connection.listen();
}
