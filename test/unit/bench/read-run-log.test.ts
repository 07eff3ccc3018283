import { expect, it } from 'vitest';
import { readRunLog } from '../../../scripts/lib/bench/simulated/read-run-log.ts';

const lines = (...events: readonly object[]) => events.map((event) => `${JSON.stringify(event)}\n`).join('');

it('readRunLog() tells what each stage took and how much was logged', () => {
  const promoted = (at: number, sentAt: number) => ({ type: 'task.finished', stage: 'promote', at, data: { sentAt } });
  const log = lines(
    { type: 'host.connected', at: 1200 },
    { type: 'host.connected', at: 1500 },
    { type: 'stage.finished', stage: 'fetch', at: 2000, durationMs: 400 },
    { type: 'stage.finished', stage: 'config', at: 2100, durationMs: 100 },
    promoted(2190, 2150),
    promoted(2195, 2175),
    { type: 'stage.finished', stage: 'promote', at: 2200, durationMs: 50 },
    { type: 'stage.finished', stage: 'finalize', at: 2700, durationMs: 30 },
  );
  expect(readRunLog(log, 1000)).toEqual({
    connected: 0.5,
    fetch: 0.4,
    config: 0.1,
    promote: 0.05,
    promoteSent: 0.025,
    finalize: 0.03,
    logged: 8,
    span: 1.5,
  });
});

it('readRunLog() refuses the log of a run that reached nobody', () => {
  expect(() => readRunLog(lines({ type: 'run.started', at: 1 }), 0)).toThrow('no host was connected');
});
