import { describe, expect, it } from 'vitest';
import { createRateMeter } from '../../../../src/deploy/distribution/rate-meter.ts';

describe('createRateMeter()', () => {
  it('says nothing before a second has passed since the first bytes, then what the last window brought', () => {
    const meter = createRateMeter();
    const rates = [
      [1000, 0],
      [2000, 400],
      [6000, 1000],
      [6500, 1500],
      [7000, 2000],
    ].map(([offset = 0, now = 0]) => meter.note(offset, now));
    expect(rates).toEqual([undefined, undefined, 5000, 5000, 1000]);
  });
});
