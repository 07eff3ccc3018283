import { closeSync, openSync, readFileSync, readSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Sha } from '../../../src/core/sha.ts';
import { readBundleHeader, revisionRef, storeBundle, timesRef, writeBundle } from '../../../src/git/bundle.ts';
import { createGit, type Git } from '../../../src/git/git-command.ts';
import { openRepository } from '../../../src/git/repository.ts';
import { commitAll, git, gitLine, makeCheckout, tryGit } from '../../support/git-oracle.ts';
import { useTempDirs } from '../../support/temp-dir.ts';
import { bytes, file, writeTree } from '../../support/tree-builder.ts';

const tempDir = useTempDirs();

/** Two commits of a real tree, and a blob that belongs to the second. */
function makeHistory(): { source: Git; first: Sha; second: Sha; times: Sha; directory: string } {
  const directory = tempDir();
  const checkout = join(directory, 'checkout');
  const words = Array.from({ length: 400 }, (_, at) => `line ${at} ${(at * 7919) % 1009}\n`).join('');
  writeTree(checkout, { 'big.txt': file(words), 'same/kept': file('kept'), 'a\nb': file('1') });
  const first = makeCheckout(checkout) as Sha;
  writeTree(checkout, { 'big.txt': file(`${words}one more line\n`), 'a\nb': file('2'), 'new/file': file('3') });
  const second = commitAll(checkout, 'second') as Sha;
  const times = gitLine(['-C', checkout, 'hash-object', '-w', '--stdin'], { input: 'times' }) as Sha;
  return { source: createGit(join(checkout, '.git')), first, second, times, directory };
}

const extraOf = (revision: Sha, times: Sha) => new Map([[timesRef(revision), times]]);

describe('a bundle of ours', () => {
  it('is listed by stock git with every ref it carries', async () => {
    const { source, second, times, directory } = makeHistory();
    const path = join(directory, 'bundle');
    await writeBundle(source, path, { revision: second, base: undefined, extra: extraOf(second, times) });
    expect(gitLine(['bundle', 'list-heads', path]).split('\n')).toEqual([
      `${second} ${revisionRef(second)}`,
      `${times} ${timesRef(second)}`,
    ]);
  });

  it('complete, it is fetched into an empty repository by stock git', async () => {
    const { source, first, times, directory } = makeHistory();
    const path = join(directory, 'bundle');
    await writeBundle(source, path, { revision: first, base: undefined, extra: extraOf(first, times) });
    const clone = join(directory, 'clone.git');
    git(['init', '--quiet', '--bare', clone]);
    git(['--git-dir', clone, 'fetch', '--quiet', path, '+refs/scap/*:refs/scap/*']);
    expect(tryGit(['--git-dir', clone, 'fsck', '--full', '--strict'])).toMatchObject({ status: 0 });
    expect(git(['--git-dir', clone, 'cat-file', 'blob', timesRef(first)]).toString()).toBe('times');
    expect(gitLine(['--git-dir', clone, 'ls-tree', '-r', '--name-only', '-z', first])).toContain('big.txt');
  });

  it('[B15] relative to a base, it holds only the change and is fetched by stock git that has the base', async () => {
    const { source, first, second, times, directory } = makeHistory();
    const [whole, thin] = [join(directory, 'whole'), join(directory, 'thin')];
    await writeBundle(source, whole, { revision: first, base: undefined, extra: new Map() });
    const sizeBytes = await writeBundle(source, thin, { revision: second, base: first, extra: extraOf(second, times) });
    expect(sizeBytes).toBe(readFileSync(thin).length);
    // The changed file goes as a delta against the one the receiver has.
    expect(sizeBytes).toBeLessThan(1500);
    const clone = join(directory, 'clone.git');
    git(['init', '--quiet', '--bare', clone]);
    expect(tryGit(['--git-dir', clone, 'bundle', 'verify', thin]).status).not.toBe(0);
    git(['--git-dir', clone, 'fetch', '--quiet', whole, '+refs/scap/*:refs/scap/*']);
    git(['--git-dir', clone, 'bundle', 'verify', '--quiet', thin]);
    git(['--git-dir', clone, 'bundle', 'unbundle', thin]);
    git(['--git-dir', clone, 'fetch', '--quiet', thin, '+refs/scap/*:refs/scap/*']);
    expect(tryGit(['--git-dir', clone, 'fsck', '--full', '--strict'])).toMatchObject({ status: 0 });
    expect(git(['--git-dir', clone, 'cat-file', 'blob', `${second}:new/file`]).toString()).toBe('3');
  });

  it('is taken in by us whole, and leads back as well: the base need not be an ancestor', async () => {
    const { source, first, second, times, directory } = makeHistory();
    const target = await openRepository(join(directory, 'target.git'));
    const take = async (revision: Sha, base: Sha | undefined) => {
      const path = join(directory, `${revision}-${base}`);
      await writeBundle(source, path, { revision, base, extra: extraOf(revision, times) });
      const fd = openSync(path, 'r');
      try {
        const header = readBundleHeader(fd);
        await storeBundle(target, fd);
        return header;
      } finally {
        closeSync(fd);
      }
    };
    expect(await take(second, undefined)).toEqual({
      prerequisites: [],
      tips: new Map([
        [revisionRef(second), second],
        [timesRef(second), times],
      ]),
    });
    expect((await take(first, second)).prerequisites).toEqual([second]);
    for (const revision of [first, second]) {
      const listing = (gitDir: string) => git(['--git-dir', gitDir, 'ls-tree', '-r', '-l', revision]).toString();
      expect(listing(target.gitDir)).toBe(listing(source.gitDir));
    }
    const checked = tryGit(['--git-dir', target.gitDir, 'fsck', '--full']);
    expect(checked.stderr).not.toMatch(/corrupt|bad|missing blob|missing tree/);
  });

  it('[B5] [B15] holds files of every name, and of paths longer than git’s buffer for a line', async () => {
    const directory = tempDir();
    const checkout = join(directory, 'checkout');
    // 2,900 bytes: twelve directories of 80 characters of three bytes each.
    const deep = bytes(Array.from({ length: 12 }, () => '目'.repeat(80)).join('/')).concat(bytes('/終'));
    const names = [deep, bytes('ü'), '\xff\xfe', 'a\nb', bytes('日本語/終'), 'x'.repeat(255), ' -rf', '"q"'];
    expect(deep.length).toBeGreaterThan(2890);
    const make = (content: string) => Object.fromEntries(names.map((name) => [name, file(`${name} ${content}`)]));
    writeTree(checkout, { base: file('1') });
    const first = makeCheckout(checkout) as Sha;
    writeTree(checkout, make('one'));
    const second = commitAll(checkout, 'second') as Sha;
    writeTree(checkout, make('two'));
    const third = commitAll(checkout, 'third') as Sha;
    const source = createGit(join(checkout, '.git'));
    const target = await openRepository(join(directory, 'target.git'));
    const pairs: [Sha, Sha | undefined][] = [
      [first, undefined],
      [second, first],
      [third, second],
    ];
    for (const [revision, base] of pairs) {
      const path = join(directory, revision);
      await writeBundle(source, path, { revision, base, extra: new Map() });
      const fd = openSync(path, 'r');
      readBundleHeader(fd);
      await storeBundle(target, fd);
      closeSync(fd);
      const listing = (gitDir: string) => git(['--git-dir', gitDir, 'ls-tree', '-r', '-l', '-z', revision]).toString();
      expect(listing(target.gitDir)).toBe(listing(source.gitDir));
    }
    expect(tryGit(['--git-dir', target.gitDir, 'fsck', '--full', third])).toMatchObject({ status: 0 });
  });

  it.each([
    ['cut off', (whole: Buffer) => whole.subarray(0, whole.length - 30)],
    ['with one bit flipped', (whole: Buffer) => flip(whole, whole.length - 40)],
    ['with nothing behind its header', (whole: Buffer) => whole.subarray(0, whole.indexOf('\n\n') + 2)],
  ])('[B16] %s, it is refused and nothing of it is kept', async (_, damage) => {
    const { source, second, directory } = makeHistory();
    const path = join(directory, 'bundle');
    await writeBundle(source, path, { revision: second, base: undefined, extra: new Map() });
    writeFileSync(path, damage(readFileSync(path)));
    const target = await openRepository(join(directory, 'target.git'));
    const fd = openSync(path, 'r');
    readBundleHeader(fd);
    await expect(storeBundle(target, fd)).rejects.toMatchObject({ code: 'bundle_damaged' });
    closeSync(fd);
    expect(gitLine(['--git-dir', target.gitDir, 'count-objects', '-v'])).toMatch(
      /count: 0\n.*in-pack: 0\n.*garbage: 0/s,
    );
  });
});

describe('readBundleHeader()', () => {
  const oid = 'ab'.repeat(20);

  function read(text: string | Buffer) {
    const path = join(tempDir(), 'bundle');
    writeFileSync(path, text);
    const fd = openSync(path, 'r');
    try {
      const header = readBundleHeader(fd);
      const rest = Buffer.alloc(16);
      return { header, rest: rest.toString('latin1', 0, readSync(fd, rest)) };
    } finally {
      closeSync(fd);
    }
  }

  it('stops exactly where the pack begins', () => {
    const { header, rest } = read(`# v2 git bundle\n-${oid} a comment\n${oid} refs/x y\n\nPACK\0\0\n\n`);
    expect(header).toEqual({ prerequisites: [oid], tips: new Map([['refs/x y', oid]]) });
    expect(rest).toBe('PACK\0\0\n\n');
  });

  it('reads what stock git writes', () => {
    const directory = tempDir();
    writeTree(directory, { f: file('1') });
    const commit = makeCheckout(directory);
    const { header, rest } = read(git(['-C', directory, 'bundle', 'create', '--quiet', '-', 'main']));
    expect(header).toEqual({ prerequisites: [], tips: new Map([['refs/heads/main', commit]]) });
    expect(rest).toMatch(/^PACK/);
  });

  it.each([
    ['nothing', ''],
    ['another version', '# v3 git bundle\n@object-format=sha1\n\nPACK'],
    ['no end', `# v2 git bundle\n${oid} refs/x\n`],
    ['a line that is no ref', '# v2 git bundle\nhello\n\n'],
    ['a half of an id', `# v2 git bundle\n-${oid.slice(1)}\n\n`],
    ['a header without end', Buffer.alloc(200_000, 'x')],
    ['binary', Buffer.alloc(100)],
  ])('refuses %s', (_, text) => {
    expect(() => read(text)).toThrow(expect.objectContaining({ code: 'bundle_damaged' }));
  });
});

function flip(bytes: Buffer, at: number): Buffer {
  const copy = Buffer.from(bytes);
  copy[at] = (copy[at] ?? 0) ^ 1;
  return copy;
}
