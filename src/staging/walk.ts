/**
 * Walks a staging tree in the order of git's index, telling files from what is left out and from what cannot be captured.
 *
 * It reads names and `lstat` data only. Nothing in the tree (`.gitignore`, `.gitattributes`, nested repositories) has a say in what is
 * found; only `.git` entries, the reserved name `.scap` at the root and configured excludes are left out, and each is counted.
 */
import type { BigIntStats } from 'node:fs';
import type { BytePath } from '../core/byte-path.ts';
import { ordinaryMode, reservedName, targetDirectoryMode, targetFileMode } from '../core/manifest.ts';
import { gitModeOf } from '../git/index-file.ts';
import { clockTickMs, type DirectoryStamp, stampOf } from '../system/directory-stamps.ts';
import { type TreeWalkHooks, type WalkedEntry, walkTree } from '../system/tree-walk.ts';
import type { Excluder } from './exclude.ts';

/** What changed this shortly before it was looked at may change again without its stat data telling. */
export const youngMs = 2000;

export interface WalkedFile {
  readonly path: BytePath;
  /** Git's mode for it. */
  readonly mode: number;
  readonly stats: BigIntStats;
}

/** A file that has not moved since the capture before, and was not looked at from here. */
export interface UnmovedFile {
  readonly path: BytePath;
  readonly stats: undefined;
}

/** Something that cannot be captured, and why. */
export interface Uncapturable {
  readonly path: BytePath;
  readonly reason: 'socket' | 'FIFO' | 'character device' | 'block device' | 'unreadable' | 'unknown type';
}

export interface LeftOut {
  /** Paths the configured patterns exclude; an excluded directory counts once. */
  readonly excluded: BytePath[];
  /** Whether the reserved name stands at the root of staging. */
  reserved: boolean;
}

/** What a walk knows besides the files; complete once the walk has ended. */
export interface WalkFindings {
  readonly emptyDirectories: Set<BytePath>;
  readonly modes: Map<BytePath, number>;
  /** Directories that hold a `.git`, file or directory. */
  readonly checkouts: BytePath[];
  readonly leftOut: LeftOut;
  readonly uncapturable: Uncapturable[];
  /** What was listed and gone a moment later. */
  readonly vanished: BytePath[];
  /** Every directory, parents first, as it was before it was listed: as long as it is the same, so is the list. */
  readonly directories: Map<BytePath, DirectoryStamp>;
  /** Directories that had changed within {@link youngMs} before they were listed. */
  readonly youngDirectories: Set<BytePath>;
  /** Some directory changed so shortly before it was listed that its stamp cannot vouch for the list. */
  unsettled: boolean;
}

export interface StagingWalk {
  readonly findings: WalkFindings;
  /** Yields every regular file and symbolic link once, in index order. */
  files(): Generator<WalkedFile | UnmovedFile, void, undefined>;
  /**
   * Tells which files a second look has to look at: `undefined` for all of them. Only to be asked once the walk has ended; every directory
   * must be looked at besides.
   */
  toConfirm(): Promise<ReadonlySet<BytePath> | undefined>;
}

/** Prepares a walk of the directory `root`. Throws what reading `root` itself throws; anything below it becomes a finding. */
export function createStagingWalk(root: string, excluder: Excluder): StagingWalk {
  const findings = noFindings();
  const files = function* () {
    for (const entry of walkTree(root, hooksFor(findings, excluder))) yield toWalkedFile(entry, findings);
  };
  return { findings, files, toConfirm: async () => undefined };
}

export function noFindings(): WalkFindings {
  return {
    emptyDirectories: new Set(),
    modes: new Map(),
    checkouts: [],
    leftOut: { excluded: [], reserved: false },
    uncapturable: [],
    vanished: [],
    directories: new Map(),
    youngDirectories: new Set(),
    unsettled: false,
  };
}

/** What to do at each step of a walk, so that `findings` are complete at its end. */
export function hooksFor(findings: WalkFindings, excluder: Excluder): TreeWalkHooks {
  const { modes, emptyDirectories, checkouts, leftOut, uncapturable, vanished } = findings;
  return {
    wants: (directory, name) => {
      if (name === '.git') checkouts.push(directory);
      else if (name === reservedName && directory === '') leftOut.reserved = true;
      else return true;
      return false;
    },
    keeps: ({ path, stats }) => {
      if (excluder.excludes(path, stats.isDirectory())) leftOut.excluded.push(path);
      else if (stats.isDirectory() || stats.isFile() || stats.isSymbolicLink()) return true;
      else uncapturable.push({ path, reason: specialType(stats) });
      return false;
    },
    onDirectory: ({ path, stats }, kept, listedAt) => {
      findings.directories.set(path, stampOf(stats));
      if (Number(stats.ctimeMs) >= listedAt - youngMs) findings.youngDirectories.add(path);
      if (Number(stats.ctimeMs) >= listedAt - clockTickMs) findings.unsettled = true;
      const bits = targetDirectoryMode(Number(stats.mode));
      if (bits !== 0o755) modes.set(path, bits);
      if (kept === 0 && path !== '') emptyDirectories.add(path);
    },
    onUnreadable: (path) => uncapturable.push({ path, reason: 'unreadable' }),
    onVanished: (path) => vanished.push(path),
  };
}

/** Notes a file's permission bits when they are not the ordinary ones. */
export function toWalkedFile({ path, stats }: WalkedEntry, { modes }: WalkFindings): WalkedFile {
  const mode = gitModeOf(Number(stats.mode));
  const bits = stats.isFile() ? targetFileMode(Number(stats.mode)) : ordinaryMode(mode);
  if (bits !== ordinaryMode(mode)) modes.set(path, bits);
  return { path, mode, stats };
}

function specialType(stats: BigIntStats): Uncapturable['reason'] {
  if (stats.isSocket()) return 'socket';
  if (stats.isFIFO()) return 'FIFO';
  if (stats.isCharacterDevice()) return 'character device';
  return stats.isBlockDevice() ? 'block device' : 'unknown type';
}
