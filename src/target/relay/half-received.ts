import { lstatSync } from 'node:fs';
import { join } from 'node:path';
import type { TargetLayout } from '../layout.ts';

/**
 * For how long what an interrupted run received may be continued. An operator repeats a failed run soon; later it is likelier to be of no use, and
 * it may be as large as a revision.
 */
const keepMs = 60 * 60_000;

/**
 * Tells whether `name` in `work/` is a blob, whole or half, that came through a relay less than an hour ago: the only thing there, besides the spare,
 * that is worth something to the next process. Its bytes are trusted by nobody: whoever opens it hashes them.
 */
export function isResumableBlob(layout: TargetLayout, name: string): boolean {
  if (!/^blob-[0-9a-f]{64}(\.part)?$/.test(name)) return false;
  const stats = lstatSync(join(layout.work, name), { throwIfNoEntry: false });
  return stats?.isFile() === true && Date.now() - stats.mtimeMs < keepMs;
}
