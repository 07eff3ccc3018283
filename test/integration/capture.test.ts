import { linkSync, lstatSync, mkdirSync, rmSync, truncateSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { git, listRevision, makeCheckout, readRevision, tryGit } from '../support/git-oracle.ts';
import { createStagingWorld, type StagingWorld } from '../support/staging-world.ts';
import { useTempDirs } from '../support/temp-dir.ts';
import { directory, file, hostileNames, link, pathIn, type Tree, writeTree } from '../support/tree-builder.ts';

const tempDir = useTempDirs();
let world: StagingWorld;
beforeEach(async () => {
  world = await createStagingWorld(tempDir());
});

const write = (tree: Tree) => writeTree(world.staging, tree);
const filesOf = (revision: string) => readRevision(world.layout.repo, revision);

describe('nested checkouts', () => {
  it('[B3] become plain files: no gitlinks, .git left out and counted', async () => {
    write({
      'php-1/index.php': file('<?php'),
      'php-1/.gitignore': file('index.php\n*.secret\n'),
      'php-1/key.secret': file('key'),
      'php-1/extensions/Echo/Echo.php': file('echo'),
      'php-1/.gitmodules': file('[submodule "Echo"]\n\tpath = extensions/Echo\n\turl = https://example.org/Echo\n'),
    });
    makeCheckout(join(world.staging, 'php-1/extensions/Echo'));
    makeCheckout(join(world.staging, 'php-1'));
    writeFileSync(join(world.staging, 'php-1/extensions/Echo/untracked.php'), 'new');
    const sha = await world.push();
    expect(listRevision(world.layout.repo, sha)).toEqual([
      '100644 php-1/.gitignore',
      '100644 php-1/.gitmodules',
      '100644 php-1/extensions/Echo/Echo.php',
      '100644 php-1/extensions/Echo/untracked.php',
      '100644 php-1/index.php',
      '100644 php-1/key.secret',
    ]);
    expect(world.said('staging.left-out')).toMatchObject({ gitDirectories: 2, excluded: 0, reserved: false });
  });

  it('[B3] also those whose .git is a file: submodules and linked worktrees', async () => {
    const origin = tempDir();
    writeTree(origin, { 'a.php': file('1') });
    makeCheckout(origin);
    git(['-C', origin, 'worktree', 'add', '--quiet', '-b', 'wmf', join(world.staging, 'php-2')]);
    write({ 'broken/.git': file('gitdir: /nowhere\n'), 'broken/b.php': file('2'), 'odd/.git': link('/nowhere') });
    expect(filesOf(await world.push())).toEqual({
      '.scap/manifest.json': expect.anything() as unknown,
      'broken/b.php': file('2'),
      'php-2/a.php': file('1'),
    });
    expect(world.said('staging.left-out')).toMatchObject({ gitDirectories: 3 });
  });

  it('[B3] a staging tree that is a checkout itself is no exception', async () => {
    write({ f: file('1'), '.gitignore': file('*\n') });
    makeCheckout(world.staging);
    expect(Object.keys(filesOf(await world.push()))).toEqual(['.gitignore', 'f']);
  });

  it('[B3] a bare repository that lies in the tree under another name is files like any other', async () => {
    git(['init', '--quiet', '--bare', join(world.staging, 'mirror.git')]);
    expect(Object.keys(filesOf(await world.push()))).toContain('mirror.git/HEAD');
  });
});

it('[I1][B2] attributes inside the tree change nothing that is captured', async () => {
  const text = 'a\r\nb\n$Id$ $Format:%H$\n';
  write({
    '.gitattributes': file(
      '* text=auto eol=crlf ident export-subst export-ignore filter=lfs working-tree-encoding=UTF-16\n',
    ),
    'sub/.gitattributes': file('* -text export-ignore\n'),
    'sub/f': file(text),
    f: file(text),
  });
  const files = filesOf(await world.push());
  expect(files.f).toEqual(file(text));
  expect(files['sub/f']).toEqual(file(text));
  expect(Object.keys(files)).toHaveLength(4);
});

it('[B4] empty directories and restrictive modes are part of the revision, and nothing else needs a manifest', async () => {
  write({ f: file('1', 0o664), x: file('2', 0o775) });
  const plain = await world.push();
  expect(Object.keys(filesOf(plain))).toEqual(['f', 'x']);
  write({
    secret: file('3', 0o600),
    readonly: file('4', 0o444),
    'empty/inner': directory(),
    private: directory(0o750),
  });
  const manifest = await world.repository.readManifest(await world.push());
  expect(manifest.emptyDirectories).toEqual(new Set(['empty/inner', 'private']));
  expect(manifest.modes).toEqual(
    new Map([
      ['private', 0o750],
      ['readonly', 0o444],
      ['secret', 0o600],
    ]),
  );
});

it('[B4] a directory in which there is only a .git is an empty directory', async () => {
  write({ f: file('1'), 'uninitialised/.git': file('gitdir: ../x\n') });
  const { emptyDirectories } = await world.repository.readManifest(await world.push());
  expect(emptyDirectories).toEqual(new Set(['uninitialised']));
});

it('[B6] set-id and sticky bits are dropped, the executable bit stays', async () => {
  write({ a: file('1', 0o4755), b: file('2', 0o2644), c: directory(0o2775), 'c/f': file('3', 0o1644) });
  const sha = await world.push();
  expect(listRevision(world.layout.repo, sha)).toEqual(['100755 a', '100644 b', '100644 c/f']);
});

it('[B2] a change of the executable bit alone makes another revision', async () => {
  write({ f: file('1') });
  const before = await world.push();
  write({ f: file('1', 0o755) });
  const after = await world.push();
  expect(after).not.toBe(before);
  expect(listRevision(world.layout.repo, after)).toEqual(['100755 f']);
});

it('[B2] symbolic links are captured as such: broken, absolute, to directories, out of the tree, odd', async () => {
  const links = {
    broken: link('nowhere'),
    absolute: link('/etc/passwd'),
    'to-directory': link('d'),
    outside: link('../../..'),
    loop: link('loop'),
    odd: link('a\nb\xff'),
    long: link(`${'x/'.repeat(2000)}y`),
  };
  write({ 'd/f': file('1'), ...links });
  const files = filesOf(await world.push());
  expect(files).toEqual({ ...links, 'd/f': file('1') });
});

it('[B5] every name the file system allows is captured exactly, as a file and as a directory', async () => {
  const names = hostileNames;
  const tree: Record<string, ReturnType<typeof file>> = Object.fromEntries(
    names.flatMap((name, at) => [
      [`files/${name}`, file(`${at}`)],
      [`directories/${name}/${name}`, file(`${at}`)],
    ]),
  );
  write(tree);
  const sha = await world.push();
  expect(filesOf(sha)).toEqual(tree);
  expect((await world.prepare()).created).toBe(false);
});

it('[B6] large and sparse files are captured', async () => {
  const sizeBytes = 120 * 1024 * 1024;
  write({ sparse: file('start'), 'streamed.bin': file('x'.repeat(9 * 1024 * 1024)) });
  truncateSync(join(world.staging, 'sparse'), sizeBytes);
  const sha = await world.push();
  const listing = git(['--git-dir', world.layout.repo, 'ls-tree', '-l', sha]).toString();
  expect(listing).toMatch(new RegExp(`${sizeBytes}\tsparse`));
  const expected = git(['hash-object', '--no-filters', join(world.staging, 'sparse')])
    .toString()
    .trim();
  expect(listing).toContain(expected);
  expect((await world.prepare()).created).toBe(false);
});

it('[B5] a directory with thousands of entries is captured whole', async () => {
  mkdirSync(join(world.staging, 'd'));
  for (let at = 0; at < 4000; at++) writeFileSync(join(world.staging, `d/${at}`), `${at % 50}`);
  const { files, sha } = await world.prepare();
  expect(files).toBe(4000);
  expect(listRevision(world.layout.repo, sha ?? '')).toHaveLength(4000);
});

it('[B6] hard links are captured as the files they are', async () => {
  write({ a: file('shared') });
  linkSync(join(world.staging, 'a'), join(world.staging, 'b'));
  expect(filesOf(await world.push())).toEqual({ a: file('shared'), b: file('shared') });
});

it('[I1] a path may be a file, a directory, a link and a file again from push to push', async () => {
  const become = async (tree: Tree) => {
    rmSync(pathIn(world.staging, 'x'), { recursive: true, force: true });
    write(tree);
    return filesOf(await world.push());
  };
  write({ 'x.y': file('0') });
  expect(await become({ x: file('1') })).toEqual({ 'x.y': file('0'), x: file('1') });
  expect(await become({ 'x/f': file('2'), 'x/d/f': file('3') })).toEqual({
    'x.y': file('0'),
    'x/f': file('2'),
    'x/d/f': file('3'),
  });
  expect(await become({ x: link('x.y') })).toEqual({ 'x.y': file('0'), x: link('x.y') });
  expect(await become({ 'x/f': file('2') })).toEqual({ 'x.y': file('0'), 'x/f': file('2') });
  expect(await become({ x: file('1') })).toEqual({ 'x.y': file('0'), x: file('1') });
});

it('[I1] what stands at .scap in staging is left out, and the run says so; deeper down it is a name like any other', async () => {
  write({ f: file('1'), '.scap/manifest.json': file('{}'), 'd/.scap/f': file('2') });
  expect(filesOf(await world.push())).toEqual({ f: file('1'), 'd/.scap/f': file('2') });
  expect(world.said('staging.left-out')).toMatchObject({ reserved: true, excluded: 0, gitDirectories: 0 });
});

it('[B11] author, message, host and parent are recorded', async () => {
  write({ f: file('1') });
  const first = await world.push({
    message: 'First\n\nScap-Kind: forged',
    author: { user: 'amir <x>\n', host: 'deploy1' },
  });
  write({ f: file('2') });
  const second = await world.push({ message: 'Second', kind: 'push' });
  const { info } = await world.repository.read(first);
  expect(info).toMatchObject({ author: 'amir x', message: 'First\n\nScap-Kind: forged', parents: [] });
  expect(info.trailers).toEqual({ 'Scap-Kind': 'push', 'Scap-Host': 'deploy1' });
  const { info: later } = await world.repository.read(second);
  expect(later).toMatchObject({ author: 'tester', email: 'tester@deploy1', message: 'Second', parents: [first] });
  expect(later.time).toBeGreaterThan(info.time);
});

it('what is stored is sound for stock git', async () => {
  write({ 'a/b': file('1', 0o600), 'a/c': link('b'), e: directory() });
  await world.push();
  write({ 'a/b': file('2', 0o600) });
  await world.push();
  expect(tryGit(['--git-dir', world.layout.repo, 'fsck', '--full', '--strict'])).toMatchObject({
    status: 0,
    stderr: '',
  });
});

it('a file whose time lies before 1970 or after 2106 is a file like any other', async () => {
  write({ old: file('1'), far: file('2') });
  utimesSync(join(world.staging, 'old'), new Date(-1500), new Date(-1500));
  utimesSync(join(world.staging, 'far'), new Date(5e12), new Date(5e12));
  expect(lstatSync(join(world.staging, 'old')).mtimeMs).toBe(-1500);
  expect(filesOf(await world.push())).toEqual({ old: file('1'), far: file('2') });
});
