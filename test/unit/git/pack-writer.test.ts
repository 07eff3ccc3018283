import { randomBytes } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Git } from '../../../src/git/git-command.ts';
import { objectId } from '../../../src/git/object-id.ts';
import { createPackWriter } from '../../../src/git/pack-writer.ts';
import { openRepository } from '../../../src/git/repository.ts';
import { git, gitLine, tryGit } from '../../support/git-oracle.ts';
import { useTempDirs } from '../../support/temp-dir.ts';

const tempDir = useTempDirs();

async function makeRepository(): Promise<{ repository: Git; path: string }> {
  const directory = tempDir();
  return { repository: await openRepository(join(directory, 'r.git')), path: join(directory, 'pack') };
}

async function* pieces(...parts: Buffer[]): AsyncGenerator<Buffer> {
  yield* parts;
}

function packsOf({ gitDir }: Git): string[] {
  return readdirSync(join(gitDir, 'objects/pack')).filter((name) => name.endsWith('.pack'));
}

/** Has git check every object and every pack, connectivity aside. */
function checkWithGit({ gitDir }: Git): void {
  const { status, stderr } = tryGit(['--git-dir', gitDir, 'fsck', '--full', '--strict', '--no-dangling']);
  const complaints = stderr.split('\n').filter((line) => line !== '' && !line.startsWith('notice: '));
  expect({ status, complaints }).toEqual({ status: 0, complaints: [] });
  for (const pack of packsOf({ gitDir } as Git)) {
    git(['--git-dir', gitDir, 'verify-pack', join(gitDir, 'objects/pack', pack)]);
  }
}

const contentOf = ({ gitDir }: Git, oid: string) => git(['--git-dir', gitDir, 'cat-file', 'blob', oid]);

describe('a pack of ours', () => {
  it('holds objects of every size, and git finds nothing wrong with it', async () => {
    const { repository, path } = await makeRepository();
    using pack = createPackWriter(path);
    // Around the borders of the entry header's groups of 4 and 7 bits, and of deflate's windows.
    const sizes = [
      0, 1, 15, 16, 17, 255, 256, 511, 512, 2047, 2048, 2049, 32_767, 32_768, 65_535, 65_536, 65_537, 262_143, 262_144,
      1_000_000,
    ];
    const contents = sizes.flatMap((size) => [randomBytes(size), Buffer.alloc(size, `text of ${size} bytes\n`)]);
    const oids: string[] = [];
    for (const content of contents) oids.push(await pack.add('blob', content));
    expect(oids).toEqual(contents.map((content) => objectId('blob', content)));
    await pack.store(repository);
    checkWithGit(repository);
    for (const [at, oid] of oids.entries())
      expect(contentOf(repository, oid).equals(contents[at] ?? Buffer.of(0))).toBe(true);
  });

  it('takes a file too large for memory, piece by piece', async () => {
    const { repository, path } = await makeRepository();
    using pack = createPackWriter(path);
    const parts = Array.from({ length: 12 }, (_, at) =>
      at % 2 ? randomBytes(1024 * 1024) : Buffer.alloc(1024 * 1024, at),
    );
    const whole = Buffer.concat(parts);
    const small = await pack.add('blob', Buffer.from('before'));
    const oid = await pack.addLarge(whole.length, pieces(...parts));
    const after = await pack.add('blob', Buffer.from('after'));
    await pack.store(repository);
    expect(oid).toBe(gitLine(['hash-object', '--stdin'], { input: whole }));
    checkWithGit(repository);
    expect(contentOf(repository, oid ?? '').equals(whole)).toBe(true);
    expect(contentOf(repository, small).toString()).toBe('before');
    expect(contentOf(repository, after).toString()).toBe('after');
  });

  it('holds what was added twice once, small or large', async () => {
    const { repository, path } = await makeRepository();
    using pack = createPackWriter(path);
    const content = randomBytes(3000);
    await Promise.all([pack.add('blob', content), pack.add('blob', Buffer.from(content))]);
    const oid = await pack.addLarge(content.length, pieces(content));
    await pack.addLarge(content.length, pieces(content.subarray(0, 1000), content.subarray(1000)));
    expect(pack.count).toBe(1);
    await pack.store(repository);
    checkWithGit(repository);
    expect(contentOf(repository, oid ?? '').equals(content)).toBe(true);
    const [name = ''] = packsOf(repository);
    expect(readFileSync(join(repository.gitDir, 'objects/pack', name)).readUInt32BE(8)).toBe(1);
  });

  it.each([
    ['shorter', 2999],
    ['longer', 3001],
  ])('[B7] keeps no trace of a large file that turned out %s than it was', async (_, size) => {
    const { repository, path } = await makeRepository();
    using pack = createPackWriter(path);
    await pack.add('blob', Buffer.from('before'));
    expect(await pack.addLarge(3000, pieces(randomBytes(size)))).toBeUndefined();
    const after = await pack.add('blob', Buffer.from('after'));
    expect(pack.count).toBe(2);
    await pack.store(repository);
    checkWithGit(repository);
    expect(contentOf(repository, after).toString()).toBe('after');
  });

  it('keeps no trace of a large file that could not be read to its end', async () => {
    const { repository, path } = await makeRepository();
    using pack = createPackWriter(path);
    const failure = new Error('EIO');
    const broken = async function* () {
      yield randomBytes(1000);
      throw failure;
    };
    await expect(pack.addLarge(3000, broken())).rejects.toBe(failure);
    const after = await pack.add('blob', Buffer.from('after'));
    await pack.store(repository);
    checkWithGit(repository);
    expect(contentOf(repository, after).toString()).toBe('after');
  });

  it('takes hundreds of objects at once', async () => {
    const { repository, path } = await makeRepository();
    using pack = createPackWriter(path);
    const contents = Array.from({ length: 500 }, (_, at) => Buffer.from(`${at}\n`.repeat(at)));
    await Promise.all(contents.map((content) => pack.add('blob', content)));
    expect(pack.count).toBe(500);
    await pack.store(repository);
    checkWithGit(repository);
  });

  it.each([
    ['so many objects', 200, 4096, 24 * 4096],
    ['so many bytes', 24, 2 * 1024 * 1024, 16 * 1024 * 1024],
    ['so many bytes, one object of that size included', 2, 20 * 1024 * 1024, 16 * 1024 * 1024],
  ])('keeps no more than %s waiting to be deflated', async (_what, count, sizeBytes, mostWaiting) => {
    const { path } = await makeRepository();
    using pack = createPackWriter(path);
    for (let at = 1; at <= count; at++) {
      // Random bytes do not shrink: what is not in the file yet is waiting.
      await pack.add('blob', randomBytes(sizeBytes));
      expect(at * sizeBytes - statSync(path).size).toBeLessThanOrEqual(mostWaiting);
    }
  });

  it('does not touch the repository when there is nothing in it', async () => {
    const { repository, path } = await makeRepository();
    using pack = createPackWriter(path);
    await pack.store(repository);
    expect(packsOf(repository)).toEqual([]);
  });

  it('is removed with its temporary file, stored or not, also while objects are still being deflated', async () => {
    const { path } = await makeRepository();
    {
      using pack = createPackWriter(path);
      void pack.add('blob', randomBytes(1_000_000));
      expect(existsSync(path)).toBe(true);
    }
    expect(existsSync(path)).toBe(false);
  });
});
