import { spawnSync } from 'node:child_process';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { quoteForShell } from '../../../src/core/shell-quote.ts';

/** The words a shell makes of a command line. */
function wordsOf(shell: string, line: string): string[] {
  const program = `for word in ${line}; do printf '%s\\0' "$word"; done`;
  const { stdout, status } = spawnSync(shell, ['-c', program], { encoding: 'latin1' });
  expect(status).toBe(0);
  return stdout.split('\0').slice(0, -1);
}

describe('quoteForShell', () => {
  it.each([
    [['plain'], 'plain'],
    [['/srv/mediawiki-cache', 'a=b', 'x@y:22,%+'], '/srv/mediawiki-cache a=b x@y:22,%+'],
    [[''], "''"],
    [['two words'], "'two words'"],
    [["it's"], "'it'\\''s'"],
    [['$HOME `id` "x"'], `'$HOME \`id\` "x"'`],
    [['~', '*', '!', '#', 'a\nb'], "'~' '*' '!' '#' 'a\nb'"],
    [['-n', '--'], '-n --'],
    [["'", "''"], "''\\''' ''\\'''\\'''"],
  ])('%j becomes %s', (words, line) => {
    expect(quoteForShell(words)).toBe(line);
  });

  it('refuses a NUL: no program can be given one', () => {
    expect(() => quoteForShell(['a\0b'])).toThrow(RangeError);
  });

  it.each(['sh', 'bash'])('[I14] %s makes the same words of it again, whatever they hold', (shell) => {
    const word = fc.oneof(
      fc.string({ unit: fc.constantFrom(...` '"\\$\`!*?[]{}()<>|&;#~=%\n\tab-/`.split('')), maxLength: 12 }),
      fc.string({ maxLength: 12 }).filter((text) => !text.includes('\0') && [...text].every((char) => char < '\x7f')),
    );
    fc.assert(
      fc.property(fc.array(word, { minLength: 1, maxLength: 6 }), (words) => {
        expect(wordsOf(shell, quoteForShell(words))).toEqual(words);
      }),
      { numRuns: 60 },
    );
  });
});
