/**
 * Writes new objects as one pack file (gitformat-pack(5)), without deltas: what a push adds becomes one file and one git process,
 * however many objects it has. Stock tools for this write a file per object (`hash-object`) or insist on names they like
 * (`fast-import`, `update-index` refuse `.GIT`).
 */
import { createHash } from 'node:crypto';
import { closeSync, ftruncateSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import { constants, createDeflate, deflate, type ZlibOptions } from 'node:zlib';
import type { Sha } from '../core/sha.ts';
import type { Git } from './git-command.ts';
import { createObjectHash, type ObjectType, objectId } from './object-id.ts';
import { sweepUnfinishedPacks } from './repository.ts';

const typeNumber: Record<ObjectType, number> = { commit: 1, tree: 2, blob: 3 };
const headerBytes = 12;
/**
 * Deflating is the cost of a first import: enough at once to use every thread of libuv's pool, few enough to bound memory, of which zlib wants
 * up to 256 KiB for each.
 */
const maxPending = 24;
const maxPendingBytes = 16 * 1024 * 1024;

export interface PackWriter extends Disposable {
  /** How many objects were added. */
  readonly count: number;
  /** Adds an object unless it was added before; returns its id. Resolves early while compression goes on in the background. */
  add(type: ObjectType, content: Buffer): Promise<Sha>;
  /** Adds a blob too large to hold in memory. Resolves with `undefined` when `pieces` do not add up to `sizeBytes`. */
  addLarge(sizeBytes: number, pieces: AsyncIterable<Buffer>): Promise<Sha | undefined>;
  /** Completes the pack and has git take it into `git`'s repository, durably. A pack without objects does nothing. */
  store(git: Git, signal?: AbortSignal): Promise<void>;
}

/** Creates a pack at the temporary path `path`, which disposal removes. */
export function createPackWriter(path: string): PackWriter {
  return new FilePackWriter(path);
}

class FilePackWriter implements PackWriter {
  readonly #path: string;
  readonly #fd: number;
  readonly #known = new Set<Sha>();
  /** Objects being deflated, the oldest first. */
  readonly #pending: { readonly job: Promise<void>; readonly bytes: number }[] = [];
  #pendingBytes = 0;
  #at = 0;
  #failure: { readonly error: unknown } | undefined;
  #closed = false;

  constructor(path: string) {
    this.#path = path;
    this.#fd = openSync(path, 'wx+', 0o600);
    this.#append(Buffer.alloc(headerBytes));
  }

  get count(): number {
    return this.#known.size;
  }

  async add(type: ObjectType, content: Buffer): Promise<Sha> {
    const oid = objectId(type, content);
    if (this.#known.has(oid)) return oid;
    this.#known.add(oid);
    this.#pending.push({ job: this.#deflateAndAppend(type, content), bytes: content.length });
    this.#pendingBytes += content.length;
    while (this.#pending.length > maxPending || this.#pendingBytes > maxPendingBytes) await this.#awaitOldest();
    this.#throwFailure();
    return oid;
  }

  async addLarge(sizeBytes: number, pieces: AsyncIterable<Buffer>): Promise<Sha | undefined> {
    await this.#drain();
    const start = this.#at;
    const hash = createObjectHash('blob', sizeBytes);
    let seenBytes = 0;
    const observed = async function* () {
      for await (const piece of pieces) {
        seenBytes += piece.length;
        hash.update(piece);
        yield piece;
      }
    };
    this.#append(entryHeader('blob', sizeBytes));
    const deflater = createDeflate({ level: constants.Z_BEST_SPEED });
    let oid: Sha | undefined;
    try {
      await pipeline(observed, deflater, async (deflated: AsyncIterable<Buffer>) => {
        for await (const piece of deflated) this.#append(piece);
      });
      if (seenBytes === sizeBytes) oid = hash.digest();
    } finally {
      // What did not come to an end, or was there before, is written over.
      if (oid === undefined || this.#known.has(oid)) this.#at = start;
    }
    if (oid !== undefined) this.#known.add(oid);
    return oid;
  }

  async store(git: Git, signal?: AbortSignal): Promise<void> {
    await this.#drain();
    if (this.count === 0) return;
    const header = Buffer.from('PACK\0\0\0\x02\0\0\0\0', 'latin1');
    header.writeUInt32BE(this.count, 8);
    writeSync(this.#fd, header, 0, headerBytes, 0);
    this.#append(this.#checksum());
    ftruncateSync(this.#fd, this.#at);
    this.#close();
    const fd = openSync(this.#path, 'r');
    sweepUnfinishedPacks(git);
    try {
      const indexPack = await git.stream(['index-pack', '--stdin'], { stdinFd: fd, signal });
      indexPack.stdout.resume();
      await indexPack.done;
    } catch (error) {
      sweepUnfinishedPacks(git);
      throw error;
    } finally {
      closeSync(fd);
    }
  }

  [Symbol.dispose](): void {
    this.#close();
    rmSync(this.#path, { force: true });
  }

  async #deflateAndAppend(type: ObjectType, content: Buffer): Promise<void> {
    try {
      const deflated = await deflateAsync(content, deflateOptions(content.length));
      if (!this.#closed) this.#append(Buffer.concat([entryHeader(type, content.length), deflated]));
    } catch (error) {
      // Reported by the next call of the owner: nobody awaits this promise by itself.
      this.#failure ??= { error };
    }
  }

  async #awaitOldest(): Promise<void> {
    const oldest = this.#pending.shift();
    await oldest?.job;
    this.#pendingBytes -= oldest?.bytes ?? 0;
  }

  #append(bytes: Buffer): void {
    for (let done = 0; done < bytes.length; )
      done += writeSync(this.#fd, bytes, done, bytes.length - done, this.#at + done);
    this.#at += bytes.length;
  }

  async #drain(): Promise<void> {
    while (this.#pending.length > 0) await this.#awaitOldest();
    this.#throwFailure();
  }

  #throwFailure(): void {
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  #checksum(): Buffer {
    const sha1 = createHash('sha1');
    const piece = Buffer.allocUnsafe(1024 * 1024);
    for (let at = 0; at < this.#at; ) {
      const length = readSync(this.#fd, piece, 0, Math.min(piece.length, this.#at - at), at);
      if (length === 0) throw new Error('the pack under construction became shorter');
      sha1.update(piece.subarray(0, length));
      at += length;
    }
    return sha1.digest();
  }

  #close(): void {
    if (!this.#closed) closeSync(this.#fd);
    this.#closed = true;
  }
}

const deflateAsync = promisify<Buffer, ZlibOptions, Buffer>(deflate);

/**
 * Options for content of which the size is known: a window and buffers that fit it. Most files are small, and setting up zlib's full 256 KiB for
 * each of them would cost more than deflating them.
 */
function deflateOptions(sizeBytes: number): ZlibOptions {
  const windowBits = Math.min(15, Math.max(9, Math.ceil(Math.log2(sizeBytes + 1))));
  return {
    level: constants.Z_BEST_SPEED,
    windowBits,
    memLevel: Math.min(8, Math.max(1, windowBits - 7)),
    chunkSize: Math.max(64, sizeBytes + (sizeBytes >> 8) + 64),
  };
}

/** Type and size of an entry: three bits of type, then the size in groups of 4, 7, 7 … bits, lowest first. */
function entryHeader(type: ObjectType, sizeBytes: number): Buffer {
  const bytes: number[] = [];
  let rest = Math.floor(sizeBytes / 16);
  let byte = (typeNumber[type] << 4) | (sizeBytes & 15);
  while (rest > 0) {
    bytes.push(byte | 0x80);
    byte = rest % 128;
    rest = Math.floor(rest / 128);
  }
  bytes.push(byte);
  return Buffer.from(bytes);
}
