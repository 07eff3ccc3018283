/** Random access to an index: finds entries by path without a look at those in between. */
import type { BytePath } from '../core/byte-path.ts';
import {
  createIndexCursor,
  fixedBytes,
  type IndexCursor,
  type IndexFile,
  nextEntryAt,
  pathEndAt,
} from './index-file.ts';

/** Entries are numbered from 0, in index order. */
export interface IndexLookup {
  readonly count: number;
  /** The number of the first entry whose path is not before `path`; `count` when all are. */
  lowerBound(path: BytePath): number;
  /** The number of the entry of `path`, or -1. */
  find(path: BytePath): number;
  pathOf(entry: number): BytePath;
  ctimeS(entry: number): number;
  mtimeS(entry: number): number;
  size(entry: number): number;
  /** The cursor of one entry. */
  at(entry: number): IndexCursor;
  /** The bytes of the entries from `from` up to but not including `to`, as `IndexBuilder.addRaw` takes them. */
  raw(from: number, to: number): Buffer;
  /** The names of files and directories right below a directory. */
  namesIn(directory: BytePath): Set<string>;
}

export function createIndexLookup(file: IndexFile): IndexLookup {
  return new Lookup(file);
}

class Lookup implements IndexLookup {
  readonly #file: IndexFile;
  /** Where each entry begins; one more for the end of the last. */
  readonly #starts: Uint32Array;

  constructor(file: IndexFile) {
    this.#file = file;
    this.#starts = new Uint32Array(file.count + 1);
    let at = 12;
    for (let entry = 0; entry < file.count; entry++) {
      this.#starts[entry] = at;
      at = nextEntryAt(file.bytes, at);
    }
    this.#starts[file.count] = at;
  }

  get count(): number {
    return this.#file.count;
  }

  lowerBound(path: BytePath): number {
    let low = 0;
    let high = this.count;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.pathOf(middle) < path) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  find(path: BytePath): number {
    const entry = this.lowerBound(path);
    return entry < this.count && this.pathOf(entry) === path ? entry : -1;
  }

  pathOf(entry: number): BytePath {
    const start = this.#start(entry);
    return this.#file.bytes.toString('latin1', start + fixedBytes, pathEndAt(this.#file.bytes, start));
  }

  ctimeS(entry: number): number {
    return this.#file.bytes.readUInt32BE(this.#start(entry));
  }

  mtimeS(entry: number): number {
    return this.#file.bytes.readUInt32BE(this.#start(entry) + 8);
  }

  size(entry: number): number {
    return this.#file.bytes.readUInt32BE(this.#start(entry) + 36);
  }

  at(entry: number): IndexCursor {
    return createIndexCursor(this.#file, { at: this.#start(entry), left: this.count - entry });
  }

  raw(from: number, to: number): Buffer {
    return this.#file.bytes.subarray(this.#start(from), this.#start(to));
  }

  namesIn(directory: BytePath): Set<string> {
    const prefix = directory === '' ? '' : `${directory}/`;
    const names = new Set<string>();
    for (let entry = this.lowerBound(prefix); entry < this.count; ) {
      const path = this.pathOf(entry);
      if (!path.startsWith(prefix)) break;
      const slash = path.indexOf('/', prefix.length);
      names.add(slash < 0 ? path.slice(prefix.length) : path.slice(prefix.length, slash));
      // Past everything below a directory: "0" is the byte after "/".
      entry = slash < 0 ? entry + 1 : this.lowerBound(`${path.slice(0, slash)}0`);
    }
    return names;
  }

  #start(entry: number): number {
    return this.#starts[entry] as number;
  }
}
