import { expect, it } from 'vitest';
import { countPacks, maintainRepository, maintenanceNeed, noteDropped } from '../../../src/git/maintenance.ts';
import { tryGit } from '../../support/git-oracle.ts';
import { makePackedRepository, countPresent as present } from '../../support/packed-repository.ts';
import { useTempDirs } from '../../support/temp-dir.ts';

const tempDir = useTempDirs();
const makeRepository = (packs: number, dropped = 0) => makePackedRepository(tempDir(), packs, dropped);

it('makes few packs of many, and loses nothing', async () => {
  const { repository, oids } = await makeRepository(30);
  expect(maintenanceNeed(repository)).toBe('soon');
  await maintainRepository(repository);
  expect(maintenanceNeed(repository)).toBe('none');
  expect(countPacks(repository)).toBeLessThan(6);
  expect(present(repository, oids)).toBe(30);
  expect(tryGit(['--git-dir', repository.gitDir, 'fsck', '--full', '--strict']).status).toBe(0);
});

it('leaves a repository alone that is small enough', async () => {
  const { repository } = await makeRepository(3);
  noteDropped(repository, 1);
  expect(maintenanceNeed(repository)).toBe('none');
  await maintainRepository(repository);
  expect(countPacks(repository)).toBe(3);
});

it('lets go of what belonged to dropped revisions when there are enough of them, however many times it took, and of nothing else', async () => {
  const { repository, oids } = await makeRepository(6, 2);
  for (let time = 0; time < 4; time++) {
    expect(maintenanceNeed(repository)).toBe('none');
    await maintainRepository(repository);
    noteDropped(repository, 10);
  }
  expect(maintenanceNeed(repository)).toBe('soon');
  await maintainRepository(repository);
  expect(countPacks(repository)).toBe(1);
  expect(present(repository, oids.slice(2))).toBe(4);
  expect(present(repository, oids.slice(0, 2))).toBe(0);
  expect(maintenanceNeed(repository)).toBe('none');
});

it('lets go of what belonged to a single dropped revision when asked to', async () => {
  const { repository, oids } = await makeRepository(6, 1);
  await maintainRepository(repository, { full: true });
  expect(countPacks(repository)).toBe(6);
  noteDropped(repository, 1);
  await maintainRepository(repository, { full: true });
  expect(countPacks(repository)).toBe(1);
  expect(present(repository, oids)).toBe(5);
});

it('keeps objects of dropped revisions while it only joins small packs', async () => {
  const { repository, oids } = await makeRepository(30, 2);
  noteDropped(repository, 2);
  await maintainRepository(repository);
  expect(present(repository, oids)).toBe(30);
});

it('stops when asked to, with nothing lost and everything still to do', async () => {
  const { repository, oids } = await makeRepository(30, 2);
  noteDropped(repository, 40);
  await expect(maintainRepository(repository, { signal: AbortSignal.abort() })).rejects.toMatchObject({
    code: 'interrupted',
  });
  expect(maintenanceNeed(repository)).toBe('soon');
  expect(present(repository, oids)).toBe(30);
  await maintainRepository(repository);
  expect(maintenanceNeed(repository)).toBe('none');
  expect(present(repository, oids.slice(2))).toBe(28);
});

it('does only what is quick when it was put off until somebody has to wait for it', { timeout: 60_000 }, async () => {
  const { repository, oids } = await makeRepository(97, 1);
  noteDropped(repository, 40);
  expect(maintenanceNeed(repository)).toBe('now');
  await maintainRepository(repository);
  expect(present(repository, oids)).toBe(97);
  expect(countPacks(repository)).toBeLessThan(10);
  expect(maintenanceNeed(repository)).toBe('soon');
});
