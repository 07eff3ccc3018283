import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Git } from './git-command.ts';

/** With more packs than this, every lookup of an object pays for it. */
const maxPacks = 24;
/** Objects of dropped revisions are only found and removed by packing everything; that is worth it now and then. */
const droppedPerFullRepack = 40;

export interface MaintenanceOptions {
  /** How many revisions were dropped since the last call. */
  readonly dropped: number;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Keeps a repository of ours small and fast. Every revision arrives as one pack; when there are many, the small ones are put into one
 * (geometric: the cost follows what came in, not what is there), and now and then everything is packed and the unreachable dropped.
 */
export async function maintainRepository(git: Git, { dropped, signal }: MaintenanceOptions): Promise<void> {
  const packs = countPacks(git);
  if (packs <= maxPacks && dropped < droppedPerFullRepack) return;
  const full = dropped >= droppedPerFullRepack || (dropped > 0 && packs > maxPacks);
  await git.run(['repack', '-d', '-q', '-l', ...(full ? ['-a'] : ['--geometric=2'])], { signal });
  await git.run(['pack-refs', '--all'], { signal });
}

export function countPacks(git: Git): number {
  return readdirSync(join(git.gitDir, 'objects', 'pack')).filter((name) => name.endsWith('.pack')).length;
}
