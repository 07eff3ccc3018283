import { describe, expect, it } from 'vitest';
import { type FailureBudget, resolveFailureBudget } from '../../../src/inventory/failure-budget.ts';

describe('resolveFailureBudget()', () => {
  it.each<[FailureBudget, number, number]>([
    [{ hosts: 0 }, 10, 0],
    [{ hosts: 3 }, 10, 3],
    [{ hosts: 3 }, 2, 3],
    [{ percent: 0 }, 100, 0],
    [{ percent: 5 }, 7, 0],
    [{ percent: 5 }, 19, 0],
    [{ percent: 5 }, 20, 1],
    [{ percent: 5 }, 39, 1],
    [{ percent: 10 }, 300, 30],
    [{ percent: 29 }, 100, 29],
    [{ percent: 12.5 }, 8, 1],
    [{ percent: 8.2 }, 500, 41],
    [{ percent: 0.1 }, 3000, 3],
    [{ percent: 33.3 }, 3, 0],
    [{ percent: 50 }, 1, 0],
    [{ percent: 100 }, 7, 7],
    [{ percent: 100 }, 0, 0],
  ])('%j of %i hosts is %i', (budget, groupSize, expected) => {
    expect(resolveFailureBudget(budget, groupSize)).toBe(expected);
  });
});
