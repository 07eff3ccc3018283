// Packing when nobody waits: it begins when a run is over and ends when the next one comes.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { maintainInBackground } from '../../src/deploy/background-maintenance.ts';
import { createStateLayout } from '../../src/deploy/state-layout.ts';
import { countPacks, noteDropped } from '../../src/git/maintenance.ts';
import { takeLock } from '../../src/system/file-lock.ts';
import { hangRepack } from '../support/hanging-repack.ts';
import { countPresent, makePackedRepository } from '../support/packed-repository.ts';
import { useTempDirs } from '../support/temp-dir.ts';

const tempDir = useTempDirs();
afterEach(() => vi.unstubAllEnvs());

const run = { reason: 'a run', waitMs: 20_000 };

describe('maintainInBackground()', () => {
  it('waits for the run that started it, then packs', async () => {
    const layout = createStateLayout(tempDir());
    const { repository, oids } = await makePackedRepository(layout.state, 30, 3);
    noteDropped(repository, 40);
    const lock = await takeLock(layout.lock, run);
    const maintained = maintainInBackground(layout);
    await vi.waitUntil(() => existsSync(layout.maintenanceLock), { timeout: 5000 });
    expect(countPacks(repository)).toBe(30);
    lock.release();
    expect(await maintained).toBe('done');
    expect(countPacks(repository)).toBe(1);
    expect(countPresent(repository, oids)).toBe(27);
  });

  it('stops at once when a run begins, which does not wait for it, and leaves a second one nothing to do', async () => {
    const layout = createStateLayout(tempDir());
    const { repository, oids } = await makePackedRepository(layout.state, 25);
    (await takeLock(layout.lock, run)).release();
    const hasBegun = hangRepack(layout.state);
    const maintained = maintainInBackground(layout);
    await hasBegun();
    expect(await maintainInBackground(layout)).toBe('busy');
    const startedAt = performance.now();
    using _lock = await takeLock(layout.lock, { reason: 'a run' });
    expect(await maintained).toBe('yielded');
    expect(performance.now() - startedAt).toBeLessThan(2000);
    expect(countPresent(repository, oids)).toBe(25);
  });

  it('has nothing to do where nothing was deployed', async () => {
    expect(await maintainInBackground(createStateLayout(join(tempDir(), 'absent')))).toBe('done');
  });
});
