import { lstatSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { TargetLayout } from '../layout.ts';
import type { BlobName } from './blob-name.ts';

/**
 * For how long what an interrupted run received may be continued. An operator repeats a failed run soon; later it is likelier to be of no use, and
 * it may be as large as a revision.
 */
const keepMs = 60 * 60_000;
const blobFile = /^blob-([0-9a-f]{64})(?:\.part)?$/;

/**
 * Tells whether `name` in `work/` is a blob, whole or half, that came less than an hour ago: the only thing there, besides the spare,
 * that is worth something to the next process. Its bytes are trusted by nobody: whoever opens it hashes them.
 */
export function isResumableBlob(layout: TargetLayout, name: string): boolean {
  if (!blobFile.test(name)) return false;
  const stats = lstatSync(join(layout.work, name), { throwIfNoEntry: false });
  if (stats?.isFile() !== true) return false;
  const ageMs = Date.now() - stats.mtimeMs;
  // A time in the future would never be over.
  return ageMs > -keepMs && ageMs < keepMs;
}

/** Deletes what there is of other blobs. */
export function removeOtherBlobs(layout: TargetLayout, { sha256 }: BlobName): void {
  for (const name of readdirSync(layout.work)) {
    const other = blobFile.exec(name)?.[1];
    if (other !== undefined && other !== sha256) rmSync(join(layout.work, name), { force: true });
  }
}
