import { appendFileSync, cpSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runProgram } from '../program/run-program.ts';

const makeStaging = join(import.meta.dirname, '../../make-staging');

/** The staging tree of a run, and the changes that are made to it. Every change has a seed of its own. */
export class Staging {
  readonly path: string;
  readonly #signal: AbortSignal;
  #edits = 0;

  constructor(path: string, signal: AbortSignal) {
    this.path = path;
    this.#signal = signal;
  }

  /** Writes the tree. */
  async generate(fileCount: number, totalBytes: number, versionCount: number): Promise<void> {
    const size = ['--files', String(fileCount), '--bytes', String(Math.round(totalBytes))];
    const argv = [makeStaging, ...size, '--versions', String(versionCount), this.path] as const;
    await runProgram(argv, { signal: this.#signal });
  }

  /** Edits `count` files; returns their paths. */
  async edit(count: number): Promise<string[]> {
    this.#edits++;
    const argv = [makeStaging, '--mutate', String(count), '--seed', `bench-${this.#edits}`, this.path] as const;
    const { stdout } = await runProgram(argv, { signal: this.#signal });
    const lines = stdout.split('\n').filter(Boolean);
    return lines.map((line) => (JSON.parse(line) as { path: string }).path);
  }

  /** Edits one known file at once, without reading the tree. */
  editAgain(path: string): void {
    this.#edits++;
    this.#replace(path, (temporary) => appendFileSync(temporary, `\n`.repeat(this.#edits)));
  }

  /** Gives a file other content, as checking out an older commit would. */
  putBack(path: string, content: Buffer): void {
    this.#replace(path, (temporary) => writeFileSync(temporary, content));
  }

  #replace(path: string, change: (temporary: string) => void): void {
    const file = join(this.path, path);
    const temporary = `${file}.bench-edit`;
    cpSync(file, temporary);
    change(temporary);

    renameSync(temporary, file);
  }
}
