import { createHash } from 'node:crypto';
import { lstatSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { BytePath } from '../../../src/core/byte-path.ts';
import type { Sha } from '../../../src/core/sha.ts';
import { createIndexBuilder, emptyIndex } from '../../../src/git/index-builder.ts';
import {
  createIndexCursor,
  type IndexFile,
  parseIndex,
  type StatData,
  toStatData,
  unknownStat,
} from '../../../src/git/index-file.ts';
import { git, tryGit } from '../../support/git-oracle.ts';
import { useTempDirs } from '../../support/temp-dir.ts';
import { bytes, file, link, writeTree } from '../../support/tree-builder.ts';

const tempDir = useTempDirs();
const oid = 'e69de29bb2d1d6434b8b29ae775ad8c2e48c5391' as Sha;

const stat: StatData = {
  ctimeS: 1_700_000_001,
  ctimeNs: 999_999_999,
  mtimeS: 4_294_967_295,
  mtimeNs: 0,
  dev: 65_024,
  ino: 4_294_967_295,
  uid: 1000,
  gid: 65_534,
  size: 4_000_000_000,
};

const long = (length: number) => `l/${'x'.repeat(length - 2)}`;
const paths: readonly BytePath[] = [
  '-dash',
  '.GIT',
  'a',
  'a.b',
  'a/b',
  'a0',
  'line\nfeed',
  long(4093),
  long(4094),
  long(4095),
  long(4096),
  long(5000),
  'quote"\\',
  bytes('ü'),
  '\xff\xfe',
];

function listEntries(index: IndexFile) {
  const entries: { path: BytePath; mode: string; oid: string; stat: StatData }[] = [];
  for (const cursor = createIndexCursor(index); !cursor.done; cursor.advance()) {
    entries.push({ path: cursor.path, mode: cursor.mode.toString(8), oid: cursor.oid, stat: cursor.stat });
  }
  return entries;
}

function build(names: readonly BytePath[], note?: Buffer): Buffer {
  const builder = createIndexBuilder(0);
  for (const path of names) builder.add(path, 0o100644, oid, stat);
  return builder.finish(note);
}

/** Runs git on an index file of ours, in an empty repository. */
function askGit(index: Buffer, ...args: string[]) {
  const directory = tempDir();
  git(['init', '--quiet', directory]);
  writeFileSync(join(directory, '.git/index'), index);
  return tryGit(['-C', directory, ...args]);
}

describe('an index we wrote', () => {
  it('is read by git with every path, mode, id and stat field', () => {
    const { stdout, stderr, status } = askGit(build(paths), 'ls-files', '--stage', '--debug', '-z');
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    // With -z each path ends in NUL and its debug lines follow.
    const listed = [...stdout.toString('latin1').matchAll(/(\d{6}) ([0-9a-f]{40}) 0\t([^\0]*)\0((?: {2}.*\n)*)/g)];
    expect(listed.map(([, mode, id, path]) => [mode, id, path])).toEqual(paths.map((path) => ['100644', oid, path]));
    for (const [, , , , debug] of listed) {
      expect(debug?.replace(/\s+/g, ' ').trim()).toBe(
        'ctime: 1700000001:999999999 mtime: 4294967295:0 dev: 65024 ino: 4294967295 uid: 1000 gid: 65534 size: 4000000000 flags: 0',
      );
    }
  });

  it('is read back by us the same', () => {
    const index = parseIndex(build(paths));
    expect(index.count).toBe(paths.length);
    expect(index.note).toBeUndefined();
    expect(listEntries(index)).toEqual(paths.map((path) => ({ path, mode: '100644', oid, stat })));
  });

  it('carries a note that git ignores', () => {
    const note = Buffer.from('{"revision":"…"}');
    const index = build(['a', 'b'], note);
    expect(parseIndex(index).note?.equals(note)).toBe(true);
    const { status, stdout } = askGit(index, 'ls-files');
    expect({ status, text: stdout.toString() }).toEqual({ status: 0, text: 'a\nb\n' });
  });

  it('may hold nothing', () => {
    expect(emptyIndex().count).toBe(0);
    expect(createIndexCursor(emptyIndex()).done).toBe(true);
    expect(askGit(createIndexBuilder().finish(), 'ls-files').status).toBe(0);
  });

  it('can be read before it is finished', () => {
    const builder = createIndexBuilder(0);
    builder.add('a', 0o100755, oid, unknownStat);
    expect(listEntries(builder.view()).map(({ path, mode }) => [path, mode])).toEqual([['a', '100755']]);
  });

  it('takes an entry over from another index as it stands', () => {
    const from = createIndexCursor(parseIndex(build(paths)));
    const builder = createIndexBuilder(0);
    for (; !from.done; from.advance()) builder.addRaw(from.raw());
    expect(builder.finish().equals(build(paths))).toBe(true);
  });
});

describe('an index git wrote', () => {
  function writeWithGit(): { directory: string; index: Buffer } {
    const directory = tempDir();
    writeTree(directory, {
      'a.b': file('1'),
      'a/b': file('22', 0o755),
      'a/link': link('../a.b'),
      [bytes('ü')]: file(''),
      [`long/${'d'.repeat(200)}/${'x'.repeat(200)}`]: file('x'),
    });
    git(['init', '--quiet', directory]);
    git(['-C', directory, 'add', '-A']);
    git(['-C', directory, 'update-index', '--index-version', '2']);
    return { directory, index: readFileSync(join(directory, '.git/index')) };
  }

  it('is parsed with the paths, modes and ids git has', () => {
    const { directory, index } = writeWithGit();
    const expected = git(['-C', directory, 'ls-files', '--stage', '-z']).toString('latin1').split('\0').filter(Boolean);
    expect(listEntries(parseIndex(index)).map(({ path, mode, oid: id }) => `${mode} ${id} 0\t${path}`)).toEqual(
      expected,
    );
  });

  it('vouches for files that did not change since, and for no other', () => {
    const { directory, index } = writeWithGit();
    const cursor = createIndexCursor(parseIndex(index));
    expect(cursor.seek('a/b')).toBe(true);
    const stats = () => lstatSync(join(directory, 'a/b'), { bigint: true });
    expect(cursor.matches(stats(), { ctime: true })).toBe(true);
    const before = stats();
    writeFileSync(join(directory, 'a/b'), '33');
    utimesSync(join(directory, 'a/b'), Number(before.atimeNs) / 1e9, Number(before.mtimeNs) / 1e9);
    expect(cursor.matches(stats(), { ctime: true })).toBe(false);
  });
});

describe('parseIndex()', () => {
  const refused = expect.objectContaining({ code: 'io_failed' });

  it('refuses a file of which any byte is another', () => {
    const sound = build(['a', 'b'], Buffer.from('note'));
    for (let at = 0; at < sound.length; at++) {
      const damaged = Buffer.from(sound);
      damaged[at] = (damaged[at] ?? 0) ^ 1;
      expect(() => parseIndex(damaged), `byte ${at}`).toThrow(refused);
    }
  });

  it('refuses a file that was cut off, at any byte', () => {
    const sound = build(['a']);
    for (let length = 0; length < sound.length; length++) {
      expect(() => parseIndex(Buffer.from(sound.subarray(0, length))), `${length} bytes`).toThrow(refused);
    }
  });

  it('refuses another version of the format', () => {
    const index = build(['a']);
    index.writeUInt32BE(4, 4);
    createHash('sha1')
      .update(index.subarray(0, -20))
      .digest()
      .copy(index, index.length - 20);
    expect(() => parseIndex(index)).toThrow(refused);
  });
});

describe('a cursor', () => {
  it('finds a path and tells what it passed on the way', () => {
    const cursor = createIndexCursor(parseIndex(build(['a', 'b', 'd', 'e'])));
    const passed: BytePath[] = [];
    const skip = ({ path }: { path: BytePath }) => passed.push(path);
    expect(cursor.seek('d', skip)).toBe(true);
    expect(passed).toEqual(['a', 'b']);
    expect(cursor.seek('dd', skip)).toBe(false);
    expect(cursor.path).toBe('e');
    expect(cursor.seek('z', skip)).toBe(false);
    expect(cursor.done).toBe(true);
    expect(passed).toEqual(['a', 'b', 'd', 'e']);
  });

  it('does not take stat data marked unknown for those of an empty file', () => {
    const path = join(tempDir(), 'empty');
    writeFileSync(path, '');
    const builder = createIndexBuilder();
    builder.add('empty', 0o100644, oid, unknownStat);
    const cursor = createIndexCursor(builder.view());
    expect(cursor.matches(lstatSync(path, { bigint: true }), { ctime: false })).toBe(false);
  });
});

describe('toStatData()', () => {
  it.each([
    ['before 1970', -1.5],
    ['at the epoch', 0],
    ['after 2106', 5_000_000_000.25],
  ])('takes a time %s, as the index stores it', (_, seconds) => {
    const path = join(tempDir(), 'f');
    writeFileSync(path, 'x');
    // A Date: Node takes a negative number for now.
    utimesSync(path, new Date(seconds * 1000), new Date(seconds * 1000));
    const stats = lstatSync(path, { bigint: true });
    const builder = createIndexBuilder();
    builder.add('f', 0o100644, oid, toStatData(stats));
    const cursor = createIndexCursor(parseIndex(builder.finish()));
    expect(cursor.stat.mtimeS).toBe(Math.floor(seconds) >>> 0);
    expect(cursor.matches(stats, { ctime: true })).toBe(true);
  });
});
