/**
 * What a revision consists of on a target: every file with its final permission bits and time, as the target's repository tells.
 */
import { type BytePath, toDisplayPath } from '../../core/byte-path.ts';
import { ScapError } from '../../core/errors.ts';
import { decodeManifest, gitMode, type Manifest, manifestPath, ordinaryMode } from '../../core/manifest.ts';
import type { Sha } from '../../core/sha.ts';
import { timesRef } from '../../git/bundle.ts';
import type { Git } from '../../git/git-command.ts';
import { listTree } from '../../git/raw-diff.ts';
import { readFileOf, readObject } from '../../git/repository.ts';
import { decodeTimes } from '../../revision/file-times.ts';

/** One file or symbolic link of a revision, as it is to stand on disk. */
export interface TargetEntry {
  readonly path: BytePath;
  /** Git's mode. */
  readonly mode: number;
  readonly oid: Sha;
  /** Permission bits; without meaning for symbolic links. */
  readonly bits: number;
  /** Seconds since 1970. */
  readonly time: number;
}

export interface RevisionSource {
  readonly sha: Sha;
  readonly manifest: Manifest;
  /** Per file in index order without the manifest, whose own time comes last. */
  readonly times: Uint32Array;
}

/** Reads what belongs to a revision beside its tree. Throws `repository_damaged` when any of it is missing. */
export async function readRevisionSource(git: Git, sha: Sha): Promise<RevisionSource> {
  const [times, manifest] = await Promise.all([readObject(git, timesRef(sha)), readManifest(git, sha)]);
  if (times === undefined) throw new ScapError('repository_damaged', `Cannot find the file times of revision ${sha}`);
  return { sha, manifest, times: decodeTimes(times) };
}

/** Reads a revision's manifest alone. */
export async function readManifest(git: Git, sha: Sha): Promise<Manifest> {
  return decodeManifest(await readFileOf(git, sha, manifestPath));
}

/** Lists every file of the revision in index order. */
export async function* listEntries(git: Git, source: RevisionSource): AsyncGenerator<TargetEntry> {
  const resolver = createEntryResolver(source);
  for await (const { path, mode, oid } of listTree(git, source.sha)) yield resolver.entry(path, mode, oid);
}

/** Follows the files of a revision in index order. Each file is told to it once, by one of its two methods. */
export interface EntryResolver {
  /** Turns what the tree says of a file into an entry. Throws `repository_damaged` for what no tree of ours has. */
  entry(path: BytePath, mode: number, oid: Sha): TargetEntry;
  /** The time of a file that is known to be sound, because an index of ours lists it; seconds since 1970. */
  time(path: BytePath): number;
}

export function createEntryResolver(source: RevisionSource): EntryResolver {
  const { times } = source;
  let ordinal = 0;
  let previous: BytePath | undefined;
  const time = (path: BytePath): number => {
    previous = path;
    const seconds = path === manifestPath ? times.at(-1) : times[ordinal++];
    if (seconds === undefined) throw unusable(source, 'its file times are too few');
    return seconds;
  };
  const entry = (path: BytePath, mode: number, oid: Sha): TargetEntry => {
    if (previous !== undefined && path <= previous) throw strange(source, path);
    return toTargetEntry(source, { path, mode, oid, time: time(path) });
  };
  return { entry, time };
}

/** Turns what a tree says of a file into an entry. Throws `repository_damaged` for what no tree of ours has. */
export function toTargetEntry(
  source: RevisionSource,
  { path, mode, oid, time }: Omit<TargetEntry, 'bits' | 'time'> & { readonly time: number | undefined },
): TargetEntry {
  if (mode !== gitMode.file && mode !== gitMode.executable && mode !== gitMode.symlink)
    throw unusable(source, `it has an entry of mode ${mode.toString(8)}`);
  if (!isSafePath(path)) throw strange(source, path);
  if (time === undefined) throw unusable(source, 'its file times are too few');
  return { path, mode, oid, time, bits: entryBits(source.manifest, path, mode) };
}

function unusable({ sha }: RevisionSource, why: string): ScapError {
  return new ScapError('repository_damaged', `Cannot use revision ${sha}: ${why}`);
}

function strange(source: RevisionSource, path: BytePath): ScapError {
  return unusable(source, `it has an entry "${toDisplayPath(path)}" that no tree of ours has`);
}

/** Tells whether a path stays inside the tree: a revision is untrusted until it is on disk. */
function isSafePath(path: BytePath): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: NUL is one of the things no path may hold
  return !/^\/|\/$|\/\/|\x00|(^|\/)\.{1,2}(\/|$)/.test(path) && path !== '';
}

/** The permission bits of a file: the manifest's, or the ordinary ones. */
export function entryBits(manifest: Manifest, path: BytePath, mode: number): number {
  return mode === gitMode.symlink ? 0 : (manifest.modes.get(path) ?? ordinaryMode(mode));
}
