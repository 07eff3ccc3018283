import { describe, expect, it } from 'vitest';
import { formatDuration, parseDuration } from '../../../src/core/duration.ts';

describe('parseDuration()', () => {
  it.each([
    ['250ms', 250],
    ['10s', 10_000],
    ['1.5 m', 90_000],
    [' 2h ', 7_200_000],
    ['1d', 86_400_000],
    ['0s', 0],
    ['10', undefined],
    ['', undefined],
    ['-1s', undefined],
    ['1 week', undefined],
    ['1s2', undefined],
    ['.5s', undefined],
  ])('reads %j as %j ms', (text, expected) => {
    expect(parseDuration(text)).toBe(expected);
  });
});

describe('formatDuration()', () => {
  it.each([
    [0, '0 ms'],
    [850, '850 ms'],
    [999, '999 ms'],
    [999.6, '1.0 s'],
    [1000, '1.0 s'],
    [12_345, '12.3 s'],
    [59_949, '59.9 s'],
    [59_950, '1 m 00 s'],
    [59_999, '1 m 00 s'],
    [245_000, '4 m 05 s'],
    [3_599_600, '1 h 00 m'],
    [7_800_000, '2 h 10 m'],
    [90_000_000, '25 h 00 m'],
  ])('writes %j ms as %j', (ms, expected) => {
    expect(formatDuration(ms)).toBe(expected);
  });
});
