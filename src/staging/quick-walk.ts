/**
 * A walk that costs what moved: git tells which known files did, one `lstat` tells of each known directory whether it still holds the names
 * it held. Only those files are looked at, and only those directories are listed; a new directory is walked whole.
 */
import { lstatSync } from 'node:fs';
import { type BytePath, compareBytes, fromText, parentPath, toFsPath } from '../core/byte-path.ts';
import { isSystemError } from '../core/errors.ts';
import { createIndexCursor, type IndexFile } from '../git/index-file.ts';
import type { StatPass } from '../git/stat-pass.ts';
import { lookAtDirectory, stampOf } from '../system/directory-stamps.ts';
import { walkBelow } from '../system/tree-walk.ts';
import type { Excluder } from './exclude.ts';
import { hooksFor, noFindings, type StagingWalk, toWalkedFile, type UnmovedFile, type WalkedFile } from './walk.ts';
import type { WalkMemory } from './walk-memory.ts';

export interface QuickWalkOptions {
  readonly root: string;
  readonly excluder: Excluder;
  /** The index of the capture before, and what that remembered of its walk. */
  readonly base: IndexFile;
  readonly memory: WalkMemory;
  /** Looks at every file of `base`. Asked again for {@link StagingWalk.toConfirm}. */
  readonly lookAtFiles: () => Promise<StatPass | undefined>;
}

/** Looks at the directories; the files are looked at meanwhile, by somebody else. `undefined` when that cannot tell which moved. */
export async function createQuickWalk(options: QuickWalkOptions): Promise<StagingWalk | undefined> {
  const looking = options.lookAtFiles();
  looking.catch(() => {});
  const walk = new QuickWalk(options);
  walk.pass = await looking;
  return walk.pass && walk;
}

class QuickWalk implements StagingWalk {
  readonly findings = noFindings();
  pass: StatPass | undefined;
  readonly #options: QuickWalkOptions;
  /** Known directories that hold what they held. */
  readonly #settled = new Set<BytePath>();
  /** What stands in the directories that were listed, and in new ones; in index order. */
  readonly #listed: WalkedFile[];
  readonly #looked = new Set<BytePath>();

  constructor(options: QuickWalkOptions) {
    this.#options = options;
    this.#listed = this.#list();
    this.#recall();
  }

  *files(): Generator<WalkedFile | UnmovedFile, void, undefined> {
    let next = 0;
    const isBefore = (path: BytePath) => (this.#listed[next]?.path ?? '\uffff') < path;
    for (const cursor = createIndexCursor(this.#options.base); !cursor.done; cursor.advance()) {
      const { path } = cursor;
      while (isBefore(path)) yield this.#listed[next++] as WalkedFile;
      if (this.#listed[next]?.path === path) yield this.#listed[next++] as WalkedFile;
      else if (!this.#isSettled(path)) continue;
      else if (this.pass?.vouchesFor(cursor.ctimeS) && !this.pass.moved.has(path)) yield { path, stats: undefined };
      else yield* this.#movedFile(path);
    }
    yield* this.#listed.slice(next);
  }

  async toConfirm(): Promise<ReadonlySet<BytePath> | undefined> {
    const pass = await this.#options.lookAtFiles();
    return pass && new Set([...this.#looked, ...pass.moved]);
  }

  /** Looks at every known directory and lists those that are not as they were. */
  #list(): WalkedFile[] {
    const { root, memory, excluder } = this.#options;
    const known = new Set<BytePath>();
    const toList: BytePath[] = [];
    for (const [path, stamp] of memory.directories) {
      // What a link leads to is not of this tree.
      const stats = path === '' || known.has(parentPath(path)) ? lookAtDirectory(root, path) : undefined;
      if (stats === undefined) continue;
      known.add(path);
      if (stampOf(stats) !== stamp) toList.push(path);
      else {
        this.#settled.add(path);
        this.findings.directories.set(path, stamp);
      }
    }
    const hooks = { ...hooksFor(this.findings, excluder), enters: (path: BytePath) => !known.has(path) };
    const listed: WalkedFile[] = [];
    for (const path of toList) {
      const stats = lookAtDirectory(root, path);
      if (stats === undefined) this.findings.vanished.push(path);
      else for (const entry of walkBelow(root, { path, stats }, hooks)) listed.push(toWalkedFile(entry, this.findings));
    }
    for (const { path } of listed) this.#looked.add(path);
    return listed.sort((a, b) => compareBytes(a.path, b.path));
  }

  /** What the walk before found in directories that hold what they held. */
  #recall(): void {
    const { memory } = this.#options;
    const { emptyDirectories, modes, checkouts, leftOut } = this.findings;
    for (const path of memory.emptyDirectories) if (this.#settled.has(path)) emptyDirectories.add(path);
    for (const [path, bits] of memory.modes) {
      const stands = memory.directories.has(path) ? this.#settled.has(path) : this.#isSettled(path);
      if (stands) modes.set(path, bits);
    }
    checkouts.push(...memory.checkouts.filter((path) => this.#settled.has(path)));
    checkouts.sort(compareBytes);
    leftOut.excluded.push(...memory.excluded.filter((path) => this.#isSettled(path)));
    leftOut.excluded.sort(compareBytes);
    leftOut.reserved ||= memory.reserved && this.#settled.has('');
  }

  /** Whether the directory a path stands in holds what it held. */
  #isSettled(path: BytePath): boolean {
    return this.#settled.size === this.#options.memory.directories.size || this.#settled.has(parentPath(path));
  }

  *#movedFile(path: BytePath): Generator<WalkedFile, void, undefined> {
    this.#looked.add(path);
    this.findings.modes.delete(path);
    const stats = lookAtFile(`${fromText(this.#options.root)}/${path}`);
    if (stats?.isFile() || stats?.isSymbolicLink()) yield toWalkedFile({ path, stats }, this.findings);
    // Its directory was looked at a moment ago and still held it.
    else this.findings.vanished.push(path);
  }
}

function lookAtFile(path: BytePath) {
  try {
    return lstatSync(toFsPath(path), { bigint: true });
  } catch (error) {
    if (isSystemError(error, 'ENOENT', 'ENOTDIR', 'EACCES', 'EPERM', 'ELOOP')) return undefined;
    throw error;
  }
}
