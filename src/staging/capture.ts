/**
 * Captures the bytes of a staging tree relative to a base revision, as one consistent snapshot.
 *
 * One pass compares every file's stat data with the base's index and reads only what differs. When something differs, a second pass
 * looks at every file again: a file whose stat data (ctime and inode among them) is the same in both passes did not change in between,
 * so at the moment between the passes the whole tree stood exactly as captured. Otherwise the capture fails, naming what moved.
 */
import type { BytePath } from '../core/byte-path.ts';
import type { Manifest } from '../core/manifest.ts';
import type { Sha } from '../core/sha.ts';
import type { IndexFile } from '../git/index-file.ts';
import { createObjectHash, objectId } from '../git/object-id.ts';
import type { StatPass } from '../git/stat-pass.ts';
import { CapturePass } from './capture-pass.ts';
import type { Excluder } from './exclude.ts';
import { createQuickWalk } from './quick-walk.ts';
import { createStagingWalk, type LeftOut, type StagingWalk } from './walk.ts';
import { decodeMemory } from './walk-memory.ts';

/** Where captured content goes. `git/pack-writer` stores it; {@link hashOnly} only names it. */
export interface BlobStore {
  add(type: 'blob', content: Buffer): Promise<Sha>;
  /** Resolves with `undefined` when `pieces` do not add up to `sizeBytes`. */
  addLarge(sizeBytes: number, pieces: AsyncIterable<Buffer>): Promise<Sha | undefined>;
}

export interface CaptureOptions {
  readonly root: string;
  readonly excluder: Excluder;
  /** The files of the base revision with the stat data they had in staging; see `staging-index`. */
  readonly base: IndexFile;
  /** Per entry of `base`, when it was last changed: seconds since 1970. */
  readonly baseTimes: Uint32Array;
  /** Empty directories and modes of the base revision. */
  readonly baseManifest: Manifest;
  /** A quick way to find what moved since `base` was captured; default: every file and directory is looked at. */
  readonly quick?: QuickLook | undefined;
  /** Paths (files or directories) to take from staging; everything else stays as in the base. Default: everything. */
  readonly scope?: readonly BytePath[] | undefined;
  readonly store: BlobStore;
  readonly signal?: AbortSignal | undefined;
  /** Called once, at the first file that differs. */
  readonly onChange?: (() => void) | undefined;
  readonly onProgress?: ((seen: { readonly files: number; readonly readBytes: number }) => void) | undefined;
}

export interface QuickLook {
  /** What `Capture.memory` was when `base` was captured, after a trip through JSON. */
  readonly memory: unknown;
  /** Looks at every file of `base`; `undefined` when it cannot tell. */
  readonly lookAtFiles: () => Promise<StatPass | undefined>;
}

export interface CapturedSide {
  readonly mode: number;
  readonly oid: Sha;
  readonly sizeBytes: number;
}

/** A file in which the capture differs from its base. */
export interface CapturedChange {
  readonly path: BytePath;
  readonly old: CapturedSide | undefined;
  readonly new: CapturedSide | undefined;
}

export interface Capture {
  /** Sorted by path. */
  readonly changes: readonly CapturedChange[];
  /** Files outside the scope that differ between staging and the base; sorted by path. */
  readonly leftOutDifferences: readonly BytePath[];
  /** Totals of the whole resulting tree. */
  readonly files: number;
  readonly bytes: number;
  /** Directories of the staging tree. */
  readonly directories: number;
  /** Empty directories and modes of the resulting tree. */
  readonly manifest: Manifest;
  readonly checkouts: readonly BytePath[];
  readonly leftOut: LeftOut;
  /** How much was read from files, in bytes; for telling a first import from a small change. */
  readonly readBytes: number;
  /** Index of the result, to be completed with a note by `finish`. Entries too young to be trusted are marked unknown. */
  readonly index: { finish(note: Buffer): Buffer };
  /** What the next capture needs for its `quick` look; JSON. `undefined`: it must look at everything. */
  readonly memory: unknown;
  /** Per entry of the index, seconds since 1970 of its last change; 0 for what this capture changed. */
  readonly times: Uint32Array;
}

/**
 * Captures `root`.
 *
 * Throws `staging_uncapturable` naming everything that cannot be captured, `staging_changed` naming what moved during the capture,
 * and `interrupted`. Nothing outside `store` is written.
 */
export async function captureStaging(options: CaptureOptions): Promise<Capture> {
  const pass = new CapturePass(options, await startWalk(options));
  await pass.run();
  if (pass.changed) {
    await pass.confirm();
  }
  return pass.toCapture();
}

async function startWalk({ root, excluder, base, quick }: CaptureOptions): Promise<StagingWalk> {
  const memory = quick && decodeMemory(quick.memory, excluder.patterns);
  const walk = memory && (await createQuickWalk({ root, excluder, base, memory, lookAtFiles: quick.lookAtFiles }));
  return walk ?? createStagingWalk(root, excluder);
}

/** A store that computes ids and keeps nothing: for dry runs. */
export const hashOnly: BlobStore = {
  add: async (type, content) => objectId(type, content),
  addLarge: async (sizeBytes, pieces) => {
    const hash = createObjectHash('blob', sizeBytes);
    let seen = 0;
    for await (const piece of pieces) {
      hash.update(piece);
      seen += piece.length;
    }
    return seen === sizeBytes ? hash.digest() : undefined;
  },
};
