// Random directory trees, hostile ones first.
import { chmodSync, lstatSync, rmSync } from 'node:fs';
import fc from 'fast-check';
import { type BytePath, joinPath } from '../../src/core/byte-path.ts';
import { targetDirectoryMode, targetFileMode } from '../../src/core/manifest.ts';
import {
  directory,
  file,
  hostileNames,
  link,
  makeDirectory,
  pathIn,
  type Tree,
  type TreeNode,
  writeTree,
} from './tree-builder.ts';
import { isRoot } from './unprivileged.ts';

type Nested = { readonly node: TreeNode; readonly children: readonly (readonly [string, Nested])[] };

const latin1 = (bytes: Uint8Array) => Buffer.from(bytes).toString('latin1');

/** What a name may be: anything but `.`, `..` and the name that is left out by rule. */
const anyName = fc
  .oneof(
    { weight: 3, arbitrary: fc.constantFrom('a', 'b', 'a.b', 'a-b', 'A', 'index.php', 'a b') },
    { weight: 2, arbitrary: fc.constantFrom(...hostileNames) },
    { weight: 2, arbitrary: fc.uint8Array({ min: 1, minLength: 1, maxLength: 12 }).map(latin1) },
  )
  .map((name) => name.replaceAll('/', '_'))
  .filter((name) => name !== '.' && name !== '..' && name !== '.git' && name !== '.scap');

const fileModes = [0o644, 0o644, 0o755, 0o664, 0o775, 0o600, 0o640, 0o444, 0o400, 0o500, 0o751, 0o4755, 0o2640];
const anyFile = fc
  .tuple(fc.uint8Array({ maxLength: 300 }), fc.constantFrom(...fileModes, ...(isRoot ? [0o000, 0o011] : [])))
  .map(([content, mode]) => file(latin1(content), mode));
const anyLink = fc
  .oneof(
    fc.constantFrom('a', '../..', '/etc/passwd', '.', 'nowhere'),
    fc.uint8Array({ min: 1, minLength: 1, maxLength: 20 }).map(latin1),
  )
  .map(link);
const anyDirectory = fc.constantFrom(0o755, 0o755, 0o775, 0o750, 0o700, 0o711, 0o555, 0o2775).map(directory);

const { children: anyChildren } = fc.letrec<{ entry: Nested; children: Nested['children'] }>((tie) => ({
  entry: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    { weight: 4, arbitrary: anyFile.map((node) => ({ node, children: [] })) },
    { weight: 1, arbitrary: anyLink.map((node) => ({ node, children: [] })) },
    { weight: 3, arbitrary: fc.tuple(anyDirectory, tie('children')).map(([node, children]) => ({ node, children })) },
  ),
  children: fc.uniqueArray(fc.tuple(anyName, tie('entry')), {
    selector: ([name]) => name,
    maxLength: 5,
    depthIdentifier: 'tree',
  }),
}));

function flatten(children: Nested['children'], parent: BytePath, tree: Record<BytePath, TreeNode>): Tree {
  for (const [name, { node, children: below }] of children) {
    const path = joinPath(parent, name);
    tree[path] = node;
    flatten(below, path, tree);
  }
  return tree;
}

const empty = () => Object.create(null) as Record<BytePath, TreeNode>;

/** A tree, and what becomes of it: some of its entries go, others come or are replaced by something else. */
export const anyHistory = fc
  .tuple(
    anyChildren,
    fc.array(fc.tuple(fc.array(fc.boolean(), { minLength: 5, maxLength: 5 }), anyChildren), {
      minLength: 2,
      maxLength: 2,
    }),
  )
  .map(([first, steps]) => {
    const states = [first];
    for (const [kept, added] of steps) {
      const before = (states.at(-1) ?? []).filter((_, at) => kept[at % kept.length]);
      const names = new Set(added.map(([name]) => name));
      states.push([...before.filter(([name]) => !names.has(name)), ...added]);
    }
    // Never empty: an empty tree is refused, and that is tested elsewhere.
    return states.map((children) => ({ ...flatten(children, '', empty()), 'always here': file('1') }) as Tree);
  });

/** What a tree is to be on a target. */
export function onTarget(tree: Tree): Tree {
  const result = empty();
  for (const [path, node] of Object.entries(tree)) {
    if (node.type === 'file') result[path] = { ...node, mode: targetFileMode(node.mode) };
    else if (node.type === 'directory') result[path] = { ...node, mode: targetDirectoryMode(node.mode) };
    else result[path] = node;
  }
  return result;
}

/** Turns the tree `from` at `root` into `to`, touching only what differs. */
export function morphTree(root: string, from: Tree, to: Tree): void {
  const same = (path: BytePath) => JSON.stringify(from[path]) === JSON.stringify(to[path]);
  const directories = (tree: Tree) => Object.keys(tree).filter((path) => tree[path]?.type === 'directory');
  for (const path of directories(from).sort()) chmodSync(pathIn(root, path), 0o700);
  for (const path of Object.keys(from).sort().reverse()) {
    const stays = to[path]?.type === 'directory' && from[path]?.type === 'directory';
    if (!same(path) && !stays) rmSync(pathIn(root, path), { recursive: true, force: true });
  }
  const missing = Object.entries(to).filter(
    ([path]) => lstatSync(pathIn(root, path), { throwIfNoEntry: false }) === undefined,
  );
  writeTree(root, Object.fromEntries(missing.filter(([, node]) => node.type !== 'directory')));
  for (const path of directories(to).sort()) makeDirectory(root, path);
  for (const path of directories(to).sort().reverse()) {
    const node = to[path];
    if (node?.type === 'directory') chmodSync(pathIn(root, path), node.mode);
  }
}
