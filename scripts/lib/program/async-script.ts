import { UsageError } from '../usage-error.ts';

/** A failure that a script reports as one sentence and a hint, with an exit status of its own. */
export class ScriptFailure extends Error {
  readonly status: number;
  readonly hint: string;

  constructor(message: string, hint: string, status = 1) {
    super(message);
    this.name = 'ScriptFailure';
    this.hint = hint;
    this.status = status;
  }
}

/**
 * Runs a script's asynchronous main function and turns its failure into an exit status: 2 for a `UsageError`, its own for a
 * `ScriptFailure`, 130 after Ctrl-C or TERM, 1 for anything else. The signal given to `main` is aborted by the first
 * Ctrl-C; `main` is then expected to stop what it started and to return or throw.
 */
export async function runAsyncScript(name: string, main: (signal: AbortSignal) => Promise<void>): Promise<void> {
  const controller = new AbortController();
  const abort = () => controller.abort();
  process.on('SIGINT', abort);
  process.on('SIGTERM', abort);
  try {
    await main(controller.signal);
  } catch (error) {
    process.exitCode = controller.signal.aborted ? reportStop(name) : reportFailure(name, error);
  }
}

/** What fails after a Ctrl-C fails because of it. */
function reportStop(name: string): number {
  process.stderr.write(`${name}: Stopped on request\n`);
  return 130;
}

function reportFailure(name: string, error: unknown): number {
  const message = error instanceof Error ? error.message : String(error);
  const hint = error instanceof UsageError || error instanceof ScriptFailure ? `  hint: ${error.hint}\n` : '';
  process.stderr.write(`${name}: ${message}\n${hint}`);
  if (error instanceof UsageError) return 2;
  return error instanceof ScriptFailure ? error.status : 1;
}
