/**
 * `staging.index`: for every file of a revision, the stat data it had in staging when it was captured. With it the next capture reads
 * only what changed since.
 *
 * It always mirrors one revision exactly (without `.scap/manifest.json`): an entry either has stat data that vouch for its content or is
 * marked unknown. The file says which revision and which staging directory it is about; losing it costs time, never correctness.
 */
import { readFileSync } from 'node:fs';
import { isSystemError, ScapError } from '../core/errors.ts';
import { manifestPath } from '../core/manifest.ts';
import { isSha, type Sha } from '../core/sha.ts';
import type { Git } from '../git/git-command.ts';
import { createIndexBuilder, emptyIndex } from '../git/index-builder.ts';
import { createIndexCursor, type IndexCursor, type IndexFile, parseIndex, unknownStat } from '../git/index-file.ts';
import { readSizes } from '../git/object-reader.ts';
import { diffTrees, listTree, type TreeChange } from '../git/raw-diff.ts';

/** What the index says about itself, in its `SCAP` extension. */
export interface IndexNote {
  readonly revision: Sha;
  /** Absolute path of the staging directory. */
  readonly staging: string;
  /** What the capture remembered of its walk; JSON. */
  readonly walk?: unknown;
}

export function encodeNote(note: IndexNote): Buffer {
  return Buffer.from(JSON.stringify(note));
}

/** What the index at `path` is about; `undefined` when there is none that can be used. */
export function readIndexNote(path: string): IndexNote | undefined {
  return decodeNote(readIndex(path)?.note);
}

export interface MirrorOptions {
  readonly git: Git;
  /** Where `staging.index` lies. */
  readonly path: string;
  readonly staging: string;
  /** The revision to mirror; `undefined` when there is none yet. */
  readonly revision: Sha | undefined;
}

/**
 * Loads the index as a mirror of `revision`. An index of another revision is carried over by the difference between the two; one that is
 * missing, damaged or about another directory is made anew without stat data.
 */
export async function loadStagingIndex({ git, path, staging, revision }: MirrorOptions): Promise<StagingIndex> {
  if (revision === undefined) return { index: emptyIndex(), walk: undefined };
  const found = readIndex(path);
  const note = found && decodeNote(found.note);
  if (found !== undefined && note?.staging === staging && note.revision === revision)
    return { index: found, walk: note.walk };
  const index = await mirror(git, note?.staging === staging ? found : undefined, note?.revision, revision);
  return { index, walk: undefined };
}

export interface StagingIndex {
  readonly index: IndexFile;
  /** What the capture that wrote the file remembered of its walk; only when `index` is the file, unaltered. */
  readonly walk: unknown;
}

async function mirror(
  git: Git,
  found: IndexFile | undefined,
  about: Sha | undefined,
  revision: Sha,
): Promise<IndexFile> {
  if (found === undefined || about === undefined) return indexOfTree(git, revision);
  try {
    return await carryOver(git, found, await diffTrees(git, about, revision));
  } catch (error) {
    // The revision the index is about may have been pruned.
    if (error instanceof ScapError && error.code === 'process_failed') return indexOfTree(git, revision);
    throw error;
  }
}

/** Every file of a tree, its stat data unknown. */
async function indexOfTree(git: Git, revision: Sha): Promise<IndexFile> {
  const builder = createIndexBuilder();
  for await (const { path, mode, oid, sizeBytes } of listTree(git, revision, { sizes: true })) {
    if (path !== manifestPath) builder.add(path, mode, oid, { ...unknownStat, size: sizeBytes % 2 ** 32 });
  }
  return builder.view();
}

/** The index of one revision turned into that of another, keeping the stat data of what is the same in both. */
async function carryOver(git: Git, from: IndexFile, changes: readonly TreeChange[]): Promise<IndexFile> {
  const relevant = changes.filter(({ path }) => path !== manifestPath);
  const gained = relevant.flatMap((change) => (change.new ? [change.new] : []));
  const sizes = await readSizes(
    git,
    gained.map(({ oid }) => oid),
  );
  const builder = createIndexBuilder(from.bytes.length);
  const cursor = createIndexCursor(from);
  const keep = (entry: IndexCursor) => builder.addRaw(entry.raw());
  for (const { path, new: side } of relevant) {
    if (cursor.seek(path, keep)) cursor.advance();
    if (side) builder.add(path, side.mode, side.oid, { ...unknownStat, size: (sizes.get(side.oid) ?? 0) % 2 ** 32 });
  }
  for (; !cursor.done; cursor.advance()) keep(cursor);
  return builder.view();
}

function readIndex(path: string): IndexFile | undefined {
  try {
    return parseIndex(readFileSync(path));
  } catch (error) {
    if (isSystemError(error, 'ENOENT') || error instanceof ScapError) return undefined;
    throw error;
  }
}

function decodeNote(bytes: Buffer | undefined): IndexNote | undefined {
  try {
    const note = JSON.parse(bytes?.toString('utf8') ?? '') as IndexNote;
    return isSha(note.revision) && typeof note.staging === 'string' ? note : undefined;
  } catch {
    return undefined;
  }
}
