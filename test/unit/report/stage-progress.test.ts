import { describe, expect, it } from 'vitest';
import type { ScapEvent } from '../../../src/events/event.ts';
import { formatMovement, formatStageCounts, measureRate, stageFraction } from '../../../src/report/stage-progress.ts';
import type { StageView } from '../../../src/report/stage-view.ts';
import { event, fold, host, hosts, task } from './sample-events.ts';

const [a, b] = [host('a'), host('b')];

function stage(tasks: number, ...events: readonly ScapEvent[]): StageView {
  const view = fold(event('stage.started', { stage: 'fetch', tasks }, 0), ...events).stages[0];
  if (view === undefined) throw new Error('no stage');
  return view;
}

const ended = (durationMs: number) => event('stage.finished', { stage: 'fetch', ok: 0, failed: 0, durationMs });
const many = hosts(200);
const inFlight = many.slice(0, 43).map((name) => task('task.started', 'fetch', name));
const twelveOk = many.slice(0, 12).map((name) => task('task.finished', 'fetch', name));
const oneFailed = task('task.failed', 'fetch', many[12] ?? a);

describe('formatStageCounts()', () => {
  it.each([
    ['many', stage(200, ...inFlight, ...twelveOk, oneFailed), 'fetch: 12 of 200 ok, 1 failed, 30 in flight, 157 left'],
    [
      'the last few by name',
      stage(2, task('task.started', 'fetch', a), task('task.finished', 'fetch', b)),
      'fetch: 1 of 2 ok, 1 in flight (a)',
    ],
    [
      'nobody by name while others are left',
      stage(2, task('task.started', 'fetch', a)),
      'fetch: 0 of 2 ok, 1 in flight, 1 left',
    ],
    ['skipped ones', stage(2, task('task.skipped', 'fetch', a)), 'fetch: 0 of 2 ok, 1 skipped, 1 left'],
    ['the end', stage(1, task('task.finished', 'fetch', a), ended(1200)), 'fetch: 1 of 1 ok in 1.2 s'],
    [
      '[B46] an early end',
      stage(200, ...twelveOk, oneFailed, ended(3000)),
      'fetch: 12 of 200 ok, 1 failed, 187 not attempted in 3.0 s',
    ],
    ['[B38] a stage without tasks', stage(0, ended(1)), 'fetch: nothing to do'],
  ])('tells %s', (_what, view, text) => {
    expect(formatStageCounts(view)).toBe(text);
  });
});

describe('stageFraction()', () => {
  const half = task('task.progressed', 'fetch', a, { step: 'receive', done: 5, total: 10 });
  const full = task('task.progressed', 'fetch', a, { step: 'receive', done: 10, total: 10 });
  const nextStep = task('task.progressed', 'fetch', a, { step: 'verify', unit: 'files', done: 1, total: 10 });
  const start = task('task.started', 'fetch', a);

  it.each([
    ['unknown', stage(0), 0],
    ['half of one of two', stage(2, start, half), 0.25],
    ['never back when the next step begins', stage(2, start, full, nextStep), 0.5],
    ['not full while something is in flight', stage(1, start, full), 0.99],
    ['full', stage(1, start, full, task('task.finished', 'fetch', a)), 1],
  ])('is %s', (_what, view, fraction) => {
    expect(stageFraction(view)).toBe(fraction);
  });
});

describe('formatMovement()', () => {
  const bytes = (done: number, at: number, total = 100_000_000) =>
    task('task.progressed', 'fetch', a, { unit: 'bytes', done, total, at });

  it.each([
    ['nothing when nothing moves', stage(1), 5000, ''],
    ['no rate in the first second', stage(1, bytes(1_000_000, 500)), 900, '1.00 MB of 100 MB'],
    [
      'amount, rate and time left',
      stage(1, bytes(10_000_000, 2000)),
      2000,
      '10.0 MB of 100 MB, 5.00 MB/s, 18.0 s left',
    ],
    [
      'twice the time when a like task has yet to start',
      stage(2, task('task.started', 'fetch', a), bytes(10_000_000, 2000)),
      2000,
      '10.0 MB of 100 MB, 5.00 MB/s, 38.0 s left',
    ],
    ['an unknown total', stage(1, bytes(10_000_000, 2000, 0)), 2000, '10.0 MB, 5.00 MB/s'],
    [
      'files when no bytes move',
      stage(1, task('task.progressed', 'fetch', a, { unit: 'files', done: 1000, total: 4000, at: 2000 })),
      2000,
      '1,000 of 4,000 files, 500/s, 6.0 s left',
    ],
  ])('tells %s', (_what, view, at, text) => {
    expect(formatMovement(view, at)).toBe(text);
  });

  it('measures over the last ten seconds, so that a stall shows', () => {
    const steady = Array.from({ length: 60 }, (_, i) => bytes((i + 1) * 1_000_000, (i + 1) * 1000));
    expect(measureRate(stage(1, ...steady), 'bytes', 60_000)).toBe(1_000_000);
    expect(measureRate(stage(1, ...steady), 'bytes', 70_000)).toBe(500_000);
  });
});
