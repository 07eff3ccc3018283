import { describe, expect, it } from 'vitest';
import { expandRange } from '../../../src/inventory/host-range.ts';

describe('expandRange()', () => {
  it.each([
    ['mw1001', ['mw1001']],
    ['mw[1002:1004]', ['mw1002', 'mw1003', 'mw1004']],
    ['mw[8:10].site', ['mw8.site', 'mw9.site', 'mw10.site']],
    ['mw[008:010]', ['mw008', 'mw009', 'mw010']],
    ['mw[08:10]', ['mw08', 'mw09', 'mw10']],
    ['mw[0:2]', ['mw0', 'mw1', 'mw2']],
    ['mw[00:02]', ['mw00', 'mw01', 'mw02']],
    ['mw[5:5]', ['mw5']],
    ['r[1:2]h[09:10]', ['r1h09', 'r1h10', 'r2h09', 'r2h10']],
    ['[1:2][3:4]', ['13', '14', '23', '24']],
    ['mw[1:2]*', ['mw1*', 'mw2*']],
    ['', ['']],
  ])('%s', (pattern, expected) => {
    const expanded = expandRange(pattern);
    expect('expansions' in expanded && expanded.expansions.map(({ text }) => text)).toEqual(expected);
  });

  it('tells the numbers, padded, from left to right', () => {
    expect(expandRange('r[1:1]h[09:10]')).toEqual({
      expansions: [
        { text: 'r1h09', numbers: ['1', '09'] },
        { text: 'r1h10', numbers: ['1', '10'] },
      ],
    });
    expect(expandRange('web1')).toEqual({ expansions: [{ text: 'web1', numbers: [] }] });
  });

  it.each([
    ['mw[10:2]', 'the range "[10:2]" runs backwards'],
    ['mw[01:100]', 'the ends of "[01:100]" differ in width'],
    ['mw[1:010]', 'the ends of "[1:010]" differ in width'],
    ['mw[1-3]', 'expected ranges such as "[1:20]" or "[001:020]" in square brackets'],
    ['mw[1:2', 'expected ranges such as "[1:20]" or "[001:020]" in square brackets'],
    ['mw1:2]', 'expected ranges such as "[1:20]" or "[001:020]" in square brackets'],
    ['mw[a:c]', 'expected ranges such as "[1:20]" or "[001:020]" in square brackets'],
    ['mw[1:2]x[', 'expected ranges such as "[1:20]" or "[001:020]" in square brackets'],
    ['mw[1:9999999999]', 'expected ranges such as "[1:20]" or "[001:020]" in square brackets'],
    ['mw[1:999999999]', 'expected at most 10000 hosts'],
    ['mw[1:200][1:200]', 'expected at most 10000 hosts'],
  ])('refuses %s: %s', (pattern, problem) => {
    expect(expandRange(pattern)).toEqual({ problem });
  });

  it('takes exactly the largest number of hosts', () => {
    const expanded = expandRange('mw[1:100][1:100]');
    expect('expansions' in expanded && expanded.expansions.length).toBe(10_000);
  });
});
