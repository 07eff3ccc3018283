import { describe, expect, it } from 'vitest';
import { formatBytes, parseBytes } from '../../../src/core/bytes.ts';

describe('parseBytes()', () => {
  it.each([
    ['512', 512],
    ['512B', 512],
    ['8MiB', 8_388_608],
    ['8Mi', 8_388_608],
    ['1.5GB', 1_500_000_000],
    ['1 TB', 1e12],
    ['2K', 2000],
    ['20 kB', 20_000],
    ['0.1', 1],
    ['9007199254740993', undefined],
    ['1000000TB', undefined],
    ['0', 0],
    ['', undefined],
    ['B', undefined],
    ['-1', undefined],
    ['8 MiBs', undefined],
    ['8XB', undefined],
  ])('reads %j as %j', (text, expected) => {
    expect(parseBytes(text)).toBe(expected);
  });
});

describe('formatBytes()', () => {
  it.each([
    [0, '0 B'],
    [999, '999 B'],
    [1000, '1.00 kB'],
    [9994, '9.99 kB'],
    [9999, '10.0 kB'],
    [12_345_678, '12.3 MB'],
    [99_960, '100 kB'],
    [999_499, '999 kB'],
    [999_500, '1.00 MB'],
    [5.5e15, '5500 TB'],
    [-12_345, '-12.3 kB'],
  ])('writes %j as %j', (bytes, expected) => {
    expect(formatBytes(bytes)).toBe(expected);
  });
});
