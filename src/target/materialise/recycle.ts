/**
 * Turns a tree that equals one revision into another, in place: what differs is removed and written anew, the rest is left alone.
 *
 * The tree's files may share inodes with other revisions. Nothing is ever written into an existing file: a change is unlink and create.
 */
import { chmodSync, rmdirSync, unlinkSync } from 'node:fs';
import { type BytePath, fromText, parentPath, toFsPath } from '../../core/byte-path.ts';
import { isSystemError } from '../../core/errors.ts';
import type { Manifest } from '../../core/manifest.ts';
import type { Sha } from '../../core/sha.ts';
import type { IndexFile, StatData } from '../../git/index-file.ts';
import { createIndexLookup } from '../../git/index-lookup.ts';
import { diffTrees, type TreeChange } from '../../git/raw-diff.ts';
import type { DirectoryStamps } from '../../system/directory-stamps.ts';
import type { TargetContext } from '../context.ts';
import { readWindows, withinWindow } from '../ctime-windows.ts';
import { checkByStat, noteOfTree, readNoteOfTree } from '../stat-check.ts';
import { findDrift } from '../verify.ts';
import type { MadeTree } from './archive.ts';
import { editIndex, planDifference } from './difference.ts';
import { type RevisionSource, readManifest, type TargetEntry } from './revision-source.ts';
import { createTreeMaker, isDirectoryOf } from './tree-maker.ts';

export interface RecyclableTree {
  /** The revision it equals. */
  readonly sha: Sha;
  readonly root: string;
  readonly index: IndexFile;
  /** The file `index` was read from. */
  readonly indexPath: string;
  /** When its content was last known to be right; milliseconds since 1970. */
  readonly verifiedAt: number;
  /** What {@link findMovedStats} returned when this process looked at it. */
  readonly moved: MovedStats | undefined;
}

/** New stat data of files whose content is right and whose index entry is stale. */
export type MovedStats = ReadonlyMap<BytePath, StatData>;

/**
 * Makes the tree equal `source`. Every file is looked at first; `undefined`, and nothing touched, when the tree is not what it should be.
 * When it throws, the tree is neither one nor the other and must be thrown away.
 */
export async function applyDifference(
  context: TargetContext,
  source: RevisionSource,
  tree: RecyclableTree,
): Promise<MadeTree | undefined> {
  const moved = tree.moved ?? (await findMovedStats(context, tree));
  if (moved === undefined) return undefined;
  const [old, changes] = await Promise.all([
    readManifest(context.git, tree.sha),
    diffTrees(context.git, tree.sha, source.sha),
  ]);
  const edits = planDifference(createIndexLookup(tree.index), old, source, changes);
  const toWrite = edits.flatMap(({ writes }) => writes ?? []);
  const written = new Map<BytePath, StatData>();
  const touched = touchedDirectories(old, source.manifest, changes, toWrite);
  await withinWindow(context.layout, async () => {
    makeRoom(fromText(tree.root), old, source.manifest, changes, toWrite);
    const maker = createTreeMaker(tree.root, context.git, context.signal);
    await maker.write(toWrite, ({ path }, stat) => written.set(path, stat));
    maker.finish(source.manifest);
  });

  const known = readNoteOfTree(tree.index.note);
  const note = known && noteOfTree(tree.root, [...touched, ...unstamped(known)], known);
  return editIndex({ index: tree.index, edits, written, moved, note });
}

/** Every directory whose names or mode change. */
function touchedDirectories(
  old: Manifest,
  next: Manifest,
  changes: readonly TreeChange[],
  toWrite: readonly TargetEntry[],
): Set<BytePath> {
  const touched = new Set<BytePath>(['']);
  const add = (path: BytePath) => {
    for (let at = path; !touched.has(at); at = parentPath(at)) touched.add(at);
  };
  for (const { path } of [...changes, ...toWrite]) add(parentPath(path));
  for (const { emptyDirectories, modes } of [old, next])
    for (const path of [...emptyDirectories, ...modes.keys()]) add(path);
  return touched;
}

function unstamped(directories: DirectoryStamps): BytePath[] {
  return [...directories].flatMap(([path, stamp]) => (stamp === '' ? [path] : []));
}

/** Looks whether a tree is still what its index says; `undefined` when it is not. */
export async function findMovedStats(
  context: TargetContext,
  { sha, root, index, indexPath, verifiedAt }: RecyclableTree,
): Promise<MovedStats | undefined> {
  const { layout, git, signal } = context;
  const options = { root, index, verifiedAt, windows: readWindows(layout), signal };
  const reading = readManifest(git, sha).then(withOrdinaryRoot);
  const moved = await checkByStat({ ...options, git, indexPath, manifest: reading });
  if (moved !== undefined) return moved;
  const drift = await findDrift({ ...options, manifest: await reading, deep: false });
  return drift.length === 0 ? new Map() : undefined;
}

/** Trees in `work/` have an ordinary root, whatever the revision's is to be. */
function withOrdinaryRoot(manifest: Manifest): Manifest {
  return { ...manifest, modes: new Map([...manifest.modes].filter(([path]) => path !== '')) };
}

/** Removes what is not wanted any more, and what will be written anew. */
function makeRoom(
  root: BytePath,
  old: Manifest,
  next: Manifest,
  changes: readonly TreeChange[],
  toWrite: readonly TargetEntry[],
): void {
  const at = (path: BytePath) => toFsPath(path === '' ? root : `${root}/${path}`);
  // Ordinary modes first, so that nothing keeps its owner out; `finish` gives them the new ones. Parents before children.
  for (const [path] of [...old.modes].sort(([a], [b]) => a.length - b.length)) openDirectory(root, path);
  const gone = new Set<BytePath>([...changes.map(({ path }) => path), ...toWrite.map(({ path }) => path)]);
  // Not through a link, whoever made one on the way.
  for (const path of gone) if (isDirectoryOf(root, parentPath(path))) removeFile(at(path));
  for (const { path, new: side } of changes) if (side === undefined) removeEmptyParents(parentPath(path), at);
  for (const path of old.emptyDirectories) if (!next.emptyDirectories.has(path)) removeEmptyParents(path, at);
}

function openDirectory(root: BytePath, path: BytePath): void {
  // Opening a file's mode would reach other revisions through its inode.
  if (isDirectoryOf(root, path)) chmodSync(toFsPath(path === '' ? root : `${root}/${path}`), 0o755);
}

function removeFile(path: string | Buffer): void {
  try {
    unlinkSync(path);
  } catch (error) {
    // A directory where a file is to be goes with the files in it.
    if (!isSystemError(error, 'ENOENT', 'ENOTDIR', 'EISDIR')) throw error;
  }
}

function removeEmptyParents(path: BytePath, at: (path: BytePath) => string | Buffer): void {
  for (let directory = path; directory !== ''; directory = parentPath(directory)) {
    try {
      rmdirSync(at(directory));
    } catch (error) {
      if (isSystemError(error, 'ENOTEMPTY', 'EEXIST', 'ENOTDIR')) return;
      if (!isSystemError(error, 'ENOENT')) throw error;
    }
  }
}
