/** Which degree is fastest for relays that pass on what they receive. Pure. */
export interface DegreeFacts {
  readonly sizeBytes: number;
  /** How many targets want the blob. */
  readonly hosts: number;
  /** What a relay takes in before it passes it on. */
  readonly chunkBytes: number;
  /** The most that is allowed; at least 1. */
  readonly most: number;
}

/**
 * Returns the degree, up to the most allowed, whose full tree is done first when all links are alike; the smaller of two equals. A source
 * shares its link among `k` copies and a chunk waits at every level, so a tree takes `k (B + (depth - 1) c)` over the links' rate, which
 * therefore need not be known: large blobs want chains, small ones shallow trees. (A source that must be whole first serves whoever waits
 * again and again; there one copy at a time is always the fastest.)
 */
export function chooseDegree(facts: DegreeFacts): number {
  const candidates = Array.from({ length: facts.most }, (_, at) => at + 1);
  return candidates.reduce((best, degree) => (costOf(facts, degree) < costOf(facts, best) ? degree : best), 1);
}

/** Bytes that pass one after the other until the last leaf is done. */
function costOf({ sizeBytes, hosts, chunkBytes }: DegreeFacts, degree: number): number {
  return degree * (sizeBytes + (depthOf(hosts, degree) - 1) * chunkBytes);
}

/** How many levels of targets a full tree has. */
export function depthOf(hosts: number, degree: number): number {
  if (degree === 1) return hosts;
  let depth = 0;
  for (let level = degree, held = 0; held < hosts; level *= degree) {
    held += level;
    depth += 1;
  }
  return depth;
}
