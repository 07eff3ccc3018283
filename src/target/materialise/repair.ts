/**
 * Repairs a revision in place: for the revision that is served, and for any other without making all of it anew.
 *
 * Each file is made anew in `work/` and renamed over the damaged one. A reader sees the damaged or the right file, never half of one, and a
 * file that shares its inode with another revision is not touched through it.
 */
import { randomBytes } from 'node:crypto';
import { chmodSync, lstatSync, mkdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { type BytePath, fromText, parentPath, toFsPath } from '../../core/byte-path.ts';
import { isSystemError } from '../../core/errors.ts';
import { createIndexBuilder } from '../../git/index-builder.ts';
import {
  createIndexCursor,
  gitModeOf,
  type IndexFile,
  type StatData,
  toStatData,
  unknownStat,
} from '../../git/index-file.ts';
import { flushFileSystem } from '../../system/atomic-file.ts';
import type { TargetContext } from '../context.ts';
import { removeTree } from '../trash.ts';
import { type Drift, hashOnDisk } from '../verify.ts';
import type { MadeTree } from './archive.ts';
import { listEntries, type RevisionSource, type TargetEntry } from './revision-source.ts';
import { createTreeMaker, isDirectoryOf } from './tree-maker.ts';

/** Makes the index of a revision whose index is lost, by hashing what stands on disk. What is not right is marked unknown. */
export async function reindexRevision(context: TargetContext, source: RevisionSource): Promise<IndexFile> {
  const root = context.layout.revision(source.sha);
  const builder = createIndexBuilder();
  for await (const entry of listEntries(context.git, source)) {
    builder.add(entry.path, entry.mode, entry.oid, statIfRight(root, entry) ?? unknownStat);
  }
  return builder.view();
}

function statIfRight(root: string, { path, mode, oid, time }: TargetEntry): StatData | undefined {
  try {
    const stats = lstatSync(toFsPath(`${fromText(root)}/${path}`), { bigint: true });
    const right = gitModeOf(Number(stats.mode)) === mode && stats.mtimeNs === BigInt(time) * 1_000_000_000n;
    return right && hashOnDisk(root, { path, stats }, mode) === oid ? toStatData(stats) : undefined;
  } catch (error) {
    if (isSystemError(error, 'ENOENT', 'ENOTDIR')) return undefined;
    throw error;
  }
}

/** Undoes every drift. The revision's marker must be gone before and be written after. */
export async function repairRevision(
  context: TargetContext,
  source: RevisionSource,
  index: IndexFile,
  drift: readonly Drift[],
): Promise<MadeTree> {
  const root = fromText(context.layout.revision(source.sha));
  openDirectories(source, root, drift);
  const extras = drift.filter(({ kind }) => kind === 'extra');
  for (const { path } of extras) await removeTree(`${root}/${path}`);
  const written = await rewriteFiles(context, source, root, new Set(drift.map(({ path }) => path)));
  restoreDirectories(source, root, drift);
  await flushFileSystem(context.layout.revs);
  return mergeIndex(index, written);
}

async function rewriteFiles(
  context: TargetContext,
  source: RevisionSource,
  root: BytePath,
  paths: ReadonlySet<BytePath>,
) {
  const wanted: TargetEntry[] = [];
  for await (const entry of listEntries(context.git, source)) if (paths.has(entry.path)) wanted.push(entry);
  const scratch = join(context.layout.work, `repair-${randomBytes(4).toString('hex')}`);
  mkdirSync(scratch, 0o755);
  context.trash.add(scratch);
  const written = new Map<BytePath, StatData>();
  await createTreeMaker(scratch, context.git, context.signal).write(wanted, ({ path }, stat) =>
    written.set(path, stat),
  );
  for (const { path } of wanted) {
    ensureDirectory(root, parentPath(path));
    const at = toFsPath(`${root}/${path}`);
    if (lstatSync(at, { throwIfNoEntry: false })?.isDirectory()) await removeTree(`${root}/${path}`);
    renameSync(toFsPath(`${fromText(scratch)}/${path}`), at);
  }
  return written;
}

/**
 * Directories their owner may not write to, by the manifest or by what was done to them, are opened for the repair; {@link restoreDirectories}
 * closes them. Parents first.
 */
function openDirectories({ manifest }: RevisionSource, root: BytePath, drift: readonly Drift[]): void {
  const paths = new Set(manifest.modes.keys());
  for (const { path, kind } of drift) {
    if (kind === 'mode') paths.add(path);
    for (let at = path; at !== ''; at = parentPath(at)) paths.add(parentPath(at));
  }
  for (const path of [...paths].sort((a, b) => a.length - b.length)) chmodDirectory(root, path, 0o755);
}

function restoreDirectories({ manifest }: RevisionSource, root: BytePath, drift: readonly Drift[]): void {
  for (const path of manifest.emptyDirectories) ensureDirectory(root, path);
  for (const { path, kind } of drift)
    if (kind === 'mode') chmodDirectory(root, path, manifest.modes.get(path) ?? 0o755);
  for (const [path, bits] of [...manifest.modes].sort(([a], [b]) => b.length - a.length))
    chmodDirectory(root, path, bits);
}

function chmodDirectory(root: BytePath, path: BytePath, bits: number): void {
  const at = toFsPath(path === '' ? root : `${root}/${path}`);
  if (isDirectoryOf(root, path) && (lstatSync(at).mode & 0o7777) !== bits) chmodSync(at, bits);
}

function ensureDirectory(root: BytePath, path: BytePath): void {
  if (path === '') return;
  const at = toFsPath(`${root}/${path}`);
  if (lstatSync(at, { throwIfNoEntry: false })?.isDirectory()) return;
  ensureDirectory(root, parentPath(path));
  mkdirSync(at, 0o755);
}

function mergeIndex(index: IndexFile, written: ReadonlyMap<BytePath, StatData>): MadeTree {
  const builder = createIndexBuilder(index.bytes.length);
  let bytes = 0;
  for (const cursor = createIndexCursor(index); !cursor.done; cursor.advance()) {
    const stat = written.get(cursor.path);
    if (stat) builder.add(cursor.path, cursor.mode, cursor.oid, stat);
    else builder.addRaw(cursor.raw());
    bytes += stat?.size ?? cursor.size;
  }
  return { files: builder.count, bytes, index: builder.finish() };
}
