import type { SoakSummary } from './run-soak.ts';

/** What a soak came to, for people. */
export function formatSummary({ pushes, seconds, faults, endings, firstKib, lastKib }: SoakSummary): string {
  const list = (counts: ReadonlyMap<string, number>) =>
    [...counts]
      .sort(([, a], [, b]) => b - a)
      .map(([name, times]) => `${name} ${times}`)
      .join(', ');
  const lines = [
    `${pushes} pushes and a last one in ${Math.round(seconds)} s; every host serves the same bytes and nothing is left over`,
    `ended:  ${list(endings)}`,
    `faults: ${list(faults)}`,
    `memory: ${formatPeaks(firstKib)} in the first ${firstKib.length} clean pushes, ${formatPeaks(lastKib)} in the last`,
  ];
  return `${lines.join('\n')}\n`;
}

function formatPeaks(kib: readonly number[]): string {
  return kib.length === 0 ? 'unknown' : `at most ${Math.round(Math.max(...kib) / 1024)} MiB`;
}
