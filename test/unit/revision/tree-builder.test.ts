import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Sha } from '../../../src/core/sha.ts';
import { objectId } from '../../../src/git/object-id.ts';
import { decodeTree } from '../../../src/git/tree-object.ts';
import { buildTree, type TreeEdit } from '../../../src/revision/tree-builder.ts';
import { git, gitLine } from '../../support/git-oracle.ts';
import { useTempDirs } from '../../support/temp-dir.ts';

const tempDir = useTempDirs();
const oid = (digit: number) => String(digit).repeat(40) as Sha;
const put = (path: string, digit = 1): TreeEdit => ({ path, new: { mode: 0o100644, oid: oid(digit) } });
const remove = (path: string): TreeEdit => ({ path, new: undefined });

/** Builds trees on top of each other, keeping every object made. */
function createStore() {
  const objects = new Map<Sha, Buffer>();
  const reads: Sha[] = [];
  const readTree = async (id: Sha) => {
    reads.push(id);
    const content = objects.get(id);
    if (content === undefined) throw new Error(`no tree ${id}`);
    return content;
  };
  const apply = async (edits: readonly TreeEdit[], base?: Sha) => {
    const { root, made } = await buildTree(edits, base, readTree);
    for (const content of made) objects.set(objectId('tree', content), content);
    return root;
  };
  const list = (id: Sha, parent = ''): string[] =>
    decodeTree(objects.get(id) ?? Buffer.alloc(0)).flatMap((entry) =>
      entry.mode === 0o040000 ? list(entry.oid, `${parent}${entry.name}/`) : [`${parent}${entry.name}=${entry.oid[0]}`],
    );
  return { apply, list, reads, objects };
}

describe('buildTree()', () => {
  it('makes the tree git makes of the same files', async () => {
    const paths = ['a', 'a.b', 'a0', 'd/a', 'd/e/f', 'd.x', '.GIT', 'line\nfeed', '\xff/\xfe'].sort();
    const repository = join(tempDir(), 'r.git');
    git(['init', '--quiet', '--bare', repository]);
    const env = { GIT_INDEX_FILE: join(tempDir(), 'index') };
    const call = ['--git-dir', repository, '-c', 'core.protectNTFS=false', '-c', 'core.protectHFS=false'];
    const allowed = paths.filter((path) => path !== '.GIT');
    const input = Buffer.from(allowed.map((path) => `100644 ${oid(1)}\t${path}\0`).join(''), 'latin1');
    git([...call, 'update-index', '-z', '--index-info'], { input, env });
    const expected = gitLine([...call, 'write-tree', '--missing-ok'], { env });
    expect(await createStore().apply(allowed.map((path) => put(path)))).toBe(expected);
  });

  it('[I2] comes to the same tree by any way', async () => {
    const store = createStore();
    const paths = ['a', 'b/c', 'b/d/e', 'b/d/f', 'g'];
    const direct = await store.apply(paths.map((path) => put(path)));
    const first = await store.apply([put('a', 2), put('b/d', 3), put('x/y')]);
    const second = await store.apply([remove('b/d'), remove('x/y'), ...paths.map((path) => put(path))], first);
    expect(second).toBe(direct);
  });

  it.each<[string, TreeEdit[], TreeEdit[], string[]]>([
    ['a file replaced by a directory', [put('x'), put('y')], [remove('x'), put('x/f', 2)], ['x/f=2', 'y=1']],
    [
      'a directory replaced by a file',
      [put('x/a'), put('x/b/c'), put('y')],
      [remove('x/a'), remove('x/b/c'), put('x', 2)],
      ['x=2', 'y=1'],
    ],
    ['a directory that loses its last file', [put('x/y/z'), put('a')], [remove('x/y/z')], ['a=1']],
    ['everything removed', [put('x/y'), put('a')], [remove('x/y'), remove('a')], []],
    ['the removal of what is not there', [put('a')], [remove('b'), remove('c/d')], ['a=1']],
    ['no edits', [put('a')], [], ['a=1']],
  ])('handles %s', async (_, before, edits, expected) => {
    const store = createStore();
    expect(store.list(await store.apply(edits, await store.apply(before)))).toEqual(expected);
  });

  it('[B15] reads only the directories on the way to an edit', async () => {
    const store = createStore();
    const edits = Array.from({ length: 50 }, (_, at) => put(`d${at}/sub/f`, (at % 9) + 1));
    const base = await store.apply(edits);
    await store.apply([put('d7/sub/g')], base);
    expect(store.reads).toHaveLength(3);
  });

  it('agrees with a plain map of paths for any sequence of edits', async () => {
    const path = fc
      .array(fc.constantFrom('a', 'b', 'a.b', 'c'), { minLength: 1, maxLength: 3 })
      .map((parts) => parts.join('/'));
    const states = fc.array(fc.uniqueArray(path, { maxLength: 8 }), { minLength: 1, maxLength: 4 });
    /** Drops what lies below another path of the list: a name is a file or a directory. */
    const consistent = (paths: readonly string[]) =>
      paths.filter((one) => !paths.some((other) => one.startsWith(`${other}/`)));
    await fc.assert(
      fc.asyncProperty(states, async (history) => {
        const store = createStore();
        let root: Sha | undefined;
        let before: string[] = [];
        for (const state of history.map(consistent)) {
          const gone = before.filter((one) => !state.includes(one)).map(remove);
          root = await store.apply(
            [...gone, ...state.map((one) => put(one))].sort((a, b) => (a.path < b.path ? -1 : 1)),
            root,
          );
          expect(store.list(root).sort()).toEqual(state.map((one) => `${one}=1`).sort());
          before = state;
        }
      }),
    );
  });
});
