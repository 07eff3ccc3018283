import { revisionRef, timesRef } from '../git/bundle.ts';
import { maintainRepository, noteDropped } from '../git/maintenance.ts';
import { readRefs, updateRefs, writeShallow } from '../git/repository.ts';
import type { TargetContext } from './context.ts';
import { listComplete } from './marker.ts';

/** Forgets the objects of revisions that are not complete here any more, and keeps the repository small. Never fails: the next run tries again. */
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
    await maintainRepository(git);
  } catch {
    // A repository that cannot be tidied still serves; a damaged one is replaced when a fetch finds out.
  }
}
