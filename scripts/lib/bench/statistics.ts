/** Middle of the values, or the mean of the two in the middle. @throws RangeError when there are none. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const [low, high] = [sorted[Math.floor((sorted.length - 1) / 2)], sorted[Math.ceil((sorted.length - 1) / 2)]];
  if (low === undefined || high === undefined) throw new RangeError('There is no median of nothing');
  return (low + high) / 2;
}

/** Formats seconds with three significant digits: `0.234 s`, `12.3 s`. */
export function formatSeconds(seconds: number): string {
  const digits = seconds < 1 ? 3 : seconds < 10 ? 2 : 1;
  return `${seconds.toFixed(digits)} s`;
}

/** Formats measurements as `median (min–max)`; only the value when there is one. */
export function formatSpread(values: readonly number[]): string {
  const middle = formatSeconds(median(values));
  if (values.length === 1) return `${middle} (once)`;
  const bare = (value: number) => formatSeconds(value).slice(0, -2);
  return `${middle} (${bare(Math.min(...values))}–${bare(Math.max(...values))})`;
}

/** Formats how many times longer `values` take than `base`, by their medians: `5.2×`. */
export function formatRatio(values: readonly number[], base: readonly number[]): string {
  const ratio = median(values) / median(base);
  return `${ratio.toFixed(ratio < 1 ? 2 : 1)}×`;
}

/** Formats bytes in MB of 10⁶. */
export function formatMegabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(bytes < 10e6 ? 1 : 0)} MB`;
}
