// The classes and enumerations of the API: values, with no behaviour but what callers rely on.
import { URI, Utils } from 'vscode-uri';

export const Uri = Object.assign(URI, { joinPath: Utils.joinPath });
export type Uri = URI;

export class Disposable {
  static from(...parts: { dispose(): unknown }[]): Disposable {
    return new Disposable(() => parts.forEach((part) => part.dispose()));
  }
  constructor(private readonly end: () => unknown) {}
  dispose(): void {
    this.end();
  }
}

export class EventEmitter<T> {
  private readonly listeners = new Set<(event: T) => unknown>();
  readonly event = (listener: (event: T) => unknown, self?: unknown, disposables?: Disposable[]): Disposable => {
    const bound = self ? listener.bind(self) : listener;
    this.listeners.add(bound);
    const disposable = new Disposable(() => this.listeners.delete(bound));
    disposables?.push(disposable);
    return disposable;
  };
  fire(event: T): void {
    for (const listener of [...this.listeners]) listener(event);
  }
  dispose(): void {
    this.listeners.clear();
  }
}

export class CancellationError extends Error {}

export class CancellationTokenSource {
  private readonly emitter = new EventEmitter<void>();
  readonly token = { isCancellationRequested: false, onCancellationRequested: this.emitter.event };
  cancel(): void {
    this.token.isCancellationRequested = true;
    this.emitter.fire();
  }
  dispose(): void {}
}

export class Position {
  constructor(
    readonly line: number,
    readonly character: number,
  ) {
    if (line < 0 || character < 0) throw new Error('a position must not be negative');
  }
  compareTo(other: Position): number {
    return this.line - other.line || this.character - other.character;
  }
  isEqual(other: Position): boolean {
    return this.compareTo(other) === 0;
  }
  isBefore(other: Position): boolean {
    return this.compareTo(other) < 0;
  }
}

export class Range {
  readonly start: Position;
  readonly end: Position;
  constructor(start: Position, end: Position);
  constructor(startLine: number, startCharacter: number, endLine: number, endCharacter: number);
  constructor(a: Position | number, b: Position | number, line?: number, character?: number) {
    const start = a instanceof Position ? a : new Position(a as number, b as number);
    const end = b instanceof Position ? b : new Position(line!, character!);
    [this.start, this.end] = start.compareTo(end) <= 0 ? [start, end] : [end, start];
  }
  get isEmpty(): boolean {
    return this.start.isEqual(this.end);
  }
  isEqual(other: Range): boolean {
    return this.start.isEqual(other.start) && this.end.isEqual(other.end);
  }
  contains(what: Position | Range): boolean {
    const [from, to] = what instanceof Range ? [what.start, what.end] : [what, what];
    return this.start.compareTo(from) <= 0 && to.compareTo(this.end) <= 0;
  }
}

export class Selection extends Range {
  constructor(
    readonly anchor: Position,
    readonly active: Position,
  ) {
    super(anchor, active);
  }
}

export class Location {
  constructor(
    readonly uri: URI,
    readonly range: Range,
  ) {}
}

export class TextEdit {
  constructor(
    readonly range: Range,
    readonly newText: string,
  ) {}
  static replace(range: Range, newText: string): TextEdit {
    return new TextEdit(range, newText);
  }
  static insert(position: Position, newText: string): TextEdit {
    return new TextEdit(new Range(position, position), newText);
  }
}

export class WorkspaceEdit {
  private readonly edits = new Map<string, TextEdit[]>();
  get size(): number {
    return this.edits.size;
  }
  replace(uri: URI, range: Range, newText: string): void {
    this.set(uri, [...this.get(uri), new TextEdit(range, newText)]);
  }
  get(uri: URI): TextEdit[] {
    return this.edits.get(uri.toString()) ?? [];
  }
  set(uri: URI, edits: (TextEdit | [TextEdit, unknown])[]): void {
    this.edits.set(uri.toString(), edits.map((edit) => (Array.isArray(edit) ? edit[0] : edit)));
  }
  entries(): [URI, TextEdit[]][] {
    return [...this.edits].map(([uri, edits]) => [URI.parse(uri), edits]);
  }
}

export class MarkdownString {
  isTrusted?: unknown;
  supportHtml?: boolean;
  constructor(public value = '') {}
  appendText(text: string): this {
    this.value += text.replace(/[\\`*_{}[\]()#+\-!~]/g, '\\$&');
    return this;
  }
  appendCodeblock(code: string, language = ''): this {
    this.value += `\n\`\`\`${language}\n${code}\n\`\`\`\n`;
    return this;
  }
}

export class SnippetString {
  constructor(public value = '') {}
}

export class RelativePattern {
  readonly baseUri: URI;
  constructor(
    base: URI | { uri: URI },
    readonly pattern: string,
  ) {
    this.baseUri = base instanceof URI ? base : base.uri;
  }
}

export class CodeActionKind {
  static readonly Empty = new CodeActionKind('');
  static readonly QuickFix = new CodeActionKind('quickfix');
  static readonly Refactor = new CodeActionKind('refactor');
  static readonly RefactorExtract = new CodeActionKind('refactor.extract');
  static readonly RefactorInline = new CodeActionKind('refactor.inline');
  static readonly RefactorMove = new CodeActionKind('refactor.move');
  static readonly RefactorRewrite = new CodeActionKind('refactor.rewrite');
  static readonly Source = new CodeActionKind('source');
  static readonly SourceOrganizeImports = new CodeActionKind('source.organizeImports');
  static readonly SourceFixAll = new CodeActionKind('source.fixAll');
  static readonly Notebook = new CodeActionKind('notebook');
  constructor(readonly value: string) {}
  append(part: string): CodeActionKind {
    return new CodeActionKind(this.value ? `${this.value}.${part}` : part);
  }
}

export class DocumentSymbol {
  children: DocumentSymbol[] = [];
  constructor(
    readonly name: string,
    readonly detail: string,
    readonly kind: number,
    readonly range: Range,
    readonly selectionRange: Range,
  ) {
    if (!name) throw new Error('name must not be falsy');
    if (!range.contains(selectionRange)) throw new Error('selectionRange must be contained in fullRange');
  }
}

export class SemanticTokens {
  constructor(
    readonly data: Uint32Array,
    readonly resultId?: string,
  ) {}
}

/** Classes that only hold what they are made of, under these names. */
const record = (...names: string[]) =>
  class {
    [name: string]: unknown;
    constructor(...values: unknown[]) {
      names.forEach((name, at) => values[at] !== undefined && (this[name] = values[at]));
    }
  };

export class Diagnostic extends record('range', 'message', 'severity') {}
export class DiagnosticRelatedInformation extends record('location', 'message') {}
export class CompletionItem extends record('label', 'kind') {}
export class CompletionList extends record('items', 'isIncomplete') {}
export class CodeAction extends record('title', 'kind') {}
export class CodeLens extends record('range', 'command') {}
export class SymbolInformation extends record('name', 'kind', 'containerName', 'location') {}
export class InlayHint extends record('position', 'label', 'kind') {}
export class InlayHintLabelPart extends record('value') {}
export class FoldingRange extends record('start', 'end', 'kind') {}
export class DocumentHighlight extends record('range', 'kind') {}
export class DocumentLink extends record('range', 'target') {}
export class SemanticTokensLegend extends record('tokenTypes', 'tokenModifiers') {}
export class SemanticTokensEdit extends record('start', 'deleteCount', 'data') {}
export class SemanticTokensEdits extends record('edits', 'resultId') {}
export class CallHierarchyItem extends record('kind', 'name', 'detail', 'uri', 'range', 'selectionRange') {}
export class CallHierarchyIncomingCall extends record('from', 'fromRanges') {}
export class CallHierarchyOutgoingCall extends record('to', 'fromRanges') {}
export class TypeHierarchyItem extends record('kind', 'name', 'detail', 'uri', 'range', 'selectionRange') {}
export class SnippetTextEdit extends record('range', 'snippet') {}

export class Hover extends record() {
  readonly contents: unknown[];
  constructor(contents: unknown, readonly range?: Range) {
    super();
    this.contents = Array.isArray(contents) ? contents : [contents];
  }
}

/** An enumeration as TypeScript writes it: by name and by number. */
const numbers = (names: string[], first = 0): Record<string, number | string> =>
  Object.fromEntries(names.flatMap((name, at) => [[name, first + at], [String(first + at), name]]));

export const DiagnosticSeverity = numbers(['Error', 'Warning', 'Information', 'Hint']);
export const DiagnosticTag = numbers(['Unnecessary', 'Deprecated'], 1);
export const SymbolTag = numbers(['Deprecated'], 1);
export const CompletionItemTag = numbers(['Deprecated'], 1);
export const CompletionItemKind = numbers(
  'Text Method Function Constructor Field Variable Class Interface Module Property Unit Value Enum Keyword Snippet Color File Reference Folder EnumMember Constant Struct Event Operator TypeParameter User Issue'.split(' '),
);
export const SymbolKind = numbers(
  'File Module Namespace Package Class Method Property Field Constructor Enum Interface Function Variable Constant String Number Boolean Array Object Key Null EnumMember Struct Event Operator TypeParameter'.split(' '),
);
export const DocumentHighlightKind = numbers(['Text', 'Read', 'Write']);
export const FoldingRangeKind = numbers(['Comment', 'Imports', 'Region'], 1);
export const InlayHintKind = numbers(['Type', 'Parameter'], 1);
export const CodeActionTriggerKind = numbers(['Invoke', 'Automatic'], 1);
export const CompletionTriggerKind = numbers(['Invoke', 'TriggerCharacter', 'TriggerForIncompleteCompletions']);
export const SignatureHelpTriggerKind = numbers(['Invoke', 'TriggerCharacter', 'ContentChange'], 1);
export const TextDocumentSaveReason = numbers(['Manual', 'AfterDelay', 'FocusOut'], 1);
export const ProgressLocation = numbers(['SourceControl', 'Window', 'Notification'], 1);
export const LogLevel = numbers(['Off', 'Trace', 'Debug', 'Info', 'Warning', 'Error']);
export const FileType = { Unknown: 0, File: 1, Directory: 2, SymbolicLink: 64 };
export const ViewColumn = { Active: -1, Beside: -2, One: 1 };
export class TabInputText extends record('uri') {}
export class TabInputTextDiff extends record('original', 'modified') {}
export class TabInputCustom extends record('uri', 'viewType') {}
export class TabInputNotebook extends record('uri', 'notebookType') {}
