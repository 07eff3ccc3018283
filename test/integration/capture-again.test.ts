import { lstatSync, readFileSync, renameSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { readRevision, tryGit } from '../support/git-oracle.ts';
import { createStagingWorld, type StagingWorld } from '../support/staging-world.ts';
import { useTempDirs } from '../support/temp-dir.ts';
import { directory, file, link, type Tree, writeTree } from '../support/tree-builder.ts';

const tempDir = useTempDirs();
let world: StagingWorld;
beforeEach(async () => {
  world = await createStagingWorld(tempDir());
});
afterEach(() => vi.useRealTimers());

const write = (tree: Tree) => writeTree(world.staging, tree);
const filesOf = (revision: string | undefined) => readRevision(world.layout.repo, revision ?? '');
/** The clock stands an hour ahead of the files: none is too young to be trusted. */
const anHourLater = () => vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 3_600_000 });

const tree: Tree = {
  a: file('1'),
  b: file('1', 0o640),
  'd/empty-file': file(''),
  'd/hollow': directory(),
  'd/x': file('1', 0o755),
  link: link('a'),
};

describe('pushing the same bytes again', () => {
  it('[B1][I2] makes no revision, and stores nothing', async () => {
    write(tree);
    const sha = await world.push();
    const objects = () => tryGit(['--git-dir', world.layout.repo, 'count-objects', '-v']).stdout.toString();
    const before = objects();
    expect(await world.prepare()).toMatchObject({ sha, created: false, differences: [] });
    expect(world.said('revision.reused')).toMatchObject({ revision: sha });
    expect(objects()).toBe(before);
  });

  it('[B1] makes no revision when files were only touched or replaced by equal ones', async () => {
    write(tree);
    const sha = await world.push();
    rmSync(world.staging, { recursive: true });
    write(tree);
    expect(await world.prepare()).toMatchObject({ sha, created: false });
  });

  it('[B1] makes no revision when another one had been made in between but did not go live', async () => {
    write({ a: file('1') });
    const live = await world.push();
    write({ a: file('2') });
    const newest = await world.prepare();
    expect(await world.prepare()).toMatchObject({ sha: newest.sha, created: false });
    write({ a: file('1') });
    expect(await world.prepare()).toMatchObject({ sha: live, created: false });
  });

  it('[B1] costs a look at every file, and no reading', async () => {
    anHourLater();
    write(tree);
    await world.push();
    await world.prepare();
    expect(world.said('staging.scanned')).toMatchObject({ files: 5, readBytes: 0 });
  });
});

describe('the staging index', () => {
  const damages: readonly (readonly [string, (path: string) => void])[] = [
    ['lost', (path) => rmSync(path)],
    ['damaged', (path) => writeFileSync(path, readFileSync(path).fill(7, 40, 60))],
    ['cut off', (path) => writeFileSync(path, readFileSync(path).subarray(0, 50))],
    ['emptied', (path) => writeFileSync(path, '')],
  ];

  it.each(damages)('[I1] %s, it costs time and nothing else', async (_, damage) => {
    anHourLater();
    write(tree);
    const sha = await world.push();
    damage(world.layout.stagingIndex);
    expect(await world.prepare()).toMatchObject({ sha, created: false });
    damage(world.layout.stagingIndex);
    write({ a: file('2') });
    rmSync(join(world.staging, 'd/x'));
    const { sha: next, differences } = await world.prepare();
    expect(differences.map(({ path, kind }) => [path, kind])).toEqual([
      ['a', 'changed'],
      ['d/x', 'removed'],
    ]);
    expect(filesOf(next)).toMatchObject({ a: file('2'), link: link('a') });
  });

  it('[I1] about another staging directory, it is not believed', async () => {
    anHourLater();
    write(tree);
    const sha = await world.push();
    const copy = join(tempDir(), 'copy');
    writeTree(copy, { ...tree, a: file('2') });
    const { created, differences } = await world.prepare({ staging: copy });
    expect(created).toBe(true);
    expect(differences.map(({ path }) => path)).toEqual(['a']);
    expect(await world.prepare()).toMatchObject({ sha, created: false });
  });

  it('[I1] is carried over when what is live is not what was captured last, and back', async () => {
    anHourLater();
    write({ ...tree, same: file('never touched') });
    const first = await world.push();
    write({ a: file('2'), new: file('2') });
    rmSync(join(world.staging, 'b'));
    const second = await world.push();
    await world.setLive(first);
    const again = await world.prepare();
    expect(again).toMatchObject({ sha: second, created: false });
    expect(again.differences.map(({ path, kind }) => [path, kind])).toEqual([
      ['a', 'changed'],
      ['b', 'removed'],
      ['new', 'added'],
    ]);
    // "a" and "new" only: what is the same in both revisions was not read again.
    expect(world.said('staging.scanned')).toMatchObject({ readBytes: 2 });
    await world.setLive(second);
    expect(await world.prepare()).toMatchObject({ sha: second, created: false, differences: [] });
  });

  it('[I1] is made anew when its revision is not there any more', async () => {
    anHourLater();
    write(tree);
    const first = await world.push();
    write({ a: file('2') });
    const second = await world.push();
    await world.setLive(first);
    await world.repository.update(
      new Map(
        ['refs/heads/main', `refs/scap/times/${second}`, `refs/scap/records/${second}`].map((name) => [
          name,
          name === 'refs/heads/main' ? first : undefined,
        ]),
      ),
    );
    tryGit(['--git-dir', world.layout.repo, 'repack', '-a', '-d', '-q']);
    const { sha, differences } = await world.prepare();
    expect(sha).not.toBe(first);
    expect(differences.map(({ path }) => path)).toEqual(['a']);
  });
});

describe('[B27] the time of a file', () => {
  it('is that of the revision that last changed it', async () => {
    write({ a: file('1'), b: file('1'), c: file('1', 0o600) });
    const first = await world.push();
    write({ b: file('2'), 'a.new': file('2') });
    const second = await world.push();
    const [t1 = 0, t2 = 0] = await Promise.all(
      [first, second].map(async (sha) => (await world.repository.read(sha)).info.time),
    );
    expect(t2).toBeGreaterThan(t1);
    // a, a.new, b, c and the manifest, which did not change.
    expect([...(await world.repository.readTimes(second))]).toEqual([t1, t2, t2, t1, t1]);
  });

  it('never goes back, even when the clock does', async () => {
    anHourLater();
    write({ a: file('1') });
    const first = await world.push();
    vi.useRealTimers();
    write({ a: file('2') });
    const second = await world.push();
    const timeOf = async (sha: typeof first) => (await world.repository.read(sha)).info.time;
    expect(await timeOf(second)).toBe((await timeOf(first)) + 1);
  });
});

describe('a file that was trusted', () => {
  it('is not read again', async () => {
    anHourLater();
    writeTree(world.staging, { a: file('one'), b: file('two') });
    await world.push();
    await world.prepare();
    expect(world.said('staging.scanned')).toMatchObject({ done: true, readBytes: 0 });
  });

  it('[I1] is, when it was edited to the same size and got its old time back', async () => {
    anHourLater();
    writeTree(world.staging, { a: file('one') });
    const path = join(world.staging, 'a');
    utimesSync(path, 1_600_000_000, 1_600_000_000);
    await world.push();
    const inode = lstatSync(path).ino;
    writeFileSync(path, 'two');
    utimesSync(path, 1_600_000_000, 1_600_000_000);
    expect(lstatSync(path)).toMatchObject({ size: 3, ino: inode, mtimeMs: 1_600_000_000_000 });
    const { created, differences } = await world.prepare();
    expect({ created, differences }).toEqual({
      created: true,
      differences: [{ path: 'a', kind: 'changed', oldBytes: 3, newBytes: 3 }],
    });
  });

  it('[I1] is, when another file of the same size and time took its place', async () => {
    anHourLater();
    writeTree(world.staging, { a: file('one') });
    await world.push();
    writeTree(world.staging, { b: file('two') });
    const { mtimeNs } = lstatSync(join(world.staging, 'a'), { bigint: true });
    utimesSync(join(world.staging, 'b'), Number(mtimeNs) / 1e9, Number(mtimeNs) / 1e9);
    renameSync(join(world.staging, 'b'), join(world.staging, 'a'));
    expect((await world.prepare()).created).toBe(true);
  });
});

it('[B42] a dry run says what would change and touches nothing', async () => {
  write({ a: file('1'), gone: file('1') });
  const sha = await world.push();
  write({ a: file('22'), new: file('333') });
  rmSync(join(world.staging, 'gone'));
  const state = () => tryGit(['--git-dir', world.layout.repo, 'for-each-ref']).stdout.toString();
  const [refs, index] = [state(), readFileSync(world.layout.stagingIndex)];
  expect(await world.prepare({ dryRun: true })).toMatchObject({
    sha: undefined,
    created: true,
    base: sha,
    differences: [
      { path: 'a', kind: 'changed', oldBytes: 1, newBytes: 2 },
      { path: 'gone', kind: 'removed', oldBytes: 1, newBytes: 0 },
      { path: 'new', kind: 'added', oldBytes: 0, newBytes: 3 },
    ],
  });
  expect(state()).toBe(refs);
  expect(readFileSync(world.layout.stagingIndex).equals(index)).toBe(true);
});
