/**
 * What a capture remembers of its walk, so that the next one lists only the directories whose names may have changed.
 */
import { type BytePath, compareBytes, parentPath } from '../core/byte-path.ts';
import { type DirectoryStamp, type DirectoryStamps, decodeStamps, encodeStamps } from '../system/directory-stamps.ts';
import type { WalkFindings } from './walk.ts';

export interface WalkMemory {
  /** The configured excludes the walk went by. */
  readonly excludes: readonly string[];
  /** Every directory that was walked, parents first; an empty stamp for one whose names must be looked at again. */
  readonly directories: DirectoryStamps;
  readonly emptyDirectories: ReadonlySet<BytePath>;
  readonly modes: ReadonlyMap<BytePath, number>;
  readonly checkouts: readonly BytePath[];
  readonly excluded: readonly BytePath[];
  readonly reserved: boolean;
}

/**
 * Makes the memory of a walk. `unseen` are paths the next walk must come across again although nothing moves there: what was found and is
 * not in the index.
 */
export function rememberWalk(
  findings: WalkFindings,
  excludes: readonly string[],
  unseen: readonly BytePath[],
): WalkMemory {
  const { youngDirectories, uncapturable, vanished, emptyDirectories, modes, checkouts, leftOut } = findings;
  const again = new Set([...youngDirectories, ...[...unseen, ...vanished].map(parentPath)]);
  for (const { path } of uncapturable) again.add(parentPath(path)).add(path);
  const directories = new Map<BytePath, DirectoryStamp>();
  const found = [...findings.directories].sort(([a], [b]) => compareBytes(a, b));
  for (const [path, stamp] of found) directories.set(path, again.has(path) ? '' : stamp);
  return {
    excludes,
    directories,
    emptyDirectories,
    modes,
    checkouts,
    excluded: leftOut.excluded,
    reserved: leftOut.reserved,
  };
}

export function encodeMemory(memory: WalkMemory): unknown {
  const { directories, emptyDirectories, modes, ...rest } = memory;
  return {
    ...rest,
    directories: encodeStamps(directories),
    emptyDirectories: [...emptyDirectories],
    modes: [...modes],
  };
}

/** Returns `undefined` for anything that {@link encodeMemory} did not make for these excludes. */
export function decodeMemory(value: unknown, excludes: readonly string[]): WalkMemory | undefined {
  const found = (value ?? {}) as { readonly [key in keyof WalkMemory]?: unknown };
  const directories = decodeStamps(found.directories);
  const { emptyDirectories, modes, checkouts, excluded, reserved } = found;
  const lists = [emptyDirectories, modes, checkouts, excluded];
  if (directories === undefined || !lists.every(Array.isArray) || typeof reserved !== 'boolean') return undefined;
  if (JSON.stringify(found.excludes) !== JSON.stringify(excludes)) return undefined;
  return {
    excludes,
    directories,
    emptyDirectories: new Set(emptyDirectories as BytePath[]),
    modes: new Map(modes as [BytePath, number][]),
    checkouts: checkouts as BytePath[],
    excluded: excluded as BytePath[],
    reserved,
  };
}
