import { randomBytes } from 'node:crypto';
import { createReadStream, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import type { Sha } from '../core/sha.ts';
import type { EventBus } from '../events/event.ts';
import { timesRef, writeBundle } from '../git/bundle.ts';
import type { DeployRepository } from '../revision/deploy-repository.ts';
import { hashFile } from '../system/hash-file.ts';
import type { Payload } from '../transport/payload.ts';

/** A bundle ready to be sent to any number of targets. */
export interface ReadyBundle extends Payload {
  readonly sha256: string;
  /** The file that holds it. */
  readonly path: string;
  /** As `open`, from a byte on, in pieces of at most so many bytes. */
  openFrom(offset: number, pieceBytes: number): Readable;
}

/** Makes each bundle once, however many targets want it, and removes them all when disposed. */
export interface BundleStore extends Disposable {
  /** A bundle of `revision` for a target that has `base`. */
  bundle(revision: Sha, base: Sha | undefined): Promise<ReadyBundle>;
}

/** Bundles up to this size stay in memory: thousands of targets would each open the file, with a buffer as large as a quarter of this. */
export const smallBytes = 1024 * 1024;

/** Bundles lie in `workDir`; what a killed run leaves there the next one sweeps. */
export function createBundleStore(repository: DeployRepository, workDir: string, bus: EventBus): BundleStore {
  const made = new Map<string, Promise<ReadyBundle>>();
  const paths: string[] = [];
  const make = async (revision: Sha, base: Sha | undefined): Promise<ReadyBundle> => {
    const startedAt = Date.now();
    const path = join(
      workDir,
      `bundle-${revision.slice(0, 12)}-${base?.slice(0, 12) ?? 'complete'}-${randomBytes(4).toString('hex')}`,
    );
    paths.push(path);
    const extra = new Map([[timesRef(revision), repository.timesId(revision)]]);
    // Not tied to the run's signal: several targets may wait for it, and it ends soon.
    const sizeBytes = await writeBundle(repository.git, path, { revision, base, extra });
    bus.emit('bundle.built', { revision, base: base ?? null, bytes: sizeBytes, durationMs: Date.now() - startedAt });
    const small = sizeBytes <= smallBytes ? readFileSync(path) : undefined;
    return {
      sizeBytes,
      path,
      sha256: await hashFile(path),
      open: () => small ?? createReadStream(path, { highWaterMark: 256 * 1024 }),
      openFrom: (start, pieceBytes) => createReadStream(path, { start, highWaterMark: pieceBytes }),
    };
  };
  return {
    bundle: (revision, base) => {
      const key = `${revision} ${base ?? ''}`;
      let bundle = made.get(key);
      if (bundle === undefined) {
        bundle = make(revision, base);
        made.set(key, bundle);
      }
      return bundle;
    },
    [Symbol.dispose]: () => {
      for (const path of paths) rmSync(path, { force: true });
    },
  };
}

/**
 * Chooses what a bundle builds on: what is live if the target has it, else the newest revision both sides have, else nothing.
 * `known` are the deploy host's revisions, newest first.
 */
export function chooseBase(held: ReadonlySet<Sha>, live: Sha | undefined, known: readonly Sha[]): Sha | undefined {
  if (live !== undefined && held.has(live)) return live;
  return known.find((sha) => held.has(sha));
}
