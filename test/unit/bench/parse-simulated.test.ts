import { describe, expect, it } from 'vitest';
import { parseSimulatedBench } from '../../../scripts/lib/bench/simulated/parse-simulated.ts';

const parse = (line: string) => parseSimulatedBench(line.split(' ').filter(Boolean));
const standard = {
  hostCounts: [100, 1000, 5000],
  runs: 2,
  pace: { delayMs: 1, notices: 4, roundTripMs: 0 },
  simulators: 1,
  profile: undefined,
  directory: undefined,
  json: false,
  markdown: undefined,
};

describe('parseSimulatedBench()', () => {
  it.each([
    ['--simulated', standard],
    ['--simulated --hosts 5 --runs 1', { ...standard, hostCounts: [5], runs: 1 }],
    [
      '--delay 0 --notices 0 --rtt 40 --simulators 2',
      { ...standard, pace: { delayMs: 0, notices: 0, roundTripMs: 40 }, simulators: 2 },
    ],
    ['--help', undefined],
  ])('reads "%s"', (line, expected) => {
    expect(parse(line)).toEqual(expected);
  });

  it.each([
    ['--hosts many', 'Cannot use "many" for --hosts'],
    ['--hosts 10001', 'Cannot measure 10001 hosts on one machine: at most 10000'],
    ['--nonsense', "Unknown option '--nonsense'"],
  ])('refuses "%s" as a mistake of the caller', (line, message) => {
    expect(() => parse(line)).toThrow(
      expect.objectContaining({ name: 'UsageError', message: expect.stringContaining(message) }),
    );
  });
});
