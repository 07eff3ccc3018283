// A git whose packing never comes to its end, for what must happen meanwhile. Undo it with vi.unstubAllEnvs().
import { chmodSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { vi } from 'vitest';

/**
 * From now on `git repack` says in a file below `directory` that it has begun, and does not end by itself. Returns what waits for the file.
 * A repository that was opened before keeps its git.
 */
export function hangRepack(directory: string): () => Promise<unknown> {
  const bin = join(directory, 'bin');
  const begun = join(directory, 'begun');
  mkdirSync(bin);
  const script = `#!/bin/sh\ncase $1 in repack) : > '${begun}'; exec sleep 600;; esac\nPATH=\${PATH#*:} exec git "$@"\n`;
  writeFileSync(join(bin, 'git'), script);
  chmodSync(join(bin, 'git'), 0o755);
  vi.stubEnv('PATH', `${bin}:${process.env.PATH}`);
  return () => vi.waitUntil(() => existsSync(begun), { timeout: 10_000 });
}
