import * as fs from 'node:fs';
import * as path from 'node:path';
import { TextDocument } from './document';
import { stub } from './state';
import { Disposable, EventEmitter, RelativePattern, Uri, type WorkspaceEdit } from './types';

interface Change {
  document: TextDocument;
  contentChanges: unknown[];
  reason: undefined;
}
const opened = new EventEmitter<TextDocument>();
const closed = new EventEmitter<TextDocument>();
const changed = new EventEmitter<Change>();
const never = new EventEmitter<never>();

export const onDidOpenTextDocument = opened.event;
export const onDidCloseTextDocument = closed.event;
export const onDidChangeTextDocument = changed.event;
export const onDidChangeConfiguration = stub.onSettings.event;
export const onDidSaveTextDocument = never.event;
export const onWillSaveTextDocument = never.event;
export const onDidChangeWorkspaceFolders = never.event;
export const onDidOpenNotebookDocument = never.event;
export const onDidCloseNotebookDocument = never.event;
export const onDidChangeNotebookDocument = never.event;
export const onDidSaveNotebookDocument = never.event;
export const onDidCreateFiles = never.event;
export const onDidRenameFiles = never.event;
export const onDidDeleteFiles = never.event;
export const onWillCreateFiles = never.event;
export const onWillRenameFiles = never.event;
export const onWillDeleteFiles = never.event;
export const notebookDocuments: never[] = [];
export const textDocuments = stub.documents;
export const isTrusted = true;

export const workspaceFolders = stub.folders;

export function getWorkspaceFolder(uri: Uri) {
  return stub.folders.find((folder) => uri.fsPath.startsWith(folder.uri.fsPath + path.sep));
}

export function getConfiguration(section?: string) {
  const full = (name: string) => (section ? `${section}.${name}` : name);
  return {
    get: (name: string, otherwise?: unknown) => stub.settings[full(name)] ?? otherwise,
    has: (name: string) => full(name) in stub.settings,
    inspect: () => undefined,
    update: async (name: string, value: unknown) => stub.set(full(name), value),
  };
}

const contents = new Map<string, { provideTextDocumentContent(uri: Uri): Promise<string> }>();
export function registerTextDocumentContentProvider(scheme: string, provider: { provideTextDocumentContent(uri: Uri): Promise<string> }) {
  contents.set(scheme, provider);
  return new Disposable(() => contents.delete(scheme));
}

export async function openTextDocument(uri: Uri): Promise<TextDocument> {
  const open = stub.documents.find((document) => document.uri.toString() === uri.toString());
  if (open) return open;
  const provider = contents.get(uri.scheme);
  const text = provider ? await provider.provideTextDocumentContent(uri) : fs.readFileSync(uri.fsPath, 'utf8');
  const document = new TextDocument(uri, text);
  stub.documents.push(document);
  opened.fire(document);
  return document;
}

export async function applyEdit(edit: WorkspaceEdit): Promise<boolean> {
  for (const [uri, edits] of edit.entries()) {
    const document = await openTextDocument(uri);
    const contentChanges = document.edit(edits);
    changed.fire({ document, contentChanges, reason: undefined });
  }
  return true;
}

export async function saveAll(): Promise<boolean> {
  return true;
}

export async function findFiles(pattern: string): Promise<Uri[]> {
  const files = ({ fsPath }: Uri) =>
    fs.readdirSync(fsPath, { recursive: true, encoding: 'utf8' }).map((name) => Uri.file(path.join(fsPath, name)));
  return stub.folders.flatMap(({ uri }) => files(uri)).filter((uri) => matchesGlob(pattern, uri));
}

const watchers = new Set<{ matches(uri: Uri): boolean; fire(kind: Kind, uri: Uri): void }>();
type Kind = 'create' | 'change' | 'delete';

export function createFileSystemWatcher(pattern: string | RelativePattern, noCreate = false, noChange = false, noDelete = false) {
  const events = { create: new EventEmitter<Uri>(), change: new EventEmitter<Uri>(), delete: new EventEmitter<Uri>() };
  const ignored = { create: noCreate, change: noChange, delete: noDelete };
  const watcher = {
    matches: (uri: Uri) => matchesGlob(pattern, uri),
    fire: (kind: Kind, uri: Uri) => !ignored[kind] && events[kind].fire(uri),
  };
  watchers.add(watcher);
  return {
    onDidCreate: events.create.event,
    onDidChange: events.change.event,
    onDidDelete: events.delete.event,
    dispose: () => watchers.delete(watcher),
  };
}

/** Files are written through here, so that watchers know at once. */
export const workspaceFiles = {
  async stat(uri: Uri) {
    const stat = await fs.promises.stat(uri.fsPath);
    return { type: stat.isDirectory() ? 2 : 1, size: stat.size, ctime: 0, mtime: 0 };
  },
  async writeFile(uri: Uri, content: Uint8Array): Promise<void> {
    const kind = fs.existsSync(uri.fsPath) ? 'change' : 'create';
    await fs.promises.writeFile(uri.fsPath, content);
    for (const watcher of watchers) if (watcher.matches(uri)) watcher.fire(kind, uri);
  },
  async delete(uri: Uri): Promise<void> {
    await fs.promises.rm(uri.fsPath);
    for (const watcher of watchers) if (watcher.matches(uri)) watcher.fire('delete', uri);
  },
};
export { workspaceFiles as fs };

/** Globs as far as they occur here: `**`, `*`, `?` and one level of `{a,b}`. */
export function matchesGlob(pattern: string | RelativePattern, uri: Uri): boolean {
  if (typeof pattern !== 'string') {
    const relative = path.posix.relative(pattern.baseUri.path, uri.path);
    return !relative.startsWith('..') && matchesGlob(pattern.pattern, Uri.file(`/${relative}`));
  }
  const source = pattern.replace(/\*\*\/|\*\*|\*|\?|[{},]|[.+^$()|[\]\\]/g, (part) => {
    const known: Record<string, string> = { '**/': '(?:.*/)?', '**': '.*', '*': '[^/]*', '?': '[^/]', '{': '(?:', '}': ')', ',': '|' };
    return known[part] ?? `\\${part}`;
  });
  return new RegExp(`^/?${source}$`).test(uri.path);
}
