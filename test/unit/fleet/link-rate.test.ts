import { describe, expect, it } from 'vitest';
import { parseRate, shapingArgv } from '../../../scripts/lib/fleet/link-rate.mjs';

describe('parseRate()', () => {
  it.each([
    ['100mbit', 100e6],
    ['2.5gbit', 2.5e9],
    ['64kbit', 64e3],
    ['32gbit', 32e9],
  ])('reads %s as %i bits per second', (text, bits) => {
    expect(parseRate(text)).toBe(bits);
  });

  it.each(['', '100', '100Mbit', '100mbps', '-1mbit', '63kbit', '33gbit', '1mbit; true', '0mbit'])(
    'refuses "%s"',
    (text) => {
      expect(() => parseRate(text)).toThrow(`Cannot use "${text}" as a rate`);
    },
  );
});

describe('shapingArgv()', () => {
  it.each([
    ['1mbit', '1000000bit', '65536b'],
    ['1gbit', '1000000000bit', '1250000b'],
  ])('lets %s pass in bursts of a hundredth of a second, and of 64 KiB at least', (rate, bits, burst) => {
    expect(shapingArgv(rate).join(' ')).toBe(`root tbf rate ${bits} burst ${burst} latency 50ms`);
  });
});
