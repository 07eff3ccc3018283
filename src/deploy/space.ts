import { formatBytes } from '../core/bytes.ts';
import { ScapError } from '../core/errors.ts';

/** What a revision will take on a target, at most. */
export interface SpaceNeed {
  readonly bytes: number;
  readonly inodes: number;
}

export interface SpaceFacts {
  /** Totals of the revision. */
  readonly files: number;
  readonly bytes: number;
  readonly directories: number;
  /** What it adds to the target's base; `undefined` when there is no complete revision to link from. */
  readonly delta: { readonly files: number; readonly bytes: number } | undefined;
  readonly bundleBytes: number;
  /** What the target has of the bundle already, from an interrupted run. */
  readonly heldBytes: number;
}

/** A directory takes a block, a file its content rounded up to blocks. */
const blockBytes = 4096;

/** Estimates what must be free: the bundle twice (as received, as stored) and the files that cannot be linked. */
export function estimateNeed({ files, bytes, directories, delta, bundleBytes, heldBytes }: SpaceFacts): SpaceNeed {
  const written = delta ?? { files, bytes };
  return {
    bytes: bundleBytes * 2 - heldBytes + written.bytes + (written.files * blockBytes) / 2 + directories * blockBytes,
    inodes: written.files + directories + 64,
  };
}

/** Throws `disk_full` when a target has not that much; said before a byte is written to it. */
export function checkSpace(
  free: { readonly freeBytes: number; readonly freeInodes: number },
  need: SpaceNeed,
  host: string,
): void {
  const hint = `Free space on ${host}, or prune its older revisions with: scap clean`;
  if (free.freeBytes < need.bytes) {
    const message = `Cannot fetch on ${host}: ${formatBytes(free.freeBytes)} free, up to ${formatBytes(need.bytes)} needed`;
    throw new ScapError('disk_full', message, { hint, data: { freeBytes: free.freeBytes, neededBytes: need.bytes } });
  }
  // File systems without a fixed number of inodes report none.
  if (free.freeInodes > 0 && free.freeInodes < need.inodes) {
    const message = `Cannot fetch on ${host}: ${free.freeInodes} inodes free, up to ${need.inodes} needed`;
    throw new ScapError('disk_full', message, {
      hint,
      data: { freeInodes: free.freeInodes, neededInodes: need.inodes },
    });
  }
}
