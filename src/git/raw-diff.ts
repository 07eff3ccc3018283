import { type BytePath, compareBytes } from '../core/byte-path.ts';
import { gitMode } from '../core/manifest.ts';
import { parseSha, type Sha } from '../core/sha.ts';
import type { Git } from './git-command.ts';

/** What stands at a path on one side of a diff. */
export interface TreeSide {
  readonly mode: number;
  readonly oid: Sha;
}

/** A path at which two trees differ. A file that becomes a directory is two entries: one path lost, others gained. */
export interface TreeChange {
  readonly path: BytePath;
  readonly old: TreeSide | undefined;
  readonly new: TreeSide | undefined;
}

/**
 * Compares two trees (or commits) and returns the files that differ, sorted by path. Costs O(change), not O(tree).
 * With `trees`, directories whose content differs are returned too.
 */
export async function diffTrees(git: Git, from: Sha, to: Sha, { trees = false } = {}): Promise<TreeChange[]> {
  if (from === to) return [];
  const args = ['diff-tree', '-r', ...(trees ? ['-t'] : []), '-z', '--raw', '--no-renames', '--no-abbrev', from, to];
  const { stdout } = await git.run(args);
  return parseRawDiff(stdout);
}

/** Parses `:<mode> <mode> <oid> <oid> <status> NUL <path> NUL`, repeated. */
export function parseRawDiff(output: Buffer): TreeChange[] {
  const changes: TreeChange[] = [];
  for (let at = 0; at < output.length; ) {
    const headEnd = output.indexOf(0, at);
    const pathEnd = output.indexOf(0, headEnd + 1);
    const [oldMode = '', newMode = '', oldOid, newOid] = output.toString('latin1', at + 1, headEnd).split(' ');
    changes.push({
      path: output.toString('latin1', headEnd + 1, pathEnd),
      old: toSide(oldMode, oldOid),
      new: toSide(newMode, newOid),
    });
    at = pathEnd + 1;
  }
  return changes.sort((a, b) => compareBytes(a.path, b.path));
}

/** One file of a tree, as `ls-tree -r` lists it. */
export interface TreeFile extends TreeSide {
  readonly path: BytePath;
  /** Size of its content; 0 unless sizes were asked for, which costs a look at every object. */
  readonly sizeBytes: number;
}

/** Lists every file of a tree in index order, one by one: the list itself may not fit in memory as objects. */
export async function* listTree(git: Git, tree: Sha, { sizes = false } = {}): AsyncGenerator<TreeFile> {
  const child = await git.stream(['ls-tree', '-r', '-z', '--full-tree', ...(sizes ? ['--long'] : []), tree]);
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of child.stdout) {
    const bytes: Buffer = rest.length === 0 ? (chunk as Buffer) : Buffer.concat([rest, chunk as Buffer]);
    let at = 0;
    for (let end = bytes.indexOf(0, at); end >= 0; end = bytes.indexOf(0, at)) {
      yield parseTreeLine(bytes.toString('latin1', at, end));
      at = end + 1;
    }
    rest = bytes.subarray(at);
  }
  await child.done;
}

function parseTreeLine(line: string): TreeFile {
  // <mode> SP <type> SP <oid> [SP <size>] TAB <path>
  const tab = line.indexOf('\t');
  const [mode = '', , oid, size = '0'] = line.slice(0, tab).split(/ +/);
  return { mode: Number.parseInt(mode, 8), oid: oid as Sha, sizeBytes: Number(size), path: line.slice(tab + 1) };
}

function toSide(modeText: string, oid: string | undefined): TreeSide | undefined {
  const mode = Number.parseInt(modeText, 8);
  return mode === 0 ? undefined : { mode, oid: parseSha(oid) };
}

/** Tells whether a side is a directory (only found where trees were asked for). */
export function isDirectory(side: TreeSide | undefined): boolean {
  return side?.mode === gitMode.directory;
}
