/**
 * Walks a directory tree in the order of git's index: by name and `lstat` only, never through a symbolic link.
 */
import { type BigIntStats, lstatSync, readdirSync } from 'node:fs';
import { type BytePath, compareBytes, fromText, joinPath, toFsPath } from '../core/byte-path.ts';
import { isSystemError } from '../core/errors.ts';

export interface WalkedEntry {
  readonly path: BytePath;
  readonly stats: BigIntStats;
}

/** What the owner of a walk decides and is told. Every callback is called synchronously. */
export interface TreeWalkHooks {
  /** Whether a name is to be looked at; asked before `lstat`. Default: every name. */
  readonly wants?: (directory: BytePath, name: string) => boolean;
  /** Whether an entry belongs to the walk. A directory that does not is not entered. Default: everything. */
  readonly keeps?: (entry: WalkedEntry) => boolean;
  /** Whether a directory that was kept is walked too. Default: every one. */
  readonly enters?: (directory: BytePath) => boolean;
  /**
   * Each directory, before what is in it, with the number of entries that were kept and the time, in milliseconds since 1970, just before it
   * was listed. The root is the empty path.
   */
  readonly onDirectory?: (directory: WalkedEntry, kept: number, listedAt: number) => void;
  /** A directory that may not be listed, or an entry of one that may not be searched. Default: throws. */
  readonly onUnreadable?: (path: BytePath) => void;
  /** A directory or entry that was listed and is gone. Default: ignored. */
  readonly onVanished?: (path: BytePath) => void;
}

/** Yields everything below `root` that is no directory, in index order. */
export function* walkTree(root: string, hooks: TreeWalkHooks = {}): Generator<WalkedEntry, void, undefined> {
  const stats = lstatSync(toFsPath(fromText(root)), { bigint: true });
  yield* walkDirectory(fromText(root), { path: '', stats }, hooks);
}

/** Yields everything below one directory of the tree at `root`, as {@link walkTree} does. */
export function walkBelow(
  root: string,
  directory: WalkedEntry,
  hooks: TreeWalkHooks = {},
): Generator<WalkedEntry, void, undefined> {
  return walkDirectory(fromText(root), directory, hooks);
}

function* walkDirectory(
  root: BytePath,
  directory: WalkedEntry,
  hooks: TreeWalkHooks,
): Generator<WalkedEntry, void, undefined> {
  const listedAt = Date.now();
  const names = listNames(root, directory.path, hooks);
  if (names === undefined) return;
  const kept = examine(root, directory.path, names, hooks);
  hooks.onDirectory?.(directory, kept.length, listedAt);
  for (const { entry } of kept) {
    if (!entry.stats.isDirectory()) yield entry;
    else if (hooks.enters?.(entry.path) ?? true) yield* walkDirectory(root, entry, hooks);
  }
}

function listNames(root: BytePath, path: BytePath, hooks: TreeWalkHooks): string[] | undefined {
  try {
    return readdirSync(absolute(root, path), { encoding: 'latin1' });
  } catch (error) {
    if (isSystemError(error, 'EACCES', 'EPERM') && hooks.onUnreadable) hooks.onUnreadable(path);
    else if (isSystemError(error, 'ENOENT', 'ENOTDIR')) hooks.onVanished?.(path);
    else throw error;
    return undefined;
  }
}

function examine(root: BytePath, directory: BytePath, names: readonly string[], hooks: TreeWalkHooks) {
  const kept: { entry: WalkedEntry; sortKey: BytePath }[] = [];
  for (const name of names) {
    if (hooks.wants && !hooks.wants(directory, name)) continue;
    const path = joinPath(directory, name);
    const stats = lookAt(root, path, hooks);
    if (stats && (!hooks.keeps || hooks.keeps({ path, stats }))) {
      kept.push({ entry: { path, stats }, sortKey: stats.isDirectory() ? `${path}/` : path });
    }
  }
  return kept.sort((a, b) => compareBytes(a.sortKey, b.sortKey));
}

function lookAt(root: BytePath, path: BytePath, hooks: TreeWalkHooks): BigIntStats | undefined {
  try {
    const stats = lstatSync(absolute(root, path), { bigint: true, throwIfNoEntry: false });
    if (stats === undefined) hooks.onVanished?.(path);
    return stats;
  } catch (error) {
    if (!isSystemError(error, 'EACCES', 'EPERM') || !hooks.onUnreadable) throw error;
    hooks.onUnreadable(path);
    return undefined;
  }
}

function absolute(root: BytePath, path: BytePath): string | Buffer {
  return toFsPath(path === '' ? root : `${root}/${path}`);
}
