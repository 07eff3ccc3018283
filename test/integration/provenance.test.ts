import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import type { Checkout } from '../../src/core/checkout.ts';
import { commitAll, git, gitLine, makeCheckout } from '../support/git-oracle.ts';
import { createStagingWorld, type StagingWorld } from '../support/staging-world.ts';
import { useTempDirs } from '../support/temp-dir.ts';
import { bytes, file, type Tree, writeTree } from '../support/tree-builder.ts';

const tempDir = useTempDirs();
let world: StagingWorld;
beforeEach(async () => {
  world = await createStagingWorld(tempDir());
});

const at = (path: string) => join(world.staging, path);
const write = (tree: Tree) => writeTree(world.staging, tree);

/** What the revision that a push makes now remembers of its checkouts, by path. */
async function checkoutsNow(): Promise<Record<string, Checkout>> {
  const { record } = await world.repository.read(await world.push());
  return Object.fromEntries(record.checkouts.map((checkout) => [checkout.path, checkout]));
}

/** Some difference outside of every checkout, so that there is a revision to remember something with. */
let count = 0;
const touch = () => write({ 'outside.txt': file(`${++count}`) });

describe('[B11] where nested checkouts stand is recorded', () => {
  it('with commit, branch, remote and whether they were edited', async () => {
    write({ 'clean/f': file('1'), 'edited/f': file('1'), 'untracked/f': file('1'), 'detached/f': file('1') });
    const heads = Object.fromEntries(
      ['clean', 'edited', 'untracked', 'detached'].map((path) => [path, makeCheckout(at(path))]),
    );
    git(['-C', at('clean'), 'remote', 'add', 'origin', 'https://bot:s3cret@example.org/r.git']);
    git(['-C', at('detached'), 'checkout', '--quiet', '--detach']);
    write({ 'edited/f': file('2'), 'untracked/new': file('2') });
    expect(await checkoutsNow()).toEqual({
      clean: { path: 'clean', head: heads.clean, branch: 'main', remote: 'https://example.org/r.git', dirty: false },
      detached: { path: 'detached', head: heads.detached, dirty: false },
      edited: { path: 'edited', head: heads.edited, branch: 'main', dirty: true },
      untracked: { path: 'untracked', head: heads.untracked, branch: 'main', dirty: true },
    });
  });

  it('also of those that have no commit, are broken, or have an odd name', async () => {
    write({ 'unborn/f': file('1'), 'broken/.git': file('gitdir: /nowhere/at/all\n'), 'broken/f': file('1') });
    git(['init', '--quiet', '--initial-branch=wmf', at('unborn')]);
    write({ [bytes('line\nfeed ü/f')]: file('1') });
    const head = makeCheckout(at('line\nfeed ü'));
    const found = await checkoutsNow();
    expect(found.unborn).toEqual({ path: 'unborn', branch: 'wmf', dirty: true });
    expect(found.broken).toMatchObject({
      path: 'broken',
      dirty: false,
      problem: expect.stringMatching(/not a git repo/) as string,
    });
    expect(found['line%0Afeed ü']).toMatchObject({ head, dirty: false });
  });

  it('a .git that is no repository does not pass for the checkout around it', async () => {
    write({ 'outer/f': file('1'), 'outer/inner/f': file('1') });
    makeCheckout(at('outer'));
    mkdirSync(at('outer/inner/.git'));
    const { 'outer/inner': inner } = await checkoutsNow();
    expect(inner).toMatchObject({ path: 'outer/inner', problem: expect.any(String) as string });
    expect(inner?.head).toBeUndefined();
  });

  it('and never changes the tree', async () => {
    write({ 'a/f': file('1') });
    const plain = await world.repository.readTree(await world.push());
    makeCheckout(at('a'));
    expect((await world.prepare()).created).toBe(false);
    touch();
    await world.push();
    rmSync(at('outside.txt'));
    const sha = await world.push();
    expect(await world.repository.readTree(sha)).toBe(plain);
    expect((await world.repository.read(sha)).record.checkouts).toHaveLength(1);
  });

  it('without running anything a checkout’s configuration names', async () => {
    write({ 'a/f': file('1'), 'a/.gitattributes': file('f filter=evil\n') });
    makeCheckout(at('a'));
    const marker = join(world.layout.state, 'ran');
    const script = join(world.layout.state, 'evil');
    writeFileSync(script, `#!/bin/sh\ntouch ${marker}\nexit 1\n`, { mode: 0o755 });
    for (const key of [
      'core.fsmonitor',
      'core.hooksPath',
      'core.sshCommand',
      'core.pager',
      'diff.external',
      'filter.evil.clean',
    ]) {
      git(['-C', at('a'), 'config', key, script]);
    }
    write({ 'a/f': file('2') });
    await world.push();
    expect(existsSync(marker)).toBe(false);
  });

  it('not even to fetch objects it lacks', async () => {
    write({ 'a/f': file('1') });
    makeCheckout(at('a'));
    const marker = join(world.layout.state, 'ran');
    const settings = {
      'core.repositoryformatversion': '1',
      'extensions.partialClone': 'origin',
      'remote.origin.url': 'ssh://nowhere.invalid/x',
      'remote.origin.promisor': 'true',
      'core.sshCommand': `touch ${marker}; false`,
    };
    for (const [key, value] of Object.entries(settings)) git(['-C', at('a'), 'config', key, value]);
    const tree = gitLine(['-C', at('a'), 'rev-parse', 'HEAD^{tree}']);
    rmSync(at(`a/.git/objects/${tree.slice(0, 2)}/${tree.slice(2)}`));
    const { a } = await checkoutsNow();
    expect(existsSync(marker)).toBe(false);
    expect(a).toMatchObject({ path: 'a' });
  });
});

describe('[B11] what is remembered of a checkout is refreshed', () => {
  beforeEach(() => {
    write({ 'a/f': file('1') });
    makeCheckout(at('a'));
    touch();
  });

  it.each<[string, () => void, (now: Checkout | undefined) => void]>([
    [
      'a commit',
      () => commitAll(at('a'), 'second'),
      (now) => expect(now?.head).toBe(gitLine(['-C', at('a'), 'rev-parse', 'HEAD'])),
    ],
    [
      'another branch',
      () => git(['-C', at('a'), 'checkout', '--quiet', '-b', 'other']),
      (now) => expect(now?.branch).toBe('other'),
    ],
    [
      'a detached head',
      () => git(['-C', at('a'), 'checkout', '--quiet', '--detach']),
      (now) => expect(now?.branch).toBeUndefined(),
    ],
    [
      'another remote',
      () => git(['-C', at('a'), 'remote', 'add', 'origin', 'https://example.org/x']),
      (now) => expect(now?.remote).toBe('https://example.org/x'),
    ],
    ['an edit', () => write({ 'a/f': file('2') }), (now) => expect(now?.dirty).toBe(true)],
    ['a new file', () => write({ 'a/new': file('2') }), (now) => expect(now?.dirty).toBe(true)],
    ['a removal', () => rmSync(at('a/f')), (now) => expect(now?.dirty).toBe(true)],
    ['its end as a checkout', () => rmSync(at('a/.git'), { recursive: true }), (now) => expect(now).toBeUndefined()],
  ])('after %s', async (_, happen, check) => {
    expect((await checkoutsNow()).a).toMatchObject({ branch: 'main', dirty: false });
    happen();
    touch();
    check((await checkoutsNow()).a);
  });

  it('and not asked again as long as nothing happened', async () => {
    const before = await checkoutsNow();
    touch();
    // A git that cannot be found says so; what is remembered is not asked for.
    rmSync(at('a/.git/objects'), { recursive: true });
    expect(await checkoutsNow()).toEqual(before);
  });

  it('also when the memory is lost or damaged', async () => {
    const before = await checkoutsNow();
    for (const damage of [() => rmSync(world.layout.checkouts), () => writeFileSync(world.layout.checkouts, '{"a"')]) {
      damage();
      touch();
      expect(await checkoutsNow()).toEqual(before);
    }
  });
});

it('[B9] what excludes leave out is said and recorded; a directory counts once', async () => {
  write({ f: file('1'), '.f.swp': file('x'), 'cache/a': file('x'), 'cache/b': file('x'), 'd/\xff.swp': file('x') });
  const sha = await world.push({ exclude: ['*.swp', '/cache'] });
  expect(world.said('staging.left-out')).toMatchObject({ excluded: 3, samples: ['.f.swp', 'cache', 'd/\\xff.swp'] });
  const { record } = await world.repository.read(sha);
  expect(record).toMatchObject({ files: 1, excluded: { count: 3, samples: ['.f.swp', 'cache', 'd/%FF.swp'] } });
});
