/** How the hosts of one run were reached. */
export interface Connects {
  /** Of each host: connecting, starting the agent and hearing from it. */
  readonly durationsMs: readonly number[];
  /** From the start of the process until the last host was connected. */
  readonly allSeconds: number;
}

interface EventLine {
  readonly type: string;
  readonly at: number;
  readonly durationMs?: number;
}

/**
 * Reads it from the events of a run, one JSON document a line.
 *
 * @param startedAt of the process, milliseconds since 1970
 * @throws Error when no host was connected
 */
export function readConnects(lines: string, startedAt: number): Connects {
  const connected = lines
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as EventLine)
    .filter(({ type }) => type === 'host.connected');
  if (connected.length === 0) throw new Error('Cannot find out how long connecting took: the run has no such event');
  return {
    durationsMs: connected.map(({ durationMs = 0 }) => durationMs),
    allSeconds: (Math.max(...connected.map(({ at }) => at)) - startedAt) / 1000,
  };
}
