import { randomBytes } from 'node:crypto';
import { chmodSync, existsSync, lstatSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { isSystemError, ScapError } from '../core/errors.ts';
import { isSha, type Sha } from '../core/sha.ts';
import type { Git } from '../git/git-command.ts';
import { temporarySuffix } from '../system/atomic-file.ts';
import { type FileLock, takeLock } from '../system/file-lock.ts';
import type { AgentNotice } from '../transport/protocol.ts';
import { closeOpenWindows } from './ctime-windows.ts';
import type { TargetLayout } from './layout.ts';
import { prepareLiveDirectory, readLiveSha } from './live-path.ts';
import { listNames, readMarker } from './marker.ts';
import type { RecyclableTree } from './materialise/recycle.ts';
import { isResumableBlob } from './relay/half-received.ts';
import { type CheckedSpare, isReadySpare } from './spare.ts';
import { readState, writeState } from './state.ts';
import type { Trash } from './trash.ts';
import type { Unconfirmed } from './unconfirmed.ts';

/** What every stage works with: one target, held by this process. */
export interface TargetContext {
  readonly layout: TargetLayout;
  readonly git: Git;
  readonly trash: Trash;
  /** Revisions whose bytes this process itself has checked since it took the lock. */
  readonly verified: Set<Sha>;
  readonly aftermath: Aftermath;
  /** The spare this process has looked at ahead of the run. */
  readonly checkedSpare: CheckedSpare | undefined;
  readonly signal: AbortSignal;
  notify(notice: AgentNotice): void;
}

/** What is left to do when nobody waits any more. */
export interface Aftermath {
  /** The run came to its end here: the next one can be prepared. */
  finalized: boolean;
  /** A pruned revision that may become the spare. */
  retired: RecyclableTree | undefined;
  /** A switch that is taken back should the deploy host vanish. */
  unconfirmed: Unconfirmed | undefined;
}

/** How long a new run waits for the agent of the one before to reach its safe point, or to finish the spare: longer than a lease. */
const lockWaitMs = 45_000;

/**
 * Takes the target for this process: directories, lock, and the sweep of what an interrupted run left behind.
 *
 * Sweeping moves; deleting is left to `trash`. A revision that is not complete is moved away too, unless it is served: then `fetch`
 * repairs it.
 */
export async function takeTarget(layout: TargetLayout, trash: Trash, reason: string): Promise<FileLock> {
  for (const directory of [layout.cache, layout.revs, layout.meta, layout.work])
    mkdirSync(directory, { recursive: true });
  const lock = await takeLock(layout.lock, { reason, waitMs: lockWaitMs }).catch((error: unknown) => {
    if (!(error instanceof ScapError) || error.code !== 'lock_held') throw error;
    throw new ScapError('target_busy', `Cannot work on "${layout.cache}": ${error.message}`, {
      data: error.data,
      cause: error,
    });
  });
  try {
    prepareLiveDirectory(layout);
    closeOpenWindows(layout);
    sweep(layout, trash);
  } catch (error) {
    lock.release();
    throw error;
  }
  return lock;
}

function sweep(layout: TargetLayout, trash: Trash): void {
  for (const name of readdirSync(layout.work)) {
    if (isReadySpare(layout, name) || isResumableBlob(layout, name)) continue;
    // Names that this run may use again, such as a bundle's, must not be in the trash.
    const away = join(layout.work, `swept-${randomBytes(4).toString('hex')}`);
    try {
      renameSync(join(layout.work, name), away);
    } catch (error) {
      // The agent of the run before empties its trash after it has let go of the lock.
      if (isSystemError(error, 'ENOENT')) continue;
      throw error;
    }
    trash.add(away);
  }
  const live = readLiveSha(layout);
  for (const name of listNames(layout.revs)) {
    const sha = isSha(name) ? name : undefined;
    if (sha !== undefined && (sha === live || readMarker(layout, sha) !== undefined)) continue;
    const away = join(layout.work, `incomplete-${name}-${randomBytes(4).toString('hex')}`);
    // A revision's root that its owner may not write to cannot be moved.
    if (sha !== undefined && lstatSync(layout.revision(sha)).isDirectory()) chmodSync(layout.revision(sha), 0o755);
    renameSync(join(layout.revs, name), away);
    trash.add(away);
  }
  sweepMeta(layout);
}

/** Metadata of revisions that are gone, and halves of atomic writes: at once, for this run may make such a revision again. */
function sweepMeta(layout: TargetLayout): void {
  for (const name of listNames(layout.cache)) if (name.endsWith(temporarySuffix)) rmSync(join(layout.cache, name));
  for (const name of listNames(layout.meta)) {
    const sha = name.replace(/\.(json|index)$/, '');
    if (!isSha(sha) || !existsSync(layout.revision(sha))) rmSync(join(layout.meta, name));
  }
}

/**
 * Refuses a run that is older than one this target has seen, or another of the same number, and remembers a newer one, durably.
 * `run` tells runs of the same number apart; work by hand has none.
 */
export function admitFence(layout: TargetLayout, fence: number, run?: string): void {
  const state = readState(layout);
  const other = fence === state.fence && run !== undefined && state.run !== undefined && run !== state.run;
  if (fence < state.fence || other) {
    const seen = other ? `another run ${fence}` : `run ${state.fence}`;
    throw new ScapError('fence_stale', `Cannot accept run ${fence}: this target has already seen ${seen}`, {
      hint: 'Another deploy host or a newer run is in charge; to take over from it, run again with --force',
      data: { fence, seen: state.fence },
    });
  }
  if (fence > state.fence) writeState(layout, { ...state, fence, run });
}
