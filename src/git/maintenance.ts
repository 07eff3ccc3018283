/**
 * Keeps a repository of ours small and fast. Every revision arrives as one pack; when there are many, the small ones are put into one
 * (geometric: the cost follows what came in, not what is there). What belonged to dropped revisions is only found by packing everything, which
 * is done when enough were dropped since the last time.
 *
 * Git replaces packs by writing the new ones, flushing them, and removing the old ones last: it may be killed at any point.
 */
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { writeFileSwiftly } from '../system/atomic-file.ts';
import type { Git } from './git-command.ts';

/** With more packs than this, every lookup of an object pays for it. */
const maxPacks = 24;
/** With more than this, maintenance has been put off too often: from now on somebody waits for it. */
const mostPacks = 4 * maxPacks;
const droppedPerFullRepack = 40;

/** What a repository needs: nothing, when there is time, or now, before there is no end to it. */
export type MaintenanceNeed = 'none' | 'soon' | 'now';

export function maintenanceNeed(git: Git): MaintenanceNeed {
  const packs = countPacks(git);
  if (packs > mostPacks) return 'now';
  return packs > maxPacks || readDropped(git) >= droppedPerFullRepack ? 'soon' : 'none';
}

/** Remembers that so many revisions were dropped. A count that a crash loses costs space until later ones are dropped. */
export function noteDropped(git: Git, revisions: number): void {
  if (revisions > 0) writeFileSwiftly(droppedPath(git), `${readDropped(git) + revisions}\n`);
}

export interface MaintenanceOptions {
  /** Free the space of dropped revisions at once, however few. */
  readonly full?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly timeoutMs?: number | undefined;
}

/**
 * Does what is needed, if anything is. Throws `interrupted` when `signal` aborts and `process_timeout` past `timeoutMs` (for each of two
 * programs): then the repository is as good as before, and the next time begins anew.
 */
export async function maintainRepository(
  git: Git,
  { full = false, signal, timeoutMs }: MaintenanceOptions = {},
): Promise<void> {
  const dropped = readDropped(git);
  const packs = countPacks(git);
  // Somebody waits for what was put off too often: then only what is quick.
  const everything = full ? dropped > 0 : dropped >= droppedPerFullRepack && packs <= mostPacks;
  if (!everything && packs <= maxPacks) return;
  await git.run(['repack', '-d', '-q', '-l', everything ? '-a' : '--geometric=2'], { signal, timeoutMs });
  if (everything) forgetDropped(git, dropped);
  await git.run(['pack-refs', '--all'], { signal, timeoutMs });
}

export function countPacks(git: Git): number {
  return readdirSync(join(git.gitDir, 'objects', 'pack')).filter((name) => name.endsWith('.pack')).length;
}

/** Those that were dropped while it was being packed remain. */
function forgetDropped(git: Git, dropped: number): void {
  const left = readDropped(git) - dropped;
  if (left > 0) writeFileSwiftly(droppedPath(git), `${left}\n`);
  else rmSync(droppedPath(git), { force: true });
}

function readDropped(git: Git): number {
  try {
    const count = Number(readFileSync(droppedPath(git), 'utf8'));
    return Number.isSafeInteger(count) && count > 0 ? count : 0;
  } catch {
    return 0;
  }
}

/** How many revisions were dropped since everything was packed. */
function droppedPath({ gitDir }: Git): string {
  return join(gitDir, 'scap-dropped');
}
