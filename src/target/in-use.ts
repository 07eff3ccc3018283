import { existsSync, readdirSync, readlinkSync, realpathSync } from 'node:fs';
import { relative } from 'node:path';
import { isSha, type Sha } from '../core/sha.ts';

/**
 * Revisions below `revs` in which a running process has its working directory, its root, its program or an open file, as far as `/proc`
 * lets us see. What cannot be read is somebody else's and not counted: the grace time protects it.
 */
export function findRevisionsInUse(revs: string): Set<Sha> {
  const used = new Set<Sha>();
  // The kernel names files by their real paths.
  const real = existsSync(revs) ? realpathSync(revs) : revs;
  const note = (path: string | undefined) => {
    const sha = path === undefined ? undefined : relative(real, path).split('/')[0];
    if (isSha(sha)) used.add(sha);
  };
  for (const pid of list('/proc').filter((name) => /^\d+$/.test(name))) {
    for (const name of ['cwd', 'root', 'exe']) note(readLink(`/proc/${pid}/${name}`));
    for (const fd of list(`/proc/${pid}/fd`)) note(readLink(`/proc/${pid}/fd/${fd}`));
  }
  return used;
}

function list(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}

function readLink(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}
