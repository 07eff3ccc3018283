import { describe, expect, it } from 'vitest';
import { type BatchSize, resolveBatchSize } from '../../../src/inventory/batch-size.ts';

describe('resolveBatchSize()', () => {
  it.each<[BatchSize | undefined, number, number]>([
    [undefined, 7, 7],
    [undefined, 0, 1],
    [{ hosts: 1 }, 7, 1],
    [{ hosts: 9 }, 7, 9],
    [{ percent: 10 }, 7, 1],
    [{ percent: 10 }, 10, 1],
    [{ percent: 10 }, 11, 2],
    [{ percent: 10 }, 300, 30],
    [{ percent: 8.2 }, 500, 41],
    [{ percent: 0.1 }, 5, 1],
    [{ percent: 50 }, 0, 1],
    [{ percent: 100 }, 7, 7],
  ])('%j of %i hosts is %i', (batch, groupSize, expected) => {
    expect(resolveBatchSize(batch, groupSize)).toBe(expected);
  });
});
