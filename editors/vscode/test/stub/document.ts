import * as path from 'node:path';
import { TextDocument as Text } from 'vscode-languageserver-textdocument';
import { Position, Range, type TextEdit, type Uri } from './types';

/** A document, whose arithmetic of lines, offsets and edits is vscode-languageserver-textdocument's. */
export class TextDocument {
  readonly eol = 1;
  readonly isUntitled = false;
  isDirty = false;
  isClosed = false;
  private text: Text;

  constructor(
    readonly uri: Uri,
    content: string,
  ) {
    const language = { '.pie': 'pie', '.md': 'markdown' }[path.extname(uri.path)] ?? 'plaintext';
    this.text = Text.create(uri.toString(), language, 1, content);
  }
  get fileName(): string {
    return this.uri.fsPath;
  }
  get languageId(): string {
    return this.text.languageId;
  }
  get version(): number {
    return this.text.version;
  }
  get lineCount(): number {
    return this.text.lineCount;
  }
  getText(range?: Range): string {
    return this.text.getText(range);
  }
  positionAt(offset: number): Position {
    const { line, character } = this.text.positionAt(offset);
    return new Position(line, character);
  }
  offsetAt(position: Position): number {
    return this.text.offsetAt(position);
  }
  lineAt(line: number): { text: string; range: Range } {
    const text = this.getText(new Range(line, 0, line + 1, 0)).replace(/\r?\n$/, '');
    return { text, range: new Range(line, 0, line, text.length) };
  }
  async save(): Promise<boolean> {
    return true;
  }

  /** Applies edits, none of which may overlap, and gives the changes as VS Code reports them: the last one first. */
  edit(edits: TextEdit[]) {
    const sorted = [...edits].sort((a, b) => b.range.start.compareTo(a.range.start));
    const changes = sorted.map(({ range, newText }) => ({
      range,
      rangeOffset: this.offsetAt(range.start),
      rangeLength: this.offsetAt(range.end) - this.offsetAt(range.start),
      text: newText,
    }));
    this.text = Text.create(this.text.uri, this.languageId, this.version + 1, Text.applyEdits(this.text, edits));
    this.isDirty = true;
    return changes;
  }
}
