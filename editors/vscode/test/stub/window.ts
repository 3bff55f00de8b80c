import type { TextDocument } from './document';
import { stub } from './state';
import { EventEmitter, LogLevel, Position, Selection, Uri } from './types';

const never = new EventEmitter<never>();
export const onDidChangeActiveTextEditor = never.event;
export const onDidChangeVisibleTextEditors = never.event;
export const visibleTextEditors: unknown[] = [];
export const tabGroups = { all: [], onDidChangeTabs: never.event };
export const terminals = stub.terminals;
export let activeTextEditor: { document: TextDocument; selection: Selection } | undefined;

export async function showTextDocument(document: TextDocument, options?: { selection?: Selection }) {
  const start = new Position(0, 0);
  activeTextEditor = { document, selection: options?.selection ?? new Selection(start, start) };
  return activeTextEditor;
}

async function show(text: string, ...rest: unknown[]) {
  const items = rest.filter((item): item is string | { title: string } => typeof item === 'string' || (item as { title?: string })?.title !== undefined);
  const buttons = items.map((item) => (typeof item === 'string' ? item : item.title));
  stub.messages.push({ text, buttons });
  const pressed = buttons.indexOf(stub.press ?? '');
  if (pressed < 0) return undefined;
  stub.press = undefined;
  return items[pressed];
}
export const showErrorMessage = show;
export const showWarningMessage = show;
export const showInformationMessage = show;

export const showInputBox = async () => stub.input;
export const showQuickPick = async (items: string[]) => items.find((item) => item === stub.input);

export function createOutputChannel(name: string) {
  const write = (line: string) => void stub.log.push(line);
  return {
    name,
    logLevel: LogLevel.Info,
    onDidChangeLogLevel: never.event,
    append: write,
    appendLine: write,
    trace: write,
    debug: write,
    info: write,
    warn: write,
    error: (line: string | Error) => write(String(line)),
    replace: write,
    clear() {},
    show: () => void stub.executed.push(['show output']),
    hide() {},
    dispose() {},
  };
}

export function createTerminal({ name, cwd }: { name: string; cwd: string | Uri }) {
  const sent: string[] = [];
  const terminal = { name, cwd: String(cwd), sent, exitStatus: undefined, show() {}, sendText: (text: string) => void sent.push(text) };
  stub.terminals.push(terminal);
  return terminal;
}

export async function withProgress(_options: unknown, task: (progress: { report(): void }, token: unknown) => Promise<unknown>) {
  return task({ report() {} }, { isCancellationRequested: false, onCancellationRequested: never.event });
}
