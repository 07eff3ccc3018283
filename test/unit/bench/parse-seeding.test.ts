import { describe, expect, it } from 'vitest';
import { parseSeedingBench } from '../../../scripts/lib/bench/seeding/parse-seeding.ts';

const parse = (line: string) => parseSeedingBench(line.split(' ').filter(Boolean));
const standard = {
  hostCounts: [1, 4, 15, 31],
  totalBytes: 150 * 1024 ** 2,
  megabits: 100,
  carrier: 'relay',
  stock: ['star', 'tiers'],
  tierCopies: 1,
  directory: undefined,
  json: false,
  markdown: undefined,
};

describe('parseSeedingBench()', () => {
  it.each([
    ['--seeding', standard],
    ['--hosts 3 --bytes 20M --rate 10', { ...standard, hostCounts: [3], totalBytes: 20 * 1024 ** 2, megabits: 10 }],
    ['--stock tiers --tier-copies 3', { ...standard, stock: ['tiers'], tierCopies: 3 }],
    ['--stock tiers,star', standard],
    ['--carrier rsync', { ...standard, carrier: 'rsync' }],
    ['--stock none', { ...standard, stock: [] }],
    ['--help', undefined],
  ])('reads "%s"', (line, expected) => {
    expect(parse(line)).toEqual(expected);
  });

  it.each([
    ['--stock bittorrent', 'Cannot compare with "bittorrent": it is not known'],
    ['--tier-copies 0', 'Cannot use "0" for --tier-copies'],
    ['--hosts 101', 'Cannot measure 101 hosts on one machine: at most 100'],
  ])('refuses "%s" as a mistake of the caller', (line, message) => {
    expect(() => parse(line)).toThrow(
      expect.objectContaining({ name: 'UsageError', message: expect.stringContaining(message) }),
    );
  });
});
