import { chmodSync, lstatSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Sha } from '../../src/core/sha.ts';
import { anyHistory, morphTree, onTarget } from '../support/any-tree.ts';
import { createStagingWorld } from '../support/staging-world.ts';
import { createTargetWorld, readTimes } from '../support/target-world.ts';
import { useTempDirs } from '../support/temp-dir.ts';
import { directory, file, hostileNames, link, readTree, type Tree, writeTree } from '../support/tree-builder.ts';

const tempDir = useTempDirs();
const withoutManifest = (path: string) => path === '.scap';

/** Takes a staging tree through its states and compares what stands on two targets after each. */
async function checkHistory(states: readonly Tree[]): Promise<void> {
  const base = tempDir();
  const world = await createStagingWorld(base);
  const first = createTargetWorld(join(base, 'web1'), world);
  const made: { sha: Sha; root: string; state: Tree; times: Record<string, string> }[] = [];
  let before: Tree = {};
  for (const state of states) {
    morphTree(world.staging, before, state);
    before = state;
    const previous = made.at(-1)?.sha;
    const sha = await world.push();
    const root = await first.deploy(sha, previous === sha ? undefined : previous);
    made.push({ sha, root, state, times: readTimes(root) });
    expect(await first.verify(sha)).toEqual({ revision: sha, drift: [] });
    // Also the older ones: nothing of them may have changed through the newer.
    for (const { root: at, state: wanted, times } of made) {
      expect(readTree(at, withoutManifest)).toEqual(onTarget(wanted));
      expect(readTimes(at)).toEqual(times);
    }
  }
  const last = made.at(-1);
  if (last === undefined) throw new Error('no state');
  // A host that never saw the older revisions gets the same bytes, modes and times.
  const second = createTargetWorld(join(base, 'web2'), world);
  const root = await second.deploy(last.sha, undefined);
  expect(readTree(root)).toEqual(readTree(last.root));
  expect(readTimes(root)).toEqual(last.times);
}

describe('what is in staging stands on the targets', () => {
  it('[I1][I7][B4][B5][B27] byte for byte, mode for mode, name for name: any tree, and what becomes of it', async () => {
    await fc.assert(fc.asyncProperty(anyHistory, checkHistory), {
      numRuns: 8,
      endOnFailure: true,
      // Every run is a handful of deploys, each flushed to the disk; on a busy machine fewer of them must do.
      interruptAfterTimeLimit: 30_000,
    });
  }, 120_000);

  it('[I1][B5] with every hostile name, as file, link, directory and empty directory', async () => {
    const nodes = hostileNames.flatMap((name, at) => [
      [`f/${name}`, file(`${at}`, at % 2 ? 0o755 : 0o640)],
      [`l/${name}`, link(name)],
      [`d/${name}`, directory(0o750)],
      [`d/${name}/${name}`, file('')],
      [`e/${name}`, directory()],
    ]);
    const tree = Object.fromEntries([...['f', 'l', 'd', 'e'].map((path) => [path, directory()]), ...nodes] as [
      string,
      Tree[string],
    ][]);
    await checkHistory([tree, { ...tree, 'f/...': file('changed') }]);
  });

  it('[I1] when a path turns from file to directory to link and back', async () => {
    const keep = { keep: file('1') };
    await checkHistory([
      { ...keep, x: file('1') },
      { ...keep, x: directory(), 'x/y': file('2', 0o600), 'x/e': directory(0o700) },
      { ...keep, x: link('keep') },
      { ...keep, x: directory(0o711) },
      { ...keep, x: file('1') },
    ]);
  });

  it('[I1][B4] when only modes and empty directories change', async () => {
    await checkHistory([
      { d: directory(), 'd/f': file('1'), e: directory() },
      { d: directory(0o700), 'd/f': file('1', 0o600) },
      { d: directory(), 'd/f': file('1', 0o444), 'd/e': directory(0o555) },
      { d: directory(), 'd/f': file('1') },
    ]);
  });

  it('[B4] the mode of the staging directory itself included', async () => {
    const base = tempDir();
    const world = await createStagingWorld(base);
    writeTree(world.staging, { f: file('1') });
    chmodSync(world.staging, 0o750);
    const target = createTargetWorld(join(base, 'web1'), world);
    const root = await target.deploy(await world.push(), undefined);
    expect(lstatSync(root).mode & 0o7777).toBe(0o750);
  });
});
