import { describe, expect, it } from 'vitest';
import { parseArguments } from '../../../scripts/lib/fleet/parse-arguments.mjs';

const parse = (line: string) => parseArguments(line.split(' ').filter(Boolean));

describe('parseArguments()', () => {
  it.each([
    ['', { command: 'help' }],
    ['up --help', { command: 'help' }],
    ['status', { command: 'status', directory: '.scap/fleet' }],
    ['down --keep --directory /d', { command: 'down', directory: '/d', keep: true }],
    ['up --hosts 3', { command: 'up', options: { directory: '.scap/fleet', hosts: 3 } }],
    [
      'up --hosts 64 --mode namespaces --rate 100mbit --deploy-rate 1gbit --racks 4 --directory /d',
      {
        command: 'up',
        options: { directory: '/d', hosts: 64, mode: 'namespaces', rate: '100mbit', deployRate: '1gbit', racks: 4 },
      },
    ],
  ])('reads "%s"', (line, expected) => {
    expect(parse(line)).toEqual(expected);
  });

  it.each([
    ['start', 'There is no command "start"'],
    ['up', 'How many hosts is not said'],
    ['up --hosts many', 'Cannot use "many" for --hosts'],
    ['up --hosts 0', 'Cannot use "0" for --hosts'],
    ['up --hosts 3 --mode docker', 'There is no mode "docker"'],
    ['down --hosts 3', "Unknown option '--hosts'"],
    ['status now', "Unexpected argument 'now'"],
  ])('refuses "%s" as a mistake of the caller', (line, message) => {
    expect(() => parse(line)).toThrow(
      expect.objectContaining({ status: 2, message: expect.stringContaining(message) }),
    );
  });
});
