import { createHash } from 'node:crypto';
import type { BytePath } from '../core/byte-path.ts';
import type { Sha } from '../core/sha.ts';
import { fixedBytes, type IndexFile, parseIndex, type StatData, trailerBytes } from './index-file.ts';

/** An index without entries. */
export function emptyIndex(): IndexFile {
  return parseIndex(createIndexBuilder().finish());
}

/** Builds an index by appending entries, which must come in the order of `compareBytes`. */
export interface IndexBuilder {
  readonly count: number;
  add(path: BytePath, mode: number, oid: Sha, stat: StatData): void;
  /** Appends `count` entries as another index has them, one after the other. */
  addRaw(entries: Buffer, count?: number): void;
  /** What was added so far, for reading; adding more makes it stale. */
  view(): IndexFile;
  /** Completes the file with the `SCAP` extension, when given, and its checksum. The builder is used up. */
  finish(note?: Buffer): Buffer;
}

export function createIndexBuilder(expectedBytes = 65_536): IndexBuilder {
  return new Builder(expectedBytes);
}

class Builder implements IndexBuilder {
  #bytes: Buffer;
  #at = 12;
  count = 0;

  constructor(expectedBytes: number) {
    this.#bytes = Buffer.allocUnsafe(expectedBytes + 128);
  }

  add(path: BytePath, mode: number, oid: Sha, stat: StatData): void {
    const length = fixedBytes + path.length;
    const padded = length + (8 - (length % 8));
    this.#reserve(padded);
    const b = this.#bytes;
    let at = this.#at;
    for (const field of [
      stat.ctimeS,
      stat.ctimeNs,
      stat.mtimeS,
      stat.mtimeNs,
      stat.dev,
      stat.ino,
      mode,
      stat.uid,
      stat.gid,
      stat.size,
    ]) {
      at = b.writeUInt32BE(field, at);
    }
    at += b.write(oid, at, 'hex');
    at = b.writeUInt16BE(Math.min(path.length, 0xfff), at);
    at += b.write(path, at, 'latin1');
    b.fill(0, at, this.#at + padded);
    this.#at += padded;
    this.count++;
  }

  addRaw(entries: Buffer, count = 1): void {
    this.#reserve(entries.length);
    this.#at += entries.copy(this.#bytes, this.#at);
    this.count += count;
  }

  view(): IndexFile {
    return { bytes: this.#bytes.subarray(0, this.#at + trailerBytes), count: this.count, note: undefined };
  }

  finish(note?: Buffer): Buffer {
    const extensionBytes = note === undefined ? 0 : 8 + note.length;
    this.#reserve(extensionBytes + trailerBytes);
    this.#bytes.write('DIRC', 0, 'latin1');
    this.#bytes.writeUInt32BE(2, 4);
    this.#bytes.writeUInt32BE(this.count, 8);
    if (note !== undefined) {
      this.#bytes.write('SCAP', this.#at, 'latin1');
      this.#bytes.writeUInt32BE(note.length, this.#at + 4);
      note.copy(this.#bytes, this.#at + 8);
      this.#at += extensionBytes;
    }
    const body = this.#bytes.subarray(0, this.#at);
    createHash('sha1').update(body).digest().copy(this.#bytes, this.#at);
    return this.#bytes.subarray(0, this.#at + trailerBytes);
  }

  #reserve(more: number): void {
    if (this.#at + more <= this.#bytes.length) return;
    const grown = Buffer.allocUnsafe(Math.max(this.#bytes.length * 2, this.#at + more));
    this.#bytes.copy(grown, 0, 0, this.#at);
    this.#bytes = grown;
  }
}
