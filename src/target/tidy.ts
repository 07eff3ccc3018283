import { revisionRef, timesRef } from '../git/bundle.ts';
import { maintainRepository, maintenanceNeed, noteDropped } from '../git/maintenance.ts';
import { readRefs, updateRefs, writeShallow } from '../git/repository.ts';
import { watchForWaiters } from '../system/file-lock.ts';
import type { TargetContext } from './context.ts';
import { listComplete } from './marker.ts';

/** Packing a large repository takes a minute or so; on a disk that is busy otherwise it may be left to a later run. */
const limitMs = 10 * 60_000;

/**
 * Forgets the objects of revisions that are not complete here any more, and keeps the repository small. Never fails: the next run tries again.
 *
 * Packing ends at once when a run waits for this target, unless it was put off too often.
 */
export async function tidyRepository(context: TargetContext): Promise<void> {
  const { git, layout } = context;
  try {
    const complete = new Set(listComplete(layout).map(({ sha }) => sha));
    const refs = await readRefs(git, 'refs/scap/revisions/');
    const gone = [...refs.values()].filter((sha) => !complete.has(sha));
    await updateRefs(
      git,
      gone.flatMap((sha) => [revisionRef(sha), timesRef(sha)]).map((name) => ({ name, to: undefined })),
    );
    if (gone.length > 0) writeShallow(git, complete);
    noteDropped(git, gone.length);
    const need = maintenanceNeed(git);
    if (need === 'none') return;
    using waiters = watchForWaiters(layout.lock);
    await maintainRepository(git, { signal: need === 'now' ? undefined : waiters.signal, timeoutMs: limitMs });
  } catch {
    // A repository that cannot be tidied still serves; a damaged one is replaced when a fetch finds out.
  }
}
