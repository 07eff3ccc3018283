import { describe, expect, it } from 'vitest';
import { selectHosts } from '../../../src/inventory/host-selector.ts';

const hosts = [
  { name: 'web1', labels: { site: 'codfw', rack: 'b1' } },
  { name: 'mw1001', labels: { site: 'eqiad', rack: 'a1' } },
  { name: 'mw1002', labels: { site: 'eqiad', rack: 'a2' } },
  { name: 'mw1010', labels: { site: 'eqiad', rack: 'a2', canary: '' } },
  { name: 'mw2001', labels: { site: 'codfw', rack: 'b1' } },
  { name: 'a.b', labels: {} },
];

describe('selectHosts()', () => {
  it.each([
    ['mw1001', ['mw1001']],
    ['*', ['web1', 'mw1001', 'mw1002', 'mw1010', 'mw2001', 'a.b']],
    ['mw10*', ['mw1001', 'mw1002', 'mw1010']],
    ['mw?001', ['mw1001', 'mw2001']],
    ['*1', ['web1', 'mw1001', 'mw2001']],
    ['a.?', ['a.b']],
    ['mw[1001:1009]', ['mw1001', 'mw1002']],
    ['mw[1:2]001', ['mw1001', 'mw2001']],
    ['mw[1:2]0*', ['mw1001', 'mw1002', 'mw1010', 'mw2001']],
    ['site=eqiad', ['mw1001', 'mw1002', 'mw1010']],
    ['rack=a?', ['mw1001', 'mw1002', 'mw1010']],
    ['rack=a[2:9]', ['mw1002', 'mw1010']],
    ['canary=', ['mw1010']],
    ['canary=*', ['mw1010']],
    ['mw2001,web1', ['web1', 'mw2001']],
    [' mw2001 , web1 ', ['web1', 'mw2001']],
    ['web1,web*,web1', ['web1']],
    ['mw*,!mw1002', ['mw1001', 'mw1010', 'mw2001']],
    ['!mw1002,mw*', ['mw1001', 'mw1010', 'mw2001']],
    ['mw*,!rack=a2', ['mw1001', 'mw2001']],
    ['!mw*', ['web1', 'a.b']],
    ['!mw*, ! web1', ['a.b']],
    ['site=codfw,mw1001,!mw2001', ['web1', 'mw1001']],
  ])('%j selects %j', (selector, expected) => {
    expect(selectHosts(hosts, selector).map(({ name }) => name)).toEqual(expected);
  });

  it.each([
    ['mw1003', 'no host matches "mw1003"', 'Did you mean "mw1001"?'],
    ['wbe1', 'no host matches "wbe1"', 'See what there is with: scap hosts list'],
    ['web12', 'no host matches "web12"', 'Did you mean "web1"?'],
    ['db*', 'no host matches "db*"', 'See what there is with: scap hosts list'],
    ['ab', 'no host matches "ab"', 'Did you mean "a.b"?'],
    ['a+b', 'no host matches "a+b"', 'Did you mean "a.b"?'],
    ['mw[3001:3009]', 'no host matches "mw[3001:3009]"', 'See what there is with: scap hosts list'],
    ['site=eqiat', 'no host matches "site=eqiat"', 'Did you mean "site=eqiad"?'],
    ['sites=eqiad', 'no host matches "sites=eqiad"', 'Did you mean "site=eqiad"?'],
    ['toString=x', 'no host matches "toString=x"', 'See what there is with: scap hosts list'],
    ['mw*,!mw1003', 'no host matches "mw1003"', 'Did you mean "mw1001"?'],
    ['x1,mw*,yyyy', 'no host matches "x1"; no host matches "yyyy"', 'See what there is with: scap hosts list'],
    ['web1,!web*', 'it leaves out every host it names', 'See what there is with: scap hosts list'],
  ])('refuses %j: %s', (selector, message, hint) => {
    expect(() => selectHosts(hosts, selector)).toThrow(
      expect.objectContaining({
        code: 'host_unknown',
        message: `Cannot select hosts by ${JSON.stringify(selector)}: ${message}`,
        hint,
      }),
    );
  });

  it.each([
    ['', 'a part of it is empty'],
    ['web1,', 'a part of it is empty'],
    ['!', 'a part of it is empty'],
    ['mw[1-3]', '"mw[1-3]": expected ranges such as "[1:20]" or "[001:020]" in square brackets'],
    ['mw[9:1]', '"mw[9:1]": the range "[9:1]" runs backwards'],
  ])('calls %j malformed', (selector, message) => {
    expect(() => selectHosts(hosts, selector)).toThrow(
      expect.objectContaining({
        code: 'usage',
        message: `Cannot select hosts by ${JSON.stringify(selector)}: ${message}`,
      }),
    );
  });
});
