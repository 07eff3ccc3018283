import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { emptyManifest } from '../../src/core/manifest.ts';
import { emptyIndex } from '../../src/git/index-builder.ts';
import { createIndexCursor, parseIndex } from '../../src/git/index-file.ts';
import { captureStaging, hashOnly } from '../../src/staging/capture.ts';
import { createExcluder } from '../../src/staging/exclude.ts';
import { readRevision } from '../support/git-oracle.ts';
import { createStagingWorld, refusal, type StagingWorld } from '../support/staging-world.ts';
import { useTempDirs } from '../support/temp-dir.ts';
import { directory, file, link, type Tree, writeTree } from '../support/tree-builder.ts';
import { asUnprivileged } from '../support/unprivileged.ts';

const tempDir = useTempDirs();
let world: StagingWorld;
beforeEach(async () => {
  world = await createStagingWorld(tempDir());
});

const write = (tree: Tree) => writeTree(world.staging, tree);
const remove = (path: string) => rmSync(join(world.staging, path), { recursive: true });
const filesOf = (revision: string) => readRevision(world.layout.repo, revision);
const contents = (revision: string) =>
  Object.fromEntries(
    Object.entries(filesOf(revision)).map(([path, node]) => [path, 'content' in node ? node.content : '']),
  );

describe('a push of some paths', () => {
  it('[B8] changes only those, on top of what is live, and names the differences it left out', async () => {
    write({ a: file('1'), b: file('1'), 'd/x': file('1'), 'd/y': file('1'), gone: file('1'), z: link('a') });
    await world.push();
    write({ a: file('2'), b: file('2'), 'd/x': file('2'), 'new\nfile': file('2') });
    remove('gone');
    const { sha, ignored, differences } = await world.prepare({ scope: ['a'] });
    expect(contents(sha ?? '')).toEqual({ a: '2', b: '1', 'd/x': '1', 'd/y': '1', gone: '1', z: '' });
    expect(differences.map(({ path }) => path)).toEqual(['a']);
    expect(ignored).toEqual(['b', 'd/x', 'gone', 'new\nfile']);
    expect(world.said('staging.ignored')).toMatchObject({ count: 4, samples: ['b', 'd/x', 'gone', 'new\\x0afile'] });
  });

  it('[B8] takes a directory whole: additions, changes and removals, and no neighbour', async () => {
    write({ 'd/keep': file('1'), 'd/edit': file('1'), 'd/gone': file('1'), 'd.txt': file('1'), dd: file('1') });
    await world.push();
    write({ 'd/edit': file('2'), 'd/sub/new': file('2'), 'd.txt': file('2'), dd: file('2') });
    remove('d/gone');
    const sha = await world.push({ scope: ['d'] });
    expect(contents(sha)).toEqual({ 'd/keep': '1', 'd/edit': '2', 'd/sub/new': '2', 'd.txt': '1', dd: '1' });
  });

  it('[B8] removes a path that staging no longer has', async () => {
    write({ a: file('1'), 'd/x': file('1'), 'd/y': file('1') });
    await world.push();
    remove('d');
    remove('a');
    expect(contents(await world.push({ scope: ['d'] }))).toEqual({ a: '1' });
  });

  it('[B8] starts from what is live, not from the newest revision', async () => {
    write({ a: file('1'), b: file('1') });
    const live = await world.push();
    write({ a: file('2'), b: file('2') });
    await world.push();
    await world.setLive(live);
    write({ a: file('3') });
    const sha = await world.push({ scope: ['a'] });
    expect(contents(sha)).toEqual({ a: '3', b: '1' });
    expect((await world.repository.read(sha)).info.parents).toEqual([live]);
  });

  it('[B8] leaves the rest to the next whole push, which takes it', async () => {
    write({ a: file('1'), b: file('1'), c: file('1') });
    await world.push();
    write({ a: file('2'), b: file('2') });
    remove('c');
    await world.push({ scope: ['a'] });
    expect(contents(await world.push())).toEqual({ a: '2', b: '2' });
  });

  it('[B1][B8] makes the revision a whole push would, when nothing else differs', async () => {
    write({ 'd/x': file('1'), hollow: directory(), 'p/q': directory() });
    await world.push();
    write({ 'hollow/f': file('2'), 'p/q/r/s': file('3', 0o600) });
    await world.push({ scope: ['hollow/f', 'p/q/r/s'] });
    expect((await world.prepare()).created).toBe(false);
    remove('hollow/f');
    remove('p/q/r');
    await world.push({ scope: ['hollow/f', 'p/q/r'] });
    expect((await world.prepare()).created).toBe(false);
  });

  it('[B4][B8] keeps the directory a removed file stood in, as staging does', async () => {
    write({ a: file('1'), 'cache/only': file('1') });
    await world.push();
    remove('cache/only');
    const manifest = await world.repository.readManifest(await world.push({ scope: ['cache/only'] }));
    expect(manifest.emptyDirectories).toEqual(new Set(['cache']));
  });

  it('[I1][B8] gives the way to a new file the modes it has in staging: never more than there', async () => {
    write({ a: file('1'), open: directory(), 'open/f': file('1') });
    await world.push();
    write({ 'private/keys': directory(0o700), 'private/keys/id': file('key', 0o600) });
    chmodSync(join(world.staging, 'private'), 0o750);
    chmodSync(join(world.staging, 'open'), 0o700);
    const manifest = await world.repository.readManifest(await world.push({ scope: ['private/keys/id'] }));
    expect(Object.fromEntries(manifest.modes)).toEqual({
      private: 0o750,
      'private/keys': 0o700,
      'private/keys/id': 0o600,
    });
  });

  it('[B8] takes over modes and empty directories of its paths only', async () => {
    write({ 'd/f': file('1'), 'e/f': file('1') });
    await world.push();
    chmodSync(join(world.staging, 'd/f'), 0o600);
    chmodSync(join(world.staging, 'e/f'), 0o600);
    mkdirSync(join(world.staging, 'd/empty'));
    mkdirSync(join(world.staging, 'e/empty'));
    const manifest = await world.repository.readManifest(await world.push({ scope: ['d'] }));
    expect(manifest.emptyDirectories).toEqual(new Set(['d/empty']));
    expect([...manifest.modes.keys()]).toEqual(['d/f']);
  });

  it('[B8] refuses a path below what is a file in the live revision, and names that', async () => {
    write({ x: file('1'), y: file('1') });
    await world.push();
    remove('x');
    write({ 'x/f': file('2'), 'x/g': file('2') });
    const error = await refusal(world.prepare({ scope: ['x/f'] }));
    expect(error).toMatchObject({ code: 'usage', data: { path: 'x' } });
    expect(contents(await world.push({ scope: ['x'] }))).toEqual({ 'x/f': '2', 'x/g': '2', y: '1' });
    remove('x');
    write({ x: file('3') });
    expect(contents(await world.push({ scope: ['x'] }))).toEqual({ x: '3', y: '1' });
  });

  it('[B8] a file of staging that hides live ones below it does not come along', async () => {
    write({ 'x/f': file('1'), 'x/g': file('1') });
    await world.push();
    remove('x');
    write({ x: file('2') });
    const { sha, ignored } = await world.prepare({ scope: ['x/f'] });
    expect(contents(sha ?? '')).toEqual({ 'x/g': '1' });
    expect(ignored).toEqual(['x', 'x/g']);
  });

  it('[B8] makes nothing when its paths do not differ', async () => {
    write({ a: file('1'), b: file('1') });
    const live = await world.push();
    write({ b: file('2') });
    expect(await world.prepare({ scope: ['a'] })).toMatchObject({ sha: live, created: false, ignored: ['b'] });
  });

  it('[B8] is not stopped by what is wrong elsewhere: sockets, files that may not be read', async () => {
    write({ a: file('1'), b: file('1'), 'closed/f': file('1'), 'listed/f': file('1') });
    const options = { root: world.staging, excluder: createExcluder([]), store: hashOnly, baseManifest: emptyManifest };
    const whole = await captureStaging({ ...options, base: emptyIndex(), baseTimes: new Uint32Array() });
    write({ a: file('2') });
    chmodSync(join(world.staging, 'b'), 0o000);
    chmodSync(join(world.staging, 'closed'), 0o000);
    chmodSync(join(world.staging, 'listed'), 0o444);
    spawnSync('mkfifo', [join(world.staging, 'pipe')]);
    const base = parseIndex(whole.index.finish(Buffer.from('{}')));
    const partial = await asUnprivileged(() =>
      captureStaging({ ...options, base, baseTimes: whole.times, scope: ['a'] }),
    );
    expect(partial.changes.map(({ path }) => path)).toEqual(['a']);
    expect(partial.leftOutDifferences).toEqual(['b', 'closed/f', 'listed/f']);
    const result = createIndexCursor(parseIndex(partial.index.finish(Buffer.from('{}'))));
    for (const path of ['a', 'b', 'closed/f', 'listed/f']) expect(result.seek(path), path).toBe(true);
  });

  it('[B6][B8] is stopped by what is wrong with its own paths, or on the way to them', async () => {
    write({ a: file('1'), 'd/e/f': file('1') });
    await world.push();
    remove('d');
    spawnSync('mkfifo', [join(world.staging, 'd')]);
    expect(await refusal(world.prepare({ scope: ['d/e/f'] }))).toMatchObject({ code: 'staging_uncapturable' });
    expect(await refusal(world.prepare({ scope: ['d'] }))).toMatchObject({ code: 'staging_uncapturable' });
    expect((await world.prepare({ scope: ['a'] })).created).toBe(false);
  });
});
