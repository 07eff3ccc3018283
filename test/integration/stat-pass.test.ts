import { chmodSync, lstatSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { fromText } from '../../src/core/byte-path.ts';
import type { Git } from '../../src/git/git-command.ts';
import { createIndexBuilder } from '../../src/git/index-builder.ts';
import { gitModeOf, type IndexFile, parseIndex, toStatData } from '../../src/git/index-file.ts';
import { openRepository } from '../../src/git/repository.ts';
import { runStatPass } from '../../src/git/stat-pass.ts';
import { useTempDirs } from '../support/temp-dir.ts';
import { directory, file, writeTree } from '../support/tree-builder.ts';

const tempDir = useTempDirs();
const names = ['a', 'b', 'c', 'sub/d', 'with\nline feed', 'é'];
let root: string;
let indexPath: string;
let index: IndexFile;
let git: Git;

const at = (name: string) => join(root, name);
const look = () => runStatPass(git, { root, index, indexPath });
const moved = async () => [...((await look())?.moved ?? [])].map((path) => Buffer.from(path, 'latin1').toString());

beforeEach(async () => {
  root = join(tempDir(), 'tree');
  const state = tempDir();
  indexPath = join(state, 'an.index');
  git = await openRepository(join(state, 'repo.git'));
  writeTree(
    root,
    Object.fromEntries([['sub', directory()], ...names.map((name) => [fromText(name), file(`content of ${name}`)])]),
  );
  const builder = createIndexBuilder();
  for (const name of names) {
    const stats = lstatSync(at(name), { bigint: true });
    builder.add(fromText(name), gitModeOf(Number(stats.mode)), 'a'.repeat(40) as never, toStatData(stats));
  }
  index = parseIndex(builder.finish(Buffer.from('a note of ours')));
  writeFileSync(indexPath, index.bytes);
  // Not in the tick of the index: git would read content then.
  utimesSync(indexPath, Date.now() / 1000 + 60, Date.now() / 1000 + 60);
});

describe('runStatPass()', () => {
  it('finds nothing where nothing moved', async () => {
    expect(await moved()).toEqual([]);
  });

  it('finds what is gone, edited, of another type, mode or time, by its exact name, and nothing new', async () => {
    rmSync(at('a'));
    writeFileSync(at('b'), 'longer than it was before');
    chmodSync(at('c'), 0o755);
    rmSync(at('sub/d'));
    symlinkSync('content of sub/d', at('sub/d'));
    utimesSync(at('with\nline feed'), 1, 1);
    rmSync(at('é'));
    writeFileSync(at('é'), 'content of é');
    writeFileSync(at('new'), '');
    expect(await moved()).toEqual(names);
  });

  it('vouches only for files whose second was over, by either clock', async () => {
    const newest = Math.max(...names.map((name) => Math.floor(lstatSync(at(name)).ctimeMs / 1000)));
    const pass = await look();
    expect([pass?.vouchesFor(newest - 1), pass?.vouchesFor(newest)]).toEqual([true, false]);
    utimesSync(indexPath, newest, newest);
    const early = await look();
    expect([early?.vouchesFor(newest - 2), early?.vouchesFor(newest - 1)]).toEqual([true, false]);
  });

  it('cannot tell with an index git does not take', async () => {
    writeFileSync(indexPath, 'no index at all');
    expect(await look()).toBe(undefined);
  });
});
