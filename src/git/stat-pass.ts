/**
 * Git's own look at every file of an index: seventy thousand files in a tenth of a second, where `lstat` from JavaScript takes half a second.
 *
 * Git compares whole seconds. It cannot see a change within the very second of the ctime it has on record, so it vouches only for files whose
 * second was over when the index was written: by the clock that stamped the index, and, as that may be another machine's, because some file of
 * the tree has a later ctime.
 */
import { statSync } from 'node:fs';
import type { BytePath } from '../core/byte-path.ts';
import { ScapError } from '../core/errors.ts';
import type { Git } from './git-command.ts';
import type { IndexFile } from './index-file.ts';
import { createIndexLookup } from './index-lookup.ts';

export interface StatPassOptions {
  /** The directory the index describes. */
  readonly root: string;
  readonly index: IndexFile;
  /** The file `index` was read from. */
  readonly indexPath: string;
  readonly signal?: AbortSignal | undefined;
}

export interface StatPass {
  /** Paths that are gone, or whose type, size, owner, inode, times or executable bit are not those recorded. */
  readonly moved: ReadonlySet<BytePath>;
  /** Whether git can tell that a file did not move, given the ctime on record in seconds. Any other file needs another look. */
  vouchesFor(ctimeS: number): boolean;
}

/** Looks at every file the index lists. No content is read, and names it does not list are not looked for. `undefined`: git cannot tell. */
export async function runStatPass(
  git: Git,
  { root, index, indexPath, signal }: StatPassOptions,
): Promise<StatPass | undefined> {
  const settings = ['core.trustCtime=true', 'core.checkStat=default', 'core.fileMode=true', 'core.symlinks=true'];
  const args = [...settings.flatMap((setting) => ['-c', setting]), 'diff-files', '--name-only', '--no-renames', '-z'];
  const env = { GIT_WORK_TREE: root, GIT_INDEX_FILE: indexPath };
  const looking = git.run(args, { cwd: root, env, signal });
  looking.catch(() => {});
  try {
    // Git looks meanwhile.
    const overBefore = Math.min(Math.floor(statSync(indexPath).mtimeMs / 1000) - 1, newestCtimeS(index));
    const { stdout } = await looking;
    const moved = new Set(stdout.toString('latin1').split('\0').slice(0, -1));
    return { moved, vouchesFor: (ctimeS) => ctimeS < overBefore };
  } catch (error) {
    if (error instanceof ScapError && error.code === 'process_failed') return undefined;
    throw error;
  }
}

function newestCtimeS(index: IndexFile): number {
  const lookup = createIndexLookup(index);
  let newest = 0;
  for (let entry = 0; entry < lookup.count; entry++) newest = Math.max(newest, lookup.ctimeS(entry));
  return newest;
}
