import { describe, expect, it } from 'vitest';
import { chooseDegree, depthOf } from '../../../../src/deploy/fanout/degree.ts';
import { egressBound, maySend } from '../../../../src/deploy/fanout/egress.ts';
import { isSettled } from '../../../../src/deploy/fanout/fanout.ts';
import { createHeap } from '../../../../src/deploy/fanout/heap.ts';
import { nearnessOf, orderBySpread } from '../../../../src/deploy/fanout/nearness.ts';
import { aFanout, place, someRules, whole } from '../../../support/fanout-facts.ts';

describe('nearnessOf()', () => {
  it.each([
    ['a@x/1', 'b@x/1', 0],
    ['a@x/1', 'b@x/2', 1],
    ['a@x', 'b@x', 1],
    ['a@x', 'b@x/1', 1],
    ['a@x/1', 'b@y/1', 2],
    ['a', 'b@x', 2],
    ['a', 'b', 2],
    ['a@/1', 'b@/1', 0],
    ['a@/1', 'b@/2', 2],
  ])('of %s and %s is %i', (a, b, expected) => {
    expect(nearnessOf(place(a), place(b))).toBe(expected);
    expect(nearnessOf(place(b), place(a))).toBe(expected);
  });
});

describe('orderBySpread()', () => {
  it.each([
    ['', ''],
    ['a b c', 'a b c'],
    ['a@x b@x c@y d@y', 'a c b d'],
    ['a@x/1 b@x/1 c@x/2 d@x/2 e@y/1', 'a e c b d'],
    ['a@x/1 b@x/2 c@x/3 d@y/1 e@y/2', 'a d b e c'],
  ])('puts %s as %s', (hosts, expected) => {
    const places = hosts.split(' ').filter(Boolean).map(place);
    const names = orderBySpread(places, (at) => at).map(({ name }) => name);
    expect(names.join(' ')).toBe(expected);
  });
});

describe('maySend(): what the deploy host sends of 100 bytes, degree 2', () => {
  const { blob, rules } = aFanout('');
  it.each([
    [0, 0, 0, 100, 'usual', true],
    [0, 100, 0, 100, 'usual', true],
    [0, 101, 0, 100, 'usual', false],
    [100, 100, 0, 1, 'usual', false],
    [150, 0, 0, 50, 'usual', true],
    [150, 0, 0, 51, 'usual', false],
    [200, 0, 1, 100, 'usual', false],
    [200, 0, 1, 100, 'rescue', true],
    [200, 0, 0, 1, 'rescue', false],
    [200, 50, 1, 51, 'rescue', false],
  ] as const)(
    '[I11] %i sent, %i promised, %i losses, %i more, %s: %s',
    (sentBytes, promisedBytes, losses, bytes, need, expected) => {
      expect(maySend({ blob, rules, sentBytes, promisedBytes, losses }, bytes, need)).toBe(expected);
    },
  );

  it('[I11] is bounded by degree and losses, not by hosts', () => {
    expect(egressBound({ blob, rules, losses: 0 })).toBe(200);
    expect(egressBound({ blob, rules: someRules({ degree: 4 }), losses: 3 })).toBe(700);
  });
});

describe('chooseDegree()', () => {
  const MB = 1e6;
  it.each([
    [19 * MB, 30, 4, 2],
    [19 * MB, 300, 4, 2],
    [19 * MB, 3000, 4, 2],
    [336e3, 300, 8, 3],
    [550 * MB, 300, 4, 1],
    [10_000 * MB, 3000, 4, 1],
    [19 * MB, 300, 1, 1],
    [19 * MB, 1, 4, 1],
    [19 * MB, 0, 4, 1],
  ])('for %i bytes, %i hosts and at most %i is %i', (sizeBytes, hosts, most, expected) => {
    expect(chooseDegree({ sizeBytes, hosts, chunkBytes: MB, most })).toBe(expected);
  });

  it.each([
    [0, 2, 0],
    [1, 2, 1],
    [2, 2, 1],
    [3, 2, 2],
    [6, 2, 2],
    [7, 2, 3],
    [300, 2, 8],
    [300, 1, 300],
    [20, 4, 2],
  ])('counts the levels of %i hosts, degree %i: %i', (hosts, degree, expected) => {
    expect(depthOf(hosts, degree)).toBe(expected);
  });
});

describe('createHeap()', () => {
  it('gives back in order', () => {
    const heap = createHeap<number>((a, b) => a < b);
    const numbers = Array.from({ length: 200 }, (_, at) => (at * 7919) % 211);
    for (const number of numbers) heap.push(number);
    expect(numbers.map(() => heap.pop())).toEqual(numbers.toSorted((a, b) => a - b));
    expect(heap.pop()).toBeUndefined();
  });
});

describe('isSettled()', () => {
  it.each([
    ['', {}, true],
    ['a b', { a: whole, b: { status: 'failed' } }, true],
    ['a b', { a: whole }, false],
    ['a', { a: { from: 'deploy host' } }, false],
  ] as const)('of "%s", %j is %s', (hosts, special, expected) => {
    expect(isSettled(aFanout(hosts, special))).toBe(expected);
  });
});
