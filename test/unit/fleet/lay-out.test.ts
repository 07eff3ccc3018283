import { describe, expect, it } from 'vitest';
import {
  chooseSubnet,
  fleetTag,
  formatAddress,
  linkName,
  loopbackBase,
  planHosts,
} from '../../../scripts/lib/fleet/lay-out.mjs';

describe('planHosts()', () => {
  const plan = (count: number, racks = 1) => planHosts({ count, racks, base: loopbackBase, port: 2222 });

  it.each([
    [1, 'mw1', '127.0.0.2'],
    [250, 'mw250', '127.0.0.251'],
    [251, 'mw251', '127.0.1.2'],
    [1000, 'mw1000', '127.0.3.251'],
  ])('gives host %i the name %s and the address %s', (count, name, address) => {
    expect(plan(count).at(-1)).toEqual({ name, address, port: 2222, rack: 'r1' });
  });

  it.each([
    [6, 3, 'r1 r1 r2 r2 r3 r3'],
    [5, 2, 'r1 r1 r1 r2 r2'],
    [3, 3, 'r1 r2 r3'],
  ])('puts %i hosts into %i racks, one block after the other', (count, racks, expected) => {
    const names = plan(count, racks).map(({ rack }) => rack);
    expect(names.join(' ')).toBe(expected);
  });

  it('names namespaces after the fleet', () => {
    const [host] = planHosts({ count: 1, racks: 1, base: 0, port: 22, tag: 'abcd1234' });
    expect(host?.netns).toBe('scap-abcd1234-mw1');
  });
});

describe('linkName()', () => {
  it('fits into the 15 characters of the kernel for the last host', () => {
    expect(linkName(fleetTag('/somewhere'), 'mw1000')).toMatch(/^sf[0-9a-f]{8}-1000$/);
  });
});

describe('chooseSubnet()', () => {
  it.each([
    ['00000000', [], '10.64.0.0'],
    ['00000001', [], '10.64.4.0'],
    ['00000800', [], '10.64.0.0'],
    ['000007ff', [], '10.95.252.0'],
    ['000007ff', ['10.95.255.7'], '10.64.0.0'],
    ['00000000', ['10.64.0.0/22', '10.64.6.0/24', 'default', '10.63.0.0/16', 'fe80::/64'], '10.64.8.0'],
    ['00000000', ['10.64.0.0/12', '0.0.0.0/0'], '10.80.0.0'],
  ])('with tag %s and %j in use takes %s', (tag, used, expected) => {
    expect(formatAddress(chooseSubnet(tag, used))).toBe(expected);
  });

  it('says so when everything is in use', () => {
    expect(() => chooseSubnet('00000000', ['10.0.0.0/8'])).toThrow('Cannot find a free network');
  });
});
