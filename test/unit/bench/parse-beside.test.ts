import { describe, expect, it } from 'vitest';
import { parseBesideBench } from '../../../scripts/lib/bench/seeding/beside/parse-beside.ts';

const parse = (line: string) => parseBesideBench(line.split(' ').filter(Boolean));
const standard = {
  oldCount: 4,
  newCount: 20,
  totalBytes: 150 * 1024 ** 2,
  changeBytes: 1024,
  megabits: 100,
  bytesPerSecond: 6_250_000,
  runs: 3,
  directory: undefined,
  json: false,
  markdown: undefined,
};

describe('parseBesideBench()', () => {
  it.each([
    ['--seeding --beside', standard],
    [
      '--old 2 --new 3 --runs 1 --change 3M',
      { ...standard, oldCount: 2, newCount: 3, runs: 1, changeBytes: 3 * 1024 ** 2 },
    ],
    ['--rate 20', { ...standard, megabits: 20, bytesPerSecond: 1_250_000 }],
    ['--bwlimit 1M', { ...standard, bytesPerSecond: 1024 ** 2 }],
    ['--help', undefined],
  ])('reads "%s"', (line, expected) => {
    expect(parse(line)).toEqual(expected);
  });

  it.each([
    ['--old 90', 'Cannot measure 110 hosts on one machine: at most 100'],
    ['--new 0', 'Cannot use "0" for --new'],
    ['--stock tiers', "Unknown option '--stock'"],
  ])('refuses "%s" as a mistake of the caller', (line, message) => {
    expect(() => parse(line)).toThrow(
      expect.objectContaining({ name: 'UsageError', message: expect.stringContaining(message) }),
    );
  });
});
