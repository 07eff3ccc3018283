import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { claimOutputDirectory } from '../output-directory.ts';
import { endAgents } from './agents.ts';

export interface WorkDirectoryOptions {
  /** Beginning of the name of a temporary directory. */
  readonly prefix: string;
  /** A directory to use instead; must be empty or absent. */
  readonly directory: string | undefined;
  readonly keep: boolean;
}

/**
 * Calls `work` with an empty directory (absolute, links resolved), then ends the agents below it and removes it, also
 * after a failure, unless it is to be kept.
 */
export async function inWorkDirectory(
  { prefix, directory, keep }: WorkDirectoryOptions,
  work: (directory: string) => Promise<void>,
): Promise<void> {
  if (directory !== undefined) claimOutputDirectory(directory);
  const root = realpathSync(directory ?? mkdtempSync(join(tmpdir(), prefix)));
  try {
    await work(root);
  } finally {
    await endAgents(root);
    if (keep) process.stderr.write(`Kept: ${root}\n`);
    else rmSync(root, { recursive: true, force: true, maxRetries: 5 });
  }
}
