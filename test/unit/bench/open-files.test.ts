import { describe, expect, it } from 'vitest';
import { parseOpenFiles, refuseFewOpenFiles } from '../../../scripts/lib/bench/simulated/open-files.ts';

const limits = (hard: string) => `Limit                     Soft Limit           Hard Limit           Units
Max processes             96381                96381                processes
Max open files            1024                 ${hard}                files
`;

describe('parseOpenFiles()', () => {
  it.each([
    ['4096', 4096],
    ['unlimited', Number.POSITIVE_INFINITY],
  ])('takes the hard limit, %s', (hard, expected) => {
    expect(parseOpenFiles(limits(hard))).toBe(expected);
  });
});

describe('refuseFewOpenFiles()', () => {
  it('names the command that raises the limit', () => {
    expect(() => refuseFewOpenFiles(5000, 4096)).toThrow(
      expect.objectContaining({
        message: 'Cannot simulate 5000 hosts: a process may open 4096 files here, and 5100 are needed',
        hint: 'Raise the limit of this shell, then run again: sudo prlimit --pid $$ --nofile=5100',
      }),
    );
  });

  it('lets a fleet through that fits', () => {
    expect(() => refuseFewOpenFiles(3996, 4096)).not.toThrow();
  });
});
