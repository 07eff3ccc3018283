// What must be true of a site after whatever happened to it.
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readlinkSync, realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect } from 'vitest';
import { hashTree, type Site } from './site.ts';

/** Old or new, whole, and nothing that only looks complete. `trees` are the hashes allowed to be live; `absent`: nothing served is right too. */
export function expectOldOrNew(site: Site, trees: readonly string[], where: string, { absent = false } = {}): void {
  for (const host of site.hosts) {
    const served = servedTree(site, host);
    if (served === undefined) expect(absent, `${where}: ${host} serves nothing`).toBe(true);
    else expect(trees, `${where}: what ${host} serves`).toContain(served);
  }
}

/** Every revision that says it is complete is one of `trees`, byte for byte. */
export function expectHonestMarkers(site: Site, trees: readonly string[], where: string): void {
  for (const host of site.hosts) {
    const meta = join(site.cache(host), 'meta');
    for (const name of existsSync(meta) ? readdirSync(meta) : []) {
      const revision = join(site.cache(host), 'revs', name.replace(/\.json$/, ''));
      if (!name.endsWith('.json') || !existsSync(revision)) continue;
      expect(trees, `${where}: ${host}: ${name} says complete`).toContain(hashTree(revision));
    }
  }
}

/** Everybody serves `tree`, nothing is left lying about, the repositories are sound, nobody is left running. */
export async function expectRepaired(site: Site, tree: string, where: string): Promise<void> {
  await site.settle();
  for (const host of site.hosts) {
    const cache = site.cache(host);
    expect(servedTree(site, host), `${where}: what ${host} serves`).toBe(tree);
    expect(litterOf(cache), `${where}: work/ of ${host}`).toEqual([]);
    const spare = join(cache, 'work/spare/tree');
    if (existsSync(spare)) expect(hashTree(spare), `${where}: the spare of ${host}`).toBe(tree);
    expect(leftovers(cache), `${where}: cache of ${host}`).toEqual([]);
    expect(leftovers(dirname(site.live(host))), `${where}: beside the live path of ${host}`).toEqual([]);
    expect(fsck(join(cache, 'repo.git')), `${where}: git fsck on ${host}`).toBe('');
  }
  expect(readdirSync(join(site.state, 'work')), `${where}: work/ of the deploy host`).toEqual([]);
  expect(leftovers(site.state), `${where}: state of the deploy host`).toEqual([]);
  expect(fsck(join(site.state, 'repo.git')), `${where}: git fsck on the deploy host`).toBe('');
}

/** The hash of what a host serves; `undefined` when its live path does not exist. Throws when it leads nowhere. */
export function servedTree(site: Site, host: string): string | undefined {
  try {
    readlinkSync(site.live(host));
  } catch {
    return undefined;
  }
  return hashTree(realpathSync(site.live(host)));
}

/** Whether there is anything unfinished or thrown away on a target. */
export function hasLitter(site: Site, host: string): boolean {
  return litterOf(site.cache(host)).length + leftovers(site.cache(host)).length > 0;
}

/** What lies in `work/` besides a spare that is ready. */
export function litterOf(cache: string): string[] {
  const work = join(cache, 'work');
  return readdirSync(work).filter((name) => name !== 'spare' || !existsSync(join(work, name, 'ready.json')));
}

function leftovers(directory: string): string[] {
  return readdirSync(directory).filter((name) => name.endsWith('.scap-tmp'));
}

export function fsck(gitDir: string): string {
  const locks = readdirSync(gitDir, { recursive: true, encoding: 'utf8' }).filter((name) =>
    /\.lock$|\/tmp_/.test(name),
  );
  const output = execFileSync(
    'git',
    ['--git-dir', gitDir, '-c', 'safe.directory=*', 'fsck', '--full', '--no-dangling', '--no-progress'],
    {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );
  return [...locks, output.trim()].filter(Boolean).join('\n');
}
