/**
 * A blob in a file, read by many while it still arrives.
 *
 * The file is the buffer between the one who receives and those who are served: everybody reads from it at their own pace, so nobody holds up
 * anybody, and nothing but a piece per reader is in memory. While bytes are missing it is called `<path>.part`; under `<path>` it stands only
 * once all bytes were there and fitted the hash. Readers keep the file they opened: it may be moved or deleted meanwhile.
 */
import { createHash, type Hash } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { isSystemError, ScapError } from '../../core/errors.ts';
import { type BlobName, shortBlobName } from './blob-name.ts';
import type { Verdict } from './wire.ts';

/** What can be served. */
export interface Blob {
  readonly name: BlobName;
  /** Where its file is, once it is whole. */
  readonly path: string;
  /** How many bytes, from the first, can be read. Only grows, but for {@link IncomingBlob.refill}. */
  readonly availableBytes: number;
  /** Set once, at the end; `undefined` while bytes are awaited. */
  readonly verdict: Verdict | undefined;
  /** Fills all of `piece` from `offset` on; `offset + piece.length` must not be more than is available. */
  read(piece: Buffer, offset: number): Promise<void>;
  /** Resolves when more bytes are available, a verdict is there, or `signal` aborts; look again then. */
  changed(signal: AbortSignal): Promise<void>;
}

export interface IncomingBlob extends Blob {
  /** How many bytes were found in the file when it was opened. */
  readonly resumedBytes: number;
  /**
   * Takes the next bytes; one call at a time. Returns when they can be read, and with the last of them when the whole was checked and stands
   * under `path`.
   *
   * Throws `blob_damaged` when the whole does not fit its hash, `protocol_violation` for more bytes than there should be, `interrupted` once there is
   * a verdict, or what writing threw. After the first and the last the file is deleted: neither damage nor a full disk is to be kept.
   */
  append(piece: Buffer): Promise<void>;
  /**
   * Has another program write the file, from what is there, which it may change anywhere: nobody may be reading. When `fill` is done, all of it is
   * hashed anew: returns when it was checked and stands under `path`, throws `blob_damaged` when it is not the blob, and deletes it then.
   *
   * What `fill` throws is thrown, and what is there may be gone on with by another `fill`; after `disk_full` it is deleted.
   */
  refill(fill: (path: string) => Promise<void>): Promise<void>;
  /** Gives the bytes up as damaged and deletes them. Nothing once there is a verdict. */
  discard(): Promise<void>;
  /** Stops: those who read are told that it is `gone`, unless it is at its end. What was received stays in its file, for {@link openIncomingBlob}. */
  close(): Promise<void>;
}

/**
 * Opens the file at `path`, or the half of it that an earlier process received, whose bytes are hashed again (about a second per GB). A file that is whole
 * needs no bytes any more: its verdict is `whole` from the start. One that cannot be a part of the blob is begun anew.
 *
 * Only one process at a time: the caller holds the target's lock. Throws what the file system throws.
 */
export async function openIncomingBlob(path: string, name: BlobName, signal?: AbortSignal): Promise<IncomingBlob> {
  const part = partPath(path);
  // An earlier process called it whole; this one has to see for itself.
  await rename(path, part).catch((error: unknown) => {
    if (!isSystemError(error, 'ENOENT')) throw error;
  });
  const { O_RDWR, O_CREAT, O_NOFOLLOW } = constants;
  const file = await open(part, O_RDWR | O_CREAT | O_NOFOLLOW, 0o600);
  try {
    const found = await hashPrefix(file, name, signal);
    return await BlobFile.begin(file, { path, name, ...found });
  } catch (error) {
    await file.close();
    throw error;
  }
}

/**
 * Opens a file that holds the whole blob already, as its maker says: it is not hashed again, since everybody who takes it does that.
 * Throws `blob_damaged` when it has another size, or what the file system throws.
 */
export async function openWholeBlob(path: string, name: BlobName): Promise<Blob & { close(): Promise<void> }> {
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  const { size } = await file.stat();
  if (size === name.sizeBytes) return new BlobFile(file, { path, name, hash: undefined, sizeBytes: size }, 'whole');
  await file.close();
  throw new ScapError('blob_damaged', `Cannot serve "${path}": it has ${size} bytes, expected ${name.sizeBytes}`);
}

/** Where the bytes lie until the blob is whole. */
export function partPath(path: string): string {
  return `${path}.part`;
}

interface Found {
  readonly path: string;
  readonly name: BlobName;
  /** Over what is there; `undefined` for a blob that is taken as it is. */
  readonly hash: Hash | undefined;
  readonly sizeBytes: number;
}

class BlobFile implements IncomingBlob {
  readonly name: BlobName;
  readonly path: string;
  readonly resumedBytes: number;
  readonly #file: FileHandle;
  #hash: Hash | undefined;
  readonly #waiting = new Set<() => void>();
  #availableBytes: number;
  /** Another program has written it, and nobody has hashed it since. */
  #isUnknown = false;
  #verdict: Verdict | undefined;
  #removal: Promise<void> = Promise.resolve();

  constructor(file: FileHandle, { path, name, hash, sizeBytes }: Found, verdict?: Verdict) {
    this.#file = file;
    this.path = path;
    this.name = name;
    this.resumedBytes = sizeBytes;
    this.#hash = hash;
    this.#availableBytes = sizeBytes;
    this.#verdict = verdict;
  }

  static async begin(file: FileHandle, found: Found): Promise<BlobFile> {
    const blob = new BlobFile(file, found);
    if (found.sizeBytes === found.name.sizeBytes) await blob.#finish(0);
    return blob;
  }

  get availableBytes(): number {
    return this.#availableBytes;
  }

  get verdict(): Verdict | undefined {
    return this.#verdict;
  }

  async read(piece: Buffer, offset: number): Promise<void> {
    for (let at = 0; at < piece.length; ) {
      const { bytesRead } = await this.#file.read(piece, at, piece.length - at, offset + at);
      if (bytesRead === 0) throw new ScapError('io_failed', `Cannot read "${this.path}": somebody has cut it short`);
      at += bytesRead;
    }
  }

  async changed(signal: AbortSignal): Promise<void> {
    if (this.#verdict !== undefined || signal.aborted) return;
    await new Promise<void>((resolve) => {
      const wake = () => {
        this.#waiting.delete(wake);
        signal.removeEventListener('abort', wake);
        resolve();
      };
      this.#waiting.add(wake);
      signal.addEventListener('abort', wake);
    });
  }

  async append(piece: Buffer): Promise<void> {
    const { sizeBytes } = this.name;
    if (this.#verdict !== undefined)
      throw new ScapError('interrupted', `Stopped taking blob ${shortBlobName(this.name)}: it is ${this.#verdict}`);
    if (this.#isUnknown)
      throw new ScapError(
        'protocol_violation',
        `Cannot add to blob ${shortBlobName(this.name)}: only rsync can go on with it`,
      );
    if (this.#availableBytes + piece.length > sizeBytes)
      throw new ScapError('protocol_violation', `Cannot take a blob of ${sizeBytes} bytes: more than that came`);
    if (piece.length === 0) return;
    // Both at once: writing is another thread's work.
    const written = this.#write(piece, this.#availableBytes);
    this.#hash?.update(piece);
    try {
      await written;
      const isLast = this.#availableBytes + piece.length === sizeBytes;
      if (isLast) await this.#finish(piece.length);
      else this.#available(piece.length);
    } catch (error) {
      await this.#end(error instanceof ScapError && error.code === 'blob_damaged' ? 'damaged' : 'gone');
      throw error;
    }
  }

  async refill(fill: (path: string) => Promise<void>): Promise<void> {
    const failure = await fill(partPath(this.path)).then(
      () => undefined,
      (error: unknown) => error ?? new Error('failed'),
    );
    if (failure instanceof ScapError && failure.code === 'disk_full') {
      await this.#end('gone');
      throw failure;
    }
    if (failure !== undefined) {
      await this.#leave();
      throw failure;
    }
    const { hash, sizeBytes } = await hashPrefix(this.#file, this.name, undefined);
    this.#hash = hash;
    this.#availableBytes = sizeBytes;
    if (sizeBytes === this.name.sizeBytes) return this.#finish(0);
    await this.#end('damaged');
    throw damaged(this.name, this.resumedBytes);
  }

  async discard(): Promise<void> {
    await this.#end('damaged');
  }

  async close(): Promise<void> {
    this.#settle('gone');
    await this.#removal.catch(() => {});
    await this.#file.close();
  }

  async #write(piece: Buffer, offset: number): Promise<void> {
    try {
      for (let at = 0; at < piece.length; )
        at += (await this.#file.write(piece, at, piece.length - at, offset + at)).bytesWritten;
    } catch (error) {
      // An error of a handle does not say which file it is.
      throw error instanceof Error ? Object.assign(error, { path: partPath(this.path) }) : error;
    }
  }

  /** With the last `bytes`, which nobody may read before the verdict is known. */
  async #finish(bytes: number): Promise<void> {
    if (this.#hash?.digest('hex') !== this.name.sha256) throw damaged(this.name, this.resumedBytes);
    if (this.#verdict === undefined) await rename(partPath(this.path), this.path);
    this.#availableBytes += bytes;
    this.#settle('whole');
  }

  /** For somebody to go on with, or another process; what it is worth is seen then. */
  async #leave(): Promise<void> {
    const { size } = await this.#file.stat();
    if (size > this.name.sizeBytes) await this.#file.truncate(0);
    this.#availableBytes = size > this.name.sizeBytes ? 0 : size;
    this.#isUnknown = true;
  }

  #available(bytes: number): void {
    this.#availableBytes += bytes;
    this.#wake();
  }

  async #end(verdict: 'damaged' | 'gone'): Promise<void> {
    if (this.#verdict !== undefined) return;
    this.#removal = this.#remove();
    this.#settle(verdict);
    await this.#removal;
  }

  async #remove(): Promise<void> {
    // Those who read keep the file open for a while; its space is to be free at once.
    await this.#file.truncate(0);
    await rm(partPath(this.path), { force: true });
  }

  #settle(verdict: Verdict): void {
    this.#verdict ??= verdict;
    this.#wake();
  }

  #wake(): void {
    for (const wake of [...this.#waiting]) wake();
  }
}

const hashPieceBytes = 1024 * 1024;

/** Hashes what is there. Empties the file when there is too much, or all of it and it does not fit: nothing of that can be continued. */
async function hashPrefix(file: FileHandle, name: BlobName, signal: AbortSignal | undefined) {
  const hash = createHash('sha256');
  const buffer = Buffer.allocUnsafe(hashPieceBytes);
  let sizeBytes = 0;
  while (sizeBytes <= name.sizeBytes) {
    if (signal?.aborted) throw new ScapError('interrupted', 'Stopped looking at what was received earlier, on request');
    const { bytesRead } = await file.read(buffer, 0, buffer.length, sizeBytes);
    if (bytesRead === 0) break;
    hash.update(buffer.subarray(0, bytesRead));
    sizeBytes += bytesRead;
  }
  const isPart = sizeBytes < name.sizeBytes;
  const isWhole = sizeBytes === name.sizeBytes && hash.copy().digest('hex') === name.sha256;
  if (isPart || isWhole) return { hash, sizeBytes };
  await file.truncate(0);
  return { hash: createHash('sha256'), sizeBytes: 0 };
}

function damaged(name: BlobName, resumedBytes: number): ScapError {
  return new ScapError(
    'blob_damaged',
    `Cannot use blob ${shortBlobName(name)}: all ${name.sizeBytes} bytes arrived, and they are not the ones that were sent`,
    { hint: 'Run the same command again; nothing of it was kept', data: { sha256: name.sha256, resumedBytes } },
  );
}
