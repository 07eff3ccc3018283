import { describe, expect, it } from 'vitest';
import { readPushTimes } from '../../../scripts/lib/bench/seeding/beside/read-push-times.ts';

const startedAt = 1_000_000;
const task = (at: number, stage: string, host: string, durationMs: number) => ({
  type: 'task.finished',
  at: startedAt + at,
  task: `${stage}@${host}`,
  stage,
  host,
  durationMs,
});
const events = [
  { type: 'stage.started', at: startedAt + 900, stage: 'fetch', tasks: 3 },
  task(1200, 'fetch', 'mw1', 300),
  task(1500, 'fetch', 'mw2', 400),
  task(9000, 'fetch', 'mw3', 8100),
  { type: 'stage.finished', at: startedAt + 9001, stage: 'fetch', ok: 3, failed: 0, durationMs: 8101 },
  { type: 'bundle.distributed', at: startedAt + 8500, hosts: 1, sentBytes: 5e6, durationMs: 6500 },
  { type: 'stage.started', at: startedAt + 9001, stage: 'promote', tasks: 3 },
  task(9100, 'promote', 'mw2', 20),
  task(9200, 'promote', 'mw1', 30),
  task(9300, 'promote', 'mw3', 30),
  { type: 'stage.finished', at: startedAt + 9301, stage: 'promote', ok: 3, failed: 0, durationMs: 300 },
];
const run = (lines: readonly object[]) => ({
  stdout: lines.map((line) => `${JSON.stringify(line)}\n`).join(''),
  startedAt,
  seconds: 9.5,
});

describe('readPushTimes()', () => {
  it('tells when the hosts looked at were done, and when the others', () => {
    expect(readPushTimes(run(events), ['mw1', 'mw2'])).toEqual({
      stageStarted: 0.9,
      fetched: 1.5,
      allFetched: 9.001,
      promoted: 9.2,
      ended: 9.5,
      longestFetch: 0.4,
      bulk: { hosts: 1, sentBytes: 5e6, begun: 2, ended: 8.5 },
    });
  });

  it('tells that nothing went from host to host', () => {
    const straight = events.filter(({ type }) => type !== 'bundle.distributed');
    expect(readPushTimes(run(straight), ['mw1']).bulk).toBeUndefined();
  });

  it('refuses a run in which one of them did not fetch', () => {
    expect(() => readPushTimes(run(events), ['mw1', 'mw9'])).toThrow(
      'Cannot find out when mw9 was done with fetch: the run has no such event',
    );
  });
});
