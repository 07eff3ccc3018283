import { realpathSync, statSync } from 'node:fs';
import { formatBytes } from '../core/bytes.ts';
import { isSystemError, ScapError } from '../core/errors.ts';

/** The staging directory, links at its end resolved. Throws `staging_missing`. */
export function resolveStaging(path: string): string {
  try {
    const real = realpathSync(path);
    if (statSync(real).isDirectory()) return real;
    throw new ScapError('staging_missing', `Cannot read the staging tree "${path}": it is not a directory`);
  } catch (error) {
    if (!isSystemError(error, 'ENOENT', 'ENOTDIR', 'ELOOP', 'ENAMETOOLONG')) throw error;
    throw new ScapError('staging_missing', `Cannot read the staging tree "${path}": there is no such directory`, {
      hint: 'Name it: scap push PATH, or set "staging" in scap.yaml',
      cause: error,
    });
  }
}

export interface TreeSize {
  readonly files: number;
  readonly bytes: number;
}

export interface PlausibilityFacts {
  readonly staging: string;
  /** What is live; `undefined` when nothing is. */
  readonly before: TreeSize | undefined;
  readonly after: TreeSize;
  /** The share of files or bytes that may go; 0 to 1. */
  readonly maxShrinkRatio: number;
}

/** Refuses a tree that cannot be meant: an empty one (`staging_empty`), or one that lost too much (`staging_shrank`). */
export function refuseImplausible({ staging, before, after, maxShrinkRatio }: PlausibilityFacts): void {
  const hint = 'Look at the staging tree; if it is meant, run again with --allow-shrink';
  if (after.files === 0)
    throw new ScapError('staging_empty', `Refused to deploy "${staging}": it holds no file at all`, { hint });
  if (before === undefined) return;
  const floor = 1 - maxShrinkRatio;
  if (after.files >= before.files * floor && after.bytes >= before.bytes * floor) return;
  const lost = `${before.files} files became ${after.files}, ${formatBytes(before.bytes)} became ${formatBytes(after.bytes)}`;
  const limit = `at most ${Math.round(maxShrinkRatio * 100)} % may go`;
  throw new ScapError('staging_shrank', `Refused to deploy "${staging}": it shrank too much: ${lost}; ${limit}`, {
    hint,
    data: { filesBefore: before.files, files: after.files, bytesBefore: before.bytes, bytes: after.bytes },
  });
}
