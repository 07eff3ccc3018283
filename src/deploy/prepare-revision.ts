/**
 * From staging tree to revision: capture, judge, commit. The deploy host's half of a push; no target is involved.
 */
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type BytePath, toDisplayPath, toEncodedPath } from '../core/byte-path.ts';
import { ScapError } from '../core/errors.ts';
import { emptyManifest } from '../core/manifest.ts';
import type { Sha } from '../core/sha.ts';
import type { EventBus } from '../events/event.ts';
import { createPackWriter, type PackWriter } from '../git/pack-writer.ts';
import { runStatPass } from '../git/stat-pass.ts';
import { createRevision, type PlannedTree, planTree } from '../revision/create-revision.ts';
import type { DeployRepository } from '../revision/deploy-repository.ts';
import { differenceKind, type FileDifference, totalDifference } from '../revision/revision-diff.ts';
import { encodeNote, loadStagingIndex } from '../revision/staging-index.ts';
import { type Capture, captureStaging, hashOnly } from '../staging/capture.ts';
import { createExcluder } from '../staging/exclude.ts';
import { type ProvenanceMemory, readProvenance } from '../staging/provenance.ts';
import { writeFileAtomic } from '../system/atomic-file.ts';
import { refuseImplausible, resolveStaging } from './plausibility.ts';
import { refuseUnknownPaths } from './scope.ts';
import type { StateLayout } from './state-layout.ts';

export interface PrepareOptions {
  readonly staging: string;
  readonly exclude: readonly string[];
  /** Only these paths from staging, everything else as it is live. Default: the whole tree. */
  readonly scope?: readonly BytePath[] | undefined;
  /** Refuse a revision with this share fewer files or bytes than the live one; 0 to 1. `undefined` allows anything. */
  readonly maxShrinkRatio: number | undefined;
  readonly kind: string;
  readonly message: string;
  readonly author: { readonly user: string; readonly host: string };
  /** Compute everything, store nothing. */
  readonly dryRun: boolean;
  readonly signal: AbortSignal;
  /** Called once as soon as it is known that the tree differs from what is live, long before the revision exists. */
  readonly onChange?: (() => void) | undefined;
}

export interface PreparedRevision {
  /** `undefined` in a dry run that would create one. */
  readonly sha: Sha | undefined;
  readonly created: boolean;
  readonly base: Sha | undefined;
  readonly files: number;
  readonly bytes: number;
  /** Files in which it differs from what is live; sorted by path. */
  readonly differences: readonly FileDifference[];
  /** Staged differences a partial push did not take; sorted by path. */
  readonly ignored: readonly BytePath[];
}

/** What preparing needs of the deploy host. */
export interface PrepareWorld {
  readonly layout: StateLayout;
  readonly repository: DeployRepository;
  readonly bus: EventBus;
}

/**
 * Captures the staging tree and makes it a revision, unless its bytes are those of the live or the newest one.
 *
 * Throws what `captureStaging` throws, `staging_missing`, `staging_shrank`, `staging_empty`, `disk_full`. Nothing is committed then.
 */
export async function prepareRevision(world: PrepareWorld, options: PrepareOptions): Promise<PreparedRevision> {
  const startedAt = Date.now();
  const { layout, repository } = world;
  const staging = resolveStaging(options.staging);
  const base = repository.live() ?? repository.main();
  const baseManifest = base === undefined ? emptyManifest : await repository.readManifest(base);
  const { git } = repository;
  const { index, walk } = await loadStagingIndex({ git, path: layout.stagingIndex, staging, revision: base });
  const lookAtFiles = () =>
    runStatPass(git, { root: staging, index, indexPath: layout.stagingIndex, signal: options.signal });
  refuseUnknownPaths(staging, index, baseManifest, options.scope ?? []);
  using pack = options.dryRun
    ? undefined
    : createPackWriter(join(layout.work, `pack-${randomBytes(6).toString('hex')}`));

  const capture = await captureStaging({
    root: staging,
    excluder: createExcluder(options.exclude),
    base: index,
    quick: walk === undefined ? undefined : { memory: walk, lookAtFiles },
    baseTimes: base === undefined ? new Uint32Array() : await repository.readTimes(base),
    baseManifest,
    scope: options.scope,
    store: pack ?? hashOnly,
    signal: options.signal,
    onChange: options.onChange,
    onProgress: throttled((seen) => world.bus.emit('staging.scanned', { ...seen, done: false })),
  });
  announceCapture(world, capture, options);

  const planned = await planTree(repository, {
    base,
    edits: capture.changes,
    manifest: capture.manifest,
    baseManifest,
  });
  const existing = await findExisting(repository, planned, base);
  if (existing === undefined) await judge(repository, capture, base, options);

  const sha = existing ?? (pack && (await commit(world, { capture, planned, base, pack, staging, options })));
  // Rewriting the index when nothing was learned would cost more than the rest of a push without changes.
  const learned =
    existing === undefined || capture.readBytes > 0 || (walk === undefined && capture.memory !== undefined);
  if (sha !== undefined && pack && learned) {
    const note = encodeNote({ revision: sha, staging, walk: capture.memory });
    writeFileAtomic(layout.stagingIndex, capture.index.finish(note));
  }
  const prepared = describe(capture, sha, base, existing === undefined);
  announceRevision(world, prepared, Date.now() - startedAt);
  return prepared;
}

/** The live or the newest revision, when its bytes are these. */
async function findExisting(
  repository: DeployRepository,
  planned: PlannedTree,
  base: Sha | undefined,
): Promise<Sha | undefined> {
  for (const candidate of new Set([base, repository.main()])) {
    if (candidate !== undefined && (await repository.readTree(candidate)) === planned.root) return candidate;
  }
  return undefined;
}

async function judge(
  repository: DeployRepository,
  { files, bytes }: Capture,
  base: Sha | undefined,
  options: PrepareOptions,
): Promise<void> {
  if (options.maxShrinkRatio === undefined) return;
  const before = base === undefined ? undefined : (await repository.read(base)).record;
  refuseImplausible({
    staging: options.staging,
    before,
    after: { files, bytes },
    maxShrinkRatio: options.maxShrinkRatio,
  });
}

interface CommitInput {
  readonly capture: Capture;
  readonly planned: PlannedTree;
  readonly base: Sha | undefined;
  readonly pack: PackWriter;
  readonly staging: string;
  readonly options: PrepareOptions;
}

async function commit(
  world: PrepareWorld,
  { capture, planned, base, pack, staging, options }: CommitInput,
): Promise<Sha> {
  const { checkouts, memory } = await readProvenance({
    root: staging,
    checkouts: capture.checkouts,
    changed: capture.changes.map(({ path }) => path),
    memory: readMemory(world.layout),
    signal: options.signal,
  });
  if (options.signal.aborted) throw new ScapError('interrupted', 'Stopped before the revision was made, on request');
  const { user, host } = options.author;
  const sha = await createRevision(world.repository, {
    planned,
    base,
    info: {
      author: user,
      email: `${user}@${host}`,
      message: options.message,
      trailers: { 'Scap-Kind': options.kind, 'Scap-Host': host },
    },
    record: {
      version: 1,
      kind: options.kind,
      files: capture.files,
      bytes: capture.bytes,
      directories: capture.directories,
      excluded: {
        count: capture.leftOut.excluded.length,
        samples: capture.leftOut.excluded.slice(0, 20).map(toEncodedPath),
      },
      checkouts,
    },
    times: capture.times,
    pack,
    signal: options.signal,
  });
  writeFileAtomic(world.layout.checkouts, JSON.stringify(memory));
  return sha;
}

function readMemory(layout: StateLayout): ProvenanceMemory {
  try {
    return JSON.parse(readFileSync(layout.checkouts, 'utf8')) as ProvenanceMemory;
  } catch {
    return {};
  }
}

function describe(capture: Capture, sha: Sha | undefined, base: Sha | undefined, created: boolean): PreparedRevision {
  const differences = capture.changes.map((change) => ({
    path: change.path,
    kind: differenceKind(change),
    oldBytes: change.old?.sizeBytes ?? 0,
    newBytes: change.new?.sizeBytes ?? 0,
  }));
  return {
    sha,
    created,
    base,
    files: capture.files,
    bytes: capture.bytes,
    differences,
    ignored: capture.leftOutDifferences,
  };
}

function announceCapture({ bus }: PrepareWorld, capture: Capture, { scope }: PrepareOptions): void {
  const { excluded, reserved } = capture.leftOut;
  const samples = (paths: readonly BytePath[]) => paths.slice(0, 10).map(toDisplayPath);
  bus.emit('staging.scanned', { files: capture.files, readBytes: capture.readBytes, done: true });
  if (excluded.length > 0 || capture.checkouts.length > 0 || reserved) {
    const gitDirectories = capture.checkouts.length;
    bus.emit('staging.left-out', { excluded: excluded.length, samples: samples(excluded), gitDirectories, reserved });
  }
  if (scope !== undefined && capture.leftOutDifferences.length > 0) {
    bus.emit('staging.ignored', {
      count: capture.leftOutDifferences.length,
      samples: samples(capture.leftOutDifferences),
    });
  }
}

function announceRevision({ bus }: PrepareWorld, prepared: PreparedRevision, durationMs: number): void {
  const { sha, created, base, files, bytes, differences } = prepared;
  if (sha === undefined) return;
  if (!created) bus.emit('revision.reused', { revision: sha, files, bytes, durationMs });
  else
    bus.emit('revision.created', {
      revision: sha,
      base: base ?? null,
      files,
      bytes,
      difference: totalDifference(differences),
      durationMs,
    });
}

/** Lets a call through a few times a second. */
function throttled<T>(call: (value: T) => void, intervalMs = 200): (value: T) => void {
  let last = 0;
  return (value) => {
    const now = Date.now();
    if (now - last < intervalMs) return;
    last = now;
    call(value);
  };
}
