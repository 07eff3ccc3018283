/**
 * Tells whether directories still hold the names they held, by one `lstat` each: a directory's ctime and inode are the same as long as
 * nothing came, went or was renamed in it, and its mode stayed.
 */
import { type BigIntStats, lstatSync } from 'node:fs';
import { type BytePath, fromText, toFsPath } from '../core/byte-path.ts';
import { isSystemError } from '../core/errors.ts';

/** Ctime and inode of a directory. Empty: unknown, its names must be looked at. */
export type DirectoryStamp = string;

/** Directories by path; the root is the empty path. */
export type DirectoryStamps = ReadonlyMap<BytePath, DirectoryStamp>;

/** The granularity of the kernel's clock for file times, with a wide margin. */
export const clockTickMs = 100;

/**
 * The stamp of a directory, to be compared or kept. With `lookedAt` (milliseconds since 1970, just before its names were read), a
 * directory that had changed so shortly before that another change might leave the same ctime gets the empty stamp.
 */
export function stampOf(stats: BigIntStats, lookedAt = Number.POSITIVE_INFINITY): DirectoryStamp {
  const young = Number.isFinite(lookedAt) && Number(stats.ctimeMs) >= lookedAt - clockTickMs;
  return young ? '' : `${stats.ctimeNs}:${stats.ino}`;
}

/** `lstat` of a directory of the tree; `undefined` when something else or nothing stands there, or when it may not be looked at. */
export function lookAtDirectory(root: string, path: BytePath): BigIntStats | undefined {
  const at = fromText(root);
  try {
    const stats = lstatSync(toFsPath(path === '' ? at : `${at}/${path}`), { bigint: true, throwIfNoEntry: false });
    return stats?.isDirectory() ? stats : undefined;
  } catch (error) {
    if (isSystemError(error, 'EACCES', 'EPERM', 'ENOTDIR', 'ELOOP')) return undefined;
    throw error;
  }
}

/** Stamps in JSON. Paths are byte strings, which JSON keeps as they are. */
export interface EncodedStamps {
  readonly paths: readonly BytePath[];
  readonly stamps: readonly DirectoryStamp[];
}

export function encodeStamps(stamps: DirectoryStamps): EncodedStamps {
  return { paths: [...stamps.keys()], stamps: [...stamps.values()] };
}

/** Returns `undefined` for anything that {@link encodeStamps} did not make. */
export function decodeStamps(value: unknown): DirectoryStamps | undefined {
  const { paths, stamps } = (value ?? {}) as { readonly [key in keyof EncodedStamps]?: unknown };
  const sound =
    Array.isArray(paths) &&
    Array.isArray(stamps) &&
    paths.length === stamps.length &&
    [...paths, ...stamps].every((text) => typeof text === 'string');
  return sound ? new Map(paths.map((path, i) => [path as BytePath, stamps[i] as DirectoryStamp])) : undefined;
}
