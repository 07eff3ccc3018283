import { createReadStream } from 'node:fs';
import { type BytePath, fromText, toFsPath } from '../core/byte-path.ts';
import { isSystemError } from '../core/errors.ts';
import { gitMode } from '../core/manifest.ts';
import type { Sha } from '../core/sha.ts';
import { createIndexCursor, type IndexCursor, type IndexFile } from '../git/index-file.ts';
import { objectId } from '../git/object-id.ts';
import { type BlobStore, hashOnly } from './capture.ts';
import { openWalked, readWalked } from './open-file.ts';
import type { WalkedFile } from './walk.ts';

/** Content at least this large is streamed instead of held in memory. */
const largeBytes = 8 * 1024 * 1024;
/** From so many files read on, it pays to know what the base already holds (a copied `php-*` directory). */
const manyFiles = 256;

/** Reads file content into a store, skipping what the base already has. */
export interface ContentReader {
  /**
   * Reads a file and returns its blob id; `keep` says whether the store needs it. `undefined` when it could not be read as the walk saw
   * it: then it stands in `unreadable` or `torn`.
   */
  read(file: WalkedFile, entry: IndexCursor | undefined, options: { readonly keep: boolean }): Promise<Sha | undefined>;
  readonly unreadable: readonly BytePath[];
  readonly torn: readonly BytePath[];
  readonly readBytes: number;
}

export function createContentReader(root: string, base: IndexFile, store: BlobStore): ContentReader {
  return new Reader(root, base, store);
}

class Reader implements ContentReader {
  readonly unreadable: BytePath[] = [];
  readonly torn: BytePath[] = [];
  readBytes = 0;
  readonly #root: BytePath;
  readonly #base: IndexFile;
  readonly #store: BlobStore;
  #knownOids: Set<Sha> | undefined;
  #filesRead = 0;

  constructor(root: string, base: IndexFile, store: BlobStore) {
    this.#root = fromText(root);
    this.#base = base;
    this.#store = store;
  }

  async read(
    file: WalkedFile,
    entry: IndexCursor | undefined,
    { keep }: { readonly keep: boolean },
  ): Promise<Sha | undefined> {
    this.#filesRead++;
    const source = toFsPath(`${this.#root}/${file.path}`);
    const store = keep ? this.#store : hashOnly;
    try {
      const large = file.mode !== gitMode.symlink && file.stats.size >= largeBytes;
      const oid = await (large
        ? this.#readLarge(file, source, entry, store)
        : this.#readSmall(file, source, entry, store));
      if (oid === undefined) this.torn.push(file.path);
      return oid;
    } catch (error) {
      if (isSystemError(error, 'EACCES', 'EPERM')) this.unreadable.push(file.path);
      else if (isSystemError(error, 'ENOENT', 'ENOTDIR', 'EISDIR', 'EINVAL', 'ELOOP', 'ENXIO'))
        this.torn.push(file.path);
      else throw error;
      return undefined;
    }
  }

  async #readSmall(file: WalkedFile, source: string | Buffer, entry: IndexCursor | undefined, store: BlobStore) {
    const content = readWalked(source, file.stats);
    if (content === undefined || BigInt(content.length) !== file.stats.size) return undefined;
    this.readBytes += content.length;
    const oid = objectId('blob', content);
    return entry?.oid === oid || this.#isKnown(oid) ? oid : store.add('blob', content);
  }

  async #readLarge(file: WalkedFile, source: string | Buffer, entry: IndexCursor | undefined, store: BlobStore) {
    const sizeBytes = Number(file.stats.size);
    // Opened only when somebody reads: an error nobody listens for yet would end the process.
    const pieces = async function* (): AsyncGenerator<Buffer> {
      const fd = openWalked(source, file.stats);
      if (fd !== undefined) yield* createReadStream('', { fd, highWaterMark: 1024 * 1024 }) as AsyncIterable<Buffer>;
    };
    this.readBytes += sizeBytes;
    if (entry !== undefined && entry.stat.size === sizeBytes % 2 ** 32) {
      const oid = await hashOnly.addLarge(sizeBytes, pieces());
      if (oid === entry.oid) return oid;
    }
    return store.addLarge(sizeBytes, pieces());
  }

  #isKnown(oid: Sha): boolean {
    if (this.#filesRead < manyFiles) return false;
    this.#knownOids ??= collectOids(this.#base);
    return this.#knownOids.has(oid);
  }
}

function collectOids(index: IndexFile): Set<Sha> {
  const oids = new Set<Sha>();
  for (const cursor = createIndexCursor(index); !cursor.done; cursor.advance()) oids.add(cursor.oid);
  return oids;
}
