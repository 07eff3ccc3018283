/**
 * Packing the deploy repository, in a process of its own that a run starts when it has ended: nobody waits for it.
 *
 * It holds a lock of its own, not that of runs. A run that begins meanwhile takes its lock as ever, and that ends the packing within
 * milliseconds, long before the run promotes: the kernel tells of the change to the lock file.
 */
import { existsSync, watch } from 'node:fs';
import { ScapError } from '../core/errors.ts';
import { createGit } from '../git/git-command.ts';
import { maintainRepository } from '../git/maintenance.ts';
import { probeLock, takeLock } from '../system/file-lock.ts';
import type { StateLayout } from './state-layout.ts';

/** For the run that started it to let go of the lock, and its agents of the processor. */
const patienceMs = 60_000;
/** For each of two programs. A repository that takes longer has a disk that others need. */
const limitMs = 15 * 60_000;
/** A run that was killed frees the lock without a change to the file. */
const lookMs = 1000;

/** `yielded`: to a run. `busy`: another maintenance is at work, or a run does not end. */
export type MaintenanceResult = 'done' | 'yielded' | 'busy';

/** Maintains the deploy repository of a state directory. Throws what git fails with, and `process_timeout`. */
export async function maintainInBackground(layout: StateLayout): Promise<MaintenanceResult> {
  if (!existsSync(layout.repo) || !existsSync(layout.lock)) return 'done';
  using lock = await takeLock(layout.maintenanceLock, { reason: 'maintenance' }).catch((error: unknown) => {
    if (error instanceof ScapError && error.code === 'lock_held') return undefined;
    throw error;
  });
  if (lock === undefined) return 'busy';
  using runs = watchRuns(layout.lock);
  if (!(await runs.areOver())) return 'busy';
  try {
    await maintainRepository(createGit(layout.repo), { signal: runs.begun, timeoutMs: limitMs });
    return 'done';
  } catch (error) {
    if (error instanceof ScapError && error.code === 'interrupted') return 'yielded';
    throw error;
  }
}

interface RunWatch extends Disposable {
  /** Aborts when a run begins after none was there. */
  readonly begun: AbortSignal;
  /** Waits until no run is under way. `false` when one still is after a minute. */
  areOver(): Promise<boolean>;
}

function watchRuns(lock: string): RunWatch {
  const begun = new AbortController();
  let areOver = false;
  let wake = () => {};
  const look = () => {
    const isHeld = probeLock(lock) !== undefined;
    if (areOver && isHeld) begun.abort();
    areOver ||= !isHeld;
    if (areOver) wake();
  };
  const watcher = watch(lock, look);
  const timer = setInterval(() => areOver || look(), lookMs);
  return {
    begun: begun.signal,
    areOver: async () => {
      look();
      if (areOver) return true;
      const late = new Promise<void>((resolve) => {
        wake = resolve;
        setTimeout(resolve, patienceMs).unref();
      });
      await late;
      return areOver;
    },
    [Symbol.dispose]: () => {
      watcher.close();
      clearInterval(timer);
    },
  };
}
