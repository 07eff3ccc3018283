import { createRandom, drawNormal } from '../prng.ts';

/** What a size is drawn from; equal keys get equal sizes. */
export interface SizeRequest {
  readonly key: string;
  readonly sizeBias: number;
}

const MEDIAN_BYTES = 2048;
const LEAST_BYTES = 160;
const LARGEST_BYTES = 768 * 1024;

/**
 * Draws a size in bytes for every file from a log-normal distribution around 2 KB, and widens its tail until the
 * sizes add up to about `totalBytes`.
 */
export function planSizes(files: readonly SizeRequest[], totalBytes: number, seed: string): number[] {
  const mean = totalBytes / files.length;
  const median = Math.min(MEDIAN_BYTES, mean * 0.6);
  const largest = Math.max(LARGEST_BYTES, mean * 24);
  const deviations = files.map((file) => drawNormal(createRandom(seed, 'size', file.key)) + file.sizeBias);
  const sizesAt = (sigma: number): number[] =>
    deviations.map((deviation) =>
      Math.round(Math.min(largest, Math.max(LEAST_BYTES, median * Math.exp(sigma * deviation)))),
    );
  let [low, high] = [0, 8];
  for (let step = 0; step < 24; step++) {
    const middle = (low + high) / 2;
    const total = sizesAt(middle).reduce((sum, size) => sum + size, 0);
    if (total < totalBytes) low = middle;
    else high = middle;
  }
  return sizesAt(low);
}
