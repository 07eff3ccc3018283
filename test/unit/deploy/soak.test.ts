import { describe, expect, it } from 'vitest';
import { dueSoakMs } from '../../../src/deploy/soak.ts';
import { aStage, aTask, hostName } from '../../support/deploy-facts.ts';

const batch = (name: string, hosts: readonly string[], soakMs: number) =>
  aStage(
    name,
    hosts.map((host) => aTask('promote', host)),
    { group: 'all', soakMs },
  );
const stages = [
  aStage('fetch', [aTask('fetch', 'a')], { soakMs: 9 }),
  batch('1', ['a', 'b'], 1000),
  batch('2', ['c'], 2000),
  batch('3', ['d'], 3000),
  aStage('record', [aTask('record')], { soakMs: 9 }),
];

/** After the stage at `at`, with those of these tasks done and these hosts lost. */
const due = (at: number, done: readonly string[], dropped: readonly string[] = []) =>
  dueSoakMs({
    stages,
    at,
    isDone: ({ id }) => done.includes(id.replace('promote@', '')),
    dropped: new Map(dropped.map((host) => [hostName(host), 0])),
  });

describe('dueSoakMs()', () => {
  it.each<[string, number, readonly string[], readonly string[], number]>([
    ['a batch with one to come', 1, ['a', 'b'], [], 1000],
    ['a batch that lost a host', 1, ['a'], ['b'], 1000],
    ['a batch that lost them all', 1, [], ['a', 'b'], 0],
    ['a batch before one that is lost, and one that is not', 1, ['a', 'b'], ['c'], 1000],
    ['that lost batch', 2, ['a', 'b'], ['c'], 0],
    ['a batch with none but lost ones to come', 1, ['a', 'b'], ['c', 'd'], 0],
    ['the last batch', 3, ['a', 'b', 'c', 'd'], [], 0],
    ['a batch before one that an interrupted run has done', 1, ['a', 'b', 'c'], [], 0],
    ['the last batch that an interrupted run has done', 2, ['a', 'b', 'c'], [], 2000],
    ['a stage without a task done', 0, [], [], 0],
    ['the last stage of the plan', 4, ['a', 'b', 'c', 'd', 'record'], [], 0],
  ])('after %s', (_what, at, done, dropped, expected) => {
    expect(due(at, done, dropped)).toBe(expected);
  });

  it('does not wait with anything but the same work', () => {
    const confirm = aStage('confirm', [aTask('confirm', 'a')], { group: 'all' });
    const isDone = ({ id }: { readonly id: string }) => id === 'promote@a';
    const first = batch('1', ['a'], 1000);
    expect(dueSoakMs({ stages: [first, confirm], at: 0, isDone, dropped: new Map() })).toBe(0);
    expect(dueSoakMs({ stages: [first, confirm, batch('2', ['b'], 0)], at: 0, isDone, dropped: new Map() })).toBe(1000);
  });

  it('is nothing where a stage names none', () => {
    const plain = [batch('1', ['a'], 0), batch('2', ['b'], 0)];
    expect(dueSoakMs({ stages: plain, at: 0, isDone: ({ id }) => id === 'promote@a', dropped: new Map() })).toBe(0);
  });
});
