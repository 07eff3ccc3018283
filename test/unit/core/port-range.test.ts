import { describe, expect, it } from 'vitest';
import { formatPortRange, parsePortRange } from '../../../src/core/port-range.ts';

describe('parsePortRange()', () => {
  it.each([
    ['8730-8790', { first: 8730, last: 8790 }],
    [' 8730 - 8790 ', { first: 8730, last: 8790 }],
    ['8730', { first: 8730, last: 8730 }],
    ['1-65535', { first: 1, last: 65_535 }],
  ])('reads %j', (text, range) => {
    expect(parsePortRange(text)).toEqual(range);
  });

  it.each(['', '-', '0-5', '8790-8730', '1-65536', '1-2-3', 'a-b', '80,81', '-5', '1.5'])('refuses %j', (text) => {
    expect(parsePortRange(text)).toBeUndefined();
  });
});

describe('formatPortRange()', () => {
  it('is what people type', () => {
    expect(formatPortRange({ first: 8730, last: 8790 })).toBe('8730-8790');
    expect(formatPortRange({ first: 8730, last: 8730 })).toBe('8730');
  });
});
