/** A slice of a group: a count of at least 1, or a share of the group (above 0, up to 100). */
export type BatchSize = { readonly hosts: number } | { readonly percent: number };

/**
 * How many hosts are promoted at once, at least 1, given the size of the group before anything failed. A share rounds up: 10 % of 7
 * hosts is one. `undefined` is the whole group.
 */
export function resolveBatchSize(batch: BatchSize | undefined, groupSize: number): number {
  if (batch === undefined) return Math.max(1, groupSize);
  if ('hosts' in batch) return batch.hosts;
  // Percentages such as 8.2 have no exact binary form; a product just above a whole number is that number.
  return Math.max(1, Math.ceil((batch.percent * groupSize) / 100 - 1e-9));
}
