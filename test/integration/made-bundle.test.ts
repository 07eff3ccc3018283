// A bundle that a target makes of what it has is as good as the deploy host's, and what is wrong with it is found by who takes it.
import { existsSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import type { Sha } from '../../src/core/sha.ts';
import { createGit } from '../../src/git/git-command.ts';
import { makeBlob } from '../../src/target/relay/make-blob.ts';
import { createTargetSession, type TargetSession } from '../../src/target/session.ts';
import { stockStages } from '../../src/target/stages/registry.ts';
import { createStagingWorld, type StagingWorld } from '../support/staging-world.ts';
import { createTargetWorld, readTimes, type TargetWorld } from '../support/target-world.ts';
import { useTempDirs } from '../support/temp-dir.ts';
import { file, readTree, writeTree } from '../support/tree-builder.ts';

const tempDir = useTempDirs();
const signal = new AbortController().signal;
const unknown = '1'.repeat(40) as Sha;
let world: StagingWorld;
let giver: TargetWorld;
let taker: TargetWorld;
let first: Sha;
let second: Sha;
beforeEach(async () => {
  const base = tempDir();
  world = await createStagingWorld(base);
  giver = createTargetWorld(join(base, 'web1'), world);
  taker = createTargetWorld(join(base, 'web2'), world);
  writeTree(world.staging, { a: file('1'), 'd/f': file('1') });
  first = await world.push();
  writeTree(world.staging, { a: file('2') });
  second = await world.push();
  await giver.deploy(first, undefined);
  await giver.deploy(second, first);
});

const make = (sha: Sha) => makeBlob(sha, { layout: giver.layout, git: createGit(giver.layout.repo), signal });
const call = (session: TargetSession, verb: string, params: Record<string, unknown>) =>
  session.call(verb, { params, signal, notify: () => {} });

/** Gives the taker a bundle of the giver as a blob it has taken, and has it make `second` of it. */
async function fetchFrom(sha256: string, times: Sha): Promise<unknown> {
  const session = createTargetSession(taker.layout, stockStages());
  try {
    await call(session, 'begin', { fence: 1 });
    renameSync(giver.layout.blob(sha256), taker.layout.blob(sha256));
    const params = { fence: 1, stage: 'fetch', revision: second, bundle: sha256, relayed: true, times };
    return await call(session, 'stage', params);
  } finally {
    await session.end();
  }
}

describe('[B17] a bundle made by a target', () => {
  it('has all of the revision, its times too, and nothing of the one before', async () => {
    const { sha256, sizeBytes } = await make(second);
    expect(readFileSync(giver.layout.blob(sha256)).length).toBe(sizeBytes);
    expect(await fetchFrom(sha256, world.repository.timesId(second))).toMatchObject({ result: 'archive' });
    const made = taker.layout.revision(second);
    expect(readTree(made)).toEqual(readTree(giver.layout.revision(second)));
    expect(readTimes(made)).toEqual(readTimes(giver.layout.revision(second)));
  });

  it('is refused when its file times are not those the deploy host knows', async () => {
    const { sha256 } = await make(second);
    const fetching = fetchFrom(sha256, world.repository.timesId(first));
    await expect(fetching).rejects.toMatchObject({ code: 'bundle_damaged' });
    expect(existsSync(taker.layout.revision(second))).toBe(false);
  });

  it('is not made of a revision that is unknown or not complete, and nothing is left', async () => {
    await expect(make(unknown)).rejects.toMatchObject({ code: 'base_missing' });
    rmSync(giver.layout.marker(first));
    await expect(make(first)).rejects.toMatchObject({ code: 'base_missing' });
    expect(readdirSync(giver.layout.work).filter((name) => /^(blob|given)/.test(name))).toEqual([]);
  });

  it('is not made of a damaged repository, and nothing is left', async () => {
    rmSync(join(giver.layout.repo, 'objects/pack'), { recursive: true });
    await expect(make(second)).rejects.toMatchObject({ code: 'process_failed' });
    expect(readdirSync(giver.layout.work).filter((name) => /^(blob|given)/.test(name))).toEqual([]);
  });
});
