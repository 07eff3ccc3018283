// Global set-up of every project but unit: those run the built program, and must not run yesterday's.
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../', import.meta.url));

export function setup(): void {
  const stampedAt = statSync(join(root, 'dist/.stamp'), { throwIfNoEntry: false })?.mtimeMs;
  if (stampedAt === undefined) throw new Error('dist/ is missing: run scripts/setup (or: npm run build)');
  const newer = listSources().find((path) => changedAt(path) > stampedAt);
  if (newer !== undefined) {
    throw new Error(`dist/ is stale, ${newer} is newer: run scripts/setup (or: npm run build)`);
  }
}

function changedAt(path: string): number {
  return statSync(join(root, path), { throwIfNoEntry: false })?.mtimeMs ?? 0;
}

function listSources(): readonly string[] {
  const below = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' }).map((path) => join('src', path));
  return ['package-lock.json', 'scripts/build.mjs', 'scripts/lib/entry.mjs', 'src', ...below];
}
