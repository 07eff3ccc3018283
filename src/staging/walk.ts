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
import { walkTree } from '../system/tree-walk.ts';
import type { Excluder } from './exclude.ts';

/** The granularity of the kernel's clock for file times, with a wide margin. */
export const clockTickMs = 100;

export interface WalkedFile {
  readonly path: BytePath;
  /** Git's mode for it. */
  readonly mode: number;
  readonly stats: BigIntStats;
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
  /** Every directory with its ctime, in nanoseconds, from before it was listed: as long as it is the same, so is the list. */
  readonly directories: Map<BytePath, bigint>;
  /** Some directory changed so shortly before it was listed that its ctime cannot vouch for the list. */
  youngDirectory: boolean;
}

export interface StagingWalk {
  readonly findings: WalkFindings;
  /** Yields every regular file and symbolic link once, in index order. */
  files(): Generator<WalkedFile, void, undefined>;
}

/** Prepares a walk of the directory `root`. Throws what reading `root` itself throws; anything below it becomes a finding. */
export function createStagingWalk(root: string, excluder: Excluder): StagingWalk {
  const findings: WalkFindings = {
    emptyDirectories: new Set(),
    modes: new Map(),
    checkouts: [],
    leftOut: { excluded: [], reserved: false },
    uncapturable: [],
    vanished: [],
    directories: new Map(),
    youngDirectory: false,
  };
  return { findings, files: () => walkFiles(root, excluder, findings) };
}

function* walkFiles(root: string, excluder: Excluder, findings: WalkFindings): Generator<WalkedFile, void, undefined> {
  const { modes, emptyDirectories, checkouts, leftOut, uncapturable, vanished } = findings;
  const entries = walkTree(root, {
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
      findings.directories.set(path, stats.ctimeNs);
      if (Number(stats.ctimeMs) >= listedAt - clockTickMs) findings.youngDirectory = true;
      const bits = targetDirectoryMode(Number(stats.mode));
      if (bits !== 0o755) modes.set(path, bits);
      if (kept === 0 && path !== '') emptyDirectories.add(path);
    },
    onUnreadable: (path) => uncapturable.push({ path, reason: 'unreadable' }),
    onVanished: (path) => vanished.push(path),
  });
  for (const { path, stats } of entries) {
    const mode = gitModeOf(Number(stats.mode));
    const bits = stats.isFile() ? targetFileMode(Number(stats.mode)) : ordinaryMode(mode);
    if (bits !== ordinaryMode(mode)) modes.set(path, bits);
    yield { path, mode, stats };
  }
}

function specialType(stats: BigIntStats): Uncapturable['reason'] {
  if (stats.isSocket()) return 'socket';
  if (stats.isFIFO()) return 'FIFO';
  if (stats.isCharacterDevice()) return 'character device';
  return stats.isBlockDevice() ? 'block device' : 'unknown type';
}
