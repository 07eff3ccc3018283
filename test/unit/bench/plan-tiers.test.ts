import { describe, expect, it } from 'vitest';
import {
  beginCopies,
  endCopy,
  idealTierCopies,
  planCopies,
  startTiers,
  type TierCopy,
} from '../../../scripts/lib/bench/seeding/plan-tiers.ts';

const names = (count: number) => Array.from({ length: count }, (_, at) => `mw${at + 1}`);
const written = (copies: readonly TierCopy[]) => copies.map(({ from, to }) => `${from} > ${to}`);

describe('planCopies()', () => {
  it('begins with as many copies from the deploy host as are allowed at a time', () => {
    expect(written(planCopies(startTiers(names(7)), 3))).toEqual([
      'deploy-host > mw1',
      'deploy-host > mw2',
      'deploy-host > mw3',
    ]);
  });

  it('begins nothing when nobody waits', () => {
    expect(planCopies(startTiers([]), 3)).toEqual([]);
  });

  it('begins nothing while every source has enough to do', () => {
    const sources = new Map([['deploy-host', 3]]);
    expect(planCopies({ sources, waiting: names(20) }, 3)).toEqual([]);
  });

  it('takes the least busy source, of equals the one that has it longest', () => {
    const sources = new Map([
      ['deploy-host', 2],
      ['a', 1],
      ['b', 0],
      ['c', 1],
    ]);
    expect(written(planCopies({ sources, waiting: names(20) }, 3))).toEqual([
      'b > mw1',
      'a > mw2',
      'b > mw3',
      'c > mw4',
      'deploy-host > mw5',
      'a > mw6',
      'b > mw7',
      'c > mw8',
    ]);
  });

  it('leaves their share to those who will have it soon', () => {
    const sources = new Map([
      ['deploy-host', 2],
      ['a', 0],
    ]);
    expect(written(planCopies({ sources, waiting: names(4) }, 3))).toEqual(['a > mw1']);
  });
});

describe('a run of copies', () => {
  it.each([1, 2, 3, 5])('serves every host once, from who has it, %i at a time', (limit) => {
    const hosts = names(31);
    const holders = new Set(['deploy-host']);
    const running: TierCopy[] = [];
    const served: string[] = [];
    let state = startTiers(hosts);
    do {
      const copies = planCopies(state, limit);
      state = beginCopies(state, copies);
      running.push(...copies);
      expect(copies.filter(({ from }) => !holders.has(from))).toEqual([]);
      expect(Math.max(...state.sources.values())).toBeLessThanOrEqual(limit);
      const ended = running.shift();
      if (ended === undefined) throw new Error('It stands still');
      state = endCopy(state, ended);
      holders.add(ended.to);
      served.push(ended.to);
    } while (running.length > 0 || state.waiting.length > 0);
    expect(served).toEqual(hosts);
  });
});

describe('idealTierCopies()', () => {
  it.each([
    [1, 3, 1],
    [3, 3, 3],
    [4, 3, 4],
    [7, 3, 4],
    [15, 3, 6],
    [31, 3, 7],
    [1, 1, 1],
    [15, 1, 4],
    [31, 1, 5],
    [31, 31, 31],
  ])('says for %i hosts, %i copies at a time: %i', (hostCount, limit, expected) => {
    expect(idealTierCopies(hostCount, limit)).toBe(expected);
  });
});
