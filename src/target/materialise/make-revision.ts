/**
 * Makes a revision complete on this target, whatever was there before: nothing, an older revision, or a damaged one.
 *
 * The order survives a kill or a power cut at any point: build in `work/`, one flush of the file system, rename to `revs/<sha>`, index,
 * marker. Until the marker is there, the revision does not exist.
 */
import { chmodSync, existsSync, linkSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { isSystemError } from '../../core/errors.ts';
import type { Sha } from '../../core/sha.ts';
import { revisionRef } from '../../git/bundle.ts';
import { hasRef } from '../../git/repository.ts';
import { flushDirectory, flushFileSystem, writeFileAtomic } from '../../system/atomic-file.ts';
import type { TargetContext } from '../context.ts';
import { readLiveSha } from '../live-path.ts';
import { listComplete, type Marker, readMarker, removeMarker, type Strategy, writeMarker } from '../marker.ts';
import { takeSpare } from '../spare.ts';
import { type MadeTree, makeByArchive } from './archive.ts';
import {
  discard,
  findDriftOf,
  loadLinkBase,
  makeWorkRoot,
  noteDrift,
  readRevisionIndex,
  workPath,
} from './complete-revision.ts';
import { type LinkBase, linkingImpossible, makeByLink } from './link.ts';
import { applyDifference } from './recycle.ts';
import { reindexRevision, repairRevision } from './repair.ts';
import { type RevisionSource, readRevisionSource } from './revision-source.ts';

export interface MadeRevision {
  /** How it came to be complete. */
  readonly result: Strategy | 'present' | 'repaired';
  readonly files: number;
  readonly bytes: number;
  readonly drift: number;
}

/**
 * Makes `sha` complete and verified. Its objects must be in the target's repository.
 *
 * Throws `repository_damaged` when they are not, `disk_full`, `permission_denied`, `interrupted`; then nothing but litter in `work/` is left.
 */
export async function makeRevision(context: TargetContext, sha: Sha, { deep = false } = {}): Promise<MadeRevision> {
  const { layout } = context;
  const source = await readRevisionSource(context.git, sha);
  const marker = readMarker(layout, sha);
  if (marker !== undefined || (readLiveSha(layout) === sha && existsSync(layout.revision(sha)))) {
    const kept = await checkExisting(context, source, marker, deep);
    if (kept !== undefined) return kept;
  }
  // Without a marker it does not exist; something may stand there all the same when a repair failed a moment ago.
  if (existsSync(layout.revision(sha))) discard(context, sha);
  const { strategy, tree } = await build(context, source);
  context.verified.add(sha);
  return { result: strategy, files: tree.files, bytes: tree.bytes, drift: 0 };
}

/** Checks a revision that stands there already, and repairs it in place. `undefined`: it is better made anew. */
async function checkExisting(
  context: TargetContext,
  source: RevisionSource,
  marker: Marker | undefined,
  deep: boolean,
): Promise<MadeRevision | undefined> {
  const { sha } = source;
  const served = readLiveSha(context.layout) === sha;
  const found = readRevisionIndex(context, sha);
  if (found === undefined && !served) {
    discard(context, sha);
    return undefined;
  }
  const index = found ?? (await reindexRevision(context, source));
  const drift = await findDriftOf(context, source, index, marker?.verifiedAt ?? 0, deep);
  const totals = { files: index.count, bytes: marker?.bytes ?? 0, drift: drift.length };
  if (drift.length === 0 && marker !== undefined && found !== undefined) {
    context.verified.add(sha);
    return { result: 'present', ...totals };
  }
  noteDrift(context, sha, drift);
  removeMarker(context.layout, sha);
  const repaired = await repairRevision(context, source, index, drift);
  writeFileAtomic(context.layout.index(sha), repaired.index);
  declareComplete(context, sha, { ...repaired, strategy: marker?.strategy ?? 'archive' });
  context.verified.add(sha);
  return { result: 'repaired', ...totals, bytes: repaired.bytes };
}

async function build(context: TargetContext, source: RevisionSource): Promise<{ strategy: Strategy; tree: MadeTree }> {
  const recycled = await tryRecycle(context, source);
  if (recycled !== undefined) return { strategy: 'recycle', tree: recycled };
  const base = await chooseBase(context, source.sha);
  const linked = base && (await tryLink(context, source, base));
  if (linked !== undefined) return { strategy: 'link', tree: linked };
  const root = workPath(context, `archive-${source.sha}`);
  const tree = await inWorkDirectory(context, root, () => makeByArchive(context, source, root));
  await publish(context, source, root, { ...tree, strategy: 'archive' });
  return { strategy: 'archive', tree };
}

/** Turns the spare into the revision, when there is one that is still what it was. */
async function tryRecycle(context: TargetContext, source: RevisionSource): Promise<MadeTree | undefined> {
  const spare = takeSpare(context);
  if (spare === undefined || !(await hasRef(context.git, revisionRef(spare.sha)))) return undefined;
  const tree = await applyDifference(context, source, spare);
  if (tree === undefined) {
    context.notify({
      kind: 'note',
      code: 'spare.drifted',
      message: 'The spare tree had been changed on disk: making the revision without it',
    });
    return undefined;
  }
  await publish(context, source, spare.root, { ...tree, strategy: 'recycle' });
  return tree;
}

async function tryLink(context: TargetContext, source: RevisionSource, base: LinkBase): Promise<MadeTree | undefined> {
  const root = workPath(context, `link-${source.sha}`);
  try {
    const tree = await inWorkDirectory(context, root, () => makeByLink(context, source, base, root));
    await publish(context, source, root, { ...tree, strategy: 'link' });
    return tree;
  } catch (error) {
    if (!isSystemError(error, ...linkingImpossible) || error.syscall !== 'link') throw error;
    context.notify({
      kind: 'note',
      code: 'link.unavailable',
      message: `Cannot hard-link in "${context.layout.cache}" (${error.code}): writing every file instead`,
    });
    return undefined;
  }
}

/** The revision to link from: the one that is served, else the newest complete one whose objects and index are there. */
async function chooseBase(context: TargetContext, sha: Sha): Promise<LinkBase | undefined> {
  const { layout } = context;
  const live = readLiveSha(layout);
  const complete = listComplete(layout).filter((marker) => marker.sha !== sha);
  if (complete.length === 0 || !canLink(context)) return undefined;
  const marker = complete.find((candidate) => candidate.sha === live) ?? complete[0];
  return marker && loadLinkBase(context, marker.sha);
}

/** Asks the file system, every time: the answer costs three system calls and may change with a remount. */
function canLink(context: TargetContext): boolean {
  const probe = workPath(context, 'link-probe');
  const linked = `${probe}-2`;
  try {
    writeFileSync(probe, 'x', { flag: 'wx' });
    linkSync(probe, linked);
    return true;
  } catch (error) {
    if (!isSystemError(error, ...linkingImpossible)) throw error;
    context.notify({
      kind: 'note',
      code: 'link.unavailable',
      message: `Cannot hard-link in "${context.layout.cache}" (${error.code}): writing every file instead`,
    });
    return false;
  } finally {
    // Now, not with the trash: two names outside of any window would look as if somebody else had linked them.
    rmSync(probe, { force: true });
    rmSync(linked, { force: true });
  }
}

function inWorkDirectory<T>(context: TargetContext, root: string, work: () => Promise<T>): Promise<T> {
  makeWorkRoot(root);
  return orDiscard(context, root, work);
}

async function orDiscard<T>(context: TargetContext, root: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    // On a full disk the litter is what keeps the host from recovering: it goes now, not when nobody waits.
    context.trash.add(root);
    await context.trash.empty();
    throw error;
  }
}

interface Publishable {
  readonly index: Buffer;
  readonly files: number;
  readonly bytes: number;
  readonly strategy: Strategy;
}

async function publish(
  context: TargetContext,
  { sha, manifest }: RevisionSource,
  root: string,
  made: Publishable,
): Promise<void> {
  const { layout } = context;
  // Also takes away a set-gid bit the cache directory handed down.
  chmodSync(root, 0o755);
  const index = workPath(context, `index-${sha}`);
  context.trash.add(index);
  await orDiscard(context, root, async () => {
    writeFileSync(index, made.index);
    await flushFileSystem(root);
  });
  renameSync(index, layout.index(sha));
  renameSync(root, layout.revision(sha));
  // Not before: a directory that its owner may not write to cannot be moved.
  chmodSync(layout.revision(sha), manifest.modes.get('') ?? 0o755);
  flushDirectory(layout.revs);
  declareComplete(context, sha, made);
}

/** The index must be in its place; that it is there is flushed with the marker, which is in the same directory. */
function declareComplete({ layout }: TargetContext, sha: Sha, { files, bytes, strategy }: Omit<Publishable, 'index'>) {
  const now = Date.now();
  writeMarker(layout, { version: 1, sha, files, bytes, strategy, completedAt: now, verifiedAt: now });
}
