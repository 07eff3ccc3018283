import type { BytePath } from '../core/byte-path.ts';
import { ScapError } from '../core/errors.ts';
import { encodeManifest, gitMode, type Manifest, manifestPath } from '../core/manifest.ts';
import type { Sha } from '../core/sha.ts';
import { revisionRef, timesRef } from '../git/bundle.ts';
import { objectId } from '../git/object-id.ts';
import type { PackWriter } from '../git/pack-writer.ts';
import { readObject } from '../git/repository.ts';
import { encodeCommit, type RevisionInfo } from './commit-object.ts';
import { type DeployRepository, mainRef, recordRef } from './deploy-repository.ts';
import { completeTimes, encodeTimes } from './file-times.ts';
import { encodeRecord, type RevisionRecord } from './revision-record.ts';
import { buildTree, type TreeEdit } from './tree-builder.ts';

/** The tree a revision will have, made of a base and what changed. */
export interface PlannedTree {
  readonly root: Sha;
  readonly trees: readonly Buffer[];
  readonly manifest: Buffer | undefined;
  readonly manifestChanged: boolean;
}

export interface PlanTreeOptions {
  readonly base: Sha | undefined;
  readonly edits: readonly TreeEdit[];
  readonly manifest: Manifest;
  readonly baseManifest: Manifest;
}

/** Computes a revision's tree without storing anything. */
export async function planTree(repository: DeployRepository, options: PlanTreeOptions): Promise<PlannedTree> {
  const manifest = encodeManifest(options.manifest);
  const before = encodeManifest(options.baseManifest);
  const manifestChanged = !(manifest === before || (manifest !== undefined && before?.equals(manifest)));
  const edits = manifestChanged ? [...options.edits, manifestEdit(manifest)] : options.edits;
  const baseTree = options.base && (await repository.readTree(options.base));
  if (edits.length === 0 && baseTree !== undefined) return { root: baseTree, trees: [], manifest, manifestChanged };
  const { root, made } = await buildTree(edits, baseTree, (oid) => readTree(repository, oid));
  return { root, trees: made, manifest, manifestChanged };
}

async function readTree({ git }: DeployRepository, oid: Sha): Promise<Buffer> {
  const content = await readObject(git, oid, 'tree');
  if (content !== undefined) return content;
  throw new ScapError('repository_damaged', `Cannot read tree ${oid}: "${git.gitDir}" does not hold it`);
}

function manifestEdit(manifest: Buffer | undefined): TreeEdit {
  const path: BytePath = manifestPath;
  return { path, new: manifest && { mode: gitMode.file, oid: objectId('blob', manifest) } };
}

export interface CreateRevisionOptions {
  readonly planned: PlannedTree;
  readonly base: Sha | undefined;
  readonly info: Omit<RevisionInfo, 'tree' | 'parents' | 'time'>;
  readonly record: RevisionRecord;
  /** Per file, seconds since 1970; 0 for what changed. In index order, without the manifest. */
  readonly times: Uint32Array;
  /** Holds the captured blobs; what else the revision consists of is added to it. */
  readonly pack: PackWriter;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Stores a revision: one pack, then its refs in one transaction. Until the refs exist the revision does not.
 *
 * Its time is now, but always later than its parent's: a clock that went back must not make a new file look older than an old one.
 */
export async function createRevision(repository: DeployRepository, options: CreateRevisionOptions): Promise<Sha> {
  const { planned, base, pack } = options;
  const parent = base && (await repository.read(base));
  const time = Math.max(Math.floor(Date.now() / 1000), (parent?.info.time ?? 0) + 1);
  const times = completeTimes(options.times, time, await manifestTime(repository, options, time));

  if (planned.manifest) await pack.add('blob', planned.manifest);
  for (const tree of planned.trees) await pack.add('tree', tree);
  const timesId = await pack.add('blob', encodeTimes(times));
  const recordId = await pack.add('blob', encodeRecord(options.record));
  const parents = base === undefined ? [] : [base];
  const sha = await pack.add('commit', encodeCommit({ ...options.info, tree: planned.root, parents, time }));
  await pack.store(repository.git, options.signal);

  await repository.update(
    new Map([
      [revisionRef(sha), sha],
      [timesRef(sha), timesId],
      [recordRef(sha), recordId],
      [mainRef, sha],
    ]),
  );
  return sha;
}

async function manifestTime(
  repository: DeployRepository,
  { planned, base }: CreateRevisionOptions,
  now: number,
): Promise<number | undefined> {
  if (planned.manifest === undefined) return undefined;
  if (planned.manifestChanged || base === undefined) return now;
  return (await repository.readTimes(base)).at(-1) ?? now;
}
