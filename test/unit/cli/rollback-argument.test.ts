import { describe, expect, it } from 'vitest';
import { parseRollbackTarget } from '../../../src/cli/commands/rollback.ts';

describe('parseRollbackTarget()', () => {
  it.each([
    [undefined, { steps: 1 }],
    ['-1', { steps: 1 }],
    ['-12', { steps: 12 }],
    ['abc1234', { revision: 'abc1234' }],
    ['1234567', { revision: '1234567' }],
  ])('%s is %j', (text, expected) => {
    expect(parseRollbackTarget(text)).toEqual(expected);
  });

  it.each([['-0'], ['-'], ['-x'], ['-1.5'], ['-1000000'], ['-2x']])('%s is neither: usage, with an example', (text) => {
    expect(() => parseRollbackTarget(text)).toThrow(
      expect.objectContaining({ code: 'usage', hint: 'For example: scap rollback -2' }),
    );
  });

  it.each([['--2'], ['--bogus'], ['--']])('%s is an option there is not', (text) => {
    expect(() => parseRollbackTarget(text)).toThrow(
      expect.objectContaining({ code: 'usage', message: expect.stringContaining(`no option "${text}"`) }),
    );
  });
});
