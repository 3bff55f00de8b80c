import type { TextDocument } from './document';
import { Disposable, EventEmitter, type Diagnostic, type Uri } from './types';
import { matchesGlob } from './workspace';

interface Filter {
  language?: string;
  scheme?: string;
  pattern?: string;
}
type Selector = string | Filter | (string | Filter)[];
type Provider = Record<string, Function>;

export function match(selector: Selector, { uri, languageId }: Pick<TextDocument, 'uri' | 'languageId'>): number {
  const filters = (Array.isArray(selector) ? selector : [selector]).map((one) => (typeof one === 'string' ? { language: one } : one));
  if (filters.length === 0) return 10;
  const fits = filters.some(
    ({ language, scheme, pattern }) =>
      (!language || language === languageId) &&
      (!scheme || scheme === uri.scheme) &&
      (!pattern || matchesGlob(pattern, uri)),
  );
  return fits ? 10 : 0;
}

const registered: { kind: string; selector: Selector | undefined; provider: Provider; extra: unknown }[] = [];

/** The providers of a kind, such as `Hover`, for a document, or all of them. */
export function providers(kind: string, document?: TextDocument) {
  return registered.filter(
    (entry) => entry.kind === kind && (!document || !entry.selector || match(entry.selector, document) > 0),
  );
}

const register = (kind: string) => (selector: Selector, provider: Provider, ...extra: unknown[]) => {
  const entry = { kind, selector, provider, extra: extra[0] };
  registered.push(entry);
  return new Disposable(() => registered.splice(registered.indexOf(entry), 1));
};

export const registerHoverProvider = register('Hover');
export const registerCompletionItemProvider = register('Completion');
export const registerDefinitionProvider = register('Definition');
export const registerDeclarationProvider = register('Declaration');
export const registerTypeDefinitionProvider = register('TypeDefinition');
export const registerImplementationProvider = register('Implementation');
export const registerReferenceProvider = register('Reference');
export const registerRenameProvider = register('Rename');
export const registerDocumentSymbolProvider = register('DocumentSymbol');
export const registerDocumentHighlightProvider = register('DocumentHighlight');
export const registerDocumentLinkProvider = register('DocumentLink');
export const registerDocumentFormattingEditProvider = register('Formatting');
export const registerDocumentRangeFormattingEditProvider = register('RangeFormatting');
export const registerOnTypeFormattingEditProvider = register('OnTypeFormatting');
export const registerFoldingRangeProvider = register('FoldingRange');
export const registerSelectionRangeProvider = register('SelectionRange');
export const registerSignatureHelpProvider = register('SignatureHelp');
export const registerCodeActionsProvider = register('CodeAction');
export const registerCodeLensProvider = register('CodeLens');
export const registerInlayHintsProvider = register('InlayHint');
export const registerCallHierarchyProvider = register('CallHierarchy');
export const registerDocumentSemanticTokensProvider = register('SemanticTokens');
export const registerDocumentRangeSemanticTokensProvider = register('RangeSemanticTokens');
export const registerColorProvider = register('Color');
export const registerLinkedEditingRangeProvider = register('LinkedEditing');
export const registerTypeHierarchyProvider = register('TypeHierarchy');
export const registerInlineValuesProvider = register('InlineValues');
export const registerWorkspaceSymbolProvider = (provider: Provider) => register('WorkspaceSymbol')([], provider);

const collections = new Set<Map<string, Diagnostic[]>>();
const changed = new EventEmitter<{ uris: Uri[] }>();
export const onDidChangeDiagnostics = changed.event;

export function createDiagnosticCollection() {
  const found = new Map<string, Diagnostic[]>();
  collections.add(found);
  const tell = (uri: Uri) => changed.fire({ uris: [uri] });
  return {
    set(uri: Uri, diagnostics: Diagnostic[] | undefined) {
      if (diagnostics) found.set(uri.toString(), diagnostics);
      else found.delete(uri.toString());
      tell(uri);
    },
    delete(uri: Uri) {
      found.delete(uri.toString());
      tell(uri);
    },
    get: (uri: Uri) => found.get(uri.toString()),
    has: (uri: Uri) => found.has(uri.toString()),
    clear: () => found.clear(),
    dispose: () => {
      found.clear();
      collections.delete(found);
    },
  };
}

export function getDiagnostics(uri: Uri): Diagnostic[] {
  return [...collections].flatMap((found) => found.get(uri.toString()) ?? []);
}
