/**
 * A bundle (gitformat-bundle(5), version 2): one revision's objects as one file, complete or relative to a base the receiver has.
 *
 * The list of objects is made here instead of by git's revision walk: a bundle holds exactly what one revision adds to another, whether
 * or not one descends from the other, and finding that costs O(change).
 */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { ScapError } from '../core/errors.ts';
import { isSha, type Sha } from '../core/sha.ts';
import { writeAll } from '../system/atomic-file.ts';
import type { Git } from './git-command.ts';
import { diffTrees } from './raw-diff.ts';
import { readTreeOf, sweepUnfinishedPacks } from './repository.ts';

export interface BundleContent {
  readonly revision: Sha;
  /** A revision the receiver has; `undefined` for a complete bundle. */
  readonly base: Sha | undefined;
  /** Blobs that go with the revision but are not part of its tree, by the ref the receiver gives them. */
  readonly extra: ReadonlyMap<string, Sha>;
}

/** Writes a bundle to the new file `path`. Returns its size in bytes. */
export async function writeBundle(
  git: Git,
  path: string,
  content: BundleContent,
  signal?: AbortSignal,
): Promise<number> {
  const objects = await listObjects(git, content);
  const fd = openSync(path, 'wx', 0o600);
  try {
    writeAll(fd, encodeHeader(content));
    // A complete bundle is copied from our packs as it stands; searching deltas in it would cost more than it saves.
    const search = content.base === undefined ? ['--window=0'] : ['--window=10'];
    const args = ['pack-objects', '--stdout', '--quiet', '--delta-base-offset', ...search];
    const packer = await git.stream(args, { stdoutFd: fd, signal });
    packer.stdin.end(Buffer.from(objects, 'latin1'));
    await packer.done;
    return fstatSync(fd).size;
  } finally {
    closeSync(fd);
  }
}

async function listObjects(git: Git, { revision, base, extra }: BundleContent): Promise<string> {
  const more = [...extra.values()].map((oid) => `${oid}\n`).join('');
  if (base === undefined) {
    const { stdout } = await git.run(['rev-list', '--objects', '--no-object-names', '--max-count=1', revision]);
    return stdout.toString('latin1') + more;
  }
  const changes = await diffTrees(git, base, revision, { trees: true });
  const known = await listKnown(git, base, changes.length);
  const lines = [`-${base}\n`, `${revision}\n`, `${await readTreeOf(git, revision)}\n`];
  for (const { path, new: side } of changes) {
    // The name only guides the search for delta bases; a line feed in it must not become a line of its own.
    if (side !== undefined && !known.has(side.oid))
      lines.push(`${side.oid} ${path.slice(-maxNameBytes).replaceAll('\n', ' ')}\n`);
  }
  return lines.join('') + more;
}

/** Git reads these lines into a buffer of limited size; the end of a name is what tells files of a kind. */
const maxNameBytes = 1000;

/** Objects of the base, to leave out of a change large enough (a copied directory) for the listing to pay. */
async function listKnown(git: Git, base: Sha, changes: number): Promise<ReadonlySet<string>> {
  if (changes < 512) return new Set();
  const { stdout } = await git.run(['rev-list', '--objects', '--no-object-names', '--max-count=1', base]);
  return new Set(stdout.toString('latin1').split('\n'));
}

function encodeHeader({ revision, base, extra }: BundleContent): Buffer {
  const tips = [[revisionRef(revision), revision] as const, ...extra];
  const lines = [
    '# v2 git bundle',
    ...(base === undefined ? [] : [`-${base}`]),
    ...tips.map(([ref, oid]) => `${oid} ${ref}`),
  ];
  return Buffer.from(`${lines.join('\n')}\n\n`);
}

/** The ref under which a repository keeps a revision it received. */
export function revisionRef(revision: Sha): string {
  return `refs/scap/revisions/${revision}`;
}

/** The ref under which a repository keeps the file times of a revision. */
export function timesRef(revision: Sha): string {
  return `refs/scap/times/${revision}`;
}

export interface BundleHeader {
  readonly prerequisites: readonly Sha[];
  readonly tips: ReadonlyMap<string, Sha>;
}

/**
 * Reads the header of a bundle and leaves the descriptor at the first byte of the pack, where `index-pack --stdin` takes over.
 * Throws `bundle_damaged` when it is no bundle of version 2.
 */
export function readBundleHeader(fd: number): BundleHeader {
  const lines: string[] = [];
  const byte = Buffer.alloc(1);
  let line = '';
  for (let bytes = 0; bytes < 65_536; bytes++) {
    if (readSync(fd, byte, 0, 1, null) === 0) break;
    if (byte[0] !== 0x0a) line += byte.toString('latin1');
    else if (line === '') return parseHeader(lines);
    else {
      lines.push(line);
      line = '';
    }
  }
  throw bundleDamaged('its header does not end');
}

function parseHeader([signature, ...lines]: readonly string[]): BundleHeader {
  if (signature !== '# v2 git bundle') throw bundleDamaged('it does not start as one');
  const prerequisites: Sha[] = [];
  const tips = new Map<string, Sha>();
  for (const line of lines) {
    const oid = line.replace(/^-/, '').slice(0, 40);
    if (!isSha(oid)) throw bundleDamaged(`unexpected line ${JSON.stringify(line.slice(0, 80))}`);
    if (line.startsWith('-')) prerequisites.push(oid);
    else tips.set(line.slice(41), oid);
  }
  return { prerequisites, tips };
}

function bundleDamaged(why: string): ScapError {
  return new ScapError('bundle_damaged', `Cannot use a bundle: ${why}`);
}

/**
 * Takes the pack of a bundle into the repository, durably and whole or not at all; the descriptor stands where
 * {@link readBundleHeader} left it.
 */
export async function storeBundle(git: Git, fd: number, signal?: AbortSignal): Promise<void> {
  sweepUnfinishedPacks(git);
  try {
    const indexPack = await git.stream(['index-pack', '--stdin', '--fix-thin'], { stdinFd: fd, signal });
    indexPack.stdout.resume();
    await indexPack.done;
  } catch (cause) {
    sweepUnfinishedPacks(git);
    if (!(cause instanceof ScapError) || cause.code !== 'process_failed') throw cause;
    throw new ScapError(
      'bundle_damaged',
      `Cannot use a bundle: git refuses it: ${String(cause.data.stderr).trim().slice(0, 200)}`,
      {
        cause,
      },
    );
  }
}
