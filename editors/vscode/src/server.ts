import * as vscode from 'vscode';
import {
  CloseAction,
  ErrorAction,
  LanguageClient,
  RevealOutputChannelOn,
  type ErrorHandler,
  type LanguageClientOptions,
} from 'vscode-languageclient/node';
import { linkCodes } from './explain';
import { binary } from './settings';

/** The one `pie lsp` of this window. It finds the project of each file by itself. */
export class Server implements vscode.Disposable {
  private client: Client | undefined;
  private last: Promise<void> = Promise.resolve();
  private readonly watchers = [
    vscode.workspace.createFileSystemWatcher('**/*.pie'),
    vscode.workspace.createFileSystemWatcher('**/{pie.toml,.pieignore,.gitignore}'),
  ];

  constructor(private readonly output: vscode.LogOutputChannel) {}

  restart(): Promise<void> {
    return this.after(async () => {
      await this.stopNow();
      await this.startNow();
    });
  }

  stop(): Promise<void> {
    return this.after(() => this.stopNow());
  }

  dispose(): void {
    for (const watcher of this.watchers) watcher.dispose();
  }

  /** One at a time: a setting may change again while the server is still starting. */
  private after(step: () => Promise<void>): Promise<void> {
    return (this.last = this.last.then(step, step));
  }

  private async startNow(): Promise<void> {
    const command = binary();
    if (!command) return;
    this.output.info(`Starting ${command} lsp`);
    const client = (this.client = new Client(command, this.options()));
    try {
      await client.start();
      client.ran = true;
    } catch (error) {
      this.client = undefined;
      void this.sayFailed(command, error instanceof Error ? error.message : String(error));
    }
  }

  private async stopNow(): Promise<void> {
    const client = this.client;
    this.client = undefined;
    try {
      await client?.dispose();
    } catch (error) {
      // A server that has crashed or hangs can't be stopped in order; the client ends its process all the same.
      this.output.warn(`Stopping the server: ${error}`);
    }
  }

  private options(): LanguageClientOptions {
    return {
      documentSelector: [{ scheme: 'file', language: 'pie' }],
      outputChannel: this.output,
      revealOutputChannelOn: RevealOutputChannelOn.Never,
      synchronize: { fileEvents: this.watchers },
      middleware: {
        handleDiagnostics: (uri, diagnostics, next) => next(uri, linkCodes(diagnostics)),
      },
      errorHandler: this.errorHandler(),
      initializationFailedHandler: () => false,
    };
  }

  /** The client's own, which starts a server that crashed again, four times in three minutes; but not one that never ran. */
  private errorHandler(): ErrorHandler {
    let usual: ErrorHandler | undefined;
    const handler = () => (this.client?.ran ? (usual ??= this.client.createDefaultErrorHandler()) : undefined);
    return {
      error: (error, message, count) => handler()?.error(error, message, count) ?? { action: ErrorAction.Continue },
      closed: () => handler()?.closed() ?? { action: CloseAction.DoNotRestart },
    };
  }

  private async sayFailed(command: string, why: string): Promise<void> {
    const show = 'Show Output';
    if ((await vscode.window.showErrorMessage(`\`${command} lsp\` didn't start: ${why}`, show)) === show) {
      this.output.show();
    }
  }
}

class Client extends LanguageClient {
  /** Whether it has ever been running. Until then its messages only go to the output: `sayFailed` says it in one. */
  ran = false;

  constructor(command: string, options: LanguageClientOptions) {
    // Without a `transport`: naming stdio would add `--stdio` to the arguments, which `pie lsp` needn't know.
    super('pie', 'pie', { command, args: ['lsp'] }, options);
  }

  override error(message: string, data?: unknown, show?: boolean | 'force'): void {
    super.error(message, data, this.ran ? show : false);
  }
}
