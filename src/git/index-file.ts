/**
 * Git's index file, version 2 (gitformat-index(5)): the sorted list of a tree's files with the stat data each had when its content
 * was last known. Comparing stat data finds what changed without reading content.
 *
 * It is read in place, entry by entry, and written by appending: a tree of 400,000 files costs one buffer, no objects. Stock git reads
 * the result (`GIT_INDEX_FILE=… git diff-files`). What scap must remember beside the entries is an optional extension, `SCAP`.
 */
import { createHash } from 'node:crypto';
import type { BigIntStats } from 'node:fs';
import { type BytePath, compareBytes } from '../core/byte-path.ts';
import { ScapError } from '../core/errors.ts';
import type { Sha } from '../core/sha.ts';

/** Stat data as the index stores it: each field modulo 2^32. */
export interface StatData {
  readonly ctimeS: number;
  readonly ctimeNs: number;
  readonly mtimeS: number;
  readonly mtimeNs: number;
  readonly dev: number;
  readonly ino: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
}

/** Stat data that no file has: the entry's content must be looked at again. */
export const unknownStat: StatData = {
  ctimeS: 0,
  ctimeNs: 0,
  mtimeS: 0,
  mtimeNs: 0,
  dev: 0,
  ino: 0,
  uid: 0,
  gid: 0,
  size: 0,
};

const billion = 1_000_000_000n;

export function toStatData(stats: BigIntStats): StatData {
  return {
    ctimeS: secondsOf(stats.ctimeNs),
    ctimeNs: nanosecondsOf(stats.ctimeNs),
    mtimeS: secondsOf(stats.mtimeNs),
    mtimeNs: nanosecondsOf(stats.mtimeNs),
    dev: low32(stats.dev),
    ino: low32(stats.ino),
    uid: low32(stats.uid),
    gid: low32(stats.gid),
    size: low32(stats.size),
  };
}

/** Rounded down, also before 1970. */
function secondsOf(ns: bigint): number {
  return Number((ns < 0n ? ns - 999_999_999n : ns) / billion) >>> 0;
}

function nanosecondsOf(ns: bigint): number {
  const rest = Number(ns % billion);
  return rest < 0 ? rest + 1_000_000_000 : rest;
}

function low32(value: bigint): number {
  return Number(value & 0xffff_ffffn);
}

export interface IndexEntry {
  readonly path: BytePath;
  /** Git's mode: 0100644, 0100755 or 0120000. */
  readonly mode: number;
  readonly oid: Sha;
  readonly stat: StatData;
}

/** Bytes of an entry before its path. */
export const fixedBytes = 62;
/** Bytes of the checksum at the end. */
export const trailerBytes = 20;

/** A parsed index. Iterate with {@link createIndexCursor}. */
export interface IndexFile {
  readonly bytes: Buffer;
  readonly count: number;
  /** Content of the `SCAP` extension, when there is one. */
  readonly note: Buffer | undefined;
}

/**
 * Parses an index of version 2. Entries are not copied: `bytes` must not change afterwards.
 *
 * Throws `io_failed` when the checksum does not hold or the version is another; the caller then does without it.
 */
export function parseIndex(bytes: Buffer): IndexFile {
  const sound =
    bytes.length >= 12 + trailerBytes &&
    bytes.toString('latin1', 0, 4) === 'DIRC' &&
    bytes.readUInt32BE(4) === 2 &&
    createHash('sha1').update(bytes.subarray(0, -trailerBytes)).digest().equals(bytes.subarray(-trailerBytes));
  if (!sound) throw new ScapError('io_failed', 'Cannot use an index file: it is damaged or of another version');
  const count = bytes.readUInt32BE(8);
  let at = 12;
  for (let i = 0; i < count; i++) at = nextEntryAt(bytes, at);
  return { bytes, count, note: findExtension(bytes, at, 'SCAP') };
}

function findExtension(bytes: Buffer, from: number, name: string): Buffer | undefined {
  for (let at = from; at + 8 <= bytes.length - trailerBytes; ) {
    const length = bytes.readUInt32BE(at + 4);
    if (bytes.toString('latin1', at, at + 4) === name) return bytes.subarray(at + 8, at + 8 + length);
    at += 8 + length;
  }
  return undefined;
}

/** Where the path of the entry at `at` ends. */
export function pathEndAt(bytes: Buffer, at: number): number {
  const length = bytes.readUInt16BE(at + 60) & 0xfff;
  return length < 0xfff ? at + fixedBytes + length : bytes.indexOf(0, at + fixedBytes);
}

/** Where the entry after the one at `at` begins. */
export function nextEntryAt(bytes: Buffer, at: number): number {
  const length = pathEndAt(bytes, at) - at;
  return at + length + (8 - (length % 8));
}

/** Walks an index in order. Fields describe the current entry and are valid until `done`. */
export interface IndexCursor {
  readonly done: boolean;
  readonly path: BytePath;
  readonly mode: number;
  readonly size: number;
  readonly ctimeS: number;
  readonly mtimeS: number;
  readonly oid: Sha;
  readonly stat: StatData;
  advance(): void;
  /** Skips entries before `path`; `skipped` is told each. Tells whether the current entry is `path`. */
  seek(path: BytePath, skipped?: (cursor: IndexCursor) => void): boolean;
  /** Tells whether type, size, times, inode and mode bits git records are those of `stats`; ctime on request only. */
  matches(stats: BigIntStats, options: { readonly ctime: boolean }): boolean;
  /** The bytes of the current entry, padding included, as `IndexBuilder.addRaw` takes them. */
  raw(): Buffer;
}

/** Starts at the first entry, or where `from` says: the offset of an entry, and how many there are from there on. */
export function createIndexCursor(
  file: IndexFile,
  from: { readonly at: number; readonly left: number } = { at: 12, left: file.count },
): IndexCursor {
  return new Cursor(file.bytes, from.at, from.left);
}

class Cursor implements IndexCursor {
  readonly #bytes: Buffer;
  #left: number;
  #at: number;
  path: BytePath = '';

  constructor(bytes: Buffer, at: number, left: number) {
    this.#bytes = bytes;
    this.#at = at;
    this.#left = left;
    this.#readPath();
  }

  get done(): boolean {
    return this.#left === 0;
  }
  get mode(): number {
    return this.#u32(24);
  }
  get size(): number {
    return this.#u32(36);
  }
  get ctimeS(): number {
    return this.#u32(0);
  }
  get mtimeS(): number {
    return this.#u32(8);
  }
  get oid(): Sha {
    return this.#bytes.toString('hex', this.#at + 40, this.#at + 60) as Sha;
  }
  get stat(): StatData {
    return {
      ctimeS: this.#u32(0),
      ctimeNs: this.#u32(4),
      mtimeS: this.#u32(8),
      mtimeNs: this.#u32(12),
      dev: this.#u32(16),
      ino: this.#u32(20),
      uid: this.#u32(28),
      gid: this.#u32(32),
      size: this.#u32(36),
    };
  }

  advance(): void {
    this.#at = nextEntryAt(this.#bytes, this.#at);
    this.#left--;
    this.#readPath();
  }

  seek(path: BytePath, skipped?: (cursor: IndexCursor) => void): boolean {
    while (!this.done) {
      const order = compareBytes(this.path, path);
      if (order >= 0) return order === 0;
      skipped?.(this);
      this.advance();
    }
    return false;
  }

  matches(stats: BigIntStats, { ctime }: { readonly ctime: boolean }): boolean {
    return (
      this.#u32(36) === low32(stats.size) &&
      this.#u32(20) === low32(stats.ino) &&
      sameTime(stats.mtimeNs, this.#u32(8), this.#u32(12)) &&
      (!ctime || sameTime(stats.ctimeNs, this.#u32(0), this.#u32(4))) &&
      this.mode === gitModeOf(Number(stats.mode))
    );
  }

  raw(): Buffer {
    return this.#bytes.subarray(this.#at, nextEntryAt(this.#bytes, this.#at));
  }

  #u32(offset: number): number {
    return this.#bytes.readUInt32BE(this.#at + offset);
  }

  #readPath(): void {
    if (this.#left > 0)
      this.path = this.#bytes.toString('latin1', this.#at + fixedBytes, pathEndAt(this.#bytes, this.#at));
  }
}

function sameTime(ns: bigint, seconds: number, nanoseconds: number): boolean {
  return nanosecondsOf(ns) === nanoseconds && secondsOf(ns) === seconds;
}

/** Git's mode for what `lstat` found, or 0 for what git cannot store. */
export function gitModeOf(stMode: number): number {
  const type = stMode & 0o170000;
  if (type === 0o120000) return 0o120000;
  if (type === 0o100000) return stMode & 0o100 ? 0o100755 : 0o100644;
  return 0;
}
