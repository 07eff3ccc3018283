import { describe, expect, it } from 'vitest';
import { isSha, isShaPrefix, parseSha, shortSha } from '../../../src/core/sha.ts';

const full = '3f2a'.repeat(10);

describe('parseSha()', () => {
  it('takes 40 lower-case hex digits', () => {
    expect(parseSha(full)).toBe(full);
  });

  it.each([full.slice(1), `${full}0`, full.toUpperCase(), `${full}\n`, ` ${full}`, 'g'.repeat(40), '', undefined, 7])(
    '[I14] refuses %j',
    (value) => {
      expect(isSha(value)).toBe(false);
      expect(() => parseSha(value)).toThrow(expect.objectContaining({ code: 'protocol_violation' }));
    },
  );
});

it.each([
  ['3f2a3f2', true],
  ['3F2A3F2', true],
  [full, true],
  ['3f2a3f', false],
  [`${full}0`, false],
  ['HEAD', false],
  ['3f2a3f2^', false],
])('isShaPrefix() says of %j: %j', (text, expected) => {
  expect(isShaPrefix(text)).toBe(expected);
});

it('shortSha() shows twelve digits', () => {
  expect(shortSha(full)).toBe('3f2a3f2a3f2a');
});
