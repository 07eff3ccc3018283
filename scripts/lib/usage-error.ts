/** A mistake in how a script was called; reported as one sentence and a hint, exit status 2. */
export class UsageError extends Error {
  readonly hint: string;

  constructor(message: string, hint: string) {
    super(message);
    this.name = 'UsageError';
    this.hint = hint;
  }
}

/**
 * Runs a script's main function and turns its failure into an exit status: 2 for a `UsageError`, 1 for anything else.
 * Sets `process.exitCode` and does not end the process, so that output is flushed.
 */
export function runScript(name: string, main: () => void): void {
  try {
    main();
  } catch (error) {
    if (error instanceof UsageError) {
      process.stderr.write(`${name}: ${error.message}\n  hint: ${error.hint}\n`);
      process.exitCode = 2;
      return;
    }
    process.stderr.write(`${name}: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  }
}
