/**
 * Brings bundles to targets: small ones straight over the control connection each target has, large ones from target to target.
 */

import pLimit from 'p-limit';
import type { BlobName } from '../../target/relay/blob-name.ts';
import { createRateLimit } from '../../target/relay/rate-limit.ts';
import { requireRsync } from '../../target/rsync/rsync-program.ts';
import { type ReadyBundle, smallBytes } from '../bundle-store.ts';
import { send as sendBundle } from '../target-client.ts';
import { BlobDistribution } from './blob-distribution.ts';
import type { CopySource } from './copy-blob.ts';
import type { Origin } from './neighbours.ts';
import { type Arrival, type DistributorOptions, directArrival, type Receiver } from './receiver.ts';

export interface Distributor extends Disposable {
  /** Bundles of at least so many bytes go from target to target. */
  readonly thresholdBytes: number;
  /**
   * Brings a bundle to one target; returns when the target has checked all of it. Targets that want the same bundle at the same time are served by
   * each other. Throws what kept this target from getting it: what it reports itself (`disk_full`), `connection_lost`, `request_timeout`, or
   * after several attempts `source_lost`, `source_refused`, `relay_unavailable` or `blob_damaged`.
   */
  bring(bundle: ReadyBundle, receiver: Receiver): Promise<Arrival>;
  /** As `bring`, with a bundle that lies on a target: that one is the source that is asked where else the deploy host is. */
  bringFrom(origin: Origin, receiver: Receiver): Promise<Arrival>;
  /** As `bring`, but straight from the deploy host, whatever the size; a few targets at a time. */
  send(bundle: ReadyBundle, receiver: Receiver): Promise<Arrival>;
  /** Another one with the same settings that stops for `signal` only. */
  fork(signal: AbortSignal): Distributor;
}

/** Files that are read at once, each with a buffer; small bundles are in memory. */
const readLimit = 200;
/** Whole bundles at once, when targets could not use what they had been brought. */
const sendLimit = 8;

export function createDistributor(options: DistributorOptions): Distributor {
  const blobs = new Map<string, BlobDistribution>();
  const { fanout, timeoutMs, signal } = options;
  const limit = createRateLimit(fanout.bytesPerSecond);
  const sending = pLimit(sendLimit);
  const reading = pLimit(readLimit);
  const send = async (bundle: ReadyBundle, { connection, admit }: Receiver): Promise<Arrival> => {
    admit?.(0);
    await sendBundle(connection, bundle.sha256, bundle, { timeoutMs, signal });
    return directArrival(bundle);
  };
  let ready: Promise<void> | undefined;
  /** Asked before anybody is brought anything: what is missing here, nobody there is to blame for. */
  const checkCarrier = () => {
    ready ??= fanout.carrier === 'rsync' ? requireRsync('the deploy host') : Promise.resolve();
    return ready;
  };
  const distribution = (blob: BlobName, origin: CopySource): BlobDistribution => {
    // Two origins may well have made the same bundle: each has targets of its own.
    const key = 'host' in origin ? `${blob.sha256} ${origin.host.name}` : blob.sha256;
    const known = blobs.get(key) ?? new BlobDistribution(blob, origin, { ...options, limit });
    blobs.set(key, known);
    return known;
  };
  return {
    thresholdBytes: fanout.thresholdBytes,
    bring: async (bundle, receiver) => {
      if (bundle.sizeBytes < fanout.thresholdBytes)
        return bundle.sizeBytes > smallBytes ? reading(() => send(bundle, receiver)) : send(bundle, receiver);
      await checkCarrier();
      return distribution(bundle, bundle).bring(receiver);
    },
    bringFrom: async (origin, receiver) => {
      await checkCarrier();
      return distribution(origin.blob, origin).bring(receiver);
    },
    send: (bundle, receiver) => sending(() => send(bundle, receiver)),
    fork: (other) => createDistributor({ ...options, signal: other }),
    [Symbol.dispose]: () => {
      for (const blob of blobs.values()) blob[Symbol.dispose]();
    },
  };
}
