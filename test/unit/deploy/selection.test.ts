import { describe, expect, it } from 'vitest';
import { selectTargets } from '../../../src/deploy/selection.ts';
import { aHost } from '../../support/deploy-facts.ts';

const hosts = [
  aHost('mw1', { labels: { site: 'eqiad' } }),
  aHost('mw2', { labels: { site: 'eqiad' } }),
  aHost('mw3', { labels: { site: 'codfw' } }),
  aHost('db1'),
];
const select = (...selectors: (string | undefined)[]) => {
  const selection = selectTargets({ hosts }, selectors);
  return [selection.hosts.map(({ name }) => name), selection.skipped];
};

describe('selectTargets()', () => {
  it.each<[string, (string | undefined)[], string[], string[]]>([
    ['no selector', [undefined], ['mw1', 'mw2', 'mw3', 'db1'], []],
    ['a name', ['mw2'], ['mw2'], ['mw1', 'mw3', 'db1']],
    ['a glob', ['mw*'], ['mw1', 'mw2', 'mw3'], ['db1']],
    ['a range', ['mw[2:3]'], ['mw2', 'mw3'], ['mw1', 'db1']],
    ['a label', ['site=eqiad'], ['mw1', 'mw2'], ['mw3', 'db1']],
    ['a negation', ['!mw1'], ['mw2', 'mw3', 'db1'], ['mw1']],
    ['names in another order', ['mw3,mw1'], ['mw1', 'mw3'], ['mw2', 'db1']],
    ['two selectors, which must both agree', ['mw*', '!mw1,!db1'], ['mw2', 'mw3'], ['mw1', 'db1']],
    ['one of two selectors missing', ['mw*', undefined], ['mw1', 'mw2', 'mw3'], ['db1']],
  ])('by %s', (_what, selectors, selected, skipped) => {
    expect(select(...selectors)).toEqual([selected, skipped]);
  });

  it('refuses what names no host, and two selectors that agree on none', () => {
    expect(() => select('mw9')).toThrow(expect.objectContaining({ code: 'host_unknown' }));
    expect(() => select('mw1', 'mw99')).toThrow(expect.objectContaining({ message: expect.stringContaining('mw99') }));
    expect(() => select('')).toThrow(expect.objectContaining({ code: 'usage' }));
    expect(() => select('mw1', 'mw2')).toThrow(
      expect.objectContaining({
        code: 'host_unknown',
        message: 'Cannot select hosts by "mw1" and "mw2": no host matches all of them',
      }),
    );
  });
});
