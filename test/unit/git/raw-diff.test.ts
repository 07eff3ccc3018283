import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Sha } from '../../../src/core/sha.ts';
import { createGit } from '../../../src/git/git-command.ts';
import { diffTrees, isDirectory, listTree, parseRawDiff } from '../../../src/git/raw-diff.ts';
import { git, gitLine } from '../../support/git-oracle.ts';
import { useTempDirs } from '../../support/temp-dir.ts';

const tempDir = useTempDirs();
const one = '1'.repeat(40);
const two = '2'.repeat(40);
const none = '0'.repeat(40);

describe('parseRawDiff()', () => {
  it('tells both sides of every path, whatever the path', () => {
    const output = [
      `:100644 100755 ${one} ${two} M\0a\nb\tc\0`,
      `:000000 120000 ${none} ${one} A\0\xff\xfe\0`,
      `:100644 000000 ${one} ${none} D\0:100644\0`,
    ];
    expect(parseRawDiff(Buffer.from(output.join(''), 'latin1'))).toEqual([
      { path: ':100644', old: { mode: 0o100644, oid: one }, new: undefined },
      { path: 'a\nb\tc', old: { mode: 0o100644, oid: one }, new: { mode: 0o100755, oid: two } },
      { path: '\xff\xfe', old: undefined, new: { mode: 0o120000, oid: one } },
    ]);
  });

  it('finds nothing in nothing', () => {
    expect(parseRawDiff(Buffer.alloc(0))).toEqual([]);
  });
});

/** Makes a tree of empty files with stock git. */
function makeTree(repository: string, paths: readonly string[], content = ''): Sha {
  const env = { GIT_INDEX_FILE: join(tempDir(), 'index') };
  const oid = gitLine(['--git-dir', repository, 'hash-object', '-w', '--stdin'], { input: content });
  const input = Buffer.from(paths.map((path) => `100644 ${oid}\t${path}\0`).join(''), 'latin1');
  git(['--git-dir', repository, 'update-index', '-z', '--index-info'], { input, env });
  return gitLine(['--git-dir', repository, 'write-tree'], { env }) as Sha;
}

function makeRepository(): string {
  const repository = join(tempDir(), 'r.git');
  git(['init', '--quiet', '--bare', repository]);
  return repository;
}

describe('diffTrees()', () => {
  it('sees a file that becomes a directory as one path lost and others gained, in index order', async () => {
    const repository = makeRepository();
    const before = makeTree(repository, ['x', 'y.z', 'z']);
    const after = makeTree(repository, ['x/1', 'y', 'y.z', 'z']);
    const changes = await diffTrees(createGit(repository), before, after);
    expect(changes.map(({ path, old, new: now }) => [path, old !== undefined, now !== undefined])).toEqual([
      ['x', true, false],
      ['x/1', false, true],
      ['y', false, true],
    ]);
  });

  it('names the directories too when asked', async () => {
    const repository = makeRepository();
    const before = makeTree(repository, ['a/b/c', 'd/e']);
    const after = makeTree(repository, ['a/b/c', 'a/b/d', 'd/e']);
    const changes = await diffTrees(createGit(repository), before, after, { trees: true });
    expect(changes.map(({ path, new: side }) => [path, isDirectory(side)])).toEqual([
      ['a', true],
      ['a/b', true],
      ['a/b/d', false],
    ]);
  });

  it('asks nobody when both are the same', async () => {
    expect(await diffTrees(createGit('/nowhere'), one as Sha, one as Sha)).toEqual([]);
  });
});

describe('listTree()', () => {
  it('lists every file in index order with its size, across any number of chunks', async () => {
    const repository = makeRepository();
    const paths = [...Array.from({ length: 3000 }, (_, at) => `d${at % 7}/file\n${at}`), '\xff'].sort();
    const found: string[] = [];
    for await (const entry of listTree(createGit(repository), makeTree(repository, paths, 'abc'), { sizes: true })) {
      found.push(entry.path);
      expect(entry).toMatchObject({ mode: 0o100644, sizeBytes: 3 });
    }
    expect(found).toEqual(paths);
  });

  it('fails when there is no such tree', async () => {
    const read = async () => {
      for await (const _ of listTree(createGit(makeRepository()), one as Sha)) expect.unreachable();
    };
    await expect(read()).rejects.toMatchObject({ code: 'process_failed' });
  });
});
