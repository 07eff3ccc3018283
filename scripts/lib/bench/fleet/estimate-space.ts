import { constantBytes, packedShare, type SpaceNeeded, treeSpace } from '../space.ts';
import type { FleetRequest, FleetSize } from './parse-fleet.ts';

/** Full copies of the tree on each host: of scap, with its spare and one more under way, and of two stock tools. */
const copiesPerHost = 5;
const blockBytes = 4096;

/** Estimates what the largest of the fleets takes; one is removed before the next is made. */
export function estimateFleetSpace({ sizes, runs }: FleetRequest, withCapistrano: boolean): SpaceNeeded {
  const each = sizes.map((size) => estimateOne(size, runs, withCapistrano));
  return { bytes: Math.max(...each.map(({ bytes }) => bytes)), inodes: Math.max(...each.map(({ inodes }) => inodes)) };
}

function estimateOne(
  { hostCount, fileCount, totalBytes }: FleetSize,
  runs: number,
  withCapistrano: boolean,
): SpaceNeeded {
  const tree = treeSpace(fileCount, totalBytes);
  // Capistrano copies all of it each time, from a mirror of the repository.
  const capistrano = withCapistrano ? 2 + runs : 0;
  const full = 1 + hostCount * (copiesPerHost + capistrano);
  // Each run leaves a tree of directories by --link-dest; those of scap are pruned or recycled, at times later.
  const linked = hostCount * runs * 3;
  const packed = (1 + hostCount) * packedShare;
  return {
    bytes: constantBytes + tree.bytes * (full + packed) + linked * tree.directories * blockBytes,
    inodes: tree.inodes * full + linked * tree.directories,
  };
}
