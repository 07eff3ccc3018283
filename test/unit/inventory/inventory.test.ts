import { describe, expect, it } from 'vitest';
import { ScapError } from '../../../src/core/errors.ts';
import type { HostEntry } from '../../../src/inventory/expand-hosts.ts';
import { createInventory, type GroupEntry, type InventoryInput } from '../../../src/inventory/inventory.ts';

/** A host with paths of its own. */
function host(pattern: string, changes: Partial<HostEntry> = {}): HostEntry {
  return {
    pattern,
    transport: 'local',
    address: undefined,
    user: undefined,
    port: undefined,
    cache: '/srv/{name}/cache',
    live: '/srv/{name}/live',
    labels: {},
    keepRevisions: 5,
    graceTimeMs: 600_000,
    onControllerLoss: 'keep',
    ...changes,
  };
}

function group(name: string, hosts: readonly string[], changes: Partial<GroupEntry> = {}): GroupEntry {
  const rest = { failureBudget: { hosts: 0 }, batch: undefined, soakMs: 0, concurrency: undefined };
  return { name, hosts, ...rest, ...changes };
}

function inventory(hosts: readonly HostEntry[], changes: Partial<InventoryInput> = {}) {
  return createInventory({ state: '/var/scap', hosts, groups: [group('all', ['*'])], ...changes });
}

function problems(hosts: readonly HostEntry[], changes: Partial<InventoryInput> = {}): readonly string[] {
  try {
    inventory(hosts, changes);
  } catch (error) {
    if (!(error instanceof ScapError) || error.code !== 'config_invalid') throw error;
    return error.message.split('\n  ').slice(1);
  }
  return [];
}

describe('createInventory()', () => {
  it('gives every host what its entry says, ranges expanded and placeholders filled in', () => {
    const entry = host('mw[009:010]', {
      transport: 'ssh',
      address: 'node{n}.example.org',
      user: 'deploy',
      port: 2222,
      onControllerLoss: 'revert',
      cache: '/srv/c/{n}',
      live: '/srv/l/{name}/{n}',
      labels: { rack: 'r{n}', self: '{name}', odd: '{other}' },
      keepRevisions: 3,
      graceTimeMs: 1000,
    });
    const expected = (name: string, n: string) => ({
      name,
      group: 'all',
      labels: { rack: `r${n}`, self: name, odd: '{other}' },
      transport: 'ssh',
      address: `node${n}.example.org`,
      user: 'deploy',
      port: 2222,
      cache: `/srv/c/${n}`,
      live: `/srv/l/${name}/${n}`,
      keepRevisions: 3,
      graceTimeMs: 1000,
      onControllerLoss: 'revert',
    });
    const { hosts, groups } = inventory([entry]);
    expect(hosts).toEqual([expected('mw009', '009'), expected('mw010', '010')]);
    const rest = { failureBudget: 0, batchSize: 2, soakMs: 0, concurrency: undefined };
    expect(groups).toEqual([{ name: 'all', hosts, ...rest }]);
  });

  it('gives a host to the first group that names it and keeps the order of the configuration', () => {
    const { hosts, groups } = inventory([host('mw[1:4]', { labels: { site: 'a' } }), host('web1')], {
      groups: [
        group('canary', ['web1', 'mw3']),
        group('again', ['mw3']),
        group('rest', ['*', '!mw4']),
        group('last', ['site=a']),
      ],
    });
    expect(hosts.map(({ name, group: of }) => `${name} ${of}`)).toEqual([
      'mw1 rest',
      'mw2 rest',
      'mw3 canary',
      'mw4 last',
      'web1 canary',
    ]);
    expect(groups.map((each) => [each.name, each.hosts.map(({ name }) => name)])).toEqual([
      ['canary', ['mw3', 'web1']],
      ['again', []],
      ['rest', ['mw1', 'mw2']],
      ['last', ['mw4']],
    ]);
  });

  it('resolves budgets against the hosts a group really has', () => {
    const { groups } = inventory([host('mw[1:21]')], {
      groups: [
        group('canary', ['mw1'], { failureBudget: { percent: 50 } }),
        group('rest', ['*'], { failureBudget: { percent: 10 } }),
      ],
    });
    expect(groups.map(({ failureBudget }) => failureBudget)).toEqual([0, 2]);
  });

  it('resolves batches against the hosts a group really has, and hands on soak and concurrency', () => {
    const { groups } = inventory([host('mw[1:21]')], {
      groups: [
        group('canary', ['mw1'], { batch: { percent: 10 }, soakMs: 20_000 }),
        group('second', ['mw[2:3]'], { batch: { hosts: 5 } }),
        group('rest', ['*'], { batch: { percent: 10 }, concurrency: 3 }),
        group('none', ['mw1']),
      ],
    });
    expect(groups.map(({ batchSize, soakMs, concurrency }) => [batchSize, soakMs, concurrency])).toEqual([
      [1, 20_000, undefined],
      [5, 0, undefined],
      [2, 0, 3],
      [1, 0, undefined],
    ]);
  });

  it.each(['10.0.0.{n}', '2001:db8::{n}', 'fe80::1%eth0', '{name}.example.org', 'web-1'])(
    'accepts the address %s',
    (address) => {
      expect(problems([host('mw[8:9]', { transport: 'ssh', address })])).toEqual([]);
    },
  );

  it('accepts targets below the state of the embedded default', () => {
    const entries = ['web1', 'web2', 'web3'].map((name) =>
      host(name, { cache: `/w/.scap/targets/${name}/cache`, live: `/w/.scap/targets/${name}/live` }),
    );
    expect(problems(entries, { state: '/w/.scap' })).toEqual([]);
    expect(problems(entries, { state: '/w/.scap', staging: '/w' })).toEqual([]);
  });

  it('names everything that is wrong in one error, with places', () => {
    const at = (line: number) => `/etc/scap.yaml:${line}:3`;
    const act = () =>
      inventory([host('web1', { where: at(3) }), host('web2', { where: at(4), cache: '/c', live: '/c' })], {
        source: '/etc/scap.yaml',
        groups: [
          group('a', ['web', 'x=y'], { where: at(7) }),
          group('b', ['web[1-2]'], { where: at(8) }),
          group('c', ['web1', '!web1'], { where: at(9) }),
        ],
      });
    const message = [
      'Cannot use the configuration "/etc/scap.yaml": 5 problems',
      '/etc/scap.yaml:7:3: groups[0].hosts: no host matches "web"; did you mean "web1"?',
      '/etc/scap.yaml:7:3: groups[0].hosts: no host matches "x=y"',
      '/etc/scap.yaml:8:3: groups[1].hosts: "web[1-2]": expected ranges such as "[1:20]" or "[001:020]" in square brackets',
      '/etc/scap.yaml:9:3: groups[2].hosts: it leaves out every host it names',
      '/etc/scap.yaml:4:3: hosts.web2: cache and live are the same path "/c"',
    ].join('\n  ');
    expect(act).toThrow(
      expect.objectContaining({ code: 'config_invalid', message, hint: expect.stringContaining('docs/operations.md') }),
    );
  });

  it('names hosts that no group names', () => {
    const found = problems([host('mw[1:6]')], { groups: [group('a', ['mw1'])] });
    expect(found).toEqual(['groups: no group names mw2, mw3, mw4 and 2 more; add a last group with hosts: ["*"]']);
  });

  it.each<[string, HostEntry[], string[]]>([
    ['a range that runs backwards', [host('mw[3:1]')], ['hosts["mw[3:1]"]: the range "[3:1]" runs backwards']],
    [
      'a name that is no file name',
      [host('a/[1:9]')],
      ['hosts["a/[1:9]"]: "a/1" cannot be a host\'s name: expected letters, digits, ".", "_" and "-"'],
    ],
    ['a host twice', [host('mw[1:3]'), host('mw2')], ['hosts.mw2: mw2 is already defined by "mw[1:3]"']],
    [
      'a number without a range',
      [host('web1', { cache: '/srv/c/{n}' })],
      [
        'hosts.web1: "/srv/c/{n}" has no meaning: "{n}" is the number of a range and the name has no range; use "{name}"',
      ],
    ],
    [
      'the number of an address without a range',
      [host('web1', { transport: 'ssh', address: '10.0.0.{n}' })],
      [
        'hosts.web1: "10.0.0.{n}" has no meaning: "{n}" is the number of a range and the name has no range; use "{name}"',
      ],
    ],
    [
      'a range that leads out of the IPv4 addresses',
      [host('mw[254:257]', { transport: 'ssh', address: '10.0.0.{n}' })],
      ['hosts["mw[254:257]"]: address "10.0.0.256" is no IPv4 address'],
    ],
    [
      'a port in an address',
      [host('mw1', { transport: 'ssh', address: '{name}:2222' })],
      ['hosts.mw1: address "mw1:2222" is no IPv6 address; a port is written as "port"'],
    ],
    [
      'a number of two ranges',
      [host('r[1:2]h[1:2]', { labels: { rack: '{n}' } })],
      [
        'hosts["r[1:2]h[1:2]"]: "{n}" has no meaning: "{n}" is the number of a range and the name has 2 ranges; use "{name}"',
      ],
    ],
  ])('refuses %s', (_what, hosts, expected) => {
    expect(problems(hosts)).toEqual(expected);
  });
});

describe('createInventory(), paths', () => {
  it.each<[string, HostEntry[], string[]]>([
    [
      'one cache for several hosts',
      [host('mw[1:5]', { cache: '/srv/cache' })],
      ['hosts["mw[1:5]"]: cache "/srv/cache" is shared by mw1, mw2, mw3 and 2 more; put "{name}" into the path'],
    ],
    [
      'one cache and one live path for two hosts',
      [host('a', { cache: '/c', live: '/l' }), host('b', { cache: '/c', live: '/l' })],
      [
        'hosts.a: cache "/c" is shared by a, b; put "{name}" into the path',
        'hosts.a: live "/l" is shared by a, b; put "{name}" into the path',
      ],
    ],
    [
      "one host's cache that is another's live path",
      [host('a', { cache: '/x' }), host('b', { live: '/x' })],
      ['hosts.a: cache and live "/x" is shared by a, b; put "{name}" into the path'],
    ],
    [
      'live inside its cache',
      [host('a', { cache: '/c', live: '/c/live' })],
      ['hosts.a: live "/c/live" lies inside cache "/c"'],
    ],
    [
      'cache inside its live path',
      [host('a', { cache: '/l/x/c', live: '/l' })],
      ['hosts.a: cache "/l/x/c" lies inside live "/l"'],
    ],
    [
      "a cache inside another's",
      [host('a', { cache: '/c' }), host('b', { cache: '/c/b' })],
      ['hosts.b: cache "/c/b" lies inside cache "/c" of a'],
    ],
    [
      'the same nesting on every host of a range, once',
      [host('mw[1:5]', { cache: '/srv/{name}', live: '/srv/{name}/live' })],
      ['hosts["mw[1:5]"]: live "/srv/mw1/live" lies inside cache "/srv/mw1"'],
    ],
    [
      'state that is a cache',
      [host('a', { cache: '/var/scap' })],
      ['hosts.a: cache is the same path as state, "/var/scap"'],
    ],
    ['state inside a cache', [host('a', { cache: '/var' })], ['hosts.a: state "/var/scap" lies inside cache "/var"']],
    [
      'a cache inside state',
      [host('a', { cache: '/var/scap/a' })],
      [
        'hosts.a: cache "/var/scap/a" lies inside state "/var/scap"; choose a path outside of it, or below "/var/scap/targets"',
      ],
    ],
    [
      'live inside staging',
      [host('a', { live: '/staging/live' })],
      [
        'hosts.a: live "/staging/live" lies inside staging "/staging"; choose a path outside of it, or below "/staging/.scap"',
      ],
    ],
    [
      'staging that is live',
      [host('a', { live: '/staging' })],
      ['hosts.a: live is the same path as staging, "/staging"'],
    ],
    [
      'a cache that is everything',
      [host('a', { cache: '/' })],
      [
        'hosts.a: live "/srv/a/live" lies inside cache "/"',
        'hosts.a: state "/var/scap" lies inside cache "/"',
        'hosts.a: staging "/staging" lies inside cache "/"',
      ],
    ],
  ])('refuses %s', (_what, hosts, expected) => {
    expect(problems(hosts, { staging: '/staging' })).toEqual(expected);
  });

  it('does not take a common beginning for a directory', () => {
    expect(problems([host('a', { cache: '/srv/x', live: '/srv/x-live' }), host('b', { cache: '/srv/x2' })])).toEqual(
      [],
    );
  });
});

describe('createInventory(), paths of ssh hosts', () => {
  const ssh = (pattern: string, changes: Partial<HostEntry> = {}) =>
    host(pattern, { transport: 'ssh', cache: '/c', live: '/l', ...changes });

  it.each<[string, HostEntry[]]>([
    ['the same paths on every machine', [ssh('mw[1:5]')]],
    ['the same paths on this machine and on another', [ssh('mw1'), host('web1', { cache: '/c', live: '/l' })]],
    ['a cache where the deploy host has its state', [ssh('mw1', { cache: '/var/scap' })]],
    ['live where the deploy host has its staging tree', [ssh('mw1', { live: '/staging' })]],
    [
      'the same paths behind two ports',
      [ssh('a', { address: 'gate', port: 1 }), ssh('b', { address: 'gate', port: 2 })],
    ],
    [
      'paths of their own at one address',
      [ssh('a', { address: 'x' }), ssh('b', { address: 'x', cache: '/d', live: '/m' })],
    ],
  ])('accepts %s', (_what, hosts) => {
    expect(problems(hosts, { staging: '/staging' })).toEqual([]);
  });

  it.each<[string, HostEntry[], string[]]>([
    [
      'cache and live that are one',
      [ssh('mw[1:5]', { live: '/c' })],
      ['hosts["mw[1:5]"]: cache and live are the same path "/c"'],
    ],
    [
      'live inside its cache',
      [ssh('mw[1:5]', { live: '/c/live' })],
      ['hosts["mw[1:5]"]: live "/c/live" lies inside cache "/c"'],
    ],
    [
      'one address and one pair of paths for several hosts',
      [ssh('mw[1:5]', { address: '10.0.0.1' })],
      [
        'hosts["mw[1:5]"]: cache "/c" at 10.0.0.1 port 22 is shared by mw1, mw2, mw3 and 2 more; put "{name}" into the path',
        'hosts["mw[1:5]"]: live "/l" at 10.0.0.1 port 22 is shared by mw1, mw2, mw3 and 2 more; put "{name}" into the path',
      ],
    ],
    [
      "another host's name as the address, with the usual port written out",
      [ssh('a'), ssh('b', { address: 'a', port: 22, live: '/m' })],
      ['hosts.a: cache "/c" at a port 22 is shared by a, b; put "{name}" into the path'],
    ],
  ])('refuses %s', (_what, hosts, expected) => {
    expect(problems(hosts)).toEqual(expected);
  });
});
