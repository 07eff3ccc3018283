/** What the log of one run tells. Times are seconds. */
export interface RunLogFigures {
  /** From the start of the process until the last host had been connected and asked. */
  readonly connected: number;
  readonly fetch: number;
  readonly config: number;
  readonly promote: number;
  readonly finalize: number;
  /** Between the first request to switch that went out and the last. */
  readonly promoteSent: number;
  /** Events in the log: all but progress. */
  readonly logged: number;
  /** From the first event until the last. */
  readonly span: number;
}

interface EventLine {
  readonly type: string;
  readonly at: number;
  readonly stage?: string;
  readonly durationMs?: number;
  readonly data?: { readonly sentAt?: number };
}

/**
 * Reads the log of a run, one JSON document a line.
 *
 * @param startedAt of the process, milliseconds since 1970
 * @throws Error when no host was connected
 */
export function readRunLog(lines: string, startedAt: number): RunLogFigures {
  const events = lines
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as EventLine);
  const connects = events.flatMap(({ type, at }) => (type === 'host.connected' ? [at] : []));
  const sent = events.flatMap(({ type, stage: of, data }) =>
    type === 'task.finished' && of === 'promote' ? [data?.sentAt ?? Number.NaN] : [],
  );
  const [first, last] = [events[0], events.at(-1)];
  if (connects.length === 0 || first === undefined || last === undefined)
    throw new Error('Cannot read the log of the run: no host was connected');
  const stage = (name: string) =>
    events
      .filter(({ type, stage: of }) => type === 'stage.finished' && of === name)
      .reduce((sum, { durationMs = 0 }) => sum + durationMs / 1000, 0);
  return {
    connected: (connects.reduce(larger) - startedAt) / 1000,
    fetch: stage('fetch'),
    config: stage('config'),
    promote: stage('promote'),
    finalize: stage('finalize'),
    promoteSent: spread(sent) / 1000,
    logged: events.length,
    span: (last.at - first.at) / 1000,
  };
}

const larger = (a: number, b: number) => Math.max(a, b);
const smaller = (a: number, b: number) => Math.min(a, b);

function spread(values: readonly number[]): number {
  return values.length === 0 ? 0 : values.reduce(larger) - values.reduce(smaller);
}
