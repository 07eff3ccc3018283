import { createHash } from 'node:crypto';
import { closeSync, openSync, renameSync, rmSync } from 'node:fs';
import { ScapError } from '../core/errors.ts';
import { writeAll } from '../system/atomic-file.ts';
import type { TargetLayout } from './layout.ts';

/** Takes in the payload of one request as it arrives. */
export interface PayloadReceiver {
  /** Never throws: what goes wrong is told by `finish`, once the sender has sent everything. */
  push(piece: Buffer): void;
  /** Makes use of it; returns the reply. */
  finish(): unknown;
  abandon(): void;
}

/** Its `finish` checks the bytes against their name and makes the bundle available; it throws `bundle_damaged` or what writing threw. */
export function createBundleReceiver(layout: TargetLayout, sha256: string): PayloadReceiver {
  const part = `${layout.bundle(sha256)}.part`;
  const hash = createHash('sha256');
  let failure: unknown;
  let fd: number | undefined;
  const attempt = (work: () => void) => {
    try {
      if (failure === undefined) work();
    } catch (error) {
      failure = error;
    }
  };
  const close = () => {
    if (fd !== undefined) closeSync(fd);
    fd = undefined;
  };
  const abandon = () => {
    close();
    rmSync(part, { force: true });
  };
  attempt(() => {
    fd = openSync(part, 'w', 0o600);
  });
  return {
    abandon,
    push: (piece) =>
      attempt(() => {
        if (fd !== undefined) writeAll(fd, piece);
        hash.update(piece);
      }),
    finish: () => {
      const damaged = failure === undefined && hash.digest('hex') !== sha256;
      if (damaged)
        failure = new ScapError('bundle_damaged', 'Cannot use a bundle: it arrived with other bytes than were sent');
      if (failure !== undefined) {
        abandon();
        throw failure;
      }
      close();
      renameSync(part, layout.bundle(sha256));
    },
  };
}
