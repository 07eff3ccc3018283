import { join } from 'node:path';
import { afterEach, expect, it, vi } from 'vitest';
import { createGit } from '../../src/git/git-command.ts';
import { takeLock } from '../../src/system/file-lock.ts';
import type { TargetContext } from '../../src/target/context.ts';
import { createTargetLayout } from '../../src/target/layout.ts';
import { tidyRepository } from '../../src/target/tidy.ts';
import { hangRepack } from '../support/hanging-repack.ts';
import { countPresent, makePackedRepository } from '../support/packed-repository.ts';
import { useTempDirs } from '../support/temp-dir.ts';

const tempDir = useTempDirs();
afterEach(() => vi.unstubAllEnvs());

const run = { reason: 'a run', waitMs: 20_000 };

it('tidyRepository() stops packing at once when a run waits for the target', async () => {
  const cache = tempDir();
  const layout = createTargetLayout(cache, join(cache, 'live'));
  const { oids } = await makePackedRepository(cache, 25);
  const hasBegun = hangRepack(cache);
  const git = createGit(layout.repo);
  const lock = await takeLock(layout.lock, run);
  const tidied = tidyRepository({ git, layout } as unknown as TargetContext).then(() => lock.release());
  await hasBegun();
  const startedAt = performance.now();
  (await takeLock(layout.lock, run)).release();
  await tidied;
  expect(performance.now() - startedAt).toBeLessThan(2000);
  expect(countPresent(git, oids)).toBe(25);
});
