import { mkdirSync, readdirSync } from 'node:fs';
import { UsageError } from './usage-error.ts';

/**
 * Creates an output directory with its parents, or accepts an existing empty one; follows symbolic links.
 *
 * @throws UsageError when the path exists and is not an empty directory, or cannot be created.
 */
export function claimOutputDirectory(path: string): void {
  try {
    mkdirSync(path, { recursive: true });
    if (readdirSync(path).length === 0) return;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new UsageError(`Cannot use "${path}" as output directory: ${reason}`, 'Name a directory that can be created');
  }
  throw new UsageError(
    `Cannot write to "${path}": the directory is not empty`,
    `Name a new directory, or empty it first`,
  );
}
