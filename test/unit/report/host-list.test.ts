import { describe, expect, it } from 'vitest';
import { formatHosts } from '../../../src/report/host-list.ts';
import { hosts } from './sample-events.ts';

describe('formatHosts()', () => {
  it.each([
    [[], ''],
    [['web1'], 'web1'],
    [['web3', 'web1', 'web2'], 'web1, web2, web3'],
    [['web10', 'web9', 'web2'], 'web2, web9, web10'],
    [['web1', 'web2', 'web3', 'web4'], 'web[1:4]'],
    [['mw1001.eqiad', 'mw1002.eqiad', 'mw1003.eqiad', 'mw1004.eqiad', 'db1'], 'db1, mw[1001:1004].eqiad'],
    [['a7', 'a8', 'a9', 'a10'], 'a7, a8, a9, a10'],
    [['a08', 'a09', 'a10', 'a11', 'a13'], 'a[08:11], a13'],
    [['web1', 'web1'], 'web1'],
    [['alpha', 'beta'], 'alpha, beta'],
  ])('%j → %s', (names, text) => {
    expect(formatHosts(names)).toBe(text);
  });

  it('counts the hosts it leaves out', () => {
    expect(formatHosts(['a', 'c', 'e', ...hosts(20)], 2)).toBe('a, c and 21 more');
    expect(formatHosts([...hosts(20), 'web1', 'web3'], 1)).toBe('mw[1001:1020] and 2 more');
  });
});
