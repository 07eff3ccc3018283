import { constantBytes, packedShare, type SpaceNeeded, treeSpace } from '../space.ts';
import type { FleetRequest, FleetSize } from './parse-fleet.ts';

/** Full copies of the tree on each host: of scap, with its spare and one more under way, and of two stock tools. */
const copiesPerHost = 5;
const blockBytes = 4096;

/** Estimates what the largest of the fleets takes; one is removed before the next is made. */
export function estimateFleetSpace({ sizes, runs }: FleetRequest): SpaceNeeded {
  const each = sizes.map((size) => estimateOne(size, runs));
  return { bytes: Math.max(...each.map(({ bytes }) => bytes)), inodes: Math.max(...each.map(({ inodes }) => inodes)) };
}

function estimateOne({ hostCount, fileCount, totalBytes }: FleetSize, runs: number): SpaceNeeded {
  const tree = treeSpace(fileCount, totalBytes);
  const full = 1 + hostCount * copiesPerHost;
  // Each run leaves a tree of directories by --link-dest; those of scap are pruned or recycled, at times later.
  const linked = hostCount * runs * 3;
  const packed = (1 + hostCount) * packedShare;
  return {
    bytes: constantBytes + tree.bytes * (full + packed) + linked * tree.directories * blockBytes,
    inodes: tree.inodes * full + linked * tree.directories,
  };
}
