/**
 * A blob made here: a bundle of a revision that this target has, for others to take. What they take is checked by each of them against the
 * revision's id, so nothing is trusted that was not before.
 */
import { randomBytes } from 'node:crypto';
import { renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { ScapError } from '../../core/errors.ts';
import type { Sha } from '../../core/sha.ts';
import { timesRef, writeBundle } from '../../git/bundle.ts';
import type { Git } from '../../git/git-command.ts';
import { readRefs } from '../../git/repository.ts';
import { hashFile } from '../../system/hash-file.ts';
import type { TargetLayout } from '../layout.ts';
import { readMarker } from '../marker.ts';
import type { BlobName } from './blob-name.ts';

export interface MakeBlobOptions {
  readonly layout: TargetLayout;
  readonly git: Git;
  readonly signal: AbortSignal;
}

/**
 * Packs all of a complete revision, as its repository has it, and leaves the bundle at `layout.blob`. Throws `base_missing` when the revision is
 * not complete here, `interrupted`, `disk_full`, or `process_failed` when git cannot read its objects; then nothing is left.
 */
export async function makeBlob(revision: Sha, { layout, git, signal }: MakeBlobOptions): Promise<BlobName> {
  const times = (await readRefs(git, timesRef(revision))).get(timesRef(revision));
  if (times === undefined || readMarker(layout, revision) === undefined)
    throw new ScapError('base_missing', `Cannot give revision ${revision} to others: it is not complete here`);
  // Litter when this process dies.
  const path = join(layout.work, `given-${randomBytes(4).toString('hex')}`);
  try {
    const extra = new Map([[timesRef(revision), times]]);
    const sizeBytes = await writeBundle(git, path, { revision, base: undefined, extra }, signal);
    const sha256 = await hashFile(path);
    renameSync(path, layout.blob(sha256));
    return { sha256, sizeBytes };
  } catch (error) {
    rmSync(path, { force: true });
    throw error;
  }
}
