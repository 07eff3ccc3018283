/**
 * Makes files, links and directories below one work directory. It only ever creates: nothing that exists is opened for writing, so a file
 * that shares its inode with another revision cannot be changed through it (invariant 7).
 */
import {
  chmodSync,
  closeSync,
  fchmodSync,
  fstatSync,
  futimesSync,
  linkSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  openSync,
  symlinkSync,
} from 'node:fs';
import { type BytePath, fromText, parentPath, toFsPath } from '../../core/byte-path.ts';
import { isSystemError, ScapError } from '../../core/errors.ts';
import { gitMode, type Manifest } from '../../core/manifest.ts';
import type { Git } from '../../git/git-command.ts';
import { type StatData, toStatData } from '../../git/index-file.ts';
import { createObjectHash, objectId } from '../../git/object-id.ts';
import { streamBlobs } from '../../git/object-reader.ts';
import { writeAll } from '../../system/atomic-file.ts';
import type { TargetEntry } from './revision-source.ts';

export interface TreeMaker {
  /**
   * Writes the content of `entries` from the repository, hashing every byte on its way to the disk. Existing names are an error.
   * Throws `repository_damaged` when content and id do not belong together.
   */
  write(entries: readonly TargetEntry[], onWritten: (entry: TargetEntry, stat: StatData) => void): Promise<void>;
  /** Hard-links `path` from the tree at `fromRoot`; tells whether that was possible for this file (its link count may be full). */
  link(fromRoot: BytePath, path: BytePath): boolean;
  /** The stat data of a file of the tree. */
  stat(path: BytePath): StatData;
  /** The directories that were made or written to, the root among them. */
  readonly directories: ReadonlySet<BytePath>;
  /** Creates empty directories and gives directories the manifest names their modes. Call it last: a mode may forbid writing. */
  finish(manifest: Manifest): void;
}

export function createTreeMaker(root: string, git: Git, signal: AbortSignal): TreeMaker {
  return new Maker(fromText(root), git, signal);
}

class Maker implements TreeMaker {
  readonly #root: BytePath;
  readonly #git: Git;
  readonly #signal: AbortSignal;
  readonly directories = new Set<BytePath>(['']);

  constructor(root: BytePath, git: Git, signal: AbortSignal) {
    this.#root = root;
    this.#git = git;
    this.#signal = signal;
  }

  async write(entries: readonly TargetEntry[], onWritten: (entry: TargetEntry, stat: StatData) => void): Promise<void> {
    let writer: FileWriter | undefined;
    const onPiece = (at: number, piece: Buffer, sizeBytes: number, last: boolean) => {
      const entry = entries[at] as TargetEntry;
      writer ??= this.#start(entry, sizeBytes);
      writer.push(piece, last);
      if (!last) return;
      onWritten(entry, writer.finish());
      writer = undefined;
    };
    try {
      await streamBlobs(
        this.#git,
        entries.map(({ oid }) => oid),
        { onPiece },
        this.#signal,
      );
    } finally {
      writer?.abandon();
    }
  }

  link(fromRoot: BytePath, path: BytePath): boolean {
    this.#ensureDirectory(parentPath(path));
    try {
      linkSync(toFsPath(`${fromRoot}/${path}`), toFsPath(`${this.#root}/${path}`));
      return true;
    } catch (error) {
      if (isSystemError(error, 'EMLINK')) return false;
      throw error;
    }
  }

  stat(path: BytePath): StatData {
    return toStatData(lstatSync(toFsPath(`${this.#root}/${path}`), { bigint: true }));
  }

  finish(manifest: Manifest): void {
    for (const path of manifest.emptyDirectories) this.#ensureDirectory(path);
    // Deepest first: a parent without write or search permission would lock us out of its children.
    for (const [path, bits] of [...manifest.modes].sort(([a], [b]) => b.length - a.length))
      this.#chmodDirectory(path, bits);
  }

  /** The manifest names files too, and those are never touched once they are made. The root comes last, when the tree is in its place. */
  #chmodDirectory(path: BytePath, bits: number): void {
    if (path !== '' && isDirectoryOf(this.#root, path)) chmodSync(toFsPath(`${this.#root}/${path}`), bits);
  }

  #start(entry: TargetEntry, sizeBytes: number): FileWriter {
    this.#ensureDirectory(parentPath(entry.path));
    const at = toFsPath(`${this.#root}/${entry.path}`);
    return entry.mode === gitMode.symlink ? new SymlinkWriter(entry, at) : new RegularWriter(entry, at, sizeBytes);
  }

  #ensureDirectory(path: BytePath): void {
    if (this.directories.has(path)) return;
    this.#ensureDirectory(parentPath(path));
    try {
      mkdirSync(toFsPath(`${this.#root}/${path}`), 0o755);
    } catch (error) {
      // Only a tree that is changed in place has directories already. A link of that name would lead out of the tree.
      if (!isSystemError(error, 'EEXIST') || !lstatSync(toFsPath(`${this.#root}/${path}`)).isDirectory()) throw error;
    }
    this.directories.add(path);
  }
}

/** Tells whether a directory stands at `path` of the tree itself: a link on the way there, from whoever it is, would lead out of the tree. */
export function isDirectoryOf(root: BytePath, path: BytePath): boolean {
  if (path !== '' && !isDirectoryOf(root, parentPath(path))) return false;
  const at = toFsPath(path === '' ? root : `${root}/${path}`);
  return lstatSync(at, { throwIfNoEntry: false })?.isDirectory() === true;
}

/** Takes the content of one entry and leaves it on disk. */
interface FileWriter {
  push(piece: Buffer, last: boolean): void;
  finish(): StatData;
  abandon(): void;
}

class RegularWriter implements FileWriter {
  readonly #entry: TargetEntry;
  readonly #fd: number;
  readonly #sizeBytes: number;
  #hash: ReturnType<typeof createObjectHash> | undefined;
  #oid = '';

  constructor(entry: TargetEntry, at: string | Buffer, sizeBytes: number) {
    this.#entry = entry;
    this.#sizeBytes = sizeBytes;
    this.#fd = openSync(at, 'wx', entry.bits);
  }

  push(piece: Buffer, last: boolean): void {
    writeAll(this.#fd, piece);
    if (last && this.#hash === undefined) {
      this.#oid = objectId('blob', piece);
      return;
    }
    this.#hash ??= createObjectHash('blob', this.#sizeBytes);
    this.#hash.update(piece);
    if (last) this.#oid = this.#hash.digest();
  }

  finish(): StatData {
    const { oid, time, bits } = this.#entry;
    try {
      if (this.#oid !== oid) throw damaged(this.#entry);
      futimesSync(this.#fd, time, time);
      // The umask of whoever started the agent must not matter.
      const stats = fstatSync(this.#fd, { bigint: true });
      if ((Number(stats.mode) & 0o7777) === bits) return toStatData(stats);
      fchmodSync(this.#fd, bits);
      return toStatData(fstatSync(this.#fd, { bigint: true }));
    } finally {
      closeSync(this.#fd);
    }
  }

  abandon(): void {
    closeSync(this.#fd);
  }
}

class SymlinkWriter implements FileWriter {
  readonly #entry: TargetEntry;
  readonly #at: string | Buffer;
  readonly #pieces: Buffer[] = [];

  constructor(entry: TargetEntry, at: string | Buffer) {
    this.#entry = entry;
    this.#at = at;
  }

  push(piece: Buffer): void {
    this.#pieces.push(Buffer.from(piece));
  }

  finish(): StatData {
    const target = Buffer.concat(this.#pieces);
    if (objectId('blob', target) !== this.#entry.oid) throw damaged(this.#entry);
    symlinkSync(target, this.#at);
    lutimesSync(this.#at, this.#entry.time, this.#entry.time);
    return toStatData(lstatSync(this.#at, { bigint: true }));
  }

  abandon(): void {}
}

function damaged({ oid }: TargetEntry): ScapError {
  return new ScapError(
    'repository_damaged',
    `Cannot use object ${oid} of the target's repository: its content has another id`,
  );
}
