/**
 * Walks a staging tree in the order of git's index, telling files from what is left out and from what cannot be captured.
 *
 * It reads names and `lstat` data only. Nothing in the tree (`.gitignore`, `.gitattributes`, nested repositories) has a say in what is
 * found; only `.git` entries, the reserved name `.scap` at the root and configured excludes are left out, and each is counted.
 */
import { type BigIntStats, lstatSync, readdirSync } from 'node:fs';
import { type BytePath, compareBytes, fromText, joinPath, toFsPath } from '../core/byte-path.ts';
import { isSystemError } from '../core/errors.ts';
import { ordinaryMode, reservedName, targetDirectoryMode, targetFileMode } from '../core/manifest.ts';
import { gitModeOf } from '../git/index-file.ts';
import type { Excluder } from './exclude.ts';

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
  directories: number;
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
    directories: 0,
  };
  const walk = new Walk(fromText(root), excluder, findings);
  return { findings, files: () => walk.directory('', lstatSync(root, { bigint: true })) };
}

interface Named {
  readonly path: BytePath;
  readonly stats: BigIntStats;
  readonly sortKey: BytePath;
}

class Walk {
  readonly #root: BytePath;
  readonly #excluder: Excluder;
  readonly #findings: WalkFindings;

  constructor(root: BytePath, excluder: Excluder, findings: WalkFindings) {
    this.#root = root;
    this.#excluder = excluder;
    this.#findings = findings;
  }

  *directory(path: BytePath, stats: BigIntStats): Generator<WalkedFile, void, undefined> {
    const { modes, emptyDirectories } = this.#findings;
    const names = this.#list(path);
    if (names === undefined) return;
    this.#findings.directories++;
    const mode = targetDirectoryMode(Number(stats.mode));
    if (mode !== 0o755) modes.set(path, mode);
    const children = this.#examine(path, names);
    if (children.length === 0 && path !== '') emptyDirectories.add(path);
    for (const child of children) {
      if (child.stats.isDirectory()) yield* this.directory(child.path, child.stats);
      else yield this.#file(child);
    }
  }

  #file({ path, stats }: Named): WalkedFile {
    const mode = gitModeOf(Number(stats.mode));
    if (stats.isFile()) {
      const bits = targetFileMode(Number(stats.mode));
      if (bits !== ordinaryMode(mode)) this.#findings.modes.set(path, bits);
    }
    return { path, mode, stats };
  }

  #list(path: BytePath): string[] | undefined {
    try {
      return readdirSync(this.#absolute(path), { encoding: 'latin1' });
    } catch (error) {
      if (isSystemError(error, 'EACCES', 'EPERM')) this.#findings.uncapturable.push({ path, reason: 'unreadable' });
      else if (isSystemError(error, 'ENOENT', 'ENOTDIR')) this.#findings.vanished.push(path);
      else throw error;
      return undefined;
    }
  }

  /** Looks at the names of one directory and keeps what is to be captured, in index order. */
  #examine(directory: BytePath, names: readonly string[]): Named[] {
    const kept: Named[] = [];
    for (const name of names) {
      const path = joinPath(directory, name);
      if (name === '.git') this.#findings.checkouts.push(directory);
      else if (path === reservedName) this.#findings.leftOut.reserved = true;
      else this.#keep(path, kept);
    }
    return kept.sort((a, b) => compareBytes(a.sortKey, b.sortKey));
  }

  #keep(path: BytePath, kept: Named[]): void {
    const stats = lstatSync(this.#absolute(path), { bigint: true, throwIfNoEntry: false });
    if (stats === undefined) {
      this.#findings.vanished.push(path);
      return;
    }
    const isDirectory = stats.isDirectory();
    if (this.#excluder.excludes(path, isDirectory)) {
      this.#findings.leftOut.excluded.push(path);
      return;
    }
    if (isDirectory) kept.push({ path, stats, sortKey: `${path}/` });
    else if (stats.isFile() || stats.isSymbolicLink()) kept.push({ path, stats, sortKey: path });
    else this.#findings.uncapturable.push({ path, reason: specialType(stats) });
  }

  #absolute(path: BytePath): string | Buffer {
    return toFsPath(path === '' ? this.#root : `${this.#root}/${path}`);
  }
}

function specialType(stats: BigIntStats): Uncapturable['reason'] {
  if (stats.isSocket()) return 'socket';
  if (stats.isFIFO()) return 'FIFO';
  if (stats.isCharacterDevice()) return 'character device';
  return stats.isBlockDevice() ? 'block device' : 'unknown type';
}
