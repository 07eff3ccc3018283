/**
 * What can be done with a revision that is complete on this target, or claims to be: verify it, link from it, throw it away.
 */
import { randomBytes } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { toDisplayPath } from '../../core/byte-path.ts';
import { isSystemError, ScapError } from '../../core/errors.ts';
import type { Sha } from '../../core/sha.ts';
import { revisionRef } from '../../git/bundle.ts';
import { type IndexFile, parseIndex } from '../../git/index-file.ts';
import { hasRef } from '../../git/repository.ts';
import type { TargetContext } from '../context.ts';
import { readWindows } from '../ctime-windows.ts';
import { readMarker, removeMarker } from '../marker.ts';
import { checkByStat } from '../stat-check.ts';
import { type Drift, findDrift } from '../verify.ts';
import type { LinkBase } from './link.ts';
import type { RecyclableTree } from './recycle.ts';
import { type RevisionSource, readRevisionSource } from './revision-source.ts';

/** Verifies a complete revision by stat data (see `verify`). Throws `revision_incomplete` when it has no marker or no index. */
export async function verifyComplete(context: TargetContext, sha: Sha, { deep = false } = {}): Promise<Drift[]> {
  const marker = readMarker(context.layout, sha);
  const index = readRevisionIndex(context, sha);
  if (marker === undefined || index === undefined) {
    throw new ScapError('revision_incomplete', `Cannot use revision ${sha}: it is not complete on this target`, {
      hint: 'Fetch it again with: scap push',
    });
  }
  return findDriftOf(context, await readRevisionSource(context.git, sha), index, marker.verifiedAt, deep);
}

/** Finds drift in the revision's directory; `verifiedAt` says when its content was last known to be right, in milliseconds since 1970. */
export async function findDriftOf(
  context: TargetContext,
  source: RevisionSource,
  index: IndexFile,
  verifiedAt: number,
  deep: boolean,
): Promise<Drift[]> {
  const { layout, git, signal } = context;
  const options = {
    root: layout.revision(source.sha),
    index,
    manifest: source.manifest,
    verifiedAt,
    windows: readWindows(layout),
    signal,
  };
  if (!deep && (await checkByStat({ ...options, git, indexPath: layout.index(source.sha) }))) return [];
  return findDrift({
    ...options,
    deep,
    onProgress: (done) => context.notify({ kind: 'progress', step: 'verify', unit: 'files', done, total: index.count }),
  });
}

/** What linking from a complete revision needs; `undefined` when its objects or its index are missing. */
export async function loadLinkBase(context: TargetContext, sha: Sha): Promise<LinkBase | undefined> {
  const marker = readMarker(context.layout, sha);
  const index = readRevisionIndex(context, sha);
  if (marker === undefined || index === undefined || !(await hasRef(context.git, revisionRef(sha)))) return undefined;
  const source = await readRevisionSource(context.git, sha);
  const drift = await findDriftOf(context, source, index, marker.verifiedAt, false);
  noteDrift(context, sha, drift);
  return { source, index, drifted: new Set(drift.map(({ path }) => path)) };
}

/** Takes a revision out of the set of complete ones and throws it away. */
export function discard(context: TargetContext, sha: Sha): void {
  const retired = retire(context, sha);
  if (retired !== undefined) context.trash.add(retired.root);
}

/** Takes a revision out of the set of complete ones and moves it into `work/`. `undefined` when there is nothing of it worth keeping. */
export function retire(context: TargetContext, sha: Sha): RecyclableTree | undefined {
  const { layout, trash } = context;
  const marker = readMarker(layout, sha);
  const index = readRevisionIndex(context, sha);
  removeMarker(layout, sha);
  // Under a name of its own: the trash is emptied later, when the revision may have been made again.
  const indexPath = workPath(context, 'retired-index');
  if (index !== undefined) renameSync(layout.index(sha), indexPath);
  else rmSync(layout.index(sha), { force: true });
  trash.add(indexPath);
  if (!existsSync(layout.revision(sha))) return undefined;
  const root = workPath(context, `retired-${sha}`);
  // A root that its owner may not write to cannot be moved.
  chmodSync(layout.revision(sha), 0o755);
  renameSync(layout.revision(sha), root);
  if (marker !== undefined && index !== undefined)
    return { sha, root, index, indexPath, verifiedAt: marker.verifiedAt, moved: undefined };
  trash.add(root);
  return undefined;
}

/** Reads a revision's index; `undefined` when it is missing or damaged. */
export function readRevisionIndex({ layout }: TargetContext, sha: Sha): IndexFile | undefined {
  try {
    return parseIndex(readFileSync(layout.index(sha)));
  } catch (error) {
    if (isSystemError(error, 'ENOENT') || error instanceof ScapError) return undefined;
    throw error;
  }
}

/** Tells people that files had been changed; what is done about it is said elsewhere. */
export function noteDrift(context: TargetContext, sha: Sha, drift: readonly Drift[]): void {
  if (drift.length === 0) return;
  const shown = drift.slice(0, 5).map(({ path, kind }) => `${toDisplayPath(path) || '.'} (${kind})`);
  const more = drift.length > shown.length ? ` and ${drift.length - shown.length} more` : '';
  const message = `Revision ${sha.slice(0, 12)} had been changed on disk: ${shown.join(', ')}${more}`;
  context.notify({ kind: 'note', code: 'drift.found', message });
}

/** A new name in `work/`. */
export function workPath({ layout }: TargetContext, name: string): string {
  return join(layout.work, `${name}-${randomBytes(4).toString('hex')}`);
}

/** Makes the root of a tree under construction. Its mode is exact: a set-gid bit of the cache directory is not handed down into revisions. */
export function makeWorkRoot(path: string): void {
  mkdirSync(path, 0o755);
  chmodSync(path, 0o755);
}
