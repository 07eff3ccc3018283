import { describe, expect, it } from 'vitest';
import type { TaskOutcome } from '../../../src/deploy/executor.ts';
import { promoteSkewMs } from '../../../src/deploy/skew.ts';
import { aPlan, aStage, aTask } from '../../support/deploy-facts.ts';

const hour = 3_600_000;
const ok = (swappedAt: unknown, sentAt: unknown, receivedAt: unknown, changed = true): TaskOutcome => ({
  status: 'ok',
  result: { result: 'live', data: { changed, swappedAt, sentAt, receivedAt } },
});
const plan = aPlan([
  aStage('fetch', [aTask('fetch', 'a'), aTask('fetch', 'b')]),
  aStage('promote:x', [aTask('promote', 'a'), aTask('promote', 'b'), aTask('promote', 'c')]),
  aStage('promote:y', [aTask('promote', 'd'), aTask('promote', 'e')]),
]);
const skew = (tasks: Readonly<Record<string, TaskOutcome>>) =>
  promoteSkewMs(plan, new Map(Object.entries(tasks).map(([host, outcome]) => [`promote@${host}`, outcome])));

describe('promoteSkewMs()', () => {
  it.each<[string, Readonly<Record<string, TaskOutcome>>, number | undefined]>([
    ['nothing was promoted', {}, undefined],
    ['one host switched', { a: ok(5, 0, 10) }, undefined],
    ['clocks agree', { a: ok(5, 0, 10), b: ok(8, 0, 10), c: ok(6, 0, 10) }, 3],
    ['one clock is an hour ahead', { a: ok(5, 0, 10), b: ok(6 + hour, 0, 12) }, 7],
    ['one clock is an hour behind', { a: ok(5, 0, 10), b: ok(6 - hour, 1, 12) }, 4],
    ['all clocks are an hour ahead', { a: ok(5 + hour, 0, 10), b: ok(6 + hour, 0, 12) }, 2],
    ['one host switched in each of two stages', { a: ok(0, 0, 0), d: ok(hour, hour, hour) }, undefined],
    [
      'two stages lie an hour apart',
      { a: ok(1, 0, 9), b: ok(3, 0, 9), d: ok(hour + 1, hour, hour + 9), e: ok(hour + 7, hour, hour + 9) },
      6,
    ],
    ['a host was live already', { a: ok(1, 0, 9), b: ok(8, 0, 9, false) }, undefined],
    ['a target tells no time', { a: ok(1, 0, 9), b: ok('soon', 0, 9), c: ok(Number.NaN, 0, 9) }, undefined],
    [
      'an interrupted run promoted one',
      { a: ok(1, 0, 9), b: { ...ok(-hour, -hour, -hour), status: 'skipped' } as TaskOutcome },
      undefined,
    ],
  ])('when %s', (_what, tasks, expected) => {
    expect(skew(tasks)).toBe(expected);
  });
});
