/**
 * What git leaves behind when it is killed: a lock file stops every later change of the same ref, for ever. Halves of our own atomic writes
 * go with them.
 */
import { readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { isSystemError } from '../core/errors.ts';
import { temporarySuffix } from '../system/atomic-file.ts';

/** A git process outlives the scap that was killed over it, but not by more than this. */
const ownerLifetimeMs = 2000;

/** Removes them. Only for the one writer of the repository; a lock file so young that its owner may live is waited for. */
export async function sweepStaleFiles(gitDir: string): Promise<void> {
  const refs = list(join(gitDir, 'refs'), { recursive: true }).map((name) => join('refs', name));
  const info = list(join(gitDir, 'info')).map((name) => join('info', name));
  const stale = [...list(gitDir), ...info, ...refs].filter(
    (name) => /\.lock$/.test(name) || name.endsWith(temporarySuffix),
  );
  for (const name of stale) {
    const path = join(gitDir, name);
    while (isYoung(path)) await sleep(50);
    rmSync(path, { force: true });
  }
}

function isYoung(path: string): boolean {
  const ageMs = Date.now() - (statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0);
  return ageMs >= 0 && ageMs < ownerLifetimeMs;
}

function list(directory: string, options: { readonly recursive?: boolean } = {}): string[] {
  try {
    return readdirSync(directory, { ...options, encoding: 'utf8' });
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return [];
    throw error;
  }
}
