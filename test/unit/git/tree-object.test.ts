import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Sha } from '../../../src/core/sha.ts';
import { objectId } from '../../../src/git/object-id.ts';
import { decodeTree, encodeTree, type TreeEntry } from '../../../src/git/tree-object.ts';
import { git, gitLine } from '../../support/git-oracle.ts';
import { useTempDirs } from '../../support/temp-dir.ts';
import { bytes } from '../../support/tree-builder.ts';

const tempDir = useTempDirs();
const blob = 'e69de29bb2d1d6434b8b29ae775ad8c2e48c5391' as Sha;
const tree = '4b825dc642cb6eb9a060e54bf8d69288fbee4904' as Sha;

const entries: readonly TreeEntry[] = [
  { name: 'foo', mode: 0o040000, oid: tree },
  { name: 'foo.bar', mode: 0o100644, oid: blob },
  { name: 'foo0', mode: 0o100755, oid: blob },
  { name: 'a\nb', mode: 0o120000, oid: blob },
  { name: 'A', mode: 0o100644, oid: blob },
  { name: 'a', mode: 0o100644, oid: blob },
  { name: '-x', mode: 0o100644, oid: blob },
  { name: '.GIT', mode: 0o100644, oid: blob },
  { name: bytes('ü'), mode: 0o100644, oid: blob },
  { name: '\xff\xfe', mode: 0o100644, oid: blob },
  { name: 'x'.repeat(255), mode: 0o100644, oid: blob },
];

function makeRepository(): string {
  const repository = join(tempDir(), 'r.git');
  git(['init', '--quiet', '--bare', repository]);
  return repository;
}

describe('encodeTree()', () => {
  it('makes the tree git makes of the same entries, whatever their order', () => {
    const repository = makeRepository();
    const listing = entries.map(
      ({ name, mode, oid }) =>
        `${mode.toString(8).padStart(6, '0')} ${mode === 0o040000 ? 'tree' : 'blob'} ${oid}\t${name}\0`,
    );
    const input = Buffer.from(listing.join(''), 'latin1');
    const made = gitLine(['--git-dir', repository, 'mktree', '-z', '--missing'], { input });
    expect(objectId('tree', encodeTree(entries))).toBe(made);
    expect(objectId('tree', encodeTree(entries.toReversed()))).toBe(made);
  });

  it('makes something git can list', () => {
    const repository = makeRepository();
    const id = gitLine(['--git-dir', repository, 'hash-object', '-w', '-t', 'tree', '--literally', '--stdin'], {
      input: encodeTree(entries),
    });
    const names = git(['--git-dir', repository, 'ls-tree', '-z', '--name-only', id]).toString('latin1');
    expect(names.split('\0').filter(Boolean)).toHaveLength(entries.length);
  });
});

describe('decodeTree()', () => {
  it('gives back what was encoded, in the order of git', () => {
    const decoded = decodeTree(encodeTree(entries));
    expect(new Set(decoded)).toEqual(new Set(entries));
    const order = decoded.map(({ name }) => name);
    // A directory sorts as if its name ended in a slash: behind "foo.bar", before "foo0".
    expect(order.filter((name) => name.startsWith('foo'))).toEqual(['foo.bar', 'foo', 'foo0']);
  });

  it('reads the empty tree', () => {
    expect(decodeTree(Buffer.alloc(0))).toEqual([]);
  });
});
