// What tests set and look at, and what the stand-in's modules share.
import type { TextDocument } from './document';
import { EventEmitter, type Uri } from './types';

interface Shown {
  text: string;
  buttons: string[];
}

export const stub = {
  folders: [] as { uri: Uri; name: string; index: number }[],
  documents: [] as TextDocument[],
  settings: {} as Record<string, unknown>,
  onSettings: new EventEmitter<{ affectsConfiguration(name: string): boolean }>(),
  /** Messages that were shown, the oldest first, and the button that the user presses on the next one. */
  messages: [] as Shown[],
  press: undefined as string | undefined,
  /** What the user types or picks next. */
  input: undefined as string | undefined,
  executed: [] as unknown[][],
  terminals: [] as { name: string; cwd: string; sent: string[]; exitStatus: undefined }[],
  log: [] as string[],

  set(name: string, value: unknown): void {
    this.settings[name] = value;
    this.onSettings.fire({ affectsConfiguration: (asked) => name === asked || name.startsWith(`${asked}.`) });
  },
};
