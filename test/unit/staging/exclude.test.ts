import { describe, expect, it } from 'vitest';
import { createExcluder } from '../../../src/staging/exclude.ts';
import { bytes } from '../../support/tree-builder.ts';

/** Asks as a walk does: an excluded directory is not entered. */
function excludes(patterns: readonly string[], path: string): boolean {
  const excluder = createExcluder(patterns);
  const parts = path.replace(/\/$/, '').split('/');
  return parts.some((_, at) => {
    const last = at === parts.length - 1;
    return excluder.excludes(parts.slice(0, at + 1).join('/'), !last || path.endsWith('/'));
  });
}

describe('[B9] excludes are gitignore patterns, relative to the staging directory', () => {
  it.each<[string[], string, boolean]>([
    [[], 'anything', false],
    [['*.swp'], '.f.swp', true],
    [['*.swp'], 'a/b/.f.swp', true],
    [['*.swp'], 'f.swpx', false],
    [['/cache'], 'cache/', true],
    [['/cache'], 'a/cache/', false],
    [['cache/'], 'a/cache/f', true],
    [['cache/'], 'cache', false],
    [['php-*/cache/l10n/*.cdb'], 'php-1/cache/l10n/en.cdb', true],
    [['php-*/cache/l10n/*.cdb'], 'x/php-1/cache/l10n/en.cdb', false],
    [['php-*/cache/l10n/*.cdb'], 'php-1/cache/l10n/sub/en.cdb', false],
    [['a/**/z'], 'a/b/c/z', true],
    [['a/**/z'], 'a/z', true],
    [['f?'], 'f1', true],
    [['[ab].txt'], 'b.txt', true],
    // A later pattern overrides an earlier one; nothing comes back from below an excluded directory.
    [['*.log', '!keep.log'], 'keep.log', false],
    [['!keep.log', '*.log'], 'keep.log', true],
    [['logs/', '!logs/keep'], 'logs/keep', true],
    // Case matters.
    [['*.SWP'], 'f.swp', false],
    [['Cache'], 'cache/', false],
    // Comments and escapes, as git has them.
    [['#x'], '#x', false],
    [['\\#x'], '#x', true],
    [['\\!x'], '!x', true],
    [['trailing   '], 'trailing', true],
    [[''], 'f', false],
    // Names are bytes.
    [['ü*'], bytes('übung'), true],
    [['ü*'], '\xfcbung', false],
    [['*.bin'], '\xff\xfe.bin', true],
    [['*.bin'], 'line\nfeed.bin', true],
    [['*.bin'], 'x.bin\n', false],
    [['*'], '...', true],
    [['__proto__'], '__proto__', true],
  ])('%j on %j: %j', (patterns, path, expected) => {
    expect(excludes(patterns, path)).toBe(expected);
  });
});
