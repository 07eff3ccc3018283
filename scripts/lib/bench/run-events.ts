import type { StageSeconds } from './measurements.ts';

/** The fields of scap's events that are read here. */
interface EventLine {
  readonly type: string;
  readonly stage?: string;
  readonly durationMs?: number;
  readonly data?: { readonly result?: string };
}

export interface RunEvents {
  readonly stages: StageSeconds;
  readonly strategies: readonly string[];
}

/** Reads what `scap … --events` printed: the time of each stage, and the strategy of each target's fetch. */
export function readRunEvents(stdout: string): RunEvents {
  const events = stdout
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as EventLine);
  const sum = (matches: (event: EventLine) => boolean) =>
    events.filter(matches).reduce((total, { durationMs = 0 }) => total + durationMs / 1000, 0);
  const stage = (name: string) => sum((event) => event.type === 'stage.finished' && event.stage === name);
  return {
    stages: {
      capture: sum(({ type }) => type === 'revision.created' || type === 'revision.reused'),
      fetch: stage('fetch'),
      promote: stage('promote'),
    },
    strategies: events
      .filter((event) => event.type === 'task.finished' && event.stage === 'fetch')
      .map(({ data }) => data?.result ?? 'unknown'),
  };
}
