import type { FanoutSettings } from '../../config/config.ts';
import type { BlobName } from '../../target/relay/blob-name.ts';
import { chooseDegree } from '../fanout/degree.ts';
import { type Fanout, type Place, startFanout, type Wanting } from '../fanout/fanout.ts';
import type { CopySource } from './copy-blob.ts';

/** A copy is slow below this share of what its target could expect elsewhere. */
const slowFraction = 0.25;
const attempts = 3;
const leastRescueDegree = 8;
/** What a relay takes in before it passes it on. */
const relayedPieceBytes = 256 * 1024;

/** How a distribution begins, once the first targets have said what they hold. In the plan the origin is the deploy host, wherever it is. */
export function beginFanout(
  blob: BlobName,
  origin: CopySource,
  { degree: most, thresholdBytes, carrier }: FanoutSettings,
  hosts: readonly Wanting[],
): Fanout {
  const relayed = { sizeBytes: blob.sizeBytes, hosts: hosts.length, chunkBytes: relayedPieceBytes, most };
  // Who must be whole before it serves goes on serving as long as anybody waits: then one after the other is the fastest.
  const degree = carrier === 'rsync' ? 1 : chooseDegree(relayed);
  const [mode, egressBlobs] =
    carrier === 'rsync' ? (['store-and-forward', most] as const) : (['pipelined', degree] as const);
  const rescueDegree = Math.max(most, leastRescueDegree);
  const rules = { mode, degree, egressBlobs, rescueDegree, thresholdBytes, attempts, slowFraction };
  const { site, rack }: Partial<Place> = 'host' in origin ? origin.host.labels : {};
  return startFanout({ blob, rules, deployHostPlace: { site, rack }, hosts });
}
