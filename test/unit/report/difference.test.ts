import { describe, expect, it } from 'vitest';
import { type DifferenceEntry, formatDifference } from '../../../src/report/difference.ts';

const all = { limit: 100, colour: false };

function added(path: string, checkout?: string): DifferenceEntry {
  return { path, kind: 'added', oldBytes: 0, newBytes: 10, checkout };
}

describe('formatDifference()', () => {
  it('says that there is none', () => {
    expect(formatDifference([], all)).toEqual(['No difference']);
  });

  it('shows files with totals, ungrouped without checkouts', () => {
    const entries: DifferenceEntry[] = [
      { path: 'a.php', kind: 'added', oldBytes: 0, newBytes: 12 },
      { path: 'b.php', kind: 'changed', oldBytes: 1200, newBytes: 1300 },
      { path: 'c.php', kind: 'changed', oldBytes: 7, newBytes: 7 },
      { path: 'd.php', kind: 'removed', oldBytes: 2000, newBytes: 0 },
    ];
    expect(formatDifference(entries, all)).toEqual([
      '4 files: 1 added, 2 changed, 1 removed, 1.32 kB to store (-1.89 kB in all)',
      '  + a.php  12 B',
      '  ~ b.php  1.20 kB to 1.30 kB',
      '  ~ c.php  7 B, same size',
      '  - d.php  was 2.00 kB',
    ]);
  });

  it('counts what it does not show', () => {
    const entries = Array.from({ length: 232 }, (_, i) => added(`f${i}`));
    expect(formatDifference(entries, { limit: 2, colour: false })).toEqual([
      '232 files: 232 added, 2.32 kB to store (+2.32 kB in all)',
      '  + f0  10 B',
      '  + f1  10 B',
      '  … and 230 more',
    ]);
  });

  it('groups by checkout and lets a large one not hide the others', () => {
    const entries = [
      ...Array.from({ length: 50 }, (_, i) => added(`core/f${i}`, 'core')),
      added('ext/Foo/a', 'ext/Foo'),
      added('README'),
    ];
    expect(formatDifference(entries, { limit: 4, colour: false })).toEqual([
      '52 files: 52 added, 520 B to store (+520 B in all)',
      '(no checkout): 1 added, 10 B',
      '  + README  10 B',
      'core: 50 added, 500 B',
      '  + core/f0  10 B',
      '  + core/f1  10 B',
      '  … and 48 more',
      'ext/Foo: 1 added, 10 B',
      '  + ext/Foo/a  10 B',
    ]);
  });

  it('counts checkouts that get no line', () => {
    const entries = ['a', 'b', 'c'].flatMap((name) => [added(`${name}/1`, name), added(`${name}/2`, name)]);
    expect(formatDifference(entries, { limit: 1, colour: false }).slice(1)).toEqual([
      'a: 2 added, 20 B',
      '  + a/1  10 B',
      '  … and 1 more',
      '… and 2 more checkouts (4 files)',
    ]);
  });

  it('colours by kind', () => {
    expect(formatDifference([added('x')], { limit: 1, colour: true })[1]).toBe('  \u001b[32m+ x\u001b[39m  10 B');
  });
});
