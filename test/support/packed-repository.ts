// A repository in which every blob arrived in a pack of its own, as revisions do.
import { join } from 'node:path';
import type { Sha } from '../../src/core/sha.ts';
import type { Git } from '../../src/git/git-command.ts';
import { createPackWriter } from '../../src/git/pack-writer.ts';
import { openRepository, updateRefs } from '../../src/git/repository.ts';
import { git } from './git-oracle.ts';

export interface PackedRepository {
  readonly repository: Git;
  readonly oids: readonly Sha[];
}

/** Makes `directory`/repo.git with so many packs; all blobs but the `dropped` first have a ref. */
export async function makePackedRepository(directory: string, packs: number, dropped = 0): Promise<PackedRepository> {
  const repository = await openRepository(join(directory, 'repo.git'));
  const oids: Sha[] = [];
  for (let n = 0; n < packs; n++) oids.push(await addPack(repository, `content ${n}\n`.repeat(1 + (n % 5) * 100)));
  const kept = oids.slice(dropped);
  await updateRefs(
    repository,
    kept.map((to, at) => ({ name: `refs/scap/times/${at}`, to })),
  );
  return { repository, oids };
}

/** Adds a blob in a pack of its own. */
export async function addPack(repository: Git, content: string): Promise<Sha> {
  using pack = createPackWriter(join(repository.gitDir, 'pack-under-construction'));
  const oid = await pack.add('blob', Buffer.from(content));
  await pack.store(repository);
  return oid;
}

/** How many of these blobs the repository holds. */
export function countPresent({ gitDir }: Git, oids: readonly Sha[]): number {
  const input = `${oids.join('\n')}\n`;
  const lines = git(['--git-dir', gitDir, 'cat-file', '--batch-check'], { input }).toString('utf8');
  return lines.split('\n').filter((line) => line.includes(' blob ')).length;
}
