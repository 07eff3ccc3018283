/**
 * What turns the files of one revision into those of another, found without a look at what stays: for a tree that is changed in place.
 */
import type { BytePath } from '../../core/byte-path.ts';
import { type Manifest, manifestPath } from '../../core/manifest.ts';
import { createIndexBuilder } from '../../git/index-builder.ts';
import type { IndexFile, StatData } from '../../git/index-file.ts';
import { createIndexLookup, type IndexLookup } from '../../git/index-lookup.ts';
import type { TreeChange } from '../../git/raw-diff.ts';
import type { MadeTree } from './archive.ts';
import { type RevisionSource, type TargetEntry, toTargetEntry } from './revision-source.ts';

/** What happens at one place of an index. */
export interface IndexEdit {
  /** The number of the entry that goes, or before which the new one comes. */
  readonly at: number;
  readonly removes: boolean;
  /** The file as it is to be. */
  readonly writes: TargetEntry | undefined;
}

/**
 * Lists what differs, in index order: the changes of content, and files whose permission bits or time differ though their content does not.
 * Throws `repository_damaged` when the revision has a file no tree of ours has, or too few times.
 */
export function planDifference(
  lookup: IndexLookup,
  from: Manifest,
  source: RevisionSource,
  changes: readonly TreeChange[],
): IndexEdit[] {
  const edits: IndexEdit[] = [];
  const manifestAt = lookup.find(manifestPath);
  const rebitted = entriesWithOtherBits(lookup, from, source.manifest);
  let at = 0;
  /** Number of the next file of the revision; its manifest is not counted, its time comes last. */
  let ordinal = 0;
  const nextTime = (isManifest: boolean) => (isManifest ? source.times.at(-1) : source.times[ordinal++]);
  const write = (path: BytePath, mode: number, oid: TargetEntry['oid'], time: number | undefined, removes: boolean) =>
    edits.push({ at, removes, writes: toTargetEntry(source, { path, mode, oid, time }) });
  const keepUntil = (end: number) => {
    for (; at < end; at++) {
      const time = nextTime(at === manifestAt);
      if (time === lookup.mtimeS(at) && !rebitted.has(at)) continue;
      const { path, mode, oid } = lookup.at(at);
      write(path, mode, oid, time, true);
    }
  };
  for (const { path, new: side } of changes) {
    keepUntil(lookup.lowerBound(path));
    const removes = at < lookup.count && lookup.pathOf(at) === path;
    if (side) write(path, side.mode, side.oid, nextTime(path === manifestPath), removes);
    else edits.push({ at, removes, writes: undefined });
    if (removes) at++;
  }
  keepUntil(lookup.count);
  return edits;
}

function entriesWithOtherBits(lookup: IndexLookup, from: Manifest, to: Manifest): Set<number> {
  const paths = new Set([...from.modes.keys(), ...to.modes.keys()]);
  const entries = new Set<number>();
  for (const path of paths) if (from.modes.get(path) !== to.modes.get(path)) entries.add(lookup.find(path));
  return entries;
}

export interface EditedIndexOptions {
  readonly index: IndexFile;
  readonly edits: readonly IndexEdit[];
  /** Stat data of what the edits wrote. */
  readonly written: ReadonlyMap<BytePath, StatData>;
  /** New stat data of entries that stay. */
  readonly moved: ReadonlyMap<BytePath, StatData>;
  readonly note: Buffer | undefined;
}

/** The index of a tree after the edits. What lies between them is copied as it is. */
export function editIndex({ index, edits, written, moved, note }: EditedIndexOptions): MadeTree {
  const lookup = createIndexLookup(index);
  const builder = createIndexBuilder(index.bytes.length + 4096);
  let at = 0;
  const copyUntil = (end: number) => {
    if (end > at) builder.addRaw(lookup.raw(at, end), end - at);
    at = Math.max(at, end);
  };
  let bytes = 0;
  for (let entry = 0; entry < lookup.count; entry++) bytes += lookup.size(entry);
  for (const { place, edit, stat } of inOrder(lookup, edits, moved)) {
    copyUntil(place);
    if (edit === undefined) {
      const { path, mode, oid } = lookup.at(place);
      builder.add(path, mode, oid, stat);
      at++;
      continue;
    }
    const made = edit.writes && written.get(edit.writes.path);
    if (edit.writes && made) builder.add(edit.writes.path, edit.writes.mode, edit.writes.oid, made);
    if (edit.removes) {
      bytes -= lookup.size(at);
      at++;
    }
    bytes += made?.size ?? 0;
  }
  copyUntil(lookup.count);
  return { files: builder.count, bytes, index: builder.finish(note) };
}

type Step =
  | { readonly place: number; readonly edit: IndexEdit; readonly stat: undefined }
  | { readonly place: number; readonly edit: undefined; readonly stat: StatData };

/** Edits and renewed stat data by place; what an edit removes is not renewed. */
function inOrder(lookup: IndexLookup, edits: readonly IndexEdit[], moved: ReadonlyMap<BytePath, StatData>): Step[] {
  const removed = new Set(edits.flatMap(({ at, removes }) => (removes ? [at] : [])));
  const renewals = [...moved].flatMap(([path, stat]): Step[] => {
    const place = lookup.find(path);
    return place < 0 || removed.has(place) ? [] : [{ place, edit: undefined, stat }];
  });
  // A file that comes before an entry comes before that entry is renewed.
  return [...edits.map((edit): Step => ({ place: edit.at, edit, stat: undefined })), ...renewals].sort(
    (a, b) => a.place - b.place,
  );
}
