/**
 * Makes a revision from one the target has: what is the same is hard-linked, what differs is written anew.
 *
 * Same means: type, content, permission bits and time. A file whose time differs (its content came back after a rollback, say) is written,
 * because setting the time on a shared inode would change the other revision.
 */
import { setImmediate as yieldToEvents } from 'node:timers/promises';
import { type BytePath, fromText } from '../../core/byte-path.ts';
import { ScapError } from '../../core/errors.ts';
import { createIndexBuilder } from '../../git/index-builder.ts';
import { createIndexCursor, type IndexCursor, type IndexFile, type StatData } from '../../git/index-file.ts';
import { diffTrees, type TreeChange } from '../../git/raw-diff.ts';
import type { TargetContext } from '../context.ts';
import { withinWindow } from '../ctime-windows.ts';
import { noteOfTree } from '../stat-check.ts';
import type { MadeTree } from './archive.ts';
import { createEntryResolver, entryBits, type RevisionSource, type TargetEntry } from './revision-source.ts';
import { createTreeMaker } from './tree-maker.ts';

export interface LinkBase {
  readonly source: RevisionSource;
  readonly index: IndexFile;
  /** Files of the base that are not as they were made; they are written anew. */
  readonly drifted: ReadonlySet<BytePath>;
}

/**
 * Makes the revision `source` below `root`, linking what it shares with `base`. Throws what `link(2)` throws when linking is impossible.
 *
 * A new link moves a file's ctime. With `restat` every file is looked at once more, so that the index knows it; else whoever checks the tree
 * finds them all moved.
 */
export async function makeByLink(
  context: TargetContext,
  source: RevisionSource,
  base: LinkBase,
  root: string,
  { restat = false } = {},
): Promise<MadeTree> {
  const changes = await diffTrees(context.git, base.source.sha, source.sha);
  const maker = createTreeMaker(root, context.git, context.signal);
  const written = new Map<BytePath, StatData>();

  const toWrite: TargetEntry[] = [];
  for (const { entry } of mergedEntries(base, source, changes)) if (entry) toWrite.push(entry);
  await maker.write(toWrite, ({ path }, stat) => written.set(path, stat));

  const baseRoot = fromText(context.layout.revision(base.source.sha));
  const index = createIndexBuilder(base.index.bytes.length);
  let bytes = 0;
  await withinWindow(context.layout, async () => {
    for (const { path, entry, from } of mergedEntries(base, source, changes)) {
      if (index.count % 2048 === 0) await breathe(context, index.count, source.times.length);
      const stat = written.get(path);
      if (from && maker.link(baseRoot, path)) {
        if (restat) index.add(path, from.mode, from.oid, maker.stat(path));
        else index.addRaw(from.raw());
      } else if (entry && stat) index.add(path, entry.mode, entry.oid, stat);
      else
        await maker.write([entry ?? entryOf(from as IndexCursor, source)], ({ mode, oid }, made) =>
          index.add(path, mode, oid, made),
        );
      bytes += stat?.size ?? from?.size ?? 0;
    }
  });
  maker.finish(source.manifest);
  return { files: index.count, bytes, index: index.finish(noteOfTree(root, maker.directories)) };
}

/** A file of the revision: one the base has alike, or one to write. Valid until the next is asked for. */
type MergedEntry =
  | { readonly path: BytePath; readonly from: IndexCursor; readonly entry: undefined }
  | { readonly path: BytePath; readonly from: undefined; readonly entry: TargetEntry };

/**
 * Every file of the revision in index order, found by applying the difference to the base's index. For what stays nothing is made: there are
 * a hundred thousand of them.
 */
function* mergedEntries(
  base: LinkBase,
  source: RevisionSource,
  changes: readonly TreeChange[],
): Generator<MergedEntry, void, undefined> {
  const resolver = createEntryResolver(source);
  const cursor = createIndexCursor(base.index);
  const sameBits = (path: BytePath) => source.manifest.modes.get(path) === base.source.manifest.modes.get(path);
  const kept = (): MergedEntry => {
    const { path, mode } = cursor;
    const time = resolver.time(path);
    // Empty files are not linked: there are so many alike that their link count would be the first to run out.
    const reusable = cursor.size > 0 && !base.drifted.has(path);
    if (reusable && cursor.mtimeS === time && sameBits(path)) return { path, from: cursor, entry: undefined };
    const bits = entryBits(source.manifest, path, mode);
    return { path, from: undefined, entry: { path, mode, oid: cursor.oid, time, bits } };
  };
  for (const { path, new: side } of changes) {
    for (; !cursor.done && cursor.path < path; cursor.advance()) yield kept();
    if (!cursor.done && cursor.path === path) cursor.advance();
    if (side) yield { path, from: undefined, entry: resolver.entry(path, side.mode, side.oid) };
  }
  for (; !cursor.done; cursor.advance()) yield kept();
}

/** What the base has at the cursor, as an entry: for the rare file that could be linked but for its full link count. */
function entryOf({ path, mode, oid, mtimeS }: IndexCursor, { manifest }: RevisionSource): TargetEntry {
  return { path, mode, oid, time: mtimeS, bits: entryBits(manifest, path, mode) };
}

async function breathe(context: TargetContext, done: number, total: number): Promise<void> {
  await yieldToEvents();
  if (context.signal.aborted) throw new ScapError('interrupted', 'Stopped making the revision on request');
  context.notify({ kind: 'progress', step: 'link', unit: 'files', done, total });
}

/** Errors that say that this file system, or this user, cannot hard-link here at all. */
export const linkingImpossible = ['EXDEV', 'EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'EACCES'] as const;
