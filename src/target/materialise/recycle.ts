/**
 * Turns a tree that equals one revision into another, in place: what differs is removed and written anew, the rest is left alone.
 *
 * The tree's files may share inodes with other revisions. Nothing is ever written into an existing file: a change is unlink and create.
 */
import { chmodSync, rmdirSync, unlinkSync } from 'node:fs';
import { setImmediate as yieldToEvents } from 'node:timers/promises';
import { type BytePath, fromText, parentPath, toFsPath } from '../../core/byte-path.ts';
import { isSystemError, ScapError } from '../../core/errors.ts';
import type { Manifest } from '../../core/manifest.ts';
import type { Sha } from '../../core/sha.ts';
import { createIndexBuilder } from '../../git/index-builder.ts';
import type { IndexFile, StatData } from '../../git/index-file.ts';
import { diffTrees, type TreeChange } from '../../git/raw-diff.ts';
import type { TargetContext } from '../context.ts';
import { readWindows, withinWindow } from '../ctime-windows.ts';
import { findDrift } from '../verify.ts';
import type { MadeTree } from './archive.ts';
import { mergedEntries } from './link.ts';
import { type RevisionSource, readRevisionSource, type TargetEntry } from './revision-source.ts';
import { createTreeMaker, isDirectoryOf } from './tree-maker.ts';

export interface RecyclableTree {
  /** The revision it equals. */
  readonly sha: Sha;
  readonly root: string;
  readonly index: IndexFile;
  /** When its content was last known to be right; milliseconds since 1970. */
  readonly verifiedAt: number;
  /** Found whole by this process already. */
  readonly checked: boolean;
}

/**
 * Makes the tree equal `source`. Every file is looked at first; `undefined`, and nothing touched, when the tree is not what it should be.
 * When it throws, the tree is neither one nor the other and must be thrown away.
 */
export async function applyDifference(
  context: TargetContext,
  source: RevisionSource,
  tree: RecyclableTree,
): Promise<MadeTree | undefined> {
  const from = await readRevisionSource(context.git, tree.sha);
  if (!tree.checked && !(await isWhole(context, tree))) return undefined;
  const changes = await diffTrees(context.git, tree.sha, source.sha);
  const base = { source: from, index: tree.index, drifted: new Set<BytePath>() };

  const toWrite: TargetEntry[] = [];
  let seen = 0;
  for (const { entry } of mergedEntries(base, source, changes, { reuseEmpty: true })) {
    if (entry) toWrite.push(entry);
    if (++seen % 4096 === 0) await breathe(context, seen, source.times.length);
  }
  const written = new Map<BytePath, StatData>();
  await withinWindow(context.layout, async () => {
    makeRoom(fromText(tree.root), from.manifest, source.manifest, changes, toWrite);
    const maker = createTreeMaker(tree.root, context.git, context.signal);
    await maker.write(toWrite, ({ path }, stat) => written.set(path, stat));
    maker.finish(source.manifest);
  });

  const index = createIndexBuilder(tree.index.bytes.length);
  let bytes = 0;
  for (const { path, entry, from: kept } of mergedEntries(base, source, changes, { reuseEmpty: true })) {
    const stat = entry && written.get(path);
    if (entry && stat) index.add(path, entry.mode, entry.oid, stat);
    else if (kept) index.addRaw(kept.raw());
    bytes += stat?.size ?? kept?.size ?? 0;
  }
  return { files: index.count, bytes, index: index.finish() };
}

/** Tells whether a tree is still what its index says. */
export async function isWhole(
  context: TargetContext,
  { sha, root, index, verifiedAt }: RecyclableTree,
): Promise<boolean> {
  const source = await readRevisionSource(context.git, sha);
  // Trees in `work/` have an ordinary root, whatever the revision's is to be.
  const manifest = { ...source.manifest, modes: new Map([...source.manifest.modes].filter(([path]) => path !== '')) };
  const { layout, signal } = context;
  const drift = await findDrift({
    root,
    index,
    manifest,
    deep: false,
    verifiedAt,
    windows: readWindows(layout),
    signal,
  });
  return drift.length === 0;
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

async function breathe({ signal, notify }: TargetContext, done: number, total: number): Promise<void> {
  await yieldToEvents();
  if (signal.aborted) throw new ScapError('interrupted', 'Stopped making the revision on request');
  notify({ kind: 'progress', step: 'recycle', unit: 'files', done, total });
}
