/**
 * Tells that a tree is whole without a look at every file from here: git looks at the files, one `lstat` tells of each directory whether
 * its names are still the same, and only what moved is judged one by one.
 *
 * It says yes or "cannot tell", never where the drift is: that is for `verify`.
 */
import { lstatSync, readdirSync } from 'node:fs';
import { type BytePath, fromText, joinPath, parentPath, toFsPath } from '../core/byte-path.ts';
import { isSystemError } from '../core/errors.ts';
import type { Manifest } from '../core/manifest.ts';
import type { Git } from '../git/git-command.ts';
import { type StatData, toStatData } from '../git/index-file.ts';
import { createIndexLookup, type IndexLookup } from '../git/index-lookup.ts';
import { runStatPass, type StatPass } from '../git/stat-pass.ts';
import {
  type DirectoryStamps,
  decodeStamps,
  encodeStamps,
  lookAtDirectory,
  stampOf,
} from '../system/directory-stamps.ts';
import { judgeFile, type VerifyOptions } from './verify.ts';

/** Looks at every directory of a tree that was just made, and says so for its index. Call it when nothing is changed any more. */
export function noteOfTree(root: string, directories: Iterable<BytePath>, known: DirectoryStamps = new Map()): Buffer {
  const stamps = new Map(known);
  // Parents first: what a link leads to is not of this tree.
  for (const path of [...directories].sort()) {
    const stats = path === '' || stamps.has(parentPath(path)) ? lookAtDirectory(root, path) : undefined;
    if (stats === undefined) stamps.delete(path);
    else stamps.set(path, stampOf(stats, Date.now()));
  }
  return Buffer.from(JSON.stringify({ directories: encodeStamps(stamps) }));
}

/** The directories a tree had when its index was completed; `undefined` when the index does not say. */
export function readNoteOfTree(note: Buffer | undefined): DirectoryStamps | undefined {
  if (note === undefined) return undefined;
  try {
    const { directories } = JSON.parse(note.toString('utf8')) as Record<string, unknown>;
    return decodeStamps(directories);
  } catch {
    return undefined;
  }
}

export type StatCheckOptions = Omit<VerifyOptions, 'deep' | 'onProgress' | 'manifest'> & {
  readonly git: Git;
  /** May still be being read while git looks at the files. */
  readonly manifest: Manifest | Promise<Manifest>;
  /** The file `index` was read from. */
  readonly indexPath: string;
};

/**
 * Returns the new stat data of files that are right although they moved (a link to them came or went), and so tells that the tree is
 * whole. `undefined`: look closely.
 */
export async function checkByStat(options: StatCheckOptions): Promise<ReadonlyMap<BytePath, StatData> | undefined> {
  const directories = readNoteOfTree(options.index.note);
  if (directories === undefined) return undefined;
  const looking = runStatPass(options.git, options);
  looking.catch(() => {});
  const known = { ...options, manifest: await options.manifest };
  const toList = directoriesToList(directories, known);
  const pass = await looking;
  return pass && toList && checkEntries(pass, toList, known);
}

type KnownOptions = StatCheckOptions & Pick<VerifyOptions, 'manifest'>;

/** Directories that may hold other names than they did; `undefined` when one is gone or its mode is wrong. */
function directoriesToList(stamps: DirectoryStamps, { root, manifest }: KnownOptions) {
  const toList: BytePath[] = [];
  for (const [path, stamp] of stamps) {
    const stats = lookAtDirectory(root, path);
    if (stats === undefined) return undefined;
    if (stampOf(stats) === stamp) continue;
    if ((Number(stats.mode) & 0o7777) !== (manifest.modes.get(path) ?? 0o755)) return undefined;
    toList.push(path);
  }
  return toList;
}

function checkEntries(
  pass: StatPass,
  toList: readonly BytePath[],
  options: KnownOptions,
): Map<BytePath, StatData> | undefined {
  const right = new Map<BytePath, StatData>();
  const at = fromText(options.root);
  const lookup = createIndexLookup(options.index);
  for (const entry of entriesToJudge(lookup, pass)) {
    const path = lookup.pathOf(entry);
    const stats = lookAt(`${at}/${path}`);
    if (stats === undefined || judgeFile({ path, stats }, lookup.at(entry), { ...options, deep: false }))
      return undefined;
    right.set(path, toStatData(stats));
  }
  for (const path of toList) {
    const names = lookup.namesIn(path);
    for (const empty of options.manifest.emptyDirectories)
      for (let way = empty; way !== ''; way = parentPath(way)) if (parentPath(way) === path) names.add(nameOf(way));
    if (!holdsOnly(joinPath(at, path), names)) return undefined;
  }
  return right;
}

/** Entries git saw moved, and those too young for it to tell. */
function entriesToJudge(lookup: IndexLookup, { moved, vouchesFor }: StatPass): Set<number> {
  const entries = new Set<number>();
  for (const path of moved) {
    const entry = lookup.find(path);
    if (entry >= 0) entries.add(entry);
  }
  for (let entry = 0; entry < lookup.count; entry++) if (!vouchesFor(lookup.ctimeS(entry))) entries.add(entry);
  return entries;
}

function lookAt(path: BytePath) {
  try {
    return lstatSync(toFsPath(path), { bigint: true });
  } catch (error) {
    if (isSystemError(error)) return undefined;
    throw error;
  }
}

function holdsOnly(directory: BytePath, names: ReadonlySet<string>): boolean {
  try {
    return readdirSync(toFsPath(directory), { encoding: 'latin1' }).every((name) => names.has(name));
  } catch (error) {
    if (isSystemError(error)) return false;
    throw error;
  }
}

function nameOf(path: BytePath): string {
  return path.slice(path.lastIndexOf('/') + 1);
}
