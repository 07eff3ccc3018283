import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { Sha } from '../../../src/core/sha.ts';
import type { Git } from '../../../src/git/git-command.ts';
import { countPacks, maintainRepository } from '../../../src/git/maintenance.ts';
import { createPackWriter } from '../../../src/git/pack-writer.ts';
import { openRepository, updateRefs } from '../../../src/git/repository.ts';
import { git, tryGit } from '../../support/git-oracle.ts';
import { useTempDirs } from '../../support/temp-dir.ts';

const tempDir = useTempDirs();

/** A repository in which every blob arrived in a pack of its own; all but the `dropped` first have a ref. */
async function makeRepository(packs: number, dropped = 0): Promise<{ repository: Git; oids: Sha[] }> {
  const directory = tempDir();
  const repository = await openRepository(join(directory, 'r.git'));
  const oids: Sha[] = [];
  for (let n = 0; n < packs; n++) {
    using pack = createPackWriter(join(directory, 'pack'));
    oids.push(await pack.add('blob', Buffer.from(`content ${n}\n`.repeat(1 + (n % 5) * 100))));
    await pack.store(repository);
  }
  await updateRefs(
    repository,
    oids.slice(dropped).map((to, at) => ({ name: `refs/scap/times/${at}`, to })),
  );
  return { repository, oids };
}

function present({ gitDir }: Git, oids: readonly Sha[]): number {
  const input = `${oids.join('\n')}\n`;
  const lines = git(['--git-dir', gitDir, 'cat-file', '--batch-check'], { input }).toString('utf8');
  return lines.split('\n').filter((line) => line.includes(' blob ')).length;
}

it('makes few packs of many, and loses nothing', async () => {
  const { repository, oids } = await makeRepository(30);
  await maintainRepository(repository, { dropped: 0 });
  expect(countPacks(repository)).toBeLessThan(6);
  expect(present(repository, oids)).toBe(30);
  expect(tryGit(['--git-dir', repository.gitDir, 'fsck', '--full', '--strict']).status).toBe(0);
});

it('leaves a repository alone that is small enough', async () => {
  const { repository } = await makeRepository(3);
  await maintainRepository(repository, { dropped: 1 });
  expect(countPacks(repository)).toBe(3);
});

it('lets go of what belonged to dropped revisions, and of nothing else', async () => {
  const { repository, oids } = await makeRepository(6, 2);
  await maintainRepository(repository, { dropped: 40 });
  expect(countPacks(repository)).toBe(1);
  expect(present(repository, oids.slice(2))).toBe(4);
  expect(present(repository, oids.slice(0, 2))).toBe(0);
});

it('keeps objects of dropped revisions while it only joins small packs', async () => {
  const { repository, oids } = await makeRepository(30, 2);
  await maintainRepository(repository, { dropped: 0 });
  expect(present(repository, oids)).toBe(30);
});
