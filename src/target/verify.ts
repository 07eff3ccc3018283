/**
 * Finds where a revision on disk is not what it was when it was made.
 *
 * The quick way compares every file's stat data with the revision's index and looks for what is missing or should not be there; files whose
 * ctime moved without scap's doing are hashed. The deep way hashes everything.
 */
import { closeSync, constants, openSync, readFileSync, readlinkSync, readSync } from 'node:fs';
import { setImmediate as yieldToEvents } from 'node:timers/promises';
import { type BytePath, fromText, parentPath, toFsPath } from '../core/byte-path.ts';
import { isSystemError, ScapError } from '../core/errors.ts';
import { gitMode, type Manifest } from '../core/manifest.ts';
import type { Sha } from '../core/sha.ts';
import { createIndexCursor, type IndexCursor, type IndexFile } from '../git/index-file.ts';
import { createObjectHash } from '../git/object-id.ts';
import { type WalkedEntry, walkTree } from '../system/tree-walk.ts';
import { type CtimeWindow, isSuspicious, toCtimeMs } from './ctime-windows.ts';
import { entryBits } from './materialise/revision-source.ts';

/** One place where a revision on disk is not as it should be. */
export interface Drift {
  readonly path: BytePath;
  readonly kind: 'changed' | 'missing' | 'extra' | 'mode';
}

export interface VerifyOptions {
  /** The revision's directory. */
  readonly root: string;
  /** What it was when it was made. */
  readonly index: IndexFile;
  readonly manifest: Manifest;
  /** Hash every file, whatever its stat data say. */
  readonly deep: boolean;
  /** When content was last known to be right; milliseconds since 1970. */
  readonly verifiedAt: number;
  readonly windows: readonly CtimeWindow[];
  readonly signal: AbortSignal;
  readonly onProgress?: ((files: number) => void) | undefined;
}

/** Returns every drift, sorted by path; none means that the revision is whole. */
export async function findDrift(options: VerifyOptions): Promise<Drift[]> {
  const { root, index, manifest } = options;
  const drift: Drift[] = [];
  const missing = (entry: IndexCursor) => drift.push({ path: entry.path, kind: 'missing' });
  const directories = checkDirectories(index, manifest, drift);
  const cursor = createIndexCursor(index);
  let seen = 0;
  for (const entry of walkTree(root, {
    onDirectory: directories.see,
    onUnreadable: (path) => drift.push({ path, kind: 'mode' }),
  })) {
    if (++seen % 1024 === 0) await breathe(options, seen);
    const known = cursor.seek(entry.path, missing);
    const kind = known ? judgeFile(entry, cursor, options) : 'extra';
    if (kind) drift.push({ path: entry.path, kind });
    if (known) cursor.advance();
  }
  for (; !cursor.done; cursor.advance()) missing(cursor);
  directories.finish();
  return drift.sort((a, b) => (a.path < b.path ? -1 : 1));
}

/** Tells what is wrong with a file, given its entry in the index; `undefined` when it is right. */
export function judgeFile(
  entry: WalkedEntry,
  known: IndexCursor,
  options: Pick<VerifyOptions, 'root' | 'manifest' | 'deep' | 'verifiedAt' | 'windows'>,
): Drift['kind'] | undefined {
  const { stats, path } = entry;
  if (!known.matches(stats, { ctime: false })) return 'changed';
  if (!stats.isSymbolicLink() && (Number(stats.mode) & 0o7777) !== entryBits(options.manifest, path, known.mode))
    return 'mode';
  const suspicious = options.deep || isSuspicious(toCtimeMs(stats), options.verifiedAt, options.windows);
  return suspicious && hashOnDisk(options.root, entry, known.mode) !== known.oid ? 'changed' : undefined;
}

/** Watches the directories of a walk: modes, empty ones that are missing, and ones that should not be there. */
function checkDirectories(index: IndexFile, manifest: Manifest, drift: Drift[]) {
  const expected = expectedDirectories(index, manifest);
  return {
    see: ({ path, stats }: WalkedEntry) => {
      const known = expected.delete(path);
      if (!known) drift.push({ path, kind: 'extra' });
      else if ((Number(stats.mode) & 0o7777) !== (manifest.modes.get(path) ?? 0o755))
        drift.push({ path, kind: 'mode' });
    },
    finish: () => {
      // Directories with files in them are missed through their files.
      for (const path of expected) if (manifest.emptyDirectories.has(path)) drift.push({ path, kind: 'missing' });
    },
  };
}

function expectedDirectories(index: IndexFile, manifest: Manifest): Set<BytePath> {
  const directories = new Set<BytePath>(['']);
  const add = (path: BytePath) => {
    for (let at = path; !directories.has(at); at = parentPath(at)) directories.add(at);
  };
  // Files of one directory stand together: most have the parent of the one before.
  let last = '';
  for (const cursor = createIndexCursor(index); !cursor.done; cursor.advance()) {
    const parent = parentPath(cursor.path);
    if (parent !== last) add(parent);
    last = parent;
  }
  for (const path of manifest.emptyDirectories) add(path);
  return directories;
}

/** The id of what stands on disk; `undefined` when it cannot be read. */
export function hashOnDisk(root: string, { path, stats }: WalkedEntry, mode: number): Sha | undefined {
  const at = toFsPath(`${fromText(root)}/${path}`);
  try {
    if (mode === gitMode.symlink) {
      const target = readlinkSync(at, { encoding: 'buffer' });
      const hash = createObjectHash('blob', target.length);
      hash.update(target);
      return hash.digest();
    }
    return hashFile(at, Number(stats.size));
  } catch (error) {
    if (isSystemError(error, 'ENOENT', 'EACCES', 'EPERM', 'EINVAL', 'ELOOP')) return undefined;
    throw error;
  }
}

function hashFile(at: string | Buffer, sizeBytes: number): Sha {
  const hash = createObjectHash('blob', sizeBytes);
  if (sizeBytes <= 1024 * 1024) {
    hash.update(readFileSync(at));
    return hash.digest();
  }
  const fd = openSync(at, constants.O_RDONLY | constants.O_NOFOLLOW);
  try {
    const piece = Buffer.allocUnsafe(1024 * 1024);
    for (let length = readSync(fd, piece); length > 0; length = readSync(fd, piece))
      hash.update(piece.subarray(0, length));
    return hash.digest();
  } finally {
    closeSync(fd);
  }
}

async function breathe({ signal, onProgress }: VerifyOptions, seen: number): Promise<void> {
  await yieldToEvents();
  if (signal.aborted) throw new ScapError('interrupted', 'Stopped verifying on request');
  onProgress?.(seen);
}
