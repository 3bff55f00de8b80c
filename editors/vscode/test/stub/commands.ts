import type { TextDocument } from './document';
import { getDiagnostics, providers } from './languages';
import { stub } from './state';
import { CancellationTokenSource, Disposable, Range, type Diagnostic, type Position, type Uri } from './types';
import { openTextDocument } from './workspace';

const registered = new Map<string, (...given: any[]) => unknown>();
const none = new CancellationTokenSource().token;

export function registerCommand(name: string, run: (...given: any[]) => unknown): Disposable {
  if (registered.has(name)) throw new Error(`command '${name}' already exists`);
  registered.set(name, run);
  return new Disposable(() => registered.delete(name));
}

export async function executeCommand(name: string, ...given: any[]): Promise<unknown> {
  stub.executed.push([name, ...given]);
  const run = registered.get(name) ?? builtIn[name];
  return run?.(...given);
}

export async function getCommands(): Promise<string[]> {
  return [...registered.keys(), ...Object.keys(builtIn), 'editor.action.showReferences'];
}

/** Asks each provider of a kind, and joins what they say. */
async function ask(kind: string, uri: Uri, call: (provider: Record<string, Function>, document: TextDocument) => unknown): Promise<any[]> {
  const document = await openTextDocument(uri);
  const answers = await Promise.all(providers(kind, document).map(({ provider }) => call(provider, document)));
  return answers.flatMap((answer) => answer ?? []);
}

// VS Code's own commands that ask the providers: https://code.visualstudio.com/api/references/commands
const builtIn: Record<string, (...given: any[]) => unknown> = {
  'vscode.executeHoverProvider': (uri: Uri, at: Position) =>
    ask('Hover', uri, (provider, document) => provider.provideHover(document, at, none)),
  'vscode.executeCompletionItemProvider': async (uri: Uri, at: Position) => {
    const found = await ask('Completion', uri, async (provider, document) => {
      const list = await provider.provideCompletionItems(document, at, none, { triggerKind: 0 });
      return list?.items ?? list;
    });
    return { items: found };
  },
  'vscode.executeDefinitionProvider': (uri: Uri, at: Position) =>
    ask('Definition', uri, (provider, document) => provider.provideDefinition(document, at, none)),
  'vscode.executeReferenceProvider': (uri: Uri, at: Position) =>
    ask('Reference', uri, (provider, document) => provider.provideReferences(document, at, { includeDeclaration: true }, none)),
  'vscode.prepareRename': async (uri: Uri, at: Position) =>
    (await ask('Rename', uri, (provider, document) => provider.prepareRename?.(document, at, none)))[0],
  'vscode.executeDocumentRenameProvider': async (uri: Uri, at: Position, name: string) =>
    (await ask('Rename', uri, (provider, document) => provider.provideRenameEdits(document, at, name, none)))[0],
  'vscode.executeDocumentSymbolProvider': (uri: Uri) =>
    ask('DocumentSymbol', uri, (provider, document) => provider.provideDocumentSymbols(document, none)),
  'vscode.executeWorkspaceSymbolProvider': async (query: string) => {
    const answers = await Promise.all(providers('WorkspaceSymbol').map(({ provider }) => provider.provideWorkspaceSymbols(query, none)));
    return answers.flatMap((answer) => answer ?? []);
  },
  'vscode.executeFormatDocumentProvider': (uri: Uri, options: unknown) =>
    ask('Formatting', uri, (provider, document) => provider.provideDocumentFormattingEdits(document, options, none)),
  'vscode.executeFoldingRangeProvider': (uri: Uri) =>
    ask('FoldingRange', uri, (provider, document) => provider.provideFoldingRanges(document, {}, none)),
  'vscode.executeCodeActionProvider': (uri: Uri, range: Range) =>
    ask('CodeAction', uri, (provider, document) => {
      const diagnostics = getDiagnostics(uri).filter((one: Diagnostic) => (one.range as Range).contains(range));
      return provider.provideCodeActions(document, range, { diagnostics, only: undefined, triggerKind: 1 }, none);
    }),
  'vscode.executeCodeLensProvider': (uri: Uri, resolve = 0) =>
    ask('CodeLens', uri, async (provider, document) => {
      const lenses: any[] = (await provider.provideCodeLenses(document, none)) ?? [];
      const open = (lens: any) => (lens.command ? lens : (provider.resolveCodeLens?.(lens, none) ?? lens));
      return Promise.all(lenses.map((lens, at) => (at < resolve ? open(lens) : lens)));
    }),
  'vscode.executeInlayHintProvider': (uri: Uri, range: Range) =>
    ask('InlayHint', uri, (provider, document) => provider.provideInlayHints(document, range, none)),
  'vscode.provideDocumentSemanticTokensLegend': async (uri: Uri) =>
    providers('SemanticTokens', await openTextDocument(uri))[0]?.extra,
  'vscode.provideDocumentSemanticTokens': async (uri: Uri) =>
    (await ask('SemanticTokens', uri, (provider, document) => provider.provideDocumentSemanticTokens(document, none)))[0],
  'vscode.prepareCallHierarchy': (uri: Uri, at: Position) =>
    ask('CallHierarchy', uri, (provider, document) => provider.prepareCallHierarchy(document, at, none)),
  'vscode.provideIncomingCalls': (item: { uri: Uri }) =>
    ask('CallHierarchy', item.uri, (provider) => provider.provideCallHierarchyIncomingCalls(item, none)),
  'vscode.provideOutgoingCalls': (item: { uri: Uri }) =>
    ask('CallHierarchy', item.uri, (provider) => provider.provideCallHierarchyOutgoingCalls(item, none)),
};
