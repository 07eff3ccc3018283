/**
 * The spare: a tree that already equals the live revision, lying ready in `work/` to become the next one. With it, making a revision costs
 * what changed and one look at every file, not a link for every file.
 *
 * It is prepared after a run, when nobody waits any more: out of the revision that retention has just given up, by applying the difference,
 * or else by linking. It is a convenience: without it, or when it was touched, a revision is made by other means.
 */
import { existsSync, mkdirSync, readFileSync, renameSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { isSystemError, ScapError, toErrorReport } from '../core/errors.ts';
import { isSha, type Sha } from '../core/sha.ts';
import { revisionRef } from '../git/bundle.ts';
import { createIndexBuilder } from '../git/index-builder.ts';
import { createIndexCursor, type IndexFile, parseIndex, unknownStat } from '../git/index-file.ts';
import { hasRef } from '../git/repository.ts';
import { flushFileSystem, writeFileAtomic } from '../system/atomic-file.ts';
import type { TargetContext } from './context.ts';
import type { TargetLayout } from './layout.ts';
import { readLiveSha } from './live-path.ts';
import { loadLinkBase, makeWorkRoot, workPath } from './materialise/complete-revision.ts';
import { type LinkBase, makeByLink } from './materialise/link.ts';
import { applyDifference, findMovedStats, type RecyclableTree } from './materialise/recycle.ts';
import { readRevisionSource } from './materialise/revision-source.ts';

const directoryName = 'spare';

function spareDirectory(layout: TargetLayout): string {
  return join(layout.work, directoryName);
}

/** Whether a name in `work/` is a spare that is ready, to be spared by the sweep. */
export function isReadySpare(layout: TargetLayout, name: string): boolean {
  return name === directoryName && existsSync(join(spareDirectory(layout), 'ready.json'));
}

/** A spare that was looked at ahead of the run and found whole. */
export interface CheckedSpare {
  readonly identity: string;
  readonly tree: RecyclableTree;
}

/**
 * Looks at the spare while there is time, so that the run does not have to; what it returns is for {@link takeSpare}.
 * Changes nothing and needs no lock.
 */
export async function checkSpareAhead(context: TargetContext): Promise<CheckedSpare | undefined> {
  const directory = spareDirectory(context.layout);
  if (!isReadySpare(context.layout, directoryName)) return undefined;
  const identity = spareIdentity(directory);
  const tree = readSpare(directory);
  const moved = tree && (await findMovedStats(context, tree));
  return moved && { identity, tree: { ...tree, moved } };
}

/** Tells one spare from the next: each has a file of its own that says it is ready. */
function spareIdentity(directory: string): string {
  const { ino, ctimeNs } = statSync(join(directory, 'ready.json'), { bigint: true });
  return `${ino}:${ctimeNs}`;
}

function readSpare(directory: string): RecyclableTree | undefined {
  try {
    const { sha, verifiedAt } = JSON.parse(readFileSync(join(directory, 'ready.json'), 'utf8')) as Record<
      string,
      unknown
    >;
    if (!isSha(sha) || typeof verifiedAt !== 'number') return undefined;
    return {
      sha,
      verifiedAt,
      root: join(directory, 'tree'),
      index: parseIndex(readFileSync(join(directory, 'index'))),
      indexPath: join(directory, 'index'),
      moved: undefined,
    };
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof ScapError || isSystemError(error, 'ENOENT')) return undefined;
    throw error;
  }
}

/** Takes the spare, if there is one: from now on it is the caller's, and litter when the caller dies. */
export function takeSpare(context: TargetContext): RecyclableTree | undefined {
  const { layout, trash } = context;
  if (!isReadySpare(layout, directoryName)) return undefined;
  const identity = spareIdentity(spareDirectory(layout));
  const directory = workPath(context, 'taken-spare');
  renameSync(spareDirectory(layout), directory);
  trash.add(directory);
  const ahead = context.checkedSpare;
  return ahead?.identity === identity
    ? { ...ahead.tree, root: join(directory, 'tree'), indexPath: join(directory, 'index') }
    : readSpare(directory);
}

/**
 * Makes the spare for the next run, out of `retired` when there is one. Failing is no failure: the next run does without.
 */
export async function prepareSpare(context: TargetContext, retired: RecyclableTree | undefined): Promise<void> {
  const live = readLiveSha(context.layout);
  if (live === undefined || isReadySpare(context.layout, directoryName)) return;
  try {
    const directory = spareDirectory(context.layout);
    throwAway(context, directory);
    mkdirSync(directory, 0o755);
    const root = join(directory, 'tree');
    // What it is made from was looked at after this; an edit since then must not pass for older than that look.
    const verifiedAt = Date.now();
    const index = await makeSpareTree(context, live, root, retired);
    // Found whole by size and time after a power cut, it would be believed.
    await flushFileSystem(root);
    writeFileAtomic(join(directory, 'index'), index);
    writeFileAtomic(join(directory, 'ready.json'), JSON.stringify({ sha: live, verifiedAt }));
  } catch (error) {
    throwAway(context, spareDirectory(context.layout));
    if (!(error instanceof ScapError))
      context.notify({ kind: 'note', code: 'spare.failed', message: toErrorReport(error).message });
  }
}

/** Into the trash, which looks at shared files before their ctime moves. */
function throwAway(context: TargetContext, directory: string): void {
  if (!existsSync(directory)) return;
  const away = workPath(context, 'unready');
  renameSync(directory, away);
  context.trash.add(away);
}

async function makeSpareTree(
  context: TargetContext,
  live: Sha,
  root: string,
  retired: RecyclableTree | undefined,
): Promise<Buffer> {
  const source = await readRevisionSource(context.git, live);
  if (retired !== undefined) {
    renameSync(retired.root, root);
    // A repository that was lost and made anew knows nothing of it.
    const known = await hasRef(context.git, revisionRef(retired.sha));
    const tree = known ? await applyDifference(context, source, { ...retired, root }) : undefined;
    if (tree !== undefined) return tree.index;
    // Somebody had changed it: it is of no use.
    throwAway(context, root);
  }
  makeWorkRoot(root);
  const base = await loadLinkBase(context, live);
  if (base === undefined)
    throw new ScapError('revision_incomplete', 'Cannot make a spare: the live revision is not complete');
  const { index } = await makeByLink(context, source, base, root, { restat: true });
  writeFileAtomic(context.layout.index(live), renewIndex(base, parseIndex(index)));
  return index;
}

/**
 * The index of a revision with the stat data its files have since they were linked into `linked`, which has the same files. Without it, whoever
 * checks the revision would find every file moved. A file that is not shared keeps its entry; one that is not as it should be has none to
 * keep, for git would take an old entry in a young index at its word.
 */
export function renewIndex({ index, drifted }: LinkBase, linked: IndexFile): Buffer {
  const builder = createIndexBuilder(index.bytes.length);
  const shared = createIndexCursor(linked);
  for (const own = createIndexCursor(index); !own.done; own.advance()) {
    const same = shared.seek(own.path) && shared.stat.ino === own.stat.ino && shared.oid === own.oid;
    if (drifted.has(own.path)) builder.add(own.path, own.mode, own.oid, unknownStat);
    else builder.addRaw(same ? shared.raw() : own.raw());
  }
  return builder.finish(index.note);
}
