import { createHash } from 'node:crypto';
import { lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';

/** One hash of the names, kinds, permissions, link targets and bytes below `root`, and with `times` of the times of files too. `.scap` is left out. */
export function hashTree(root: string, { times = false } = {}): string {
  const hash = createHash('sha256');
  const walk = (path: string) => {
    for (const name of readdirSync(join(root, path)).sort()) {
      const below = path === '' ? name : `${path}/${name}`;
      if (below === '.scap') continue;
      const at = join(root, below);
      const { mode, mtimeMs, size, ...stats } = describe(at);
      const time = times && !stats.isDirectory ? ` ${mtimeMs}` : '';
      hash.update(`${stats.kind} ${below} ${(mode & 0o777).toString(8)}${time}\n`);
      if (stats.isDirectory) walk(below);
      else if (stats.kind === 'link') hash.update(`${readlinkSync(at)}\n`);
      else hash.update(`${size}\n`).update(readFileSync(at));
    }
  };
  walk('');
  return hash.digest('hex');
}

function describe(path: string) {
  const stats = lstatSync(path);
  const kind = stats.isSymbolicLink() ? 'link' : stats.isDirectory() ? 'directory' : 'file';
  return { kind, isDirectory: stats.isDirectory(), mode: stats.mode, mtimeMs: stats.mtimeMs, size: stats.size };
}
