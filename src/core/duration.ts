/** Parses `250ms`, `10s`, `5m`, `2h`, `1d` into milliseconds; `undefined` when it is none of these. */
export function parseDuration(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)$/.exec(text.trim());
  if (!match?.[1] || !match[2]) return undefined;
  const unitMs = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }[match[2]];
  return unitMs === undefined ? undefined : Math.round(Number(match[1]) * unitMs);
}

/** Formats for people: `850 ms`, `12.3 s`, `4 m 05 s`, `2 h 10 m`. */
export function formatDuration(ms: number): string {
  if (ms < 999.5) return `${Math.round(ms)} ms`;
  if (ms < 59_950) return `${(ms / 1000).toFixed(1)} s`;
  const totalSeconds = Math.round(ms / 1000);
  const [hours, minutes, seconds] = [totalSeconds / 3600, (totalSeconds % 3600) / 60, totalSeconds % 60].map(
    Math.floor,
  );
  const two = (n = 0) => String(n).padStart(2, '0');
  return hours ? `${hours} h ${two(minutes)} m` : `${minutes} m ${two(seconds)} s`;
}
