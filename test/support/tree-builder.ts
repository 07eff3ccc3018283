// Directory trees as values: written to disk, read back from disk or from a revision, and compared.
// Names are byte paths: one code unit a byte (src/core/byte-path.ts), so any name can be spelled.
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { type BytePath, joinPath, parentPath, toFsPath } from '../../src/core/byte-path.ts';

export interface FileNode {
  readonly type: 'file';
  readonly mode: number;
  readonly content: string;
}
export interface LinkNode {
  readonly type: 'link';
  readonly target: string;
}
export interface DirectoryNode {
  readonly type: 'directory';
  readonly mode: number;
}
export type TreeNode = FileNode | LinkNode | DirectoryNode;

/** Everything below a root by byte path. Contents and targets are latin1: one code unit a byte. */
export type Tree = Readonly<Record<BytePath, TreeNode>>;

export function file(content: string, mode = 0o644): FileNode {
  return { type: 'file', mode, content };
}

export function link(target: string): LinkNode {
  return { type: 'link', target };
}

export function directory(mode = 0o755): DirectoryNode {
  return { type: 'directory', mode };
}

/** The name as the kernel sees it, for text: `'ü'` is two bytes. */
export function bytes(text: string): BytePath {
  return Buffer.from(text, 'utf8').toString('latin1');
}

export function pathIn(root: string, path: BytePath): string | Buffer {
  return toFsPath(path === '' ? bytes(root) : `${bytes(root)}/${path}`);
}

/** Writes a tree below `root`; directories that are not named are made with mode 0755. The umask does not matter. */
export function writeTree(root: string, tree: Tree): void {
  for (const [path, node] of Object.entries(tree)) {
    const at = pathIn(root, path);
    makeDirectory(root, node.type === 'directory' ? path : parentPath(path));
    if (node.type === 'link') symlinkSync(Buffer.from(node.target, 'latin1'), at);
    if (node.type === 'file') {
      writeFileSync(at, Buffer.from(node.content, 'latin1'));
      chmodSync(at, node.mode);
    }
  }
  // Last, and children first: a directory may forbid writing into it.
  for (const [path, node] of Object.entries(tree).reverse()) {
    if (node.type === 'directory') chmodSync(pathIn(root, path), node.mode);
  }
}

/** Creates what is missing on the way to `path`. */
export function makeDirectory(root: string, path: BytePath): void {
  const at = pathIn(root, path);
  if (lstatSync(at, { throwIfNoEntry: false })?.isDirectory()) return;
  if (path !== '') makeDirectory(root, parentPath(path));
  mkdirSync(at);
  chmodSync(at, 0o755);
}

/** Reads everything below `root`; `skip` names what is left out, with all below it. */
export function readTree(root: string, skip: (path: BytePath) => boolean = () => false): Record<BytePath, TreeNode> {
  const tree: Record<BytePath, TreeNode> = Object.create(null) as Record<BytePath, TreeNode>;
  const visit = (path: BytePath) => {
    for (const name of readdirSync(pathIn(root, path), { encoding: 'latin1' }).sort()) {
      const child = joinPath(path, name);
      if (skip(child)) continue;
      tree[child] = readNode(root, child);
      if (tree[child]?.type === 'directory') visit(child);
    }
  };
  visit('');
  return tree;
}

function readNode(root: string, path: BytePath): TreeNode {
  const at = pathIn(root, path);
  const stats = lstatSync(at);
  if (stats.isSymbolicLink()) return link(readlinkSync(at, { encoding: 'latin1' }));
  if (stats.isDirectory()) return directory(stats.mode & 0o7777);
  if (stats.isFile()) return file(readFileSync(at, 'latin1'), stats.mode & 0o7777);
  throw new Error(`unexpected type of ${path}`);
}

/** Names that made other tools stumble: every byte but NUL and `/` is allowed. */
export const hostileNames: readonly BytePath[] = [
  ' leading and trailing ',
  'line\nfeed',
  'carriage\rreturn',
  'tab\tstop',
  '-rf',
  '--',
  '"quoted"',
  "it's",
  'back\\slash',
  '\\n',
  '$(touch x)',
  '`id`',
  '*',
  '?',
  '[a]',
  '!important',
  '#comment',
  ':(exclude)x',
  ':0:x',
  'a:b',
  '@{u}',
  '%41',
  '~',
  '...',
  '.git ',
  '.GIT',
  '.Git',
  '.git.',
  'git~1',
  'GIT~1',
  '.gitx',
  '.git\\x',
  '.gi\xe2\x80\x8ct',
  'con',
  'nul.txt',
  'Case',
  'case',
  'CASE',
  '__proto__',
  'constructor',
  '\x01\x1b[31m\x7f',
  '\xff\xfe',
  '\xe0\x80\xaf',
  bytes('ü'),
  bytes('u\u0308'),
  bytes('日本語'),
  bytes('😀'),
  'x'.repeat(255),
  '\xfc'.repeat(255),
];
