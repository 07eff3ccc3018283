import { type BigIntStats, lstatSync } from 'node:fs';
import { setImmediate as yieldToEvents } from 'node:timers/promises';
import { type BytePath, fromText, toFsPath } from '../core/byte-path.ts';
import { isSystemError, ScapError } from '../core/errors.ts';
import type { Sha } from '../core/sha.ts';
import { createIndexCursor, type IndexCursor, type IndexFile, type StatData, toStatData } from '../git/index-file.ts';
import { objectId } from '../git/object-id.ts';
import { lookAtDirectory, stampOf } from '../system/directory-stamps.ts';
import type { Excluder } from './exclude.ts';
import { readWalked } from './open-file.ts';
import { stagingChanged } from './refusals.ts';
import { createStagingWalk, type WalkedFile, type WalkFindings } from './walk.ts';

export interface ConfirmOptions {
  readonly root: string;
  readonly excluder: Excluder;
  /** The files to look at; default: all. The others are known not to have moved. */
  readonly toConfirm?: ReadonlySet<BytePath> | undefined;
  /** What the first pass found. */
  readonly expected: IndexFile;
  readonly findings: WalkFindings;
  /** Stat data of entries that `expected` marks unknown. */
  readonly young: ReadonlyMap<BytePath, StatData>;
  /** Files whose stat data cannot vouch for their content yet. */
  readonly rehash: ReadonlyMap<BytePath, Sha>;
  readonly inScope: (path: BytePath) => boolean;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Looks at the tree again and throws `staging_changed`, naming every path, when anything in scope is not as the first pass saw it.
 *
 * Directories whose ctime stayed the same need not be listed again. Only when one moved, or is too young to tell, the tree is walked: an
 * excluded file that came or went is no change.
 */
export async function confirmSnapshot(options: ConfirmOptions): Promise<void> {
  if (!(await isUnmoved(options))) await walkAgain(options);
}

/** Tells whether nothing at all moved, by `lstat` alone. */
async function isUnmoved(options: ConfirmOptions): Promise<boolean> {
  const { root, findings, expected, young, rehash, toConfirm, signal } = options;
  if (findings.unsettled || rehash.size > 0) return false;
  const at = fromText(root);
  for (const [path, stamp] of findings.directories) {
    const stats = lookAtDirectory(root, path);
    if (stats === undefined || stampOf(stats) !== stamp) return false;
  }
  let seen = 0;
  for (const cursor = createIndexCursor(expected); !cursor.done; cursor.advance()) {
    if (++seen % 1024 === 0) await breathe(signal);
    if (toConfirm !== undefined && !toConfirm.has(cursor.path)) continue;
    const stats = look(`${at}/${cursor.path}`);
    const known = young.get(cursor.path);
    const same = stats && (known ? isSameStat(known, toStatData(stats)) : cursor.matches(stats, { ctime: true }));
    if (!same) return false;
  }
  return true;
}

function look(path: BytePath): BigIntStats | undefined {
  try {
    return lstatSync(toFsPath(path), { bigint: true, throwIfNoEntry: false });
  } catch (error) {
    if (isSystemError(error, 'EACCES', 'EPERM')) return undefined;
    throw error;
  }
}

/** Walks the tree again and throws `staging_changed`, naming every path, when anything in scope is not as the first pass saw it. */
async function walkAgain(options: ConfirmOptions): Promise<void> {
  const torn: BytePath[] = [];
  const report = (path: BytePath) => {
    if (options.inScope(path)) torn.push(path);
  };
  const walk = createStagingWalk(options.root, options.excluder);
  const cursor = createIndexCursor(options.expected);
  let seen = 0;
  for (const file of walk.files() as Generator<WalkedFile>) {
    if (++seen % 1024 === 0) await breathe(options.signal);
    const known = cursor.seek(file.path, (missing) => report(missing.path));
    if (!known || !isAsSeen(cursor, file, options)) report(file.path);
    if (known) cursor.advance();
  }
  for (; !cursor.done; cursor.advance()) report(cursor.path);
  for (const path of differingDirectories(options.findings, walk.findings)) report(path);
  if (torn.length > 0) throw stagingChanged([...new Set(torn)]);
}

function isAsSeen(entry: IndexCursor, file: WalkedFile, { root, young, rehash }: ConfirmOptions): boolean {
  const expected = young.get(file.path);
  const sameStat = expected ? isSameStat(expected, toStatData(file.stats)) : entry.matches(file.stats, { ctime: true });
  // A link is read by its path alone: one in a directory that was swapped out and back would not be told by its stat data.
  const oid = rehash.get(file.path) ?? (file.stats.isSymbolicLink() ? entry.oid : undefined);
  return sameStat && (oid === undefined || hashNow(root, file) === oid);
}

function isSameStat(a: StatData, b: StatData): boolean {
  return (Object.keys(a) as (keyof StatData)[]).every((field) => a[field] === b[field]);
}

function hashNow(root: string, { path, stats }: WalkedFile): Sha | undefined {
  const source = toFsPath(`${fromText(root)}/${path}`);
  try {
    const content = readWalked(source, stats);
    return content && objectId('blob', content);
  } catch (error) {
    if (isSystemError(error)) return undefined;
    throw error;
  }
}

function differingDirectories(a: WalkFindings, b: WalkFindings): BytePath[] {
  const differs: BytePath[] = [];
  for (const path of new Set([...a.emptyDirectories, ...b.emptyDirectories])) {
    if (a.emptyDirectories.has(path) !== b.emptyDirectories.has(path)) differs.push(path);
  }
  for (const path of new Set([...a.modes.keys(), ...b.modes.keys()])) {
    if (a.modes.get(path) !== b.modes.get(path)) differs.push(path);
  }
  return [...differs, ...b.vanished];
}

async function breathe(signal: AbortSignal | undefined): Promise<void> {
  await yieldToEvents();
  if (signal?.aborted) throw new ScapError('interrupted', 'Stopped reading the staging tree on request');
}
